use super::headers::MAX_HEADER_BYTES;
use super::{KeyId, LABEL, Nonce, SessionAlgorithm, TAG, base};
use crate::{Error, Result};
use sfv::{BareItem, Dictionary, InnerList, Integer, Item, ListEntry, Parameters, Parser};

/// What `Signature-Input` says in this profile.
pub(super) struct Params {
    pub(super) created_unix_s: u64,
    pub(super) expires_unix_s: u64,
    pub(super) nonce: Nonce,
    pub(super) key_id: KeyId,
    pub(super) algorithm: SessionAlgorithm,
}

/// `created`, `expires`, `nonce`, `keyid`, `alg`, `tag`
const PARAMETERS: usize = 6;

fn text(value: &str) -> Result<BareItem> {
    sfv::String::from_string(value.to_owned())
        .map(BareItem::String)
        .map_err(|_| Error::SignatureMalformed)
}

fn time(value: u64) -> Result<BareItem> {
    i64::try_from(value)
        .ok()
        .and_then(|value| Integer::try_from(value).ok())
        .map(BareItem::Integer)
        .ok_or(Error::SignatureMalformed)
}

fn key(name: &'static str) -> Result<sfv::Key> {
    sfv::Key::from_string(name.to_owned()).map_err(|_| Error::SignatureMalformed)
}

impl Params {
    pub(super) fn to_input(&self, components: &[&'static str]) -> Result<InnerList> {
        let items = components.iter().map(|name| Ok(Item::new(text(name)?)));
        let mut params = Parameters::new();
        params.insert(key("created")?, time(self.created_unix_s)?);
        params.insert(key("expires")?, time(self.expires_unix_s)?);
        params.insert(key("nonce")?, text(&self.nonce.to_string())?);
        params.insert(key("keyid")?, text(&self.key_id.to_string())?);
        params.insert(key("alg")?, text(self.algorithm.name())?);
        params.insert(key("tag")?, text(TAG)?);
        Ok(InnerList::with_params(items.collect::<Result<_>>()?, params))
    }

    fn from_input(input: &InnerList) -> Result<Self> {
        let text = |name: &str| match input.params.get(name) {
            Some(BareItem::String(value)) => Ok(value.as_str()),
            _ => Err(Error::SignatureMalformed),
        };
        let time = |name: &str| match input.params.get(name) {
            Some(BareItem::Integer(value)) => {
                u64::try_from(i64::from(*value)).map_err(|_| Error::SignatureMalformed)
            }
            _ => Err(Error::SignatureMalformed),
        };
        if input.params.len() != PARAMETERS || text("tag")? != TAG {
            return Err(Error::SignatureMalformed);
        }
        let malformed = |_| Error::SignatureMalformed;
        Ok(Self {
            created_unix_s: time("created")?,
            expires_unix_s: time("expires")?,
            nonce: text("nonce")?.parse().map_err(malformed)?,
            key_id: text("keyid")?.parse().map_err(malformed)?,
            algorithm: SessionAlgorithm::from_name(text("alg")?)
                .ok_or(Error::SignatureMalformed)?,
        })
    }
}

pub(super) fn header(input: &InnerList) -> String {
    format!("{LABEL}={}", base::serialize(input))
}

/// Reads a `Signature-Input` header with exactly our one signature.
pub(super) fn parse(value: &str) -> Result<(InnerList, Params)> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(Error::SignatureMalformed);
    }
    let mut members: Dictionary =
        Parser::new(value).parse().map_err(|_| Error::SignatureMalformed)?;
    let Some((name, ListEntry::InnerList(input))) = members.pop() else {
        return Err(Error::SignatureMalformed);
    };
    // Structured fields let a later duplicate replace an earlier one and tolerate odd spacing; a
    // proxy that keeps the first would see another signature. Only the canonical form passes.
    if !members.is_empty() || name.as_str() != LABEL || header(&input) != value {
        return Err(Error::SignatureMalformed);
    }
    let params = Params::from_input(&input)?;
    Ok((input, params))
}

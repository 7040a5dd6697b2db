use crate::release::check_deployment;
use crate::{Error, ReleaseKey, SignedRelease, Verified, text};
use serde::{Deserialize, Serialize};

/// Most release keys: people, not machines. The trust configuration has the same limit.
pub const MAX_KEYS: usize = 16;
/// Longest text of the keys, in bytes.
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// Whom a verifier believes about releases of one deployment: what a client pins. Its text is JSON:
///
/// ```json
/// {
///   "deployment": "shop",
///   "threshold": 2,
///   "keys": ["…", "…", "…"]
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Fields", into = "Fields")]
pub struct ReleaseKeys {
    fields: Fields,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    deployment: String,
    threshold: usize,
    keys: Vec<ReleaseKey>,
}

impl ReleaseKeys {
    /// `threshold` of these keys must have signed.
    ///
    /// # Errors
    /// [`Error::Impossible`] if a key is there twice, or the threshold cannot be met or is none.
    pub fn new(
        deployment: &str,
        threshold: usize,
        keys: impl IntoIterator<Item = ReleaseKey>,
    ) -> Result<Self, Error> {
        let mut keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
        keys.sort_unstable();
        Self::try_from(Fields { deployment: deployment.to_owned(), threshold, keys })
    }

    /// Reads a text, and no other JSON that says the same.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is parsed, [`Error::Text`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        text::read(text, MAX_TEXT_BYTES)
    }

    /// Their text.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Whose releases they sign.
    pub fn deployment(&self) -> &str {
        &self.fields.deployment
    }

    /// How many of them must have signed.
    pub fn threshold(&self) -> usize {
        self.fields.threshold
    }

    /// The keys, in order.
    pub fn keys(&self) -> &[ReleaseKey] {
        &self.fields.keys
    }

    /// Verifies a release: of this deployment, and signed by enough different keys of these. Whether
    /// a later one withdrew it, [`Releases`](crate::Releases) know.
    ///
    /// # Errors
    /// [`Error::Deployment`], [`Error::TooFew`].
    pub fn verify(&self, signed: &SignedRelease) -> Result<Verified, Error> {
        let signers = signed.signers(self.keys());
        if signers.len() < self.threshold() {
            return Err(Error::TooFew { signed: signers.len(), threshold: self.threshold() });
        }
        let release = signed.unverified();
        if release.deployment() != self.deployment() {
            let (found, wanted) = (release.deployment().to_owned(), self.deployment().to_owned());
            return Err(Error::Deployment { found, wanted });
        }
        Ok(Verified { release: release.clone(), signers })
    }
}

impl TryFrom<Fields> for ReleaseKeys {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self, Error> {
        check_deployment(&fields.deployment)?;
        let keys = &fields.keys;
        if keys.len() > MAX_KEYS {
            return Err(Error::Impossible("there are at most 16 release keys"));
        }
        if !keys.is_sorted_by(|one, next| one < next) {
            // One signer would count as two.
            return Err(Error::Impossible(
                "the release keys are not in order, or one is there twice",
            ));
        }
        if !(1..=keys.len()).contains(&fields.threshold) {
            return Err(Error::Impossible("the threshold does not fit the number of release keys"));
        }
        Ok(Self { fields })
    }
}

impl From<ReleaseKeys> for Fields {
    fn from(keys: ReleaseKeys) -> Self {
        keys.fields
    }
}

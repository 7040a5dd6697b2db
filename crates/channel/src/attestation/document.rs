use super::{MAX_DOCUMENT_BYTES, Pcr, PcrSet};
use crate::cbor;
use crate::{Error, Result};
use ciborium::Value;
use coset::{CborSerializable, CoseSign1};

/// COSE header parameter `alg` (RFC 9052 section 3.1).
const ALG: i128 = 1;
/// ES384 (RFC 9053 section 2.1).
const ES384: i128 = -35;
/// What emulated devices write into documents that nobody has signed.
const UNSIGNED: i128 = -1;
const SIGNATURE_BYTES: usize = 96;

// Limits of the attestation device (AWS, "Verifying the root of trust", attestation document
// specification), the certificates' doubled because regions differ in the length of their names.
const MAX_MODULE_ID_BYTES: usize = 256;
const MAX_CERTIFICATE_BYTES: usize = 2048;
const MAX_CERTIFICATES: usize = 8;
const MAX_PCRS: usize = 32;
const MAX_PUBLIC_KEY_BYTES: usize = 1024;
const MAX_USER_DATA_BYTES: usize = 512;
const MAX_NONCE_BYTES: usize = 512;

/// The payload, nothing of it verified yet.
pub(super) struct Document {
    pub(super) module_id: String,
    pub(super) timestamp_unix_ms: u64,
    pub(super) pcrs: PcrSet,
    pub(super) certificate: Vec<u8>,
    pub(super) cabundle: Vec<Vec<u8>>,
    pub(super) public_key: Option<Vec<u8>>,
    pub(super) user_data: Option<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
}

/// A document with what its signature covers.
pub(super) struct Signed {
    pub(super) document: Document,
    pub(super) to_be_signed: Vec<u8>,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

fn malformed(part: &'static str) -> Error {
    Error::DocumentMalformed(part)
}

impl Signed {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(Error::DocumentTooLarge);
        }
        check_algorithm(bytes)?;
        let cose = CoseSign1::from_slice(bytes).map_err(|_| malformed("cose_sign1"))?;
        let to_be_signed = cose.tbs_data(b"");
        let payload = cose.payload.ok_or(malformed("payload"))?;
        let signature = cose.signature.try_into().map_err(|_| malformed("signature"))?;
        Ok(Self { document: Document::parse(&payload)?, to_be_signed, signature })
    }
}

/// Checks the protected header before the COSE library sees it: the library has no name for the
/// algorithm of unsigned documents.
fn check_algorithm(bytes: &[u8]) -> Result<()> {
    let shape = || malformed("cose_sign1");
    let cose = cbor::decode(bytes).ok_or_else(shape)?;
    let [Value::Bytes(protected), Value::Map(unprotected), _, _] =
        cose.as_array().ok_or_else(shape)?.as_slice()
    else {
        return Err(shape());
    };
    // The unprotected header is not signed, so nothing in it can be believed.
    if !unprotected.is_empty() {
        return Err(malformed("unprotected header"));
    }
    let header = cbor::decode(protected).ok_or(malformed("protected header"))?;
    match header.as_map().map(Vec::as_slice) {
        Some([(Value::Integer(name), Value::Integer(algorithm))]) if i128::from(*name) == ALG => {
            match i128::from(*algorithm) {
                ES384 => Ok(()),
                UNSIGNED => Err(Error::DocumentUnsigned),
                _ => Err(Error::DocumentAlgorithm),
            }
        }
        _ => Err(malformed("protected header")),
    }
}

impl Document {
    fn parse(payload: &[u8]) -> Result<Self> {
        let fields = Fields::parse(payload)?;
        if fields.text("digest")? != "SHA384" {
            return Err(malformed("digest"));
        }
        Ok(Self {
            module_id: Some(fields.text("module_id")?)
                .filter(|id| !id.is_empty() && id.len() <= MAX_MODULE_ID_BYTES)
                .ok_or(malformed("module_id"))?
                .to_owned(),
            timestamp_unix_ms: cbor::number(fields.get("timestamp")?)
                .ok_or(malformed("timestamp"))?,
            pcrs: pcrs(fields.get("pcrs")?)?,
            certificate: bytes(fields.get("certificate")?, MAX_CERTIFICATE_BYTES)
                .ok_or(malformed("certificate"))?,
            cabundle: cabundle(fields.get("cabundle")?)?,
            public_key: fields.optional("public_key", MAX_PUBLIC_KEY_BYTES)?,
            user_data: fields.optional("user_data", MAX_USER_DATA_BYTES)?,
            nonce: fields.optional("nonce", MAX_NONCE_BYTES)?,
        })
    }
}

/// The payload's map. Unknown fields are tolerated, for AWS may add some; repeated ones are not.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn parse(payload: &[u8]) -> Result<Self> {
        let Some(Value::Map(entries)) = cbor::decode(payload) else {
            return Err(malformed("payload"));
        };
        let mut fields: Vec<(String, Value)> = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let name = name.into_text().map_err(|_| malformed("payload"))?;
            if fields.len() == 32 || fields.iter().any(|(known, _)| *known == name) {
                return Err(malformed("payload"));
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    fn get(&self, name: &'static str) -> Result<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, v)| v).ok_or(malformed(name))
    }

    fn text(&self, name: &'static str) -> Result<&str> {
        self.get(name)?.as_text().ok_or(malformed(name))
    }

    /// A byte string that may be absent or null.
    fn optional(&self, name: &'static str, max: usize) -> Result<Option<Vec<u8>>> {
        match self.get(name) {
            Err(_) | Ok(Value::Null) => Ok(None),
            Ok(value) => match value.as_bytes() {
                Some(bytes) if bytes.len() <= max => Ok(Some(bytes.clone())),
                _ => Err(malformed(name)),
            },
        }
    }
}

fn bytes(value: &Value, max: usize) -> Option<Vec<u8>> {
    value.as_bytes().filter(|bytes| !bytes.is_empty() && bytes.len() <= max).cloned()
}

fn cabundle(value: &Value) -> Result<Vec<Vec<u8>>> {
    let items = value.as_array().filter(|items| items.len() <= MAX_CERTIFICATES);
    items
        .and_then(|items| items.iter().map(|item| bytes(item, MAX_CERTIFICATE_BYTES)).collect())
        .ok_or(malformed("cabundle"))
}

fn pcrs(value: &Value) -> Result<PcrSet> {
    let entries = value.as_map().filter(|map| map.len() <= MAX_PCRS).ok_or(malformed("pcrs"))?;
    let mut found: [Option<Pcr>; MAX_PCRS] = [None; MAX_PCRS];
    for (index, value) in entries {
        let slot = cbor::number(index)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| found.get_mut(index))
            .filter(|slot| slot.is_none());
        let pcr = cbor::bytes(value).map(Pcr::from_bytes);
        let (Some(slot), Some(pcr)) = (slot, pcr) else {
            return Err(malformed("pcrs"));
        };
        *slot = Some(pcr);
    }
    match found {
        [Some(pcr0), Some(pcr1), Some(pcr2), ..] => Ok(PcrSet { pcr0, pcr1, pcr2 }),
        _ => Err(malformed("pcrs")),
    }
}

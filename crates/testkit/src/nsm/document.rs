use super::NsmLeaf;
use ciborium::Value;
use coset::{CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, iana};
use p384::ecdsa::{Signature, SigningKey, signature::Signer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Further from now than any verifier tolerates.
pub(super) const FAR: Duration = Duration::from_secs(3600);

/// What is wrong with a document that must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFlaw {
    /// Algorithm -1 and no signature, as QEMU's device writes.
    Unsigned,
    /// Changed after it was signed.
    Tampered,
    /// Signed with another key than the leaf's.
    ForeignKey,
    /// Longer than any real document.
    Overlong,
    /// An hour old.
    Stale,
    /// An hour early.
    FromFuture,
    /// Under a CBOR tag, which the device never writes.
    Tagged,
    /// Signed, but said to be so with ES256.
    OtherAlgorithm,
    /// With something in the header that no signature covers.
    Unprotected,
    /// Without PCR2.
    MissingPcr,
    /// PCR0 twice: two readers could take different ones.
    RepeatedPcr,
    /// The nonce twice.
    RepeatedField,
    /// A field that nests further than any reader's stack should follow.
    Deep,
}

/// Arrays in each other in a [`DocumentFlaw::Deep`] document.
const NESTED: usize = 200;

/// What goes into a document.
pub(super) struct Contents<'a> {
    pub(super) leaf: &'a NsmLeaf,
    pub(super) pcrs: Vec<[u8; 48]>,
    pub(super) now: SystemTime,
    pub(super) user_data: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
    pub(super) public_key: Option<&'a [u8]>,
}

type Fields = Vec<(Value, Value)>;

impl Contents<'_> {
    fn fields(&self) -> Fields {
        let optional =
            |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
        let millis = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let pcrs = (0u64..).zip(&self.pcrs);
        let cabundle = self.leaf.cabundle.iter().map(|der| Value::Bytes(der.to_vec()));
        vec![
            ("module_id".into(), self.leaf.module_id.as_str().into()),
            ("digest".into(), "SHA384".into()),
            ("timestamp".into(), u64::try_from(millis).unwrap_or(u64::MAX).into()),
            (
                PCRS.into(),
                Value::Map(pcrs.map(|(i, pcr)| (i.into(), pcr.as_slice().into())).collect()),
            ),
            ("certificate".into(), Value::Bytes(self.leaf.certificate.to_vec())),
            ("cabundle".into(), Value::Array(cabundle.collect())),
            ("public_key".into(), optional(self.public_key)),
            ("user_data".into(), optional(self.user_data)),
            (NONCE.into(), optional(self.nonce)),
        ]
    }

    fn payload(&self) -> Vec<u8> {
        encode(&Value::Map(self.fields()))
    }

    /// A payload that was changed before it was signed.
    fn changed(&self, change: impl FnOnce(&mut Fields)) -> Vec<u8> {
        let mut fields = self.fields();
        change(&mut fields);
        encode(&Value::Map(fields))
    }
}

const PCRS: &str = "pcrs";
const NONCE: &str = "nonce";

/// The registers among the fields.
fn pcrs(fields: &mut Fields) -> &mut Fields {
    let found = fields.iter_mut().find(|(name, _)| name.as_text() == Some(PCRS));
    found.and_then(|(_, value)| value.as_map_mut()).expect("every payload has a map of registers")
}

pub(super) fn sign(contents: &Contents<'_>, key: &SigningKey) -> Vec<u8> {
    sign_payload(contents.payload(), key)
}

fn sign_payload(payload: Vec<u8>, key: &SigningKey) -> Vec<u8> {
    to_bytes(signed(payload, iana::Algorithm::ES384, key))
}

pub(super) fn sign_flawed(
    flaw: DocumentFlaw,
    mut contents: Contents<'_>,
    key: &SigningKey,
) -> Vec<u8> {
    let honest = |contents: &Contents<'_>| signed(contents.payload(), iana::Algorithm::ES384, key);
    match flaw {
        DocumentFlaw::Unsigned => {
            let header = encode(&Value::Map(vec![(1.into(), (-1).into())]));
            encode(&Value::Array(vec![
                Value::Bytes(header),
                Value::Map(vec![]),
                Value::Bytes(contents.payload()),
                Value::Bytes(vec![]),
            ]))
        }
        DocumentFlaw::Tampered => {
            let mut document = honest(&contents);
            contents.now += Duration::from_millis(1);
            document.payload = Some(contents.payload());
            to_bytes(document)
        }
        DocumentFlaw::Overlong => {
            let nonce = vec![0; 32 * 1024];
            sign(&Contents { nonce: Some(&nonce), ..contents }, key)
        }
        DocumentFlaw::Tagged => [&[0xd2], sign(&contents, key).as_slice()].concat(),
        DocumentFlaw::OtherAlgorithm => {
            to_bytes(signed(contents.payload(), iana::Algorithm::ES256, key))
        }
        DocumentFlaw::Unprotected => {
            let mut document = honest(&contents);
            document.unprotected = HeaderBuilder::new().key_id(b"another".to_vec()).build();
            to_bytes(document)
        }
        DocumentFlaw::MissingPcr => {
            let without = |fields: &mut Fields| drop(pcrs(fields).remove(2));
            sign_payload(contents.changed(without), key)
        }
        DocumentFlaw::RepeatedPcr => {
            let twice = |fields: &mut Fields| pcrs(fields).push((0.into(), vec![9; 48].into()));
            sign_payload(contents.changed(twice), key)
        }
        DocumentFlaw::RepeatedField => {
            let twice = |fields: &mut Fields| fields.push((NONCE.into(), vec![9; 32].into()));
            sign_payload(contents.changed(twice), key)
        }
        DocumentFlaw::Deep => {
            let nested = (0..NESTED).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
            let deep = |fields: &mut Fields| fields.push(("later".into(), nested));
            sign_payload(contents.changed(deep), key)
        }
        // The caller has set another time or key.
        DocumentFlaw::Stale | DocumentFlaw::FromFuture | DocumentFlaw::ForeignKey => {
            sign(&contents, key)
        }
    }
}

fn signed(payload: Vec<u8>, algorithm: iana::Algorithm, key: &SigningKey) -> CoseSign1 {
    CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(algorithm).build())
        .payload(payload)
        .create_signature(b"", |message| {
            let signature: Signature = key.sign(message);
            signature.to_bytes().to_vec()
        })
        .build()
}

fn to_bytes(document: CoseSign1) -> Vec<u8> {
    document.to_vec().expect("a document holds nothing that CBOR lacks")
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).expect("writing to memory can't fail");
    out
}

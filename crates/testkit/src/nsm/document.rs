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
}

/// What goes into a document.
pub(super) struct Contents<'a> {
    pub(super) leaf: &'a NsmLeaf,
    pub(super) pcrs: Vec<[u8; 48]>,
    pub(super) now: SystemTime,
    pub(super) user_data: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
    pub(super) public_key: Option<&'a [u8]>,
}

impl Contents<'_> {
    fn payload(&self) -> Vec<u8> {
        let text = |text: &str| Value::Text(text.to_owned());
        let optional =
            |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
        let millis = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let pcrs = (0u64..).zip(&self.pcrs);
        let cabundle = self.leaf.cabundle.iter().map(|der| Value::Bytes(der.to_vec()));
        encode(&Value::Map(vec![
            (text("module_id"), text(&self.leaf.module_id)),
            (text("digest"), text("SHA384")),
            (text("timestamp"), u64::try_from(millis).unwrap_or(u64::MAX).into()),
            (
                text("pcrs"),
                Value::Map(pcrs.map(|(i, pcr)| (i.into(), pcr.as_slice().into())).collect()),
            ),
            (text("certificate"), Value::Bytes(self.leaf.certificate.to_vec())),
            (text("cabundle"), Value::Array(cabundle.collect())),
            (text("public_key"), optional(self.public_key)),
            (text("user_data"), optional(self.user_data)),
            (text("nonce"), optional(self.nonce)),
        ]))
    }
}

pub(super) fn sign(contents: &Contents<'_>, key: &SigningKey) -> Vec<u8> {
    to_bytes(signed(contents, key))
}

pub(super) fn sign_flawed(
    flaw: DocumentFlaw,
    mut contents: Contents<'_>,
    key: &SigningKey,
) -> Vec<u8> {
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
            let mut document = signed(&contents, key);
            contents.now += Duration::from_millis(1);
            document.payload = Some(contents.payload());
            to_bytes(document)
        }
        DocumentFlaw::Overlong => {
            let nonce = vec![0; 32 * 1024];
            sign(&Contents { nonce: Some(&nonce), ..contents }, key)
        }
        DocumentFlaw::Tagged => [&[0xd2], sign(&contents, key).as_slice()].concat(),
        // The caller has set another time or key.
        DocumentFlaw::Stale | DocumentFlaw::FromFuture | DocumentFlaw::ForeignKey => {
            sign(&contents, key)
        }
    }
}

fn signed(contents: &Contents<'_>, key: &SigningKey) -> CoseSign1 {
    CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(iana::Algorithm::ES384).build())
        .payload(contents.payload())
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

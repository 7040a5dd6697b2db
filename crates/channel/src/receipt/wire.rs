use super::{
    AuditHead, Purpose, Receipt, StatementKey, StatementPublicKey, StatementSignature, WalletStatus,
};
use crate::cbor;
use crate::newtype::{self, base64url};
use crate::{Error, Result};
use ciborium::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const VERSION: u64 = 1;
const MAX_NAME_BYTES: usize = 64;
/// Three names, a hash, a signature and numbers are under 400 bytes.
const MAX_SIGNED_BYTES: usize = 512;

impl Receipt {
    fn to_cbor(&self) -> Result<Vec<u8>> {
        for name in [&self.deployment, &self.tenant, &self.wallet_id] {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return Err(Error::ReceiptMalformed);
            }
        }
        Ok(cbor::encode(&Value::Array(vec![
            VERSION.into(),
            self.deployment.as_str().into(),
            self.tenant.as_str().into(),
            self.wallet_id.as_str().into(),
            self.epoch.into(),
            self.status.code().into(),
            self.audit_head.as_bytes().as_slice().into(),
            self.record_version.into(),
            self.issued_at_unix_s.into(),
        ])))
    }

    fn from_cbor(bytes: &[u8]) -> Option<Self> {
        let value = cbor::decode_canonical(bytes)?;
        let [version, deployment, tenant, wallet, epoch, status, head, record_version, issued_at] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        if cbor::number(version)? != VERSION {
            return None;
        }
        let name = |value: &Value| {
            value
                .as_text()
                .filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES)
                .map(str::to_owned)
        };
        Some(Self {
            deployment: name(deployment)?,
            tenant: name(tenant)?,
            wallet_id: name(wallet)?,
            epoch: cbor::number(epoch)?,
            status: WalletStatus::from_code(cbor::number(status)?)?,
            audit_head: AuditHead::from_bytes(cbor::bytes(head)?),
            record_version: cbor::number(record_version)?,
            issued_at_unix_s: cbor::number(issued_at)?,
        })
    }

    /// Signs the receipt.
    ///
    /// # Errors
    /// [`Error::ReceiptMalformed`] if a name is empty or too long.
    pub fn sign(&self, key: &StatementKey) -> Result<SignedReceipt> {
        let body = self.to_cbor()?;
        let signature = key.sign(Purpose::Receipt, &body);
        Ok(SignedReceipt { body, signature })
    }
}

/// A receipt as it travels and is kept: opaque until its signature is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    body: Vec<u8>,
    signature: StatementSignature,
}

impl SignedReceipt {
    /// Checks the signature and reads the receipt.
    ///
    /// # Errors
    /// [`Error::StatementSignature`], [`Error::ReceiptMalformed`].
    pub fn verify(&self, key: &StatementPublicKey) -> Result<Receipt> {
        key.verify(Purpose::Receipt, &self.body, &self.signature)?;
        Receipt::from_cbor(&self.body).ok_or(Error::ReceiptMalformed)
    }

    /// Deterministic CBOR: an array of body and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&Value::Array(vec![
            self.body.as_slice().into(),
            self.signature.as_bytes().as_slice().into(),
        ]))
    }

    /// Takes back what [`to_bytes`](Self::to_bytes) gave. The signature is not checked here.
    ///
    /// # Errors
    /// [`Error::ReceiptMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_SIGNED_BYTES {
            return Err(Error::ReceiptMalformed);
        }
        let value = cbor::decode_canonical(bytes).ok_or(Error::ReceiptMalformed)?;
        let Some([Value::Bytes(body), signature]) = value.as_array().map(Vec::as_slice) else {
            return Err(Error::ReceiptMalformed);
        };
        let signature = cbor::bytes(signature).ok_or(Error::ReceiptMalformed)?;
        Ok(Self { body: body.clone(), signature: StatementSignature::from_bytes(signature) })
    }
}

impl fmt::Display for SignedReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.to_bytes()))
    }
}

impl fmt::Debug for SignedReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedReceipt({self})")
    }
}

impl FromStr for SignedReceipt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_bytes(&base64url::decode(text).ok_or(Error::ReceiptMalformed)?)
    }
}

impl Serialize for SignedReceipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        newtype::serialize(&self.to_bytes(), self, serializer)
    }
}

impl<'de> Deserialize<'de> for SignedReceipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        newtype::deserialize(deserializer, |bytes| Self::from_bytes(bytes).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn receipt() -> Receipt {
        Receipt {
            deployment: "demo".into(),
            tenant: "shop".into(),
            wallet_id: "w1".into(),
            epoch: 1,
            status: WalletStatus::Active,
            audit_head: AuditHead::from_bytes([7; 32]),
            record_version: 3,
            issued_at_unix_s: 1_795_000_000,
        }
    }

    fn key() -> StatementKey {
        StatementKey::from_sealing_bytes(&[9; 32]).unwrap()
    }

    /// Format 1: these bytes must verify for ever.
    const GOLDEN: &str = "glg5iQFkZGVtb2RzaG9wYncxAQFYIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAxpq_YbAWEA3UgRRyMDtKZ2mZGm2qig0g9nnktyyLlZEOi4bHZU-K2ElgomPeo8YVAKFIm6S2udZYDxCertu3Ye5xfecd1cF";

    #[test]
    fn receipt_of_format_1_is_still_read_and_still_written() {
        let signed: SignedReceipt = GOLDEN.parse().unwrap();
        assert_eq!(signed.verify(&key().public_key()).unwrap(), receipt());
        assert_eq!(receipt().sign(&key()).unwrap().to_string(), GOLDEN);
    }

    #[test]
    fn a_changed_receipt_or_another_key_is_refused() {
        let signed = receipt().sign(&key()).unwrap();
        let other = StatementKey::from_sealing_bytes(&[8; 32]).unwrap();
        assert!(signed.verify(&other.public_key()).is_err());
        let bytes = signed.to_bytes();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            let verified = SignedReceipt::from_bytes(&changed)
                .and_then(|signed| signed.verify(&key().public_key()));
            assert!(verified.is_err(), "byte {i}");
            assert!(SignedReceipt::from_bytes(&bytes[..i]).is_err());
        }
    }

    #[test]
    fn names_have_a_limit() {
        let long = Receipt { tenant: "x".repeat(65), ..receipt() };
        assert!(matches!(long.sign(&key()), Err(Error::ReceiptMalformed)));
        let longest = "x".repeat(64);
        let full = Receipt {
            deployment: longest.clone(),
            tenant: longest.clone(),
            wallet_id: longest,
            epoch: u64::MAX,
            record_version: u64::MAX,
            issued_at_unix_s: u64::MAX,
            ..receipt()
        };
        let bytes = full.sign(&key()).unwrap().to_bytes();
        assert_eq!(
            SignedReceipt::from_bytes(&bytes).unwrap().verify(&key().public_key()).unwrap(),
            full
        );
    }

    proptest! {
        #[test]
        fn reading_garbage_ends_in_an_error(bytes: Vec<u8>) {
            prop_assert!(SignedReceipt::from_bytes(&bytes).is_err());
        }
    }
}

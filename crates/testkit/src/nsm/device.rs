use super::document::{self, Contents, DocumentFlaw};
use super::{NsmLeaf, NsmRoot};
use crate::Error;
use p384::ecdsa::SigningKey;
use p384::pkcs8::DecodePrivateKey;
use std::time::SystemTime;

/// PCRs that the device has locked before the enclave starts, and that documents show.
const LOCKED_PCRS: u16 = 16;
const PCRS: u16 = 32;
// Limits of the device's request.
const MAX_USER_DATA_BYTES: usize = 512;
const MAX_NONCE_BYTES: usize = 512;
const MAX_PUBLIC_KEY_BYTES: usize = 1024;

/// A software NSM: documents in AWS's form (untagged COSE_Sign1, ES384, a chain of five P-384
/// certificates) under a root of its own.
pub struct SoftNsm {
    leaf: NsmLeaf,
    key: Option<SigningKey>,
    time: Option<SystemTime>,
}

impl SoftNsm {
    /// A device with this leaf, on the system's clock.
    #[must_use]
    pub fn new(leaf: NsmLeaf) -> Self {
        let key = SigningKey::from_pkcs8_der(&leaf.key_pkcs8).ok();
        Self { leaf, key, time: None }
    }

    /// Stops the device's clock at `time`.
    #[must_use]
    pub fn with_time(self, time: SystemTime) -> Self {
        Self { time: Some(time), ..self }
    }

    /// The module's id.
    #[must_use]
    pub fn module_id(&self) -> &str {
        &self.leaf.module_id
    }

    /// Signs a document.
    ///
    /// # Errors
    /// [`Error::InputTooLarge`] as the device; [`Error::LeafMalformed`] if the leaf's key is none.
    pub fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let contents = self.contents(user_data, nonce, public_key, self.now())?;
        Ok(document::sign(&contents, self.key()?))
    }

    /// Signs, or doesn't, a document that every verifier must refuse.
    ///
    /// # Errors
    /// As [`attest`](Self::attest).
    pub fn attest_flawed(
        &self,
        flaw: DocumentFlaw,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let now = match flaw {
            DocumentFlaw::Stale => self.now() - document::FAR,
            DocumentFlaw::FromFuture => self.now() + document::FAR,
            _ => self.now(),
        };
        let contents = self.contents(user_data, nonce, public_key, now)?;
        if flaw == DocumentFlaw::ForeignKey {
            let foreign = NsmRoot::ephemeral()?.issue_leaf(self.module_id(), [[1; 48]; 3])?;
            return Ok(document::sign(&contents, Self::new(foreign).key()?));
        }
        Ok(document::sign_flawed(flaw, contents, self.key()?))
    }

    /// The register `index`: the image's first three, zeros after them; `None` beyond the last.
    #[must_use]
    pub fn describe_pcr(&self, index: u16) -> Option<[u8; 48]> {
        let pcrs = self.leaf.measurements().ok()?;
        (index < PCRS).then(|| pcrs.get(usize::from(index)).copied().unwrap_or([0; 48]))
    }

    /// 256 random bytes, as the device gives at once.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives none.
    pub fn random(&self) -> Result<[u8; 256], Error> {
        let mut bytes = [0; 256];
        getrandom::fill(&mut bytes).map_err(|_| Error::Library)?;
        Ok(bytes)
    }

    fn key(&self) -> Result<&SigningKey, Error> {
        self.key.as_ref().ok_or(Error::LeafMalformed)
    }

    fn now(&self) -> SystemTime {
        self.time.unwrap_or_else(SystemTime::now)
    }

    fn contents<'a>(
        &'a self,
        user_data: Option<&'a [u8]>,
        nonce: Option<&'a [u8]>,
        public_key: Option<&'a [u8]>,
        now: SystemTime,
    ) -> Result<Contents<'a>, Error> {
        let over = |field: Option<&[u8]>, max| field.is_some_and(|bytes| bytes.len() > max);
        if over(user_data, MAX_USER_DATA_BYTES)
            || over(nonce, MAX_NONCE_BYTES)
            || over(public_key, MAX_PUBLIC_KEY_BYTES)
        {
            return Err(Error::InputTooLarge);
        }
        let pcrs = (0..LOCKED_PCRS).filter_map(|index| self.describe_pcr(index)).collect();
        Ok(Contents { leaf: &self.leaf, pcrs, now, user_data, nonce, public_key })
    }
}

use crate::{Error, Measurements};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use zeroize::Zeroizing;

/// Longest encoded leaf; one has about 3 kB.
const MAX_LEAF_BYTES: usize = 32 * 1024;

/// What one enclave process needs to act as having an NSM: a leaf key with its chain, and the
/// measurements it may claim. It can't issue further leaves.
pub struct NsmLeaf {
    pub(super) module_id: String,
    pub(super) pcrs: Vec<ByteBuf>,
    pub(super) certificate: ByteBuf,
    pub(super) cabundle: Vec<ByteBuf>,
    pub(super) key_pkcs8: Zeroizing<Vec<u8>>,
}

#[derive(Serialize)]
struct Written<'a> {
    module_id: &'a str,
    pcrs: &'a [ByteBuf],
    certificate: &'a ByteBuf,
    cabundle: &'a [ByteBuf],
    key_pkcs8: &'a Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    module_id: String,
    pcrs: Vec<ByteBuf>,
    certificate: ByteBuf,
    cabundle: Vec<ByteBuf>,
    key_pkcs8: ByteBuf,
}

impl NsmLeaf {
    /// CBOR with the secret key, to hand to the enclave process.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let written = Written {
            module_id: &self.module_id,
            pcrs: &self.pcrs,
            certificate: &self.certificate,
            cabundle: &self.cabundle,
            key_pkcs8: Bytes::new(&self.key_pkcs8),
        };
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_LEAF_BYTES));
        ciborium::into_writer(&written, &mut *out).expect("writing to memory can't fail");
        out
    }

    /// Takes back what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// [`Error::LeafMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(Error::LeafMalformed);
        }
        let read: Read = ciborium::from_reader(bytes).map_err(|_| Error::LeafMalformed)?;
        let leaf = Self {
            module_id: read.module_id,
            pcrs: read.pcrs,
            certificate: read.certificate,
            cabundle: read.cabundle,
            key_pkcs8: Zeroizing::new(read.key_pkcs8.into_vec()),
        };
        leaf.measurements()?;
        Ok(leaf)
    }

    pub(super) fn measurements(&self) -> Result<Measurements, Error> {
        let pcrs: Option<Vec<[u8; 48]>> =
            self.pcrs.iter().map(|pcr| pcr.as_slice().try_into().ok()).collect();
        pcrs.and_then(|pcrs| pcrs.try_into().ok()).ok_or(Error::LeafMalformed)
    }
}

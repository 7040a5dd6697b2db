use super::{DEVICE, place, vault::Vault};
use crate::{Error, Result};
use ed25519_dalek::{Signer, SigningKey};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use sharekeep_channel::encapsulation::PopValue;
use sharekeep_schemas::{DeviceId, SecretBytes, codec, sealed::DEVICE_PROOF_LABEL};
use sharekeep_steps::DurableStep;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest content of a device file.
const MAX_BYTES: usize = 1024;
const VERSION: u8 = 1;

/// This device's identity: the enclave registers it at the first sign-in and asks for it at each
/// later one.
pub struct Device {
    id: DeviceId,
    identity: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    device: DeviceId,
    identity_key: SecretBytes,
}

impl Device {
    pub(super) fn generate() -> Self {
        let mut id = [0; DeviceId::LEN];
        OsRng.fill_bytes(&mut id);
        let mut seed = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *seed);
        Self { id: DeviceId::new(id), identity: SigningKey::from_bytes(&seed) }
    }

    /// Its id.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    pub(crate) fn identity_key(&self) -> [u8; 32] {
        self.identity.verifying_key().to_bytes()
    }

    /// Proves the identity within one sealed request.
    pub(crate) fn prove(&self, pop: &PopValue) -> Vec<u8> {
        self.identity.sign(&[DEVICE_PROOF_LABEL, pop.as_bytes()].concat()).to_bytes().to_vec()
    }

    pub(super) fn store(&self, vault: &Vault, directory: &Path) -> Result<()> {
        vault.write(&place(directory, DEVICE), &self.to_plaintext(), DurableStep::HomeDevice)
    }

    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        let identity_key = SecretBytes(Zeroizing::new(self.identity.to_bytes().to_vec()));
        codec::encode_secret(&Content { version: VERSION, device: self.id, identity_key })
    }

    pub(super) fn load(vault: &Vault, directory: &Path) -> Result<Self> {
        let path = place(directory, DEVICE);
        let bytes = vault.read(&path)?.ok_or_else(|| Error::NotSetUp(directory.to_owned()))?;
        Self::from_plaintext(&bytes).ok_or(Error::Damaged(path))
    }

    pub(crate) fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let content: Content = codec::decode(bytes, MAX_BYTES).ok()?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(&content.identity_key.0[..]).ok()?);
        if content.version != VERSION {
            return None;
        }
        Some(Self { id: content.device, identity: SigningKey::from_bytes(&key) })
    }
}

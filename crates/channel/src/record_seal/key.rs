use crate::newtype::public_bytes;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

public_bytes! {
    /// Names a data key in record headers. Text form is hex.
    DataKeyId, 16, hex
}

impl DataKeyId {
    /// Draws an id for a new data key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// A tenant's data key as KMS gave it to this enclave. Wiped on drop, never written anywhere.
pub struct DataKey {
    id: DataKeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl DataKey {
    /// Joins a key with the id it was stored under.
    #[must_use]
    pub const fn new(id: DataKeyId, secret: Zeroizing<[u8; 32]>) -> Self {
        Self { id, secret }
    }

    /// The name that record headers carry.
    #[must_use]
    pub const fn id(&self) -> DataKeyId {
        self.id
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

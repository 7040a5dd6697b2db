//! The word of whoever unlocked the seed, for a device that comes back.
//!
//! An old share alone proves possession; a thief has that too. Only a factor opens the seed, so only
//! its key can say that a device may take wallets over.

use crate::derivation::UNLOCK;
use crate::{RecoveryKeys, RecoveryPublic, Result};
use serde_bytes::ByteArray;
use sharekeep_channel::Transcript;
use sharekeep_schemas::{DeviceId, TenantId, UserId};

fn message(tenant: &TenantId, user: &UserId, device: DeviceId, pop: &[u8; 32]) -> Vec<u8> {
    Transcript::new(UNLOCK)
        .field(tenant.as_str().as_bytes())
        .field(user.as_bytes())
        .field(device.as_bytes())
        .field(pop)
        .finish()
}

impl RecoveryKeys {
    /// Signs that this device unlocked the seed, within one encapsulation: `pop` is its exported
    /// value.
    #[must_use]
    pub fn unlock_device(
        &self,
        tenant: &TenantId,
        user: &UserId,
        device: DeviceId,
        pop: &[u8; 32],
    ) -> [u8; 64] {
        *self.sign(&message(tenant, user, device, pop))
    }
}

impl RecoveryPublic {
    /// Checks what [`RecoveryKeys::unlock_device`] made.
    ///
    /// # Errors
    /// [`Error::SetSignature`](crate::Error::SetSignature).
    pub fn check_unlock(
        &self,
        tenant: &TenantId,
        user: &UserId,
        device: DeviceId,
        pop: &[u8; 32],
        signature: &[u8; 64],
    ) -> Result<()> {
        self.check(&message(tenant, user, device, pop), &ByteArray::new(*signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecoverySeed;
    use rand_core::OsRng;

    #[test]
    fn an_unlock_is_for_one_device_and_one_request() {
        let keys = RecoverySeed::generate(&mut OsRng).keys(1);
        let (tenant, user) = ("app".parse().unwrap(), UserId::new([1; 32]));
        let (device, pop) = (DeviceId::new([2; 16]), [3; 32]);
        let signature = keys.unlock_device(&tenant, &user, device, &pop);
        let check = |user: &UserId, device, pop| {
            keys.public().check_unlock(&tenant, user, device, pop, &signature)
        };
        check(&user, device, &pop).unwrap();
        assert!(check(&UserId::new([9; 32]), device, &pop).is_err());
        assert!(check(&user, DeviceId::new([9; 16]), &pop).is_err());
        assert!(check(&user, device, &[9; 32]).is_err());
    }
}

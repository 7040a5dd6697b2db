//! The recovery key's word that a device may take wallets over.
//!
//! A share alone must not be enough: who holds an old device holds its shares. The signature shows
//! that a factor was unlocked, for this device and this one request.

use crate::derivation::DEVICE_UNLOCK;
use crate::{Error, RecoveryKeys, RecoveryPublic, Result};
use serde_bytes::ByteArray;
use sharekeep_channel::Transcript;
use sharekeep_channel::encapsulation::PopValue;
use sharekeep_schemas::{DeviceId, TenantId, UserId};

impl RecoveryKeys {
    /// Signs (Ed25519) that `device` may take the user's wallets over in the encapsulated request
    /// that exported `pop`.
    #[must_use]
    pub fn unlock_device(
        &self,
        tenant: &TenantId,
        user: &UserId,
        device: DeviceId,
        pop: &PopValue,
    ) -> [u8; 64] {
        *self.sign(&message(self.public().generation, tenant, user, device, pop))
    }
}

impl RecoveryPublic {
    /// Checks what [`RecoveryKeys::unlock_device`] signed.
    ///
    /// # Errors
    /// [`Error::DeviceUnlock`].
    pub fn check_unlock(
        &self,
        tenant: &TenantId,
        user: &UserId,
        device: DeviceId,
        pop: &PopValue,
        signature: &[u8],
    ) -> Result<()> {
        let signature: [u8; 64] = signature.try_into().map_err(|_| Error::DeviceUnlock)?;
        let message = message(self.generation, tenant, user, device, pop);
        self.check(&message, &ByteArray::new(signature)).map_err(|_| Error::DeviceUnlock)
    }
}

fn message(
    generation: u64,
    tenant: &TenantId,
    user: &UserId,
    device: DeviceId,
    pop: &PopValue,
) -> Vec<u8> {
    Transcript::new(DEVICE_UNLOCK)
        .field(tenant.as_str().as_bytes())
        .field(user.as_bytes())
        .field(device.as_bytes())
        .field(&generation.to_be_bytes())
        .field(pop.as_bytes())
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecoverySeed;
    use rand_core::OsRng;
    use sharekeep_channel::encapsulation::{EnclaveKeyPair, RequestBinding, Sender, Suite};
    use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};

    fn pop() -> PopValue {
        let enclave = EnclaveKeyPair::generate(&mut OsRng);
        let session = SessionSigningKey::generate(SessionAlgorithm::Ed25519, &mut OsRng);
        let binding = RequestBinding {
            method: "POST",
            path: "/v1/restore",
            session: session.public_key().key_id(),
            idempotency_key: "1",
        };
        let sender =
            Sender::new(enclave.public_key(), Suite::default(), &binding, &mut OsRng).unwrap();
        sender.pop().clone()
    }

    #[test]
    fn a_device_is_let_in_by_the_current_seed_for_one_request_of_its_own() {
        let seed = RecoverySeed::generate(&mut OsRng);
        let (tenant, other): (TenantId, TenantId) = ("app".parse().unwrap(), "b".parse().unwrap());
        let (user, device) = (UserId::new([1; 32]), DeviceId::new([2; 16]));
        let (pop, another) = (self::pop(), self::pop());
        let keys = seed.keys(3);
        let signature = keys.unlock_device(&tenant, &user, device, &pop);
        let check = |public: &RecoveryPublic, tenant, user, device, pop| {
            public.check_unlock(tenant, &user, device, pop, &signature).is_ok()
        };
        let public = keys.public();
        assert!(check(public, &tenant, user, device, &pop));
        assert!(!check(public, &other, user, device, &pop));
        assert!(!check(public, &tenant, UserId::new([9; 32]), device, &pop));
        assert!(!check(public, &tenant, user, DeviceId::new([9; 16]), &pop));
        assert!(!check(public, &tenant, user, device, &another));
        assert!(!check(seed.keys(4).public(), &tenant, user, device, &pop));
        let stranger = RecoverySeed::generate(&mut OsRng).keys(3);
        assert!(!check(stranger.public(), &tenant, user, device, &pop));
        assert!(public.check_unlock(&tenant, &user, device, &pop, &signature[..63]).is_err());
    }
}

use super::{NotARecord, VERSION, check_version, decode, encode};
use hmac::{Hmac, Mac};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sharekeep_channel::receipt::StatementKey;
use sharekeep_schemas::{TenantId, TokenId, UserId};
use zeroize::{Zeroize, Zeroizing};

/// The deployment's own keys, made once by its first enclave: one signs receipts, one makes user
/// and token ids that nobody outside can guess or link.
pub struct DeploymentKeys {
    statement: StatementKey,
    ids: Zeroizing<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    statement: [u8; 32],
    #[serde(with = "serde_bytes")]
    ids: [u8; 32],
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.statement.zeroize();
        self.ids.zeroize();
    }
}

impl DeploymentKeys {
    /// New keys.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut ids = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *ids);
        Self { statement: StatementKey::generate(rng), ids }
    }

    /// The key that signs receipts.
    pub fn statement(&self) -> &StatementKey {
        &self.statement
    }

    /// Who a verified token speaks of. The same subject from another issuer, or at another tenant,
    /// is another user.
    pub fn user_id(&self, tenant: &TenantId, issuer: &str, subject: &str) -> UserId {
        UserId::new(
            self.mac("user", &[tenant.as_str().as_bytes(), issuer.as_bytes(), subject.as_bytes()]),
        )
    }

    /// The id under which a token is marked as used: of its signed part, `header.claims`. The
    /// signature is no part of it, since its holder can write one that is as good.
    pub fn token_id(&self, signed: &str) -> TokenId {
        TokenId::new(self.mac("token", &[signed.as_bytes()]))
    }

    /// What the answers to guesses at passcodes that do not exist are made from: of one tenant, so
    /// that another tenant's answers tell nothing.
    pub fn decoy_secret(&self, tenant: &TenantId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("passcode-decoy", &[tenant.as_str().as_bytes()]))
    }

    fn mac(&self, label: &str, fields: &[&[u8]]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&*self.ids)
            .expect("HMAC takes keys of any length");
        for field in [label.as_bytes()].iter().chain(fields) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }

    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire {
            version: VERSION,
            statement: *self.statement.to_sealing_bytes(),
            ids: *self.ids,
        };
        encode(&wire)
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let statement =
            StatementKey::from_sealing_bytes(&wire.statement).map_err(|_| NotARecord)?;
        Ok(Self { statement, ids: Zeroizing::new(wire.ids) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn the_same_subject_of_two_issuers_is_two_users() {
        let keys = DeploymentKeys::generate(&mut OsRng);
        let tenant: TenantId = "shop".parse().unwrap();
        let other: TenantId = "bank".parse().unwrap();
        let user = keys.user_id(&tenant, "https://a", "alice");
        assert_eq!(user, keys.user_id(&tenant, "https://a", "alice"));
        assert_ne!(user, keys.user_id(&tenant, "https://b", "alice"));
        assert_ne!(user, keys.user_id(&other, "https://a", "alice"));
        // Moving the border between two fields must not give the same user.
        assert_ne!(keys.user_id(&tenant, "ab", "c"), keys.user_id(&tenant, "a", "bc"));
    }

    #[test]
    fn keys_survive_sealing() {
        let keys = DeploymentKeys::generate(&mut OsRng);
        let again = DeploymentKeys::decode(&keys.encode()).unwrap();
        assert_eq!(again.token_id("t"), keys.token_id("t"));
        assert_eq!(again.statement().public_key(), keys.statement().public_key());
        assert!(DeploymentKeys::decode(b"\xa0").is_err());
    }
}

//! Somebody who is signed in already.

use crate::home::Session;
use rand_core::OsRng;
use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
use sharekeep_schemas::UserId;

pub(crate) fn session() -> Session {
    Session {
        key: SessionSigningKey::generate(SessionAlgorithm::EcdsaP256Sha256, &mut OsRng),
        tenant: "demo".parse().unwrap(),
        user: UserId::new([1; 32]),
        expires_at_unix_s: u64::MAX,
        token_unbound: false,
    }
}

//! What targets and seeds must agree on, the same in every run. None of the keys is used for
//! anything.

use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sharekeep_recovery::passcode::{Passcode, PasscodeBinding, PasscodeServer, Stretching};
use sharekeep_recovery::{BackupContext, RecoverySeed};
use sharekeep_schemas::{FactorId, TenantId, UserId, WalletId};

/// The user's.
pub static TENANT: LazyLock<TenantId> =
    LazyLock::new(|| "shop".parse().expect("it is a tenant's id"));
/// Whose everything is.
pub const USER: UserId = UserId::new([1; 32]);
/// A factor of the user.
pub const FACTOR: FactorId = FactorId::new([2; 16]);

/// Draws the same each time.
pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

/// The user's seed.
pub fn recovery_seed() -> RecoverySeed {
    RecoverySeed::generate(&mut rng())
}

/// What the backup is of.
pub fn backup() -> BackupContext {
    BackupContext {
        tenant: TENANT.clone(),
        user: USER,
        wallet: WalletId::new([5; 16]),
        party: 0,
        epoch: 1,
        version: 1,
        generation: 1,
    }
}

/// What the passcode is for; its stretching is the cheapest there is.
pub fn passcode_binding() -> PasscodeBinding<'static> {
    let stretching = Stretching::new(19 * 1024, 2, 1).expect("both are the floor");
    PasscodeBinding { tenant: &TENANT, user: &USER, factor: FACTOR, stretching }
}

/// The passcode.
pub fn passcode() -> Passcode {
    Passcode::new("correct horse").expect("it is neither empty nor long")
}

/// What the enclave checks it with.
pub fn passcode_server() -> PasscodeServer {
    PasscodeServer::generate(&mut rng())
}

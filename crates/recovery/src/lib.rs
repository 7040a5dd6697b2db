//! What client and enclave share of backup and recovery: cryptography and formats. Pure: no input or
//! output, no clock, no randomness of its own.
//!
//! The client draws a [`RecoverySeed`]; backups ([`UserBackup`]) are sealed to its keys. The seed
//! itself exists only in boxes, one for each of the user's factors, and the [`FactorSet`] states
//! which these are, signed by the seed's key.
//!
//! ```text
//! passcode ──OPAQUE──┐
//! recovery code ─────┤  factor's     unlocks     recovery    opens    backups
//! export file ───────┼─ secret ───▶ its box ───▶ seed ─────────────▶ of all wallets
//! cloud file+passcode┘
//! ```
//!
//! **Trusts** its caller's random generator and clock, and the client for its own secrets. **Does not
//! trust** any byte it parses, nor the service: the enclave keeps boxes that it can't open, and a
//! device accepts no recovery key and no factor but on the signature of the one before, or the word of
//! a factor's secret. The enclave is trusted to count guesses ([`GuessCount`]): the passcode's
//! strength against who controls the enclave is that of Argon2id alone.
//!
//! | module or type | made by | stops |
//! |---|---|---|
//! | [`RecoverySeed`], [`UserBackup`] | client | the service reading a share; older backups served as new |
//! | [`factor_set`] | client, checked by all | swapped keys, dropped or smuggled factors |
//! | [`passcode`] | both | trying passcodes without the enclave |
//! | [`GuessCount`] | enclave | trying them with it |
//! | [`RecoveryCode`] | client | a mistyped code that silently fails |
//!
//! ```
//! use rand_core::OsRng;
//! use sharekeep_recovery::factor_set::{FactorSet, NewFactor, Waiver};
//! use sharekeep_recovery::{FactorSecret, RecoveryCode, RecoverySeed};
//! use sharekeep_schemas::{FactorId, UserId};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (tenant, user) = ("app".parse()?, UserId::new([1; 32]));
//! let seed = RecoverySeed::generate(&mut OsRng);
//! let code = RecoveryCode::generate(&mut OsRng);
//! let factor = FactorSecret::recovery_code(&code).keys(&tenant, &user, FactorId::new([2; 16]));
//! let new = NewFactor { keys: &factor, label: None };
//! let made = FactorSet::first(&tenant, &user, &seed, &[new], Waiver::NotGiven, &mut OsRng)?;
//!
//! // Another day, another device, and only what was written on paper.
//! let code = RecoveryCode::parse(&code.to_text().to_lowercase())?;
//! let factor = FactorSecret::recovery_code(&code).keys(&tenant, &user, FactorId::new([2; 16]));
//! let unlocked = made.signed.unlock(&factor, &made.wrapped[0].bytes)?;
//! assert_eq!(unlocked.keys.public(), &made.set.recovery);
//! # Ok(())
//! # }
//! ```

mod backup;
mod derivation;
mod error;
mod factor;
pub mod factor_set;
mod guess;
pub mod passcode;
mod recovery_code;
mod seed;
mod unlock;

pub use backup::{
    BackedPreparation, BackupContext, MAX_BACKUP_BYTES, MAX_BACKUP_PLAINTEXT_BYTES, UserBackup,
};
pub use error::{Error, Result};
pub use factor::{
    FactorKeys, FactorPlace, FactorSecret, FileKey, MAX_WRAPPED_SEED_BYTES, wrap_hash, wrap_seed,
};
pub use factor_set::FactorSet;
pub use guess::{AttemptDigest, Charge, DEFAULT_GUESS_LIMIT, GuessCount, wait_s};
pub use passcode::ExportKey;
pub use recovery_code::RecoveryCode;
pub use seed::{RecoveryKeys, RecoveryPublic, RecoverySeed};

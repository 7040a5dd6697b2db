//! The plaintexts of sealed records. Each type says how it is encoded and checked; none that holds
//! a secret can be serialised, printed or cloned by accident.
//!
//! Where a record is (tenant, user, id, kind) is not in the plaintext: it is bound by the seal.

mod backup;
mod ceremony;
mod data_key;
mod deployment;
mod device;
mod factor;
mod location;
mod passcode_draft;
mod preparation;
mod recovery;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod wallet;

pub use backup::BackupRecord;
pub use ceremony::CeremonyRecord;
pub use data_key::DataKeyRecord;
pub use deployment::DeploymentKeys;
pub use device::DeviceRecord;
pub use factor::{
    FactorLock, FactorRecord, Guessing, Lease, PasscodeLock, RegisteredFactor, needs_passcode,
};
pub use location::{SessionHints, data_key_id, kind_of, record_id};
pub use passcode_draft::PasscodeDraft;
pub use preparation::PreparationRecord;
pub use recovery::RecoveryRecord;
pub use session::SessionRecord;
pub use token::TokenRecord;
pub use wallet::{WalletHead, WalletRecord};

use serde::Serialize;
use sharekeep_channel::record_seal::MAX_RECORD_PLAINTEXT_BYTES;
use sharekeep_schemas::codec;
use zeroize::Zeroizing;

/// The format version of every record here.
pub(crate) const VERSION: u8 = 1;

/// The bytes are not a record of this kind and version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARecord;

fn encode(wire: &impl Serialize) -> Zeroizing<Vec<u8>> {
    codec::encode_secret(wire)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, NotARecord> {
    codec::decode(bytes, MAX_RECORD_PLAINTEXT_BYTES).map_err(|_| NotARecord)
}

fn check_version(version: u8) -> Result<(), NotARecord> {
    if version == VERSION { Ok(()) } else { Err(NotARecord) }
}

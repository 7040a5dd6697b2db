//! Sealing of one stored record with a tenant's data key. Only the enclave does this; it is here
//! because it is a pure format.
//!
//! ```text
//! KMS key (never leaves KMS)
//! └─ DataKey, one a tenant and generation
//!    └─ HKDF-SHA256, fresh 32-byte salt per write, labelled by record kind
//!       ├─ key for AES-256-GCM, used once
//!       └─ key commitment, in the header
//! ```
//!
//! ```text
//! format 1 | suite 1 | kind 1 | data key id 16 | epoch 8 | record version 8
//!   | salt 32 | nonce 12 | commitment 32 | ciphertext
//! ```
//!
//! The associated data holds the header and the place: tenant, user, record id, kind. A record that
//! is moved to another place, or whose header is edited, does not open. AES-GCM alone would let one
//! ciphertext open under two keys; the commitment stops that. Setting a whole record back to an
//! older one of the same place can't be seen here: that is what receipts and the enclave's memory
//! are for.

mod aead;
mod header;
mod key;

pub use aead::{OpenedRecord, open_record, seal_record};
pub use header::{RecordHeader, RecordKind, RecordVersion, peek_record};
pub use key::{DataKey, DataKeyId};

/// Longest record before sealing, in bytes: a DynamoDB item holds 400 KB with all its columns.
pub const MAX_RECORD_PLAINTEXT_BYTES: usize = 352 * 1024;

/// Where a record belongs. It opens there and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct RecordLocation<'a> {
    /// The tenant's id.
    pub tenant: &'a str,
    /// The user's id, empty for records of no user.
    pub user: &'a [u8],
    /// The record's id within its kind.
    pub record_id: &'a str,
    /// What it is.
    pub kind: RecordKind,
}

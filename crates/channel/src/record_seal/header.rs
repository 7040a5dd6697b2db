use super::DataKeyId;
use crate::{Error, Result};

pub(super) const SALT_BYTES: usize = 32;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const COMMITMENT_BYTES: usize = 32;
pub(super) const TAG_BYTES: usize = 16;

const FORMAT: u8 = 1;
const AES_256_GCM_COMMITTING: u8 = 1;
const FIXED_BYTES: usize = 3 + DataKeyId::LENGTH + 8 + 8;
pub(super) const HEADER_BYTES: usize = FIXED_BYTES + SALT_BYTES + NONCE_BYTES + COMMITMENT_BYTES;

/// What a record is. Each kind has keys of its own, so no record can stand for one of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A wallet: status, epoch, server share.
    Wallet,
    /// A session: its key, expiry, scope.
    Session,
    /// A registered device and its identity key.
    Device,
    /// A user: what holds for all of its wallets.
    User,
    /// One way to unlock the recovery seed.
    Factor,
    /// A sealed user share.
    Backup,
    /// What a protocol keeps for a pair beside the share.
    Preparation,
    /// A ceremony's binding to its user and wallet.
    Ceremony,
    /// The head of an audit chain.
    AuditHead,
    /// A policy and its counters.
    Policy,
    /// The deployment's statement key.
    StatementKey,
    /// A tenant's secrets.
    Tenant,
    /// A stored answer.
    Idempotency,
    /// Marks against setting records back.
    Marks,
    /// A passcode that is being set.
    PasscodeDraft,
}

impl RecordKind {
    const ALL: [Self; 15] = [
        Self::Wallet,
        Self::Session,
        Self::Device,
        Self::User,
        Self::Factor,
        Self::Backup,
        Self::Preparation,
        Self::Ceremony,
        Self::AuditHead,
        Self::Policy,
        Self::StatementKey,
        Self::Tenant,
        Self::Idempotency,
        Self::Marks,
        Self::PasscodeDraft,
    ];

    /// The byte in headers. Stored for ever: never renumber.
    const fn code(self) -> u8 {
        match self {
            Self::Wallet => 1,
            Self::Session => 2,
            Self::Device => 3,
            Self::User => 4,
            Self::Factor => 5,
            Self::Backup => 6,
            Self::Preparation => 7,
            Self::Ceremony => 8,
            Self::AuditHead => 9,
            Self::Policy => 10,
            Self::StatementKey => 11,
            Self::Tenant => 12,
            Self::Idempotency => 13,
            Self::Marks => 14,
            Self::PasscodeDraft => 15,
        }
    }

    /// The label in key derivation. Stored for ever: never rename.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Session => "session",
            Self::Device => "device",
            Self::User => "user",
            Self::Factor => "factor",
            Self::Backup => "backup",
            Self::Preparation => "preparation",
            Self::Ceremony => "ceremony",
            Self::AuditHead => "audit-head",
            Self::Policy => "policy",
            Self::StatementKey => "statement-key",
            Self::Tenant => "tenant",
            Self::Idempotency => "idempotency",
            Self::Marks => "marks",
            Self::PasscodeDraft => "passcode-draft",
        }
    }
}

/// Which generation of a record this is. Authenticated by the record itself; the enclave compares
/// it with what it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordVersion {
    /// Generation of the wallet's shares, zero where there is none.
    pub epoch: u64,
    /// Counts the record's changes.
    pub record_version: u64,
}

/// The readable part of a sealed record. Not authenticated before the record opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The data key to open it with.
    pub data_key_id: DataKeyId,
    /// What it claims to be.
    pub kind: RecordKind,
    /// The generation it claims.
    pub version: RecordVersion,
}

/// A record cut into its parts.
pub(super) struct Parsed<'a> {
    pub(super) header: RecordHeader,
    /// Header bytes, all of them in the associated data.
    pub(super) bytes: &'a [u8],
    pub(super) salt: &'a [u8; SALT_BYTES],
    pub(super) nonce: &'a [u8; NONCE_BYTES],
    pub(super) commitment: &'a [u8; COMMITMENT_BYTES],
    pub(super) ciphertext: &'a [u8],
}

impl RecordHeader {
    pub(super) fn write(
        &self,
        salt: &[u8; SALT_BYTES],
        nonce: &[u8; NONCE_BYTES],
        commitment: &[u8; COMMITMENT_BYTES],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&[FORMAT, AES_256_GCM_COMMITTING, self.kind.code()]);
        out.extend_from_slice(self.data_key_id.as_bytes());
        out.extend_from_slice(&self.version.epoch.to_be_bytes());
        out.extend_from_slice(&self.version.record_version.to_be_bytes());
        out.extend_from_slice(salt);
        out.extend_from_slice(nonce);
        out.extend_from_slice(commitment);
    }
}

/// Takes the next `N` bytes off the front of `rest`.
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N]> {
    let (front, back) = rest.split_first_chunk::<N>().ok_or(Error::RecordMalformed)?;
    *rest = back;
    Ok(front)
}

pub(super) fn parse(sealed: &[u8]) -> Result<Parsed<'_>> {
    if sealed.len() > HEADER_BYTES + super::MAX_RECORD_PLAINTEXT_BYTES + TAG_BYTES {
        return Err(Error::RecordTooLarge);
    }
    let bytes = sealed.get(..HEADER_BYTES).ok_or(Error::RecordMalformed)?;
    let mut rest = sealed;
    let [format, suite, kind] = *take::<3>(&mut rest)?;
    if format != FORMAT || suite != AES_256_GCM_COMMITTING {
        return Err(Error::RecordMalformed);
    }
    let kind = RecordKind::ALL.into_iter().find(|known| known.code() == kind);
    let header = RecordHeader {
        kind: kind.ok_or(Error::RecordMalformed)?,
        data_key_id: DataKeyId::from_bytes(*take(&mut rest)?),
        version: RecordVersion {
            epoch: u64::from_be_bytes(*take(&mut rest)?),
            record_version: u64::from_be_bytes(*take(&mut rest)?),
        },
    };
    let (salt, nonce, commitment) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
    if rest.len() < TAG_BYTES {
        return Err(Error::RecordMalformed);
    }
    Ok(Parsed { header, bytes, salt, nonce, commitment, ciphertext: rest })
}

/// Reads a sealed record's header, to choose the data key. Nothing in it is verified.
///
/// # Errors
/// [`Error::RecordTooLarge`], [`Error::RecordMalformed`].
pub fn peek_record(sealed: &[u8]) -> Result<RecordHeader> {
    parse(sealed).map(|parsed| parsed.header)
}

#[cfg(test)]
mod tests {
    use super::RecordKind;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_code_and_a_label_of_its_own() {
        let codes: HashSet<_> = RecordKind::ALL.iter().map(|kind| kind.code()).collect();
        let labels: HashSet<_> = RecordKind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!((codes.len(), labels.len()), (RecordKind::ALL.len(), RecordKind::ALL.len()));
    }
}

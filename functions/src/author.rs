//! What an enclave may have written for a request, by who asked.
//!
//! Functions cannot tell an enclave from whoever else answers at its address, and cannot read what
//! it seals. A host that lies can therefore make garbage of what these rules leave to the request
//! it was asked for; they keep it from everything else: other users' wallets, backups and factors,
//! the keys of tenants that have some, and versions after which nothing could ever be written. Two
//! gaps stay: who opens a session is whom the enclave names, and ceremonies name nobody.

use crate::error::{Error, Result};
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, Row, Write};
use sharekeep_schemas::{DataKeyNumber, SessionKeyId, TenantId, UserId};

/// The one data key that is made without an operator: a tenant's first.
const FIRST_DATA_KEY: DataKeyNumber = DataKeyNumber(1);
/// How far a wallet's version may be ahead of the one before. It counts what the enclave decided,
/// also what was never committed: more than any client can make it decide, and far from the end of
/// the numbers.
const MAX_WALLET_STEP: u64 = 1 << 20;

/// On whose behalf an enclave was asked.
pub(crate) enum Author {
    /// Anybody: an attestation.
    Anybody,
    /// Who opens this session. Only the enclave can say which user that is.
    Opening { tenant: TenantId, session: SessionKeyId },
    /// A user's session.
    Session { tenant: TenantId, session: SessionKeyId, user: UserId },
}

/// Writes that their author may have asked for.
pub(crate) struct Allowed<'w> {
    pub(crate) writes: &'w [Write],
    /// Whose sessions they may delete: no key of a session names its user, but its item does.
    pub(crate) user: Option<UserId>,
}

impl Author {
    /// The writes that end a request.
    pub(crate) fn allowed<'w>(&self, writes: &'w [Write]) -> Result<Allowed<'w>> {
        let user = match self {
            Self::Anybody if writes.is_empty() => None,
            Self::Anybody => return Err(Error::EnclaveBroken("writes where nothing changes")),
            // Who the enclave says opens it: the session's record goes with all that is the user's.
            Self::Opening { .. } => writes.iter().find_map(opened_for),
            Self::Session { user, .. } => Some(*user),
        };
        for write in writes {
            self.check(write, user)?;
        }
        Ok(Allowed { writes, user })
    }

    /// The first keys that are made on the way.
    pub(crate) fn provisioned<'w>(&self, writes: &'w [Write]) -> Result<Allowed<'w>> {
        for write in writes {
            let its = match &write.key {
                RecordKey::DeploymentKeys => true,
                RecordKey::DataKey { tenant, number } => {
                    *number == FIRST_DATA_KEY
                        && (*tenant == TenantId::deployment() || self.tenant() == Some(tenant))
                }
                _ => false,
            };
            let first = write.condition == Condition::Absent
                && matches!(&write.put, Some(put) if put.version == 1 && put.row == Row::Empty
                    && put.expires_at_unix_s.is_none());
            if !its || !first {
                return Err(Error::EnclaveBroken("keys that are not its to make"));
            }
        }
        Ok(Allowed { writes, user: None })
    }

    fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Anybody => None,
            Self::Opening { tenant, .. } | Self::Session { tenant, .. } => Some(tenant),
        }
    }

    fn check(&self, write: &Write, user: Option<UserId>) -> Result<()> {
        self.check_key(write, user)?;
        match &write.put {
            None => check_without_content(write),
            Some(put) if follows(write, put) => Ok(()),
            Some(_) => Err(Error::EnclaveBroken("a version that does not follow")),
        }
    }

    fn check_key(&self, write: &Write, user: Option<UserId>) -> Result<()> {
        let opens = matches!(self, Self::Opening { .. });
        let its = match &write.key {
            RecordKey::Tenant(_) | RecordKey::DataKey { .. } | RecordKey::DeploymentKeys => false,
            RecordKey::Token(_) => opens,
            RecordKey::Session(id) => self.may_be_session(*id, write.put.as_ref(), user),
            RecordKey::Device { user: whose, .. } | RecordKey::Event { user: whose, .. } => {
                user == Some(*whose)
            }
            RecordKey::Preparation { user: whose, .. }
            | RecordKey::Wallet { user: whose, .. }
            | RecordKey::Backup { user: whose, .. }
            | RecordKey::Recovery(whose)
            | RecordKey::Factor { user: whose, .. }
            | RecordKey::PasscodeDraft { user: whose, .. } => !opens && user == Some(*whose),
            // Nothing that functions see says whose a ceremony is.
            RecordKey::Ceremony(_) => !opens,
        };
        let strays = !matches!(write.key, RecordKey::Session(_))
            && matches!(&write.put, Some(Put { row: Row::Session(_), .. }));
        if its && !strays {
            return Ok(());
        }
        Err(Error::EnclaveBroken("a write that is not the author's"))
    }

    /// A session is written by itself alone; any of the user's may be deleted.
    fn may_be_session(&self, id: SessionKeyId, put: Option<&Put>, user: Option<UserId>) -> bool {
        let (Self::Opening { tenant, session } | Self::Session { tenant, session, .. }) = self
        else {
            return false;
        };
        match put {
            None => user.is_some(),
            Some(Put { row: Row::Session(row), .. }) => {
                id == *session
                    && row.session == id
                    && row.tenant == *tenant
                    && Some(row.user) == user
            }
            Some(_) => false,
        }
    }
}

fn opened_for(write: &Write) -> Option<UserId> {
    match &write.put {
        Some(Put { row: Row::Session(row), .. }) => Some(row.user),
        _ => None,
    }
}

/// Deletions, and what shall stay as it is.
fn check_without_content(write: &Write) -> Result<()> {
    let allowed = match write.condition {
        Condition::Unchanged(_) => true,
        // Whatever of it is there.
        Condition::Any => matches!(write.key, RecordKey::Session(_)),
        Condition::Version(_) => matches!(
            write.key,
            RecordKey::Device { .. }
                | RecordKey::Preparation { .. }
                | RecordKey::Backup { .. }
                | RecordKey::Factor { .. }
                | RecordKey::PasscodeDraft { .. }
        ),
        Condition::Absent => false,
    };
    if allowed { Ok(()) } else { Err(Error::EnclaveBroken("a deletion of what stays")) }
}

/// Whether the new version follows from the one before.
fn follows(write: &Write, put: &Put) -> bool {
    match (write.condition, &write.key) {
        (Condition::Absent, _) => put.version == 1,
        // Written again it changes nothing.
        (Condition::Any, RecordKey::Event { .. }) => put.version == 1,
        (Condition::Version(before), RecordKey::Wallet { .. }) => put
            .version
            .checked_sub(before)
            .is_some_and(|step| (1..=MAX_WALLET_STEP).contains(&step)),
        (Condition::Version(before), _) => before.checked_add(1) == Some(put.version),
        (Condition::Any | Condition::Unchanged(_), _) => false,
    }
}

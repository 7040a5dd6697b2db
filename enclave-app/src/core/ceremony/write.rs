use super::machine::Output;
use super::plan::keygen_epoch;
use super::{Meta, registry};
use crate::core::Core;
use crate::core::stop::Stop;
use crate::core::vault::Vault;
use crate::core::write::Content;
use crate::record::{CeremonyRecord, PreparationRecord, WalletRecord};
use serde_bytes::ByteBuf;
use sharekeep_channel::record_seal::RecordVersion;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, Row, Write};
use sharekeep_schemas::sealed::CeremonyResult;
use sharekeep_schemas::{CeremonyState, PreparationId, ProblemCode, UserId, WalletStatus};
use std::collections::BTreeSet;

/// The version of a ceremony's record from its start.
pub(super) const STARTED: u64 = 1;
/// The version that ends it.
pub(super) const ENDED: u64 = 2;
/// How long a ceremony's record is kept after it could have ended, in seconds.
const KEPT_S: u64 = 86_400;

impl Core {
    pub(super) fn write_ceremony(
        &self,
        vault: &Vault,
        user: UserId,
        record: &CeremonyRecord,
        version: u64,
        condition: Condition,
    ) -> Result<Write, Stop> {
        let key = RecordKey::Ceremony(record.id());
        let place = RecordVersion { epoch: 0, record_version: version };
        let bytes = self.seal(vault, user.as_bytes(), &key, place, &record.encode())?;
        Ok(Write {
            key,
            condition,
            put: Some(Put {
                version,
                bytes: ByteBuf::from(bytes),
                row: record.row(user),
                expires_at_unix_s: Some(record.expires_at_unix_s.saturating_add(KEPT_S)),
            }),
        })
    }

    /// The write that puts a ceremony on record at its start; one that is over by then at once as
    /// that.
    pub(super) fn begin_ceremony(
        &self,
        vault: &Vault,
        meta: &Meta,
        state: CeremonyState,
    ) -> Result<Write, Stop> {
        let record = self.ceremony_record_of(meta, state);
        self.write_ceremony(vault, meta.user, &record, STARTED, Condition::Absent)
    }

    /// The write that ends a ceremony that was on record as running.
    pub(super) fn end_ceremony(
        &self,
        vault: &Vault,
        meta: &Meta,
        state: CeremonyState,
    ) -> Result<Write, Stop> {
        let record = self.ceremony_record_of(meta, state);
        self.write_ceremony(vault, meta.user, &record, ENDED, Condition::Version(STARTED))
    }

    fn ceremony_record_of(&self, meta: &Meta, state: CeremonyState) -> CeremonyRecord {
        CeremonyRecord {
            execution: meta.execution,
            kind: meta.kind,
            state,
            wallet: meta.wallet,
            enclave_key: self.key_id,
            expires_at_unix_s: meta.expires_at_unix_s,
        }
    }

    /// The write and the result that a finished ceremony brings.
    pub(super) fn outcome(
        &self,
        vault: &Vault,
        meta: &Meta,
        output: Output,
    ) -> Result<(Option<Write>, CeremonyResult), Stop> {
        match output {
            Output::Signed => Ok((None, CeremonyResult::Signed)),
            Output::Preparation(preparation) => {
                let id = PreparationId::new(meta.execution);
                let scope =
                    meta.protocol.preparation_scope(meta.wallet).ok_or(ProblemCode::Internal)?;
                let key = RecordKey::Preparation { user: meta.user, device: meta.device, scope };
                let plaintext = PreparationRecord::new(id, &preparation).encode();
                let content = Content::lasting(&plaintext, Row::Empty);
                let write = self.put(vault, meta.user, key, meta.replaces, content)?;
                Ok((Some(write), CeremonyResult::Preparation { id }))
            }
            Output::Share(share) => {
                let record = WalletRecord {
                    wallet: meta.wallet.ok_or(ProblemCode::Internal)?,
                    scheme: meta.scheme,
                    protocol: meta.protocol,
                    epoch: keygen_epoch(),
                    status: WalletStatus::Pending,
                    devices: BTreeSet::from([meta.device]),
                    created_at_unix_s: registry::started_at(meta.expires_at_unix_s),
                    share,
                };
                let write = self.write_wallet(vault, meta.user, &record, 1, Condition::Absent)?;
                let keys = self.deployment.get().ok_or(ProblemCode::Internal)?;
                let receipt =
                    self.receipt(keys, &meta.tenant, &record, 1, record.created_at_unix_s)?;
                let public_key = record.public_key();
                Ok((Some(write), CeremonyResult::Wallet { public_key, receipt }))
            }
        }
    }
}

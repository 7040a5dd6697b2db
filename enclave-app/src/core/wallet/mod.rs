//! A wallet's life outside ceremonies.

mod activate;
mod archive;

use super::authenticate::Caller;
use super::records::unfit;
use super::stop::Stop;
use super::vault::Vault;
use super::{Core, Request, lock};
use crate::record::{DeploymentKeys, WalletHead, WalletRecord};
use serde_bytes::ByteBuf;
use sharekeep_channel::receipt::{self, AuditHead, Receipt};
use sharekeep_channel::record_seal::RecordVersion;
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, RecordQuery, Write};
use sharekeep_schemas::{ProblemCode, TenantId, UserId, WalletId, WalletStatus};
use std::collections::BTreeMap;

/// A wallet as record and memory have it.
pub(super) struct Loaded {
    pub(super) record: WalletRecord,
    /// The version that the store holds.
    pub(super) stored: u64,
    /// The version of the next change: above everything that was seen.
    pub(super) next: u64,
    /// The stricter of the record's status and what memory knows.
    pub(super) status: WalletStatus,
}

impl Request<'_> {
    /// The caller's wallet. Another user's is not found: the user is part of the key and the seal.
    pub(super) fn wallet(&self, caller: &Caller, wallet: WalletId) -> Result<Loaded, Stop> {
        let user = caller.session.user;
        let key = RecordKey::Wallet { user, wallet };
        let sealed = self.records.one(&key)?.ok_or(ProblemCode::NotFound)?;
        let opened = self.open(&caller.vault, user.as_bytes(), &key, sealed)?;
        let record = WalletRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        if record.wallet != wallet || record.epoch != opened.version.epoch {
            return Err(unfit());
        }
        let stored = opened.version.record_version;
        let mark = lock(&self.core.memory).wallet(user, wallet);
        Ok(Loaded {
            stored,
            next: mark.version.max(stored) + 1,
            status: mark.status(record.status),
            record,
        })
    }
}

impl Loaded {
    /// Refuses a device that has not shown that it holds the wallet's other share: a token lets
    /// anyone register a device, and only one that made the wallet, or restored it with a factor and
    /// a proof of the share, has proved more than that.
    pub(super) fn require_device(&self, caller: &Caller) -> Result<(), Stop> {
        if self.record.devices.contains(&caller.session.device) {
            Ok(())
        } else {
            Err(ProblemCode::WalletOnOtherDevice.into())
        }
    }
}

impl Request<'_> {
    /// The write of a wallet whose record was changed after it was loaded.
    pub(super) fn changed_wallet(&self, caller: &Caller, wallet: &Loaded) -> Result<Write, Stop> {
        self.core.write_wallet(
            &caller.vault,
            caller.session.user,
            &wallet.record,
            wallet.next,
            Condition::Version(wallet.stored),
        )
    }

    /// What the store has of all the caller's wallets, archived ones too.
    pub(super) fn wallet_heads(
        &self,
        caller: &Caller,
    ) -> Result<BTreeMap<WalletId, WalletHead>, Stop> {
        let mine = caller.session.user;
        let mut heads = BTreeMap::new();
        for stored in self.records.all(&RecordQuery::WalletsOf(mine))? {
            let RecordKey::Wallet { user, wallet } = stored.key else { return Err(unfit()) };
            if user != mine {
                return Err(unfit());
            }
            let opened = self.open(&caller.vault, caller.user(), &stored.key, &stored.bytes)?;
            let head = WalletHead::decode(&opened.plaintext).map_err(|_| unfit())?;
            if head.wallet != wallet || heads.insert(wallet, head).is_some() {
                return Err(unfit());
            }
        }
        Ok(heads)
    }
}

impl Core {
    /// The write of a wallet.
    pub(super) fn write_wallet(
        &self,
        vault: &Vault,
        user: UserId,
        record: &WalletRecord,
        version: u64,
        condition: Condition,
    ) -> Result<Write, Stop> {
        let key = RecordKey::Wallet { user, wallet: record.wallet };
        let place = RecordVersion { epoch: record.epoch, record_version: version };
        let bytes = self.seal(vault, user.as_bytes(), &key, place, &record.encode())?;
        Ok(Write {
            key,
            condition,
            put: Some(Put {
                version,
                bytes: ByteBuf::from(bytes),
                row: record.row(),
                expires_at_unix_s: None,
            }),
        })
    }

    /// A signed statement of where a wallet stands.
    pub(super) fn receipt(
        &self,
        keys: &DeploymentKeys,
        tenant: &TenantId,
        record: &WalletRecord,
        version: u64,
        now: u64,
    ) -> Result<Vec<u8>, Stop> {
        let receipt = Receipt {
            deployment: self.trust.configuration().deployment.clone(),
            tenant: tenant.to_string(),
            wallet_id: record.wallet.to_string(),
            epoch: record.epoch,
            status: match record.status {
                WalletStatus::Pending => receipt::WalletStatus::Pending,
                WalletStatus::Active => receipt::WalletStatus::Active,
                WalletStatus::Locked => receipt::WalletStatus::Locked,
                WalletStatus::Archived => receipt::WalletStatus::Archived,
            },
            // There is no audit chain yet, and zero says so.
            audit_head: AuditHead::from_bytes([0; 32]),
            record_version: version,
            issued_at_unix_s: now,
        };
        let signed = receipt.sign(keys.statement()).map_err(|_| ProblemCode::Internal)?;
        Ok(signed.to_bytes())
    }
}

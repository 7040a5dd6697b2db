use super::Meta;
use crate::core::authenticate::Caller;
use crate::core::memory::Locked;
use crate::core::stop::{Refusal, Stop};
use crate::core::wallet::Loaded;
use crate::core::write::Content;
use crate::core::{Core, Request, lock};
use crate::record::PreparationRecord;
use sharekeep_schemas::enclave::{RecordKey, Row, Write};
use sharekeep_schemas::{
    CeremonyKind, PreparationId, PreparationScope, ProblemCode, Protocol, WalletStatus,
};

/// The refusal of whatever is locked.
pub(super) fn refusal(writes: Vec<Write>) -> Refusal {
    let detail = Some("locked after a failed proof");
    Refusal { detail, ..Refusal::writing(ProblemCode::WalletState, writes) }
}

/// How something would be locked on record. It is made when a ceremony starts: when a proof fails,
/// the records are no longer at hand.
pub(super) struct RecordLock {
    what: Locked,
    /// It is locked there already.
    recorded: bool,
    write: Option<Write>,
}

impl RecordLock {
    pub(super) fn into_write(self) -> Option<Write> {
        self.write
    }
}

impl Meta {
    /// What a failed proof in this ceremony locks. A key generation has nothing yet that a second
    /// try could attack: its secrets are gone with it.
    pub(super) fn lockable(&self) -> Vec<Locked> {
        if self.kind == CeremonyKind::Keygen {
            return vec![];
        }
        let pair = Locked::Pair(self.device, self.protocol);
        let pair = (self.protocol == Protocol::Cggmp24).then_some(pair);
        // The wallet too: the same share could be attacked from a new device.
        self.wallet.map(Locked::Wallet).into_iter().chain(pair).collect()
    }
}

impl Core {
    /// Whether anything that the ceremony works with is locked in this life.
    pub(super) fn is_locked(&self, meta: &Meta) -> bool {
        let memory = lock(&self.memory);
        meta.lockable().into_iter().any(|what| memory.is_locked(meta.user, what))
    }

    /// Locks what the ceremony works with and ends all that works with the same: each failure tells
    /// the cheat a little about the other's secret, so there must not be a second one.
    pub(super) fn lock_after(&self, meta: &Meta, now: u64) {
        let locked = meta.lockable();
        {
            let mut memory = lock(&self.memory);
            locked.iter().for_each(|what| memory.lock(meta.user, *what));
        }
        lock(&self.ceremonies).finish_all(now, |other| {
            other.user == meta.user && other.lockable().iter().any(|what| locked.contains(what))
        });
    }
}

impl Request<'_> {
    /// Refuses what memory or the record says is locked. What only memory knows is to be committed
    /// with the refusal.
    pub(super) fn refuse_locked(&self, caller: &Caller, with: &RecordLock) -> Result<(), Stop> {
        if with.recorded {
            return Err(refusal(vec![]).into());
        }
        if lock(&self.core.memory).is_locked(caller.session.user, with.what) {
            return Err(refusal(with.write.clone().into_iter().collect()).into());
        }
        Ok(())
    }

    pub(super) fn wallet_lock(
        &self,
        caller: &Caller,
        wallet: &mut Loaded,
    ) -> Result<RecordLock, Stop> {
        let what = Locked::Wallet(wallet.record.wallet);
        let was = wallet.record.status;
        let recorded = was == WalletStatus::Locked;
        // What is archived stays so.
        if recorded || wallet.status == WalletStatus::Archived {
            return Ok(RecordLock { what, recorded, write: None });
        }
        wallet.record.status = WalletStatus::Locked;
        let write = self.changed_wallet(caller, wallet);
        wallet.record.status = was;
        Ok(RecordLock { what, recorded, write: Some(write?) })
    }

    /// The lock of what the caller's device prepared for a protocol; with what is on record about
    /// that and its version.
    pub(super) fn pair_lock(
        &self,
        caller: &Caller,
        protocol: Protocol,
        held: Option<(&PreparationRecord, u64)>,
        execution: [u8; 32],
    ) -> Result<RecordLock, Stop> {
        let (user, device) = (caller.session.user, caller.session.device);
        let what = Locked::Pair(device, protocol);
        if held.is_some_and(|(record, _)| record.is_locked()) {
            return Ok(RecordLock { what, recorded: true, write: None });
        }
        let id = held.map_or(PreparationId::new(execution), |(record, _)| record.id);
        let key = RecordKey::Preparation { user, device, scope: PreparationScope::Pair(protocol) };
        let plaintext = PreparationRecord::locked(id, protocol).encode();
        let stored = held.map(|(_, version)| version);
        let write = self.put(caller, key, stored, Content::lasting(&plaintext, Row::Empty))?;
        Ok(RecordLock { what, recorded: false, write: Some(write) })
    }
}

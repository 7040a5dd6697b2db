//! What a test sees and does behind the service's back.

use super::{FakeService, Instead, recovery};
use sharekeep_recovery::factor_set::SignedFactorSet;
use sharekeep_schemas::sealed::SealedBackup;
use sharekeep_schemas::{DeviceId, WalletId};
use std::collections::BTreeMap;

impl FakeService {
    /// What the last restore declared lost.
    pub(crate) fn lost(&self) -> Vec<DeviceId> {
        self.state.lock().unwrap().recovery.lost.clone()
    }

    /// How many requests are held up.
    pub(crate) fn late(&self) -> usize {
        self.state.lock().unwrap().late.len()
    }

    /// A request that was held up arrives; nobody waits for its answer any more. Whether it was
    /// accepted.
    pub(crate) fn arrive_late(&self, which: usize) -> bool {
        let mut state = self.state.lock().unwrap();
        let seen = state.late.remove(which);
        state.answer_once(&seen, &Instead::Nothing).0 == 200
    }

    /// The statement of the factors that stand.
    pub(crate) fn statement(&self) -> Option<SignedFactorSet> {
        self.state.lock().unwrap().recovery.current.as_ref().map(|(signed, _)| signed.clone())
    }

    /// The stored backups, to be changed.
    pub(crate) fn change_backups(
        &self,
        change: impl FnOnce(&mut BTreeMap<WalletId, SealedBackup>),
    ) {
        change(&mut self.state.lock().unwrap().recovery.backups);
    }

    /// Loses a wallet; its backup stays.
    pub(crate) fn lose_wallet(&self, wallet: WalletId) {
        self.state.lock().unwrap().shares.remove(&wallet);
    }

    /// Loses the sealed seeds of all factors.
    pub(crate) fn lose_wraps(&self) {
        self.state.lock().unwrap().recovery.wraps.clear();
    }

    /// Puts another user's recovery in place of this one's.
    pub(crate) fn swap_recovery(&self) {
        let made = recovery::first_recovery();
        self.state.lock().unwrap().recovery.current = Some((made.signed, made.set));
    }
}

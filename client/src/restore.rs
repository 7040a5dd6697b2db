//! Wallets on a new device: backups are opened, the shares kept, and the enclave is shown that they
//! are at hand. Each step is durable, so what was interrupted is taken up where it stopped.

use crate::ceremony::SignedIn;
use crate::ceremony::binding::DEVICE;
use crate::clock::now_unix_s;
use crate::home::{BackupMark, HeldPreparation, HeldWallet, Holding, PreparationOrigin};
use crate::progress::Step;
use crate::recovery::UnlockedRecovery;
use crate::{Error, Result};
use rand_core::OsRng;
use sharekeep_channel::encapsulation::PopValue;
use sharekeep_mpc::{KeyShare, PossessionBinding, Preparation};
use sharekeep_recovery::UserBackup;
use sharekeep_schemas::http::WalletView;
use sharekeep_schemas::limits::MAX_WALLETS_PER_RESTORE;
use sharekeep_schemas::sealed::{
    PreparedHalf, Restore, Restored, RestoredStatus, RestoredWallet, SealedBackup, VERSION,
};
use sharekeep_schemas::{
    DeviceId, PreparationId, PreparationScope, ProblemCode, Protocol, WalletId, WalletStatus,
};
use sharekeep_steps::DurableStep;
use std::collections::{BTreeMap, BTreeSet};

/// What all cggmp24 wallets of this device share.
const PAIR: PreparationScope = PreparationScope::Pair(Protocol::Cggmp24);

/// What came of one wallet.
#[derive(Debug)]
pub enum WalletOutcome {
    /// This device signs with it.
    Restored {
        /// Whether it signs at once, with no preparation to be made first.
        prepared: bool,
    },
    /// This device had it already.
    Held,
    /// The service says that it has no backup: its share is on another device or nowhere.
    NoBackup,
    /// It could not be restored; another try may go better.
    Failed(Error),
}

/// What a restore brought.
#[derive(Debug, Default)]
pub struct RestoreReport {
    /// Every wallet that is listed, has a backup or is known to this device from one.
    pub wallets: BTreeMap<WalletId, WalletOutcome>,
}

impl RestoreReport {
    /// Whether every wallet is on this device now. No wallet is made without a backup, so one that
    /// has none is not as it must be either.
    pub fn is_complete(&self) -> bool {
        let back = |outcome: &WalletOutcome| {
            matches!(outcome, WalletOutcome::Restored { .. } | WalletOutcome::Held)
        };
        self.wallets.values().all(back)
    }
}

impl SignedIn<'_> {
    /// Restores all wallets of the user on this device. Devices declared lost are revoked in the
    /// same transaction. It may be repeated at any time.
    ///
    /// # Errors
    /// [`Error::Usage`] if this very device is declared lost, [`Error::Refused`] and others that
    /// concern all wallets; what concerns one is in the report.
    pub async fn restore(
        &self,
        unlocked: &UnlockedRecovery,
        lost: &[DeviceId],
    ) -> Result<RestoreReport> {
        let lost: BTreeSet<_> = lost.iter().copied().collect();
        if lost.contains(&self.home().device().id()) {
            return Err(Error::Usage("the device that restores cannot be lost".to_owned()));
        }
        let lost: Vec<_> = lost.into_iter().collect();
        let views = self.client().list_wallets(self.session()).await?;
        let backups = self.client().list_backups(self.session()).await?;
        let backed: BTreeSet<_> = backups.iter().map(|backup| backup.wallet_id).collect();
        let wanted = self.wanted(&views, &backed)?;
        let mut report = RestoreReport::default();
        let mut fetched = Vec::new();
        for (number, id) in wanted.iter().copied().enumerate() {
            self.progress()
                .report(Step::Restoring { done: number as u32, of: wanted.len() as u32 });
            let held = self.home().wallet(id)?;
            let held = held.is_some_and(|wallet| wallet.holding == Holding::Registered);
            let created = views.iter().find(|view| view.wallet_id == id);
            let created = created.map_or_else(now_unix_s, |view| view.created_at_unix_s);
            let found = match held {
                true if backed.contains(&id) => Ok(None),
                true => self.open_backup(id).await.map(|_| None),
                false => self.fetch(unlocked, id, created).await.map(Some),
            };
            let outcome = match found {
                Ok(Some(wallet)) => {
                    fetched.push(wallet);
                    continue;
                }
                Ok(None) => WalletOutcome::Held,
                Err(error) if error.code() == Some(ProblemCode::NotFound) => {
                    WalletOutcome::NoBackup
                }
                Err(error) => WalletOutcome::Failed(error),
            };
            report.wallets.insert(id, outcome);
        }
        self.take_all_over(unlocked, fetched, &lost, &mut report).await?;
        // The backups name the device that made the preparation, which may be gone now.
        self.refresh_backups_soon().await;
        Ok(report)
    }

    /// The wallets to look for. A listing can leave some out; what the other one shows, or this
    /// device knows from a backup, it cannot.
    fn wanted(
        &self,
        views: &[WalletView],
        backed: &BTreeSet<WalletId>,
    ) -> Result<BTreeSet<WalletId>> {
        let gone = |view: &WalletView| {
            matches!(view.status, WalletStatus::Archived | WalletStatus::Pending)
        };
        let mut wanted = backed.clone();
        wanted.extend(views.iter().filter(|view| !gone(view)).map(|view| view.wallet_id));
        let mut known = self.home().wallets()?;
        known.retain(|wallet| wallet.holding != Holding::Registered);
        wanted.extend(known.iter().map(|wallet| wallet.id));
        Ok(wanted)
    }

    /// Fetches one backup, opens it and keeps the share.
    async fn fetch(
        &self,
        unlocked: &UnlockedRecovery,
        id: WalletId,
        created_at_unix_s: u64,
    ) -> Result<HeldWallet> {
        let stored = self.open_backup(id).await?;
        let content = self.unseal_backup(&unlocked.unlocked.keys, &stored)?;
        let pins = self.client().pins().ok_or(Error::Pinned("no enclave was attested yet"))?;
        if content.statement_key != pins.statement_key {
            return Err(Error::Pinned("its statement key is not the one the backup names"));
        }
        let preparation = content.preparation.as_ref().map(|half| (half.id, half.device));
        let mark = BackupMark::new(&stored, preparation);
        let prepared_by = self.keep_preparation(&content)?;
        let holding = Holding::Restoring { prepared_by };
        let wallet = opened_wallet(&stored, &content, created_at_unix_s, holding, Some(mark))?;
        self.home().store_restored(wallet, DurableStep::WalletFetched)
    }

    /// Keeps the half of a pair's preparation, if this device has none. Whose it is, the enclave
    /// must be told.
    fn keep_preparation(&self, content: &UserBackup) -> Result<Option<DeviceId>> {
        let Some(backed) = &content.preparation else { return Ok(None) };
        let PreparationScope::Pair(protocol) = backed.scope else { return Ok(None) };
        if let Some(held) = self.home().preparation(backed.scope)? {
            return Ok((held.id == backed.id).then_some(backed.device));
        }
        let half =
            Preparation::from_sealed_bytes(protocol, &backed.half.0).map_err(Error::Fault)?;
        let held = HeldPreparation {
            id: backed.id,
            scope: backed.scope,
            created_at_unix_s: now_unix_s(),
            origin: PreparationOrigin::Backup,
            half,
        };
        self.home().store_preparation(&held, DurableStep::PreparationFetched)?;
        Ok(Some(backed.device))
    }

    async fn take_all_over(
        &self,
        unlocked: &UnlockedRecovery,
        mut wallets: Vec<HeldWallet>,
        lost: &[DeviceId],
        report: &mut RestoreReport,
    ) -> Result<()> {
        let brought = |wallet: &HeldWallet| {
            matches!(wallet.holding, Holding::Restoring { prepared_by: Some(_) })
        };
        let brought: Vec<_> = wallets.iter().map(brought).collect();
        let mut results = Vec::with_capacity(wallets.len());
        for batch in wallets.chunks_mut(MAX_WALLETS_PER_RESTORE) {
            results.extend(match self.take_over_batch(unlocked, batch, lost).await {
                Ok(results) => results,
                Err(error) if batch.len() == 1 => vec![Err(error)],
                // One that is refused must not keep the others out.
                Err(_) => self.take_over_singly(unlocked, batch, lost).await,
            });
        }
        // A lost device is revoked with the wallets; where none came back, without them. Nor does it
        // take one for the enclave to know that this device has shown a factor.
        if !results.iter().any(Result::is_ok) {
            let shown = self.take_over_batch(unlocked, &mut [], lost).await;
            if results.is_empty() || !lost.is_empty() {
                shown?;
            }
        }
        // Where the enclave says that it lacks its half of the one that came along, this half is
        // worth nothing. A refusal says nothing: anybody on the way can make one.
        let said = |prepared: bool| {
            let mut answers = results.iter().zip(&brought);
            answers.any(|(result, brought)| *brought && matches!(result, Ok(it) if *it == prepared))
        };
        if said(false) && !said(true) {
            self.home().forget_preparation(PAIR, DurableStep::PreparationForgotten)?;
        }
        for (wallet, result) in wallets.iter().zip(results) {
            let outcome = match result {
                Ok(_) => WalletOutcome::Restored { prepared: self.is_prepared(wallet).await },
                Err(error) => WalletOutcome::Failed(error),
            };
            report.wallets.insert(wallet.id, outcome);
        }
        Ok(())
    }

    async fn take_over_singly(
        &self,
        unlocked: &UnlockedRecovery,
        batch: &mut [HeldWallet],
        lost: &[DeviceId],
    ) -> Vec<Result<bool>> {
        let mut results = Vec::with_capacity(batch.len());
        for wallet in batch {
            let one = std::slice::from_mut(wallet);
            let result = self.take_over_batch(unlocked, one, lost).await;
            results.push(result.and_then(|mut one| {
                one.pop().unwrap_or(Err(Error::Disagreement("restored wallets")))
            }));
        }
        results
    }

    /// One transaction. Says for each wallet whether the server's half of the preparation came along.
    async fn take_over_batch(
        &self,
        unlocked: &UnlockedRecovery,
        wallets: &mut [HeldWallet],
        lost: &[DeviceId],
    ) -> Result<Vec<Result<bool>>> {
        let (client, session) = (self.client(), self.session());
        let (keys, device) = (&unlocked.unlocked.keys, self.home().device().id());
        let half = self.home().preparation(PAIR)?.map(|held| held.id);
        let held = &*wallets;
        let payload = &|pop: &PopValue| Restore {
            version: VERSION,
            // A share that is not this party's proves nothing; the answer will lack its wallet.
            wallets: held.iter().filter_map(|wallet| proof(wallet, half, pop)).collect(),
            lost: lost.to_vec(),
            unlock: keys.unlock_device(self.tenant(), self.user_id(), device, pop).to_vec(),
        };
        let restored: Restored = client
            .with_enclave(|enclave| async move {
                let sealed = client.seal(&enclave, &session.key, "/v1/restore", payload, |r| {
                    serde_json::to_vec(&r)
                })?;
                client.post(&session.key, &sealed).await
            })
            .await?;
        if restored.wallets.len() != wallets.len() {
            return Err(Error::Disagreement("restored wallets"));
        }
        let each = wallets.iter_mut().zip(&restored.wallets);
        Ok(each.map(|(wallet, status)| self.register_restored(wallet, status)).collect())
    }

    /// Believes the takeover by its receipt.
    fn register_restored(&self, wallet: &mut HeldWallet, status: &RestoredStatus) -> Result<bool> {
        if status.wallet != wallet.id {
            return Err(Error::Disagreement("restored wallets"));
        }
        let held = wallet.receipt.as_ref();
        let checked = self.client().check_receipt(wallet.id, &status.receipt, held)?;
        if checked.status != status.status || checked.epoch != wallet.epoch {
            return Err(Error::Disagreement("wallet's state"));
        }
        (wallet.status, wallet.receipt) = (checked.status, Some(checked.signed));
        wallet.holding = Holding::Registered;
        self.home().store_wallet(wallet, DurableStep::WalletTakenOver)?;
        Ok(status.prepared)
    }

    /// Whether a restored wallet signs at once. What a dkls23 wallet needs is made now; a pair's
    /// preparation that did not come along is made before the next signature.
    async fn is_prepared(&self, wallet: &HeldWallet) -> bool {
        match wallet.protocol {
            Protocol::Frost => true,
            Protocol::Cggmp24 => self.home().has_preparation(PAIR),
            // The wallet is restored all the same.
            Protocol::Dkls23 if wallet.status == WalletStatus::Active => {
                self.prepare_wallet(wallet).await.is_ok()
            }
            Protocol::Dkls23 => false,
        }
    }
}

fn proof(
    wallet: &HeldWallet,
    half: Option<PreparationId>,
    pop: &PopValue,
) -> Option<RestoredWallet> {
    let prepared_by = match wallet.holding {
        Holding::Restoring { prepared_by } => prepared_by,
        Holding::Registered | Holding::Offline => None,
    };
    let prepared = half.zip(prepared_by).map(|(id, device)| PreparedHalf { id, device });
    let binding = PossessionBinding {
        wallet: wallet.id.as_bytes(),
        epoch: wallet.epoch,
        party: DEVICE,
        nonce: pop.as_bytes(),
    };
    let proof = wallet.share().prove_possession(&binding, &mut OsRng).ok()?;
    let proof = proof.as_bytes().to_vec();
    Some(RestoredWallet { wallet: wallet.id, epoch: wallet.epoch, proof, prepared })
}

/// A wallet as an opened backup gives it.
pub(crate) fn opened_wallet(
    stored: &SealedBackup,
    content: &UserBackup,
    created_at_unix_s: u64,
    holding: Holding,
    backup: Option<BackupMark>,
) -> Result<HeldWallet> {
    let share = KeyShare::from_sealed_bytes(&content.share.0).map_err(Error::Fault)?;
    if share.party() != DEVICE || !content.protocol.supports(share.scheme()) {
        return Err(Error::Backup("it holds another party's share"));
    }
    Ok(HeldWallet {
        id: stored.wallet,
        name: content.name.clone(),
        protocol: content.protocol,
        epoch: stored.epoch,
        status: WalletStatus::Pending,
        created_at_unix_s,
        receipt: None,
        holding,
        backup,
        offered: None,
        share,
    })
}

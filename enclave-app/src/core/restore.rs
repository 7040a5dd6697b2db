//! A device takes wallets over whose shares it holds again.

use super::authenticate::Caller;
use super::device::{Devices, Noted};
use super::encapsulated::Envelope;
use super::memory::Locked;
use super::records::unfit;
use super::stop::{Done, Refusal, Stop};
use super::wallet::Loaded;
use super::write::{Content, delete, unchanged};
use super::{Request, lock};
use crate::record::PreparationRecord;
use serde_bytes::ByteBuf;
use sharekeep_mpc::{PartyIndex, PossessionBinding, PossessionProof};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::limits::{
    MAX_DEVICES_PER_USER, MAX_WALLETS_PER_RESTORE, MAX_WRITES_PER_COMMIT,
};
use sharekeep_schemas::sealed::{PreparedHalf, Restore, Restored, RestoredStatus, RestoredWallet};
use sharekeep_schemas::{
    DeviceId, EventKind, PreparationScope, ProblemCode, Protocol, Scope, WalletStatus,
};
use std::collections::BTreeSet;

/// The client's index in every wallet of this version.
const DEVICE: PartyIndex = PartyIndex(0);

/// Devices that may be looked up one by one: revoked ones that held the wallets or were lost before.
/// All queries together must fit one call.
const MAX_UNLISTED: usize = 32;

impl Request<'_> {
    /// Takes wallets over to the session's device, and revokes those that the user declares lost, in
    /// one transaction. With neither it notes that the device has shown a factor. Two proofs are needed: of the recovery key, that a factor was unlocked, and
    /// of each share. A thief with an old device has the shares and not the factors; a thief with a
    /// factor file has no session.
    pub(in crate::core) fn restore(&self) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let payload: Restore = envelope.payload()?;
        let lost = check_shape(&caller, &payload)?;
        let user = caller.session.user;
        self.records.require(&self.restore_queries(&caller, &payload))?;

        let current = self.recovery(&caller)?.ok_or_else(|| {
            Refusal::saying(ProblemCode::BackupMissing, "recovery was never set up")
        })?;
        let session = &caller.session;
        current
            .record
            .set
            .recovery
            .check_unlock(&session.tenant, &user, session.device, &envelope.pop, &payload.unlock)
            .map_err(|_| ProblemCode::PossessionInvalid)?;
        let mut proved = Vec::with_capacity(payload.wallets.len());
        for wallet in &payload.wallets {
            proved.push((self.proved(&caller, &envelope, wallet)?, wallet.prepared));
        }
        let holders = proved.iter().flat_map(|(loaded, _)| &loaded.record.devices);
        let devices = self.devices_named(&caller, lost.iter().chain(holders))?;
        let noted = self.note_proved(&caller, current.record.id, &lost)?;
        let happened = match &noted {
            _ if !payload.wallets.is_empty() => Some(EventKind::WalletsRestored),
            Noted::Now(_) => Some(EventKind::RecoveryUnlocked),
            Noted::Before(_) => None,
        };
        let mut writes = match noted {
            Noted::Before(own) => vec![unchanged(RecordKey::Recovery(user), current.version), own],
            Noted::Now(own) => vec![self.touch_recovery(&caller, &current)?, own],
        };
        let mut restored = Vec::with_capacity(proved.len());
        let prepared = self.take_preparations(&caller, &payload, &lost, &mut writes)?;
        for (loaded, named) in proved {
            let named = named.filter(|_| loaded.record.protocol == Protocol::Cggmp24);
            let prepared = named.is_some() && named == prepared;
            restored.push(self.take_over(
                &caller,
                loaded,
                &devices,
                &lost,
                prepared,
                &mut writes,
            )?);
        }
        let (sessions, ended) = self.sessions_on(&caller, &lost)?;
        writes.extend(ended);
        let before = writes.len();
        for device in &lost {
            match devices.get(device) {
                Some(loaded) if loaded.record.revoked_at_unix_s.is_some() => {}
                Some(loaded) => {
                    writes.push(self.write_revoked(&caller.vault, user, *device, loaded)?);
                }
                None => writes.push(self.write_barred(&caller.vault, user, *device)?),
            }
        }
        if writes.len() > before {
            writes.push(self.event(user, session.device, EventKind::DeviceRevoked));
        }
        writes.extend(happened.map(|kind| self.event(user, session.device, kind)));
        if writes.len() > MAX_WRITES_PER_COMMIT {
            return Err(ProblemCode::TooMany.into());
        }
        // Memory first: what is lost is lost, committed or not.
        let mut memory = lock(&self.core.memory);
        for session in sessions {
            memory.revoke(session, self.now)?;
        }
        for device in lost {
            memory.revoke_device(user, device);
        }
        drop(memory);
        let body = envelope.answer(self.core, &Restored { wallets: restored })?;
        Ok(Done { body, writes })
    }

    fn restore_queries(&self, caller: &Caller, payload: &Restore) -> Vec<RecordQuery> {
        let user = caller.session.user;
        let mut queries = vec![
            RecordQuery::One(RecordKey::Recovery(user)),
            RecordQuery::DevicesOf(user),
            RecordQuery::SessionsOf(user),
        ];
        queries.extend(self.deployment_queries());
        let wallets = payload.wallets.iter().map(|restored| restored.wallet);
        queries.extend(wallets.map(|wallet| RecordQuery::One(RecordKey::Wallet { user, wallet })));
        if let Some(named) = named_preparation(payload) {
            let keys = BTreeSet::from([named.device, caller.session.device]);
            queries.extend(keys.into_iter().map(|id| RecordQuery::One(pair_key(caller, id))));
        }
        queries
    }

    /// The devices that are not revoked, and those named that are: a list has the former only.
    fn devices_named<'a>(
        &self,
        caller: &Caller,
        named: impl Iterator<Item = &'a DeviceId>,
    ) -> Result<Devices, Stop> {
        let user = caller.session.user;
        let mut devices = self.living_devices(&caller.vault, user)?;
        let unlisted: BTreeSet<_> = named.filter(|id| !devices.contains_key(id)).copied().collect();
        if unlisted.len() > MAX_UNLISTED {
            let detail = "restore fewer wallets at once";
            return Err(Refusal::saying(ProblemCode::TooMany, detail).into());
        }
        let queries: Vec<_> = unlisted
            .iter()
            .map(|device| RecordQuery::One(RecordKey::Device { user, device: *device }))
            .collect();
        self.records.require(&queries)?;
        for device in unlisted {
            if let Some(loaded) = self.device(&caller.vault, user, device)? {
                devices.insert(device, loaded);
            }
        }
        Ok(devices)
    }

    /// The wallet, if the proof shows that the device knows party 0's share of it. The proof is
    /// bound to this one encapsulation.
    fn proved(
        &self,
        caller: &Caller,
        envelope: &Envelope,
        restored: &RestoredWallet,
    ) -> Result<Loaded, Stop> {
        let loaded = self.wallet(caller, restored.wallet)?;
        // A pending wallet has no backup that it could come from.
        if loaded.record.status == WalletStatus::Pending {
            return Err(ProblemCode::BackupMissing.into());
        }
        if loaded.record.epoch != restored.epoch {
            return Err(ProblemCode::BackupStale.into());
        }
        let binding = PossessionBinding {
            wallet: restored.wallet.as_bytes(),
            epoch: restored.epoch,
            party: DEVICE,
            nonce: envelope.pop.as_bytes(),
        };
        let invalid = ProblemCode::PossessionInvalid;
        let proof = PossessionProof::from_bytes(&restored.proof).map_err(|_| invalid)?;
        loaded.record.share.verify_possession(&binding, &proof).map_err(|_| invalid)?;
        Ok(loaded)
    }

    /// Writes the wallet with this device among its holders and without the lost ones; what it has
    /// already is not written again.
    fn take_over(
        &self,
        caller: &Caller,
        mut wallet: Loaded,
        devices: &Devices,
        lost: &BTreeSet<DeviceId>,
        prepared: bool,
        writes: &mut Vec<Write>,
    ) -> Result<RestoredStatus, Stop> {
        let living = |device: &DeviceId| {
            let record = devices.get(device).map(|device| &device.record);
            // One that is not found stays: hiding a device must not take its wallets from it.
            !lost.contains(device) && record.is_none_or(|r| r.revoked_at_unix_s.is_none())
        };
        let mut holders: BTreeSet<_> =
            wallet.record.devices.iter().copied().filter(living).collect();
        holders.insert(caller.session.device);
        if holders.len() > MAX_DEVICES_PER_USER {
            return Err(ProblemCode::TooMany.into());
        }
        let mut version = wallet.stored;
        if holders != wallet.record.devices {
            wallet.record.devices = holders;
            version = wallet.next;
            writes.push(self.changed_wallet(caller, &wallet)?);
        }
        let keys = self.deployment_keys()?;
        let tenant = &caller.session.tenant;
        let receipt = self.core.receipt(&keys, tenant, &wallet.record, version, self.now)?;
        Ok(RestoredStatus {
            wallet: wallet.record.wallet,
            status: wallet.status,
            prepared,
            receipt: ByteBuf::from(receipt),
        })
    }

    /// Takes the server's half of a pair's preparation over: the first one that the backups name.
    /// Says which one this device has now. What this device prepared itself stays, and what a failed
    /// proof locked is not taken along.
    fn take_preparations(
        &self,
        caller: &Caller,
        payload: &Restore,
        lost: &BTreeSet<DeviceId>,
        writes: &mut Vec<Write>,
    ) -> Result<Option<PreparedHalf>, Stop> {
        let user = caller.session.user;
        let mine = caller.session.device;
        let Some(named) = named_preparation(payload) else { return Ok(None) };
        let from = named.device;
        let held = self.pair(caller, mine)?;
        let Some((source, version)) = self.pair(caller, from)? else {
            // Gone from where it was: a repeated restore finds it at this device.
            let held = held.filter(|(record, _)| record.id == named.id && !record.is_locked());
            return Ok(held.map(|_| named));
        };
        let locked = lock(&self.core.memory).is_locked(user, Locked::Pair(from, Protocol::Cggmp24));
        // The other device made a newer one since: its half is in no backup.
        if locked || source.is_locked() || source.id != named.id {
            return Ok(None);
        }
        if from == mine {
            return Ok(Some(named));
        }
        if lost.contains(&from) {
            writes.push(delete(pair_key(caller, from), version));
        }
        match held {
            Some((held, _)) => Ok((held.id == source.id).then_some(named)),
            None => {
                let plaintext = source.encode();
                let content = Content::lasting(&plaintext, Row::Empty);
                writes.push(self.put(caller, pair_key(caller, mine), None, content)?);
                Ok(Some(named))
            }
        }
    }

    fn pair(
        &self,
        caller: &Caller,
        device: DeviceId,
    ) -> Result<Option<(PreparationRecord, u64)>, Stop> {
        let Some(opened) = self.opened(caller, &pair_key(caller, device))? else {
            return Ok(None);
        };
        let record = PreparationRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        Ok(Some((record, opened.version.record_version)))
    }
}

/// The first preparation that the backups name.
fn named_preparation(payload: &Restore) -> Option<PreparedHalf> {
    payload.wallets.iter().find_map(|wallet| wallet.prepared)
}

fn pair_key(caller: &Caller, device: DeviceId) -> RecordKey {
    let scope = PreparationScope::Pair(Protocol::Cggmp24);
    RecordKey::Preparation { user: caller.session.user, device, scope }
}

/// The lost devices, if the request is of a shape that can be decided.
fn check_shape(caller: &Caller, payload: &Restore) -> Result<BTreeSet<DeviceId>, Stop> {
    if payload.wallets.len() > MAX_WALLETS_PER_RESTORE || payload.lost.len() > MAX_DEVICES_PER_USER
    {
        return Err(ProblemCode::TooMany.into());
    }
    let lost: BTreeSet<_> = payload.lost.iter().copied().collect();
    let wallets: BTreeSet<_> = payload.wallets.iter().map(|wallet| wallet.wallet).collect();
    if lost.len() != payload.lost.len() || wallets.len() != payload.wallets.len() {
        return Err(ProblemCode::MalformedRequest.into());
    }
    if lost.contains(&caller.session.device) {
        let detail = "the device that restores cannot be lost";
        return Err(Refusal::saying(ProblemCode::MalformedRequest, detail).into());
    }
    Ok(lost)
}

//! The service's side of recovery, as far as the SDK's tests need it.

use super::{State, read, write};
use rand_core::OsRng;
use serde_bytes::ByteBuf;
use sharekeep_channel::encapsulation::PopValue;
use sharekeep_channel::receipt::WalletStatus as Status;
use sharekeep_mpc::{PartyIndex, PossessionBinding, PossessionProof};
use sharekeep_recovery::factor_set::{Change, NewFactor, SignedFactorSet, Waiver};
use sharekeep_recovery::passcode::{
    PasscodeBinding, PasscodeServer, PendingLogin, RegisteredPasscode, Stretching,
};
use sharekeep_recovery::{FactorSecret, FactorSet, RecoveryCode, RecoverySeed};
use sharekeep_schemas::http::{BackupView, Base64Url, FactorView, WalletView};
use sharekeep_schemas::sealed::{
    ActivateWallet, BackupOpened, BackupStored, ChangeFactors, FactorsChanged, FinishGuess,
    GuessFinished, GuessStarted, OpenWrap, PasscodeRegistered, PutBackup, RecoveryOpened,
    RegisterPasscode, Restore, Restored, RestoredStatus, SealedBackup, StartGuess,
};
use sharekeep_schemas::{
    DeviceId, FactorId, FactorKind, ProblemCode, Protocol, TenantId, UserId, WalletId, WalletStatus,
};
use std::collections::{BTreeMap, HashMap};

pub(super) type Answer = Result<Vec<u8>, ProblemCode>;

#[derive(Default)]
pub(super) struct Recovery {
    pub(super) current: Option<(SignedFactorSet, FactorSet)>,
    pub(super) wraps: BTreeMap<FactorId, (FactorKind, Vec<u8>)>,
    guess_limits: HashMap<FactorId, u8>,
    servers: HashMap<FactorId, PasscodeServer>,
    registered: HashMap<FactorId, RegisteredPasscode>,
    pending: Option<PendingLogin>,
    pub(super) backups: BTreeMap<WalletId, SealedBackup>,
    pub(super) lost: Vec<DeviceId>,
}

const USER: UserId = UserId::new([1; 32]);

fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

/// A user's recovery with one recovery code that nobody knows.
pub(super) fn first_recovery() -> Change {
    let (tenant, user) = (tenant(), USER);
    let code = RecoveryCode::generate(&mut OsRng);
    let keys = FactorSecret::recovery_code(&code).keys(&tenant, &user, FactorId::new([2; 16]));
    let new = [NewFactor { keys: &keys, label: None }];
    let seed = RecoverySeed::generate(&mut OsRng);
    FactorSet::first(&tenant, &user, &seed, &new, Waiver::NotGiven, &mut OsRng).unwrap()
}

fn binding(tenant: &TenantId, factor: FactorId) -> PasscodeBinding<'_> {
    PasscodeBinding { tenant, user: &USER, factor, stretching: Stretching::default() }
}

impl State {
    pub(super) fn handle_recovery(
        &mut self,
        parts: &[&str],
        payload: &[u8],
        pop: &PopValue,
    ) -> Answer {
        let tenant = tenant();
        let recovery = &mut self.recovery;
        match *parts {
            ["recovery", "open"] => {
                let signed = recovery.current.iter().map(|(signed, _)| signed);
                let open = |kind: FactorKind| {
                    matches!(kind, FactorKind::RecoveryCode | FactorKind::ExportFile)
                };
                let wraps = recovery.wraps.iter().filter(|(_, (kind, _))| open(*kind));
                Ok(write(&RecoveryOpened {
                    statements: signed.map(|it| ByteBuf::from(it.to_bytes())).collect(),
                    wraps: wraps
                        .map(|(factor, (kind, wrapped))| OpenWrap {
                            factor: *factor,
                            kind: *kind,
                            wrapped_seed: wrapped.clone(),
                        })
                        .collect(),
                }))
            }
            ["recovery", "factors"] => recovery.change(read(payload)).map(|done| write(&done)),
            ["factors", factor, "register"] => {
                let (factor, request): (FactorId, RegisterPasscode) =
                    (factor.parse().unwrap(), read(payload));
                let server = PasscodeServer::generate(&mut OsRng);
                let response =
                    server.register(&request.request, &binding(&tenant, factor)).unwrap();
                recovery.servers.insert(factor, server);
                Ok(write(&PasscodeRegistered { response: response.to_vec() }))
            }
            ["factors", factor, "guess"] => {
                let (factor, request): (FactorId, StartGuess) =
                    (factor.parse().unwrap(), read(payload));
                let server = &recovery.servers[&factor];
                let registered = recovery.registered.get(&factor);
                let binding = binding(&tenant, factor);
                let (pending, ke2) =
                    server.respond(registered, &binding, &request.ke1, &mut OsRng).unwrap();
                recovery.pending = Some(pending);
                let limit = recovery.guess_limits.get(&factor).copied().unwrap_or(10);
                let (guesses_left, next_guess_unix_s) = (u32::from(limit) - 1, 0);
                Ok(write(&GuessStarted { ke2: ke2.to_vec(), guesses_left, next_guess_unix_s }))
            }
            ["factors", factor, "guess", "finish"] => {
                let (factor, request): (FactorId, FinishGuess) =
                    (factor.parse().unwrap(), read(payload));
                let pending = recovery.pending.take().ok_or(ProblemCode::GuessRefused)?;
                pending.finish(&request.ke3, &binding(&tenant, factor)).unwrap();
                let wrapped_seed = recovery.wraps[&factor].1.clone();
                Ok(write(&GuessFinished { wrapped_seed }))
            }
            ["wallets", wallet, "backup", "open"] => {
                let wallet = wallet.parse().unwrap();
                let backup = recovery.backups.get(&wallet).ok_or(ProblemCode::NotFound)?.clone();
                Ok(write(&BackupOpened { backup }))
            }
            ["wallets", _, "backup"] => {
                let backup = read::<PutBackup>(payload).backup;
                let generation = recovery.current.as_ref().unwrap().1.recovery.generation;
                let stored = recovery.backups.get_mut(&backup.wallet).unwrap();
                if (backup.version, backup.generation) != (stored.version + 1, generation) {
                    return Err(ProblemCode::BackupStale);
                }
                *stored = backup;
                Ok(write(&BackupStored { version: stored.version }))
            }
            ["restore"] => self.restore(read(payload), pop),
            _ => panic!("{parts:?}"),
        }
    }

    /// As the enclave decides it: the same again is well, another backup is not.
    pub(super) fn take_first_backup(&mut self, request: ActivateWallet) -> Result<(), ProblemCode> {
        let (backup, recovery) = (request.backup, &mut self.recovery);
        let generation = recovery.current.as_ref().unwrap().1.recovery.generation;
        match recovery.backups.get(&backup.wallet) {
            Some(stored) if *stored == backup => Ok(()),
            Some(_) => Err(ProblemCode::WalletState),
            None if (backup.version, backup.generation) != (1, generation) => {
                Err(ProblemCode::BackupStale)
            }
            None => {
                recovery.backups.insert(backup.wallet, backup);
                Ok(())
            }
        }
    }

    fn restore(&mut self, request: Restore, pop: &PopValue) -> Answer {
        let set = &self.recovery.current.as_ref().unwrap().1;
        // The fake has no sessions; the device is whichever signed.
        let devices = self.devices.clone();
        let unlocked = devices.iter().any(|device| {
            let public = &set.recovery;
            public.check_unlock(&tenant(), &USER, *device, pop, &request.unlock).is_ok()
        });
        if !unlocked {
            return Err(ProblemCode::PossessionInvalid);
        }
        let mut wallets = Vec::new();
        for restored in &request.wallets {
            let binding = PossessionBinding {
                wallet: restored.wallet.as_bytes(),
                epoch: restored.epoch,
                party: PartyIndex(0),
                nonce: pop.as_bytes(),
            };
            let proof = PossessionProof::from_bytes(&restored.proof).unwrap();
            let share = &self.shares[&restored.wallet];
            share
                .verify_possession(&binding, &proof)
                .map_err(|_| ProblemCode::PossessionInvalid)?;
            wallets.push(restored.wallet);
        }
        self.recovery.lost = request.lost;
        let wallets = wallets
            .into_iter()
            .map(|wallet| RestoredStatus {
                wallet,
                status: WalletStatus::Active,
                prepared: false,
                receipt: ByteBuf::from(self.receipt(wallet, Status::Active)),
            })
            .collect();
        Ok(write(&Restored { wallets }))
    }

    /// A listing, as the store's routing columns give it.
    pub(super) fn list(&self, path: &str) -> Option<serde_json::Value> {
        let recovery = &self.recovery;
        let items = match path {
            "/v1/wallets" => serde_json::to_value(
                self.shares
                    .iter()
                    .map(|(wallet, share)| WalletView {
                        wallet_id: *wallet,
                        scheme: share.scheme(),
                        protocol: Protocol::Frost,
                        public_key: Base64Url(share.public_key().as_bytes().to_vec()),
                        threshold: 2,
                        parties: 2,
                        epoch: 1,
                        status: WalletStatus::Active,
                        created_at_unix_s: 7,
                    })
                    .collect::<Vec<_>>(),
            ),
            "/v1/backups" => serde_json::to_value(
                recovery
                    .backups
                    .values()
                    .map(|backup| BackupView {
                        wallet_id: backup.wallet,
                        epoch: backup.epoch,
                        generation: backup.generation,
                        version: backup.version,
                        size: backup.sealed.len() as u64,
                        stored_at_unix_s: 7,
                    })
                    .collect::<Vec<_>>(),
            ),
            "/v1/factors" => serde_json::to_value(
                recovery
                    .wraps
                    .iter()
                    .map(|(factor, (kind, _))| FactorView {
                        factor_id: *factor,
                        kind: *kind,
                        added_at_unix_s: 7,
                    })
                    .collect::<Vec<_>>(),
            ),
            _ => return None,
        };
        Some(serde_json::json!({ "items": items.unwrap() }))
    }
}

impl Recovery {
    pub(super) fn of(made: Change) -> Self {
        Self { current: Some((made.signed, made.set)), ..Self::default() }
    }

    fn change(&mut self, request: ChangeFactors) -> Result<FactorsChanged, ProblemCode> {
        let signed = SignedFactorSet::from_bytes(&request.statement).unwrap();
        let refused = |_| ProblemCode::FactorsRefused;
        let set = match &self.current {
            None => signed.verify_first(&tenant(), &USER).map_err(refused)?,
            Some((stored, set)) if *stored == signed => set.clone(),
            Some((_, set)) => signed.verify_successor(set).map_err(refused)?,
        };
        let before = self.current.as_ref().map(|(_, set)| set.recovery.generation);
        if before.is_some_and(|before| before != set.recovery.generation) {
            let all = request.backups.len() == self.backups.len();
            let next = request.backups.iter().all(|backup| {
                backup.generation == set.recovery.generation
                    && backup.version == self.backups[&backup.wallet].version + 1
            });
            if !all || !next {
                return Err(ProblemCode::BackupMissing);
            }
            for backup in request.backups {
                self.backups.insert(backup.wallet, backup);
            }
        }
        for wrap in request.wraps {
            let kind = set.factor(wrap.factor).unwrap().kind;
            self.wraps.insert(wrap.factor, (kind, wrap.wrapped_seed));
            self.guess_limits.extend(wrap.guess_limit.map(|limit| (wrap.factor, limit)));
            if let Some(upload) = wrap.registration {
                let registered = RegisteredPasscode::from_upload(&upload).unwrap();
                self.registered.insert(wrap.factor, registered);
            }
        }
        self.wraps.retain(|id, _| set.factor(*id).is_some());
        let (generation, sequence) = (set.recovery.generation, set.sequence);
        self.current = Some((signed, set));
        Ok(FactorsChanged { generation, sequence })
    }
}

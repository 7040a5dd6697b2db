use super::job::{Job, Stage};
use super::locked::RecordLock;
use super::plan::{Binding, Plan, keygen_epoch};
use super::registry::State;
use super::{Meta, decode_messages, registry, scope_of};
use crate::core::authenticate::Caller;
use crate::core::encapsulated::Envelope;
use crate::core::records::unfit;
use crate::core::stop::{Done, Outcome, Refusal, Stop};
use crate::core::{Core, Request, lock};
use crate::record::PreparationRecord;
use serde_bytes::ByteBuf;
use sharekeep_mpc::Purpose;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::limits::{MAX_KEPT_WALLETS_PER_USER, MAX_WALLETS_PER_USER};
use sharekeep_schemas::sealed::{CreateWallet, StartCeremony, StartKind};
use sharekeep_schemas::{
    CeremonyKind, CeremonyState, PreparationId, ProblemCode, Protocol, Scheme, WalletId,
    WalletStatus,
};
use std::sync::Arc;

/// What the ceremonies' starts have in common.
struct Starting<'a> {
    caller: Caller,
    envelope: Envelope,
    client_nonce: &'a [u8; 32],
    messages: &'a [ByteBuf],
}

impl Request<'_> {
    /// Starts the key generation of a new wallet.
    pub(in crate::core) fn create_wallet(&self) -> Result<Outcome, Stop> {
        let caller = self.authenticate()?;
        caller.require(scope_of(CeremonyKind::Keygen))?;
        let envelope = self.open_body(&caller)?;
        let payload: CreateWallet = envelope.payload()?;
        if !payload.protocol.supports(payload.scheme) {
            return Err(ProblemCode::ProtocolUnsupported.into());
        }
        let execution = self.core.execution(&Binding {
            purpose: Purpose::Keygen,
            scheme: payload.scheme,
            protocol: payload.protocol,
            subject: payload.wallet.as_bytes(),
            epoch: keygen_epoch(),
            message: &[],
            client_nonce: &payload.client_nonce,
        })?;
        let key = RecordKey::Wallet { user: caller.session.user, wallet: payload.wallet };
        let mut queries = self.deployment_queries();
        let user = caller.session.user;
        queries.extend([
            RecordQuery::One(key.clone()),
            RecordQuery::One(RecordKey::Recovery(user)),
            RecordQuery::FactorsOf(user),
            RecordQuery::WalletsOf(user),
        ]);
        self.records.require(&queries)?;
        let meta = Meta {
            wallet: Some(payload.wallet),
            ..self.meta(&caller, execution, CeremonyKind::Keygen, payload.scheme, payload.protocol)
        };
        if let Some(done) = self.repeated(&caller, &meta, 1, &envelope.digest)? {
            return Ok(Outcome::Done(done));
        }
        if self.records.one(&key)?.is_some() {
            return Err(ProblemCode::WalletState.into());
        }
        self.refuse_unrecoverable(&caller)?;
        // The receipt at the end needs them; now is when they can be asked for.
        self.deployment_keys()?;
        let (client_nonce, messages) = (&payload.client_nonce, &payload.messages[..]);
        let starting = Starting { caller, envelope, client_nonce, messages };
        self.begin(starting, meta, Plan::Keygen { scheme: payload.scheme })
    }

    /// Refuses a wallet more where there is nothing to back it up to, or too many to back up anew in
    /// one transaction.
    fn refuse_unrecoverable(&self, caller: &Caller) -> Result<(), Stop> {
        let current = self.usable_recovery(caller)?;
        // Wallets of whoever has only a token would fill the user's places, and their backups, which
        // nobody can open, would keep the recovery key from ever being changed.
        self.require_proved(caller, Some(&current))?;
        let heads = self.wallet_heads(caller)?;
        let kept = heads.values().filter(|head| head.status != WalletStatus::Archived).count();
        if heads.len() >= MAX_KEPT_WALLETS_PER_USER {
            return Err(ProblemCode::TooMany.into());
        }
        if kept < MAX_WALLETS_PER_USER {
            return Ok(());
        }
        Err(Refusal::saying(ProblemCode::TooMany, "archive a wallet first").into())
    }

    /// Starts a preparation or a signature.
    pub(in crate::core) fn start_ceremony(&self) -> Result<Outcome, Stop> {
        let caller = self.authenticate()?;
        let envelope = self.open_body(&caller)?;
        let payload: StartCeremony = envelope.payload()?;
        let (client_nonce, messages) = (&payload.client_nonce, &payload.messages[..]);
        let starting = Starting { caller, envelope, client_nonce, messages };
        match &payload.kind {
            StartKind::Prepare { protocol, wallet } => {
                starting.caller.require(scope_of(CeremonyKind::Prepare))?;
                self.start_preparation(starting, *protocol, *wallet)
            }
            StartKind::Sign { wallet, epoch, preparation, message } => {
                starting.caller.require(scope_of(CeremonyKind::Sign))?;
                self.start_signature(starting, *wallet, *epoch, *preparation, message)
            }
        }
    }

    fn start_preparation(
        &self,
        starting: Starting<'_>,
        protocol: Protocol,
        wallet: Option<WalletId>,
    ) -> Result<Outcome, Stop> {
        let session = &starting.caller.session;
        let scope = protocol.preparation_scope(wallet).ok_or(ProblemCode::ProtocolUnsupported)?;
        let user = session.user;
        let key = RecordKey::Preparation { user, device: session.device, scope };
        let mut queries = vec![RecordQuery::One(key.clone())];
        let wallet = wallet.filter(|_| protocol == Protocol::Dkls23);
        queries.push(RecordQuery::One(RecordKey::Recovery(user)));
        queries.extend(wallet.map(|id| RecordQuery::One(RecordKey::Wallet { user, wallet: id })));
        self.records.require(&queries)?;
        // A token alone must not lock pairs by false proofs, nor use the user's primes up.
        let current = self.recovery(&starting.caller)?;
        self.require_proved(&starting.caller, current.as_ref())?;
        let mut loaded = match wallet {
            Some(id) => Some(self.wallet(&starting.caller, id)?),
            None => None,
        };
        loaded.as_ref().map_or(Ok(()), |wallet| wallet.require_device(&starting.caller))?;
        let scheme = loaded.as_ref().map_or(Scheme::EcdsaSecp256k1, |wallet| wallet.record.scheme);
        if loaded.as_ref().is_some_and(|wallet| wallet.record.protocol != protocol) {
            return Err(ProblemCode::ProtocolUnsupported.into());
        }
        let device = session.device;
        let execution = self.core.execution(&Binding {
            purpose: Purpose::Prepare,
            scheme,
            protocol,
            subject: wallet.as_ref().map_or(device.as_bytes().as_slice(), |id| id.as_bytes()),
            epoch: loaded.as_ref().map_or(0, |wallet| wallet.record.epoch),
            message: &[],
            client_nonce: starting.client_nonce,
        })?;
        let held = match self.records.one(&key)? {
            Some(sealed) => {
                let opened = self.open(&starting.caller.vault, user.as_bytes(), &key, sealed)?;
                let record = PreparationRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
                Some((record, opened.version.record_version))
            }
            None => None,
        };
        let held = held.as_ref().map(|(record, version)| (record, *version));
        let meta = Meta {
            wallet,
            replaces: held.map(|(_, version)| version),
            ..self.meta(&starting.caller, execution, CeremonyKind::Prepare, scheme, protocol)
        };
        if let Some(done) = self.repeated(&starting.caller, &meta, 1, &starting.envelope.digest)? {
            return Ok(Outcome::Done(done));
        }
        let lock = match &mut loaded {
            Some(wallet) => self.wallet_lock(&starting.caller, wallet)?,
            None => self.pair_lock(&starting.caller, protocol, held, execution)?,
        };
        self.refuse_locked(&starting.caller, &lock)?;
        let meta = Meta { locks: lock.into_write().into_iter().collect(), ..meta };
        let share = match loaded {
            Some(wallet)
                if matches!(wallet.status, WalletStatus::Pending | WalletStatus::Active) =>
            {
                Some(wallet.record.share)
            }
            Some(_) => return Err(ProblemCode::WalletState.into()),
            // Refused before a place is taken: the search takes a while.
            None if self.core.primes.ready() == 0 => {
                return Err(self.core.primes_not_ready().into());
            }
            None => None,
        };
        self.begin(starting, meta, Plan::Prepare { share })
    }

    fn start_signature(
        &self,
        starting: Starting<'_>,
        wallet: WalletId,
        epoch: u64,
        preparation: Option<PreparationId>,
        message: &[u8],
    ) -> Result<Outcome, Stop> {
        let mut loaded = self.wallet(&starting.caller, wallet)?;
        loaded.require_device(&starting.caller)?;
        let (scheme, protocol) = (loaded.record.scheme, loaded.record.protocol);
        let execution = self.core.execution(&Binding {
            purpose: Purpose::Sign,
            scheme,
            protocol,
            subject: wallet.as_bytes(),
            epoch: loaded.record.epoch,
            message,
            client_nonce: starting.client_nonce,
        })?;
        let meta = Meta {
            wallet: Some(wallet),
            ..self.meta(&starting.caller, execution, CeremonyKind::Sign, scheme, protocol)
        };
        if let Some(done) = self.repeated(&starting.caller, &meta, 1, &starting.envelope.digest)? {
            return Ok(Outcome::Done(done));
        }
        let lock = self.wallet_lock(&starting.caller, &mut loaded)?;
        self.refuse_locked(&starting.caller, &lock)?;
        let (plan, of_pair) =
            self.signing_plan(&starting.caller, loaded, epoch, preparation, message)?;
        let locks = [Some(lock), of_pair].into_iter().flatten();
        let meta = Meta { locks: locks.filter_map(RecordLock::into_write).collect(), ..meta };
        self.begin(starting, meta, plan)
    }

    fn meta(
        &self,
        caller: &Caller,
        execution: [u8; 32],
        kind: CeremonyKind,
        scheme: Scheme,
        protocol: Protocol,
    ) -> Meta {
        Meta {
            execution,
            kind,
            tenant: caller.session.tenant.clone(),
            user: caller.session.user,
            device: caller.session.device,
            wallet: None,
            scheme,
            protocol,
            replaces: None,
            locks: Arc::default(),
            expires_at_unix_s: registry::expiry(self.now),
        }
    }

    /// Takes a place in memory and hands the first step to a worker.
    fn begin(&self, starting: Starting<'_>, meta: Meta, plan: Plan) -> Result<Outcome, Stop> {
        let messages = decode_messages(starting.messages)?;
        let bytes = plan.state_bytes(meta.protocol);
        lock(&self.core.ceremonies).reserve(meta.clone(), bytes, self.now)?;
        Ok(Outcome::Work(Box::new(Job {
            meta,
            vault: starting.caller.vault,
            digest: starting.envelope.digest,
            responder: starting.envelope.responder,
            step: 1,
            messages,
            stage: Stage::Begin(Box::new(plan)),
            now: self.now,
        })))
    }

    /// The answer that was given to this very request before, if it was: a retry runs nothing
    /// again. What was committed since need not be committed again.
    pub(super) fn repeated(
        &self,
        caller: &Caller,
        meta: &Meta,
        step: u32,
        digest: &[u8; 32],
    ) -> Result<Option<Done>, Stop> {
        let id = meta.id();
        let (done, recorded) = {
            let mut registry = lock(&self.core.ceremonies);
            let started = registry.was_started(&meta.execution, self.now);
            match registry.get(&id, self.now) {
                Some(entry) if entry.meta.user == caller.session.user => match &entry.last {
                    Some(last) if entry.step == step && last.digest == *digest => {
                        (last.done.clone(), last.recorded)
                    }
                    // The first attempt is still running.
                    None if matches!(entry.state, State::Busy) => {
                        return Err(ProblemCode::Conflict.into());
                    }
                    _ => return Err(ProblemCode::CeremonyRepeated.into()),
                },
                Some(_) => return Err(ProblemCode::CeremonyRepeated.into()),
                None if started => return Err(ProblemCode::CeremonyRepeated.into()),
                None => return Ok(None),
            }
        };
        self.without_committed(caller, id, done, recorded).map(Some)
    }

    /// Drops the writes of a repeated answer where the ceremony's record shows that they were
    /// committed. An abort makes the same version as an end: an end without its writes is not told.
    pub(super) fn without_committed(
        &self,
        caller: &Caller,
        id: sharekeep_schemas::CeremonyId,
        mut done: Done,
        recorded: Option<(u64, CeremonyState)>,
    ) -> Result<Done, Stop> {
        if let Some((version, state)) = recorded
            && let Some((record, stored)) = self.ceremony_record(caller, id)?
            && stored >= version
        {
            if state == CeremonyState::Complete && record.state != state {
                return Err(ProblemCode::CeremonyStep.into());
            }
            done.writes.clear();
        }
        Ok(done)
    }
}

impl Core {
    /// Says honestly how long the search for primes will still take.
    pub(super) fn primes_not_ready(&self) -> Refusal {
        Refusal::later(ProblemCode::PreparationNotReady, self.primes.seconds_to_next())
    }
}

use super::Current;
use crate::core::Request;
use crate::core::authenticate::Caller;
use crate::core::backup::{self, Expected};
use crate::core::device::Noted;
use crate::core::records::unfit;
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::write::{Content, delete};
use crate::record::{
    FactorLock, FactorRecord, Guessing, PasscodeDraft, PasscodeLock, RecoveryRecord,
    RegisteredFactor, needs_passcode,
};
use rand_core::RngCore;
use sharekeep_recovery::factor_set::{BrokenRule, Factor, SignedFactorSet};
use sharekeep_recovery::passcode::RegisteredPasscode;
use sharekeep_recovery::{Error, FactorSet, GuessCount, MAX_WRAPPED_SEED_BYTES, wrap_hash};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::limits::{
    MAX_FACTORS_PER_USER, MAX_WALLETS_PER_USER, MAX_WRITES_PER_COMMIT,
};
use sharekeep_schemas::sealed::{ChangeFactors, FactorWrap, FactorsChanged, SealedBackup};
use sharekeep_schemas::{EventKind, FactorId, ProblemCode, Scope, WalletId, WalletStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;

type Factors = BTreeMap<FactorId, (RegisteredFactor, u64)>;

/// A checked change.
struct Change {
    before: Option<Current>,
    statement: Vec<u8>,
    set: FactorSet,
    wraps: BTreeMap<FactorId, FactorWrap>,
}

impl Change {
    fn rotates(&self) -> bool {
        let before = self.before.as_ref().map(Current::generation);
        before.is_some_and(|generation| generation != self.set.recovery.generation)
    }

    /// The factor as it was listed before; what a listing says of it did not change since.
    fn kept(&self, factor: FactorId) -> bool {
        self.before.as_ref().is_some_and(|before| before.record.set.factor(factor).is_some())
    }
}

impl Request<'_> {
    /// Sets the factors to what the user signed, in one transaction with all that follows from it.
    pub(in crate::core) fn change_factors(&self) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let payload: ChangeFactors = envelope.payload()?;
        if payload.wraps.len() > MAX_FACTORS_PER_USER
            || payload.backups.len() > MAX_WALLETS_PER_USER
        {
            return Err(ProblemCode::TooMany.into());
        }
        let user = caller.session.user;
        let drafts = payload.wraps.iter().filter(|wrap| wrap.registration.is_some());
        let mut queries =
            vec![RecordQuery::One(RecordKey::Recovery(user)), RecordQuery::FactorsOf(user)];
        queries.extend(
            drafts.map(|wrap| {
                RecordQuery::One(RecordKey::PasscodeDraft { user, factor: wrap.factor })
            }),
        );
        // Lists have no decoys, and one may lie where a new factor goes.
        let wraps = payload.wraps.iter();
        queries.extend(
            wraps.map(|wrap| RecordQuery::One(RecordKey::Factor { user, factor: wrap.factor })),
        );
        if caller.device.record.proved.is_none() {
            queries.push(RecordQuery::DevicesOf(user));
        }
        self.records.require(&queries)?;

        let before = self.recovery(&caller)?;
        let repeated = before.as_ref().filter(|b| b.record.statement == payload.statement);
        if let Some(before) = repeated {
            // The same list again: its answer was lost.
            let set = &before.record.set;
            let (generation, sequence) = (set.recovery.generation, set.sequence);
            let body = envelope.answer(self.core, &FactorsChanged { generation, sequence })?;
            return Ok(Done { body, writes: vec![] });
        }
        let set = self.verify_statement(&caller, before.as_ref(), &payload.statement)?;
        let wraps = by_factor(payload.wraps, &set)?;
        let change = Change { before, statement: payload.statement, set, wraps };
        if change.rotates() {
            // Asked for in one round.
            self.records.require(&[RecordQuery::WalletsOf(user), RecordQuery::BackupsOf(user)])?;
        }
        let mut writes = self.factor_writes(&caller, &change)?;
        writes.extend(self.backup_writes(&caller, &change, payload.backups)?);
        let recovery = match &change.before {
            Some(before) => before.record.id,
            None => {
                let mut id = [0; 16];
                self.core.rng().fill_bytes(&mut id);
                id
            }
        };
        writes.push(self.recovery_write(&caller, &change, recovery)?);
        // Only who unlocked the seed can sign a list that follows.
        let (Noted::Before(own) | Noted::Now(own)) =
            self.note_proved(&caller, recovery, &BTreeSet::new())?;
        writes.push(own);
        writes.push(self.event(user, caller.session.device, EventKind::FactorsChanged));
        if writes.len() > MAX_WRITES_PER_COMMIT {
            return Err(ProblemCode::TooMany.into());
        }
        let (generation, sequence) = (change.set.recovery.generation, change.set.sequence);
        let body = envelope.answer(self.core, &FactorsChanged { generation, sequence })?;
        Ok(Done { body, writes })
    }

    fn verify_statement(
        &self,
        caller: &Caller,
        before: Option<&Current>,
        statement: &[u8],
    ) -> Result<FactorSet, Stop> {
        let signed = SignedFactorSet::from_bytes(statement).map_err(refused)?;
        match before {
            None => signed.verify_first(&caller.session.tenant, &caller.session.user),
            Some(before) => signed.verify_successor(&before.record.set),
        }
        .map_err(refused)
    }

    /// What becomes of each factor that was or is listed.
    fn factor_writes(&self, caller: &Caller, change: &Change) -> Result<Vec<Write>, Stop> {
        let user = caller.session.user;
        let mut stored = self.factors(caller)?;
        let mut writes = Vec::new();
        let mut opens = false;
        for factor in &change.set.factors {
            let key = RecordKey::Factor { user, factor: factor.id };
            let wrap = change.wraps.get(&factor.id);
            let (record, version) = match (change.kept(factor.id), wrap) {
                // Nothing changes for it, but it must be there.
                (true, None) if !change.rotates() => {
                    let (registered, _) = take_registered(&mut stored, factor)?;
                    opens |= self.still_opens(user, factor.id, &registered);
                    continue;
                }
                (true, Some(wrap)) if change.rotates() && wrap.registration.is_none() => {
                    let (registered, version) = take_registered(&mut stored, factor)?;
                    let wrapped_seed = wrap.wrapped_seed.clone();
                    (RegisteredFactor { wrapped_seed, ..registered }, Some(version))
                }
                (false, Some(wrap)) => {
                    let version = self.decoy(caller, factor.id)?;
                    let lock = self.new_lock(caller, factor, wrap, &mut writes)?;
                    let record = RegisteredFactor {
                        kind: factor.kind,
                        added_at_unix_s: self.now,
                        wrapped_seed: wrap.wrapped_seed.clone(),
                        lock,
                    };
                    (record, version)
                }
                _ => return Err(saying("a sealed seed is missing, or one too many").into()),
            };
            opens |= self.still_opens(user, factor.id, &record);
            let record = FactorRecord::Registered(record);
            let plaintext = record.encode().map_err(|_| ProblemCode::TooLarge)?;
            let content = Content::lasting(&plaintext, record.row(factor.id));
            writes.push(self.put(caller, key, version, content)?);
        }
        if !opens {
            // Wallets would go on being backed up to a key that nobody can open.
            return Err(saying("wrong guesses have used up all these factors: add another").into());
        }
        // What is left is listed no more. Only a rotation gets here with one.
        for (factor, (_, version)) in stored {
            if !change.rotates() {
                // Lists of two moments: another change was committed between their reads.
                return Err(ProblemCode::Conflict.into());
            }
            writes.push(delete(RecordKey::Factor { user, factor }, version));
        }
        Ok(writes)
    }

    /// The version of a decoy in a new factor's place, if somebody guessed at it before it was there.
    fn decoy(&self, caller: &Caller, factor: FactorId) -> Result<Option<u64>, Stop> {
        match self.factor(caller, factor)? {
            None => Ok(None),
            Some((FactorRecord::Decoy(_), version)) => Ok(Some(version)),
            Some((FactorRecord::Registered(_), _)) => Err(ProblemCode::Conflict.into()),
        }
    }

    /// How a new factor is unlocked; a passcode uses its draft up.
    fn new_lock(
        &self,
        caller: &Caller,
        factor: &Factor,
        wrap: &FactorWrap,
        writes: &mut Vec<Write>,
    ) -> Result<FactorLock, Stop> {
        let upload = match (needs_passcode(factor.kind), &wrap.registration) {
            (false, None) if wrap.guess_limit.is_none() => return Ok(FactorLock::Key),
            (true, Some(upload)) => upload,
            _ => return Err(saying("a registration is missing, or one too many").into()),
        };
        let registered = RegisteredPasscode::from_upload(upload)
            .map_err(|_| saying("the registration is malformed"))?;
        let key = RecordKey::PasscodeDraft { user: caller.session.user, factor: factor.id };
        let gone = || saying("the passcode's registration was not started, or too long ago");
        let opened = self.opened(caller, &key)?.ok_or_else(gone)?;
        let draft = PasscodeDraft::decode(&opened.plaintext).map_err(|_| unfit())?;
        if self.now > draft.expires_at_unix_s {
            return Err(gone().into());
        }
        writes.push(delete(key, opened.version.record_version));
        let limit = match wrap.guess_limit {
            None => self.core.limits.guess_limit,
            Some(limit) => NonZeroU8::new(limit).ok_or_else(|| saying("a passcode has guesses"))?,
        };
        let count = GuessCount::new(limit);
        let guessing = Guessing { count, lease: None };
        Ok(FactorLock::Passcode(Box::new(PasscodeLock {
            server: draft.server,
            registered,
            guessing,
        })))
    }

    /// All backups anew where the recovery key changes: whatever stayed sealed to the old one, a
    /// removed factor would go on opening.
    fn backup_writes(
        &self,
        caller: &Caller,
        change: &Change,
        backups: Vec<SealedBackup>,
    ) -> Result<Vec<Write>, Stop> {
        if !change.rotates() {
            let none = backups.is_empty();
            let refused = || saying("backups change only with the recovery key").into();
            return if none { Ok(vec![]) } else { Err(refused()) };
        }
        let user = caller.session.user;
        let mut stored = BTreeMap::new();
        for listed in self.records.all(&RecordQuery::BackupsOf(user))? {
            let record = self.listed_backup(caller, listed)?;
            if stored.insert(record.backup.wallet, record.backup.version).is_some() {
                return Err(unfit());
            }
        }
        if stored.len() > MAX_WALLETS_PER_USER {
            let detail = "delete the backups of archived wallets first";
            return Err(Refusal::saying(ProblemCode::TooMany, detail).into());
        }
        let heads = self.wallet_heads(caller)?;
        let backed_up = |status| matches!(status, WalletStatus::Active | WalletStatus::Locked);
        let hidden = |(wallet, head): (&WalletId, &crate::record::WalletHead)| {
            backed_up(head.status) && !stored.contains_key(wallet)
        };
        if heads.iter().any(hidden) {
            return Err(unfit());
        }
        let mut writes = Vec::with_capacity(backups.len());
        for backup in backups {
            let missing = || saying("a backup of a wallet that has none, or one named twice");
            let version = stored.remove(&backup.wallet).ok_or_else(missing)?;
            let expected = Expected {
                wallet: backup.wallet,
                epoch: heads.get(&backup.wallet).ok_or_else(unfit)?.epoch,
                generation: change.set.recovery.generation,
                version: version + 1,
            };
            backup::check(&backup, expected)?;
            writes.push(self.write_backup(caller, backup, Some(version))?);
        }
        if stored.is_empty() {
            Ok(writes)
        } else {
            let detail = "a new recovery key needs every backup anew";
            Err(Refusal::saying(ProblemCode::BackupMissing, detail).into())
        }
    }

    fn recovery_write(
        &self,
        caller: &Caller,
        change: &Change,
        id: [u8; 16],
    ) -> Result<Write, Stop> {
        let (statement, set) = (change.statement.clone(), change.set.clone());
        let record = RecoveryRecord { id, statement, set };
        let stored = change.before.as_ref().map(|before| before.version);
        let plaintext = record.encode();
        let content = Content::lasting(&plaintext, Row::Empty);
        self.put(caller, RecordKey::Recovery(caller.session.user), stored, content)
    }
}

/// The sealed seeds by factor, each the one that the statement names.
fn by_factor(
    wraps: Vec<FactorWrap>,
    set: &FactorSet,
) -> Result<BTreeMap<FactorId, FactorWrap>, Stop> {
    let mut found = BTreeMap::new();
    for wrap in wraps {
        if wrap.wrapped_seed.len() > MAX_WRAPPED_SEED_BYTES {
            return Err(ProblemCode::TooLarge.into());
        }
        let named = set.factor(wrap.factor).map(|factor| factor.wrap_hash);
        if named != Some(wrap_hash(&wrap.wrapped_seed)) {
            return Err(saying("a sealed seed is not the one that the list names").into());
        }
        if found.insert(wrap.factor, wrap).is_some() {
            return Err(saying("a factor has two sealed seeds").into());
        }
    }
    Ok(found)
}

/// The record of a factor that the stored list names.
fn take_registered(stored: &mut Factors, factor: &Factor) -> Result<(RegisteredFactor, u64), Stop> {
    match stored.remove(&factor.id) {
        Some((registered, version)) if registered.kind == factor.kind => Ok((registered, version)),
        // As above, the other way round.
        _ => Err(ProblemCode::Conflict.into()),
    }
}

fn saying(detail: &'static str) -> Refusal {
    Refusal::saying(ProblemCode::FactorsRefused, detail)
}

fn refused(error: Error) -> Stop {
    match error {
        Error::SetRule(BrokenRule::WaiverNeeded) => ProblemCode::SecondFactorMissing.into(),
        Error::SetRule(BrokenRule::TooManyFactors) => ProblemCode::TooMany.into(),
        Error::SetRule(BrokenRule::NotSuccessor) => {
            saying("it does not follow the stored list: read that again").into()
        }
        Error::SetRule(BrokenRule::RotationNeeded) => {
            saying("removing or replacing a factor needs a new recovery key").into()
        }
        Error::SetRule(BrokenRule::NoFactor) => saying("the last factor cannot go").into(),
        _ => ProblemCode::FactorsRefused.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_the_user_can_do_something_about_has_its_own_code() {
        let code = |rule| match refused(Error::SetRule(rule)) {
            Stop::Refuse(refusal) => refusal.code,
            _ => panic!("a broken rule is a refusal"),
        };
        assert_eq!(code(BrokenRule::WaiverNeeded), ProblemCode::SecondFactorMissing);
        assert_eq!(code(BrokenRule::TooManyFactors), ProblemCode::TooMany);
        assert_eq!(code(BrokenRule::NoFactor), ProblemCode::FactorsRefused);
    }
}

mod guesses;
mod latest;
#[cfg(test)]
mod tests;

pub(super) use guesses::{Attempt, Guesses, Login, Pending, Taken, Verdict};

use super::expiring::{Expiring, Full};
use super::stop::Refusal;
use crate::Limits;
use latest::Latest;
use sharekeep_channel::signature::Nonce;
use sharekeep_schemas::{
    DeviceId, ProblemCode, Protocol, SessionKeyId, TenantId, TokenId, UserId, WalletId,
    WalletStatus, limits,
};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// A signature nonce of a session key.
pub(super) type NonceKey = (SessionKeyId, [u8; 16]);

/// Signatures remembered, over all sessions.
const MAX_NONCES: usize = 400_000;
/// Signatures remembered of one session key: more than ten a second for as long as one is fresh,
/// and few enough that one key cannot fill the memory of all.
const MAX_NONCES_PER_KEY: u32 = 1_500;
/// Revoked sessions remembered.
const MAX_REVOKED: usize = 200_000;
/// Used tokens remembered.
const MAX_TOKENS: usize = 200_000;
/// Wallets whose lock or version is remembered. The oldest mark leaves: unlike the others these
/// are a help against a store that goes back, not the only guard.
const MAX_WALLETS: usize = 200_000;
/// Users with something locked that are remembered. The oldest leaves.
const MAX_LOCKED_USERS: usize = 100_000;
/// Locks remembered one by one of a user; with more than that all that the user has is locked, so
/// that nobody can push out the locks of others.
const MAX_LOCKS_PER_USER: usize = 32;
/// Preparations of pairs that a user may start within [`PREPARATIONS_S`]: each takes primes that
/// took minutes to find.
const PREPARATIONS_PER_USER: u8 = 4;
/// The time in which they count, in seconds.
const PREPARATIONS_S: u64 = 3600;
/// Revoked devices remembered, and users whose recovery record was read. The oldest mark leaves: the
/// record itself says the same.
const MAX_DEVICES: usize = 200_000;
const MAX_RECOVERIES: usize = 200_000;
/// Preparations counted, over all users.
const MAX_PREPARATIONS: usize = 100_000;

/// A preparation counted against its user.
pub(super) type PreparationSlot = (UserId, u8);

/// What a failed proof locks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Locked {
    /// A wallet, on all devices.
    Wallet(WalletId),
    /// What a device has prepared for all its wallets of a protocol.
    Pair(DeviceId, Protocol),
}

/// What this life of the enclave remembers. A decision takes the stricter of this and a record, so
/// a function that never commits gains nothing while the enclave lives.
pub(super) struct Memory {
    nonces: Expiring<NonceKey, ()>,
    nonces_per_key: HashMap<SessionKeyId, u32>,
    revoked: Expiring<SessionKeyId, ()>,
    tokens: Expiring<TokenId, [u8; 32]>,
    tenant_serials: HashMap<TenantId, u64>,
    wallets: HashMap<(UserId, WalletId), WalletMark>,
    wallet_order: VecDeque<(UserId, WalletId)>,
    locks: HashMap<UserId, BTreeSet<Locked>>,
    lock_order: VecDeque<UserId>,
    preparations: Expiring<PreparationSlot, u64>,
    revoked_devices: Latest<(UserId, DeviceId), ()>,
    recoveries: Latest<UserId, RecoveryMark>,
    pub(super) guesses: Guesses,
}

/// What is remembered of a user's recovery record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecoveryMark {
    /// The record's version.
    pub(super) version: u64,
    /// The number of the signed list of factors in it.
    pub(super) sequence: u64,
    /// SHA-256 of that list.
    pub(super) statement: [u8; 32],
}

/// What is remembered of a wallet.
#[derive(Clone, Copy, Default)]
pub(super) struct WalletMark {
    /// The highest version that was read from the store.
    pub(super) version: u64,
    /// Locked in this life.
    pub(super) locked: bool,
    /// Archived in this life.
    pub(super) archived: bool,
}

impl WalletMark {
    /// The stricter of mark and record.
    pub(super) fn status(&self, record: WalletStatus) -> WalletStatus {
        match record {
            _ if self.archived => WalletStatus::Archived,
            WalletStatus::Archived => WalletStatus::Archived,
            _ if self.locked => WalletStatus::Locked,
            other => other,
        }
    }
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            nonces: Expiring::new(MAX_NONCES),
            nonces_per_key: HashMap::new(),
            revoked: Expiring::new(MAX_REVOKED),
            tokens: Expiring::new(MAX_TOKENS),
            tenant_serials: HashMap::new(),
            wallets: HashMap::new(),
            wallet_order: VecDeque::new(),
            locks: HashMap::new(),
            lock_order: VecDeque::new(),
            preparations: Expiring::new(MAX_PREPARATIONS),
            revoked_devices: Latest::new(MAX_DEVICES),
            recoveries: Latest::new(MAX_RECOVERIES),
            guesses: Guesses::new(limits.guesses_per_minute),
        }
    }
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Self {
        Self::later(ProblemCode::Overloaded, 5)
    }
}

impl Memory {
    /// Takes a nonce, once.
    pub(super) fn claim_nonce(
        &mut self,
        key: SessionKeyId,
        nonce: &Nonce,
        until: u64,
        now: u64,
    ) -> Result<NonceKey, Refusal> {
        for ((gone, _), ()) in self.nonces.expire(now) {
            self.forget_one(&gone);
        }
        let entry = (key, *nonce.as_bytes());
        if self.nonces.get(&entry, now).is_some() {
            return Err(ProblemCode::SignatureReplayed.into());
        }
        let count = self.nonces_per_key.get(&key).copied().unwrap_or(0);
        if count >= MAX_NONCES_PER_KEY {
            return Err(Refusal::later(ProblemCode::RateLimited, 10));
        }
        self.nonces.insert(entry, (), until, now)?;
        self.nonces_per_key.insert(key, count + 1);
        Ok(entry)
    }

    /// Gives a nonce back: the call was not decided.
    pub(super) fn release_nonce(&mut self, entry: &NonceKey) {
        if self.nonces.remove(entry).is_some() {
            self.forget_one(&entry.0);
        }
    }

    fn forget_one(&mut self, key: &SessionKeyId) {
        if let Some(count) = self.nonces_per_key.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.nonces_per_key.remove(key);
            }
        }
    }

    pub(super) fn is_revoked(&self, session: &SessionKeyId, now: u64) -> bool {
        self.revoked.get(session, now).is_some()
    }

    /// A revoked session stays so for as long as any record of it could be valid.
    pub(super) fn revoke(&mut self, session: SessionKeyId, now: u64) -> Result<(), Refusal> {
        let until = now + limits::SESSION_MAX_AGE_S + limits::MAX_CLOCK_SKEW_S;
        Ok(self.revoked.insert(session, (), until, now)?)
    }

    /// A revoked device opens no session and continues none in this life, whatever an older record
    /// says of it.
    pub(super) fn revoke_device(&mut self, user: UserId, device: DeviceId) {
        self.revoked_devices.entry((user, device), ());
    }

    pub(super) fn is_device_revoked(&self, user: UserId, device: DeviceId) -> bool {
        self.revoked_devices.get(&(user, device)).is_some()
    }

    /// Whether a recovery record is the newest that was read or follows it; remembers it. An older
    /// one would bring removed factors back; another one of the same version was never committed
    /// beside it.
    pub(super) fn accept_recovery(&mut self, user: UserId, read: RecoveryMark) -> bool {
        let newest = self.recoveries.entry(user, read);
        let same = read.sequence == newest.sequence && read.statement == newest.statement;
        let follows = read.version > newest.version && read.sequence > newest.sequence;
        let accepted = follows || same && read.version >= newest.version;
        if accepted {
            *newest = read;
        }
        accepted
    }

    /// Whether a recovery record of the user's was ever read.
    pub(super) fn has_seen_recovery(&self, user: UserId) -> bool {
        self.recoveries.get(&user).is_some()
    }

    /// Marks a token as used by one sealed request. That request may come again, no other may.
    pub(super) fn use_token(
        &mut self,
        token: TokenId,
        request_digest: [u8; 32],
        until: u64,
        now: u64,
    ) -> Result<(), Refusal> {
        match self.tokens.get(&token, now) {
            Some(first) if *first == request_digest => Ok(()),
            Some(_) => Err(ProblemCode::TokenUsed.into()),
            None => Ok(self.tokens.insert(token, request_digest, until, now)?),
        }
    }

    /// Which sealed request used the token, if any.
    pub(super) fn token_used_by(&self, token: &TokenId, now: u64) -> Option<[u8; 32]> {
        self.tokens.get(token, now).copied()
    }

    /// Whether a tenant document's serial is at least the highest seen; remembers it. The caller
    /// has checked the operator's signature, so only the operator can raise the mark.
    pub(super) fn accept_serial(&mut self, tenant: &TenantId, serial: u64) -> bool {
        let highest = self.tenant_serials.entry(tenant.clone()).or_insert(serial);
        *highest = (*highest).max(serial);
        *highest == serial
    }

    /// How much is remembered, but for nonces.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<usize> {
        let locks = self.locks.values().map(BTreeSet::len).sum();
        let preparations = self.preparations.len();
        let devices = self.revoked_devices.len();
        let [guesses, pending] = self.guesses.sizes();
        let wallets = self.wallets.len();
        let (revoked, tokens) = (self.revoked.len(), self.tokens.len());
        vec![revoked, tokens, wallets, locks, preparations, devices, guesses, pending]
    }

    pub(super) fn wallet(&self, user: UserId, wallet: WalletId) -> WalletMark {
        let mark = self.wallets.get(&(user, wallet)).copied().unwrap_or_default();
        WalletMark { locked: mark.locked || self.is_locked(user, Locked::Wallet(wallet)), ..mark }
    }

    /// Locks something for the rest of this life.
    pub(super) fn lock(&mut self, user: UserId, what: Locked) {
        if !self.locks.contains_key(&user) {
            if self.locks.len() >= MAX_LOCKED_USERS
                && let Some(oldest) = self.lock_order.pop_front()
            {
                self.locks.remove(&oldest);
            }
            self.lock_order.push_back(user);
        }
        let locks = self.locks.entry(user).or_default();
        if locks.len() < MAX_LOCKS_PER_USER {
            locks.insert(what);
        }
    }

    pub(super) fn is_locked(&self, user: UserId, what: Locked) -> bool {
        self.locks
            .get(&user)
            .is_some_and(|locks| locks.len() >= MAX_LOCKS_PER_USER || locks.contains(&what))
    }

    /// Counts a preparation of a pair against its user, whatever becomes of it.
    pub(super) fn count_preparation(
        &mut self,
        user: UserId,
        now: u64,
    ) -> Result<PreparationSlot, Refusal> {
        let mut first = u64::MAX;
        for slot in (0..PREPARATIONS_PER_USER).map(|number| (user, number)) {
            match self.preparations.get(&slot, now) {
                Some(until) => first = first.min(*until),
                None => {
                    let until = now.saturating_add(PREPARATIONS_S);
                    self.preparations.insert(slot, until, until, now)?;
                    return Ok(slot);
                }
            }
        }
        let wait = u32::try_from(first.saturating_sub(now)).unwrap_or(u32::MAX);
        Err(Refusal::later(ProblemCode::RateLimited, wait.saturating_add(1)))
    }

    /// Takes a count back: there were no primes to take.
    pub(super) fn uncount_preparation(&mut self, slot: &PreparationSlot) {
        self.preparations.remove(slot);
    }

    pub(super) fn mark_wallet(
        &mut self,
        user: UserId,
        wallet: WalletId,
        change: impl FnOnce(&mut WalletMark),
    ) {
        let key = (user, wallet);
        if !self.wallets.contains_key(&key) {
            if self.wallets.len() >= MAX_WALLETS
                && let Some(oldest) = self.wallet_order.pop_front()
            {
                self.wallets.remove(&oldest);
            }
            self.wallet_order.push_back(key);
        }
        change(self.wallets.entry(key).or_default());
    }
}

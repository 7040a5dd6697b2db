//! Making a set and what goes with it. Each change gives the set *and* the boxes it names, so that
//! neither can be forgotten.

use super::{Factor, FactorSet, MAX_LINEAGE, Rotation, SignedFactorSet, Waiver};
use crate::factor::{FactorKeys, wrap_hash, wrap_seed};
use crate::{Error, RecoveryKeys, RecoverySeed, Result};
use rand_core::CryptoRngCore;
use sharekeep_schemas::{FactorId, TenantId, UserId};

/// A factor to register.
pub struct NewFactor<'a> {
    /// Its keys, made with its secret.
    pub keys: &'a FactorKeys,
    /// What the user calls it.
    pub label: Option<String>,
}

/// A seed sealed to one factor.
pub struct WrappedSeed {
    /// Which.
    pub factor: FactorId,
    /// The box.
    pub bytes: Vec<u8>,
}

/// A new set, signed, and the boxes to store with it.
pub struct Change {
    /// What to send.
    pub signed: SignedFactorSet,
    /// The same, readable.
    pub set: FactorSet,
    /// One for each factor that came or was sealed to anew.
    pub wrapped: Vec<WrappedSeed>,
}

impl FactorSet {
    /// A user's first set.
    ///
    /// # Errors
    /// [`Error::SetRule`].
    pub fn first(
        tenant: &TenantId,
        user: &UserId,
        seed: &RecoverySeed,
        factors: &[NewFactor<'_>],
        waiver: Waiver,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Change> {
        let keys = seed.keys(1);
        let set = Self {
            version: Self::VERSION,
            tenant: tenant.clone(),
            user: *user,
            recovery: keys.public().clone(),
            lineage: Vec::new(),
            sequence: 1,
            previous: None,
            factors: Vec::new(),
            waiver,
        };
        let wrapped = Vec::new();
        Draft { set, wrapped }.with(seed, factors, rng)?.finish(&keys)
    }

    /// The set with more factors, or another waiver. The seed stays.
    ///
    /// # Errors
    /// [`Error::SetRule`]; [`Error::SetUnrelated`] if the seed is not this set's.
    pub fn amended(
        &self,
        seed: &RecoverySeed,
        add: &[NewFactor<'_>],
        waiver: Waiver,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Change> {
        let keys = self.own_keys(seed)?;
        let set = Self { waiver, ..self.successor() };
        let change = Draft { set, wrapped: Vec::new() }.with(seed, add, rng)?.finish(&keys)?;
        change.set.check_follows(self)?;
        Ok(change)
    }

    /// The set without some factors and with others, under a new seed that is sealed to all that
    /// stay: what is stored from now on, a removed factor can't open. All backups must be sealed
    /// anew to the new keys in the same transaction.
    ///
    /// # Errors
    /// [`Error::SetRule`]; [`Error::SetUnrelated`] if the old seed is not this set's.
    pub fn rotated(
        &self,
        old: &RecoverySeed,
        new: &RecoverySeed,
        remove: &[FactorId],
        add: &[NewFactor<'_>],
        waiver: Waiver,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Change> {
        let old_keys = self.own_keys(old)?;
        let generation = self.recovery.generation.checked_add(1).ok_or(Error::SetMalformed)?;
        let keys = new.keys(generation);
        let mut set = Self { waiver, recovery: keys.public().clone(), ..self.successor() };
        let signature = old_keys.sign(&self.rotation_message(&self.recovery, keys.public()));
        set.lineage.push(Rotation { to: keys.public().clone(), signature });
        let surplus = set.lineage.len().saturating_sub(MAX_LINEAGE);
        set.lineage.drain(..surplus);
        set.factors.retain(|factor| !remove.contains(&factor.id));
        let mut wrapped = Vec::new();
        for at in 0..set.factors.len() {
            let factor = &set.factors[at];
            let (id, place) = (factor.id, set.place(factor));
            let bytes = wrap_seed(new, generation, &factor.key, &place, rng)?;
            set.factors[at].wrap_hash = wrap_hash(&bytes);
            wrapped.push(WrappedSeed { factor: id, bytes });
        }
        let change = Draft { set, wrapped }.with(new, add, rng)?.finish(&keys)?;
        change.set.check_follows(self)?;
        Ok(change)
    }

    fn own_keys(&self, seed: &RecoverySeed) -> Result<RecoveryKeys> {
        let keys = seed.keys(self.recovery.generation);
        if *keys.public() == self.recovery { Ok(keys) } else { Err(Error::SetUnrelated) }
    }

    fn successor(&self) -> Self {
        Self {
            sequence: self.sequence.saturating_add(1),
            previous: Some(self.hash()),
            ..self.clone()
        }
    }
}

/// A set in the making.
struct Draft {
    set: FactorSet,
    wrapped: Vec<WrappedSeed>,
}

impl Draft {
    fn with(
        mut self,
        seed: &RecoverySeed,
        add: &[NewFactor<'_>],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Self> {
        for new in add {
            let place = new.keys.place();
            if *place.tenant != self.set.tenant || *place.user != self.set.user {
                return Err(Error::SetForAnother);
            }
            let key = new.keys.public_key();
            let bytes = wrap_seed(seed, self.set.recovery.generation, &key, &place, rng)?;
            self.set.factors.push(Factor {
                id: place.id,
                kind: place.kind,
                key,
                wrap_hash: wrap_hash(&bytes),
                since: self.set.recovery.clone(),
                voucher: new.keys.vouch(&self.set.recovery),
                label: new.label.clone(),
            });
            self.wrapped.push(WrappedSeed { factor: place.id, bytes });
        }
        Ok(self)
    }

    fn finish(self, keys: &RecoveryKeys) -> Result<Change> {
        self.set.check_alone()?;
        let signed = SignedFactorSet::new(&self.set, keys);
        Ok(Change { signed, set: self.set, wrapped: self.wrapped })
    }
}

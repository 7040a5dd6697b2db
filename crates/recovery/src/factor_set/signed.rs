//! The set as it travels and is stored, and the three ways to believe it.

use super::{FactorSet, MAX_FACTOR_SET_BYTES};
use crate::derivation::STATEMENT;
use crate::factor::{FactorKeys, wrap_hash};
use crate::{Error, RecoveryKeys, RecoveryPublic, RecoverySeed, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use sharekeep_channel::Transcript;
use sharekeep_schemas::{TenantId, UserId, codec};

/// The signature and the CBOR around the set.
const ENVELOPE_BYTES: usize = 128;

/// A factor set with its signature, not believed yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFactorSet {
    set: ByteBuf,
    signature: ByteArray<64>,
}

/// What a device remembers of the last factor set it believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorSetPin {
    /// What backups are sealed to.
    pub recovery: RecoveryPublic,
    /// The set's number.
    pub sequence: u64,
    /// The set's hash.
    pub hash: ByteArray<32>,
}

/// What a factor unlocks.
pub struct Unlocked {
    /// Opens the backups of its generation.
    pub seed: RecoverySeed,
    /// The keys of the seed.
    pub keys: RecoveryKeys,
    /// All factors, believed.
    pub set: FactorSet,
}

impl SignedFactorSet {
    pub(super) fn new(set: &FactorSet, keys: &RecoveryKeys) -> Self {
        let bytes = codec::encode(set);
        let signature = keys.sign(&message(&bytes));
        Self { set: ByteBuf::from(bytes), signature }
    }

    /// The bytes to send and store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads the bytes; nothing is believed yet.
    ///
    /// # Errors
    /// [`Error::SetMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        codec::decode(bytes, MAX_FACTOR_SET_BYTES + ENVELOPE_BYTES).map_err(|_| Error::SetMalformed)
    }

    /// The set, if it is well-formed, the user's, within the rules, and signed by the key that it
    /// names itself. Whose key that is, the caller must find out.
    fn consistent(&self, tenant: &TenantId, user: &UserId) -> Result<FactorSet> {
        let set: FactorSet =
            codec::decode(&self.set, MAX_FACTOR_SET_BYTES).map_err(|_| Error::SetMalformed)?;
        // One encoding a set: its hash, made from the decoded set, is the hash of these bytes.
        if set.version != FactorSet::VERSION || codec::encode(&set) != *self.set {
            return Err(Error::SetMalformed);
        }
        if set.tenant != *tenant || set.user != *user {
            return Err(Error::SetForAnother);
        }
        set.recovery.check(&message(&self.set), &self.signature)?;
        set.check_alone()?;
        Ok(set)
    }

    /// For a device that pinned an earlier set: takes the same one, a later one of its generation,
    /// or one whose keys follow from the pinned ones.
    ///
    /// # Errors
    /// [`Error::SetRolledBack`], [`Error::SetForked`], [`Error::SetUnrelated`], or one of those for
    /// a set that is wrong in itself.
    pub fn verify(
        &self,
        tenant: &TenantId,
        user: &UserId,
        pin: &FactorSetPin,
    ) -> Result<FactorSet> {
        let set = self.consistent(tenant, user)?;
        if set.sequence < pin.sequence || set.recovery.generation < pin.recovery.generation {
            return Err(Error::SetRolledBack);
        }
        if set.sequence == pin.sequence && set.hash() != pin.hash {
            return Err(Error::SetForked);
        }
        set.follow(&pin.recovery)?;
        Ok(set)
    }

    /// For a device that holds nothing but one factor: takes the set if that factor's secret vouches
    /// for keys from which the set's follow, and the box of that factor holds the seed of exactly
    /// these keys. How recent the set is, it can't tell.
    ///
    /// # Errors
    /// [`Error::Unlocking`] or [`Error::SetUnrelated`] if somebody put other keys or another seed in
    /// their place, or the factor is not of this set.
    pub fn unlock(&self, factor: &FactorKeys, wrapped_seed: &[u8]) -> Result<Unlocked> {
        let place = factor.place();
        let set = self.consistent(place.tenant, place.user)?;
        let entry = set.factor(place.id).ok_or(Error::Unlocking)?;
        if entry.kind != place.kind
            || entry.key != factor.public_key()
            || entry.wrap_hash != wrap_hash(wrapped_seed)
        {
            return Err(Error::Unlocking);
        }
        factor.check_voucher(&entry.since, &entry.voucher)?;
        set.follow(&entry.since)?;
        let seed = factor.unwrap_seed(set.recovery.generation, wrapped_seed)?;
        let keys = seed.keys(set.recovery.generation);
        if *keys.public() != set.recovery {
            return Err(Error::SetUnrelated);
        }
        Ok(Unlocked { seed, keys, set })
    }

    /// For the enclave: reads back a set that it checked before it stored it, out of its own seal.
    /// No signature is checked.
    ///
    /// # Errors
    /// [`Error::SetMalformed`].
    pub fn stored(&self) -> Result<FactorSet> {
        codec::decode(&self.set, MAX_FACTOR_SET_BYTES).map_err(|_| Error::SetMalformed)
    }

    /// For the enclave: takes a user's first set.
    ///
    /// # Errors
    /// [`BrokenRule::NotSuccessor`](super::BrokenRule::NotSuccessor) if it says that others came
    /// before.
    pub fn verify_first(&self, tenant: &TenantId, user: &UserId) -> Result<FactorSet> {
        let set = self.consistent(tenant, user)?;
        let first = set.sequence == 1 && set.factors.iter().all(|f| f.since == set.recovery);
        if first { Ok(set) } else { Err(super::BrokenRule::NotSuccessor.into()) }
    }

    /// For the enclave: takes a set that follows the stored one by all rules.
    ///
    /// # Errors
    /// [`Error::SetRule`], [`Error::SetUnrelated`], or one of those for a set that is wrong in
    /// itself.
    pub fn verify_successor(&self, stored: &FactorSet) -> Result<FactorSet> {
        let set = self.consistent(&stored.tenant, &stored.user)?;
        set.check_follows(stored)?;
        set.follow(&stored.recovery)?;
        Ok(set)
    }
}

fn message(set: &[u8]) -> Vec<u8> {
    Transcript::new(STATEMENT).field(set).finish()
}

//! The signed statement of all factors of a user.
//!
//! The client makes and signs it; the enclave stores it if it follows from the one before
//! ([`SignedFactorSet::verify_successor`]); devices compare it with what they pinned
//! ([`SignedFactorSet::verify`]); a device that has nothing but one factor checks it with that
//! factor's secret ([`SignedFactorSet::unlock`]). So nobody on the way, the enclave included, can
//! put another recovery key or another factor in place of the user's.
//!
//! ```text
//! generation 1 ──signs──▶ generation 2 ──signs──▶ generation 3     the lineage
//!      ▲ voucher of A          ▲ voucher of B          └─signs──▶ this set (A, B)
//! ```
//!
//! A set is signed by its own generation's key. Each generation's key signed its successor, so who
//! trusts any of them trusts the last. A factor vouches, with its own secret, for the generation it
//! was registered under.

mod change;
mod rules;
mod signed;
#[cfg(test)]
mod tests;

pub use change::{Change, NewFactor, WrappedSeed};
pub use rules::{BrokenRule, Waiver};
pub use signed::{FactorSetPin, SignedFactorSet, Unlocked};

use crate::derivation::{ROTATION, STATEMENT_HASH};
use crate::factor::FactorPlace;
use crate::{RecoveryPublic, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};
use sharekeep_channel::Transcript;
use sharekeep_channel::sealed_box::BoxPublicKey;
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId, codec};

/// Most factors a user may have.
pub const MAX_FACTORS: usize = sharekeep_schemas::limits::MAX_FACTORS_PER_USER;
/// Longest label of a factor, in bytes.
pub const MAX_LABEL_BYTES: usize = 64;
/// Most rotations a set keeps. A device or factor that has slept through more must be registered
/// anew.
pub const MAX_LINEAGE: usize = 32;
/// Largest encoded set, in bytes: 12 factors and 32 rotations need under 15 kB.
pub const MAX_FACTOR_SET_BYTES: usize = 16 * 1024;

/// All factors of a user at one time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorSet {
    /// Format version: 1.
    version: u8,
    /// Which app.
    pub tenant: TenantId,
    /// Whose.
    pub user: UserId,
    /// The recovery keys of this generation.
    pub recovery: RecoveryPublic,
    /// How they follow from earlier ones, oldest first.
    pub lineage: Vec<Rotation>,
    /// Counts the user's sets, from 1.
    pub sequence: u64,
    /// The hash of the set before; none for the first.
    pub previous: Option<ByteArray<32>>,
    /// The factors, in the order they were added.
    pub factors: Vec<Factor>,
    /// Whether the user took the risk of factors that guesses can destroy.
    pub waiver: Waiver,
}

/// One factor of a set. All of it is public.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Its id, never used for another factor.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
    /// What seeds are sealed to for it.
    pub key: BoxPublicKey,
    /// The hash of the box that holds this generation's seed.
    pub wrap_hash: ByteArray<32>,
    /// The recovery keys it was registered under.
    pub since: RecoveryPublic,
    /// Its secret's word for `since`.
    pub voucher: ByteArray<32>,
    /// What the user calls it.
    pub label: Option<String>,
}

/// A generation's key signing the next one's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The new keys.
    pub to: RecoveryPublic,
    /// By the keys before.
    pub signature: ByteArray<64>,
}

impl FactorSet {
    const VERSION: u8 = 1;

    /// The factor with an id.
    #[must_use]
    pub fn factor(&self, id: FactorId) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.id == id)
    }

    /// Where one of its factors belongs.
    #[must_use]
    pub fn place(&self, factor: &Factor) -> FactorPlace<'_> {
        FactorPlace { tenant: &self.tenant, user: &self.user, id: factor.id, kind: factor.kind }
    }

    /// What a device remembers of it.
    #[must_use]
    pub fn pin(&self) -> FactorSetPin {
        FactorSetPin { recovery: self.recovery.clone(), sequence: self.sequence, hash: self.hash() }
    }

    /// Names this set in the next one.
    #[must_use]
    pub fn hash(&self) -> ByteArray<32> {
        let bytes = Transcript::new(STATEMENT_HASH).field(&codec::encode(self)).finish();
        ByteArray::new(Sha256::digest(bytes).into())
    }

    /// Follows the lineage from trusted keys to this set's.
    fn follow(&self, trusted: &RecoveryPublic) -> Result<()> {
        let mut current = trusted;
        for rotation in self.lineage.iter().filter(|r| r.to.generation > trusted.generation) {
            if rotation.to.generation != current.generation.saturating_add(1) {
                return Err(crate::Error::SetUnrelated);
            }
            current
                .check(&self.rotation_message(current, &rotation.to), &rotation.signature)
                .map_err(|_| crate::Error::SetUnrelated)?;
            current = &rotation.to;
        }
        if *current == self.recovery { Ok(()) } else { Err(crate::Error::SetUnrelated) }
    }

    fn rotation_message(&self, from: &RecoveryPublic, to: &RecoveryPublic) -> Vec<u8> {
        let message = Transcript::new(ROTATION)
            .field(self.tenant.as_str().as_bytes())
            .field(self.user.as_bytes());
        from.fields()
            .iter()
            .chain(&to.fields())
            .fold(message, |message, field| message.field(field))
            .finish()
    }
}

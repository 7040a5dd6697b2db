//! CGGMP24 threshold ECDSA: auxiliary data, and the full signature.

mod auxiliary;
mod signing;

use cggmp24::security_level::SecurityLevel128;

pub(super) use self::{
    auxiliary::{Auxiliary, prepare},
    signing::sign,
};

type Level = SecurityLevel128;

/// Length of a Paillier or ring-Pedersen modulus in bits: a product of two 1536-bit primes.
const MODULUS_BITS: std::ops::RangeInclusive<u64> = 3071..=3072;

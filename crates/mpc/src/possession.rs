//! Proof that somebody holds a party's share, for a place and a moment.
//!
//! Schnorr's proof of knowledge of the discrete logarithm of a public share, made non-interactive
//! over everything it is for. It is no signature: the challenge hashes a label that no signing
//! protocol uses, and a nonce of the enclave among other things, so neither side can get a signature
//! over something it chose out of it.

use generic_ec::{Curve, Point, Scalar, SecretScalar};
use generic_ec_zkp::schnorr_pok::{self, Challenge, Commit, Proof};
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha512};

use crate::{Fault, KeyShare, PartyIndex, Scheme, entropy::CeremonyRng, share::Core};

const LABEL: &[u8] = b"sharekeep/possession/v1";
/// Point and scalar: at most 33 and 32 bytes.
const LARGEST_BYTES: usize = 65;

/// What a proof is for. Both ends fill it in from what they know themselves.
#[derive(Clone, Copy, Debug)]
pub struct PossessionBinding<'a> {
    /// The wallet's id.
    pub wallet: &'a [u8],
    /// Generation of the wallet's shares.
    pub epoch: u64,
    /// Whose share.
    pub party: PartyIndex,
    /// Fresh from the enclave, for this one proof.
    pub nonce: &'a [u8; 32],
}

impl PossessionBinding<'_> {
    /// The challenge over all of it: 64 bytes of SHA-512, reduced, are uniform on both curves.
    fn challenge<E: Curve>(
        &self,
        scheme: Scheme,
        key: &Point<E>,
        public_share: &Point<E>,
        commitment: &Point<E>,
    ) -> Challenge<E> {
        let mut hash = Sha512::new();
        let mut field = |value: &[u8]| {
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        };
        field(LABEL);
        field(scheme.as_str().as_bytes());
        field(self.wallet);
        field(&self.epoch.to_be_bytes());
        field(&self.party.0.to_be_bytes());
        field(self.nonce);
        for point in [key, public_share, commitment] {
            field(&point.to_bytes(true));
        }
        Challenge { nonce: Scalar::from_be_bytes_mod_order(hash.finalize()) }
    }
}

/// A proof that its maker holds a party's share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PossessionProof(Vec<u8>);

impl PossessionProof {
    /// Takes what [`as_bytes`](Self::as_bytes) gave; checked when it is verified.
    ///
    /// # Errors
    /// [`Fault::Possession`] if it is longer than any proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > LARGEST_BYTES {
            return Err(Fault::Possession);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// A compressed point and a scalar: 65 bytes for secp256k1, 64 for Ed25519.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl KeyShare {
    /// Proves that this share is at hand.
    ///
    /// # Errors
    /// [`Fault::Possession`] if the binding names another party.
    pub fn prove_possession(
        &self,
        binding: &PossessionBinding<'_>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<PossessionProof, Fault> {
        if binding.party != self.party() {
            return Err(Fault::Possession);
        }
        let rng = &mut CeremonyRng::seeded_by(rng);
        Ok(match &self.core {
            Core::Secp256k1(core) => {
                let share = &core.key_info.public_shares[usize::from(core.i)];
                prove(self.scheme(), &core.shared_public_key, share, &core.x, binding, rng)
            }
            Core::Ed25519(core) => {
                let share = &core.key_info.public_shares[usize::from(core.i)];
                prove(self.scheme(), &core.shared_public_key, share, &core.x, binding, rng)
            }
        })
    }

    /// Checks another party's proof against the public share that this share carries for it.
    ///
    /// # Errors
    /// [`Fault::Possession`] for a party that this wallet does not have, for this share's own party,
    /// and for a proof that does not hold. Which of these, it does not say.
    pub fn verify_possession(
        &self,
        binding: &PossessionBinding<'_>,
        proof: &PossessionProof,
    ) -> Result<(), Fault> {
        if binding.party == self.party() {
            return Err(Fault::Possession);
        }
        let at = usize::from(binding.party.0);
        let holds = match &self.core {
            Core::Secp256k1(core) => core.key_info.public_shares.get(at).is_some_and(|share| {
                verify(self.scheme(), &core.shared_public_key, share, binding, proof)
            }),
            Core::Ed25519(core) => core.key_info.public_shares.get(at).is_some_and(|share| {
                verify(self.scheme(), &core.shared_public_key, share, binding, proof)
            }),
        };
        if holds { Ok(()) } else { Err(Fault::Possession) }
    }
}

fn prove<E: Curve>(
    scheme: Scheme,
    key: &Point<E>,
    public_share: &Point<E>,
    x: &SecretScalar<E>,
    binding: &PossessionBinding<'_>,
    rng: &mut CeremonyRng,
) -> PossessionProof {
    let (secret, commitment) = schnorr_pok::prover_commits_ephemeral_secret::<E, _>(rng);
    let challenge = binding.challenge(scheme, key, public_share, &commitment.0);
    let proof = schnorr_pok::prove(&secret, &challenge, x);
    let mut bytes = commitment.0.to_bytes(true).to_vec();
    bytes.extend_from_slice(&proof.0.to_be_bytes());
    PossessionProof(bytes)
}

fn verify<E: Curve>(
    scheme: Scheme,
    key: &Point<E>,
    public_share: &Point<E>,
    binding: &PossessionBinding<'_>,
    proof: &PossessionProof,
) -> bool {
    let Some(at) = proof.0.len().checked_sub(Scalar::<E>::serialized_len()) else { return false };
    let (encoded, response) = proof.0.split_at(at);
    // Points outside the prime-order group and scalars that are not reduced are refused here.
    let (Ok(commitment), Ok(response)) =
        (Point::<E>::from_bytes(encoded), Scalar::<E>::from_be_bytes(response))
    else {
        return false;
    };
    // One proof has one form: SEC1's compact points (tag 5) would be another.
    if *commitment.to_bytes(true) != *encoded {
        return false;
    }
    let challenge = binding.challenge(scheme, key, public_share, &commitment);
    Proof(response).verify(&Commit(commitment), &challenge, public_share).is_ok()
}

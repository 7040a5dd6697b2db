//! FROST (RFC 9591) over the two suites of the Zcash Foundation.

mod machine;

use std::collections::BTreeMap;

use frost_core::{
    Ciphersuite, Identifier, VerifyingKey,
    keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare},
};
use frost_ed25519::Ed25519Sha512;
use frost_secp256k1_tr::{Secp256K1Sha256TR, keys::Tweak};
use generic_ec::{Curve, Scalar};
use key_share::CoreKeyShare;
use machine::{Frost, SCHEDULE};
use zeroize::Zeroizing;

use crate::{
    Ceremony, ExecutionId, Fault, KeyShare, PublicKey, Roster, SchnorrKey, Signature, Signed,
    SigningInput, ceremony::Machine, entropy::CeremonyRng, share::Core,
};

/// The suites differ in how scalars are written and what a signature is called.
trait Suite: Ciphersuite {
    type Curve: Curve;
    fn scalar(scalar: &Scalar<Self::Curve>) -> Zeroizing<Vec<u8>>;
    fn signature(bytes: [u8; 64]) -> Signature;
}

impl Suite for Ed25519Sha512 {
    type Curve = generic_ec::curves::Ed25519;

    fn scalar(scalar: &Scalar<Self::Curve>) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(scalar.to_le_bytes().to_vec())
    }

    fn signature(bytes: [u8; 64]) -> Signature {
        Signature::Eddsa(bytes)
    }
}

impl Suite for Secp256K1Sha256TR {
    type Curve = generic_ec::curves::Secp256k1;

    fn scalar(scalar: &Scalar<Self::Curve>) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(scalar.to_be_bytes().to_vec())
    }

    fn signature(bytes: [u8; 64]) -> Signature {
        Signature::Bip340(bytes)
    }
}

/// A share in FROST's own types, and who signs by seat.
struct Keys<C: Suite> {
    mine: KeyPackage<C>,
    all: PublicKeyPackage<C>,
    signers: Vec<Identifier<C>>,
}

/// Converts a share: the evaluation points become identifiers.
fn keys<C: Suite>(core: &CoreKeyShare<C::Curve>, roster: &Roster) -> Option<Keys<C>> {
    let vss = core.vss_setup.as_ref()?;
    let identifier = |point: &Scalar<C::Curve>| Identifier::deserialize(&C::scalar(point)).ok();
    let identifiers: Option<Vec<_>> = vss.I.iter().map(|point| identifier(point)).collect();
    let identifiers: Vec<Identifier<C>> = identifiers?;
    let public = |index: usize| {
        VerifyingShare::<C>::deserialize(&core.public_shares[index].to_bytes(true)).ok()
    };
    let mut shares = BTreeMap::new();
    for (index, identifier) in identifiers.iter().enumerate() {
        shares.insert(*identifier, public(index)?);
    }
    let key = VerifyingKey::<C>::deserialize(&core.shared_public_key.to_bytes(true)).ok()?;
    let me = usize::from(core.i);
    let secret: &Scalar<C::Curve> = core.x.as_ref();
    let secret = C::scalar(secret);
    let mine = KeyPackage::new(
        identifiers[me],
        SigningShare::deserialize(&secret).ok()?,
        public(me)?,
        key,
        vss.min_signers,
    );
    let all = PublicKeyPackage::new(shares, key, Some(vss.min_signers));
    let signer = |party: &crate::PartyIndex| identifiers.get(usize::from(party.0)).copied();
    let signers = roster.parties().iter().map(signer).collect::<Option<Vec<_>>>()?;
    Some(Keys { mine, all, signers })
}

pub(super) fn sign(
    execution: ExecutionId,
    roster: Roster,
    share: &KeyShare,
    what: &SigningInput,
    rng: CeremonyRng,
) -> Result<Ceremony<Signed>, Fault> {
    let key = share.public_key();
    let machine = match (&share.core, what) {
        (Core::Ed25519(core), SigningInput::Eddsa(message)) => {
            let keys = keys::<Ed25519Sha512>(core, &roster).ok_or(Fault::SchemeMismatch)?;
            start(keys, &roster, key, message, what, rng)
        }
        (Core::Secp256k1(core), SigningInput::Bip340 { message, key: which }) => {
            let mut keys = keys::<Secp256K1Sha256TR>(core, &roster).ok_or(Fault::SchemeMismatch)?;
            if let SchnorrKey::Output { merkle_root } = which {
                keys.mine = keys.mine.tweak(merkle_root.as_ref());
                keys.all = keys.all.tweak(merkle_root.as_ref());
            }
            start(keys, &roster, key, message, what, rng)
        }
        _ => return Err(Fault::SchemeMismatch),
    };
    Ok(Ceremony::new(execution, roster, &SCHEDULE, machine))
}

fn start<C: Suite + Send>(
    keys: Keys<C>,
    roster: &Roster,
    key: PublicKey,
    message: &[u8],
    what: &SigningInput,
    rng: CeremonyRng,
) -> Box<dyn Machine<Signed>>
where
    Frost<C>: Machine<Signed>,
{
    Box::new(Frost::new(keys, roster.my_seat(), key, message.to_vec(), what.clone(), rng))
}

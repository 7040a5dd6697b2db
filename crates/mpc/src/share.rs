//! The one key-share type, over both curves.

use generic_ec::{
    Curve, NonZero, Point, SecretScalar,
    curves::{Ed25519, Secp256k1},
};
use hd_wallet::{ExtendedPublicKey, HdWallet, NonHardenedIndex};
use key_share::{CoreKeyShare, DirtyCoreKeyShare, Validate};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Fault, MAX_PARTIES, PartyIndex, Scheme, sealing, wire::shape::Shape};

/// The largest sealed key share: 16 parties need under 3 KiB.
const LARGEST_BYTES: usize = 8 * 1024;
const SHAPE: Shape = Shape { longest_string: LARGEST_BYTES, most_items: 512 };
/// The deepest derivation path: BIP-44's five levels and some room.
const LONGEST_PATH: usize = 10;

/// A wallet's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// SEC 1 compressed point.
    Secp256k1([u8; 33]),
    /// RFC 8032 encoding.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// The encoded key: 33 bytes for secp256k1, 32 for Ed25519.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Secp256k1(bytes) => bytes,
            Self::Ed25519(bytes) => bytes,
        }
    }

    /// The x coordinate alone (BIP-340); `None` for Ed25519.
    pub fn x_only(&self) -> Option<[u8; 32]> {
        match self {
            Self::Secp256k1(bytes) => bytes[1..].try_into().ok(),
            Self::Ed25519(_) => None,
        }
    }
}

pub(crate) enum Core {
    Secp256k1(CoreKeyShare<Secp256k1>),
    Ed25519(CoreKeyShare<Ed25519>),
}

/// Runs the same code for whichever curve the share is on.
macro_rules! on_curve {
    ($share:expr, $core:ident => $body:expr) => {
        match &$share.core {
            Core::Secp256k1($core) => $body,
            Core::Ed25519($core) => $body,
        }
    };
}

/// One party's share of a wallet's key, and the wallet's public information. A value that exists
/// was checked: the share matches its public share, and all public shares match the key.
///
/// The secret scalar is wiped on drop. There is no `Debug`, `Clone` or `Serialize`.
pub struct KeyShare {
    scheme: Scheme,
    pub(crate) core: Core,
}

/// The byte form, version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u8,
    scheme: Scheme,
    #[serde(with = "serde_bytes")]
    share: Zeroized,
}

/// Bytes wiped on drop.
#[derive(Default)]
struct Zeroized(Zeroizing<Vec<u8>>);

impl serde_bytes::Serialize for Zeroized {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> serde_bytes::Deserialize<'de> for Zeroized {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <Vec<u8> as serde_bytes::Deserialize>::deserialize(deserializer)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl KeyShare {
    /// Takes a share fresh from key generation.
    pub(crate) fn new(scheme: Scheme, core: Core) -> Result<Self, Fault> {
        let share = Self { scheme, core };
        let right_curve =
            matches!(share.core, Core::Ed25519(_)) == (scheme == Scheme::EddsaEd25519);
        let usable = on_curve!(share, core => core.vss_setup.is_some())
            && on_curve!(share, core => core.chain_code.is_some())
            && share.parties() <= MAX_PARTIES;
        if right_curve && usable { Ok(share) } else { Err(Fault::Unopenable) }
    }

    /// What the wallet signs.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whose share it is.
    pub fn party(&self) -> PartyIndex {
        PartyIndex(on_curve!(self, core => core.i))
    }

    /// How many parties sign (t).
    pub fn threshold(&self) -> u16 {
        on_curve!(self, core => core.min_signers())
    }

    /// How many parties hold a share (n).
    pub fn parties(&self) -> u16 {
        on_curve!(self, core => core.n())
    }

    /// The wallet's public key.
    pub fn public_key(&self) -> PublicKey {
        match &self.core {
            Core::Secp256k1(core) => PublicKey::Secp256k1(
                (*core.shared_public_key().to_bytes(true)).try_into().expect("33-byte encoding"),
            ),
            Core::Ed25519(core) => PublicKey::Ed25519(
                (*core.shared_public_key().to_bytes(true)).try_into().expect("32-byte encoding"),
            ),
        }
    }

    /// The chain code that children are derived with. Not a secret, but with it and one child's
    /// private key an attacker has the parent's.
    pub fn chain_code(&self) -> [u8; 32] {
        on_curve!(self, core => core.chain_code.expect("checked when the share was made"))
    }

    /// The share of the child key at an unhardened path (SLIP-10 for secp256k1, its additive
    /// counterpart for Ed25519): every party's share moves by the same public amount, so all
    /// protocols sign with it unchanged.
    ///
    /// # Errors
    /// [`Fault::Path`] for a hardened index or an overlong path.
    pub fn child(&self, path: &[u32]) -> Result<KeyShare, Fault> {
        let core = match &self.core {
            Core::Secp256k1(core) => Core::Secp256k1(shift::<_, hd_wallet::Slip10>(core, path)?),
            Core::Ed25519(core) => Core::Ed25519(shift::<_, hd_wallet::Edwards>(core, path)?),
        };
        KeyShare::new(self.scheme, core)
    }

    /// The versioned byte form, in the clear: for a caller that seals it at once.
    pub fn to_sealed_bytes(&self) -> Zeroizing<Vec<u8>> {
        let share = on_curve!(self, core => sealing::to_bytes(&**core, LARGEST_BYTES));
        let sealed = Sealed { v: 1, scheme: self.scheme, share: Zeroized(share) };
        sealing::to_bytes(&sealed, LARGEST_BYTES + 256)
    }

    /// Opens what [`Self::to_sealed_bytes`] made, checking all of it again.
    ///
    /// # Errors
    /// [`Fault::Unopenable`] for anything else.
    pub fn from_sealed_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let sealed: Sealed = sealing::from_bytes(bytes, LARGEST_BYTES + 256, &SHAPE)?;
        if sealed.v != 1 {
            return Err(Fault::Unopenable);
        }
        let core = match sealed.scheme {
            Scheme::EddsaEd25519 => Core::Ed25519(open(&sealed.share.0)?),
            Scheme::EcdsaSecp256k1 | Scheme::SchnorrBip340 => {
                Core::Secp256k1(open(&sealed.share.0)?)
            }
        };
        Self::new(sealed.scheme, core)
    }
}

fn open<E: Curve>(bytes: &[u8]) -> Result<CoreKeyShare<E>, Fault> {
    let dirty: DirtyCoreKeyShare<E> = sealing::from_bytes(bytes, LARGEST_BYTES, &SHAPE)?;
    dirty.validate().map_err(|_| Fault::Unopenable)
}

/// Adds the path's public shift to the share, all public shares and the key. (Every Lagrange
/// interpolation of a constant is that constant, so the shares still make the key.)
fn shift<E: Curve, Hd: HdWallet<E>>(
    core: &CoreKeyShare<E>,
    path: &[u32],
) -> Result<CoreKeyShare<E>, Fault> {
    if path.len() > LONGEST_PATH {
        return Err(Fault::Path);
    }
    let mut key: ExtendedPublicKey<E> = core.extended_public_key().ok_or(Fault::Path)?;
    let mut total = generic_ec::Scalar::<E>::zero();
    for step in path {
        let step = NonHardenedIndex::try_from(*step).map_err(|_| Fault::Path)?;
        let derived = Hd::derive_public_shift(&key, step);
        total += derived.shift;
        key = derived.child_public_key;
    }
    let moved = Point::generator() * total;
    let mut child = (**core).clone();
    child.x = {
        let old: &generic_ec::Scalar<E> = child.x.as_ref();
        let mut x = *old + total;
        NonZero::from_secret_scalar(SecretScalar::new(&mut x)).ok_or(Fault::Path)?
    };
    child.key_info.shared_public_key =
        NonZero::from_point(*core.shared_public_key + moved).ok_or(Fault::Path)?;
    for public in &mut child.key_info.public_shares {
        *public = NonZero::from_point(*public + moved).ok_or(Fault::Path)?;
    }
    child.key_info.chain_code = Some(key.chain_code);
    child.validate().map_err(|_| Fault::Path)
}

//! One way to unlock the recovery seed: its secret, the keys it gives, the box that holds the seed.

use crate::derivation::{self, FACTOR_KEY, FACTOR_SECRET, VOUCHER, VOUCHER_KEY, WRAP, WRAP_HASH};
use crate::{Error, ExportKey, RecoveryCode, RecoveryPublic, RecoverySeed, Result};
use hmac::{Hmac, Mac};
use rand_core::CryptoRngCore;
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};
use sharekeep_channel::Transcript;
use sharekeep_channel::encapsulation::Suite;
use sharekeep_channel::sealed_box::{BoxKeyPair, BoxPublicKey};
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId};
use zeroize::Zeroizing;

/// Largest box around a seed, in bytes: the padded seed, header and tag.
pub const MAX_WRAPPED_SEED_BYTES: usize = 1024;

/// The 32 random bytes inside an export or cloud file. Wiped on drop.
pub struct FileKey(Zeroizing<[u8; 32]>);

impl FileKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// Takes the bytes from a file.
    ///
    /// # Errors
    /// [`Error::SecretMalformed`] if they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::SecretMalformed)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }

    /// The bytes to put into a file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Which factor of whom.
#[derive(Clone, Copy, Debug)]
pub struct FactorPlace<'a> {
    /// Which app.
    pub tenant: &'a TenantId,
    /// Whose.
    pub user: &'a UserId,
    /// Which.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
}

impl FactorPlace<'_> {
    fn transcript(&self, label: &'static str) -> Transcript {
        Transcript::new(label)
            .field(self.tenant.as_str().as_bytes())
            .field(self.user.as_bytes())
            .field(self.id.as_bytes())
            .field(self.kind.as_str().as_bytes())
    }
}

/// What a factor's keys are derived from. Each kind has one way to make it. Wiped on drop.
pub struct FactorSecret {
    kind: FactorKind,
    secret: Zeroizing<[u8; 32]>,
}

impl FactorSecret {
    /// Of a passcode: the export key of a login or registration.
    #[must_use]
    pub fn passcode(export_key: &ExportKey) -> Self {
        Self::new(FactorKind::Passcode, export_key.as_bytes(), &[])
    }

    /// Of a recovery code.
    #[must_use]
    pub fn recovery_code(code: &RecoveryCode) -> Self {
        Self::new(FactorKind::RecoveryCode, code.as_bytes(), &[])
    }

    /// Of an export file: the key inside.
    #[must_use]
    pub fn export_file(key: &FileKey) -> Self {
        Self::new(FactorKind::ExportFile, key.as_bytes(), &[])
    }

    /// Of a cloud file: the key inside *and* the export key of the passcode registered in the same
    /// factor's record. Who has the cloud account still needs a passcode with limited guesses.
    #[must_use]
    pub fn cloud_file(key: &FileKey, export_key: &ExportKey) -> Self {
        Self::new(FactorKind::CloudFile, key.as_bytes(), export_key.as_bytes())
    }

    /// All parts have fixed lengths within a kind, and the kind is in the label's transcript.
    fn new(kind: FactorKind, first: &[u8], second: &[u8]) -> Self {
        let parts = Zeroizing::new([first, second].concat());
        let info = Transcript::new(FACTOR_SECRET).field(kind.as_str().as_bytes()).finish();
        Self { kind, secret: derivation::derive(&parts, &info) }
    }

    /// The factor's keys. They are good for this one place: the same code under another factor id
    /// gives other keys.
    #[must_use]
    pub fn keys(&self, tenant: &TenantId, user: &UserId, id: FactorId) -> FactorKeys {
        let place = FactorPlace { tenant, user, id, kind: self.kind };
        let key = |label| derivation::derive(&*self.secret, &place.transcript(label).finish());
        FactorKeys {
            tenant: tenant.clone(),
            user: *user,
            id,
            kind: self.kind,
            unlock: BoxKeyPair::derive(&key(FACTOR_KEY)),
            voucher: key(VOUCHER_KEY),
        }
    }
}

/// A factor's keys, made from its secret each time it is used. Wiped on drop.
pub struct FactorKeys {
    tenant: TenantId,
    user: UserId,
    id: FactorId,
    kind: FactorKind,
    unlock: BoxKeyPair,
    voucher: Zeroizing<[u8; 32]>,
}

impl FactorKeys {
    /// Which factor's they are.
    #[must_use]
    pub const fn place(&self) -> FactorPlace<'_> {
        FactorPlace { tenant: &self.tenant, user: &self.user, id: self.id, kind: self.kind }
    }

    /// What seeds are sealed to.
    #[must_use]
    pub const fn public_key(&self) -> BoxPublicKey {
        self.unlock.public_key()
    }

    /// Vouches, with the factor's secret, for the recovery keys it is registered under. A device
    /// that knows nothing but the factor can then tell the user's seed from one that somebody sealed
    /// to the factor's public key.
    #[must_use]
    pub fn vouch(&self, recovery: &RecoveryPublic) -> ByteArray<32> {
        ByteArray::new(self.voucher_mac(recovery).finalize().into_bytes().into())
    }

    pub(crate) fn check_voucher(
        &self,
        recovery: &RecoveryPublic,
        voucher: &ByteArray<32>,
    ) -> Result<()> {
        self.voucher_mac(recovery).verify_slice(&**voucher).map_err(|_| Error::Unlocking)
    }

    fn voucher_mac(&self, recovery: &RecoveryPublic) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.voucher).expect("HMAC takes any length");
        let [generation, hpke, verify] = recovery.fields();
        let message = self.place().transcript(VOUCHER).field(&generation).field(&hpke);
        mac.chain_update(message.field(&verify).finish())
    }

    pub(crate) fn unwrap_seed(&self, generation: u64, wrapped: &[u8]) -> Result<RecoverySeed> {
        if wrapped.len() > MAX_WRAPPED_SEED_BYTES {
            return Err(Error::Unlocking);
        }
        let binding = wrap_binding(&self.place(), generation);
        let seed = self.unlock.open(WRAP, &binding, wrapped).map_err(|_| Error::Unlocking)?;
        RecoverySeed::from_bytes(&seed).map_err(|_| Error::Unlocking)
    }
}

fn wrap_binding(place: &FactorPlace<'_>, generation: u64) -> Vec<u8> {
    place.transcript(WRAP).field(&generation.to_be_bytes()).finish()
}

/// Seals a seed to one factor; the factor's secret is not needed.
///
/// # Errors
/// [`Error::PublicKeyMalformed`].
pub fn wrap_seed(
    seed: &RecoverySeed,
    generation: u64,
    factor: &BoxPublicKey,
    place: &FactorPlace<'_>,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>> {
    let binding = wrap_binding(place, generation);
    factor
        .seal(Suite::default(), WRAP, &binding, seed.as_bytes(), rng)
        .map_err(|_| Error::PublicKeyMalformed)
}

/// The hash by which a factor set names the box around the seed.
#[must_use]
pub fn wrap_hash(wrapped: &[u8]) -> ByteArray<32> {
    let bytes = Transcript::new(WRAP_HASH).field(wrapped).finish();
    ByteArray::new(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    fn tenant() -> TenantId {
        "app".parse().unwrap()
    }

    const USER: UserId = UserId::new([1; 32]);
    const ID: FactorId = FactorId::new([2; 16]);

    fn keys_of(secret: u8) -> FactorKeys {
        let key = FileKey::from_bytes(&[secret; 32]).unwrap();
        FactorSecret::export_file(&key).keys(&tenant(), &USER, ID)
    }

    #[test]
    fn a_seed_comes_back_from_its_factor_in_its_generation_only() {
        let (keys, seed) = (keys_of(1), RecoverySeed::generate(&mut OsRng));
        let wrapped = wrap_seed(&seed, 3, &keys.public_key(), &keys.place(), &mut OsRng).unwrap();
        assert!(wrapped.len() <= MAX_WRAPPED_SEED_BYTES);
        assert_eq!(keys.unwrap_seed(3, &wrapped).unwrap().as_bytes(), seed.as_bytes());
        assert!(keys.unwrap_seed(2, &wrapped).is_err());
        assert!(keys_of(2).unwrap_seed(3, &wrapped).is_err());
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(keys.unwrap_seed(3, &changed).is_err(), "byte {at}");
        }
    }

    /// Computed apart from this code, as the keys of a seed are.
    #[test]
    fn the_key_of_a_factor_is_the_released_one() {
        let expected = "47f86ef11784b9121699f2c3964df0d39402632d787e9e1879f507cfd6ca3536";
        assert_eq!(hex::encode(keys_of(1).public_key().as_bytes()), expected);
    }

    #[test]
    fn one_secret_gives_other_keys_in_every_other_place() {
        let file = FileKey::from_bytes(&[1; 32]).unwrap();
        let secret = FactorSecret::export_file(&file);
        let other_tenant = "bpp".parse().unwrap();
        let export_key = ExportKey::from_bytes(&[0; 64]);
        let mut all = vec![
            secret.keys(&tenant(), &USER, ID).public_key(),
            secret.keys(&other_tenant, &USER, ID).public_key(),
            secret.keys(&tenant(), &UserId::new([3; 32]), ID).public_key(),
            secret.keys(&tenant(), &USER, FactorId::new([3; 16])).public_key(),
            FactorSecret::cloud_file(&file, &export_key).keys(&tenant(), &USER, ID).public_key(),
            FactorSecret::passcode(&export_key).keys(&tenant(), &USER, ID).public_key(),
        ];
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_cloud_file_alone_gives_nothing_without_its_passcode() {
        let file = FileKey::generate(&mut OsRng);
        let keys = |export: u8| {
            FactorSecret::cloud_file(&file, &ExportKey::from_bytes(&[export; 64])).keys(
                &tenant(),
                &USER,
                ID,
            )
        };
        let (right, wrong) = (keys(1), keys(2));
        let seed = RecoverySeed::generate(&mut OsRng);
        let wrapped = wrap_seed(&seed, 1, &right.public_key(), &right.place(), &mut OsRng).unwrap();
        assert!(right.unwrap_seed(1, &wrapped).is_ok());
        assert!(wrong.unwrap_seed(1, &wrapped).is_err());
    }

    #[test]
    fn a_voucher_is_for_one_factor_and_one_recovery_key() {
        let one = RecoverySeed::generate(&mut OsRng).keys(1);
        let other = RecoverySeed::generate(&mut OsRng).keys(1);
        let voucher = keys_of(1).vouch(one.public());
        keys_of(1).check_voucher(one.public(), &voucher).unwrap();
        assert!(keys_of(1).check_voucher(other.public(), &voucher).is_err());
        assert!(keys_of(2).check_voucher(one.public(), &voucher).is_err());
        let later = RecoveryPublic { generation: 2, ..one.public().clone() };
        assert!(keys_of(1).check_voucher(&later, &voucher).is_err());
    }
}

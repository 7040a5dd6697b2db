use crate::derivation::BACKUP;
use crate::{Error, RecoveryKeys, RecoveryPublic, Result};
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use sharekeep_channel::Transcript;
use sharekeep_channel::encapsulation::Suite;
use sharekeep_channel::receipt::StatementPublicKey;
use sharekeep_schemas::{
    DeviceId, PreparationId, PreparationScope, Protocol, SecretBytes, TenantId, UserId, WalletId,
    codec,
};
use zeroize::Zeroizing;

pub use sharekeep_schemas::limits::MAX_BACKUP_BYTES;

/// Largest backup before sealing, in bytes: a share (under 9 kB) and a pair's preparation (cggmp24,
/// 19.5 kB), padded to 32 KiB. The backups of all wallets must fit one request when a factor is
/// removed.
pub const MAX_BACKUP_PLAINTEXT_BYTES: usize = 32 * 1024 - 4;

/// The version of backups, their content and what they are bound to.
const FORMAT: u8 = 1;

/// What a backup is of. All of it is authenticated: a backup opens under this context and no other,
/// so an older epoch, version or generation can't be served as the one asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupContext {
    /// Which app.
    pub tenant: TenantId,
    /// Whose.
    pub user: UserId,
    /// Of which wallet.
    pub wallet: WalletId,
    /// Which party's share.
    pub party: u16,
    /// Generation of the share.
    pub epoch: u64,
    /// Counts the backups of this wallet and party.
    pub version: u64,
    /// Generation of the recovery seed it is sealed to.
    pub generation: u64,
}

impl BackupContext {
    /// The suite is in the box's own authenticated header.
    fn binding(&self) -> Vec<u8> {
        Transcript::new(BACKUP)
            .field(&[FORMAT])
            .field(self.tenant.as_str().as_bytes())
            .field(self.user.as_bytes())
            .field(self.wallet.as_bytes())
            .field(&self.party.to_be_bytes())
            .field(&self.epoch.to_be_bytes())
            .field(&self.version.to_be_bytes())
            .field(&self.generation.to_be_bytes())
            .finish()
    }
}

/// What a restored device needs to sign at once. It holds secrets: there is no `Debug` and no
/// `Clone`; it exists to be sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserBackup {
    /// Its version: [`UserBackup::VERSION`].
    pub version: u8,
    /// What the user calls the wallet; nobody else learns it.
    pub name: Option<String>,
    /// How the wallet's parties sign together.
    pub protocol: Protocol,
    /// The sealed form of the key share, with public key, public shares and chain code.
    pub share: SecretBytes,
    /// The device's half of a pair's preparation (cggmp24); none where the protocol has none, or it
    /// is not made yet. A preparation of one wallet (dkls23) is not backed up: it is four times as
    /// large as all else and made anew in a third of a second.
    pub preparation: Option<BackedPreparation>,
    /// The deployment's statement key as the device pinned it: a restoring device compares it with
    /// what it is shown.
    pub statement_key: StatementPublicKey,
    /// The recovery keys that the device pinned when it made the backup.
    pub recovery: RecoveryPublic,
}

/// A device's half of a preparation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedPreparation {
    /// Its id, which the enclave's half has too.
    pub id: PreparationId,
    /// What it serves.
    pub scope: PreparationScope,
    /// The device that made it: the enclave keeps its own half under that name.
    pub device: DeviceId,
    /// Its sealed form.
    pub half: SecretBytes,
}

impl UserBackup {
    /// The version that this code writes and reads.
    pub const VERSION: u8 = 1;

    /// Seals the backup to the recovery keys that the device pinned.
    ///
    /// # Errors
    /// [`Error::BackupTooLarge`]; [`Error::BackupOpening`] if the context names another generation
    /// than the key's, [`Error::PublicKeyMalformed`].
    pub fn seal(
        &self,
        to: &RecoveryPublic,
        context: &BackupContext,
        suite: Suite,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8>> {
        seal(&codec::encode_secret(self), to, context, suite, rng)
    }

    /// Opens a backup with an unlocked seed.
    ///
    /// It says *what* is inside for this place and time, not who put it there: the recovery key is
    /// public, so the enclave's seal around it, and the proof that the share is the one whose public
    /// share the enclave knows, are what keeps a planted backup out.
    ///
    /// # Errors
    /// [`Error::BackupTooLarge`], [`Error::BackupOpening`], [`Error::BackupMalformed`].
    pub fn open(keys: &RecoveryKeys, context: &BackupContext, sealed: &[u8]) -> Result<Self> {
        let plaintext = open(keys, context, sealed)?;
        let backup: Self = codec::decode(&plaintext, MAX_BACKUP_PLAINTEXT_BYTES)
            .map_err(|_| Error::BackupMalformed)?;
        if backup.version == Self::VERSION { Ok(backup) } else { Err(Error::BackupMalformed) }
    }
}

fn seal(
    plaintext: &[u8],
    to: &RecoveryPublic,
    context: &BackupContext,
    suite: Suite,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>> {
    if plaintext.len() > MAX_BACKUP_PLAINTEXT_BYTES {
        return Err(Error::BackupTooLarge);
    }
    if context.generation != to.generation {
        return Err(Error::BackupOpening);
    }
    to.hpke
        .seal(suite, BACKUP, &context.binding(), plaintext, rng)
        .map_err(|_| Error::PublicKeyMalformed)
}

fn open(keys: &RecoveryKeys, context: &BackupContext, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if sealed.len() > MAX_BACKUP_BYTES {
        return Err(Error::BackupTooLarge);
    }
    if context.generation != keys.public().generation {
        return Err(Error::BackupOpening);
    }
    keys.backup.open(BACKUP, &context.binding(), sealed).map_err(|_| Error::BackupOpening)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecoverySeed;
    use rand_core::OsRng;
    use sharekeep_channel::encapsulation::padded_len;
    use sharekeep_channel::receipt::StatementKey;

    fn context() -> BackupContext {
        BackupContext {
            tenant: "app".parse().unwrap(),
            user: UserId::new([1; 32]),
            wallet: WalletId::new([2; 16]),
            party: 0,
            epoch: 3,
            version: 4,
            generation: 5,
        }
    }

    fn keys() -> RecoveryKeys {
        RecoverySeed::from_bytes(&[9; 32]).unwrap().keys(5)
    }

    fn backup(preparation_bytes: usize) -> UserBackup {
        UserBackup {
            version: UserBackup::VERSION,
            name: Some("savings".to_owned()),
            protocol: Protocol::Cggmp24,
            share: SecretBytes(Zeroizing::new(vec![7; 400])),
            preparation: Some(BackedPreparation {
                id: PreparationId::new([3; 32]),
                scope: PreparationScope::Pair(Protocol::Cggmp24),
                device: DeviceId::new([4; 16]),
                half: SecretBytes(Zeroizing::new(vec![8; preparation_bytes])),
            }),
            statement_key: StatementKey::generate(&mut OsRng).public_key(),
            recovery: keys().public().clone(),
        }
    }

    fn sealed(backup: &UserBackup) -> Vec<u8> {
        backup.seal(keys().public(), &context(), Suite::default(), &mut OsRng).unwrap()
    }

    #[test]
    fn a_backup_comes_back_whole() {
        let original = backup(10_000);
        let back = UserBackup::open(&keys(), &context(), &sealed(&original)).unwrap();
        assert_eq!(*codec::encode_secret(&back), *codec::encode_secret(&original));
    }

    #[test]
    fn a_backup_opens_in_its_own_place_and_time_only() {
        let bytes = sealed(&backup(10));
        let base = context();
        let others = [
            BackupContext { tenant: "bpp".parse().unwrap(), ..base.clone() },
            BackupContext { user: UserId::new([9; 32]), ..base.clone() },
            BackupContext { wallet: WalletId::new([9; 16]), ..base.clone() },
            BackupContext { party: 1, ..base.clone() },
            BackupContext { epoch: 2, ..base.clone() },
            BackupContext { version: 3, ..base.clone() },
            BackupContext { generation: 4, ..base.clone() },
        ];
        for other in others {
            assert!(UserBackup::open(&keys(), &other, &bytes).is_err(), "{other:?}");
            let same_seed = RecoverySeed::from_bytes(&[9; 32]).unwrap().keys(other.generation);
            assert!(UserBackup::open(&same_seed, &other, &bytes).is_err(), "{other:?}");
        }
        assert!(UserBackup::open(&keys(), &base, &bytes).is_ok());
    }

    #[test]
    fn a_backup_of_another_seed_or_with_a_changed_byte_does_not_open() {
        let bytes = sealed(&backup(10));
        let other = RecoverySeed::from_bytes(&[8; 32]).unwrap().keys(5);
        assert!(UserBackup::open(&other, &context(), &bytes).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            assert!(UserBackup::open(&keys(), &context(), &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_length_tells_a_size_class_and_no_more() {
        assert_eq!(sealed(&backup(9_000)).len(), sealed(&backup(15_000)).len());
        let widest = padded_len(MAX_BACKUP_PLAINTEXT_BYTES).unwrap();
        assert!(widest + 2 + 32 + 16 <= MAX_BACKUP_BYTES);
    }

    #[test]
    fn an_oversized_backup_is_refused_on_both_ends() {
        let large = backup(MAX_BACKUP_PLAINTEXT_BYTES);
        let result = large.seal(keys().public(), &context(), Suite::default(), &mut OsRng);
        assert!(matches!(result, Err(Error::BackupTooLarge)));
        let bytes = vec![0; MAX_BACKUP_BYTES + 1];
        let result = UserBackup::open(&keys(), &context(), &bytes);
        assert!(matches!(result, Err(Error::BackupTooLarge)));
    }

    #[test]
    fn a_content_with_an_unknown_field_or_version_is_refused() {
        #[derive(Serialize)]
        struct Longer {
            version: u8,
            surprise: u8,
        }
        let longer = codec::encode(&Longer { version: 1, surprise: 1 });
        let newer = codec::encode_secret(&UserBackup { version: 2, ..backup(1) });
        for content in [longer, newer.to_vec(), vec![0xff; 40]] {
            let bytes =
                seal(&content, keys().public(), &context(), Suite::default(), &mut OsRng).unwrap();
            let result = UserBackup::open(&keys(), &context(), &bytes);
            assert!(matches!(result, Err(Error::BackupMalformed)));
        }
    }
}

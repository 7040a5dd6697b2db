//! The user's recovery key, factors, backups and restores, made by hand.

use crate::ceremony::Wallet;
use crate::user::{SealedPost, User};
use rand_core::OsRng;
use sharekeep_mpc::{PartyIndex, PossessionBinding};
use sharekeep_recovery::factor_set::{Change, FactorSet, NewFactor, Waiver};
use sharekeep_recovery::{FactorKeys, FactorSecret, RecoveryCode, RecoverySeed};
use sharekeep_schemas::sealed::{
    ActivateWallet, ChangeFactors, FactorWrap, FactorsChanged, Plain, RecoveryOpened, Restore,
    RestoredWallet, SealedBackup, VERSION, WalletChanged,
};
use sharekeep_schemas::{DeviceId, FactorId, WalletStatus};

/// What a user knows of their own recovery once a factor is unlocked.
pub struct Owner {
    pub seed: RecoverySeed,
    pub set: FactorSet,
}

/// A factor that is in no list yet.
pub struct Made {
    pub keys: FactorKeys,
    /// What ends the registration of a passcode.
    pub registration: Option<Vec<u8>>,
}

impl Made {
    pub fn id(&self) -> FactorId {
        self.keys.place().id
    }
}

impl User<'_> {
    /// Sets recovery up with a recovery code, unless another device has.
    pub async fn ensure_recovery(&self) {
        let opened: RecoveryOpened = self.ask("/v1/recovery/open", &Plain::default()).await;
        if opened.statements.is_empty() {
            self.set_up_recovery(&[&self.code_factor()]).await;
        }
    }

    pub fn code_factor(&self) -> Made {
        let code = FactorSecret::recovery_code(&RecoveryCode::generate(&mut OsRng));
        let id = FactorId::new(crate::user::random());
        Made { keys: code.keys(&self.tenant, &self.id(), id), registration: None }
    }

    /// The request that sets recovery up, not sent yet.
    pub fn setting_up(&self, made: &[&Made]) -> (SealedPost, Owner) {
        let seed = RecoverySeed::generate(&mut OsRng);
        let (new, waiver) = (new_factors(made), Waiver::NotGiven);
        let change =
            FactorSet::first(&self.tenant, &self.id(), &seed, &new, waiver, &mut OsRng).unwrap();
        let post = self.changing(&change, made, vec![]);
        (post, Owner { seed, set: change.set })
    }

    pub async fn set_up_recovery(&self, made: &[&Made]) -> Owner {
        let (post, owner) = self.setting_up(made);
        let changed: FactorsChanged = post.open(&post.send(self.deployment).await);
        assert_eq!((changed.generation, changed.sequence), (1, 1));
        owner
    }

    /// The request that removes factors and adds others, not sent yet. Every wallet comes with a
    /// backup that replaces a version.
    pub fn rotating(
        &self,
        owner: &Owner,
        remove: &[FactorId],
        made: &[&Made],
        wallets: &[(&Wallet, u64)],
    ) -> (SealedPost, Owner) {
        let seed = RecoverySeed::generate(&mut OsRng);
        let (set, new) = (&owner.set, new_factors(made));
        let change = set.rotated(&owner.seed, &seed, remove, &new, set.waiver, &mut OsRng).unwrap();
        let generation = change.set.recovery.generation;
        let backups = wallets
            .iter()
            .map(|(wallet, replaced)| backup(wallet, generation, replaced + 1))
            .collect();
        let post = self.changing(&change, made, backups);
        (post, Owner { seed, set: change.set })
    }

    fn changing(&self, change: &Change, made: &[&Made], backups: Vec<SealedBackup>) -> SealedPost {
        let registration = |id| {
            let made = made.iter().find(|made| made.id() == id);
            made.and_then(|made| made.registration.clone())
        };
        let wraps = change.wrapped.iter().map(|wrap| FactorWrap {
            guess_limit: None,
            factor: wrap.factor,
            wrapped_seed: wrap.bytes.clone(),
            registration: registration(wrap.factor),
        });
        let payload = ChangeFactors {
            version: VERSION,
            statement: change.signed.to_bytes(),
            wraps: wraps.collect(),
            backups,
        };
        self.post("/v1/recovery/factors", &payload)
    }

    /// The request that stores the first backup and activates the wallet.
    pub fn activation(&self, wallet: &Wallet) -> SealedPost {
        let payload = ActivateWallet { version: VERSION, backup: backup(wallet, 1, 1) };
        self.post(&format!("/v1/wallets/{}/activate", wallet.id), &payload)
    }

    /// Stores a wallet's first backup; it is active then.
    pub async fn activate(&self, wallet: &Wallet) {
        let post = self.activation(wallet);
        let changed: WalletChanged = post.open(&post.send(self.deployment).await);
        assert_eq!(changed.status, WalletStatus::Active);
    }

    /// The request by which this device takes wallets over, by a share it holds and a seed that it
    /// says is the user's.
    pub fn restoring(
        &self,
        seed: &RecoverySeed,
        generation: u64,
        wallets: &[&Wallet],
        lost: &[DeviceId],
    ) -> SealedPost {
        let keys = seed.keys(generation);
        self.seal("/v1/restore", &crate::user::new_key(), |pop| {
            let wallets = wallets.iter().map(|wallet| {
                let binding = PossessionBinding {
                    wallet: wallet.id.as_bytes(),
                    epoch: 1,
                    party: PartyIndex(0),
                    nonce: pop.as_bytes(),
                };
                let proof = wallet.share.prove_possession(&binding, &mut OsRng).unwrap();
                let proof = proof.as_bytes().to_vec();
                RestoredWallet { wallet: wallet.id, epoch: 1, proof, prepared: None }
            });
            let unlock = keys.unlock_device(&self.tenant, &self.id(), self.device, pop);
            sharekeep_schemas::codec::encode(&Restore {
                version: VERSION,
                wallets: wallets.collect(),
                lost: lost.to_vec(),
                unlock: unlock.to_vec(),
            })
        })
    }
}

/// A backup of a wallet.
pub fn backup(wallet: &Wallet, generation: u64, version: u64) -> SealedBackup {
    let sealed = wallet.backup.clone();
    SealedBackup { wallet: wallet.id, epoch: 1, generation, version, sealed }
}

fn new_factors<'a>(made: &'a [&Made]) -> Vec<NewFactor<'a>> {
    made.iter().map(|made| NewFactor { keys: &made.keys, label: None }).collect()
}

//! The user's recovery key, factors and backups, made by hand.

use crate::ceremony::Wallet;
use crate::user::{SealedPost, User};
use rand_core::OsRng;
use sharekeep_recovery::factor_set::{FactorSet, NewFactor, Waiver};
use sharekeep_recovery::{FactorSecret, RecoveryCode, RecoverySeed};
use sharekeep_schemas::sealed::{
    ActivateWallet, ChangeFactors, FactorWrap, FactorsChanged, Plain, RecoveryOpened, SealedBackup,
    VERSION, WalletChanged,
};
use sharekeep_schemas::{FactorId, ProblemCode, WalletStatus};

impl User<'_> {
    /// Sets recovery up with a recovery code, unless another device has.
    pub async fn ensure_recovery(&self) {
        let open = self.post("/v1/recovery/open", &Plain::default());
        let answer = open.send(self.deployment).await;
        if answer.status == 200 {
            let _: RecoveryOpened = open.open(&answer);
            return;
        }
        assert_eq!(answer.problem(), ProblemCode::NotFound);
        self.set_up_recovery().await;
    }

    async fn set_up_recovery(&self) {
        let seed = RecoverySeed::generate(&mut OsRng);
        let code = FactorSecret::recovery_code(&RecoveryCode::generate(&mut OsRng));
        let keys = code.keys(&self.tenant, &self.id(), FactorId::new(crate::user::random()));
        let factor = NewFactor { keys: &keys, label: None };
        let waiver = Waiver::NotGiven;
        let change =
            FactorSet::first(&self.tenant, &self.id(), &seed, &[factor], waiver, &mut OsRng)
                .unwrap();
        let wraps = change.wrapped.into_iter().map(|wrap| FactorWrap {
            factor: wrap.factor,
            wrapped_seed: wrap.bytes,
            registration: None,
        });
        let payload = ChangeFactors {
            version: VERSION,
            statement: change.signed.to_bytes(),
            wraps: wraps.collect(),
            backups: vec![],
        };
        let changed: FactorsChanged = self.ask("/v1/recovery/factors", &payload).await;
        assert_eq!((changed.generation, changed.sequence), (1, 1));
    }

    /// A first backup of a wallet. What the user seals is nothing that the service could check, so
    /// any bytes do.
    pub fn first_backup(&self, wallet: &Wallet) -> ActivateWallet {
        let sealed = b"sealed to the user's recovery key".to_vec();
        let backup =
            SealedBackup { wallet: wallet.id, epoch: 1, generation: 1, version: 1, sealed };
        ActivateWallet { version: VERSION, backup }
    }

    /// The request that stores the first backup and activates the wallet.
    pub fn activation(&self, wallet: &Wallet) -> SealedPost {
        self.post(&format!("/v1/wallets/{}/activate", wallet.id), &self.first_backup(wallet))
    }

    /// Stores a wallet's first backup; it is active then.
    pub async fn activate(&self, wallet: &Wallet) {
        let post = self.activation(wallet);
        let changed: WalletChanged = post.open(&post.send(self.deployment).await);
        assert_eq!(changed.status, WalletStatus::Active);
    }
}

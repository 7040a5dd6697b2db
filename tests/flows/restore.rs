//! The device is gone; another one takes its place.

use sharekeep::{
    ErrorKind, FactorFile, Holding, NewFactor, OpenHome, RetryPolicy, UnlockWith, WalletOutcome,
};
use sharekeep_recovery::RecoveryCode;
use sharekeep_schemas::{PreparationScope, ProblemCode, Protocol, Scheme, WalletId};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{passcode, passphrase, with_code, with_passcode};
use sharekeep_tests::primes::published_primes;
use sharekeep_tests::{Deployment, Phone};
use std::path::Path;
use std::time::Duration;

/// A factor's secret in the form in which its user keeps it.
enum Kept {
    Code(String),
    Export(Vec<u8>),
    Cloud(String),
    Passcode,
}

impl Kept {
    fn of(factor: &NewFactor, phone: &Phone) -> Self {
        let file = factor.file(&phone.session.tenant, &phone.session.user);
        match (factor.code(), file) {
            (Some(code), _) => Self::Code(code.to_string()),
            (None, Some(file)) if factor.kind() == sharekeep_schemas::FactorKind::ExportFile => {
                Self::Export(file.encrypt(&passphrase()).unwrap())
            }
            (None, Some(file)) => Self::Cloud(file.to_text().to_string()),
            (None, None) => Self::Passcode,
        }
    }

    fn unlock(&self) -> UnlockWith {
        match self {
            Self::Code(text) => UnlockWith::RecoveryCode(RecoveryCode::parse(text).unwrap()),
            Self::Export(bytes) => UnlockWith::ExportFile(
                FactorFile::decrypt(bytes, &passphrase(), Path::new("export")).unwrap(),
            ),
            Self::Cloud(text) => UnlockWith::CloudFile {
                file: FactorFile::from_text(text).unwrap(),
                passcode: passcode("2468"),
            },
            Self::Passcode => with_passcode("1234"),
        }
    }
}

/// Loses one device after the other, and comes back with another factor each time.
pub(crate) async fn each_factor_restores(deployment: Deployment) {
    let homes = tempfile::tempdir().unwrap();
    let mut phone = Phone::fresh(&deployment, &homes.path().join("0"), "alice").await;
    let factors = vec![
        NewFactor::passcode(passcode("1234")),
        NewFactor::recovery_code(),
        NewFactor::export_file(),
        NewFactor::cloud_file(passcode("2468")),
    ];
    let kept: Vec<_> = factors.iter().map(|factor| Kept::of(factor, &phone)).collect();
    phone.set_up(factors).await;
    let wallets =
        [phone.create_frost().await, phone.create(Scheme::SchnorrBip340, Protocol::Frost).await];
    for (n, kept) in kept.iter().enumerate() {
        let next = homes.path().join((n + 1).to_string());
        let next = Phone::fresh(&deployment, &next, "alice").await;
        let report = next.restore(kept.unlock(), &[phone.device()]).await.unwrap();
        assert_eq!(report.wallets.len(), 2);
        for id in wallets {
            let outcome = &report.wallets[&id];
            assert!(
                matches!(outcome, WalletOutcome::Restored { prepared: true }),
                "{n}: {outcome:?}"
            );
            next.sign(id, &note("back again")).await;
        }
        // What was declared lost has no session, and gets none.
        let error = phone.try_sign(wallets[0], &note("still here")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSignedIn, "{error}");
        let error = phone.sign_in_again(&deployment, "alice").await.err().unwrap();
        assert_eq!(error.code(), Some(ProblemCode::DeviceRevoked), "{error}");
        phone = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_is_replaced_with_a_factor_of_each_kind_and_signs_at_once() {
    each_factor_restores(Deployment::start().await).await;
}

fn pair(home: &OpenHome) -> sharekeep::HeldPreparation {
    home.preparation(PreparationScope::Pair(Protocol::Cggmp24)).unwrap().unwrap()
}

fn mark(phone: &Phone, wallet: WalletId) -> sharekeep::BackupMark {
    phone.home.wallet(wallet).unwrap().unwrap().backup.unwrap()
}

/// Loses the device of a cggmp24 wallet, and signs on the next with no new preparation.
pub(crate) async fn cggmp24_comes_back_prepared(deployment: Deployment) {
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    deployment.stack.enclave().unwrap().primes().add_set(published_primes(1));
    let wallet = old.create(Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await;
    // Made after the first backup: a second one has it.
    old.user().prepare_pair(Some(published_primes(0))).await.unwrap();
    let preparation = pair(&old.home).id;
    assert_eq!(mark(&old, wallet).preparation, Some((preparation, old.device())));

    // Neither side has primes left, so nothing can be prepared anew.
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    let report = new.restore(with_passcode("1234"), &[old.device()]).await.unwrap();
    assert!(matches!(report.wallets[&wallet], WalletOutcome::Restored { prepared: true }));
    assert_eq!(pair(&new.home).id, preparation);
    new.sign(wallet, &note("at once")).await;

    // The backup names the new device now, so the next restore finds the enclave's half as well.
    assert_eq!(mark(&new, wallet).preparation, Some((preparation, new.device())));
    let third = Phone::fresh(&deployment, &homes.path().join("third"), "alice").await;
    let report = third.restore(with_code(&code), &[new.device()]).await.unwrap();
    assert!(matches!(report.wallets[&wallet], WalletOutcome::Restored { prepared: true }));
    third.sign(wallet, &note("once more")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cggmp24_wallet_signs_at_once_with_the_half_that_was_in_its_backup() {
    cggmp24_comes_back_prepared(Deployment::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_device_makes_itself_a_fresh_preparation_and_all_backups_carry_it() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let primes = |set| deployment.stack.enclave().unwrap().primes().add_set(published_primes(set));
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    primes(1);
    old.user().prepare_pair(Some(published_primes(0))).await.unwrap();
    let wallets = [
        old.create(Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await,
        old.create(Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await,
    ];
    assert!(!old.home.wants_fresh_preparation().unwrap(), "it made its own");
    assert!(old.user().refresh_preparation(None).await.unwrap().is_none());
    let brought = pair(&old.home).id;

    let tablet = Phone::fresh(&deployment, &homes.path().join("tablet"), "alice").await;
    let laptop = Phone::fresh(&deployment, &homes.path().join("laptop"), "alice").await;
    for phone in [&tablet, &laptop] {
        phone.restore(with_code(&code), &[]).await.unwrap();
        assert_eq!(pair(&phone.home).id, brought);
        assert!(phone.home.wants_fresh_preparation().unwrap());
    }
    // The enclave has no primes yet: that changes nothing, and can be tried again.
    let hasty = |phone: Phone| {
        let patience = Duration::from_secs(1);
        let retry = RetryPolicy { patience, ..RetryPolicy::default() };
        Phone { client: phone.client.with_retry_policy(retry), ..phone }
    };
    let tablet = hasty(tablet);
    let error = tablet.user().refresh_preparation(Some(published_primes(2))).await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::PreparationNotReady), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(pair(&tablet.home).id, brought);
    tablet.sign(wallets[0], &note("with what came along")).await;

    primes(3);
    let made = tablet.user().refresh_preparation(Some(published_primes(2))).await.unwrap();
    let fresh = made.unwrap().id;
    assert_ne!(fresh, brought);
    assert!(!tablet.home.wants_fresh_preparation().unwrap());
    assert!(tablet.user().refresh_preparation(None).await.unwrap().is_none());
    for id in wallets {
        assert_eq!(mark(&tablet, id).preparation, Some((fresh, tablet.device())));
        tablet.sign(id, &note("with its own")).await;
    }
    // The laptop restored from the same backups, and keeps signing with what came along.
    assert_eq!(pair(&laptop.home).id, brought);
    laptop.sign(wallets[1], &note("as before")).await;
    // Whoever restores from now on brings the fresh one.
    let last = Phone::fresh(&deployment, &homes.path().join("last"), "alice").await;
    let lost = [tablet.device(), laptop.device(), old.device()];
    let report = last.restore(with_code(&code), &lost).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(pair(&last.home).id, fresh);
    last.sign(wallets[0], &note("at once")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_wallets_need_no_primes_wants_no_fresh_preparation() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    old.create_frost().await;
    old.create(Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    new.restore(with_code(&code), &[]).await.unwrap();
    assert!(!new.home.wants_fresh_preparation().unwrap());
    assert!(new.user().refresh_preparation(None).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dkls23_wallet_is_prepared_while_it_is_restored() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    let wallet = old.create(Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    let report = new.restore(with_code(&code), &[]).await.unwrap();
    assert!(matches!(report.wallets[&wallet], WalletOutcome::Restored { prepared: true }));
    let scope = PreparationScope::Wallet(wallet);
    assert!(new.home.has_preparation(scope));
    new.sign(wallet, &note("with its own half")).await;
    // The old device was not lost.
    old.sign(wallet, &note("and this one with its own")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_joins_with_a_factor_where_there_is_nothing_to_restore_yet() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let tablet = Phone::fresh(&deployment, &homes.path().join("tablet"), "alice").await;
    // A factor that was only unlocked was shown to nobody.
    tablet.user().unlock(with_code(&code)).await.unwrap();
    let error = tablet.user().revoke_device(phone.device()).await.unwrap_err();
    assert_eq!(error.code(), Some(ProblemCode::FactorNeeded), "{error}");
    let report = tablet.restore(with_code(&code), &[]).await.unwrap();
    assert!(report.is_complete() && report.wallets.is_empty());
    let wallet = tablet.create_frost().await;
    tablet.sign(wallet, &note("made on the second")).await;
    tablet.user().revoke_device(phone.device()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_restore_at_once_both_end_with_all_wallets() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    let wallets = [old.create_frost().await, old.create_frost().await];
    let (one, other) = (homes.path().join("tablet"), homes.path().join("laptop"));
    let (tablet, laptop) = tokio::join!(
        Phone::fresh(&deployment, &one, "alice"),
        Phone::fresh(&deployment, &other, "alice"),
    );
    let lost = [old.device()];
    let (one, other) = tokio::join!(
        tablet.restore(with_code(&code), &lost),
        laptop.restore(with_code(&code), &lost),
    );
    for (phone, report) in [(tablet, one), (laptop, other)] {
        // A conflict was retried; what still failed may be repeated.
        let report = report.unwrap();
        if !report.is_complete() {
            assert!(phone.restore(with_code(&code), &[]).await.unwrap().is_complete());
        }
        for id in wallets {
            let held = phone.home.wallet(id).unwrap().unwrap();
            assert_eq!(held.holding, Holding::Registered);
            phone.sign(id, &note("one of two")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_survives_a_restart_of_everything_and_can_be_repeated() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    let code = old.set_up_with_passcode("1234").await;
    let wallet = old.create_frost().await;
    let lost = [old.device()];
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    new.restore(with_code(&code), &lost).await.unwrap();
    let Phone { home, .. } = new;

    let deployment = deployment.restart().await;
    let new = Phone::sign_in(&deployment, home, "alice").await;
    new.sign(wallet, &note("after the restart")).await;
    let again = new.restore(with_code(&code), &lost).await.unwrap();
    assert!(matches!(again.wallets[&wallet], WalletOutcome::Held));
    // Lost stays lost without the memory of the enclave that heard of it.
    let error = old.sign_in_again(&deployment, "alice").await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::DeviceRevoked), "{error}");
}

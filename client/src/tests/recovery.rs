//! Recovery in the SDK, against the service in this process.

use super::{frost, raw, wallet};
use crate::fake_service::{FakeService, Instead, session};
use crate::home::{Holding, OpenHome};
use crate::{
    Client, Error, ErrorKind, NewFactor, Session, SignedIn, Silent, UnlockWith, WalletOutcome,
};
use sharekeep_recovery::RecoveryCode;
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_recovery::passcode::Passcode;
use sharekeep_schemas::{DeviceId, ProblemCode, Scheme, UserId, WalletStatus};

/// One of the user's devices.
struct Phone {
    client: Client,
    home: OpenHome,
    session: Session,
}

impl Phone {
    fn new(service: &FakeService, home: OpenHome) -> Self {
        Self { client: service.client(), home, session: session() }
    }

    fn user(&self) -> SignedIn<'_> {
        SignedIn::new(&self.client, &self.home, &self.session, &Silent)
    }
}

fn passcode(text: &str) -> Passcode {
    Passcode::new(text).unwrap()
}

fn with_passcode(text: &str) -> UnlockWith {
    UnlockWith::Passcode { passcode: passcode(text), factor: None }
}

fn with_code(code: &str) -> UnlockWith {
    UnlockWith::RecoveryCode(RecoveryCode::parse(code).unwrap())
}

/// Sets recovery up with a code and a passcode; gives the code.
async fn set_up(user: &SignedIn<'_>) -> String {
    let factors = vec![NewFactor::recovery_code(), NewFactor::passcode(passcode("1234"))];
    let code = factors[0].code().unwrap().to_string();
    let draft = user.draft_recovery(factors, Waiver::NotGiven).await.unwrap();
    user.commit_factors(draft).await.unwrap().read_back.unwrap();
    code
}

macro_rules! first_phone {
    ($service:ident, $directory:ident, $phone:ident, $code:ident) => {
        let $service = FakeService::start().await;
        let $directory = tempfile::tempdir().unwrap();
        let $phone = Phone::new(&$service, $service.first_home($directory.path()));
        let $code = set_up(&$phone.user()).await;
    };
}

mod bundle;
mod changes;
mod refresh;
mod restore;

#[tokio::test]
async fn a_lost_phone_is_replaced_with_any_factor() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    for with in [with_passcode("1234"), with_code(&code.to_lowercase())] {
        let new = Phone::new(&service, service.new_home(directory.path()));
        let user = new.user();
        let unlocked = user.unlock(with).await.unwrap();
        let lost = [old.home.device().id()];
        let report = user.restore(&unlocked, &lost).await.unwrap();
        let outcome = &report.wallets[&made.id];
        assert!(matches!(outcome, WalletOutcome::Restored { prepared: true }), "{outcome:?}");
        assert_eq!(service.lost(), lost);
        let back = new.home.wallet(made.id).unwrap().unwrap();
        assert_eq!((back.status, back.holding), (WalletStatus::Active, Holding::Registered));
        assert_eq!(back.public_key(), made.public_key());
        assert!(made.name.is_some() && back.name == made.name);
        user.sign(&back, &raw()).await.unwrap();
        let again = user.restore(&unlocked, &[]).await.unwrap();
        assert!(matches!(again.wallets[&made.id], WalletOutcome::Held));
        let verified = user.verify_backup(&back, Some(&unlocked)).await.unwrap();
        assert!(verified.opened);
    }
}

#[tokio::test]
async fn a_half_finished_restore_is_taken_up_again() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    let new = Phone::new(&service, service.new_home(directory.path()));
    let user = new.user();
    let unlocked = user.unlock(with_code(&code)).await.unwrap();
    // Two listings and one backup come through, the takeover does not.
    let refused = || Instead::Problem(ProblemCode::Internal, Some(3600));
    service.script([Instead::Nothing, Instead::Nothing, Instead::Nothing, refused()]);
    let report = user.restore(&unlocked, &[]).await.unwrap();
    assert!(!report.is_complete());
    let half = new.home.wallet(made.id).unwrap().unwrap();
    assert!(matches!(half.holding, Holding::Restoring { .. }));
    assert!(matches!(user.sign(&half, &raw()).await, Err(Error::WalletStatus { .. })));
    // Nor is it taken for a half-made wallet, whose share may be erased.
    assert!(new.home.forget_pending_wallet(&half).is_err());
    assert!(user.restore(&unlocked, &[]).await.unwrap().is_complete());
    user.sign(&new.home.wallet(made.id).unwrap().unwrap(), &raw()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_passcode_says_how_many_guesses_are_left() {
    first_phone!(service, directory, old, _code);
    let _ = old;
    let new = Phone::new(&service, service.new_home(directory.path()));
    let error = new.user().unlock(with_passcode("4321")).await.err().unwrap();
    assert!(matches!(error, Error::WrongPasscode { guesses_left: 9, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Factor);
    let other = RecoveryCode::generate(&mut rand_core::OsRng).to_text();
    let error = new.user().unlock(with_code(&other)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Factor);
    assert!(new.home.recovery().unwrap().is_none(), "nothing was pinned");
}

#[tokio::test]
async fn a_removed_factor_opens_nothing_that_is_stored_afterwards() {
    first_phone!(service, directory, old, code);
    let user = old.user();
    let held = wallet(&user).await;
    // Another device makes a wallet that the first one holds no share of.
    let other = Phone::new(&service, service.new_home(directory.path()));
    other.user().unlock(with_code(&code)).await.unwrap();
    let elsewhere = other.user().create_wallet(&frost(Scheme::SchnorrBip340)).await.unwrap();

    let unlocked = user.unlock(with_passcode("1234")).await.unwrap();
    let removed = unlocked.factors().factors[0].id;
    let new = NewFactor::recovery_code();
    let new_code = new.code().unwrap().to_string();
    let draft = user.draft_change(&unlocked, vec![new], &[removed], None).await.unwrap();
    let committed = user.commit_factors(draft).await.unwrap();
    committed.read_back.unwrap();
    let set = committed.set;
    assert_eq!(set.recovery.generation, 2);
    assert_eq!(old.home.wallet(held.id).unwrap().unwrap().backup.unwrap().generation, 2);

    // The other device follows by itself: its next backup is sealed to the new key.
    let mut elsewhere = other.home.wallet(elsewhere.id).unwrap().unwrap();
    other.user().put_backup(&mut elsewhere).await.unwrap();
    assert_eq!(elsewhere.backup.as_ref().unwrap().generation, 2);

    let fresh = Phone::new(&service, service.new_home(directory.path()));
    let error = fresh.user().unlock(with_code(&code)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Factor);
    for with in [with_code(&new_code), with_passcode("1234")] {
        let fresh = Phone::new(&service, service.new_home(directory.path()));
        let unlocked = fresh.user().unlock(with).await.unwrap();
        let report = fresh.user().restore(&unlocked, &[]).await.unwrap();
        assert!(report.is_complete());
        assert_eq!(report.wallets.len(), 2);
        for id in [held.id, elsewhere.id] {
            fresh.user().sign(&fresh.home.wallet(id).unwrap().unwrap(), &raw()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_settled_by_what_stands() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let user = phone.user();
    // It lands; what comes back is lost for good.
    let draft =
        user.draft_recovery(vec![NewFactor::recovery_code()], Waiver::NotGiven).await.unwrap();
    service.script([Instead::OtherEnclave]);
    assert!(user.commit_factors(draft).await.is_err());
    assert!(phone.home.recovery().unwrap().is_none());
    assert!(phone.home.has_pending_change().unwrap());
    assert_eq!(user.sync_recovery().await.unwrap().unwrap().sequence, 1);
    assert!(phone.home.recovery().unwrap().is_some());
    assert!(!phone.home.has_pending_change().unwrap());
    wallet(&user).await;

    // It does not land: nothing changed, and the same can be done again.
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let user = phone.user();
    let draft =
        user.draft_recovery(vec![NewFactor::recovery_code()], Waiver::NotGiven).await.unwrap();
    service.script([Instead::Problem(ProblemCode::Internal, Some(3600))]);
    assert!(user.commit_factors(draft).await.is_err());
    assert!(user.sync_recovery().await.unwrap().is_none());
    set_up(&user).await;
}

#[tokio::test]
async fn a_swapped_recovery_key_is_refused() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    let made = wallet(&user).await;
    let pinned = phone.home.recovery().unwrap();
    service.swap_recovery();
    let error = user.sync_recovery().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    let mut backed = phone.home.wallet(made.id).unwrap().unwrap();
    backed.backup.as_mut().unwrap().version = 0;
    assert!(user.put_backup(&mut backed).await.is_err());
    assert_eq!(phone.home.recovery().unwrap(), pinned);
    // Nor does a new device take it: the factor does not vouch for it.
    let new = Phone::new(&service, service.new_home(directory.path()));
    assert!(new.user().unlock(with_code(&code)).await.is_err());
}

#[tokio::test]
async fn recovery_that_is_denied_is_not_set_up_again() {
    first_phone!(service, directory, phone, _code);
    service.first_home(directory.path());
    let error = phone.user().sync_recovery().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    let factors = vec![NewFactor::recovery_code()];
    assert!(phone.user().draft_recovery(factors, Waiver::NotGiven).await.is_err());
}

#[tokio::test]
async fn another_user_on_this_device_is_told_so_and_not_of_a_rollback() {
    first_phone!(service, directory, phone, _code);
    // Nothing is set up for whoever signs in now.
    service.first_home(directory.path());
    let mut other = session();
    other.user = UserId::new([9; 32]);
    let user = SignedIn::new(&phone.client, &phone.home, &other, &Silent);
    let pinned = phone.home.recovery().unwrap();
    for error in [
        user.sync_recovery().await.err().unwrap(),
        user.draft_recovery(vec![NewFactor::recovery_code()], Waiver::NotGiven)
            .await
            .err()
            .unwrap(),
    ] {
        assert!(matches!(error, Error::NoRecovery(why) if why.contains("another user")), "{error}");
        assert_eq!(error.kind(), ErrorKind::NoRecovery);
    }
    assert_eq!(phone.home.recovery().unwrap(), pinned);
}

#[tokio::test]
async fn a_device_that_knows_nothing_does_not_set_up_over_what_is_there() {
    first_phone!(service, directory, old, _code);
    let _ = old;
    let new = Phone::new(&service, service.new_home(directory.path()));
    let factors = vec![NewFactor::recovery_code()];
    let error = new.user().draft_recovery(factors, Waiver::NotGiven).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoRecovery);
}

#[tokio::test]
async fn a_passcode_alone_needs_the_users_word() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let alone = || vec![NewFactor::passcode(passcode("1234"))];
    let error = phone.user().draft_recovery(alone(), Waiver::NotGiven).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    phone.user().draft_recovery(alone(), Waiver::PasscodeAlone).await.unwrap();
}

#[tokio::test]
async fn a_cloud_file_opens_with_its_passcode_and_not_without() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let user = phone.user();
    let factors = vec![NewFactor::cloud_file(passcode("1234")), NewFactor::export_file()];
    let file = || factors[0].file(&phone.session.tenant, &phone.session.user).unwrap();
    let (right, wrong) = (file(), file());
    let export = factors[1].file(&phone.session.tenant, &phone.session.user).unwrap();
    let draft = user.draft_recovery(factors, Waiver::NotGiven).await.unwrap();
    user.commit_factors(draft).await.unwrap().read_back.unwrap();
    let wrong = UnlockWith::CloudFile { file: wrong, passcode: passcode("4321") };
    assert_eq!(user.unlock(wrong).await.err().unwrap().kind(), ErrorKind::Factor);
    let right = UnlockWith::CloudFile { file: right, passcode: passcode("1234") };
    user.unlock(right).await.unwrap();
    user.unlock(UnlockWith::ExportFile(export)).await.unwrap();
}

#[tokio::test]
async fn devices_that_are_not_lost_are_not_named_so() {
    first_phone!(service, directory, old, code);
    wallet(&old.user()).await;
    let new = Phone::new(&service, service.new_home(directory.path()));
    let unlocked = new.user().unlock(with_code(&code)).await.unwrap();
    new.user().restore(&unlocked, &[]).await.unwrap();
    assert_eq!(service.lost(), Vec::<DeviceId>::new());
}

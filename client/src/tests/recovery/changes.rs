//! Changes of factors: interrupted, late, tried again, lost to another device's.

use super::{Phone, passcode, set_up, with_code};
use crate::fake_service::{FakeService, Instead};
use crate::tests::{frost, wallet};
use crate::{Attempt, BackupState, Error, ErrorKind, FactorDraft, NewFactor, NewWallet, SignedIn};
use proptest::prelude::*;
use sharekeep_recovery::factor_set::{FactorSet, Waiver};
use sharekeep_schemas::{FactorId, FactorKind, ProblemCode, Scheme, WalletStatus};
use std::collections::BTreeMap;
use std::num::NonZeroU8;

/// A set-up with a code, not sent yet.
async fn drafted(user: &SignedIn<'_>) -> (FactorDraft, String) {
    let factor = NewFactor::recovery_code();
    let code = factor.code().unwrap().to_string();
    (user.draft_recovery(vec![factor], Waiver::NotGiven).await.unwrap(), code)
}

/// A change that puts a new code in place of the one that unlocks, not sent yet.
async fn replacing(user: &SignedIn<'_>, code: &str) -> (FactorDraft, String) {
    let unlocked = user.unlock(with_code(code)).await.unwrap();
    let codes = unlocked.factors().factors.iter().filter(|f| f.kind == FactorKind::RecoveryCode);
    let removed: Vec<_> = codes.map(|factor| factor.id).collect();
    let factor = NewFactor::recovery_code();
    let code = factor.code().unwrap().to_string();
    (user.draft_change(&unlocked, vec![factor], &removed, None).await.unwrap(), code)
}

#[tokio::test]
async fn a_refusal_that_says_not_found_makes_the_device_forget_no_change() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let user = phone.user();
    let (draft, _) = drafted(&user).await;
    // It lands; the answer is lost, and then somebody on the way denies that there is anything.
    service.script([Instead::OtherEnclave, Instead::Problem(ProblemCode::NotFound, None)]);
    assert!(user.commit_factors(draft).await.is_err());
    let error = user.sync_recovery().await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::NotFound));
    assert!(phone.home.has_pending_change().unwrap());
    assert_eq!(user.sync_recovery().await.unwrap().unwrap().sequence, 1);
    assert!(phone.home.recovery().unwrap().is_some());
    wallet(&user).await;
}

#[tokio::test]
async fn a_half_made_wallet_is_not_erased_on_a_refusal() {
    first_phone!(service, directory, phone, _code);
    let user = phone.user();
    // The activation lands without this device knowing: the share counts.
    service.script([Instead::Nothing, Instead::Nothing, Instead::OtherEnclave]);
    assert!(user.create_wallet(&frost(Scheme::EddsaEd25519)).await.is_err());
    let half = phone.home.find_wallet("mine").unwrap();
    assert_eq!(half.status, WalletStatus::Pending);
    let id = half.id;
    service.script([Instead::Problem(ProblemCode::NotFound, None)]);
    let error = user.forget_wallet(half).await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::NotFound));
    let mut half = phone.home.wallet(id).unwrap().unwrap();
    user.activate_wallet(&mut half).await.unwrap();
}

#[tokio::test]
async fn a_change_that_arrives_after_its_client_gave_up_is_taken_over_with_its_marks() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    let made = wallet(&user).await;
    let (draft, _) = replacing(&user, &code).await;
    service.script([Instead::Late]);
    assert!(user.commit_factors(draft).await.is_err());
    // What stands is still the list before: the change is on its way, and not forgotten.
    assert_eq!(user.sync_recovery().await.unwrap().unwrap().sequence, 1);
    assert!(phone.home.has_pending_change().unwrap());
    assert!(user.settle_interrupted().await.unwrap().is_none());
    assert!(service.arrive_late(0));
    let settled = user.settle_interrupted().await.unwrap().unwrap();
    assert_eq!((settled.factors.sequence, settled.attempt), (2, Attempt::Last));
    assert!(!phone.home.has_pending_change().unwrap());
    let marked = phone.home.wallet(made.id).unwrap().unwrap();
    assert_eq!(marked.backup.as_ref().unwrap().generation, 2);
    let verified = user.verify_backup(&marked, None).await.unwrap();
    assert_eq!((verified.version, verified.state), (2, BackupState::Same));
}

#[tokio::test]
async fn a_set_up_that_arrives_late_is_this_devices_own_and_not_another_ones() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let user = phone.user();
    let (first, code) = drafted(&user).await;
    service.script([Instead::Late]);
    assert!(user.commit_factors(first).await.is_err());
    assert!(user.sync_recovery().await.unwrap().is_none());
    // The user tries again; now the first one arrives, and the second one is refused.
    let (second, _) = drafted(&user).await;
    assert!(service.arrive_late(0));
    let error = user.commit_factors(second).await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::FactorsRefused));
    let settled = user.settle_interrupted().await.unwrap().unwrap();
    assert_eq!((settled.factors.sequence, settled.attempt), (1, Attempt::Earlier));
    user.unlock(with_code(&code)).await.unwrap();
    wallet(&user).await;
}

#[tokio::test]
async fn a_set_up_that_lost_to_another_devices_is_a_conflict_until_it_joins() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let tablet = Phone::new(&service, service.new_home(directory.path()));
    let (draft, _) = drafted(&phone.user()).await;
    service.script([Instead::Late]);
    assert!(phone.user().commit_factors(draft).await.is_err());
    let code = set_up(&tablet.user()).await;
    assert!(!service.arrive_late(0));
    let error = phone.user().sync_recovery().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoRecovery);
    phone.user().unlock(with_code(&code)).await.unwrap();
    assert!(!phone.home.has_pending_change().unwrap(), "it can never stand any more");
    wallet(&phone.user()).await;
}

#[tokio::test]
async fn a_change_that_follows_from_what_is_past_is_not_sent() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    let (stale, _) = replacing(&user, &code).await;
    let (draft, _) = replacing(&user, &code).await;
    user.commit_factors(draft).await.unwrap().read_back.unwrap();
    let requests = service.seen().len();
    assert!(matches!(user.commit_factors(stale).await, Err(Error::Usage(_))));
    assert_eq!(service.seen().len(), requests);
}

#[tokio::test]
async fn a_backup_that_does_not_come_back_as_a_rotation_sealed_it_is_named() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    let made = wallet(&user).await.id;
    let mut old = None;
    service.change_backups(|backups| old = backups.get(&made).cloned());
    let (mut code, mut sequence) = (code, 1);
    let hidden = Instead::Problem(ProblemCode::NotFound, None);
    for (instead, why) in [
        (Instead::Backup(old.unwrap()), "older"),
        (Instead::OtherBackup, "under its number"),
        (hidden, "there is none"),
    ] {
        let (draft, next) = replacing(&user, &code).await;
        // The change and the list are answered honestly.
        service.script([Instead::Nothing, Instead::Nothing, instead]);
        let error = user.commit_factors(draft).await.unwrap().read_back.unwrap_err();
        assert!(matches!(error, Error::BackupOf { wallet, .. } if wallet == made), "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.kind(), ErrorKind::Trust);
        // The change stands, and is pinned.
        (code, sequence) = (next, sequence + 1);
        assert_eq!(phone.home.recovery().unwrap().unwrap().pin.sequence, sequence);
        assert!(!phone.home.has_pending_change().unwrap());
    }
    let (draft, _) = replacing(&user, &code).await;
    user.commit_factors(draft).await.unwrap().read_back.unwrap();
}

#[tokio::test]
async fn a_rotation_whose_backups_cannot_be_read_back_is_no_failed_change() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    wallet(&user).await;
    let mut code = code;
    for (sequence, (problem, kind)) in (2..).zip([
        (ProblemCode::RateLimited, ErrorKind::Unavailable),
        (ProblemCode::SessionExpired, ErrorKind::NotSignedIn),
    ]) {
        let (draft, next) = replacing(&user, &code).await;
        let refused = Instead::Problem(problem, Some(3600));
        service.script([Instead::Nothing, Instead::Nothing, refused]);
        let committed = user.commit_factors(draft).await.unwrap();
        assert_eq!(committed.set.sequence, sequence);
        assert_eq!(committed.read_back.unwrap_err().kind(), kind);
        assert_eq!(phone.home.recovery().unwrap().unwrap().pin, committed.set.pin());
        assert!(!phone.home.has_pending_change().unwrap());
        code = next;
    }
    user.unlock(with_code(&code)).await.unwrap();
}

#[tokio::test]
async fn a_backup_of_another_devices_wallet_is_read_back_too() {
    first_phone!(service, directory, phone, code);
    let tablet = Phone::new(&service, service.new_home(directory.path()));
    tablet.user().unlock(with_code(&code)).await.unwrap();
    let made = wallet(&tablet.user()).await.id;
    let (draft, _) = replacing(&phone.user(), &code).await;
    service.script([Instead::Nothing, Instead::Nothing, Instead::OtherBackup]);
    let error = phone.user().commit_factors(draft).await.unwrap().read_back.unwrap_err();
    assert!(matches!(error, Error::BackupOf { wallet, .. } if wallet == made), "{error}");
}

#[tokio::test]
async fn a_passcodes_own_limit_of_guesses_reaches_the_enclave() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let phone = Phone::new(&service, service.first_home(directory.path()));
    let limit = NonZeroU8::new(3);
    let factors = vec![
        NewFactor::recovery_code().with_guess_limit(limit),
        NewFactor::passcode(passcode("1234")).with_guess_limit(limit),
    ];
    let draft = phone.user().draft_recovery(factors, Waiver::NotGiven).await.unwrap();
    phone.user().commit_factors(draft).await.unwrap().read_back.unwrap();
    let error = phone.user().unlock(super::with_passcode("4321")).await.err().unwrap();
    assert!(matches!(error, Error::WrongPasscode { guesses_left: 2, .. }), "{error}");
}

/// What happens next to the user of one device.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A change whose request is held up.
    Late,
    /// A change whose request never leaves.
    Lost,
    /// A change that is made and whose answer is lost.
    Unheard,
    /// A change that goes well.
    Well,
    /// Something that was held up arrives.
    Arrives(usize),
    /// The device asks what stands.
    Sync,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Late),
        1 => Just(Event::Lost),
        1 => Just(Event::Unheard),
        1 => Just(Event::Well),
        3 => any::<usize>().prop_map(Event::Arrives),
        2 => Just(Event::Sync),
    ]
}

/// A phone and all codes that its user was ever shown.
struct Story {
    service: FakeService,
    phone: Phone,
    codes: BTreeMap<FactorId, String>,
}

impl Story {
    fn begun(&self) -> usize {
        self.phone.home.begun_changes().unwrap().len()
    }

    /// Makes a change: sets up, or puts a code in place of the last one.
    async fn change(&mut self, instead: Instead) {
        let standing = self.sync().await;
        let user = self.phone.user();
        let factor = NewFactor::recovery_code();
        self.codes.insert(factor.id(), factor.code().unwrap().to_string());
        let draft = match standing {
            None => user.draft_recovery(vec![factor], Waiver::NotGiven).await.unwrap(),
            Some(set) => {
                let old = set.factors[0].id;
                let unlocked = user.unlock(with_code(&self.codes[&old])).await.unwrap();
                user.draft_change(&unlocked, vec![factor], &[old], None).await.unwrap()
            }
        };
        self.service.script([instead]);
        let _ = user.commit_factors(draft).await;
    }

    /// The device's own changes are never a conflict: whatever stands is pinned, and so are the
    /// marks of the backups that went with it.
    async fn sync(&self) -> Option<FactorSet> {
        let user = self.phone.user();
        let set = user.sync_recovery().await.unwrap();
        let held = self.phone.home.recovery().unwrap();
        assert_eq!(held.map(|held| held.statement), self.service.statement());
        if set.is_some() && self.phone.home.wallets().unwrap().is_empty() {
            let new = NewWallet { name: None, ..frost(Scheme::EddsaEd25519) };
            user.create_wallet(&new).await.unwrap();
        }
        for wallet in self.phone.home.wallets().unwrap() {
            let verified = user.verify_backup(&wallet, None).await.unwrap();
            assert_eq!(verified.state, BackupState::Same);
        }
        set
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_changes_arrive_the_device_pins_what_stands(
        events in prop::collection::vec(event(), 1..10)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let service = FakeService::start().await;
            let directory = tempfile::tempdir().unwrap();
            let phone = Phone::new(&service, service.first_home(directory.path()));
            let mut story = Story { service, phone, codes: BTreeMap::new() };
            for event in events {
                match event {
                    // More than the device remembers it would follow, but without the marks.
                    Event::Late | Event::Lost if story.begun() == 4 => {}
                    Event::Late => story.change(Instead::Late).await,
                    Event::Lost => {
                        let lost = Instead::Problem(ProblemCode::Internal, Some(3600));
                        story.change(lost).await;
                    }
                    Event::Unheard => story.change(Instead::OtherEnclave).await,
                    Event::Well => story.change(Instead::Nothing).await,
                    Event::Arrives(which) => {
                        if let Some(which) = which.checked_rem(story.service.late()) {
                            story.service.arrive_late(which);
                        }
                    }
                    Event::Sync => drop(story.sync().await),
                }
            }
            while story.service.late() > 0 {
                story.service.arrive_late(0);
                story.sync().await;
            }
            story.sync().await;
        });
    }
}

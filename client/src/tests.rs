//! The SDK against a service that does what a script says.

mod recovery;

use crate::fake_service::{FakeService, Instead, session};
use crate::home::HeldWallet;
use crate::{
    BackupState, Error, ErrorKind, NewWallet, PendingSession, Progress, Session, SessionWish,
    SignedIn, Silent, Step,
};
use sharekeep_channel::receipt::StatementKey;
use sharekeep_messages::{SignRequest, SignatureParts};
use sharekeep_mpc::{Fault, PartyIndex};
use sharekeep_schemas::{
    PreparationScope, ProblemCode, Protocol, Scheme, SecretText, UserId, WalletStatus,
};
use sharekeep_steps::DurableStep;
use std::collections::BTreeSet;

fn frost(scheme: Scheme) -> NewWallet {
    NewWallet { scheme, protocol: Protocol::Frost, name: Some("mine".to_owned()) }
}

fn raw() -> SignRequest {
    SignRequest::Raw { bytes: b"hello".to_vec().into() }
}

/// A service, a home and a session, with a user put together of them.
macro_rules! user {
    ($service:ident, $home:ident, $user:ident) => {
        let $service = FakeService::start().await;
        let directory = tempfile::tempdir().unwrap();
        let $home = $service.home(directory.path());
        let (client, session) = ($service.client(), session());
        let $user = SignedIn::new(&client, &$home, &session, &Silent);
    };
}

async fn wallet(user: &SignedIn<'_>) -> HeldWallet {
    user.create_wallet(&frost(Scheme::EddsaEd25519)).await.unwrap()
}

#[tokio::test]
async fn a_wallet_is_made_kept_and_signs() {
    user!(service, home, user);
    for scheme in [Scheme::EddsaEd25519, Scheme::SchnorrBip340] {
        let new = NewWallet { name: None, ..frost(scheme) };
        let made = user.create_wallet(&new).await.unwrap();
        assert_eq!(made.status, WalletStatus::Active);
        let kept = home.wallet(made.id).unwrap().unwrap();
        assert_eq!(kept.public_key(), made.public_key());
        // `sign` verifies what it returns against key and message.
        let signed = user.sign(&kept, &raw()).await.unwrap();
        assert!(!matches!(signed.signature, SignatureParts::Ecdsa { .. }));
    }
    // FROST signs in one round trip; key generation takes two, activation two: the backup is read
    // back.
    assert_eq!(service.seen().len(), 2 * (2 + 2 + 1));
}

#[tokio::test]
async fn a_retry_is_the_identical_body_under_a_fresh_signature() {
    user!(service, home, user);
    let _ = &home;
    service.script([
        Instead::Hangup,
        Instead::Problem(ProblemCode::Overloaded, Some(0)),
        Instead::Gateway(502),
        Instead::Problem(ProblemCode::IdempotencyInFlight, None),
        Instead::Lost,
    ]);
    wallet(&user).await;
    let first: Vec<_> =
        service.seen().into_iter().filter(|seen| seen.path == "/v1/wallets").collect();
    assert_eq!(first.len(), 6);
    assert!(first.iter().all(|s| s.body == first[0].body));
    assert!(first.iter().all(|s| s.idempotency_key == first[0].idempotency_key));
    let signatures: BTreeSet<_> = first.iter().map(|s| &s.signature_input).collect();
    assert_eq!(signatures.len(), first.len());
}

#[tokio::test]
async fn a_final_problem_is_not_repeated() {
    user!(service, home, user);
    let _ = &home;
    service.script([Instead::Problem(ProblemCode::ScopeInsufficient, Some(0))]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.code(), Some(ProblemCode::ScopeInsufficient));
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn a_sign_in_from_a_revoked_device_is_refused_and_no_session_that_is_over() {
    user!(service, home, user);
    let revoked = || Instead::Problem(ProblemCode::DeviceRevoked, None);
    let token = SecretText::new("token".to_owned());
    let (client, wish) = (service.client(), SessionWish::default());
    service.script([revoked()]);
    let opened = client.open_session(home.device(), PendingSession::generate(), token, &wish).await;
    let error = opened.err().unwrap();
    // Refused ends the command with code 3; a session that is over would ask for a sign-in.
    assert_eq!(
        (error.code(), error.kind()),
        (Some(ProblemCode::DeviceRevoked), ErrorKind::Refused)
    );
    // The same where a session outlived its device.
    service.script([revoked()]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused);
    service.script([revoked()]);
    let error = client.renew_session(&mut session()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn a_wait_beyond_the_patience_is_reported_at_once() {
    user!(service, home, user);
    let _ = &home;
    service.script([Instead::Problem(ProblemCode::RateLimited, Some(3600))]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_that_the_enclave_did_not_seal_is_refused() {
    user!(service, home, user);
    service.script([Instead::OtherEnclave]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    assert!(home.wallets().unwrap().is_empty());
}

#[tokio::test]
async fn garbage_and_oversized_answers_are_refused() {
    user!(service, home, user);
    let _ = &home;
    for body in [b"{}".to_vec(), b"\xff\xfe".to_vec(), vec![b' '; 2_000_000]] {
        service.script([Instead::Body(body)]);
        let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
        assert!(matches!(error, Error::Answer(_)), "{error}");
    }
}

#[tokio::test]
async fn a_public_key_that_is_not_ours_makes_no_wallet() {
    user!(service, home, user);
    service.script([Instead::Nothing, Instead::OtherPublicKey]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(home.wallets().unwrap().is_empty());
}

#[tokio::test]
async fn a_ceremony_that_the_enclave_names_otherwise_is_left() {
    user!(service, home, user);
    let _ = &home;
    service.script([Instead::OtherCeremony]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert!(matches!(error, Error::Disagreement(_)), "{error}");
}

#[tokio::test]
async fn a_wallet_that_was_not_activated_is_pending_and_can_be_taken_on() {
    user!(service, home, user);
    let refused = Instead::Problem(ProblemCode::Internal, Some(3600));
    service.script([Instead::Nothing, Instead::Nothing, refused]);
    assert!(user.create_wallet(&frost(Scheme::EddsaEd25519)).await.is_err());

    let mut pending = home.find_wallet("mine").unwrap();
    assert_eq!(pending.status, WalletStatus::Pending);
    let error = user.sign(&pending, &raw()).await.err().unwrap();
    assert!(matches!(error, Error::WalletStatus { .. }));

    user.activate_wallet(&mut pending).await.unwrap();
    assert_eq!(home.find_wallet("mine").unwrap().status, WalletStatus::Active);
    user.sign(&pending, &raw()).await.unwrap();
}

#[tokio::test]
async fn a_wallet_is_not_made_before_recovery_is_set_up() {
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let home = service.home(directory.path());
    let other = Session { user: UserId::new([9; 32]), ..session() };
    let client = service.client();
    let user = SignedIn::new(&client, &home, &other, &Silent);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoRecovery);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn an_activation_whose_answer_was_lost_is_repeated_with_the_same_backup() {
    user!(service, home, user);
    // The activation lands, and what comes back says that it will not do: only the service knows.
    service.script([Instead::Nothing, Instead::Nothing, Instead::OtherEnclave]);
    assert!(user.create_wallet(&frost(Scheme::EddsaEd25519)).await.is_err());
    let mut pending = home.find_wallet("mine").unwrap();
    assert_eq!(pending.status, WalletStatus::Pending);
    // The service would refuse any other backup than the first.
    user.activate_wallet(&mut pending).await.unwrap();
    let kept = home.find_wallet("mine").unwrap();
    assert_eq!(kept.status, WalletStatus::Active);
    let mark = kept.backup.clone().unwrap();
    assert_eq!((mark.version, mark.generation, mark.epoch), (1, 1, 1));
    let verified = user.verify_backup(&kept, None).await.unwrap();
    assert_eq!((verified.version, verified.state), (1, BackupState::Same));
}

#[tokio::test]
async fn a_backup_that_does_not_come_back_as_stored_activates_nothing() {
    user!(service, home, user);
    service.script([Instead::Nothing, Instead::Nothing, Instead::Nothing, Instead::OtherBackup]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert!(matches!(error, Error::Backup(_)), "{error}");
    assert_eq!(home.find_wallet("mine").unwrap().status, WalletStatus::Pending);
}

#[tokio::test]
async fn a_backup_that_was_replaced_behind_our_back_is_noticed() {
    user!(service, home, user);
    let _ = &home;
    let mut made = wallet(&user).await;
    service.script([Instead::OtherBackup]);
    let error = user.verify_backup(&made, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    // As if this device had stored a second one, and the first came back.
    made.backup.as_mut().unwrap().version = 2;
    let error = user.verify_backup(&made, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    made.backup.as_mut().unwrap().version = 0;
    let verified = user.verify_backup(&made, None).await.unwrap();
    assert_eq!(verified.state, BackupState::Newer);
}

#[tokio::test]
async fn only_a_half_made_wallet_can_be_forgotten() {
    user!(service, home, user);
    let made = wallet(&user).await;
    let error = user.forget_wallet(home.wallet(made.id).unwrap().unwrap()).await.err().unwrap();
    assert!(matches!(error, Error::WalletStatus { .. }));
    assert_eq!(home.wallets().unwrap().len(), 1);

    let refused = Instead::Problem(ProblemCode::Internal, Some(3600));
    service.script([Instead::Nothing, Instead::Nothing, refused]);
    let other = NewWallet { name: Some("other".to_owned()), ..frost(Scheme::EddsaEd25519) };
    assert!(user.create_wallet(&other).await.is_err());
    user.forget_wallet(home.find_wallet("other").unwrap()).await.unwrap();
    assert!(matches!(home.find_wallet("other"), Err(Error::NoWallet(_))));
}

#[tokio::test]
async fn a_rolled_back_receipt_changes_nothing() {
    user!(service, home, user);
    let mut made = wallet(&user).await;
    service.script([Instead::OldReceipt]);
    let error = user.archive_wallet(&mut made).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust);
    assert_eq!(home.wallet(made.id).unwrap().unwrap().status, WalletStatus::Active);
}

#[tokio::test]
async fn an_archived_wallet_signs_no_more() {
    user!(service, home, user);
    let _ = &service;
    let mut made = wallet(&user).await;
    user.archive_wallet(&mut made).await.unwrap();
    let kept = home.wallet(made.id).unwrap().unwrap();
    assert!(matches!(user.sign(&kept, &raw()).await, Err(Error::WalletStatus { .. })));
}

#[tokio::test]
async fn an_unattested_new_enclave_is_not_talked_to() {
    user!(service, home, user);
    let _ = &home;
    // A function can claim that the enclave's key has changed; it cannot attest another one.
    service.script([
        Instead::Problem(ProblemCode::EnclaveKeyUnknown, None),
        Instead::Body(
            br#"{"enclave_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","document":"AAAA"}"#
                .to_vec(),
        ),
        Instead::Body(br#"{"releases":[]}"#.to_vec()),
    ]);
    let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert!(matches!(error, Error::Attestation(_)), "{error}");
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn releases_that_are_kept_back_are_asked_for_once_and_keep_nobody_waiting() {
    user!(service, home, user);
    let _ = &home;
    let limited = Instead::Problem(ProblemCode::RateLimited, Some(30));
    for kept_back in [Instead::Gateway(503), Instead::Hangup, limited] {
        let (before, begun) = (service.seen().len(), std::time::Instant::now());
        let document =
            br#"{"enclave_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","document":"AAAA"}"#;
        service.script([
            Instead::Problem(ProblemCode::EnclaveKeyUnknown, None),
            Instead::Body(document.to_vec()),
            kept_back,
        ]);
        let error = user.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
        // What was asked for first is looked at all the same.
        assert!(matches!(error, Error::Attestation(_)), "{error}");
        assert_eq!(service.seen().len() - before, 3);
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    }
}

#[tokio::test]
async fn another_statement_key_is_not_believed() {
    user!(service, home, user);
    let _ = &service;
    let other = StatementKey::generate(&mut rand_core::OsRng).public_key();
    let mut pins = service.client().pins().unwrap();
    pins.statement_key = other;
    let client = service.client();
    client.set_pins(pins);
    let session = session();
    let user_of_other = SignedIn::new(&client, &home, &session, &Silent);
    let error = user_of_other.create_wallet(&frost(Scheme::EddsaEd25519)).await.err().unwrap();
    assert!(matches!(error, Error::Receipt(_)), "{error}");
    let _ = user;
}

#[tokio::test]
async fn names_are_unique_and_sane() {
    user!(service, home, user);
    let _ = &service;
    let made = wallet(&user).await;
    for name in ["mine", "", "tab\there", &"x".repeat(65), &made.id.to_string()] {
        assert!(matches!(home.check_new_name(name), Err(Error::Usage(_))), "{name:?}");
    }
    assert_eq!(home.find_wallet("mine").unwrap().id, made.id);
    assert_eq!(home.find_wallet(&made.id.to_string()).unwrap().id, made.id);
}

#[tokio::test]
async fn a_share_moved_to_another_wallets_file_is_refused() {
    user!(service, home, user);
    let _ = &service;
    let made = wallet(&user).await;
    let other = sharekeep_schemas::WalletId::new([3; 16]);
    let folder = home.directory().join("wallets");
    std::fs::rename(folder.join(format!("{}.age", made.id)), folder.join(format!("{other}.age")))
        .unwrap();
    assert!(matches!(home.wallet(other), Err(Error::Damaged(_))));
}

#[tokio::test]
async fn a_cheated_preparation_is_never_used_again_and_its_wallets_stop() {
    user!(service, home, user);
    let _ = &service;
    let mut cheated = wallet(&user).await;
    // As if it were a dkls23 wallet: those have a preparation of their own.
    cheated.protocol = Protocol::Dkls23;
    home.store_wallet(&cheated, DurableStep::WalletLocked).unwrap();
    let other = NewWallet { name: None, ..frost(Scheme::EddsaEd25519) };
    let other = user.create_wallet(&other).await.unwrap();
    let scope = Some(PreparationScope::Wallet(cheated.id));

    let accident: Result<(), Error> = Err(Error::Fault(Fault::Aborted));
    assert!(user.stop_after_cheating(scope, accident).is_err());
    assert_eq!(home.wallet(cheated.id).unwrap().unwrap().status, WalletStatus::Active);

    let fault = Fault::Cheating { party: PartyIndex(1) };
    let cheating: Result<(), Error> = Err(Error::Fault(fault));
    assert!(user.stop_after_cheating(scope, cheating).is_err());
    let cheated = home.wallet(cheated.id).unwrap().unwrap();
    assert_eq!(cheated.status, WalletStatus::Locked);
    assert!(matches!(user.sign(&cheated, &raw()).await, Err(Error::WalletStatus { .. })));
    assert_eq!(home.wallet(other.id).unwrap().unwrap().status, WalletStatus::Active);
}

#[tokio::test]
async fn whoever_waits_is_told_why() {
    #[derive(Default)]
    struct Told(std::sync::Mutex<Vec<Step>>);
    impl Progress for Told {
        fn report(&self, step: Step) {
            self.0.lock().unwrap().push(step);
        }
    }
    let service = FakeService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let home = service.home(directory.path());
    let (client, session, told) = (service.client(), session(), Told::default());
    service.script([Instead::Problem(ProblemCode::PreparationNotReady, Some(0))]);
    wallet(&SignedIn::new(&client, &home, &session, &told)).await;
    let told = told.0.into_inner().unwrap();
    let why = Some(ProblemCode::PreparationNotReady);
    assert!(told.iter().any(|s| matches!(s, Step::Waiting { code, .. } if *code == why)));
}

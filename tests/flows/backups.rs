//! Backups: whose they are, which one counts, and what a hostile store makes of them.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE, REFUSED_BY_ENCLAVE};
use crate::items::{items, only_item, put};
use serde_json::json;
use sharekeep::{BackupState, ErrorKind, WalletOutcome};
use sharekeep_schemas::http::{BackupView, Page};
use sharekeep_schemas::sealed::{BackupOpened, BackupStored, Plain, PutBackup, VERSION};
use sharekeep_schemas::{ProblemCode, Protocol, Scheme, WalletStatus};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::with_code;
use sharekeep_tests::recovery::backup;
use sharekeep_tests::user::SealedPost;
use sharekeep_tests::{Deployment, Phone, User};

fn putting(
    user: &User<'_>,
    wallet: &sharekeep_tests::ceremony::Wallet,
    version: u64,
    if_match: Option<&str>,
) -> SealedPost {
    let payload = PutBackup { version: VERSION, backup: backup(wallet, 1, version) };
    let mut post = user.post(&format!("/v1/wallets/{}/backup", wallet.id), &payload);
    if let Some(tag) = if_match {
        post.request.set("if-match", tag);
    }
    post
}

#[tokio::test]
async fn a_backup_is_replaced_only_by_who_saw_the_one_before() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let path = format!("/v1/wallets/{}/backup", wallet.id);
    let tag = |answer: sharekeep_tests::Answer| answer.headers["etag"].to_str().unwrap().to_owned();
    let first = tag(alice.get(&path).await);

    let before = Before::of(&deployment);
    let blind = putting(&alice, &wallet, 2, None).send(&deployment).await;
    assert_eq!(blind.problem(), ProblemCode::PreconditionMissing);
    let wrong = putting(&alice, &wallet, 2, Some("\"7\"")).send(&deployment).await;
    assert_eq!(wrong.problem(), ProblemCode::PreconditionFailed);
    before.only_changed(REFUSED_AFTER_SIGNATURE);

    let post = putting(&alice, &wallet, 2, Some(&first));
    let answer = post.send(&deployment).await;
    assert_eq!(post.open::<BackupStored>(&answer).version, 2);
    let second = tag(answer);
    assert_eq!(second, tag(alice.get(&path).await));
    let late = putting(&alice, &wallet, 2, Some(&first)).send(&deployment).await;
    assert_eq!(late.problem(), ProblemCode::PreconditionFailed);
    // A function cannot be talked round by a header alone: the sealed request says the same.
    let skipped = putting(&alice, &wallet, 4, Some(&second)).send(&deployment).await;
    assert_eq!(skipped.problem(), ProblemCode::BackupStale);
    let listed: Page<BackupView> = alice.get("/v1/backups").await.json();
    assert_eq!(listed.items.iter().map(|view| view.version).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_backup_of_user_a_served_to_user_b_does_not_open() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let bob = User::signed_in(&deployment, "bob").await;
    let bobs = bob.create_wallet().await;
    let sk = wallet.id.to_string();
    let (table, hers) = only_item(&deployment, "backups", |item| item["sk"]["S"] == sk);
    let (_, his) = only_item(&deployment, "backups", |item| item["sk"]["S"] == bobs.id.to_string());
    // Moved as it is, and in the place of his own.
    let mut moved = hers.clone();
    moved["pk"] = json!({ "S": bob.id().to_string() });
    put(&deployment, &table, &moved);
    let mut replaced = his.clone();
    replaced["bytes"] = hers["bytes"].clone();
    put(&deployment, &table, &replaced);
    let before = Before::of(&deployment);
    for id in [wallet.id, bobs.id] {
        let open = bob.post(&format!("/v1/wallets/{id}/backup/open"), &Plain::default());
        assert_eq!(open.send(&deployment).await.problem(), ProblemCode::RecordRefused);
    }
    before.only_changed(REFUSED_BY_ENCLAVE);
    let path = format!("/v1/wallets/{}/backup/open", wallet.id);
    let opened: BackupOpened = alice.ask(&path, &Plain::default()).await;
    assert_eq!(opened.backup, backup(&wallet, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_from_another_wallet_of_the_user_restores_nothing() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let (one, other) = (phone.create_frost().await, phone.create_frost().await);
    let (table, found) = items(&deployment, "backups");
    let item = |id: sharekeep_schemas::WalletId| {
        found.iter().find(|item| item["sk"]["S"] == id.to_string()).unwrap()
    };
    let mut swapped = item(one).clone();
    swapped["bytes"] = item(other)["bytes"].clone();
    put(&deployment, &table, &swapped);
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    let report = new.restore(with_code(&code), &[]).await.unwrap();
    let WalletOutcome::Failed(error) = &report.wallets[&one] else { panic!("{report:?}") };
    assert_eq!(error.code(), Some(ProblemCode::RecordRefused), "{error}");
    assert!(matches!(report.wallets[&other], WalletOutcome::Restored { .. }));
    // With the record back in its place, the same command brings the rest.
    put(&deployment, &table, item(one));
    assert!(new.restore(with_code(&code), &[]).await.unwrap().is_complete());
    new.sign(one, &note("both are here")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_in_place_of_the_newest_is_noticed() {
    let mut deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let id = phone.create_frost().await;
    let (table, first) = only_item(&deployment, "backups", |_| true);
    let mut wallet = phone.home.wallet(id).unwrap().unwrap();
    phone.user().put_backup(&mut wallet).await.unwrap();
    let unlocked = phone.user().unlock(with_code(&code)).await.unwrap();
    let good = phone.user().verify_backup(&wallet, Some(&unlocked)).await.unwrap();
    assert_eq!((good.version, good.state, good.opened), (2, BackupState::Same, true));

    put(&deployment, &table, &first);
    deployment.stack.restart_enclave().await.unwrap();
    for unlocked in [None, Some(&unlocked)] {
        let error = phone.user().verify_backup(&wallet, unlocked).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Trust, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_never_active_without_a_backup() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let pending = alice.pending_wallet().await;
    let early = alice.start_sign(&pending, &note("early")).start.send(&deployment).await;
    assert_eq!(early.problem(), ProblemCode::BackupMissing);
    let path = format!("/v1/wallets/{}/backup/open", pending.id);
    let none = alice.post(&path, &Plain::default()).send(&deployment).await;
    assert_eq!(none.problem(), ProblemCode::NotFound);
    assert!(items(&deployment, "backups").1.is_empty());
    alice.activate(&pending).await;
    assert_eq!(items(&deployment, "backups").1.len(), 1);
    alice.sign(&pending, &note("now")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scheme_is_backed_up_as_it_is_made_and_its_backup_verifies() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let unlocked = phone.user().unlock(with_code(&code)).await.unwrap();
    for (scheme, protocol) in [
        (Scheme::EddsaEd25519, Protocol::Frost),
        (Scheme::SchnorrBip340, Protocol::Frost),
        (Scheme::EcdsaSecp256k1, Protocol::Dkls23),
        (Scheme::EcdsaSecp256k1, Protocol::Cggmp24),
    ] {
        let id = phone.create(scheme, protocol).await;
        let wallet = phone.home.wallet(id).unwrap().unwrap();
        assert_eq!(wallet.status, WalletStatus::Active);
        let verified = phone.user().verify_backup(&wallet, Some(&unlocked)).await.unwrap();
        assert_eq!((verified.version, verified.opened), (1, true), "{scheme} {protocol}");
    }
    // All of one size: the length tells nothing of what is in them.
    let listed = phone.client.list_backups(&phone.session).await.unwrap();
    assert_eq!(listed.len(), 4);
}

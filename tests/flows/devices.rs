//! Devices: told of, revoked, lost, stolen.

use crate::items::{items, put};
use sharekeep::{ErrorKind, FactorFile, NewFactor, UnlockWith};
use sharekeep_recovery::RecoverySeed;
use sharekeep_schemas::http::{DeviceView, EventView, Page};
use sharekeep_schemas::sealed::{Plain, RecoveryOpened, Restored};
use sharekeep_schemas::{EventKind, FactorKind, ProblemCode};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{passcode, with_code};
use sharekeep_tests::{Deployment, Phone, User};

#[tokio::test]
async fn a_thief_with_the_old_device_and_a_valid_token_cannot_sign_after_it_was_declared_lost() {
    let mut deployment = Deployment::start().await;
    let (wallet, owner, stolen, session_key) = {
        let phone = User::newcomer(&deployment, "alice").await;
        let owner = phone.set_up_recovery(&[&phone.code_factor()]).await;
        let wallet = phone.create_wallet().await;
        let kept = ["devices", "sessions", "wallets"].map(|table| items(&deployment, table));
        // Her new device: it opened the backup with a factor, so it has share and seed.
        let tablet = User::newcomer(&deployment, "alice").await;
        let early = tablet.start_sign(&wallet, &note("not yet")).start.send(&deployment).await;
        assert_eq!(early.problem(), ProblemCode::WalletOnOtherDevice);
        let restore = tablet.restoring(&owner.seed, 1, &[&wallet], &[phone.device]);
        let restored: Restored = restore.open(&restore.send(&deployment).await);
        assert_eq!(restored.wallets.len(), 1);
        tablet.sign(&wallet, &note("hers")).await;

        // The thief puts everything back into the store that was there before.
        for (table, items) in &kept {
            for item in items {
                put(&deployment, table, item);
            }
        }
        let answer = phone.start_sign(&wallet, &note("mine")).start.send(&deployment).await;
        let code = answer.problem();
        assert!(matches!(code, ProblemCode::SessionUnknown | ProblemCode::DeviceRevoked), "{code}");
        // What the tablet wrote is put right again, for the enclave's next life.
        let restore = tablet.restoring(&owner.seed, 1, &[&wallet], &[phone.device]);
        let _: Restored = restore.open(&restore.send(&deployment).await);
        (wallet, owner, (phone.device, phone.device_key), phone.session_key)
    };
    for _ in 0..2 {
        // With the device and its keys, by a token that is good.
        let back = User {
            device: stolen.0,
            device_key: stolen.1.clone(),
            ..User::arrive(&deployment, "alice").await
        };
        let token = back.token().sign(sharekeep_local::identity_provider::Signing::Rs256).unwrap();
        assert_eq!(back.refused(&token).await, ProblemCode::DeviceRevoked);
        // With the old session.
        let old =
            User { session_key: clone_key(&session_key), ..User::arrive(&deployment, "a").await };
        let code = old.start_sign(&wallet, &note("mine")).start.send(&deployment).await.problem();
        assert!(matches!(code, ProblemCode::SessionUnknown | ProblemCode::DeviceRevoked), "{code}");
        // As a device of another name: it has the share, and no factor.
        let thief = User::newcomer(&deployment, "alice").await;
        let code = thief.start_sign(&wallet, &note("mine")).start.send(&deployment).await.problem();
        assert_eq!(code, ProblemCode::WalletOnOtherDevice);
        let guessed = RecoverySeed::generate(&mut rand_core::OsRng);
        for generation in [1, 2] {
            let restore = thief.restoring(&guessed, generation, &[&wallet], &[]);
            let code = restore.send(&deployment).await.problem();
            assert_eq!(code, ProblemCode::PossessionInvalid);
        }
        drop((back, old, thief));
        deployment.stack.restart_enclave().await.unwrap();
    }
    drop(owner);
}

fn clone_key(
    key: &sharekeep_channel::signature::SessionSigningKey,
) -> sharekeep_channel::signature::SessionSigningKey {
    let bytes = key.to_sealing_bytes();
    sharekeep_channel::signature::SessionSigningKey::from_sealing_bytes(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_of_token_and_cloud_file_alone_can_neither_restore_nor_sign() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let (code, cloud) = (NewFactor::recovery_code(), NewFactor::cloud_file(passcode("2468")));
    let file = cloud.file(&phone.session.tenant, &phone.session.user).unwrap();
    let text = file.to_text().to_string();
    phone.set_up(vec![code, cloud]).await;
    let wallet = phone.create_frost().await;

    let thief = Phone::fresh(&deployment, &homes.path().join("thief"), "alice").await;
    let stolen = || FactorFile::from_text(&text).unwrap();
    // The file as it is, and with passcodes that are not the one.
    let error = thief.restore(UnlockWith::ExportFile(stolen()), &[]).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Factor, "{error}");
    for (left, text) in [(9, "1234"), (8, "0000")] {
        let with = UnlockWith::CloudFile { file: stolen(), passcode: passcode(text) };
        let error = thief.restore(with, &[]).await.err().unwrap();
        assert!(
            matches!(error, sharekeep::Error::WrongPasscode { guesses_left, .. } if guesses_left == left),
            "{error}"
        );
    }
    assert!(thief.home.wallets().unwrap().is_empty());
    // What the file opens is not handed out without the right passcode.
    let by_hand = User::newcomer(&deployment, "alice").await;
    let opened: RecoveryOpened = by_hand.ask("/v1/recovery/open", &Plain::default()).await;
    assert_eq!(opened.wraps.len(), 1);
    assert_eq!(opened.wraps[0].kind, FactorKind::RecoveryCode);
    let seed = RecoverySeed::generate(&mut rand_core::OsRng);
    let restore = by_hand.restoring(&seed, 1, &[], &[phone.device()]);
    assert_eq!(restore.send(&deployment).await.problem(), ProblemCode::PossessionInvalid);
    phone.sign(wallet, &note("still hers")).await;
}

#[tokio::test]
async fn a_share_without_a_factor_and_a_factor_without_the_share_restore_nothing() {
    let deployment = Deployment::start().await;
    let alice = User::newcomer(&deployment, "alice").await;
    let owner = alice.set_up_recovery(&[&alice.code_factor()]).await;
    let wallet = alice.create_wallet().await;
    let bob = User::signed_in(&deployment, "bob").await;
    let bobs = bob.create_wallet().await;
    let stranger = RecoverySeed::generate(&mut rand_core::OsRng);
    let tablet = User::newcomer(&deployment, "alice").await;
    let forged = sharekeep_tests::ceremony::Wallet { id: wallet.id, ..bobs };
    for (seed, wallet) in [(&stranger, &wallet), (&owner.seed, &forged)] {
        let restore = tablet.restoring(seed, 1, &[wallet], &[]);
        assert_eq!(restore.send(&deployment).await.problem(), ProblemCode::PossessionInvalid);
    }
    // Another device's proofs, under this one's session.
    let hers = tablet.restoring(&owner.seed, 1, &[&wallet], &[]);
    let thief = User::newcomer(&deployment, "alice").await;
    let mut stolen = hers.request.clone();
    stolen.sign(&thief.session_key);
    let answer = stolen.send(&sharekeep_tests::Site::authority(&deployment)).await;
    assert_eq!(answer.problem(), ProblemCode::SealedInvalid);
    let _: Restored = hers.open(&hers.send(&deployment).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_opens_no_session_and_its_sessions_are_over() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let tablet = Phone::fresh(&deployment, &homes.path().join("tablet"), "alice").await;
    let wallet = phone.create_frost().await;
    tablet.restore(with_code(&code), &[]).await.unwrap();
    tablet.user().name_device(tablet.device(), "Alice's tablet").await.unwrap();
    let (table, before) = items(&deployment, "devices");
    phone.user().revoke_device(tablet.device()).await.unwrap();

    let devices = phone.client.list_devices(&phone.session).await.unwrap();
    let listed = devices.iter().find(|device| device.device_id == tablet.device()).unwrap();
    assert_eq!(listed.name.as_deref(), Some("Alice's tablet"));
    assert!(listed.revoked_at_unix_s.is_some() && !listed.current);
    let error = tablet.try_sign(wallet, &note("no more")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn, "{error}");
    for _ in 0..2 {
        let error = tablet.sign_in_again(&deployment, "alice").await.err().unwrap();
        assert_eq!(error.code(), Some(ProblemCode::DeviceRevoked), "{error}");
        // Nor when its record says that it never was.
        for item in &before {
            put(&deployment, &table, item);
        }
    }
    phone.sign(wallet, &note("the phone does")).await;
    let events = phone.client.list_events(&phone.session).await.unwrap();
    assert!(events.iter().any(|event| event.kind == EventKind::DeviceRevoked));
}

#[tokio::test]
async fn devices_and_events_of_one_user_are_nothing_to_another() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let bob = User::newcomer(&deployment, "bob").await;
    let devices: Page<DeviceView> = bob.get("/v1/devices").await.json();
    assert_eq!(devices.items.iter().map(|d| d.device_id).collect::<Vec<_>>(), [bob.device]);
    let events: Page<EventView> = bob.get("/v1/events").await.json();
    assert!(events.items.iter().all(|event| event.device_id == bob.device));
    let revoke = bob.post(&format!("/v1/devices/{}/revoke", alice.device), &Plain::default());
    assert_eq!(revoke.send(&deployment).await.problem(), ProblemCode::NotFound);
    let named: Page<DeviceView> = alice.get("/v1/devices").await.json();
    assert!(named.items[0].revoked_at_unix_s.is_none());
    let again = alice.post(&format!("/v1/devices/{}/revoke", bob.device), &Plain::default());
    assert_eq!(again.send(&deployment).await.problem(), ProblemCode::NotFound);
    alice.create_wallet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_sign_in_first_at_once_are_two_devices_of_one_user() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let (one, other) = (homes.path().join("phone"), homes.path().join("tablet"));
    let (phone, tablet) = tokio::join!(
        Phone::fresh(&deployment, &one, "alice"),
        Phone::fresh(&deployment, &other, "alice"),
    );
    assert_eq!(phone.session.user, tablet.session.user);
    let devices = phone.client.list_devices(&phone.session).await.unwrap();
    let mut listed: Vec<_> = devices.iter().map(|device| device.device_id).collect();
    let mut wanted = vec![phone.device(), tablet.device()];
    listed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
    phone.user().revoke_device(tablet.device()).await.unwrap();
}

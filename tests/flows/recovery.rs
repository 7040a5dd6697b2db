//! Factors: set up once, changed only by who holds one, and of use with no service at all.

use crate::items::{items, put};
use sharekeep::{
    Bundle, ErrorKind, FactorFile, Holding, NewFactor, NewWallet, RetryPolicy, UnlockWith,
};
use sharekeep_recovery::factor_set::Waiver;
use sharekeep_schemas::sealed::{Plain, RecoveryOpened};
use sharekeep_schemas::{FactorKind, ProblemCode, Protocol, Scheme};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{new_home, passcode, passphrase, with_code, with_passcode};
use sharekeep_tests::{Deployment, Phone, User};
use std::path::Path;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_and_a_file_or_code_give_the_shares_back_with_no_service() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let (code, export) = (NewFactor::recovery_code(), NewFactor::export_file());
    let code_text = code.code().unwrap().to_string();
    let file = export.file(&phone.session.tenant, &phone.session.user).unwrap();
    let file = file.encrypt(&passphrase()).unwrap();
    phone.set_up(vec![code, export, NewFactor::passcode(passcode("1234"))]).await;
    let wallets =
        [phone.create_frost().await, phone.create(Scheme::EcdsaSecp256k1, Protocol::Dkls23).await];
    let bundle = phone.user().download_bundle().await.unwrap().to_json().unwrap();
    let settings_of_offline = ["by-code", "by-file", "by-passcode"]
        .map(|name| new_home(&deployment, &homes.path().join(name)));
    // There is no service any more.
    let Deployment { stack, .. } = deployment;
    stack.stop().await;

    let bundle = Bundle::from_json(&bundle).unwrap();
    assert_eq!(bundle.wallets(), 2);
    let export = || {
        FactorFile::decrypt(&file, &passphrase(), Path::new("export")).map(UnlockWith::ExportFile)
    };
    let [by_code, by_file, by_passcode] = settings_of_offline;
    for (home, with) in [(&by_code, with_code(&code_text)), (&by_file, export().unwrap())] {
        let recovered = bundle.recover(home, &with).unwrap();
        assert!(recovered.iter().all(|(_, result)| result.is_ok()));
        for id in wallets {
            let (held, original) = (home.wallet(id).unwrap(), phone.home.wallet(id).unwrap());
            let (held, original) = (held.unwrap(), original.unwrap());
            assert_eq!(held.holding, Holding::Offline);
            assert_eq!(*held.share().to_sealed_bytes(), *original.share().to_sealed_bytes());
        }
    }
    // There is nothing in it that a passcode could be tried on.
    let error = bundle.recover(&by_passcode, &with_passcode("1234")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = String::from_utf8(bundle.to_json().unwrap()).unwrap();
    assert!(!text.contains(FactorKind::Passcode.as_str()));
    let error = bundle.recover(&by_passcode, &with_code(&other_code())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Factor);
}

/// The enclave that remembers says `conflict`, which a client would repeat for a minute.
fn impatient(phone: Phone) -> Phone {
    let patience = Duration::from_secs(2);
    let retry = RetryPolicy { patience, ..RetryPolicy::default() };
    Phone { client: phone.client.with_retry_policy(retry), ..phone }
}

fn other_code() -> String {
    NewFactor::recovery_code().code().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_recovered_offline_sign_once_the_enclave_was_asked() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    let wallet = phone.create_frost().await;
    let bundle = phone.user().download_bundle().await.unwrap();
    let home = new_home(&deployment, &homes.path().join("offline"));
    bundle.recover(&home, &with_code(&code)).unwrap();
    let back = Phone::sign_in(&deployment, home, "alice").await;
    let error = back.try_sign(wallet, &note("too early")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalState, "{error}");
    assert!(back.restore(with_code(&code), &[phone.device()]).await.unwrap().is_complete());
    back.sign(wallet, &note("now")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_factor_opens_nothing_that_is_stored_afterwards() {
    let mut deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let home = |name: &str| homes.path().join(name);
    let phone = Phone::fresh(&deployment, &home("phone"), "alice").await;
    let user = phone.user();
    let old_code = phone.set_up_with_passcode("1234").await;
    let wallet = phone.create_frost().await;
    let (table, before) = items(&deployment, "factors");

    let unlocked = user.unlock(with_code(&old_code)).await.unwrap();
    let factors = &unlocked.factors().factors;
    let removed = factors.iter().find(|f| f.kind == FactorKind::RecoveryCode).unwrap().id;
    let new = NewFactor::recovery_code();
    let new_code = new.code().unwrap().to_string();
    let draft = user.draft_change(&unlocked, vec![new], &[removed], None).await.unwrap();
    let committed = user.commit_factors(draft).await.unwrap();
    committed.read_back.unwrap();
    let set = committed.set;
    assert_eq!((set.recovery.generation, set.factors.len()), (2, 2));
    let thief = Phone::fresh(&deployment, &home("thief"), "alice").await;
    let error = thief.restore(with_code(&old_code), &[]).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Factor, "{error}");
    for (name, with) in [("code", with_code(&new_code)), ("passcode", with_passcode("1234"))] {
        let next = Phone::fresh(&deployment, &home(name), "alice").await;
        assert!(next.restore(with, &[]).await.unwrap().is_complete());
        next.sign(wallet, &note("by what was left or added")).await;
    }

    // Whoever has the store puts the old list and the old sealed seeds back: for an enclave that
    // remembers, and for one that does not. The backups are sealed to the new key.
    for item in &before {
        put(&deployment, &table, item);
    }
    for life in ["thief-1", "thief-2"] {
        let thief = impatient(Phone::fresh(&deployment, &home(life), "alice").await);
        let brought = thief.restore(with_code(&old_code), &[]).await;
        assert!(brought.is_err() || !brought.unwrap().is_complete());
        assert!(thief.home.wallets().unwrap().is_empty());
        deployment.stack.restart_enclave().await.unwrap();
    }
    // The device that made the change seals nothing to the old key again.
    let error = user.sync_recovery().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Trust, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_key_that_somebody_else_set_up_is_refused_by_the_device() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    // Somebody with a token of hers is faster.
    let thief = User::newcomer(&deployment, "alice").await;
    thief.ensure_recovery().await;
    let new = NewWallet { scheme: Scheme::EddsaEd25519, protocol: Protocol::Frost, name: None };
    let own = vec![NewFactor::recovery_code()];
    for error in [
        phone.user().sync_recovery().await.err().unwrap(),
        phone.user().draft_recovery(own, Waiver::NotGiven).await.err().unwrap(),
        phone.user().create_wallet(&new).await.err().unwrap(),
        phone.restore(with_code(&other_code()), &[]).await.err().unwrap(),
    ] {
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::NoRecovery | ErrorKind::Factor), "{error}");
    }
    assert!(phone.home.recovery().unwrap().is_none(), "nothing was pinned");
    assert!(items(&deployment, "backups").1.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_record_put_in_place_of_another_is_refused() {
    let deployment = Deployment::start().await;
    let homes = tempfile::tempdir().unwrap();
    let phone = Phone::fresh(&deployment, &homes.path().join("phone"), "alice").await;
    let code = phone.set_up_with_passcode("1234").await;
    phone.create_frost().await;
    // The one factor's sealed record under the other one's name.
    let (table, found) = items(&deployment, "factors");
    let factors: Vec<_> = found
        .iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("factor#"))
        .collect();
    for (item, other) in [(factors[0], factors[1]), (factors[1], factors[0])] {
        let mut swapped = item.clone();
        swapped["bytes"] = other["bytes"].clone();
        put(&deployment, &table, &swapped);
    }
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    for with in [with_code(&code), with_passcode("1234")] {
        let error = new.restore(with, &[]).await.err().unwrap();
        assert_eq!(error.code(), Some(ProblemCode::RecordRefused), "{error}");
    }
    assert!(new.home.wallets().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_devices_that_set_recovery_up_at_once_one_wins() {
    let deployment = Deployment::start().await;
    let (phone, tablet) =
        tokio::join!(User::newcomer(&deployment, "alice"), User::newcomer(&deployment, "alice"));
    let (of_phone, of_tablet) = (phone.code_factor(), tablet.code_factor());
    let (one, first) = phone.setting_up(&[&of_phone]);
    let (other, second) = tablet.setting_up(&[&of_tablet]);
    let (a, b) = tokio::join!(one.send(&deployment), other.send(&deployment));
    let (winner, owner, lost) =
        if a.status == 200 { (&phone, first, b) } else { (&tablet, second, a) };
    // Which of the two refusals it is depends on how far the second one had come.
    let code = lost.problem();
    assert!(matches!(code, ProblemCode::Conflict | ProblemCode::FactorsRefused), "{code}");
    let opened: RecoveryOpened = winner.ask("/v1/recovery/open", &Plain::default()).await;
    assert_eq!(opened.wraps.len(), 1);
    assert_eq!(opened.wraps[0].factor, owner.set.factors[0].id);
    // One list and one factor: nothing of the other one was written.
    assert_eq!(items(&deployment, "factors").1.len(), 2);
    winner.create_wallet().await;
}

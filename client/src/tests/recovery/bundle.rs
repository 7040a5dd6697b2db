//! What is downloaded for a day without the service.

use super::{Phone, set_up, with_code, with_passcode};
use crate::fake_service::{FakeService, Instead};
use crate::home::Holding;
use crate::tests::{frost, raw, wallet};
use crate::{Bundle, Error, ErrorKind, NewWallet};
use sharekeep_recovery::RecoveryCode;
use sharekeep_schemas::{Scheme, WalletId};

#[tokio::test]
async fn a_bundle_gives_the_shares_without_the_service() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    let text = old.user().download_bundle().await.unwrap().to_json().unwrap();
    let bundle = Bundle::from_json(&text).unwrap();
    let requests = service.seen().len();

    let home = service.new_home(directory.path());
    assert!(bundle.recover(&home, &with_passcode("1234")).is_err());
    let other = RecoveryCode::generate(&mut rand_core::OsRng).to_text();
    assert!(bundle.recover(&home, &with_code(&other)).is_err());
    let recovered = bundle.recover(&home, &with_code(&code)).unwrap();
    assert!(matches!(recovered[..], [(id, Ok(()))] if id == made.id));
    let back = home.wallet(made.id).unwrap().unwrap();
    assert_eq!((back.public_key(), back.holding), (made.public_key(), Holding::Offline));
    assert_eq!(service.seen().len(), requests, "nobody was asked");

    // When the service is back, an ordinary restore makes it sign.
    let new = Phone::new(&service, home);
    assert!(matches!(new.user().sign(&back, &raw()).await, Err(Error::WalletStatus { .. })));
    let unlocked = new.user().unlock(with_code(&code)).await.unwrap();
    assert!(new.user().restore(&unlocked, &[]).await.unwrap().is_complete());
    new.user().sign(&new.home.wallet(made.id).unwrap().unwrap(), &raw()).await.unwrap();
    let home = &new.home;
    assert!(bundle.recover(home, &with_code(&code)).is_err(), "it holds wallets now");
}

#[tokio::test]
async fn a_changed_bundle_gives_nothing() {
    first_phone!(service, directory, old, code);
    wallet(&old.user()).await;
    let text = old.user().download_bundle().await.unwrap().to_json().unwrap();
    let good: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let decode = |value: &serde_json::Value| Bundle::from_json(value.to_string().as_bytes());
    assert!(decode(&good).is_some());
    let mut unknown = good.clone();
    unknown["surprise"] = 1.into();
    let mut newer = good.clone();
    newer["version"] = 2.into();
    let mut empty = good.clone();
    empty["statements"] = serde_json::json!([]);
    let mut flood = good.clone();
    flood["backups"] = vec![good["backups"][0].clone(); 201].into();
    let mut long = good.clone();
    long["backups"][0]["sealed"] = "A".repeat(400_000).into();
    for bad in [unknown, newer, empty, flood, long, serde_json::json!([])] {
        assert!(decode(&bad).is_none());
    }
    assert!(Bundle::from_json(b"").is_none());

    let mut older = good.clone();
    older["backups"][0]["version"] = 2.into();
    let home = service.new_home(directory.path());
    let recovered = decode(&older).unwrap().recover(&home, &with_code(&code)).unwrap();
    assert!(recovered[0].1.is_err());
    assert!(home.wallets().unwrap().is_empty());
}

#[tokio::test]
async fn a_bundle_that_lacks_a_backup_is_none_and_the_wallet_is_named() {
    first_phone!(service, directory, phone, _code);
    let (kept, lost) = (wallet(&phone.user()).await, other_wallet(&phone).await);
    assert_eq!(phone.user().download_bundle().await.unwrap().wallets(), 2);
    // Neither listing nor store know of it any more.
    service.change_backups(|backups| drop(backups.remove(&lost)));
    service.lose_wallet(lost);
    let error = phone.user().download_bundle().await.unwrap_err();
    assert!(matches!(error, Error::BackupOf { wallet, .. } if wallet == lost), "{error}");
    assert_eq!(error.kind(), ErrorKind::Trust);
    assert!(error.to_string().contains("`sharekeep wallet archive`"), "{error}");
    assert_ne!(kept.id, lost);
}

#[tokio::test]
async fn a_bundle_that_lacks_the_backup_of_another_devices_wallet_is_none() {
    first_phone!(service, directory, phone, code);
    let tablet = Phone::new(&service, service.new_home(directory.path()));
    tablet.user().unlock(with_code(&code)).await.unwrap();
    let lost = wallet(&tablet.user()).await.id;
    assert_eq!(phone.user().download_bundle().await.unwrap().wallets(), 1);
    service.change_backups(|backups| drop(backups.remove(&lost)));
    let error = phone.user().download_bundle().await.unwrap_err();
    assert!(matches!(error, Error::BackupOf { wallet, .. } if wallet == lost), "{error}");
}

#[tokio::test]
async fn a_bundle_with_an_older_backup_or_one_of_an_earlier_seed_is_none() {
    first_phone!(service, directory, phone, code);
    let user = phone.user();
    let mut made = wallet(&user).await;
    let (id, mut old) = (made.id, None);
    service.change_backups(|backups| old = backups.get(&id).cloned());
    let old = old.unwrap();
    let put_back = || service.change_backups(|backups| drop(backups.insert(id, old.clone())));
    let refused = |error: Error, why_holds: &str| {
        assert!(error.to_string().contains(why_holds), "{error}");
        assert!(matches!(error, Error::BackupOf { wallet, .. } if wallet == old.wallet), "{error}");
    };
    user.put_backup(&mut made).await.unwrap();
    put_back();
    refused(user.download_bundle().await.unwrap_err(), "older");

    // For a device that never saw a newer one, it is the seed that tells.
    let unlocked = user.unlock(with_code(&code)).await.unwrap();
    let removed = unlocked.factors().factors[1].id;
    service.change_backups(|backups| backups.get_mut(&made.id).unwrap().version = 2);
    let draft = user.draft_change(&unlocked, vec![], &[removed], None).await.unwrap();
    user.commit_factors(draft).await.unwrap().read_back.unwrap();
    put_back();
    let tablet = Phone::new(&service, service.new_home(directory.path()));
    tablet.user().unlock(with_code(&code)).await.unwrap();
    refused(tablet.user().download_bundle().await.unwrap_err(), "recovery key");
}

#[tokio::test]
async fn a_bundle_that_lacks_the_sealed_seed_of_a_factor_is_none() {
    first_phone!(service, directory, phone, _code);
    wallet(&phone.user()).await;
    service.lose_wraps();
    let error = phone.user().download_bundle().await.unwrap_err();
    assert!(matches!(error, Error::Backup(_)), "{error}");
}

#[tokio::test]
async fn a_bundle_of_a_swapped_list_of_factors_is_none() {
    first_phone!(service, directory, phone, _code);
    wallet(&phone.user()).await;
    let pinned = phone.home.recovery().unwrap();
    let other = FakeService::start().await.statement().unwrap();
    // The list is read twice; the second time it is another user's.
    service.script([Instead::Nothing, Instead::Statement(other)]);
    assert_eq!(phone.user().download_bundle().await.unwrap_err().kind(), ErrorKind::Trust);
    assert_eq!(phone.home.recovery().unwrap(), pinned);
}

/// A second wallet of the device.
async fn other_wallet(phone: &Phone) -> WalletId {
    let new = NewWallet { name: None, ..frost(Scheme::EddsaEd25519) };
    phone.user().create_wallet(&new).await.unwrap().id
}

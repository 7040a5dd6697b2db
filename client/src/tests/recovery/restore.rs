//! What a restore looks for when the service does not show everything.

use super::{Phone, set_up, with_code};
use crate::fake_service::{FakeService, Instead};
use crate::home::Holding;
use crate::tests::{raw, wallet};
use crate::{Bundle, WalletOutcome};

fn empty() -> Instead {
    Instead::Body(br#"{"items":[]}"#.to_vec())
}

#[tokio::test]
async fn a_backup_that_either_listing_hides_is_restored_all_the_same() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    for script in [vec![empty()], vec![Instead::Nothing, empty()]] {
        let new = Phone::new(&service, service.new_home(directory.path()));
        let user = new.user();
        let unlocked = user.unlock(with_code(&code)).await.unwrap();
        service.script(script);
        let report = user.restore(&unlocked, &[]).await.unwrap();
        assert!(report.is_complete());
        assert!(matches!(report.wallets[&made.id], WalletOutcome::Restored { .. }));
        user.sign(&new.home.wallet(made.id).unwrap().unwrap(), &raw()).await.unwrap();
    }
}

#[tokio::test]
async fn an_active_wallet_without_a_backup_makes_a_restore_incomplete() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    service.change_backups(|backups| backups.clear());
    let new = Phone::new(&service, service.new_home(directory.path()));
    // Also for the device that holds the share: it is the only one that does.
    for phone in [&new, &old] {
        let unlocked = phone.user().unlock(with_code(&code)).await.unwrap();
        let report = phone.user().restore(&unlocked, &[]).await.unwrap();
        assert!(matches!(report.wallets[&made.id], WalletOutcome::NoBackup));
        assert!(!report.is_complete());
    }
}

#[tokio::test]
async fn a_wallet_from_a_bundle_is_looked_for_where_both_listings_hide_it() {
    first_phone!(service, directory, old, code);
    let made = wallet(&old.user()).await;
    let text = old.user().download_bundle().await.unwrap().to_json().unwrap();
    let home = service.new_home(directory.path());
    Bundle::from_json(&text).unwrap().recover(&home, &with_code(&code)).unwrap();
    let new = Phone::new(&service, home);
    let user = new.user();
    let unlocked = user.unlock(with_code(&code)).await.unwrap();
    service.script([empty(), empty()]);
    assert!(user.restore(&unlocked, &[]).await.unwrap().is_complete());
    let back = new.home.wallet(made.id).unwrap().unwrap();
    assert_eq!(back.holding, Holding::Registered);

    // Where it is denied outright, too, nobody is told that all is well.
    let home = service.new_home(directory.path());
    Bundle::from_json(&text).unwrap().recover(&home, &with_code(&code)).unwrap();
    let new = Phone::new(&service, home);
    let unlocked = new.user().unlock(with_code(&code)).await.unwrap();
    service.change_backups(|backups| backups.clear());
    service.script([empty(), empty()]);
    let report = new.user().restore(&unlocked, &[]).await.unwrap();
    assert!(matches!(report.wallets[&made.id], WalletOutcome::NoBackup));
    assert!(!report.is_complete());
}

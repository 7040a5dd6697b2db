//! New backups in place of those that lack something.

use super::{Phone, set_up};
use crate::ErrorKind;
use crate::fake_service::{FakeService, Instead};
use crate::tests::frost;
use crate::{NewWallet, SignedIn};
use sharekeep_schemas::{ProblemCode, Scheme, WalletId};
use sharekeep_steps::DurableStep;

/// Two wallets, in the order in which they are looked at, whose backups are of an earlier seed.
async fn two_behind(user: &SignedIn<'_>) -> [WalletId; 2] {
    for _ in 0..2 {
        let new = NewWallet { name: None, ..frost(Scheme::EddsaEd25519) };
        user.create_wallet(&new).await.unwrap();
    }
    let wallets = user.home().wallets().unwrap();
    let mut ids = wallets.into_iter().map(|mut wallet| {
        wallet.backup.as_mut().unwrap().generation = 0;
        user.home().store_wallet(&wallet, DurableStep::BackupMarked).unwrap();
        wallet.id
    });
    [ids.next().unwrap(), ids.next().unwrap()]
}

#[tokio::test]
async fn a_wallet_that_another_device_archived_keeps_no_other_from_its_new_backup() {
    first_phone!(service, directory, phone, _code);
    let user = phone.user();
    let [archived, other] = two_behind(&user).await;
    service.script([Instead::Problem(ProblemCode::WalletState, None)]);
    let report = user.refresh_backups().await.unwrap();
    assert_eq!((report.stored, report.failed.len()), (1, 1));
    assert_eq!(report.failed[&archived].code(), Some(ProblemCode::WalletState));
    let version = |id| phone.home.wallet(id).unwrap().unwrap().backup.unwrap().version;
    assert_eq!((version(archived), version(other)), (1, 2));

    // What the user is told to do: a receipt ends it.
    let mut archived = phone.home.wallet(archived).unwrap().unwrap();
    user.archive_wallet(&mut archived).await.unwrap();
    let report = user.refresh_backups().await.unwrap();
    assert!(report.stored == 0 && report.failed.is_empty());
}

#[tokio::test]
async fn a_session_that_is_over_ends_the_refresh_of_all_backups() {
    first_phone!(service, directory, phone, _code);
    let user = phone.user();
    two_behind(&user).await;
    let before = service.seen().len();
    service.script([Instead::Problem(ProblemCode::SessionExpired, None)]);
    let error = user.refresh_backups().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert_eq!(service.seen().len(), before + 1);
}

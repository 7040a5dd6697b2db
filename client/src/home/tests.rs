use super::*;
use crate::settings::tests::example;
use std::fs::Permissions;

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse".to_owned()).unwrap()
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let home = parent.path().join("home");
    (parent, home)
}

#[test]
fn a_home_opens_again_with_the_same_device() {
    let (_parent, directory) = fresh();
    let device = Home::create(&directory, example(), &passphrase()).unwrap().device().id();
    let home = Home::open(&directory).unwrap();
    assert_eq!(home.settings(), &example());
    assert_eq!(home.unlock(&passphrase()).unwrap().device().id(), device);
}

#[test]
fn setting_up_twice_changes_nothing() {
    let (_parent, directory) = fresh();
    drop(Home::create(&directory, example(), &passphrase()).unwrap());
    let before = std::fs::read(directory.join(KEY)).unwrap();
    let again = Home::create(&directory, example(), &passphrase());
    assert!(matches!(again, Err(Error::SetUpAlready(_))));
    assert_eq!(std::fs::read(directory.join(KEY)).unwrap(), before);
}

#[test]
fn an_interrupted_set_up_can_be_repeated() {
    let (_parent, directory) = fresh();
    drop(Home::create(&directory, example(), &passphrase()).unwrap());
    // The settings are the last file: without them nothing was promised yet.
    std::fs::remove_file(directory.join(SETTINGS)).unwrap();
    assert!(matches!(Home::open(&directory), Err(Error::NotSetUp(_))));
    drop(Home::create(&directory, example(), &passphrase()).unwrap());
    assert!(Home::open(&directory).unwrap().unlock(&passphrase()).is_ok());
}

#[test]
fn everything_is_for_the_owner_only_and_what_is_not_is_found() {
    let (_parent, directory) = fresh();
    drop(Home::create(&directory, example(), &passphrase()).unwrap());
    let home = Home::open(&directory).unwrap();
    assert_eq!(home.exposed().unwrap(), Vec::<PathBuf>::new());
    let key = directory.join(KEY);
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(home.exposed().unwrap(), vec![key]);
}

#[test]
fn two_processes_cannot_work_in_one_home() {
    let (_parent, directory) = fresh();
    let open = Home::create(&directory, example(), &passphrase()).unwrap();
    let file = OpenOptions::new().write(true).open(directory.join(LOCK)).unwrap();
    assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    drop(open);
    assert!(file.try_lock().is_ok());
}

#[test]
fn settings_that_trust_no_image_count_as_damage() {
    let (_parent, directory) = fresh();
    drop(Home::create(&directory, example(), &passphrase()).unwrap());
    let path = directory.join(SETTINGS);
    let mut value: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    value["allowed_pcrs"] = serde_json::json!([]);
    std::fs::write(&path, value.to_string()).unwrap();
    assert!(matches!(Home::open(&directory), Err(Error::Damaged(_))));
}

#[test]
fn a_session_is_kept_until_it_is_forgotten() {
    let (_parent, directory) = fresh();
    let home = Home::create(&directory, example(), &passphrase()).unwrap();
    assert!(home.session().unwrap().is_none());
    let key = sharekeep_channel::signature::SessionSigningKey::generate(
        sharekeep_channel::signature::SessionAlgorithm::EcdsaP256Sha256,
        &mut rand_core::OsRng,
    );
    let session = Session {
        key,
        tenant: "demo".parse().unwrap(),
        user: sharekeep_schemas::UserId::new([1; 32]),
        expires_at_unix_s: 100,
        token_unbound: false,
    };
    home.store_session(&session).unwrap();
    let loaded = home.session().unwrap().unwrap();
    assert_eq!(loaded.id(), session.id());
    assert!(loaded.is_over(100) && !loaded.is_over(99));
    home.forget_session().unwrap();
    home.forget_session().unwrap();
    assert!(home.session().unwrap().is_none());
}

#[test]
fn a_file_of_an_interrupted_change_makes_room_for_the_next_try() {
    let (parent, directory) = fresh();
    let home = Home::create(&directory, example(), &passphrase()).unwrap();
    let file = parent.path().join("code");
    assert_eq!(home.write_factor_file(&file, b"first").unwrap(), None);
    let moved = home.write_factor_file(&file, b"second").unwrap().unwrap();
    assert_eq!(std::fs::read(&moved).unwrap(), b"first");
    assert_eq!(std::fs::read(&file).unwrap(), b"second");
    // Any of them may still come to stand, so none is overwritten.
    let other = home.write_factor_file(&file, b"third").unwrap().unwrap();
    assert_eq!(std::fs::read(moved).unwrap(), b"first");
    assert_eq!(std::fs::read(other).unwrap(), b"second");
    assert_eq!(std::fs::read(&file).unwrap(), b"third");
}

#[test]
fn a_file_that_this_device_did_not_write_or_that_was_changed_is_never_moved() {
    let (parent, directory) = fresh();
    let home = Home::create(&directory, example(), &passphrase()).unwrap();
    let (foreign, changed) = (parent.path().join("foreign"), parent.path().join("changed"));
    std::fs::write(&foreign, b"the only copy").unwrap();
    home.write_factor_file(&changed, b"ours").unwrap();
    std::fs::write(&changed, b"the user's").unwrap();
    for (file, content) in [(&foreign, &b"the only copy"[..]), (&changed, b"the user's")] {
        for _ in 0..2 {
            assert!(home.write_factor_file(file, b"new").is_err());
            assert_eq!(std::fs::read(file).unwrap(), content);
        }
    }
}

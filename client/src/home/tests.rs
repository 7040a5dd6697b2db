use super::*;
use crate::settings::tests::{example, example_release, image};
use ed25519_dalek::SigningKey;
use sharekeep_release::MAX_RELEASES_BYTES;
use std::fs::Permissions;

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse".to_owned()).unwrap()
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let home = parent.path().join("home");
    (parent, home)
}

fn create(directory: &Path) -> Result<OpenHome> {
    Home::create(directory, example(), &[example_release(1, 1)], &passphrase())
}

fn versions(releases: &Releases) -> Vec<u64> {
    releases.iter().map(sharekeep_release::Release::version).collect()
}

#[test]
fn a_home_opens_again_with_the_same_device() {
    let (_parent, directory) = fresh();
    let device = create(&directory).unwrap().device().id();
    let home = Home::open(&directory).unwrap();
    assert_eq!(home.settings(), &example());
    assert_eq!(home.unlock(&passphrase()).unwrap().device().id(), device);
}

#[test]
fn setting_up_twice_changes_nothing() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let before = std::fs::read(directory.join(KEY)).unwrap();
    let again = create(&directory);
    assert!(matches!(again, Err(Error::SetUpAlready(_))));
    assert_eq!(std::fs::read(directory.join(KEY)).unwrap(), before);
}

#[test]
fn an_interrupted_set_up_can_be_repeated() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    // The settings are the last file: without them nothing was promised yet.
    std::fs::remove_file(directory.join(SETTINGS)).unwrap();
    assert!(matches!(Home::open(&directory), Err(Error::NotSetUp(_))));
    drop(create(&directory).unwrap());
    assert!(Home::open(&directory).unwrap().unlock(&passphrase()).is_ok());
}

#[test]
fn everything_is_for_the_owner_only_and_what_is_not_is_found() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let home = Home::open(&directory).unwrap();
    assert_eq!(home.exposed().unwrap(), Vec::<PathBuf>::new());
    let key = directory.join(KEY);
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(home.exposed().unwrap(), vec![key]);
}

#[test]
fn two_processes_cannot_work_in_one_home() {
    let (_parent, directory) = fresh();
    let open = create(&directory).unwrap();
    let file = OpenOptions::new().write(true).open(directory.join(LOCK)).unwrap();
    assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    drop(open);
    assert!(file.try_lock().is_ok());
}

#[test]
fn without_a_release_nothing_is_set_up_and_without_their_file_nothing_is_trusted() {
    let (_parent, directory) = fresh();
    let none = Home::create(&directory, example(), &[], &passphrase());
    assert!(matches!(none, Err(Error::Usage(_))));
    let unsigned = SignedRelease::unsigned(example_release(1, 1).unverified().clone());
    let refused = Home::create(&directory, example(), &[unsigned], &passphrase());
    assert!(matches!(refused, Err(Error::Release(_))));
    assert!(!directory.exists());
    drop(create(&directory).unwrap());
    let home = Home::open(&directory).unwrap();
    assert!(home.releases().unwrap().of_image(&image(1)).is_some());
    std::fs::remove_file(directory.join(RELEASES)).unwrap();
    assert!(matches!(home.releases(), Err(Error::LostReleases(_))));
}

#[test]
fn settings_of_before_releases_are_named_as_such() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let path = directory.join(SETTINGS);
    std::fs::write(&path, r#"{"version":1,"allowed_pcrs":[]}"#).unwrap();
    let error = Home::open(&directory).err().unwrap();
    assert!(error.to_string().contains("version 1"), "{error}");
    std::fs::write(&path, "{}").unwrap();
    assert!(matches!(Home::open(&directory), Err(Error::Damaged(_))));
}

#[test]
fn the_least_version_survives_whatever_is_kept_later() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let home = Home::open(&directory).unwrap();
    // What another process learnt before this one withdrew the first release.
    let before = home.releases().unwrap();
    home.add_releases(&[example_release(3, 3)]).unwrap();
    home.keep_releases(&before).unwrap();
    let again = home.add_releases(&[example_release(2, 1)]);
    let withdrawn = sharekeep_release::Error::Withdrawn {
        version: 2,
        minimum_version: 3,
        measurements: Box::new(image(2)),
    };
    assert!(matches!(again, Err(Error::Release(error)) if error == withdrawn));
    let kept = Home::open(&directory).unwrap().releases().unwrap();
    assert_eq!((versions(&kept), kept.minimum_version()), (vec![3], 3));
}

#[test]
fn the_minimum_of_a_release_that_gave_way_is_kept() {
    let (_parent, directory) = fresh();
    let home = create(&directory).unwrap();
    let keys = &home.settings().release_keys;
    let mut learnt = home.releases().unwrap();
    learnt.add(keys, example_release(2, 2)).unwrap();
    for version in 3..=40 {
        learnt.add(keys, example_release(version, 1)).unwrap();
    }
    home.keep_releases(&learnt).unwrap();
    let kept = home.releases().unwrap();
    assert_eq!((versions(&kept), kept.minimum_version()), ((9..=40).collect(), 2));
}

#[test]
fn releases_are_added_together_or_not_at_all() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let home = Home::open(&directory).unwrap();
    assert!(home.add_releases(&[example_release(2, 2), signed_by_another(3, 1)]).is_err());
    assert_eq!(versions(&home.releases().unwrap()), [1]);
    // In whatever order they are given: the second withdraws the first.
    let both = home.add_releases(&[example_release(3, 3), example_release(2, 1)]).unwrap();
    assert_eq!(versions(&both), [3]);
}

fn other_signer() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn signed_by_another(version: u64, minimum_version: u64) -> SignedRelease {
    let release = example_release(version, minimum_version).unverified().clone();
    let mut signed = SignedRelease::unsigned(release);
    signed.sign(&other_signer()).unwrap();
    signed
}

fn other_keys() -> sharekeep_release::ReleaseKeys {
    let key = sharekeep_release::ReleaseKey::try_from(&other_signer().verifying_key()).unwrap();
    sharekeep_release::ReleaseKeys::new("here", 1, [key]).unwrap()
}

#[test]
fn other_release_keys_take_with_them_what_only_the_old_ones_signed() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let mut home = Home::open(&directory).unwrap();
    home.add_releases(&[example_release(2, 2)]).unwrap();
    let mut settings = example();
    settings.release_keys = other_keys();
    assert!(home.replace_settings(settings.clone(), &[]).is_err(), "nothing would be left");
    let older = home.replace_settings(settings.clone(), &[signed_by_another(1, 1)]);
    assert!(matches!(older, Err(Error::Release(_))), "what was withdrawn stays so");
    home.replace_settings(settings, &[signed_by_another(4, 1)]).unwrap();
    let kept = Home::open(&directory).unwrap().releases().unwrap();
    assert_eq!((versions(&kept), kept.minimum_version()), (vec![4], 2));
}

#[test]
fn lost_releases_stop_everything_but_new_settings_with_a_release() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let mut home = Home::open(&directory).unwrap();
    let path = directory.join(RELEASES);
    let losses: [&dyn Fn(); 4] = [
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::write(&path, "{}").unwrap(),
        &|| std::fs::write(&path, [0xff]).unwrap(),
        &|| std::fs::write(&path, vec![b' '; MAX_RELEASES_BYTES + 1]).unwrap(),
    ];
    for lose in losses {
        assert!(home.replace_settings(example(), &[example_release(3, 3)]).unwrap());
        lose();
        for refused in [
            home.releases().map(drop),
            home.keep_releases(&Releases::none()),
            home.add_releases(&[example_release(4, 1)]).map(drop),
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::LostReleases(_)), "{error}");
            assert!(error.to_string().contains("init --update"), "{error}");
        }
        assert!(matches!(home.replace_settings(example(), &[]), Err(Error::Usage(_))));
        assert!(!home.replace_settings(example(), &[example_release(2, 2)]).unwrap());
        let kept = home.releases().unwrap();
        assert_eq!((versions(&kept), kept.minimum_version()), (vec![2], 2));
    }
}

/// Another deployment: it knows nothing of what the first one withdrew.
fn elsewhere() -> (Settings, SignedRelease) {
    let key = sharekeep_release::ReleaseKey::try_from(&other_signer().verifying_key()).unwrap();
    let keys = sharekeep_release::ReleaseKeys::new("elsewhere", 1, [key]).unwrap();
    let release = sharekeep_release::Release::new("elsewhere", 1, 1, image(9), None).unwrap();
    let mut signed = SignedRelease::unsigned(release);
    signed.sign(&other_signer()).unwrap();
    let mut settings = example();
    settings.release_keys = keys;
    (settings, signed)
}

#[test]
fn a_change_of_deployment_killed_between_its_files_trusts_nothing_until_it_is_done_again() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    Home::open(&directory).unwrap().add_releases(&[example_release(3, 3)]).unwrap();
    let (settings, release) = elsewhere();
    // What a crash after the first file leaves.
    write_settings(&directory, &settings).unwrap();
    let mut home = Home::open(&directory).unwrap();
    let before = std::fs::read(directory.join(RELEASES)).unwrap();
    for refused in [
        home.releases().map(drop),
        home.keep_releases(&Releases::none()),
        home.add_releases(std::slice::from_ref(&release)).map(drop),
        Home::open(&directory).unwrap().unlock(&passphrase()).unwrap().releases().map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::OtherReleases(_)), "{error}");
        assert!(error.to_string().contains("init --update"), "{error}");
    }
    assert_eq!(std::fs::read(directory.join(RELEASES)).unwrap(), before);
    // Back to where it was, nothing is forgotten.
    let back = home.replace_settings(example(), &[example_release(2, 1)]);
    assert!(matches!(back, Err(Error::Release(_))));
    home.replace_settings(settings, &[release]).unwrap();
    let kept = Home::open(&directory).unwrap().releases().unwrap();
    assert_eq!((versions(&kept), kept.minimum_version()), (vec![1], 1));
}

fn pins() -> Pins {
    let key = sharekeep_channel::receipt::StatementKey::from_sealing_bytes(&[9; 32]).unwrap();
    Pins { statement_key: key.public_key(), image: None }
}

#[test]
fn who_read_the_settings_before_they_were_replaced_writes_nothing_under_the_new_ones() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    // It waited for the lock meanwhile.
    let stale = || {
        let mut home = Home::open(&directory).unwrap();
        home.settings = example();
        home
    };
    let learnt = stale().releases().unwrap();
    let (settings, release) = elsewhere();
    Home::open(&directory).unwrap().replace_settings(settings.clone(), &[release]).unwrap();
    for refused in [
        stale().keep_releases(&learnt),
        stale().add_releases(&[example_release(2, 2)]).map(drop),
        stale().store_pins(&pins()),
        stale().replace_settings(example(), &[example_release(1, 1)]).map(drop),
        stale().unlock(&passphrase()).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::SettingsChanged(_)), "{error}");
    }
    let home = Home::open(&directory).unwrap();
    assert_eq!(home.settings(), &settings);
    assert_eq!(home.pins().unwrap(), None);
    assert_eq!(home.releases().unwrap().iter().next().unwrap().deployment(), "elsewhere");
}

#[test]
fn pinned_keys_outlive_other_release_keys_and_not_another_deployment_of_the_same_address() {
    let (_parent, directory) = fresh();
    drop(create(&directory).unwrap());
    let mut home = Home::open(&directory).unwrap();
    home.store_pins(&pins()).unwrap();
    let mut settings = example();
    settings.release_keys = other_keys();
    home.replace_settings(settings, &[signed_by_another(2, 1)]).unwrap();
    assert_eq!(home.pins().unwrap(), Some(pins()));
    let (settings, release) = elsewhere();
    home.replace_settings(settings, &[release]).unwrap();
    assert_eq!(home.pins().unwrap(), None);
}

#[test]
fn a_session_is_kept_until_it_is_forgotten() {
    let (_parent, directory) = fresh();
    let home = create(&directory).unwrap();
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
    let home = create(&directory).unwrap();
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
    let home = create(&directory).unwrap();
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

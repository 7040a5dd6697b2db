//! The `sharekeep` command as a user or a script runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use ed25519_dalek::SigningKey;
use sharekeep::{Release, ReleaseKeys, SignedRelease};
use sharekeep_channel::attestation::PcrSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory with what `init` needs.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("keys.json"), keys(1).to_text()).unwrap();
        std::fs::write(directory.path().join("both.json"), keys(2).to_text()).unwrap();
        std::fs::write(directory.path().join("release.json"), release(1, 1)).unwrap();
        std::fs::write(directory.path().join("passphrase"), "correct horse\n").unwrap();
        std::fs::write(directory.path().join("wrong"), "battery staple\n").unwrap();
        for file in ["passphrase", "wrong"] {
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(directory.path().join(file), mode).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with("passphrase", arguments)
    }

    fn run_with(&self, passphrase: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sharekeep"))
            .env_clear()
            .env("SHAREKEEP_HOME", self.path("home"))
            .arg("--passphrase-file")
            .arg(self.path(passphrase))
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Sets up for a service that is not there: nothing listens on port 1.
    fn init(&self) -> Output {
        let url = "http://127.0.0.1:1";
        self.run(&[&["init", "--url", url, "--tenant", "demo"], RELEASES].concat())
    }
}

const RELEASES: &[&str] = &["--release-keys", "keys.json", "--release", "release.json"];

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn keys(threshold: usize) -> ReleaseKeys {
    let keys = [1, 2].map(|seed| (&signer(seed).verifying_key()).try_into().unwrap());
    ReleaseKeys::new("demo", threshold, keys).unwrap()
}

/// The text of a release that one of the keys has signed.
fn release(version: u8, minimum_version: u64) -> String {
    let image = PcrSet::from([[version; 48]; 3]);
    let release = Release::new("demo", version.into(), minimum_version, image, None).unwrap();
    let mut signed = SignedRelease::unsigned(release);
    signed.sign(&signer(1)).unwrap();
    signed.to_text()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn modes(directory: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.clone(), std::fs::metadata(&path).unwrap().permissions().mode()));
        if path.is_dir() {
            modes(&path, found);
        }
    }
}

#[test]
fn init_makes_files_for_the_owner_only() {
    let place = Place::new();
    let output = place.init();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut found = vec![];
    modes(&place.path("home"), &mut found);
    assert!(found.len() >= 5);
    for (path, mode) in found {
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_second_init_is_refused_and_an_update_is_not() {
    let place = Place::new();
    place.init();
    assert_eq!(code(&place.init()), 6);
    let update = ["init", "--update", "--url", "https://a.example", "--tenant", "b"];
    // The releases that were accepted before stay.
    let same = [&update[..], &["--release-keys", "keys.json"]].concat();
    assert_eq!(code(&place.run(&same)), 0);
    // Of these keys two must sign, and one has.
    let more = [&update[..], &["--release-keys", "both.json"]].concat();
    assert_eq!(code(&place.run(&more)), 2);
    let more =
        [&update[..], &["--release-keys", "both.json", "--release", "release.json"]].concat();
    assert_eq!(code(&place.run(&more)), 4);
}

#[test]
fn lost_releases_are_replaced_by_an_update_that_says_so() {
    let place = Place::new();
    place.init();
    let service = ["--url", "http://127.0.0.1:1", "--tenant", "demo"];
    let update = [&["--json", "init", "--update"][..], &service, RELEASES].concat();
    assert_eq!(json(&place.run(&update))["releases_lost"], false);
    std::fs::remove_file(place.path("home/releases.json")).unwrap();
    let listed = place.run(&["release", "list"]);
    assert_eq!(code(&listed), 6);
    assert!(stderr(&listed).contains("init --update"), "{}", stderr(&listed));
    assert_eq!(json(&place.run(&update))["releases_lost"], true);
    assert_eq!(code(&place.run(&["release", "list"])), 0);
}

#[test]
fn a_release_is_accepted_by_its_signatures_and_withdraws_what_is_below_for_good() {
    let place = Place::new();
    place.init();
    for (file, text) in [
        ("two", release(2, 1)),
        ("three", release(3, 3)),
        ("altered", release(4, 1).replace("\"version\": 4", "\"version\": 5")),
        ("no-text-of-ours", release(4, 1).replace('\n', "\r\n")),
    ] {
        std::fs::write(place.path(file), text).unwrap();
    }
    assert_eq!(code(&place.run(&["release", "add", "two"])), 0);
    let listed = json(&place.run(&["release", "list", "--json"]));
    let versions = |listed: &serde_json::Value| -> Vec<u64> {
        let releases = listed["releases"].as_array().unwrap();
        releases.iter().map(|it| it["version"].as_u64().unwrap()).collect()
    };
    assert_eq!((versions(&listed), &listed["minimum_version"]), (vec![1, 2], &1.into()));
    assert_eq!(listed["releases"][1]["signers"].as_array().unwrap().len(), 1);
    assert_eq!(code(&place.run(&["release", "add", "altered"])), 4);
    assert_eq!(code(&place.run(&["release", "add", "no-text-of-ours"])), 2);
    let shown = json(&place.run(&["release", "show", "three", "--json"]));
    assert_eq!(shown["measurements"]["PCR0"], "03".repeat(48));
    assert_eq!(code(&place.run(&["release", "show", "three", "--release-keys", "both.json"])), 4);
    assert_eq!(code(&place.run(&["release", "add", "three"])), 0);
    for withdrawn in ["two", "release.json"] {
        let output = place.run(&["release", "add", withdrawn]);
        assert_eq!(code(&output), 4);
        assert!(stderr(&output).contains("withdrawn"), "{}", stderr(&output));
        assert_eq!(code(&place.run(&["release", "show", withdrawn])), 4);
        // Who pins nothing yet can only say who signed it.
        let keys = ["--release-keys", "keys.json"];
        assert_eq!(code(&place.run(&[&["release", "show", withdrawn], &keys[..]].concat())), 0);
    }
    let listed = json(&place.run(&["release", "list", "--json"]));
    assert_eq!((versions(&listed), &listed["minimum_version"]), (vec![3], &3.into()));
}

#[test]
fn a_wrong_passphrase_ends_with_code_6() {
    let place = Place::new();
    place.init();
    let output = place.run_with("wrong", &["wallet", "list", "--offline"]);
    assert_eq!(code(&output), 6);
    assert!(stderr(&output).contains("passphrase"));
}

#[test]
fn a_device_that_is_not_set_up_ends_with_code_6() {
    assert_eq!(code(&Place::new().run(&["wallet", "list"])), 6);
}

#[test]
fn wrong_use_ends_with_code_2() {
    let place = Place::new();
    assert_eq!(code(&place.run(&["fly"])), 2);
    let remote = ["init", "--url", "http://a.example", "--tenant", "b"];
    assert_eq!(code(&place.run(&[&remote[..], RELEASES].concat())), 2);
    let no_release = ["init", "--url", "https://a.example", "--tenant", "b"];
    let no_release = [&no_release[..], &RELEASES[..2]].concat();
    assert_eq!(code(&place.run(&no_release)), 2);
    place.init();
    assert_eq!(code(&place.run(&["login"])), 5, "the enclave is asked before the token");
    assert_eq!(code(&place.run(&["wallet", "show", "nothing"])), 2);
    assert_eq!(code(&place.run(&["sign", "w", "ethereum-transaction", "not hex"])), 2);
}

#[test]
fn a_service_that_is_not_there_ends_with_code_5() {
    let place = Place::new();
    place.init();
    // It is tried again for a while before that.
    assert_eq!(code(&place.run(&["verify-enclave"])), 5);
}

#[test]
fn a_command_without_a_session_ends_with_code_8() {
    let place = Place::new();
    place.init();
    assert_eq!(code(&place.run(&["session", "list"])), 8);
}

#[test]
fn doctor_finds_files_that_others_can_read() {
    let place = Place::new();
    place.init();
    let key = place.path("home/key.age");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = place.run(&["doctor", "--json"]);
    assert_eq!(code(&output), 1);
    let checks = json(&output)["checks"].to_string();
    assert!(checks.contains("key.age"), "{checks}");
}

#[test]
fn json_is_one_object_also_for_failures() {
    let place = Place::new();
    place.init();
    let good = place.run(&["wallet", "list", "--offline", "--json"]);
    assert_eq!(json(&good)["wallets"], serde_json::json!([]));
    let bad = place.run(&["session", "list", "--json"]);
    assert_eq!(json(&bad)["error"]["kind"], "not-signed-in");
    assert_eq!(json(&bad)["error"]["exit_code"], code(&bad));
    let wrong = place.run(&["fly", "--json"]);
    assert_eq!((code(&wrong), &json(&wrong)["error"]["kind"]), (2, &"usage".into()));
}

#[test]
fn secrets_that_nobody_would_see_are_asked_for_before_anything_is_sent() {
    let place = Place::new();
    place.init();
    // Nobody is there to read a recovery code off the terminal.
    let output = place.run(&["recovery", "setup", "--new-passcode-file", "passphrase"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--new-code-file"), "{}", stderr(&output));
    let output = place.run(&["recovery", "setup", "--factor", "export-file"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--new-export-file"));
    // With everything at hand, it is the session that is missing.
    let output = place.run(&["recovery", "setup", "--new-code-file", "code"]);
    assert_eq!(code(&output), 8);
    assert!(!place.path("code").exists());
}

#[test]
fn a_limit_of_guesses_is_1_to_255_and_for_passcodes_only() {
    let place = Place::new();
    place.init();
    let set_up = |options: &[&str]| {
        place.run(&[&["recovery", "setup", "--new-code-file", "code"], options].concat())
    };
    for wrong in ["0", "256", "-1", "many"] {
        assert_eq!(code(&set_up(&["--guesses", wrong])), 2, "{wrong}");
    }
    let output = set_up(&["--factor", "recovery-code", "--guesses", "3"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--guesses"), "{}", stderr(&output));
    // Nothing else is wrong with it than that nobody is signed in.
    for right in ["1", "255"] {
        assert_eq!(code(&set_up(&["--guesses", right])), 8);
    }
}

#[test]
fn a_mistyped_recovery_code_names_the_group() {
    let place = Place::new();
    place.init();
    let right = "006H9-M9SMZ-85750-PT3N5-GA7SS-SADPS-RF8DF-VTQQ7";
    std::fs::write(place.path("code"), right.replace("PT3N5", "PT3N6")).unwrap();
    let output = place.run(&["restore", "--code-file", "code", "--keep-old-devices"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("group 4"), "{}", stderr(&output));
    std::fs::write(place.path("code"), right).unwrap();
    let output = place.run(&["restore", "--code-file", "code", "--keep-old-devices"]);
    assert_eq!(code(&output), 8);
}

#[test]
fn what_became_of_old_devices_is_said_once() {
    let place = Place::new();
    place.init();
    let device = "AAAAAAAAAAAAAAAAAAAAAA";
    for both in [["--all-lost", "--keep-old-devices"], ["--all-lost", "--all-lost"]] {
        let arguments = [&["restore", "--code-file", "code"][..], &both].concat();
        assert_eq!(code(&place.run(&arguments)), 2);
    }
    let both = ["restore", "--code-file", "code", "--lost", device, "--keep-old-devices"];
    assert_eq!(code(&place.run(&both)), 2);
    let twice = ["restore", "--code-file", "none", "--lost", device, "--lost", device];
    assert_eq!(code(&place.run(&twice)), 6, "only the file is missing");
}

#[test]
fn a_bundle_that_is_none_ends_with_code_2() {
    let place = Place::new();
    place.init();
    let arguments = ["recover-offline", "--bundle", "keys.json", "--code-file", "code"];
    let output = place.run(&arguments);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("is no bundle"), "{}", stderr(&output));
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let place = Place::new();
    place.init();
    let output = Command::new(env!("CARGO_BIN_EXE_sharekeep"))
        .env_clear()
        .args(["wallet", "list", "--offline", "--home"])
        .arg(place.path("home"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--passphrase-file"));
}

#[test]
fn operator_hands_everything_over_to_the_program_beside_it() {
    let place = Place::new();
    let program = place.path("sharekeep");
    std::fs::copy(env!("CARGO_BIN_EXE_sharekeep"), &program).unwrap();
    let run = || {
        let words = ["operator", "key", "--help", "--home", "x"];
        Command::new(&program).env_clear().args(words).stdin(Stdio::null()).output().unwrap()
    };
    let missing = run();
    assert_eq!(code(&missing), 2);
    let message = String::from_utf8(missing.stderr).unwrap();
    assert!(message.contains("sharekeep-operator is not installed"), "{message}");

    let beside = place.path("sharekeep-operator");
    std::fs::write(&beside, "#!/bin/sh\nprintf '%s.' \"$@\"\nexit 5\n").unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o700)).unwrap();
    let handed_over = run();
    assert_eq!(String::from_utf8(handed_over.stdout).unwrap(), "key.--help.--home.x.");
    assert_eq!(handed_over.status.code(), Some(5));
}

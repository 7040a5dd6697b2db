//! Releases from the build's manifest to what a client pins, as people make them: one key at a time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use serde_json::Value;
use sharekeep_image::{Digest, Entry, Image, Manifest, Ramdisk};
use sharekeep_release::{ReleaseKeys, SignedRelease};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234";
const TRUST: [&str; 2] = ["--trust", "trust.cbor"];

struct Place(tempfile::TempDir);

impl Place {
    /// With an operator's key, those of two release signers, and a trust configuration that needs both.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.path("passphrase"), "correct horse\n").unwrap();
        let public = |purpose: &str, file: &str| {
            let key = place.json(&["key", "new", purpose, file, "--name", file]);
            key["public_key"].as_str().unwrap().to_owned()
        };
        let operator = public("operator", "operator");
        let (anna, ben) = (public("release", "anna"), public("release", "ben"));
        let keys = ["--operator-key", &operator, "--release-key", &anna, "--release-key", &ben];
        let rest = ["--deployment", "shop", "--release-threshold", "2", "--kms-key-arn", ARN];
        place.json(&[&["trust", "new", "trust.cbor"][..], &keys, &rest].concat());
        for kernel in ["kernel", "other"] {
            let manifest = manifest(kernel, &place.trust());
            std::fs::write(place.path(&format!("{kernel}.manifest")), manifest).unwrap();
        }
        place
    }

    fn trust(&self) -> Vec<u8> {
        std::fs::read(self.path("trust.cbor")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sharekeep-operator"))
            .env_clear()
            .args(["--json", "--passphrase-file", "passphrase"])
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_str(&said).unwrap()
    }

    fn code(&self, arguments: &[&str]) -> Option<i32> {
        self.run(arguments).status.code()
    }

    fn sign(&self, key: &str, more: &[&str]) -> Option<i32> {
        let out = format!("release.{key}");
        let sign = ["release", "sign", "release", "--first", "--key", key, "--out", &out];
        self.code(&[&sign[..], &TRUST, more].concat())
    }
}

fn manifest(kernel: &str, trust: &[u8]) -> String {
    let boot = Ramdisk::new([("dev", Entry::Folder)]).unwrap();
    let part = |name, bytes: &[u8]| Ramdisk::new([(name, Entry::Program(bytes.into()))]).unwrap();
    let parts = [boot, part("init", b"\x7fELF"), part("trust", trust)];
    let image = Image::new(kernel.as_bytes().to_vec(), "panic=1", parts).unwrap();
    let inputs = [("trust".to_owned(), Digest::of(trust))].into();
    Manifest::of(&image, "here".to_owned(), inputs, BTreeMap::new()).to_text()
}

#[test]
fn two_people_sign_one_after_the_other_and_a_client_that_pins_their_keys_accepts_it() {
    let place = Place::new();
    let versions = ["--release-version", "2", "--minimum-version", "1"];
    let new = ["release", "new", "release", "--first", "--manifest", "kernel.manifest"];
    let said = place.json(&[&new[..], &TRUST, &versions].concat());
    assert_eq!((&said["version"], &said["minimum_version"]), (&2.into(), &1.into()));

    assert_eq!(place.sign("operator", &[]), Some(2), "an operator's key releases nothing");
    assert_eq!(place.sign("anna", &["--manifest", "other.manifest"]), Some(2));
    assert!(!place.path("release.anna").exists());
    assert_eq!(place.sign("anna", &["--manifest", "kernel.manifest"]), Some(0));
    assert_eq!(place.sign("ben", &[]), Some(2), "nobody signs unawares what he has not built");
    assert_eq!(place.sign("ben", &["--manifest", "kernel.manifest"]), Some(0));
    let show = |file| [&["release", "show", file][..], &TRUST].concat();
    assert_eq!(place.code(&show("release.anna")), Some(4), "one alone releases nothing");
    let combine = ["release", "combine", "release.anna", "release.ben", "--out", "signed"];
    place.json(&combine);
    assert_eq!(place.json(&show("signed"))["signers"].as_array().unwrap().len(), 2);

    let out = ["release", "keys", "--out", "keys"];
    assert_eq!(place.json(&[&out[..], &TRUST].concat())["threshold"], 2);
    let read = |file| std::fs::read_to_string(place.path(file)).unwrap();
    let keys = ReleaseKeys::parse(&read("keys")).unwrap();
    let verified = keys.verify(&SignedRelease::parse(&read("signed")).unwrap()).unwrap();
    let built = Manifest::parse(&manifest("kernel", &place.trust())).unwrap().measurements;
    assert_eq!(verified.release.measurements().pcr2.to_string(), built.pcr2.to_string());

    // The next one comes after it, in a small step; that there was one before is not left open.
    let next = |file: &str, version: &str, before: &[&str]| {
        let versions = ["--release-version", version, "--minimum-version", "1"];
        let new = ["release", "new", file, "--manifest", "kernel.manifest"];
        place.code(&[&new[..], &TRUST, &versions, before].concat())
    };
    assert_eq!(next("third", "3", &[]), Some(2));
    assert_eq!(next("third", "9007199254740991", &["--after", "signed"]), Some(2));
    assert_eq!(next("third", "3", &["--after", "release.anna"]), Some(4), "one signed that");
    assert_eq!(next("third", "3", &["--after", "signed"]), Some(0));

    // What was edited on the way is nobody's word.
    std::fs::write(
        place.path("edited"),
        read("signed").replace("\"version\": 2", "\"version\": 3"),
    )
    .unwrap();
    assert_eq!(place.code(&show("edited")), Some(4));
    std::fs::write(place.path("edited"), read("signed").replace("  ", " ")).unwrap();
    assert_eq!(place.code(&show("edited")), Some(2));
}

#[test]
fn an_image_with_another_trust_configuration_and_one_that_nobody_built_need_more_than_a_key() {
    let place = Place::new();
    let new = |file: &str, trust: &str| {
        let versions = ["--release-version", "1", "--minimum-version", "1"];
        let new = ["release", "new", file, "--first", "--manifest", "kernel.manifest"];
        place.code(&[&new[..], &versions, &["--trust", trust]].concat())
    };
    std::fs::write(place.path("other.cbor"), Place::new().trust()).unwrap();
    assert_eq!(new("release", "other.cbor"), Some(2), "a release of this name for that image");
    assert!(!place.path("release").exists());
    assert_eq!(new("release", "trust.cbor"), Some(0));
    let both = ["--manifest", "kernel.manifest", "--unseen"];
    assert_eq!(place.sign("ben", &both), Some(2), "he has seen it or has not");
    assert_eq!(place.sign("ben", &["--unseen"]), Some(0));
}

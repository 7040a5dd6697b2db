//! The image as third parties meet it: against AWS's own implementation, changed, and made elsewhere.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_bytes::ByteArray;
use sharekeep_image::{
    Digest, Entry, Error, FOREIGN, Image, Manifest, Measurements, Parts, Ramdisk, enclave,
};
use sharekeep_schemas::codec;
use sharekeep_schemas::trust::TrustConfiguration;

/// Written by `aws-nitro-enclaves-image-format` 0.8.1 with the parts of [`small`]; how is in
/// `fixtures/README.md`.
const REFERENCE: &[u8] = include_bytes!("fixtures/reference.eif");
/// The measurements which that crate printed.
const REFERENCE_PCRS: &str = include_str!("fixtures/reference.pcrs.json");

fn small() -> Image {
    let ramdisk = |name, text: &str| {
        Ramdisk::new([(name, Entry::Program(text.as_bytes().to_vec()))]).unwrap()
    };
    let ramdisks = [ramdisk("first", "1"), ramdisk("second", "2"), ramdisk("third", "3")];
    Image::new(b"not really a kernel\n".to_vec(), "panic=1 console=ttyS0", ramdisks).unwrap()
}

fn trust() -> Vec<u8> {
    let key = |seed| {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        ByteArray::new(key.verifying_key().to_bytes())
    };
    codec::encode(&TrustConfiguration {
        version: 1,
        deployment: "example".into(),
        operator_key: key(1),
        release_keys: vec![key(2)],
        release_threshold: 1,
        kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/a".into(),
        kms_region: "eu-central-1".into(),
        kms_authorities_pem: None,
        egress_hosts: vec!["kms.eu-central-1.amazonaws.com:443".into()],
    })
}

fn parts() -> Parts {
    Parts { kernel: vec![1; 999], program: vec![2; 5000], trust: trust() }
}

fn made() -> (Image, Manifest) {
    let image = enclave(parts()).unwrap();
    let inputs = BTreeMap::from([("program".into(), Digest::of(&[2; 5000]))]);
    let tools = BTreeMap::from([("rustc".into(), "rustc 1.95.0".into())]);
    let manifest = Manifest::of(&image, "a tree".into(), inputs, tools);
    (image, manifest)
}

fn place(file: &[u8], what: &[u8]) -> usize {
    file.windows(what.len()).position(|window| window == what).unwrap()
}

/// Sets the checksum anew, as somebody who changes an image on purpose would.
fn with_checksum(mut file: Vec<u8>) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&file[..544]);
    hasher.update(&file[548..]);
    file[544..548].copy_from_slice(&hasher.finalize().to_be_bytes());
    file
}

#[test]
fn an_image_of_the_reference_implementation_is_read_and_measured_alike() {
    let said: Measurements = serde_json::from_str(REFERENCE_PCRS).unwrap();
    let image = Image::parse(REFERENCE).unwrap();
    assert_eq!(image.measurements(), said);
    assert_eq!(image.to_bytes(), REFERENCE);
}

#[test]
fn our_image_is_the_reference_implementations_but_for_the_description() {
    let ours = small();
    let reference = Image::parse(REFERENCE).unwrap();
    assert_eq!(ours.kernel(), reference.kernel());
    assert_eq!(ours.command_line(), reference.command_line());
    assert!(ours.ramdisks() == reference.ramdisks());
    assert_eq!(ours.measurements(), reference.measurements());
}

#[test]
fn each_part_is_in_the_registers_that_it_belongs_to() {
    let before = enclave(parts()).unwrap().measurements();
    let changed = |change: fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        let after = enclave(parts).unwrap().measurements();
        [after.pcr0 != before.pcr0, after.pcr1 != before.pcr1, after.pcr2 != before.pcr2]
    };
    assert_eq!(changed(|parts| parts.kernel[998] ^= 1), [true, true, false]);
    assert_eq!(changed(|parts| parts.program[0] ^= 1), [true, false, true]);
    // The key's id in the ARN.
    let other_key = |parts: &mut Parts| {
        let at = place(&parts.trust, b"key/a") + 4;
        parts.trust[at] = b'b';
    };
    assert_eq!(changed(other_key), [true, false, true]);
}

/// `./dev test image` puts the real parts together with it.
#[test]
fn the_committed_trust_configuration_is_the_one_of_these_tests() {
    assert_eq!(include_bytes!("fixtures/trust.cbor").as_slice(), trust());
}

#[test]
fn an_image_with_a_trust_configuration_that_an_enclave_refuses_is_not_made() {
    let mut parts = parts();
    parts.trust.push(0);
    assert!(matches!(enclave(parts), Err(Error::Trust(_))));
}

#[test]
fn an_image_with_a_stand_in_in_its_program_is_not_made() {
    for word in FOREIGN {
        let mut parts = parts();
        parts.program.splice(2500..2500, format!("\0{word}\0").into_bytes());
        let refused = enclave(parts);
        assert!(matches!(refused, Err(Error::Foreign(found)) if found == [word]), "{word}");
    }
}

#[test]
fn every_changed_byte_is_found() {
    let (image, manifest) = made();
    let file = image.to_bytes();
    manifest.verify(&file).unwrap();
    for place in (0..file.len()).filter(|place| *place < 2500 || place % 61 == 0) {
        let mut changed = file.clone();
        changed[place] ^= 1;
        assert!(manifest.verify(&changed).is_err(), "{place} without its checksum");
        if !(544..548).contains(&place) {
            assert!(manifest.verify(&with_checksum(changed)).is_err(), "{place}");
        }
    }
}

#[test]
fn bytes_moved_from_one_section_to_the_next_measure_the_same_and_are_refused() {
    let (image, manifest) = made();
    let mut kernel = image.kernel().to_vec();
    kernel.push(image.command_line().as_bytes()[0]);
    let ramdisks = image.ramdisks().to_vec();
    let moved = Image::new(kernel, &image.command_line()[1..], ramdisks).unwrap();
    assert_eq!(moved.measurements(), image.measurements());
    let refused = manifest.verify(&moved.to_bytes());
    assert!(matches!(refused, Err(Error::Differs(what)) if what == "kernel"));
}

#[test]
fn what_is_cut_off_appended_or_left_between_is_refused() {
    let file = small().to_bytes();
    for end in (0..file.len()).step_by(7) {
        assert!(Image::parse(&file[..end]).is_err(), "{end}");
    }
    for more in [1, 11, 12, 13, 600] {
        let mut longer = file.clone();
        longer.resize(file.len() + more, 0);
        assert!(Image::parse(&with_checksum(longer)).is_err(), "{more}");
    }
}

#[test]
fn a_table_that_points_elsewhere_is_refused() {
    let mut file = small().to_bytes();
    // The offset of the first section; a loader that reads by the table would boot something else.
    file[28 + 7] ^= 4;
    assert!(matches!(Image::parse(&with_checksum(file)), Err(Error::Eif(_))));
}

#[test]
fn an_image_for_the_other_architecture_is_refused() {
    let mut file = small().to_bytes();
    file[7] = 1;
    assert!(matches!(Image::parse(&with_checksum(file)), Err(Error::Eif(_))));
}

#[test]
fn a_section_that_claims_more_than_there_is_is_refused() {
    let mut file = small().to_bytes();
    file[548 + 4..548 + 12].fill(0xff);
    assert!(matches!(Image::parse(&with_checksum(file)), Err(Error::Eif(_))));
}

#[test]
fn command_lines_and_numbers_of_ramdisks_that_no_kernel_takes_are_refused() {
    let ramdisks = |number| vec![small().ramdisks()[0].clone(); number];
    for line in ["", "two\nlines", "a\0b", "é", &"x".repeat(2048)] {
        let refused = Image::new(vec![], line, ramdisks(2));
        assert!(matches!(refused, Err(Error::CommandLine)), "{line:?}");
    }
    for number in [0, 1, 29, 40] {
        assert!(matches!(Image::new(vec![], "a", ramdisks(number)), Err(Error::Ramdisks(_))));
    }
    let most = Image::new(vec![], "a", ramdisks(28)).unwrap();
    assert_eq!(Image::parse(&most.to_bytes()).unwrap().ramdisks().len(), 28);
}

#[test]
fn a_manifest_has_one_text() {
    let (_, manifest) = made();
    let text = manifest.to_text();
    assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    let compact: serde_json::Value = serde_json::from_str(&text).unwrap();
    let upper = text.replace(&manifest.kernel.sha256.to_string(), &"AB".repeat(32));
    let twice = text.replacen("\"version\": 1,", "\"version\": 1,\n  \"version\": 1,", 1);
    let unknown = text.replacen("\"version\": 1,", "\"version\": 1,\n  \"more\": 1,", 1);
    let later = text.replacen("\"version\": 1,", "\"version\": 2,", 1);
    let blank = format!("{text}\n");
    for other in [compact.to_string(), upper, twice, unknown, later, blank] {
        assert_ne!(other, text);
        assert!(matches!(Manifest::parse(&other), Err(Error::Manifest(_))), "{other}");
    }
    let large = format!("{text}{}", " ".repeat(1 << 16));
    assert!(matches!(Manifest::parse(&large), Err(Error::TooLarge(_))));
}

#[test]
fn each_part_that_differs_is_named() {
    let (image, manifest) = made();
    let file = image.to_bytes();
    let named = |change: fn(&mut Manifest)| {
        let mut other = manifest.clone();
        change(&mut other);
        match other.verify(&file) {
            Err(Error::Differs(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(named(|it| it.kernel.bytes += 1), "kernel");
    assert_eq!(named(|it| it.command_line.push('1')), "command line");
    assert_eq!(named(|it| it.ramdisks[0].sha256.0[0] ^= 1), "ramdisk boot");
    assert_eq!(named(|it| it.ramdisks[2].sha256.0[0] ^= 1), "ramdisk trust");
    assert_eq!(named(|it| drop(it.ramdisks.pop())), "the number of ramdisks");
    assert_eq!(named(|it| it.measurements.pcr2.0[47] ^= 1), "PCR");
    assert_eq!(named(|it| it.image.sha256.0[0] ^= 1), "file");
}

/// What `sharekeep-image compare` says of a published manifest and one that is built: its lines, and
/// whether it takes them for one image.
fn compare(published: &str, built: &str) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut call = Command::new(env!("CARGO_BIN_EXE_sharekeep-image"));
    call.arg("compare");
    for (name, text) in [("published", published), ("built", built)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        call.arg(path);
    }
    let answer = call.output().unwrap();
    (String::from_utf8(answer.stdout).unwrap(), answer.status.success())
}

#[test]
fn a_rebuilt_image_is_the_published_one_or_the_part_that_differs_is_named() {
    let (_, built) = made();
    let text = built.to_text();
    let (said, same) = compare(&text, &text);
    assert!(same && !said.contains("DIFFERS"), "{said}");
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 14] = [
        ("source", |it| it.source.push('1')),
        ("tool rustc", |it| it.toolchain.values_mut().for_each(|version| version.push('1'))),
        ("tool gcc", |it| it.toolchain.extend([("gcc".into(), "12".into())])),
        ("input program", |it| it.inputs.values_mut().for_each(|hash| hash.0[31] ^= 1)),
        ("input trust", |it| it.inputs.extend([("trust".into(), Digest::of(b""))])),
        ("kernel", |it| it.kernel.sha256.0[0] ^= 1),
        ("command line", |it| it.command_line.push('1')),
        ("ramdisk boot", |it| it.ramdisks[0].sha256.0[0] ^= 1),
        ("ramdisk program", |it| it.ramdisks[1].bytes += 1),
        ("ramdisk trust", |it| it.ramdisks[2].sha256.0[31] ^= 1),
        ("PCR0", |it| it.measurements.pcr0.0[0] ^= 1),
        ("PCR1", |it| it.measurements.pcr1.0[47] ^= 1),
        ("PCR2", |it| it.measurements.pcr2.0[20] ^= 1),
        ("file", |it| it.image.sha256.0[0] ^= 1),
    ];
    for (part, change) in changes {
        let mut published = built.clone();
        change(&mut published);
        // Whichever of the two says more.
        for (said, same) in
            [compare(&published.to_text(), &text), compare(&text, &published.to_text())]
        {
            let different: Vec<_> =
                said.lines().filter_map(|line| line.strip_prefix("DIFFERS  ")).collect();
            assert_eq!((different, same), (vec![part], false), "{said}");
        }
    }
}

#[test]
fn what_is_no_manifest_is_compared_with_nothing() {
    let text = made().1.to_text();
    assert_eq!(compare("{}", &text), (String::new(), false));
    assert_eq!(compare(&text, &text.replace("  ", " ")), (String::new(), false));
}

/// Writes the parts into `folder` under `prefix` and runs the program there.
fn make_in(folder: &Path, prefix: &str, inputs: [&str; 2]) -> [Vec<u8>; 3] {
    let path = |name: &str| folder.join(format!("{prefix}{name}"));
    let Parts { kernel, program, trust } = parts();
    for (name, bytes) in [("kernel", kernel), ("program", program), ("trust", trust)] {
        std::fs::write(path(name), bytes).unwrap();
    }
    let mut call = Command::new(env!("CARGO_BIN_EXE_sharekeep-image"));
    call.args(["make", "--source", "a tree"]).arg("--out").arg(path("out"));
    for name in ["kernel", "program", "trust"] {
        call.arg(format!("--{name}")).arg(path(name));
    }
    for name in inputs {
        call.arg("--input").arg(format!("{name}={}", path("kernel").display()));
        call.arg("--tool").arg(format!("{name}=1.0"));
    }
    let answer = call.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(answer.stdout.starts_with(b"PCR0: "));
    ["enclave.eif", "enclave.pcrs.json", "enclave.manifest.json"]
        .map(|name| std::fs::read(path("out").join(name)).unwrap())
}

#[test]
fn made_in_another_folder_and_order_the_files_are_the_same_to_the_byte() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = make_in(one.path(), "", ["a", "b"]);
    let second = make_in(other.path(), "another-", ["b", "a"]);
    assert!(first == second);
    let pcrs: Measurements = serde_json::from_slice(&first[1]).unwrap();
    assert_eq!(pcrs, Image::parse(&first[0]).unwrap().measurements());
}

#[test]
fn the_program_verifies_what_it_made_and_refuses_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let [mut file, pcrs, _] = make_in(folder.path(), "", ["a", "b"]);
    let out = folder.path().join("out");
    let verify = || {
        let mut call = Command::new(env!("CARGO_BIN_EXE_sharekeep-image"));
        call.arg("verify").arg(out.join("enclave.eif")).arg(out.join("enclave.manifest.json"));
        call.output().unwrap()
    };
    let answer = verify();
    assert!(answer.status.success());
    let said: Measurements = serde_json::from_slice(&pcrs).unwrap();
    assert_eq!(String::from_utf8(answer.stdout).unwrap(), format!("{said}\n"));
    let last_program_byte = place(&file, &[2; 5000]) + 4999;
    file[last_program_byte] = 3;
    std::fs::write(out.join("enclave.eif"), with_checksum(file)).unwrap();
    let answer = verify();
    assert!(!answer.status.success());
    assert!(String::from_utf8(answer.stderr).unwrap().contains("ramdisk program differs"));
}

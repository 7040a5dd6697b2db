use super::*;
use ed25519_dalek::{Signature, SigningKey};
use proptest::prelude::*;
use sharekeep_channel::attestation::PcrSet;

/// Signed by the seeds `[1; 32]` and `[3; 32]` without this crate: Python wrote the text, and OpenSSL's
/// Ed25519 the signatures.
const FIXTURE: &str = include_str!("../fixtures/release.json");

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> ReleaseKey {
    ReleaseKey::try_from(&signer(seed).verifying_key()).unwrap()
}

fn keys(threshold: usize, seeds: impl IntoIterator<Item = u8>) -> ReleaseKeys {
    ReleaseKeys::new("shop", threshold, seeds.into_iter().map(public)).unwrap()
}

fn image(byte: u8) -> PcrSet {
    PcrSet::from([[byte; 48], [byte + 1; 48], [byte + 2; 48]])
}

fn release(version: u64, minimum_version: u64) -> Release {
    let byte = u8::try_from(version).unwrap();
    Release::new("shop", version, minimum_version, image(byte), None).unwrap()
}

fn signed(release: Release, seeds: impl IntoIterator<Item = u8>) -> SignedRelease {
    let mut signed = SignedRelease::unsigned(release);
    seeds.into_iter().for_each(|seed| signed.sign(&signer(seed)).unwrap());
    signed
}

fn fixture() -> SignedRelease {
    let hash = Some(ManifestHash([0xcd; 32]));
    let release = Release::new("shop", 2, 1, PcrSet::from([[0xab; 48]; 3]), hash).unwrap();
    signed(release, [1, 3])
}

#[test]
fn a_signed_release_has_one_text_and_it_is_the_one_in_the_repository() {
    assert_eq!(fixture().to_text(), FIXTURE);
    let read = SignedRelease::parse(FIXTURE).unwrap();
    assert_eq!(read, fixture());
    let verified = keys(2, [1, 2, 3]).verify(&read).unwrap();
    let mut signers = vec![public(1), public(3)];
    signers.sort();
    assert_eq!(verified.signers, signers);
}

#[test]
fn no_altered_byte_of_a_release_is_accepted() {
    let keys = keys(2, [1, 2, 3]);
    for at in 0..FIXTURE.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = FIXTURE.as_bytes().to_vec();
            bytes[at] ^= flip;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let read = SignedRelease::parse(&text).and_then(|it| keys.verify(&it));
            assert!(read.is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_signature_over_anything_but_the_labelled_text_does_not_count() {
    use ed25519_dalek::Signer;
    let text = release(1, 1).to_text();
    let labels: [&[u8]; 3] = [b"", b"sharekeep/tenant-document/v1\0", b"sharekeep/release/v2\0"];
    for label in labels {
        let other = signer(1).sign(&[label, text.as_bytes()].concat());
        let right = Signature::from_slice(&signature(&signed(release(1, 1), [1]))).unwrap();
        let forged = signed(release(1, 1), [1])
            .to_text()
            .replace(&hex::encode(right.to_bytes()), &hex::encode(other.to_bytes()));
        let forged = SignedRelease::parse(&forged).unwrap();
        let refused = Err(Error::TooFew { signed: 0, threshold: 1 });
        assert_eq!(keys(1, [1]).verify(&forged), refused);
    }
}

/// The only signature of a release.
fn signature(signed: &SignedRelease) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_str(&signed.to_text()).unwrap();
    hex::decode(value["signatures"][0]["signature"].as_str().unwrap()).unwrap()
}

#[test]
fn a_signer_that_is_there_twice_is_refused_and_one_who_signs_twice_counts_once() {
    let once = signed(release(1, 1), [1]);
    let refused = Err(Error::TooFew { signed: 1, threshold: 2 });
    assert_eq!(keys(2, [1, 2]).verify(&signed(release(1, 1), [1, 1])), refused);
    let read = SignedRelease::parse(&with_signature_twice(&once.to_text()));
    assert!(matches!(read, Err(Error::Text(why)) if why.contains("twice")));
    // A list of keys in which one is there twice is none: one signer would count as two.
    assert!(ReleaseKeys::new("shop", 2, [public(1), public(1)]).is_err());
}

/// The same text, in which the only signature is there once more.
fn with_signature_twice(text: &str) -> String {
    let (before, rest) = text.split_once('[').unwrap();
    let before = before.to_owned() + "[";
    // Of a set, the first list is that of its releases.
    let (before, rest) = match rest.split_once('[') {
        Some((more, rest)) => (before + more + "[", rest),
        None => (before, rest),
    };
    let one = rest.split_once(']').unwrap().0.trim_end();
    format!("{before}{one},{rest}")
}

#[test]
fn the_keys_of_one_deployment_accept_nothing_of_another() {
    let other = Release::new("bank", 1, 1, image(1), None).unwrap();
    let refused = keys(1, [1]).verify(&signed(other, [1]));
    assert!(matches!(refused, Err(Error::Deployment { .. })));
}

#[test]
fn other_json_that_says_the_same_or_more_is_refused() {
    let compact = {
        let value: serde_json::Value = serde_json::from_str(FIXTURE).unwrap();
        value.to_string()
    };
    for other in [
        compact,
        FIXTURE.trim_end().to_owned(),
        format!(" {FIXTURE}"),
        FIXTURE.replace("\"version\": 2", "\"version\": 2.0"),
        FIXTURE.replace("\"version\": 2", "\"version\": 2,\n    \"more\": 1"),
        FIXTURE.replace("\"version\": 2", "\"version\": 1,\n    \"version\": 2"),
        FIXTURE.replace("abab", "ABAB"),
        FIXTURE.replace("cdcd", "CDCD"),
        FIXTURE.replacen("  \"signatures\"", "  \"more\": 1,\n  \"signatures\"", 1),
    ] {
        assert_ne!(other, FIXTURE);
        assert!(SignedRelease::parse(&other).is_err(), "{other}");
    }
    let long = FIXTURE.to_owned() + &" ".repeat(MAX_SIGNED_RELEASE_BYTES);
    assert!(matches!(SignedRelease::parse(&long), Err(Error::TooLarge(_))));
}

#[test]
fn what_no_signer_means_cannot_be_said() {
    let new = |deployment: &str, version, minimum, image| {
        Release::new(deployment, version, minimum, image, None)
    };
    let long = "x".repeat(65);
    for (deployment, version, minimum, image) in [
        ("", 1, 1, image(1)),
        (long.as_str(), 1, 1, image(1)),
        ("a\x1b[2J", 1, 1, image(1)),
        ("shop", 0, 0, image(1)),
        ("shop", 1, 0, image(1)),
        ("shop", 1, 2, image(1)),
        ("shop", MAX_VERSION + 1, 1, image(1)),
        ("shop", 1, 1, PcrSet::from([[0; 48], [1; 48], [1; 48]])),
        ("shop", 1, 1, PcrSet::from([[1; 48], [1; 48], [0; 48]])),
    ] {
        let refused = new(deployment, version, minimum, image);
        assert!(matches!(refused, Err(Error::Impossible(_))), "{deployment} {version} {minimum}");
    }
    let debug = FIXTURE.replace(&"ab".repeat(48), &"00".repeat(48));
    assert!(SignedRelease::parse(&debug).is_err(), "nor read");
}

#[test]
fn keys_are_pinned_by_a_text_of_their_own() {
    let keys = keys(2, [3, 1, 2]);
    let text = keys.to_text();
    assert_eq!(ReleaseKeys::parse(&text), Ok(keys));
    // The neutral element: everything is signed under it.
    let weak = "01".to_owned() + &"00".repeat(31);
    let one = public(1).to_string();
    for bad in [
        text.replace("\"threshold\": 2", "\"threshold\": 0"),
        text.replace("\"threshold\": 2", "\"threshold\": 4"),
        text.replace(&one, &weak),
        text.replace(&one, &one.to_uppercase()),
        text.replace(&one, &public(2).to_string()),
        text.replace("shop", ""),
    ] {
        assert_ne!(bad, text);
        assert!(ReleaseKeys::parse(&bad).is_err(), "{bad}");
    }
    let many = (1..=17).map(public);
    assert!(ReleaseKeys::new("shop", 1, many).is_err());
    assert!(ReleaseKeys::new("shop", 0, []).is_err());
}

#[test]
fn two_releases_hold_side_by_side_until_a_later_one_withdraws_the_first() {
    let keys = keys(1, [1]);
    let mut accepted = Releases::none();
    for (version, minimum, holding) in
        [(1, 1, &[1][..]), (2, 1, &[1, 2]), (3, 2, &[2, 3]), (5, 5, &[5])]
    {
        assert_eq!(accepted.add(&keys, signed(release(version, minimum), [1])), Ok(true));
        assert_eq!(accepted.iter().map(Release::version).collect::<Vec<_>>(), holding);
        assert_eq!(accepted.minimum_version(), minimum);
    }
    assert_eq!(accepted.of_image(&image(1)), None);
    assert_eq!(accepted.allowed_pcrs(), [image(5)]);
    for version in 1..5 {
        let again = accepted.add(&keys, signed(release(version, version), [1]));
        assert!(matches!(again, Err(Error::Withdrawn { minimum_version: 5, .. })));
    }
    // A replayed release that names an older minimum changes nothing.
    assert_eq!(accepted.add(&keys, signed(release(6, 1), [1])), Ok(true));
    assert_eq!(accepted.minimum_version(), 5);
}

#[test]
fn one_version_is_one_release() {
    let keys = keys(1, [1, 2]);
    let mut accepted = Releases::none();
    assert_eq!(accepted.add(&keys, signed(release(2, 1), [1])), Ok(true));
    assert_eq!(accepted.add(&keys, signed(release(2, 1), [2])), Ok(false));
    assert_eq!(accepted.add(&keys, signed(release(2, 2), [1, 2])), Err(Error::Doubled(2)));
    assert_eq!(accepted.minimum_version(), 1);
}

#[test]
fn a_kept_set_is_verified_again_and_belongs_to_one_deployment() {
    let both = keys(1, [1, 2]);
    let mut accepted = Releases::none();
    accepted.add(&both, signed(release(1, 1), [1])).unwrap();
    accepted.add(&both, signed(release(3, 1), [2])).unwrap();
    let text = accepted.to_text();
    assert_eq!(Releases::read(&text, &both), Ok(accepted.clone()));
    let left = Releases::read(&text, &keys(1, [2])).unwrap();
    assert_eq!(left.iter().map(Release::version).collect::<Vec<_>>(), [3]);
    let bank = ReleaseKeys::new("bank", 1, [public(1)]).unwrap();
    assert!(matches!(Releases::read(&text, &bank), Err(Error::Deployment { .. })));
    assert_eq!(Releases::read(&Releases::none().to_text(), &bank), Ok(Releases::none()));
    // What was withdrawn stays withdrawn, although the release that said so counts no more.
    accepted.add(&both, signed(release(4, 4), [1])).unwrap();
    let left = Releases::read(&accepted.to_text(), &keys(1, [2])).unwrap();
    assert_eq!((left.minimum_version(), left.iter().count()), (4, 0));
    assert!(Releases::read("{}", &both).is_err());
    assert!(Releases::read(&" ".repeat(MAX_RELEASES_BYTES + 1), &both).is_err());
}

#[test]
fn a_kept_set_in_which_one_signature_is_there_twice_is_damaged() {
    let mut accepted = Releases::none();
    accepted.add(&keys(1, [1]), signed(release(1, 1), [1])).unwrap();
    let text = with_signature_twice(&accepted.to_text());
    for threshold in [1, 2] {
        let read = Releases::read(&text, &keys(threshold, [1, 2]));
        assert!(matches!(read, Err(Error::Text(why)) if why.contains("twice")));
    }
}

#[test]
fn a_set_is_bounded_and_the_lowest_gives_way() {
    let keys = keys(1, [1]);
    let mut accepted = Releases::none();
    for version in 1..=40 {
        accepted.add(&keys, signed(release(version, 1), [1])).unwrap();
    }
    assert_eq!(accepted.iter().count(), MAX_RELEASES);
    assert_eq!(accepted.iter().next().map(Release::version), Some(9));
    assert!(accepted.to_text().len() <= MAX_RELEASES_BYTES);
    // Nobody is told that it was accepted when it was not; what it withdrew counts.
    assert_eq!(accepted.add(&keys, signed(release(8, 7), [1])), Err(Error::GaveWay(8)));
    assert_eq!(accepted.iter().next().map(Release::version), Some(9));
    assert_eq!(accepted.minimum_version(), 7);
}

#[test]
fn a_merge_takes_the_higher_minimum_also_of_a_release_that_gave_way() {
    let keys = keys(1, [1]);
    let mut kept = Releases::none();
    kept.add(&keys, signed(release(1, 1), [1])).unwrap();
    let mut learnt = Releases::none();
    learnt.add(&keys, signed(release(2, 2), [1])).unwrap();
    for version in 3..=40 {
        learnt.add(&keys, signed(release(version, 1), [1])).unwrap();
    }
    assert!(learnt.iter().all(|release| release.minimum_version() == 1));
    kept.merge(&keys, &learnt).unwrap();
    assert_eq!(kept, learnt);
    // The other way nothing falls.
    let mut first = Releases::none();
    first.add(&keys, signed(release(1, 1), [1])).unwrap();
    kept.merge(&keys, &first).unwrap();
    kept.merge(&keys, &Releases::none()).unwrap();
    assert_eq!(kept, learnt);
    let mut none = Releases::none();
    none.merge(&keys, &learnt).unwrap();
    assert_eq!(none, learnt);
}

#[test]
fn a_merge_takes_nothing_of_another_deployment_nor_what_these_keys_did_not_sign() {
    let bank = ReleaseKeys::new("bank", 1, [public(1)]).unwrap();
    let of_bank = Release::new("bank", 9, 9, image(9), None).unwrap();
    let mut elsewhere = Releases::none();
    elsewhere.add(&bank, signed(of_bank, [1])).unwrap();
    let keys = keys(1, [1]);
    let mut kept = Releases::none();
    kept.add(&keys, signed(release(1, 1), [1])).unwrap();
    let before = kept.clone();
    for one in [&keys, &bank] {
        assert!(matches!(kept.merge(one, &elsewhere), Err(Error::Deployment { .. })));
    }
    assert!(matches!(Releases::none().merge(&keys, &elsewhere), Err(Error::Deployment { .. })));
    let other = ReleaseKeys::new("shop", 1, [public(2)]).unwrap();
    let mut by_another = Releases::none();
    by_another.add(&other, signed(release(2, 1), [2])).unwrap();
    kept.merge(&keys, &by_another).unwrap();
    assert_eq!(kept, before);
}

#[test]
fn the_largest_texts_stay_within_their_bounds() {
    let deployment = "\"".repeat(64);
    let release = Release::new(&deployment, MAX_VERSION, MAX_VERSION, image(1), None).unwrap();
    let full = signed(release, 1..=16);
    assert!(full.to_text().len() <= MAX_SIGNED_RELEASE_BYTES);
    assert_eq!(SignedRelease::parse(&full.to_text()), Ok(full.clone()));
    let mut more = full;
    assert!(matches!(more.sign(&signer(17)), Err(Error::Impossible(_))));
    let keys = ReleaseKeys::new(&deployment, 16, (1..=16).map(public)).unwrap();
    assert_eq!(ReleaseKeys::parse(&keys.to_text()), Ok(keys));
}

#[test]
fn signatures_of_different_people_come_together_and_of_different_releases_never() {
    let mut one = signed(release(1, 1), [1]);
    one.combine(signed(release(1, 1), [2])).unwrap();
    assert_eq!(one, signed(release(1, 1), [2, 1]));
    assert_eq!(one.combine(signed(release(2, 1), [3])), Err(Error::Different));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever signs, and however many strangers beside them: it takes m of the keys.
    #[test]
    fn fewer_than_the_threshold_never_release(
        threshold in 1_usize..=5,
        signers in prop::collection::btree_set(1_u8..=5, 0..=5),
        strangers in prop::collection::btree_set(6_u8..=12, 0..=5),
    ) {
        let both = signers.iter().chain(&strangers).copied();
        let verified = keys(threshold, 1..=5).verify(&signed(release(1, 1), both));
        if signers.len() < threshold {
            let refused = Err(Error::TooFew { signed: signers.len(), threshold });
            prop_assert_eq!(verified, refused);
        } else {
            prop_assert_eq!(verified.unwrap().signers.len(), signers.len());
        }
    }

    /// In whatever order releases arrive: the minimum never falls, and nothing below it is accepted.
    #[test]
    fn the_minimum_never_falls_in_whatever_order_releases_arrive(
        arriving in prop::collection::vec((1_u64..=9, 0_u64..=8), 1..24),
    ) {
        let keys = keys(1, [1]);
        let mut accepted = Releases::none();
        for (version, below) in arriving {
            let before = accepted.minimum_version();
            let minimum = version.saturating_sub(below).max(1);
            let added = accepted.add(&keys, signed(release(version, minimum), [1]));
            prop_assert!(accepted.minimum_version() >= before);
            prop_assert_eq!(matches!(added, Err(Error::Withdrawn { .. })), version < before);
            let minimum = accepted.minimum_version();
            prop_assert!(accepted.iter().all(|it| it.version() >= minimum));
            prop_assert!(accepted.iter().is_sorted_by_key(Release::version));
            let again = Releases::read(&accepted.to_text(), &keys);
            prop_assert_eq!(again.as_ref(), Ok(&accepted));
        }
    }
}

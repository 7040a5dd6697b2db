//! Releases as a service, a file or a home gives them: nobody has vouched for them yet.

use std::sync::LazyLock;

use sharekeep_release::{ReleaseKeys, Releases, SignedRelease};

/// The signers of the seed.
static KEYS: LazyLock<ReleaseKeys> = LazyLock::new(|| {
    let keys = include_str!("../../seeds/release_texts/keys.json");
    ReleaseKeys::parse(keys).expect("the seed is the text of keys")
});

pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(keys) = ReleaseKeys::parse(text) {
        assert_eq!(keys.to_text(), text, "the same keys have one text");
        assert!((1..=keys.keys().len()).contains(&keys.threshold()));
    }
    if let Ok(kept) = Releases::read(text, &KEYS) {
        let minimum = kept.minimum_version();
        assert!(kept.iter().all(|release| release.version() >= minimum));
        assert!(kept.signed().iter().all(|signed| KEYS.verify(signed).is_ok()));
    }
    let Ok(signed) = SignedRelease::parse(text) else { return };
    assert_eq!(signed.to_text(), text, "one signed release has one text");
    if let Ok(verified) = KEYS.verify(&signed) {
        assert!(verified.signers.len() >= KEYS.threshold());
        assert_eq!(verified.release.deployment(), KEYS.deployment());
    }
}

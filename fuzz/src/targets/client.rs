//! What a device reads: its own files, the service's refusals, an identity provider's answers.

use std::sync::LazyLock;
use std::time::Duration;

use sharekeep::{
    AttestationRoot, Bundle, FactorFile, Pins, ProviderUrl, ReleaseKeys, Releases, RetryPolicy,
    ServiceUrl, Settings, SignedRelease, fuzzed,
};

use super::schemas::json;

/// A problem document; what comes before the first line break is the `Retry-After` header.
pub(crate) fn answers(bytes: &[u8]) {
    let (retry_after, body) = divided(bytes);
    let Some(refusal) = fuzzed::refusal(429, body, retry_after) else { return };
    let shown = format!("{refusal} {} {:?}", refusal.request_id(), refusal.detail());
    assert!(!shown.chars().any(char::is_control), "a service must not drive a terminal");
    let policy = RetryPolicy { first_pause: Duration::from_secs(2), ..RetryPolicy::default() };
    let pause = fuzzed::pause(&policy, &refusal, Duration::from_secs(1));
    assert!(pause.is_none_or(|pause| pause <= policy.patience));
}

/// The home's files, decrypted.
pub(crate) fn files(bytes: &[u8]) {
    for read in fuzzed::FILES {
        if let Some(written) = read(bytes) {
            assert!(read(&written).is_some_and(|again| again == written));
        }
    }
    json::<Pins>(bytes);
}

/// Files that the user keeps elsewhere: factors, and bundles for recovery with no service.
pub(crate) fn kept_files(bytes: &[u8]) {
    if let Some(bundle) = Bundle::from_json(bytes) {
        let written = bundle.to_json().expect("what was read can be written");
        assert_eq!(Bundle::from_json(&written), Some(bundle), "and is the same bundle");
    }
    if let Some(file) = str::from_utf8(bytes).ok().and_then(FactorFile::from_text) {
        let text = file.to_text();
        let again = FactorFile::from_text(&text).expect("what was written can be read");
        assert_eq!(again.to_text(), text, "and is the same factor");
    }
}

/// Discovery documents and token answers.
pub(crate) fn provider(bytes: &[u8]) {
    static ISSUER: LazyLock<ProviderUrl> =
        LazyLock::new(|| "https://login.example".parse().expect("it is a URL"));
    if let Ok(endpoint) = fuzzed::discovery(&ISSUER, bytes) {
        assert!(endpoint.to_string().starts_with("http"));
    }
    for status in [200, 400] {
        if let Err(error) = fuzzed::token(status, bytes) {
            assert!(!error.to_string().chars().any(char::is_control));
        }
    }
}

/// Signed releases, the keys that sign them, and the set of those that were accepted.
pub(crate) fn releases(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(signed) = SignedRelease::parse(text) {
        assert_eq!(signed.to_text(), text, "one text");
    }
    if let Ok(keys) = ReleaseKeys::parse(text) {
        assert_eq!(keys.to_text(), text, "one text");
        assert!((1..=keys.keys().len()).contains(&keys.threshold()));
    }
    static KEYS: LazyLock<ReleaseKeys> = LazyLock::new(|| {
        let text = include_str!("../../seeds/client_releases/keys");
        ReleaseKeys::parse(text).expect("it is a seed")
    });
    if let Ok(kept) = Releases::read(text, &KEYS) {
        let again = Releases::read(&kept.to_text(), &KEYS).expect("what was written can be read");
        assert_eq!(again, kept);
        let minimum = kept.minimum_version();
        assert!(kept.iter().all(|release| release.version() >= minimum));
    }
}

/// Settings, root certificates, addresses.
pub(crate) fn settings(bytes: &[u8]) {
    if let Some(settings) = fuzzed::settings(bytes) {
        let again = json::<Settings>(bytes).expect("it was read before");
        assert_eq!(again, settings);
        assert!(settings.release_keys.threshold() > 0);
    }
    let _ = AttestationRoot::from_file_content(bytes);
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(url) = text.parse::<ServiceUrl>() {
        assert_eq!(url.to_string().parse::<ServiceUrl>().ok(), Some(url), "one spelling");
    }
    let _ = text.parse::<ProviderUrl>();
}

fn divided(bytes: &[u8]) -> (&str, &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (first, rest) = at.map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]));
    (str::from_utf8(first).unwrap_or_default(), rest)
}

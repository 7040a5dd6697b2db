//! Which images are trusted: what release signers said, wherever it comes from.

use crate::Client;
use sharekeep_channel::attestation::PcrSet;
use sharekeep_release::{MAX_RELEASES, Releases, SignedRelease};
use sharekeep_schemas::http::ReleasesAnswer;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Longest wait for releases: a service that keeps them back keeps nobody waiting.
const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    /// The releases accepted now, to be kept in the home.
    pub fn releases(&self) -> Releases {
        self.lock_releases().clone()
    }

    /// Asks the service for releases, and accepts those that the pinned keys signed. The service is
    /// believed in nothing: it carries texts. Says of which images releases were refused, and why.
    pub(crate) async fn learn_releases(&self) -> HashMap<PcrSet, sharekeep_release::Error> {
        let mut refused = HashMap::new();
        // Who cannot or will not answer leaves this device with what it knows.
        let asked = tokio::time::timeout(PATIENCE, self.get_open_once("/v1/releases")).await;
        let Ok(Ok(ReleasesAnswer { releases: texts })) = asked else { return refused };
        let texts = texts.iter().take(MAX_RELEASES);
        let mut signed: Vec<_> = texts.filter_map(|text| SignedRelease::parse(text).ok()).collect();
        // Those that withdraw come first, so that what they withdraw is refused as such.
        signed.sort_by_key(|signed| Reverse(signed.unverified().minimum_version()));
        let mut releases = self.lock_releases();
        for signed in signed {
            let image = signed.unverified().measurements();
            if let Err(error) = releases.add(&self.settings.release_keys, signed) {
                refused.insert(image, error);
            }
        }
        refused
    }

    pub(crate) fn lock_releases(&self) -> MutexGuard<'_, Releases> {
        // What it holds is sound after each addition, also after a panic elsewhere.
        self.releases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

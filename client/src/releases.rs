//! Which images are trusted: what release signers said, wherever it comes from.

use crate::{Client, Error};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_release::{MAX_RELEASES, Releases, SignedRelease};
use sharekeep_schemas::http::ReleasesAnswer;
use std::sync::{MutexGuard, PoisonError};

impl Client {
    /// The releases accepted now, to be kept in the home.
    pub fn releases(&self) -> Releases {
        self.lock_releases().clone()
    }

    /// Asks the service for releases, and accepts those that the pinned keys signed. The service is
    /// believed in nothing: it carries texts. Says why the release of `measured` was refused, if it
    /// was among them.
    pub(crate) async fn learn_releases(&self, measured: &PcrSet) -> Option<Error> {
        // Who cannot or will not answer leaves this device with what it knows.
        let answer: ReleasesAnswer = self.get_open("/v1/releases").await.ok()?;
        let texts = answer.releases.iter().take(MAX_RELEASES);
        let signed: Vec<_> = texts.filter_map(|text| SignedRelease::parse(text).ok()).collect();
        let mut releases = self.lock_releases();
        let mut refusal = None;
        for signed in signed {
            let of_it = signed.unverified().measurements() == *measured;
            let added = releases.add(&self.settings.release_keys, signed);
            if let (true, Err(error)) = (of_it, added) {
                refusal = Some(error.into());
            }
        }
        refusal
    }

    pub(crate) fn lock_releases(&self) -> MutexGuard<'_, Releases> {
        // What it holds is sound after each addition, also after a panic elsewhere.
        self.releases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

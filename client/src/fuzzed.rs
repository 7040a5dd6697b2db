//! What the fuzz targets see of this crate's private decoders.

use crate::client::read_retry_after;
use crate::home::rewritten_recovery;
use crate::identity_provider::{read_discovery, read_token};
use crate::retry::Failure;
use crate::{
    Device, Error, HeldPreparation, HeldWallet, ProviderUrl, Refusal, RetryPolicy, Session,
    Settings,
};
use sharekeep_schemas::SecretText;
use std::time::Duration;
use zeroize::Zeroizing;

/// Files of a device's home, once they are decrypted.
pub const FILES: [fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>; 5] = [
    |bytes| Device::from_plaintext(bytes).map(|it| it.to_plaintext()),
    |bytes| Session::from_plaintext(bytes).map(|it| it.to_plaintext()),
    |bytes| HeldWallet::from_plaintext(bytes).map(|it| it.to_plaintext()),
    |bytes| HeldPreparation::from_plaintext(bytes).map(|it| it.to_plaintext()),
    rewritten_recovery,
];

/// Settings as a command reads them.
pub fn settings(bytes: &[u8]) -> Option<Settings> {
    Settings::read(bytes).ok().flatten()
}

/// A refusal as the service answers it.
pub fn refusal(status: u16, body: &[u8], retry_after: &str) -> Option<Refusal> {
    Refusal::read(status, body, read_retry_after(retry_after))
}

/// How long a policy waits after a refusal.
pub fn pause(policy: &RetryPolicy, refusal: &Refusal, elapsed: Duration) -> Option<Duration> {
    policy.pause(Failure::Later(refusal.retry_after()), 1, elapsed, 255)
}

/// The token endpoint in an identity provider's discovery document.
pub fn discovery(issuer: &ProviderUrl, body: &[u8]) -> Result<ProviderUrl, Error> {
    read_discovery(issuer, body)
}

/// The token in an identity provider's answer.
pub fn token(status: u16, body: &[u8]) -> Result<SecretText, Error> {
    read_token(status, body)
}

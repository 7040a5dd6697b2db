//! Whether a running deployment is what it must be.
//!
//! Reading ([`read`]) is apart from judging: each check is a pure function of what was read, and what
//! cannot be read is a finding too. Every finding says what to do.

mod buckets;
mod enclave;
mod fleet;
mod key;
mod quotas;
pub mod read;
mod tables;

pub use buckets::{BucketSeen, Lock};
pub use enclave::{EnclaveSeen, Image, ServiceSeen, read_measurements};
pub use fleet::HostSeen;
pub use key::KeySeen;
pub use quotas::QuotasSeen;
pub use tables::TableSeen;

use sharekeep::terminal::Findings;
use sharekeep_key_policy::KeyPolicy;
use std::collections::BTreeMap;

/// Something read, or why it could not be.
pub type Seen<T> = Result<T, String>;

/// What a deployment must be.
pub struct Expected {
    /// The key that is measured into the image.
    pub key_arn: String,
    /// The only policy that it may have.
    pub policy: KeyPolicy,
    /// The image that runs, and the next one while it takes over.
    pub image: Image,
    /// Hash of the trust configuration that is measured into it.
    pub trust_hash: [u8; 32],
}

/// What was read of a deployment.
pub struct Deployment {
    /// This machine's clock, in milliseconds since 1970.
    pub now_unix_ms: u64,
    /// The key; `None` where nobody asked.
    pub key: Seen<KeySeen>,
    /// The service at its address, if one was given.
    pub service: Option<ServiceSeen>,
    /// The tables by their full names; `None` where there is none of that name.
    pub tables: BTreeMap<String, Seen<Option<TableSeen>>>,
    /// The bucket of committed records, if one was given.
    pub records: Option<Seen<BucketSeen>>,
    /// The bucket of the audit log, if one was given.
    pub audit: Option<Seen<BucketSeen>>,
    /// The enclave hosts that registered.
    pub fleet: Seen<Vec<HostSeen>>,
    /// What AWS lets this account use.
    pub quotas: QuotasSeen,
}

/// Judges everything that was read.
pub fn examine(expected: &Expected, seen: &Deployment) -> Findings {
    let mut findings = Findings::default();
    let found = &mut findings;
    key::examine(expected, &seen.key, found);
    enclave::examine(expected, seen.service.as_ref(), seen.now_unix_ms, found);
    tables::examine(&seen.tables, found);
    buckets::examine(seen, found);
    fleet::examine(&seen.fleet, seen.now_unix_ms, found);
    quotas::examine(&seen.quotas, found);
    enclave::say_what_nobody_can_check(found);
    findings
}

#[cfg(test)]
mod tests;

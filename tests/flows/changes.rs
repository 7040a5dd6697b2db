//! What a request left in the store.

use sharekeep_local::world::Dump;
use sharekeep_tests::Site;
use std::collections::BTreeSet;

/// Tables whose content differs, without the deployment's prefix.
pub(crate) fn changed(before: &Dump, after: &Dump) -> BTreeSet<String> {
    let tables: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    tables
        .into_iter()
        .filter(|table| before.get(*table) != after.get(*table))
        .map(|table| table.rsplit('-').next().unwrap().to_owned())
        .collect()
}

/// Remembers the store, to say later what changed.
pub(crate) struct Before<'d> {
    deployment: &'d dyn Site,
    dump: Dump,
}

impl<'d> Before<'d> {
    pub(crate) fn of(deployment: &'d dyn Site) -> Self {
        Self { deployment, dump: deployment.dump() }
    }

    /// Exactly these tables changed; all others are byte-for-byte what they were.
    #[track_caller]
    pub(crate) fn only_changed(&self, expected: &[&str]) {
        let changed = changed(&self.dump, &self.deployment.dump());
        assert_eq!(changed, expected.iter().map(ToString::to_string).collect());
    }

    /// The store is byte-for-byte what it was.
    #[track_caller]
    pub(crate) fn nothing_changed(&self) {
        self.only_changed(&[]);
    }
}

/// What a refusal by the enclave leaves: the used nonce and the rate counters; and that this
/// Idempotency-Key was refused.
pub(crate) const REFUSED_BY_ENCLAVE: &[&str] = &["limits", "idempotency"];
/// What a refusal by a function leaves after it checked the signature: nonce and counters.
pub(crate) const REFUSED_AFTER_SIGNATURE: &[&str] = &["limits"];

//! The states of a key: what the template is given in each, and the policy that must come of it.

use serde_json::Value;
use sharekeep_key_policy::KeyPolicy;

use super::template::Parameters;

/// The template's parameters that the policy depends on, and what they are in a comparison.
pub(crate) const DEPLOYMENT: &str = "a-deployment";
const HOSTS: &str = "arn:aws:iam::111111111111:role/hosts";
const BREAK_GLASS: &str = "arn:aws:iam::222222222222:role/break-glass";
const AUDIT: &str = "arn:aws:iam::222222222222:role/audit";

/// A point in a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The running image's measurements are in.
    pub(crate) image: bool,
    /// The next image's measurements are in.
    pub(crate) next_image: bool,
    /// Nobody may change the policy any more.
    pub(crate) frozen: bool,
}

impl State {
    /// Every combination, also those that the template's rules refuse before they come to be.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..8u8).map(|bits| Self {
            image: bits & 1 != 0,
            next_image: bits & 2 != 0,
            frozen: bits & 4 != 0,
        })
    }

    /// The template's parameters in this state.
    pub(crate) fn parameters(self) -> Parameters {
        let pcr = |set: &str, number: u8, given| {
            if given { format!("{set}-pcr{number}") } else { String::new() }
        };
        Parameters::from([
            ("Deployment", DEPLOYMENT.to_owned()),
            ("EnclaveHostRoleArn", HOSTS.to_owned()),
            ("BreakGlassRoleArn", BREAK_GLASS.to_owned()),
            ("AuditRoleArn", AUDIT.to_owned()),
            ("Pcr0", pcr("this", 0, self.image)),
            ("Pcr1", pcr("this", 1, self.image)),
            ("Pcr2", pcr("this", 2, self.image)),
            ("NextPcr0", pcr("next", 0, self.next_image)),
            ("NextPcr1", pcr("next", 1, self.next_image)),
            ("NextPcr2", pcr("next", 2, self.next_image)),
            ("FreezePolicy", if self.frozen { "for ever" } else { "no" }.to_owned()),
        ])
    }

    /// The only policy that a key may have in this state.
    pub(crate) fn policy(self) -> Value {
        let measurements = |set: &str| [0, 1, 2].map(|number| format!("{set}-pcr{number}"));
        let policy = KeyPolicy {
            deployment: DEPLOYMENT.to_owned(),
            host_role: HOSTS.to_owned(),
            break_glass_role: BREAK_GLASS.to_owned(),
            audit_role: AUDIT.to_owned(),
            image: self.image.then(|| measurements("this")),
            next_image: self.next_image.then(|| measurements("next")),
            frozen: self.frozen,
        };
        policy.to_json()
    }
}

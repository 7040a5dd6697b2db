use super::Seen;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Good, Warning};

/// What AWS lets this account and region use.
#[derive(Clone, Debug)]
pub struct QuotasSeen {
    /// Executions of all Lambda functions at once.
    pub lambda_executions: Seen<f64>,
    /// vCPUs of instances of the standard families.
    pub instance_vcpus: Seen<f64>,
}

/// What AWS gives an account that has been used for a while; new accounts begin with 10.
const LAMBDA_EXECUTIONS: f64 = 1_000.0;
/// The templates' six hosts of 8 vCPUs, and one more while they are replaced.
const INSTANCE_VCPUS: f64 = 56.0;

pub(super) fn examine(seen: &QuotasSeen, found: &mut Findings) {
    for (what, quota, enough, unit) in [
        ("quota of Lambda", &seen.lambda_executions, LAMBDA_EXECUTIONS, "executions at once"),
        ("quota of EC2", &seen.instance_vcpus, INSTANCE_VCPUS, "vCPUs of standard instances"),
    ] {
        match quota {
            Ok(value) if *value >= enough => found.add(what, Good, format!("{value} {unit}")),
            Ok(value) => {
                let detail = format!(
                    "{value} {unit}: callers are refused beyond it; ask AWS for {enough} or more \
                     (Service Quotas) before users come"
                );
                found.add(what, Warning, detail);
            }
            Err(why) => found.add(what, Warning, why),
        }
    }
}

//! The second way to have a stack: tables, KMS and key of an emulated AWS, made by the product's own
//! templates, and the functions' own programs as Lambdas behind what stands for API Gateway.
//!
//! `./dev test aws` sets the variables that are read here.

mod event;
mod gateway;
mod lambdas;
mod routes;

use aws_credential_types::Credentials;
use lambdas::Lambdas;
use rand_core::{OsRng, RngCore};
use serde::Deserialize;
use sharekeep_local::stack::Elsewhere;
use sharekeep_local::world::{EmulatedAws, Measurements, REGION};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The account of the service, as `tests/aws/deployment.py` has it.
const ACCOUNT: &str = "111111111111";

/// What the script that deploys says.
#[derive(Deserialize)]
struct Deployed {
    key_arn: String,
    host_credentials: HostCredentials,
}

#[derive(Deserialize)]
struct HostCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

type Environment = Vec<(&'static str, String)>;

/// Deploys tables and a key of their own, beside all others.
pub fn deploy() -> Elsewhere {
    let name = format!("t{}", &hex::encode(crate::user::random())[..15]);
    let measurements = Measurements([(); 3].map(|()| {
        let mut pcr = [0; 48];
        OsRng.fill_bytes(&mut pcr);
        pcr
    }));
    let pcrs = measurements.0.map(hex::encode);
    let table_prefix = format!("{name}-");
    let deployed =
        operate(&[&["deploy", &name][..], &pcrs.each_ref().map(String::as_str)].concat());
    let deployed: Deployed = serde_json::from_str(&deployed).unwrap();
    let endpoint = given("AWS_ENDPOINT_URL");
    let HostCredentials { access_key_id, secret_access_key, session_token } =
        deployed.host_credentials;
    let host_role =
        Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "emulated");
    with_functions(EmulatedAws {
        address: endpoint.strip_prefix("http://").unwrap().parse().unwrap(),
        table_prefix,
        account: ACCOUNT.to_owned(),
        deployment: name,
        key_arn: deployed.key_arn,
        measurements,
        nsm_roots: given("SHAREKEEP_TEST_NSM_ROOTS").into(),
        host_role,
    })
}

fn with_functions(aws: EmulatedAws) -> Elsewhere {
    let pcrs = aws.measurements.0.map(hex::encode);
    let environment = environment(aws.endpoint(), aws.table_prefix.clone(), &pcrs);
    let emulator = given("SHAREKEEP_TEST_CARGO_LAMBDA").into();
    Elsewhere { aws, functions: Arc::new(Lambdas { emulator, environment }) }
}

/// What a function finds in its environment besides what Lambda puts there.
fn environment(endpoint: String, table_prefix: String, pcrs: &[String]) -> Environment {
    vec![
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "emulated".to_owned()),
        ("SHAREKEEP_TABLE_PREFIX", table_prefix),
        ("SHAREKEEP_EXPECTED_PCRS", pcrs.join(",")),
    ]
}

/// Notes what the tables hold now, in place of their recovery to this moment.
pub fn photograph(aws: &EmulatedAws, file: &Path) {
    script("go_back.py", &["photograph", &aws.deployment, text(file)]);
}

/// Archives with the janitor what was committed, and restores the tables to a photograph with
/// `infra/restore`. Nobody may use the tables meanwhile.
pub fn restored(elsewhere: Elsewhere, photograph: &Path) -> Elsewhere {
    let Elsewhere { mut aws, .. } = elsewhere;
    let janitor = lambdas::program("janitor");
    let folder = text(janitor.parent().unwrap()).to_owned();
    let prefix = script("go_back.py", &["restore", &aws.deployment, text(photograph), &folder]);
    let prefix = prefix.lines().last().unwrap().to_owned();
    assert_ne!(prefix, aws.table_prefix);
    aws.table_prefix = prefix;
    with_functions(aws)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What somebody does to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// The break-glass role disables it.
    Disabled,
    /// KMS answers every use of it with `ThrottlingException`.
    Throttled,
}

impl KeyFault {
    pub fn begin(self, aws: &EmulatedAws) {
        operate(&[self.verb(true), &aws.key_arn]);
    }

    pub fn end(self, aws: &EmulatedAws) {
        operate(&[self.verb(false), &aws.key_arn]);
    }

    fn verb(self, begins: bool) -> &'static str {
        match (self, begins) {
            (Self::Disabled, true) => "disable",
            (Self::Disabled, false) => "enable",
            (Self::Throttled, true) => "throttle",
            (Self::Throttled, false) => "relieve",
        }
    }
}

/// Lets the emulator's own scripts do something; what they say.
fn operate(arguments: &[&str]) -> String {
    script("at_aws.py", arguments)
}

fn script(name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws").join(name);
    let python = given("SHAREKEEP_TEST_PYTHON");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `./dev test aws`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_nothing_here_that_the_template_does_not_tell_them() {
        let template = include_str!("../../../infra/templates/api.yaml");
        let told = environment("http://127.0.0.1:1".to_owned(), "t-".to_owned(), &[]);
        let settings = told.iter().filter(|(name, _)| name.starts_with("SHAREKEEP_"));
        let names: Vec<_> = settings.map(|(name, _)| *name).collect();
        assert!(!names.is_empty());
        for name in names {
            let given =
                template.lines().filter(|line| line.trim().starts_with(&format!("{name}:")));
            assert_eq!(given.count(), lambdas::functions(), "{name}");
        }
    }
}

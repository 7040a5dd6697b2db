//! The operator's program against the product's tables and key, in the emulated AWS of
//! `./dev test aws`, which sets the variables that are read here.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use serde_json::{Value, json};
use sharekeep_functions::store::{Store, StoreKeys, StoreSettings, TablePrefix};
use sharekeep_key_policy::KeyPolicy;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const REGION: &str = "eu-central-1";
// As in `tests/aws/deployment.py`.
const KEYS: &str = "222222222222";
const HOSTS: &str = "arn:aws:iam::111111111111:role/enclave-host";
const BREAK_GLASS: &str = "arn:aws:iam::222222222222:role/break-glass";
const AUDIT: &str = "arn:aws:iam::222222222222:role/audit";

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `./dev test aws`"))
}

/// The image that the deployed key is for, as `tests/aws/with_aws.py` has it.
fn image() -> [String; 3] {
    ["01", "02", "03"].map(|byte| byte.repeat(48))
}

/// An operator's folder: keys, trust configuration, measurements.
struct Place(tempfile::TempDir);

impl Place {
    /// For the deployment that has this key.
    fn new(key_arn: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let [pcr0, pcr1, pcr2] = image();
        let pcrs = json!({ "pcr0": pcr0, "pcr1": pcr1, "pcr2": pcr2 });
        std::fs::write(place.path("pcrs.json"), pcrs.to_string()).unwrap();
        std::fs::write(place.path("passphrase"), "correct horse\n").unwrap();
        let public = |purpose: &str| {
            let key = place.json(&["key", "new", purpose, purpose, "--name", "a person"]);
            key["public_key"].as_str().unwrap().to_owned()
        };
        let (operator, release) = (public("operator"), public("release"));
        let deployment = given("SHAREKEEP_TEST_DEPLOYMENT");
        place.json(&[
            "trust",
            "new",
            "trust.cbor",
            "--deployment",
            &deployment,
            "--operator-key",
            &operator,
            "--release-key",
            &release,
            "--release-threshold",
            "1",
            "--kms-key-arn",
            key_arn,
            "--egress",
            "login.example:443",
        ]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sharekeep-operator"))
            .args(["--json", "--passphrase-file", "passphrase"])
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}{errors}"))
    }

    fn code(&self, arguments: &[&str]) -> i32 {
        self.run(arguments).status.code().unwrap()
    }

    /// Signs a description of a tenant, under a name of its own for each serial.
    fn signed(&self, tenant: &str, serial: u64) -> String {
        let text = format!(
            r#"
            version = 1
            tenant = "{tenant}"
            serial = {serial}
            origins = ["wallet.example"]
            session_lifetime_s = 900
            requests_per_minute = 600
            [[issuers]]
            issuer = "https://login.example"
            audiences = ["app"]
            algorithms = ["ES256"]
            binding = "nonce"
            keys.fetched.jwks_uri = "https://login.example/jwks"
            "#
        );
        std::fs::write(self.path("description.toml"), text).unwrap();
        let out = format!("{tenant}-{serial}.cbor");
        let sign = ["tenant", "sign", "description.toml", "--key", "operator", "--first"];
        let answer = self.json(&[&sign[..], &["--trust", "trust.cbor", "--out", &out]].concat());
        assert_eq!(answer["serial"], serial, "{answer}");
        out
    }

    fn tenant(&self, words: &[&str], prefix: &str) -> Value {
        let table = ["--trust", "trust.cbor", "--table-prefix", prefix];
        self.json(&[&["tenant"], words, &table[..]].concat())
    }

    /// What the doctor finds, and how it ends.
    fn doctor(&self, prefix: &str) -> (Vec<[String; 3]>, i32) {
        let (records, audit) =
            (given("SHAREKEEP_TEST_RECORDS_BUCKET"), given("SHAREKEEP_TEST_AUDIT_BUCKET"));
        let arguments = [
            "doctor",
            "--trust",
            "trust.cbor",
            "--table-prefix",
            prefix,
            "--pcrs",
            "pcrs.json",
            "--host-role",
            HOSTS,
            "--break-glass-role",
            BREAK_GLASS,
            "--audit-role",
            AUDIT,
            "--key-profile",
            "audit",
            "--records-bucket",
            &records,
            "--audit-bucket",
            &audit,
        ];
        let report = self.json(&arguments);
        let member = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap_or_else(|| panic!("{report}"));
        let found = checks
            .iter()
            .map(|check| ["check", "result", "detail"].map(|name| member(check, name)))
            .collect();
        (found, self.code(&arguments))
    }
}

/// What was found about one thing.
#[track_caller]
fn about<'f>(found: &'f [[String; 3]], what: &str) -> Vec<(&'f str, &'f str)> {
    let lines: Vec<_> = found
        .iter()
        .filter(|[check, ..]| check == what)
        .map(|[_, result, detail]| (result.as_str(), detail.as_str()))
        .collect();
    assert!(!lines.is_empty(), "nothing about {what}: {found:?}");
    lines
}

#[track_caller]
fn assert_problem(found: &[[String; 3]], what: &str, part: &str) {
    let lines = about(found, what);
    let there = lines.iter().any(|(result, detail)| *result == "problem" && detail.contains(part));
    assert!(there, "{what}: {lines:?}");
}

/// A client of KMS in the account of keys.
fn kms(credentials: SharedCredentialsProvider) -> aws_sdk_kms::Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(given("AWS_ENDPOINT_URL"))
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .build();
    aws_sdk_kms::Client::from_conf(config)
}

/// A key with the product's policy, and what is to be changed in it.
async fn key_with(change: impl FnOnce(&mut Value)) -> String {
    let mut policy = KeyPolicy {
        deployment: given("SHAREKEEP_TEST_DEPLOYMENT"),
        host_role: HOSTS.to_owned(),
        break_glass_role: BREAK_GLASS.to_owned(),
        audit_role: AUDIT.to_owned(),
        image: Some(image()),
        next_image: None,
        frozen: false,
    }
    .to_json();
    change(&mut policy);
    let owner = Credentials::new(KEYS, "test", None, None, "test");
    let made = kms(SharedCredentialsProvider::new(owner))
        .create_key()
        .policy(policy.to_string())
        .bypass_policy_lockout_safety_check(true)
        .send()
        .await
        .unwrap();
    made.key_metadata.unwrap().arn.unwrap()
}

/// Tables that nobody laid a template over: none can be restored.
async fn bare_tables(prefix: &str) -> Store {
    let store = Store::connect(StoreSettings {
        endpoint: given("AWS_ENDPOINT_URL"),
        region: REGION.to_owned(),
        keys: StoreKeys {
            access_key_id: given("AWS_ACCESS_KEY_ID"),
            secret_access_key: "test".to_owned(),
        },
        prefix: TablePrefix::new(prefix).unwrap(),
    });
    store.create_tables().await.unwrap();
    store
}

/// CloudFormation in this emulator leaves a bucket's encryption out.
async fn encrypt_as_the_template_says(bucket: &str) {
    let owner = Credentials::new(given("AWS_ACCESS_KEY_ID"), "test", None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(given("AWS_ENDPOINT_URL"))
        .region(Region::new(REGION))
        .credentials_provider(owner)
        .force_path_style(true)
        .build();
    let by_kms = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_kms);
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().unwrap();
    aws_sdk_s3::Client::from_conf(config)
        .put_bucket_encryption()
        .bucket(bucket)
        .server_side_encryption_configuration(rules)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_document_goes_into_the_table_and_an_older_one_never_replaces_it() {
    let place = Place::new(&given("SHAREKEEP_TEST_KEY_ARN"));
    let prefix = given("SHAREKEEP_TABLE_PREFIX");
    let [first, second, third] = [1, 2, 3].map(|serial| place.signed("operated", serial));
    let put = place.tenant(&["put", &second], &prefix);
    assert_eq!(put["serial"], 2);
    let warning = put["warnings"][0].as_str().unwrap();
    assert!(warning.contains("no enclave is in"), "nobody would read it: {put}");
    for older in [&first, &second] {
        let refused = place.tenant(&["put", older], &prefix);
        assert_eq!(refused["error"]["kind"], "refused", "{refused}");
    }
    assert_eq!(place.tenant(&["get", "operated"], &prefix)["serial"], 2);
    assert_eq!(place.tenant(&["put", &third], &prefix)["serial"], 3);
    let got = place.tenant(&["get", "operated", "--out", "current.cbor"], &prefix);
    assert_eq!(got["serial"], 3);
    let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert_eq!(bytes("current.cbor"), bytes(&third));
    // The next one is signed after it, and not before.
    let sign = ["tenant", "sign", "description.toml", "--key", "operator", "--trust", "trust.cbor"];
    let after = ["--current", "current.cbor", "--out", "again.cbor"];
    let refused = place.json(&[&sign[..], &after[..]].concat());
    assert_eq!(refused["error"]["kind"], "refused", "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_strangers_document_is_neither_put_nor_believed() {
    let arn = given("SHAREKEEP_TEST_KEY_ARN");
    let (place, stranger) = (Place::new(&arn), Place::new(&arn));
    let prefix = format!("strange-{}-", std::process::id());
    bare_tables(&prefix).await;
    let document = stranger.signed("operated", 7);
    let nowhere = place.tenant(&["list"], "nowhere-");
    assert_eq!(nowhere["error"]["kind"], "usage", "{nowhere}");
    std::fs::copy(stranger.path(&document), place.path(&document)).unwrap();
    let refused = place.tenant(&["put", &document], &prefix);
    assert_eq!(refused["error"]["kind"], "trust", "{refused}");
    // Somebody who can write the table puts it there.
    stranger.tenant(&["put", &document], &prefix);
    let refused = place.tenant(&["get", "operated"], &prefix);
    assert_eq!(refused["error"]["kind"], "trust", "{refused}");
    let listed = place.tenant(&["list"], &prefix);
    assert!(listed["tenants"][0]["error"].is_string(), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn the_doctor_accepts_the_key_tables_and_buckets_that_the_templates_make() {
    for bucket in ["SHAREKEEP_TEST_RECORDS_BUCKET", "SHAREKEEP_TEST_AUDIT_BUCKET"] {
        encrypt_as_the_template_says(&given(bucket)).await;
    }
    let place = Place::new(&given("SHAREKEEP_TEST_KEY_ARN"));
    let (found, code) = place.doctor(&given("SHAREKEEP_TABLE_PREFIX"));
    for what in ["key", "key policy", "key rotation", "key grants"] {
        assert_eq!(about(&found, what)[0].0, "ok", "{found:?}");
    }
    for what in ["bucket of records", "bucket of the audit log"] {
        assert_eq!(about(&found, what)[0].0, "ok", "{found:?}");
    }
    // What this emulator leaves out of a table, whatever the template says.
    let left_out = ["deletion protection", "point-in-time recovery"];
    let of_tables: Vec<_> = found.iter().filter(|[what, ..]| what.starts_with("table ")).collect();
    assert!(!of_tables.is_empty());
    for [_, _, detail] in of_tables {
        assert!(left_out.iter().any(|part| detail.contains(part)), "{detail}");
    }
    // There is no enclave in this deployment.
    assert_problem(&found, "fleet", "no enclave takes work");
    assert_eq!(code, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn the_doctor_finds_a_policy_with_one_statement_more() {
    let arn = key_with(|policy| {
        policy["Statement"].as_array_mut().unwrap().push(json!({
            "Sid": "Root",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{KEYS}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }));
    });
    let (found, code) = Place::new(&arn.await).doctor(&given("SHAREKEEP_TABLE_PREFIX"));
    assert_problem(&found, "key policy", "Root: an unknown statement");
    assert_eq!((about(&found, "key")[0].0, code), ("ok", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn the_doctor_finds_a_disabled_key() {
    let arn = key_with(|_| ()).await;
    let break_glass = ProfileFileCredentialsProvider::builder().profile_name("break-glass").build();
    let kms = kms(SharedCredentialsProvider::new(break_glass));
    kms.disable_key().key_id(&arn).send().await.unwrap();
    let (found, code) = Place::new(&arn).doctor(&given("SHAREKEEP_TABLE_PREFIX"));
    assert_problem(&found, "key", "disabled");
    assert_eq!((about(&found, "key policy")[0].0, code), ("ok", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn the_doctor_finds_tables_that_cannot_be_restored_keep_items_for_ever_or_are_gone() {
    let prefix = format!("bare-{}-", std::process::id());
    let store = bare_tables(&prefix).await;
    let table = |name: &str| format!("{prefix}{name}");
    let off = TimeToLiveSpecification::builder().enabled(false).attribute_name("expires_at");
    let update = store.client().update_time_to_live().table_name(table("sessions"));
    update.time_to_live_specification(off.build().unwrap()).send().await.unwrap();
    store.client().delete_table().table_name(table("wallets")).send().await.unwrap();

    let place = Place::new(&given("SHAREKEEP_TEST_KEY_ARN"));
    let (found, code) = place.doctor(&prefix);
    let of = |name: &str| format!("table {}", table(name));
    assert_problem(&found, &of("devices"), "point-in-time recovery");
    assert_problem(&found, &of("devices"), "stream");
    assert_problem(&found, &of("sessions"), "TTL");
    assert!(about(&found, &of("devices")).iter().all(|(_, detail)| !detail.contains("TTL")));
    assert_problem(&found, &of("wallets"), "missing");
    assert_eq!(code, 1);
}

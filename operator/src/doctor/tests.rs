mod key;

use super::*;
use serde_json::json;
use sharekeep::terminal::Health::{self, Bad, Good, Warning};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_schemas::http::{Readiness, ReadinessCheck};

const ARN: &str = "arn:aws:kms:eu-central-1:222222222222:key/1234";
const NOW_MS: u64 = 1_795_000_000_000;

fn measured(byte: u8) -> PcrSet {
    PcrSet::from([[byte; 48]; 3])
}

fn hex(set: PcrSet) -> [String; 3] {
    [set.pcr0, set.pcr1, set.pcr2].map(|pcr| pcr.to_string())
}

fn expected() -> Expected {
    let image = Image { running: measured(1), next: None };
    let policy = KeyPolicy {
        deployment: "example".to_owned(),
        host_role: "arn:aws:iam::111111111111:role/hosts".to_owned(),
        break_glass_role: "arn:aws:iam::222222222222:role/break-glass".to_owned(),
        audit_role: "arn:aws:iam::222222222222:role/audit".to_owned(),
        image: Some(hex(image.running)),
        next_image: None,
        frozen: false,
    };
    Expected { key_arn: ARN.to_owned(), policy, image, trust_hash: [7; 32] }
}

fn rolling_over() -> Expected {
    let mut expected = expected();
    expected.image.next = Some(measured(2));
    expected.policy.next_image = Some(hex(measured(2)));
    expected
}

fn key() -> KeySeen {
    KeySeen {
        arn: ARN.to_owned(),
        state: "Enabled".to_owned(),
        multi_region: false,
        rotates: Ok(true),
        policy: Ok(expected().policy.to_json()),
        grants: Ok(0),
    }
}

fn service() -> ServiceSeen {
    ServiceSeen {
        readiness: Ok(Readiness { ready: true, checks: vec![] }),
        enclave: Ok(EnclaveSeen {
            pcrs: measured(1),
            trust_hash: [7; 32],
            time_unix_ms: NOW_MS - 1_000,
        }),
    }
}

fn table() -> TableSeen {
    TableSeen {
        active: true,
        on_demand: true,
        deletion_protected: true,
        time_to_live: Some("expires_at".to_owned()),
        archived: true,
        streams_both_images: true,
        encrypted_by_kms: true,
        restorable_days: Some(35),
    }
}

fn bucket() -> BucketSeen {
    BucketSeen {
        lock: Some(Lock { compliance: true, days: 36 }),
        versioned: true,
        public_access_blocked: true,
        encrypted_by_kms: true,
    }
}

fn host(enclave: &str) -> HostSeen {
    HostSeen {
        enclave: enclave.to_owned(),
        heartbeat_unix_ms: NOW_MS - 3_000,
        draining: false,
        expires_at_unix_s: NOW_MS / 1000 + 300,
    }
}

fn deployment() -> Deployment {
    Deployment {
        now_unix_ms: NOW_MS,
        key: Ok(key()),
        service: Some(service()),
        tables: BTreeMap::from([("x-wallets".to_owned(), Ok(Some(table())))]),
        records: Some(Ok(bucket())),
        audit: Some(Ok(bucket())),
        fleet: Ok(vec![host("a"), host("b")]),
        quotas: QuotasSeen { lambda_executions: Ok(1000.0), instance_vcpus: Ok(64.0) },
    }
}

/// Everything that is not good, but for what no deployment can help.
fn complaints(expected: &Expected, seen: &Deployment) -> Vec<(String, Health, String)> {
    examine(expected, seen)
        .all()
        .iter()
        .filter(|finding| finding.health != Good && finding.what != "rollback")
        .map(|finding| (finding.what.clone(), finding.health, finding.detail.clone()))
        .collect()
}

/// The one complaint about a deployment of which one thing was changed.
fn complaint(change: impl FnOnce(&mut Deployment)) -> (String, Health, String) {
    let mut seen = deployment();
    change(&mut seen);
    let mut all = complaints(&expected(), &seen);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[track_caller]
fn assert_complaint(found: (String, Health, String), what: &str, health: Health, part: &str) {
    assert_eq!((found.0.as_str(), found.1), (what, health), "{}", found.2);
    assert!(found.2.contains(part), "{}", found.2);
}

fn change_key(change: impl FnOnce(&mut KeySeen)) -> (String, Health, String) {
    complaint(|seen| change(seen.key.as_mut().unwrap()))
}

fn change_table(change: fn(&mut TableSeen)) -> (String, Health, String) {
    complaint(|seen| {
        let table = seen.tables.get_mut("x-wallets").unwrap();
        change(table.as_mut().unwrap().as_mut().unwrap());
    })
}

fn change_enclave(change: impl FnOnce(&mut EnclaveSeen)) -> (String, Health, String) {
    complaint(|seen| change(seen.service.as_mut().unwrap().enclave.as_mut().unwrap()))
}

#[test]
fn a_sound_deployment_has_no_complaint_and_the_limit_of_trust_is_said() {
    assert_eq!(complaints(&expected(), &deployment()), []);
    let findings = examine(&expected(), &deployment());
    assert!(findings.all().iter().any(|finding| finding.what == "rollback"));
    assert_eq!(findings.report().code, 0);
}

#[test]
fn what_cannot_be_read_is_never_good() {
    let seen = Deployment {
        now_unix_ms: NOW_MS,
        key: Err("denied".to_owned()),
        service: None,
        tables: BTreeMap::from([("x-wallets".to_owned(), Err("denied".to_owned()))]),
        records: None,
        audit: Some(Err("denied".to_owned())),
        fleet: Err("denied".to_owned()),
        quotas: QuotasSeen {
            lambda_executions: Err("denied".to_owned()),
            instance_vcpus: Err("denied".to_owned()),
        },
    };
    let findings = examine(&expected(), &seen);
    assert!(findings.all().iter().all(|finding| finding.health != Good));
    assert_eq!(findings.report().code, 1);
}

#[test]
fn an_enclave_of_another_image_is_found_and_the_next_one_is_known() {
    let other = change_enclave(|enclave| enclave.pcrs = measured(2));
    assert_complaint(other, "enclave", Bad, "not an image that the key's policy names");
    let mut seen = deployment();
    seen.key.as_mut().unwrap().policy = Ok(rolling_over().policy.to_json());
    seen.service.as_mut().unwrap().enclave.as_mut().unwrap().pcrs = measured(2);
    let all = complaints(&rolling_over(), &seen);
    assert!(all.iter().all(|(what, ..)| what == "key policy"), "{all:?}");
    let unverified = complaint(|seen| {
        seen.service.as_mut().unwrap().enclave = Err("wrong root".to_owned());
    });
    assert_complaint(unverified, "enclave", Bad, "wrong root");
}

#[test]
fn an_enclave_with_another_trust_configuration_is_found() {
    let found = change_enclave(|enclave| enclave.trust_hash = [8; 32]);
    assert_complaint(found, "trust configuration", Bad, "another one");
}

#[test]
fn clocks_that_drift_are_pointed_out_before_requests_are_refused() {
    let with = |skew_ms: u64| change_enclave(|enclave| enclave.time_unix_ms = NOW_MS + skew_ms);
    assert_complaint(with(5_000), "clock", Warning, "5 s");
    assert_complaint(with(60_000), "clock", Bad, "60 s");
    let behind = change_enclave(|enclave| enclave.time_unix_ms = NOW_MS - 60_000);
    assert_complaint(behind, "clock", Bad, "60 s");
}

#[test]
fn a_service_that_is_not_ready_says_why() {
    let check = ReadinessCheck {
        name: "kms".to_owned(),
        ok: false,
        detail: "the last call failed".to_owned(),
    };
    let found = complaint(|seen| {
        let readiness = Readiness { ready: false, checks: vec![check] };
        seen.service.as_mut().unwrap().readiness = Ok(readiness);
    });
    assert_complaint(found, "service", Bad, "kms (the last call failed)");
}

#[test]
fn a_table_that_is_not_archived_needs_no_stream() {
    let mut seen = deployment();
    let own = TableSeen { archived: false, streams_both_images: false, ..table() };
    seen.tables.insert("x-limits".to_owned(), Ok(Some(own)));
    assert_eq!(complaints(&expected(), &seen), []);
}

#[test]
fn each_setting_of_a_table_is_looked_at() {
    type Change = fn(&mut TableSeen);
    let changes: [(Change, &str); 8] = [
        (|table| table.active = false, "not active"),
        (|table| table.on_demand = false, "fixed capacity"),
        (|table| table.deletion_protected = false, "can be deleted"),
        (|table| table.time_to_live = None, "TTL"),
        (|table| table.time_to_live = Some("expiry".to_owned()), "TTL"),
        (|table| table.streams_both_images = false, "NEW_AND_OLD_IMAGES"),
        (|table| table.encrypted_by_kms = false, "KMS key"),
        (|table| table.restorable_days = None, "point-in-time recovery"),
    ];
    for (change, part) in changes {
        assert_complaint(change_table(change), "table x-wallets", Bad, part);
    }
}

#[test]
fn a_missing_table_is_found() {
    let found = complaint(|seen| _ = seen.tables.insert("x-devices".to_owned(), Ok(None)));
    assert_complaint(found, "table x-devices", Bad, "missing");
}

#[test]
fn each_setting_of_a_bucket_is_looked_at() {
    type Change = fn(&mut BucketSeen);
    let changes: [(Change, &str); 5] = [
        (|bucket| bucket.lock = None, "not locked"),
        (|bucket| bucket.lock = Some(Lock { compliance: false, days: 36 }), "COMPLIANCE"),
        (|bucket| bucket.versioned = false, "versioning"),
        (|bucket| bucket.public_access_blocked = false, "public"),
        (|bucket| bucket.encrypted_by_kms = false, "KMS key"),
    ];
    for (change, part) in changes {
        for what in ["bucket of records", "bucket of the audit log"] {
            let found = complaint(|seen| {
                let bucket =
                    if what.contains("audit") { &mut seen.audit } else { &mut seen.records };
                change(bucket.as_mut().unwrap().as_mut().unwrap());
            });
            assert_complaint(found, what, Bad, part);
        }
    }
}

#[test]
fn records_must_outlive_the_window_in_which_tables_are_restored() {
    let with = |days| {
        let mut seen = deployment();
        let lock = Some(Lock { compliance: true, days });
        seen.records.as_mut().unwrap().as_mut().unwrap().lock = lock;
        complaints(&expected(), &seen)
    };
    assert_eq!(with(36), []);
    assert_complaint(with(35)[0].clone(), "bucket of records", Bad, "36 or more");
    // Then the window may be shorter as well.
    let mut seen = deployment();
    seen.records.as_mut().unwrap().as_mut().unwrap().lock =
        Some(Lock { compliance: true, days: 8 });
    let table = seen.tables.get_mut("x-wallets").unwrap().as_mut().unwrap().as_mut().unwrap();
    table.restorable_days = Some(7);
    assert_eq!(complaints(&expected(), &seen), []);
}

#[test]
fn a_fleet_that_is_gone_silent_draining_or_alone_is_found() {
    let fleet = |hosts: Vec<HostSeen>| {
        let mut seen = deployment();
        seen.fleet = Ok(hosts);
        complaints(&expected(), &seen)
    };
    assert_complaint(fleet(vec![])[0].clone(), "fleet", Bad, "no enclave takes work");
    assert_complaint(fleet(vec![host("a")])[0].clone(), "fleet", Warning, "one enclave");
    let draining = HostSeen { draining: true, ..host("a") };
    assert_complaint(fleet(vec![draining])[0].clone(), "fleet", Bad, "no enclave takes work");
    let silent = HostSeen { heartbeat_unix_ms: NOW_MS - 120_000, ..host("c\u{1b}[2J") };
    let found = fleet(vec![host("a"), host("b"), silent.clone()]);
    assert_complaint(found[0].clone(), "fleet", Warning, "c?[2J was last heard of 120 s ago");
    let over = HostSeen { expires_at_unix_s: NOW_MS / 1000, ..silent };
    assert_eq!(fleet(vec![host("a"), host("b"), over]), []);
    let ahead = HostSeen { heartbeat_unix_ms: NOW_MS + 120_000, ..host("c") };
    let found = fleet(vec![host("a"), host("b"), ahead]);
    assert_complaint(found[0].clone(), "fleet", Warning, "ahead");
}

#[test]
fn an_account_that_is_too_new_for_users_is_found() {
    let lambda = complaint(|seen| seen.quotas.lambda_executions = Ok(10.0));
    assert_complaint(lambda, "quota of Lambda", Warning, "10 executions");
    let ec2 = complaint(|seen| seen.quotas.instance_vcpus = Ok(5.0));
    assert_complaint(ec2, "quota of EC2", Warning, "5 vCPUs");
}

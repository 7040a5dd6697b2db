use super::Deployment;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Bad, Good, Warning};

/// A bucket's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSeen {
    /// How long new objects are locked, if they are.
    pub lock: Option<Lock>,
    /// Whether old versions stay.
    pub versioned: bool,
    /// Whether all four ways to make it public are blocked.
    pub public_access_blocked: bool,
    /// Whether it is encrypted under a key in KMS.
    pub encrypted_by_kms: bool,
}

/// How long, and how strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Whether nobody can shorten it, the account's root included.
    pub compliance: bool,
    /// In days.
    pub days: u32,
}

pub(super) fn examine(seen: &Deployment, found: &mut Findings) {
    let tables = seen.tables.values().filter_map(|table| table.as_ref().ok()?.as_ref());
    let restorable = tables.filter_map(|table| table.restorable_days).max().unwrap_or(0);
    for (what, bucket, option, least_days) in [
        // A table that is restored must be brought up to date from here, however far back it went.
        ("bucket of records", &seen.records, "--records-bucket", restorable.saturating_add(1)),
        ("bucket of the audit log", &seen.audit, "--audit-bucket", 1),
    ] {
        match bucket {
            None => found.add(what, Warning, format!("not looked at: name it with {option}")),
            Some(Err(why)) => found.add(what, Bad, why),
            Some(Ok(bucket)) => {
                let faults = faults_of(bucket, least_days);
                if let (true, Some(lock)) = (faults.is_empty(), bucket.lock) {
                    found.add(what, Good, format!("locked for {} days", lock.days));
                }
                for fault in faults {
                    found.add(what, Bad, fault);
                }
            }
        }
    }
}

fn faults_of(bucket: &BucketSeen, least_days: u32) -> Vec<String> {
    let mut faults = Vec::new();
    match bucket.lock {
        None => faults.push(
            "objects are not locked: a lock can be added, for new objects only (storage.yaml)"
                .to_owned(),
        ),
        Some(lock) => {
            if !lock.compliance {
                faults.push("the lock can be lifted: its mode must be COMPLIANCE".to_owned());
            }
            if lock.days < least_days {
                faults.push(format!(
                    "locked for {} days: tables can be restored further back than that; raise \
                     RecordRetentionDays to {least_days} or more",
                    lock.days
                ));
            }
        }
    }
    for (sound, fault) in [
        (bucket.versioned, "old versions do not stay: turn versioning on"),
        (bucket.public_access_blocked, "it could be made public: block public access, all four"),
        (bucket.encrypted_by_kms, "it is not encrypted under a KMS key: deploy storage.yaml again"),
    ] {
        if !sound {
            faults.push(fault.to_owned());
        }
    }
    faults
}

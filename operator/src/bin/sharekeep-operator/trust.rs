use crate::arguments::{NewTrust, TrustCommand};
use crate::file;
use serde_json::json;
use sharekeep::terminal::{Report, say, table};
use sharekeep_operator::{Result, trust};
use sharekeep_trust::Trust;

pub(crate) fn run(command: &TrustCommand) -> Result<Report> {
    match command {
        TrustCommand::New(options) => new(options),
        TrustCommand::Show { file } => Ok(report(&file::trust(file)?)),
    }
}

fn new(options: &NewTrust) -> Result<Report> {
    let bytes = trust::encode(&trust::NewTrust {
        deployment: options.deployment.clone(),
        operator_key: options.operator_key,
        release_keys: options.release_key.clone(),
        release_threshold: options.release_threshold,
        kms_key_arn: options.kms_key_arn.clone(),
        egress_hosts: options.egress.clone(),
    })?;
    file::write_new(&options.file, &bytes)?;
    Ok(report(&Trust::from_bytes(&bytes)?))
}

fn report(trust: &Trust) -> Report {
    let weaknesses = trust::weaknesses(trust);
    weaknesses.iter().for_each(|weakness| say(&format!("warning: {weakness}")));
    let it = trust.configuration();
    let release_keys: Vec<_> = it.release_keys.iter().map(|key| hex::encode(**key)).collect();
    let hash = hex::encode(trust.hash());
    let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut rows = vec![
        row("hash", &hash),
        row("deployment", &it.deployment),
        row("operator key", &hex::encode(*it.operator_key)),
    ];
    rows.extend(release_keys.iter().map(|key| row("release key", key)));
    let threshold = format!("{} of {}", it.release_threshold, release_keys.len());
    rows.push(row("release threshold", &threshold));
    rows.push(row("KMS key", &it.kms_key_arn));
    rows.push(row("region", &it.kms_region));
    rows.extend(it.egress_hosts.iter().map(|place| row("may dial", place)));
    let json = json!({
        "hash": hash,
        "deployment": it.deployment,
        "operator_key": hex::encode(*it.operator_key),
        "release_keys": release_keys,
        "release_threshold": it.release_threshold,
        "kms_key_arn": it.kms_key_arn,
        "kms_region": it.kms_region,
        "kms_authorities_pem": it.kms_authorities_pem,
        "egress_hosts": it.egress_hosts,
        "warnings": weaknesses,
    });
    Report::new(table(&rows), json)
}

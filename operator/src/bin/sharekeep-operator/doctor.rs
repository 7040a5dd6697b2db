use crate::arguments::Doctor;
use crate::{cloud, file};
use sharekeep::AttestationRoot;
use sharekeep::terminal::Report;
use sharekeep_channel::attestation::PcrSet;
use sharekeep_key_policy::KeyPolicy;
use sharekeep_operator::doctor::read::{Places, Service, deployment};
use sharekeep_operator::doctor::{Expected, Image, examine, read_measurements};
use sharekeep_operator::{Result, release};
use sharekeep_trust::Trust;
use std::path::Path;

pub(crate) async fn run(options: &Doctor) -> Result<Report> {
    let trust = file::trust(&options.table.trust)?;
    let expected = expected(options, &trust)?;
    let configuration = cloud::configuration().await;
    let region = &trust.configuration().kms_region;
    let key_configuration =
        cloud::configuration_of_key(region, options.key_profile.as_deref()).await;
    let store = cloud::store(&configuration, &options.table)?;
    // Beside AWS, buckets have no host names of their own.
    let s3 = aws_sdk_s3::config::Builder::from(&configuration)
        .force_path_style(configuration.endpoint_url().is_some())
        .build();
    let seen = deployment(&Places {
        kms: aws_sdk_kms::Client::new(&key_configuration),
        key_arn: expected.key_arn.clone(),
        store,
        s3: aws_sdk_s3::Client::from_conf(s3),
        records_bucket: options.records_bucket.clone(),
        audit_bucket: options.audit_bucket.clone(),
        quotas: aws_sdk_servicequotas::Client::new(&configuration),
        service: service(options, &trust)?,
    })
    .await;
    Ok(examine(&expected, &seen).report())
}

fn expected(options: &Doctor, trust: &Trust) -> Result<Expected> {
    let image = Image {
        running: measurements(&options.pcrs)?,
        next: options.next_pcrs.as_deref().map(measurements).transpose()?,
    };
    let configuration = trust.configuration();
    Ok(Expected {
        key_arn: configuration.kms_key_arn.clone(),
        policy: KeyPolicy {
            deployment: configuration.deployment.clone(),
            host_role: options.host_role.clone(),
            break_glass_role: options.break_glass_role.clone(),
            audit_role: options.audit_role.clone(),
            image: Some(in_policy(image.running)),
            next_image: image.next.map(in_policy),
            frozen: options.frozen,
        },
        image,
        trust_hash: *trust.hash(),
    })
}

fn measurements(path: &Path) -> Result<PcrSet> {
    read_measurements(&file::read(path)?)
}

/// As the key's policy writes them.
fn in_policy(set: PcrSet) -> [String; 3] {
    [set.pcr0, set.pcr1, set.pcr2].map(|pcr| pcr.to_string())
}

fn service(options: &Doctor, trust: &Trust) -> Result<Option<Service>> {
    let Some(url) = options.url.clone() else { return Ok(None) };
    let root = match options.root.as_str() {
        "aws" => AttestationRoot::Aws,
        path => AttestationRoot::from_file_content(&file::read(Path::new(path))?)?,
    };
    let authorities_pem = options.ca.as_deref().map(file::text).transpose()?;
    Ok(Some(Service { url, root, release_keys: release::keys(trust)?, authorities_pem }))
}

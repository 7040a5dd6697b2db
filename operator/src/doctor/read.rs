//! Reads what the checks look at. Nothing is changed, and nothing here decides anything.
//!
//! The rights it takes: in the account of the key those of the audit role; in the account of the service
//! `dynamodb:DescribeTable`, `DescribeTimeToLive` and `DescribeContinuousBackups` on the tables, `Query`
//! on `fleet`, the `s3:Get…` of a bucket's settings, and `servicequotas:GetServiceQuota`.

mod buckets;
mod key;
mod tables;

use super::{Deployment, EnclaveSeen, QuotasSeen, Seen, ServiceSeen};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use sharekeep::{AttestationRoot, Client, ReleaseKeys, Releases, ServiceUrl, Settings};
use sharekeep_functions::store::Store;
use sharekeep_schemas::TenantId;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where things are.
pub struct Places {
    /// The key, in its own account.
    pub kms: aws_sdk_kms::Client,
    /// Its ARN.
    pub key_arn: String,
    /// The tables.
    pub store: Store,
    /// The buckets.
    pub s3: aws_sdk_s3::Client,
    /// Of committed records.
    pub records_bucket: Option<String>,
    /// Of the audit log.
    pub audit_bucket: Option<String>,
    /// What AWS allows.
    pub quotas: aws_sdk_servicequotas::Client,
    /// The service and how it is believed.
    pub service: Option<Service>,
}

/// How the service is reached and believed.
pub struct Service {
    /// Its address.
    pub url: ServiceUrl,
    /// What its attestations must lead to.
    pub root: AttestationRoot,
    /// Whose releases say which images may answer: the service must hand them out.
    pub release_keys: ReleaseKeys,
    /// Certificate authorities to trust for it instead of the system's.
    pub authorities_pem: Option<String>,
}

/// Reads everything. What cannot be read is in the result, as such.
pub async fn deployment(places: &Places) -> Deployment {
    let service = async {
        match &places.service {
            Some(service) => Some(service_at(service).await),
            None => None,
        }
    };
    let (key, tables, fleet, records, audit, quotas, service) = tokio::join!(
        key::read(&places.kms, &places.key_arn),
        tables::read(&places.store),
        tables::hosts(&places.store),
        buckets::read(&places.s3, places.records_bucket.as_deref()),
        buckets::read(&places.s3, places.audit_bucket.as_deref()),
        quotas(&places.quotas),
        service,
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Deployment { now_unix_ms, key, service, tables, records, audit, fleet, quotas }
}

async fn service_at(service: &Service) -> ServiceSeen {
    // Attestation and readiness are the same for all tenants.
    let tenant: TenantId = match "operator".parse() {
        Ok(tenant) => tenant,
        Err(error) => return unseen(&error.to_string()),
    };
    let settings = Settings::new(
        service.url.clone(),
        tenant,
        service.root.clone(),
        service.release_keys.clone(),
        service.authorities_pem.clone(),
    );
    // As a user who knows the release keys and nothing else.
    let client = match Client::new(settings, Releases::none(), None) {
        Ok(client) => client,
        Err(error) => return unseen(&error.to_string()),
    };
    let (readiness, identity) = tokio::join!(client.readiness(), client.attest());
    ServiceSeen {
        readiness: readiness.map_err(|error| error.to_string()),
        enclave: identity.map_err(|error| error.to_string()).map(|identity| EnclaveSeen {
            pcrs: identity.pcrs,
            trust_hash: *identity.trust_config_hash.as_bytes(),
            time_unix_ms: identity.timestamp_unix_ms,
        }),
    }
}

fn unseen(why: &str) -> ServiceSeen {
    ServiceSeen { readiness: Err(why.to_owned()), enclave: Err(why.to_owned()) }
}

async fn quotas(client: &aws_sdk_servicequotas::Client) -> QuotasSeen {
    // The codes are AWS's: concurrent executions; running on-demand standard instances.
    let (lambda_executions, instance_vcpus) =
        tokio::join!(quota(client, "lambda", "L-B99A9384"), quota(client, "ec2", "L-1216C47A"),);
    QuotasSeen { lambda_executions, instance_vcpus }
}

async fn quota(client: &aws_sdk_servicequotas::Client, service: &str, code: &str) -> Seen<f64> {
    let asked = client.get_service_quota().service_code(service).quota_code(code).send().await;
    let answer = asked.map_err(|error| why("the quota", &error))?;
    let value = answer.quota.and_then(|quota| quota.value);
    value.ok_or_else(|| "the quota cannot be read: AWS gives no value".to_owned())
}

/// Why something could not be read. The code says enough; a message could name what is nobody's business.
fn why<E: ProvideErrorMetadata, R>(what: &str, error: &SdkError<E, R>) -> String {
    let reason = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("no code"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection or no credentials",
        _ => "not an answer",
    };
    format!("{what} cannot be read: {reason}")
}

/// The code of a refusal.
fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

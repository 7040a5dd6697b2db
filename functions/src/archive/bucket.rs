use super::batch::Object;
use crate::error::Result;
use crate::store::fault_of;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::time::Duration;

/// One attempt at an object of a few megabytes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// All attempts; a batch has one object, at the turn of an hour two. The function has a minute.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

/// The bucket that nothing can be taken away from.
pub struct Archive {
    client: Client,
    bucket: String,
}

impl Archive {
    /// The bucket of this name, reached as the environment says.
    pub fn new(aws: &SdkConfig, bucket: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let config = Builder::from(aws).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), bucket }
    }

    /// Stores an object, once: if it is there already, with the same bytes as its name says, this is
    /// the retry of a batch.
    pub(super) async fn put(&self, object: Object) -> Result<()> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(object.key)
            .if_none_match("*")
            .content_type("application/jsonl")
            .body(object.body.into());
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_there(&error) => Ok(()),
            Err(error) => Err(fault_of(&error)),
        }
    }
}

fn is_there<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    matches!(error, SdkError::ServiceError(service)
        if service.err().code() == Some("PreconditionFailed"))
}

use crate::error::Error;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::borrow::Cow;

/// Codes that pass by themselves: too many requests at once, or a fault on the other side.
const PASSING: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "LimitExceededException",
    "InternalServerError",
    "InternalServerErrorException",
    "ServiceUnavailable",
    "TransactionInProgressException",
];

/// Translates a failed operation. Keeps the code only: the message can quote an item.
pub(crate) fn fault_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Error {
    match error {
        SdkError::TimeoutError(_) => Error::StoreUnavailable("no answer in time".into()),
        SdkError::DispatchFailure(_) => Error::StoreUnavailable("cannot be reached".into()),
        SdkError::ResponseError(_) => Error::StoreUnavailable("not an answer".into()),
        SdkError::ServiceError(service) => {
            let code: Cow<'static, str> =
                service.err().code().map_or(Cow::Borrowed("no code"), |c| c.to_owned().into());
            match code.as_ref() {
                "ConditionalCheckFailedException" | "TransactionConflictException" => {
                    Error::Conflict
                }
                passing if PASSING.contains(&passing) => Error::StoreUnavailable(code),
                _ => Error::StoreBroken(code),
            }
        }
        _ => Error::Internal("a store request could not be built"),
    }
}

/// Whether an operation failed because its condition did not hold.
pub(crate) fn is_condition_failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    matches!(error, SdkError::ServiceError(service)
        if service.err().code() == Some("ConditionalCheckFailedException"))
}

//! Things to sign.

use sharekeep_messages::SignRequest;

/// Bytes that are no transaction, to be signed under a prefix of ours.
pub fn note(text: &str) -> SignRequest {
    SignRequest::Raw { bytes: text.as_bytes().to_vec().into() }
}

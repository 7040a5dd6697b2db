use crate::error::{Error, Result};
use crate::state::State;
use crate::store::{Store, blob, fault_of, is_condition_failure, number, text};
use rand_core::RngCore;
use sharekeep_channel::signature::Verified;
use sharekeep_schemas::limits::{MAX_CLOCK_SKEW_S, MAX_SIGNATURE_AGE_S};
use sharekeep_schemas::{ProblemCode, SessionKeyId};

/// Marks a signature's nonce as used; a second use is refused. The mark stays until the signature
/// could no longer be fresh by any clock that is within the skew.
pub(super) async fn use_up(state: &State, session: &SessionKeyId, used: &Verified) -> Result<()> {
    let mut owner = [0; 16];
    rand_core::OsRng.fill_bytes(&mut owner);
    let until = used
        .created_unix_s
        .saturating_add(MAX_SIGNATURE_AGE_S)
        .saturating_add(2 * MAX_CLOCK_SKEW_S);
    let put = state
        .store
        .client()
        .put_item()
        .table_name(state.store.table(Store::LIMITS_TABLE))
        .item("pk", text(format!("nonce#{session}")))
        .item("sk", text(used.nonce.to_string()))
        .item("expires_at", number(until))
        .item("owner", blob(owner))
        // The SDK repeats a put whose answer got lost, and then meets its own row.
        .condition_expression("attribute_not_exists(pk) OR #owner = :owner")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":owner", blob(owner));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if is_condition_failure(&error) => {
            Err(Error::refused(ProblemCode::SignatureReplayed))
        }
        Err(error) => Err(fault_of(&error)),
    }
}

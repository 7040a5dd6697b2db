//! What was committed, once more, where nobody can take it away: changes of tables as lines of
//! objects in a locked bucket. A restore plays them again past the moment it goes back to, so that
//! no epoch, no count of guesses, no lock and no revocation goes back with the tables.
//!
//! An object is `table/yyyy/mm/dd/hh/first-hash.jsonl`: the table's full name, the hour (UTC) of all
//! its changes, the sequence number of the first in forty digits, the SHA-256 of its bytes. So the
//! same changes always make the same object, a retry changes nothing, and what was altered shows. An
//! object holds [`Line`]s; [`Line`] says what is in one.
//!
//! Believes what Lambda hands it, and judges no item: whoever could write one that is refused here
//! would stop the archive. Batches that are not what a stream gives are refused whole, and come again
//! until somebody mends it: nothing is skipped.

mod batch;
mod bucket;
mod image;
mod line;

use crate::error::{Error, Result};
use aws_config::BehaviorVersion;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

pub use batch::{Object, objects};
pub use bucket::Archive;
pub use line::Line;

/// The Lambda function's whole life: starts up, and archives the batches it is called with.
///
/// Reads `SHAREKEEP_RECORDS_BUCKET`, the bucket's name; region and credentials as every AWS SDK does.
///
/// # Errors
/// A setting that is missing, or a fault of Lambda's runtime interface.
pub async fn serve() -> std::result::Result<(), lambda_runtime::Error> {
    crate::observe::log_as_json();
    let bucket = std::env::var("SHAREKEEP_RECORDS_BUCKET")
        .map_err(|_| Error::Setting("SHAREKEEP_RECORDS_BUCKET"))?;
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let archive = Archive::new(&aws, bucket);
    let handler = service_fn(|event: LambdaEvent<Value>| answer(&archive, event.payload));
    lambda_runtime::run(handler).await
}

/// An error makes Lambda call again with the same batch, or with its halves.
async fn answer(archive: &Archive, event: Value) -> std::result::Result<(), lambda_runtime::Error> {
    store(archive, event).await.map_err(|error| {
        tracing::error!(%error, "a batch is not archived yet");
        error.into()
    })
}

async fn store(archive: &Archive, event: Value) -> Result<()> {
    for object in objects(event)? {
        archive.put(object).await?;
    }
    Ok(())
}

use super::item::sealed_of;
use super::{Store, blob, fault_of, number, text};
use crate::error::{Error, Result};
use sharekeep_steps::{DurableStep, Moment, reached};

/// Where they lie: among the documents of tenants, under a name that no tenant can have.
pub(super) const PARTITION: &str = "#releases";
const SORT: &str = "releases";
/// Most releases that users are handed: those of the images that may serve side by side.
const MAX_RELEASES: usize = 8;
/// Longest row in bytes: as many texts of 8 KiB, and what JSON adds to them.
const MAX_ROW_BYTES: usize = 128 * 1024;

impl Store {
    /// Puts the texts of signed releases in place of those before. For operators: functions have no
    /// right to it. Nothing of them is believed by who reads it; clients verify.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are too many or too large ones.
    pub async fn put_releases(&self, texts: &[String]) -> Result<()> {
        let bytes =
            serde_json::to_vec(texts).map_err(|_| Error::Internal("releases cannot be encoded"))?;
        if texts.len() > MAX_RELEASES || bytes.len() > MAX_ROW_BYTES {
            return Err(Error::Setting("releases (at most 8 of 8 KiB each)"));
        }
        reached(DurableStep::PublishReleases, Moment::Before);
        self.client
            .update_item()
            .table_name(self.table("tenants"))
            .key("pk", text(PARTITION))
            .key("sk", text(SORT))
            .update_expression("SET #bytes = :bytes ADD #version :one")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":bytes", blob(bytes))
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        reached(DurableStep::PublishReleases, Moment::After);
        Ok(())
    }

    /// The texts of signed releases; none if nobody put any.
    ///
    /// # Errors
    /// [`Error::StoreBroken`] if something else lies there.
    pub async fn releases(&self) -> Result<Vec<String>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table("tenants"))
            .key("pk", text(PARTITION))
            .key("sk", text(SORT))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        let Some(item) = answer.item else { return Ok(Vec::new()) };
        let bytes = sealed_of(&item)?;
        let texts = (bytes.len() <= MAX_ROW_BYTES)
            .then(|| serde_json::from_slice::<Vec<String>>(&bytes).ok())
            .flatten();
        texts.ok_or(Error::StoreBroken("releases that do not parse".into()))
    }
}

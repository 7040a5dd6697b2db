use super::item::{Item, sealed_of};
use super::{Store, blob, fault_of, is_condition_failure, number, number_of, text};
use crate::error::{Error, Result};
use sharekeep_steps::{DurableStep, Moment, reached};

/// Where they lie: among the documents of tenants, under a name that no tenant can have.
pub(super) const PARTITION: &str = "#releases";
const SORT: &str = "releases";
/// Most releases that users are handed: those of the images that may serve side by side.
const MAX_RELEASES: usize = 8;
/// Longest row in bytes: as many texts of 8 KiB, and what JSON adds to them.
const MAX_ROW_BYTES: usize = 128 * 1024;

/// What users are handed, and which writing of it this is.
pub struct StoredReleases {
    item: Option<Item>,
}

impl StoredReleases {
    /// How often it was written; 0 if nobody put any.
    fn version(&self) -> u64 {
        self.item.as_ref().and_then(|item| number_of(item, "version")).unwrap_or(0)
    }

    /// The texts of signed releases; none if nobody put any.
    ///
    /// # Errors
    /// [`Error::StoreBroken`] if something else lies there.
    pub fn texts(&self) -> Result<Vec<String>> {
        let Some(item) = &self.item else { return Ok(Vec::new()) };
        let bytes = sealed_of(item)?;
        let texts = (bytes.len() <= MAX_ROW_BYTES)
            .then(|| serde_json::from_slice::<Vec<String>>(&bytes).ok())
            .flatten();
        texts.ok_or(Error::StoreBroken("releases that do not parse".into()))
    }
}

impl Store {
    /// Puts the texts of signed releases in place of those before, whatever they were. Functions have no
    /// right to it. Nothing of them is believed by who reads it; clients verify.
    ///
    /// # Errors
    /// [`Error::Setting`] if there are too many or too large ones.
    pub async fn put_releases(&self, texts: &[String]) -> Result<()> {
        self.write_releases(None, texts).await
    }

    /// The same, in place of those that were read and of no others. For operators.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody wrote since: nothing has changed then. [`Error::Setting`].
    pub async fn replace_releases(&self, read: &StoredReleases, texts: &[String]) -> Result<()> {
        self.write_releases(Some(read.version()), texts).await
    }

    async fn write_releases(&self, read: Option<u64>, texts: &[String]) -> Result<()> {
        let bytes =
            serde_json::to_vec(texts).map_err(|_| Error::Internal("releases cannot be encoded"))?;
        if texts.len() > MAX_RELEASES || bytes.len() > MAX_ROW_BYTES {
            return Err(Error::Setting("releases (at most 8 of 8 KiB each)"));
        }
        let mut update = self
            .client
            .update_item()
            .table_name(self.table("tenants"))
            .key("pk", text(PARTITION))
            .key("sk", text(SORT))
            .update_expression("SET #bytes = :bytes ADD #version :one")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":bytes", blob(bytes))
            .expression_attribute_values(":one", number(1));
        update = match read {
            None => update,
            Some(0) => update.condition_expression("attribute_not_exists(#version)"),
            Some(version) => update
                .condition_expression("#version = :read")
                .expression_attribute_values(":read", number(version)),
        };
        reached(DurableStep::PublishReleases, Moment::Before);
        match update.send().await {
            Ok(_) => {
                reached(DurableStep::PublishReleases, Moment::After);
                Ok(())
            }
            Err(error) if is_condition_failure(&error) => Err(Error::Conflict),
            Err(error) => Err(fault_of(&error)),
        }
    }

    /// The texts of signed releases; none if nobody put any.
    ///
    /// # Errors
    /// [`Error::StoreBroken`] if something else lies there.
    pub async fn releases(&self) -> Result<Vec<String>> {
        self.stored_releases().await?.texts()
    }

    /// The same as it lies there, for who means to [replace](Self::replace_releases) it.
    pub async fn stored_releases(&self) -> Result<StoredReleases> {
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
        Ok(StoredReleases { item: answer.item })
    }
}

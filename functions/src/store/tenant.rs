use super::item::{Item, item_of, sealed_of};
use super::owned::MAX_STORE_PAGES;
use super::{Store, fault_of, is_condition_failure, number, number_of, release, text_of};
use crate::error::{Error, Result};
use serde_bytes::ByteBuf;
use sharekeep_schemas::TenantId;
use sharekeep_schemas::enclave::{Put, RecordKey, Row};
use sharekeep_steps::{DurableStep, Moment, reached};

/// A tenant's document as it lies in the store. Nothing of it is believed before its signature is.
pub struct StoredTenant {
    /// Where it lies.
    pub tenant: TenantId,
    /// The serial that its writer gave.
    pub version: u64,
    /// The signed document.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Puts a tenant's signed document into the store, in place of an older one only. For operators:
    /// functions have no right to it.
    ///
    /// Fails with [`Error::Conflict`] if the document there has this serial or a higher one.
    pub async fn put_tenant(&self, tenant: &TenantId, serial: u64, bytes: Vec<u8>) -> Result<()> {
        let key = RecordKey::Tenant(tenant.clone());
        let put = Put {
            version: serial,
            bytes: ByteBuf::from(bytes),
            row: Row::Empty,
            expires_at_unix_s: None,
        };
        reached(DurableStep::ProvisionTenants, Moment::Before);
        let result = self
            .client
            .put_item()
            .table_name(self.table(key.table()))
            .set_item(Some(item_of(&key, &put)?))
            .condition_expression("attribute_not_exists(pk) OR #version < :serial")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":serial", number(serial))
            .send()
            .await;
        match result {
            Ok(_) => {
                reached(DurableStep::ProvisionTenants, Moment::After);
                Ok(())
            }
            Err(error) if is_condition_failure(&error) => Err(Error::Conflict),
            Err(error) => Err(fault_of(&error)),
        }
    }

    /// A tenant's document.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Option<StoredTenant>> {
        let key = RecordKey::Tenant(tenant.clone());
        self.item(&key).await?.as_ref().map(stored).transpose()
    }

    /// All tenants' documents, by name. Fails if there are more than a person could look at.
    pub async fn tenants(&self) -> Result<Vec<StoredTenant>> {
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..MAX_STORE_PAGES {
            let answer = self
                .client
                .scan()
                .table_name(self.table("tenants"))
                .set_exclusive_start_key(start)
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            let releases = |item: &&Item| text_of(item, "pk") == Some(release::PARTITION);
            for item in answer.items().iter().filter(|item| !releases(item)) {
                found.push(stored(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                found.sort_by(|one, other| one.tenant.cmp(&other.tenant));
                return Ok(found);
            }
        }
        Err(Error::StoreBroken("more tenants than can be listed".into()))
    }
}

fn stored(item: &Item) -> Result<StoredTenant> {
    let tenant = text_of(item, "pk").and_then(|name| name.parse().ok());
    let version = number_of(item, "version");
    let (Some(tenant), Some(version)) = (tenant, version) else {
        return Err(Error::StoreBroken("a tenant without name or version".into()));
    };
    Ok(StoredTenant { tenant, version, bytes: sealed_of(item)?.into_vec() })
}

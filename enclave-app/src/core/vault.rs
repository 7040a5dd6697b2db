use super::records::unfit;
use super::stop::{DataKeyQuery, Stop, Wish};
use super::{Request, lock};
use crate::record::{self, DataKeyRecord, DeploymentKeys};
use serde_bytes::ByteBuf;
use sharekeep_channel::record_seal::{
    DataKey, OpenedRecord, RecordLocation, RecordVersion, open_record, peek_record, seal_record,
};
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::{ProblemCode, TenantId};
use std::sync::Arc;

/// Data keys of one tenant at most: rotation is rare.
const MAX_DATA_KEYS: usize = 64;

/// Seals and opens the records of one tenant.
pub(super) struct Vault {
    tenant: TenantId,
    /// All of the tenant's wrapped keys.
    wrapped: Vec<DataKeyQuery>,
    /// The one with the highest number: it seals.
    current: Arc<DataKey>,
}

impl Request<'_> {
    /// The vaults of some tenants; asks for all that is missing at once.
    pub(super) fn vaults<const N: usize>(
        &self,
        tenants: [&TenantId; N],
    ) -> Result<[Vault; N], Stop> {
        let queries = tenants.map(|tenant| RecordQuery::DataKeysOf(tenant.clone()));
        self.records.require(&queries)?;
        let mut listed = Vec::with_capacity(N);
        let mut empty = Vec::new();
        for tenant in tenants {
            let wrapped = self.wrapped_keys(tenant)?;
            if wrapped.is_empty() {
                empty.push(tenant.clone());
            }
            listed.push(wrapped);
        }
        if !empty.is_empty() {
            return Err(Stop::Wish(Wish::MakeDataKeys(empty)));
        }
        let mut closed = Vec::new();
        let mut current = Vec::with_capacity(N);
        for wrapped in &listed {
            let newest = wrapped.iter().max_by_key(|query| query.number).ok_or_else(unfit)?;
            match lock(&self.core.data_keys).take(newest, self.now) {
                Some(key) => current.push(key),
                None => closed.push(newest.clone()),
            }
        }
        if !closed.is_empty() {
            return Err(Stop::Wish(Wish::OpenDataKeys(closed)));
        }
        let mut parts = listed.into_iter().zip(current);
        Ok(tenants.map(|tenant| {
            let (wrapped, current) = parts.next().expect("one part was made for each tenant");
            Vault { tenant: tenant.clone(), wrapped, current }
        }))
    }

    fn wrapped_keys(&self, tenant: &TenantId) -> Result<Vec<DataKeyQuery>, Stop> {
        let found = self.records.all(&RecordQuery::DataKeysOf(tenant.clone()))?;
        if found.len() > MAX_DATA_KEYS {
            return Err(unfit());
        }
        found
            .iter()
            .map(|stored| match &stored.key {
                RecordKey::DataKey { tenant: whose, number } if whose == tenant => {
                    let record = DataKeyRecord::decode(&stored.bytes).map_err(|_| unfit())?;
                    Ok(DataKeyQuery {
                        tenant: tenant.clone(),
                        number: *number,
                        wrapped: record.wrapped,
                    })
                }
                _ => Err(unfit()),
            })
            .collect()
    }

    /// Opens a record.
    pub(super) fn open(
        &self,
        vault: &Vault,
        user: &[u8],
        key: &RecordKey,
        sealed: &[u8],
    ) -> Result<OpenedRecord, Stop> {
        let header = peek_record(sealed).map_err(|_| unfit())?;
        let data_key = if header.data_key_id == vault.current.id() {
            vault.current.clone()
        } else {
            let query = vault
                .wrapped
                .iter()
                .find(|query| {
                    record::data_key_id(&query.tenant, query.number) == header.data_key_id
                })
                .ok_or_else(unfit)?;
            lock(&self.core.data_keys)
                .take(query, self.now)
                .ok_or_else(|| Stop::Wish(Wish::OpenDataKeys(vec![query.clone()])))?
        };
        let id = record::record_id(key);
        let location = vault.location(user, key, &id)?;
        open_record(&data_key, &location, sealed).map_err(|_| unfit())
    }

    /// The deployment's keys; they are made where there are none, and believed once they were read
    /// back. The first ones that open count for this life.
    pub(super) fn deployment_keys(&self) -> Result<Arc<DeploymentKeys>, Stop> {
        if let Some(keys) = self.core.deployment.get() {
            return Ok(keys.clone());
        }
        let tenant = TenantId::deployment();
        self.records.require(&self.deployment_queries())?;
        let [vault] = self.vaults([&tenant])?;
        let key = RecordKey::DeploymentKeys;
        if let Some(sealed) = self.records.one(&key)? {
            let opened = self.open(&vault, &[], &key, sealed)?;
            let keys = DeploymentKeys::decode(&opened.plaintext).map_err(|_| unfit())?;
            return Ok(self.core.deployment.get_or_init(|| Arc::new(keys)).clone());
        }
        let keys = DeploymentKeys::generate(&mut self.core.rng());
        let version = RecordVersion { epoch: 0, record_version: 1 };
        let bytes = self.core.seal(&vault, &[], &key, version, &keys.encode())?;
        Err(Stop::Provision {
            writes: vec![Write {
                key: key.clone(),
                condition: Condition::Absent,
                put: Some(Put {
                    version: 1,
                    bytes: ByteBuf::from(bytes),
                    row: Row::Empty,
                    expires_at_unix_s: None,
                }),
            }],
            queries: vec![RecordQuery::One(key)],
        })
    }

    /// What [`Self::deployment_keys`] will ask for; nothing once the keys are known.
    pub(super) fn deployment_queries(&self) -> Vec<RecordQuery> {
        if self.core.deployment.get().is_some() {
            return vec![];
        }
        vec![
            RecordQuery::DataKeysOf(TenantId::deployment()),
            RecordQuery::One(RecordKey::DeploymentKeys),
        ]
    }
}

impl super::Core {
    /// Seals a record with the tenant's newest key.
    pub(super) fn seal(
        &self,
        vault: &Vault,
        user: &[u8],
        key: &RecordKey,
        version: RecordVersion,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Stop> {
        let id = record::record_id(key);
        let location = vault.location(user, key, &id)?;
        seal_record(&vault.current, &location, version, plaintext, &mut self.rng())
            .map_err(|_| ProblemCode::Internal.into())
    }
}

impl Vault {
    fn location<'a>(
        &'a self,
        user: &'a [u8],
        key: &RecordKey,
        record_id: &'a str,
    ) -> Result<RecordLocation<'a>, Stop> {
        let kind = record::kind_of(key).ok_or(ProblemCode::Internal)?;
        Ok(RecordLocation { tenant: self.tenant.as_str(), user, record_id, kind })
    }
}

use std::sync::Arc;

use axum::Router;
use serde_bytes::ByteBuf;
use sharekeep_functions::store::{Store, StoreKeys, StoreSettings, TablePrefix};
use sharekeep_functions::{Clock, Config, Fleet, State, SystemClock, app};
use sharekeep_schemas::enclave::{Condition, Put, RecordKey, Row, Write};
use sharekeep_steps::DurableStep;

use crate::Error;
use crate::identity_provider::unix_now_s;
use crate::world::{REGION, World};

/// What the tables' names start with.
const TABLE_PREFIX: &str = "sharekeep-local-";

/// The functions' own store, over the embedded database.
///
/// # Errors
/// [`Error::Store`].
pub fn connect_store(endpoint: &str) -> Result<Store, Error> {
    Ok(Store::connect(StoreSettings {
        endpoint: endpoint.to_owned(),
        region: REGION.to_owned(),
        keys: StoreKeys {
            access_key_id: "local".to_owned(),
            secret_access_key: "local".to_owned(),
        },
        prefix: TablePrefix::new(TABLE_PREFIX).map_err(failed)?,
    }))
}

/// Makes the tables that are missing and puts in what the operator signed.
///
/// # Errors
/// [`Error::Store`].
pub async fn provision_store(store: &Store, world: &World) -> Result<(), Error> {
    store.create_tables().await.map_err(failed)?;
    provision_signed(store, world).await
}

/// Puts the operator's tenant documents and the releases into tables that are there.
///
/// # Errors
/// [`Error::Store`].
pub async fn provision_signed(store: &Store, world: &World) -> Result<(), Error> {
    let releases = world.releases().texts();
    // A start that changes nothing leaves the tables as they were.
    if store.releases().await.map_err(failed)? != releases {
        store.put_releases(&releases).await.map_err(failed)?;
    }
    let writes: Vec<Write> = world
        .tenants()
        .iter()
        .map(|tenant| Write {
            key: RecordKey::Tenant(tenant.tenant.clone()),
            condition: Condition::Any,
            put: Some(Put {
                version: tenant.serial,
                bytes: ByteBuf::from(tenant.bytes.clone()),
                row: Row::Empty,
                expires_at_unix_s: None,
            }),
        })
        .collect();
    store.commit(DurableStep::ProvisionTenants, &writes, unix_now_s()).await.map_err(failed)
}

/// All the functions' routers as one service. Heartbeats of hosts are told by the machine's clock,
/// whatever a test does to the other.
pub fn build_functions(store: Store, config: Config, clock: Arc<dyn Clock>) -> Router {
    let fleet = Fleet::new(store.clone(), Arc::new(SystemClock));
    app(State::with(config, store, fleet, clock))
}

fn failed(error: sharekeep_functions::Error) -> Error {
    Error::Store(error.to_string())
}

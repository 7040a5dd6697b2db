//! Records in DynamoDB. There is one implementation: local runs and tests speak the same protocol
//! to an embedded engine.
//!
//! Nothing here is believed by the enclave: `bytes` are sealed (or signed, or wrapped), and `row`,
//! `user` and `expires_at` are routing copies.

mod commit;
mod connect;
mod cursor;
mod enclaves;
mod fault;
mod item;
mod list;
mod load;
mod owned;
mod release;
mod tables;
mod tenant;

pub use connect::{StoreKeys, StoreSettings, TablePrefix};
pub use cursor::Cursor;
pub use list::{Listed, RowPage};
pub use load::FoundRow;
pub use owned::Owned;
pub use release::StoredReleases;
pub use tenant::StoredTenant;

pub(crate) use fault::{fault_of, is_condition_failure};
pub(crate) use item::{blob, bytes_of, number, number_of, text, text_of};

use aws_sdk_dynamodb::Client;
use sharekeep_schemas::fleet;

/// The tables of one deployment.
#[derive(Clone)]
pub struct Store {
    client: Client,
    prefix: TablePrefix,
}

impl Store {
    /// Names of the tables whose changes are archived, so that a restore brings nothing in them back
    /// that was: all that hold records of the enclave but `ceremonies`.
    pub const ARCHIVED_TABLES: &[&str] = &[
        "tenants",
        "data_keys",
        "metadata",
        "sessions",
        "devices",
        "wallets",
        "backups",
        "factors",
        "events",
    ];
    /// A ceremony is over when the enclave that holds its state is, whatever its record says.
    const CEREMONIES_TABLE: &str = "ceremonies";
    /// Names of the tables that are the functions' own.
    pub(crate) const IDEMPOTENCY_TABLE: &str = "idempotency";
    /// Nonces and rate counters.
    pub(crate) const LIMITS_TABLE: &str = "limits";

    /// Uses a client that was configured elsewhere (a Lambda's).
    pub fn new(client: Client, prefix: TablePrefix) -> Self {
        Self { client, prefix }
    }

    /// The full names of all tables.
    pub fn table_names(&self) -> Vec<String> {
        Self::tables().map(|name| self.table(name)).collect()
    }

    /// The full names of the [tables whose changes are archived](Self::ARCHIVED_TABLES).
    pub fn archived_table_names(&self) -> Vec<String> {
        Self::ARCHIVED_TABLES.iter().map(|name| self.table(name)).collect()
    }

    /// The names of all tables: of records, of the functions' own, and the hosts'.
    fn tables() -> impl Iterator<Item = &'static str> {
        let others =
            [Self::CEREMONIES_TABLE, Self::IDEMPOTENCY_TABLE, Self::LIMITS_TABLE, fleet::TABLE];
        Self::ARCHIVED_TABLES.iter().copied().chain(others)
    }

    /// The client, for what the product does not do (dumping a table in a test).
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix.as_str())
    }
}

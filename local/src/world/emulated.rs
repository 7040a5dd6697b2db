use std::net::SocketAddr;
use std::path::PathBuf;

use aws_credential_types::Credentials;
use sharekeep_functions::store::{StoreKeys, StoreSettings, TablePrefix};

use super::{Measurements, REGION};
use crate::Error;

/// An emulated AWS on this machine in which the product's tables and key are deployed: it stands where
/// the embedded default has its database and its software KMS. All else in the world stays.
#[derive(Clone, Debug)]
pub struct EmulatedAws {
    /// Where it answers for all of its services, without TLS.
    pub address: SocketAddr,
    /// What the tables' names start with.
    pub table_prefix: String,
    /// The account of the tables, which the emulator takes for an access key.
    pub account: String,
    /// The deployment's name in the key's policy.
    pub deployment: String,
    /// The key.
    pub key_arn: String,
    /// What the key's policy asks of an enclave. They cannot be those of the trust configuration here:
    /// it names the key, whose policy names them.
    pub measurements: Measurements,
    /// The folder of roots that the emulator's KMS believes.
    pub nsm_roots: PathBuf,
    /// Of the role that the key's policy lets enclaves use.
    pub host_role: Credentials,
}

impl EmulatedAws {
    /// Where it answers, as AWS's own libraries want it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the functions' store reaches the tables.
    pub(crate) fn store_settings(&self) -> Result<StoreSettings, Error> {
        Ok(StoreSettings {
            endpoint: self.endpoint(),
            region: REGION.to_owned(),
            keys: StoreKeys {
                access_key_id: self.account.clone(),
                secret_access_key: "emulated".to_owned(),
            },
            prefix: TablePrefix::new(&self.table_prefix)
                .map_err(|error| Error::Store(error.to_string()))?,
        })
    }
}

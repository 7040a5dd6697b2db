//! What is outside of functions and enclave in the embedded default: database, KMS and NSM,
//! identity provider, the way out of the enclave, and the operator who signs for all of it.

mod database;
mod emulated;
mod host;
mod measurements;
mod operator;
mod port;
mod purpose;
mod release;
mod start;
mod tenants;

pub use database::{Database, Dump};
pub use emulated::EmulatedAws;
pub(crate) use host::{Host, bind};
pub use measurements::Measurements;
pub use operator::{DEPLOYMENT, REGION};
pub use port::unused_port;
pub use purpose::Purpose;
pub use release::OwnReleases;
pub use sharekeep_testkit::KmsFault;
pub(crate) use start::listen;
pub use tenants::{SECOND_TENANT, TENANT};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sharekeep_schemas::TenantId;
use sharekeep_testkit::{NsmRoot, SoftKms};
use zeroize::Zeroizing;

use crate::Error;
use crate::background::Background;
use crate::identity_provider::IdentityProvider;

/// What the software NSM calls the enclave.
const MODULE_ID: &str = "i-local-enc0001";

/// The embedded database's file in the data directory.
pub(crate) const STORE_FILE: &str = "store/sharekeep.db";

/// The running world. Dropping it stops it.
pub struct World {
    /// The development identity provider.
    pub identity_provider: IdentityProvider,
    embedded: Option<Embedded>,
    store_endpoint: String,
    nsm_root: NsmRoot,
    measurements: Measurements,
    trust_bytes: Vec<u8>,
    releases: OwnReleases,
    tenants: Vec<SignedTenant>,
    egress_socket: PathBuf,
    credentials_socket: PathBuf,
    background: Background,
}

/// What takes AWS's place.
struct Embedded {
    database: Database,
    kms: Arc<SoftKms>,
}

/// A tenant's document as the store holds it.
pub struct SignedTenant {
    /// Whose.
    pub tenant: TenantId,
    /// The document's serial, which is the record's version.
    pub serial: u64,
    /// The encoded signed document.
    pub bytes: Vec<u8>,
}

impl World {
    /// The embedded DynamoDB.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] on an emulated AWS.
    pub fn database(&self) -> Result<&Database, Error> {
        let embedded = self.embedded.as_ref().ok_or(Error::Elsewhere("the database"))?;
        Ok(&embedded.database)
    }

    /// The software KMS, with its switches for faults.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] on an emulated AWS.
    pub fn kms(&self) -> Result<&SoftKms, Error> {
        let embedded = self.embedded.as_ref().ok_or(Error::Elsewhere("the KMS"))?;
        Ok(&embedded.kms)
    }

    /// Where DynamoDB's protocol is spoken.
    pub fn store_endpoint(&self) -> &str {
        &self.store_endpoint
    }

    /// The trust configuration as an image would carry it.
    pub fn trust_bytes(&self) -> &[u8] {
        &self.trust_bytes
    }

    /// What the image that is trusted here is attested with.
    pub fn measurements(&self) -> Measurements {
        self.measurements
    }

    /// The releases that say so to clients.
    pub fn releases(&self) -> &OwnReleases {
        &self.releases
    }

    /// The root that attestation documents chain to (DER).
    pub fn nsm_root_der(&self) -> &[u8] {
        self.nsm_root.root_der()
    }

    /// The root itself, for an enclave elsewhere whose NSM says what is measured there.
    pub(crate) fn nsm_root(&self) -> &NsmRoot {
        &self.nsm_root
    }

    /// The socket of the enclave's way out.
    pub fn egress_socket(&self) -> &Path {
        &self.egress_socket
    }

    /// The socket where the enclave finds credentials for KMS.
    pub fn credentials_socket(&self) -> &Path {
        &self.credentials_socket
    }

    /// The tenants' documents.
    pub fn tenants(&self) -> &[SignedTenant] {
        &self.tenants
    }

    /// A fresh leaf for an enclave process: it can sign documents with these measurements only.
    ///
    /// # Errors
    /// [`Error::Twin`].
    pub fn issue_nsm_leaf(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let leaf = self
            .nsm_root
            .issue_leaf(MODULE_ID, self.measurements.0)
            .map_err(|e| Error::Twin { part: "nsm", reason: e.to_string() })?;
        Ok(leaf.to_bytes())
    }

    /// Stops everything and waits, so that it can be started again.
    pub async fn stop(&self) {
        self.background.stop().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.background.cancel();
    }
}

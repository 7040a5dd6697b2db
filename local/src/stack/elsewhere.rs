use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use sharekeep_testkit::NsmRoot;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::world::{EmulatedAws, Measurements};

/// Tables and KMS on an emulated AWS, and the functions wherever somebody runs them. Host and identity
/// provider stay in this process.
#[derive(Clone)]
pub struct Elsewhere {
    /// The AWS.
    pub aws: EmulatedAws,
    /// Who runs the functions.
    pub functions: Arc<dyn Functions>,
}

/// Runs the functions in place of this process.
pub trait Functions: Send + Sync {
    /// Answers clients on the listener until `stop` is cancelled, and has then ended all that it
    /// started. Enclaves are found in the table `fleet`.
    fn serve(&self, listener: TcpListener, stop: CancellationToken) -> Serving;
}

/// Clients, being answered.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the enclaves in place of this process, from an image that is measured.
pub trait Enclaves: Send + Sync {
    /// What the image is attested with once it carries this encoded trust configuration.
    fn measurements(&self, trust: &[u8]) -> Measurements;

    /// Starts an enclave. Its NSM has a leaf of the place's root, over what is measured of it. It need
    /// not serve yet when this is done.
    fn start<'a>(&'a self, place: EnclavePlace<'a>) -> Starting<'a>;
}

/// What an enclave elsewhere finds around it.
#[derive(Clone, Copy)]
pub struct EnclavePlace<'a> {
    /// The encoded trust configuration that the image carries.
    pub trust: &'a [u8],
    /// The root of its NSM.
    pub nsm_root: &'a NsmRoot,
    /// Where the host looks for its socket. An enclave that was here before may have left it.
    pub socket: &'a Path,
    /// The egress proxy.
    pub egress_socket: &'a Path,
    /// Where credentials for KMS are handed out.
    pub credentials_socket: &'a Path,
}

/// An enclave, being started.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Started, Error>> + Send + 'a>>;

/// An enclave that was started. Dropping it kills it, as a crash does.
pub type Started = Box<dyn Send + Sync>;

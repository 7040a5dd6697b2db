use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::world::EmulatedAws;

/// What of a stack is not in this process: tables and KMS on an emulated AWS, and the functions
/// wherever somebody runs them. Enclave, host and identity provider stay.
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

//! The host, by its own code: the way in to an enclave and its row in the table `fleet`, the way
//! out, and credentials.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use sharekeep_enclave_host::egress::{Allowlist, Egress, SystemResolver};
use sharekeep_enclave_host::{Drain, DynamoFleet, Forward, HandOut, Registration};
use sharekeep_functions::store::Store;
use sharekeep_schemas::EnclaveKeyId;
use sharekeep_schemas::fleet::EnclaveAddress;
use sharekeep_vsock::{Address, Listener};
use tokio::sync::{oneshot, watch};

use super::listen;
use crate::Error;
use crate::background::Background;

/// As many as the host's program has by default.
const CONNECTIONS: usize = 504;
/// How long a connection may rest.
const IDLE: Duration = Duration::from_secs(120);
/// For a host to see an enclave that serves, and to say so in the table: a guest in emulation boots
/// first.
const REGISTERED_PATIENCE: Duration = Duration::from_secs(60);

/// The host of one enclave. Dropping it ends it.
pub(crate) struct Host {
    address: EnclaveAddress,
    registered: watch::Receiver<Option<EnclaveKeyId>>,
    leave: Mutex<Option<oneshot::Sender<Duration>>>,
    background: Background,
}

impl Host {
    /// Carries calls to the enclave that serves on this socket, now or later, and registers it.
    pub(crate) async fn start(enclave: PathBuf, store: &Store) -> Result<Self, Error> {
        let listener = listen(0).await?;
        let address = listener
            .local_addr()
            .map_err(|e| Error::io("ask", "a socket", e))?
            .try_into()
            .map_err(|_| Error::Twin { part: "host", reason: "no address".to_owned() })?;
        let background = Background::default();
        let enclave = Address::Unix(enclave);
        let forward = Forward { enclave: enclave.clone(), connections: CONNECTIONS, idle: IDLE };
        in_background(&background, |drain| forward.serve(listener, drain));

        let table = DynamoFleet::new(store.client().clone(), store.fleet_table());
        let registration = Registration::new(table, enclave, address);
        let registered = registration.registered();
        let (leave, told) = oneshot::channel();
        background.spawn_orderly(|stop| {
            registration.serve(async move {
                tokio::select! {
                    patience = told => patience.unwrap_or_default(),
                    () = stop.cancelled() => Duration::ZERO,
                }
            })
        });
        Ok(Self { address, registered, leave: Mutex::new(Some(leave)), background })
    }

    /// Where functions reach the enclave.
    pub(crate) fn address(&self) -> EnclaveAddress {
        self.address
    }

    /// The key under which the enclave stands in the table.
    pub(crate) fn key(&self) -> Option<EnclaveKeyId> {
        *self.registered.borrow()
    }

    /// Waits until an enclave with another key than this stands in the table.
    pub(crate) async fn registers_after(&self, before: Option<EnclaveKeyId>) -> Result<(), Error> {
        let mut registered = self.registered.clone();
        let another = registered.wait_for(|key| key.is_some() && *key != before);
        match tokio::time::timeout(REGISTERED_PATIENCE, another).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Twin { part: "host", reason: "no enclave answers".to_owned() }),
        }
    }

    /// Lets the enclave end what it has begun, for as long as this, and then closes the way in.
    pub(crate) async fn drain(&self, patience: Duration) {
        let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner).take();
        if leave.is_some_and(|leave| leave.send(patience).is_ok()) {
            let mut registered = self.registered.clone();
            while registered.changed().await.is_ok() {}
        }
        self.stop().await;
    }

    /// Takes the row away and closes the way in, whatever runs.
    pub(crate) async fn stop(&self) {
        self.background.stop().await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.background.cancel();
    }
}

/// Serves the enclave's way out to these places.
pub(super) fn carry_out(
    socket: &Path,
    allowed: Allowlist,
    background: &Background,
) -> Result<(), Error> {
    let (listener, egress) = (bind(socket)?, Egress::new(allowed, SystemResolver));
    in_background(background, |drain| egress.serve(listener, drain));
    Ok(())
}

/// Serves credentials.
pub(super) fn hand_out(
    socket: &Path,
    credentials: Credentials,
    background: &Background,
) -> Result<(), Error> {
    let (listener, hand_out) = (bind(socket)?, HandOut::new(credentials));
    in_background(background, |drain| hand_out.serve(listener, drain));
    Ok(())
}

/// Serves until the background stops; then connections end where they are.
fn in_background<S: Future<Output = ()> + Send + 'static>(
    background: &Background,
    serve: impl FnOnce(Drain) -> S,
) {
    let drain = Drain::default();
    let served = serve(drain.clone());
    background.spawn_orderly(|stop| async move {
        tokio::select! {
            () = served => {}
            () = stop.cancelled() => {}
        }
        drain.finish(Duration::ZERO).await;
    });
}

/// Listens on a Unix socket where one of an earlier start may still lie.
pub(crate) fn bind(socket: &Path) -> Result<Listener, Error> {
    Listener::bind(&Address::Unix(socket.to_owned())).map_err(|e| Error::io("listen on", socket, e))
}

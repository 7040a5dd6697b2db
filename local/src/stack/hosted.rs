use std::path::{Path, PathBuf};
use std::sync::Arc;

use sharekeep_enclave_app::{Enclave, Limits, serve};
use sharekeep_functions::store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{EnclavePlace, Enclaves, Started, wait_or_abort};
use crate::Error;
use crate::assemble::{AdjustableClock, EnclaveParts, build_enclave};
use crate::world::{self, Host, World};

/// An enclave and the host beside it.
pub(super) struct Hosted {
    pub(super) host: Host,
    socket: PathBuf,
    parts: Parts,
    running: Option<Running>,
}

/// What an enclave is made of at each start.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) limits: Limits,
    pub(super) clock: AdjustableClock,
    pub(super) egress_socket: PathBuf,
    pub(super) enclaves: Option<Arc<dyn Enclaves>>,
}

enum Running {
    Here(Here),
    Elsewhere { _enclave: Started },
}

/// An enclave as tasks of this process.
struct Here {
    core: Arc<Enclave>,
    served: JoinHandle<()>,
    stop: CancellationToken,
}

impl Hosted {
    /// Starts an enclave on a socket, and a host that reaches it there or where it is tapped.
    pub(super) async fn start(
        world: &World,
        store: &Store,
        socket: PathBuf,
        tapped: Option<&Path>,
        parts: Parts,
    ) -> Result<Self, Error> {
        let reached = tapped.map_or_else(|| socket.clone(), Path::to_owned);
        let running = Some(Running::start(world, &socket, &parts).await?);
        let host = Host::start(reached, store).await?;
        host.registers_after(None).await?;
        Ok(Self { host, socket, parts, running })
    }

    pub(super) fn core(&self) -> Option<&Arc<Enclave>> {
        match &self.running {
            Some(Running::Here(here)) => Some(&here.core),
            _ => None,
        }
    }

    pub(super) async fn restart_enclave(&mut self, world: &World) -> Result<(), Error> {
        let before = self.host.key();
        self.stop_enclave().await;
        self.running = Some(Running::start(world, &self.socket, &self.parts).await?);
        self.host.registers_after(before).await
    }

    pub(super) async fn stop_enclave(&mut self) {
        if let Some(Running::Here(here)) = self.running.take() {
            here.stop.cancel();
            wait_or_abort(here.served).await;
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        if let Some(Running::Here(here)) = &self.running {
            here.stop.cancel();
        }
    }
}

impl Running {
    async fn start(world: &World, socket: &Path, parts: &Parts) -> Result<Self, Error> {
        let Some(enclaves) = &parts.enclaves else {
            return Here::start(world, socket, parts).map(Self::Here);
        };
        let place = EnclavePlace {
            trust: world.trust_bytes(),
            nsm_root: world.nsm_root(),
            socket,
            egress_socket: &parts.egress_socket,
            credentials_socket: world.credentials_socket(),
        };
        Ok(Self::Elsewhere { _enclave: enclaves.start(place).await? })
    }
}

impl Here {
    fn start(world: &World, socket: &Path, parts: &Parts) -> Result<Self, Error> {
        let leaf = world.issue_nsm_leaf()?;
        let core = build_enclave(EnclaveParts {
            trust: world.trust_bytes(),
            nsm_leaf: &leaf,
            egress_socket: &parts.egress_socket,
            credentials_socket: world.credentials_socket(),
            clock: Arc::new(parts.clock.clone()),
            limits: parts.limits.clone(),
        })?;
        let listener = world::bind(socket)?;
        let (stop, connections) = (CancellationToken::new(), parts.limits.connections);
        let (served_core, stopped) = (Arc::clone(&core), stop.clone().cancelled_owned());
        let served = tokio::spawn(async move {
            let served = serve(listener, served_core, connections, stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the enclave stopped");
            }
        });
        Ok(Self { core, served, stop })
    }
}

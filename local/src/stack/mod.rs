//! The whole stack as tasks of one process, for flow tests: quick to start, with handles on what
//! an attacker or a fault would touch.

mod tap;

pub use tap::Recording;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sharekeep_enclave_app::{Enclave, Limits, serve};
use sharekeep_enclave_host::Forward;
use sharekeep_functions::Config;
use sharekeep_functions::enclave_client::EnclaveAddress;
use sharekeep_functions::store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::assemble::{
    AdjustableClock, EnclaveParts, build_enclave, build_functions, connect_store, provision_store,
};
use crate::background::Background;
use crate::identity_provider::IdentityProvider;
use crate::world::{self, Dump, Purpose, World};
use crate::{DataDir, Error, data_dir};

/// For a part to end when it was told to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How a stack differs from the default.
#[derive(Clone, Default)]
pub struct StackOptions {
    /// Bounds of the enclave; none takes the default without a search for primes, which would keep
    /// all cores busy while tests run.
    pub limits: Option<Limits>,
    /// Whether functions reach the enclave through the host, as on AWS, and what passes there, out of
    /// the enclave and between clients and functions is recorded.
    pub record: bool,
}

/// A running stack. Dropping it stops it.
pub struct Stack {
    data: DataDir,
    world: World,
    store: Store,
    port: u16,
    limits: Limits,
    clock: AdjustableClock,
    enclave: Option<RunningEnclave>,
    functions: JoinHandle<()>,
    client_traffic: Recording,
    enclave_traffic: Recording,
    egress_traffic: Recording,
    egress_socket: PathBuf,
    host: Background,
    stop: CancellationToken,
}

struct RunningEnclave {
    core: Arc<Enclave>,
    served: JoinHandle<()>,
    stop: CancellationToken,
}

impl Stack {
    /// Starts on a data directory, on the port of its first start.
    ///
    /// # Errors
    /// Whatever part does not start.
    pub async fn start(dir: &Path) -> Result<Self, Error> {
        Self::start_with(dir, StackOptions::default()).await
    }

    /// Starts with other options.
    ///
    /// # Errors
    /// Whatever part does not start.
    pub async fn start_with(dir: &Path, options: StackOptions) -> Result<Self, Error> {
        let data = DataDir::open(dir)?;
        let (listener, port) = listen_where_before(&data).await?;
        let world = World::start(&data, port, Purpose::Development).await?;
        let store = connect_store(world.store_endpoint())?;
        provision_store(&store, world.tenants()).await?;

        let stop = CancellationToken::new();
        let clock = AdjustableClock::default();
        let limits = options.limits.unwrap_or_else(|| Limits { primes: 0, ..Limits::default() });
        let [client_traffic, enclave_traffic, egress_traffic] =
            [(); 3].map(|()| Recording::default());
        let (mut front, mut enclave) = (listener, EnclaveAddress::Unix(socket(&data)));
        let (mut egress_socket, host) = (world.egress_socket().to_owned(), Background::default());
        if options.record {
            let behind = world::listen(0).await?;
            let address = behind.local_addr().map_err(|e| Error::io("ask", "a socket", e))?;
            tap::tap_tcp(front, address, client_traffic.clone(), stop.clone());
            front = behind;
            let tapped = data.path("run/tapped.sock");
            tap::tap_unix(&tapped, socket(&data), enclave_traffic.clone(), stop.clone())?;
            enclave = EnclaveAddress::Tcp(forward(tapped, &host).await?);
            let tapped = data.path("run/tapped-egress.sock");
            tap::tap_unix(&tapped, egress_socket, egress_traffic.clone(), stop.clone())?;
            egress_socket = tapped;
        }
        let service = build_functions(
            store.clone(),
            enclave,
            Config { expected_pcrs: world.measurements().to_vecs(), ..Config::default() },
            Arc::new(clock.clone()),
        );
        let stopped = stop.clone().cancelled_owned();
        let functions = tokio::spawn(async move {
            if let Err(error) = axum::serve(front, service).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the functions stopped");
            }
        });
        let mut stack = Self {
            data,
            world,
            store,
            port,
            limits,
            clock,
            enclave: None,
            functions,
            client_traffic,
            enclave_traffic,
            egress_traffic,
            egress_socket,
            host,
            stop,
        };
        stack.start_enclave()?;
        Ok(stack)
    }

    /// Where clients reach the service.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// What clients sign requests for.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The data directory.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// What surrounds functions and enclave.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The identity provider, which makes good and bad tokens.
    pub fn identity_provider(&self) -> &IdentityProvider {
        &self.world.identity_provider
    }

    /// The functions' own store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock of functions and enclave.
    pub fn clock(&self) -> &AdjustableClock {
        &self.clock
    }

    /// Where the enclave serves, for tests that are a hostile function.
    pub fn enclave_socket(&self) -> PathBuf {
        socket(&self.data)
    }

    /// The running enclave's core.
    pub fn enclave(&self) -> Option<&Arc<Enclave>> {
        self.enclave.as_ref().map(|running| &running.core)
    }

    /// What clients and functions said to each other, if it was recorded.
    pub fn client_traffic(&self) -> &Recording {
        &self.client_traffic
    }

    /// What functions and enclave said to each other, if it was recorded: all that the host carries
    /// in.
    pub fn enclave_traffic(&self) -> &Recording {
        &self.enclave_traffic
    }

    /// What the enclave and the world outside said to each other, if it was recorded: all that the
    /// host carries out.
    pub fn egress_traffic(&self) -> &Recording {
        &self.egress_traffic
    }

    /// Everything in the store.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn dump(&self) -> Result<Dump, Error> {
        self.world.database.dump()
    }

    /// Replaces the enclave by a fresh one, as after a crash: its memory and its keys are gone.
    ///
    /// # Errors
    /// [`Error::Enclave`].
    pub async fn restart_enclave(&mut self) -> Result<(), Error> {
        self.stop_enclave().await;
        self.start_enclave()
    }

    /// Stops the enclave; the functions stay.
    pub async fn stop_enclave(&mut self) {
        if let Some(running) = self.enclave.take() {
            running.stop.cancel();
            wait_or_abort(running.served).await;
        }
    }

    /// Stops everything and waits, so that the directory can be used again.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.stop_enclave().await;
        let functions = std::mem::replace(&mut self.functions, tokio::spawn(async {}));
        wait_or_abort(functions).await;
        self.host.stop().await;
        self.world.stop().await;
    }

    fn start_enclave(&mut self) -> Result<(), Error> {
        let leaf = self.world.issue_nsm_leaf()?;
        let core = build_enclave(EnclaveParts {
            trust: self.world.trust_bytes(),
            nsm_leaf: &leaf,
            egress_socket: &self.egress_socket,
            credentials_socket: self.world.credentials_socket(),
            clock: Arc::new(self.clock.clone()),
            limits: self.limits.clone(),
        })?;
        let listener = world::bind(&self.enclave_socket())?;
        let (stop, connections) = (self.stop.child_token(), self.limits.connections);
        let (served_core, stopped) = (Arc::clone(&core), stop.clone().cancelled_owned());
        let served = tokio::spawn(async move {
            let served = serve(listener, served_core, connections, stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the enclave stopped");
            }
        });
        self.enclave = Some(RunningEnclave { core, served, stop });
        Ok(())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.cancel();
        self.host.cancel();
    }
}

fn socket(data: &DataDir) -> PathBuf {
    data.path("run/enclave.sock")
}

/// The host's way in to what serves on a socket; where functions reach it.
async fn forward(enclave: PathBuf, background: &Background) -> Result<String, Error> {
    let listener = world::listen(0).await?;
    let address = listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?;
    let enclave = sharekeep_vsock::Address::Unix(enclave);
    let forward = Forward { enclave, connections: 512, idle: Duration::from_secs(120) };
    world::in_background(background, |drain| forward.serve(listener, drain));
    Ok(address.to_string())
}

/// Idle connections may keep a server from ending by itself.
async fn wait_or_abort(mut task: JoinHandle<()>) {
    if tokio::time::timeout(STOP_PATIENCE, &mut task).await.is_err() {
        task.abort();
    }
}

/// Clients know the service by its port, so a second start must have the same.
async fn listen_where_before(data: &DataDir) -> Result<(tokio::net::TcpListener, u16), Error> {
    let path = data.path("run/port");
    let kept = data_dir::read(&path)?
        .and_then(|text| std::str::from_utf8(&text).ok().and_then(|t| t.trim().parse().ok()));
    let listener = world::listen(kept.unwrap_or(0)).await?;
    let port = listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?.port();
    data_dir::write(&path, port.to_string().as_bytes())?;
    Ok((listener, port))
}

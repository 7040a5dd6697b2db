//! The whole stack as tasks of one process, for flow tests: quick to start, with handles on what
//! an attacker or a fault would touch.

mod elsewhere;
mod hosted;
mod tap;

pub use elsewhere::{Elsewhere, EnclavePlace, Enclaves, Functions, Serving, Started, Starting};
pub use tap::Recording;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hosted::{Hosted, Parts};
use sharekeep_enclave_app::{Enclave, Limits};
use sharekeep_functions::Config;
use sharekeep_functions::store::Store;
use sharekeep_schemas::EnclaveKeyId;
use sharekeep_schemas::fleet::EnclaveAddress;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::assemble::{
    AdjustableClock, build_functions, connect_store, provision_signed, provision_store,
};
use crate::identity_provider::IdentityProvider;
use crate::world::{self, Dump, Measurements, Purpose, World};
use crate::{DataDir, Error, data_dir};

/// For a part to end when it was told to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How a stack differs from the default.
#[derive(Clone, Default)]
pub struct StackOptions {
    /// Bounds of the enclave; none takes the default without a search for primes, which would keep
    /// all cores busy while tests run.
    pub limits: Option<Limits>,
    /// Whether what passes into the enclaves, out of them and between clients and functions is
    /// recorded.
    pub record: bool,
    /// How many enclaves there are beside the one, each with a host of its own.
    pub further_enclaves: usize,
    /// What else is not in this process; none has all of it here.
    pub elsewhere: Option<Elsewhere>,
    /// Who runs the enclaves; none has them as tasks of this process. Limits and clock are then the
    /// image's own.
    pub enclaves: Option<Arc<dyn Enclaves>>,
}

/// A running stack. Dropping it stops it.
pub struct Stack {
    data: DataDir,
    world: World,
    store: Store,
    port: u16,
    clock: AdjustableClock,
    /// Never empty.
    hosted: Vec<Hosted>,
    functions: JoinHandle<()>,
    client_traffic: Recording,
    enclave_traffic: Recording,
    egress_traffic: Recording,
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
        let StackOptions { limits, record, further_enclaves, elsewhere, enclaves } = options;
        let aws = elsewhere.as_ref().map(|elsewhere| &elsewhere.aws);
        let measure = |trust: &[u8]| match (&enclaves, aws) {
            (Some(enclaves), _) => enclaves.measurements(trust),
            (None, Some(aws)) => aws.measurements,
            (None, None) => Measurements::of(trust),
        };
        let world = World::start_on(&data, port, Purpose::Development, aws, &measure).await?;
        let store = match aws {
            None => {
                let store = connect_store(world.store_endpoint())?;
                provision_store(&store, &world).await?;
                store
            }
            Some(aws) => {
                let store = Store::connect(aws.store_settings()?);
                provision_signed(&store, &world).await?;
                store
            }
        };

        let stop = CancellationToken::new();
        let clock = AdjustableClock::default();
        let limits = limits.unwrap_or_else(|| Limits { primes: 0, ..Limits::default() });
        let [client_traffic, enclave_traffic, egress_traffic] =
            [(); 3].map(|()| Recording::default());
        let (mut front, mut egress_socket) = (listener, world.egress_socket().to_owned());
        if record {
            let behind = world::listen(0).await?;
            let address = behind.local_addr().map_err(|e| Error::io("ask", "a socket", e))?;
            tap::tap_tcp(front, address, client_traffic.clone(), stop.clone());
            front = behind;
            let tapped = data.path("run/tapped-egress.sock");
            tap::tap_unix(&tapped, egress_socket, egress_traffic.clone(), stop.clone())?;
            egress_socket = tapped;
        }
        let functions = match elsewhere {
            None => {
                let service = build_functions(
                    store.clone(),
                    Config {
                        expected_pcrs: vec![world.measurements().to_vecs()],
                        ..Config::default()
                    },
                    Arc::new(clock.clone()),
                );
                serve_here(front, service, stop.clone())
            }
            Some(Elsewhere { functions, .. }) => tokio::spawn(functions.serve(front, stop.clone())),
        };
        let parts = Parts { limits, clock: clock.clone(), egress_socket, enclaves };
        let mut hosted = Vec::new();
        for number in 0..=further_enclaves {
            let socket = data.path(&format!("run/enclave-{number}.sock"));
            let tapped = data.path(&format!("run/tapped-{number}.sock"));
            let tapped = record.then_some(tapped.as_path());
            if let Some(tapped) = tapped {
                tap::tap_unix(tapped, socket.clone(), enclave_traffic.clone(), stop.clone())?;
            }
            hosted.push(Hosted::start(&world, &store, socket, tapped, parts.clone()).await?);
        }
        Ok(Self {
            data,
            world,
            store,
            port,
            clock,
            hosted,
            functions,
            client_traffic,
            enclave_traffic,
            egress_traffic,
            stop,
        })
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

    /// The clock of functions and enclave, but for an enclave elsewhere, which has its own.
    pub fn clock(&self) -> &AdjustableClock {
        &self.clock
    }

    /// Where functions reach each enclave, for tests that are a hostile function.
    pub fn enclave_addresses(&self) -> Vec<EnclaveAddress> {
        self.hosted.iter().map(|hosted| hosted.host.address()).collect()
    }

    /// The core of the first enclave, if it runs in this process.
    pub fn enclave(&self) -> Option<&Arc<Enclave>> {
        self.hosted.first().and_then(Hosted::core)
    }

    /// The keys under which the enclaves stand in the table `fleet`.
    pub fn enclave_keys(&self) -> Vec<Option<EnclaveKeyId>> {
        self.hosted.iter().map(|hosted| hosted.host.key()).collect()
    }

    /// Has the host of one enclave end as it does when it is told to: nothing new, what was begun
    /// ends, for as long as this. Its enclave runs on, and nobody reaches it.
    pub async fn drain_host(&self, number: usize, patience: Duration) {
        if let Some(hosted) = self.hosted.get(number) {
            hosted.host.drain(patience).await;
        }
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
        self.world.database()?.dump()
    }

    /// Replaces the first enclave by a fresh one, as after a crash: its memory and its keys are gone.
    /// Returns when functions can find it.
    ///
    /// # Errors
    /// [`Error::Enclave`].
    pub async fn restart_enclave(&mut self) -> Result<(), Error> {
        match self.hosted.first_mut() {
            Some(hosted) => hosted.restart_enclave(&self.world).await,
            None => Ok(()),
        }
    }

    /// Stops the first enclave, or kills it where it is elsewhere; functions and host stay.
    pub async fn stop_enclave(&mut self) {
        if let Some(hosted) = self.hosted.first_mut() {
            hosted.stop_enclave().await;
        }
    }

    /// Stops everything and waits, so that the directory can be used again.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for hosted in &mut self.hosted {
            hosted.host.stop().await;
            hosted.stop_enclave().await;
        }
        let functions = std::mem::replace(&mut self.functions, tokio::spawn(async {}));
        wait_or_abort(functions).await;
        self.world.stop().await;
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The functions' routers as a task of this process.
fn serve_here(front: TcpListener, service: Router, stop: CancellationToken) -> JoinHandle<()> {
    let stopped = stop.cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(front, service).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the functions stopped");
        }
    })
}

/// Idle connections may keep a server from ending by itself.
async fn wait_or_abort(mut task: JoinHandle<()>) {
    if tokio::time::timeout(STOP_PATIENCE, &mut task).await.is_err() {
        task.abort();
    }
}

/// Clients know the service by its port, so a second start must have the same.
async fn listen_where_before(data: &DataDir) -> Result<(TcpListener, u16), Error> {
    let path = data.path("run/port");
    let kept = data_dir::read(&path)?
        .and_then(|text| std::str::from_utf8(&text).ok().and_then(|t| t.trim().parse().ok()));
    let port = match kept {
        Some(port) => port,
        None => world::unused_port()?,
    };
    let listener = world::listen(port).await?;
    data_dir::write(&path, port.to_string().as_bytes())?;
    Ok((listener, port))
}

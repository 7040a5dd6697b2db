use std::path::{Path, PathBuf};

use sharekeep_schemas::http::Base64Url;
use tokio_util::sync::CancellationToken;

use super::{ChildProcess, EnclaveConfiguration, FunctionsConfiguration};
use crate::assemble::{connect_store, provision_store};
use crate::secrecy::Canary;
use crate::world::{Purpose, World};
use crate::{DataDir, Error};

/// The stack as processes: this one holds the world, two others are the enclave and the functions.
pub struct Supervisor {
    world: World,
    data: DataDir,
    enclave: ChildProcess,
    functions: ChildProcess,
    port: u16,
}

impl Supervisor {
    /// Starts everything; when it returns, requests are served.
    ///
    /// `program` is this program, which knows the roles. A canary is planted in the store, in the
    /// logs and in the functions' memory.
    ///
    /// # Errors
    /// Whatever part does not start.
    pub async fn start(
        program: &Path,
        data: DataDir,
        port: u16,
        purpose: Purpose,
        canary: Option<&Canary>,
    ) -> Result<Self, Error> {
        let world = World::start(&data, port, purpose).await?;
        let store = connect_store(world.store_endpoint())?;
        provision_store(&store, world.tenants()).await?;
        let socket = data.path("run/enclave.sock");
        let enclave = start_enclave(program, &data, &world, purpose, socket.clone()).await?;
        let functions = FunctionsConfiguration {
            port,
            purpose,
            store_endpoint: world.store_endpoint().to_owned(),
            enclave_socket: socket,
            expected_pcrs: world.measurements().to_vecs().into_iter().map(Base64Url).collect(),
            canary: canary.map_or_else(Vec::new, |canary| canary.bytes().to_vec()),
        };
        if let Some(canary) = canary {
            world.database.plant(canary)?;
        }
        let log = data.path("logs/functions.log");
        let functions = ChildProcess::start(program, "functions", &functions, log).await?;
        Ok(Self { world, data, enclave, functions, port })
    }

    /// Where clients reach the service.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What surrounds the processes.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The data directory.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// The process that serves clients.
    pub fn functions_pid(&self) -> Option<u32> {
        self.functions.pid()
    }

    /// The process that decides.
    pub fn enclave_pid(&self) -> Option<u32> {
        self.enclave.pid()
    }

    /// Runs until the token is cancelled (an orderly stop) or a process ends (an error), and stops
    /// everything: first who takes requests, last who keeps records.
    ///
    /// # Errors
    /// [`Error::Process`] when a process ended by itself.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            error = self.enclave.unexpected_end() => Err(error),
            error = self.functions.unexpected_end() => Err(error),
        };
        self.functions.stop().await;
        self.enclave.stop().await;
        self.world.stop().await;
        outcome
    }
}

async fn start_enclave(
    program: &Path,
    data: &DataDir,
    world: &World,
    purpose: Purpose,
    socket: PathBuf,
) -> Result<ChildProcess, Error> {
    let configuration = EnclaveConfiguration {
        trust: world.trust_bytes().to_vec(),
        nsm_leaf: world.issue_nsm_leaf()?.to_vec(),
        socket,
        purpose,
        egress_socket: world.egress_socket().to_owned(),
    };
    ChildProcess::start(program, "enclave", &configuration, data.path("logs/enclave.log")).await
}

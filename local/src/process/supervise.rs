use std::path::{Path, PathBuf};

use sharekeep_schemas::http::Base64Url;
use tokio_util::sync::CancellationToken;

use super::{ChildProcess, EnclaveConfiguration, FunctionsConfiguration};
use crate::assemble::{connect_store, provision_store};
use crate::secrecy::Canary;
use crate::world::{Host, Purpose, World};
use crate::{DataDir, Error};

/// The stack as processes: this one holds the world and the host, two others are the enclave and the
/// functions.
pub struct Supervisor {
    world: World,
    data: DataDir,
    host: Host,
    enclave: ChildProcess,
    functions: ChildProcess,
    port: u16,
    program: PathBuf,
    purpose: Purpose,
    canary: Vec<u8>,
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
        provision_store(&store, &world).await?;
        if let Some(canary) = canary {
            world.database()?.plant(canary)?;
        }
        let canary = canary.map_or_else(Vec::new, |canary| canary.bytes().to_vec());
        let enclave = start_enclave(program, &data, &world, purpose, &[]).await?;
        let host = Host::start(enclave_socket(&data), &store).await?;
        host.registers_after(None).await?;
        let functions =
            start_functions(program, &data, &world, port, purpose, &canary, &[]).await?;
        let program = program.to_owned();
        Ok(Self { world, data, host, enclave, functions, port, program, purpose, canary })
    }

    /// Kills the enclave, if it still runs, and starts a new one on the same data, with more in its
    /// environment. Returns when functions can find it.
    ///
    /// # Errors
    /// [`Error::Process`].
    pub async fn replace_enclave(&mut self, environment: &[(&str, &str)]) -> Result<(), Error> {
        self.enclave.kill().await;
        let Self { program, data, world, purpose, .. } = self;
        let before = self.host.key();
        self.enclave = start_enclave(program, data, world, *purpose, environment).await?;
        self.host.registers_after(before).await
    }

    /// The same for the functions.
    ///
    /// # Errors
    /// [`Error::Process`].
    pub async fn replace_functions(&mut self, environment: &[(&str, &str)]) -> Result<(), Error> {
        self.functions.kill().await;
        let Self { program, data, world, port, purpose, canary, .. } = self;
        self.functions =
            start_functions(program, data, world, *port, *purpose, canary, environment).await?;
        Ok(())
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

    /// Resolves when the enclave ends without having been asked to, saying how.
    pub async fn enclave_end(&mut self) -> Error {
        self.enclave.unexpected_end().await
    }

    /// The same for the functions.
    pub async fn functions_end(&mut self) -> Error {
        self.functions.unexpected_end().await
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
        self.host.stop().await;
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
    environment: &[(&str, &str)],
) -> Result<ChildProcess, Error> {
    let configuration = EnclaveConfiguration {
        trust: world.trust_bytes().to_vec(),
        nsm_leaf: world.issue_nsm_leaf()?.to_vec(),
        purpose,
        socket: enclave_socket(data),
        egress_socket: world.egress_socket().to_owned(),
        credentials_socket: world.credentials_socket().to_owned(),
    };
    let log = data.path("logs/enclave.log");
    ChildProcess::start(program, "enclave", &configuration, environment, log).await
}

async fn start_functions(
    program: &Path,
    data: &DataDir,
    world: &World,
    port: u16,
    purpose: Purpose,
    canary: &[u8],
    environment: &[(&str, &str)],
) -> Result<ChildProcess, Error> {
    let configuration = FunctionsConfiguration {
        port,
        purpose,
        store_endpoint: world.store_endpoint().to_owned(),
        expected_pcrs: world.measurements().to_vecs().into_iter().map(Base64Url).collect(),
        canary: canary.to_vec(),
    };
    let log = data.path("logs/functions.log");
    ChildProcess::start(program, "functions", &configuration, environment, log).await
}

fn enclave_socket(data: &DataDir) -> PathBuf {
    data.path("run/enclave.sock")
}

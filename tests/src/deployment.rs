//! A stack in a temporary directory: as tasks of this process, or as processes of its own.

use crate::aws;
use sharekeep_local::DataDir;
use sharekeep_local::process::Supervisor;
use sharekeep_local::secrecy::Canary;
use sharekeep_local::stack::{Elsewhere, Enclaves, Stack, StackOptions};
use sharekeep_local::world::{Dump, EmulatedAws, Purpose, World, unused_port};
use sharekeep_schemas::fleet;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A running service, seen from outside.
pub trait Site: Sync {
    /// What clients connect to and sign for.
    fn authority(&self) -> String;
    /// What surrounds it.
    fn world(&self) -> &World;
    /// Everything in the store but the rows of hosts, which they write every few seconds.
    fn dump(&self) -> Dump {
        let mut dump = self.world().database().unwrap().dump().unwrap();
        dump.retain(|table, _| !table.ends_with(fleet::TABLE));
        dump
    }
    /// The store but for the functions' own tables of nonces, counters and idempotency keys: all
    /// that the enclave ever wrote, and the tenants' documents.
    fn records(&self) -> Dump {
        let own = |table: &str| TRACES.iter().any(|name| table.ends_with(name));
        self.dump().into_iter().filter(|(table, _)| !own(table)).collect()
    }
}

/// The stack as processes.
pub struct Processes {
    pub supervisor: Supervisor,
    port: u16,
    dir: TempDir,
}

pub struct Deployment {
    pub stack: Stack,
    dir: TempDir,
    elsewhere: Option<Elsewhere>,
    enclaves: Option<Arc<dyn Enclaves>>,
}

/// Tables in which a refused request may leave its traces: nonces, counters, idempotency keys.
const TRACES: &[&str] = &["limits", "idempotency"];

impl Deployment {
    pub async fn start() -> Self {
        Self::start_with(StackOptions::default()).await
    }

    pub async fn start_with(options: StackOptions) -> Self {
        Self::start_in(TempDir::new().unwrap(), options).await
    }

    /// Starts on an emulated AWS, with tables and a key of its own there.
    pub async fn start_on_aws() -> Self {
        Self::start_on_aws_with(StackOptions::default()).await
    }

    /// The same with other options.
    pub async fn start_on_aws_with(options: StackOptions) -> Self {
        let elsewhere = tokio::task::spawn_blocking(aws::deploy).await.unwrap();
        Self::start_with(StackOptions { elsewhere: Some(elsewhere), ..options }).await
    }

    async fn start_in(dir: TempDir, options: StackOptions) -> Self {
        let (elsewhere, enclaves) = (options.elsewhere.clone(), options.enclaves.clone());
        let stack = Stack::start_with(dir.path(), options).await.unwrap();
        Self { stack, dir, elsewhere, enclaves }
    }

    /// The emulated AWS that it is on.
    pub fn aws(&self) -> Option<&EmulatedAws> {
        self.elsewhere.as_ref().map(|elsewhere| &elsewhere.aws)
    }

    /// Stops everything and starts it again on the same data.
    pub async fn restart(self) -> Self {
        self.restart_with(StackOptions::default()).await
    }

    /// The same with other options, where it was before.
    pub async fn restart_with(self, options: StackOptions) -> Self {
        let Self { stack, dir, elsewhere, enclaves } = self;
        stack.stop().await;
        Self::start_in(dir, StackOptions { elsewhere, enclaves, ..options }).await
    }

    /// Stops everything, restores the tables on the emulated AWS to a photograph, and starts again.
    pub async fn restored(self, photograph: PathBuf) -> Self {
        let Self { stack, dir, elsewhere, enclaves } = self;
        stack.stop().await;
        let restored = move || aws::restored(elsewhere.unwrap(), &photograph);
        let elsewhere = Some(tokio::task::spawn_blocking(restored).await.unwrap());
        Self::start_in(dir, StackOptions { elsewhere, enclaves, ..StackOptions::default() }).await
    }

    /// Stops everything; what it leaves behind.
    pub async fn stop(self) -> TempDir {
        self.stack.stop().await;
        self.dir
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// How many items each table holds.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.dump().into_iter().map(|(table, items)| (table, items.len())).collect()
    }
}

impl Site for Deployment {
    fn authority(&self) -> String {
        self.stack.authority()
    }

    fn world(&self) -> &World {
        self.stack.world()
    }
}

impl Processes {
    /// Starts the processes of `program`, which knows the roles.
    pub async fn start(program: &Path, canary: &Canary) -> Self {
        Self::start_in(TempDir::new().unwrap(), program, canary).await
    }

    /// Starts on what an earlier life left behind.
    pub async fn start_in(dir: TempDir, program: &Path, canary: &Canary) -> Self {
        let data = DataDir::open(dir.path()).unwrap();
        let port = unused_port().unwrap();
        let supervisor = Supervisor::start(program, data, port, Purpose::Development, Some(canary))
            .await
            .unwrap();
        Self { supervisor, port, dir }
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// Stops the processes in order and hands over what they leave behind.
    pub async fn stop(self) -> TempDir {
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        self.supervisor.run(stop).await.unwrap();
        self.dir
    }
}

impl Site for Processes {
    fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn world(&self) -> &World {
        self.supervisor.world()
    }
}

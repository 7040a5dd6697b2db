use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use sharekeep_local::DataDir;
use sharekeep_local::process::Supervisor;
use sharekeep_local::secrecy::Canary;
use sharekeep_local::world::Purpose;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Options of `up`.
#[derive(Args)]
pub(crate) struct Up {
    /// Where everything is kept [default: sharekeep-local in the user's data directory].
    #[arg(long)]
    data: Option<PathBuf>,
    /// The port to serve on, on 127.0.0.1.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Plant these 32 bytes (hex) where a secrecy search looks; they are no secret.
    #[arg(long)]
    canary: Option<String>,
    /// For measurements only: users `crowd-<number>` can sign in with the password in
    /// idp/crowd.password, and no rate slows them down. The limit of guesses stays.
    #[arg(long)]
    measured: bool,
}

impl Up {
    pub(crate) async fn run(self) -> Result<()> {
        let data = match self.data {
            Some(data) => data,
            None => default_data_dir()?,
        };
        let canary = self.canary.as_deref().map(parse_canary).transpose()?;
        let stop = stop_on_signal()?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let purpose = if self.measured { Purpose::Measurement } else { Purpose::Development };
        let data = DataDir::open(&data)?;
        let started = Supervisor::start(&program, data, self.port, purpose, canary.as_ref());
        let supervisor = tokio::select! {
            started = started => started?,
            () = stop.cancelled() => return Ok(()),
        };
        announce(&supervisor);
        Ok(supervisor.run(stop).await?)
    }
}

/// One `name: value` a line, so that programs can read it too; `ready` is the last line.
fn announce(supervisor: &Supervisor) {
    let url = supervisor.base_url();
    let data = supervisor.data();
    let provider = &supervisor.world().identity_provider;
    println!("url: {url}");
    println!("openapi page: {url}/docs");
    println!("tenant: {}", sharekeep_local::world::TENANT);
    println!("attestation root: {}", data.path("root.der").display());
    let releases = supervisor.world().releases();
    println!("release keys: {}", data.path(releases.keys_file()).display());
    println!("release: {}", data.path(&releases.running_file()).display());
    println!("identity provider: {}", provider.url());
    println!("identity provider ca: {}", data.path("ca.pem").display());
    for user in provider.users() {
        let file = data.path(&format!("idp/{}.password", user.name()));
        println!("user: {} (password in {})", user.name(), file.display());
    }
    println!("store: {}", supervisor.world().store_endpoint());
    println!("data: {}", data.root().display());
    if let (Some(enclave), Some(functions)) = (supervisor.enclave_pid(), supervisor.functions_pid())
    {
        println!("processes: enclave {enclave}, functions {functions}");
    }
    println!("ready");
}

/// Prints each secret as `name: hex`, and says what that means.
pub(crate) fn reveal(data: &Path) -> Result<()> {
    for needle in sharekeep_local::reveal_secrets(&DataDir::open(data)?)? {
        println!("{}: {}", needle.name(), hex::encode(needle.bytes()));
    }
    Ok(())
}

fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}

fn default_data_dir() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_DATA_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(&std::env::var_os("HOME").context("HOME is not set: give --data")?)
            .join(".local/share"),
    };
    Ok(base.join("sharekeep-local"))
}

fn parse_canary(text: &str) -> Result<Canary> {
    let bytes: [u8; 32] = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .context("--canary wants 32 bytes in hex")?;
    Ok(Canary::from_bytes(bytes))
}

//! The program on the parent instance. All it can be told is where things are and how much at once.

use anyhow::Context;
use aws_config::{BehaviorVersion, Region};
use clap::Parser;
use sharekeep_enclave_host::egress::{Allowlist, Egress, Reach, SystemResolver};
use sharekeep_enclave_host::{Drain, Error, Forward, HandOut};
use sharekeep_vsock::{Address, Listener};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Carries bytes between the network and the enclave.
#[derive(Parser)]
struct Arguments {
    /// Where functions reach the enclave.
    #[arg(long, default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Where the enclave serves: unix:/path or vsock:CONTEXT-ID:PORT.
    #[arg(long)]
    enclave: Address,
    /// Where the enclave finds its way out.
    #[arg(long, default_value = "vsock:any:8000")]
    egress: Address,
    /// Where the enclave finds credentials for KMS.
    #[arg(long, default_value = "vsock:any:8001")]
    credentials: Address,
    /// A host:port on the internet that the enclave may reach; may be given again.
    #[arg(long)]
    allow: Vec<String>,
    /// The same for one that may also have a private address, as a VPC endpoint has.
    #[arg(long)]
    allow_private: Vec<String>,
    /// The region of the credentials.
    #[arg(long)]
    region: String,
    /// Connections to the enclave at once.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Seconds that a connection to the enclave may rest.
    #[arg(long, default_value_t = 120)]
    idle_s: u64,
    /// Seconds that running connections have when this program is told to stop.
    #[arg(long, default_value_t = 30)]
    drain_s: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().json().with_env_filter("warn").with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut allowed = Allowlist::default();
    for place in &arguments.allow {
        allowed.allow(place, Reach::Public)?;
    }
    for place in &arguments.allow_private {
        allowed.allow(place, Reach::Private)?;
    }
    let forward = Forward {
        enclave: arguments.enclave,
        connections: arguments.connections,
        idle: Duration::from_secs(arguments.idle_s),
    };
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(arguments.region))
        .load()
        .await;
    let provider = aws.credentials_provider().context("no chain of credentials")?;

    let front = TcpListener::bind(arguments.listen)
        .await
        .map_err(|source| Error::Listen { address: arguments.listen.to_string(), source })?;
    let drain = Drain::default();
    let egress = Egress::new(allowed, SystemResolver);
    // The enclave's own ways out stay open while running requests end: they may need KMS.
    let inner = Drain::default();
    tokio::spawn(egress.serve(listen(&arguments.egress)?, inner.clone()));
    tokio::spawn(HandOut::new(provider).serve(listen(&arguments.credentials)?, inner.clone()));
    tokio::spawn(forward.serve(front, drain.clone()));

    terminate.recv().await;
    if !drain.finish(Duration::from_secs(arguments.drain_s)).await {
        tracing::warn!("connections were cut");
    }
    inner.finish(Duration::ZERO).await;
    Ok(())
}

fn listen(address: &Address) -> Result<Listener, Error> {
    Listener::bind(address).map_err(|source| Error::Listen { address: address.to_string(), source })
}

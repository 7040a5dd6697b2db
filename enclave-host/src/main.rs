//! The program on the parent instance. All it can be told is where things are and how much at once.

use anyhow::Context;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use clap::Parser;
use sharekeep_enclave_host::egress::{Allowlist, Egress, Reach, SystemResolver};
use sharekeep_enclave_host::{Drain, DynamoFleet, Error, Forward, HandOut, Registration};
use sharekeep_schemas::fleet::EnclaveAddress;
use sharekeep_vsock::{Address, Listener};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// For one attempt at writing to the table, which takes milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// For all attempts together.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// For answers that are on their way when the time to drain is over.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

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
    /// The table in which functions look for enclaves.
    #[arg(long)]
    fleet_table: String,
    /// The address and port at which functions reach `--listen`.
    #[arg(long)]
    advertise: EnclaveAddress,
    /// Connections to the enclave at once: fewer than it takes, so that it can always be asked how it
    /// is.
    #[arg(long, default_value_t = 504)]
    connections: usize,
    /// Seconds that a connection to the enclave may rest.
    #[arg(long, default_value_t = 120)]
    idle_s: u64,
    /// Seconds that running ceremonies and connections have when this program is told to stop.
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
        enclave: arguments.enclave.clone(),
        connections: arguments.connections,
        idle: Duration::from_secs(arguments.idle_s),
    };
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(arguments.region))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
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

    let table = DynamoFleet::new(Client::new(&aws), arguments.fleet_table);
    let registration = Registration::new(table, arguments.enclave, arguments.advertise);
    let (leave, told) = oneshot::channel();
    let left = tokio::spawn(registration.serve(async { told.await.unwrap_or_default() }));

    terminate.recv().await;
    let until = Instant::now() + Duration::from_secs(arguments.drain_s);
    // Functions send nothing new before the port is closed, and what was begun ends.
    if leave.send(until - Instant::now()).is_ok() {
        let _ = left.await;
    }
    if !drain.finish(until.saturating_duration_since(Instant::now()).max(LAST_ANSWERS)).await {
        tracing::warn!("connections were cut");
    }
    inner.finish(Duration::ZERO).await;
    Ok(())
}

fn listen(address: &Address) -> Result<Listener, Error> {
    Listener::bind(address).map_err(|source| Error::Listen { address: address.to_string(), source })
}

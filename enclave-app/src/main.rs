//! The enclave's program: the real NSM, KMS over the host's egress proxy, HTTP over vsock. It has
//! no switch that weakens anything: what differs between deployments is in the trust
//! configuration, which is measured with the image.

use anyhow::Context;
use clap::Parser;
use sharekeep_enclave_app::kms::KmsClient;
use sharekeep_enclave_app::ports::{
    Address, CredentialsFromHost, EgressProxy, IssuerKeysOverEgress, KernelEntropy, NitroNsm,
    Ports, SystemClock,
};
use sharekeep_enclave_app::{Enclave, Limits, Listener, Settings, Trust, serve};
use sharekeep_vsock::ANY_CID;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// The program in the enclave.
#[derive(Parser)]
struct Arguments {
    /// The trust configuration (CBOR), measured with the image.
    #[arg(long, default_value = "/trust.cbor")]
    trust: PathBuf,
    /// The vsock port to serve on.
    #[arg(long, default_value_t = 5000)]
    port: u32,
    /// The context id of the parent instance, where the egress proxy is.
    #[arg(long, default_value_t = 3)]
    parent_cid: u32,
    /// The vsock port of the egress proxy.
    #[arg(long, default_value_t = 8000)]
    egress_port: u32,
    /// The vsock port where the host hands KMS credentials out. They open nothing without this
    /// image's attestation.
    #[arg(long, default_value_t = 8001)]
    credentials_port: u32,
}

/// Largest trust configuration file read.
const MAX_TRUST_FILE_BYTES: u64 = sharekeep_schemas::trust::MAX_TRUST_BYTES as u64;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().json().with_env_filter("warn").init();
    let arguments = Arguments::parse();
    let size = std::fs::metadata(&arguments.trust).context("the trust configuration")?.len();
    anyhow::ensure!(size <= MAX_TRUST_FILE_BYTES, "the trust configuration is too large");
    let trust_bytes = std::fs::read(&arguments.trust).context("the trust configuration")?;
    let trust = Trust::from_bytes(&trust_bytes)?;
    let nsm = Arc::new(NitroNsm::open()?);
    let parent = |port| Address::Vsock { cid: arguments.parent_cid, port };
    let egress = Arc::new(EgressProxy::new(parent(arguments.egress_port)));
    let clock = Arc::new(SystemClock);
    let handed_out = parent(arguments.credentials_port);
    let credentials = Arc::new(CredentialsFromHost::new(handed_out, clock.clone()));
    let kms = Arc::new(KmsClient::new(&trust, egress.clone(), nsm.clone(), credentials)?);
    let limits = Limits::default();
    let connections = limits.connections;
    let ports = Ports {
        nsm,
        kms,
        clock,
        entropy: Arc::new(KernelEntropy),
        issuer_keys: Arc::new(IssuerKeysOverEgress::new(egress)),
    };
    let enclave = Enclave::new(Settings { trust_bytes, limits }, ports)?;
    let address = Address::Vsock { cid: ANY_CID, port: arguments.port };
    let listener = Listener::bind(&address).context("the vsock port")?;
    let mut terminate = signal(SignalKind::terminate())?;
    serve(listener, enclave, connections, async move {
        terminate.recv().await;
    })
    .await?;
    Ok(())
}

//! The first and only program of the enclave's image: it makes the guest ready, then serves. The real
//! NSM, KMS over the host's egress proxy, HTTP over vsock. It has no arguments and no switch that
//! weakens anything: what differs between deployments is in the trust configuration, which is measured
//! with the image.

use anyhow::{Context, bail, ensure};
use sharekeep_enclave_app::guest::{find_parent, keep_clock, prepare, quiet_panics, say};
use sharekeep_enclave_app::kms::KmsClient;
use sharekeep_enclave_app::ports::{
    Address, CredentialsFromHost, EgressProxy, IssuerKeysOverEgress, KernelEntropy, NitroNsm,
    Ports, SystemClock,
};
use sharekeep_enclave_app::{Enclave, Limits, Listener, Settings, Trust, serve};
use sharekeep_vsock::ANY_CID;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, future, process, thread};

/// The trust configuration (CBOR), a ramdisk of its own.
const TRUST: &str = "/trust.cbor";
/// Largest trust configuration read.
const MAX_TRUST_BYTES: u64 = sharekeep_schemas::trust::MAX_TRUST_BYTES as u64;
/// The vsock port to serve on.
const PORT: u32 = 5000;
/// The parent's vsock port of the egress proxy.
const EGRESS_PORT: u32 = 8000;
/// The parent's vsock port where the host hands KMS credentials out. They open nothing without this
/// image's attestation.
const CREDENTIALS_PORT: u32 = 8001;
/// For the last line to leave the console's buffer.
const LAST_LINE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    quiet_panics();
    let Err(error) = run();
    say(format_args!("the enclave ends: {error:#}"));
    // The console is slow, and the kernel's last words would stand in the middle of ours.
    thread::sleep(LAST_LINE);
    ExitCode::FAILURE
}

fn run() -> anyhow::Result<Infallible> {
    ensure!(process::id() == 1, "it is the first program of its image and runs nowhere else");
    // Fixed: no variable of the environment makes it say more.
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN).init();
    let nsm = Arc::new(prepare()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("threads")?.block_on(serve_for_ever(nsm))
}

async fn serve_for_ever(nsm: Arc<NitroNsm>) -> anyhow::Result<Infallible> {
    let size = fs::metadata(TRUST).context("the trust configuration")?.len();
    ensure!(size <= MAX_TRUST_BYTES, "the trust configuration is too large");
    let trust_bytes = fs::read(TRUST).context("the trust configuration")?;
    let trust = Trust::from_bytes(&trust_bytes)?;
    // Before the parent hears that the guest is up: whoever connects then must find somebody.
    let address = Address::Vsock { cid: ANY_CID, port: PORT };
    let listener = Listener::bind(&address).context("the vsock port")?;
    let parent_cid = find_parent().await?;
    let parent = |port| Address::Vsock { cid: parent_cid, port };
    let egress = Arc::new(EgressProxy::new(parent(EGRESS_PORT)));
    let clock = Arc::new(SystemClock);
    let credentials = Arc::new(CredentialsFromHost::new(parent(CREDENTIALS_PORT), clock.clone()));
    let kms = Arc::new(KmsClient::new(&trust, egress.clone(), nsm.clone(), credentials)?);
    let limits = Limits::default();
    let connections = limits.connections;
    let ports = Ports {
        nsm: nsm.clone(),
        kms,
        clock,
        entropy: Arc::new(KernelEntropy),
        issuer_keys: Arc::new(IssuerKeysOverEgress::new(egress)),
    };
    let enclave = Enclave::new(Settings { trust_bytes, limits }, ports)?;
    tokio::spawn(keep_clock(nsm));
    say(format_args!("serves on vsock port {PORT}, its parent is {parent_cid}"));
    // An enclave is terminated by its power being cut: there is no signal to wait for.
    serve(listener, enclave, connections, future::pending()).await?;
    bail!("nobody stops it")
}

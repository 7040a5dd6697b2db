use std::sync::Arc;

use sharekeep_enclave_app::ports::SystemClock;
use sharekeep_enclave_app::serve;

use crate::Error;
use crate::assemble::{EnclaveParts, build_enclave};
use crate::process::{EnclaveConfiguration, announce_ready, read_configuration, stdin_closed};
use crate::world::bind;

/// The enclave's process: serves on its socket until standard input ends.
///
/// # Errors
/// [`Error::Damaged`] without a start configuration, [`Error::Enclave`].
pub async fn run() -> Result<(), Error> {
    let configuration: EnclaveConfiguration = read_configuration()?;
    let limits = configuration.purpose.limits();
    let connections = limits.connections;
    let enclave = build_enclave(EnclaveParts {
        trust: &configuration.trust,
        nsm_leaf: &configuration.nsm_leaf,
        egress_socket: &configuration.egress_socket,
        credentials_socket: &configuration.credentials_socket,
        clock: Arc::new(SystemClock),
        limits,
    })?;
    let listener = bind(&configuration.socket)?;
    announce_ready();
    serve(listener, enclave, connections, stdin_closed())
        .await
        .map_err(|e| Error::Enclave(e.to_string()))
}

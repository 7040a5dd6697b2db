use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use sharekeep_functions::Config;

use crate::Error;
use crate::assemble::{build_functions, connect_store};
use crate::process::{FunctionsConfiguration, announce_ready, read_configuration, stdin_closed};
use crate::secrecy::{Canary, forms_of};
use crate::world::listen;

/// The functions' process: serves on 127.0.0.1 until standard input ends.
///
/// # Errors
/// [`Error::Damaged`] without a start configuration, [`Error::Listen`].
pub async fn run() -> Result<(), Error> {
    let configuration: FunctionsConfiguration = read_configuration()?;
    let planted = plant(&configuration.canary)?;
    let store = connect_store(&configuration.store_endpoint)?;
    let clock = Arc::new(sharekeep_functions::SystemClock);
    let service = build_functions(
        store,
        Config {
            expected_pcrs: vec![
                configuration.expected_pcrs.iter().map(|pcr| pcr.0.clone()).collect(),
            ],
            ..configuration.purpose.config()
        },
        clock,
    );
    // With the caller's address, so that rates of unsigned requests are counted by address.
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listen(configuration.port).await?;
    announce_ready();
    let served = axum::serve(listener, service).with_graceful_shutdown(stdin_closed()).await;
    drop(black_box(planted));
    served.map_err(|e| Error::io("serve", "the functions", e))
}

/// Keeps a canary in memory in every form and in the log in every form that is text, for a search to find.
fn plant(canary: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    if canary.is_empty() {
        return Ok(None);
    }
    let bytes =
        canary.try_into().map_err(|_| Error::damaged("standard input", "a canary has 32 bytes"))?;
    let canary = Canary::from_bytes(bytes);
    // What is not text reaches a log only escaped or encoded.
    for (form, spelled) in forms_of(canary.bytes()) {
        if let Ok(text) = std::str::from_utf8(&spelled) {
            tracing::info!(canary = text, %form, "a canary is planted");
        }
    }
    Ok(Some(canary.spelled_out()))
}

//! What the host does for the enclave, by the host's own code: the way out, and credentials.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use sharekeep_enclave_host::egress::{Allowlist, Egress, SystemResolver};
use sharekeep_enclave_host::{Drain, HandOut};
use sharekeep_vsock::{Address, Listener};

use crate::Error;
use crate::background::Background;

/// Serves the enclave's way out to these places.
pub(super) fn carry_out(
    socket: &Path,
    allowed: Allowlist,
    background: &Background,
) -> Result<(), Error> {
    let (listener, egress) = (bind(socket)?, Egress::new(allowed, SystemResolver));
    in_background(background, |drain| egress.serve(listener, drain));
    Ok(())
}

/// Serves credentials. The software KMS checks the attestation document and no request signature, so
/// they are none.
pub(super) fn hand_out(socket: &Path, background: &Background) -> Result<(), Error> {
    let credentials = Credentials::new("local", "local", None, None, "local");
    let (listener, hand_out) = (bind(socket)?, HandOut::new(credentials));
    in_background(background, |drain| hand_out.serve(listener, drain));
    Ok(())
}

/// Serves until the background stops; then connections end where they are.
pub(crate) fn in_background<S: Future<Output = ()> + Send + 'static>(
    background: &Background,
    serve: impl FnOnce(Drain) -> S,
) {
    let drain = Drain::default();
    let served = serve(drain.clone());
    background.spawn_orderly(|stop| async move {
        tokio::select! {
            () = served => {}
            () = stop.cancelled() => {}
        }
        drain.finish(Duration::ZERO).await;
    });
}

/// Listens on a Unix socket where one of an earlier start may still lie.
pub(crate) fn bind(socket: &Path) -> Result<Listener, Error> {
    Listener::bind(&Address::Unix(socket.to_owned())).map_err(|e| Error::io("listen on", socket, e))
}

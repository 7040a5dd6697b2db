use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::MAX_CONFIGURATION_BYTES;
use crate::Error;

/// Reads the start configuration: one line on standard input.
///
/// # Errors
/// [`Error::Damaged`] when there is none; then this process was not started by a supervisor.
pub fn read_configuration<T: DeserializeOwned>() -> Result<T, Error> {
    let mut line = Zeroizing::new(Vec::new());
    let mut input = std::io::stdin().lock().take(MAX_CONFIGURATION_BYTES);
    let mut byte = [0];
    // Byte by byte from the lock's buffer: what follows the line is not ours to swallow.
    loop {
        let read = input.read(&mut byte).map_err(|e| Error::io("read", "standard input", e))?;
        if read == 0 || byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    serde_json::from_slice(&line)
        .map_err(|_| Error::damaged("standard input", "no start configuration"))
}

/// Tells the supervisor that requests can be served.
pub fn announce_ready() {
    // A supervisor that is gone closes standard input too, which ends this process.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(b"ready\n").and_then(|()| out.flush());
}

/// Resolves when standard input ends.
pub async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    // A thread of its own: a read that blocks for the process's whole life would occupy a worker.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    // An error means the thread is gone, which is an end too.
    let _ = wait.await;
}

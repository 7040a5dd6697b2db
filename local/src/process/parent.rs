use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use zeroize::Zeroizing;

use crate::Error;

/// For a child to say that it is ready.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// For a child to end by itself once its standard input is closed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A running process of the stack. Dropping it kills the process.
pub struct ChildProcess {
    role: &'static str,
    log: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
}

impl ChildProcess {
    /// Starts this program again in a role and waits until it is ready. What it writes to standard
    /// error goes to the log file.
    ///
    /// # Errors
    /// [`Error::Process`] when it does not become ready; [`Error::Io`].
    pub async fn start<C: Serialize>(
        program: &Path,
        role: &'static str,
        configuration: &C,
        environment: &[(&str, &str)],
        log: PathBuf,
    ) -> Result<Self, Error> {
        let log_file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .map_err(|e| Error::io("open", &log, e))?;
        let mut child = Command::new(program)
            .arg(role)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // An interrupt at the terminal reaches the supervisor only, which then stops us in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Error::io("start", program, e))?;
        let fault = |reason: &str, log: &Path| Error::Process {
            role,
            reason: reason.to_owned(),
            log: log.to_owned(),
        };
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fault("has no pipes", &log));
        };
        let mut line = Zeroizing::new(
            serde_json::to_vec(configuration).map_err(|_| fault("cannot be configured", &log))?,
        );
        line.push(b'\n');
        input.write_all(&line).await.map_err(|_| fault("ended at once", &log))?;

        let mut lines = BufReader::new(output).lines();
        match tokio::time::timeout(START_PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) if line == "ready" => {}
            Ok(_) => {
                let last = last_line(&log);
                return Err(fault(&format!("ended before it was ready: {last}"), &log));
            }
            Err(_) => return Err(fault("did not become ready", &log)),
        }
        // Nothing more is expected there; a full pipe must not block the child.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { role, log, child, input: Some(input) })
    }

    /// The process's id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Resolves when the process ends without having been asked to, saying how.
    pub async fn unexpected_end(&mut self) -> Error {
        let reason = match self.child.wait().await {
            Ok(status) => format!("ended ({status})"),
            Err(error) => format!("cannot be waited for ({error})"),
        };
        Error::Process { role: self.role, reason, log: self.log.clone() }
    }

    /// Kills the process, if it still runs, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill().await;
    }

    /// Asks the process to stop and waits; kills it when it takes too long.
    pub async fn stop(mut self) {
        drop(self.input.take());
        if tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await.is_err() {
            tracing::warn!(role = self.role, "killed: it did not stop in time");
            let _ = self.child.kill().await;
        }
    }
}

/// The end of a log, which may be gone with its folder before anybody can read it.
fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2_048)..]);
    text.lines().last().unwrap_or("it logged nothing").to_owned()
}

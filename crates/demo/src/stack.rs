use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The embedded default as a child process. Dropping it stops it.
pub struct Stack {
    child: Option<Child>,
    facts: BTreeMap<String, String>,
}

/// A port that nobody listens on just now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Stack {
    pub(crate) fn start(program: &Path, data: &Path, port: u16, options: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["up", "--port", &port.to_string(), "--data"]).arg(data).args(options);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("the stack has no output")?;
        let mut stack = Self { child: Some(child), facts: BTreeMap::new() };
        for line in BufReader::new(output).lines() {
            match line?.split_once(": ") {
                Some((name, value)) => stack.facts.insert(name.to_owned(), value.to_owned()),
                None => return Ok(stack),
            };
        }
        bail!("the stack did not start; its logs are in {}", data.join("logs").display())
    }

    /// What it said of itself when it became ready: `url`, `tenant`, `attestation root`, …
    ///
    /// # Errors
    /// When it said no such thing.
    pub fn fact(&self, name: &str) -> Result<&str> {
        let fact = self.facts.get(name).map(String::as_str);
        fact.with_context(|| format!("the stack did not name its {name}"))
    }

    /// The id of one of its processes: `enclave`, `functions` or `supervisor`.
    ///
    /// # Errors
    /// When it named no such process.
    pub fn process(&self, name: &str) -> Result<u32> {
        if name == "supervisor" {
            return self.child.as_ref().map(Child::id).context("the stack was stopped");
        }
        let mut named = self.fact("processes")?.split(", ").filter_map(|p| p.split_once(' '));
        let pid = named.find(|(found, _)| *found == name).and_then(|(_, pid)| pid.parse().ok());
        pid.with_context(|| format!("the stack did not name its {name} process"))
    }

    /// Stops it in good order and waits for its end.
    ///
    /// # Errors
    /// When it ends badly.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        kill_process(Pid::from_child(&child), Signal::TERM)?;
        let status = child.wait()?;
        ensure!(status.success(), "the stack ended with {status}");
        Ok(())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A failure cannot be reported from here; `stop` is for who wants to know.
        let _ = self.end();
    }
}

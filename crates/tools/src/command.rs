//! Running other programs: what was run is always shown, so a failed stage can be repeated by hand.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One call of another program.
pub(crate) struct Call {
    command: Command,
}

/// What a program that was not shown said.
pub(crate) struct Answer {
    /// Whether it exited with 0.
    pub(crate) succeeded: bool,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// A call of cargo.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Call {
    program("cargo", arguments)
}

/// A call of any program.
pub(crate) fn program<'a>(
    name: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Call {
    let mut command = Command::new(name);
    command.args(arguments);
    Call { command }
}

impl Call {
    /// Adds one argument.
    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds more arguments.
    pub(crate) fn arguments(mut self, arguments: &[impl AsRef<OsStr>]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable for this call only.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes environment variables away from this call.
    pub(crate) fn without(mut self, names: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// Runs in another folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs with the terminal shared; an exit code other than 0 is an error that names the call.
    pub(crate) fn run(mut self) -> Result<()> {
        let shown = self.shown();
        eprintln!("$ {shown}");
        let status = self.command.status().with_context(|| format!("cannot start `{shown}`"))?;
        if !status.success() {
            bail!("`{shown}` failed ({status})");
        }
        Ok(())
    }

    /// Runs unseen; what it said is shown only if it failed.
    pub(crate) fn run_quietly(self) -> Result<()> {
        let shown = self.shown();
        eprintln!("$ {shown}");
        let answer = self.ask()?;
        if !answer.succeeded {
            bail!("{}{}`{shown}` failed", answer.stdout, answer.stderr);
        }
        Ok(())
    }

    /// Runs unseen and returns what it said, whatever its exit code.
    pub(crate) fn ask(mut self) -> Result<Answer> {
        let shown = self.shown();
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `{shown}`"))?;
        Ok(Answer {
            succeeded: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn shown(&self) -> String {
        let variables = self.command.get_envs().filter_map(|(name, value)| {
            // PATH and cargo's own plumbing are noise to a reader.
            let value = value.filter(|_| name != "PATH")?;
            Some(format!("{}='{}'", name.display(), value.display()))
        });
        let words = std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(|word| word.display().to_string());
        variables.chain(words).collect::<Vec<_>>().join(" ")
    }
}

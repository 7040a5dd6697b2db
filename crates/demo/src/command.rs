use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Stack;

/// The `sharekeep` command of one user on one device.
pub struct User {
    program: PathBuf,
    home: PathBuf,
    passphrase_file: PathBuf,
    quiet: bool,
}

impl User {
    pub(crate) fn new(program: PathBuf, home: PathBuf, passphrase_file: PathBuf) -> Self {
        Self { program, home, passphrase_file, quiet: false }
    }

    /// From now on, what commands tell people is not shown.
    pub fn be_quiet(&mut self) {
        self.quiet = true;
    }

    /// Where the device keeps its state.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where the device's passphrase is.
    pub fn passphrase_file(&self) -> &Path {
        &self.passphrase_file
    }

    /// Runs a command and returns its JSON answer with the time it took. What it tells people
    /// goes to standard error.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<(Value, Duration)> {
        let start = Instant::now();
        let (code, answer) = self.output(arguments)?;
        let took = start.elapsed();
        ensure!(code == Some(0), "sharekeep {} failed: {answer}", arguments.join(" "));
        Ok((answer, took))
    }

    /// Runs a command that must fail with an exit code; what it says of the failure.
    ///
    /// # Errors
    /// When it does not fail, or in another way.
    pub fn run_in_vain(&self, arguments: &[&str], exit_code: i32) -> Result<Value> {
        let (code, answer) = self.output(arguments)?;
        let command = arguments.join(" ");
        ensure!(code == Some(exit_code), "sharekeep {command} ended with {code:?}: {answer}");
        Ok(answer["error"].clone())
    }

    fn output(&self, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
        let output = Command::new(&self.program)
            .arg("--home")
            .arg(&self.home)
            .arg("--passphrase-file")
            .arg(&self.passphrase_file)
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(if self.quiet { Stdio::null() } else { Stdio::inherit() })
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let answer = serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))?;
        Ok((output.status.code(), answer))
    }

    /// Sets recovery up with a passcode and a recovery code.
    ///
    /// # Errors
    /// When the command fails.
    pub fn set_up_recovery(&self, passcode_file: &Path, code_file: &Path) -> Result<Duration> {
        let (passcode, code) = (utf8(passcode_file)?, utf8(code_file)?);
        let files = ["--new-passcode-file", passcode, "--new-code-file", code];
        let (_, took) = self.run(&[&["recovery", "setup"][..], &files].concat())?;
        Ok(took)
    }

    /// Sets the device up for a stack and signs a development user in.
    ///
    /// # Errors
    /// When a command fails.
    pub fn sign_in(&self, stack: &Stack, name: &str) -> Result<()> {
        let (url, tenant) = (stack.fact("url")?, stack.fact("tenant")?);
        let (keys, release) = (stack.fact("release keys")?, stack.fact("release")?);
        let trusted = ["--root", stack.fact("attestation root")?, "--release-keys", keys];
        let service = ["init", "--url", url, "--tenant", tenant, "--release", release];
        self.run(&[&service[..], &trusted].concat())?;
        self.login(stack, name)
    }

    /// Signs a development user in.
    ///
    /// # Errors
    /// When the command fails.
    pub fn login(&self, stack: &Stack, name: &str) -> Result<()> {
        let password = format!("{}/idp/{name}.password", stack.fact("data")?);
        let idp = stack.fact("identity provider")?;
        let ca = stack.fact("identity provider ca")?;
        let source = ["--idp", idp, "--user", name, "--password-file", &password, "--idp-ca", ca];
        self.run(&[&["login"][..], &source].concat())?;
        Ok(())
    }
}

/// A path as an argument.
///
/// # Errors
/// When it is no text.
pub fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

/// A text inside a JSON answer.
///
/// # Errors
/// When it is not there.
pub fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str> {
    answer[name].as_str().with_context(|| format!("no {name:?} in {answer}"))
}

//! The `sharekeep` command of one user on one device, as a process.

use crate::site::{Kill, Site, Victim};
use serde_json::Value;
use sharekeep_steps::FAILPOINT_VARIABLE;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Waits for the identity provider, which is in the test, and gives up after some seconds.
const TOKEN_COMMAND: &str = r#"
printf %s "$SHAREKEEP_NONCE" > nonce.new && mv nonce.new nonce
i=0; while [ ! -e token ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done; cat token"#;

/// For an armed process to reach its step.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// A directory of a user's files and a home in it.
pub(crate) struct Device {
    pub(crate) user: String,
    directory: PathBuf,
    home: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: Value,
    #[expect(dead_code, reason = "shown when a test fails")]
    pub(crate) errors: String,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Device {
    /// A new device of a user; `files` is where the user keeps secrets.
    pub(crate) fn new(user: &str, files: &Path, name: &str) -> Self {
        std::fs::create_dir_all(files).unwrap();
        for (file, secret) in [
            ("passphrase", "correct horse battery staple"),
            ("passcode", "271828"),
            ("wrong", "314159"),
        ] {
            std::fs::write(files.join(file), secret).unwrap();
        }
        Self { user: user.to_owned(), directory: files.to_owned(), home: files.join(name) }
    }

    /// Another, empty device of the same user.
    pub(crate) fn another(&self, name: &str) -> Self {
        let home = self.directory.join(name);
        Self { user: self.user.clone(), directory: self.directory.clone(), home }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) async fn run(&self, site: &Site, arguments: &[&str]) -> Ended {
        let child = self.spawn(arguments, None);
        self.end(site, child).await
    }

    /// Runs a command that must succeed.
    pub(crate) async fn must(&self, site: &Site, arguments: &[&str]) -> Value {
        let ended = self.run(site, arguments).await;
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {ended:?}");
        ended.said
    }

    /// Runs a command while somebody is killed, and the client with them.
    pub(crate) async fn run_into(&self, site: &mut Site, kill: &Kill, arguments: &[&str]) {
        site.arm(kill).await;
        let victim = kill.victim();
        let mut child = self.spawn(arguments, Some(kill));
        if victim == Victim::Client {
            let ended = self.end(site, child).await;
            assert_eq!(ended.status.signal(), Some(9), "{kill:?}: {arguments:?}: {ended:?}");
            return;
        }
        let began = Instant::now();
        while !site.is_dead(victim).await {
            self.offer_token(site);
            assert!(began.elapsed() < KILL_PATIENCE, "{kill:?}: {arguments:?}: not reached");
        }
        child.kill().await.unwrap();
        site.revive(victim).await;
    }

    fn spawn(&self, arguments: &[&str], kill: Option<&Kill>) -> Child {
        let login = arguments.first() == Some(&"login");
        for file in ["nonce", "token"] {
            let _ = std::fs::remove_file(self.file(file));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_crashing-sharekeep"));
        command.arg("--home").arg(&self.home).arg("--passphrase-file");
        command.arg(self.file("passphrase")).arg("--json").args(arguments);
        if login {
            command.args(["--token-command", TOKEN_COMMAND]);
        }
        if let Some(kill) = kill.filter(|kill| kill.victim() == Victim::Client) {
            command.env(FAILPOINT_VARIABLE, kill.armed());
        }
        command.current_dir(&self.directory).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    async fn end(&self, site: &Site, child: Child) -> Ended {
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        let output: Output = loop {
            match tokio::time::timeout(POLL, &mut ended).await {
                Ok(output) => break output.unwrap(),
                Err(_) => self.offer_token(site),
            }
        };
        Ended {
            status: output.status,
            said: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Plays the identity provider's login page, once somebody waits there.
    fn offer_token(&self, site: &Site) {
        if let Ok(nonce) = std::fs::read_to_string(self.file("nonce")) {
            std::fs::write(self.file("token.new"), site.token(&self.user, &nonce)).unwrap();
            std::fs::rename(self.file("token.new"), self.file("token")).unwrap();
            std::fs::remove_file(self.file("nonce")).unwrap();
        }
    }
}

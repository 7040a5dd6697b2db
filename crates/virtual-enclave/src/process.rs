use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::Error;

/// How much of a log an error shows.
const LAST_LINES: usize = 20;

/// A program of the machine. It is killed when this is dropped.
pub(crate) struct Process {
    program: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program in a folder, with what it says in the file `log` there.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        folder: &Path,
        log: &str,
    ) -> Result<Self, Error> {
        let path = folder.join(log);
        let file = File::create(&path).map_err(Error::file(&path))?;
        let errors = file.try_clone().map_err(Error::file(&path))?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::Program { program: program.to_owned(), source })?;
        Ok(Self { program: program.to_owned(), child })
    }

    /// `None` once it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until a file is there, or fails when the program has ended without making it.
    pub(crate) async fn makes(&mut self, file: &Path, log: &Path) -> Result<(), Error> {
        while !file.exists() {
            tokio::select! {
                ended = self.ended(log) => return Err(ended),
                () = sleep(Duration::from_millis(5)) => {}
            }
        }
        Ok(())
    }

    /// Waits until the program has ended, which is an error with the last lines of `log`.
    pub(crate) async fn ended(&mut self, log: &Path) -> Error {
        let program = self.program.clone();
        match self.child.wait().await {
            Ok(_) => Error::Ended { program, last_lines: last_lines(log) },
            Err(source) => Error::Program { program, source },
        }
    }

    /// Ends it at once, as a crash does, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        let program = self.program.clone();
        self.child.kill().await.map_err(|source| Error::Program { program, source })
    }
}

pub(crate) fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

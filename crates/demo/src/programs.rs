use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{Stack, User};

/// The product's programs, as they were built beside this one.
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Finds them.
    ///
    /// # Errors
    /// When one was not built.
    pub fn beside_this_one() -> Result<Self> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let directory = this.parent().context("this program is in no directory")?.to_owned();
        let programs = Self { directory };
        for name in ["sharekeep-local", "sharekeep"] {
            let path = programs.directory.join(name);
            ensure!(path.is_file(), "{} was not built", path.display());
        }
        Ok(programs)
    }

    /// Starts the embedded default, with further options of its `up`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_stack(&self, data: &Path, port: u16, options: &[&str]) -> Result<Stack> {
        Stack::start(&self.directory.join("sharekeep-local"), data, port, options)
    }

    /// A user's command with its own home.
    pub fn user(&self, home: &Path, passphrase_file: &Path) -> User {
        User::new(self.directory.join("sharekeep"), home.to_owned(), passphrase_file.to_owned())
    }
}

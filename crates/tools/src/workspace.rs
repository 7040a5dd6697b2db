//! Where things are in the checkout.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// A checkout of this repository.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that holds the current directory.
    pub(crate) fn of_current_dir() -> Result<Self> {
        let here = env::current_dir().context("the current directory is gone")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("rust-toolchain.toml").is_file())
            .context("not inside a checkout: no rust-toolchain.toml here or above")?;
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Everything downloaded or built for development only; ignored by git, safe to delete.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join(".cache")
    }

    /// Where cargo puts this workspace's programs of a profile.
    pub(crate) fn programs(&self, profile: &str) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        self.root.join(target).join(profile)
    }

    /// Files git tracks or would track, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("git is needed to list the sources")?;
        anyhow::ensure!(output.status.success(), "git ls-files failed: is this a git checkout?");
        let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        Ok(listing
            .split_terminator('\0')
            .map(PathBuf::from)
            // Deleted but not yet committed.
            .filter(|file| self.root.join(file).is_file())
            .collect())
    }
}

//! Programs from PyPI, in virtual environments under `.cache/`, every file pinned by hash.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::program;
use crate::workspace::Workspace;

/// Whether packages may come as sources, which run code of theirs to be built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builds {
    /// Everything is there ready-made.
    Never,
    /// Some of it exists as sources only.
    WhereNeeded,
}

/// A set of packages.
pub(crate) struct Environment {
    /// Its folder in the cache.
    pub(crate) name: &'static str,
    /// The file that pins it, relative to the root.
    pub(crate) requirements: &'static str,
    /// What a person is told.
    pub(crate) what: &'static str,
    /// See [`Builds`].
    pub(crate) builds: Builds,
}

impl Environment {
    /// The folder of its programs, which hold exactly what the requirements pin.
    pub(crate) fn programs(&self, workspace: &Workspace, python: &Path) -> Result<PathBuf> {
        let Self { name, requirements, what, builds } = self;
        let environment = workspace.cache().join(name);
        let programs = environment.join("bin");
        let wanted = std::fs::read(workspace.root().join(requirements))
            .with_context(|| format!("{requirements} is missing"))?;
        let stamp = environment.join("installed");
        if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(programs);
        }
        eprintln!("[set-up] will install {what} from PyPI into .cache/{name}");
        program(python, ["-m", "venv", "--clear"]).argument(&environment).run()?;
        let mut pip = program(programs.join("pip"), ["install", "--quiet", "--require-hashes"]);
        if *builds == Builds::Never {
            pip = pip.argument("--only-binary=:all:");
        }
        pip.argument("-r").argument(requirements).folder(workspace.root()).run()?;
        std::fs::write(&stamp, wanted).context("cannot write to .cache")?;
        Ok(programs)
    }
}

/// The first Python of one of the versions that really starts: a name on PATH may lead to one that
/// is not installed.
pub(crate) fn find(versions: &[(u32, u32)]) -> Result<PathBuf> {
    let mut names = vec![PathBuf::from("python3")];
    for (major, minor) in versions {
        let name = format!("python{major}.{minor}");
        names.push(Path::new("/usr/bin").join(&name));
        names.push(name.into());
    }
    // Debian's Python can make environments only with the package that has ensurepip.
    let question = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])";
    let wanted: Vec<_> = versions.iter().map(|(major, minor)| format!("{major}.{minor}")).collect();
    for name in names {
        let answer = program(&name, ["-c", question]).ask();
        if answer.is_ok_and(|it| it.succeeded && wanted.iter().any(|one| one == it.stdout.trim())) {
            return Ok(name);
        }
    }
    bail!("no Python {} with venv is here", wanted.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_is_not_there_is_named() {
        let error = find(&[(2, 0), (9, 99)]).unwrap_err();
        assert_eq!(error.to_string(), "no Python 2.0 or 9.99 with venv is here");
    }
}

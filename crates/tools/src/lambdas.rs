//! `./dev build lambdas`: the function binaries as Lambda deployment packages.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::command::{cargo, program};
use crate::setup::path_with;
use crate::workspace::Workspace;

/// Relative to the root; every file pinned by hash.
const REQUIREMENTS: &str = "crates/tools/requirements-lambda.txt";

/// Builds every binary of `functions` with cargo-lambda, linked by zig against a glibc old enough
/// for Lambda's Amazon Linux, whatever the building machine's is.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let programs = environment(workspace)?;
    cargo(["lambda", "build", "--release", "--locked", "-p", "sharekeep-functions"])
        .env("PATH", path_with(programs)?)
        .run()
}

/// The programs of a Python environment that holds exactly what the requirements pin.
fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let environment = workspace.cache().join("lambda-venv");
    let programs = environment.join("bin");
    let wanted = std::fs::read(workspace.root().join(REQUIREMENTS))
        .with_context(|| format!("{REQUIREMENTS} is missing"))?;
    let stamp = environment.join("installed");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    eprintln!("[set-up] will install cargo-lambda and zig from PyPI into .cache/lambda-venv");
    program("python3", ["-m", "venv", "--clear"]).argument(&environment).run()?;
    program(
        programs.join("pip"),
        ["install", "--quiet", "--require-hashes", "--only-binary=:all:"],
    )
    .argument("-r")
    .argument(REQUIREMENTS)
    .folder(workspace.root())
    .run()?;
    std::fs::write(&stamp, wanted).context("cannot write to .cache")?;
    Ok(programs)
}

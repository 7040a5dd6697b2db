//! `./dev build lambdas`: the function binaries as Lambda deployment packages.

use std::path::Path;

use anyhow::Result;

use crate::command::cargo;
use crate::python::{Builds, Environment};
use crate::setup::path_with;
use crate::workspace::Workspace;

const CARGO_LAMBDA: Environment = Environment {
    name: "lambda-venv",
    requirements: "crates/tools/requirements-lambda.txt",
    what: "cargo-lambda and zig",
    builds: Builds::Never,
};

/// Builds every binary of `functions` with cargo-lambda, linked by zig against a glibc old enough
/// for Lambda's Amazon Linux, whatever the building machine's is.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let programs = CARGO_LAMBDA.programs(workspace, Path::new("python3"))?;
    cargo(["lambda", "build", "--release", "--locked", "-p", "sharekeep-functions"])
        .env("PATH", path_with(programs)?)
        .run()
}

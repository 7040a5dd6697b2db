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

/// What Lambda runs on, as `infra/templates/api.yaml` and cargo-lambda call it.
const ARCHITECTURES: [(&str, &str); 2] = [("arm64", "--arm64"), ("x86_64", "--x86-64")];

/// Builds every binary of `functions` with cargo-lambda, linked by zig against a glibc old enough
/// for Lambda's Amazon Linux, whatever the building machine's is. For each architecture a folder
/// of zip files: `lambda/arm64/wallets/bootstrap.zip` where cargo puts what it builds.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let path = path_with(CARGO_LAMBDA.programs(workspace, Path::new("python3"))?)?;
    for (architecture, flag) in ARCHITECTURES {
        let folder = workspace.programs("lambda").join(architecture);
        cargo(["lambda", "build", "--release", "--locked", "-p", "sharekeep-functions", flag])
            .arguments(&["--output-format", "zip", "--lambda-dir"])
            .argument(folder)
            .env("PATH", &path)
            .run()?;
    }
    Ok(())
}

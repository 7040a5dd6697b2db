//! cargo-lambda, and `./dev build lambdas` and `host`: what runs on Amazon Linux, for both architectures.

use std::path::{Path, PathBuf};

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

/// cargo-lambda, which also emulates what Lambda's programs run on.
pub(crate) fn cargo_lambda(workspace: &Workspace) -> Result<PathBuf> {
    Ok(programs(workspace)?.join("cargo-lambda"))
}

fn programs(workspace: &Workspace) -> Result<PathBuf> {
    CARGO_LAMBDA.programs(workspace, Path::new("python3"))
}

/// Builds every binary of `functions` as a zip file: `lambda/arm64/wallets/bootstrap.zip` where
/// cargo puts what it builds.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_for_amazon_linux(workspace, "sharekeep-functions", "zip", "lambda")
}

/// Builds the program of the enclave's host, which runs on Amazon Linux too:
/// `host/x86_64/enclave-host/bootstrap`.
pub(crate) fn build_host(workspace: &Workspace) -> Result<()> {
    build_for_amazon_linux(workspace, "sharekeep-enclave-host", "binary", "host")
}

/// With cargo-lambda, linked by zig against a glibc as old as Amazon Linux's, whatever the building
/// machine's is. A folder for each architecture.
fn build_for_amazon_linux(
    workspace: &Workspace,
    package: &str,
    format: &str,
    folder: &str,
) -> Result<()> {
    let path = path_with(programs(workspace)?)?;
    for (architecture, flag) in ARCHITECTURES {
        cargo(["lambda", "build", "--release", "--locked", "-p", package, flag])
            .arguments(&["--output-format", format, "--lambda-dir"])
            .argument(workspace.programs(folder).join(architecture))
            .env("PATH", &path)
            .run()?;
    }
    Ok(())
}

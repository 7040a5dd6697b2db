//! Stages that are one call of cargo.

use std::env;

use anyhow::Result;

use crate::command::{cargo, program};
use crate::setup;
use crate::stage::Outcome;
use crate::workspace::Workspace;

pub(super) fn fmt(_: &Workspace) -> Result<Outcome> {
    cargo(["fmt", "--all", "--check"]).run()?;
    cargo(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]).run().map(passed)
}

pub(super) fn clippy(_: &Workspace) -> Result<Outcome> {
    cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"])
        .arguments(&["--", "-D", "warnings"])
        .run()
        .map(passed)
}

pub(super) fn docs(_: &Workspace) -> Result<Outcome> {
    cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
        .map(passed)
}

pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let nextest = setup::nextest(workspace)?;
    // People want the first failure now; a build server wants all of them.
    let profile = if env::var_os("CI").is_some() { "ci" } else { "default" };
    program(nextest, ["nextest", "run", "--workspace", "--locked", "--profile", profile])
        .run()
        .map(passed)
}

pub(super) fn doctests(_: &Workspace) -> Result<Outcome> {
    cargo(["test", "--doc", "--workspace", "--locked", "--quiet"]).run().map(passed)
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

//! The stage `aws`: an emulated AWS on this machine, attacks on what is deployed there, and the product
//! running on it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{cargo, program};
use crate::lambdas;
use crate::python::{self, Builds, Environment};
use crate::setup;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// LocalStack runs on the Python that its release was made for, so there is one for each Debian.
static EMULATORS: [((u32, u32), Environment); 2] = [
    (
        (3, 11),
        Environment {
            name: "aws-venv-3.11",
            requirements: "tests/aws/requirements-3.11.txt",
            what: "LocalStack 4.9.2",
            builds: Builds::WhereNeeded,
        },
    ),
    (
        (3, 13),
        Environment {
            name: "aws-venv-3.13",
            requirements: "tests/aws/requirements-3.13.txt",
            what: "LocalStack 2026.3.0",
            builds: Builds::WhereNeeded,
        },
    ),
];

/// Runs the whole deployment with its functions, which LocalStack cannot.
static WHOLE: Environment = Environment {
    name: "whole-venv",
    requirements: "tests/aws/requirements-whole.txt",
    what: "MiniStack 1.5.33",
    builds: Builds::Never,
};

/// Tests of the emulator's own parts, then of the deployed key and tables, then of the product against
/// them. A test that cannot reach the emulator fails; none is ever skipped.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let (python, environment) = emulator()?;
    let python = environment.programs(workspace, &python)?.join("python");
    let folder = workspace.root().join("tests/aws");
    let cargo_lambda = lambdas::cargo_lambda(workspace)?;
    program(&python, ["run_tests.py", "unit"]).folder(&folder).run()?;
    // The whole workspace, of which these are a part: its packages alone would be built once more,
    // with other features than the stage of all tests has built them.
    let product = ["nextest", "run", "--workspace", "--locked"];
    program(&python, ["with_aws.py"])
        .argument(workspace.cache())
        .argument(&python)
        .arguments(&["run_tests.py", "attacks", "--then"])
        .argument(&python)
        .arguments(&["run_tests.py", "deploys", "--then"])
        .argument(setup::nextest(workspace)?)
        .arguments(&product)
        // Where there is no emulator these are ignored; nextest fails if it finds none to run.
        .arguments(&["--test", "kms_on_aws", "--test", "operator_on_aws", "--test", "flows"])
        // Not for a test of theirs: the functions' programs are built with it, which the flows run.
        .arguments(&["--test", "suite", "--run-ignored", "only", "--then"])
        .argument(setup::nextest(workspace)?)
        .arguments(&product)
        .arguments(&["--test", "suite", "--filterset", "test(/^(store|layout)::/)", "--then"])
        // The janitor was built with that suite.
        .argument(&python)
        .arguments(&["run_tests.py", "restoring"])
        .env("SHAREKEEP_TEST_FUNCTIONS", workspace.programs("debug"))
        .env("SHAREKEEP_TEST_CARGO_LAMBDA", cargo_lambda)
        .folder(&folder)
        .run()?;
    deploy_whole(workspace, &folder)?;
    Ok(Outcome::Passed)
}

/// `infra/deploy` with every template, and requests to the functions through their API.
fn deploy_whole(workspace: &Workspace, folder: &Path) -> Result<()> {
    // With the tests, for the reason above: programs alone would be built with other features.
    cargo(["test", "--workspace", "--no-run", "--locked"]).run()?;
    let python = python::find(&[(3, 11), (3, 12), (3, 13)])?;
    let python = WHOLE.programs(workspace, &python)?.join("python");
    program(&python, ["with_whole_aws.py"])
        .argument(&python)
        .arguments(&["run_tests.py", "whole"])
        .env("SHAREKEEP_TEST_FUNCTIONS", workspace.programs("debug"))
        .folder(folder)
        .run()
}

/// The first for which this machine has a Python.
fn emulator() -> Result<(PathBuf, &'static Environment)> {
    let found = EMULATORS
        .iter()
        .find_map(|(version, environment)| Some((python::find(&[*version]).ok()?, environment)));
    found.context("LocalStack needs Python 3.11 or 3.13, with venv")
}

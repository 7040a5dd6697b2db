//! `./dev test`: every check, in the order in which a mistake is cheapest to find.

mod backends;
mod build;
mod deny;
mod graph;
mod hygiene;
mod metadata;
mod named_tests;

use anyhow::{Result, bail};

use crate::aws;
use crate::fuzz;
use crate::image;
use crate::infra;
use crate::setup;
use crate::stage::{Outcome, Stages};
use crate::vm;
use crate::workspace::Workspace;

/// One check of the whole checkout.
struct Check {
    name: &'static str,
    job: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

const CHECKS: &[Check] = &[
    Check { name: "hygiene", job: "names, sizes, links, paths, named tests", run: hygiene::run },
    Check { name: "fmt", job: "formatting", run: build::fmt },
    Check {
        name: "graph",
        job: "who may depend on whom; one big-integer back end",
        run: graph::run,
    },
    Check { name: "deny", job: "licences, bans, sources", run: deny::policy },
    Check {
        name: "advisories",
        job: "known vulnerabilities, yanked releases",
        run: deny::advisories,
    },
    Check {
        name: "infra",
        job: "templates, their rules, the key's policy word for word",
        run: infra::check,
    },
    Check { name: "clippy", job: "lints of all targets, warnings denied", run: build::clippy },
    Check {
        name: "backends",
        job: "both big-integer back ends must not build",
        run: backends::run,
    },
    Check { name: "docs", job: "documentation, warnings denied", run: build::docs },
    Check { name: "tests", job: "unit and flow tests", run: build::tests },
    Check { name: "doctests", job: "examples in the documentation", run: build::doctests },
    Check { name: "aws", job: "attacks and flows on an emulated deployment", run: aws::check },
    Check {
        name: "image",
        job: "the enclave's image, put together twice; its kernel against the known one",
        run: image::check,
    },
    Check { name: "vm", job: "flows on the enclave's image, booted", run: vm::check },
    Check { name: "fuzz", job: "seeds of the fuzz targets", run: fuzz::replay },
];

/// Runs the named checks, or all of them when none is named.
///
/// # Errors
/// The first check that fails, or a name that is no check.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| CHECKS.iter().all(|c| c.name != **name)) {
        bail!("no stage is called `{unknown}`; `./dev test --list` names them");
    }
    let wanted = |check: &&Check| names.is_empty() || names.iter().any(|name| name == check.name);
    let checks: Vec<_> = CHECKS.iter().filter(wanted).collect();
    if names.is_empty() {
        setup::checks(workspace)?;
    }
    let mut stages = Stages::new(checks.len());
    for check in checks {
        stages.run(check.name, check.job, || (check.run)(workspace))?;
    }
    stages.finish();
    Ok(())
}

/// Prints every stage's name and job.
pub(crate) fn print_stages() {
    for Check { name, job, .. } in CHECKS {
        println!("{name:10}  {job}");
    }
}

//! cargo-deny: what deny.toml says, and the advisory database where it can be had.

use std::env;

use anyhow::{Result, bail};

use crate::command::program;
use crate::setup;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// Set where an unreachable database must fail the run, as before a release.
const REQUIRED: &str = "SHAREKEEP_REQUIRE_ADVISORIES";

/// Where deny.toml has the database put.
const DATABASES: &str = "advisory-dbs";

pub(super) fn policy(workspace: &Workspace) -> Result<Outcome> {
    let deny = setup::deny(workspace)?;
    // Duplicates are listed by hand when wanted; "parse-error" is GMP's old spelling of its licence.
    program(deny, ["--locked", "check", "-A", "duplicate", "-A", "parse-error"])
        .arguments(&["licenses", "bans", "sources"])
        .run()
        .map(|()| Outcome::Passed)
}

/// The database is a git repository on one host and in no package registry. Where that host is
/// out of reach this says so and goes on: a check that silently did nothing would be worse, and
/// one that always failed would be switched off.
pub(super) fn advisories(workspace: &Workspace) -> Result<Outcome> {
    let deny = setup::deny(workspace)?;
    let fetched = program(&deny, ["fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0").ask()?;
    if fetched.succeeded {
        program(deny, ["--locked", "check", "advisories"]).run()?;
        return Ok(Outcome::Passed);
    }
    eprintln!("{}", fetched.stderr.trim_end());
    if has_earlier_copy(workspace) {
        // deny.toml's maximum-db-staleness refuses a copy that is too old.
        program(deny, ["--locked", "--offline", "check", "advisories"]).run()?;
        return Ok(Outcome::Warned("checked against an earlier copy of the database".into()));
    }
    if env::var_os(REQUIRED).is_some() {
        bail!("advisories not checked: database not reachable, and {REQUIRED} is set");
    }
    Ok(Outcome::Warned("advisories and yanked releases NOT CHECKED: database not reachable".into()))
}

fn has_earlier_copy(workspace: &Workspace) -> bool {
    std::fs::read_dir(workspace.cache().join(DATABASES)).is_ok_and(|mut folders| {
        folders.any(|it| it.is_ok_and(|it| it.path().join(".git").is_dir()))
    })
}

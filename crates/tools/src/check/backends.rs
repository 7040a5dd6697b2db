//! With both big-integer back ends on, the slower one would win without a word, and its proofs
//! have had the least eyes on them. `sharekeep-mpc` refuses to build then; this checks that it does.

use anyhow::{Result, ensure};

use crate::command::cargo;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// Part of the `compile_error!` of `sharekeep-mpc`.
const REFUSAL: &str = "both big-integer back ends are on";

pub(super) fn run(_: &Workspace) -> Result<Outcome> {
    let both = cargo(["check", "-p", "sharekeep-mpc", "--locked", "--quiet"])
        .arguments(&["--features", "backend-rug,backend-num-bigint"])
        .ask()?;
    ensure!(!both.succeeded, "sharekeep-mpc builds with both big-integer back ends on");
    // Only the refusal itself counts: a failed build can have any other cause.
    let refused =
        both.stderr.lines().any(|line| line.starts_with("error: ") && line.contains(REFUSAL));
    ensure!(refused, "sharekeep-mpc failed for another reason than its refusal:\n{}", both.stderr);
    Ok(Outcome::Passed)
}

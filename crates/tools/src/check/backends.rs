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
    judge(both.succeeded, &both.stderr).map(|()| Outcome::Passed)
}

/// Only the refusal itself counts: a failed build can have any other cause.
fn judge(built: bool, stderr: &str) -> Result<()> {
    ensure!(!built, "sharekeep-mpc builds with both big-integer back ends on");
    let refused = stderr.lines().any(|line| line.starts_with("error: ") && line.contains(REFUSAL));
    ensure!(refused, "sharekeep-mpc failed for another reason than its refusal:\n{stderr}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_refusal_itself_counts_as_refused() {
        let refusal = format!("error: sharekeep-mpc: {REFUSAL}\n  --> src/lib.rs");
        assert!(judge(false, &refusal).is_ok());
        assert!(judge(false, "error: could not compile `gmp-mpfr-sys`: m4 not found").is_err());
        assert!(judge(true, "").is_err());
    }
}

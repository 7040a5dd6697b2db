//! `./dev up`: builds the stack's programs and starts them.

use anyhow::Result;

use crate::command::{cargo, program};
use crate::workspace::Workspace;

/// Builds the stack and runs it in the foreground until it is interrupted.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    cargo(["build", "-p", "sharekeep-local", "-p", "sharekeep-enclave-app", "-p", "sharekeep"])
        .run()?;
    program(workspace.programs("debug").join("sharekeep-local"), ["up"]).arguments(arguments).run()
}

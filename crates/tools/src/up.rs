//! `./dev up`: builds the stack's programs and starts them.

use anyhow::Result;

use crate::command::{cargo, program};
use crate::workspace::Workspace;

/// Builds the stack and runs it in the foreground until it is interrupted.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    // The user's command too: the first thing anybody does with a running stack is to log in.
    cargo(["build", "-p", "sharekeep-local", "-p", "sharekeep"]).run()?;
    program(workspace.programs("debug").join("sharekeep-local"), ["up"]).arguments(arguments).run()
}

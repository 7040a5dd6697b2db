//! `./dev up` and `./dev demo`: builds the programs of the embedded default and starts one.

use anyhow::Result;

use crate::command::{cargo, program};
use crate::workspace::Workspace;

/// Runs the stack in the foreground until it is interrupted.
pub(crate) fn up(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    // The user's command too: the first thing anybody does with a running stack is to log in.
    build(&["sharekeep-local", "sharekeep"])?;
    start(workspace, "sharekeep-local", &["up"], arguments)
}

/// Runs the demo, which finds the stack's and the user's programs beside its own.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build(&["sharekeep-local", "sharekeep", "sharekeep-demo"])?;
    start(workspace, "sharekeep-demo", &[], arguments)
}

/// The profile of the tests: what they built is not built again.
fn build(packages: &[&str]) -> Result<()> {
    packages
        .iter()
        .fold(cargo(["build", "--bins"]), |call, name| call.arguments(&["-p", name]))
        .run()
}

fn start(workspace: &Workspace, name: &str, task: &[&str], arguments: &[String]) -> Result<()> {
    let task = task.iter().copied().chain(arguments.iter().map(String::as_str));
    program(workspace.programs("debug").join(name), task).run()
}

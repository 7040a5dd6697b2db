//! `./dev up`, `demo` and `bench`: builds the programs of the embedded default and starts one.
//! Demo and bench find the stack's and the user's programs beside their own.

use anyhow::Result;

use crate::command::{cargo, program};
use crate::workspace::Workspace;

/// What the embedded default consists of: the stack, and the command a user logs in with.
const STACK: [&str; 2] = ["sharekeep-local", "sharekeep"];

/// The profile programs are built in.
#[derive(Clone, Copy)]
enum Profile {
    /// That of the tests: what they built is not built again.
    Dev,
    /// What is shipped, and so what is measured.
    Release,
}

/// Runs the stack in the foreground until it is interrupted.
pub(crate) fn up(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build(Profile::Dev, &[])?;
    start(workspace, Profile::Dev, "sharekeep-local", &["up"], arguments)
}

/// Runs the demo.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build(Profile::Dev, &["sharekeep-demo"])?;
    start(workspace, Profile::Dev, "sharekeep-demo", &[], arguments)
}

/// Runs the bench.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build(Profile::Release, &["sharekeep-bench"])?;
    start(workspace, Profile::Release, "sharekeep-bench", &[], arguments)
}

fn build(profile: Profile, more: &[&str]) -> Result<()> {
    let mut call = cargo(["build", "--bins"]);
    if let Profile::Release = profile {
        call = call.argument("--release");
    }
    STACK.iter().chain(more).fold(call, |call, name| call.arguments(&["-p", name])).run()
}

fn start(
    workspace: &Workspace,
    profile: Profile,
    name: &str,
    task: &[&str],
    arguments: &[String],
) -> Result<()> {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    let task = task.iter().copied().chain(arguments.iter().map(String::as_str));
    program(workspace.programs(folder).join(name), task).run()
}

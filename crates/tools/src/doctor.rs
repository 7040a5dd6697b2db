//! `./dev doctor`: what this machine has and what is missing.

use std::num::NonZero;

use anyhow::Result;

use crate::command::program;
use crate::qemu;
use crate::setup;
use crate::workspace::Workspace;

/// Prints one line on everything a command here may need. Never installs.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for (name, argument) in [
        ("rustc", "-V"),
        ("cargo", "-V"),
        ("cc", "--version"),
        ("m4", "--version"),
        ("git", "--version"),
        ("python3", "--version"),
        ("javac", "--version"),
        ("npm", "--version"),
        ("musl-gcc", "--version"),
        ("flex", "--version"),
        ("bison", "--version"),
        ("bc", "--version"),
        ("curl", "--version"),
    ] {
        let answer = program(name, [argument]).ask().ok().filter(|answer| answer.succeeded);
        let line = answer.as_ref().and_then(|answer| answer.stdout.lines().next());
        println!("{name}: {}", line.unwrap_or("missing"));
    }
    for line in setup::describe(workspace) {
        println!("{line}");
    }
    println!("{}", qemu::describe(workspace));
    println!("programs: {}", workspace.programs("debug").display());
    println!("cores: {}", std::thread::available_parallelism().map_or(1, NonZero::get));
    Ok(())
}

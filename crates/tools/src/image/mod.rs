//! `./dev build enclave`: kernel and program from source, and the enclave's image out of them.

pub(crate) mod kernel;
pub(crate) mod program;

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, program};
use crate::workspace::Workspace;

/// Builds everything and leaves image, PCRs and manifest in the folder `enclave`, where cargo puts what
/// it builds.
pub(crate) fn build(workspace: &Workspace, trust: Option<&Path>) -> Result<()> {
    let trust = trust.context(
        "an image has a trust configuration in it: make one with `sharekeep-operator`, then \
         `./dev build enclave --trust trust.cbor`",
    )?;
    // Before minutes of building.
    ensure!(trust.is_file(), "there is no {}", trust.display());
    let kernel = kernel::build(workspace)?;
    let enclave = program::build(workspace)?;
    let out = workspace.programs("enclave");
    cargo(["build", "--quiet", "--locked", "-p", "sharekeep-image"]).run()?;
    let mut call = program(workspace.programs("debug").join("sharekeep-image"), ["make"]);
    for (name, path) in [("--kernel", &kernel.file), ("--program", &enclave), ("--out", &out)] {
        call = call.argument(name).argument(path);
    }
    call = call.argument("--trust").argument(trust);
    call = call.arguments(&["--source", &source()?]);
    let files = [
        ("Cargo.lock", workspace.root().join("Cargo.lock")),
        ("kernel.config", workspace.root().join(kernel::CONFIG)),
        ("kernel source", kernel.source),
    ];
    for (name, path) in files {
        call = call.arguments(&["--input", &format!("{name}={}", path.display())]);
    }
    for (name, version) in tools()? {
        call = call.arguments(&["--tool", &format!("{name}={version}")]);
    }
    call.run()?;
    eprintln!("the image and what it measures: {}", out.display());
    Ok(())
}

/// The compilers, whose version can change what they make.
fn tools() -> Result<Vec<(&'static str, String)>> {
    [("rustc", "-V"), ("gcc", "--version"), ("ld", "--version")]
        .into_iter()
        .map(|(name, question)| Ok((name, first_line(name, &[question])?)))
        .collect()
}

/// What git calls the content of the checkout, and whether there is more than it knows of.
fn source() -> Result<String> {
    let tree = first_line("git", &["rev-parse", "HEAD^{tree}"])?;
    let changes = program("git", ["status", "--porcelain"]).ask()?;
    ensure!(changes.succeeded, "git status failed:\n{}", changes.stderr);
    Ok(if changes.stdout.is_empty() { tree } else { format!("{tree}, changed") })
}

fn first_line(name: &str, arguments: &[&str]) -> Result<String> {
    let answer = program(name, arguments.iter().copied()).env("LC_ALL", "C").ask()?;
    let line = answer.stdout.lines().next().filter(|_| answer.succeeded);
    Ok(line.with_context(|| format!("`{name}` does not say what it is asked"))?.to_owned())
}

//! `./dev build enclave`: kernel and program from source, and the enclave's image out of them.
//! `./dev verify-image`: the same again from nothing, compared with a published manifest.

mod kernel;
mod program;
mod verify;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, program};
use crate::stage::Outcome;
use crate::workspace::Workspace;

pub(crate) use verify::verify;

/// What an image is made of, but for the trust configuration.
pub(crate) struct Parts {
    kernel: kernel::Kernel,
    program: PathBuf,
}

impl Parts {
    /// Builds them, or finds them built.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        Ok(Self { kernel: kernel::build(workspace)?, program: program::build(workspace)? })
    }

    /// The kernel, a bzImage.
    pub(crate) fn kernel(&self) -> &Path {
        &self.kernel.file
    }

    /// The enclave's program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Puts the image together twice, out of files in different folders, and wants the same bytes.
    fn put_together_twice(&self, workspace: &Workspace) -> Result<()> {
        const TRUST: &str = "crates/image/tests/fixtures/trust.cbor";
        let trust = workspace.root().join(TRUST);
        let one = workspace.programs("image-check/one");
        self.put_together(workspace, &trust, &one)?;

        let other = workspace.programs("image-check/the/other");
        fs::create_dir_all(&other).with_context(|| format!("cannot make {}", other.display()))?;
        let copied = |from: &Path, name: &str| {
            let to = other.join(name);
            fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
            anyhow::Ok(to)
        };
        let copies = Self {
            kernel: kernel::Kernel {
                file: copied(self.kernel(), "b")?,
                source: self.kernel.source.clone(),
            },
            program: copied(&self.program, "a")?,
        };
        copies.put_together(workspace, &copied(&trust, "c")?, &other)?;
        for name in ["enclave.eif", "enclave.pcrs.json", "enclave.manifest.json"] {
            let read = |folder: &Path| {
                let path = folder.join(name);
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
            };
            ensure!(read(&one)? == read(&other)?, "{name} depends on the folder it is made in");
        }
        Ok(())
    }

    /// Leaves image, PCRs and manifest in `out`.
    fn put_together(&self, workspace: &Workspace, trust: &Path, out: &Path) -> Result<()> {
        let mut call = program(image_program(workspace)?, ["make"]);
        let paths =
            [("--kernel", self.kernel()), ("--program", self.program()), ("--trust", trust)];
        for (name, path) in paths {
            call = call.argument(name).argument(path);
        }
        call = call.argument("--out").argument(out).arguments(&["--source", &source()?]);
        let files = [
            ("Cargo.lock", workspace.root().join("Cargo.lock")),
            ("kernel.config", workspace.root().join(kernel::CONFIG)),
            ("kernel source", self.kernel.source.clone()),
            ("vsock-replies.patch", workspace.root().join(kernel::PATCH)),
        ];
        for (name, path) in files {
            call = call.arguments(&["--input", &format!("{name}={}", path.display())]);
        }
        for (name, version) in tools()? {
            call = call.arguments(&["--tool", &format!("{name}={version}")]);
        }
        call.run()
    }
}

/// Builds everything and leaves image, PCRs and manifest in the folder `enclave`, where cargo puts what
/// it builds.
pub(crate) fn build(workspace: &Workspace, trust: Option<&Path>) -> Result<()> {
    let trust = trust.context(
        "an image has a trust configuration in it: make one with `sharekeep-operator`, then \
         `./dev build enclave --trust trust.cbor`",
    )?;
    // Before minutes of building.
    ensure!(trust.is_file(), "there is no {}", trust.display());
    let out = workspace.programs("enclave");
    Parts::build(workspace)?.put_together(workspace, trust, &out)?;
    eprintln!("the image and what it measures: {}", out.display());
    Ok(())
}

/// The stage `image`: nothing in the program that has no place there, the same bytes twice, the kernel
/// that others have made.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let parts = Parts::build(workspace)?;
    parts.put_together_twice(workspace)?;
    kernel::compare(workspace, &parts.kernel)
}

/// `sharekeep-image`, built.
fn image_program(workspace: &Workspace) -> Result<PathBuf> {
    cargo(["build", "--quiet", "--locked", "-p", "sharekeep-image"]).run()?;
    Ok(workspace.programs("debug").join("sharekeep-image"))
}

/// The variables of the environment that begin so: nobody's settings shall get into the image.
fn settings(beginnings: &[&str]) -> Vec<OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| begins(name, beginnings)).collect()
}

fn begins(name: &OsStr, beginnings: &[&str]) -> bool {
    name.to_str().is_some_and(|name| beginnings.iter().any(|it| name.starts_with(it)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_environment_do_not_reach_a_build_and_its_network_does() {
        let reaches = |name: &str| {
            !begins(OsStr::new(name), program::SETTINGS)
                && !begins(OsStr::new(name), kernel::SETTINGS)
        };
        for name in ["CFLAGS", "CC", "CFLAGS_x86_64_unknown_linux_musl", "RUSTC_WRAPPER", "KCFLAGS"]
        {
            assert!(!reaches(name), "{name}");
        }
        for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_TARGET_DIR", "https_proxy", "RUSTUP_HOME"]
        {
            assert!(reaches(name), "{name}");
        }
    }
}

//! Programs from crates.io that the checks need: a good enough one on PATH is used, else a pinned one is
//! built once into `.cache/tools`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::command::{cargo, program};
use crate::qemu;
use crate::workspace::Workspace;

/// A program from crates.io.
struct CargoTool {
    name: &'static str,
    /// The oldest version whose behaviour and configuration format fit.
    oldest: (u64, u64, u64),
    /// What is built when there is none.
    pinned: &'static str,
    options: &'static [&'static str],
    why: &'static str,
}

const NEXTEST: CargoTool = CargoTool {
    name: "cargo-nextest",
    oldest: (0, 9, 100),
    pinned: "0.9.151",
    // Without self-update (a TLS client) and tracing probes: half of its dependencies.
    options: &["--no-default-features"],
    why: "runs tests",
};

const DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    oldest: (0, 19, 0),
    pinned: "0.20.2",
    options: &[],
    why: "checks licences, sources, bans and advisories",
};

const GUARD: CargoTool = CargoTool {
    name: "cfn-guard",
    oldest: (3, 2, 0),
    pinned: "3.2.1",
    options: &[],
    why: "holds the templates against the rules in infra/rules",
};

const VSOCK: CargoTool = CargoTool {
    name: "vhost-device-vsock",
    oldest: (0, 3, 0),
    pinned: "0.3.0",
    options: &[],
    why: "carries vsock between a virtual machine and this one",
};

/// Finds or builds everything the checks need.
///
/// # Errors
/// If a tool is missing and cannot be built, for example without a network.
pub(crate) fn checks(workspace: &Workspace) -> Result<()> {
    nextest(workspace)?;
    deny(workspace)?;
    guard(workspace)?;
    vsock(workspace)?;
    qemu::find_or_fetch(workspace)?;
    Ok(())
}

/// Finds or builds cargo-nextest.
pub(crate) fn nextest(workspace: &Workspace) -> Result<PathBuf> {
    find_or_build(workspace, &NEXTEST)
}

/// Finds or builds cargo-deny.
pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    find_or_build(workspace, &DENY)
}

/// Finds or builds cfn-guard.
pub(crate) fn guard(workspace: &Workspace) -> Result<PathBuf> {
    find_or_build(workspace, &GUARD)
}

/// Finds or builds vhost-device-vsock.
pub(crate) fn vsock(workspace: &Workspace) -> Result<PathBuf> {
    find_or_build(workspace, &VSOCK)
}

/// One line on each tool: what is there.
pub(crate) fn describe(workspace: &Workspace) -> Vec<String> {
    [&NEXTEST, &DENY, &GUARD, &VSOCK]
        .map(|tool| match find(workspace, tool) {
            Some(path) => format!("{}: {}", tool.name, path.display()),
            None => format!("{}: missing; `./dev setup` builds {}", tool.name, tool.pinned),
        })
        .into()
}

fn find_or_build(workspace: &Workspace, tool: &CargoTool) -> Result<PathBuf> {
    match find(workspace, tool) {
        Some(path) => Ok(path),
        None => build(workspace, tool),
    }
}

fn find(workspace: &Workspace, tool: &CargoTool) -> Option<PathBuf> {
    [cached(workspace, tool), PathBuf::from(tool.name)].into_iter().find(|path| {
        // "nextest" repeats the subcommand, as cargo itself does when it calls a plug-in.
        let subcommand = tool.name.strip_prefix("cargo-");
        program(path, subcommand.into_iter().chain(["--version"]))
            .ask()
            .ok()
            .filter(|answer| answer.succeeded)
            .and_then(|answer| version_in(&answer.stdout))
            .is_some_and(|version| version >= tool.oldest)
    })
}

fn build(workspace: &Workspace, tool: &CargoTool) -> Result<PathBuf> {
    let CargoTool { name, pinned, options, why, .. } = tool;
    let root = workspace.cache().join("tools");
    eprintln!("[set-up] will build {name} {pinned} from crates.io into .cache/tools: it {why}");
    eprintln!("[set-up] this takes some minutes, once");
    cargo(["install", "--locked", "--quiet", name, "--version", pinned])
        .arguments(options)
        .argument("--root")
        .argument(&root)
        // Its own folder: a checkout's target directory may be shared, cached or read-only.
        .env("CARGO_TARGET_DIR", root.join("target"))
        // These run for seconds: their published profiles (fat LTO) cost minutes to build.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .run()
        .with_context(|| format!("could not build {name}"))?;
    std::fs::remove_dir_all(root.join("target")).ok();
    Ok(cached(workspace, tool))
}

fn cached(workspace: &Workspace, tool: &CargoTool) -> PathBuf {
    workspace.cache().join("tools/bin").join(tool.name)
}

/// PATH with `folder` in front.
pub(crate) fn path_with(folder: PathBuf) -> Result<OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(env::split_paths(&rest));
    env::join_paths(folders).context("a folder of PATH has a colon in its name")
}

/// The first `major.minor.patch` in a version line; a pre-release suffix is ignored.
pub(crate) fn version_in(text: &str) -> Option<(u64, u64, u64)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split(['-', '+']).next()?.split('.').map(|part| part.parse().ok());
        Some((numbers.next()??, numbers.next()??, numbers.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        assert_eq!(version_in("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)"), Some((0, 9, 143)));
        assert_eq!(version_in("cargo-deny 0.20.2"), Some((0, 20, 2)));
        assert_eq!(version_in("tool 1.2.3-rc.1"), Some((1, 2, 3)));
        assert_eq!(version_in("no version here"), None);
    }

    #[test]
    fn the_pinned_version_is_itself_good_enough() {
        for tool in [&NEXTEST, &DENY, &GUARD, &VSOCK] {
            assert!(version_in(tool.pinned).expect("pins are versions") >= tool.oldest);
        }
    }
}

//! `./dev fuzz`: every decoder's target, instrumented, for a while. Targets and seeds are in `fuzz/`.
//!
//! The pinned stable Rust is enough: coverage is a pass of the code generator, and libFuzzer comes as
//! source. Only the address sanitizer would need a nightly one, and it looks for what `unsafe` code
//! can do; there is none here.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{self, cargo, program};
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// Which target the program runs; without it, it names all.
const TARGET: &str = "SHAREKEEP_FUZZ_TARGET";

/// Coverage as libFuzzer wants it: counters of edges, their places, and operands of comparisons.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Ccodegen-units=4";

/// Longest time for one input in seconds. Decoders take microseconds; the honest part of the slowest
/// ceremony takes ten seconds of a CPU that may be shared.
const INPUT_TIMEOUT_S: u32 = 120;
/// Most memory in MB: an input of a few kilobytes must not ask for more.
const MEMORY_LIMIT_MB: u32 = 4096;

/// Which targets, and for how long.
pub(crate) struct Wish<'a> {
    /// One of them, or all.
    pub(crate) target: Option<&'a str>,
    /// Seconds for each.
    pub(crate) seconds: u32,
}

/// Replays the seeds through every target.
///
/// # Errors
/// If one does not build, panics, has no seeds, or if there are seeds of no target.
pub(crate) fn replay(workspace: &Workspace) -> Result<Outcome> {
    let fuzzer = Fuzzer::build(workspace)?;
    for name in fuzzer.seed_folders()? {
        ensure!(fuzzer.targets.contains(&name), "fuzz/seeds/{name}: no target is called so");
    }
    for target in &fuzzer.targets {
        let seeds = fuzzer.folder("seeds", target);
        let some = std::fs::read_dir(&seeds).is_ok_and(|mut files| files.next().is_some());
        ensure!(some, "{target} has no seeds in fuzz/seeds/{target}");
        fuzzer.run(target, &["-runs=0".into(), seeds.into()])?;
    }
    println!("    the seeds of {} targets", fuzzer.targets.len());
    Ok(Outcome::Passed)
}

/// Runs targets from their seeds on, and from what earlier runs found.
///
/// # Errors
/// At the first input that a target fails on; it is kept in `fuzz/crashes`.
pub(crate) fn run(workspace: &Workspace, wish: &Wish<'_>) -> Result<()> {
    let fuzzer = Fuzzer::build(workspace)?;
    let wanted: Vec<_> =
        fuzzer.targets.iter().filter(|name| wish.target.is_none_or(|one| one == *name)).collect();
    if wanted.is_empty() {
        bail!("no such target; `./dev fuzz --list` names them");
    }
    for target in wanted {
        let corpus = made(fuzzer.folder("corpus", target))?;
        let found = fuzzer.run(
            target,
            &[
                format!("-max_total_time={}", wish.seconds).into(),
                format!("-timeout={INPUT_TIMEOUT_S}").into(),
                format!("-rss_limit_mb={MEMORY_LIMIT_MB}").into(),
                "-print_final_stats=1".into(),
                corpus.into(),
                fuzzer.folder("seeds", target).into(),
            ],
        )?;
        println!("{target:32} {:>9} inputs, {:>6} edges", found.inputs, found.edges);
    }
    Ok(())
}

/// Prints every target's name.
pub(crate) fn list(workspace: &Workspace) -> Result<()> {
    for target in Fuzzer::build(workspace)?.targets {
        println!("{target}");
    }
    Ok(())
}

/// The built targets.
struct Fuzzer {
    folder: PathBuf,
    program: PathBuf,
    targets: Vec<String>,
}

/// What a run saw.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    inputs: u64,
    edges: u64,
}

impl Fuzzer {
    fn build(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.root().join("fuzz");
        let built = workspace.programs("fuzz");
        let host = host()?;
        // Naming the target keeps the flags from build scripts and macros, which run here.
        cargo(["build", "--locked", "--quiet", "--target", &host])
            .folder(&folder)
            .env("CARGO_TARGET_DIR", &built)
            .env("RUSTFLAGS", FLAGS)
            .run()?;
        let program = built.join(host).join("debug/sharekeep-fuzz");
        let answer = command::program(&program, []).ask()?;
        ensure!(answer.succeeded, "the fuzz targets do not start:\n{}", answer.stderr);
        let targets = answer.stdout.lines().map(str::to_owned).collect();
        Ok(Self { folder, program, targets })
    }

    fn folder(&self, kind: &str, target: &str) -> PathBuf {
        self.folder.join(kind).join(target)
    }

    fn seed_folders(&self) -> Result<Vec<String>> {
        let folders = std::fs::read_dir(self.folder.join("seeds")).context("fuzz/seeds")?;
        folders.map(|it| Ok(it?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn run(&self, target: &str, arguments: &[OsString]) -> Result<Found> {
        let crashes = made(self.folder("crashes", target))?;
        let kept = format!("-artifact_prefix={}/", crashes.display());
        let call = program(&self.program, []).argument(kept).arguments(arguments);
        let answer = call.env(TARGET, target).ask()?;
        ensure!(answer.succeeded, "{target} failed:\n{}", tail(&answer.stderr));
        Ok(Found::parse(&answer.stderr))
    }
}

impl Found {
    /// Reads libFuzzer's progress and final statistics.
    fn parse(stderr: &str) -> Self {
        let after = |mark: &str| {
            let line = stderr.lines().rev().find(|line| line.contains(mark))?;
            line.split_once(mark)?.1.split_whitespace().next()?.parse().ok()
        };
        Self {
            inputs: after("stat::number_of_executed_units:").unwrap_or(0),
            edges: after(" cov: ").unwrap_or(0),
        }
    }
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn host() -> Result<String> {
    let answer = program("rustc", ["-vV"]).ask()?;
    let line = answer.stdout.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc does not say what it runs on")
}

/// The end of a long report: the panic, the stack and where the input was kept.
fn tail(text: &str) -> String {
    const LINES: usize = 80;
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_from_the_last_lines_of_libfuzzer() {
        let report = "#2 INITED cov: 12 ft: 13\n#900 NEW cov: 40 ft: 41 corp: 2\n\
                      stat::number_of_executed_units: 1234\n";
        assert_eq!(Found::parse(report), Found { inputs: 1234, edges: 40 });
    }

    #[test]
    fn a_long_report_is_shown_from_its_end() {
        let report: Vec<_> = (0..200).map(|line| line.to_string()).collect();
        let shown = tail(&report.join("\n"));
        assert!(shown.starts_with("120\n") && shown.ends_with("\n199"));
    }
}

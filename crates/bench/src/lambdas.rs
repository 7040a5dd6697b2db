//! The functions as Lambda starts them: how large they are, how long until they ask for their first
//! request, how long the first requests take, and how much memory that needs.
//!
//! Measures what `./dev build lambdas` made for this machine's architecture. In place of Lambda stands
//! a server of ours, in place of DynamoDB one that has no rows: both answer at once and without TLS, so
//! the times are the functions' own. Lambda gives a function of 512 MiB less than a third of a
//! processor; the CPU time says what that comes to.

mod runtime_api;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::cpu;
use crate::row::ms;
use crate::statistics::percentile;
use runtime_api::{RuntimeApi, request};

/// How long a function may take to ask for its first request, in ms.
const MOST_INIT_MS: f64 = 100.0;

/// This machine as Lambda calls it, and as compilers do.
const ARCHITECTURE: [&str; 2] = if cfg!(target_arch = "aarch64") {
    ["arm64", "aarch64-unknown-linux-gnu"]
} else {
    ["x86_64", "x86_64-unknown-linux-gnu"]
};

/// A request that a function answers by itself, and the status it answers.
const REQUESTS: [(&str, &str, u16); 3] = [
    ("sessions", "/healthz", 200),
    ("wallets", "/v1/wallets", 401),
    ("recovery", "/v1/backups", 401),
];

/// A line of the result.
#[derive(Serialize)]
pub(crate) struct FunctionRow {
    name: String,
    architecture: &'static str,
    /// Of the deployment package, and of the program in it.
    zip_bytes: u64,
    program_bytes: u64,
    /// From the start of the process to its first question for a request.
    init_p50_ms: f64,
    init_p99_ms: f64,
    init_cpu_ms: f64,
    /// None for a function that is called with no request.
    first_call_p50_ms: Option<f64>,
    second_call_p50_ms: Option<f64>,
    /// At worst, after both calls.
    peak_memory_kib: u64,
    /// Whether the p50 of the init is within its target.
    met: bool,
}

/// What one start showed.
struct Start {
    init: Duration,
    init_cpu: Duration,
    calls: Vec<Duration>,
    peak_memory_kib: u64,
}

/// Where `./dev build lambdas` put the packages, if it did.
pub(crate) fn built() -> Option<PathBuf> {
    // The bench lies in `release` there.
    let cargos = std::env::current_exe().ok()?.parent()?.parent()?.to_owned();
    cargos.join("lambda").join(ARCHITECTURE[0]).is_dir().then_some(cargos)
}

/// Starts every function so many times.
pub(crate) fn measure(cargos: &Path, times: u32) -> Result<Vec<FunctionRow>> {
    let [architecture, triple] = ARCHITECTURE;
    let packages = cargos.join("lambda").join(architecture);
    let mut names = std::fs::read_dir(&packages)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    ensure!(!names.is_empty(), "{} holds no function", packages.display());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut rows = Vec::new();
    for name in names {
        let program = cargos.join(triple).join("release").join(&name);
        let starts = (0..times)
            .map(|_| runtime.block_on(start(&name, &program)))
            .collect::<Result<Vec<_>>>()
            .with_context(|| format!("the function {name}"))?;
        let size = |path: &Path| Ok::<_, anyhow::Error>(path.metadata()?.len());
        let zip = size(&packages.join(&name).join("bootstrap.zip"))?;
        rows.push(FunctionRow::of(name, zip, size(&program)?, &starts));
    }
    Ok(rows)
}

/// One start of a function, and two calls if it takes requests.
async fn start(name: &str, program: &Path) -> Result<Start> {
    let mut api = RuntimeApi::start().await?;
    let began = Instant::now();
    let process = Process(command(name, program, &api).spawn().with_context(|| {
        format!("cannot start {}: run `./dev build lambdas`", program.display())
    })?);
    let pid = process.0.id();
    let init = api.asked().await? - began;
    let init_cpu = cpu::of_process(pid)?;
    let mut calls = Vec::new();
    if let Some((_, path, expected)) = REQUESTS.iter().find(|(of, ..)| *of == name) {
        for _ in 0..2 {
            let began = Instant::now();
            let (at, status) = api.call(request(path)).await?;
            ensure!(status == *expected, "{path} was answered with {status}");
            calls.push(at - began);
            api.asked().await?;
        }
    }
    Ok(Start { init, init_cpu, calls, peak_memory_kib: cpu::peak_memory_kib(pid)? })
}

fn command(name: &str, program: &Path, api: &RuntimeApi) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("AWS_ENDPOINT_URL", format!("http://{}", api.address()))
        .env("SHAREKEEP_TABLE_PREFIX", "bench-")
        .env("SHAREKEEP_RECORDS_BUCKET", "bench")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Ended with the measurement, also one that failed.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl FunctionRow {
    fn of(name: String, zip_bytes: u64, program_bytes: u64, starts: &[Start]) -> Self {
        let p = |of: fn(&Start) -> Option<Duration>, percent| {
            let sample: Vec<_> = starts.iter().filter_map(of).collect();
            (!sample.is_empty()).then(|| ms(percentile(&sample, percent)))
        };
        let init_p50_ms = p(|it| Some(it.init), 50).unwrap_or_default();
        Self {
            name,
            architecture: ARCHITECTURE[0],
            zip_bytes,
            program_bytes,
            init_p50_ms,
            init_p99_ms: p(|it| Some(it.init), 99).unwrap_or_default(),
            init_cpu_ms: p(|it| Some(it.init_cpu), 50).unwrap_or_default(),
            first_call_p50_ms: p(|it| it.calls.first().copied(), 50),
            second_call_p50_ms: p(|it| it.calls.get(1).copied(), 50),
            peak_memory_kib: starts.iter().map(|it| it.peak_memory_kib).max().unwrap_or_default(),
            met: init_p50_ms <= MOST_INIT_MS,
        }
    }

    /// The heading of [`FunctionRow::line`].
    pub(crate) fn heading() -> String {
        format!(
            "{:<10} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}  {}",
            "function",
            "zip MB",
            "MB",
            "init p50",
            "init p99",
            "init CPU",
            "1st call",
            "2nd call",
            "MiB",
            "target"
        )
    }

    /// For people; times in ms.
    pub(crate) fn line(&self) -> String {
        let or_dash = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
        format!(
            "{:<10} {:>7.2} {:>8.2} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>9} {:>8.1}  {}",
            self.name,
            self.zip_bytes as f64 / 1e6,
            self.program_bytes as f64 / 1e6,
            self.init_p50_ms,
            self.init_p99_ms,
            self.init_cpu_ms,
            or_dash(self.first_call_p50_ms),
            or_dash(self.second_call_p50_ms),
            self.peak_memory_kib as f64 / 1024.0,
            if self.met { "met" } else { "missed" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_takes_longer_than_its_target_has_missed_it() {
        let row = |init_ms| {
            let start = Start {
                init: Duration::from_millis(init_ms),
                init_cpu: Duration::ZERO,
                calls: Vec::new(),
                peak_memory_kib: 1,
            };
            FunctionRow::of("x".to_owned(), 0, 0, &[start])
        };
        assert!(row(100).met);
        let missed = row(101);
        assert!(!missed.met && missed.first_call_p50_ms.is_none());
        assert!(missed.line().ends_with("missed"));
    }
}

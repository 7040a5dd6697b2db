//! The `sharekeep-local` command: starts the embedded default and keeps it running.
#![expect(clippy::print_stdout, reason = "a command line talks to people")]

mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sharekeep_local::roles;

/// The embedded default of Sharekeep: the whole service on this machine, for development.
#[derive(Parser)]
#[command(name = "sharekeep-local", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start the stack and keep it running until interrupted.
    Up(up::Up),
    /// Development only: print the secrets that the data directory's master key opens, so that a
    /// search can look for them. The stack must be stopped.
    RevealSecrets {
        /// The data directory.
        #[arg(long)]
        data: PathBuf,
    },
    /// The enclave's process; started by `up`.
    #[command(hide = true)]
    Enclave,
    /// The functions' process; started by `up`.
    #[command(hide = true)]
    Functions,
}

fn main() -> ExitCode {
    start_log();
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match task {
        Task::Up(up) => runtime.block_on(up.run()),
        Task::RevealSecrets { data } => up::reveal(&data),
        Task::Enclave => Ok(runtime.block_on(roles::run_enclave())?),
        Task::Functions => Ok(runtime.block_on(roles::run_functions())?),
    }
}

/// Logs go to standard error, which for the children is their log file.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        // The embedded database warns of every condition that does not hold; those are answers.
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,dynoxide=error"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

//! What `./dev` does once Rust is there: set-up of cargo tools, the checks, builds, the running stack.
//!
//! Trusts the checkout it runs in and the package registries cargo is configured for. It handles
//! no keys. Every tool it installs is pinned and stays under `.cache/` in the checkout.
//!
//! ```text
//! ./dev test            # every stage
//! ./dev test fmt deny   # only these
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod aws;
mod check;
mod command;
mod doctor;
mod fuzz;
mod image;
mod infra;
mod lambdas;
mod programs;
mod python;
mod qemu;
mod setup;
mod stage;
mod vm;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};

use crate::command::cargo;
use crate::workspace::Workspace;

/// The one command line for everything a person does in this checkout.
#[derive(Parser)]
#[command(name = "./dev", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check, stopping at the first that fails.
    Test {
        /// Only these stages, in their usual order.
        stages: Vec<String>,
        /// Name the stages and stop.
        #[arg(long)]
        list: bool,
    },
    /// Start the embedded default and keep it running.
    Up {
        /// Passed on to the stack's own command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the stack and the command as a user would.
    Demo {
        /// Passed on to the demo.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure ceremonies, bare and through the whole stack.
    Bench {
        /// Passed on to the bench.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run fuzz targets from their seeds on.
    Fuzz {
        /// One target; all when none is named.
        target: Option<String>,
        /// How long each runs.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
        /// Name the targets and stop.
        #[arg(long)]
        list: bool,
    },
    /// Build the workspace, or what a deployment runs.
    Build {
        /// What to build.
        #[arg(value_enum, default_value_t = Target::Workspace)]
        target: Target,
        /// The trust configuration that is measured into the enclave's image.
        #[arg(long)]
        trust: Option<PathBuf>,
    },
    /// Build the image of a published manifest again, from nothing, and compare.
    VerifyImage {
        /// The published manifest.
        manifest: PathBuf,
        /// The trust configuration of the deployment.
        #[arg(long)]
        trust: PathBuf,
    },
    /// Format the sources.
    Fmt,
    /// Say what this machine has and what is missing.
    Doctor,
    /// Install what the checks need and stop.
    Setup,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Every crate, release profile.
    Workspace,
    /// The function binaries as Lambda deployment packages.
    Lambdas,
    /// The program of the enclave's host.
    Host,
    /// The enclave's image.
    Enclave,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n./dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::of_current_dir()?;
    match task {
        Task::Test { list: true, .. } => {
            check::print_stages();
            Ok(())
        }
        Task::Test { stages, list: false } => check::run(&workspace, &stages),
        Task::Up { arguments } => programs::up(&workspace, &arguments),
        Task::Demo { arguments } => programs::demo(&workspace, &arguments),
        Task::Bench { arguments } => programs::bench(&workspace, &arguments),
        Task::Fuzz { list: true, .. } => fuzz::list(&workspace),
        Task::Fuzz { target, seconds, list: false } => {
            fuzz::run(&workspace, &fuzz::Wish { target: target.as_deref(), seconds })
        }
        Task::Build { target: Target::Enclave, trust } => {
            image::build(&workspace, trust.as_deref())
        }
        Task::Build { trust: Some(_), .. } => bail!("--trust is for `build enclave`"),
        Task::Build { target: Target::Workspace, .. } => {
            cargo(["build", "--release", "--workspace", "--locked"]).run()
        }
        Task::Build { target: Target::Lambdas, .. } => lambdas::build(&workspace),
        Task::Build { target: Target::Host, .. } => lambdas::build_host(&workspace),
        Task::VerifyImage { manifest, trust } => image::verify(&workspace, &manifest, &trust),
        Task::Fmt => {
            cargo(["fmt", "--all"]).run()?;
            cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml"]).run()
        }
        Task::Doctor => doctor::run(&workspace),
        Task::Setup => setup::checks(&workspace),
    }
}

//! The `sharekeep-operator` command, which `sharekeep operator` starts: a thin layer over the library.
//! What is printed on standard output is the result (one JSON object with `--json`); prompts and
//! warnings go to standard error.

mod arguments;
mod cloud;
mod doctor;
mod file;
mod key;
mod release;
mod tenant;
mod trust;

use arguments::{Arguments, Command};
use clap::Parser;
use sharekeep::terminal::{self, Report};
use sharekeep_operator::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return terminal::parse_failure(&error),
    };
    let json = arguments.common.json;
    let result = tokio::runtime::Runtime::new()
        .map_err(|error| Error::Usage(format!("no threads to run on: {error}")))
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match result {
        Ok(report) => terminal::success(&report, json),
        Err(error) => {
            let (kind, message) = (error.kind(), error.to_string());
            terminal::failure(kind, &message, &terminal::failure_json(kind, None, &message), json)
        }
    }
}

async fn run(arguments: Arguments) -> sharekeep_operator::Result<Report> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Key(command) => key::run(&common, &command),
        Command::Trust(command) => trust::run(&command),
        Command::Tenant(command) => tenant::run(&common, &command).await,
        Command::Release(command) => release::run(&common, &command).await,
        Command::Doctor(options) => doctor::run(&options).await,
    }
}

//! The `sharekeep` command: a thin layer over the SDK. What is printed on standard output is the
//! result (one JSON object with `--json`); prompts, progress and warnings go to standard error.

mod address;
mod arguments;
mod backup;
mod context;
mod device;
mod doctor;
mod exit;
mod factor;
mod fresh_preparation;
mod init;
mod login;
mod message;
mod operator;
mod output;
mod prepare;
mod progress;
mod prompt;
mod release;
mod restore;
mod session;
mod sign;
mod unlock;
mod verify_enclave;
mod wallet;

use arguments::{Arguments, Command};
use clap::Parser;
use output::Report;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(arguments) = operator::arguments() {
        return operator::run(arguments);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::parse_failure(&error),
    };
    let json = arguments.common.json;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = sharekeep::Error::Unreachable(format!("no threads to run on: {error}"));
            return output::failure(&error, json);
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(report) => output::success(&report, json),
        Err(error) => output::failure(&error, json),
    }
}

async fn run(arguments: Arguments) -> sharekeep::Result<Report> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Init(options) => init::run(&common, &options),
        Command::Login(options) => login::run(&common, &options).await,
        Command::Logout => session::logout(&common).await,
        Command::Session(command) => session::run(&common, &command).await,
        Command::Wallet(command) => wallet::run(&common, &command).await,
        Command::Recovery(command) => factor::recovery(&common, &command).await,
        Command::Factor(command) => factor::run(&common, &command).await,
        Command::Backup(command) => backup::run(&common, &command).await,
        Command::Device(command) => device::run(&common, &command).await,
        Command::Events => device::events(&common).await,
        Command::Restore(options) => restore::run(&common, &options).await,
        Command::RecoverOffline(options) => restore::offline(&common, &options),
        Command::Prepare(options) => prepare::run(&common, &options).await,
        Command::Address(options) => address::run(&common, &options),
        Command::Sign(options) => sign::run(&common, &options).await,
        Command::VerifyEnclave => verify_enclave::run(&common).await,
        Command::Release(command) => release::run(&common, &command),
        Command::Doctor => doctor::run(&common).await,
        // Only behind other options: `operator` as the first word never comes here.
        Command::Operator { .. } => Err(operator::out_of_place()),
    }
}

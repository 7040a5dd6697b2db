//! A process of the stack in one of its roles, for tests that want the processes apart.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let result = match std::env::args().nth(1).as_deref() {
        Some("enclave") => sharekeep_local::roles::run_enclave().await,
        Some("functions") => sharekeep_local::roles::run_functions().await,
        _ => return ExitCode::from(2),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "stopped");
            ExitCode::FAILURE
        }
    }
}

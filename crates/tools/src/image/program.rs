use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, program};
use crate::workspace::Workspace;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds the enclave's program: static, and without a trace of the folders it was built in.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    install_target()?;
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir().context("nobody's home: set CARGO_HOME")?.join(".cargo"),
    };
    // Of two that fit the later one counts, for rustc as for gcc: the target folder is often in the
    // checkout.
    let folders = [
        (cargo_home, "/cargo"),
        (workspace.root().to_owned(), "/source"),
        (workspace.programs(""), "/target"),
    ];
    let remap = |option: &str, separator: &str| {
        let flags = folders.iter().map(|(folder, name)| {
            // As cargo names it: without a slash at the end.
            let folder = folder.components().collect::<PathBuf>();
            format!("{option}={}={name}", folder.display())
        });
        flags.collect::<Vec<_>>().join(separator)
    };
    cargo(["build", "--release", "--locked", "-p", "sharekeep-enclave-app"])
        .arguments(&["--bin", "sharekeep-enclave", "--target", TARGET])
        // Stands above all other ways to give flags, so that nobody's settings get into the image.
        .env("CARGO_ENCODED_RUSTFLAGS", remap("--remap-path-prefix", "\u{1f}"))
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
        .env("CARGO_INCREMENTAL", "0")
        .env("CC_x86_64_unknown_linux_musl", "musl-gcc")
        .env("CFLAGS_x86_64_unknown_linux_musl", remap("-ffile-prefix-map", " "))
        // A GMP of another checkout's, with another's flags, would do otherwise.
        .env("GMP_MPFR_SYS_CACHE", "_")
        .env("SOURCE_DATE_EPOCH", "0")
        .run()?;
    Ok(workspace.programs(TARGET).join("release/sharekeep-enclave"))
}

fn install_target() -> Result<()> {
    let installed = program("rustup", ["target", "list", "--installed"]).ask()?;
    ensure!(installed.succeeded, "rustup does not list its targets:\n{}", installed.stderr);
    if installed.stdout.lines().any(|line| line == TARGET) {
        return Ok(());
    }
    eprintln!("[set-up] will install Rust's {TARGET}: the enclave's program is static");
    program("rustup", ["target", "add", TARGET]).run()
}

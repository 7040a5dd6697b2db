use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, program};
use crate::workspace::Workspace;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Stand-ins for the security module and KMS, and a loader that a static program does not ask for.
const NEVER: [&str; 5] =
    ["crates/testkit/", "sharekeep_testkit", "sharekeep_local", "/lib64/ld-linux", "/lib/ld-musl"];

/// Builds the enclave's program: static, and without a trace of the folders it was built in.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
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
    ]
    // As cargo names them: without a slash at the end.
    .map(|(folder, name)| (folder.components().collect::<PathBuf>(), name));
    let remap = |option: &str, separator: &str| {
        let flags =
            folders.iter().map(|(folder, name)| format!("{option}={}={name}", folder.display()));
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
    let file = workspace.programs(TARGET).join("release/sharekeep-enclave");
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    // A checkout may well be in `/source`.
    let folders: Vec<_> = folders
        .iter()
        .filter(|(folder, name)| folder != Path::new(name))
        .map(|(folder, _)| format!("{}/", folder.display()))
        .collect();
    let found = unwanted(&bytes, folders.iter().map(String::as_str).chain(NEVER.iter().copied()));
    ensure!(found.is_empty(), "the enclave's program must not name {found:?}");
    Ok(file)
}

/// Which of `words` are in the program. Panics name the source file they are in, so a crate that is in
/// it can hardly be there unseen.
fn unwanted<'a>(program: &[u8], words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let text = String::from_utf8_lossy(program);
    words.filter(|word| text.contains(word)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_names_a_stand_in_or_the_folder_it_was_built_in_is_found() {
        let program =
            b"\x7fELF\xff\0\0/source/enclave-app/src/main.rs\0/build/me/x.c\xfecrates/testkit/src";
        let words = ["/build/me", "/build/you"].into_iter().chain(NEVER);
        assert_eq!(unwanted(program, words), ["/build/me", "crates/testkit/"]);
    }
}

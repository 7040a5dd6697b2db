use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::settings;
use crate::command::{cargo, program};
use crate::workspace::Workspace;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// What compilers, cargo and the builds of C libraries would take from the environment, by the
/// beginnings of the names.
pub(super) const SETTINGS: &[&str] = &[
    "AR",
    "AS",
    "AWS_LC_",
    "CARGO_BUILD_RUST",
    "CARGO_ENCODED_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL",
    "CC",
    "CFLAGS",
    "COMPILER_PATH",
    "CONFIG_SITE",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "CPPFLAGS",
    "CXX",
    "C_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "HOST_",
    "LDFLAGS",
    "LIBRARY_PATH",
    "RUSTC",
    "RUSTFLAGS",
    "TARGET_",
];

/// Builds the enclave's program: static, and without a trace of the folders it was built in.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    install_target()?;
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir().context("nobody's home: set CARGO_HOME")?.join(".cargo"),
    };
    let mut folders = [
        (cargo_home, "/cargo"),
        (workspace.root().to_owned(), "/source"),
        (workspace.programs(""), "/target"),
    ]
    // As cargo names them: without a slash at the end.
    .map(|(folder, name)| (folder.components().collect::<PathBuf>(), name));
    // Of two that fit the later one counts, for rustc as for gcc: what is in another folder comes
    // behind it, whichever that is.
    folders.sort_by_key(|(folder, _)| folder.components().count());
    let remap = |option: &str, separator: &str| {
        let flags =
            folders.iter().map(|(folder, name)| format!("{option}={}={name}", folder.display()));
        flags.collect::<Vec<_>>().join(separator)
    };
    let build = ["build", "--release", "--locked", "-p", "sharekeep-enclave-app"];
    cargo(build)
        .arguments(&["--bin", "sharekeep-enclave", "--target", TARGET])
        .without(settings(SETTINGS))
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
    let found = named(&bytes, folders.iter().map(String::as_str));
    ensure!(found.is_empty(), "the enclave's program names where it was built: {found:?}");
    Ok(file)
}

/// Which of `folders` the program names. What else has no place in it, whoever puts the image
/// together refuses.
fn named<'a>(program: &[u8], folders: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let text = String::from_utf8_lossy(program);
    folders.filter(|folder| text.contains(folder)).collect()
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
    fn a_program_that_names_the_folder_it_was_built_in_is_found() {
        let program = b"\x7fELF\xff\0\0/source/enclave-app/src/main.rs\0/build/me/x.c\xfe";
        let folders = ["/build/me/", "/build/you/"].into_iter();
        assert_eq!(named(program, folders), ["/build/me/"]);
    }
}

//! `./dev demo`: a user's first wallets and signatures, on the whole service on this machine.
#![expect(clippy::print_stdout, reason = "a command line talks to people")]

mod secrecy;
mod story;
mod table;

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

/// The whole service on this machine, and a user's first wallets and signatures.
#[derive(Parser)]
struct Arguments {
    /// Where to keep what the demo makes; emptied first.
    #[arg(long, default_value = ".cache/demo")]
    directory: PathBuf,
    /// Leave out what only impresses (the second cggmp24 wallet): for continuous integration.
    #[arg(long)]
    short: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = empty(&arguments.directory)?;
    story::tell(&directory, arguments.short)
}

/// Only ever empties what an earlier demo made: it leaves a mark.
fn empty(directory: &Path) -> Result<PathBuf> {
    let mark = directory.join("made-by-the-demo");
    if directory.exists() {
        let ours = mark.exists() || std::fs::read_dir(directory)?.next().is_none();
        anyhow::ensure!(ours, "{} holds something else", directory.display());
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    std::fs::write(mark, "")?;
    directory.canonicalize().context("the directory is gone")
}

/// A fresh random text in a file that only this user can read.
fn secret_file(path: &Path) -> Result<()> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut file, hex::encode(bytes).as_bytes())?;
    Ok(())
}

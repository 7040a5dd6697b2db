use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Accept signed releases: their images are trusted from now on, and what they withdraw never again
    Add {
        /// Signed releases
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the releases that this device accepts
    List,
    /// Verify a signed release and show what it says; needs no network
    Show {
        /// A signed release
        file: PathBuf,
        /// The release keys to verify it with [default: those of this device]
        #[arg(long, value_name = "FILE")]
        release_keys: Option<PathBuf>,
    },
}

use super::Table;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Write a release of an image that was built; nobody has signed it then
    New(NewRelease),
    /// Sign a release with one person's key; needs no network
    Sign {
        /// The release, with the signatures that it has
        release: PathBuf,
        /// The person's release key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        basis: Basis,
        /// The manifest of your own build: nothing is signed but a release of the same image
        #[arg(long, value_name = "FILE", required_unless_present = "unseen")]
        manifest: Option<PathBuf>,
        /// Sign an image that you have not built: you vouch for what somebody else says it is, and if all
        /// signers do, one person decides which image clients believe
        #[arg(long, conflicts_with = "manifest")]
        unseen: bool,
        /// Where the signed release will be; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put together what different people signed
    Combine {
        /// A release with signatures
        #[arg(value_name = "RELEASE")]
        first: PathBuf,
        /// The same release with others
        #[arg(required = true, value_name = "RELEASE")]
        others: Vec<PathBuf>,
        /// Where the release will be with all of them; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print a release and who signed it; fails if fewer did than must
    Show {
        /// The release
        release: PathBuf,
        /// The deployment's trust configuration
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
    },
    /// Write the release keys as clients pin them
    Keys {
        /// The deployment's trust configuration
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// Where they will be; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Hand signed releases to users, in place of what they were handed before
    Publish {
        /// Every release that is to hold
        #[arg(required = true)]
        releases: Vec<PathBuf>,
        /// Do so even if what they are handed now names a higher minimum version, which devices that have
        /// not seen it will then not learn here, or is not signed by these keys
        #[arg(long)]
        replace_anything: bool,
        #[command(flatten)]
        table: Table,
    },
    /// List the releases that users are handed, each verified
    List {
        #[command(flatten)]
        table: Table,
    },
}

#[derive(Args)]
pub(crate) struct NewRelease {
    /// Where it will be; it must not exist
    pub(crate) file: PathBuf,
    /// The manifest that the build wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) basis: Basis,
    /// Its version: higher than that of any release before
    #[arg(long, value_name = "NUMBER")]
    pub(crate) release_version: u64,
    /// The least version that clients still accept. It never falls on a device that saw it: all below are
    /// withdrawn for ever. A release that has the highest number there is as version and as minimum would
    /// end the deployment for all of them, since none can come after it
    #[arg(long, value_name = "NUMBER")]
    pub(crate) minimum_version: u64,
}

/// What a release is held against.
#[derive(Args)]
pub(crate) struct Basis {
    /// The deployment's trust configuration: that of the image, or it is refused
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// The release keys that clients pin, from `release keys`, while they are being changed [default: those
    /// of the trust configuration]
    #[arg(long, value_name = "FILE")]
    pub(crate) pinned: Option<PathBuf>,
    /// The signed release that comes before: the version is above its, by at most 1000
    #[arg(long, value_name = "RELEASE", required_unless_present = "first")]
    pub(crate) after: Option<PathBuf>,
    /// These release keys have signed none before: the version is at most 1000
    #[arg(long, conflicts_with = "after")]
    pub(crate) first: bool,
}

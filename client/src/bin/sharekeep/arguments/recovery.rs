//! Arguments of what concerns factors, backups and devices.

use clap::{Args, Subcommand};
use sharekeep_schemas::{DeviceId, FactorId, FactorKind};
use std::num::NonZeroU8;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Choose how wallets are recovered; needed once before the first wallet
    Setup(Setup),
    /// Show how wallets are recovered, and settle what was interrupted
    Status,
}

#[derive(Args)]
pub(crate) struct Setup {
    /// The factors to set up: passcode, recovery-code, export-file, cloud-file
    #[arg(
        long = "factor",
        value_name = "KIND",
        value_delimiter = ',',
        default_value = "passcode,recovery-code"
    )]
    pub(crate) factors: Vec<FactorKind>,
    #[command(flatten)]
    pub(crate) new: NewFactors,
    #[command(flatten)]
    pub(crate) waiver: WaiverOption,
}

/// Where the secrets of new factors come from and go to.
#[derive(Args)]
pub(crate) struct NewFactors {
    /// Read the new passcode from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passcode_file: Option<PathBuf>,
    /// Write the recovery code into this new file instead of showing it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_code_file: Option<PathBuf>,
    /// Write the export file here
    #[arg(long, value_name = "FILE")]
    pub(crate) new_export_file: Option<PathBuf>,
    /// Read the export file's new passphrase from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_export_passphrase_file: Option<PathBuf>,
    /// Write the cloud file here; put it into your cloud storage
    #[arg(long, value_name = "FILE")]
    pub(crate) new_cloud_file: Option<PathBuf>,
    /// How many wrong guesses destroy the new passcode, 1 to 255 [default: the service's, 10;
    /// also where one is replaced that had its own]
    #[arg(long, value_name = "N")]
    pub(crate) guesses: Option<NonZeroU8>,
}

/// The user's word that guesses may destroy every factor.
#[derive(Args)]
pub(crate) struct WaiverOption {
    /// Accept that all factors need a passcode: whoever can sign in as you can destroy them by
    /// guessing wrong
    #[arg(long)]
    pub(crate) without_second_factor: bool,
}

/// Which factor unlocks, and where its secret is.
#[derive(Args)]
pub(crate) struct Unlock {
    /// The kind of factor to unlock with: passcode, recovery-code, export-file, cloud-file
    /// [default: by the files given, or passcode]
    #[arg(long, value_name = "KIND")]
    pub(crate) with: Option<FactorKind>,
    /// Which passcode, if there is more than one
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) with_factor: Option<FactorId>,
    /// Read the passcode from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) passcode_file: Option<PathBuf>,
    /// Read the recovery code from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) code_file: Option<PathBuf>,
    /// The export file
    #[arg(long, value_name = "FILE")]
    pub(crate) export_file: Option<PathBuf>,
    /// Read the export file's passphrase from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) export_passphrase_file: Option<PathBuf>,
    /// The cloud file; its passcode is asked for too
    #[arg(long, value_name = "FILE")]
    pub(crate) cloud_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum FactorCommand {
    /// Add a factor
    Add {
        /// passcode, recovery-code, export-file or cloud-file
        kind: FactorKind,
        /// What you call it; whoever runs the service can read it
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        new: NewFactors,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// List the factors
    List,
    /// Put a new factor of the same kind in place of one
    Replace {
        /// The factor's id, from `factor list`
        #[arg(allow_hyphen_values = true)]
        id: FactorId,
        #[command(flatten)]
        new: NewFactors,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Remove a factor: it opens nothing that is stored afterwards
    Remove {
        /// The factor's id, from `factor list`
        #[arg(allow_hyphen_values = true)]
        id: FactorId,
        #[command(flatten)]
        waiver: WaiverOption,
        #[command(flatten)]
        unlock: Unlock,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum BackupCommand {
    /// List the stored backups
    List,
    /// Read backups and compare them with what this device stored; given a factor, also open them
    Verify {
        /// Id or name of a wallet [default: all of this device]
        #[arg(allow_hyphen_values = true)]
        wallet: Option<String>,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Download all backups into a bundle that opens without the service
    Download {
        /// Write the bundle into this new file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Delete the backup of a wallet that was put away
    Delete {
        /// Id or name of the wallet
        #[arg(allow_hyphen_values = true)]
        wallet: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum DeviceCommand {
    /// List the user's devices
    List,
    /// Name a device
    Name {
        /// The device's id, from `device list`, or `this`
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// The name; whoever runs the service can read it
        name: String,
    },
    /// Revoke a device: it and its sessions can do nothing any more
    Revoke {
        /// The device's id, from `device list`
        #[arg(allow_hyphen_values = true)]
        id: DeviceId,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// This device is lost: revoke it; give it again for further ones
    #[arg(long, value_name = "DEVICE", allow_hyphen_values = true, group = "old-devices")]
    pub(crate) lost: Vec<DeviceId>,
    /// All other devices are lost: revoke them
    #[arg(long, group = "old-devices")]
    pub(crate) all_lost: bool,
    /// No device is lost
    #[arg(long, group = "old-devices")]
    pub(crate) keep_old_devices: bool,
    /// Go on with the preparation that came with the backups; otherwise a fresh one is made once
    /// all is reported, which takes a while and can be interrupted
    #[arg(long)]
    pub(crate) no_fresh_preparation: bool,
}

#[derive(Args)]
pub(crate) struct RecoverOffline {
    /// The bundle, from `backup download`
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

//! The command line. No option takes a secret: other users of a machine can read a process's
//! arguments, so secrets come from files, prompts or other commands' output.

mod recovery;
mod release;

pub(crate) use recovery::{
    BackupCommand, DeviceCommand, FactorCommand, NewFactors, RecoverOffline, RecoveryCommand,
    Restore, Setup, Unlock, WaiverOption,
};
pub(crate) use release::ReleaseCommand;

use crate::exit;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sharekeep::{ProviderUrl, ServiceUrl};
use sharekeep_schemas::{Protocol, Scheme, Scope, SessionKeyId, TenantId};
use std::ffi::OsString;
use std::path::PathBuf;

/// Wallets whose keys never exist in one place: one share is on this device, the other one in an
/// enclave that proves what it is.
#[derive(Parser)]
#[command(name = "sharekeep", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args)]
pub(crate) struct Common {
    /// This device's directory [default: the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = sharekeep::HOME_VARIABLE, hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Read the passphrase from a file instead of asking for it
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SHAREKEEP_PASSPHRASE_FILE",
        hide_env_values = true
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Set this device up: where the service is and what it must prove
    Init(Init),
    /// Sign in: open a session
    Login(Login),
    /// Sign out: end this device's session
    Logout,
    /// Sessions of the user, on this and other devices
    #[command(subcommand)]
    Session(SessionCommand),
    /// Wallets
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// How wallets are recovered when this device is lost
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// The factors that unlock backups
    #[command(subcommand)]
    Factor(FactorCommand),
    /// Backups of wallets
    #[command(subcommand)]
    Backup(BackupCommand),
    /// The user's devices
    #[command(subcommand)]
    Device(DeviceCommand),
    /// What happened on the user's devices, newest first
    Events,
    /// Bring all wallets to this device; after `init` and `login` on a new one
    Restore(Restore),
    /// Open a downloaded bundle with no service: the shares come to this device
    RecoverOffline(RecoverOffline),
    /// Make ahead of time what signing needs once (cggmp24: some ten seconds of all cores)
    Prepare(Prepare),
    /// A wallet's address
    Address(Address),
    /// Sign a message or a transaction
    Sign(Sign),
    /// Ask the enclave for proof of what it is, and check it
    VerifyEnclave,
    /// The releases that say which enclave images are trusted
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Check this device, the service and the way between them
    Doctor,
    /// Run a deployment: keys, trust configuration, tenants, checks. Starts `sharekeep-operator`, a
    /// program of its own, with everything that follows
    #[command(disable_help_flag = true)]
    Operator {
        /// What to do; `sharekeep operator help` says what there is
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
}

#[derive(Args)]
pub(crate) struct Init {
    /// The service: https://host[:port] (http only on this machine)
    #[arg(long)]
    pub(crate) url: ServiceUrl,
    /// The app whose user you are
    #[arg(long)]
    pub(crate) tenant: TenantId,
    /// Root certificate that attestations must lead to: `aws`, or a PEM or DER file
    #[arg(long, value_name = "aws|FILE", default_value = "aws")]
    pub(crate) root: String,
    /// Whose word counts for which enclave images are trusted: the deployment's release keys
    #[arg(long, value_name = "FILE")]
    pub(crate) release_keys: PathBuf,
    /// A signed release to begin with; give it again for each. With --update, those that are accepted
    /// stay
    #[arg(long, value_name = "FILE", required_unless_present = "update")]
    pub(crate) release: Vec<PathBuf>,
    /// Certificate authorities (PEM) to trust for the service instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Replace the settings of a device that is set up; keys and wallets stay
    #[arg(long)]
    pub(crate) update: bool,
}

#[derive(Args)]
pub(crate) struct Login {
    /// Run this command to get a token; it finds the nonce to ask for in SHAREKEEP_NONCE and
    /// prints a JWT
    #[arg(long, value_name = "COMMAND", group = "source")]
    pub(crate) token_command: Option<String>,
    /// Read the token from a file (`-`: standard input); the nonce it must carry is shown first
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) token_file: Option<PathBuf>,
    /// Ask this identity provider (OIDC issuer) by user name and password
    #[arg(long, value_name = "URL", group = "source", requires_all = ["user", "password_file"])]
    pub(crate) idp: Option<ProviderUrl>,
    /// The user's name at the identity provider
    #[arg(long, value_name = "NAME", requires = "idp")]
    pub(crate) user: Option<String>,
    /// File that holds the user's password at the identity provider
    #[arg(long, value_name = "FILE", requires = "idp")]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificate authorities (PEM) to trust for the identity provider
    #[arg(long, value_name = "FILE", requires = "idp")]
    pub(crate) idp_ca: Option<PathBuf>,
    /// The client id at the identity provider [default: the tenant's name]
    #[arg(long, value_name = "ID", requires = "idp")]
    pub(crate) client_id: Option<String>,
    /// What the session may do [default: everything]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scope: Vec<Scope>,
    /// End the session earlier than usual
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lifetime: Option<u64>,
}

#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// List the user's sessions
    List,
    /// End a session
    Revoke {
        /// The session's id, from `session list`
        #[arg(allow_hyphen_values = true)]
        id: SessionKeyId,
    },
}

#[derive(Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a wallet
    Create {
        /// What it signs: ecdsa-secp256k1 (Ethereum), schnorr-bip340 (Bitcoin taproot),
        /// eddsa-ed25519 (Solana)
        #[arg(long)]
        scheme: Scheme,
        /// How device and enclave sign together: cggmp24 or dkls23 (fast, not audited) for
        /// ecdsa-secp256k1, frost for the others [default: cggmp24 or frost]
        #[arg(long)]
        protocol: Option<Protocol>,
        /// A name, kept on this device
        #[arg(long)]
        name: Option<String>,
        /// Leave what signing needs once for later
        #[arg(long)]
        no_prepare: bool,
    },
    /// List the user's wallets
    List {
        /// Only what this device knows, without asking the service
        #[arg(long)]
        offline: bool,
    },
    /// Show a wallet
    Show {
        /// Id or name
        #[arg(allow_hyphen_values = true)]
        wallet: String,
    },
    /// Activate a wallet whose making was interrupted
    Activate {
        /// Id or name
        #[arg(allow_hyphen_values = true)]
        wallet: String,
    },
    /// Put a wallet away: it never signs again
    Archive {
        /// Id or name
        #[arg(allow_hyphen_values = true)]
        wallet: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Erase a half-made wallet from this device
    Forget {
        /// Id or name
        #[arg(allow_hyphen_values = true)]
        wallet: String,
    },
}

#[derive(Args)]
pub(crate) struct Prepare {
    /// For this wallet (dkls23 prepares for each wallet); otherwise for all cggmp24 wallets
    #[arg(allow_hyphen_values = true)]
    pub(crate) wallet: Option<String>,
    /// Make it anew although it is there
    #[arg(long)]
    pub(crate) again: bool,
}

/// A blockchain, as far as addresses are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Chain {
    /// And all chains with its addresses
    Ethereum,
    /// Taproot (BIP-86) for schnorr-bip340, P2WPKH for ecdsa-secp256k1
    Bitcoin,
    /// The public key in base58
    Solana,
}

/// A Bitcoin network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Network {
    Bitcoin,
    Testnet,
    Signet,
    Regtest,
}

#[derive(Args)]
pub(crate) struct Address {
    /// Id or name of the wallet
    #[arg(allow_hyphen_values = true)]
    pub(crate) wallet: String,
    /// On which chain [default: the scheme's usual one]
    #[arg(long)]
    pub(crate) chain: Option<Chain>,
    /// On which Bitcoin network
    #[arg(long, default_value = "bitcoin")]
    pub(crate) network: Network,
}

#[derive(Args)]
pub(crate) struct Sign {
    /// Id or name of the wallet
    #[arg(allow_hyphen_values = true)]
    pub(crate) wallet: String,
    #[command(subcommand)]
    pub(crate) kind: SignKind,
}

#[derive(Subcommand)]
pub(crate) enum SignKind {
    /// Unsigned transaction: EIP-1559, EIP-2930, or EIP-155 legacy
    EthereumTransaction(Message),
    /// Text (EIP-191)
    EthereumText(Message),
    /// Typed data (EIP-712), as JSON
    EthereumTypedData {
        #[command(flatten)]
        message: Message,
        /// The chain the signature is meant for; must be the domain's
        #[arg(long)]
        chain_id: u64,
    },
    /// Partially signed Bitcoin transaction (BIP-174)
    BitcoinPsbt {
        #[command(flatten)]
        message: Message,
        #[command(flatten)]
        bitcoin: Bitcoin,
    },
    /// Unsigned Bitcoin transaction
    BitcoinTransaction {
        #[command(flatten)]
        message: Message,
        #[command(flatten)]
        bitcoin: Bitcoin,
        /// An output that is spent, in the order of the inputs: satoshis and script in hex
        #[arg(long, value_name = "SATOSHIS:SCRIPT", required = true)]
        spent: Vec<String>,
    },
    /// Solana message, legacy or version 0
    SolanaMessage(Message),
    /// Bytes that are no transaction, under a prefix that keeps them from ever becoming one
    Raw(Message),
}

#[derive(Args)]
pub(crate) struct Bitcoin {
    /// The input to sign; give it again for further inputs
    #[arg(long, default_value = "0")]
    pub(crate) input: Vec<u32>,
    /// How addresses are shown
    #[arg(long, default_value = "bitcoin")]
    pub(crate) network: Network,
}

#[derive(Args)]
pub(crate) struct Message {
    /// The message itself; otherwise it is read from --file
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub(crate) message: Option<String>,
    /// Read the message from a file (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How the message is written [default: by its kind; raw bytes in files are recognised]
    #[arg(long)]
    pub(crate) encoding: Option<TextEncoding>,
    /// Write the result to a file as well, in the form that is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Sign without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// How bytes are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TextEncoding {
    /// Hexadecimal, with or without 0x
    Hex,
    /// Base64
    Base64,
    /// As they are
    Plain,
}

#[cfg(test)]
mod tests;

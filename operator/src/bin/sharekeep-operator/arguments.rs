//! The command line. No option takes a secret: keys are in sealed files, passphrases are typed or read
//! from a file.

mod release;

pub(crate) use release::{Basis, NewRelease, ReleaseCommand};

use clap::{Args, Parser, Subcommand};
use sharekeep::ServiceUrl;
use sharekeep_operator::PublicKey;
use sharekeep_schemas::TenantId;
use std::path::PathBuf;

/// The table as `--help` shows it. The codes are those of `sharekeep`.
const HELP: &str = "\
Region and credentials are found as by every AWS tool (AWS_PROFILE,
AWS_REGION, AWS_ENDPOINT_URL and so on).

Exit codes:
  0  done
  1  done, but something needs attention (doctor, tenant list)
  2  wrong use: an argument, a file or a document that makes no sense
  3  refused: by AWS, or because there is a newer document
  4  a document or an enclave is not to be trusted
  5  AWS or the service cannot be reached or is busy
  6  files on this machine: wrong passphrase, damaged, there already";

/// What an operator does by hand: keys, the trust configuration, tenants, releases, checks of a deployment.
#[derive(Parser)]
#[command(name = "sharekeep-operator", version, after_help = HELP, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args)]
pub(crate) struct Common {
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
    /// Keys of people, each in a file under a passphrase
    #[command(subcommand)]
    Key(KeyCommand),
    /// The trust configuration, which is measured into an image
    #[command(subcommand)]
    Trust(TrustCommand),
    /// The documents of tenants, which say what holds for an app
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Releases of images, signed by several people, which clients believe
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Check a deployment: key, policy, enclave, clock, tables, buckets, fleet, quotas
    Doctor(Doctor),
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print its public half
    New {
        /// What it will sign: documents of tenants, or releases of images
        #[arg(value_name = "operator|release", value_parser = ["operator", "release"])]
        purpose: String,
        /// Where its file will be; it must not exist
        file: PathBuf,
        /// Whose it is, in words
        #[arg(long)]
        name: String,
    },
    /// Print a key's public half; shows that the passphrase is right
    Show {
        /// The key's file
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum TrustCommand {
    /// Write a trust configuration
    New(Box<NewTrust>),
    /// Print a trust configuration, with its hash as clients see it in an attestation
    Show {
        /// The trust configuration
        file: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct NewTrust {
    /// Where it will be; it must not exist
    pub(crate) file: PathBuf,
    /// The deployment's name
    #[arg(long)]
    pub(crate) deployment: String,
    /// The public key that signs documents of tenants
    #[arg(long, value_name = "HEX")]
    pub(crate) operator_key: PublicKey,
    /// A public key that signs releases of images; give it again for each
    #[arg(long, value_name = "HEX", required = true)]
    pub(crate) release_key: Vec<PublicKey>,
    /// How many of them must have signed a release
    #[arg(long, value_name = "NUMBER")]
    pub(crate) release_threshold: u32,
    /// The KMS key, by its ARN; its region is the deployment's
    #[arg(long, value_name = "ARN")]
    pub(crate) kms_key_arn: String,
    /// A place besides KMS that the enclave may dial (host:port): where identity providers have their
    /// keys; give it again for each
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) egress: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Sign a description (TOML); needs no network
    Sign {
        /// The description
        description: PathBuf,
        /// The operator's key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The deployment's trust configuration
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// The signed document that holds now (from `tenant get --out`); the new serial must be higher
        #[arg(long, value_name = "FILE", required_unless_present = "first")]
        current: Option<PathBuf>,
        /// The tenant is new: there is no document yet
        #[arg(long, conflicts_with = "current")]
        first: bool,
        /// Where the signed document will be; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify a signed document and print its description
    Show {
        /// The signed document
        document: PathBuf,
        /// The deployment's trust configuration
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
    },
    /// Put a signed document into the deployment, in place of an older one only
    Put {
        /// The signed document
        document: PathBuf,
        #[command(flatten)]
        table: Table,
    },
    /// Print a tenant's description as the deployment has it, verified
    Get {
        /// The tenant
        tenant: TenantId,
        /// Write the signed document to a file that must not exist
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        table: Table,
    },
    /// List the deployment's tenants, each verified
    List {
        #[command(flatten)]
        table: Table,
    },
}

/// Where documents lie and who must have signed them.
#[derive(Args)]
pub(crate) struct Table {
    /// The deployment's trust configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// What the names of the deployment's tables begin with
    #[arg(long, value_name = "PREFIX", env = "SHAREKEEP_TABLE_PREFIX", hide_env_values = true)]
    pub(crate) table_prefix: String,
}

#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) table: Table,
    /// The measurements of the image that runs, as infra/deploy reads them: {"PCR0", "PCR1", "PCR2"}
    #[arg(long, value_name = "FILE")]
    pub(crate) pcrs: PathBuf,
    /// The image that takes over, during a rollover
    #[arg(long, value_name = "FILE")]
    pub(crate) next_pcrs: Option<PathBuf>,
    /// The key's policy was frozen for ever
    #[arg(long)]
    pub(crate) frozen: bool,
    /// The enclave hosts' role
    #[arg(long, value_name = "ARN")]
    pub(crate) host_role: String,
    /// The role that may change the key's policy
    #[arg(long, value_name = "ARN")]
    pub(crate) break_glass_role: String,
    /// The role that may look at the key
    #[arg(long, value_name = "ARN")]
    pub(crate) audit_role: String,
    /// The AWS profile to look at the key with: the audit role [default: as for the rest]
    #[arg(long, value_name = "NAME")]
    pub(crate) key_profile: Option<String>,
    /// The bucket of committed records
    #[arg(long, value_name = "NAME")]
    pub(crate) records_bucket: Option<String>,
    /// The bucket of the audit log
    #[arg(long, value_name = "NAME")]
    pub(crate) audit_bucket: Option<String>,
    /// The service as its users reach it
    #[arg(long)]
    pub(crate) url: Option<ServiceUrl>,
    /// Root certificate that attestations must lead to: `aws`, or a PEM or DER file
    #[arg(long, value_name = "aws|FILE", default_value = "aws")]
    pub(crate) root: String,
    /// Certificate authorities (PEM) to trust for the service instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Everything an operator can read about the command.
    fn help() -> String {
        fn collect(command: &mut clap::Command, path: &str, text: &mut String) {
            let path = format!("{path}{}", command.get_name());
            text.push_str(&format!("===== {path} =====\n{}\n", command.render_long_help()));
            for inner in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
                collect(inner, &format!("{path} "), text);
            }
        }
        let mut text = String::new();
        let mut command = Arguments::command();
        command.build();
        collect(&mut command, "", &mut text);
        text
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Set `SHAREKEEP_UPDATE_SNAPSHOTS=1` to write the new text.
    #[test]
    fn help_says_what_the_snapshot_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/sharekeep-operator/help.txt");
        let help = help();
        if std::env::var_os("SHAREKEEP_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &help).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), help, "update {path}");
    }

    #[test]
    fn keys_on_the_command_line_are_public_ones_or_files() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                let secret = ["pass", "secret", "seed", "key"].iter().any(|word| id.contains(word));
                let known = [
                    "passphrase_file",
                    "operator_key",
                    "release_key",
                    "kms_key_arn",
                    "key_profile",
                    "key",
                ];
                assert!(!secret || known.contains(&id), "{id} would put a secret in view");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }

    #[test]
    fn a_document_is_signed_as_the_first_or_after_a_current_one() {
        let parse = |options: &[&str]| {
            let common = ["x", "tenant", "sign", "d", "--key", "k", "--trust", "t", "--out", "o"];
            Arguments::try_parse_from([&common[..], options].concat()).is_ok()
        };
        assert!(parse(&["--first"]) && parse(&["--current", "c"]));
        assert!(!parse(&[]) && !parse(&["--first", "--current", "c"]));
    }
}

//! What commands do at a terminal: ask, print, and say how they ended. Shared by `sharekeep` and
//! `sharekeep-operator`, so that both behave alike. Standard output carries the result (one JSON object
//! with `--json`); prompts and warnings go to standard error.

pub mod exit;
mod findings;
mod prompt;
mod report;

pub use findings::{Finding, Findings, Health};
pub use prompt::{
    confirm, has_passphrase, new_passphrase, new_secret, passphrase, secret, secret_file,
    somebody_is_there,
};
pub use report::{Report, failure, failure_json, parse_failure, printable, say, success, table};

//! Exit codes: one for each sort of failure, for scripts to branch on.

use crate::ErrorKind;

/// Done, but something needs attention: what `doctor` or `backup verify` found, a wallet that
/// `restore` could not bring back, or backups that could not be read back or stored anew.
pub const UNHEALTHY: u8 = 1;

/// The exit code of a failure.
pub fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => 2,
        ErrorKind::Refused => 3,
        ErrorKind::Trust => 4,
        ErrorKind::Unavailable => 5,
        ErrorKind::LocalState => 6,
        ErrorKind::Protocol => 7,
        ErrorKind::NotSignedIn => 8,
        ErrorKind::Declined => 9,
        ErrorKind::Factor => 10,
        ErrorKind::NoRecovery => 11,
    }
}

/// The name of a sort of failure in JSON.
pub fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Usage => "usage",
        ErrorKind::Refused => "refused",
        ErrorKind::Trust => "trust",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::LocalState => "local-state",
        ErrorKind::Protocol => "protocol",
        ErrorKind::NotSignedIn => "not-signed-in",
        ErrorKind::Declined => "declined",
        ErrorKind::Factor => "factor",
        ErrorKind::NoRecovery => "no-recovery",
    }
}

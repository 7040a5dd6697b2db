//! Exit codes: one for each sort of failure, for scripts to branch on.

pub(crate) use sharekeep::terminal::exit::{UNHEALTHY, code};

/// The table as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  done, but something needs attention (doctor, backup verify, restore,
     factor, prepare)
  2  wrong use: an argument, a setting or a message that makes no sense
  3  refused by the service or by the identity provider
  4  the enclave, its attestation or a receipt is not to be trusted
  5  the service cannot be reached or is busy
  6  files on this device: not set up, wrong passphrase, in use, damaged
  7  the ceremony failed: somebody does not keep to the protocol
  8  not signed in, or the session is over
  9  declined by the user
 10  the passcode, recovery code or file is wrong
 11  recovery is not set up: run `sharekeep recovery setup`";

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep::ErrorKind;

    #[test]
    fn every_code_of_a_failure_is_in_the_table() {
        let kinds = [
            ErrorKind::Usage,
            ErrorKind::Refused,
            ErrorKind::Trust,
            ErrorKind::Unavailable,
            ErrorKind::LocalState,
            ErrorKind::Protocol,
            ErrorKind::NotSignedIn,
            ErrorKind::Declined,
            ErrorKind::Factor,
            ErrorKind::NoRecovery,
        ];
        let codes: std::collections::BTreeSet<_> = kinds.map(code).into();
        assert_eq!(codes.len(), kinds.len());
        // What scripts are told of a device that was revoked.
        assert_eq!(code(ErrorKind::Refused), 3);
        for code in codes {
            assert!(HELP.contains(&format!("\n {code:2}  ")), "{code}");
        }
    }
}

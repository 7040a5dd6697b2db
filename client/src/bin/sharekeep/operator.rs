//! Hands over to the operator's program. It is another one, so that what users run has no client of a
//! cloud in it.

use crate::output;
use sharekeep::Error;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

const PROGRAM: &str = "sharekeep-operator";

/// What follows `sharekeep operator`, if that is what was typed. Taken as it is: the other program
/// knows what it means.
pub(crate) fn arguments() -> Option<Vec<OsString>> {
    after_operator(std::env::args_os().skip(1))
}

fn after_operator(mut words: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    (words.next()?.as_os_str() == OsStr::new("operator")).then(|| words.collect())
}

/// Becomes the operator's program: the one beside this one, or else the first on the PATH.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let json = arguments.iter().any(|argument| argument == "--json");
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name(PROGRAM));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| PROGRAM.into());
    let source = Command::new(program).args(arguments).exec();
    let error = match source.kind() {
        std::io::ErrorKind::NotFound => Error::Usage(format!(
            "{PROGRAM} is not installed: put it beside this program or on the PATH"
        )),
        _ => Error::File { path: PROGRAM.into(), source },
    };
    output::failure(&error, json)
}

pub(crate) fn out_of_place() -> Error {
    Error::Usage("`operator` comes first: sharekeep operator ...".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(words: &[&str]) -> Option<Vec<OsString>> {
        after_operator(words.iter().map(OsString::from))
    }

    #[test]
    fn everything_after_operator_is_the_other_programs() {
        let expected = ["key", "--help", "--json"].map(OsString::from).to_vec();
        assert_eq!(after(&["operator", "key", "--help", "--json"]), Some(expected));
        assert_eq!(after(&["operator"]), Some(vec![]));
        assert_eq!(after(&["wallet", "operator"]), None);
        assert_eq!(after(&[]), None);
    }
}

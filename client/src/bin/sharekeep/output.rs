//! What a command prints.

pub(crate) use sharekeep::terminal::{Report, parse_failure, printable, say, success, table};

use sharekeep::Error;
use sharekeep::terminal::failure_json;
use sharekeep_schemas::ProblemCode;
use std::process::ExitCode;

/// Prints a failure: for people on standard error, for programs as the one object.
pub(crate) fn failure(error: &Error, json: bool) -> ExitCode {
    let message = error.to_string();
    let mut object = failure_json(error.kind(), error.code().map(|code| code.as_str()), &message);
    if let Error::WrongPasscode { guesses_left, next_guess_unix_s } = error {
        object["error"]["guesses_left"] = (*guesses_left).into();
        object["error"]["next_guess_unix_s"] = (*next_guess_unix_s).into();
    }
    let code = sharekeep::terminal::failure(error.kind(), &message, &object, json);
    if !json {
        error.code().and_then(hint).into_iter().for_each(say);
    }
    code
}

/// What helps where a refusal alone does not say.
fn hint(code: ProblemCode) -> Option<&'static str> {
    match code {
        // Whoever holds nothing but a token must not do this.
        ProblemCode::FactorNeeded => Some(
            "Unlock a factor on this device with `sharekeep restore`, also where there is nothing to \
             restore; with `--lost DEVICE` it revokes another.",
        ),
        _ => None,
    }
}

//! What a command prints.

use crate::exit;
use serde_json::{Value, json};
use sharekeep::Error;
use sharekeep_schemas::ProblemCode;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// The result of a command, for people and for programs.
pub(crate) struct Report {
    /// Lines for people.
    pub(crate) text: String,
    /// The same for programs.
    pub(crate) json: Value,
    /// The exit code.
    pub(crate) code: u8,
}

impl Report {
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: 0 }
    }

    /// Prints it before the command has ended; what is left is how that ends.
    pub(crate) fn print_early(self, json: bool) -> Self {
        print(&self, json);
        Self { text: String::new(), json: Value::Null, code: self.code }
    }
}

/// Prints a result.
pub(crate) fn success(report: &Report, json: bool) -> ExitCode {
    print(report, json);
    ExitCode::from(report.code)
}

fn print(report: &Report, json: bool) {
    let text = match &report.json {
        Value::Null if json => return,
        value if json => value.to_string(),
        _ => report.text.trim_end().to_owned(),
    };
    if !text.is_empty() {
        // A closed pipe (`| head`) is the reader's choice, not a failure of ours.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Prints a failure: for people on standard error, for programs as the one object.
pub(crate) fn failure(error: &Error, json: bool) -> ExitCode {
    let code = exit::code(error.kind());
    if json {
        let mut object = json!({ "error": {
            "kind": exit::name(error.kind()),
            "code": error.code().map(|code| code.as_str()),
            "message": error.to_string(),
            "exit_code": code,
        }});
        if let Error::WrongPasscode { guesses_left, next_guess_unix_s } = error {
            object["error"]["guesses_left"] = (*guesses_left).into();
            object["error"]["next_guess_unix_s"] = (*next_guess_unix_s).into();
        }
        let _ = writeln!(std::io::stdout(), "{object}");
    } else {
        say(&format!("error: {error}"));
        error.code().and_then(hint).into_iter().for_each(say);
    }
    ExitCode::from(code)
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

/// Prints why the command line was not understood, or the help that was asked for.
pub(crate) fn parse_failure(error: &clap::Error) -> ExitCode {
    // Whether `--json` was given cannot be taken from arguments that do not parse.
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return failure(&Error::Usage(first.to_owned()), true);
    }
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}

/// Tells the user something that is not the result.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A name as it may be printed: whoever runs the service could have changed it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(64).collect()
}

/// Lays rows out in columns.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_trail_off() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&rows), "a     b\nlong\n");
    }
}

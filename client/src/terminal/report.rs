use super::exit;
use crate::ErrorKind;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// The result of a command, for people and for programs.
pub struct Report {
    /// Lines for people.
    pub text: String,
    /// The same for programs.
    pub json: Value,
    /// The exit code.
    pub code: u8,
}

impl Report {
    /// Of a command that is done.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, code: 0 }
    }

    /// Prints it before the command has ended; what is left is how that ends.
    pub fn print_early(self, json: bool) -> Self {
        print(&self, json);
        Self { text: String::new(), json: Value::Null, code: self.code }
    }
}

/// Prints a result.
pub fn success(report: &Report, json: bool) -> ExitCode {
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

/// A failure as programs read it: the one object on standard output.
pub fn failure_json(kind: ErrorKind, code: Option<&str>, message: &str) -> Value {
    json!({ "error": {
        "kind": exit::name(kind),
        "code": code,
        "message": message,
        "exit_code": exit::code(kind),
    }})
}

/// Prints a failure: for people on standard error, for programs the object on standard output.
pub fn failure(kind: ErrorKind, message: &str, object: &Value, json: bool) -> ExitCode {
    if json {
        let _ = writeln!(std::io::stdout(), "{object}");
    } else {
        say(&format!("error: {message}"));
    }
    ExitCode::from(exit::code(kind))
}

/// Prints why the command line was not understood, or the help that was asked for.
pub fn parse_failure(error: &clap::Error) -> ExitCode {
    // Whether `--json` was given cannot be taken from arguments that do not parse.
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let object = failure_json(ErrorKind::Usage, None, first);
        return failure(ErrorKind::Usage, first, &object, true);
    }
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}

/// Tells the user something that is not the result.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A name as it may be printed: whoever runs the service could have changed it.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(64).collect()
}

/// Lays rows out in columns.
pub fn table(rows: &[Vec<String>]) -> String {
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

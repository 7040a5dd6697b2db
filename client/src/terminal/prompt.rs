//! Asking the user, and reading what must not be an argument.

use super::report::say;
use crate::{Error, Passphrase, Result};
use sharekeep_schemas::SecretText;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file that holds a passphrase, password or token.
const MAX_SECRET_FILE_BYTES: u64 = 64 * 1024;

/// Whether a passphrase can be had without failing.
pub fn has_passphrase(file: Option<&Path>) -> bool {
    file.is_some() || std::io::stdin().is_terminal()
}

/// A passphrase from a file, or typed.
///
/// # Errors
/// [`Error::Usage`] if nobody is there to type one; [`Error::File`].
pub fn passphrase(file: Option<&Path>) -> Result<Passphrase> {
    match file {
        Some(file) => from_file(file),
        None => ask("Passphrase: "),
    }
}

/// A passphrase for files that are made now; typed twice.
///
/// # Errors
/// As [`passphrase`], and if the two differ.
pub fn new_passphrase(file: Option<&Path>) -> Result<Passphrase> {
    if let Some(file) = file {
        return from_file(file);
    }
    let (first, second) = (ask("New passphrase: ")?, ask("Again: ")?);
    if first.same_as(&second) {
        Ok(first)
    } else {
        Err(Error::Usage("the two passphrases differ".to_owned()))
    }
}

/// A secret from a file, or typed.
///
/// # Errors
/// As [`passphrase`].
pub fn secret(prompt: &str, file: Option<&Path>) -> Result<SecretText> {
    match file {
        Some(file) => {
            warn_if_exposed(file);
            secret_file(file)
        }
        None => type_in(prompt),
    }
}

/// A new secret from a file, or typed twice.
///
/// # Errors
/// As [`new_passphrase`].
pub fn new_secret(prompt: &str, file: Option<&Path>) -> Result<SecretText> {
    if file.is_some() {
        return secret(prompt, file);
    }
    let (first, second) = (type_in(prompt)?, type_in("Again: ")?);
    if first.expose() == second.expose() {
        Ok(first)
    } else {
        Err(Error::Usage("the two entries differ".to_owned()))
    }
}

/// Whether questions can be answered.
pub fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal()
}

fn type_in(prompt: &str) -> Result<SecretText> {
    if !somebody_is_there() {
        let what = prompt.trim_end_matches([':', ' ']);
        return Err(Error::Usage(format!("nobody is there to type ({what}): name a file")));
    }
    rpassword::prompt_password(prompt)
        .map(SecretText::new)
        .map_err(|source| Error::File { path: "the terminal".into(), source })
}

/// A secret text from a file (`-`: standard input), without the line end.
///
/// # Errors
/// [`Error::File`], or [`Error::Usage`] if it is too large.
pub fn secret_file(path: &Path) -> Result<SecretText> {
    let mut text = Zeroizing::new(String::new());
    let read = |reader: &mut dyn Read, text: &mut String| {
        // Room for all of it at once: a buffer that grows leaves copies behind.
        text.reserve(MAX_SECRET_FILE_BYTES as usize + 1);
        reader.take(MAX_SECRET_FILE_BYTES + 1).read_to_string(text)
    };
    let result = if path == Path::new("-") {
        read(&mut std::io::stdin().lock(), &mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| read(&mut file, &mut text))
    };
    let length = result.map_err(|source| Error::File { path: path.to_owned(), source })?;
    if length as u64 > MAX_SECRET_FILE_BYTES {
        return Err(Error::Usage(format!("{} is too large", path.display())));
    }
    Ok(SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks a question that only a clear yes answers.
///
/// # Errors
/// [`Error::Declined`], or [`Error::Usage`] if nobody is there to answer.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage("nobody is there to ask: add --yes to go on".to_owned()));
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Error::Declined),
    }
}

fn from_file(path: &Path) -> Result<Passphrase> {
    warn_if_exposed(path);
    Passphrase::new(secret_file(path)?.expose().to_owned())
}

fn ask(prompt: &str) -> Result<Passphrase> {
    if !std::io::stdin().is_terminal() {
        let hint = "nobody is there to type a passphrase: use --passphrase-file";
        return Err(Error::Usage(hint.to_owned()));
    }
    let text = rpassword::prompt_password(prompt)
        .map_err(|source| Error::File { path: "the terminal".into(), source })?;
    Passphrase::new(text)
}

fn warn_if_exposed(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let exposed = std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    if exposed {
        say(&format!("warning: {} can be read by others", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_loses_its_line_end_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, " two words \r\n").unwrap();
        assert_eq!(secret_file(&path).unwrap().expose(), " two words ");
    }

    #[test]
    fn an_oversized_secret_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, vec![b'a'; MAX_SECRET_FILE_BYTES as usize + 1]).unwrap();
        assert!(matches!(secret_file(&path), Err(Error::Usage(_))));
    }
}

//! What a user is shown before signing.

use std::fmt;

use serde::Serialize;

/// One line of a [`Description`]. Both parts are safe to print: see [`Description`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What the value is, e.g. `to`.
    pub label: String,
    /// The value, e.g. an address.
    pub value: String,
}

/// What is to be signed, in words: lines of a label and a value.
///
/// Everything that comes from the message is escaped, so a line can't be forged with a line feed,
/// blanked with invisible characters, or read backwards with bidirectional controls (the
/// display-spoofing attack).
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Description {
    lines: Vec<Line>,
}

impl Description {
    /// The lines, in the order in which to show them.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The value of the first line with this label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.lines.iter().find(|line| line.label == label).map(|line| line.value.as_str())
    }

    pub(crate) fn add(&mut self, label: impl AsRef<str>, value: impl AsRef<str>) {
        self.lines.push(Line { label: visible(label.as_ref()), value: visible(value.as_ref()) });
    }
}

/// Shows the number of lines only: what users sign is not for logs.
impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({} lines)", self.lines.len())
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", line.label, line.value)?;
        }
        Ok(())
    }
}

/// Letters that are drawn as blanks, which the standard library counts as printable.
const BLANK_LETTERS: [char; 6] =
    ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{fffc}'];

/// Escapes controls, bidirectional and other format characters, combining marks, odd blanks, and
/// the backslash itself, so that an escape can't be imitated.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\'' | '"') {
            shown.push(character);
        } else if BLANK_LETTERS.contains(&character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.extend(character.escape_debug());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_forge_another_line() {
        let mut description = Description::default();
        description.add("text", "hello\nto: friend\r\u{2028}to: friend\u{85}");
        assert_eq!(description.to_string().lines().count(), 1);
        assert_eq!(description.get("text"), Some(r"hello\nto: friend\r\u{2028}to: friend\u{85}"));
    }

    #[test]
    fn bidirectional_invisible_and_control_characters_are_shown_escaped() {
        for hidden in [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e0041}',
            '\u{301}',
            '\u{e000}',
        ] {
            let shown = visible(&format!("a{hidden}b"));
            assert!(!shown.contains(hidden), "{:x} is not escaped", hidden as u32);
        }
    }

    #[test]
    fn ordinary_text_is_left_alone_and_an_escape_cannot_be_imitated() {
        let text = "Größe 100 € — 日本語 'a' \"b\" 🙂";
        assert_eq!(visible(text), text);
        assert_eq!(visible(r"\u{202e}"), r"\\u{202e}");
    }
}

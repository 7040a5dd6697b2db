//! The list of attacks names the test that covers each: one that was renamed or removed would
//! leave a claim that nothing shows.

use std::path::Path;

/// Where attacks and their tests are listed.
pub(super) const DOCUMENT: &str = "docs/attacks.md";

/// What is wrong with the tests that a document names: each must be declared in the source file
/// that is linked next on its line.
pub(super) fn faults(root: &Path, document: &Path, text: &str) -> Vec<String> {
    let folder = root.join(document).parent().map(Path::to_owned).unwrap_or_default();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut fault = |what: String| {
            faults.push(format!("{}:{number}: {what}", document.display()));
        };
        let mut rest = line;
        while let Some((before, target)) = next_source(rest) {
            // A file that is not there declares nothing.
            let source = std::fs::read_to_string(folder.join(target)).unwrap_or_default();
            for name in named(before).filter(|name| !declares(&source, name)) {
                fault(format!("there is no test {name} in {target}"));
            }
            rest = &rest[before.len() + "](".len() + target.len()..];
        }
        for name in named(rest) {
            fault(format!("the test {name} has no file beside it"));
        }
    }
    faults
}

/// What stands before the next link to a source file, and where that leads.
fn next_source(line: &str) -> Option<(&str, &str)> {
    line.match_indices("](").find_map(|(at, opening)| {
        let target = line[at + opening.len()..].split([')', '#']).next()?;
        let is_source = target.ends_with(".rs") || target.ends_with(".py");
        is_source.then(|| (&line[..at], target))
    })
}

/// The tests among what is set in backticks: names of four words and more, which no code or field is.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        let of_a_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
        name.chars().all(of_a_name) && name.matches('_').count() >= 3
    })
}

fn declares(source: &str, name: &str) -> bool {
    ["fn ", "def "].iter().any(|word| source.contains(&format!("{word}{name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        faults(&root, Path::new("check/threats.md"), text)
    }

    const HERE: &str = "([here](named_tests.rs))";

    #[test]
    fn a_test_that_is_in_the_file_beside_it_passes() {
        let name = "a_test_that_is_in_the_file_beside_it_passes";
        assert_eq!(
            found(&format!("| `{name}` {HERE}; `{name}` {HERE} | `kms:Decrypt` |")),
            [""; 0]
        );
    }

    #[test]
    fn a_test_that_is_elsewhere_or_gone_is_named_with_its_line() {
        let name = "links_that_lead_nowhere_or_out_are_found";
        assert_eq!(found(&format!("`{name}` ([there](hygiene.rs))")), [""; 0]);
        assert_eq!(
            found(&format!("\n`{name}` {HERE}")),
            [format!("check/threats.md:2: there is no test {name} in named_tests.rs")]
        );
        let gone = format!("`{name}` ([gone](gone.rs))");
        assert_eq!(
            found(&gone),
            [format!("check/threats.md:1: there is no test {name} in gone.rs")]
        );
    }

    #[test]
    fn a_test_without_a_file_is_found_also_after_one_that_has_it() {
        let text = format!("`a_name_of_five_words` {HERE} `one_more_of_them` [x](other.md)");
        assert_eq!(
            found(&text),
            [
                "check/threats.md:1: there is no test a_name_of_five_words in named_tests.rs",
                "check/threats.md:1: the test one_more_of_them has no file beside it"
            ]
        );
    }
}

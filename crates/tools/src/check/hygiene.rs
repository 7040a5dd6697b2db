//! What no compiler looks at: file names, sizes, links, and things that must not be committed.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::named_tests;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// A file longer than this is hard to review; a warning, not a fault.
const LONG_FILE_LINES: usize = 400;

/// Nothing written by hand is this large; generated and downloaded things belong in `.cache/`.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

/// The one command line stays readable at a glance.
const DEV_LINES: usize = 50;

/// Names that say nothing about what a file holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "misc"];

/// Marks of one person's machine, of an unfinished merge, and of key material.
/// Written in halves, so that this file passes too.
const STRAY: &[(&str, &str)] = &[
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Use", "rs/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("<<<<", "<<< "), "an unfinished merge"),
    (concat!("AGE-SECRET-", "KEY-1"), "a private key"),
    (concat!("AK", "IA"), "an AWS access key id"),
];

/// PEM private keys are allowed only where a folder name says that they are for tests.
const PRIVATE_KEY: &str = concat!("PRIVATE ", "KEY-----");
const TEST_FOLDERS: &[&str] = &["tests", "testkit", "fixtures", "vectors"];

pub(super) fn run(workspace: &Workspace) -> Result<Outcome> {
    let mut faults = Vec::new();
    let mut long = Vec::new();
    for file in workspace.files()? {
        let path = workspace.root().join(&file);
        let length =
            path.metadata().with_context(|| format!("cannot read {}", file.display()))?.len();
        if length > LARGEST_FILE_BYTES {
            faults.push(format!("{}: larger than {LARGEST_FILE_BYTES} bytes", file.display()));
            continue;
        }
        faults.extend(fault_of_name(&file));
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", file.display()))?;
        // Fixtures may be binary; everything below is about text.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        faults.extend(faults_of_text(&file, &text));
        faults.extend(fault_of_manifest(&file, &text));
        if file.extension().is_some_and(|it| it == "md") {
            faults.extend(broken_links(workspace.root(), &file, &text));
        }
        if file == Path::new(named_tests::DOCUMENT) {
            faults.extend(named_tests::faults(workspace.root(), &file, &text));
        }
        let lines = text.lines().count();
        if file == Path::new("dev") && lines > DEV_LINES {
            faults
                .push(format!("dev: {lines} lines; more than {DEV_LINES} belong in crates/tools"));
        }
        if file.extension().is_some_and(|it| it == "rs") && lines > LONG_FILE_LINES {
            long.push(format!("{} ({lines})", file.display()));
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    if !long.is_empty() {
        return Ok(Outcome::Warned(format!(
            "more than {LONG_FILE_LINES} lines: {}",
            long.join(", ")
        )));
    }
    Ok(Outcome::Passed)
}

fn fault_of_name(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    (file.extension()? == "rs" && EMPTY_NAMES.contains(&stem))
        .then(|| format!("{}: a name that says nothing about its content", file.display()))
}

/// A crate that forgets one line would be free of every lint, `forbid(unsafe_code)` included.
/// The fuzz targets are a workspace of their own and cannot inherit.
fn fault_of_manifest(file: &Path, text: &str) -> Option<String> {
    let member = file.ends_with("Cargo.toml")
        && text.lines().any(|line| line == "[package]")
        && !file.parent()?.ends_with("fuzz");
    (member && !text.contains("[lints]\nworkspace = true"))
        .then(|| format!("{}: does not inherit the workspace's lints", file.display()))
}

fn faults_of_text(file: &Path, text: &str) -> Vec<String> {
    let for_tests = file
        .components()
        .any(|part| TEST_FOLDERS.iter().any(|folder| part == Component::Normal(folder.as_ref())));
    let private_key = (!for_tests).then_some((PRIVATE_KEY, "a private key"));
    let stray: Vec<_> = STRAY.iter().copied().chain(private_key).collect();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for (_, what) in stray.iter().filter(|(mark, _)| has_mark(line, mark)) {
            faults.push(format!("{}:{number}: {what}", file.display()));
        }
    }
    faults
}

/// Whether a line has a mark. A folder of the checkout may be called as one of a machine's is: a path
/// of a machine has nothing in front of it.
fn has_mark(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let folder = line[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
        !(mark.starts_with('/') && folder)
    })
}

/// Relative links of a Markdown file that lead nowhere, or out of the checkout.
fn broken_links(root: &Path, file: &Path, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#', ' ']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .filter(|target| !target.starts_with("mailto:"))
        .filter(|target| inside(&folder.join(target)).is_none_or(|path| !root.join(path).exists()))
        .map(|target| format!("{}: the link to {target} leads nowhere", file.display()))
        .collect()
}

/// `path` without `.` and `..`, or nothing when it leaves the checkout.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir if clean.pop() => {}
            _ => return None,
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_found_unless_a_folder_says_it_is_for_tests() {
        let key = format!("-----BEGIN {PRIVATE_KEY}");
        assert_eq!(faults_of_text(Path::new("client/src/key.rs"), &key).len(), 1);
        assert_eq!(faults_of_text(Path::new("crates/testkit/src/root.rs"), &key), [""; 0]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        let text = format!("fine\nsee {}me/notes", STRAY[0].0);
        assert_eq!(faults_of_text(Path::new("a.md"), &text), ["a.md:2: a path of one machine"]);
        let folder_of_ours = format!("src{}vault.rs", STRAY[0].0);
        assert_eq!(faults_of_text(Path::new("a.md"), &folder_of_ours), [""; 0]);
    }

    #[test]
    fn empty_names_are_found_in_sources_only() {
        assert!(fault_of_name(Path::new("client/src/utils.rs")).is_some());
        assert!(fault_of_name(Path::new("docs/utils.md")).is_none());
    }

    #[test]
    fn a_crate_without_the_workspace_lints_is_found() {
        let manifest = Path::new("client/Cargo.toml");
        assert!(fault_of_manifest(manifest, "[package]\nname = \"x\"").is_some());
        assert!(fault_of_manifest(manifest, "[package]\n[lints]\nworkspace = true\n").is_none());
        assert!(fault_of_manifest(Path::new("Cargo.toml"), "[workspace]").is_none());
        assert!(fault_of_manifest(Path::new("fuzz/Cargo.toml"), "[package]").is_none());
    }

    #[test]
    fn links_that_lead_nowhere_or_out_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](src/main.rs#L1) [b](https://example.com) [c](#here) [d](gone.md) [e](../x)";
        assert_eq!(
            broken_links(root, Path::new("README.md"), text),
            [
                "README.md: the link to gone.md leads nowhere",
                "README.md: the link to ../x leads nowhere"
            ]
        );
        assert_eq!(broken_links(root, Path::new("src/x.md"), "[up](../Cargo.toml)"), [""; 0]);
    }
}

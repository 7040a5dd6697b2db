use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{image_program, tools};
use crate::command::program;
use crate::workspace::Workspace;

/// Largest manifest that is read.
const MAX_MANIFEST_BYTES: u64 = 1 << 16;

/// What a manifest says of how its image was made. `sharekeep-image` reads all of it.
#[derive(Deserialize)]
struct Published {
    source: String,
    inputs: BTreeMap<String, String>,
    toolchain: BTreeMap<String, String>,
}

/// Builds the image of a published manifest again, from a fresh clone of its source with an empty
/// CARGO_HOME, and compares part by part. Nothing that was built here before is used; of what was
/// downloaded, only the kernel's source, whose hash is pinned.
///
/// # Errors
/// Before anything is built, if it could not come out the same here; then at the parts that differ.
pub(crate) fn verify(workspace: &Workspace, manifest: &Path, trust: &Path) -> Result<()> {
    let [manifest, trust] = [manifest, trust]
        .map(|path| path.canonicalize().with_context(|| format!("there is no {}", path.display())));
    let (manifest, trust) = (manifest?, trust?);
    let published = Published::read(&manifest)?;
    published.needs_no_other_tools(&tools()?)?;
    published.has_trust(&super::kernel::hash(&trust)?)?;
    let history = program("git", ["log", "--all", "--format=%T %H"]).folder(workspace.root());
    let commit = published.commit(&history.ask()?.stdout)?;

    let folder = workspace.cache().join("verify-image");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).context("cannot write to .cache")?;
    let source = folder.join("source");
    program("git", ["clone", "--quiet", "--no-checkout"])
        .argument(workspace.root())
        .argument(&source)
        .run()?;
    program("git", ["checkout", "--quiet", "--detach", &commit]).folder(&source).run()?;
    super::kernel::lend_source(workspace, &source.join(".cache"))?;
    let built = folder.join("built");
    program("./dev", ["build", "enclave", "--trust"])
        .argument(&trust)
        .folder(&source)
        .env("CARGO_HOME", folder.join("cargo"))
        .env("CARGO_TARGET_DIR", &built)
        .without(["RUSTUP_TOOLCHAIN"])
        .run()?;
    program(image_program(workspace)?, ["compare"])
        .argument(&manifest)
        .argument(built.join("enclave/enclave.manifest.json"))
        .run()?;
    eprintln!("this is the image that {} makes. It can be removed: {}", commit, folder.display());
    Ok(())
}

impl Published {
    fn read(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.display());
        ensure!(
            fs::metadata(path).with_context(cannot)?.len() <= MAX_MANIFEST_BYTES,
            "{} is too large for a manifest",
            path.display(),
        );
        let text = fs::read_to_string(path).with_context(cannot)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no image's manifest", path.display()))
    }

    fn needs_no_other_tools(&self, here: &[(&str, String)]) -> Result<()> {
        let other: Vec<_> = self
            .toolchain
            .iter()
            // Its source asks for its own Rust, and its build gets that.
            .filter(|(name, _)| *name != "rustc")
            .filter(|(name, version)| here.iter().all(|(it, has)| it != name || has != *version))
            .map(|(name, version)| {
                let has = here.iter().find(|(it, _)| it == name).map(|(_, has)| has.as_str());
                format!("\n  {name}: it needs `{version}`; here is `{}`", has.unwrap_or("none"))
            })
            .collect();
        ensure!(
            other.is_empty(),
            "another compiler makes another image, which would say nothing. The published one was made \
             with:{}\nThey come with the release of Debian that has them",
            other.concat(),
        );
        Ok(())
    }

    fn has_trust(&self, hash: &str) -> Result<()> {
        let wanted = self.inputs.get("trust").map_or("not named", String::as_str);
        ensure!(
            wanted == hash,
            "the trust configuration is not that of the manifest: its SHA-256 is {hash}, and must be \
             {wanted}",
        );
        Ok(())
    }

    /// The commit whose content the manifest names, in lines of `tree commit`.
    fn commit(&self, history: &str) -> Result<String> {
        let is_tree =
            self.source.len() >= 40 && self.source.bytes().all(|it| it.is_ascii_hexdigit());
        ensure!(
            is_tree,
            "the manifest names no committed source, but {:?}: nobody can build that again",
            self.source,
        );
        let lines = history.lines().filter_map(|line| line.split_once(' '));
        let Some((_, commit)) = lines.into_iter().find(|(tree, _)| *tree == self.source) else {
            bail!("no commit of this checkout has the tree {}: fetch its release", self.source);
        };
        Ok(commit.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "07e2db48b60034968e83431ec022352daf917134";

    fn published(source: &str) -> Published {
        let pair = |name: &str, value: &str| BTreeMap::from([(name.into(), value.into())]);
        Published {
            source: source.into(),
            inputs: pair("trust", "aa"),
            toolchain: [("gcc", "gcc 12.2"), ("rustc", "rustc 1.0")]
                .map(|(name, version)| (name.into(), version.into()))
                .into(),
        }
    }

    fn refusal(result: Result<impl Sized>) -> String {
        format!("{:#}", result.err().expect("it must be refused"))
    }

    #[test]
    fn another_compiler_is_named_before_anything_is_built() {
        let tools = |version: &str| [("rustc", "rustc 1.95".into()), ("gcc", version.to_owned())];
        published(TREE).needs_no_other_tools(&tools("gcc 12.2")).expect("it is the same");
        let refused = refusal(published(TREE).needs_no_other_tools(&tools("gcc 14.1")));
        assert!(refused.contains("gcc: it needs `gcc 12.2`; here is `gcc 14.1`"), "{refused}");
        assert!(refusal(published(TREE).needs_no_other_tools(&[])).contains("here is `none`"));
    }

    #[test]
    fn another_trust_configuration_is_refused() {
        published(TREE).has_trust("aa").expect("it is the same");
        assert!(refusal(published(TREE).has_trust("ab")).contains("must be aa"));
    }

    #[test]
    fn the_commit_is_found_by_its_content() {
        let history = format!("{} 1111\n{TREE} 2222\n", "0".repeat(40));
        assert_eq!(published(TREE).commit(&history).expect("it is there"), "2222");
        assert!(refusal(published(TREE).commit("")).contains("no commit"));
        for source in [format!("{TREE}, changed"), "".into(), "--all".into()] {
            assert!(refusal(published(&source).commit(&history)).contains("nobody can build"));
        }
    }
}

//! The templates: what they make, what rules they keep, and what tools think of them.
//!
//! Trusts nothing that a template says of itself: the key's policy is compared with its own copy
//! here, tables and routes with what the functions use.

mod archived;
mod described;
mod key;
mod policy;
mod template;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::program;
use crate::python::{self, Environment};
use crate::setup;
use crate::stage::Outcome;
use crate::workspace::Workspace;
use template::Template;

const TEMPLATES: &str = "infra/templates";
const RULES: &str = "infra/rules";

const CHECKERS: Environment = Environment {
    name: "infra-venv",
    requirements: "infra/requirements.txt",
    what: "cfn-lint and checkov",
    builds: python::Builds::Never,
};

/// Every check of the templates. Nothing of it needs AWS, and after set-up nothing a network.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let folder = workspace.root().join(TEMPLATES);
    key::check(&Template::read(&folder.join("key.yaml"))?)?;
    described::check_tables(workspace.root())?;
    described::check_routes(workspace.root())?;
    described::check_groups(workspace.root())?;
    described::check_roles(workspace.root())?;
    archived::check(workspace.root())?;
    println!(
        "    the key's policy, the tables, the routes, the roles and the archive are as they must be"
    );

    let guard = setup::guard(workspace)?;
    every_rule_is_tested(&workspace.root().join(RULES))?;
    program(&guard, ["test", "--dir", RULES]).folder(workspace.root()).run_quietly()?;
    program(&guard, ["validate", "--rules", RULES, "--data", TEMPLATES, "--show-summary", "fail"])
        .folder(workspace.root())
        .run()?;

    let python = python::find(&[(3, 11), (3, 12), (3, 13)])?;
    let programs = CHECKERS.programs(workspace, &python)?;
    program(programs.join("cfn-lint"), ["--non-zero-exit-code", "informational", "--template"])
        .arguments(&files(&folder)?)
        .folder(workspace.root())
        .run()?;
    program(programs.join("checkov"), ["--config-file", "infra/checkov.yaml"])
        .folder(workspace.root())
        .run()?;
    Ok(Outcome::Passed)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// A rule that fires on nothing would pass for ever.
fn every_rule_is_tested(folder: &Path) -> Result<()> {
    let mut untested = Vec::new();
    for name in ["access", "key", "storage"] {
        let rules = std::fs::read_to_string(folder.join(name).with_extension("guard"))?;
        let tests = std::fs::read_to_string(folder.join(format!("tests/{name}_tests.yaml")))?;
        untested.extend(rules_without_a_failing_test(&rules, &tests));
    }
    ensure!(files(folder)?.len() == 4, "{RULES} has a file that no test is known for");
    ensure!(untested.is_empty(), "rules without a template on which they fire: {untested:?}");
    Ok(())
}

fn rules_without_a_failing_test(rules: &str, tests: &str) -> BTreeSet<String> {
    let names =
        rules.lines().filter_map(|line| line.strip_prefix("rule ")?.split_whitespace().next());
    names.filter(|name| !tests.contains(&format!("{name}: FAIL"))).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_fires_nowhere_is_found() {
        let rules = "rule one when %x !empty {\n}\nrule two {\n}\n";
        let tests = "rules: {one: FAIL}\nrules: {two: PASS}";
        let found = rules_without_a_failing_test(rules, tests);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["two"]);
    }
}

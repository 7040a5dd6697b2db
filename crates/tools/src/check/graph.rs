//! Who may depend on whom: the rules that keep the release enclave free of test code, the ceremonies
//! free of I/O, and the arithmetic on one back end.

use anyhow::{Result, bail};

use super::metadata::Graph;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// A build of `package` must not contain any of `never`.
struct Rule {
    package: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

const IO: &[&str] = &["tokio", "mio", "hyper", "axum", "reqwest", "aws-config"];

const RULES: &[Rule] = &[
    Rule {
        package: "sharekeep-enclave-app",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-host",
            "sharekeep-functions",
            "sharekeep-operator",
            "sharekeep-image",
            "sharekeep-tests",
            "sharekeep",
            // What stand-ins and their routes are made of.
            "rcgen",
            "axum",
            "dynoxide-rs",
            // The first program of its guest is started without arguments.
            "clap",
        ],
        why: "a release enclave that contained a software NSM or KMS could be talked into using it",
    },
    Rule {
        package: "sharekeep-enclave-host",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-app",
            "sharekeep-channel",
            "sharekeep-mpc",
            "sharekeep-messages",
            "sharekeep-recovery",
            "sharekeep",
        ],
        why: "the host carries ciphertext, and has nothing that could open or sign anything",
    },
    Rule {
        package: "sharekeep-functions",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-app",
            "sharekeep-enclave-host",
            "sharekeep-mpc",
            "sharekeep-messages",
            "sharekeep-recovery",
            "sharekeep",
        ],
        why: "functions see ciphertext, and know the enclave by its wire types only",
    },
    Rule {
        package: "sharekeep",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-app",
            "sharekeep-enclave-host",
            "sharekeep-functions",
            "sharekeep-operator",
            "aws-config",
        ],
        why: "the client knows the service by its wire types only, and no cloud",
    },
    Rule {
        package: "sharekeep-operator",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-app",
            "sharekeep-enclave-host",
        ],
        why: "an operator signs and looks, and has nothing that could open a record",
    },
    Rule { package: "sharekeep-mpc", never: IO, why: "ceremonies are pure" },
    Rule { package: "sharekeep-channel", never: IO, why: "both ends share it, and it is pure" },
    Rule {
        package: "sharekeep-trust",
        never: IO,
        why: "enclave and operator share it: it is pure",
    },
    Rule {
        package: "sharekeep-release",
        never: IO,
        why: "clients believe what it says, and it asks nobody",
    },
    Rule {
        package: "sharekeep-key-policy",
        never: IO,
        why: "it says what must be, and asks nobody",
    },
    Rule {
        package: "sharekeep-image",
        never: &[
            "sharekeep-testkit",
            "sharekeep-local",
            "sharekeep-virtual-enclave",
            "sharekeep-enclave-app",
            "tokio",
            "flate2",
        ],
        why: "it puts finished files together, and no compressor's release changes an image",
    },
    Rule { package: "sharekeep-recovery", never: IO, why: "both ends share it, and it is pure" },
    Rule { package: "sharekeep-messages", never: IO, why: "both ends share it, and it is pure" },
];

/// A feature that only dev-dependencies may turn on: a release program in which it was on could be
/// told to die.
const TESTS_ONLY: &str = "failpoints";

/// Features that must not meet in one package, whichever crate asks for them.
const EXCLUSIVE: &[&str] = &["backend-rug", "backend-num-bigint"];

pub(super) fn run(_: &Workspace) -> Result<Outcome> {
    let graph = Graph::of_workspace()?;
    let faults = faults(&graph)?;
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn faults(graph: &Graph) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for Rule { package, never, why } in RULES {
        let contents = graph.contents(package)?;
        for found in never.iter().filter(|name| contents.contains(**name)) {
            faults.push(format!("{package} must not depend on {found}: {why}"));
        }
    }
    for package in graph.with_features(EXCLUSIVE) {
        faults.push(format!("{package} is built with both of {EXCLUSIVE:?}"));
    }
    for package in graph.turning_on(TESTS_ONLY) {
        faults.push(format!("{package} turns {TESTS_ONLY} on: only a dev-dependency may"));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace in which every package of the rules exists and `edges` are the only ones.
    fn graph(edges: &[(&str, &str, Option<&str>)], features: &[(&str, &[&str])]) -> Graph {
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.package).collect();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.extend(features.iter().map(|(name, _)| *name));
        names.sort_unstable();
        names.dedup();
        let packages: Vec<_> =
            names.iter().map(|name| json!({"id": format!("id {name}"), "name": name})).collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|name| {
                let deps: Vec<_> = edges
                    .iter()
                    .filter(|(from, ..)| from == name)
                    .map(|(_, to, kind)| {
                        json!({"pkg": format!("id {to}"), "dep_kinds": [{"kind": kind}]})
                    })
                    .collect();
                let on: &[&str] =
                    features.iter().find(|(of, _)| of == name).map_or(&[], |(_, on)| on);
                json!({"id": format!("id {name}"), "features": on, "deps": deps})
            })
            .collect();
        Graph::parse(&json!({"packages": packages, "resolve": {"nodes": nodes}}).to_string())
            .expect("the fixture is metadata")
    }

    fn faults_of(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        faults(&graph(edges, &[])).expect("every package exists")
    }

    #[test]
    fn a_workspace_without_forbidden_edges_passes() {
        assert_eq!(faults_of(&[("sharekeep-enclave-app", "sharekeep-mpc", None)]), [""; 0]);
    }

    #[test]
    fn testkit_in_the_enclave_is_found_behind_another_crate() {
        let faults = faults_of(&[
            ("sharekeep-enclave-app", "between", None),
            ("between", "sharekeep-testkit", None),
        ]);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].starts_with("sharekeep-enclave-app must not depend on sharekeep-testkit")
        );
    }

    #[test]
    fn testkit_as_a_dev_dependency_of_the_enclave_is_allowed() {
        assert_eq!(
            faults_of(&[("sharekeep-enclave-app", "sharekeep-testkit", Some("dev"))]),
            [""; 0]
        );
    }

    #[test]
    fn io_in_a_pure_crate_is_found_as_a_build_dependency_too() {
        assert_eq!(faults_of(&[("sharekeep-mpc", "tokio", Some("build"))]).len(), 1);
    }

    #[test]
    fn both_big_integer_back_ends_in_one_package_are_found() {
        let both = graph(&[], &[("paillier", &["backend-num-bigint", "backend-rug"])]);
        assert_eq!(faults(&both).expect("every package exists").len(), 1);
        let apart = graph(&[], &[("one", &["backend-rug"]), ("other", &["backend-num-bigint"])]);
        assert_eq!(faults(&apart).expect("every package exists"), [""; 0]);
    }

    #[test]
    fn failpoints_are_for_dev_dependencies_only() {
        let found = |kind: Option<&str>, on: &[&str], default: &[&str]| {
            let steps = json!({"name": "sharekeep-steps", "kind": kind, "features": on});
            let package = json!({
                "id": "a", "name": "a", "dependencies": [steps], "features": {"default": default},
            });
            let nodes = json!([{"id": "a", "features": [], "deps": []}]);
            let graph = json!({"packages": [package], "resolve": {"nodes": nodes}}).to_string();
            let graph = Graph::parse(&graph).expect("the fixture is metadata");
            graph.turning_on("failpoints").len()
        };
        assert_eq!(found(Some("dev"), &["failpoints"], &[]), 0);
        assert_eq!(found(None, &[], &["cli"]), 0);
        assert_eq!(found(None, &["failpoints"], &[]), 1);
        assert_eq!(found(Some("build"), &["failpoints"], &[]), 1);
        assert_eq!(found(None, &[], &["failpoints"]), 1);
        assert_eq!(found(None, &[], &["sharekeep-steps/failpoints"]), 1);
    }

    #[test]
    fn a_rule_about_a_package_that_is_gone_fails_instead_of_passing() {
        let empty = Graph::parse(r#"{"packages": [], "resolve": {"nodes": []}}"#).expect("parses");
        assert!(faults(&empty).is_err());
    }
}

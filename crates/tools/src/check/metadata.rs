//! The resolved dependency graph, as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::command::cargo;

/// What this checkout is deployed on; dependencies of other platforms do not count.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Every package of the workspace's lock file, with features unified over the whole workspace:
/// at least what any one build of it turns on.
pub(super) struct Graph {
    packages: BTreeMap<String, Node>,
    manifests: Vec<Package>,
}

struct Node {
    name: String,
    features: Vec<String>,
    /// Package ids that are part of this package's build: normal and build dependencies.
    built_with: Vec<String>,
}

impl Graph {
    /// Asks cargo.
    pub(super) fn of_workspace() -> Result<Self> {
        let answer =
            cargo(["metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM])
                .ask()?;
        ensure!(answer.succeeded, "cargo metadata failed:\n{}", answer.stderr);
        Self::parse(&answer.stdout)
    }

    /// Reads `cargo metadata --format-version 1`.
    pub(super) fn parse(json: &str) -> Result<Self> {
        let metadata: Metadata = serde_json::from_str(json).context("unknown metadata format")?;
        let mut names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (package.id.clone(), package.name.clone()))
            .collect();
        let nodes = metadata.resolve.nodes.into_iter().map(|node| {
            let name = names.remove(&node.id).context("a resolved package is not listed")?;
            let built_with = node
                .deps
                .into_iter()
                .filter(|edge| edge.dep_kinds.iter().any(|it| it.kind.as_deref() != Some("dev")))
                .map(|edge| edge.pkg)
                .collect();
            Ok((node.id, Node { name, features: node.features, built_with }))
        });
        Ok(Self { packages: nodes.collect::<Result<_>>()?, manifests: metadata.packages })
    }

    /// Names of everything that a build of the package `name` contains, itself included.
    ///
    /// # Errors
    /// If there is no such package: a rule about a renamed crate must not pass by matching nothing.
    pub(super) fn contents(&self, name: &str) -> Result<BTreeSet<&str>> {
        let mut open: Vec<&str> = self
            .packages
            .iter()
            .filter(|(_, node)| node.name == name)
            .map(|(id, _)| &**id)
            .collect();
        ensure!(!open.is_empty(), "the workspace has no package `{name}`");
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if let Some(node) = self.packages.get(id)
                && seen.insert(id)
            {
                open.extend(node.built_with.iter().map(String::as_str));
            }
        }
        Ok(seen.into_iter().map(|id| &*self.packages[id].name).collect())
    }

    /// Name and features of each package whose features include all of `wanted`.
    pub(super) fn with_features(&self, wanted: &[&str]) -> Vec<&str> {
        let has = |node: &Node, feature: &str| node.features.iter().any(|it| it == feature);
        self.packages
            .values()
            .filter(|node| wanted.iter().all(|feature| has(node, feature)))
            .map(|node| &*node.name)
            .collect()
    }

    /// Packages that turn a feature on, in themselves or in another package, in builds that are not
    /// for tests.
    pub(super) fn turning_on(&self, feature: &str) -> Vec<&str> {
        let wanted = |name: &String| name.split('/').next_back() == Some(feature);
        self.manifests
            .iter()
            .filter(|package| {
                let itself = package.features.values().any(|on| on.iter().any(wanted));
                let another = package.dependencies.iter().any(|dependency| {
                    dependency.kind.as_deref() != Some("dev")
                        && dependency.features.iter().any(wanted)
                });
                itself || another
            })
            .map(|package| &*package.name)
            .collect()
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    /// What each feature turns on.
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Dependency {
    kind: Option<String>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<ResolvedNode>,
}

#[derive(Deserialize)]
struct ResolvedNode {
    id: String,
    features: Vec<String>,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

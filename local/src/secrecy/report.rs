use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::forms::Form;

/// Where something was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// At which byte.
        offset: u64,
    },
    /// In the memory of a process.
    Memory {
        /// Which process.
        pid: u32,
        /// What the kernel calls the mapping; empty when it has no name.
        mapping: String,
        /// At which address.
        address: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, offset } => write!(f, "{} at byte {offset}", path.display()),
            Self::Memory { pid, mapping, address } => {
                let mapping = if mapping.is_empty() { "anonymous" } else { mapping };
                write!(f, "memory of process {pid} at {address:#x} ({mapping})")
            }
        }
    }
}

/// One find.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hit {
    /// The needle's name.
    pub name: String,
    /// In which form.
    pub form: Form,
    /// Where.
    pub place: Place,
}

/// What a search found, and how far it looked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The finds.
    pub hits: Vec<Hit>,
    /// How much was read, in bytes.
    pub bytes_searched: u64,
    /// Files or mappings that were read.
    pub places_searched: u64,
    /// What could not be read, and why. Empty, or the search is not complete.
    pub skipped: Vec<String>,
}

impl Report {
    /// In which forms a needle was found.
    pub fn forms_of(&self, name: &str) -> BTreeSet<Form> {
        self.hits.iter().filter(|hit| hit.name == name).map(|hit| hit.form).collect()
    }

    /// Finds of everything but this needle (the canary).
    pub fn hits_without<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Hit> {
        self.hits.iter().filter(move |hit| hit.name != name)
    }

    /// Adds another search's result.
    pub fn merge(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.bytes_searched += other.bytes_searched;
        self.places_searched += other.places_searched;
        self.skipped.extend(other.skipped);
    }
}

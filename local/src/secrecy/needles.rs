use aho_corasick::{AhoCorasick, AhoCorasickKind};
use zeroize::Zeroizing;

use super::forms::{Form, forms_of};
use crate::Error;

/// Shorter secrets would be found by chance, or in text that says something else.
pub const MIN_NEEDLE_BYTES: usize = 16;

/// A secret to look for.
pub struct Needle {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl Needle {
    /// Names a secret; the name is what reports show.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes: Zeroizing::new(bytes) }
    }

    /// What reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Everything to look for, in every form, ready to search.
pub struct Needles {
    automaton: AhoCorasick,
    patterns: Vec<(usize, Form)>,
    names: Vec<String>,
    longest: usize,
}

impl Needles {
    /// Prepares a search.
    ///
    /// # Errors
    /// [`Error::NeedleTooShort`] when a secret has fewer than [`MIN_NEEDLE_BYTES`] bytes.
    pub fn new(secrets: Vec<Needle>) -> Result<Self, Error> {
        let mut patterns = Vec::new();
        let mut bytes = Vec::new();
        for (index, needle) in secrets.iter().enumerate() {
            if needle.bytes.len() < MIN_NEEDLE_BYTES {
                return Err(Error::NeedleTooShort { name: needle.name.clone() });
            }
            for (form, spelling) in forms_of(&needle.bytes) {
                patterns.push((index, form));
                bytes.push(Zeroizing::new(spelling));
            }
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&bytes)
            .map_err(|_| Error::TooManyNeedles)?;
        let longest = bytes.iter().map(|b| b.len()).max().unwrap_or(0);
        let names = secrets.into_iter().map(|needle| needle.name).collect();
        Ok(Self { automaton, patterns, names, longest })
    }

    /// Bytes that two neighbouring chunks must share so that nothing is lost between them.
    pub(super) fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }

    /// Every occurrence in a chunk: offset, name, form.
    pub(super) fn find<'a>(
        &'a self,
        chunk: &'a [u8],
    ) -> impl Iterator<Item = (usize, &'a str, Form)> + 'a {
        self.automaton.find_overlapping_iter(chunk).map(|found| {
            let (name, form) = self.patterns[found.pattern().as_usize()];
            (found.start(), self.names[name].as_str(), form)
        })
    }
}

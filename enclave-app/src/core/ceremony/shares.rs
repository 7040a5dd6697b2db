use crate::Share;
use std::collections::HashMap;
use std::hash::Hash;

/// What the running ceremonies of each user, or of each tenant, take; none more than its share, so
/// that nobody can keep the rest from the others.
pub(super) struct Shares<K> {
    taken: HashMap<K, Share>,
    most: Share,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    pub(super) fn new(most: Share) -> Self {
        Self { taken: HashMap::new(), most }
    }

    /// Whether there is room for one more ceremony with a state of so many bytes.
    pub(super) fn have_room(&self, key: &K, bytes: usize) -> bool {
        let taken = self.taken.get(key).copied().unwrap_or_default();
        taken.ceremonies < self.most.ceremonies && taken.bytes + bytes <= self.most.bytes
    }

    /// One more runs.
    pub(super) fn begin(&mut self, key: &K, bytes: usize) {
        let taken = self.taken.entry(key.clone()).or_default();
        taken.ceremonies += 1;
        taken.bytes += bytes;
    }

    /// One of those that run takes another number of bytes.
    pub(super) fn resize(&mut self, key: &K, from: usize, to: usize) {
        if let Some(taken) = self.taken.get_mut(key) {
            taken.bytes = taken.bytes + to - from;
        }
    }

    /// One that took so many bytes runs no longer.
    pub(super) fn end(&mut self, key: &K, bytes: usize) {
        if let Some(taken) = self.taken.get_mut(key) {
            taken.ceremonies -= 1;
            taken.bytes -= bytes;
            if taken.ceremonies == 0 {
                self.taken.remove(key);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> &HashMap<K, Share> {
        &self.taken
    }
}

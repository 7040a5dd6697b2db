use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// A bounded map whose entries leave at their time and never before: forgetting early would let
/// somebody do twice what may be done once.
pub(super) struct Expiring<K, V> {
    entries: HashMap<K, (u64, V)>,
    by_time: BTreeSet<(u64, K)>,
    capacity: usize,
}

/// There is no room for another entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<K: Hash + Eq + Ord + Clone, V> Expiring<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), by_time: BTreeSet::new(), capacity }
    }

    /// The value, if its time has not come.
    pub(super) fn get(&self, key: &K, now: u64) -> Option<&V> {
        self.entries.get(key).filter(|(until, _)| now <= *until).map(|(_, value)| value)
    }

    /// Adds or replaces an entry that lives to the end of the second `until`; an entry's life is
    /// never shortened.
    pub(super) fn insert(&mut self, key: K, value: V, until: u64, now: u64) -> Result<(), Full> {
        self.expire(now);
        let mut until = until;
        if let Some((old, _)) = self.entries.get(&key) {
            until = until.max(*old);
            self.by_time.remove(&(*old, key.clone()));
        } else if self.entries.len() >= self.capacity {
            return Err(Full);
        }
        self.by_time.insert((until, key.clone()));
        self.entries.insert(key, (until, value));
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (until, value) = self.entries.remove(key)?;
        self.by_time.remove(&(until, key.clone()));
        Some(value)
    }

    /// Lets go of the entries whose time is over; returns them.
    pub(super) fn expire(&mut self, now: u64) -> Vec<(K, V)> {
        let mut gone = Vec::new();
        while let Some((until, _)) = self.by_time.first()
            && *until < now
        {
            if let Some((_, key)) = self.by_time.pop_first()
                && let Some((_, value)) = self.entries.remove(&key)
            {
                gone.push((key, value));
            }
        }
        gone
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_refuses_and_never_forgets() {
        let mut map = Expiring::new(2);
        map.insert(1, (), 10, 0).unwrap();
        map.insert(2, (), 20, 0).unwrap();
        assert_eq!(map.insert(3, (), 30, 10), Err(Full));
        assert!(map.get(&1, 10).is_some());
        map.insert(3, (), 30, 11).unwrap();
        assert!(map.get(&1, 11).is_none());
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn a_life_is_never_shortened() {
        let mut map = Expiring::new(2);
        map.insert(1, 'a', 10, 0).unwrap();
        map.insert(1, 'b', 5, 0).unwrap();
        assert_eq!(map.get(&1, 10), Some(&'b'));
    }
}

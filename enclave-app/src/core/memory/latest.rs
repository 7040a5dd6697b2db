use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A bounded map from which the oldest entry leaves. For what helps against a store that goes back
/// and is not the only guard.
pub(super) struct Latest<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V> Latest<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The entry of a key; a new one may take the oldest one's place.
    pub(super) fn entry(&mut self, key: K, new: V) -> &mut V {
        if !self.entries.contains_key(&key) {
            if self.entries.len() >= self.capacity
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.entries.entry(key).or_insert(new)
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
    fn the_oldest_entry_makes_room() {
        let mut map = Latest::new(2);
        for key in [1, 2, 1, 3] {
            *map.entry(key, 0) += 1;
        }
        assert_eq!((map.get(&1), map.get(&2), map.get(&3)), (None, Some(&1), Some(&1)));
        assert_eq!(map.len(), 2);
    }
}

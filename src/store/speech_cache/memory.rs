//! The hottest sounds in memory, bounded by bytes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// Sounds by name; the one not asked for the longest goes first.
#[derive(Debug)]
pub(super) struct Memory {
    max_bytes: usize,
    bytes: usize,
    /// Grows with each use.
    clock: u64,
    by_name: HashMap<String, (Bytes, u64)>,
    by_use: BTreeMap<u64, String>,
}

impl Memory {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, clock: 0, by_name: HashMap::new(), by_use: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, name: &str) -> Option<Bytes> {
        let (bytes, used) = self.by_name.get_mut(name)?;
        self.clock += 1;
        if let Some(name) = self.by_use.remove(used) {
            self.by_use.insert(self.clock, name);
        }
        *used = self.clock;
        Some(bytes.clone())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some((gone, used)) = self.by_name.remove(name) {
            self.bytes -= gone.len();
            self.by_use.remove(&used);
        }
    }

    /// One sound may take an eighth of the room at most, lest it push all others out.
    pub(super) fn put(&mut self, name: &str, bytes: Bytes) {
        if bytes.len() > self.max_bytes / 8 {
            return;
        }
        self.clock += 1;
        self.bytes += bytes.len();
        if let Some((before, used)) = self.by_name.insert(name.to_owned(), (bytes, self.clock)) {
            self.bytes -= before.len();
            self.by_use.remove(&used);
        }
        self.by_use.insert(self.clock, name.to_owned());
        while self.bytes > self.max_bytes {
            let Some((_, name)) = self.by_use.pop_first() else {
                break;
            };
            if let Some((gone, _)) = self.by_name.remove(&name) {
                self.bytes -= gone.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_the_bound_holds() {
        let mut memory = Memory::new(800);
        for n in 0..8 {
            memory.put(&n.to_string(), Bytes::from(vec![n; 100]));
        }
        assert!(memory.get("0").is_some());
        memory.put("8", Bytes::from(vec![8; 100]));
        assert!(memory.get("0").is_some() && memory.get("8").is_some());
        assert_eq!(memory.get("1"), None);
        // In the place of itself it takes no more room.
        memory.put("8", Bytes::from(vec![9; 50]));
        assert_eq!(memory.bytes, 750);
        assert_eq!(memory.get("8"), Some(Bytes::from(vec![9; 50])));
        memory.put("huge", Bytes::from(vec![0; 101]));
        assert_eq!(memory.get("huge"), None);
        assert_eq!((memory.by_name.len(), memory.by_use.len()), (8, 8));
    }
}

//! Which sounds live calls may still have played: a name in a `<Play>` is fetched later, when somebody else may want it removed.
//!
//! Key types: [`Claims`] of one call, `Claimed` of all. Invariant: between a claim and its release nothing of that name is removed by
//! a deletion, and a claim that comes during a removal waits for its end, so that the sound is then rendered anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one call has claimed. Clones are the same claims; the last that is dropped releases them.
#[derive(Clone, Debug)]
pub struct Claims(Arc<OfOneCall>);

#[derive(Debug)]
struct OfOneCall {
    owner: String,
    names: Mutex<Vec<String>>,
    of_all: Arc<Claimed>,
}

/// Who has claimed each name.
#[derive(Debug, Default)]
pub(super) struct Claimed(Mutex<HashMap<String, Vec<String>>>);

impl Claims {
    pub(super) fn new(of_all: &Arc<Claimed>, owner: &str) -> Self {
        let (owner, names, of_all) = (owner.to_owned(), Mutex::default(), Arc::clone(of_all));
        Self(Arc::new(OfOneCall { owner, names, of_all }))
    }

    /// Claims these names too; before the sound is looked for.
    pub fn add<'a>(&self, names: impl IntoIterator<Item = &'a String>) {
        let mut ours = lock(&self.0.names);
        for name in names {
            if ours.len() < MOST && !ours.contains(name) {
                lock(&self.0.of_all.0).entry(name.clone()).or_default().push(self.0.owner.clone());
                ours.push(name.clone());
            }
        }
    }
}

impl Drop for OfOneCall {
    fn drop(&mut self) {
        // In the order of `add`: its own first.
        let mut ours = lock(&self.names);
        let mut all = lock(&self.of_all.0);
        for name in ours.drain(..) {
            if let Some(owners) = all.get_mut(&name) {
                if let Some(at) = owners.iter().position(|owner| *owner == self.owner) {
                    owners.swap_remove(at);
                }
                if owners.is_empty() {
                    all.remove(&name);
                }
            }
        }
    }
}

impl Claimed {
    /// Does it where nobody but this owner has claimed the name; nobody can claim it meanwhile.
    pub(super) fn unless_claimed<T>(&self, name: &str, owner: &str, removal: impl FnOnce() -> T) -> Option<T> {
        let all = lock(&self.0);
        let others = all.get(name).is_some_and(|owners| owners.iter().any(|other| other != owner));
        (!others).then(removal)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Far more than a call has turns.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_call_has_claimed_stays_until_the_last_one_gives_it_up() {
        let claimed = Arc::new(Claimed::default());
        let (one, two) = (Claims::new(&claimed, "one"), Claims::new(&claimed, "two"));
        let (both, own) = ("both".to_owned(), "own".to_owned());
        one.add([&both, &own, &both]);
        two.add([&both]);
        let removed = |name: &str, owner: &str| claimed.unless_claimed(name, owner, || ()).is_some();
        assert!(!removed("both", "one") && !removed("own", "two") && !removed("own", "three"));
        assert!(removed("own", "one") && removed("other", "one"), "its own claim holds nobody back");
        drop(one);
        assert!(!removed("both", "one") && removed("own", "two"));
        let same = two.clone();
        drop(two);
        assert!(!removed("both", "one"));
        drop(same);
        assert!(removed("both", "one") && claimed.0.lock().unwrap().is_empty());
    }
}

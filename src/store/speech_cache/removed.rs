//! Sounds that were removed with their call a moment ago: a rendering that was under way must not bring one back.
//!
//! Key type: `Removed`. Invariant: it is bounded; where more was removed at once than it holds, the newest are not remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Their names.
#[derive(Debug, Default)]
pub(super) struct Removed(Mutex<HashMap<String, Of>>);

/// The call that it was removed with, and when.
#[derive(Debug)]
struct Of {
    owner: String,
    at: Instant,
}

impl Removed {
    /// Remembers it for a while.
    pub(super) fn note(&self, name: &str, owner: &str) {
        let at = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, of| of.at + REMEMBERED > at);
        }
        if all.len() < MOST {
            all.insert(name.to_owned(), Of { owner: owner.to_owned(), at });
        }
    }

    /// The call with which it was removed, if that was a moment ago.
    pub(super) fn owner(&self, name: &str) -> Option<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return None;
        }
        let now = Instant::now();
        all.retain(|_, of| of.at + REMEMBERED > now);
        all.get(name).map(|of| of.owner.clone())
    }
}

/// Longer than a rendering may take.
const REMEMBERED: Duration = Duration::from_secs(15);
/// The sounds of some hundred calls.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_remembered_for_a_while_and_room_is_made_for_others() {
        let removed = Removed::default();
        for n in 0..MOST {
            removed.note(&n.to_string(), "call");
        }
        removed.note("one too many", "call");
        assert_eq!((removed.owner("0").as_deref(), removed.owner("one too many")), (Some("call"), None));
        tokio::time::advance(REMEMBERED).await;
        removed.note("another", "call");
        assert_eq!((removed.owner("0"), removed.owner("another").as_deref()), (None, Some("call")));
    }
}

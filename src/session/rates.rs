//! How often one number may call or be called in an hour. Pure: time is an argument, as the duration since any fixed moment.
//!
//! Every admission of the last hour is remembered, so that the limit holds in any hour and not on average. Invariant: no more than
//! [`MOST`] admissions are remembered, whatever comes; beyond them the oldest is forgotten early.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// The admissions of the last hour.
#[derive(Debug)]
pub(super) struct Rates<K> {
    limit: u32,
    most: usize,
    /// All of them, oldest first.
    order: VecDeque<(Duration, K)>,
    /// The same by number, oldest first.
    admitted: HashMap<K, VecDeque<Duration>>,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// At most `limit` an hour for each number; 0 is no limit.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, most: MOST, order: VecDeque::new(), admitted: HashMap::new() }
    }

    /// Calls of one number in an hour; 0 is no limit.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Counts one more call of this number, if that is permitted.
    ///
    /// # Errors
    /// It is not; the wait until it is.
    pub(super) fn admit(&mut self, number: &K, now: Duration) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        while self.order.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= HOUR) {
            self.forget_oldest();
        }
        let before = self.admitted.get(number);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if let Some(before) = before.filter(|before| before.len() >= limit)
            // Where the limit was lowered there may be more of them: the one that makes room counts.
            && let Some(makes_room) = before.get(before.len() - limit)
        {
            return Err((*makes_room + HOUR).saturating_sub(now));
        }
        if self.order.len() >= self.most {
            self.forget_oldest();
        }
        self.order.push_back((now, number.clone()));
        self.admitted.entry(number.clone()).or_default().push_back(now);
        Ok(())
    }

    /// The newest admission of this number led to no call.
    pub(super) fn take_back(&mut self, number: &K) {
        let Some(at) = self.admitted.get_mut(number).and_then(VecDeque::pop_back) else { return };
        if self.admitted.get(number).is_some_and(VecDeque::is_empty) {
            self.admitted.remove(number);
        }
        if let Some(index) = self.order.iter().rposition(|(when, who)| *when == at && who == number) {
            self.order.remove(index);
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, number)) = self.order.pop_front() else { return };
        if let Some(admitted) = self.admitted.get_mut(&number) {
            admitted.pop_front();
            if admitted.is_empty() {
                self.admitted.remove(&number);
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
/// Some 15 MB at most.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_limit_holds_in_any_hour_and_for_each_number_alone() {
        let mut rates = Rates::new(2);
        assert_eq!(rates.admit(&"a", at(0)), Ok(()));
        assert_eq!(rates.admit(&"a", at(1_000)), Ok(()));
        assert_eq!(rates.admit(&"a", at(1_001)), Err(at(2_599)));
        assert_eq!(rates.admit(&"b", at(1_001)), Ok(()));
        assert_eq!(rates.admit(&"a", at(3_599)), Err(at(1)));
        // What was refused does not count.
        assert_eq!(rates.admit(&"a", at(3_600)), Ok(()));
        assert_eq!(rates.admit(&"a", at(3_601)), Err(at(999)));
    }

    #[test]
    fn zero_is_no_limit() {
        let mut rates = Rates::new(0);
        for _ in 0..1_000 {
            assert_eq!(rates.admit(&"a", at(0)), Ok(()));
        }
        assert!(rates.order.is_empty());
    }

    #[test]
    fn a_call_that_was_not_made_does_not_count() {
        let mut rates = Rates::new(1);
        rates.admit(&"a", at(0)).unwrap();
        rates.take_back(&"a");
        assert_eq!(rates.admit(&"a", at(1)), Ok(()));
        assert_eq!(rates.admit(&"a", at(2)), Err(at(3_599)));
        rates.take_back(&"b");
        assert_eq!(rates.order.len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_count() {
        let mut rates = Rates { most: 10, ..Rates::new(1) };
        for number in 0..1_000 {
            assert_eq!(rates.admit(&number, at(1)), Ok(()));
        }
        assert_eq!((rates.order.len(), rates.admitted.len()), (10, 10));
        assert!(rates.admit(&999, at(2)).is_err());
        assert!(rates.admit(&0, at(2)).is_ok(), "it was forgotten early");
        rates.admit(&1, at(3_700)).unwrap();
        assert_eq!((rates.order.len(), rates.admitted.len()), (1, 1), "what is older than an hour is gone");
    }

    proptest! {
        #[test]
        fn no_hour_ever_has_more(limit in 1_u32..4, calls in prop::collection::vec((0_u8..3, 0_u64..1_000), 1..200)) {
            let mut rates = Rates::new(limit);
            let (mut now, mut admitted) = (0, Vec::new());
            for (number, later) in calls {
                now += later;
                match rates.admit(&number, at(now)) {
                    Ok(()) => admitted.push((number, now)),
                    Err(wait) => prop_assert!(!wait.is_zero() && wait <= HOUR),
                }
                let recent = admitted.iter().filter(|(who, when)| *who == number && now - when < 3_600).count();
                prop_assert!(recent <= limit as usize);
                prop_assert_eq!(rates.order.len(), rates.admitted.values().map(VecDeque::len).sum::<usize>());
            }
        }
    }
}

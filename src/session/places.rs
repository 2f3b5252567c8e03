//! Places: how many calls this process holds at once, and how the last of them leave when it shuts down.
//!
//! A call takes a place where its newest version was written: one that another instance carries on takes its place there and gives
//! ours back. Key types: [`Places`], [`Place`]. Invariant: a place is given back when its owner is dropped, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::entry::Session;
use super::switchboard::Switchboard;
use crate::telemetry;

/// The places of a process.
#[derive(Debug)]
pub(super) struct Places {
    /// Taken at once, at most.
    most: usize,
    taken: AtomicUsize,
    /// Calls that Twilio is being asked for.
    starting: AtomicUsize,
    draining: AtomicBool,
}

/// The place of one call.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    /// Twilio is being asked for the call.
    starting: bool,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let (taken, starting, draining) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { most, taken, starting, draining })
    }

    /// One more place; why there is none. Of many calls that come at the same moment no more get one than fit.
    fn admit(self: &Arc<Self>, starting: bool) -> Result<Place, &'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining");
        }
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).map_err(|_| "busy")?;
        Ok(self.given(starting))
    }

    /// A place for a call that is held already, whatever the limit.
    fn one_more(self: &Arc<Self>) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.given(false)
    }

    fn given(self: &Arc<Self>, starting: bool) -> Place {
        self.starting.fetch_add(usize::from(starting), Ordering::Relaxed);
        self.show();
        Place { places: Arc::clone(self), starting }
    }

    fn show(&self) {
        gauge!(telemetry::CALLS_LIVE).set(count(self.taken.load(Ordering::Relaxed)));
    }
}

impl Place {
    /// Twilio has told the call's name.
    pub(super) fn started(&mut self) {
        if std::mem::take(&mut self.starting) {
            self.places.starting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.started();
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        self.places.show();
    }
}

impl Switchboard {
    /// Calls held now.
    pub fn live_calls(&self) -> usize {
        self.places().taken.load(Ordering::Relaxed)
    }

    /// Takes a place for one more call; why there is none.
    pub(super) fn admission(&self, starting: bool) -> Result<Place, &'static str> {
        self.places().admit(starting).inspect_err(|refusal| {
            counter!(telemetry::CALLS_REFUSED, "reason" => *refusal).increment(1);
        })
    }

    /// Whether Twilio is being asked for a call, which may be answered before we know its name.
    pub(super) fn is_starting(&self) -> bool {
        self.places().starting.load(Ordering::Relaxed) > 0
    }

    /// Gives a live call a place, if it has none yet: from now on it is carried here.
    pub(super) fn hold(&self, session: &mut Session) {
        if session.ended_at.is_none() && session.place.is_none() {
            session.place = Some(self.places().one_more());
        }
    }

    /// Whether new calls are refused because we are shutting down.
    pub fn draining(&self) -> bool {
        self.places().draining.load(Ordering::Relaxed)
    }

    /// Refuses new calls from now on; live ones finish, here or, in gather, at another instance.
    pub fn begin_drain(&self) {
        if self.places().draining.swap(true, Ordering::Relaxed) || !self.store().is_shared() {
            return;
        }
        let board = self.clone();
        self.tracker().spawn(async move {
            let stop = board.stopping().clone();
            while stop.run_until_cancelled(sleep(LOOK_ELSEWHERE)).await.is_some() {
                board.look_elsewhere(|session| session.place.is_some()).await;
            }
        });
    }

    /// Refuses new calls and waits until none is live, at most so long; towards the end live calls say goodbye: in gather with the
    /// next turn, which may take a while to come, in a stream at once. True if none was cut off.
    pub async fn drained(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        // Where there is no more time than for the goodbyes, no turn is taken between the beginning and them.
        for (telling, before) in [(self.last_turns(), LAST_TURN), (self.goodbye(), GOODBYE)] {
            if within <= before {
                telling.cancel();
            }
        }
        self.begin_drain();
        for (telling, before) in [(self.last_turns(), LAST_TURN), (self.goodbye(), GOODBYE)] {
            if timeout_at(end.checked_sub(before).unwrap_or(end - within), self.idle()).await.is_err() {
                telling.cancel();
            }
        }
        timeout_at(end, self.idle()).await.ok();
        let clean = self.live_calls() == 0;
        self.stopping().cancel();
        self.last_turns().cancel();
        self.goodbye().cancel();
        self.tracker().close();
        timeout(TASKS, self.tracker().wait()).await.ok();
        clean
    }

    async fn idle(&self) {
        while self.live_calls() > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
fn count(calls: usize) -> f64 {
    calls as f64
}

/// How often, while we shut down, it is looked whether other instances have taken calls over.
const LOOK_ELSEWHERE: Duration = Duration::from_secs(1);
/// How long before the end of the drain time calls in gather get their last turn: some words, a silence, Twilio's time to hear.
const LAST_TURN: Duration = Duration::from_secs(20);
/// How much of the drain time live calls get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(8);
/// How long tasks beside the calls get to end.
const TASKS: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_places_are_taken_than_there_are_and_each_is_given_back_once() {
        let places = Places::new(2);
        let first = places.admit(false).unwrap();
        let mut second = places.admit(true).unwrap();
        assert_eq!(places.admit(false).unwrap_err(), "busy");
        // A call that is held already is not sent away.
        let third = places.one_more();
        second.started();
        second.started();
        assert_eq!((places.taken.load(Ordering::Relaxed), places.starting.load(Ordering::Relaxed)), (3, 0));
        drop((first, second));
        assert!(places.admit(false).is_ok());
        drop(third);
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
        places.draining.store(true, Ordering::Relaxed);
        assert_eq!(places.admit(false).unwrap_err(), "draining");
    }
}

//! Leaves a vendor alone that keeps failing, so that no caller waits for what will not come: closed, open, half open.
//!
//! It counts what it is told and knows no vendor. Key type: [`Breaker`]. Invariant: while open, one request at a time is let through to
//! see whether the vendor is back, and no more than one in each rest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use serde::Serialize;
use tokio::time::Instant;

use super::{ProviderError, ProviderErrorKind};
use crate::telemetry;

/// The circuit of one part of one vendor, for the whole process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Breaker {
    part: &'static str,
    state: Arc<Mutex<State>>,
}

/// Whether a vendor is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Asked as usual.
    Closed,
    /// One request finds out whether it is back.
    HalfOpen,
    /// Left alone.
    Open,
}

#[derive(Debug)]
struct State {
    /// Failures in a row, and when the first of them was.
    failures: u32,
    first: Instant,
    /// Until when the vendor is left alone.
    rests_until: Option<Instant>,
    rest: Duration,
    /// Whether a request was let through to see if the vendor is back, and has not been told of yet.
    probing: bool,
}

impl Breaker {
    /// A closed circuit. `part` names it in metrics and in `/readyz`: `ears`, `voice`, `mind`.
    pub fn new(part: &'static str) -> Self {
        let state = State { failures: 0, first: Instant::now(), rests_until: None, rest: REST, probing: false };
        Self { part, state: Arc::new(Mutex::new(state)) }
    }

    /// Its name.
    pub fn part(&self) -> &'static str {
        self.part
    }

    /// Whether to ask the vendor now. Where the circuit was open and its rest is over, a yes is for this one request; the next is let
    /// through once it has succeeded, or after another rest.
    pub fn allows(&self) -> bool {
        let mut state = self.lock();
        match state.rests_until {
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                state.rests_until = Some(Instant::now() + state.rest);
                state.probing = true;
                true
            }
        }
    }

    /// How it is now.
    pub fn circuit(&self) -> Circuit {
        match self.lock().rests_until {
            None => Circuit::Closed,
            Some(until) if Instant::now() < until => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// The vendor did what it was asked.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        if state.rests_until.take().is_some() {
            tracing::info!(part = self.part, "the vendor is back");
        }
        (state.failures, state.rest, state.probing) = (0, REST, false);
    }

    /// The vendor failed. A refusal of one request (a bad key, an unknown voice) says nothing of the next and costs no caller time:
    /// it does not count.
    pub fn failed(&self, error: &ProviderError) {
        match error.kind {
            ProviderErrorKind::Refused => return,
            ProviderErrorKind::Broken
            | ProviderErrorKind::Quota
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::Unavailable => {}
        }
        let now = Instant::now();
        let mut state = self.lock();
        if state.rests_until.is_some() {
            // Others were under way when the circuit opened: that they fail too is no news.
            if !std::mem::take(&mut state.probing) {
                return;
            }
            state.rest = (state.rest * 2).min(LONGEST_REST);
            state.rests_until = Some(now + state.rest);
            return;
        }
        if state.failures == 0 || now - state.first > WINDOW {
            (state.failures, state.first) = (0, now);
        }
        state.failures += 1;
        if state.failures >= ENOUGH {
            state.rests_until = Some(now + state.rest);
            counter!(telemetry::CIRCUIT_OPENED, "vendor" => self.part).increment(1);
            tracing::warn!(
                part = self.part,
                seconds = state.rest.as_secs(),
                "the vendor keeps failing and is left alone"
            );
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many failures, none of them followed by a success ...
const ENOUGH: u32 = 5;
/// ... within this time open the circuit.
const WINDOW: Duration = Duration::from_secs(30);
/// The first rest; doubled by each failed probe.
const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, kind: ProviderErrorKind) {
        breaker.failed(&ProviderError::new("v", kind, "as asked"));
    }

    fn open() -> Breaker {
        let breaker = Breaker::new("mind");
        for _ in 0..ENOUGH {
            assert!(breaker.allows());
            fail(&breaker, ProviderErrorKind::Timeout);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        assert!(!open().allows());
        let breaker = Breaker::new("mind");
        for _ in 0..3 * ENOUGH {
            fail(&breaker, ProviderErrorKind::Unavailable);
            fail(&breaker, ProviderErrorKind::Broken);
            breaker.succeeded();
        }
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_far_apart_and_refusals_do_not_open_it() {
        let breaker = Breaker::new("voice");
        for _ in 0..3 * ENOUGH {
            fail(&breaker, ProviderErrorKind::Quota);
            tokio::time::advance(WINDOW / 3).await;
            fail(&breaker, ProviderErrorKind::Refused);
        }
        assert!(breaker.allows());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_rest_one_request_is_let_through_and_its_success_closes_it() {
        let breaker = open();
        tokio::time::advance(REST).await;
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        assert!(breaker.allows() && !breaker.allows());
        breaker.succeeded();
        assert!(breaker.allows() && breaker.allows());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_when_it_opened_does_not_lengthen_the_rest() {
        let breaker = open();
        for _ in 0..10 {
            fail(&breaker, ProviderErrorKind::Timeout);
        }
        tokio::time::advance(REST).await;
        assert!(breaker.allows() && !breaker.allows());
        for _ in 0..10 {
            fail(&breaker, ProviderErrorKind::Timeout);
        }
        tokio::time::advance(2 * REST).await;
        assert!(breaker.allows(), "one probe failed: the rest has doubled once");
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_rest_up_to_a_minute() {
        let breaker = open();
        let mut rest = REST;
        for _ in 0..8 {
            tokio::time::advance(rest).await;
            assert!(breaker.allows());
            fail(&breaker, ProviderErrorKind::Timeout);
            rest = (rest * 2).min(LONGEST_REST);
            tokio::time::advance(rest - Duration::from_millis(1)).await;
            assert!(!breaker.allows());
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(breaker.circuit(), Circuit::HalfOpen);
            // Back to the start of this rest for the loop.
            rest = rest.min(LONGEST_REST);
            assert!(breaker.allows());
            fail(&breaker, ProviderErrorKind::Timeout);
            rest = (rest * 2).min(LONGEST_REST);
        }
    }
}

//! Which calls the rules forbid: the agent's quiet hours, the do-not-call list, too many calls of one number.
//!
//! Key types: [`Rules`], [`RulesConfig`]. Rates are counted in this process: several instances permit as many times more. Invariant: a
//! number is in no log and in no error.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use metrics::counter;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::StartCallError;
use super::entry::Session;
use super::rates::Rates;
use super::switchboard::Switchboard;
use crate::agent::Agent;
use crate::agent::calling::callee_zone;
use crate::store::do_not_call::DoNotCall;
use crate::telemetry;
use crate::twilio::phone::{Address, E164};

/// What the rules need to know of the environment.
#[derive(Clone, Debug, Default)]
pub struct RulesConfig {
    /// The numbers that must not be called.
    pub do_not_call: DoNotCall,
    /// Calls to one number in an hour; 0 is no limit.
    pub calls_to_number_per_hour: u32,
    /// Calls from one number in an hour; 0 is no limit.
    pub calls_from_number_per_hour: u32,
}

/// A rule that forbids a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The number is on the list.
    DoNotCall,
    /// The agent calls nobody at this time of the callee's.
    QuietHours,
    /// The number has had as many calls in an hour as it may.
    TooManyCalls,
}

impl Rule {
    /// The name in problem documents and metrics; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoNotCall => "do_not_call",
            Self::QuietHours => "quiet_hours",
            Self::TooManyCalls => "too_many_calls",
        }
    }
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct Rules {
    do_not_call: DoNotCall,
    to: Mutex<Rates<E164>>,
    from: Mutex<Rates<E164>>,
    /// The moment that rates count from.
    began: Instant,
}

impl Rules {
    pub(super) fn new(config: RulesConfig) -> Self {
        Self {
            do_not_call: config.do_not_call,
            to: Mutex::new(Rates::new(config.calls_to_number_per_hour)),
            from: Mutex::new(Rates::new(config.calls_from_number_per_hour)),
            began: Instant::now(),
        }
    }

    pub(super) fn do_not_call(&self) -> &DoNotCall {
        &self.do_not_call
    }

    /// Whether the agent may call this number now.
    ///
    /// # Errors
    /// [`StartCallError`]: no such time zone, or the rule that forbids it.
    pub(super) fn permit(&self, agent: &Agent, phone: &E164, timezone: Option<&str>) -> Result<(), StartCallError> {
        let known = TimeZoneDatabase::bundled();
        if timezone.is_some_and(|name| known.get(name).is_err()) {
            return Err(StartCallError::BadTimezone);
        }
        if self.do_not_call.contains(phone) {
            return Err(StartCallError::DoNotCall).inspect_err(refused);
        }
        let zone = callee_zone(agent, phone.as_str(), timezone);
        let now = Timestamp::now().to_zoned(known.get(zone).unwrap_or(TimeZone::UTC));
        quiet(agent, zone, now).inspect_err(refused)
    }

    /// Counts a call to this number, which is about to be asked for.
    ///
    /// # Errors
    /// [`StartCallError::TooOften`].
    pub(super) fn count_call_to(&self, phone: &E164) -> Result<(), StartCallError> {
        let mut rates = lock(&self.to);
        let limit = rates.limit();
        rates
            .admit(phone, self.began.elapsed())
            .map_err(|after| StartCallError::TooOften { limit, after })
            .inspect_err(refused)
    }

    /// The call that was counted last was not made.
    pub(super) fn no_call_to(&self, phone: &E164) {
        lock(&self.to).take_back(phone);
    }

    /// Counts a call from somebody; false if it is one too many. Who hides his number is not told from others who do.
    pub(super) fn admits_call_from(&self, from: &Address) -> bool {
        let Some(number) = from.e164() else { return true };
        let admitted = lock(&self.from).admit(&number, self.began.elapsed()).is_ok();
        if !admitted {
            counter!(telemetry::CALLS_REFUSED, "reason" => Rule::TooManyCalls.as_str()).increment(1);
        }
        admitted
    }
}

impl Switchboard {
    /// Puts the caller's number on the list if he said in the call that he does not want to be called again.
    pub(super) fn keep_refusal(&self, session: &Session) {
        let Some(phone) = session.phone.clone().filter(|_| session.conversation.calls_refused()) else { return };
        let list = self.do_not_call().clone();
        self.tracker().spawn(async move {
            match list.add(&phone, "asked for it in a call").await {
                Ok(()) => info!("a number was put on the do-not-call list"),
                Err(error) => error!(%error, "the do-not-call list could not be written"),
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn quiet(agent: &Agent, zone: &str, now: Zoned) -> Result<(), StartCallError> {
    match agent.calling.permitted_from(&now) {
        None => Ok(()),
        Some(next) => Err(StartCallError::QuietHours { now, zone: zone.to_owned(), next }),
    }
}

fn refused(error: &StartCallError) {
    let Some(rule) = error.rule().map(Rule::as_str) else { return };
    counter!(telemetry::CALLS_REFUSED, "reason" => rule).increment(1);
    warn!(rule, "call not started");
}

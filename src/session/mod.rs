//! Everything between the routes and the pure core: who is on the line, in which mode, with which helpers.
//!
//! One task drives each streamed call (`stream`); gather is state per request (`gather`). Both act on one session a call,
//! found by its `CallSid` in memory or, after another process died, in the store. Key type: [`Switchboard`].
//! Invariant: helpers own sockets and decide nothing; every decision is the core's.

mod answers;
mod bell;
mod entry;
mod gather;
pub mod intake;
mod line;
mod lookup;
mod media;
mod overflow;
mod places;
mod rates;
mod reconcile;
mod rules;
mod speech;
mod stream;
mod switchboard;
mod upstream;

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};

pub use rules::{Rule, RulesConfig};
pub use switchboard::{Agents, Config, Parts, Switchboard};

/// A call to start.
#[derive(Clone, Debug, Default)]
pub struct StartCall {
    /// Which agent shall call.
    pub agent_type: String,
    /// Whom, E.164.
    pub phone: String,
    /// BCP-47 tag of one of the agent's languages; skips the choice.
    pub language: Option<String>,
    /// `stream` or `gather`, instead of the agent's own mode.
    pub mode: Option<String>,
    /// Values of `{variables}` in the agent's texts: text, numbers and truth values.
    pub variables: Map<String, Value>,
    /// IANA name of the callee's time zone, where his country has several.
    pub timezone: Option<String>,
}

/// Why a call was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartCallError {
    /// The agent does not speak this language.
    #[error("the agent speaks {}", .known.join(", "))]
    BadLanguage {
        /// What it speaks.
        known: Vec<String>,
    },
    /// No such mode.
    #[error("expected stream or gather")]
    BadMode,
    /// The number is not E.164.
    #[error("expected E.164: + and 8 to 15 digits")]
    BadPhone,
    /// No such time zone.
    #[error("expected an IANA name such as America/New_York")]
    BadTimezone,
    /// Too many variables, or one that cannot be spoken.
    #[error("{0}")]
    BadVariables(String),
    /// As many calls as we may hold.
    #[error("all lines are busy; try again later")]
    Busy,
    /// The callee is not to be called.
    #[error("the number is on the do-not-call list")]
    DoNotCall,
    /// We are shutting down.
    #[error("the server is shutting down")]
    Draining,
    /// Twilio is not configured.
    #[error("no phone line is configured: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER are needed")]
    NoPhoneLine,
    /// The agent calls nobody at this hour, or on this day, of the callee's.
    #[error("it is {} in {} now, and the agent calls nobody there at that time; calls are permitted again from {}", .now.strftime("%A %H:%M"), .zone, .next.strftime("%Y-%m-%dT%H:%M:%S%:z"))]
    QuietHours {
        /// The callee's time.
        now: Zoned,
        /// The zone whose clock counts.
        zone: String,
        /// When the next call is permitted.
        next: Zoned,
    },
    /// The number was called as often as it may be in an hour.
    #[error("the number was called {limit} times within an hour; the next call is permitted in {} s", .after.as_secs())]
    TooOften {
        /// Calls to one number in an hour.
        limit: u32,
        /// When the next one is permitted.
        after: Duration,
    },
    /// Twilio refused, or was not reached.
    #[error("{message}")]
    Twilio {
        /// Twilio's error code, if it gave one.
        code: Option<u32>,
        /// What it said.
        message: String,
    },
    /// No agent of this type.
    #[error("no such agent; known: {}", .known.join(", "))]
    UnknownAgent {
        /// The agents there are.
        known: Vec<String>,
    },
}

impl StartCallError {
    /// The HTTP status that says whose fault it is.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadLanguage { .. }
            | Self::BadMode
            | Self::BadPhone
            | Self::BadTimezone
            | Self::BadVariables(_)
            | Self::UnknownAgent { .. } => 422,
            Self::DoNotCall => 403,
            Self::QuietHours { .. } => 409,
            Self::TooOften { .. } => 429,
            Self::Twilio { code: Some(code), .. } if TO_CODES.contains(code) => 422,
            Self::Busy | Self::Draining | Self::NoPhoneLine => 503,
            Self::Twilio { .. } => 502,
        }
    }

    /// The field at fault.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadLanguage { .. } => Some("language"),
            Self::BadMode => Some("mode"),
            Self::BadPhone | Self::DoNotCall | Self::TooOften { .. } => Some("phone"),
            Self::BadTimezone => Some("timezone"),
            Self::BadVariables(_) => Some("variables"),
            Self::UnknownAgent { .. } => Some("agent_type"),
            Self::Twilio { code: Some(code), .. } if TO_CODES.contains(code) => Some("phone"),
            Self::Busy | Self::Draining | Self::NoPhoneLine | Self::QuietHours { .. } | Self::Twilio { .. } => None,
        }
    }

    /// The rule that forbids the call now, if one does.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::DoNotCall => Some(Rule::DoNotCall),
            Self::QuietHours { .. } => Some(Rule::QuietHours),
            Self::TooOften { .. } => Some(Rule::TooManyCalls),
            Self::BadLanguage { .. }
            | Self::BadMode
            | Self::BadPhone
            | Self::BadTimezone
            | Self::BadVariables(_)
            | Self::Busy
            | Self::Draining
            | Self::NoPhoneLine
            | Self::Twilio { .. }
            | Self::UnknownAgent { .. } => None,
        }
    }

    /// From when on the same request will be granted, where that is a time of the day.
    pub fn permitted_from(&self) -> Option<Timestamp> {
        if let Self::QuietHours { next, .. } = self { Some(next.timestamp()) } else { None }
    }

    /// How long to wait before the same request may be granted, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QuietHours { now, next, .. } => next.timestamp().duration_since(now.timestamp()).try_into().ok(),
            Self::TooOften { after, .. } => Some(*after),
            Self::BadLanguage { .. }
            | Self::BadMode
            | Self::BadPhone
            | Self::BadTimezone
            | Self::BadVariables(_)
            | Self::Busy
            | Self::DoNotCall
            | Self::Draining
            | Self::NoPhoneLine
            | Self::Twilio { .. }
            | Self::UnknownAgent { .. } => None,
        }
    }
}

/// Why a call was not hung up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HangUpError {
    /// No such call.
    #[error("no such call")]
    NotFound,
    /// It is over already.
    #[error("the call is over")]
    Over,
    /// Twilio refused, or was not reached.
    #[error("twilio did not hang up: {0}")]
    Twilio(String),
}

/// The query of `/voice`.
#[derive(Clone, Debug, Default)]
pub struct VoiceQuery {
    /// Which agent.
    pub agent_type: Option<String>,
    /// Instead of the agent's mode.
    pub mode: Option<String>,
    /// Skips the choice of language.
    pub language: Option<String>,
    /// Which start of ours the call belongs to.
    pub start: Option<String>,
}

/// The query of `/process-response`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GatherQuery {
    /// The turn that the answer is for.
    pub turn: Option<u32>,
    /// A visit that only asks whether the mind has answered by now.
    pub wait: Option<u32>,
}

/// Twilio's codes for a number that cannot be called: invalid, not reachable, not verified (trial accounts), not possible.
/// <https://www.twilio.com/docs/api/errors>
const TO_CODES: [u32; 5] = [21_211, 21_214, 21_216, 21_217, 21_219];

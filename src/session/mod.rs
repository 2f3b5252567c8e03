//! A stand-in for the switchboard.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::ws::WebSocket;
use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::provider::elevenlabs::ears::Ears;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::gemini::Gemini;
use crate::store::Store;
use crate::store::recording::Recordings;
use crate::store::speech_cache::SpeechCache;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;
use crate::twilio::rest::Rest;
use crate::twilio::twiml::Verb;
use crate::twilio::webhook::Form;

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
    /// Too many variables, or one that cannot be spoken.
    #[error("{0}")]
    BadVariables(String),
    /// As many calls as we may hold.
    #[error("all lines are busy; try again later")]
    Busy,
    /// We are shutting down.
    #[error("the server is shutting down")]
    Draining,
    /// Twilio is not configured.
    #[error("no phone line is configured: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER are needed")]
    NoPhoneLine,
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
            | Self::BadVariables(_)
            | Self::UnknownAgent { .. } => 422,
            Self::Busy | Self::Draining | Self::NoPhoneLine => 503,
            Self::Twilio { .. } => 502,
        }
    }

    /// The field at fault.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadLanguage { .. } => Some("language"),
            Self::BadMode => Some("mode"),
            Self::BadPhone => Some("phone"),
            Self::BadVariables(_) => Some("variables"),
            Self::UnknownAgent { .. } => Some("agent_type"),
            Self::Busy | Self::Draining | Self::NoPhoneLine | Self::Twilio { .. } => None,
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

/// What the switchboard needs to know of the environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port by which Twilio reaches us.
    pub public_url: String,
    /// Calls held at once, at most.
    pub max_calls: usize,
    /// The number our calls are from.
    pub caller_id: Option<E164>,
    /// Record every call, whatever its agent says.
    pub record_all: bool,
    /// Folder of the recordings.
    pub recordings: PathBuf,
}

/// The parts a call is made of; what is absent has an embedded default or a mode that needs none.
#[derive(Debug)]
pub struct Parts {
    /// What is kept.
    pub store: Store,
    /// Speech that is kept.
    pub speech_cache: SpeechCache,
    /// Writes recordings.
    pub recordings: Option<Recordings>,
    /// Hears streamed calls; without it calls are held in gather.
    pub ears: Option<Ears>,
    /// Speaks; without it calls are held in gather, with Twilio's own voice.
    pub voice: Option<Voice>,
    /// Thinks; without it the agent's own questions are asked in order.
    pub mind: Option<Gemini>,
    /// Starts and ends calls.
    pub line: Option<Rest>,
}

/// The agents in force.
pub type Agents = Arc<Vec<Arc<Agent>>>;

/// Handle.
#[derive(Clone)]
pub struct Switchboard(Arc<Inside>);

struct Inside {
    parts: Parts,
    agents: ArcSwap<Vec<Arc<Agent>>>,
    draining: AtomicBool,
}

#[expect(clippy::unused_async, reason = "a stand-in")]
#[expect(missing_docs, reason = "a stand-in")]
impl Switchboard {
    pub fn open(_config: Config, parts: Parts, agents: Vec<Agent>) -> Self {
        let agents = ArcSwap::from_pointee(agents.into_iter().map(Arc::new).collect());
        Self(Arc::new(Inside { parts, agents, draining: AtomicBool::new(false) }))
    }
    pub fn set_agents(&self, agents: Vec<Agent>) {
        self.0.agents.store(Arc::new(agents.into_iter().map(Arc::new).collect()));
    }
    pub async fn start_call(&self, request: StartCall) -> Result<CallSid, StartCallError> {
        let known: Vec<_> = self.agents().iter().map(|agent| agent.agent_type.clone()).collect();
        if !known.contains(&request.agent_type) {
            return Err(StartCallError::UnknownAgent { known });
        }
        if !request.phone.starts_with('+') {
            return Err(StartCallError::BadPhone);
        }
        Err(StartCallError::NoPhoneLine)
    }
    pub async fn voice(&self, _query: VoiceQuery, _form: Form) -> Vec<Verb> {
        vec![Verb::Hangup]
    }
    pub async fn process_response(&self, _: GatherQuery, _: Form, _: Option<String>) -> Vec<Verb> {
        vec![Verb::Hangup]
    }
    pub async fn stream_ended(&self, _form: Form) -> Vec<Verb> {
        vec![Verb::Hangup]
    }
    pub async fn transfer_ended(&self, _form: Form) -> Vec<Verb> {
        vec![Verb::Hangup]
    }
    pub async fn call_status(&self, _form: Form) {}
    pub async fn stream_status(&self, _form: Form) {}
    pub async fn media_stream(&self, mut socket: WebSocket) {
        while let Some(Ok(_)) = socket.recv().await {}
    }
    pub async fn hang_up(&self, _sid: &CallSid) -> Result<(), HangUpError> {
        Err(HangUpError::NotFound)
    }
    pub fn events(&self, _sid: &CallSid) -> Option<tokio::sync::broadcast::Receiver<Value>> {
        None
    }
    pub fn live_calls(&self) -> usize {
        0
    }
    pub fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }
    pub fn begin_drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }
    pub async fn drained(&self, _within: Duration) -> bool {
        true
    }
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }
    pub fn speech_cache(&self) -> &SpeechCache {
        &self.0.parts.speech_cache
    }
    pub fn agents(&self) -> Agents {
        self.0.agents.load_full()
    }
}

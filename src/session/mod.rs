//! A stand-in for the switchboard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::store::Store;
use crate::store::speech_cache::SpeechCache;
use crate::twilio::CallSid;
use crate::twilio::twiml::Verb;
use crate::twilio::webhook::Form;

/// A call to start.
#[derive(Clone, Debug)]
pub struct StartCall {
    /// The agent.
    pub agent_type: String,
    /// Whom.
    pub phone: String,
    /// Tag.
    pub language: Option<String>,
    /// `stream` or `gather`.
    pub mode: Option<String>,
    /// Variables.
    pub variables: Map<String, Value>,
}

/// Why not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartCallError {
    /// Unknown.
    #[error("no such agent; known: {}", .known.join(", "))]
    UnknownAgent {
        /// Known ones.
        known: Vec<String>,
    },
    /// No number.
    #[error("not E.164")]
    BadPhone,
    /// No line.
    #[error("no phone line is configured")]
    NoPhoneLine,
}

impl StartCallError {
    /// HTTP.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownAgent { .. } | Self::BadPhone => 422,
            Self::NoPhoneLine => 503,
        }
    }

    /// The field.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::UnknownAgent { .. } => Some("agent_type"),
            Self::BadPhone => Some("phone"),
            Self::NoPhoneLine => None,
        }
    }
}

/// Why a call cannot be hung up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HangUpError {
    /// Unknown.
    #[error("no such call")]
    NotFound,
    /// Over.
    #[error("the call is over")]
    Over,
    /// Refused.
    #[error("twilio refused")]
    Twilio,
}

/// Query of `/voice`.
#[derive(Clone, Debug, Default)]
pub struct VoiceQuery {
    /// Agent.
    pub agent_type: Option<String>,
    /// Mode.
    pub mode: Option<String>,
    /// Language.
    pub language: Option<String>,
    /// Start.
    pub start: Option<String>,
}

/// Query of `/process-response`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GatherQuery {
    /// Turn.
    pub turn: Option<u32>,
    /// Wait.
    pub wait: Option<u32>,
}

/// Handle.
#[derive(Clone)]
pub struct Switchboard(Arc<Inside>);

struct Inside {
    store: Store,
    speech_cache: SpeechCache,
    agents: Arc<Vec<Agent>>,
    draining: AtomicBool,
}

#[expect(clippy::unused_async, reason = "a stand-in")]
#[expect(missing_docs, reason = "a stand-in")]
impl Switchboard {
    pub fn stand_in(store: Store, speech_cache: SpeechCache, agents: Vec<Agent>) -> Self {
        Self(Arc::new(Inside { store, speech_cache, agents: Arc::new(agents), draining: AtomicBool::new(false) }))
    }
    pub async fn start_call(&self, request: StartCall) -> Result<CallSid, StartCallError> {
        let known: Vec<_> = self.0.agents.iter().map(|agent| agent.agent_type.clone()).collect();
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
        &self.0.store
    }
    pub fn speech_cache(&self) -> &SpeechCache {
        &self.0.speech_cache
    }
    pub fn agents(&self) -> Arc<Vec<Agent>> {
        Arc::clone(&self.0.agents)
    }
}

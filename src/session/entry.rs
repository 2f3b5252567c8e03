//! One call as this process knows it, and the documents it leaves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::gather::Thinking;
use crate::agent::{Agent, Mode};
use crate::call::TurnReport;
use crate::conversation::{Conversation, Ending, Stage, history};
use crate::store::record::{CallDocument, CollectedDocument, SCHEMA};
use crate::telemetry::timeline;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;

/// A call in the registry: its state behind a lock, and what may be reached without it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) session: tokio::sync::Mutex<Session>,
    pub(super) events: broadcast::Sender<Value>,
    /// Tells a streamed call to end.
    pub(super) hang_up: CancellationToken,
    /// Tells the task of a stream that Twilio has given the stream up.
    pub(super) lost: CancellationToken,
    /// Whether a task of this process carries the call's stream: then nobody knows more of it than we do.
    pub(super) streaming: watch::Sender<bool>,
}

/// One call.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) call_sid: CallSid,
    pub(super) agent: Arc<Agent>,
    pub(super) zone: TimeZone,
    pub(super) direction: &'static str,
    pub(super) phone: Option<E164>,
    pub(super) mode: Mode,
    pub(super) conversation: Conversation,
    pub(super) version: u64,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) recording: Option<String>,
    pub(super) turns: Vec<Value>,
    /// When this process last touched it, for the sweeper.
    pub(super) touched_at: Timestamp,
    /// Whether `/voice` was answered.
    pub(super) connected: bool,
    /// The one-time word that ties a socket to the call; taken by the first that says it.
    pub(super) token: Option<String>,
    /// How the stream was left: what `/stream-ended` shall do.
    pub(super) next: Option<Next>,
    /// The gather turn that is awaited; grows with every answer.
    pub(super) awaited: u32,
    /// The last webhook that was answered, and the answer.
    pub(super) last: Option<Answered>,
    /// A mind that is late.
    pub(super) thinking: Option<Thinking>,
    /// Lines of the history that subscribers have seen.
    pub(super) told: usize,
}

/// How a stream was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    /// The call ends so.
    End(Ending),
    /// Carry on in gather; first say what was not heard.
    Gather(Vec<Unsaid>),
}

/// Words that were not heard in the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unsaid {
    pub(super) text: String,
    pub(super) language: String,
    pub(super) fixed: bool,
}

/// A webhook that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// What makes the request the same one.
    pub(super) key: String,
    /// The TwiML.
    pub(super) twiml: String,
}

/// What another process needs to carry on.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    conversation: Conversation,
    token: Option<String>,
    next: Option<Next>,
    awaited: u32,
    last: Option<Answered>,
    connected: bool,
}

impl Entry {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session: tokio::sync::Mutex::new(session),
            events: broadcast::channel(EVENTS).0,
            hang_up: CancellationToken::new(),
            lost: CancellationToken::new(),
            streaming: watch::Sender::new(false),
        }
    }

    /// Has the task of the stream, if there is one, leave the call in its last state; waits for it, but never long.
    pub(super) async fn leave_stream(&self) {
        let mut streaming = self.streaming.subscribe();
        self.lost.cancel();
        // Where it takes too long, the call goes on from its last save, and the task will find that.
        timeout(LEAVE, streaming.wait_for(|streaming| !streaming)).await.ok();
    }
}

impl Session {
    /// Local wall time in the agent's time zone.
    pub(super) fn local(&self) -> DateTime {
        Timestamp::now().to_zoned(self.zone.clone()).datetime()
    }

    /// Marks the call as over. True if it was not before.
    pub(super) fn end(&mut self, connected: bool) -> bool {
        let news = self.ended_at.is_none();
        self.conversation.ended_outside(connected);
        self.ended_at.get_or_insert_with(Timestamp::now);
        news
    }

    /// The next version of both documents.
    pub(super) fn documents(&mut self) -> (CallDocument, Option<CollectedDocument>) {
        self.version += 1;
        let now = Timestamp::now();
        self.touched_at = now;
        let conversation = &self.conversation;
        let (mut data, mut values, mut evidence) = (Map::new(), Map::new(), Map::new());
        for (name, collected) in conversation.collected(&self.agent) {
            data.insert(name.to_owned(), collected.display.clone().into());
            values.insert(name.to_owned(), collected.typed.clone());
            evidence.insert(name.to_owned(), json!(collected.evidence));
        }
        let kept = Kept {
            conversation: conversation.clone(),
            token: self.token.clone(),
            next: self.next.clone(),
            awaited: self.awaited,
            last: self.last.clone(),
            connected: self.connected,
        };
        let stage = conversation.stage();
        let phone = self.phone.as_ref().map(|phone| phone.as_str().to_owned());
        let call = CallDocument {
            schema: SCHEMA,
            call_sid: self.call_sid.clone(),
            version: self.version,
            agent_type: self.agent.agent_type.clone(),
            direction: self.direction.to_owned(),
            phone: phone.clone(),
            mode: self.mode.as_str().to_owned(),
            stage: stage.as_str().to_owned(),
            outcome: stage.is_over().then(|| stage.as_str().to_owned()),
            language: conversation.language().map(str::to_owned),
            history: conversation.history().entries().iter().map(|entry| line(entry, &self.zone)).collect(),
            data: data.clone(),
            values: values.clone(),
            evidence: evidence.clone(),
            turns: self.turns.clone(),
            variables: conversation
                .variables()
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            started_at: self.started_at,
            updated_at: now,
            ended_at: self.ended_at,
            recording: self.recording.clone(),
            session: json!(kept),
        };
        let collected = (!data.is_empty()).then(|| CollectedDocument {
            schema: SCHEMA,
            call_sid: self.call_sid.clone(),
            version: self.version,
            agent_type: self.agent.agent_type.clone(),
            phone,
            language: call.language.clone(),
            complete: conversation.is_complete(&self.agent),
            data,
            values,
            evidence,
            started_at: self.started_at,
            updated_at: now,
        });
        (call, collected)
    }

    /// What has happened since subscribers were last told.
    pub(super) fn news(&mut self) -> Value {
        let entries = self.conversation.history().entries();
        let from = self.told.min(entries.len());
        self.told = entries.len();
        let data: Map<String, Value> = self
            .conversation
            .collected(&self.agent)
            .map(|(name, collected)| (name.to_owned(), collected.display.clone().into()))
            .collect();
        json!({
            "event": if self.ended_at.is_some() { "ended" } else { "update" },
            "call_sid": self.call_sid.as_str(),
            "stage": self.conversation.stage(),
            "mode": self.mode,
            "language": self.conversation.language(),
            "history": entries[from..].iter().map(|entry| line(entry, &self.zone)).collect::<Vec<_>>(),
            "data": data,
        })
    }

    /// A call that another process left in the store.
    pub(super) fn restore(document: CallDocument, agent: Arc<Agent>, zone: TimeZone) -> Option<Self> {
        let kept: Kept = serde_json::from_value(document.session).ok()?;
        Some(Self {
            call_sid: document.call_sid,
            agent,
            zone,
            direction: if document.direction == INBOUND { INBOUND } else { OUTBOUND },
            phone: document.phone.and_then(|phone| E164::parse(&phone).ok()),
            mode: Mode::parse(&document.mode).unwrap_or_default(),
            told: kept.conversation.history().entries().len(),
            conversation: kept.conversation,
            version: document.version,
            started_at: document.started_at,
            ended_at: document.ended_at,
            recording: document.recording,
            turns: document.turns,
            touched_at: Timestamp::now(),
            connected: kept.connected,
            token: kept.token,
            next: kept.next,
            awaited: kept.awaited,
            last: kept.last,
            thinking: None,
        })
    }

    /// Milliseconds since we first heard of the call.
    pub(super) fn age_ms(&self) -> u64 {
        u64::try_from(Timestamp::now().duration_since(self.started_at).as_millis()).unwrap_or(0)
    }

    /// The timeline of a turn in gather, as its words come in.
    pub(super) fn turn_begins(&self) -> TurnReport {
        TurnReport { final_words_ms: (self.conversation.turn() > 0).then(|| self.age_ms()), ..TurnReport::default() }
    }

    /// The answer of a turn in gather is ready: its timeline is kept and told.
    pub(super) fn turn_answered(&mut self, report: TurnReport) {
        if self.mode != Mode::Gather {
            // The end of a stream, told to Twilio, is no turn.
            return;
        }
        let age_ms = self.age_ms();
        let sent = Some(age_ms);
        let report = TurnReport { turn: self.conversation.turn(), first_audio_ms: sent, first_sent_ms: sent, ..report };
        timeline::note(&self.call_sid, Duration::from_millis(age_ms), &report);
        if self.turns.len() < MAX_TURNS_KEPT {
            self.turns.push(json!(report));
        }
    }

    /// What traces may say of the call.
    pub(super) fn facts(&self) -> [(&'static str, &str); 5] {
        [
            ("agent", &self.agent.agent_type),
            ("direction", self.direction),
            ("language", self.conversation.language().unwrap_or_default()),
            ("mode", self.mode.as_str()),
            ("outcome", self.outcome()),
        ]
    }

    /// How the call ended, for metrics.
    pub(super) fn outcome(&self) -> &'static str {
        let stage = self.conversation.stage();
        if stage.is_over() { stage.as_str() } else { Stage::Abandoned.as_str() }
    }
}

/// A line of the history for documents: with an instant where the stage flow has local wall time.
fn line(entry: &history::Entry, zone: &TimeZone) -> Value {
    let mut line = json!(entry);
    if let Ok(at) = zone.to_timestamp(entry.at) {
        line["at"] = json!(at);
    }
    line
}

pub(super) const MAX_TURNS_KEPT: usize = 256;
/// Events a slow subscriber may be behind before it loses some.
const EVENTS: usize = 64;
/// How long `/stream-ended` waits for the stream's own task.
const LEAVE: Duration = Duration::from_millis(500);
/// Twilio's word for a call to us.
pub(super) const INBOUND: &str = "inbound";
/// Twilio's word for a call by us.
pub(super) const OUTBOUND: &str = "outbound-api";

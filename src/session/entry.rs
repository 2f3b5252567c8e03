//! One call as this process knows it, and the documents it leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::gather::Thinking;
use super::places::Place;
use crate::agent::{Agent, Mode};
use crate::call::TurnReport;
use crate::conversation::{Conversation, Ending, Stage, history};
use crate::store::Taken;
use crate::store::record::{CallDocument, CollectedDocument, Lineage, SCHEMA};
use crate::store::speech_cache::Claims;
use crate::telemetry::timeline;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;

/// A call in the registry: its state behind a lock, and what may be reached without it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) session: tokio::sync::Mutex<Session>,
    events: broadcast::Sender<Value>,
    /// Tells a streamed call to end.
    pub(super) hang_up: CancellationToken,
    /// Tells the task of a stream that Twilio has given the stream up.
    pub(super) lost: CancellationToken,
    /// Whether the call is over, for who cannot wait for its state.
    pub(super) over: AtomicBool,
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
    /// Which of its versions the journal has.
    pub(super) taken: Taken,
    /// From which versions of which processes this one was made.
    pub(super) lineage: Lineage,
    /// Files of cached speech that say something of this call alone.
    pub(super) speech: Vec<String>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) recording: Option<String>,
    pub(super) turns: Vec<TurnReport>,
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
    /// The last webhooks that were answered, and the answers.
    pub(super) answers: Answers,
    /// When `/voice` was answered.
    pub(super) answered_at: Option<Timestamp>,
    /// Whether collected data were written: then they are written again, also once the caller has taken all of it back.
    pub(super) collected: bool,
    /// A mind that is late.
    pub(super) thinking: Option<Thinking>,
    /// Lines of the history that subscribers have seen.
    pub(super) told: usize,
    /// Cached speech that the caller may still be played, so that the deletion of another call does not take it away.
    pub(super) claims: Option<Claims>,
    /// The call's place among those that this process holds; none where another instance carries it, or it is over.
    pub(super) place: Option<Place>,
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

/// What another process needs to carry on.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    conversation: Conversation,
    token: Option<String>,
    next: Option<Next>,
    awaited: u32,
    #[serde(default)]
    answers: Answers,
    #[serde(default)]
    answered_at: Option<Timestamp>,
    #[serde(default)]
    collected: bool,
    connected: bool,
}

impl Entry {
    pub(super) fn new(session: Session) -> Self {
        Self {
            over: AtomicBool::new(session.ended_at.is_some()),
            session: tokio::sync::Mutex::new(session),
            events: broadcast::channel(EVENTS).0,
            hang_up: CancellationToken::new(),
            lost: CancellationToken::new(),
            streaming: watch::Sender::new(false),
        }
    }

    /// Tells subscribers what has happened since they were last told.
    pub(super) fn tell(&self, session: &mut Session) {
        self.over.store(session.ended_at.is_some(), Ordering::Release);
        // Nobody may be listening.
        self.events.send(session.news()).ok();
    }

    /// What happens from now on, the end included; `None` once it is over.
    pub(super) fn subscribe(&self) -> Option<broadcast::Receiver<Value>> {
        // In this order, so that no end falls between.
        let events = self.events.subscribe();
        (!self.over.load(Ordering::Acquire)).then_some(events)
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
    /// A call in gather that nobody has heard of.
    #[cfg(test)]
    pub(super) fn of_test(agent: Arc<Agent>, conversation: Conversation) -> Self {
        let kept = Kept {
            conversation,
            token: None,
            next: None,
            awaited: 1,
            answers: Answers::default(),
            answered_at: None,
            collected: false,
            connected: true,
        };
        let now = Timestamp::now();
        let document = CallDocument {
            schema: SCHEMA,
            call_sid: CallSid::parse("CA00000000000000000000000000000001").unwrap(),
            version: 0,
            agent_type: agent.agent_type.clone(),
            direction: INBOUND.to_owned(),
            phone: None,
            mode: Mode::Gather.as_str().to_owned(),
            stage: String::new(),
            outcome: None,
            language: None,
            history: Vec::new(),
            data: Map::new(),
            values: Map::new(),
            evidence: Map::new(),
            turns: Vec::new(),
            variables: Map::new(),
            started_at: now,
            updated_at: now,
            ended_at: None,
            recording: None,
            session: json!(kept),
            speech: Vec::new(),
            lineage: Lineage::default(),
        };
        Self::restore(document, agent, TimeZone::UTC).unwrap()
    }

    /// Local wall time in the agent's time zone.
    pub(super) fn local(&self) -> DateTime {
        Timestamp::now().to_zoned(self.zone.clone()).datetime()
    }

    /// Marks the call as over. True if it was not before.
    pub(super) fn end(&mut self, connected: bool) -> bool {
        let news = self.ended_at.is_none();
        self.conversation.ended_outside(connected);
        self.ended_at.get_or_insert_with(Timestamp::now);
        self.place = None;
        news
    }

    /// Whether its last version is safe: in the journal, or, if another process made it, where that has kept it.
    pub(super) fn is_kept(&self, writer: &str) -> bool {
        self.taken.version() >= self.version || self.lineage.writer != writer
    }

    /// How long it has lasted since it was answered.
    pub(super) fn lasted(&self) -> SignedDuration {
        Timestamp::now().duration_since(self.answered_at.unwrap_or(self.started_at))
    }

    /// Keeps and tells what one request of a call in gather took, in milliseconds of the call.
    pub(super) fn note_turn(&mut self, mind_failed: bool, filler: bool, arrived: Instant) {
        let now = self.lasted();
        let took = SignedDuration::try_from(arrived.elapsed()).unwrap_or_default();
        let ms = |at: SignedDuration| u64::try_from(at.as_millis()).unwrap_or(0);
        let (final_words_ms, first_sent_ms) = (Some(ms(now - took)), Some(ms(now)));
        let turn = self.conversation.turn();
        let report = TurnReport { turn, final_words_ms, first_sent_ms, filler, mind_failed, ..TurnReport::default() };
        // The end of a stream, told to Twilio, is no turn.
        if self.mode == Mode::Gather {
            timeline::note(&self.call_sid, now.unsigned_abs(), &report);
        }
        if self.turns.len() < MAX_TURNS_KEPT {
            self.turns.push(report);
        }
    }

    /// The next version of both documents, made by `writer`.
    pub(super) fn documents(&mut self, writer: &str) -> (CallDocument, Option<CollectedDocument>) {
        self.version += 1;
        let lineage = self.lineage.next(writer, self.version);
        let now = Timestamp::now();
        self.touched_at = now;
        let conversation = &self.conversation;
        let (mut data, mut values, mut evidence) = (Map::new(), Map::new(), Map::new());
        for (name, collected) in conversation.collected(&self.agent) {
            data.insert(name.to_owned(), collected.display.clone().into());
            values.insert(name.to_owned(), collected.typed.clone());
            evidence.insert(name.to_owned(), json!(collected.evidence));
        }
        self.collected |= !data.is_empty();
        let kept = Kept {
            conversation: conversation.clone(),
            token: self.token.clone(),
            next: self.next.clone(),
            awaited: self.awaited,
            answers: self.answers.clone(),
            answered_at: self.answered_at,
            collected: self.collected,
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
            outcome: stage.is_over().then(|| self.outcome().to_owned()),
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
            speech: self.speech.clone(),
            lineage: lineage.clone(),
        };
        let collected = self.collected.then(|| CollectedDocument {
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
            lineage,
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
            lineage: Lineage { seen: document.lineage.knows(document.version), ..document.lineage },
            version: document.version,
            taken: Taken::up_to(document.version),
            speech: document.speech,
            started_at: document.started_at,
            ended_at: document.ended_at,
            recording: document.recording,
            turns: document.turns,
            touched_at: Timestamp::now(),
            connected: kept.connected,
            token: kept.token,
            next: kept.next,
            awaited: kept.awaited,
            answers: kept.answers,
            answered_at: kept.answered_at,
            collected: kept.collected,
            thinking: None,
            claims: None,
            place: None,
        })
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
        if self.conversation.calls_refused() {
            return DO_NOT_CALL;
        }
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

/// Turns of a call whose course is kept.
pub(super) const MAX_TURNS_KEPT: usize = 256;
/// Events a slow subscriber may be behind before it loses some.
const EVENTS: usize = 16;
/// How long `/stream-ended` waits for the stream's own task.
const LEAVE: Duration = Duration::from_millis(500);
/// How a call ended whose caller does not want to be called again.
const DO_NOT_CALL: &str = "do_not_call";
/// Twilio's word for a call to us.
pub(super) const INBOUND: &str = "inbound";
/// Twilio's word for a call by us.
pub(super) const OUTBOUND: &str = "outbound-api";

//! The telephone side of a call: it is started, it rings, it is answered, it ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use metrics::counter;
use rand::RngCore as _;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::{info, warn};

use super::answers::{Answers, Request};
use super::entry::{INBOUND, OUTBOUND, Session};
use super::gather::{DIAL_SECONDS, HEARD, Reply, TRANSFER_SECONDS};
use super::switchboard::{Switchboard, zone};
use super::{HangUpError, StartCall, StartCallError, VoiceQuery};
use crate::agent::text::fill;
use crate::agent::{Agent, Language, Mode};
use crate::conversation::{Conversation, Opening};
use crate::provider::breaker::Circuit;
use crate::store::Taken;
use crate::store::record::Lineage;
use crate::telemetry;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;
use crate::twilio::rest::{CreateCall, RestError, StatusEvent};
use crate::twilio::twiml::{Connect, Say, Stream, Verb};
use crate::twilio::webhook::{
    CallStatusWebhook, DialEndedWebhook, Direction, Form, StreamEvent, StreamStatusWebhook, VoiceWebhook,
};
use crate::understand;

/// A call asked of Twilio, until its `/voice` comes; for a while only, where it never does.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) at: Timestamp,
    variables: BTreeMap<String, String>,
}

impl Switchboard {
    /// Has Twilio call somebody.
    ///
    /// # Errors
    /// [`StartCallError`]: nothing was started. After a time-out of Twilio's the call may come all the same.
    pub async fn start_call(&self, request: StartCall) -> Result<CallSid, StartCallError> {
        let Some(agent) = self.agent(&request.agent_type) else {
            let known = self.agents().iter().map(|agent| agent.agent_type.clone()).collect();
            return Err(StartCallError::UnknownAgent { known });
        };
        let phone = E164::parse(request.phone.trim()).map_err(|_| StartCallError::BadPhone)?;
        let language = match request.language.as_deref().filter(|code| !code.is_empty()) {
            None => None,
            Some(code) => Some(agent.language(code).ok_or_else(|| StartCallError::BadLanguage {
                known: agent.languages.iter().map(|language| language.code.clone()).collect(),
            })?),
        };
        let mode = match request.mode.as_deref().filter(|mode| !mode.is_empty()) {
            None => None,
            Some(mode) => Some(Mode::parse(mode).ok_or(StartCallError::BadMode)?),
        };
        let variables = variables(&request.variables)?;
        self.rules().permit(&agent, &phone, request.timezone.as_deref())?;
        let (Some(line), Some(from)) = (&self.parts().line, self.config().caller_id.clone()) else {
            return Err(StartCallError::NoPhoneLine);
        };
        let place = self
            .admission(true)
            .map_err(|refusal| if refusal == "draining" { StartCallError::Draining } else { StartCallError::Busy })?;
        self.rules().count_call_to(&phone)?;
        // Keys in alphabetical order and few: Twilio has been seen to sort a query that it signed unsorted.
        let mut url = format!("{}/voice?agent_type={}", self.config().public_url, agent.agent_type);
        if let Some(language) = language {
            write!(url, "&language={}", language.code).ok();
        }
        if let Some(mode) = mode {
            write!(url, "&mode={}", mode.as_str()).ok();
        }
        let start = (!variables.is_empty()).then(random_word);
        if let Some(start) = &start {
            write!(url, "&start={start}").ok();
            self.starts().insert(start.clone(), Start { at: Timestamp::now(), variables: variables.clone() });
        }
        let create = CreateCall {
            to: phone.clone(),
            from,
            url,
            status_callback: Some(format!("{}/call-status", self.config().public_url)),
            status_callback_events: StatusEvent::ALL.to_vec(),
            timeout_s: Some(RING_SECONDS),
            time_limit_s: Some(time_limit(&agent)),
            machine_detection: None,
        };
        let call_sid = line.create_call(&create).await.map_err(|error| {
            warn!(%error, "twilio did not start the call");
            if surely_not_made(&error) {
                self.rules().no_call_to(&phone);
            }
            refused(&error)
        })?;
        info!(%call_sid, agent = agent.agent_type, "call started");
        // The call may have been answered already: then it is there.
        if self.entry(&call_sid).is_none() {
            let opening = self.opening(&agent, language.map(|language| language.code.clone()), variables);
            let conversation = Conversation::new(&agent, opening);
            let mode = mode.unwrap_or(agent.mode);
            let session = self.session(&call_sid, agent, OUTBOUND, Some(phone), mode, conversation);
            let entry = self.add(session, Some(place));
            let mut session = entry.session.lock().await;
            if !session.connected {
                self.save(&entry, &mut session).await;
            }
        }
        Ok(call_sid)
    }

    /// `/voice`: the call was answered, or somebody calls us. `arrived`: when the request did; the caller waits from then on.
    pub async fn voice(&self, query: VoiceQuery, form: Form, arrived: Instant) -> Vec<Verb> {
        let agent = self.agent_for(query.agent_type.as_deref());
        let excuse = || self.apology(agent.as_deref().map(|agent| (agent, query.language.as_deref())));
        let Ok(webhook) = VoiceWebhook::read(&form) else { return excuse() };
        let call_sid = &webhook.call_sid;
        let inbound = webhook.direction == Direction::Inbound;
        if inbound && self.entry(call_sid).is_none() && !self.rules().admits_call_from(&webhook.from) {
            warn!(%call_sid, refusal = "too_many_calls", "call refused");
            return excuse();
        }
        // One of ours that is answered before Twilio has told us its name has its place already.
        let awaited = !inbound && self.is_starting();
        let place = if awaited || self.entry(call_sid).is_some() {
            None
        } else {
            match self.admission(false) {
                Ok(place) => Some(place),
                Err(refusal) => {
                    warn!(%call_sid, refusal, "call refused");
                    return excuse();
                }
            }
        };
        let started = query.start.as_deref().and_then(|start| self.starts().remove(start));
        // A call that another instance started with variables may be on its way from there; nothing else is waited for.
        let known = if query.start.is_some() && started.is_none() {
            self.find_once(call_sid, STARTED_ELSEWHERE, |_| true).await
        } else {
            self.find_new(call_sid).await
        };
        let entry = match (known, agent.as_ref()) {
            (Some(entry), _) => entry,
            (None, None) => {
                warn!(%call_sid, "call for an unknown agent refused");
                counter!(telemetry::CALLS_REFUSED, "reason" => "unknown_agent").increment(1);
                return excuse();
            }
            (None, Some(agent)) => {
                let other = if inbound { &webhook.from } else { &webhook.to };
                let direction = if inbound { INBOUND } else { OUTBOUND };
                let variables = started.map(|start| start.variables).unwrap_or_default();
                let opening = self.opening(agent, query.language.clone(), variables);
                let conversation = Conversation::new(agent, opening);
                let mode = query.mode.as_deref().and_then(Mode::parse).unwrap_or(agent.mode);
                let session = self.session(call_sid, agent.clone(), direction, other.e164(), mode, conversation);
                self.add(session, place)
            }
        };
        let mut session = entry.session.lock().await;
        if session.connected {
            if let Some(same) = session.answers.again(&Request::Voice, None, Timestamp::now()) {
                return same;
            }
            // It asks again with another document's voice behind it: carry on where it is.
            return self.carry_on(&mut session, Vec::new(), arrived).await;
        }
        session.connected = true;
        session.answered_at = Some(Timestamp::now());
        let left_alone = self.breakers().ears.circuit() == Circuit::Open || self.is_voiceless(&session.agent);
        if session.mode == Mode::Stream && (left_alone || self.parts().ears.is_none() || self.parts().voice.is_none()) {
            session.mode = Mode::Gather;
        }
        if session.mode == Mode::Gather {
            session.conversation.not_recorded();
        }
        let agent = session.agent.clone();
        let name = agent.agent_type.clone();
        counter!(telemetry::CALLS, "agent" => name, "direction" => session.direction, "mode" => session.mode.as_str())
            .increment(1);
        info!(%call_sid, agent = agent.agent_type, mode = session.mode.as_str(), "call answered");
        let local = session.local();
        let verbs = if self.last_turns().is_cancelled() {
            // It was started while new calls were still taken; there is no time left to hold it.
            let effects = session.conversation.say_goodbye(&agent, local);
            self.answer(&mut session, Reply::from(effects), arrived).await
        } else if session.mode == Mode::Stream {
            vec![self.connect(&mut session)]
        } else {
            let effects = session.conversation.begin(&agent, local);
            self.answer(&mut session, Reply::from(effects), arrived).await
        };
        session.answers.keep(Request::Voice, None, &verbs, Timestamp::now());
        self.save_by(&entry, &mut session, arrived + HEARD).await;
        verbs
    }

    /// `<Connect><Stream>` with a fresh one-time word.
    fn connect(&self, session: &mut Session) -> Verb {
        let token = random_word();
        session.token = Some(token.clone());
        let public_url = &self.config().public_url;
        // http and https become ws and wss.
        let socket = public_url.replacen("http", "ws", 1);
        Verb::Connect(Connect {
            action: format!("{public_url}/stream-ended"),
            stream: Stream {
                url: format!("{socket}/media-stream"),
                name: format!("stream-{}", session.version),
                status_callback: format!("{public_url}/stream-status"),
                parameters: vec![("token".to_owned(), token)],
            },
        })
    }

    /// `/call-status`: repeats and disorder are normal; only the end of the call matters.
    pub async fn call_status(&self, form: Form) {
        let Ok(webhook) = CallStatusWebhook::read(&form) else { return };
        if !webhook.call_status.is_terminal() {
            return;
        }
        let known_here = self.entry(&webhook.call_sid).is_some();
        let Some(entry) = self.find_unhurried(&webhook.call_sid).await else { return };
        let streamed_elsewhere = {
            let session = entry.session.lock().await;
            // Where the one-time word is still there, no stream of the call ever came to this process.
            session.mode == Mode::Stream && session.connected && (session.token.is_some() || !known_here)
        };
        if self.store().is_shared() && streamed_elsewhere {
            // The instance that carries its stream knows the end too, and the call's last words besides: it goes first.
            let board = self.clone();
            self.tracker().spawn(async move {
                tokio::time::sleep(CARRIED_ELSEWHERE).await;
                board.call_ended(&webhook.call_sid).await;
            });
        } else {
            self.call_ended(&webhook.call_sid).await;
        }
    }

    async fn call_ended(&self, call_sid: &CallSid) {
        let Some(entry) = self.find_unhurried(call_sid).await else { return };
        // The stream's task still knows the caller's last words.
        entry.leave_stream().await;
        let mut session = entry.session.lock().await;
        if session.ended_at.is_some() {
            return;
        }
        let connected = session.connected;
        session.end(connected);
        self.over(&session);
        self.save(&entry, &mut session).await;
        entry.hang_up.cancel();
    }

    /// `/stream-status`: the only place where a failed handshake is explained.
    pub async fn stream_status(&self, form: Form) {
        let Ok(webhook) = StreamStatusWebhook::read(&form) else { return };
        if webhook.stream_event == StreamEvent::Error {
            warn!(call_sid = %webhook.call_sid, error = webhook.stream_error, "twilio reports a stream error");
        }
    }

    /// `/transfer-ended`: the person hung up, or was not reached.
    pub async fn transfer_ended(&self, form: Form) -> Vec<Verb> {
        let reached = DialEndedWebhook::read(&form).is_ok_and(|webhook| webhook.dial_call_status.reached());
        let call_sid = form.get("CallSid").and_then(|sid| CallSid::parse(sid).ok());
        let entry = match &call_sid {
            Some(call_sid) => self.find(call_sid).await,
            None => None,
        };
        let Some(entry) = entry else { return self.apology(None) };
        let mut session = entry.session.lock().await;
        let mut verbs = Vec::new();
        if !reached {
            let language = session.agent.language_or_first(session.conversation.language());
            let goodbye = fill(&language.texts.goodbye, session.conversation.variables());
            verbs.push(Verb::Say(say(language, &goodbye)));
        }
        verbs.push(Verb::Hangup);
        if session.end(true) {
            self.over(&session);
            self.save(&entry, &mut session).await;
        }
        verbs
    }

    /// Ends a live call.
    ///
    /// # Errors
    /// [`HangUpError`].
    pub async fn hang_up(&self, call_sid: &CallSid) -> Result<(), HangUpError> {
        let entry = self.find(call_sid).await.ok_or(HangUpError::NotFound)?;
        if entry.session.lock().await.ended_at.is_some() {
            return Err(HangUpError::Over);
        }
        // A streamed call ends by itself even where Twilio cannot be reached, one in gather when Twilio asks next.
        entry.hang_up.cancel();
        match &self.parts().line {
            None => Ok(()),
            Some(line) => match line.hang_up(call_sid).await {
                Ok(()) => Ok(()),
                Err(RestError::CallOver) => {
                    // We were not told, and shall not be any more.
                    self.call_ended(call_sid).await;
                    Err(HangUpError::Over)
                }
                Err(error) => Err(HangUpError::Twilio(error.to_string())),
            },
        }
    }

    /// A spoken excuse, and the end: in the words of the call's agent where it is known, else of the first there is.
    pub(super) fn apology(&self, agent: Option<(&Agent, Option<&str>)>) -> Vec<Verb> {
        let any = self.agents();
        let agent = agent.or_else(|| Some((any.first()?.as_ref(), None)));
        let excuse = match agent {
            Some((agent, language)) => {
                let language = agent.language_or_first(language);
                say(language, &fill(&language.texts.apology, &agent.variables))
            }
            None => Say { text: EXCUSE.to_owned(), voice: None, language: "en-IN".to_owned() },
        };
        vec![Verb::Say(excuse), Verb::Hangup]
    }

    /// The agent asked for; where none was asked for, the only one there is.
    fn agent_for(&self, agent_type: Option<&str>) -> Option<std::sync::Arc<Agent>> {
        match agent_type {
            Some(agent_type) => self.agent(agent_type),
            None => self.agents().first().cloned().filter(|_| self.agents().len() == 1),
        }
    }

    fn opening(&self, agent: &Agent, language: Option<String>, variables: BTreeMap<String, String>) -> Opening {
        let recorded = self.records(agent);
        Opening { language, variables, recorded, mind: self.parts().mind.is_some() }
    }

    /// Whether this agent's calls are recorded.
    pub(super) fn records(&self, agent: &Agent) -> bool {
        (agent.recording.enabled || self.config().record_all) && self.parts().recordings.is_some()
    }

    fn session(
        &self,
        call_sid: &CallSid,
        agent: std::sync::Arc<Agent>,
        direction: &'static str,
        phone: Option<E164>,
        mode: Mode,
        conversation: Conversation,
    ) -> Session {
        let now = Timestamp::now();
        Session {
            call_sid: call_sid.clone(),
            zone: zone(&agent),
            agent,
            direction,
            phone,
            mode,
            conversation,
            version: 0,
            taken: Taken::default(),
            lineage: Lineage::default(),
            speech: Vec::new(),
            started_at: now,
            ended_at: None,
            recording: None,
            turns: Vec::new(),
            touched_at: now,
            connected: false,
            token: None,
            next: None,
            awaited: 1,
            answers: Answers::default(),
            answered_at: None,
            collected: false,
            thinking: None,
            told: 0,
            claims: None,
            place: None,
        }
    }
}

/// Words in Twilio's own voice.
pub(super) fn say(language: &Language, text: &str) -> Say {
    Say {
        text: understand::speakable(text, &language.code),
        voice: Some(language.twilio_voice.clone()),
        language: language.code.clone(),
    }
}

/// After how many seconds Twilio ends a call of this agent: later than we do, for the agent shall say goodbye himself, and not while
/// the caller may be speaking with a person.
fn time_limit(agent: &Agent) -> u32 {
    let transfer = if agent.handover_number.is_some() { DIAL_SECONDS + TRANSFER_SECONDS } else { 0 };
    agent.limits.max_call_seconds + TIME_LIMIT_SLACK + transfer
}

/// Whether Twilio has said that it made no call. Where it said nothing that we understand, the telephone may be ringing: then the
/// attempt counts, so that trying again and again rings nobody's more often than it may.
fn surely_not_made(error: &RestError) -> bool {
    match error {
        RestError::Credentials { .. } | RestError::Refused { .. } | RestError::Busy | RestError::CallOver => true,
        RestError::Unreachable(_) | RestError::Timeout | RestError::Failed { .. } | RestError::Answer(_) => false,
    }
}

fn refused(error: &RestError) -> StartCallError {
    let code = match error {
        RestError::Credentials { code, .. } | RestError::Refused { code, .. } => *code,
        RestError::Unreachable(_)
        | RestError::Timeout
        | RestError::Busy
        | RestError::CallOver
        | RestError::Failed { .. }
        | RestError::Answer(_) => None,
    };
    StartCallError::Twilio { code, message: error.to_string() }
}

fn variables(given: &Map<String, Value>) -> Result<BTreeMap<String, String>, StartCallError> {
    if given.len() > MAX_VARIABLES {
        return Err(StartCallError::BadVariables(format!("more than {MAX_VARIABLES} variables")));
    }
    given
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(StartCallError::BadVariables(format!(
                        "{name}: expected text, a number or a truth value"
                    )));
                }
            };
            if text.chars().count() > MAX_VARIABLE || text.chars().any(char::is_control) {
                return Err(StartCallError::BadVariables(format!(
                    "{name}: expected at most {MAX_VARIABLE} characters and no control characters"
                )));
            }
            Ok((name.clone(), text))
        })
        .collect()
}

/// 128 bits of chance, in hexadecimal.
fn random_word() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut word, byte| {
        write!(word, "{byte:02x}").ok();
        word
    })
}

const EXCUSE: &str = "Sorry, something went wrong on our side. Goodbye.";
/// How long `/voice` waits for what another instance knows of a call that it started.
const STARTED_ELSEWHERE: Duration = Duration::from_millis(500);
/// How long the instance that carries a call's stream has to write its end.
const CARRIED_ELSEWHERE: Duration = Duration::from_secs(3);
/// How long a telephone rings.
const RING_SECONDS: u32 = 40;
/// Twilio ends a call this much later than we do: the agent shall say goodbye himself.
const TIME_LIMIT_SLACK: u32 = 30;
const MAX_VARIABLES: usize = 32;
const MAX_VARIABLE: usize = 200;

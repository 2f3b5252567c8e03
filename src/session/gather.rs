//! Gather mode: one turn a request. The words Twilio heard go into the stage flow, its effects come back as TwiML.
//!
//! A mind that is late does not hold up the answer: Twilio is sent round by `<Pause>` and `<Redirect>` until it is there. The same
//! request gets the same answer.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::GatherQuery;
use super::entry::{Answered, Entry, Next, Session, Unsaid};
use super::speech::{KEPT, RENDER, SPOKEN, note};
use super::switchboard::{ON_ITS_WAY, Switchboard};
use crate::agent::{Agent, Mode};
use crate::conversation::prompt::Prompt as Question;
use crate::conversation::{Answer, Effect, Ending, MindFailed, Say, Stage, UserTurn, clause};
use crate::telemetry;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;
use crate::twilio::twiml::{self, Dial, Gather, Prompt, Verb, document};
use crate::twilio::webhook::{CallStatus, Form, GatherWebhook};

/// A mind that was asked and has not answered.
#[derive(Debug)]
pub(super) struct Thinking {
    task: JoinHandle<Result<String, ()>>,
    since: Instant,
    /// Whether the caller has heard a few words meanwhile.
    filled: bool,
}

impl Thinking {
    /// Nobody waits for it any more.
    pub(super) fn forget(self) {
        self.task.abort();
    }
}

/// What one request will answer, while it is put together.
#[derive(Debug, Default)]
pub(super) struct Reply {
    says: Vec<(String, String)>,
    question: Option<Question>,
    ending: Option<Ending>,
    /// The voice has just failed: it is not waited for.
    voiceless: bool,
}

impl From<Vec<Effect>> for Reply {
    fn from(effects: Vec<Effect>) -> Self {
        let mut reply = Self::default();
        reply.add(effects);
        reply
    }
}

impl Reply {
    fn add(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Say(Say { text, language, .. }) => self.says.push((text, language)),
                Effect::Ask(question) => self.question = Some(question),
                Effect::End(ending) => self.ending = Some(ending),
            }
        }
    }
}

impl Session {
    /// The answer that this request got before, if it comes again.
    pub(super) fn repeated(&self, key: &str) -> Option<Vec<Verb>> {
        let last = self.last.as_ref().filter(|last| last.key == key)?;
        twiml::read(&last.twiml).ok()
    }

    pub(super) fn answered(&mut self, key: &str, verbs: &[Verb]) {
        self.last = Some(Answered { key: key.to_owned(), twiml: document(verbs) });
    }
}

impl Switchboard {
    /// `/process-response`: what a `<Gather>` heard.
    pub async fn process_response(&self, query: GatherQuery, form: Form, idempotency: Option<String>) -> Vec<Verb> {
        let Ok(webhook) = GatherWebhook::read(&form) else { return self.apology(None) };
        // Another instance may have answered the last turn, and its version be on its way.
        let known = |session: &Session| query.turn.is_none_or(|turn| session.awaited >= turn);
        let Some(entry) = self.find_once(&webhook.call_sid, ON_ITS_WAY, known).await else {
            warn!(call_sid = %webhook.call_sid, "words for a call that nobody knows");
            return self.apology(None);
        };
        let mut session = entry.session.lock().await;
        let session = &mut *session;
        let key = key(&query, &webhook, idempotency.as_deref());
        if let Some(same) = key.as_deref().and_then(|key| session.repeated(key)) {
            return same;
        }
        if session.ended_at.is_some() && session.conversation.is_over() {
            return vec![Verb::Hangup];
        }
        if query.wait.is_none() && query.turn.is_some_and(|turn| turn != session.awaited) {
            // An old turn comes again and its answer is gone: what is open now is asked.
            return self.carry_on(&entry, session, Vec::new()).await;
        }
        let reply = if session.thinking.is_some() {
            Reply::default()
        } else if query.wait.is_some() {
            // Another process was asked to wait, and what its mind thought is lost: the words still want an answer.
            let agent = session.agent.clone();
            let local = session.local();
            Reply::from(session.conversation.resume(&agent, local))
        } else {
            let turn = match (webhook.digits, webhook.speech_result) {
                (Some(digits), _) => UserTurn::Pressed(digits),
                (None, Some(text)) => UserTurn::Said { text, audio_ms: None },
                (None, None) => UserTurn::Silent,
            };
            let agent = session.agent.clone();
            let local = session.local();
            Reply::from(session.conversation.user_turn(&agent, &turn, local))
        };
        let verbs = self.answer(&entry, session, reply).await;
        if let Some(key) = key {
            session.answered(&key, &verbs);
        }
        self.save(&entry, session).await;
        verbs
    }

    /// `/stream-ended`: the socket is gone; end the call, connect it, or carry on in gather.
    pub async fn stream_ended(&self, form: Form) -> Vec<Verb> {
        let call_sid = form.get("CallSid").and_then(|sid| CallSid::parse(sid).ok());
        let entry = match &call_sid {
            Some(call_sid) => self.find_once(call_sid, ON_ITS_WAY, |session| session.connected).await,
            None => None,
        };
        let Some(entry) = entry else { return self.apology(None) };
        // Twilio may say that the socket is gone before our end of it does.
        entry.leave_stream().await;
        let status = CallStatus::read(form.get("CallStatus").unwrap_or_default());
        let mut session = entry.session.lock().await;
        if let Some(same) = session.repeated(STREAM_ENDED_KEY) {
            return same;
        }
        if status.is_terminal() {
            // The caller hung up; where no status callback is set, this is the only word of it.
            if session.end(true) {
                self.over(&session);
                self.save(&entry, &mut session).await;
            }
            return vec![Verb::Hangup];
        }
        let verbs = match session.next.take() {
            Some(Next::End(ending)) => {
                let reply = Reply { ending: Some(ending), ..Reply::default() };
                self.answer(&entry, &mut session, reply).await
            }
            Some(Next::Gather(unsaid)) => self.carry_on(&entry, &mut session, unsaid).await,
            None => self.carry_on(&entry, &mut session, Vec::new()).await,
        };
        session.answered(STREAM_ENDED_KEY, &verbs);
        self.save(&entry, &mut session).await;
        verbs
    }

    /// Carries on in gather from wherever the call is.
    pub(super) async fn carry_on(&self, entry: &Arc<Entry>, session: &mut Session, unsaid: Vec<Unsaid>) -> Vec<Verb> {
        if session.mode == Mode::Stream {
            session.mode = Mode::Gather;
            // A stream that is still somewhere on its way in is not let in any more.
            session.token = None;
            info!(call_sid = %session.call_sid, "carrying on in gather");
            counter!(telemetry::MODE_CHANGES, "reason" => if unsaid.is_empty() { "stream lost" } else { "speech" })
                .increment(1);
        }
        let agent = session.agent.clone();
        let local = session.local();
        let mut reply = Reply::default();
        if unsaid.is_empty() {
            reply.add(session.conversation.resume(&agent, local));
        } else {
            reply.voiceless = true;
            for Unsaid { text, language, .. } in unsaid {
                session.conversation.said_again(&text, local);
                reply.says.push((text, language));
            }
            reply.ending = session.conversation.ending().cloned();
        }
        self.answer(entry, session, reply).await
    }

    /// Turns effects into verbs; asks the mind where that is wanted, and does not wait long for it.
    pub(super) async fn answer(&self, entry: &Arc<Entry>, session: &mut Session, mut reply: Reply) -> Vec<Verb> {
        let agent = session.agent.clone();
        let asked = Instant::now();
        if let Some(question) = reply.question.take() {
            session.thinking = Some(self.think(question));
        }
        if let Some(mut thinking) = session.thinking.take() {
            let language = agent.language_or_first(session.conversation.language());
            let may_wait = thinking.filled || language.texts.filler.is_some();
            match timeout(if may_wait { MIND } else { MIND_UNFILLED }, &mut thinking.task).await {
                Err(_late) if may_wait && thinking.since.elapsed() < MIND_IN_ALL => {
                    session.thinking = Some(thinking);
                    return self.send_round(session, &agent, asked + SPOKEN).await;
                }
                Err(_late) => {
                    thinking.task.abort();
                    warn!(call_sid = %session.call_sid, "the mind is too late");
                    self.mind_answered(session, &agent, Err(()), &mut reply);
                }
                Ok(answer) => self.mind_answered(session, &agent, answer.unwrap_or(Err(())), &mut reply),
            }
        }
        session.awaited += 1;
        let private = self.private_speech(&agent, &reply.says);
        session.note_speech(private);
        let patience = if reply.voiceless { KEPT } else { RENDER };
        let prompts = self.prompts(&agent, &reply.says, (Instant::now() + patience).min(asked + SPOKEN)).await;
        let url = &self.config().public_url;
        let Some(ending) = reply.ending else {
            let action = format!("{url}/process-response?turn={}", session.awaited);
            return vec![
                Verb::Gather(self.gather(session, &agent, action.clone(), prompts)),
                // Reached only where an empty result is not reported.
                Verb::Redirect { url: action },
            ];
        };
        let mut verbs: Vec<Verb> = prompts.into_iter().map(spoken).collect();
        match ending {
            Ending::HangUp => {
                verbs.push(Verb::Hangup);
                if session.end(true) {
                    self.over(session);
                }
            }
            Ending::Dial(number) => match E164::parse(&number) {
                Ok(number) => verbs.push(Verb::Dial(Dial {
                    number,
                    action: format!("{url}/transfer-ended"),
                    caller_id: self.config().caller_id.clone(),
                    timeout_s: DIAL_SECONDS,
                    time_limit_s: TRANSFER_SECONDS,
                })),
                Err(_) => verbs.push(Verb::Hangup),
            },
        }
        entry.events.send(session.news()).ok();
        verbs
    }

    fn gather(&self, session: &Session, agent: &Agent, action: String, prompts: Vec<Prompt>) -> Gather {
        let choosing = session.conversation.stage() == Stage::LanguageSelection;
        let language = agent.language_or_first(session.conversation.language());
        Gather {
            action,
            language: language.code.clone(),
            hints: if choosing { LANGUAGE_HINTS.map(str::to_owned).to_vec() } else { Vec::new() },
            timeout_s: agent.limits.silence_seconds,
            speech_timeout_s: SPEECH_TIMEOUT,
            num_digits: choosing.then_some(1),
            prompts,
        }
    }

    /// The mind is late: Twilio waits a moment and asks again.
    async fn send_round(&self, session: &mut Session, agent: &Agent, by: Instant) -> Vec<Verb> {
        let language = agent.language_or_first(session.conversation.language());
        let first = session.thinking.as_mut().is_some_and(|thinking| !std::mem::replace(&mut thinking.filled, true));
        let mut verbs = Vec::new();
        if let Some(filler) = language.texts.filler.as_ref().filter(|_| first) {
            let says = [(filler.clone(), language.code.clone())];
            verbs.extend(self.prompts(agent, &says, by).await.into_iter().map(spoken));
        }
        let waited = session.thinking.as_ref().map_or(0, |thinking| thinking.since.elapsed().as_millis());
        verbs.push(Verb::Pause { seconds: 1 });
        verbs.push(Verb::Redirect {
            url: format!("{}/process-response?turn={}&wait={waited}", self.config().public_url, session.awaited),
        });
        verbs
    }

    fn think(&self, question: Question) -> Thinking {
        let mind = self.parts().mind.clone();
        let task = self.tracker().spawn(async move {
            let mind = mind.ok_or(())?;
            let (out, mut pieces) = mpsc::channel::<String>(64);
            let asking = mind.reply(&question, out);
            let reading = async {
                let mut text = String::new();
                while let Some(piece) = pieces.recv().await {
                    if text.len() < MAX_ANSWER {
                        text.push_str(&piece);
                    }
                }
                text
            };
            let (outcome, text) = tokio::join!(asking, reading);
            match outcome {
                Ok(()) => Ok(text),
                Err(error) => {
                    note(&error);
                    // What was cut off after the spoken words is still an answer.
                    if text.is_empty() { Err(()) } else { Ok(text) }
                }
            }
        });
        Thinking { task, since: Instant::now(), filled: false }
    }

    fn mind_answered(&self, session: &mut Session, agent: &Agent, answer: Result<String, ()>, reply: &mut Reply) {
        let answer = answer.and_then(|text| {
            Answer::parse(&text).map_err(|error| {
                warn!(call_sid = %session.call_sid, %error, "the mind's answer is unusable");
                counter!(telemetry::PROVIDER_ERRORS, "vendor" => "gemini", "kind" => "broken").increment(1);
            })
        });
        let said = answer.as_ref().map(|answer| clause::split(&answer.say).join(" ")).unwrap_or_default();
        if !said.is_empty() {
            let language = agent.language_or_first(session.conversation.language()).code.clone();
            reply.says.push((said.clone(), language));
        }
        if answer.is_err() {
            counter!(telemetry::PROVIDER_FALLBACKS, "part" => "mind", "to" => "understand").increment(1);
        }
        let local = session.local();
        let answer = answer.as_ref().map_err(|()| MindFailed);
        reply.add(session.conversation.answered(agent, answer, &said, local));
    }
}

fn spoken(prompt: Prompt) -> Verb {
    match prompt {
        Prompt::Play { url } => Verb::Play { url },
        Prompt::Say(say) => Verb::Say(say),
        Prompt::Pause { seconds } => Verb::Pause { seconds },
    }
}

/// What makes two requests the same one: Twilio's own word for it, else the turn, else the words. Two silences without either are two.
fn key(query: &GatherQuery, webhook: &GatherWebhook, idempotency: Option<&str>) -> Option<String> {
    match (idempotency, query.turn, query.wait) {
        (Some(token), _, _) => Some(format!("token {token}")),
        (None, Some(turn), Some(wait)) => Some(format!("turn {turn} wait {wait}")),
        (None, Some(turn), None) => Some(format!("turn {turn}")),
        (None, None, _) => match (&webhook.speech_result, &webhook.digits) {
            (None, None) => None,
            (words, digits) => Some(format!("words {words:?} {digits:?}")),
        },
    }
}

const STREAM_ENDED_KEY: &str = "stream-ended";
/// How long a webhook waits for the mind.
const MIND: Duration = Duration::from_millis(1_900);
/// How long it waits where the agent has no words to fill the silence; then the embedded understanding decides.
const MIND_UNFILLED: Duration = Duration::from_millis(2_300);
/// How long the caller waits for it in all.
const MIND_IN_ALL: Duration = Duration::from_secs(9);
/// Silence that ends the caller's words, in whole seconds as Twilio wants it.
const SPEECH_TIMEOUT: u32 = 2;
const DIAL_SECONDS: u32 = 30;
const TRANSFER_SECONDS: u32 = 3_600;
const MAX_ANSWER: usize = 16 * 1024;
const LANGUAGE_HINTS: [&str; 4] = ["English", "Hindi", "हिंदी", "अंग्रेज़ी"];

//! Gather mode: one turn a request. The words Twilio heard go into the stage flow, its effects come back as TwiML.
//!
//! A mind that is late does not hold up the answer: Twilio is sent round by `<Pause>` and `<Redirect>` until it is there. The same
//! request gets the same answer.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::GatherQuery;
use super::answers::Request;
use super::entry::{Next, Session, Unsaid};
use super::line::say;
use super::lookup::ON_ITS_WAY;
use super::speech::{KEPT, RENDER, SPOKEN, note};
use super::switchboard::Switchboard;
use crate::agent::{Agent, Mode};
use crate::conversation::prompt::Prompt as Question;
use crate::conversation::{Answer, Conversation, Effect, Ending, MindFailed, Say, Stage, UserTurn, clause, language};
use crate::telemetry;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;
use crate::twilio::twiml::{Dial, Gather, Prompt, Verb};
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
    /// A mind that answers what the task does.
    #[cfg(test)]
    pub(super) fn of(task: JoinHandle<Result<String, ()>>) -> Self {
        Self { task, since: Instant::now(), filled: false }
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(self) {
        self.task.abort();
    }
}

/// What one request will answer, while it is put together.
#[derive(Debug, Default)]
pub(super) struct Reply {
    mind_failed: bool,
    filler: bool,
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

impl Switchboard {
    /// `/process-response`: what a `<Gather>` heard. `arrived`: when the request did; the caller waits from then on.
    pub async fn process_response(
        &self,
        query: GatherQuery,
        form: Form,
        token: Option<String>,
        arrived: Instant,
    ) -> Vec<Verb> {
        let Ok(webhook) = GatherWebhook::read(&form) else { return self.apology(None) };
        // Another instance may have answered the last turn, and its version be on its way.
        let known = |session: &Session| query.turn.is_none_or(|turn| session.awaited >= turn);
        let Some(entry) = self.find_once(&webhook.call_sid, ON_ITS_WAY, known).await else {
            warn!(call_sid = %webhook.call_sid, "words for a call that nobody knows");
            return self.apology(None);
        };
        let mut session = entry.session.lock().await;
        let session = &mut *session;
        let request = Request::gather(&query, &form);
        let token = token.as_deref();
        if let Some(same) = session.answers.again(&request, token, Timestamp::now()) {
            return same;
        }
        if session.ended_at.is_some() && session.conversation.is_over() {
            return vec![Verb::Hangup];
        }
        if entry.hang_up.is_cancelled() {
            // A developer ended the call, and Twilio was not told, or did not listen.
            if session.end(true) {
                self.over(session);
                self.save(&entry, session).await;
            }
            return vec![Verb::Hangup];
        }
        if query.turn.is_some_and(|turn| turn < session.awaited)
            && let Some(open) = session.answers.newest()
        {
            // An old turn comes again and its answer is gone: it hears what is open now, and nothing is taken.
            return open;
        }
        // What another instance asked last never came here: its question was heard all the same.
        session.awaited = session.awaited.max(query.turn.unwrap_or(0));
        let agent = session.agent.clone();
        let local = session.local();
        let reply = if session.thinking.is_some() {
            Reply::default()
        } else if query.wait.is_some() {
            // Another process was asked to wait, and what its mind thought is lost: the words still want an answer.
            Reply::from(session.conversation.resume(&agent, local))
        } else {
            let turn = match (webhook.digits, webhook.speech_result) {
                (Some(digits), _) => UserTurn::Pressed(digits),
                (None, Some(text)) => UserTurn::Said { text, audio_ms: None },
                (None, None) => UserTurn::Silent,
            };
            if self.last_turns().is_cancelled() || session.lasted() > limit(&agent) {
                Reply::from(last_turn(&mut session.conversation, &agent, &turn, local))
            } else {
                Reply::from(session.conversation.user_turn(&agent, &turn, local))
            }
        };
        let verbs = self.answer(session, reply, arrived).await;
        session.answers.keep(request, token, &verbs, Timestamp::now());
        self.save_by(&entry, session, arrived + HEARD).await;
        verbs
    }

    /// `/stream-ended`: the socket is gone; end the call, connect it, or carry on in gather.
    pub async fn stream_ended(&self, form: Form, arrived: Instant) -> Vec<Verb> {
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
        if let Some(same) = session.answers.again(&Request::StreamEnded, None, Timestamp::now()) {
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
                self.answer(&mut session, reply, arrived).await
            }
            Some(Next::Gather(unsaid)) => self.carry_on(&mut session, unsaid, arrived).await,
            None => self.carry_on(&mut session, Vec::new(), arrived).await,
        };
        session.answers.keep(Request::StreamEnded, None, &verbs, Timestamp::now());
        self.save_by(&entry, &mut session, arrived + HEARD).await;
        verbs
    }

    /// Carries on in gather from wherever the call is.
    pub(super) async fn carry_on(&self, session: &mut Session, unsaid: Vec<Unsaid>, arrived: Instant) -> Vec<Verb> {
        if session.mode == Mode::Stream {
            session.mode = Mode::Gather;
            session.conversation.not_recorded();
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
        self.answer(session, reply, arrived).await
    }

    /// Turns effects into verbs; asks the mind where that is wanted, and does not wait long for it. The time counts from the
    /// request's arrival, whatever went before.
    pub(super) async fn answer(&self, session: &mut Session, mut reply: Reply, arrived: Instant) -> Vec<Verb> {
        let verbs = self.verbs(session, &mut reply, arrived).await;
        session.note_turn(reply.mind_failed, reply.filler, arrived);
        verbs
    }

    async fn verbs(&self, session: &mut Session, reply: &mut Reply, arrived: Instant) -> Vec<Verb> {
        let agent = session.agent.clone();
        if let Some(question) = reply.question.take() {
            session.thinking = Some(self.think(question));
        }
        if let Some(mut thinking) = session.thinking.take() {
            let language = agent.language_or_first(session.conversation.language());
            let may_wait = thinking.filled || language.texts.filler.is_some();
            match timeout_at(arrived + if may_wait { MIND } else { MIND_UNFILLED }, &mut thinking.task).await {
                Err(_late) if may_wait && thinking.since.elapsed() < MIND_IN_ALL => {
                    session.thinking = Some(thinking);
                    return self.send_round(session, &agent, reply, arrived + SPOKEN).await;
                }
                Err(_late) => {
                    thinking.task.abort();
                    warn!(call_sid = %session.call_sid, "the mind is too late");
                    self.mind_answered(session, &agent, Err(()), reply);
                }
                Ok(answer) => self.mind_answered(session, &agent, answer.unwrap_or(Err(())), reply),
            }
        }
        session.awaited = session.awaited.saturating_add(1);
        let private = self.private_speech(&agent, &reply.says);
        session.note_speech(private);
        let patience = if reply.voiceless { KEPT } else { RENDER };
        let by = (Instant::now() + patience).min(arrived + SPOKEN);
        let prompts = if self.last_turns().is_cancelled() {
            // What Twilio would fetch from us later may find nobody here.
            reply.says.iter().map(|(text, code)| Prompt::Say(say(agent.language_or_first(Some(code)), text))).collect()
        } else {
            self.prompts(&agent, &reply.says, by).await
        };
        let url = &self.config().public_url;
        let Some(ending) = reply.ending.clone() else {
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
        verbs
    }

    fn gather(&self, session: &Session, agent: &Agent, action: String, prompts: Vec<Prompt>) -> Gather {
        let choosing = session.conversation.stage() == Stage::LanguageSelection;
        let language = agent.language_or_first(session.conversation.language());
        Gather {
            action,
            language: language.code.clone(),
            hints: if choosing { language::names(agent) } else { Vec::new() },
            timeout_s: agent.limits.silence_seconds,
            speech_timeout_s: SPEECH_TIMEOUT,
            num_digits: session.conversation.awaits_one_key(agent).then_some(1),
            prompts,
        }
    }

    /// The mind is late: Twilio waits a moment and asks again.
    async fn send_round(&self, session: &mut Session, agent: &Agent, reply: &mut Reply, by: Instant) -> Vec<Verb> {
        let language = agent.language_or_first(session.conversation.language());
        let first = session.thinking.as_mut().is_some_and(|thinking| !std::mem::replace(&mut thinking.filled, true));
        let mut verbs = Vec::new();
        if let Some(filler) = language.texts.filler.as_ref().filter(|_| first) {
            reply.filler = true;
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
        reply.mind_failed = answer.is_err();
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

/// A caller's turn with which the call ends: what it says is kept, it may complete the call, and nothing more is asked.
fn last_turn(conversation: &mut Conversation, agent: &Agent, turn: &UserTurn, now: DateTime) -> Vec<Effect> {
    if !matches!(turn, UserTurn::Silent) {
        let ends = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::End(_)));
        let mut effects = conversation.user_turn(agent, turn, now);
        if effects.iter().any(|effect| matches!(effect, Effect::Ask(_))) {
            // There is no time for a mind.
            effects = conversation.answered(agent, Err(MindFailed), "", now);
        }
        if ends(&effects) {
            return effects;
        }
        // What would have been asked is not said.
        conversation.interrupted("", now);
    }
    conversation.say_goodbye(agent, now)
}

/// How long a call of this agent may last.
fn limit(agent: &Agent) -> SignedDuration {
    SignedDuration::from_secs(agent.limits.max_call_seconds.into())
}

/// How long a webhook waits for the mind.
const MIND: Duration = Duration::from_millis(1_900);
/// How long it waits where the agent has no words to fill the silence; then the embedded understanding decides.
const MIND_UNFILLED: Duration = Duration::from_millis(2_300);
/// How long the caller waits for it in all.
const MIND_IN_ALL: Duration = Duration::from_secs(9);
/// Silence that ends the caller's words, in whole seconds as Twilio wants it.
const SPEECH_TIMEOUT: u32 = 2;
/// By when the caller hears something, whatever failed.
pub(super) const HEARD: Duration = Duration::from_millis(2_800);
/// How long the telephone of a person to whom a call is handed rings.
pub(super) const DIAL_SECONDS: u32 = 30;
/// How long a caller and that person may speak.
pub(super) const TRANSFER_SECONDS: u32 = 3_600;
const MAX_ANSWER: usize = 16 * 1024;

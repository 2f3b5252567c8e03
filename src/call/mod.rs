//! One streamed call, as a pure state machine: events in, actions out, time as an argument.
//!
//! [`Call`] routes between four parts that decide nothing alone: `hearing` (the caller), `speech` (the agent), `exchange` (one
//! turn and its answer) and the stage flow ([`Conversation`]). The rules of turn-taking stand in `turn_taking`. It owns no socket,
//! clock or task. Key types: [`Call`], [`Event`], [`Action`], [`TurnReport`].
//!
//! Invariants: [`Call::handle`] is total; an answer that carries a dead turn's number changes nothing; after [`Action::Close`] nothing is
//! sent; the deadline is never in the past once `handle` has run.

mod backchannel;
mod exchange;
mod hearing;
mod speech;
pub mod timer;
mod turn_taking;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::DateTime;

use crate::agent::Agent;
use crate::audio::Frame;
use crate::audio::framer::Framer;
use crate::conversation::prompt::Prompt;
use crate::conversation::{Conversation, Effect, Ending, UserTurn, clause};
use crate::understand;
use exchange::{Exchange, Mind, ms};
use hearing::Hearing;
use speech::Speech;
use timer::{Timer, Timers};

pub use exchange::TurnReport;
pub use speech::{MarkId, Unheard};

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The recogniser is gone for good.
    EarsLost,
    /// Words from the recogniser: not final yet.
    Partial(&'a str),
    /// Words from the recogniser: final, answering a commit.
    Final(&'a str),
    /// A key was pressed.
    Dtmf(char),
    /// A mark came back.
    Mark(&'a str),
    /// Audio of the caller: mu-law, any length, with its place on the media clock.
    Media {
        /// ms since the stream began, if the message said.
        timestamp_ms: Option<u64>,
        /// mu-law bytes.
        audio: &'a [u8],
    },
    /// A piece of the mind's answer.
    MindDelta {
        /// The turn it was asked for.
        turn: u32,
        /// The piece.
        text: &'a str,
    },
    /// The mind's answer is whole.
    MindDone {
        /// The turn.
        turn: u32,
    },
    /// The mind failed.
    MindFailed {
        /// The turn.
        turn: u32,
    },
    /// Audio of a clause.
    SpeechAudio {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// mu-law.
        audio: Bytes,
    },
    /// A clause's audio is whole.
    SpeechDone {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
    },
    /// A clause will not be spoken by any voice we have.
    SpeechFailed {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
    },
    /// The stream was accepted: the call begins.
    Started,
    /// The stream ended, or must.
    Stop(Stop),
    /// Nothing; only time has passed.
    Tick,
}

/// Why a stream stops from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// We are shutting down and the time to finish is over.
    Draining,
    /// Somebody asked us to hang up.
    HangUp,
    /// The socket closed or the far end said stop.
    Lost,
}

/// What shall happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ask the mind.
    AskMind {
        /// The turn its answer must carry.
        turn: u32,
        /// The question.
        prompt: Prompt,
    },
    /// Throw away what the far end has not played.
    Clear,
    /// Close the socket; the far end then asks what to do.
    Close(Closing),
    /// Ask the recogniser for final words.
    Commit,
    /// Forget the question to the mind.
    DropMind {
        /// The dead turn.
        turn: u32,
    },
    /// Forget the speech of a turn.
    DropSpeech {
        /// The dead turn.
        turn: u32,
    },
    /// Give this frame to the recogniser.
    Listen(Frame),
    /// Record 20 ms.
    Record {
        /// What the caller said.
        caller: Frame,
        /// What he heard of us.
        agent: Frame,
    },
    /// An exchange is over.
    Report(TurnReport),
    /// The stage flow moved: make it durable.
    Save,
    /// Send a mark.
    SendMark(MarkId),
    /// Send audio: mu-law, any length.
    SendMedia(Bytes),
    /// Have a clause spoken.
    Speak {
        /// The turn its audio must carry.
        turn: u32,
        /// Its place in the turn.
        clause: u32,
        /// The words, fit to be spoken.
        text: String,
        /// BCP-47 tag.
        language: String,
        /// Whether it is fixed text of the agent, worth caching.
        fixed: bool,
    },
}

/// How a stream is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// As the stage flow ends.
    Ended(Ending),
    /// Carry on in gather, saying first what was not heard.
    Gather(Vec<Unheard>),
    /// The far end is gone already.
    Gone,
}

/// One streamed call.
#[derive(Debug)]
pub struct Call {
    agent: Arc<Agent>,
    conversation: Conversation,
    /// Local wall time at which the call began.
    began: DateTime,
    turn: u32,
    framer: Framer,
    hearing: Hearing,
    speech: Speech,
    exchange: Option<Exchange>,
    /// The agent stopped because the caller seems to speak; since then.
    paused: Option<Duration>,
    ending: Option<Ending>,
    /// Starts of the mind thrown away since the caller's turn began.
    wasted: u32,
    digits: String,
    timers: Timers,
    started: bool,
    closed: bool,
    /// Events that made no sense where they came, for metrics.
    pub ignored: u64,
}

impl Call {
    /// A call that has not begun. `began` is the local wall time of time zero.
    pub fn new(agent: Arc<Agent>, conversation: Conversation, began: DateTime, recorded: bool) -> Self {
        Self {
            agent,
            conversation,
            began,
            turn: 0,
            framer: Framer::new(),
            hearing: Hearing::new(),
            speech: Speech::new(recorded),
            exchange: None,
            paused: None,
            ending: None,
            wasted: 0,
            digits: String::new(),
            timers: Timers::default(),
            started: false,
            closed: false,
            ignored: 0,
        }
    }

    /// Takes an event at `now` (time since the call began; never goes back) and appends what shall happen to `actions`.
    pub fn handle(&mut self, now: Duration, event: Event<'_>, actions: &mut Vec<Action>) {
        if self.closed {
            return;
        }
        match event {
            Event::Started if !self.started => self.begin(now, actions),
            Event::Started => self.ignored += 1,
            Event::Media { timestamp_ms, audio } => {
                let mut framer = std::mem::take(&mut self.framer);
                framer.push(timestamp_ms, audio, |frame| self.frame(&frame, now, actions));
                self.framer = framer;
            }
            Event::Mark(name) => self.mark(name, now),
            Event::Dtmf(digit) => self.dtmf(digit, now, actions),
            Event::Partial(text) => self.partial(text, now, actions),
            Event::Final(text) => self.final_words(text, now, actions),
            Event::EarsLost => self.move_to_gather(now, actions),
            Event::MindDelta { turn, text } => self.mind_delta(turn, text, now, actions),
            Event::MindDone { turn } => self.mind_done(turn, now, actions),
            Event::MindFailed { turn } => self.mind_failed(turn, now, actions),
            Event::SpeechAudio { turn, clause, audio } => self.speech.audio(now, turn, clause, audio),
            Event::SpeechDone { turn, clause } => self.speech.done(turn, clause),
            Event::SpeechFailed { turn, .. } if turn == self.turn => self.move_to_gather(now, actions),
            Event::SpeechFailed { .. } => self.ignored += 1,
            Event::Stop(stop) => self.stop(stop, now, actions),
            Event::Tick => {}
        }
        while !self.closed
            && let Some(timer) = self.timers.expired(now)
        {
            self.fire(timer, now, actions);
        }
        if !self.closed {
            self.speech.pump(now, actions);
            self.follow_speech(now, actions);
        }
    }

    /// When [`Call::handle`] must be called again, if nothing else happens.
    pub fn deadline(&self) -> Option<Duration> {
        if self.closed {
            return None;
        }
        [self.timers.next(), self.speech.deadline()].into_iter().flatten().min()
    }

    /// The stage flow, to be saved.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Takes the stage flow out of a call that is over.
    pub fn into_conversation(self) -> Conversation {
        self.conversation
    }

    fn local(&self, now: Duration) -> DateTime {
        let elapsed = jiff::SignedDuration::try_from(now).unwrap_or(jiff::SignedDuration::ZERO);
        self.began.saturating_add(elapsed)
    }

    fn begin(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.started = true;
        self.timers.set(Timer::MaxCall, Duration::from_secs(self.agent.limits.max_call_seconds.into()));
        let local = self.local(now);
        let effects = self.conversation.begin(&self.agent, local);
        let mut exchange = Exchange::new(self.conversation.clone(), String::new(), None);
        exchange.confirmed = true;
        self.exchange = Some(exchange);
        self.speech.start(self.turn, false);
        self.perform(effects, now, actions);
        actions.push(Action::Save);
    }

    /// Carries out what the stage flow wants.
    fn perform(&mut self, effects: Vec<Effect>, now: Duration, actions: &mut Vec<Action>) {
        let mut asked = false;
        for effect in effects {
            match effect {
                Effect::Say(say) => {
                    for text in clause::sentences(&say.text) {
                        self.speak(text, &say.language, say.fixed, now, actions);
                    }
                }
                Effect::Ask(prompt) => {
                    asked = true;
                    if let Some(exchange) = &mut self.exchange {
                        exchange.mind = Mind::Asked;
                        exchange.report.asked_ms = Some(ms(now));
                    }
                    actions.push(Action::AskMind { turn: self.turn, prompt });
                }
                Effect::End(ending) => self.ending = Some(ending),
            }
        }
        if !asked {
            self.speech.close();
        }
    }

    fn speak(&mut self, text: &str, language: &str, fixed: bool, now: Duration, actions: &mut Vec<Action>) {
        let clause = self.speech.add(text, language, fixed);
        if let Some(exchange) = &mut self.exchange {
            exchange.report.first_clause_ms.get_or_insert(ms(now));
        }
        self.timers.set(Timer::SpeechLate, now + turn_taking::SPEECH_LATE);
        let text = understand::speakable(text, language);
        actions.push(Action::Speak { turn: self.turn, clause, text, language: language.to_owned(), fixed });
    }

    fn mind_delta(&mut self, turn: u32, text: &str, now: Duration, actions: &mut Vec<Action>) {
        let Some(mut exchange) = self.asked(turn) else { return };
        exchange.report.first_token_ms.get_or_insert(ms(now));
        let mut clauses = Vec::new();
        exchange.delta(text, |clause| clauses.push(clause.to_owned()));
        self.exchange = Some(exchange);
        self.speak_clauses(clauses, now, actions);
    }

    fn speak_clauses(&mut self, clauses: Vec<String>, now: Duration, actions: &mut Vec<Action>) {
        if clauses.is_empty() {
            return;
        }
        self.timers.stop(Timer::MindLate);
        self.timers.stop(Timer::Filler);
        let language = self.agent.language_or_first(self.conversation.language()).code.clone();
        for clause in clauses {
            self.speak(&clause, &language, false, now, actions);
        }
    }

    fn mind_done(&mut self, turn: u32, now: Duration, actions: &mut Vec<Action>) {
        let Some(mut exchange) = self.asked(turn) else { return };
        let mut clauses = Vec::new();
        let answer = exchange.answer(|clause| clauses.push(clause.to_owned()));
        let said = std::mem::take(&mut exchange.said);
        exchange.mind = Mind::Idle;
        exchange.report.mind_failed |= answer.is_err();
        let confirmed = exchange.confirmed;
        self.exchange = Some(exchange);
        self.speak_clauses(clauses, now, actions);
        self.answered(answer.as_ref().map_err(|failed| *failed), &said, now, actions);
        if confirmed {
            actions.push(Action::Save);
        }
    }

    fn mind_failed(&mut self, turn: u32, now: Duration, actions: &mut Vec<Action>) {
        let Some(mut exchange) = self.asked(turn) else { return };
        exchange.mind = Mind::Idle;
        exchange.report.mind_failed = true;
        let said = std::mem::take(&mut exchange.said);
        let confirmed = exchange.confirmed;
        self.exchange = Some(exchange);
        self.answered(Err(crate::conversation::MindFailed), &said, now, actions);
        if confirmed {
            actions.push(Action::Save);
        }
    }

    fn answered(
        &mut self,
        answer: Result<&crate::conversation::Answer, crate::conversation::MindFailed>,
        said: &str,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        self.timers.stop(Timer::MindLate);
        self.timers.stop(Timer::Filler);
        let local = self.local(now);
        let effects = self.conversation.answered(&self.agent, answer, said, local);
        self.perform(effects, now, actions);
    }

    /// The exchange whose mind was asked for `turn`, taken out; late answers of dead turns find none.
    fn asked(&mut self, turn: u32) -> Option<Exchange> {
        if turn == self.turn && self.exchange.as_ref().is_some_and(|exchange| exchange.mind == Mind::Asked) {
            return self.exchange.take();
        }
        self.ignored += 1;
        None
    }

    fn mark(&mut self, name: &str, now: Duration) {
        let known = MarkId::parse(name).is_some_and(|mark| self.speech.mark(mark));
        if !known {
            self.ignored += 1;
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.report.first_heard_ms.get_or_insert(ms(now));
        }
    }

    /// After the speech moved: note the timeline, and act once all was said.
    fn follow_speech(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(exchange) = &mut self.exchange {
            let report = &mut exchange.report;
            report.first_audio_ms = report.first_audio_ms.or_else(|| self.speech.first_audio().map(ms));
            report.first_sent_ms = report.first_sent_ms.or_else(|| self.speech.first_sent().map(ms));
        }
        if self.speech.first_audio().is_some() && !self.speech.starved() {
            self.timers.stop(Timer::SpeechLate);
        } else if self.speech.starved() && !self.timers.is_set(Timer::SpeechLate) {
            self.timers.set(Timer::SpeechLate, now + turn_taking::SPEECH_LATE);
        }
        let thinking =
            self.exchange.as_ref().is_some_and(|exchange| !exchange.confirmed || exchange.mind == Mind::Asked);
        if thinking || self.paused.is_some() || self.exchange.is_none() || !self.speech.drained() {
            return;
        }
        if self.speech.heard_all() {
            self.timers.stop(Timer::Drained);
            self.all_heard(now, actions);
        } else if !self.timers.is_set(Timer::Drained) {
            self.timers.set(Timer::Drained, now + turn_taking::MARK_LATE);
        }
    }

    /// The agent has said all he wanted: end the call, or listen.
    fn all_heard(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(exchange) = self.exchange.take() {
            self.report(exchange, actions);
        }
        if let Some(ending) = self.ending.take() {
            self.close(Closing::Ended(ending), actions);
            return;
        }
        self.listen_for_silence(now);
    }

    fn report(&mut self, exchange: Exchange, actions: &mut Vec<Action>) {
        let mut report = exchange.report;
        report.turn = self.conversation.turn();
        report.filler = exchange.filled;
        actions.push(Action::Report(report));
    }

    fn close(&mut self, closing: Closing, actions: &mut Vec<Action>) {
        actions.push(Action::DropMind { turn: self.turn });
        actions.push(Action::DropSpeech { turn: self.turn });
        actions.push(Action::Save);
        actions.push(Action::Close(closing));
        self.closed = true;
    }

    fn move_to_gather(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.speech.pause(now, actions);
        let unheard = self.speech.unheard();
        let heard = self.speech.heard();
        if let Some(exchange) = self.exchange.take() {
            if !exchange.confirmed {
                self.conversation = exchange.before.clone();
            }
            self.report(exchange, actions);
        }
        // What is said again in the other mode is not said twice in the history.
        if !unheard.is_empty() {
            let local = self.local(now);
            self.conversation.interrupted(&heard, local);
        }
        self.close(Closing::Gather(unheard), actions);
    }

    fn stop(&mut self, stop: Stop, now: Duration, actions: &mut Vec<Action>) {
        match stop {
            Stop::Lost => {
                self.speech.pause(now, &mut Vec::new());
                let unheard = !self.speech.unheard().is_empty();
                let heard = self.speech.heard();
                if let Some(exchange) = self.exchange.take() {
                    if !exchange.confirmed {
                        self.conversation = exchange.before.clone();
                    }
                    self.report(exchange, actions);
                }
                if unheard {
                    let local = self.local(now);
                    self.conversation.interrupted(&heard, local);
                }
                self.close(Closing::Gone, actions);
            }
            Stop::Draining => self.say_goodbye(now, actions),
            Stop::HangUp => {
                self.speech.pause(now, actions);
                self.conversation.ended_outside(true);
                self.close(Closing::Ended(Ending::HangUp), actions);
            }
        }
    }

    fn say_goodbye(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.is_ending() {
            return;
        }
        self.retract(now, actions);
        self.drop_answer(now, actions);
        let local = self.local(now);
        let effects = self.conversation.say_goodbye(&self.agent, local);
        let mut exchange = Exchange::new(self.conversation.clone(), String::new(), None);
        exchange.confirmed = true;
        self.exchange = Some(exchange);
        self.speech.start(self.turn, false);
        self.perform(effects, now, actions);
        actions.push(Action::Save);
    }

    fn take_turn(&mut self, turn: &UserTurn, confirmed: bool, now: Duration, actions: &mut Vec<Action>) {
        let text = match turn {
            UserTurn::Said { text, .. } => text.clone(),
            UserTurn::Pressed(_) | UserTurn::Silent => String::new(),
        };
        let wasted = self.exchange.take().map_or(0, |old| old.report.wasted_starts);
        let mut exchange = Exchange::new(self.conversation.clone(), text, self.hearing.turn_from_ms());
        exchange.report.wasted_starts = wasted;
        exchange.confirmed = confirmed;
        if matches!(turn, UserTurn::Said { .. }) {
            exchange.report.speech_ended_ms = Some(ms(self.hearing.voiced_at()));
        }
        self.exchange = Some(exchange);
        self.turn += 1;
        self.speech.start(self.turn, !confirmed);
        let local = self.local(now);
        let effects = self.conversation.user_turn(&self.agent, turn, local);
        self.perform(effects, now, actions);
        if confirmed {
            self.turn_confirmed(now, actions);
        }
    }
}

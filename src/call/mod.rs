//! One streamed call, as a pure state machine: events in, actions out, time as an argument.
//!
//! [`Call`] routes between parts that decide nothing alone: `hearing` (the caller), `speech` (the agent), `exchange` (one turn and
//! its answer) and the stage flow ([`Conversation`]). The rules stand in `turn_taking` (whose turn it is), `barge_in` (interruption
//! or not), `echo` (our own voice or the caller's), `answering` (the mind and the voice) and `leaving` (every way out). It owns no socket, clock or task.
//! Key types: [`Call`], [`Event`], [`Action`], [`TurnReport`].
//!
//! Invariants: [`Call::handle`] is total; an answer that carries a dead turn's number changes nothing; after [`Action::Close`] nothing is
//! sent; the deadline is never in the past once `handle` has run; from every state, silence leads to an end.

mod answering;
mod backchannel;
mod barge_in;
mod echo;
mod exchange;
mod hearing;
mod leaving;
mod said;
mod speech;
pub mod timer;
mod turn_taking;
mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;

use crate::agent::Agent;
use crate::audio::framer::Framer;
use crate::conversation::{Conversation, Ending};
use exchange::{Exchange, Mind, join, ms};
use hearing::Hearing;
use speech::Speech;
use timer::{Timer, Timers};

pub use exchange::TurnReport;
pub use speech::{MarkId, Unheard};
pub use vocabulary::{Action, Closing, Event, Stop};

/// One streamed call.
#[derive(Debug)]
pub struct Call {
    agent: Arc<Agent>,
    conversation: Conversation,
    /// Local wall time at which the call began.
    began: DateTime,
    /// The number that answers must carry; grows with every turn and every interruption.
    turn: u32,
    framer: Framer,
    hearing: Hearing,
    speech: Speech,
    exchange: Option<Exchange>,
    /// The agent stopped because the caller seems to speak.
    paused: bool,
    paused_at: Duration,
    line: echo::Line,
    ending: Option<Ending>,
    /// The caller has spoken into the thanks once, and the call went on.
    reopened: bool,
    /// Since when all was said and the call would end, but for a caller who has begun to speak.
    ends_since: Option<Duration>,
    /// What must be heard and was cut off, with its language: it is said again first.
    owed: Vec<(String, String)>,
    /// Whether something that must be heard was still being said at the last look.
    owing: bool,
    /// Starts of the mind thrown away since the caller's turn began.
    wasted: u32,
    /// What was heard of the agent in this turn of the stage flow, before the exchange in progress.
    heard_before: (u32, String),
    /// Since when the agent waits for the caller.
    listening_since: Duration,
    digits: String,
    /// They were pressed before the question could be heard.
    digits_early: bool,
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
            paused: false,
            paused_at: Duration::ZERO,
            line: echo::Line::default(),
            ending: None,
            reopened: false,
            ends_since: None,
            owed: Vec::new(),
            owing: false,
            wasted: 0,
            heard_before: (0, String::new()),
            listening_since: Duration::ZERO,
            digits: String::new(),
            digits_early: false,
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
            Event::SpeechLetters { turn, clause, ends_ms } => self.speech.letters(turn, clause, ends_ms),
            Event::SpeechDone { turn, clause } => self.speech.done(turn, clause),
            Event::SpeechFailed { turn, clause } if self.speech.awaits(turn, clause) => {
                self.move_to_gather(now, actions);
            }
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

    /// How long the caller's present speech has lasted, from its first voiced frame; `None` while there is none.
    pub fn voice_lasts(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.hearing.speech_ms())).filter(|lasts| !lasts.is_zero())
    }

    fn local(&self, now: Duration) -> DateTime {
        let elapsed = jiff::SignedDuration::try_from(now).unwrap_or(jiff::SignedDuration::ZERO);
        self.began.saturating_add(elapsed)
    }

    fn begin(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.started = true;
        self.timers.set(Timer::MaxCall, now + Duration::from_secs(self.agent.limits.max_call_seconds.into()));
        let local = self.local(now);
        let before = self.conversation.clone();
        let effects = self.conversation.begin(&self.agent, local);
        self.speak_up(before, effects, now, actions);
    }

    fn mark(&mut self, name: &str, now: Duration) {
        let known = MarkId::parse(name).is_some_and(|mark| self.speech.mark(now, mark));
        if !known {
            self.ignored += 1;
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.report.first_heard_ms.get_or_insert_with(|| ms(now));
        }
    }

    /// After the speech moved: note the timeline, and act once all was said.
    fn follow_speech(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.hear_out(now, actions);
        if let Some(exchange) = &mut self.exchange {
            let report = &mut exchange.report;
            report.first_audio_ms = report.first_audio_ms.or_else(|| self.speech.first_audio().map(ms));
            report.first_sent_ms = report.first_sent_ms.or_else(|| self.speech.first_sent().map(ms));
        }
        if !self.speech.starved() {
            self.timers.stop(Timer::SpeechLate);
        } else if !self.timers.is_set(Timer::SpeechLate) {
            self.timers.set(Timer::SpeechLate, now + answering::SPEECH_LATE);
        }
        let thinking =
            self.exchange.as_ref().is_some_and(|exchange| !exchange.confirmed || exchange.mind == Mind::Asked);
        if thinking || self.paused || self.exchange.is_none() || !self.speech.drained() {
            return;
        }
        if self.speech.heard_all() {
            self.all_heard(now, actions);
        } else if !self.timers.is_set(Timer::Drained) {
            self.timers.set(Timer::Drained, now + answering::MARK_LATE);
        }
    }

    /// The agent has said all he wanted: end the call, or listen.
    fn all_heard(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::Drained);
        if self.last_words(now) {
            return;
        }
        if let Some(exchange) = self.exchange.take() {
            self.report(exchange, actions);
        }
        if let Some(ending) = self.ending.take() {
            self.close(Closing::Ended(ending), actions);
            return;
        }
        let heard = self.speech.heard();
        let turn = self.conversation.turn();
        if self.heard_before.0 != turn {
            self.heard_before = (turn, String::new());
        }
        join(&mut self.heard_before.1, &heard);
        self.speech.start(self.turn, false);
        self.speech.close();
        if !self.hearing.speaking(now)
            && backchannel::is_only(self.hearing.words(), self.hearing.settled(), &self.agent)
        {
            self.hearing.forget();
        }
        self.listen_for_silence(now);
    }

    fn report(&self, exchange: Exchange, actions: &mut Vec<Action>) {
        let mut report = exchange.report;
        report.turn = self.conversation.turn();
        actions.push(Action::Report(report));
    }

    fn fire(&mut self, timer: Timer, now: Duration, actions: &mut Vec<Action>) {
        match timer {
            Timer::Digits => self.no_more_keys(now, actions),
            Timer::Drained => self.all_heard(now, actions),
            Timer::Filler => self.fill(now, actions),
            Timer::FinalLate => self.final_late(now, actions),
            Timer::MaxCall => self.out_of_time(now, actions),
            Timer::MindLate => self.mind_late(now, actions),
            Timer::NoFrames => self.follow_hearing(now, actions),
            Timer::NoInput => self.no_input(now, actions),
            Timer::Pause => self.pause_over(now, actions),
            Timer::SpeechLate => self.move_to_gather(now, actions),
        }
    }
}

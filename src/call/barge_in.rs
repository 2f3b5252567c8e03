//! Interruption in two steps: sustained voice makes the agent pause at once; words that carry meaning, or voice that goes on, make it
//! an interruption; nothing of the sort makes him go on from where he stopped.

use std::time::Duration;

use super::exchange::{Mind, join, ms};
use super::timer::Timer;
use super::{Action, Call, backchannel};
use crate::conversation::Completeness;

impl Call {
    /// Step one: sustained voice while we speak. Step two, by duration: voice that goes on.
    pub(super) fn barge_in(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.may_be_interrupted() || !self.hearing.speaking(now) {
            return;
        }
        let tuning = self.agent.turn_taking;
        let lasted = self.hearing.speech_ms();
        if !self.paused && self.speech.audible() && lasted >= u64::from(tuning.barge_in_ms) {
            (self.paused, self.paused_at) = (true, now);
            self.speech.pause(now, actions);
            self.timers.set(Timer::Pause, now + PAUSE);
        }
        // Somebody who says "haan haan haan" may do so for a while.
        let patience = if self.hearing.words().is_empty() || self.meant() { 1 } else { 2 };
        if self.paused && !self.leaving() && lasted >= u64::from(tuning.interrupt_ms) * patience {
            self.interrupt(now, actions);
        }
    }

    /// Whether a voice may stop us now: not where the agent forbids it, not while we say what must be heard, and into the thanks only
    /// once.
    fn may_be_interrupted(&self) -> bool {
        self.agent.turn_taking.barge_in && self.speech.owed().next().is_none() && (!self.leaving() || self.may_reopen())
    }

    /// Step two, by words, while the agent is being heard.
    pub(super) fn words_over_speech(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.may_be_interrupted() {
            return;
        }
        // Where we noticed no voice, one word alone may be anything.
        let voice = self.paused || self.hearing.voiced_lately(now);
        let enough = self.hearing.words().split_whitespace().count() >= if voice { 1 } else { 2 };
        if enough && self.leaving() && self.asks_for_more() {
            self.reopen_call(now, actions);
        } else if enough && !self.leaving() && self.meant() {
            self.interrupt(now, actions);
        } else if self.paused && self.hearing.settled() && !self.hearing.speaking(now) {
            self.resume(now);
        }
    }

    /// Once what must be heard was heard: what the caller said meanwhile counts now.
    pub(super) fn hear_out(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let owes = self.speech.owed().next().is_some();
        let was_owing = std::mem::replace(&mut self.owing, owes);
        if was_owing && !owes && self.exchange.is_some() && !self.tentative() && !self.hearing.words().is_empty() {
            self.words_over_speech(now, actions);
        }
    }

    /// Whether words said into the thanks want more than to end the call.
    pub(super) fn asks_for_more(&self) -> bool {
        !backchannel::is_only_closing(self.hearing.words(), self.hearing.settled(), &self.agent)
    }

    /// Whether the words are more than a sign of listening. What answers the question is, were it only a "yes".
    pub(super) fn meant(&self) -> bool {
        self.hearing.completeness == Completeness::Complete
            || !backchannel::is_only(self.hearing.words(), self.hearing.settled(), &self.agent)
    }

    pub(super) fn pause_over(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.paused {
            return;
        }
        let silence = self.hearing.silence(now);
        if now.saturating_sub(self.paused_at) >= LONGEST_PAUSE {
            // Sounds that come and go, and no words: the caller goes before us, but not once all has been said.
            if self.leaving() {
                self.reopened = true;
                self.resume(now);
            } else {
                self.interrupt(now, actions);
            }
        } else if self.hearing.speaking(now) {
            self.timers.set(Timer::Pause, now + PAUSE / 5);
            self.barge_in(now, actions);
        } else if silence < PAUSE {
            self.timers.set(Timer::Pause, now + (PAUSE - silence));
        } else {
            self.resume(now);
        }
    }

    /// Not an interruption: go on from where the speech stopped.
    fn resume(&mut self, now: Duration) {
        self.timers.stop(Timer::Pause);
        self.paused = false;
        if let Some(exchange) = &mut self.exchange {
            exchange.report.resumed += 1;
        }
        self.hearing.forget();
        self.speech.release(now);
    }

    /// A real interruption: the answer is dead.
    fn interrupt(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.cut_short(now, actions);
        actions.push(Action::Save);
    }

    /// Ends what is being answered and said; the history keeps what was heard of it.
    pub(super) fn cut_short(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.speech.pause(now, actions);
        let heard = self.speech.heard();
        let unheard = self.speech.any_unheard();
        if let Some(mut exchange) = self.exchange.take() {
            let asked = exchange.mind == Mind::Asked;
            if asked {
                // The answer would have taken them in.
                self.conversation.keep_what_was_said(&self.agent);
            }
            if asked || unheard {
                exchange.report.interrupted_ms = Some(ms(now));
            }
            self.report(exchange, actions);
        }
        if unheard {
            self.history_cut(&heard, now);
        }
        self.kill_turn(now, actions);
    }

    /// The agent's line since the caller's last turn is what was heard of it.
    pub(super) fn history_cut(&mut self, heard: &str, now: Duration) {
        let (turn, mut all) = std::mem::take(&mut self.heard_before);
        if turn != self.conversation.turn() {
            all.clear();
        }
        join(&mut all, heard);
        let local = self.local(now);
        self.conversation.interrupted(&all, local);
    }

    /// Whatever was asked for or is being said is forgotten; its late answers find another turn.
    pub(super) fn kill_turn(&mut self, now: Duration, actions: &mut Vec<Action>) {
        actions.push(Action::DropMind { turn: self.turn });
        actions.push(Action::DropSpeech { turn: self.turn });
        self.turn += 1;
        self.paused = false;
        self.ending = None;
        self.ends_since = None;
        let owed = self.speech.owed().map(|(text, language)| (text.to_owned(), language.to_owned()));
        self.owed = std::mem::take(&mut self.owed).into_iter().chain(owed).collect();
        self.owing = false;
        self.speech.start(self.turn, false);
        self.speech.close();
        for timer in [Timer::Filler, Timer::MindLate, Timer::SpeechLate, Timer::Drained, Timer::Pause] {
            self.timers.stop(timer);
        }
        // Whatever follows, the call must not hang: somebody speaks, or the silence is noticed.
        self.listen_for_silence(now);
    }
}

/// We do not stand silent for longer, waiting for words.
const LONGEST_PAUSE: Duration = Duration::from_millis(3_000);
/// A pause without voice and without words is over after so much silence.
const PAUSE: Duration = Duration::from_millis(500);

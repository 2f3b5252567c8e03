//! Whose turn it is: when the caller's turn is over, when the mind may start, what a silence and a key press mean.
//!
//! The mind may start before the turn is surely over, on words that answer the question or are the recogniser's last word; what it
//! says is held until the caller has been silent for as long as the words demand, and thrown away if they turn out to be others.

use std::time::Duration;

use super::exchange::{Exchange, join, ms};
use super::hearing::{Final, STALLED, same_words};
use super::timer::Timer;
use super::{Action, Call, backchannel};
use crate::audio::Frame;
use crate::conversation::{Completeness, Keys, UserTurn};
use crate::understand;

impl Call {
    pub(super) fn frame(&mut self, frame: &Frame, now: Duration, actions: &mut Vec<Action>) {
        if self.closed || !self.started {
            return;
        }
        actions.push(Action::Listen(*frame));
        if let Some(agent) = self.speech.played() {
            actions.push(Action::Record { caller: *frame, agent });
        }
        let ceiling = self.ceiling_dbfs(now);
        if self.hearing.frame(frame, ceiling, now) {
            actions.push(Action::ListenNow);
        }
        self.barge_in(now, actions);
        self.follow_hearing(now, actions);
    }

    pub(super) fn partial(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        let text = self.heard_of_caller(text, false, now);
        if self.hearing.partial(text, now) {
            self.words_changed(false, now, actions);
        }
    }

    pub(super) fn final_words(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::FinalLate);
        let text = self.heard_of_caller(text, true, now);
        match self.hearing.finals(text, now) {
            Final::Known => {}
            Final::New => self.words_changed(false, now, actions),
            Final::Corrected => self.words_changed(true, now, actions),
        }
    }

    /// The recogniser owes its final words for too long: the partial ones are better than none.
    pub(super) fn final_late(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.hearing.guess_finals(now);
        self.words_changed(false, now, actions);
    }

    fn words_changed(&mut self, corrected: bool, now: Duration, actions: &mut Vec<Action>) {
        if !self.started {
            return;
        }
        if !self.still_the_same(now) {
            self.retract(now, actions);
        }
        self.judge_words(now);
        if self.exchange.is_some() && !self.tentative() {
            // He speaks while we answer.
            if self.paused || self.speech.first_sent().is_some() {
                if self.paused || !self.speech.drained() {
                    self.words_over_speech(now, actions);
                } else if self.may_reopen() && self.asks_for_more() {
                    self.reopen_call(now, actions);
                } else if self.meant() && !self.leaving() {
                    // All was said; only the far end's word for it is missing.
                    self.all_heard(now, actions);
                }
            } else if self.meant() {
                self.reopen(corrected, now, actions);
            }
        }
        if self.hearing.words().is_empty() {
            self.hearing.forget();
        }
        self.follow_hearing(now, actions);
    }

    /// Whether the words still say what a tentative answer was asked for, if there is one.
    fn still_the_same(&self, now: Duration) -> bool {
        let words = self.hearing.words();
        self.exchange.as_ref().filter(|exchange| !exchange.confirmed).is_none_or(|exchange| {
            same_words(&exchange.text, words)
                || exchange.before.same_value(&self.agent, &exchange.text, words, self.local(now))
        })
    }

    fn judge_words(&mut self, now: Duration) {
        self.hearing.completeness = self.completeness(self.hearing.words(), now);
    }

    /// What the stage flow says of words as the caller's turn.
    pub(super) fn completeness(&self, words: &str, now: Duration) -> Completeness {
        // A tentative turn does not count.
        let conversation = match &self.exchange {
            Some(exchange) if !exchange.confirmed => &exchange.before,
            Some(_) | None => &self.conversation,
        };
        let completeness = conversation.completeness(&self.agent, words, self.local(now));
        // "Haan" into the sentence before the question is no answer to it, and no interruption.
        let listens = completeness == Completeness::Complete
            && backchannel::is_only(words, self.hearing.settled(), &self.agent)
            && !self.was_asked();
        if listens { Completeness::Usual } else { completeness }
    }

    /// Whether the question that is open has reached the caller's ear, or its beginning.
    fn was_asked(&self) -> bool {
        if self.exchange.is_none() || self.tentative() || self.speech.drained() {
            return true;
        }
        let (turn, before) = &self.heard_before;
        let mut heard = if *turn == self.conversation.turn() { before.clone() } else { String::new() };
        join(&mut heard, &self.speech.heard());
        self.conversation.was_asked(&heard)
    }

    /// After a frame, new words, or when frames stay away: asks for final words, starts the mind, ends the turn.
    pub(super) fn follow_hearing(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.closed || !self.started {
            return;
        }
        if !self.hearing.pending(now) {
            self.timers.stop(Timer::NoFrames);
            return;
        }
        // Every frame puts this off; where none comes, the wall clock looks again and again.
        self.timers.set(Timer::NoFrames, now + if self.hearing.stalled(now) { STALLED / 4 } else { STALLED });
        if self.hearing.commit_due(now) {
            self.hearing.committed();
            let late = if self.hearing.partial_words() { FINAL_LATE } else { FINAL_LATE_NO_WORDS };
            self.timers.set(Timer::FinalLate, now + late);
            actions.push(Action::Commit);
        }
        self.check_end(now, actions);
    }

    /// Whether the caller's turn is over, and whether the mind may already start.
    fn check_end(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let waiting = self.exchange.is_none() || self.tentative();
        if !waiting || self.paused || self.leaving() || self.hearing.words().is_empty() || self.hearing.speaking(now) {
            return;
        }
        let tuning = self.agent.turn_taking;
        let completeness = self.hearing.completeness;
        let limit = match completeness {
            Completeness::Complete => tuning.complete_ms,
            Completeness::Unfinished => tuning.unfinished_ms,
            Completeness::Usual => tuning.usual_ms,
        };
        let settled = self.hearing.settled();
        let silence = self.hearing.silence(now);
        if settled && silence >= Duration::from_millis(limit.into()) {
            self.end_turn(now, actions);
        } else if tuning.speculate && self.exchange.is_none() {
            let early = match completeness {
                Completeness::Complete if !settled => self.wasted < MAX_WASTED && self.hearing.caught_up(now),
                Completeness::Complete | Completeness::Usual => settled && self.wasted < MAX_WASTED_SETTLED,
                Completeness::Unfinished => false,
            };
            if early {
                self.take_turn(&self.words_turn(), false, now, actions);
            }
        }
    }

    fn end_turn(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Some(exchange) = &mut self.exchange else {
            return self.take_turn(&self.words_turn(), true, now, actions);
        };
        // A tentative turn says the same, or it would have been retracted; the final form of the words may look better.
        exchange.confirmed = true;
        exchange.report.speculated = true;
        self.hearing.words().clone_into(&mut exchange.text);
        self.conversation.amend_last_words(&self.agent, self.hearing.words(), self.hearing.span());
        self.speech.release(now);
        self.turn_confirmed(now, actions);
    }

    pub(super) fn words_turn(&self) -> UserTurn {
        UserTurn::Said { text: self.hearing.words().to_owned(), audio_ms: self.hearing.span() }
    }

    /// Whether an answer is being prepared for a turn that is not surely over.
    pub(super) fn tentative(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !exchange.confirmed)
    }

    pub(super) fn take_turn(&mut self, turn: &UserTurn, confirmed: bool, now: Duration, actions: &mut Vec<Action>) {
        let text = match turn {
            UserTurn::Said { text, .. } => text.clone(),
            UserTurn::Pressed(_) | UserTurn::Silent => String::new(),
        };
        let mut exchange = Exchange::new(self.conversation.clone(), text, self.hearing.turn_from_ms());
        exchange.owed.clone_from(&self.owed);
        self.exchange = Some(exchange);
        self.turn += 1;
        self.speech.start(self.turn, !confirmed);
        let local = self.local(now);
        let effects = self.conversation.user_turn(&self.agent, turn, local);
        self.perform(effects, now, actions);
        if confirmed {
            if let Some(exchange) = &mut self.exchange {
                exchange.confirmed = true;
            }
            self.turn_confirmed(now, actions);
        }
    }

    /// The turn is surely over: from here on it counts.
    fn turn_confirmed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::NoInput);
        if let Some(exchange) = &mut self.exchange {
            let report = &mut exchange.report;
            report.turn_ended_ms = Some(ms(now));
            report.wasted_starts = std::mem::take(&mut self.wasted);
            if !exchange.text.is_empty() {
                report.speech_ended_ms = Some(ms(self.hearing.voiced_at()));
                report.final_words_ms = Some(ms(self.hearing.final_at()));
                // Keys that waited for more of them were pressed at the question that his words have answered.
                self.digits_early |= !self.digits.is_empty();
            }
        }
        self.await_mind(now);
        self.hearing.forget();
        actions.push(Action::Save);
    }

    /// Throws a tentative answer away: the words are others.
    pub(super) fn retract(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(exchange) = self.exchange.take_if(|exchange| !exchange.confirmed) {
            self.go_back(exchange, now, actions);
        }
    }

    /// The caller goes on although his turn was taken for over, and nothing of the answer was heard yet: it is one turn.
    fn reopen(&mut self, corrected: bool, now: Duration, actions: &mut Vec<Action>) {
        let Some(exchange) = self.exchange.take_if(|exchange| !exchange.text.is_empty()) else { return };
        self.hearing.reopen(if corrected { "" } else { &exchange.text }, exchange.from_ms);
        self.go_back(exchange, now, actions);
        self.judge_words(now);
    }

    fn go_back(&mut self, exchange: Exchange, now: Duration, actions: &mut Vec<Action>) {
        self.wasted += 1;
        self.undo(exchange, now, actions);
    }

    /// An exchange of which nothing was heard never was: what it was to say is owed no more, or it would be said once more each time.
    pub(super) fn undo(&mut self, exchange: Exchange, now: Duration, actions: &mut Vec<Action>) {
        self.kill_turn(now, actions);
        self.conversation = exchange.before;
        self.owed = exchange.owed;
    }

    pub(super) fn listen_for_silence(&mut self, now: Duration) {
        self.listening_since = now;
        self.timers.set(Timer::NoInput, now + self.silence_limit());
    }

    fn silence_limit(&self) -> Duration {
        Duration::from_secs(self.agent.limits.silence_seconds.max(1).into())
    }

    /// The silence limit has passed: nobody has said anything, or somebody still does.
    pub(super) fn no_input(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.paused || (self.exchange.is_some() && !self.tentative()) {
            return self.listen_for_silence(now);
        }
        let limit = self.silence_limit();
        let heard_until = self.hearing.voiced_at() + limit;
        let busy = self.hearing.pending(now) || heard_until > now;
        // What has no words for so long is no speech: a radio, a street.
        if busy && now.saturating_sub(self.listening_since) < limit * 3 {
            self.timers.set(Timer::NoInput, heard_until.max(now + limit / 8));
        } else if self.hearing.words().is_empty() {
            self.user_acts(&UserTurn::Silent, now, actions);
        } else {
            self.end_turn(now, actions);
        }
    }

    pub(super) fn dtmf(&mut self, digit: char, now: Duration, actions: &mut Vec<Action>) {
        if !self.started || self.leaving() {
            self.ignored += 1;
            return;
        }
        self.speech.advance(now);
        // A tentative turn does not count.
        let conversation = match &self.exchange {
            Some(exchange) if !exchange.confirmed => &exchange.before,
            Some(_) | None => &self.conversation,
        };
        // A lone key pressed before the question could be heard is most often the last one doubled: where this one is an answer by itself,
        // it was.
        let early = !self.was_asked();
        let answers = !early && conversation.judge_keys(&self.agent, digit.encode_utf8(&mut [0; 4])) != Keys::Part;
        if self.digits_early && self.digits.len() == 1 && answers {
            self.digits.clear();
        }
        if self.digits.is_empty() {
            self.digits_early = early;
        }
        if digit != '#' && self.digits.len() < MAX_DIGITS {
            self.digits.push(digit);
        }
        let keys = if self.digits_early { Keys::Part } else { conversation.judge_keys(&self.agent, &self.digits) };
        match keys {
            Keys::Whole => self.pressed(now, actions),
            Keys::Part | Keys::Perhaps if digit == '#' => self.pressed(now, actions),
            Keys::Perhaps => self.timers.set(Timer::Digits, now + NEXT_DIGIT_AT_ONCE),
            Keys::Part => self.timers.set(Timer::Digits, now + NEXT_DIGIT),
        }
    }

    /// No key follows.
    pub(super) fn no_more_keys(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.digits_early && self.digits.len() == 1 {
            self.digits.clear();
            self.ignored += 1;
        }
        self.pressed(now, actions);
    }

    fn pressed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::Digits);
        let digits = std::mem::take(&mut self.digits);
        if !digits.is_empty() && !self.leaving() {
            self.user_acts(&UserTurn::Pressed(digits), now, actions);
        }
    }

    /// A turn that needs no words: what is being said gives way to it.
    fn user_acts(&mut self, turn: &UserTurn, now: Duration, actions: &mut Vec<Action>) {
        self.retract(now, actions);
        if self.exchange.is_some() {
            self.cut_short(now, actions);
        }
        // What he had said before is his; what is not final yet will come again.
        let said = self.hearing.final_words().to_owned();
        if !said.is_empty() && !backchannel::is_only(&said, true, &self.agent) {
            let (audio_ms, local) = (self.hearing.span(), self.local(now));
            if understand::refuses_calls(&said) {
                // Whatever he did besides.
                let said = UserTurn::Said { text: said, audio_ms };
                self.hearing.forget();
                return self.take_turn(&said, true, now, actions);
            }
            self.conversation.heard(&self.agent, &said, audio_ms, local);
        }
        self.hearing.forget();
        self.take_turn(turn, true, now, actions);
    }
}

/// How long the recogniser may owe final words before its partial ones are taken: half of the vendors need 150 ms, one in a
/// hundred needs 400 ms.
const FINAL_LATE: Duration = Duration::from_millis(800);
/// The same where it has not said a word: it often answers silence with nothing.
const FINAL_LATE_NO_WORDS: Duration = Duration::from_millis(600);
/// A key press waits this long for the next one.
const NEXT_DIGIT: Duration = Duration::from_millis(2_000);
/// The same after a key that is an answer by itself.
const NEXT_DIGIT_AT_ONCE: Duration = Duration::from_millis(800);
const MAX_DIGITS: usize = 32;
/// Starts of the mind that may be thrown away in one turn before only final words are trusted.
const MAX_WASTED: u32 = 2;
/// Starts that may be thrown away in one turn at all.
const MAX_WASTED_SETTLED: u32 = 4;

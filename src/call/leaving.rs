//! Every way out of a streamed call: to its end, to the other mode, or because the far end is gone.

use std::time::Duration;

use super::exchange::Mind;
use super::timer::Timer;
use super::{Action, Call, Closing, Stop, Unheard};
use crate::conversation::{Ending, Stage};
use crate::understand;

impl Call {
    /// Whether the call ends once all has been said. An end that rests on words that may go on is none yet.
    pub(super) fn leaving(&self) -> bool {
        self.ending.is_some() && !self.tentative()
    }

    /// Whether the caller may still be heard although the call is ending: once, while he is thanked.
    pub(super) fn may_reopen(&self) -> bool {
        self.leaving() && !self.reopened && self.conversation.stage() == Stage::Completed
    }

    /// The caller has more to say: the call does not end yet.
    pub(super) fn reopen_call(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.reopened = true;
        self.cut_short(now, actions);
        self.conversation.reopen();
        actions.push(Action::Save);
    }

    /// Whether the call waits with its end although all was said: the caller has begun to speak, and may be heard. Not for long, since
    /// most of it is a goodbye or no words at all.
    pub(super) fn last_words(&mut self, now: Duration) -> bool {
        let begins = self.hearing.voiced_within(ONSET, now);
        if !self.may_reopen() || !(begins || self.hearing.unsettled(now)) {
            return false;
        }
        let until = *self.ends_since.get_or_insert(now) + LAST_WORDS;
        if now < until {
            self.timers.set(Timer::Drained, until);
        }
        now < until
    }

    /// The call has lasted as long as it may. One that is ending may do so; should the caller go on, its time is over soon after.
    pub(super) fn out_of_time(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.leaving() {
            return self.timers.set(Timer::MaxCall, now + OVERTIME);
        }
        self.say_goodbye(now, actions);
    }

    /// Carries on in gather: a part without which a stream cannot go on is gone.
    pub(super) fn move_to_gather(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let unheard = self.wind_up(now, actions);
        self.close(Closing::Gather(unheard), actions);
    }

    pub(super) fn stop(&mut self, stop: Stop, now: Duration, actions: &mut Vec<Action>) {
        match stop {
            Stop::Draining => {
                // The thanks are said to their end, and nothing after them.
                self.reopened |= self.leaving();
                self.say_goodbye(now, actions);
            }
            Stop::HangUp => {
                self.keep_words(now, actions);
                self.wind_up(now, actions);
                self.conversation.ended_outside(true);
                self.close(Closing::Ended(Ending::HangUp), actions);
            }
            Stop::Lost => {
                self.keep_words(now, actions);
                let leaving = self.leaving();
                let unheard = self.wind_up(now, actions);
                // A goodbye that was cut off by the line is said again, if there still is a caller.
                let ends = leaving && !unheard.is_empty();
                self.close(if ends { Closing::Gather(unheard) } else { Closing::Gone }, actions);
            }
        }
    }

    /// Says goodbye and ends, unless the call is ending already.
    pub(super) fn say_goodbye(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.leaving() {
            return;
        }
        self.keep_words(now, actions);
        self.started = true;
        self.cut_short(now, actions);
        self.owed.clear();
        self.hearing.forget();
        self.timers.stop(Timer::NoInput);
        let local = self.local(now);
        let before = self.conversation.clone();
        let effects = self.conversation.say_goodbye(&self.agent, local);
        self.speak_up(before, effects, now, actions);
    }

    /// What the caller said and has no answer yet is kept as his words. An answer that was only being prepared never was one: what it
    /// would have changed is undone, and whoever carries the call on answers them.
    fn keep_words(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(exchange) = self.exchange.take_if(|exchange| !exchange.confirmed) {
            self.undo(exchange, now, actions);
        }
        // Who forbids calls over words of ours that nobody may interrupt, or into our goodbye, has done so.
        let forbids = self.started && understand::refuses_calls(self.hearing.words());
        if forbids && self.exchange.is_some() {
            self.cut_short(now, actions);
        }
        if self.exchange.is_none() && self.started && !self.hearing.words().is_empty() && !self.leaving() {
            if self.conversation.stage() == Stage::LanguageSelection {
                return self.take_turn(&self.words_turn(), true, now, actions);
            }
            let (text, audio_ms) = (self.hearing.words().to_owned(), self.hearing.span());
            let local = self.local(now);
            self.conversation.heard(&self.agent, &text, audio_ms, local);
            self.hearing.forget();
        }
    }

    /// Stops all; the history keeps what was heard, and the caller's words that were not answered. Gives what was not heard.
    fn wind_up(&mut self, now: Duration, actions: &mut Vec<Action>) -> Vec<Unheard> {
        if self.exchange.is_none() && self.started && !self.hearing.words().is_empty() && !self.leaving() {
            self.take_turn(&self.words_turn(), true, now, actions);
        }
        self.speech.pause(now, actions);
        let mut unheard = self.speech.unheard();
        let heard = self.speech.heard();
        // What is said again in the other mode is not said twice in the history.
        if !unheard.is_empty() {
            self.history_cut(&heard, now);
        }
        if let Some(exchange) = self.exchange.take() {
            if exchange.mind == Mind::Asked {
                // The answer would have taken them in.
                self.conversation.keep_what_was_said(&self.agent);
            }
            if exchange.mind == Mind::Asked && heard.is_empty() {
                // The beginning of an answer that will not be finished is none: the other mode asks anew.
                unheard.clear();
            }
            self.report(exchange, actions);
        }
        unheard
    }

    pub(super) fn close(&mut self, closing: Closing, actions: &mut Vec<Action>) {
        actions.push(Action::DropMind { turn: self.turn });
        actions.push(Action::DropSpeech { turn: self.turn });
        actions.push(Action::Save);
        actions.push(Action::Close(closing));
        self.closed = true;
    }
}

/// How long the end waits for what the caller has begun to say. His first words decide.
const LAST_WORDS: Duration = Duration::from_millis(4_000);
/// A voice is sure after so much of it.
const ONSET: Duration = Duration::from_millis(120);
/// A caller who goes on when the time is over has this long.
const OVERTIME: Duration = Duration::from_secs(10);

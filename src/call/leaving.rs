//! Every way out of a streamed call: to its end, to the other mode, or because the far end is gone.

use std::time::Duration;

use super::exchange::Mind;
use super::timer::Timer;
use super::{Action, Call, Closing, Stop, Unheard};
use crate::conversation::{Ending, Stage, UserTurn};

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

    /// Carries on in gather: a part without which a stream cannot go on is gone.
    pub(super) fn move_to_gather(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let unheard = self.wind_up(now, actions);
        self.close(Closing::Gather(unheard), actions);
    }

    pub(super) fn stop(&mut self, stop: Stop, now: Duration, actions: &mut Vec<Action>) {
        match stop {
            Stop::Draining => self.say_goodbye(now, actions),
            Stop::HangUp => {
                self.retract(now, actions);
                self.wind_up(now, actions);
                self.conversation.ended_outside(true);
                self.close(Closing::Ended(Ending::HangUp), actions);
            }
            Stop::Lost => {
                // An answer that was only prepared has not happened; the words it rests on have.
                self.retract(now, actions);
                let unheard = self.wind_up(now, actions);
                // A last word that was not heard is said in the other mode; anything else is asked anew there.
                let last_word = self.ending.is_some() && !unheard.is_empty();
                self.close(if last_word { Closing::Gather(unheard) } else { Closing::Gone }, actions);
            }
        }
    }

    /// Says goodbye and ends, unless the call is ending already.
    pub(super) fn say_goodbye(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.leaving() {
            return;
        }
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

    /// Stops all; the history keeps what was heard, and the caller's words that were not answered. Gives what was not heard.
    fn wind_up(&mut self, now: Duration, actions: &mut Vec<Action>) -> Vec<Unheard> {
        if self.exchange.is_none() && self.started && !self.hearing.words().is_empty() && !self.leaving() {
            let turn = UserTurn::Said { text: self.hearing.words().to_owned(), audio_ms: self.hearing.span() };
            self.take_turn(&turn, true, now, actions);
        }
        self.speech.pause(now, actions);
        let mut unheard = self.speech.unheard();
        let heard = self.speech.heard();
        // What is said again in the other mode is not said twice in the history.
        if !unheard.is_empty() {
            self.history_cut(&heard, now);
        }
        if let Some(exchange) = self.exchange.take() {
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

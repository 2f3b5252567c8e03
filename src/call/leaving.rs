//! Every way out of a streamed call: to its end, to the other mode, or because the far end is gone.

use std::time::Duration;

use super::timer::Timer;
use super::{Action, Call, Closing, Stop, Unheard};
use crate::conversation::{Ending, UserTurn};

impl Call {
    /// Whether the call ends once all has been said. An end that rests on words that may go on is none yet.
    pub(super) fn leaving(&self) -> bool {
        self.ending.is_some() && !self.tentative()
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
                self.wind_up(now, actions);
                self.conversation.ended_outside(true);
                self.close(Closing::Ended(Ending::HangUp), actions);
            }
            Stop::Lost => {
                self.wind_up(now, actions);
                self.close(Closing::Gone, actions);
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
        let unheard = self.speech.unheard();
        if let Some(exchange) = self.exchange.take() {
            self.report(exchange, actions);
        }
        // What is said again in the other mode is not said twice in the history.
        if !unheard.is_empty() {
            let heard = self.speech.heard();
            self.history_cut(&heard, now);
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

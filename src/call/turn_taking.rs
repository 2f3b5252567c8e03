//! The rules of turn-taking: when the caller's turn is over, when he interrupts, what a silence and a key press mean.
//!
//! Barge-in has two steps: sustained voice makes the agent pause at once; words or continued voice make it an interruption, nothing
//! of the sort makes him go on from where he stopped. The mind may start before the turn is surely over; then what it says is
//! held, and thrown away if the caller goes on.

use std::time::Duration;

use super::exchange::{Mind, ms};
use super::hearing::Heard;
use super::timer::Timer;
use super::{Action, Call, backchannel};
use crate::audio::{FRAME_MS, Frame};
use crate::conversation::{Completeness, Stage, UserTurn};

/// How long the voice may keep us waiting for a clause before the call moves to gather.
pub(super) const SPEECH_LATE: Duration = Duration::from_millis(2_500);
/// How long the last mark may be late before the playback clock is believed.
pub(super) const MARK_LATE: Duration = Duration::from_millis(800);
/// How long the recogniser may owe final words before the partial ones are taken.
const FINAL_LATE: Duration = Duration::from_millis(1_500);
/// Thinking for longer than this is filled with a few words.
const FILLER: Duration = Duration::from_millis(1_400);
/// Thinking for longer than this is a failure: something must be heard within three seconds.
const MIND_LATE: Duration = Duration::from_millis(2_300);
/// After a filler the caller waits more patiently.
const MIND_LATE_FILLED: Duration = Duration::from_millis(6_000);
/// A key press waits this long for the next one.
const NEXT_DIGIT: Duration = Duration::from_millis(2_000);
/// A pause without voice and without words is over after this.
const PAUSE: Duration = Duration::from_millis(500);
/// While words are owed, a pause waits at most this long.
const PAUSE_OWED: Duration = Duration::from_millis(1_200);
/// Partial words that stand still this long after the voice has ended are asked for.
const STABLE: Duration = Duration::from_millis(900);
/// Starts of the mind that may be thrown away in one turn.
const MAX_WASTED: u32 = 3;

impl Call {
    pub(super) fn frame(&mut self, frame: &Frame, now: Duration, actions: &mut Vec<Action>) {
        if self.closed || !self.started {
            return;
        }
        actions.push(Action::Listen(*frame));
        if let Some(agent) = self.speech.played() {
            actions.push(Action::Record { caller: *frame, agent });
        }
        match self.hearing.frame(frame, now) {
            Heard::Onset => {
                self.timers.stop(Timer::NoInput);
                self.timers.stop(Timer::EndOfTurn);
            }
            Heard::Ended => {
                if self.hearing.uncommitted {
                    self.commit(now, actions);
                }
                if self.paused.is_some() {
                    self.timers.set(Timer::Pause, now + PAUSE);
                }
            }
            Heard::Voice | Heard::Silence => {}
        }
        self.barge_in(now, actions);
        if !self.hearing.speaking {
            self.check_end(now, actions);
        } else if let Some(exchange) = &self.exchange
            && !exchange.confirmed
            && self.hearing.speech_ms() >= u64::from(self.agent.turn_taking.barge_in_ms)
        {
            // He goes on: whatever was started for the words so far is wasted.
            self.retract(now, actions);
        }
    }

    /// Step one: sustained voice while we speak. Step two, by duration: voice that goes on.
    fn barge_in(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let tuning = self.agent.turn_taking;
        if !tuning.barge_in || self.is_ending() || !self.hearing.speaking {
            return;
        }
        let lasted = self.hearing.speech_ms();
        if self.paused.is_none() && self.speech.audible() && lasted >= u64::from(tuning.barge_in_ms) {
            self.paused = Some(now);
            self.speech.pause(now, actions);
            self.timers.stop(Timer::SpeechLate);
        }
        if self.paused.is_some() && lasted >= u64::from(tuning.interrupt_ms) {
            self.interrupt(now, actions);
        }
    }

    fn commit(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.hearing.uncommitted = false;
        self.hearing.owed += 1;
        self.timers.set(Timer::FinalLate, now + FINAL_LATE);
        actions.push(Action::Commit);
    }

    pub(super) fn partial(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        self.hearing.partial(text, now);
        if !text.trim().is_empty() {
            self.timers.stop(Timer::NoInput);
        }
        self.words_changed(now, actions);
    }

    pub(super) fn final_words(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        self.hearing.finals(text);
        if self.hearing.owed == 0 {
            self.timers.stop(Timer::FinalLate);
        }
        self.words_changed(now, actions);
    }

    fn words_changed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.started || !self.hearing.take_change() {
            return;
        }
        let words = self.hearing.words();
        let local = self.local(now);
        self.hearing.completeness = self.conversation_before().completeness(&self.agent, &words, local);
        let meant = !backchannel::is_only(&words);
        if self.speech.audible() || self.paused.is_some() {
            if self.is_ending() || !self.agent.turn_taking.barge_in {
                return;
            }
            // Step two, by words. A quiet voice may not have made us pause: then the words alone must be enough.
            let enough = if self.paused.is_some() { 1 } else { 2 };
            if meant && words.split_whitespace().count() >= enough {
                self.interrupt(now, actions);
            } else if self.paused.is_some() && self.hearing.owed == 0 && !self.hearing.speaking {
                self.resume(now, actions);
            }
            return;
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.confirmed) && meant && !self.is_ending() {
            // He goes on while we think: it was one turn.
            self.reopen(now, actions);
        }
        if self.hearing.only_finals() && !self.hearing.any_words() && self.hearing.owed == 0 && !self.hearing.speaking {
            // A cough: nothing was said.
            self.retract(now, actions);
            self.hearing.clear();
            if self.exchange.is_none() {
                self.listen_for_silence(now);
            }
            return;
        }
        self.check_end(now, actions);
    }

    /// Whether the call is surely on its way to its end. What an early start of the mind would end can still be thrown away.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some() && self.exchange.as_ref().is_none_or(|exchange| exchange.confirmed)
    }

    /// The conversation the words are an answer to: a tentative turn does not count.
    fn conversation_before(&self) -> &crate::conversation::Conversation {
        match &self.exchange {
            Some(exchange) if !exchange.confirmed => &exchange.before,
            Some(_) | None => &self.conversation,
        }
    }

    /// Whether the caller's turn is over, and whether the mind may already start.
    fn check_end(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.is_ending() || !self.hearing.any_words() || self.paused.is_some() {
            return;
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.confirmed) {
            return;
        }
        let silence = self.hearing.silence(now);
        if silence.is_zero() {
            return;
        }
        if !self.hearing.only_finals() && self.hearing.owed == 0 {
            // Words without a voice that we noticed: ask for their final form once they stand still.
            if now.saturating_sub(self.hearing.partial_at) >= STABLE {
                self.commit(now, actions);
            } else {
                self.timers.set(Timer::EndOfTurn, self.hearing.partial_at + STABLE);
            }
            return;
        }
        let words = self.hearing.words();
        let tuning = self.agent.turn_taking;
        let ready = self.hearing.owed == 0 || self.hearing.completeness == Completeness::Complete;
        if ready && tuning.speculate && self.hearing.completeness != Completeness::Unfinished {
            self.start_early(&words, now, actions);
        }
        let limit = Duration::from_millis(u64::from(match self.hearing.completeness {
            Completeness::Complete => tuning.complete_ms,
            Completeness::Unfinished => tuning.unfinished_ms,
            Completeness::Usual => tuning.usual_ms,
        }));
        if self.hearing.owed > 0 {
            return;
        }
        if silence >= limit {
            self.end_turn(&words, now, actions);
        } else {
            self.timers.set(Timer::EndOfTurn, self.hearing.silent_for_at(limit));
        }
    }

    /// Starts the mind on words that may be all.
    fn start_early(&mut self, words: &str, now: Duration, actions: &mut Vec<Action>) {
        if let Some(exchange) = &self.exchange {
            if same_words(&exchange.text, words) {
                return;
            }
            if exchange.report.wasted_starts >= MAX_WASTED {
                return;
            }
            self.retract(now, actions);
        }
        let wasted = std::mem::take(&mut self.wasted);
        if wasted >= MAX_WASTED {
            self.wasted = wasted;
            return;
        }
        let turn = UserTurn::Said { text: words.to_owned(), audio_ms: self.hearing.span() };
        self.take_turn(&turn, false, now, actions);
        if let Some(exchange) = &mut self.exchange {
            exchange.report.wasted_starts = wasted;
        }
    }

    fn end_turn(&mut self, words: &str, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::EndOfTurn);
        let same = self.exchange.as_ref().is_some_and(|exchange| same_words(&exchange.text, words));
        if same {
            let span = self.hearing.span();
            self.conversation.amend_last_words(words, span);
            if let Some(exchange) = &mut self.exchange {
                exchange.confirmed = true;
            }
            self.speech.release();
            self.turn_confirmed(now, actions);
            return;
        }
        self.retract(now, actions);
        let wasted = std::mem::take(&mut self.wasted);
        let turn = UserTurn::Said { text: words.to_owned(), audio_ms: self.hearing.span() };
        self.take_turn(&turn, true, now, actions);
        if let Some(exchange) = &mut self.exchange {
            exchange.report.wasted_starts = wasted;
        }
    }

    /// The turn is surely over: from here on it counts.
    pub(super) fn turn_confirmed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::NoInput);
        self.timers.stop(Timer::FinalLate);
        if let Some(exchange) = &mut self.exchange {
            exchange.report.speech_ended_ms = (!exchange.text.is_empty()).then(|| ms(self.hearing.voiced_at()));
            exchange.report.turn_ended_ms = Some(ms(now));
            exchange.report.final_words_ms = (!exchange.text.is_empty()).then_some(ms(now));
            if exchange.mind == Mind::Asked && self.speech.clauses() == 0 {
                self.timers.set(Timer::Filler, now + FILLER);
                self.timers.set(Timer::MindLate, now + MIND_LATE);
            }
        }
        self.hearing.clear();
        actions.push(Action::Save);
    }

    /// Throws a tentative answer away.
    pub(super) fn retract(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.exchange.as_ref().is_none_or(|exchange| exchange.confirmed) {
            return;
        }
        if let Some(exchange) = self.exchange.take() {
            self.wasted = exchange.report.wasted_starts + 1;
            self.conversation = exchange.before;
        }
        self.ending = None;
        self.kill_turn(now, actions);
    }

    /// The caller goes on although his turn was taken for over, and nothing of the answer was heard yet.
    fn reopen(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Some(exchange) = self.exchange.take_if(|exchange| !exchange.text.is_empty()) else { return };
        self.hearing.reopen(&exchange.text, exchange.from_ms);
        self.hearing.take_change();
        self.wasted = exchange.report.wasted_starts + 1;
        self.conversation = exchange.before;
        self.kill_turn(now, actions);
        let words = self.hearing.words();
        let local = self.local(now);
        self.hearing.completeness = self.conversation.completeness(&self.agent, &words, local);
    }

    /// A real interruption: the answer is dead, the history keeps what was heard.
    fn interrupt(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.speech.pause(now, actions);
        self.paused = None;
        self.timers.stop(Timer::Pause);
        let heard = self.speech.heard();
        let local = self.local(now);
        self.drop_answer(now, actions);
        self.conversation.interrupted(&heard, local);
        actions.push(Action::Save);
    }

    /// Drops an exchange whose answer is being given.
    pub(super) fn drop_answer(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(mut exchange) = self.exchange.take() {
            // What the mind had said of the values it can say again; what the caller said stays in the history.
            exchange.report.interrupted_ms = Some(ms(now));
            self.report(exchange, actions);
        }
        self.speech.pause(now, actions);
        self.paused = None;
        self.kill_turn(now, actions);
    }

    fn kill_turn(&mut self, now: Duration, actions: &mut Vec<Action>) {
        actions.push(Action::DropMind { turn: self.turn });
        actions.push(Action::DropSpeech { turn: self.turn });
        self.turn += 1;
        self.speech.start(self.turn, false);
        self.speech.close();
        for timer in [Timer::Filler, Timer::MindLate, Timer::SpeechLate, Timer::Drained, Timer::EndOfTurn, Timer::Pause]
        {
            self.timers.stop(timer);
        }
        // Whatever follows, the call must not hang: somebody speaks, or the silence is noticed.
        self.listen_for_silence(now);
    }

    /// Not an interruption: go on from where the speech stopped.
    fn resume(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::Pause);
        if self.paused.take().is_none() {
            return;
        }
        self.hearing.clear();
        if self.exchange.as_ref().is_none_or(|exchange| exchange.confirmed) {
            self.speech.release();
        }
        self.speech.pump(now, actions);
    }

    pub(super) fn listen_for_silence(&mut self, now: Duration) {
        let limit = Duration::from_secs(self.agent.limits.silence_seconds.into());
        self.timers.set(Timer::NoInput, now + limit);
    }

    pub(super) fn dtmf(&mut self, digit: char, now: Duration, actions: &mut Vec<Action>) {
        if !self.started || self.is_ending() {
            self.ignored += 1;
            return;
        }
        self.timers.stop(Timer::NoInput);
        if digit != '#' && self.digits.len() < 32 {
            self.digits.push(digit);
        }
        // Where a choice is asked for, one key is an answer.
        let whole = digit == '#' || self.conversation.stage() == Stage::LanguageSelection;
        if whole {
            self.pressed(now, actions);
        } else {
            self.timers.set(Timer::Digits, now + NEXT_DIGIT);
        }
    }

    fn pressed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::Digits);
        let digits = std::mem::take(&mut self.digits);
        if digits.is_empty() {
            return;
        }
        self.user_acts(&UserTurn::Pressed(digits), now, actions);
    }

    /// A turn that needs no words: what is being said gives way to it.
    fn user_acts(&mut self, turn: &UserTurn, now: Duration, actions: &mut Vec<Action>) {
        if self.exchange.is_some() || self.speech.active() {
            let heard = self.speech.heard();
            let unheard = !self.speech.unheard().is_empty();
            let local = self.local(now);
            self.retract(now, actions);
            self.drop_answer(now, actions);
            if unheard {
                self.conversation.interrupted(&heard, local);
            }
        }
        self.hearing.clear();
        self.take_turn(turn, true, now, actions);
    }

    pub(super) fn fire(&mut self, timer: Timer, now: Duration, actions: &mut Vec<Action>) {
        match timer {
            Timer::Digits => self.pressed(now, actions),
            Timer::Drained => self.all_heard(now, actions),
            Timer::EndOfTurn => self.check_end(now, actions),
            Timer::FinalLate => {
                // The partial words are better than none.
                self.hearing.owed = 0;
                self.hearing.take_partial_as_final();
                self.words_changed(now, actions);
            }
            Timer::Filler => self.fill(now, actions),
            Timer::MaxCall => self.say_goodbye(now, actions),
            Timer::MindLate => {
                let turn = self.turn;
                actions.push(Action::DropMind { turn });
                self.mind_failed(turn, now, actions);
            }
            Timer::NoInput => {
                if self.hearing.speaking || self.hearing.any_words() || self.exchange.is_some() {
                    self.listen_for_silence(now);
                } else {
                    self.user_acts(&UserTurn::Silent, now, actions);
                }
            }
            Timer::Pause => {
                let waited = self.paused.map_or(Duration::ZERO, |since| now.saturating_sub(since));
                if self.hearing.speaking || (self.hearing.owed > 0 && waited < PAUSE_OWED) {
                    self.timers.set(Timer::Pause, now + Duration::from_millis(u64::from(FRAME_MS) * 5));
                } else {
                    self.resume(now, actions);
                }
            }
            Timer::SpeechLate => self.move_to_gather(now, actions),
        }
    }

    fn fill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let language = self.agent.language_or_first(self.conversation.language());
        let Some(filler) = language.texts.filler.clone() else { return };
        let code = language.code.clone();
        if let Some(exchange) = &mut self.exchange
            && !exchange.filled
            && self.speech.clauses() == 0
        {
            exchange.filled = true;
            self.timers.set(Timer::MindLate, now + MIND_LATE_FILLED);
            self.speak(&filler, &code, true, now, actions);
        }
    }
}

/// Whether two transcripts say the same, whatever their case and punctuation.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '।')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    words(one) == words(other)
}

//! The answer: what the stage flow wants is asked of the mind and given to the voice, clause by clause, and what is late is dealt with.

use std::time::Duration;

use super::exchange::{Exchange, Mind, ms};
use super::timer::Timer;
use super::{Action, Call};
use crate::conversation::{Answer, Conversation, Effect, MindFailed, clause};
use crate::understand;

impl Call {
    /// The agent speaks without having been spoken to: the greeting, a goodbye.
    pub(super) fn speak_up(
        &mut self,
        before: Conversation,
        effects: Vec<Effect>,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        self.exchange = Some(Exchange::confirmed(before));
        self.speech.start(self.turn, false);
        self.perform(effects, now, actions);
        actions.push(Action::Save);
    }

    /// Carries out what the stage flow wants.
    pub(super) fn perform(&mut self, effects: Vec<Effect>, now: Duration, actions: &mut Vec<Action>) {
        let mut asked = false;
        self.say_what_is_owed(now, actions);
        for effect in effects {
            match effect {
                Effect::Say(say) => {
                    let from = self.speech.clauses();
                    for text in clause::sentences(&say.text) {
                        self.speak(text, &say.language, say.fixed, now, actions);
                    }
                    if self.conversation.must_be_heard(&self.agent, &say.text) {
                        self.speech.must_be_heard(from);
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

    /// What had to be heard and was cut off comes first, whatever comes next.
    fn say_what_is_owed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let owed = std::mem::take(&mut self.owed);
        if owed.is_empty() {
            return;
        }
        let texts: Vec<&str> = owed.iter().map(|(text, _)| text.as_str()).collect();
        let local = self.local(now);
        self.conversation.said_first(&texts.join(" "), local);
        for (text, language) in &owed {
            self.speak(text, language, true, now, actions);
        }
        self.speech.must_be_heard(0);
    }

    fn speak(&mut self, text: &str, language: &str, fixed: bool, now: Duration, actions: &mut Vec<Action>) -> u32 {
        let spoken = understand::speakable(text, language);
        let clause = self.speech.add(text, &spoken, language, fixed);
        if let Some(exchange) = &mut self.exchange {
            exchange.report.first_clause_ms.get_or_insert_with(|| ms(now));
        }
        actions.push(Action::Speak { turn: self.turn, clause, text: spoken, language: language.to_owned(), fixed });
        clause
    }

    pub(super) fn mind_delta(&mut self, turn: u32, text: &str, now: Duration, actions: &mut Vec<Action>) {
        let Some(mut exchange) = self.asked(turn) else { return };
        exchange.report.first_token_ms.get_or_insert_with(|| ms(now));
        let mut clauses = Vec::new();
        exchange.delta(text, |clause| clauses.push(clause.to_owned()));
        self.exchange = Some(exchange);
        if !clauses.is_empty() {
            // It has begun; that it may get stuck is another matter.
            self.timers.set(Timer::MindLate, now + MIND_STUCK);
        }
        self.speak_clauses(clauses, now, actions);
    }

    fn speak_clauses(&mut self, clauses: Vec<String>, now: Duration, actions: &mut Vec<Action>) {
        if clauses.is_empty() {
            return;
        }
        self.timers.stop(Timer::Filler);
        let language = self.agent.language_or_first(self.conversation.language()).code.clone();
        for clause in clauses {
            self.speak(&clause, &language, false, now, actions);
        }
    }

    pub(super) fn mind_done(&mut self, turn: u32, now: Duration, actions: &mut Vec<Action>) {
        let Some(mut exchange) = self.asked(turn) else { return };
        let mut clauses = Vec::new();
        let answer = exchange.answer(|clause| clauses.push(clause.to_owned()));
        self.exchange = Some(exchange);
        self.speak_clauses(clauses, now, actions);
        self.answered(answer.as_ref().map_err(|failed| *failed), now, actions);
    }

    pub(super) fn mind_failed(&mut self, turn: u32, now: Duration, actions: &mut Vec<Action>) {
        let Some(exchange) = self.asked(turn) else { return };
        self.exchange = Some(exchange);
        self.answered(Err(MindFailed), now, actions);
    }

    /// The mind has thought too long: what it has said so far is judged, nothing is a failure.
    pub(super) fn mind_late(&mut self, now: Duration, actions: &mut Vec<Action>) {
        actions.push(Action::DropMind { turn: self.turn });
        self.mind_done(self.turn, now, actions);
    }

    fn answered(&mut self, answer: Result<&Answer, MindFailed>, now: Duration, actions: &mut Vec<Action>) {
        self.timers.stop(Timer::MindLate);
        self.timers.stop(Timer::Filler);
        let (mut said, mut confirmed) = (String::new(), true);
        if let Some(exchange) = &mut self.exchange {
            exchange.mind = Mind::Idle;
            exchange.report.mind_failed |= answer.is_err();
            said = std::mem::take(&mut exchange.said);
            confirmed = exchange.confirmed;
        }
        let local = self.local(now);
        let effects = self.conversation.answered(&self.agent, answer, &said, local);
        self.perform(effects, now, actions);
        if confirmed {
            actions.push(Action::Save);
        }
    }

    /// The exchange whose mind was asked for `turn`, taken out; late answers of dead turns find none.
    fn asked(&mut self, turn: u32) -> Option<Exchange> {
        if turn == self.turn && self.exchange.as_ref().is_some_and(|exchange| exchange.mind == Mind::Asked) {
            return self.exchange.take();
        }
        self.ignored += 1;
        None
    }

    /// From here on the caller waits for the mind.
    pub(super) fn await_mind(&mut self, now: Duration) {
        if self.exchange.as_ref().is_none_or(|exchange| exchange.mind != Mind::Asked) {
            return;
        }
        if self.speech.clauses() == 0 {
            self.timers.set(Timer::Filler, now + FILLER);
            self.timers.set(Timer::MindLate, now + MIND_LATE);
        } else {
            self.timers.set(Timer::MindLate, now + MIND_STUCK);
        }
    }

    /// A few words while the mind is late; once a turn.
    pub(super) fn fill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let language = self.agent.language_or_first(self.conversation.language());
        let Some(filler) = language.texts.filler.clone() else { return };
        let code = language.code.clone();
        if let Some(exchange) = &mut self.exchange
            && !exchange.report.filler
            && self.speech.clauses() == 0
        {
            exchange.report.filler = true;
            self.timers.set(Timer::MindLate, now + MIND_LATE_FILLED);
            let clause = self.speak(&filler, &code, true, now, actions);
            self.speech.is_filler(clause);
        }
    }
}

/// How long the voice may keep us waiting for a clause before the call moves to gather.
pub(super) const SPEECH_LATE: Duration = Duration::from_millis(1_400);
/// How long the last mark may be late before the playback clock is believed.
pub(super) const MARK_LATE: Duration = Duration::from_millis(800);
/// Thinking for longer than this is filled with a few words.
const FILLER: Duration = Duration::from_millis(1_400);
/// Thinking for longer than this is a failure: something must be heard within three seconds.
const MIND_LATE: Duration = Duration::from_millis(2_300);
/// After a filler the caller waits more patiently.
const MIND_LATE_FILLED: Duration = Duration::from_millis(6_000);
/// An answer that has begun and does not go on for so long is judged as it is.
const MIND_STUCK: Duration = Duration::from_millis(4_000);

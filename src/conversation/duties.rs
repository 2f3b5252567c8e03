//! What a caller must be told, and what he may forbid: the disclosure, and "do not call me again".

use jiff::civil::DateTime;

use super::words::yes_no;
use super::{Conversation, Effect, Ending, Say, Stage, UserTurn};
use crate::agent::Agent;
use crate::agent::field::FieldKind;
use crate::agent::text::fill;
use crate::understand;

impl Conversation {
    /// Says the disclosure, in all languages while none is chosen, unless the caller has heard it.
    pub(super) fn disclose(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.undisclosed) {
            self.disclosing = None;
            return;
        }
        let chosen = self.language.clone();
        let languages =
            agent.languages.iter().filter(|language| chosen.as_ref().is_none_or(|code| language.code == *code));
        let mut whole = Vec::new();
        for language in languages {
            let Some(text) = &language.texts.disclosure else { continue };
            let text = fill(text, &self.variables);
            whole.push(text.clone());
            self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        }
        self.disclosing = agent.calling.disclosure_required.then(|| whole.join(" "));
    }

    /// A caller who does not want to be called again is told that he will not be, and let go. What he says in the same breath counts.
    pub(super) fn refuses_calls(
        &mut self,
        agent: &Agent,
        turn: &UserTurn,
        now: DateTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let UserTurn::Said { text, .. } = turn else { return false };
        if !self.notes_refusal(agent, text) {
            return false;
        }
        if self.stage != Stage::LanguageSelection {
            self.ground_beside_refusal(agent, text, now);
        }
        let complete = self.stage != Stage::LanguageSelection && self.is_complete(agent);
        self.say_farewell(agent, now, effects);
        self.end(if complete { Stage::Completed } else { Stage::Abandoned }, Ending::HangUp, effects);
        true
    }

    /// Remembers it if these words forbid further calls, and the agent has words for that.
    pub(super) fn notes_refusal(&mut self, agent: &Agent, text: &str) -> bool {
        let refuses = self.farewell(agent).is_some() && understand::refuses_calls(text);
        self.calls_refused |= refuses;
        refuses
    }

    /// Takes into the values what the caller says beside his ban. A "no" belongs to the ban.
    pub(super) fn ground_beside_refusal(&mut self, agent: &Agent, text: &str, now: DateTime) {
        let audio_ms = self.history.caller().next().and_then(|entry| entry.audio_ms);
        let beside = understand::beside_refusal(text);
        self.history.amend_caller(&beside, audio_ms);
        let turn = UserTurn::Said { text: beside, audio_ms };
        let UserTurn::Said { text: beside, .. } = &turn else { return };
        let refused = yes_no(beside, now) == Some(false);
        if refused {
            self.reading.clear();
        }
        if self.reading.is_empty() || !self.read_back_answered(agent, &turn, now) {
            let answers = agent.fields.iter().filter(|field| refused && field.kind == FieldKind::YesNo);
            let except: Vec<String> = answers.map(|field| field.name.clone()).collect();
            self.ground(agent, &[], &except, false);
        }
        self.history.amend_caller(text, audio_ms);
    }

    /// The last words to somebody who will not be called again.
    fn farewell<'a>(&self, agent: &'a Agent) -> Option<&'a String> {
        agent.language_or_first(self.language.as_deref()).texts.do_not_call.as_ref()
    }

    /// Says goodbye: nobody is told that he will be called again who forbade it.
    pub(super) fn say_farewell(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        let language = agent.language_or_first(self.language.as_deref());
        let text = self.farewell(agent).filter(|_| self.calls_refused).unwrap_or(&language.texts.goodbye);
        let text = fill(text, &self.variables);
        self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
    }
}

/// What is left of words when only their letters count.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

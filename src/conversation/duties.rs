//! What a caller must be told, and what he may forbid: the disclosure, and "do not call me again".

use jiff::civil::DateTime;

use super::{Conversation, Effect, Ending, Say, Stage, UserTurn};
use crate::agent::Agent;
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

    /// A caller who does not want to be called again is told that he will not be, and let go.
    pub(super) fn refuses_calls(
        &mut self,
        agent: &Agent,
        turn: &UserTurn,
        now: DateTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let UserTurn::Said { text, .. } = turn else { return false };
        let language = agent.language_or_first(self.language.as_deref());
        let Some(farewell) = language.texts.do_not_call.as_ref().filter(|_| understand::refuses_calls(text)) else {
            return false;
        };
        let text = fill(farewell, &self.variables);
        self.calls_refused = true;
        self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        self.end(Stage::Abandoned, Ending::HangUp, effects);
        true
    }
}

/// What is left of words when only their letters count.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

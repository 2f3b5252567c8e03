//! Whether the caller has heard the question that his words or keys would answer. What is said into the sentences before it ("haan" into
//! "this is Asha Clinic") is no answer to it.
//!
//! Words that say what they mean themselves ("five hundred rupees", "by video") count all the same.

use super::duties::letters;
use super::prompt::Speaker;
use super::{Conversation, Stage, clause};

impl Conversation {
    /// Whether the agent's last question has at least begun for a caller who has heard this of the agent's words since his last turn.
    pub fn was_asked(&self, heard: &str) -> bool {
        let Some(last) = self.history.entries().last().filter(|last| last.role == Speaker::Agent) else { return true };
        // Languages are offered one by one: whoever knows his does not wait for the others.
        self.stage == Stage::LanguageSelection
            || letters(heard).len() > letters(&last.text[..self.question_from(&last.text)]).len()
    }

    /// Where the question begins in the agent's words: with the first sentence that asks; the value that is read back belongs to it.
    fn question_from(&self, text: &str) -> usize {
        let sentences: Vec<&str> = clause::sentences(text).collect();
        let asks = |sentence: &&str| sentence.contains('?');
        let first = if self.reading.is_empty() {
            sentences.iter().position(asks)
        } else {
            sentences.iter().rposition(asks).map(|at| at.saturating_sub(1))
        };
        // Where nothing shows the question, all of it is.
        let before = sentences.iter().take(first.unwrap_or(0));
        before.fold(0, |from, sentence| {
            text.get(from..).and_then(|rest| rest.find(sentence)).map_or(from, |at| from + at + sentence.len())
        })
    }

    /// Notes that the caller went before the question, if he did.
    pub(super) fn note_interruption(&mut self, heard: &str) {
        self.unasked = (!self.was_asked(heard)).then_some(self.turn);
    }

    /// The agent says something new: what was not heard before is no matter.
    pub(super) fn note_speech(&mut self) {
        if self.unasked == Some(self.turn) {
            self.unasked = None;
        }
    }

    /// Whether the caller spoke this turn of his before he had heard the question.
    pub(super) fn unasked(&self, turn: u32) -> bool {
        self.unasked.is_some_and(|before| before.saturating_add(1) == turn)
    }
}

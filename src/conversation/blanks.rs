//! Turns of which nothing is understood: how many there may be in a row, with a mind and without.

use super::Conversation;
use super::duties::letters;
use super::flow::MAX_REPROMPTS;
use super::history::Entry;
use crate::agent::Agent;
use crate::agent::field::FieldKind;
use crate::understand;

impl Conversation {
    /// Counts a turn of which nothing was understood, with no mind to understand it; true if it was one too many. Somebody who speaks, be
    /// it about something else, is asked again for as long as turns may last.
    pub(super) fn blank(&mut self) -> bool {
        let speaks = |entry: &Entry| !entry.pressed && !understand::is_gibberish(&entry.text);
        if self.history.caller().next().is_some_and(speaks) {
            self.note_blank(true, "");
            return false;
        }
        self.blanks = self.blanks.saturating_add(1);
        self.said_to_blank.clear();
        self.blanks > MAX_REPROMPTS
    }

    /// Counts a turn of which nothing was understood, by what the mind said to it. A mind that has something new to say has understood
    /// something; one that repeats itself to words that are none, has not.
    pub(super) fn note_blank(&mut self, heard: bool, spoken: &str) {
        let words = self.history.caller().next().map_or("", |entry| &entry.text);
        if heard || !understand::is_gibberish(words) {
            self.blanks = 0;
            self.said_to_blank.clear();
            return;
        }
        let said = letters(spoken);
        self.blanks = if self.blanks == 0 || said == self.said_to_blank { self.blanks.saturating_add(1) } else { 1 };
        self.said_to_blank = said;
    }

    /// Whether the mind has said the same to gibberish as often as anything is asked again, and this is gibberish once more. Free words
    /// may look like it.
    pub(super) fn talks_to_no_purpose(&self, agent: &Agent, text: &str) -> bool {
        let free = self.asked_fields(agent).iter().any(|field| field.kind == FieldKind::Text);
        self.blanks >= MAX_REPROMPTS && !self.said_to_blank.is_empty() && !free && understand::is_gibberish(text)
    }
}

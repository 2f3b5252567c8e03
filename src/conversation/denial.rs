//! A value that the caller takes back without naming another: "not five hundred rupees", "video nahi", "500 mein nahi hoga".

use super::Conversation;
use super::grounding::{self, Collected, Eye, Finding};
use super::history::Entry;
use super::words::is_question;
use crate::agent::Agent;
use crate::agent::field::{Field, FieldKind};

impl Conversation {
    /// Lets go of the field's value if these words deny just that; its other reading, or its question, comes next. True if they do.
    pub(super) fn takes_back(&mut self, agent: &Agent, field: &Field, entry: &Entry) -> bool {
        let denied = self.values.get(&field.name).is_some_and(|held| {
            held.value.evidence.turn < entry.turn && !entry.pressed && denies(agent, field, &held.value, entry)
        });
        if denied && !self.values.reject(&field.name, self.turn) {
            self.asked = vec![field.name.clone()];
        }
        denied
    }
}

/// Whether the words, their negation left out, say the value.
fn denies(agent: &Agent, field: &Field, held: &Collected, entry: &Entry) -> bool {
    match field.kind {
        // A "no" to a yes/no question is an answer, and free words have no opposite.
        FieldKind::Text | FieldKind::YesNo => return false,
        FieldKind::Choice
        | FieldKind::Date
        | FieldKind::Money
        | FieldKind::Number
        | FieldKind::Phone
        | FieldKind::TimeWindow => {}
    }
    let text = entry.text.as_str();
    let mut positive = text.to_owned();
    for (_, span) in grounding::spans(text).into_iter().rev().filter(|(word, _)| NEGATIONS.contains(&word.as_str())) {
        positive.replace_range(span, " ");
    }
    if positive == text || is_question(text) {
        return false;
    }
    let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
    let said = Entry { text: positive, ..entry.clone() };
    matches!(eye.find(field, &said), Finding::Clear(said) if grounding::agree(held, &said))
}

/// Whether a word of the text denies something.
pub(super) fn denies_something(text: &str) -> bool {
    grounding::tokens(text).iter().any(|word| NEGATIONS.contains(&word.as_str()))
}

/// "Don't" is two words here: an apostrophe parts them.
const NEGATIONS: [&str; 19] = [
    "not",
    "no",
    "never",
    "t",
    "don",
    "dont",
    "cannot",
    "nope",
    "nahi",
    "nahin",
    "nai",
    "nhi",
    "mat",
    "na",
    "नहीं",
    "नही",
    "मत",
    "ना",
    "न",
];

//! What a key press answers: a choice by its number, a yes or no, a number that was asked for. Anything else that is pressed is no word
//! of the caller and fills nothing.

use super::grounding::{Collected, Eye, Finding};
use super::history::Entry;
use super::{Conversation, Stage};
use crate::agent::Agent;
use crate::agent::field::{Field, FieldKind};

/// What keys are that were pressed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// More may follow, or an end to them; until then they mean nothing.
    Part,
    /// An answer, unless more keys follow at once: "1" says yes to an amount, "1500" is another one.
    Perhaps,
    /// A whole answer.
    Whole,
}

impl Conversation {
    /// Whether one key is a whole answer to what is asked now: nobody needs to wait for a second one.
    pub fn awaits_one_key(&self, agent: &Agent) -> bool {
        if self.stage.is_over() {
            return false;
        }
        self.stage == Stage::LanguageSelection
            || !self.reading.is_empty()
            || self.open_to_keys(agent).is_some_and(|field| match field.kind {
                FieldKind::YesNo => true,
                FieldKind::Choice => field.options.len() <= 9,
                FieldKind::Date
                | FieldKind::Money
                | FieldKind::Number
                | FieldKind::Phone
                | FieldKind::Text
                | FieldKind::TimeWindow => false,
            })
    }

    /// What the keys pressed so far are to the question that is open, of which the caller has heard at least the beginning.
    pub fn judge_keys(&self, agent: &Agent, keys: &str) -> Keys {
        let mut pressed = keys.chars();
        let (Some(key), None) = (pressed.next(), pressed.next()) else { return Keys::Part };
        if self.stage.is_over() || self.unasked(self.turn + 1) {
            return Keys::Part;
        }
        if self.stage == Stage::LanguageSelection {
            // A wrong one is a miss, and the offer is repeated.
            return if key.is_ascii_digit() { Keys::Whole } else { Keys::Part };
        }
        let answers = matches!(key, '1' | '2');
        if !self.reading.is_empty() {
            let long = |name: &String| agent.field(name).is_some_and(|field| is_typed(field.kind));
            return match (answers, self.reading.iter().any(long)) {
                (true, true) => Keys::Perhaps,
                (true, false) => Keys::Whole,
                (false, _) => Keys::Part,
            };
        }
        let whole = self.open_to_keys(agent).is_some_and(|field| match field.kind {
            FieldKind::YesNo => answers,
            FieldKind::Choice => {
                let chosen = key.to_digit(10).is_some_and(|n| (1..=field.options.len()).contains(&(n as usize)));
                field.options.len() <= 9 && chosen
            }
            FieldKind::Date
            | FieldKind::Money
            | FieldKind::Number
            | FieldKind::Phone
            | FieldKind::Text
            | FieldKind::TimeWindow => false,
        });
        if whole { Keys::Whole } else { Keys::Part }
    }

    /// The one value among those read back that the pressed keys correct; it is read back in its turn. A lone key corrects only what was
    /// read back alone, and a doubled one is more likely a slip.
    pub(super) fn corrected_by_keys(&mut self, agent: &Agent, fields: &[&Field]) -> Option<String> {
        let entry = self.history.caller().next().filter(|entry| entry.pressed)?.clone();
        let keys = entry.text.trim_end_matches('#');
        let slip = matches!(keys, "11" | "22") || (keys.len() < 2 && fields.len() > 1);
        let mut typed = fields.iter().filter(|field| is_typed(field.kind));
        let (Some(field), None, false) = (typed.next(), typed.next(), slip) else { return None };
        if field.kind == FieldKind::Money && keys.len() < 2 {
            return None;
        }
        let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
        let typed = Entry { text: keys.to_owned(), ..entry.clone() };
        let Finding::Clear(value) = eye.find(field, &typed) else { return None };
        self.values.correct(&field.name, value);
        Some(field.name.clone())
    }

    /// Takes into the values what the pressed keys say to the question that is open. True if they say anything.
    pub(super) fn ground_keys(&mut self, agent: &Agent, entry: &Entry) -> bool {
        let Some(field) = self.asked_by_key(agent) else { return false };
        let keys = entry.text.trim_end_matches('#');
        let name = field.name.as_str();
        let value = match field.kind {
            FieldKind::Choice => {
                let option = keys.parse::<usize>().ok().and_then(|n| field.options.get(n.checked_sub(1)?));
                option.map(|option| Collected::option(option, entry))
            }
            FieldKind::YesNo => match keys {
                "1" => Some(Collected::answer(true, entry)),
                "2" => Some(Collected::answer(false, entry)),
                _ => None,
            },
            // One key is more often a slip, or meant for something else, than an amount.
            FieldKind::Money if keys.len() < 2 => None,
            FieldKind::Money | FieldKind::Number | FieldKind::Phone => {
                let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
                let finding = eye.find(field, entry);
                let held = self.ground_field(agent, field, entry, finding, None);
                if held && field.kind == FieldKind::Money {
                    self.values.doubt(name, entry.turn);
                }
                return held;
            }
            FieldKind::Date | FieldKind::Text | FieldKind::TimeWindow => None,
        };
        let Some(value) = value else { return false };
        let sure = self.sure(agent);
        self.values.hold(name, value, sure, Vec::new());
        true
    }

    /// The one field that keys can be meant for: the only one asked for; else, where nobody knows what exactly was asked for, the first
    /// one that is missing, if it is a choice.
    fn asked_by_key<'a>(&self, agent: &'a Agent) -> Option<&'a Field> {
        self.open_to_keys(agent).filter(|_| !self.unasked(self.turn))
    }

    fn open_to_keys<'a>(&self, agent: &'a Agent) -> Option<&'a Field> {
        match self.asked_fields(agent)[..] {
            // Another one than was asked for may be all that is missing.
            [field] if self.asked.is_empty() || self.asked.contains(&field.name) => Some(field),
            [first, ..] if self.asked.is_empty() && matches!(first.kind, FieldKind::Choice | FieldKind::YesNo) => {
                Some(first)
            }
            _ => None,
        }
    }
}

/// Whether a value of this kind can be typed.
fn is_typed(kind: FieldKind) -> bool {
    match kind {
        FieldKind::Money | FieldKind::Number | FieldKind::Phone => true,
        FieldKind::Choice | FieldKind::Date | FieldKind::Text | FieldKind::TimeWindow | FieldKind::YesNo => false,
    }
}

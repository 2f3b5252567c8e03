//! What a key press answers: a choice by its number, a yes or no, a number that was asked for. Anything else that is pressed is no word
//! of the caller and fills nothing.

use super::grounding::{Collected, Eye};
use super::history::Entry;
use super::{Conversation, Stage};
use crate::agent::Agent;
use crate::agent::field::{Field, FieldKind};

impl Conversation {
    /// Whether one key is a whole answer to what is asked now: nobody needs to wait for a second one.
    pub fn awaits_one_key(&self, agent: &Agent) -> bool {
        if self.stage.is_over() {
            return false;
        }
        self.stage == Stage::LanguageSelection
            || !self.reading.is_empty()
            || self.asked_by_key(agent).is_some_and(|field| match field.kind {
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
        match self.asked_fields(agent)[..] {
            [field] => Some(field),
            [first, ..] if self.asked.is_empty() && matches!(first.kind, FieldKind::Choice | FieldKind::YesNo) => {
                Some(first)
            }
            _ => None,
        }
    }
}

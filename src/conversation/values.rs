//! The values of a conversation: certain ones, clear ones that wait for the read-back at the end, and doubtful ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::grounding::{Collected, Evidence};
use crate::agent::Agent;
use crate::agent::field::Field;

/// The values by field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Values {
    held: Vec<Held>,
    /// Read-backs of a field since its question was asked.
    read_backs: BTreeMap<String, u8>,
    /// Turn up to which words no longer count for a field: its value was rejected then.
    rejected: BTreeMap<String, u32>,
    /// A batch was rejected as a whole: from now on values are read back one at a time.
    #[serde(default)]
    one_by_one: bool,
}

/// A value and how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    field: String,
    pub(super) value: Collected,
    sure: Sure,
    /// Other readings of the same words, likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) others: Vec<Collected>,
}

/// How sure a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sure {
    /// Stored.
    Certain,
    /// The words are clear, and the agent reads back every value before the call completes.
    Clear,
    /// Must be read back at once.
    Doubtful,
}

impl Values {
    pub(super) fn certain(&self, field: &str) -> Option<&Collected> {
        self.get(field).filter(|held| held.sure == Sure::Certain).map(|held| &held.value)
    }

    pub(super) fn get(&self, field: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.field == field)
    }

    /// What is known, doubtful values left out.
    pub(super) fn known(&self, field: &str) -> Option<&Collected> {
        self.get(field).filter(|held| held.sure != Sure::Doubtful).map(|held| &held.value)
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    pub(super) fn any_doubtful(&self) -> bool {
        self.held.iter().any(|held| held.sure == Sure::Doubtful)
    }

    /// Whether a field matters, as far as is known.
    pub(super) fn applies(&self, field: &Field) -> bool {
        field.when.iter().all(|(other, wanted)| self.known(other).is_some_and(|value| value.display == *wanted))
    }

    /// The required fields that hold nothing, in the agent's order.
    pub(super) fn missing<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = &'a Field> {
        agent.fields.iter().filter(|field| field.required && self.applies(field) && self.get(&field.name).is_none())
    }

    /// The fields to read back now: doubtful ones at once, clear ones too when nothing is missing.
    pub(super) fn to_read_back(&self, agent: &Agent) -> Vec<String> {
        let missing = self.missing(agent).next().is_some();
        let most = if self.one_by_one { 1 } else { usize::MAX };
        let waits = |field: &&Field| match self.get(&field.name).map(|held| held.sure) {
            Some(Sure::Doubtful) => true,
            Some(Sure::Clear) => !missing && self.applies(field),
            Some(Sure::Certain) | None => false,
        };
        agent.fields.iter().filter(waits).take(most).map(|field| field.name.clone()).collect()
    }

    /// Holds a value. What is certain stays so when it is said again.
    pub(super) fn hold(&mut self, field: &str, value: Collected, sure: Sure, others: Vec<Collected>) {
        match self.held.iter_mut().find(|held| held.field == field) {
            Some(held) if held.value.typed == value.typed => {
                if held.sure == Sure::Doubtful {
                    held.sure = sure;
                    held.others = others;
                }
            }
            Some(held) => {
                held.value = value;
                held.sure = sure;
                held.others = others;
            }
            None => self.held.push(Held { field: field.to_owned(), value, sure, others }),
        }
    }

    /// Holds what only the other one holds, unless it was rejected here since.
    pub(super) fn absorb(&mut self, other: &Self) {
        for held in &other.held {
            if self.get(&held.field).is_none() && held.value.evidence.turn > self.words_count_after(&held.field) {
                self.held.push(held.clone());
            }
        }
    }

    /// The words of `turn` have their final form: what is held rests on that.
    pub(super) fn amend_evidence(&mut self, turn: u32, amended: impl Fn(&str, &Evidence) -> Evidence) {
        for held in self.held.iter_mut().filter(|held| held.value.evidence.turn == turn) {
            held.value.evidence = amended(&held.field, &held.value.evidence);
        }
    }

    /// The mind reads the words of `turn` otherwise than we do.
    pub(super) fn doubt(&mut self, field: &str, turn: u32) {
        for held in self.held.iter_mut().filter(|held| held.field == field && held.value.evidence.turn == turn) {
            held.sure = Sure::Doubtful;
        }
    }

    /// The caller agreed.
    pub(super) fn confirm(&mut self, field: &str) {
        for held in self.held.iter_mut().filter(|held| held.field == field) {
            held.sure = Sure::Certain;
            held.others.clear();
        }
        self.read_backs.remove(field);
    }

    /// The caller did not agree: the next reading of his words, if there is one; else nothing. True if there is one.
    pub(super) fn reject(&mut self, field: &str, turn: u32) -> bool {
        if let Some(held) = self.held.iter_mut().find(|held| held.field == field && !held.others.is_empty()) {
            held.value = held.others.remove(0);
            return true;
        }
        self.held.retain(|held| held.field != field);
        self.rejected.insert(field.to_owned(), turn);
        self.read_backs.remove(field);
        false
    }

    /// The caller says that something of a batch is wrong, and not what.
    pub(super) fn ask_one_by_one(&mut self) {
        self.one_by_one = true;
    }

    /// The caller has put another value in place of the one read back. It is read back in its turn; the same once more is a yes.
    pub(super) fn correct(&mut self, field: &str, value: Collected) {
        if self.get(field).is_some_and(|held| held.value.typed == value.typed) {
            return self.confirm(field);
        }
        self.hold(field, value, Sure::Doubtful, Vec::new());
        self.read_backs.remove(field);
    }

    /// Counts a read-back.
    pub(super) fn count_read_back(&mut self, field: &str) {
        *self.read_backs.entry(field.to_owned()).or_default() += 1;
    }

    /// How often the field was read back.
    pub(super) fn times_read_back(&self, field: &str) -> u8 {
        self.read_backs.get(field).copied().unwrap_or(0)
    }

    /// The turn after which words may fill the field: older ones were replaced or rejected.
    pub(super) fn words_count_after(&self, field: &str) -> u32 {
        let held = self.get(field).map_or(0, |held| held.value.evidence.turn);
        held.max(self.rejected.get(field).copied().unwrap_or(0))
    }
}

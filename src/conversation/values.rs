//! The values of a conversation: certain ones, and ones that wait for the caller's yes.

use serde::{Deserialize, Serialize};

use super::grounding::Collected;
use crate::agent::Agent;
use crate::agent::field::Field;

/// The values by field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Values(Vec<Held>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    field: String,
    value: Collected,
    certain: bool,
    /// Times it was read back without a clear answer.
    read_backs: u8,
}

impl Values {
    pub(super) fn certain(&self, field: &str) -> Option<&Collected> {
        self.0.iter().find(|held| held.field == field && held.certain).map(|held| &held.value)
    }

    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = (&str, &Collected)> {
        self.0.iter().filter(|held| !held.certain).map(|held| (held.field.as_str(), &held.value))
    }

    pub(super) fn any_unconfirmed(&self) -> bool {
        self.0.iter().any(|held| !held.certain)
    }

    /// The required fields that hold nothing certain, in the agent's order.
    pub(super) fn missing<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = &'a Field> {
        agent.fields.iter().filter(|field| field.required && self.certain(&field.name).is_none())
    }

    /// Holds a value; true if it is news.
    pub(super) fn hold(&mut self, field: &str, value: Collected, certain: bool) -> bool {
        match self.0.iter_mut().find(|held| held.field == field) {
            // What was certain stays certain when it is said again.
            Some(held) if held.value.typed == value.typed => {
                let news = certain && !held.certain;
                held.certain |= certain;
                news
            }
            Some(held) => {
                held.value = value;
                held.certain = certain;
                true
            }
            None => {
                self.0.push(Held { field: field.to_owned(), value, certain, read_backs: 0 });
                true
            }
        }
    }

    /// The caller said yes to all that was read back.
    pub(super) fn confirm(&mut self) {
        for held in &mut self.0 {
            held.certain = true;
        }
    }

    /// The caller said no to all that was read back.
    pub(super) fn reject(&mut self) {
        self.0.retain(|held| held.certain);
    }

    /// Counts a read-back; a value that was read back twice already is given up.
    pub(super) fn read_back(&mut self) {
        self.0.retain(|held| held.certain || held.read_backs < MAX_READ_BACKS);
        for held in self.0.iter_mut().filter(|held| !held.certain) {
            held.read_backs += 1;
        }
    }

    /// How often the field was read back.
    pub(super) fn times_read_back(&self, field: &str) -> u8 {
        self.0.iter().find(|held| held.field == field).map_or(0, |held| held.read_backs)
    }
}

/// Read-backs of one value before the question is asked anew.
const MAX_READ_BACKS: u8 = 2;

//! The documents of the collections `calls` and `collected_data`. Each carries `schema`; `call_sid` is unique.
//!
//! Several processes may write one call. Each version therefore names its writer and says what it has seen of every writer: of two
//! versions it is always known whether one was made from the other ([`Lineage`]), and nothing is replaced by what does not know it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::TurnReport;
use crate::twilio::CallSid;

/// The version of both documents' shape.
pub const SCHEMA: u32 = 1;

/// A document of `calls`: the whole call as far as it went, saved again after every finished turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallDocument {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Unique.
    pub call_sid: CallSid,
    /// Grows with every save of this call; an older version never replaces a newer one.
    pub version: u64,
    /// The agent, such as `LOGISTICS`.
    pub agent_type: String,
    /// `outbound-api` or `inbound`, Twilio's words.
    pub direction: String,
    /// The other party, E.164, if known.
    pub phone: Option<String>,
    /// `stream` or `gather`: the mode it is in now.
    pub mode: String,
    /// `language_selection`, `welcome`, `collecting`, `completed`, `handed_over`, `abandoned` or `unreachable`.
    pub stage: String,
    /// How it ended, once it has: `completed`, `handed_over`, `abandoned`, `unreachable`.
    pub outcome: Option<String>,
    /// BCP-47 tag of the language spoken, once chosen.
    pub language: Option<String>,
    /// What was said, as it was heard, oldest first.
    pub history: Vec<Value>,
    /// Collected values for people, by field.
    pub data: Map<String, Value>,
    /// The same, typed.
    pub values: Map<String, Value>,
    /// What each value rests on.
    pub evidence: Map<String, Value>,
    /// The timeline of each turn; in gather, when its request came and when it was answered.
    pub turns: Vec<TurnReport>,
    /// The call's variables, filled into the agent's texts.
    pub variables: Map<String, Value>,
    /// When we first heard of the call.
    pub started_at: jiff::Timestamp,
    /// When this version was written.
    pub updated_at: jiff::Timestamp,
    /// When it ended, once it has.
    pub ended_at: Option<jiff::Timestamp>,
    /// File name of the recording, if there is one.
    pub recording: Option<String>,
    /// What another process needs to carry the call on; not shown by the API.
    pub session: Value,
    /// Names of the files of cached speech that say something of this call alone; not shown by the API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speech: Vec<String>,
    /// Who wrote this version, and from which others it was made; not shown by the API.
    #[serde(flatten)]
    pub lineage: Lineage,
}

/// A document of `collected_data`: the facts of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectedDocument {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Unique.
    pub call_sid: CallSid,
    /// The version of the call that it was taken from.
    pub version: u64,
    /// The agent.
    pub agent_type: String,
    /// The other party, E.164, if known.
    pub phone: Option<String>,
    /// Language spoken.
    pub language: Option<String>,
    /// Whether every required field is filled.
    pub complete: bool,
    /// Values for people, by field.
    pub data: Map<String, Value>,
    /// Typed values.
    pub values: Map<String, Value>,
    /// What each value rests on.
    pub evidence: Map<String, Value>,
    /// When the call started.
    pub started_at: jiff::Timestamp,
    /// When this version was written.
    pub updated_at: jiff::Timestamp,
    /// That of the call's version.
    #[serde(flatten)]
    pub lineage: Lineage,
}

/// Where a version of a call comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The process that wrote it; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub writer: String,
    /// The newest version of each writer that went into it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, u64>,
}

impl Lineage {
    /// That of version `version`, which `writer` makes from all that this one was made from.
    pub fn next(&mut self, writer: &str, version: u64) -> Self {
        writer.clone_into(&mut self.writer);
        self.seen.insert(self.writer.clone(), version);
        self.clone()
    }

    /// What a version with this lineage was made from, itself included.
    pub fn knows(&self, version: u64) -> BTreeMap<String, u64> {
        let mut known = self.seen.clone();
        let own = known.entry(self.writer.clone()).or_default();
        *own = version.max(*own);
        known
    }

    /// Whether version `version` with this lineage was made from (or is) version `other_version` with the other lineage.
    pub fn includes(&self, version: u64, other: &Self, other_version: u64) -> bool {
        self.knows(version).get(&other.writer).is_some_and(|&known| known >= other_version)
    }

    /// Adds what another version was made from.
    pub fn join(&mut self, other: &Self, other_version: u64) {
        for (writer, version) in other.knows(other_version) {
            let known = self.seen.entry(writer).or_default();
            *known = version.max(*known);
        }
    }
}

impl CallDocument {
    /// Whether this version was made from the other one, or is the same.
    pub fn includes(&self, other: &Self) -> bool {
        self.lineage.includes(self.version, &other.lineage, other.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(writer: &str, seen: &[(&str, u64)]) -> Lineage {
        let seen = seen.iter().map(|(writer, version)| ((*writer).to_owned(), *version)).collect();
        Lineage { writer: writer.to_owned(), seen }
    }

    #[test]
    fn versions_made_one_from_the_other_include_it_and_rivals_do_not() {
        let first = of("a", &[("a", 1)]);
        let (ours, theirs) = (of("a", &[("a", 2)]), of("b", &[("a", 1), ("b", 2)]));
        assert!(ours.includes(2, &first, 1) && theirs.includes(2, &first, 1) && !first.includes(1, &ours, 2));
        assert!(!ours.includes(2, &theirs, 2) && !theirs.includes(2, &ours, 2));
        let mut both = ours.clone();
        both.join(&theirs, 2);
        let both = both.next("a", 3);
        assert!(both.includes(3, &ours, 2) && both.includes(3, &theirs, 2) && !theirs.includes(2, &both, 3));
    }

    #[test]
    fn versions_without_a_writer_are_in_the_order_of_their_numbers() {
        let old = Lineage::default();
        assert!(old.includes(5, &old, 4) && old.includes(5, &old, 5) && !old.includes(4, &old, 5));
        let mut new = old.clone();
        new.join(&old, 5);
        let new = new.next("a", 6);
        assert!(new.includes(6, &old, 5) && !old.includes(5, &new, 6) && !new.includes(6, &old, 7));
    }
}

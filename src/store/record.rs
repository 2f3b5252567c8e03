//! The documents of the collections `calls` and `collected_data`. Each carries `schema`; `call_sid` is unique.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// The timeline of each turn.
    pub turns: Vec<Value>,
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
}

//! What the mind is asked: instructions, the call so far, and the shape of the answer. No vendor's spelling.

/// A question to the mind. The answer is one JSON object, spoken words first:
/// `{"say": "…", "type": "THANK_YOU_RESPONSE | NEED_MORE_INFO | HANDOVER_TO_HUMAN", "data": {"<field>": "…" or null}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Instructions: who the agent is, what is known, what is missing, in which language to answer.
    pub system: String,
    /// The call so far, oldest first; the last line is always the caller's.
    pub lines: Vec<Line>,
    /// The fields of `data`, in the agent's order.
    pub fields: Vec<PromptField>,
}

/// One line of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who spoke.
    pub speaker: Speaker,
    /// The words; for the agent, those that were heard.
    pub text: String,
}

/// Who spoke a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// Our agent.
    Agent,
    /// The person on the phone.
    Caller,
}

/// A field that the answer's `data` has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptField {
    /// Its key in `data`.
    pub name: String,
    /// What belongs in it, for the model.
    pub description: String,
}

//! What an agent says in one language, with `{variables}` to be filled in.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The texts of one language. Each may hold `{variables}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Offers this language, in this language: "For English, say English or press 1."
    pub language_prompt: String,
    /// The greeting; says who calls and what for.
    pub welcome: String,
    /// After everything was collected; the call ends with it.
    pub thanks: String,
    /// After a silence.
    pub reprompt: String,
    /// Before a caller is connected to a person.
    pub handover: String,
    /// Ends a call that did not complete.
    pub goodbye: String,
    /// When something of ours fails.
    pub apology: String,
    /// When the mind fails.
    pub default_response: String,
    /// Reads a value back; `{value}` stands for it.
    pub read_back: String,
    /// Said before anything else in every call: that this is an automated call, and whose.
    #[serde(default)]
    pub disclosure: Option<String>,
    /// Ends the call of somebody who does not want to be called again; without it such words are words like others.
    #[serde(default)]
    pub do_not_call: Option<String>,
    /// Said before the first text of a recorded call.
    #[serde(default)]
    pub recording_announcement: Option<String>,
    /// A few words that fill a long thought, said at most once a turn.
    #[serde(default)]
    pub filler: Option<String>,
}

impl Texts {
    /// Every text with its key, for checking and for rendering ahead.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("language_prompt", self.language_prompt.as_str()),
            ("welcome", &self.welcome),
            ("thanks", &self.thanks),
            ("reprompt", &self.reprompt),
            ("handover", &self.handover),
            ("goodbye", &self.goodbye),
            ("apology", &self.apology),
            ("default_response", &self.default_response),
            ("read_back", &self.read_back),
        ]
        .into_iter()
        .chain(self.disclosure.as_deref().map(|text| ("disclosure", text)))
        .chain(self.do_not_call.as_deref().map(|text| ("do_not_call", text)))
        .chain(self.recording_announcement.as_deref().map(|text| ("recording_announcement", text)))
        .chain(self.filler.as_deref().map(|text| ("filler", text)))
    }
}

/// Fills `{name}` with the variable's value; an unknown name is left out, so that nobody hears a brace.
pub fn fill(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        filled.push_str(&rest[..open]);
        if let Some(value) = variables.get(rest[open + 1..open + length].trim()) {
            filled.push_str(value);
        }
        rest = &rest[open + length + 1..];
    }
    filled.push_str(rest);
    filled
}

/// The names of the `{variables}` in a text.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_and_unknown_ones_are_not_spoken() {
        let variables = BTreeMap::from([("city".to_owned(), "Pune".to_owned())]);
        assert_eq!(fill("To { city } by {when}, {oops", &variables), "To Pune by , {oops");
        assert_eq!(fill("no braces", &variables), "no braces");
    }
}

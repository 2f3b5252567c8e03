//! The mind's answer: parsed whole once it is there, and its spoken words picked out while it is still being written.
//!
//! Nothing here trusts the answer: values in it are only proposals, checked against the caller's words elsewhere.

use serde_json::{Map, Value};

/// What the mind wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// `HANDOVER_TO_HUMAN`: connect the caller to a person.
    HandoverToHuman,
    /// `NEED_MORE_INFO`: go on.
    NeedMoreInfo,
    /// `THANK_YOU_RESPONSE`: everything is collected.
    ThankYou,
}

/// A parsed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The words to say.
    pub say: String,
    /// What shall happen.
    pub decision: Decision,
    /// What the mind believes the caller said for each field; absent and null fields are left out.
    pub data: Vec<(String, String)>,
}

/// Why there is no [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// There is no JSON object in it.
    #[error("the answer is not a JSON object")]
    NotAnObject,
    /// The object lacks `say` or a known `type`.
    #[error("the answer lacks say or type")]
    Incomplete,
}

impl Answer {
    /// Parses a whole answer, tolerating a code fence around it, numbers for strings, and an end that was cut off after the spoken words.
    ///
    /// # Errors
    /// [`BadAnswer`] if it cannot be used.
    pub fn parse(text: &str) -> Result<Self, BadAnswer> {
        let start = text.find('{').ok_or(BadAnswer::NotAnObject)?;
        let mut objects = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Map<String, Value>>();
        match objects.next() {
            Some(Ok(object)) => Self::from_object(&object),
            Some(Err(_)) | None => Self::cut_off(&text[start..]),
        }
    }

    fn from_object(object: &Map<String, Value>) -> Result<Self, BadAnswer> {
        let say = object.get("say").and_then(Value::as_str).ok_or(BadAnswer::Incomplete)?.trim().to_owned();
        let decision = match object.get("type").and_then(Value::as_str).map(str::to_ascii_uppercase).as_deref() {
            Some("HANDOVER_TO_HUMAN") => Decision::HandoverToHuman,
            Some("NEED_MORE_INFO") => Decision::NeedMoreInfo,
            Some("THANK_YOU_RESPONSE") => Decision::ThankYou,
            Some(_) | None => return Err(BadAnswer::Incomplete),
        };
        let data = object
            .get("data")
            .and_then(Value::as_object)
            .map(|data| data.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect());
        Ok(Self { say, decision, data: data.unwrap_or_default() })
    }

    /// An answer that ran out of tokens after its spoken words is still an answer: they may be in the caller's ear already.
    fn cut_off(text: &str) -> Result<Self, BadAnswer> {
        let mut spoken = Spoken::default();
        let mut say = String::new();
        spoken.push(text, &mut say);
        if !spoken.complete() || say.trim().is_empty() {
            return Err(BadAnswer::NotAnObject);
        }
        Ok(Self { say: say.trim().to_owned(), decision: Decision::NeedMoreInfo, data: Vec::new() })
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Picks the value of the top-level key `say` out of a JSON text that arrives in pieces cut anywhere.
///
/// It relies on no order of keys: if `say` comes late, the words come late.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    state: State,
    depth: u32,
    /// The last complete string at depth 1, while it may still be a key.
    key: String,
    /// First half of a surrogate pair.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Structure,
    Text(Role),
    Escape(Role),
    Unicode(Role, u8, u16),
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A string at depth 1 that may be a key.
    Key,
    /// The value of `say`.
    Say,
    /// Any other string.
    Other,
}

impl Spoken {
    /// Adds a piece; the words found in it are appended to `words`.
    pub fn push(&mut self, piece: &str, words: &mut String) {
        for c in piece.chars() {
            self.state = self.step(c, words);
            if self.state == State::Complete {
                return;
            }
        }
    }

    /// Whether the closing quote of the spoken words has been seen.
    pub fn complete(&self) -> bool {
        self.state == State::Complete
    }

    fn step(&mut self, c: char, words: &mut String) -> State {
        match self.state {
            State::Structure => self.structure(c),
            State::Text(role) => match c {
                '"' if role == Role::Say => State::Complete,
                '"' => State::Structure,
                '\\' => State::Escape(role),
                c => self.letter(role, c, words),
            },
            State::Escape(role) => {
                let letter = match c {
                    'u' => return State::Unicode(role, 0, 0),
                    'b' | 'f' => ' ',
                    'n' | 'r' | 't' => '\n',
                    c => c,
                };
                self.letter(role, letter, words)
            }
            State::Unicode(role, digits, code) => {
                let code = code << 4 | u16::try_from(c.to_digit(16).unwrap_or(0)).unwrap_or(0);
                if digits < 3 {
                    return State::Unicode(role, digits + 1, code);
                }
                if (0xD800..0xDC00).contains(&code) {
                    self.high = Some(code);
                    return State::Text(role);
                }
                let units = self.high.take().into_iter().chain([code]);
                for letter in char::decode_utf16(units) {
                    self.letter(role, letter.unwrap_or(char::REPLACEMENT_CHARACTER), words);
                }
                State::Text(role)
            }
            State::Complete => State::Complete,
        }
    }

    fn structure(&mut self, c: char) -> State {
        match c {
            '{' | '[' => self.depth += 1,
            '}' | ']' => self.depth = self.depth.saturating_sub(1),
            ',' => self.key.clear(),
            '"' if self.depth == 1 && self.key.is_empty() => return State::Text(Role::Key),
            '"' if self.depth == 1 && self.key == "say:" => return State::Text(Role::Say),
            '"' => return State::Text(Role::Other),
            ':' if self.depth == 1 => self.key.push(':'),
            _ => {}
        }
        State::Structure
    }

    fn letter(&mut self, role: Role, c: char, words: &mut String) -> State {
        match role {
            Role::Say => words.push(c),
            // A key longer than any of ours is no key of ours; it must not grow without bound.
            Role::Key if self.key.len() < 64 => self.key.push(c),
            Role::Key | Role::Other => {}
        }
        State::Text(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str, size: usize) -> (String, bool) {
        let mut spoken = Spoken::default();
        let mut words = String::new();
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(size) {
            spoken.push(&piece.iter().collect::<String>(), &mut words);
        }
        (words, spoken.complete())
    }

    #[test]
    fn the_spoken_words_are_found_wherever_the_text_is_cut_and_wherever_they_stand() {
        for text in [
            r#"{"say": "Say \"hi\" \u0939\u093e\u0901 \ud83d\ude00\nok", "type": "X"}"#,
            r#" ```json {"type": "say", "data": {"say": "no"}, "list": ["say", "x"], "say" : "Say \"hi\" हाँ 😀\nok"}"#,
        ] {
            for size in [1, 2, 3, 5, 7, 1000] {
                assert_eq!(spoken(text, size), ("Say \"hi\" हाँ 😀\nok".to_owned(), true), "{size}");
            }
        }
        assert_eq!(spoken(r#"{"say": "half of"#, 4), ("half of".to_owned(), false));
        assert_eq!(spoken("Sure! No JSON here.", 4), (String::new(), false));
    }

    #[test]
    fn answers_are_read_generously_but_never_guessed() {
        let text = r#"```json
            {"say": " Thanks! ", "type": "thank_you_response", "data": {"charge": 500, "time": null, "note": " ", "ok": true}}
        ```"#;
        let answer = Answer::parse(text).unwrap();
        assert_eq!((answer.say.as_str(), answer.decision), ("Thanks!", Decision::ThankYou));
        assert_eq!(answer.data, [("charge".to_owned(), "500".to_owned()), ("ok".to_owned(), "yes".to_owned())]);

        assert_eq!(Answer::parse("I would say yes"), Err(BadAnswer::NotAnObject));
        assert_eq!(Answer::parse(r#"{"say": "a"}"#), Err(BadAnswer::Incomplete));
        assert_eq!(Answer::parse(r#"{"say": "a", "type": "HANG_UP"}"#), Err(BadAnswer::Incomplete));
        assert_eq!(Answer::parse(r#"{"say": "Half"#), Err(BadAnswer::NotAnObject));
        let cut = Answer::parse(r#"{"say": "When can you come?", "type": "NEED_MO"#).unwrap();
        assert_eq!((cut.say.as_str(), cut.decision), ("When can you come?", Decision::NeedMoreInfo));
    }
}

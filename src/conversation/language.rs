//! Which language the caller chose: by name, by key, or by simply speaking it.

use super::UserTurn;
use crate::agent::Agent;
use crate::understand::{self, Kind, Scene, Value};

/// The language a turn chooses, if it does.
pub(super) fn choose<'a>(agent: &'a Agent, turn: &UserTurn, scene: &Scene) -> Option<&'a str> {
    match turn {
        UserTurn::Pressed(digits) => {
            let key = digits.chars().next()?;
            agent.languages.iter().find(|language| language.key == Some(key)).map(|language| language.code.as_str())
        }
        UserTurn::Said { text, .. } => named(agent, text, scene).or_else(|| spoken(agent, text)),
        UserTurn::Silent => None,
    }
}

fn named<'a>(agent: &'a Agent, text: &str, scene: &Scene) -> Option<&'a str> {
    let reading = understand::read(text, Kind::Language, scene);
    let wanted = reading.readings.iter().flatten().chain(&reading.value);
    wanted
        .filter_map(|value| match value {
            Value::Language(tag) => agent.language(tag),
            Value::Date(_)
            | Value::Handover(_)
            | Value::Money(_)
            | Value::Number(_)
            | Value::Phone(_)
            | Value::TimeWindow(_)
            | Value::YesNo(_) => None,
        })
        .map(|language| language.code.as_str())
        .next()
}

/// Speech in a language of its own script chooses it; a whole English sentence chooses English.
fn spoken<'a>(agent: &'a Agent, text: &str) -> Option<&'a str> {
    let script = text.chars().find_map(|c| SCRIPTS.iter().find(|(from, to, _)| (*from..=*to).contains(&c)));
    let family = match script {
        Some((_, _, family)) => *family,
        None => {
            let english = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| ENGLISH.iter().any(|known| word.eq_ignore_ascii_case(known)));
            if english.count() < 2 {
                return None;
            }
            "en"
        }
    };
    agent.languages.iter().find(|language| language.iso639() == family).map(|language| language.code.as_str())
}

/// First and last code point of a script, and the language of most who write it in a phone transcript.
const SCRIPTS: [(char, char, &str); 8] = [
    ('\u{0900}', '\u{097F}', "hi"),
    ('\u{0980}', '\u{09FF}', "bn"),
    ('\u{0A00}', '\u{0A7F}', "pa"),
    ('\u{0A80}', '\u{0AFF}', "gu"),
    ('\u{0B80}', '\u{0BFF}', "ta"),
    ('\u{0C00}', '\u{0C7F}', "te"),
    ('\u{0C80}', '\u{0CFF}', "kn"),
    ('\u{0D00}', '\u{0D7F}', "ml"),
];

/// Words that only an English sentence has two of.
const ENGLISH: [&str; 24] = [
    "the", "is", "are", "what", "who", "you", "your", "this", "calling", "please", "can", "will", "would", "want",
    "from", "and", "i", "my", "we", "it", "tell", "speaking", "for", "about",
];

//! Which language the caller chose: by name, by key, or by simply speaking it.

use super::UserTurn;
use crate::agent::{Agent, Language};
use crate::understand::{self, Kind, Scene, Value};

/// The language a turn chooses, if it does.
pub(super) fn choose<'a>(agent: &'a Agent, turn: &UserTurn, scene: &Scene) -> Option<&'a str> {
    match turn {
        UserTurn::Pressed(digits) => {
            let key = digits.chars().next()?;
            agent.languages.iter().find(|language| language.key == Some(key)).map(|language| language.code.as_str())
        }
        UserTurn::Said { text, .. } => said(agent, text, scene),
        UserTurn::Silent => None,
    }
}

/// The names by which a caller may choose one of the agent's languages: hints for a recogniser.
pub fn names(agent: &Agent) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in agent.languages.iter().flat_map(|language| understand::language_names(language.iso639())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The language that words choose, by its name or by being in it.
pub(super) fn said<'a>(agent: &'a Agent, text: &str, scene: &Scene) -> Option<&'a str> {
    named(agent, text, scene).or_else(|| spoken(agent, text))
}

fn named<'a>(agent: &'a Agent, text: &str, scene: &Scene) -> Option<&'a str> {
    let reading = understand::read(text, Kind::Language, scene);
    let wanted = reading.readings.iter().flatten().chain(&reading.value);
    wanted
        .filter_map(|value| match value {
            // The agent may write a longer tag for it: pa-guru-IN.
            Value::Language(tag) => family(agent, tag.split('-').next().unwrap_or(tag)),
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

fn family<'a>(agent: &'a Agent, iso639: &str) -> Option<&'a Language> {
    agent.languages.iter().find(|language| language.iso639() == iso639)
}

/// Speech in a language of its own script chooses it; so do some words of English, and of Hindi in Latin letters.
fn spoken<'a>(agent: &'a Agent, text: &str) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let count = |known: &[&str]| {
        lower
            .split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '।')
            .filter(|word| known.contains(word))
            .count()
    };
    let script = text.chars().find_map(|c| SCRIPTS.iter().find(|(from, to, _)| (*from..=*to).contains(&c)));
    let chosen = match script {
        Some((_, _, "hi")) if count(&MARATHI) > 0 => family(agent, "mr").or_else(|| family(agent, "hi")),
        // Marathi is written in the same letters.
        Some((_, _, "hi")) => family(agent, "hi").or_else(|| family(agent, "mr")),
        Some((_, _, iso639)) => family(agent, iso639),
        None => match (count(&ENGLISH), count(&HINGLISH)) {
            (english, hindi) if english >= 2 && english > hindi => family(agent, "en"),
            (english, hindi) if hindi >= 2 && hindi > english => family(agent, "hi"),
            (_, _) => None,
        },
    };
    chosen.map(|language| language.code.as_str())
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

/// Words of Hindi in Latin letters that English has not.
const HINGLISH: [&str; 30] = [
    "haan", "haanji", "ji", "boliye", "bolo", "kya", "hai", "hain", "kaun", "namaste", "mujhe", "aap", "aapka", "nahi",
    "theek", "mein", "se", "ka", "ki", "ko", "kar", "batao", "bataiye", "kahan", "hum", "tum", "arre", "bhai", "accha",
    "rahe",
];

/// Words of Marathi that Hindi has not.
const MARATHI: [&str; 11] = ["आहे", "आहेत", "मला", "काय", "कोण", "नाही", "बोला", "सांगा", "तुम्ही", "मराठी", "पाहिजे"];

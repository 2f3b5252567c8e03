//! What the caller's words say for a field, and whether a value that the mind proposes rests on them.
//!
//! A value is never taken from the mind: either `understand` finds it in the words, or (for free words) its words are the caller's.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::history::Entry;
use crate::agent::field::{Field, FieldKind};
use crate::understand::{self, Kind, Scene, Value};

/// A value with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collected {
    /// For people: `₹500`, `2-5pm`.
    pub display: String,
    /// Typed, as the documents hold it.
    pub typed: Json,
    /// The caller's words.
    pub evidence: Evidence,
    /// The value in words fit to be said, by language family (`en`, `hi`).
    pub words: Words,
}

/// A value in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Hindi.
    pub hi: String,
}

/// The words a value rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The caller's words.
    pub words: String,
    /// The turn in which they were said.
    pub turn: u32,
    /// Where the turn is in the recording, in ms from its start; stream mode only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audio_ms: Option<(u32, u32)>,
}

/// What words say for a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// Nothing.
    Nothing,
    /// One value.
    Clear(Collected),
    /// Several readings; the first is the likeliest, if one can be named.
    Unclear { likeliest: Option<Collected>, readings: Vec<Collected> },
}

/// The agent's view of a moment: needed to read relative days and to write typed windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eye<'a> {
    /// IANA name of the time zone of typed windows.
    pub timezone: &'a str,
    /// What was just asked for.
    pub expect: Option<Kind>,
}

impl Eye<'_> {
    /// Reads a field in one line of the caller.
    pub(super) fn find(&self, field: &Field, entry: &Entry) -> Finding {
        match field.kind.spoken() {
            Some(kind) => self.read(field, kind, &entry.text, entry),
            None if field.kind == FieldKind::Choice => self.choose(field, entry),
            None => Finding::Nothing,
        }
    }

    /// Whether more words must follow before this field is whole.
    pub(super) fn unfinished(&self, kind: Kind, text: &str, now: DateTime) -> bool {
        understand::read(text, kind, &Scene { now, expect: self.expect }).unfinished
    }

    /// What the mind's text means for the field, resting on words of `entry` if they support it.
    pub(super) fn propose(&self, field: &Field, proposal: &str, entry: &Entry) -> Option<Collected> {
        match field.kind {
            FieldKind::Text => supported(proposal, &entry.text).then(|| Collected {
                display: proposal.to_owned(),
                typed: json!({ "text": proposal }),
                evidence: evidence(entry, &entry.text),
                words: Words { en: proposal.to_owned(), hi: proposal.to_owned() },
            }),
            FieldKind::Choice => {
                let said = Entry { text: proposal.to_owned(), ..entry.clone() };
                match self.choose(field, &said) {
                    Finding::Clear(collected) => Some(collected),
                    Finding::Nothing | Finding::Unclear { .. } => None,
                }
            }
            FieldKind::Date
            | FieldKind::Money
            | FieldKind::Number
            | FieldKind::Phone
            | FieldKind::TimeWindow
            | FieldKind::YesNo => {
                let kind = field.kind.spoken()?;
                match (Eye { expect: Some(kind), ..*self }).read(field, kind, proposal, entry) {
                    Finding::Clear(collected) => Some(collected),
                    Finding::Unclear { likeliest, .. } => likeliest,
                    Finding::Nothing => None,
                }
            }
        }
    }

    fn read(&self, field: &Field, kind: Kind, text: &str, entry: &Entry) -> Finding {
        let reading = understand::read(text, kind, &Scene { now: entry.at, expect: self.expect });
        let words = text.get(reading.span.clone()).filter(|words| !words.is_empty()).unwrap_or(text);
        let collect = |value: &Value| Collected {
            display: understand::display(value),
            typed: self.typed(value),
            evidence: evidence(entry, words),
            words: Words { en: understand::words(value, "en-IN"), hi: understand::words(value, "hi-IN") },
        };
        match (&reading.value, reading.ambiguous) {
            (Some(value), false) if within(field, value) => Finding::Clear(collect(value)),
            // Out of the field's limits: perhaps misheard, so it must be confirmed like an ambiguous one.
            (Some(value), false) => {
                Finding::Unclear { likeliest: Some(collect(value)), readings: vec![collect(value)] }
            }
            (None, false) => Finding::Nothing,
            (likeliest, true) => Finding::Unclear {
                likeliest: likeliest.as_ref().map(collect),
                readings: reading.readings.iter().flatten().map(collect).collect(),
            },
        }
    }

    fn choose(&self, field: &Field, entry: &Entry) -> Finding {
        let said = tokens(&entry.text);
        let mut chosen = field.options.iter().filter_map(|option| {
            let words =
                std::iter::once(&option.value).chain(&option.words).find(|words| contains(&said, &tokens(words)))?;
            Some(Collected {
                display: option.value.clone(),
                typed: json!({ "option": option.value }),
                evidence: evidence(entry, &entry.text),
                words: Words { en: option.value.clone(), hi: words.clone() },
            })
        });
        match (chosen.next(), chosen.next()) {
            (None, _) => Finding::Nothing,
            (Some(only), None) => Finding::Clear(only),
            (Some(first), Some(second)) => {
                Finding::Unclear { likeliest: None, readings: [first, second].into_iter().chain(chosen).collect() }
            }
        }
    }

    fn typed(&self, value: &Value) -> Json {
        match value {
            Value::Date(date) => json!({ "date": date.to_string() }),
            Value::Handover(wanted) => json!({ "wanted": wanted }),
            Value::Language(language) => json!({ "language": language }),
            Value::Money(money) => {
                let mut typed = json!({
                    "amount": understand::amount(money.paise),
                    "currency": "INR",
                    "per": money.per.map(understand::Per::as_str),
                });
                if let (Some(upper), Some(object)) = (money.upper_paise, typed.as_object_mut()) {
                    object.insert("upper".to_owned(), understand::amount(upper).into());
                }
                typed
            }
            Value::Number(number) => json!({ "value": number }),
            Value::Phone(e164) => json!({ "e164": e164 }),
            Value::TimeWindow(window) => json!({
                "start": window.start.map(clock),
                "end": window.end.map(clock),
                "date": window.date.map(|date| date.to_string()),
                "timezone": self.timezone,
            }),
            Value::YesNo(answer) => json!({ "answer": answer }),
        }
    }
}

fn clock(time: jiff::civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn evidence(entry: &Entry, words: &str) -> Evidence {
    Evidence { words: words.to_owned(), turn: entry.turn, audio_ms: entry.audio_ms }
}

fn within(field: &Field, value: &Value) -> bool {
    let fits = |number: f64| field.min.is_none_or(|min| number >= min) && field.max.is_none_or(|max| number <= max);
    match value {
        #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52 paise")]
        Value::Money(money) => {
            fits(money.paise as f64 / 100.0) && money.upper_paise.is_none_or(|upper| fits(upper as f64 / 100.0))
        }
        Value::Number(number) => number.parse().is_ok_and(fits),
        Value::Date(_)
        | Value::Handover(_)
        | Value::Language(_)
        | Value::Phone(_)
        | Value::TimeWindow(_)
        | Value::YesNo(_) => true,
    }
}

/// Whether at least two thirds of the proposal's words, and one of them longer than three letters, are the caller's.
fn supported(proposal: &str, said: &str) -> bool {
    let said = tokens(said);
    let proposed = tokens(proposal);
    let shared: Vec<&String> = proposed.iter().filter(|word| said.contains(word)).collect();
    shared.len() * 3 >= proposed.len() * 2 && shared.iter().any(|word| word.chars().count() > 3 || proposed.len() == 1)
}

fn tokens(text: &str) -> Vec<String> {
    // Combining marks belong to the word: Devanagari vowel signs are not alphanumeric.
    text.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || "।—…“”‘’₹".contains(c))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn contains(said: &[String], words: &[String]) -> bool {
    !words.is_empty() && said.windows(words.len()).any(|window| window == words)
}

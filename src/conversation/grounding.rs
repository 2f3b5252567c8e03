//! What the caller's words say for a field, and whether a value that the mind proposes rests on them.
//!
//! A value is never taken from the mind: either `understand` finds it in the words, or (for free words) its words are the caller's.

use std::ops::Range;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::coming;
use super::history::Entry;
use crate::agent::field::{Choice, Field, FieldKind};
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

impl Collected {
    /// An answer given by a key.
    pub(super) fn answer(yes: bool, entry: &Entry) -> Self {
        let mut answer = whole(entry);
        answer.flip_answer(yes);
        answer
    }

    /// An option chosen by a key.
    pub(super) fn option(choice: &Choice, entry: &Entry) -> Self {
        let hindi = choice.words.iter().find(|way| is_hindi(way)).unwrap_or(&choice.value);
        Self {
            display: choice.value.clone(),
            typed: json!({ "option": choice.value }),
            evidence: evidence(entry, entry.text.trim()),
            words: Words { en: choice.value.replace('_', " "), hi: hindi.clone() },
        }
    }

    /// The other answer, on the same words.
    pub(super) fn flip_answer(&mut self, yes: bool) {
        let value = Value::YesNo(yes);
        self.display = understand::display(&value);
        self.typed = json!({ "answer": yes });
        self.words = Words { en: understand::words(&value, "en-IN"), hi: understand::words(&value, "hi-IN") };
    }
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
    /// One value, outside the field's limits.
    Beyond(Collected),
    /// Several readings; the first is the likeliest, if one can be named.
    Unclear { likeliest: Option<Collected>, readings: Vec<Collected> },
}

/// What words say for a field, and which of them say it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) finding: Finding,
    /// Bytes of the text; empty where the whole text says it.
    pub(super) span: Range<usize>,
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
        self.look(field, entry).finding
    }

    /// The same, with the words.
    pub(super) fn look(&self, field: &Field, entry: &Entry) -> Sight {
        match field.kind.spoken() {
            Some(kind) => {
                let sight = self.read(field, kind, &entry.text, entry);
                if sight.finding == Finding::Nothing && coming::is_promised(field, entry) {
                    return Sight { finding: Finding::Clear(Collected::answer(true, entry)), span: 0..0 };
                }
                sight
            }
            None if field.kind == FieldKind::Choice => choose(field, entry),
            None => Sight { finding: Finding::Nothing, span: 0..0 },
        }
    }

    /// Another reading of doubtful words, once more words are there: "five to eight", and then "in the morning". Words that say nothing of a
    /// time add nothing: neither a "no" nor "wait a minute" is another reading.
    pub(super) fn with_more_words(&self, field: &Field, held: &Collected, entry: &Entry) -> Option<Collected> {
        let kind = field.kind.spoken().filter(|kind| *kind == Kind::TimeWindow)?;
        let rest = without_answer(&entry.text);
        if rest.trim().is_empty() {
            return None;
        }
        let text = format!("{} {rest}", held.evidence.words);
        match self.read(field, kind, &text, entry).finding {
            Finding::Clear(value)
                if value.typed == held.typed && self.read(field, kind, rest, entry).finding == Finding::Nothing =>
            {
                None
            }
            Finding::Clear(value) => Some(Collected {
                evidence: evidence(entry, &format!("{}, {}", held.evidence.words, entry.text)),
                ..value
            }),
            Finding::Nothing | Finding::Beyond(_) | Finding::Unclear { .. } => None,
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
                match choose(field, &said).finding {
                    Finding::Clear(collected) => Some(collected),
                    Finding::Nothing | Finding::Beyond(_) | Finding::Unclear { .. } => None,
                }
            }
            FieldKind::Date
            | FieldKind::Money
            | FieldKind::Number
            | FieldKind::Phone
            | FieldKind::TimeWindow
            | FieldKind::YesNo => {
                let kind = field.kind.spoken()?;
                match (Eye { expect: Some(kind), ..*self }).read(field, kind, proposal, entry).finding {
                    Finding::Clear(collected) | Finding::Beyond(collected) => Some(collected),
                    Finding::Unclear { likeliest, .. } => likeliest,
                    Finding::Nothing => None,
                }
            }
        }
    }

    fn read(&self, field: &Field, kind: Kind, text: &str, entry: &Entry) -> Sight {
        let reading = understand::read(text, kind, &Scene { now: entry.at, expect: self.expect });
        let words = text.get(reading.span.clone()).filter(|words| !words.is_empty()).unwrap_or(text);
        let collect = |value: &Value| Collected {
            display: understand::display(value),
            typed: self.typed(value),
            evidence: evidence(entry, words),
            words: Words { en: understand::words(value, "en-IN"), hi: understand::words(value, "hi-IN") },
        };
        let finding = match (&reading.value, reading.ambiguous) {
            (None, false) => Finding::Nothing,
            // He stopped in the middle: "five hundred and".
            (Some(value), false) if reading.unfinished && stops(text, &reading.span) && within(field, value) => {
                Finding::Unclear { likeliest: Some(collect(value)), readings: vec![collect(value)] }
            }
            (Some(value), false) if within(field, value) => Finding::Clear(collect(value)),
            (Some(value), false) => Finding::Beyond(collect(value)),
            (likeliest, true) => {
                let likeliest = likeliest.as_ref().filter(|value| within(field, value)).map(collect);
                let possible = reading.readings.iter().flatten().filter(|value| within(field, value));
                let readings: Vec<Collected> = possible.map(collect).collect();
                if readings.is_empty() { Finding::Nothing } else { Finding::Unclear { likeliest, readings } }
            }
        };
        Sight { finding, span: reading.span }
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

fn choose(field: &Field, entry: &Entry) -> Sight {
    let options = options_said(field, &entry.text);
    let span = options.first().map_or(0..0, |(_, span)| span.clone());
    let mut chosen = options.into_iter().map(|(option, span)| {
        let words = entry.text[span].to_owned();
        let ways = field.options.iter().find(|choice| choice.value == option).map_or(&[][..], |choice| &choice.words);
        let hindi = std::iter::once(&words).chain(ways).find(|way| is_hindi(way));
        Collected {
            display: option.to_owned(),
            typed: json!({ "option": option }),
            evidence: evidence(entry, &words),
            words: Words { en: option.replace('_', " "), hi: hindi.unwrap_or(&words).clone() },
        }
    });
    let finding = match (chosen.next(), chosen.next()) {
        (None, _) => Finding::Nothing,
        (Some(only), None) => Finding::Clear(only),
        (Some(first), Some(second)) => {
            Finding::Unclear { likeliest: None, readings: [first, second].into_iter().chain(chosen).collect() }
        }
    };
    Sight { finding, span }
}

fn is_hindi(text: &str) -> bool {
    text.chars().any(|c| ('\u{900}'..'\u{980}').contains(&c))
}

/// Whether hardly anything comes after the words of a value.
fn stops(text: &str, span: &Range<usize>) -> bool {
    text.get(span.end..).is_some_and(|after| tokens(after).len() <= 1)
}

/// The caller's whole words as the value of a field of free words: only where nobody can pick them out.
pub(super) fn whole(entry: &Entry) -> Collected {
    let text = entry.text.trim();
    Collected {
        display: text.to_owned(),
        typed: json!({ "text": text }),
        evidence: evidence(entry, text),
        words: Words { en: text.to_owned(), hi: text.to_owned() },
    }
}

/// Whether what the mind proposes is what the words say; it may leave out what it was not asked for: a unit, an upper end, a day.
pub(super) fn agree(said: &Collected, proposed: &Collected) -> bool {
    match (said.typed.as_object(), proposed.typed.as_object()) {
        (Some(said), Some(proposed)) => {
            said.keys().chain(proposed.keys()).all(|key| match (said.get(key), proposed.get(key)) {
                (said, Some(proposed)) if !proposed.is_null() => said == Some(proposed),
                (said, None | Some(_)) => {
                    ["per", "upper", "date"].contains(&key.as_str()) || said.is_none_or(Json::is_null)
                }
            })
        }
        (_, _) => said.typed == proposed.typed,
    }
}

/// The words without a yes or no at their beginning.
fn without_answer(text: &str) -> &str {
    let after = spans(text).into_iter().take_while(|(word, _)| ANSWERS.contains(&word.as_str())).last();
    after.map_or(text, |(_, span)| text[span.end..].trim_start_matches([',', '.', ' ', '।']))
}

fn clock(time: jiff::civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn evidence(entry: &Entry, words: &str) -> Evidence {
    Evidence { words: words.to_owned(), turn: entry.turn, audio_ms: entry.audio_ms }
}

/// Whether a value keeps the field's limits.
pub fn within(field: &Field, value: &Value) -> bool {
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

/// The options of a choice that a text names, in the order in which they are said, with the byte span of their words. One that is refused
/// ("not video", "video nahi") is not named; of two where the first is taken back ("video, no, clinic"), the second is.
pub fn options_said<'a>(field: &'a Field, text: &str) -> Vec<(&'a str, Range<usize>)> {
    let said = spans(text);
    let word = |at: usize| said.get(at).map(|(word, _)| word.as_str());
    let mut found: Vec<(&str, Range<usize>)> = Vec::new();
    for option in &field.options {
        let ways = std::iter::once(&option.value).chain(&option.words).map(|way| tokens(&way.replace('_', " ")));
        // The longest way to say it that is there: "video call" rather than "video".
        let longest = ways
            .filter(|way| !way.is_empty())
            .filter_map(|way| {
                let at = said.windows(way.len()).rposition(|window| window.iter().map(|(word, _)| word).eq(&way))?;
                Some((at, at + way.len()))
            })
            .max_by_key(|(from, to)| to - from);
        let Some((from, to)) = longest else { continue };
        // "Not video", but "video, no, clinic".
        let joined = |at: usize| text[said[at].1.end..said[at + 1].1.start].trim().is_empty();
        let before = |from: usize| from.checked_sub(1).filter(|&at| joined(at));
        // "Not by video", "not at the clinic".
        let mut linked = from;
        while let Some(at) = before(linked).filter(|&at| word(at).is_some_and(|word| LINKS.contains(&word))) {
            linked = at;
        }
        let refused = before(from).and_then(word).is_some_and(|word| BEFORE_REFUSED.contains(&word))
            || before(linked).and_then(word) == Some("not")
            || word(to).is_some_and(|word| AFTER_REFUSED.contains(&word));
        if !refused {
            found.push((&option.value, said[from].1.start..said[to - 1].1.end));
        }
    }
    // "Home visit" is not "home".
    let spans: Vec<Range<usize>> = found.iter().map(|(_, span)| span.clone()).collect();
    found.retain(|(_, span)| {
        !spans.iter().any(|other| other != span && other.start <= span.start && span.end <= other.end)
    });
    found.sort_by_key(|(_, span)| span.start);
    if let Some(at) = found.windows(2).rposition(|pair| {
        tokens(text.get(pair[0].1.end..pair[1].1.start).unwrap_or_default())
            .iter()
            .any(|word| TAKING_BACK.contains(&word.as_str()))
    }) {
        found.drain(..=at);
    }
    found
}

/// Whether at least two thirds of the proposal's words, and one of them longer than three letters, are the caller's.
fn supported(proposal: &str, said: &str) -> bool {
    let said = tokens(said);
    let proposed = tokens(proposal);
    let shared: Vec<&String> = proposed.iter().filter(|word| said.contains(word)).collect();
    shared.len() * 3 >= proposed.len() * 2 && shared.iter().any(|word| word.chars().count() > 3 || proposed.len() == 1)
}

pub(super) fn tokens(text: &str) -> Vec<String> {
    spans(text).into_iter().map(|(word, _)| word).collect()
}

/// The words of a text in lower case, with their byte spans.
pub(super) fn spans(text: &str) -> Vec<(String, Range<usize>)> {
    let mut words = Vec::new();
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        // Combining marks belong to the word: Devanagari vowel signs are not alphanumeric.
        let between = c.is_whitespace() || c.is_ascii_punctuation() || "।—…“”‘’₹".contains(c);
        match (from, between) {
            (None, false) => from = Some(at),
            (Some(start), true) => {
                words.push((text[start..at].to_lowercase(), start..at));
                from = None;
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    words
}

const ANSWERS: [&str; 14] =
    ["yes", "no", "nope", "sorry", "sir", "haan", "nahi", "nahin", "ji", "na", "हाँ", "हां", "नहीं", "जी"];
const BEFORE_REFUSED: [&str; 2] = ["not", "no"];
const LINKS: [&str; 6] = ["at", "by", "in", "on", "the", "via"];
const AFTER_REFUSED: [&str; 5] = ["nahi", "nahin", "mat", "नहीं", "मत"];
const TAKING_BACK: [&str; 12] =
    ["no", "sorry", "wait", "actually", "rather", "nahi", "nahin", "matlab", "नहीं", "सॉरी", "बल्कि", "मतलब"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_inside_another_is_not_said_and_overlaps_harm_nothing() {
        let source = include_str!("../../agents/logistics.toml");
        let mut field = crate::agent::parse("a.toml", source).unwrap().fields[0].clone();
        let option = |value: &str| Choice { value: value.to_owned(), words: Vec::new() };
        field.options = vec![option("home"), option("home visit"), option("visit today")];
        let said = |text: &str| -> Vec<String> {
            options_said(&field, text).into_iter().map(|(value, _)| value.to_owned()).collect()
        };
        assert_eq!(said("a home visit please"), ["home visit"]);
        assert_eq!(said("at home"), ["home"]);
        assert_eq!(said("home visit today"), ["home visit", "visit today"]);
    }
}

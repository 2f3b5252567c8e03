//! The supplier of a dialogue, and the mind beside him. He hears what the agent says and answers as his script has it.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use trunkline::agent::Agent;
use trunkline::understand::{self, Kind, Scene, Value};

/// One call of a file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dialogue {
    pub(crate) id: String,
    language: String,
    turns: Vec<String>,
    so_far: Vec<BTreeMap<String, Json>>,
    #[serde(default)]
    answers_if_asked: Answers,
    lie: BTreeMap<String, Json>,
    pub(crate) expect: Expected,
    pub(crate) outcome: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Answers {
    #[serde(default)]
    read_back: ReadBack,
    #[serde(flatten)]
    fields: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ReadBack {
    #[serde(default)]
    yes_to: Vec<Option<String>>,
    #[serde(default)]
    yes: String,
    #[serde(default)]
    no: String,
}

/// How it must end.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Expected {
    charge: Option<String>,
    time: Option<String>,
    pub(crate) stage: String,
    pub(crate) why: String,
}

impl Dialogue {
    /// Those of the files beside this one, or of the files that `DIALOGUES` names; `ONLY` chooses by the beginnings of ids.
    #[expect(clippy::disallowed_methods, reason = "which calls are played is chosen from outside")]
    pub(crate) fn all() -> Vec<Self> {
        let named = std::env::var("DIALOGUES").ok().filter(|files| !files.is_empty());
        let texts: Vec<String> = match named {
            Some(files) => files.split(',').map(|file| std::fs::read_to_string(file).unwrap()).collect(),
            None => [include_str!("english.jsonl"), include_str!("hinglish.jsonl"), include_str!("hindi.jsonl")]
                .map(str::to_owned)
                .to_vec(),
        };
        let only = std::env::var("ONLY").unwrap_or_default();
        let chosen = |dialogue: &Self| only.is_empty() || only.split(',').any(|begins| dialogue.id.starts_with(begins));
        let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).filter(chosen).collect()
    }

    /// `en`, `hg` or `hi`.
    pub(crate) fn tongue(&self) -> &str {
        ["en", "hg", "hi"].into_iter().find(|tongue| self.id.split('-').any(|part| part == *tongue)).unwrap_or("-")
    }

    /// The values that must stand in the record of a call on this day.
    pub(crate) fn wanted(&self, today: Date) -> BTreeMap<String, Option<String>> {
        let fill = |value: &Option<String>| value.as_ref().map(|text| filled(text, today));
        [("charge".to_owned(), fill(&self.expect.charge)), ("time".to_owned(), fill(&self.expect.time))].into()
    }
}

/// What thinks beside the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mind {
    None,
    Truthful,
    Lying,
}

impl Mind {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Truthful, Self::Lying];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Truthful => "right",
            Self::Lying => "lying",
        }
    }
}

/// The supplier in one call.
pub(crate) struct Caller<'a> {
    dialogue: &'a Dialogue,
    agent: &'a Agent,
    today: Date,
    /// Turns said.
    at: usize,
    again: BTreeMap<String, u32>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(dialogue: &'a Dialogue, agent: &'a Agent, today: Date) -> Self {
        Self { dialogue, agent, today, at: 0, again: BTreeMap::new() }
    }

    /// What he answers to these words of the agent's; `None`: he is silent.
    pub(crate) fn answer(&mut self, said: &str) -> Option<String> {
        if self.agent.languages.iter().any(|language| said.contains(language.texts.language_prompt.as_str())) {
            return Some(self.dialogue.language.clone());
        }
        let back = &self.dialogue.answers_if_asked.read_back;
        if let Some((code, value)) = self.read_back(said) {
            let right: Vec<String> =
                back.yes_to.iter().flatten().map(|display| in_words(&filled(display, self.today), code)).collect();
            let pairs = right.iter().flat_map(|one| right.iter().map(move |other| format!("{one}, {other}")));
            let agrees = right.iter().cloned().chain(pairs).any(|words| plain(&words) == plain(&value));
            return Some(if agrees { back.yes.clone() } else { back.no.clone() });
        }
        let asked = self.asked(said);
        let repeated = asked.as_ref().and_then(|field| {
            let words = self.dialogue.answers_if_asked.fields.get(field)?.clone()?;
            (self.again.get(field).copied().unwrap_or(0) < 2).then_some((field.clone(), words))
        });
        let known = asked.is_some_and(|field| !self.so_far().get(&field).is_none_or(Json::is_null));
        if let Some((field, words)) = repeated.clone().filter(|_| known) {
            *self.again.entry(field).or_default() += 1;
            return Some(words);
        }
        if let Some(turn) = self.dialogue.turns.get(self.at) {
            self.at += 1;
            return Some(turn.clone()).filter(|turn| !turn.is_empty());
        }
        let (field, words) = repeated?;
        *self.again.entry(field).or_default() += 1;
        Some(words)
    }

    /// What the mind would answer to his last words.
    pub(crate) fn mind(&self, mind: Mind, hindi: bool) -> Json {
        let noted = if hindi {
            "धन्यवाद, मैंने नोट कर लिया है।"
        } else {
            "Thank you, I have noted everything."
        };
        if mind == Mind::Lying {
            return json!({"say": noted, "type": "THANK_YOU_RESPONSE", "data": self.dialogue.lie});
        }
        let data: BTreeMap<String, Json> = self.so_far();
        let missing = self.agent.fields.iter().find(|field| data.get(&field.name).is_none_or(Json::is_null));
        match missing {
            Some(field) => {
                let (all_right, code) =
                    if hindi { ("जी, ठीक है।", "hi-IN") } else { ("All right.", "en-IN") };
                let question = field.question.get(code).unwrap();
                json!({"say": format!("{all_right} {question}"), "type": "NEED_MORE_INFO", "data": data})
            }
            None => json!({"say": noted, "type": "THANK_YOU_RESPONSE", "data": data}),
        }
    }

    fn so_far(&self) -> BTreeMap<String, Json> {
        let Some(state) = self.at.checked_sub(1).and_then(|at| self.dialogue.so_far.get(at)) else {
            return BTreeMap::new();
        };
        let fill = |value: &Json| value.as_str().map_or_else(|| value.clone(), |text| json!(filled(text, self.today)));
        state.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
    }

    /// The value in a read-back, and its language.
    fn read_back(&self, said: &str) -> Option<(&'a str, String)> {
        self.agent.languages.iter().find_map(|language| {
            let (before, after) = language.texts.read_back.split_once("{value}")?;
            let value = said.split_once(before)?.1.split_once(after)?.0;
            Some((language.code.as_str(), value.to_owned()))
        })
    }

    /// The one field that the words ask for.
    fn asked(&self, said: &str) -> Option<String> {
        let asks = |question: &String| said.contains(question.as_str());
        let mut asked = self.agent.fields.iter().filter(|field| field.question.values().any(asks));
        match (asked.next(), asked.next()) {
            (Some(field), None) => Some(field.name.clone()),
            (Some(_) | None, _) => None,
        }
    }
}

/// `{today}`, `{tomorrow}` and `{+2}` as the product writes days.
fn filled(text: &str, today: Date) -> String {
    let day = |ahead: i64| today.checked_add(ahead.days()).unwrap().strftime("%-d %b").to_string();
    let mut text = text.replace("{today}", &day(0)).replace("{tomorrow}", &day(1));
    while let Some((before, rest)) = text.split_once("{+") {
        let (ahead, after) = rest.split_once('}').unwrap();
        text = format!("{before}{}{after}", day(ahead.parse().unwrap()));
    }
    text
}

/// A value, given as people read it, in the words that are said for it.
fn in_words(display: &str, language: &str) -> String {
    let kind = if display.contains('₹') { Kind::Money } else { Kind::TimeWindow };
    let now = DateTime::from_parts(jiff::Zoned::now().date(), jiff::civil::time(0, 0, 0, 0));
    let reading = understand::read(display, kind, &Scene { now, expect: Some(kind) });
    match &reading.value {
        Some(value @ (Value::Money(_) | Value::TimeWindow(_))) => understand::words(value, language),
        other => panic!("{display:?} reads as {other:?}"),
    }
}

fn plain(words: &str) -> String {
    words.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

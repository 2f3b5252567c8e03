//! Reading values back: the question, built by us in the caller's language, and what the caller answers.
//!
//! One question for all that waits, at most twice without a clear answer. "No, six hundred" corrects in one go; a plain no to one value
//! takes the next reading of his words or asks again; a plain no to several goes through them one by one.

use jiff::civil::DateTime;

use super::grounding::{Collected, Eye, Finding};
use super::values::Sure;
use super::words::yes_no;
use super::{Conversation, Effect, Say, UserTurn};
use crate::agent::field::{Field, FieldKind};
use crate::agent::text::fill;
use crate::agent::{Agent, Language, ReadBack};

impl Conversation {
    /// Takes the answer to a read-back; false if the words were about something else.
    pub(super) fn read_back_answered(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime) -> bool {
        let names: Vec<String> = self.reading.clone();
        let fields: Vec<&Field> = names.iter().filter_map(|name| agent.field(name)).collect();
        let answer = match turn {
            UserTurn::Pressed(digits) => match digits.trim_end_matches('#') {
                "1" => Some(true),
                "2" => Some(false),
                _ => None,
            },
            UserTurn::Said { text, .. } => yes_no(text, now),
            UserTurn::Silent => None,
        };
        // A "yes" to a value that he has not heard yet is none.
        let answer = answer.filter(|_| !self.unasked(self.turn) && !self.repeats_himself());
        let corrected: Vec<String> = match turn {
            UserTurn::Said { .. } => self.corrections(agent, &fields, answer),
            UserTurn::Pressed(_) if answer.is_none() => {
                // What else was read back waits for its own answer.
                let corrected = self.corrected_by_keys(agent, &fields).is_some();
                if corrected {
                    self.reading.clear();
                }
                return corrected;
            }
            UserTurn::Pressed(_) | UserTurn::Silent => Vec::new(),
        };
        if corrected.is_empty() && answer.is_none() {
            return false;
        }
        self.reading.clear();
        match (corrected.is_empty(), answer) {
            (true, Some(false)) => match turn {
                UserTurn::Said { text, .. } => self.refused(agent, &fields, text),
                UserTurn::Pressed(_) | UserTurn::Silent => self.refused(agent, &fields, ""),
            },
            (true, Some(true)) => names.iter().for_each(|name| self.values.confirm(name)),
            // "No, six hundred": what was not corrected was right.
            (false, Some(_)) => {
                names.iter().filter(|name| !corrected.contains(name)).for_each(|name| self.values.confirm(name));
            }
            // A value for one of them says nothing of the others: they are read back once more.
            (_, None) => {}
        }
        let spoken = matches!(turn, UserTurn::Said { .. });
        if spoken && (answer != Some(false) || !corrected.is_empty()) {
            // The rest of the sentence may hold other fields: "yes, and at five". His yes or no is spent.
            let spent = agent.fields.iter().filter(|field| answer.is_some() && field.kind == FieldKind::YesNo);
            let except: Vec<String> = names.into_iter().chain(spent.map(|field| field.name.clone())).collect();
            self.ground(agent, &[], &except, false);
        }
        true
    }

    /// Values for the fields that were read back, in the caller's answer; gives the names of those he spoke of.
    fn corrections(&mut self, agent: &Agent, fields: &[&Field], answer: Option<bool>) -> Vec<String> {
        let Some(entry) = self.history.caller().next().cloned() else { return Vec::new() };
        let mut corrected = Vec::new();
        let sights = self.sights(agent, fields, &entry);
        // A plain yes or no answers the question; it is not a new value of a yes/no field.
        for field in fields.iter().filter(|field| field.kind != FieldKind::YesNo) {
            let name = field.name.as_str();
            let Some(held) = self.values.get(name).map(|held| (held.value.clone(), held.others.clone())) else {
                continue;
            };
            let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
            let seen = sights.iter().find(|seen| seen.field.name == name && !seen.displaced);
            let finding = seen.map_or(Finding::Nothing, |seen| seen.sight.finding.clone());
            let (said, others) = match eye.with_more_words(field, &held.0, &entry) {
                // "In the morning" chooses between the readings of "five to eight".
                Some(value) if held.1.iter().chain([&held.0]).any(|reading| reading.typed == value.typed) => {
                    self.values.hold(name, value, Sure::Doubtful, Vec::new());
                    self.values.confirm(name);
                    corrected.push(name.to_owned());
                    continue;
                }
                Some(_) | None => match finding {
                    Finding::Clear(value) => (value, Vec::new()),
                    Finding::Unclear { mut readings, .. } if !readings.is_empty() => (readings.remove(0), readings),
                    Finding::Nothing | Finding::Beyond(_) | Finding::Unclear { .. } => continue,
                },
            };
            let same = said.typed == held.0.typed;
            if same && answer == Some(false) && others.is_empty() {
                // "No, not five hundred."
                continue;
            }
            let again = agent.read_back == ReadBack::Always && self.values.times_read_back(name) < MAX_READ_BACKS;
            let sure = match (others.is_empty(), same, answer) {
                (true, true, _) => Sure::Certain,
                (true, false, Some(true)) | (false, _, _) => Sure::Doubtful,
                (true, false, _) if again => Sure::Clear,
                (true, false, _) => Sure::Certain,
            };
            self.values.hold(name, said, sure, others);
            if sure == Sure::Certain {
                self.values.confirm(name);
            }
            corrected.push(name.to_owned());
        }
        corrected
    }

    /// A no without another value: what he names is let go of; a lone value is, whatever he names; several are gone through one by one.
    fn refused(&mut self, agent: &Agent, fields: &[&Field], text: &str) {
        let named = self.named_in(agent, text);
        if !named.is_empty() && (fields.len() > 1 || !named.iter().any(|name| fields[0].name == *name)) {
            for name in named {
                while self.values.reject(&name, self.turn) {}
                self.asked = vec![name];
            }
            return;
        }
        match fields {
            [field] if field.kind == FieldKind::YesNo => {
                // Not yes is no.
                if let Some(mut other) = self.values.get(&field.name).map(|held| held.value.clone()) {
                    let yes = other.typed["answer"] == true;
                    other.flip_answer(!yes);
                    self.values.hold(&field.name, other, Sure::Certain, Vec::new());
                    self.values.confirm(&field.name);
                }
            }
            [field] => {
                if !self.values.reject(&field.name, self.turn) {
                    self.asked = vec![field.name.clone()];
                }
            }
            _ => self.values.ask_one_by_one(),
        }
    }

    /// Reads back what waits for it. A value that was read back twice without a clear answer is asked for anew. False if nothing waits.
    pub(super) fn read_back(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) -> bool {
        for name in self.values.to_read_back(agent) {
            if self.values.times_read_back(&name) >= MAX_READ_BACKS {
                while self.values.reject(&name, self.turn) {}
            }
        }
        let names = self.values.to_read_back(agent);
        if names.is_empty() {
            return false;
        }
        for name in &names {
            self.values.count_read_back(name);
        }
        self.reading = names;
        self.repeat_read_back(agent, now, effects);
        true
    }

    /// Says the open read-back, without counting it.
    pub(super) fn repeat_read_back(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        let language = agent.language_or_first(self.language.as_deref());
        let say = Say { text: self.read_back_text(agent, language), language: language.code.clone(), fixed: false };
        self.say(say, now, effects);
    }

    pub(super) fn read_back_text(&self, agent: &Agent, language: &Language) -> String {
        let said: Vec<String> = self
            .reading
            .iter()
            .filter_map(|name| Some((agent.field(name)?, &self.values.get(name)?.value)))
            .map(|(field, value)| named(field, value, language))
            .collect();
        let mut variables = self.variables.clone();
        variables.insert("value".to_owned(), said.join(", "));
        fill(&language.texts.read_back, &variables)
    }
}

/// A value in words, with what it is a value of where the agent says that.
fn named(field: &Field, value: &Collected, language: &Language) -> String {
    let words = if language.iso639() == "hi" { &value.words.hi } else { &value.words.en };
    let denied = field.kind == FieldKind::YesNo && value.typed["answer"] == false;
    let frames = if denied { &field.read_back_no } else { &field.read_back };
    match frames.get(&language.code) {
        Some(frame) => fill(frame, &[("value".to_owned(), words.clone())].into()),
        None => words.clone(),
    }
}

/// Read-backs of one value without a clear answer before its question is asked anew.
const MAX_READ_BACKS: u8 = 2;

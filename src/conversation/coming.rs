//! "I will come" for an answer to "will you come?": it says the question's verb instead of yes.
//!
//! Only this verb, which people ask about most: what is an answer to one question is none to another. Words that name a day or an hour
//! may mean another one than was asked about, and are no answer.

use super::denial::denies_something;
use super::grounding;
use super::history::Entry;
use super::words::is_question;
use crate::agent::field::{Field, FieldKind};
use crate::understand::{self, Kind, Scene};

/// Whether these words say that the speaker comes, and that is what the field asks.
pub(super) fn is_promised(field: &Field, entry: &Entry) -> bool {
    let has = |text: &str, phrases: &[&str]| {
        let words = format!(" {} ", grounding::tokens(text).join(" "));
        phrases.iter().any(|phrase| words.contains(&format!(" {phrase} ")))
    };
    let scene = Scene { now: entry.at, expect: None };
    let names = |kind| {
        let reading = understand::read(&entry.text, kind, &scene);
        reading.value.is_some() || reading.ambiguous
    };
    field.kind == FieldKind::YesNo
        && field.question.values().any(|question| has(question, &ASKED))
        && has(&entry.text, &PROMISED)
        && !is_question(&entry.text)
        && !denies_something(&entry.text)
        && !names(Kind::Date)
        && !names(Kind::TimeWindow)
}

const ASKED: [&str; 8] = ["come", "coming", "attend", "aaenge", "aayenge", "आएँगे", "आएंगे", "आयेंगे"];
const PROMISED: [&str; 40] = [
    "i will come",
    "i ll come",
    "i can come",
    "we will come",
    "we ll come",
    "will come",
    "i am coming",
    "i m coming",
    "we are coming",
    "i will be there",
    "i ll be there",
    "we will be there",
    "we ll be there",
    "i will attend",
    "i ll attend",
    "aaunga",
    "aaungi",
    "aunga",
    "aungi",
    "aayenge",
    "aa jaunga",
    "aa jaungi",
    "aa jayenge",
    "aa raha hoon",
    "aa rahi hoon",
    "aa rahe hain",
    "pahunch jaunga",
    "pahunch jaungi",
    "आऊँगा",
    "आऊंगा",
    "आऊँगी",
    "आऊंगी",
    "आएँगे",
    "आएंगे",
    "आ जाऊँगा",
    "आ जाऊंगा",
    "आ जाऊँगी",
    "आ जाऊंगी",
    "आ रहा हूँ",
    "आ रही हूँ",
];

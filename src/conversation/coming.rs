//! "I will come" for an answer to "will you come?": it says the question's verb instead of yes.
//!
//! Only this verb, which people ask about most: what is an answer to one question is none to another. Words that name a day or an hour
//! may mean another one than was asked about, and are no answer. Nor is a promise with a condition or a doubt, or another's.

use super::denial::denies_something;
use super::grounding;
use super::history::Entry;
use super::words::is_question;
use crate::agent::field::{Field, FieldKind};
use crate::understand::{self, Kind, Scene};

/// Whether these words say that the speaker comes, and that is what the field asks.
pub(super) fn is_promised(field: &Field, entry: &Entry) -> bool {
    let words = grounding::tokens(&entry.text);
    let asked = |question: &String| grounding::tokens(question).iter().any(|word| ASKED.contains(&word.as_str()));
    let scene = Scene { now: entry.at, expect: None };
    let names = |kind| {
        let reading = understand::read(&entry.text, kind, &scene);
        reading.value.is_some() || reading.ambiguous
    };
    field.kind == FieldKind::YesNo
        && field.question.values().any(asked)
        && promises(&words)
        && !wavers(&words)
        && !is_question(&entry.text)
        && !denies_something(&entry.text)
        && !names(Kind::Date)
        && !names(Kind::TimeWindow)
}

/// Whether the words hold a promise of the speaker's own.
fn promises(words: &[String]) -> bool {
    let found = |phrase: &str| place(words, phrase);
    let own = MINE.iter().any(|phrase| found(phrase).is_some());
    own || EITHERS
        .iter()
        .filter_map(|phrase| found(phrase))
        .any(|at| words.iter().take(at).all(|word| LIGHT.contains(&word.as_str())))
}

/// "if I get leave", "I doubt", "milegi toh": the promise hangs on something.
fn wavers(words: &[String]) -> bool {
    // "to" is "toh" as some write it, and an English word.
    let hindi = words.iter().any(|word| LATIN_HINDI.iter().any(|end| word.ends_with(end)));
    words.iter().any(|word| WAVERING.contains(&word.as_str()) || hindi && word == "to")
}

/// Where the phrase begins among the words.
fn place(words: &[String], phrase: &str) -> Option<usize> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).position(|window| window.iter().zip(&phrase).all(|(word, part)| word == part))
}

const ASKED: [&str; 8] = ["come", "coming", "attend", "aaenge", "aayenge", "आएँगे", "आएंगे", "आयेंगे"];
/// Said of oneself alone.
const MINE: [&str; 34] = [
    "i will come",
    "i ll come",
    "i can come",
    "we will come",
    "we ll come",
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
    "aa jaunga",
    "aa jaungi",
    "aa raha hoon",
    "aa rahi hoon",
    "pahunch jaunga",
    "pahunch jaungi",
    "आऊँगा",
    "आऊंगा",
    "आऊँगी",
    "आऊंगी",
    "आ जाऊँगा",
    "आ जाऊंगा",
    "आ जाऊँगी",
    "आ जाऊंगी",
    "आ रहा हूँ",
    "आ रही हूँ",
];
/// Said of oneself or of others: only words that name nobody may stand before it.
const EITHERS: [&str; 8] = ["will come", "aayenge", "aaenge", "aa jayenge", "aa rahe hain", "आएँगे", "आएंगे", "आयेंगे"];
/// What may stand before it.
const LIGHT: [&str; 43] = [
    "hum",
    "ham",
    "main",
    "mai",
    "ji",
    "haan",
    "han",
    "ha",
    "haanji",
    "zaroor",
    "zarur",
    "jaroor",
    "bilkul",
    "pakka",
    "ok",
    "okay",
    "yes",
    "yeah",
    "sure",
    "fine",
    "theek",
    "hai",
    "log",
    "sab",
    "we",
    "i",
    "all",
    "certainly",
    "definitely",
    "surely",
    "हम",
    "मैं",
    "जी",
    "हाँ",
    "हां",
    "ज़रूर",
    "जरूर",
    "बिल्कुल",
    "पक्का",
    "ठीक",
    "है",
    "लोग",
    "सब",
];
/// Words of condition and doubt.
const WAVERING: [&str; 98] = [
    "if",
    "unless",
    "when",
    "whenever",
    "once",
    "provided",
    "assuming",
    "case",
    "depends",
    "depending",
    "doubt",
    "doubtful",
    "doubts",
    "maybe",
    "perhaps",
    "might",
    "may",
    "probably",
    "possibly",
    "hopefully",
    "hope",
    "try",
    "trying",
    "think",
    "thought",
    "guess",
    "suppose",
    "wonder",
    "wish",
    "unsure",
    "would",
    "should",
    "otherwise",
    "until",
    "till",
    "before",
    "let",
    "agar",
    "agr",
    "yadi",
    "toh",
    "tho",
    "tab",
    "jab",
    "jabhi",
    "jaise",
    "shayad",
    "shaayad",
    "sayad",
    "koshish",
    "kosis",
    "umeed",
    "ummeed",
    "dekhta",
    "dekhte",
    "dekhti",
    "dekhunga",
    "dekhenge",
    "sochta",
    "sochte",
    "sochti",
    "sochunga",
    "lagta",
    "pata",
    "varna",
    "warna",
    "sakta",
    "sakte",
    "sakti",
    "hua",
    "अगर",
    "यदि",
    "तो",
    "तब",
    "जब",
    "जैसे",
    "शायद",
    "कोशिश",
    "उम्मीद",
    "देखता",
    "देखते",
    "देखती",
    "देखूंगा",
    "देखूँगा",
    "देखेंगे",
    "सोचता",
    "सोचते",
    "सोचती",
    "सोचूंगा",
    "लगता",
    "पता",
    "वरना",
    "सकता",
    "सकते",
    "सकती",
    "हुआ",
    "इफ",
    "मेबी",
];
/// How a Hindi promise in Latin letters ends.
const LATIN_HINDI: [&str; 3] = ["unga", "ungi", "enge"];

//! The phrases of all acts, and where a text holds them. Words are data (`lexicon/acts/`), one file a language.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::understand::token::normalise;

/// What a phrase is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The network speaks, surely.
    Announcement,
    /// Words of the network that a person may say, too.
    AnnouncementWeak,
    /// A ban on calls.
    Ban,
    /// A complaint that may be one.
    BanMaybe,
    /// No time to talk.
    Busy,
    /// "call me", with a time: another call is wanted.
    CallMe,
    /// A place is closed.
    Closed,
    /// A queue speaks, surely.
    Hold,
    /// Words of a queue that a person may say, too.
    HoldWeak,
    /// A menu speaks, surely.
    Menu,
    /// Words of a menu that a person may say, too.
    MenuWeak,
    /// Nothing is wanted of us.
    NotInterested,
    /// Nothing is told to a machine.
    NotToMachine,
    /// Somebody's words are told.
    Reported,
    /// A time, a condition: what is said holds for then only.
    Scope,
    /// Call screening.
    Screening,
    /// A voicemail box.
    Voicemail,
    /// "one minute".
    Wait,
    /// "who is this?"
    Who,
    /// Another language is wished.
    Wish,
    /// Somebody else was reached.
    WrongNumber,
}

/// A word of a text.
pub(super) struct Spelled {
    pub(super) text: String,
    pub(super) from: usize,
    pub(super) to: usize,
    /// Which stretch between two marks it belongs to.
    pub(super) clause: usize,
}

/// A phrase that was found: words `from..to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) sign: Sign,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The words of a text in normalised spelling, and for each stretch between marks whether a question mark ends it.
pub(super) fn words(text: &str) -> (Vec<Spelled>, Vec<bool>) {
    let (mut words, mut asks) = (Vec::new(), vec![false]);
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let breaks = BREAKS.contains(&c);
        let between = breaks || c.is_whitespace() || c == '-' || c == '"';
        match (from, between) {
            (None, false) => from = Some(at),
            (Some(start), true) => {
                let mut spelled = String::new();
                normalise(&text[start..at], &mut spelled);
                if !spelled.is_empty() {
                    words.push(Spelled { text: spelled, from: start, to: at, clause: asks.len() - 1 });
                }
                from = None;
            }
            (None, true) | (Some(_), false) => {}
        }
        if breaks {
            if let Some(last) = asks.last_mut() {
                *last |= c == '?';
            }
            asks.push(false);
        }
    }
    (words, asks)
}

/// All phrases among the words; none goes over a mark.
pub(super) fn find(words: &[Spelled]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (from, word) in words.iter().enumerate() {
        for (sign, parts) in PHRASES.get(word.text.as_str()).into_iter().flatten() {
            if let Some(to) = ends(words, from, parts) {
                hits.push(Hit { sign: *sign, from, to });
            }
        }
    }
    hits
}

/// Where the phrase ends that begins at word `from`; `None` in its parts stands for up to [`GAP`] words.
fn ends(words: &[Spelled], from: usize, parts: &[Option<Box<str>>]) -> Option<usize> {
    let mut at = from;
    let mut gap = false;
    for part in parts {
        let Some(part) = part else {
            gap = true;
            continue;
        };
        let same =
            |at: usize| words.get(at).is_some_and(|word| *word.text == **part && word.clause == words[from].clause);
        let reach = if gap { GAP } else { 0 };
        at = (at..=at + reach).find(|&at| same(at))? + 1;
        gap = false;
    }
    Some(at)
}

type Phrases = HashMap<Box<str>, Vec<(Sign, Vec<Option<Box<str>>>)>>;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let mut phrases = Phrases::new();
    for text in DATA {
        let mut sign = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                sign = SIGNS.iter().find(|(known, _)| *known == name).map(|(_, sign)| *sign);
                continue;
            }
            let Some(sign) = sign else { continue };
            let parts: Vec<Option<Box<str>>> = line
                .split(' ')
                .map(|word| {
                    let mut spelled = String::new();
                    normalise(word, &mut spelled);
                    (word != "..").then(|| spelled.into())
                })
                .collect();
            if let Some(Some(first)) = parts.first() {
                phrases.entry(first.clone()).or_default().push((sign, parts));
            }
        }
    }
    phrases
});

const DATA: [&str; 2] = [include_str!("../lexicon/acts/english.txt"), include_str!("../lexicon/acts/hindi.txt")];
const SIGNS: [(&str, Sign); 21] = [
    ("announcement", Sign::Announcement),
    ("announcement_weak", Sign::AnnouncementWeak),
    ("ban", Sign::Ban),
    ("ban_maybe", Sign::BanMaybe),
    ("busy", Sign::Busy),
    ("call_me", Sign::CallMe),
    ("closed", Sign::Closed),
    ("hold", Sign::Hold),
    ("hold_weak", Sign::HoldWeak),
    ("menu", Sign::Menu),
    ("menu_weak", Sign::MenuWeak),
    ("not_interested", Sign::NotInterested),
    ("not_to_machine", Sign::NotToMachine),
    ("reported", Sign::Reported),
    ("scope", Sign::Scope),
    ("screening", Sign::Screening),
    ("voicemail", Sign::Voicemail),
    ("wait", Sign::Wait),
    ("who", Sign::Who),
    ("wish", Sign::Wish),
    ("wrong_number", Sign::WrongNumber),
];
const BREAKS: [char; 9] = [',', '.', '!', '?', ';', ':', '।', '—', '…'];
/// Words that ".." may stand for.
const GAP: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_of_the_data_is_known() {
        for text in DATA {
            for line in text.lines().filter(|line| line.starts_with('[')) {
                assert!(SIGNS.iter().any(|(name, _)| format!("[{name}]") == line), "{line}");
            }
        }
    }
}

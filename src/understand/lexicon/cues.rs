//! What words tell of who speaks and about what, beside their meaning: cues. The words stand in `cues/`, one file a language; the grammar
//! is [`super::super::clause`]'s.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::Fnv;
use crate::understand::token::normalise;

/// Cues of a word, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::understand) struct Cues(u32);

/// One cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::understand) enum Cue {
    /// "after that": what was said before is when it begins.
    Afterwards,
    /// "also": what is said beside is a reason and no price.
    Also,
    /// "could you": a question, also where the recogniser left its mark out.
    Asks,
    /// Asleep, in a meeting: nobody is to be had.
    Away,
    /// Telephoning and telling: an arrangement to talk again.
    Call,
    /// "now it is": the hour on the clock.
    Clock,
    /// An auxiliary verb: before its subject it asks.
    Auxiliary,
    /// Somebody comes, picks up, loads, is free.
    Come,
    /// The speaker himself, by pronoun or by the ending of his verb.
    First,
    /// Relatives, friends, other firms: others.
    Kin,
    /// The market and everybody in it.
    Market,
    /// A lorry: its number may be its model.
    Lorry,
    /// "minus".
    Minus,
    /// Something comes back or becomes free.
    Return,
    /// "since": a year follows.
    Since,
    /// A verb that only one other person can have.
    Single,
    /// A word that may be a subject.
    Subject,
    /// A verb of somebody else, or of many.
    Third,
    /// "tu": nobody says it to us.
    Thou,
    /// A business and the years of it.
    Work,
}

impl Cues {
    /// Whether the set has this cue.
    pub(in crate::understand) fn has(self, cue: Cue) -> bool {
        self.0 & (1 << cue as u32) != 0
    }

    /// Both sets.
    pub(in crate::understand) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The cues of a normalised word or phrase, and of how many words the longest phrase that begins with it consists.
pub(in crate::understand) fn of(spelling: &str) -> (Cues, u8) {
    INDEX.get(spelling).map_or((Cues::default(), 1), |entry| *entry)
}

type Map = HashMap<Box<str>, (Cues, u8), BuildHasherDefault<Fnv>>;

static INDEX: LazyLock<Map> = LazyLock::new(|| {
    let mut index = Map::default();
    for line in [include_str!("cues/english.txt"), include_str!("cues/hindi.txt")].iter().flat_map(|text| text.lines())
    {
        let Some((name, words)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let Some((_, cue)) = NAMES.iter().find(|(known, _)| *known == name) else { continue };
        for spelling in words.split_ascii_whitespace() {
            let mut key = String::new();
            normalise(&spelling.replace('_', " "), &mut key);
            let count = u8::try_from(key.split(' ').count()).unwrap_or(u8::MAX);
            if count > 1 {
                let first = key.split(' ').next().unwrap_or_default();
                let entry = index.entry(first.into()).or_default();
                entry.1 = entry.1.max(count);
            }
            let entry = index.entry(key.into()).or_default();
            entry.0 = entry.0.and(Cues(1 << *cue as u32));
            entry.1 = entry.1.max(1);
        }
    }
    index
});

const NAMES: [(&str, Cue); 20] = [
    ("afterwards", Cue::Afterwards),
    ("also", Cue::Also),
    ("asks", Cue::Asks),
    ("auxiliary", Cue::Auxiliary),
    ("away", Cue::Away),
    ("call", Cue::Call),
    ("clock", Cue::Clock),
    ("come", Cue::Come),
    ("first", Cue::First),
    ("kin", Cue::Kin),
    ("lorry", Cue::Lorry),
    ("market", Cue::Market),
    ("minus", Cue::Minus),
    ("return", Cue::Return),
    ("since", Cue::Since),
    ("single", Cue::Single),
    ("subject", Cue::Subject),
    ("third", Cue::Third),
    ("thou", Cue::Thou),
    ("work", Cue::Work),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_paragraph_of_the_data_names_a_cue() {
        for text in [include_str!("cues/english.txt"), include_str!("cues/hindi.txt")] {
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let name = line.split(':').next().unwrap();
                assert!(NAMES.iter().any(|(known, _)| *known == name), "{line}");
            }
        }
    }

    #[test]
    fn a_phrase_is_found_from_its_first_word() {
        assert_eq!(of("could").1, 2);
        assert!(of("could you").0.has(Cue::Asks));
        assert!(of("उसके").1 >= 2);
        assert!(of("nonsense").0 == Cues::default());
    }
}

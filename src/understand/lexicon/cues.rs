//! What words tell of who speaks and about what, beside their meaning: cues. The words stand in `cues/`, one file a language; the grammar
//! is [`super::super::clause`]'s.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use super::Fnv;
use crate::understand::token::normalise;

/// Cues of a word, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::understand) struct Cues(u64);

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
    /// An answer that comes later, if the time is joined to it: "tell you by five".
    Tell,
    /// "out", "work": not to be had, if a time until when is named.
    PerhapsAway,
    /// Can, will, shall: before its subject it asks.
    Modal,
    /// Do, does, did.
    Do,
    /// Is, are, am.
    Be,
    /// A pronoun as a subject.
    Pronoun,
    /// The verb that makes a Hindi verb of a noun: "(phone) karna".
    Light,
    /// Of Hindi, where the verb stands last.
    Hindi,
    /// Now, already: the hour on the clock.
    Now,
    /// That, as in "after that".
    That,
    /// Then.
    Then,
    /// Only a machine says so: "press", "beep".
    Machine,
    /// Machines say so, and people.
    Announces,
    /// What the caller wants: "(you) need".
    Need,
    /// Goes on for a while, or is had: "raha", "have".
    GoesOn,
    /// Asks, at either end of a Hindi clause.
    Kya,
    /// The speaker's own, by pronoun or by the ending of a light verb.
    Own,
    /// To reach somebody, if "me" follows: "reach me", "try again".
    ToMe,
    /// "me", "us", "out", "again".
    Me,
    /// Approves of the time before it.
    Fine,
    /// A business tells its hours.
    Hours,
}

impl Cue {
    /// The set of this cue.
    pub(in crate::understand) const fn alone(self) -> Cues {
        Cues(1 << self as u64)
    }
}

impl Cues {
    /// Whether the set has this cue.
    pub(in crate::understand) fn has(self, cue: Cue) -> bool {
        self.0 & (1 << cue as u64) != 0
    }

    /// Whether the sets share a cue.
    pub(in crate::understand) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    pub(in crate::understand) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The cues of a normalised word or phrase, and of how many words the longest phrase that begins with it consists.
pub(in crate::understand) fn of(spelling: &str) -> (Cues, u8) {
    INDEX.get(spelling).copied().unwrap_or_default()
}

type Map = HashMap<Box<str>, (Cues, u8), BuildHasherDefault<Fnv>>;

static INDEX: LazyLock<Map> = LazyLock::new(|| {
    let mut index = Map::default();
    for line in [include_str!("cues/english.txt"), include_str!("cues/hindi.txt")].iter().flat_map(|text| text.lines())
    {
        let Some((name, words)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let cues = name
            .split('+')
            .filter_map(|name| NAMES.iter().find(|(known, _)| *known == name))
            .fold(Cues::default(), |cues, (_, cue)| cues.and(cue.alone()));
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
            entry.0 = entry.0.and(cues);
            entry.1 = entry.1.max(1);
        }
    }
    index
});

const NAMES: [(&str, Cue); 40] = [
    ("afterwards", Cue::Afterwards),
    ("also", Cue::Also),
    ("asks", Cue::Asks),
    ("auxiliary", Cue::Auxiliary),
    ("away", Cue::Away),
    ("call", Cue::Call),
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
    ("tell", Cue::Tell),
    ("perhaps_away", Cue::PerhapsAway),
    ("modal", Cue::Modal),
    ("do", Cue::Do),
    ("be", Cue::Be),
    ("pronoun", Cue::Pronoun),
    ("light", Cue::Light),
    ("hindi", Cue::Hindi),
    ("now", Cue::Now),
    ("that", Cue::That),
    ("then", Cue::Then),
    ("machine", Cue::Machine),
    ("announces", Cue::Announces),
    ("need", Cue::Need),
    ("goes_on", Cue::GoesOn),
    ("kya", Cue::Kya),
    ("own", Cue::Own),
    ("to_me", Cue::ToMe),
    ("me", Cue::Me),
    ("fine", Cue::Fine),
    ("hours", Cue::Hours),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_paragraph_of_the_data_names_a_cue() {
        for text in [include_str!("cues/english.txt"), include_str!("cues/hindi.txt")] {
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let names = line.split(':').next().unwrap();
                assert!(names.split('+').all(|name| NAMES.iter().any(|(known, _)| *known == name)), "{line}");
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

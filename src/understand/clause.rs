//! Who speaks, about what: the clause around the words of a value, and whether they offer it.
//!
//! A value counts only where the speaker offers it himself: "my brother takes 2000", "could you do it for 900", "call me at six", "the
//! driver sleeps till four" and "it is ten now" name numbers and offer nothing. Marks of a recogniser may be missing, so a clause also
//! begins where a new subject does. Words are data (`lexicon/cues/`); this is the grammar. Key types: [`Clause`].

use super::heard::{Heard, ends_clause, is_filler};
use super::lexicon::{Cue, Word};

/// The words that belong to a value: the tokens `from..to`, and those of the value itself, `value.0..value.1`.
#[derive(Clone, Copy)]
pub(super) struct Clause<'a> {
    heard: &'a Heard,
    from: usize,
    to: usize,
    value: (usize, usize),
}

impl<'a> Clause<'a> {
    /// The clause of the value at tokens `from..to`.
    pub(super) fn of(heard: &'a Heard, from: usize, to: usize) -> Self {
        let starts = |at: usize| heard.cue(at, Cue::First) && is_subject(heard, at);
        let cut = |at: usize| {
            ends_clause(heard.tokens[at].word)
                || heard.tokens[at].word == Word::Correct
                || heard.cue(at, Cue::Afterwards)
        };
        let mut start = from;
        while start > 0 && !cut(start - 1) {
            start -= 1;
            if starts(start) {
                break;
            }
        }
        let mut end = to;
        while end < heard.tokens.len() && !cut(end) && !starts(end) {
            end += 1;
        }
        Self { heard, from: start, to: end, value: (from, to) }
    }

    fn has(&self, cue: Cue) -> bool {
        (self.from..self.to).any(|at| self.heard.cue(at, cue))
    }

    fn before(&self, cue: Cue) -> Option<usize> {
        (self.from..self.value.0).rev().find(|&at| self.heard.cue(at, cue))
    }

    fn word(&self, is: impl Fn(Word) -> bool) -> bool {
        self.heard.any(self.from, self.to, is)
    }

    /// Whether somebody else's doing is told: "my brother said", "ramesh 2000 leta hai", "market mein chal raha hai".
    pub(super) fn others(&self) -> bool {
        let own = self.has(Cue::First);
        let told = self.has(Cue::Third) || self.has(Cue::Single);
        let kin = (self.from..self.value.0).any(|at| self.heard.cue(at, Cue::Kin));
        let market = self.before(Cue::Market).is_some();
        !own && told && (kin || market || self.named().is_some_and(|titled| titled || self.has(Cue::Single)))
    }

    /// A name where the clause begins, and whether a title follows it: "ramesh", "sharma ji".
    fn named(&self) -> Option<bool> {
        let heard = self.heard;
        let first = heard.skip(self.from, |w| is_filler(w) || matches!(w, Word::Yes | Word::Ji | Word::Fine));
        let name = first < self.value.0
            && heard.word(first) == Some(Word::Other)
            && heard.tokens[first].cues == super::lexicon::Cues::default()
            && heard.tokens[first].to - heard.tokens[first].from >= 4;
        name.then(|| matches!(heard.word(first + 1), Some(Word::Ji | Word::Filler)) && first + 1 < self.value.0)
    }

    /// Whether somebody is asked, or told, to do it: a question whose mark is missing, or words to somebody in the room.
    pub(super) fn asks(&self) -> bool {
        let asked = self.before(Cue::Asks).is_some_and(|at| !self.heard.any(at + 2, self.value.0, |w| w == Word::I));
        let wonders = self.named().is_some() && self.word(|w| matches!(w, Word::What | Word::Wh));
        let thou = self.has(Cue::Thou) && !self.has(Cue::First);
        asked || thou || wonders || self.inverts() || self.ends_asking()
    }

    /// "will your man be there", "munna are you eating", "does five work": the verb stands before its subject.
    fn inverts(&self) -> bool {
        let heard = self.heard;
        let light = |w: Word| is_filler(w) || matches!(w, Word::Yes | Word::Ji | Word::Fine | Word::And);
        let first = heard.skip(self.from, light);
        // "Does five work" has its subject in the value; "it is five" and "will be five" have not. "Do it for nothing" asks nothing.
        let own = |at: usize| !heard.cue(at, Cue::Subject) && heard.word(at) == Some(Word::Other);
        let asks = |at: usize| {
            let value = at + 1 == self.value.0 && own(at) && self.value.1 < self.to;
            let subject = heard.cue(at + 1, Cue::Subject)
                && !heard.cue(at, Cue::Subject)
                && (heard.word(at + 1) != Some(Word::It) || heard.word(at) == Some(Word::PastVerb));
            heard.cue(at, Cue::Auxiliary) && at < self.value.0 && (value || subject)
        };
        asks(first) || self.named().is_some() && asks(first + 1)
    }

    /// "… kya" at the end.
    fn ends_asking(&self) -> bool {
        let last = (self.value.1..self.to).rev().find(|&at| !is_filler(self.heard.tokens[at].word));
        last.is_some_and(|at| self.heard.tokens[at].word == Word::What)
    }

    /// Whether a stretch of the day is only mentioned: "my knee hurts since the morning".
    pub(super) fn chats(&self) -> bool {
        let unknown = |at: &usize| {
            self.heard.tokens[*at].word == Word::Other && self.heard.tokens[*at].cues == super::lexicon::Cues::default()
        };
        (self.from..self.to).filter(unknown).count() >= 2 && !self.has(Cue::Come) && !self.has(Cue::First)
    }

    /// Whether a lone value answers a question that the speaker himself asked of the past: "what did we take last time, 1100".
    pub(super) fn remembers(&self) -> bool {
        let heard = self.heard;
        let alone = self.from == self.value.0 && self.to == self.value.1;
        let Some(end) = self.from.checked_sub(1).filter(|_| alone) else { return false };
        let start = heard.clause_start(end);
        let past = |w: Word| matches!(w, Word::Earlier | Word::PastVerb | Word::HadSaid);
        heard.any(start, end, past) && heard.any(start, end, |w| matches!(w, Word::Wh | Word::What))
    }
}

/// Whether a pronoun stands where a subject does: "i", "main", "hum", and no verb's ending.
fn is_subject(heard: &Heard, at: usize) -> bool {
    matches!(heard.tokens[at].word, Word::I | Word::Hum)
}

//! Yes and no.
//!
//! Gathers what affirms and what denies, in spoken order; a denial beside an affirming word turns it ("theek nahi hai"), a
//! correction takes back what stood before, and both without a correction are two readings.

use super::heard::{Heard, ends_clause};
use super::lexicon::Word;
use super::{Kind, Reading, Value};

/// Reads yes or no.
pub(super) fn read(heard: &Heard) -> Reading {
    let unfinished = super::ending::dangles(heard, Kind::YesNo);
    let said = polarities(heard);
    let maybe = heard.tokens.iter().any(|t| t.word == Word::Maybe);
    let unknown = heard.tokens.iter().any(|t| t.word == Word::DontKnow);
    let span = said.first().zip(said.last()).map_or(0..0, |(a, b)| heard.span(a.from, b.to));
    let both = |span| Reading {
        value: None,
        ambiguous: true,
        readings: vec![Some(Value::YesNo(true)), Some(Value::YesNo(false))],
        unfinished,
        span,
    };
    if unknown && (said.iter().all(|s| !s.firm) || said.iter().all(|s| !s.yes)) {
        return Reading { unfinished, ..Reading::default() };
    }
    if maybe {
        let at = heard.tokens.iter().position(|t| t.word == Word::Maybe).unwrap_or(0);
        let later = said.last().filter(|s| s.from > at && corrected(heard, at + 1, s.from));
        if later.is_none() {
            return both(heard.span(at, at + 1));
        }
    }
    let yes = said.iter().any(|s| s.yes);
    let no = said.iter().any(|s| !s.yes);
    match (yes, no) {
        (false, false) => Reading { unfinished, ..Reading::default() },
        (true, true) => both(span),
        (yes, _) => {
            Reading { value: Some(Value::YesNo(yes)), ambiguous: false, readings: Vec::new(), unfinished, span }
        }
    }
}

/// A word or phrase that says yes or no.
#[derive(Clone, Copy)]
struct Polarity {
    yes: bool,
    /// Not only a polite particle.
    firm: bool,
    from: usize,
    to: usize,
}

fn corrected(heard: &Heard, from: usize, to: usize) -> bool {
    heard.any(from, to, |w| matches!(w, Word::Correct))
}

/// What affirms and denies after negations, answers to the phone and corrections.
fn polarities(heard: &Heard) -> Vec<Polarity> {
    let mut said: Vec<Polarity> = Vec::new();
    let mut i = 0;
    while i < heard.tokens.len() {
        let at = |yes, firm, from, to| Polarity { yes, firm, from, to };
        match heard.tokens[i].word {
            Word::Yes => said.push(at(true, true, i, i + 1)),
            Word::Fine => said.push(at(true, true, i, i + 1)),
            Word::Ji => said.push(at(true, false, i, i + 1)),
            Word::Wrong => {
                // "bilkul galat": the stress is on wrong.
                if said.last().is_some_and(|s| s.yes && s.to == i) {
                    said.pop();
                }
                said.push(at(negated_wrong(heard, i), true, i, i + 1));
            }
            Word::NoProblem => {
                // "no, no problem" is one yes.
                while said.last().is_some_and(|s| !s.yes && s.to + 1 >= i && !corrected(heard, s.to, i)) {
                    said.pop();
                }
                said.push(at(true, true, i, i + 1));
            }
            // "I didn't say that": with no value beside it, a no.
            Word::DidntSay if heard.nums.is_empty() => said.push(at(false, true, i, i + 1)),
            Word::PlainNo | Word::Fails | Word::No | Word::Nahi | Word::Not | Word::Cant | Word::NoNeed => {
                i = deny(heard, &mut said, i);
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    answering(heard, &mut said);
    questions(heard, &mut said);
    corrections(heard, &mut said);
    // A polite particle says nothing beside a firm word.
    if said.iter().any(|s| s.firm) {
        said.retain(|s| s.firm);
    }
    said
}

/// A negation: alone it is a no, beside an affirming word it turns it. Returns the token after the words it takes.
fn deny(heard: &Heard, said: &mut Vec<Polarity>, i: usize) -> usize {
    let word = heard.tokens[i].word;
    let english = matches!(word, Word::Not | Word::Cant | Word::No | Word::NoNeed);
    // Hindi puts the affirming word before: "theek nahi hai", "bilkul nahi".
    if !english
        && let Some(last) = said.last()
        && last.yes
        && i - last.to <= 2
        && heard.tokens[last.from].word == Word::Fine
        && !heard.any(last.to, i, |w| ends_clause(w) || matches!(w, Word::Correct | Word::And | Word::Or))
    {
        said.pop();
    }
    let limit = heard.clause_end(i + 1);
    if word == Word::Not && heard.any(i + 1, limit.min(i + 3), |w| w == Word::Wrong) {
        return i + 1;
    }
    // An affirming word right after belongs to the negation: "nahi chalega", "not okay", "don't agree".
    let reach = if matches!(word, Word::Not | Word::Cant) { limit } else { limit.min(i + 4) };
    let near = (i + 1..reach).find(|&at| match heard.tokens[at].word {
        Word::Fine => word != Word::No,
        Word::Yes => matches!(word, Word::Not | Word::Cant),
        _ => false,
    });
    let swallowed = near.filter(|&at| {
        !heard.any(i + 1, at, |w| matches!(w, Word::Correct | Word::And | Word::Or | Word::No | Word::Nahi))
    });
    let to = swallowed.map_or(i + 1, |at| at + 1);
    said.push(Polarity { yes: false, firm: true, from: i, to });
    to
}

/// "galat nahi hai", "not wrong": right.
fn negated_wrong(heard: &Heard, i: usize) -> bool {
    (heard.before(i) == Some(Word::Not) || i >= 2 && heard.word(i - 2) == Some(Word::Not))
        || matches!(heard.word(i + 1), Some(Word::Nahi))
}

/// "haan boliye": the phone is answered, nothing is agreed to.
fn answering(heard: &Heard, said: &mut Vec<Polarity>) {
    let answers = heard.tokens.iter().any(|t| t.word == Word::Answering);
    if answers {
        said.retain(|s| !(s.yes && matches!(heard.tokens[s.from].word, Word::Yes | Word::Ji | Word::Fine)));
    }
}

/// "theek hai?", "haan?": asked, not said.
fn questions(heard: &Heard, said: &mut Vec<Polarity>) {
    said.retain(|s| {
        let end = heard.clause_end(s.to);
        let asked = heard.word(end) == Some(Word::Question);
        let why_not = heard.tokens[s.from].word == Word::NoProblem;
        !asked || why_not
    });
}

/// A correction takes back everything before it.
fn corrections(heard: &Heard, said: &mut Vec<Polarity>) {
    let mut i = 0;
    while i + 1 < said.len() {
        let (a, b) = (said[i], said[i + 1]);
        let doubled = !a.yes && !b.yes && b.from == a.to;
        if corrected(heard, a.to, b.from) {
            said.drain(..=i);
            i = 0;
        } else if doubled && i > 0 {
            said.drain(..i);
            i = 0;
        } else if doubled && said.get(i + 2).is_some_and(|c| c.yes && matches!(heard.tokens[c.from].word, Word::Yes)) {
            said.drain(..=i + 1);
            i = 0;
        } else {
            i += 1;
        }
    }
}

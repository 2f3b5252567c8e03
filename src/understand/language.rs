//! Which language the speaker wants.

use super::heard::{Heard, ends_clause};
use super::lexicon::{self, Unit, Word};
use super::settle::{self, Said};
use super::{Kind, Reading, Value};

/// Reads the language that a text chooses.
pub(super) fn read(heard: &Heard) -> Reading {
    let unfinished = super::ending::dangles(heard, Kind::Language);
    let names: Vec<Said<Option<&'static str>>> = heard
        .tokens
        .iter()
        .enumerate()
        .filter_map(|(i, t)| match t.word {
            Word::Language(code) => Some(Said { what: Some(code), from: i, to: i + 1 }),
            Word::OtherLanguage => Some(Said { what: None, from: i, to: i + 1 }),
            _ => None,
        })
        .collect();
    let mut kept: Vec<Said<Option<&'static str>>> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let previous = i.checked_sub(1).map_or(0, |p| names[p].to);
        let next = names.get(i + 1).map_or(heard.tokens.len(), |n| n.from);
        if !refused(heard, name, previous, next)
            && !of_others(heard, name, previous, next)
            && !settle::quoted(heard, name.from, name.to)
        {
            kept.push(*name);
        }
    }
    settle::correct(heard, &mut kept, |_, _| {});
    let mut options: Vec<Said<&'static str>> = Vec::new();
    for name in kept {
        if let Some(code) = name.what
            && options.iter().all(|o| o.what != code)
        {
            options.push(Said { what: code, from: name.from, to: name.to });
        }
    }
    let Some((first, last)) = options.first().zip(options.last()) else {
        return Reading { unfinished, ..Reading::default() };
    };
    let span = heard.span(first.from, last.to);
    let value = |s: &Said<&'static str>| Some(Value::Language(s.what));
    if options.len() == 1 {
        return Reading { value: value(first), ambiguous: false, readings: Vec::new(), unfinished, span };
    }
    Reading { value: None, ambiguous: true, readings: options.iter().map(value).collect(), unfinished, span }
}

/// Names of a language as callers say them, in English and in some script of its own; none for a language that is not known.
pub fn names(iso639: &str) -> Vec<String> {
    lexicon::language_names(iso639)
}

/// A language refused or not known.
fn refused(heard: &Heard, name: &Said<Option<&'static str>>, previous: usize, next: usize) -> bool {
    let start =
        (previous..name.from).rev().find(|&at| ends_clause(heard.tokens[at].word)).map_or(previous, |at| at + 1);
    let end = (name.to..next).find(|&at| ends_clause(heard.tokens[at].word)).unwrap_or(next);
    let denied = heard.any(start, name.from, |w| {
        matches!(
            w,
            Word::Not
                | Word::Cant
                | Word::Except
                | Word::NoNeed
                | Word::DontKnow
                | Word::Fails
                | Word::Without
                | Word::PlainNo
        )
    }) || heard.before(name.from) == Some(Word::No);
    let after = heard.any(name.to, end, |w| {
        matches!(
            w,
            Word::Nahi
                | Word::Not
                | Word::Cant
                | Word::DontKnow
                | Word::NoNeed
                | Word::Without
                | Word::Except
                | Word::Fails
                | Word::PlainNo
        )
    });
    denied || after
}

/// A place, or what somebody else speaks.
fn of_others(heard: &Heard, name: &Said<Option<&'static str>>, previous: usize, next: usize) -> bool {
    let start =
        (previous..name.from).rev().find(|&at| ends_clause(heard.tokens[at].word)).map_or(previous, |at| at + 1);
    let end = (name.to..next).find(|&at| ends_clause(heard.tokens[at].word)).unwrap_or(next);
    let third = heard.any(start, end, |w| matches!(w, Word::Speak | Word::Talk | Word::Of));
    let somebody = (start..name.from).any(|at| match heard.tokens[at].word {
        Word::He | Word::Others | Word::Human | Word::Someone => third,
        // "hum log Hindi bolte hain" is ourselves.
        Word::Unit(Unit::Thing) => third && !matches!(heard.before(at), Some(Word::Hum | Word::I)),
        Word::My => {
            third && matches!(heard.word(at + 1), Some(Word::Other | Word::Unit(_) | Word::Human | Word::Filler))
        }
        _ => false,
    });
    let asked = heard.any(start, end, |w| w == Word::Want);
    somebody && !asked
}

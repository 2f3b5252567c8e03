//! Whether the speaker asks for a human being on this call.

use super::heard::Heard;
use super::lexicon::Word;
use super::{Reading, Value};

/// Reads a request for a person; always true or false.
pub(super) fn read(heard: &Heard) -> Reading {
    let mut wanted = None;
    let mut start = 0;
    while start < heard.tokens.len() {
        let end = (start..heard.tokens.len())
            .find(|&at| {
                matches!(heard.tokens[at].word, Word::Comma | Word::Stop | Word::Question | Word::But | Word::Ellipsis)
            })
            .unwrap_or(heard.tokens.len());
        let question = heard.word(end) == Some(Word::Question);
        if let Some(says) = clause(heard, start, end, question) {
            wanted = Some((says, start, end));
        }
        start = end + 1;
    }
    let (says, span) = match wanted {
        Some((says, from, to)) => (says, if says { heard.span(from, to) } else { 0..0 }),
        None => (false, 0..0),
    };
    Reading { value: Some(Value::Handover(says)), ambiguous: false, readings: Vec::new(), unfinished: false, span }
}

/// What one clause says: a request, a refusal of one, or nothing.
fn clause(heard: &Heard, from: usize, to: usize, question: bool) -> Option<bool> {
    let any = |is: &dyn Fn(Word) -> bool| heard.any(from, to, is);
    let human = (from..to).find(|&at| matches!(heard.tokens[at].word, Word::Human) && !owned(heard, from, at));
    let someone = any(&|w| matches!(w, Word::Someone | Word::Others));
    let own =
        (from..to).any(|at| matches!(heard.tokens[at].word, Word::Human | Word::Unit(_)) && owned(heard, from, at));
    let machine = any(&|w| w == Word::Machine);
    let talk = any(&|w| w == Word::Talk);
    let connect = any(&|w| w == Word::Connect);
    let make = any(&|w| w == Word::TalkMake);
    let want = any(&|w| w == Word::Want);
    // "aadmi bhej do" sends a man to the lorry, not to the phone.
    let give = (from..to).any(|at| {
        let word = heard.tokens[at].word;
        word == Word::CallMe && !announced(heard, from, at)
            || word == Word::Give && heard.before(at) != Some(Word::Stem)
    });
    let negative = any(&|w| {
        matches!(w, Word::Cant | Word::Not | Word::Nahi | Word::NoNeed | Word::No | Word::PlainNo | Word::Without)
    });
    let asks_who = any(&|w| matches!(w, Word::Wh | Word::Answering | Word::What));

    if machine && human.is_none() && !someone {
        // Refusing to talk to a machine asks for a person; asking whether this is one does not.
        let refuses = talk && (negative || asks_who);
        return refuses.then_some(true);
    }
    if any(&|w| w == Word::AreYou) && question && !(talk || connect) {
        return None;
    }
    if own && human.is_none() {
        return None;
    }
    let person = human.is_some() || someone;
    let can = any(&|w| w == Word::Can) && any(&|w| w == Word::Hum);
    let asks = connect
        || talk
            && (person
                && (make
                    || can
                    || want
                    || give
                    || any(&|w| matches!(w, Word::Please | Word::To | Word::Of | Word::With))))
        || make && (person || talk)
        || human.is_some() && (give || want || any(&|w| w == Word::Please));
    if negative && (asks || talk || connect) {
        if machine {
            return Some(true);
        }
        return Some(false);
    }
    if asks && !offers_own(heard, from, to, human) {
        return Some(true);
    }
    let bare = human.is_some_and(|_| {
        (from..to).all(|at| {
            matches!(
                heard.tokens[at].word,
                Word::Human | Word::Article | Word::Filler | Word::Please | Word::Your | Word::Yes | Word::Ji
            )
        })
    });
    (bare && !question).then_some(true)
}

/// "the owner will call me", which tells; "can a human call me" asks.
fn announced(heard: &Heard, from: usize, at: usize) -> bool {
    heard.before(at) == Some(Word::I) && heard.any(from, at, |w| matches!(w, Word::Human | Word::Someone))
}

/// "my manager", "mere driver".
fn owned(heard: &Heard, from: usize, at: usize) -> bool {
    (from..at).rev().take(2).any(|p| match heard.tokens[p].word {
        Word::My => true,
        // "apna" is mine only where I am the subject: "main apne manager se poochta hoon", but "apne manager ko phone do".
        Word::Apna => heard.any(from, p, |w| w == Word::Hum),
        _ => false,
    })
}

/// "my manager will talk to you", "someone will come", "500 per person".
fn offers_own(heard: &Heard, from: usize, to: usize, human: Option<usize>) -> bool {
    let Some(at) = human else {
        return heard.any(from, to, |w| w == Word::My);
    };
    matches!(heard.before(at), Some(Word::PerUnit | Word::Each)) || heard.num_ending(at).is_some()
}

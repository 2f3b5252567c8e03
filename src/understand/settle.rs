//! Which of several values of one kind stands: corrections, denials, quotations, alternatives.
//!
//! Knows nothing of what the values mean; works on where they stand among the words. Key types: [`Said`].

use super::heard::{Heard, is_filler};
use super::lexicon::{Unit, Word};

/// A value and the tokens that it rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<T> {
    pub(super) what: T,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// True if "not" or "didn't say" stands right before token `from`.
pub(super) fn denied_before(heard: &Heard, from: usize) -> bool {
    let mut at = from;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::Not | Word::DidntSay => return true,
            Word::For
            | Word::At
            | Word::Of
            | Word::Is
            | Word::About
            | Word::Filler
            | Word::Rupee
            | Word::Ko
            | Word::In
            | Word::Inside
            | Word::From
            | Word::Between
            | Word::Article => {}
            _ => return false,
        }
    }
    false
}

/// True if a Hindi "nahi" follows token `to` in its clause before token `limit`, with no other value between.
pub(super) fn denied_after(heard: &Heard, to: usize, limit: usize) -> bool {
    heard.any(to, heard.clause_end(to).min(limit), |w| w == Word::Nahi)
}

/// True if words between tokens `from` and `to` take back what was said before them.
pub(super) fn corrects(heard: &Heard, from: usize, to: usize) -> bool {
    heard.any(from, to, |w| {
        matches!(w, Word::Correct | Word::Nahi | Word::No | Word::PlainNo | Word::DidntSay | Word::Wrong)
    })
}

/// Drops every value that a later one corrects.
pub(super) fn correct<T>(heard: &Heard, said: &mut Vec<Said<T>>, mut carry: impl FnMut(&T, &mut T)) {
    let mut i = 0;
    while i + 1 < said.len() {
        if corrects(heard, said[i].to, said[i + 1].from) {
            let old = said.remove(i);
            carry(&old.what, &mut said[i].what);
        } else {
            i += 1;
        }
    }
}

/// True if the clause around tokens `from..to` quotes the agent.
pub(super) fn quoted(heard: &Heard, from: usize, to: usize) -> bool {
    let start = heard.clause_start(from);
    let end = heard.clause_end(to);
    heard.any(start, from, |w| w == Word::Quote)
        || heard.any(start, from, |w| matches!(w, Word::YouErg | Word::You))
            && heard.any(to, end, |w| matches!(w, Word::Said | Word::HadSaid))
        || heard.any(to, end, |w| matches!(w, Word::Said | Word::HadSaid)) && heard.any(to, end, |w| w == Word::YouErg)
        || heard.any(to, end, |w| w == Word::Quote)
}

/// True if the time at tokens `from..to` is only when somebody will call or tell more, or when a place opens: "call me at four", "kal
/// batata hoon". `far`: the words say how far off it is, "in ten minutes".
pub(super) fn put_off(heard: &Heard, from: usize, to: usize, far: bool) -> bool {
    let later = |word: Option<Word>| {
        matches!(word, Some(Word::CallBack | Word::CallMe | Word::Tell | Word::DontKnow | Word::Talk | Word::Opens))
    };
    let between = |w: Word| is_filler(w) || matches!(w, Word::Ko | Word::In | Word::Hum | Word::You | Word::I);
    let at = heard.skip(to, between);
    // "Four o'clock, call me before": the call is beside it.
    if later(heard.word(at)) && heard.clause_end(at) <= at + 3 {
        let bound = |w: Word| matches!(w, Word::Before | Word::SePehle | Word::After | Word::KeBaad);
        return !heard.any(at, heard.clause_end(at), bound);
    }
    let named = |w: Word| matches!(w, Word::Day(_) | Word::Kal | Word::Weekday(_) | Word::Part(_) | Word::Tonight);
    let mut at = from;
    let mut joined = far || heard.word(from).is_some_and(named);
    while let Some(word) = heard.before(at) {
        match word {
            Word::CallBack | Word::CallMe | Word::Opens => return !comes_next(heard, to),
            Word::Tell => return joined,
            Word::At | Word::Inside | Word::By | Word::After | Word::Before | Word::Between | Word::From => {
                joined = true
            }
            word if named(word) => joined = true,
            Word::Next | Word::This | Word::You | Word::Ko | Word::Article => {}
            word if is_filler(word) => {}
            _ => return false,
        }
        at -= 1;
    }
    false
}

/// "(phone karna) 4 baje aana": the hour that ends at token `to` is when somebody comes or is free. A word of joining or of
/// condition between parts the two: "call me at four before you come".
fn comes_next(heard: &Heard, to: usize) -> bool {
    let light = |w: Word| {
        is_filler(w) && w != Word::Then
            || matches!(
                w,
                Word::Ko | Word::In | Word::Hum | Word::You | Word::KeBaad | Word::Till | Word::Unit(Unit::Thing)
            )
    };
    let at = heard.skip(to, light);
    let arrives = heard.before(at) == Some(Word::Unit(Unit::Thing)) && heard.word(at) == Some(Word::Is);
    arrives || matches!(heard.word(at), Some(Word::Come | Word::Free))
}

/// True if the words around tokens `from..to` only ask: a question that offers nothing.
pub(super) fn asked(heard: &Heard, from: usize, to: usize) -> bool {
    let start = heard.clause_start(from);
    let end = (to..heard.tokens.len())
        .find(|&at| matches!(heard.tokens[at].word, Word::Stop | Word::Question | Word::Ellipsis))
        .unwrap_or(heard.tokens.len());
    let wonders = heard.any(start, from, |w| matches!(w, Word::Wh | Word::What | Word::AreYou))
        || heard.any(to, end, |w| matches!(w, Word::Wh | Word::What));
    let offers = heard.any(to, end, |w| matches!(w, Word::Fine | Word::Yes | Word::NoProblem));
    if heard.word(end) != Some(Word::Question) {
        // "kya 500 bola": a question without its mark.
        let first = heard.skip(start, |w| is_filler(w) || matches!(w, Word::Yes | Word::Ji));
        let opens = heard.word(first) == Some(Word::What) && heard.word(first + 1) != Some(Word::I);
        return opens && start < from && !offers;
    }
    wonders || !offers && !heard.any(to, end, |w| w == Word::Comma)
}

/// Token ranges between the words of alternative that stand between two values.
pub(super) fn alternatives(heard: &Heard, values: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut start = 0;
    for i in 0..heard.tokens.len() {
        let splits = (heard.tokens[i].word == Word::Or || other_case(heard, i))
            && values.iter().any(|v| v.0 >= start && v.1 <= i)
            && values.iter().any(|v| v.0 > i);
        if splits {
            cuts.push((start, i));
            // "Without" says which case it is.
            start = if heard.tokens[i].word == Word::Without { i } else { i + 1 };
        }
    }
    cuts.push((start, heard.tokens.len()));
    cuts
}

/// "loading karwaoge to 1200 nahi to 1500", "with labour 2000 without labour 1600": the other of two cases begins at token `i`.
fn other_case(heard: &Heard, i: usize) -> bool {
    match heard.tokens[i].word {
        Word::NahiTo => heard.any(heard.clause_start(i), i, |w| matches!(w, Word::Then | Word::To | Word::Side)),
        Word::Without => {
            heard.word(i + 1) == Some(Word::Side)
                && heard.any(0, i, |w| w == Word::Side)
                && heard.any(0, i, |w| matches!(w, Word::With | Word::KeSaath | Word::Included))
        }
        _ => false,
    }
}

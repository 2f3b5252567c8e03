//! What the words around an amount make of it: side amount, total, bound, refused, quoted, somebody else's, usual or final.
//!
//! Every mark is looked for in the words that belong to the amount: from the last boundary or amount before it to the next after it.

use super::clause::Clause;
use super::heard::{Heard, ends_clause, is_filler};
use super::lexicon::{Cue, Unit, Word};
use super::{Per, settle};

/// The marks of one amount.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) side: bool,
    pub(super) total: bool,
    pub(super) bound: bool,
    pub(super) floor: bool,
    pub(super) ceiling: bool,
    pub(super) base: bool,
    pub(super) refused: bool,
    pub(super) denied: bool,
    pub(super) quoted: bool,
    /// Another's price or an earlier one.
    pub(super) others: bool,
    /// "normally", "list rate".
    pub(super) usual: bool,
    /// "final", "for you".
    pub(super) settled: bool,
    /// What is left after a discount.
    pub(super) lowered: bool,
}

/// The marks of amount `i` of `places` (token ranges, in order); `range` if it has an upper end of its own.
pub(super) fn marks(heard: &Heard, places: &[(usize, usize)], i: usize, range: bool) -> Marks {
    let (from, to) = places[i];
    let left = left_edge(heard, places, i);
    let right = right_edge(heard, places, i);
    let before = |is: &dyn Fn(Word) -> bool| heard.any(left, from, is);
    let after = |is: &dyn Fn(Word) -> bool| heard.any(to, right, is);
    let mut marks = Marks { total: before(&|w| w == Word::Total) || after(&|w| w == Word::Total), ..Marks::default() };
    let less = |w: Word| matches!(w, Word::LessThan | Word::MoreThan | Word::NotLess | Word::NotMore);
    // A bound after the amount is its own only if no other number follows it: "600 upto 10 km".
    let bounded = |is: &dyn Fn(Word) -> bool| {
        (to..right).any(|at| is(heard.tokens[at].word) && heard.num_at(heard.skip(at + 1, is_filler)).is_none())
    };
    let floor = before(&|w| matches!(w, Word::AtLeast | Word::NotLess))
        || bounded(&|w| matches!(w, Word::AtLeast | Word::NotLess))
        || before(&|w| w == Word::LessThan)
            && before(&|w| matches!(w, Word::Cant | Word::Not | Word::No | Word::Fails))
        || bounded(&|w| w == Word::LessThan) && after(&|w| matches!(w, Word::Nahi | Word::Not | Word::Fails));
    let ceiling = before(&|w| matches!(w, Word::AtMost | Word::NotMore))
        || bounded(&|w| matches!(w, Word::AtMost | Word::NotMore))
        || matches!(heard.word(to), Some(Word::KeAndar))
        || matches!(heard.before(from), Some(Word::Within))
        || !range && (heard.word(to) == Some(Word::Till) || till_opens(heard, from));
    marks.floor = floor;
    marks.ceiling = ceiling;
    marks.bound = floor
        || ceiling
        || before(&less)
        || bounded(&less)
        || heard.word(to) == Some(Word::Plus) && plus_ends(heard, to);
    marks.base = before(&|w| w == Word::Base) || after(&|w| w == Word::Base);

    marks.side = side(heard, left, from, to, right);
    let clause = Clause::of(heard, from, to);
    marks.quoted = settle::quoted(heard, from, to) || settle::asked(heard, from, to) || clause.asks();
    marks.denied = settle::denied_before(heard, from);
    let limit = places.get(i + 1).map_or(heard.tokens.len(), |p| p.0);
    marks.refused = !marks.bound && refused(heard, left, from, to, right, limit);

    marks.lowered = lowered(heard, left, from) || left_over(heard, to, right);
    let settled =
        marks.lowered || before(&|w| w == Word::Apna) || before(&|w| w == Word::Final) || after(&|w| w == Word::Final);
    let earlier = before(&|w| matches!(w, Word::Earlier | Word::Yesterday))
        || after(&|w| matches!(w, Word::Earlier | Word::PastVerb | Word::HadSaid));
    let usual = before(&|w| w == Word::Normal);
    marks.others = clause.others()
        || clause.remembers()
        || (before(&|w| matches!(w, Word::Others | Word::Someone))
            || after(&|w| w == Word::Others)
            || before(&|w| w == Word::He) && !before(&|w| w == Word::My)
            || earlier)
            && !settled_after_other(heard, left, from);
    marks.settled = settled && !marks.others && !usual_after_settled(heard, left, from);
    marks.usual = usual && !marks.settled;
    marks
}

/// "till 800", but not "teen baje tak 800".
fn till_opens(heard: &Heard, from: usize) -> bool {
    heard.before(from) == Some(Word::Till)
        && from >= 1
        && heard.num_ending(from - 1).is_none()
        && !matches!(
            heard.before(from - 1),
            Some(
                Word::Oclock
                    | Word::AmPm(_)
                    | Word::Part(_)
                    | Word::Clock { .. }
                    | Word::Noon
                    | Word::Kal
                    | Word::Day(_)
                    | Word::Weekday(_)
            )
        )
}

/// "this time" after "last time" in one breath: what comes last counts.
fn settled_after_other(heard: &Heard, left: usize, from: usize) -> bool {
    let last = |is: fn(Word) -> bool| (left..from).rev().find(|&at| is(heard.tokens[at].word));
    match (last(|w| w == Word::Final), last(|w| matches!(w, Word::Others | Word::Someone | Word::Earlier | Word::He))) {
        (Some(settled), Some(other)) => settled > other,
        _ => false,
    }
}

fn usual_after_settled(heard: &Heard, left: usize, from: usize) -> bool {
    let last = |is: fn(Word) -> bool| (left..from).rev().find(|&at| is(heard.tokens[at].word));
    match (last(|w| w == Word::Normal), last(|w| w == Word::Final)) {
        (Some(usual), Some(settled)) => usual > settled,
        _ => false,
    }
}

/// "500 plus" at the end is a bound; "500 plus loading" is not.
fn plus_ends(heard: &Heard, to: usize) -> bool {
    heard.word(heard.skip(to + 1, is_filler)).is_none_or(ends_clause)
}

/// True if "between" opens right before token `from`.
pub(super) fn opened_between(heard: &Heard, from: usize) -> bool {
    let mut at = from;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::Between => return true,
            Word::Filler | Word::About | Word::Rupee | Word::Of | Word::Is => {}
            _ => return false,
        }
    }
    false
}

fn boundary(word: Word) -> bool {
    ends_clause(word) || matches!(word, Word::And | Word::Plus | Word::Or | Word::Correct | Word::Hyphen)
}

/// Words that begin the phrase of the amount that follows them.
fn opens(word: Word) -> bool {
    matches!(
        word,
        Word::Side
            | Word::Charge
            | Word::Final
            | Word::Normal
            | Word::Earlier
            | Word::Others
            | Word::Total
            | Word::AtLeast
            | Word::AtMost
            | Word::Another
            | Word::My
            | Word::I
            | Word::Hum
            | Word::With
            | Word::Without
            | Word::After
            | Word::Lowered
    )
}

fn left_edge(heard: &Heard, places: &[(usize, usize)], i: usize) -> usize {
    let from = places[i].0;
    let Some(previous) = i.checked_sub(1).map(|p| places[p].1) else {
        // "can't come before 4 and 1200": what is said of an hour is not said of the amount.
        let other = |at: usize| {
            let start = heard.clause_start(at);
            heard.nums.iter().any(|n| n.from >= start && n.to <= at)
        };
        return (0..from)
            .rev()
            .find(|&at| match heard.tokens[at].word {
                Word::And => other(at),
                word => ends_clause(word),
            })
            .map_or(0, |at| at + 1);
    };
    if let Some(at) = (previous..from).rev().find(|&at| boundary(heard.tokens[at].word)) {
        return at + 1;
    }
    share(heard, places[i - 1].0, previous, from)
}

fn right_edge(heard: &Heard, places: &[(usize, usize)], i: usize) -> usize {
    let to = places[i].1;
    let Some(next) = places.get(i + 1).map(|p| p.0) else {
        return (to..heard.tokens.len())
            .find(|&at| {
                let word = heard.tokens[at].word;
                // "toll and parking extra" is one matter.
                let listed = heard.before(at) == Some(Word::Side) && heard.word(at + 1) == Some(Word::Side);
                // "700 and above" goes on.
                let bounds = matches!(heard.word(at + 1), Some(Word::MoreThan | Word::LessThan | Word::Onwards));
                ends_clause(word) || matches!(word, Word::And | Word::Plus) && !listed && !bounds
            })
            .unwrap_or(heard.tokens.len());
    };
    let cut = |word| boundary(word) || matches!(word, Word::Not | Word::DidntSay);
    (to..next).find(|&at| cut(heard.tokens[at].word)).unwrap_or_else(|| share(heard, places[i].0, to, next))
}

/// Where two amounts with no boundary between them divide the words between them; the first amount begins at `first`.
fn share(heard: &Heard, first: usize, from: usize, to: usize) -> usize {
    // An amount with a noun of its own before it leaves what follows to the next: "kiraya 2000 labour ka 300".
    let named = heard.any(heard.clause_start(first), first, |w| matches!(w, Word::Charge | Word::Unit(Unit::Per(_))));
    let opening = (from..to).find(|&at| {
        let word = heard.tokens[at].word;
        let trip = matches!(word, Word::Unit(Unit::Per(_)))
            && at > from
            && !matches!(
                heard.tokens[at - 1].word,
                Word::PerUnit | Word::Article | Word::Each | Word::Slash | Word::For
            );
        let side_of_first = word == Word::Side
            && at > from
            && matches!(heard.tokens[at - 1].word, Word::For | Word::Of | Word::Rupee | Word::Extra);
        let side_right_after = !named && word == Word::Side && at == from && heard.any(from, to, |w| w == Word::Of);
        (opens(word) || trip) && !side_of_first && !side_right_after
    });
    opening.unwrap_or(to)
}

/// "loading alag, kiraya 1200" in one breath: what is apart is named before the price.
fn apart(heard: &Heard, from: usize, to: usize) -> bool {
    let extra = (from..to).find(|&at| heard.tokens[at].word == Word::Extra);
    extra.is_some_and(|at| {
        heard.any(at + 1, to, |w| matches!(w, Word::Charge | Word::Final | Word::Unit(Unit::Per(Per::Trip))))
    })
}

/// "after discount 700", "discount ke baad 700", "kam kar ke 700": what is left of an earlier price.
fn lowered(heard: &Heard, left: usize, from: usize) -> bool {
    let light = |w: Word| is_filler(w) || matches!(w, Word::Rupee | Word::Is | Word::It | Word::Charge);
    let Some(at) = (left..from).rev().find(|&at| !light(heard.tokens[at].word)) else { return false };
    match heard.tokens[at].word {
        Word::Lowered => true,
        Word::KeBaad => heard.before(at) == Some(Word::Off),
        Word::Off => off_after(heard, at) == Some(Word::After),
        _ => false,
    }
}

/// "700 after discount", "700 discount ke baad" with no other price to follow.
fn left_over(heard: &Heard, to: usize, right: usize) -> bool {
    let at = heard.skip(to, |w| is_filler(w) || w == Word::Rupee);
    let off = |at: usize| at < right && heard.word(at) == Some(Word::Off);
    match heard.word(at) {
        Some(Word::After) => off(heard.skip(at + 1, |w| is_filler(w) || w == Word::Article)),
        Some(Word::Off) => {
            let end = heard.clause_end(at);
            heard.word(at + 1) == Some(Word::KeBaad) && !heard.nums.iter().any(|n| n.from > at && n.from < end)
        }
        _ => false,
    }
}

/// The "after" or "with" of the discount at token `at`; an amount between is the discount: "after 100 rupees discount".
fn off_after(heard: &Heard, at: usize) -> Option<Word> {
    let amount = |p: usize| heard.nums.iter().any(|n| n.from <= p && p < n.to);
    let part = |p: usize| {
        amount(p)
            || is_filler(heard.tokens[p].word)
            || matches!(heard.tokens[p].word, Word::Article | Word::Rupee | Word::Of)
    };
    let opening = (0..at).rev().find(|&p| !part(p)).map(|p| heard.tokens[p].word);
    opening.filter(|w| matches!(w, Word::After | Word::With))
}

/// A side amount: loading and the like beside it, or marked extra.
fn side(heard: &Heard, left: usize, from: usize, to: usize, right: usize) -> bool {
    let covers = |w: Word| matches!(w, Word::Included | Word::KeSaath | Word::Without | Word::With | Word::Free);
    // "100 rupees discount", "sau kam kar dunga", "diesel 95 rupaye litre", "sau rupaye ka diesel".
    let linked = |w: Word| is_filler(w) || matches!(w, Word::Rupee | Word::Of);
    let after = heard.skip(to, linked);
    let before = (left..from).rev().find(|&at| !linked(heard.tokens[at].word));
    let burnt = |at: usize| {
        let covered = |w: Word| matches!(w, Word::With | Word::Included | Word::Without | Word::Plus);
        heard.word(at) == Some(Word::Fuel) && !heard.any(left, at, covered)
    };
    // "with a discount of 100", but "after discount 700": the price that is left.
    let off = |at: usize| {
        heard.word(at) == Some(Word::Off) && (heard.any(at, from, |w| w == Word::Of) || off_after(heard, at).is_none())
    };
    if matches!(heard.word(after), Some(Word::Off | Word::Lowered)) && !left_over(heard, to, right)
        || heard.word(after) == Some(Word::Fuel) && heard.any(to, after, |w| w == Word::Of)
        || before.is_some_and(|at| off(at) || burnt(at))
        || heard.before(from) == Some(Word::Is) && from.checked_sub(2).is_some_and(burnt)
    {
        return true;
    }
    // Before the amount.
    let before = (left..from).rev().find(|&at| heard.tokens[at].word == Word::Side);
    if let Some(at) = before {
        let covered = heard
            .any(left, at, |w| matches!(w, Word::With | Word::Without | Word::Included | Word::After | Word::Plus))
            || heard.any(at + 1, from, |w| covers(w) || matches!(w, Word::Total | Word::Plus | Word::My | Word::Then))
            || heard.any(at + 1, from, |w| w == Word::To) && heard.any(to, heard.tokens.len(), |w| w == Word::NahiTo)
            || apart(heard, at, from);
        if !covered {
            return true;
        }
    }
    if heard.any(left, from, |w| matches!(w, Word::Extra | Word::Another))
        && !(before.is_some() && heard.any(left, from, |w| w == Word::Total))
        && !apart(heard, left, from)
    {
        let without = heard.any(left, from, |w| matches!(w, Word::Without | Word::No | Word::Not));
        if !without {
            return true;
        }
    }
    // After it.
    let after = (to..right).find(|&at| heard.tokens[at].word == Word::Side);
    let extra = (to..right).find(|&at| matches!(heard.tokens[at].word, Word::Extra | Word::Another));
    match (after, extra) {
        (Some(side), extra) => {
            // "There is loading also", "loading bhi hai": why it costs that much.
            if heard.cue(side + 1, Cue::Also) && extra.is_none() {
                return false;
            }
            let covered = heard.any(to, side, |w| {
                covers(w) || matches!(w, Word::Plus | Word::And | Word::Not | Word::No | Word::Nahi | Word::But)
            }) || heard.any(side + 1, right, covers);
            if covered {
                return false;
            }
            let linked = heard.any(to, side, |w| matches!(w, Word::For | Word::Of | Word::Extra | Word::Another));
            let ends = !heard.any(side + 1, right, |w| matches!(w, Word::Extra));
            // "500 loading alag": the loading is apart, the amount is not it.
            linked || ends || extra.is_some_and(|e| e < side)
        }
        (None, Some(extra)) => {
            !heard.any(to, extra, |w| matches!(w, Word::No | Word::Not | Word::Without))
                && !heard.any(extra, right, |w| w == Word::Nahi)
        }
        (None, None) => false,
    }
}

/// A price that is turned down.
fn refused(heard: &Heard, left: usize, from: usize, to: usize, right: usize, limit: usize) -> bool {
    let turned = heard.any(left, from, |w| matches!(w, Word::Cant | Word::Fails | Word::TooLow | Word::NoNeed))
        || heard.any(to, right, |w| matches!(w, Word::TooLow | Word::Fails | Word::Cant | Word::Nahi | Word::NoNeed))
        || heard.any(to, right, |w| w == Word::Not);
    if turned {
        return true;
    }
    // "nahi ho payega 500 mein"
    let denied = (left..from).find(|&at| matches!(heard.tokens[at].word, Word::Nahi | Word::PlainNo));
    if let Some(at) = denied
        && heard.word(to) == Some(Word::In)
        && heard.any(at + 1, from, |w| matches!(w, Word::Other | Word::Is | Word::Can))
    {
        return true;
    }
    // "500, nahi ho payega": a denial that stands alone after the amount.
    let clause = heard.clause_end(to).min(limit);
    if !matches!(heard.word(clause), Some(Word::Comma | Word::Ellipsis | Word::Stop)) {
        return false;
    }
    let next_end = heard.clause_end(clause + 1).min(limit);
    let alone = heard.any(clause + 1, next_end, |w| matches!(w, Word::Fails | Word::TooLow));
    alone
        && next_end == heard.clause_end(clause + 1)
        && clause + 1 < next_end
        && !heard.any(clause + 1, next_end, |w| matches!(w, Word::Side | Word::Extra))
}

//! Whether a text stops in the middle of a value: "five hundred and", "between two", "saade".
//!
//! Used for the end of a turn only; it never changes a value.

use super::Kind;
use super::heard::{Heard, Role};
use super::lexicon::Word;

/// True if more words of `kind` must follow.
pub(super) fn dangles(heard: &Heard, kind: Kind) -> bool {
    let mut end = heard.tokens.len();
    while end > 0 && matches!(heard.tokens[end - 1].word, Word::Stop | Word::Comma | Word::Filler) {
        end -= 1;
    }
    let Some(last) = end.checked_sub(1) else { return false };
    let word = heard.tokens[last].word;
    let numeric = matches!(kind, Kind::Money | Kind::Number | Kind::TimeWindow | Kind::Date | Kind::Phone);
    if !numeric {
        return matches!(word, Word::Or | Word::And | Word::Ellipsis);
    }
    let joint = matches!(
        word,
        Word::And
            | Word::Or
            | Word::Plus
            | Word::To
            | Word::Too
            | Word::Se
            | Word::Hyphen
            | Word::Between
            | Word::From
            | Word::Saade
            | Word::Sava
            | Word::Paune
            | Word::Repeat(_)
            | Word::Point
            | Word::Ellipsis
            | Word::PerUnit
            | Word::Article
            | Word::AtLeast
            | Word::About
            | Word::HalfPast
            | Word::QuarterTo
            | Word::QuarterPast
            | Word::Past
            | Word::After
            | Word::Before
            | Word::By
            | Word::Next
            | Word::At
            | Word::For
    );
    // "Paanch baje ke kareeb": the value is before it.
    let before = last.checked_sub(1).map(|at| heard.tokens[at].word);
    let said = matches!(before, Some(Word::Oclock | Word::AmPm(_) | Word::Rupee | Word::Clock { .. } | Word::Part(_)))
        || heard.num_ending(last).is_some();
    if word == Word::About && said {
        return false;
    }
    if joint {
        // "2 baje se" and "500 to lagega": only a joint right after something that can be joined, or an opening word.
        return !matches!(word, Word::Se) || heard.num_ending(last).is_some();
    }
    match kind {
        Kind::Phone => {
            let digits: u32 = heard.nums.iter().map(|n| u32::from(n.digits.max(1))).sum();
            heard.num_ending(end).is_some() && digits < 10
        }
        Kind::Money => heard.num_ending(end).is_some_and(|k| {
            let num = heard.nums[k];
            let bare = !num.scale && num.value < 10_000_000 && heard.roles[k] == Role::Bare;
            bare || open_between(heard, num.from)
        }),
        Kind::TimeWindow | Kind::Number | Kind::Date => {
            heard.num_ending(end).is_some_and(|k| open_between(heard, heard.nums[k].from))
        }
        Kind::Handover | Kind::Language | Kind::YesNo => false,
    }
}

/// "between two": a pair that has one end.
fn open_between(heard: &Heard, from: usize) -> bool {
    matches!(heard.before(from), Some(Word::Between))
}

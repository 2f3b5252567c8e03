//! Numbers side by side: a range before one scale, a hundred left out, or an hour that begins a new number.
//!
//! Answers questions of [`super::number`] about what stands next to a count; it builds no number itself.

use super::Per;
use super::lexicon::{Unit, Word};
use super::number::{ONE, Part, PartKind, part, scales, word};
use super::sense::is_number;
use super::token::Token;

/// The tens after an English unit that leave "hundred" out: "two | fifty".
pub(super) fn left_out(tokens: &[Token], count: Part) -> Option<Part> {
    if count.kind != PartKind::Small || count.value >= 20 * ONE {
        return None;
    }
    let rest = part(tokens, count.to).filter(|p| matches!(p.kind, PartKind::Small | PartKind::Tens))?;
    (rest.value >= 10 * ONE && scales(tokens, rest.to).is_none()).then_some(rest)
}

/// Two counts that make a range side by side: "chaar paanch", "pachis tees".
pub(super) fn close_by(low: i64, high: i64) -> bool {
    high == low + 1 || low >= 5 && low % 5 == 0 && high % 5 == 0 && low < high && high - low <= 10 && high <= 2 * low
}

/// Two hours side by side before o'clock ("das gyarah baje") are not hundreds and rest.
pub(super) fn clock_mark_only(tokens: &[Token], to: usize, first: i64, second: i64) -> bool {
    matches!(word(tokens, to), Some(Word::Oclock)) && second <= 12 && first < second
}

/// "four five hundred": two counts before one scale.
pub(super) fn neighbours(tokens: &[Token], first: Part, terms: usize) -> Option<(i64, i64, usize)> {
    if terms > 0 || matches!(first.kind, PartKind::Quarters(_)) {
        return None;
    }
    let second = part(tokens, first.to)?;
    let (scale, to) = scales(tokens, second.to)?;
    let (low, high) = match second.kind {
        PartKind::Quarters(by) => (first.value, second.value + by * ONE / 4),
        PartKind::Small | PartKind::Tens | PartKind::Hindi | PartKind::Digits | PartKind::Fraction => {
            (first.value, second.value)
        }
    };
    let near = low < high && high <= low.checked_mul(2)? && high - low <= (5 * ONE).max(low / 4) && high < 100 * ONE;
    near.then(|| Some((low.checked_mul(scale)?, high.checked_mul(scale)?, to)))?
}

/// True if the count that ends before `at` is an hour of its own: "five hundred | two pm", "five hundred and | two to five".
pub(super) fn clockish(tokens: &[Token], at: usize, value: i64) -> bool {
    if matches!(word(tokens, at), Some(Word::AmPm(_) | Word::Oclock)) {
        return true;
    }
    if value > 31 * ONE {
        return false;
    }
    // "and 12 in the afternoon", "and 28/11"
    let mut after = at;
    while matches!(word(tokens, after), Some(Word::In | Word::Inside | Word::Filler | Word::At)) {
        after += 1;
    }
    let dated = matches!(word(tokens, at), Some(Word::Slash)) && tokens[at].glued;
    if dated || matches!(word(tokens, after), Some(Word::Part(_))) {
        return true;
    }
    match word(tokens, at) {
        Some(
            Word::AmPm(_)
            | Word::Oclock
            | Word::Clock { .. }
            | Word::Bajkar
            | Word::Part(_)
            | Word::Tonight
            | Word::Unit(Unit::Per(Per::Hour) | Unit::Minute)
            | Word::Tarikh
            | Word::Month(_)
            | Word::KeBaad
            | Word::SePehle
            | Word::PehleNahi
            | Word::BaadMat,
        ) => true,
        Some(Word::To | Word::Se | Word::Hyphen | Word::Till) if value <= 12 * ONE => match part(tokens, at + 1) {
            Some(end) => end.value <= 12 * ONE && scales(tokens, end.to).is_none(),
            None => false,
        },
        Some(Word::Small(_) | Word::Tens(_)) => {
            let mut to = at;
            while word(tokens, to).is_some_and(is_number) && to < at + 2 {
                to += 1;
            }
            matches!(word(tokens, to), Some(Word::AmPm(_) | Word::Oclock))
        }
        _ => false,
    }
}

//! Times counted from now: "in 2 hours", "within half an hour", "do ghante baad".

use super::Per;
use super::clock::{Found, Slot};
use super::heard::{Heard, is_filler};
use super::lexicon::{Unit, Word};
use super::number::ONE;

/// "in 2 hours", "within 3 hours", "do ghante baad", "half an hour from now".
pub(super) fn ahead(heard: &Heard, i: usize) -> Option<Found> {
    let opened = match heard.word(i)? {
        Word::Inside | Word::After => Some(false),
        Word::Within => Some(true),
        _ => None,
    };
    let at = if opened.is_some() { heard.skip(i + 1, |w| is_filler(w) || matches!(w, Word::Next)) } else { i };
    let (low, high, to) = minutes(heard, at)?;
    let (within, to) = match opened {
        Some(within) => (within, to),
        None => {
            let end = heard.skip(to, |w| matches!(w, Word::Filler | Word::Of | Word::Is | Word::About));
            match heard.word(end)? {
                Word::FromNow | Word::KeBaad | Word::In => (false, end + 1),
                Word::KeAndar => (true, end + 1),
                _ => return None,
            }
        }
    };
    // "500 in 2 hours" prices work, but "in" before a rate or after "per" does not point ahead.
    let slot = match (within, high) {
        (true, high) => Slot::Ahead(0, Some(high.unwrap_or(low))),
        (false, high) => Slot::Ahead(low, high),
    };
    Some(Found { slot, from: i, to, flipped: false, weak: false })
}

/// A duration in minutes, or two of them: "2 hours", "half an hour", "do teen ghante".
fn minutes(heard: &Heard, i: usize) -> Option<(i64, Option<i64>, usize)> {
    let (value, lower, to) = match heard.num_at(i) {
        Some(k) => {
            let num = heard.nums[k];
            let joint = matches!(heard.word(num.to), Some(Word::To | Word::Se | Word::Hyphen | Word::Or));
            match heard.num_at(num.to + 1).filter(|_| joint) {
                Some(k) => (heard.nums[k].value, Some(num.value), heard.nums[k].to),
                None => match heard.num_at(num.to) {
                    Some(k) => (heard.nums[k].value, Some(num.value), heard.nums[k].to),
                    None => (num.value, num.lower, num.to),
                },
            }
        }
        None if matches!(heard.word(i), Some(Word::Article)) => (ONE, None, i + 1),
        None => return None,
    };
    let unit = match heard.word(to)? {
        Word::Unit(Unit::Per(Per::Hour)) => 60,
        Word::Unit(Unit::Minute) => 1,
        _ => return None,
    };
    let mut to = to + 1;
    let mut count = value.checked_mul(unit)? / ONE;
    if unit == 60 {
        let at = heard.skip(to, |w| matches!(w, Word::And));
        if let Some(k) = heard.num_at(at)
            && matches!(heard.word(heard.nums[k].to), Some(Word::Unit(Unit::Minute)))
        {
            count += heard.nums[k].value / ONE;
            to = heard.nums[k].to + 1;
        } else if matches!(heard.word(to), Some(Word::AndHalf)) {
            count += 30;
            to += 1;
        }
    }
    if !(0..=60 * 24 * 7).contains(&count) {
        return None;
    }
    Some(match lower {
        Some(low) => (low * unit / ONE, Some(count), to),
        None => (count, None, to),
    })
}

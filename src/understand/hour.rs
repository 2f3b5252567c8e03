//! One clock time: which number is an hour, its minutes, and its marks of am, pm or a part of the day.
//!
//! Windows and bounds are made of these in [`super::clock`]. Key types: [`Point`], [`Hour`].

use super::Per;
use super::heard::{Heard, Role, is_filler};
use super::lexicon::{Part, Unit, Word};
use super::number::{Num, ONE};

/// What was said of the half of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Am,
    Pm,
    /// The hour is of 24 already.
    Whole,
    Part(Part),
}

/// A clock time as said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) mark: Mark,
}

/// A clock time with the tokens it takes.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) point: Point,
    pub(super) from: usize,
    pub(super) to: usize,
    /// A mark says that it is an hour, whatever stands around it.
    pub(super) sure: bool,
}

/// A part of the day that belongs to what stands before token `to`.
pub(super) fn part_after(heard: &Heard, to: usize) -> Option<(Part, usize)> {
    let at = heard.skip(to, |w| {
        is_filler(w) || matches!(w, Word::In | Word::Inside | Word::At | Word::Of | Word::Is | Word::Till)
    });
    let led = heard.any(to, at, |w| matches!(w, Word::In | Word::Inside | Word::At));
    let part = match heard.word(at)? {
        Word::Part(part) => part,
        Word::Tonight => Part::Night,
        Word::This | Word::Day(0) => match heard.word(at + 1) {
            Some(Word::Part(part)) => return Some((part, at)),
            _ => return None,
        },
        _ => return None,
    };
    let next = heard.skip(at + 1, |w| is_filler(w) || matches!(w, Word::Ko | Word::Of | Word::Is));
    let opens_another = !led && hour(heard, next).is_some();
    (!opens_another).then_some((part, at + 1))
}

/// The hour that begins at token `i`, with its suffixes.
pub(super) fn hour(heard: &Heard, i: usize) -> Option<Hour> {
    let whole =
        |hour, minute, to| Some(Hour { point: Point { hour, minute, mark: Mark::Whole }, from: i, to, sure: true });
    match heard.word(i)? {
        Word::Noon => return whole(12, 0, i + 1),
        Word::Midnight => return whole(0, 0, i + 1),
        Word::Clock { hour, minute } => return Some(suffixes(heard, i, i + 1, hour, minute, true)),
        Word::HalfPast | Word::QuarterPast | Word::QuarterTo => {
            let num = heard.nums[heard.num_at(i + 1)?];
            let hour = num.whole().and_then(|h| u8::try_from(h).ok()).filter(|h| (1..=12).contains(h))?;
            let (hour, minute) = match heard.word(i)? {
                Word::HalfPast => (hour, 30),
                Word::QuarterPast => (hour, 15),
                _ => (if hour == 1 { 12 } else { hour - 1 }, 45),
            };
            return Some(suffixes(heard, i, num.to, hour, minute, true));
        }
        _ => {}
    }
    let k = heard.num_at(i)?;
    if !matches!(heard.roles[k], Role::Bare | Role::Clock) {
        return None;
    }
    let num = heard.nums[k];
    // "ten past two", "10 minutes past 2"
    if heard.word(num.to) == Some(Word::Past)
        && let (Some(minute), Some(of)) = (small(&num), heard.num_at(num.to + 1))
        && let Some(hour) = small(&heard.nums[of]).filter(|h| (1..=12).contains(h))
        && minute < 60
    {
        return Some(suffixes(heard, i, heard.nums[of].to, hour, minute, true));
    }
    // "do bajkar tees minute", "paanch bajne mein das minute"
    if matches!(heard.word(num.to), Some(Word::Bajkar | Word::BajneMein))
        && let (Some(hour), Some(of)) = (small(&num), heard.num_at(num.to + 1))
        && let Some(minute) = small(&heard.nums[of]).filter(|m| (1..60).contains(m))
    {
        let after = heard.skip(heard.nums[of].to, |w| matches!(w, Word::Unit(Unit::Minute)));
        let (hour, minute) = match heard.word(num.to) {
            Some(Word::BajneMein) => (if hour <= 1 { 12 } else { hour - 1 }, 60 - minute),
            _ => (hour, minute),
        };
        return Some(suffixes(heard, i, after, hour, minute, true));
    }
    let marked = marked(heard, num.to);
    if matches!(heard.word(num.to), Some(Word::Unit(Unit::Per(Per::Hour)))) {
        let value = num.whole().filter(|v| (100..=2400).contains(v) && v % 100 < 60)?;
        let (hour, minute) = (u8::try_from(value / 100).ok()?, u8::try_from(value % 100).ok()?);
        return whole(hour % 24, minute, num.to + 1);
    }
    let far = far_mark(heard, num.to);
    let (hour, minute) = shape(&num, marked || far.is_some())?;
    if matches!(far, Some(Word::Unit(_))) && num.whole().is_some_and(|v| v >= 100) {
        return whole(hour % 24, minute, num.to);
    }
    Some(suffixes(heard, i, num.to, hour, minute, false))
}

/// "1400 to 1700 hours", "230 to 430 pm": the mark at the far end serves both.
fn far_mark(heard: &Heard, to: usize) -> Option<Word> {
    if !matches!(heard.word(to), Some(Word::To | Word::Hyphen | Word::Till | Word::Se | Word::And)) {
        return None;
    }
    let num = heard.nums[heard.num_at(to + 1)?];
    num.whole().filter(|v| *v >= 100)?;
    heard.word(num.to).filter(|w| matches!(w, Word::Unit(Unit::Per(Per::Hour)) | Word::AmPm(_) | Word::Oclock))
}

fn marked(heard: &Heard, to: usize) -> bool {
    matches!(heard.word(to), Some(Word::AmPm(_) | Word::Oclock))
}

fn small(num: &Num) -> Option<u8> {
    num.whole().and_then(|v| u8::try_from(v).ok())
}

/// Hour and minute of a number, if it can be both.
fn shape(num: &Num, marked: bool) -> Option<(u8, u8)> {
    if num.dozen || num.lower.is_some() || num.scale && !marked {
        return None;
    }
    if let Some((hour, minute)) = num.split {
        return (hour < 24 && hour > 0 && minute < 60).then_some((hour, minute));
    }
    if let Some((hour, minute)) = num.places {
        return (hour < 24 && minute < 60).then_some((hour, minute));
    }
    if num.fraction && num.value >= ONE * 3 / 4 {
        let hour = u8::try_from(num.value / ONE).ok()?;
        let minute = u8::try_from(num.value % ONE * 60 / ONE).ok()?;
        // "sava", "paune" alone: quarter past twelve, quarter to one.
        let hour = if hour == 0 { 12 } else { hour };
        return (hour <= 24).then_some((hour, minute));
    }
    let value = num.whole()?;
    if (1..=24).contains(&value) || value == 0 && marked {
        return Some((u8::try_from(value).ok()?, 0));
    }
    if marked && (100..=2400).contains(&value) && value % 100 < 60 {
        return Some((u8::try_from(value / 100).ok()?, u8::try_from(value % 100).ok()?));
    }
    None
}

/// Takes the marks after an hour: am, pm, o'clock, a part of the day.
fn suffixes(heard: &Heard, from: usize, mut to: usize, hour: u8, minute: u8, mut sure: bool) -> Hour {
    let mut mark = if hour > 12 || hour == 0 { Mark::Whole } else { Mark::None };
    if hour > 12 && sure {
        mark = Mark::Whole;
    }
    loop {
        match heard.word(to) {
            Some(Word::Oclock) => sure = true,
            Some(Word::AmPm(pm)) => {
                sure = true;
                if mark == Mark::None {
                    mark = if pm { Mark::Pm } else { Mark::Am };
                }
            }
            Some(Word::Noon) if hour == 12 => {
                sure = true;
                mark = Mark::Whole;
            }
            Some(Word::Midnight) if hour == 12 => {
                return Hour { point: Point { hour: 0, minute, mark: Mark::Whole }, from, to: to + 1, sure: true };
            }
            Some(Word::Unit(Unit::Per(Per::Hour))) if sure && mark != Mark::Pm => {
                mark = Mark::Whole;
            }
            Some(Word::Sharp) => {}
            _ => break,
        }
        to += 1;
    }
    let at = heard.skip(to, |w| matches!(w, Word::About));
    if let Some((part, end)) = part_after(heard, at)
        && matches!(mark, Mark::None)
        && (sure || !heard.any(at, end, |w| w == Word::Till))
    {
        // A part of the day directly after an hour marks it.
        mark = Mark::Part(part);
        sure = true;
        to = end;
    }
    Hour { point: Point { hour: hour % 24, minute, mark: if hour == 24 { Mark::Whole } else { mark } }, from, to, sure }
}

/// True if what follows makes the number before it a quantity, an amount or a percentage.
pub(super) fn counted_after(heard: &Heard, to: usize) -> bool {
    matches!(
        heard.word(to),
        Some(
            Word::Unit(_)
                | Word::Rupee
                | Word::Paise
                | Word::Percent
                | Word::PerUnit
                | Word::Scale(_)
                | Word::Foreign
                | Word::Slash
                | Word::Rate(_)
                | Word::Dozen
                | Word::Tarikh
                | Word::NumberSign
                | Word::Month(_)
        )
    )
}

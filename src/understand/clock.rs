//! Hours on the clock: which numbers are hours, how they are marked, and the words that open, close or join windows.
//!
//! Finds [`Slot`]s: a point, a pair of ends, or one end, each with what was said of am and pm. Turning an unmarked hour into a time
//! of day is the work of [`super::time`]. A number becomes an hour only if a mark, a joint or the agent's question makes it one.

use super::heard::{Heard, Role, expects, is_filler};
use super::lexicon::{Part, Unit, Word};
use super::number::{Num, ONE};
use super::{Kind, Per, Scene};

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

/// One end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Point(Point),
    Part(Part),
}

/// A stretch of the day as said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// No time is excluded.
    Any,
    At(Point),
    Between(End, End),
    From(End),
    Until(End),
    /// A part of the day by its name alone.
    Named(Part),
    /// Minutes of the day, fixed by a word such as "first half".
    Fixed(Option<u16>, Option<u16>),
    /// Minutes from now: one, or from and to.
    Ahead(i64, Option<i64>),
}

/// A slot and its tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) slot: Slot,
    pub(super) from: usize,
    pub(super) to: usize,
    /// True if the words deny what a bound says of the hours before or after it.
    pub(super) flipped: bool,
    /// An hour only because a time was asked for; anything surer in the text goes before it.
    pub(super) weak: bool,
}

/// Finds all slots and claims their numbers.
pub(super) fn find(heard: &mut Heard, scene: &Scene) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut i = 0;
    while i < heard.tokens.len() {
        match slot_at(heard, i, scene, &found) {
            Some(slot) => {
                i = slot.to.max(i + 1);
                if !matches!(slot.slot, Slot::Ahead(..)) {
                    heard.claim(slot.from, slot.to, Role::Clock);
                }
                found.push(slot);
            }
            None => i += 1,
        }
    }
    found
}

/// A clock time with the tokens it takes.
#[derive(Clone, Copy)]
struct Hour {
    point: Point,
    from: usize,
    to: usize,
    /// A mark says that it is an hour, whatever stands around it.
    sure: bool,
}

fn slot_at(heard: &Heard, i: usize, scene: &Scene, earlier: &[Found]) -> Option<Found> {
    let done = |slot, to| Some(Found { slot, from: i, to, flipped: false, weak: false });
    match heard.word(i)? {
        Word::AnyTime => return done(Slot::Any, i + 1),
        Word::FirstHalf => return done(Slot::Fixed(Some(9 * 60), Some(13 * 60)), i + 1),
        Word::SecondHalf => return done(Slot::Fixed(Some(14 * 60), Some(18 * 60)), i + 1),
        Word::AfterLunch => return done(Slot::Fixed(Some(14 * 60), None), i + 1),
        Word::BeforeLunch => return done(Slot::Fixed(None, Some(13 * 60)), i + 1),
        _ => {}
    }
    if let Some(ahead) = ahead(heard, i) {
        return Some(ahead);
    }
    if let Word::Part(part) = heard.word(i)? {
        return part_slot(heard, i, part, scene, earlier);
    }
    if heard.word(i) == Some(Word::Tonight) {
        return part_slot(heard, i, Part::Night, scene, earlier);
    }
    let first = hour(heard, i)?;
    window(heard, first, scene, earlier)
}

/// A window that begins with an hour.
fn window(heard: &Heard, first: Hour, scene: &Scene, earlier: &[Found]) -> Option<Found> {
    let from = first.from;
    // "das gyarah baje": two neighbouring hours before one mark.
    if !first.sure
        && let Some(second) = hour(heard, first.to).filter(|s| s.sure && s.point.hour == first.point.hour % 12 + 1)
        && first.point.minute == 0
    {
        let slot = Slot::Between(End::Point(first.point), End::Point(second.point));
        return Some(Found { slot, from, to: second.to, flipped: false, weak: false });
    }
    let joint = heard.skip(first.to, is_filler);
    let opened = opened_between(heard, first.from);
    let joins = match heard.word(joint) {
        Some(Word::To | Word::Till | Word::Se | Word::Hyphen) => true,
        Some(Word::And) => opened || beech_follows(heard, joint + 1),
        _ => false,
    };
    if joins {
        let mut at = joint + 1;
        if matches!(heard.word(at), Some(Word::Till)) {
            at += 1;
        }
        if let Some((end, mut to, sure)) = end_at(heard, at) {
            if matches!(heard.word(to), Some(Word::Till | Word::Beech | Word::KeAndar)) {
                to += 1;
            }
            let whole = first.sure || sure || pair_fits(heard, first, to, scene, opened);
            let unit = counted_after(heard, to);
            if whole && !unit {
                let mut end = end;
                let to = trailing_part(heard, to, &mut end);
                return Some(Found {
                    slot: Slot::Between(End::Point(first.point), end),
                    from,
                    to,
                    flipped: false,
                    weak: false,
                });
            }
            if !first.sure {
                return None;
            }
        } else if !first.sure
            && heard.num_at(heard.skip(at, |w| matches!(w, Word::About | Word::Filler | Word::Rupee))).is_some()
        {
            return None;
        }
    }
    bound(heard, first.from, first.to, End::Point(first.point), first.sure, scene, earlier)
}

/// A point, or an end with the words that bound it.
fn bound(
    heard: &Heard,
    from: usize,
    to: usize,
    end: End,
    sure: bool,
    scene: &Scene,
    earlier: &[Found],
) -> Option<Found> {
    let before = opening(heard, from);
    let after = closing(heard, to);
    let slot_from = before.map_or(from, |b| b.1.min(from));
    let clause = heard.clause_end(to);
    let negated = |at: usize| {
        let end = clause.min(next_hour(heard, at));
        heard.any(at, end, |w| matches!(w, Word::Nahi))
    };
    let make = |slot, to, flipped| Some(Found { slot, from: slot_from, to, flipped, weak: false });
    if let Some((closing, end_at)) = after {
        let flip = negated(end_at);
        return match (closing, flip) {
            (Closing::Start, false) => make(Slot::From(end), end_at, false),
            (Closing::Start, true) => make(Slot::Until(end), end_at, true),
            (Closing::End, false) => make(Slot::Until(end), end_at, false),
            (Closing::End, true) => make(Slot::From(end), end_at, true),
        };
    }
    match before {
        Some((Opening::Start, at)) => {
            let flip = heard.any(heard.clause_start(at), at, |w| matches!(w, Word::Cant | Word::Not | Word::Fails))
                && heard.word(at) != Some(Word::From);
            return if flip { make(Slot::Until(end), to, true) } else { make(Slot::From(end), to, false) };
        }
        Some((Opening::End, at)) => {
            let flip = heard.any(heard.clause_start(at), at, |w| matches!(w, Word::Cant | Word::Not | Word::Fails));
            return if flip { make(Slot::From(end), to, true) } else { make(Slot::Until(end), to, false) };
        }
        Some((Opening::NotBefore, _)) => return make(Slot::From(end), to, true),
        Some((Opening::NotAfter, _)) => return make(Slot::Until(end), to, true),
        Some((Opening::At, _)) | None => {}
    }
    match end {
        End::Part(part) => make(Slot::Named(part), to, false),
        End::Point(point) => {
            let lone = sure
                || matches!(before, Some((Opening::At, _))) && point.hour <= 12
                || expects(scene, Kind::TimeWindow) && !counted_after(heard, to)
                || shares_mark(heard, to)
                || earlier.last().is_some_and(|f| {
                    f.to < from && heard.any(f.to, from, |w| w == Word::Or) && matches!(f.slot, Slot::At(_))
                });
            if !lone {
                return None;
            }
            let point = if point.mark == Mark::None { Point { mark: shared_mark(heard, to), ..point } } else { point };
            let linked = earlier.last().is_some_and(|f| {
                heard.any(f.to, from, |w| matches!(w, Word::Or | Word::Correct | Word::Nahi | Word::No))
            });
            let weak = !sure && !linked && !shares_mark(heard, to) && !matches!(before, Some((Opening::At, _)));
            Some(Found { slot: Slot::At(point), from, to, flipped: false, weak })
        }
    }
}

/// "10 or 11 am": the mark after the alternative serves both.
fn shares_mark(heard: &Heard, to: usize) -> bool {
    heard.word(to) == Some(Word::Or) && hour(heard, heard.skip(to + 1, is_filler)).is_some_and(|h| h.sure)
}

fn shared_mark(heard: &Heard, to: usize) -> Mark {
    if heard.word(to) != Some(Word::Or) {
        return Mark::None;
    }
    match hour(heard, heard.skip(to + 1, is_filler)) {
        Some(Hour { point: Point { mark: mark @ (Mark::Am | Mark::Pm), .. }, .. }) => mark,
        _ => Mark::None,
    }
}

/// A part of the day: before an hour it marks it, alone it is a window.
fn part_slot(heard: &Heard, i: usize, part: Part, scene: &Scene, earlier: &[Found]) -> Option<Found> {
    let at = heard.skip(i + 1, |w| {
        is_filler(w)
            || matches!(
                w,
                Word::Of
                    | Word::Is
                    | Word::Ko
                    | Word::In
                    | Word::At
                    | Word::Comma
                    | Word::Between
                    | Word::After
                    | Word::Before
                    | Word::By
                    | Word::From
                    | Word::NotBefore
                    | Word::NotAfter
                    | Word::AnyTime
            )
    });
    if let Some(mut first) = hour(heard, at).filter(|h| h.point.mark == Mark::None || h.sure)
        && !counted_after(heard, first.to)
        && !matches!(heard.word(first.to), Some(Word::Scale(_)))
    {
        if first.point.mark == Mark::None {
            first.point.mark = Mark::Part(part);
        }
        first.sure = true;
        let mut found = window(heard, first, scene, earlier)?;
        found.from = i.min(found.from);
        return Some(found);
    }
    let joint = heard.skip(i + 1, |w| is_filler(w) || matches!(w, Word::Ko | Word::In));
    if matches!(heard.word(joint), Some(Word::To | Word::Till | Word::Se | Word::Hyphen))
        && let Some((end, mut to, _)) = end_at(heard, joint + 1)
    {
        if matches!(heard.word(to), Some(Word::Till)) {
            to += 1;
        }
        return Some(Found { slot: Slot::Between(End::Part(part), end), from: i, to, flipped: false, weak: false });
    }
    bound(heard, i, i + 1, End::Part(part), true, scene, earlier)
}

/// The far end of a window at token `i`.
fn end_at(heard: &Heard, i: usize) -> Option<(End, usize, bool)> {
    let at = heard.skip(i, |w| is_filler(w) || matches!(w, Word::At | Word::About | Word::From | Word::By));
    let part = match heard.word(at) {
        Some(Word::Part(part)) => Some(part),
        Some(Word::Tonight) => Some(Part::Night),
        _ => None,
    };
    if let Some(part) = part {
        let next =
            heard.skip(at + 1, |w| is_filler(w) || matches!(w, Word::Of | Word::Is | Word::Ko | Word::In | Word::At));
        if let Some(hour) = hour(heard, next).filter(|h| !counted_after(heard, h.to)) {
            let mark = if hour.point.mark == Mark::None { Mark::Part(part) } else { hour.point.mark };
            return Some((End::Point(Point { mark, ..hour.point }), hour.to, true));
        }
        return Some((End::Part(part), at + 1, true));
    }
    let hour = hour(heard, at)?;
    Some((End::Point(hour.point), hour.to, hour.sure))
}

/// A part of the day after the far end: "5 to 8 in the evening".
fn trailing_part(heard: &Heard, to: usize, end: &mut End) -> usize {
    let End::Point(point) = end else { return to };
    if point.mark != Mark::None {
        return to;
    }
    match part_after(heard, to) {
        Some((part, to)) => {
            point.mark = Mark::Part(part);
            to
        }
        None => to,
    }
}

/// A part of the day that belongs to what stands before token `to`.
fn part_after(heard: &Heard, to: usize) -> Option<(Part, usize)> {
    let at = heard.skip(to, |w| is_filler(w) || matches!(w, Word::In | Word::At | Word::Of | Word::Is | Word::Till));
    let led = heard.any(to, at, |w| matches!(w, Word::In | Word::At));
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
fn hour(heard: &Heard, i: usize) -> Option<Hour> {
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
    let (hour, minute) = shape(&num, marked || hours_follow(heard, num.to))?;
    if hours_follow(heard, num.to) && num.whole().is_some_and(|v| v >= 100) {
        return whole(hour % 24, minute, num.to);
    }
    Some(suffixes(heard, i, num.to, hour, minute, false))
}

/// "1400 to 1700 hours": the word at the far end serves both.
fn hours_follow(heard: &Heard, to: usize) -> bool {
    matches!(heard.word(to), Some(Word::To | Word::Hyphen | Word::Till | Word::Se))
        && heard.num_at(to + 1).is_some_and(|k| {
            let num = heard.nums[k];
            num.whole().is_some_and(|v| v >= 100)
                && matches!(heard.word(num.to), Some(Word::Unit(Unit::Per(Per::Hour))))
        })
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
    if num.fraction {
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

/// What opens before a time.
#[derive(Clone, Copy)]
enum Opening {
    Start,
    End,
    NotBefore,
    NotAfter,
    At,
}

fn opening(heard: &Heard, from: usize) -> Option<(Opening, usize)> {
    let mut at = from;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::After | Word::From | Word::Onwards => {
                let not = matches!(heard.before(at), Some(Word::Not));
                return Some((if not { Opening::NotAfter } else { Opening::Start }, at));
            }
            Word::Before | Word::By | Word::Till | Word::SePehle => {
                let not = matches!(heard.before(at), Some(Word::Not));
                return Some((if not { Opening::NotBefore } else { Opening::End }, at));
            }
            Word::NotBefore => return Some((Opening::NotBefore, at)),
            Word::NotAfter => return Some((Opening::NotAfter, at)),
            Word::Within if heard.num_at(at + 1).is_some() => return Some((Opening::End, at)),
            Word::At => return Some((Opening::At, at)),
            Word::Filler
            | Word::About
            | Word::Part(_)
            | Word::Tonight
            | Word::Of
            | Word::Is
            | Word::In
            | Word::Article => {}
            Word::Day(_) | Word::Kal | Word::Weekday(_) => {}
            _ => return None,
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Closing {
    Start,
    End,
}

/// What closes after a time: "ke baad", "se pehle", "tak".
fn closing(heard: &Heard, to: usize) -> Option<(Closing, usize)> {
    let at = heard.skip(to, |w| matches!(w, Word::Filler | Word::About | Word::Ko));
    match heard.word(at)? {
        Word::KeBaad | Word::Onwards | Word::PehleNahi => Some((Closing::Start, at + 1)),
        Word::FromNow if heard.word(at + 1).is_none() => None,
        Word::And
            if matches!(heard.word(at + 1), Some(Word::Onwards | Word::After | Word::FromNow))
                && heard.num_at(at + 2).is_none() =>
        {
            Some((Closing::Start, at + 2))
        }
        Word::SePehle | Word::BaadMat | Word::KeAndar => Some((Closing::End, at + 1)),
        Word::Till if heard.num_at(at + 1).is_none() => Some((Closing::End, at + 1)),
        Word::Se => Some((Closing::Start, at + 1)),
        _ => None,
    }
}

/// "in 2 hours", "within 3 hours", "do ghante baad", "half an hour from now".
fn ahead(heard: &Heard, i: usize) -> Option<Found> {
    let opened = match heard.word(i)? {
        Word::In | Word::After => Some(false),
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

/// True if "between" opens before token `from`.
fn opened_between(heard: &Heard, from: usize) -> bool {
    let mut at = from;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::Between => return true,
            Word::Filler | Word::About | Word::Part(_) | Word::Of | Word::Is | Word::In => {}
            _ => return false,
        }
    }
    false
}

/// "2 aur 5 ke beech": the closing word of a pair joined by "and".
fn beech_follows(heard: &Heard, i: usize) -> bool {
    hour(heard, i).is_some_and(|h| matches!(heard.word(h.to), Some(Word::Beech)))
}

/// True if an unmarked pair of hours is a window here.
fn pair_fits(heard: &Heard, first: Hour, to: usize, scene: &Scene, opened: bool) -> bool {
    let largest = 24 * ONE;
    match scene.expect {
        Some(Kind::TimeWindow) => true,
        Some(Kind::Number) => false,
        Some(Kind::Money) => {
            let beside = heard.nums.iter().zip(&heard.roles).any(|(n, role)| {
                (n.to <= first.from || n.from >= to)
                    && (matches!(role, Role::Money) || n.value > largest && matches!(role, Role::Bare))
            });
            let timed = heard
                .tokens
                .iter()
                .any(|t| matches!(t.word, Word::Day(_) | Word::Kal | Word::Weekday(_) | Word::Tonight));
            first.point.hour <= 12 && (beside || timed || opened && beside)
        }
        Some(Kind::Date | Kind::Handover | Kind::Language | Kind::Phone | Kind::YesNo) | None => first.point.hour <= 24,
    }
}

/// True if what follows makes the number before it a quantity, an amount or a percentage.
fn counted_after(heard: &Heard, to: usize) -> bool {
    matches!(
        heard.word(to),
        Some(
            Word::Unit(_)
                | Word::Rupee
                | Word::Paise
                | Word::Percent
                | Word::PerWord
                | Word::Scale(_)
                | Word::Foreign
                | Word::Slash
                | Word::Rate(_)
                | Word::Dozen
                | Word::Tarikh
                | Word::NumberWord
                | Word::Month(_)
        )
    )
}

/// First token at or after `i` that begins another hour or part of the day.
fn next_hour(heard: &Heard, i: usize) -> usize {
    (i..heard.tokens.len())
        .find(|&at| {
            heard.num_at(at).is_some()
                || matches!(heard.tokens[at].word, Word::Part(_) | Word::Noon | Word::Clock { .. })
        })
        .unwrap_or(heard.tokens.len())
}

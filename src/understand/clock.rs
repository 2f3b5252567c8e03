//! Hours on the clock: which numbers are hours, how they are marked, and the words that open, close or join windows.
//!
//! Finds [`Slot`]s: a point, a pair of ends, or one end, each with what was said of am and pm. Turning an unmarked hour into a time
//! of day is the work of [`super::time`]. A number becomes an hour only if a mark, a joint or the agent's question makes it one.

use super::ahead::ahead;
use super::heard::{Heard, Role, expects, is_filler, pronoun};
use super::hour::{Hour, Mark, Point, counted_after, hour, part_after};
use super::lexicon::{Part, Word};
use super::number::{Num, ONE};
use super::rate::per_after;
use super::{Kind, Scene};

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
        // "2-to-5"
        if heard.word(joint) == Some(Word::To) {
            at = heard.skip(at, |w| w == Word::Hyphen);
        }
        if let Some((end, mut to, sure)) = end_at(heard, at) {
            if matches!(heard.word(to), Some(Word::Till | Word::Beech | Word::KeAndar)) {
                to += 1;
            }
            let whole = first.sure || sure || pair_fits(heard, first, to, scene);
            let unit = !sure && counted_after(heard, to);
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
    let said = after.map(|a| a.1 - 1).or_else(|| before.map(|b| b.1)).and_then(|at| heard.word(at));
    let make = |slot, to, flipped| Some(Found { slot: around(slot, said), from: slot_from, to, flipped, weak: false });
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
            let flip = heard.any(heard.clause_start(at), at, |w| matches!(w, Word::Cant | Word::Fails))
                && heard.word(at) != Some(Word::From);
            return if flip { make(Slot::Until(end), to, true) } else { make(Slot::From(end), to, false) };
        }
        Some((Opening::End, at)) => {
            let flip = heard.any(heard.clause_start(at), at, |w| matches!(w, Word::Cant | Word::Fails));
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
                || expects(scene, Kind::TimeWindow) && !counted_after(heard, to) && !pronoun(heard, from, to)
                || shares_mark(heard, to)
                || expects(scene, Kind::Money)
                    && point.hour <= 12
                    && heard.before(from) == Some(Word::About)
                    && heard.tokens.iter().any(|t| matches!(t.word, Word::Part(_)))
                    && !counted_after(heard, to)
                    && beside(heard, from, to)
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
            let weak = !sure
                && !linked
                && heard.word(to) != Some(Word::Or)
                && !shares_mark(heard, to)
                && !matches!(before, Some((Opening::At, _)));
            Some(Found { slot: Slot::At(point), from, to, flipped: false, weak })
        }
    }
}

/// "before evening" ends where the evening begins, "after evening" begins where it ends; "dopahar ke baad" is after noon.
fn around(slot: Slot, said: Option<Word>) -> Slot {
    match (slot, said) {
        (Slot::Until(End::Part(part)), Some(Word::SePehle | Word::Before)) => Slot::Fixed(None, Some(part.hours().0)),
        (Slot::From(End::Part(Part::Afternoon)), Some(Word::KeBaad | Word::After)) => Slot::Fixed(Some(12 * 60), None),
        (Slot::From(End::Part(part)), Some(Word::KeBaad | Word::After)) => Slot::Fixed(Some(part.hours().1), None),
        (slot, _) => slot,
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
                    | Word::Inside
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
    let joint = heard.skip(i + 1, |w| is_filler(w) || matches!(w, Word::Ko | Word::In | Word::Inside));
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
        let next = heard.skip(at + 1, |w| {
            is_filler(w) || matches!(w, Word::Of | Word::Is | Word::Ko | Word::In | Word::Inside | Word::At)
        });
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
            | Word::Inside
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

/// True if "between" opens before token `from`.
fn opened_between(heard: &Heard, from: usize) -> bool {
    let mut at = from;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::Between => return true,
            Word::Filler | Word::About | Word::Part(_) | Word::Of | Word::Is | Word::In | Word::Inside => {}
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
fn pair_fits(heard: &Heard, first: Hour, to: usize, scene: &Scene) -> bool {
    match scene.expect {
        Some(Kind::TimeWindow) => true,
        Some(Kind::Number) => false,
        Some(Kind::Money) => {
            let timed = heard
                .tokens
                .iter()
                .any(|t| matches!(t.word, Word::Day(_) | Word::Kal | Word::Weekday(_) | Word::Tonight));
            let hour = first.point.hour <= 12;
            let closed = heard.any(heard.clause_start(first.from), heard.clause_end(to), |w| w == Word::Closed);
            hour && (closed || beside(heard, first.from, to) || timed && first.point.minute == 0)
        }
        Some(Kind::Date | Kind::Handover | Kind::Language | Kind::Phone | Kind::YesNo) | None => first.point.hour <= 24,
    }
}

/// True if the text holds an amount outside tokens `from..to`.
fn beside(heard: &Heard, from: usize, to: usize) -> bool {
    let amount = |n: &Num| n.value > 24 * ONE || per_after(heard, n.to, n.value).is_some_and(|p| p.1 > 0);
    heard
        .nums
        .iter()
        .zip(&heard.roles)
        .any(|(n, role)| (n.to <= from || n.from >= to) && (*role == Role::Money || *role == Role::Bare && amount(n)))
        || heard.tokens.iter().any(|t| matches!(t.word, Word::Free | Word::FreeOfCharge))
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

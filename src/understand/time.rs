//! Windows of time: hours made into times of day, bounds, days, and which of several windows stands.
//!
//! [`super::clock`] finds what was said; this module settles unmarked hours by the agent's working day, joins bounds, adds days and
//! lists the readings of doubtful texts.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

use super::clause::Clause;
use super::clock::{self, End, Found, Slot};
use super::date::{self, Day};
use super::heard::{Heard, ends_clause};
use super::hour::{Mark, Point};
use super::lexicon::{Part, Word};
use super::occasion::{self, Occasion, Place, Shape};
use super::settle::{self, Said};
use super::{Kind, Reading, Scene, TimeWindow, Value};

/// Reads the window that a text names.
pub(super) fn read(heard: &mut Heard, scene: &Scene) -> Reading {
    let days = date::find(heard, scene);
    let found = clock::find(heard, scene);
    let unfinished = super::ending::dangles(heard, Kind::TimeWindow);
    let slots = kept(heard, found);
    let mut places: Vec<(usize, usize)> = slots.iter().map(|s| (s.from, s.to)).collect();
    places.extend(days.iter().map(|d| (d.from, d.to)));
    places.sort_unstable();

    let mut sides: Vec<Side> = Vec::new();
    for (start, end) in settle::alternatives(heard, &places) {
        let within = |from: usize, to: usize| from >= start && to <= end;
        let day = date::stand(heard, days.iter().filter(|d| within(d.from, d.to)).copied().collect());
        let slots: Vec<Said<Slot>> = slots.iter().filter(|s| within(s.from, s.to)).copied().collect();
        let slots = stand(heard, slots);
        if !day.is_empty() || !slots.is_empty() {
            sides.push(Side { days: day, slots });
        }
    }
    if sides.iter().all(|side| side.slots.is_empty()) {
        return Reading { unfinished, ..Reading::default() };
    }
    share(&mut sides);

    let mut windows: Vec<Resolved> = Vec::new();
    let (mut from, mut to) = (usize::MAX, 0);
    for side in &sides {
        for said in &side.slots {
            from = from.min(said.from);
            to = to.max(said.to);
            let today = side.days.first().is_some_and(|d| d.what.today);
            let mut readings = resolve(said.what, today, scene.now);
            let dates: Vec<Date> =
                side.days.iter().flat_map(|d| [Some(d.what.date), d.what.second].into_iter().flatten()).collect();
            for day in &side.days {
                from = from.min(day.from);
                to = to.max(day.to);
            }
            if !dates.is_empty() {
                readings = dates
                    .iter()
                    .flat_map(|&d| readings.iter().map(move |r| TimeWindow { date: r.date.or(Some(d)), ..*r }))
                    .collect();
            }
            let named = side.days.len() <= 1;
            if windows.iter().all(|w| w.readings != readings) {
                windows.push(Resolved { readings, named });
            }
        }
    }
    let mut readings: Vec<Option<Value>> = Vec::new();
    for window in windows.iter().flat_map(|w| &w.readings) {
        let value = Some(Value::TimeWindow(*window));
        if !readings.contains(&value) {
            readings.push(value);
        }
    }
    let value = if windows.len() == 1 && windows[0].named { readings.first().cloned().flatten() } else { None };
    let ambiguous = readings.len() > 1;
    let value = if ambiguous { value } else { readings.first().cloned().flatten() };
    Reading {
        value,
        ambiguous,
        readings: if ambiguous { readings } else { Vec::new() },
        unfinished,
        span: heard.span(from, to),
    }
}

/// One side of an alternative: its days and its slots.
struct Side {
    days: Vec<Said<Day>>,
    slots: Vec<Said<Slot>>,
}

/// The readings of one slot; `named` if there is no more than one day for it.
struct Resolved {
    readings: Vec<TimeWindow>,
    named: bool,
}

/// A day or a window said on one side of an alternative only belongs to both.
fn share(sides: &mut [Side]) {
    for i in 0..sides.len() {
        if sides[i].slots.is_empty() {
            let near =
                sides[i..].iter().chain(sides[..i].iter().rev()).find(|s| !s.slots.is_empty()).map(|s| s.slots.clone());
            sides[i].slots = near.unwrap_or_default();
        }
        if sides[i].days.is_empty() {
            let near =
                sides[..i].iter().rev().chain(sides[i..].iter()).find(|s| !s.days.is_empty()).map(|s| s.days.clone());
            sides[i].days = near.unwrap_or_default();
        }
    }
}

/// Slots that are offered: not closed hours, not exceptions, not past, not quoted, not refused.
fn kept(heard: &Heard, found: Vec<Found>) -> Vec<Said<Slot>> {
    let places: Vec<(usize, usize)> = found.iter().map(|f| (f.from, f.to)).collect();
    let as_said: Vec<Slot> = found.iter().map(|f| f.slot).collect();
    let original = |i: usize| as_said[i];
    let found: Vec<(usize, Found)> = found
        .iter()
        .enumerate()
        .filter_map(|(i, f)| happening(heard, &found, &places, i).map(|slot| (i, Found { slot, ..*f })))
        .collect();
    let surer = found
        .iter()
        .map(|(_, f)| f)
        .any(|f| !f.weak && !matches!(f.slot, Slot::Any | Slot::Named(_) | Slot::Fixed(..)));
    let named = found.iter().any(|(_, f)| matches!(f.slot, Slot::Any | Slot::Named(_) | Slot::Fixed(..)));
    found
        .into_iter()
        .filter(|(i, f)| {
            if f.slot != original(*i) {
                return true;
            }
            let previous = i.checked_sub(1).map_or(0, |p| places[p].1);
            let next = places.get(i + 1).map_or(heard.tokens.len(), |p| p.0);
            let start = boundary_before(heard, f.from, previous);
            let end = boundary_after(heard, f.to, next);
            let closed = heard.any(start, f.from, |w| matches!(w, Word::Except | Word::Without))
                || (start..f.from)
                    .any(|at| heard.tokens[at].word == Word::Closed && opens_next(heard, at, f.from, previous > 0))
                || heard.any(f.to, end, |w| w == Word::ExceptPost)
                || (f.to..end).any(|at| {
                    heard.tokens[at].word == Word::Closed
                        && (next == heard.tokens.len() || !opens_next(heard, at, next, true))
                });
            let clause_end = heard.clause_end(f.to);
            let past = heard.any(f.to, clause_end, |w| w == Word::PastVerb)
                || heard.any(start, f.from, |w| matches!(w, Word::PastVerb | Word::Earlier))
                || heard.any(start, clause_end, |w| w == Word::Yesterday);
            let refused = !f.flipped
                && (settle::denied_before(heard, f.from)
                    || heard.any(start, f.from, |w| matches!(w, Word::Cant))
                    || heard.any(f.to, end, |w| {
                        matches!(w, Word::Nahi | Word::Fails | Word::NoNeed | Word::Cant | Word::Not | Word::PlainNo)
                    }));
            let clause = Clause::of(heard, f.from, f.to);
            let elsewhere = !heard.calling
                && (clause.others()
                    || clause.asks()
                    || matches!(f.slot, Slot::From(End::Part(_)) | Slot::Until(End::Part(_))) && clause.chats());
            let loose = f.weak && matches!(f.slot, Slot::At(p) if p.minute != 0) && named;
            !(f.weak && surer
                || loose
                || closed
                || past
                || elsewhere
                || refused
                || settle::asked(heard, f.from, f.to)
                || !heard.calling && settle::put_off(heard, f.from, f.to, matches!(f.slot, Slot::Ahead(..)))
                || settle::quoted(heard, f.from, f.to))
        })
        .map(|(_, f)| Said { what: f.slot, from: f.from, to: f.to })
        .collect()
}

/// The slot of the `i`th find as far as it is a time of the work: as it is, or from its end on where an absence ends there.
fn happening(heard: &Heard, found: &[Found], places: &[(usize, usize)], i: usize) -> Option<Slot> {
    let Found { slot, from, to, .. } = found[i];
    let previous = i.checked_sub(1).map_or(0, |p| places[p].1);
    let next = places.get(i + 1).map_or(heard.tokens.len(), |p| p.0);
    let shape = match slot {
        Slot::At(_) => Shape::Point,
        Slot::Between(..) => Shape::Range,
        Slot::Until(_) | Slot::Fixed(None, Some(_)) => Shape::Until,
        Slot::Any | Slot::From(_) | Slot::Named(_) | Slot::Fixed(..) | Slot::Ahead(..) => Shape::Open,
    };
    // The hour of another call is of the call.
    let occasion =
        if heard.calling { Occasion::Offer } else { occasion::of(heard, Place { from, to, previous, next, shape }) };
    let last = found[i + 1..].iter().all(|f| f.slot == Slot::Any);
    let after = || match slot {
        Slot::At(point) => Some(Slot::From(End::Point(point))),
        Slot::Between(_, end) | Slot::Until(end) => Some(Slot::From(end)),
        _ => None,
    };
    match occasion {
        Occasion::Beside => None,
        Occasion::Offer => Some(slot),
        Occasion::Away | Occasion::Back if last && occasion::goes_on(heard, to) => after(),
        // "any time except lunch": the exception is told of by its own words.
        Occasion::Away => (slot == Slot::Any).then_some(slot),
        Occasion::Back => Some(slot),
    }
}

/// True if "closed" at token `at`, between two slots or before one, is said of the slot at `next`: "closed from 1 to 2".
fn opens_next(heard: &Heard, at: usize, next: usize, between: bool) -> bool {
    !between
        || heard.tokens[at + 1..next]
            .iter()
            .all(|t| matches!(t.word, Word::From | Word::Between | Word::At | Word::Filler | Word::For | Word::About))
}

/// Start of the words that belong to a slot: after the last boundary or the slot before.
fn boundary_before(heard: &Heard, from: usize, previous: usize) -> usize {
    (previous..from)
        .rev()
        .find(|&at| ends_clause(heard.tokens[at].word) || matches!(heard.tokens[at].word, Word::And | Word::Correct))
        .map_or(previous, |at| at + 1)
}

fn boundary_after(heard: &Heard, to: usize, next: usize) -> usize {
    let end = (to..next)
        .find(|&at| {
            let word = heard.tokens[at].word;
            ends_clause(word)
                || matches!(word, Word::And | Word::Correct)
                || next < heard.tokens.len() && matches!(word, Word::Not | Word::DidntSay)
        })
        .unwrap_or(next);
    // "2 to 5 nahi, 5 ke baad" denies what stands before the comma only.
    end.min(heard.tokens.len())
}

/// Slots of a stretch after corrections, with bounds joined and vaguer words dropped.
fn stand(heard: &Heard, mut slots: Vec<Said<Slot>>) -> Vec<Said<Slot>> {
    settle::correct(heard, &mut slots, |_, _| {});
    let mut i = 0;
    while i + 1 < slots.len() {
        match join(slots[i].what, slots[i + 1].what) {
            Some(slot) => {
                slots[i] = Said { what: slot, from: slots[i].from, to: slots[i + 1].to };
                slots.remove(i + 1);
            }
            None => i += 1,
        }
    }
    if slots.len() > 1 {
        let vague = |s: &Slot| matches!(s, Slot::Any);
        if slots.iter().any(|s| !vague(&s.what)) {
            slots.retain(|s| !vague(&s.what));
        }
    }
    if slots.len() > 1 {
        let vague = |s: &Slot| matches!(s, Slot::Named(_) | Slot::Fixed(..));
        if slots.iter().any(|s| !vague(&s.what)) {
            slots.retain(|s| !vague(&s.what));
        }
    }
    slots
}

/// Two neighbouring slots that make one: equal, two bounds, or a part of the day that marks an hour.
fn join(first: Slot, second: Slot) -> Option<Slot> {
    match (first, second) {
        (a, b) if a == b => Some(a),
        (Slot::Any, other) | (other, Slot::Any) => Some(other),
        (Slot::From(a), Slot::Until(b)) | (Slot::Until(b), Slot::From(a)) => Some(Slot::Between(a, b)),
        (Slot::Fixed(Some(a), None), Slot::Fixed(None, Some(b))) => Some(Slot::Fixed(Some(a), Some(b))),
        (Slot::Fixed(Some(a), None), Slot::Until(b)) => Some(Slot::Between(whole(a), b)),
        (Slot::Named(part), Slot::At(p)) | (Slot::At(p), Slot::Named(part)) => Some(Slot::At(marked(p, part))),
        (Slot::Named(part), Slot::Between(End::Point(p), e)) if p.mark == Mark::None => {
            Some(Slot::Between(End::Point(marked(p, part)), e))
        }
        (Slot::Between(s, End::Point(p)), Slot::Named(part)) if p.mark == Mark::None => {
            Some(Slot::Between(s, End::Point(marked(p, part))))
        }
        (Slot::Named(part), Slot::From(End::Point(p))) | (Slot::From(End::Point(p)), Slot::Named(part)) => {
            Some(Slot::From(End::Point(marked(p, part))))
        }
        (Slot::Named(part), Slot::Until(End::Point(p))) | (Slot::Until(End::Point(p)), Slot::Named(part)) => {
            Some(Slot::Until(End::Point(marked(p, part))))
        }
        _ => None,
    }
}

fn whole(minutes: u16) -> End {
    let part = |n: u16| u8::try_from(n).unwrap_or(0);
    End::Point(Point { hour: part(minutes / 60), minute: part(minutes % 60), mark: Mark::Whole })
}

fn marked(point: Point, part: Part) -> Point {
    if point.mark == Mark::None { Point { mark: Mark::Part(part), ..point } } else { point }
}

const DAY: i32 = 24 * 60;
const HALF: i32 = 12 * 60;

/// The readings of a slot, likeliest first.
fn resolve(slot: Slot, today: bool, now: DateTime) -> Vec<TimeWindow> {
    let window = |start: Option<i32>, end: Option<i32>| TimeWindow {
        start: start.map(clock_time),
        end: end.map(clock_time),
        date: None,
    };
    match slot {
        Slot::Any => vec![window(None, None)],
        Slot::Fixed(start, end) => vec![window(start.map(i32::from), end.map(i32::from))],
        Slot::Named(part) => {
            let (start, end) = span_of(part);
            vec![window(Some(start), Some(end))]
        }
        Slot::Ahead(low, high) => ahead(low, high, now).into_iter().collect(),
        Slot::At(point) => passed(point, today, now).map_or_else(
            || {
                let at = single(point);
                vec![window(Some(at), Some(at))]
            },
            |(later, plain)| both(later, plain, now, true, true),
        ),
        Slot::From(End::Point(point)) => passed(point, today, now).map_or_else(
            || vec![window(Some(single(point)), None)],
            |(later, plain)| both(later, plain, now, true, false),
        ),
        Slot::Until(End::Point(point)) => passed(point, today, now).map_or_else(
            || vec![window(None, Some(single(point)))],
            |(later, plain)| both(later, plain, now, false, true),
        ),
        // After a part of the day is after it; "dopahar ke baad" is the afternoon from noon on.
        Slot::From(End::Part(part)) => {
            vec![window(Some(if part == Part::Afternoon { 12 * 60 } else { span_of(part).0 }), None)]
        }
        Slot::Until(End::Part(part)) => vec![window(None, Some(span_of(part).1))],
        Slot::Between(start, end) => between(start, end),
    }
}

/// The two readings of a time today that has passed.
fn both(later: i32, plain: i32, now: DateTime, start: bool, end: bool) -> Vec<TimeWindow> {
    let make = |minutes: i32| {
        let at = Some(clock_time(minutes.rem_euclid(DAY)));
        let date = now.date().checked_add(i64::from(minutes.div_euclid(DAY)).days()).ok();
        TimeWindow { start: at.filter(|_| start), end: at.filter(|_| end), date }
    };
    vec![make(later), make(plain)]
}

/// T13: an unmarked time today that would be before now, twelve hours later and as it is.
fn passed(point: Point, today: bool, now: DateTime) -> Option<(i32, i32)> {
    let at = single(point);
    let gone = at < i32::from(now.hour()) * 60 + i32::from(now.minute());
    (today && gone && point.mark == Mark::None).then_some((at + HALF, at))
}

fn ahead(low: i64, high: Option<i64>, now: DateTime) -> Option<TimeWindow> {
    let at = |minutes: i64| now.checked_add(minutes.minutes()).ok();
    let start = at(low)?;
    let end = at(high.unwrap_or(low))?;
    let minute = |t: DateTime| Time::new(t.hour(), t.minute(), 0, 0).ok();
    Some(TimeWindow { start: Some(minute(start)?), end: Some(minute(end)?), date: Some(start.date()) })
}

/// Minutes of the day of a point by its own mark, or by the working day.
fn single(point: Point) -> i32 {
    fixed(point).unwrap_or_else(|| working(point))
}

/// Minutes of the day of a marked point.
fn fixed(point: Point) -> Option<i32> {
    let (hour, minute) = (i32::from(point.hour), i32::from(point.minute));
    let half = hour % 12;
    let hour = match point.mark {
        Mark::None => return None,
        Mark::Whole => hour,
        _ if hour > 12 => hour,
        Mark::Am | Mark::Part(Part::Early) => half,
        Mark::Pm | Mark::Part(Part::Afternoon | Part::Evening) => half + 12,
        Mark::Part(Part::Morning) => {
            if hour == 12 {
                12
            } else {
                half
            }
        }
        Mark::Part(Part::Night) => {
            if half >= 6 {
                half + 12
            } else {
                half
            }
        }
    };
    Some(hour * 60 + minute)
}

/// T3: 1 to 7 are in the afternoon, 8 to 11 in the morning, 12 is noon.
fn working(point: Point) -> i32 {
    let (hour, minute) = (i32::from(point.hour), i32::from(point.minute));
    let hour = if (1..=7).contains(&hour) { hour + 12 } else { hour };
    hour * 60 + minute
}

fn between(start: End, end: End) -> Vec<TimeWindow> {
    let window =
        |start: i32, end: i32| TimeWindow { start: Some(clock_time(start)), end: Some(clock_time(end)), date: None };
    let known = |end: End, last: bool| match end {
        End::Part(part) => Some(if last { span_of(part).1 } else { span_of(part).0 }),
        End::Point(point) => fixed(point),
    };
    let loose = |end: End| match end {
        End::Point(point) => (working(point), (i32::from(point.hour) % 12) * 60 + i32::from(point.minute)),
        End::Part(part) => (span_of(part).0, span_of(part).0),
    };
    match (known(start, false), known(end, true)) {
        (Some(s), Some(e)) => vec![window(s, e)],
        (Some(s), None) => vec![window(s, next_such(s, loose(end).1))],
        (None, Some(e)) => vec![window(last_such(e, loose(start).1), e)],
        (None, None) => {
            let (s, _) = loose(start);
            let (e, half_end) = loose(end);
            if e > s {
                return vec![window(s, e)];
            }
            vec![window(s, next_such(s, half_end)), window((s - HALF).rem_euclid(DAY), e)]
        }
    }
}

/// The first time of day after `start` that shows `half` on a clock of twelve hours.
fn next_such(start: i32, half: i32) -> i32 {
    let ahead = (half - start).rem_euclid(HALF);
    (start + if ahead == 0 { HALF } else { ahead }).rem_euclid(DAY)
}

/// The last time of day before `end` that shows `half` on a clock of twelve hours.
fn last_such(end: i32, half: i32) -> i32 {
    let back = (end - half).rem_euclid(HALF);
    (end - if back == 0 { HALF } else { back }).rem_euclid(DAY)
}

/// Minutes of the day of both ends of a part of the day.
fn span_of(part: Part) -> (i32, i32) {
    let (start, end) = part.hours();
    (i32::from(start), i32::from(end))
}

fn clock_time(minutes: i32) -> Time {
    let minutes = minutes.rem_euclid(DAY);
    let part = |n: i32| i8::try_from(n).unwrap_or(0);
    Time::new(part(minutes / 60), part(minutes % 60), 0, 0).unwrap_or(Time::midnight())
}

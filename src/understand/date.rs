//! Days: today and kal, weekdays, days of the month, "in three days".
//!
//! Finds every day in a text with its readings; [`super::time`] uses the same finds for windows. Numbers that belong to a day are
//! claimed, so that no other kind takes them. Key types: [`Day`].

use jiff::civil::Date;

use super::calendar::{day_month, day_of_month, first_after, make, monday_of, next_month, number_of, plus};
use super::heard::{Heard, Role, expects, is_filler, pronoun};
use super::lexicon::{Unit, Word};
use super::occasion::{self, Occasion, Place, Shape};
use super::settle::{self, Said};
use super::{Kind, Per, Reading, Scene, Value};

/// A day with its one or two readings, likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) second: Option<Date>,
    /// Today as said with a word, which may turn a past hour into a doubtful one.
    pub(super) today: bool,
}

/// Reads the day that a text names.
pub(super) fn read(heard: &mut Heard, scene: &Scene) -> Reading {
    let days = find(heard, scene);
    let unfinished = super::ending::dangles(heard, Kind::Date);
    let places: Vec<(usize, usize)> = days.iter().map(|d| (d.from, d.to)).collect();
    let mut options: Vec<Said<Day>> = Vec::new();
    for (start, end) in settle::alternatives(heard, &places) {
        let part: Vec<Said<Day>> = days.iter().filter(|d| d.from >= start && d.to <= end).copied().collect();
        let mut part = stand(heard, part);
        unify(&mut part);
        for day in part {
            if options.iter().all(|o| o.what != day.what) {
                options.push(day);
            }
        }
    }
    let Some((first, last)) = options.first().zip(options.last()) else {
        return Reading { unfinished, ..Reading::default() };
    };
    let span = heard.span(first.from, last.to);
    let mut readings: Vec<Option<Value>> = Vec::new();
    for option in &options {
        for date in [Some(option.what.date), option.what.second].into_iter().flatten() {
            if !readings.contains(&Some(Value::Date(date))) {
                readings.push(Some(Value::Date(date)));
            }
        }
    }
    let value = if options.len() == 1 { readings[0].clone() } else { None };
    let ambiguous = readings.len() > 1;
    Reading { value, ambiguous, readings: if ambiguous { readings } else { Vec::new() }, unfinished, span }
}

/// Days of a stretch that stand after denials and corrections.
pub(super) fn stand(heard: &Heard, mut days: Vec<Said<Day>>) -> Vec<Said<Day>> {
    let froms: Vec<usize> = days.iter().map(|d| d.from).collect();
    let tos: Vec<usize> = days.iter().map(|d| d.to).collect();
    days.retain(|day| {
        let previous = tos.iter().copied().rev().find(|&to| to <= day.from).unwrap_or(0);
        let limit = froms.iter().copied().find(|&f| f >= day.to).unwrap_or(heard.tokens.len());
        !settle::denied_before(heard, day.from)
            && !settle::quoted(heard, day.from, day.to)
            && !settle::asked(heard, day.from, day.to)
            && !settle::put_off(heard, day.from, day.to, true)
            && !refused(heard, day.from, day.to, limit)
            && happens(heard, Place { from: day.from, to: day.to, previous, next: limit, shape: Shape::Day })
    });
    settle::correct(heard, &mut days, |_, _| {});
    days
}

/// True if the work may happen on the day.
fn happens(heard: &Heard, place: Place) -> bool {
    matches!(occasion::of(heard, place), Occasion::Offer | Occasion::Back)
}

/// A day said twice, or a weekday and its date, is one day.
fn unify(days: &mut Vec<Said<Day>>) {
    let mut i = 0;
    while i + 1 < days.len() {
        let (a, b) = (days[i].what, days[i + 1].what);
        let same = a.date == b.date || a.second == Some(b.date) || b.second == Some(a.date);
        if same {
            let keep = if a.second.is_some() { b } else { a };
            days[i] = Said { what: keep, from: days[i].from, to: days[i + 1].to };
            days.remove(i + 1);
        } else {
            i += 1;
        }
    }
}

/// "can't come tomorrow", "kal nahi aa sakta".
fn refused(heard: &Heard, from: usize, to: usize, limit: usize) -> bool {
    let start = heard.clause_start(from);
    let end = heard.clause_end(to).min(limit);
    // "tomorrow not today": the denial is of the day after it.
    let end = match (to..end).find(|&at| matches!(heard.tokens[at].word, Word::Not | Word::DidntSay)) {
        Some(at) if limit < heard.tokens.len() && settle::denied_before(heard, limit) => at,
        _ => end,
    };
    // "kal teen baje nahi, chaar baje": the hour is taken back, not the day.
    let hours = |a: usize, b: usize| {
        (a..b)
            .any(|at| heard.num_at(at).is_some() || matches!(heard.tokens[at].word, Word::Part(_) | Word::Clock { .. }))
    };
    if let Some(at) = (to..end).find(|&at| matches!(heard.tokens[at].word, Word::Nahi | Word::Not | Word::No))
        && hours(to, at)
        && hours(at, limit)
    {
        return false;
    }
    heard.any(start, from, |w| matches!(w, Word::Cant | Word::Closed))
        || heard.any(to, end, |w| {
            matches!(w, Word::Nahi | Word::Fails | Word::Cant | Word::Not | Word::PlainNo | Word::Closed | Word::NoNeed)
        })
}

/// Every day of a text that is not past.
pub(super) fn find(heard: &mut Heard, scene: &Scene) -> Vec<Said<Day>> {
    let today = scene.now.date();
    let mut days: Vec<Said<Day>> = Vec::new();
    let mut i = 0;
    while i < heard.tokens.len() {
        match day_at(heard, i, today) {
            Some(day) => {
                i = day.to;
                heard.claim(day.from, day.to, Role::Date);
                let merged = days
                    .last_mut()
                    .filter(|last| last.to == day.from && weekday_and_date(heard, last.from, last.what, day.what));
                match merged {
                    Some(last) => *last = Said { from: last.from, ..day },
                    None => days.push(day),
                }
            }
            None => i += 1,
        }
    }
    shared_month(heard, &mut days, today);
    if days.is_empty() && expects(scene, Kind::Date) {
        bare(heard, &mut days, today);
    }
    let past: Vec<bool> = days.iter().map(|d| is_past(heard, d)).collect();
    let mut past = past.iter();
    days.retain(|_| !past.next().copied().unwrap_or(false));
    days
}

fn weekday_and_date(heard: &Heard, from: usize, first: Day, second: Day) -> bool {
    heard.any(from, from + 3, |w| matches!(w, Word::Weekday(_))) && first.date.weekday() == second.date.weekday()
}

/// "15 or 16 November": the first number takes the month of the second.
fn shared_month(heard: &mut Heard, days: &mut Vec<Said<Day>>, today: Date) {
    let mut added = Vec::new();
    for day in days.iter() {
        let Some(joint) = day.from.checked_sub(1) else { continue };
        let joint = if matches!(heard.word(joint), Some(Word::Filler)) { joint.saturating_sub(1) } else { joint };
        if !matches!(heard.word(joint), Some(Word::Or | Word::To | Word::Se | Word::Hyphen)) {
            continue;
        }
        let Some(k) = heard.num_ending(joint).filter(|&k| heard.roles[k] == Role::Bare) else {
            continue;
        };
        let num = heard.nums[k];
        let calendar = heard.any(day.from, day.to, |w| matches!(w, Word::Month(_) | Word::Tarikh | Word::Ordinal(_)));
        let Some(number) = num.whole().and_then(|n| u8::try_from(n).ok()).filter(|_| calendar) else {
            continue;
        };
        let month = heard.tokens[day.from..day.to].iter().find_map(|t| match t.word {
            Word::Month(m) => Some(m),
            _ => None,
        });
        let date = match month {
            Some(m) => day_month(today, number, m),
            None => day_of_month(today, number),
        };
        if let Some(date) = date {
            added.push(Said { what: certain(date), from: num.from, to: num.to });
        }
    }
    for day in added {
        heard.claim(day.from, day.to, Role::Date);
        days.push(day);
    }
    days.sort_by_key(|d| d.from);
}

/// A bare number where a day was asked for.
fn bare(heard: &mut Heard, days: &mut Vec<Said<Day>>, today: Date) {
    let usable = |heard: &Heard, k: usize| {
        heard.roles[k] == Role::Bare && heard.nums[k].whole().is_some_and(|n| (1..=31).contains(&n))
    };
    let lone: Vec<usize> = (0..heard.nums.len()).filter(|&k| usable(heard, k)).collect();
    for k in lone {
        let num = heard.nums[k];
        if heard.num_at(num.to).is_some()
            || pronoun(heard, num.from, num.to)
            || heard.before(num.from) == Some(Word::At)
            || matches!(heard.word(num.to), Some(Word::AmPm(_) | Word::Oclock | Word::Unit(_) | Word::Percent))
        {
            continue;
        }
        let number = num.whole().and_then(|n| u8::try_from(n).ok()).unwrap_or(0);
        if let Some(date) = day_of_month(today, number) {
            days.push(Said { what: certain(date), from: num.from, to: num.to });
            heard.claim(num.from, num.to, Role::Date);
        }
    }
}

/// True if what happened on the day is over.
fn is_past(heard: &Heard, day: &Said<Day>) -> bool {
    let doubtful = heard.any(day.from, day.to, |w| matches!(w, Word::Kal | Word::Day(2 | 3) | Word::Weekday(_)));
    let (start, end) = (heard.clause_start(day.from), heard.clause_end(day.to));
    doubtful
        && (heard.any(start, day.from, |w| w == Word::PastVerb)
            || heard.any(day.to, end, |w| matches!(w, Word::PastVerb | Word::Said | Word::HadSaid)))
}

/// The day that begins at token `i`.
fn day_at(heard: &Heard, i: usize, today: Date) -> Option<Said<Day>> {
    let said = |date: Date, to: usize| Some(Said { what: certain(date), from: i, to });
    match heard.word(i)? {
        Word::Day(0) | Word::Tonight => {
            Some(Said { what: Day { date: today, second: None, today: true }, from: i, to: i + 1 })
        }
        Word::Day(n) => said(plus(today, i64::from(n))?, i + 1),
        Word::Kal => said(plus(today, 1)?, i + 1),
        Word::DayAfter if !matches!(heard.word(i + 1), Some(Word::Other)) => said(plus(today, 2)?, i + 1),
        Word::This if matches!(heard.word(i + 1), Some(Word::Part(_))) => {
            Some(Said { what: Day { date: today, second: None, today: true }, from: i, to: i + 1 })
        }
        Word::This if matches!(heard.word(i + 1), Some(Word::Weekday(_))) => {
            let mut day = day_at(heard, i + 1, today)?;
            day.from = i;
            Some(day)
        }
        Word::This if matches!(heard.word(i + 1), Some(Word::Unit(Unit::Week))) => in_week(heard, i, today, 0),
        Word::Next => next(heard, i, today),
        Word::Weekday(w) => Some(weekday(heard, i, w, today)?),
        Word::Ordinal(n) => ordinal(heard, i, i + 1, n, today),
        Word::Tens(n @ (20 | 30)) if matches!(heard.word(i + 1), Some(Word::Ordinal(1..=9))) => match heard.word(i + 1)
        {
            Some(Word::Ordinal(u)) => ordinal(heard, i, i + 2, n + u, today),
            _ => None,
        },
        Word::Month(m) => month_first(heard, i, m, today),
        Word::Tarikh => {
            let at = heard.skip(i + 1, |w| matches!(w, Word::Of | Word::Is | Word::Filler));
            let num = heard.nums[heard.num_at(at)?];
            let n = u8::try_from(num.whole()?).ok()?;
            said(day_of_month(today, n)?, num.to)
        }
        Word::Digits { .. } => written(heard, i, today).or_else(|| counted(heard, i, today)),
        Word::Inside | Word::After | Word::KeBaad => {
            let num_at = heard.skip(i + 1, is_filler);
            let (n, to) = days_count(heard, num_at)?;
            said(plus(today, n)?, to)
        }
        Word::Article => counted(heard, i, today),
        _ => counted(heard, i, today),
    }
}

/// Number first: "25 November", "25 tarikh", "3 days from now".
fn counted(heard: &Heard, i: usize, today: Date) -> Option<Said<Day>> {
    let said = |date: Date, to: usize| Some(Said { what: certain(date), from: i, to });
    if let Some((n, to)) = days_count(heard, i) {
        let end = heard.skip(to, |w| w == Word::Of && matches!(heard.word(to + 1), Some(Word::KeBaad)));
        return match heard.word(end) {
            Some(Word::FromNow | Word::KeBaad | Word::In | Word::After) => said(plus(today, n)?, end + 1),
            _ => None,
        };
    }
    let num = heard.nums[heard.num_at(i)?];
    let n = u8::try_from(num.whole()?).ok().filter(|n| (1..=31).contains(n))?;
    let at = heard.skip(num.to, |w| matches!(w, Word::Of | Word::Is | Word::Filler));
    match heard.word(at) {
        Some(Word::Month(m)) => {
            let (date, to) = with_year(heard, at + 1, n, m, today)?;
            said(date, to)
        }
        Some(Word::Tarikh) if at == num.to => {
            let date = after_month_word(heard, i, n, today).or_else(|| day_of_month(today, n))?;
            said(date, at + 1)
        }
        // "25 ko aana": a day of the month without its word.
        Some(Word::Ko) if at == num.to && num.digits > 0 => said(day_of_month(today, n)?, at + 1),
        _ => None,
    }
}

/// "teen din", "a week": how many days, and where the words end.
fn days_count(heard: &Heard, i: usize) -> Option<(i64, usize)> {
    // "do teen din": no single day.
    let pair = heard.num_ending(i).is_some()
        || matches!(heard.before(i), Some(Word::Or | Word::To | Word::Se | Word::Hyphen))
            && i.checked_sub(1).is_some_and(|at| heard.num_ending(at).is_some());
    let (n, at) = match heard.num_at(i) {
        Some(_) if pair => return None,
        Some(k) => (heard.nums[k].whole()?, heard.nums[k].to),
        None if matches!(heard.word(i), Some(Word::Article)) => (1, i + 1),
        None => return None,
    };
    let days = match heard.word(at)? {
        Word::Unit(Unit::Per(Per::Day)) => n,
        Word::Unit(Unit::Week) => n.checked_mul(7)?,
        _ => return None,
    };
    (0..=400).contains(&days).then_some((days, at + 1))
}

fn ordinal(heard: &Heard, from: usize, to: usize, n: u8, today: Date) -> Option<Said<Day>> {
    let said = |date: Date, to: usize| Some(Said { what: certain(date), from, to });
    let at = heard.skip(to, |w| matches!(w, Word::Of | Word::Is | Word::Filler));
    match heard.word(at) {
        Some(Word::Month(m)) => {
            let (date, end) = with_year(heard, at + 1, n, m, today)?;
            return said(date, end);
        }
        Some(Word::Next) if matches!(heard.word(at + 1), Some(Word::Unit(Unit::Month))) => {
            return said(next_month(today, n)?, at + 2);
        }
        Some(Word::This) if matches!(heard.word(at + 1), Some(Word::Unit(Unit::Month))) => {
            return said(day_of_month(today, n)?, at + 2);
        }
        Some(Word::Tarikh) => {
            let date = after_month_word(heard, from, n, today).or_else(|| day_of_month(today, n))?;
            return said(date, at + 1);
        }
        Some(Word::Or) if matches!(heard.word(at + 1), Some(Word::Ordinal(_))) => {
            let other = day_at(heard, at + 1, today)?;
            let month = heard.tokens[at + 1..other.to].iter().find_map(|t| match t.word {
                Word::Month(m) => Some(m),
                _ => None,
            });
            if let Some(month) = month {
                return said(day_month(today, n, month)?, to);
            }
        }
        // "first trip", "second half": no day.
        Some(Word::Unit(_) | Word::Half | Word::Other | Word::Charge | Word::Part(_))
            if at == to && heard.tokens[from].word != Word::Ordinal(0) && !written_ordinal(heard, from) =>
        {
            return None;
        }
        _ => {}
    }
    // A spoken "first", "second" alone is hardly a day unless "the" or "on" stands before it or digits wrote it.
    let marked = written_ordinal(heard, from)
        || n > 3
        || matches!(heard.before(from), Some(Word::Filler)) && to == heard.tokens.len();
    if !marked {
        return None;
    }
    said(day_of_month(today, n)?, to)
}

/// True if the ordinal was written with digits, "25th".
fn written_ordinal(heard: &Heard, i: usize) -> bool {
    matches!(heard.word(i), Some(Word::Ordinal(_))) && heard.tokens[i].written
}

/// "November 25th".
fn month_first(heard: &Heard, i: usize, month: u8, today: Date) -> Option<Said<Day>> {
    let at = heard.skip(i + 1, |w| matches!(w, Word::Of | Word::Is | Word::Filler));
    let (n, to) = match heard.word(at)? {
        Word::Ordinal(n) => (n, at + 1),
        Word::Tens(t @ (20 | 30)) if matches!(heard.word(at + 1), Some(Word::Ordinal(1..=9))) => {
            match heard.word(at + 1) {
                Some(Word::Ordinal(u)) => (t + u, at + 2),
                _ => return None,
            }
        }
        _ => {
            let num = heard.nums[heard.num_at(at)?];
            let clock = matches!(heard.word(num.to), Some(Word::AmPm(_) | Word::Oclock));
            (u8::try_from(num.whole()?).ok().filter(|n| !clock && (1..=31).contains(n))?, num.to)
        }
    };
    let to = heard.skip(to, |w| w == Word::Tarikh);
    let (date, to) = with_year(heard, to, n, month, today)?;
    Some(Said { what: certain(date), from: i, to })
}

/// The next such date, or the one of the year that follows it.
fn with_year(heard: &Heard, at: usize, day: u8, month: u8, today: Date) -> Option<(Date, usize)> {
    let year_at = heard.skip(at, |w| w == Word::Comma);
    if let Some(Word::Digits { whole: year @ 2020..=2099, len: 4, places: 0, .. }) = heard.word(year_at)
        && let Some(date) = make(i16::try_from(year).ok()?, month, day)
    {
        return Some((date, year_at + 1));
    }
    let year = heard
        .num_at(at)
        .map(|k| heard.nums[k])
        .filter(|n| n.whole().is_some_and(|y| (2024..=2035).contains(&y)) && n.scale);
    if let Some(num) = year
        && let Some(date) = make(i16::try_from(num.whole()?).ok()?, month, day)
    {
        return Some((date, num.to));
    }
    Some((day_month(today, day, month)?, at))
}

/// "28/11", "28-11-2026", "2026-11-28".
fn written(heard: &Heard, i: usize, today: Date) -> Option<Said<Day>> {
    let digits = |at: usize| match heard.word(at) {
        Some(Word::Digits { whole, len, places: 0, grouped: false, .. }) => Some((whole, len)),
        _ => None,
    };
    let (first, first_len) = digits(i)?;
    let joint = heard.word(i + 1).filter(|w| matches!(w, Word::Slash | Word::Hyphen))?;
    if !heard.tokens[i + 1].glued {
        return None;
    }
    let (second, second_len) = digits(i + 2)?;
    let third = (heard.word(i + 3) == Some(joint)).then(|| digits(i + 4)).flatten();
    let small = |n: u64| u8::try_from(n).ok();
    if first_len == 4 {
        let date = make(i16::try_from(first).ok()?, small(second)?, small(third?.0)?)?;
        return Some(Said { what: certain(date), from: i, to: i + 5 });
    }
    if first_len > 2 || second_len > 2 {
        return None;
    }
    if let Some((year, len)) = third {
        let year = if len == 2 { 2000 + year } else { year };
        let date = make(i16::try_from(year).ok()?, small(second)?, small(first)?)?;
        return Some(Said { what: certain(date), from: i, to: i + 5 });
    }
    let clock =
        matches!(heard.word(i + 3), Some(Word::AmPm(_) | Word::Oclock | Word::Unit(_) | Word::Rupee | Word::Scale(_)));
    // "25-11" is a day and a month only where a day was asked for; "2-5" is a range.
    let hyphen = joint == Word::Hyphen && (heard.expect != Some(Kind::Date) || second >= first);
    if hyphen || clock {
        return None;
    }
    let date = day_month(today, small(first)?, small(second)?)?;
    Some(Said { what: certain(date), from: i, to: i + 3 })
}

/// "next Friday", "next week Friday", "next month 5th".
fn next(heard: &Heard, i: usize, today: Date) -> Option<Said<Day>> {
    match heard.word(i + 1)? {
        Word::Weekday(w) => {
            let monday = monday_of(today)?;
            let target = plus(monday, 7 + i64::from(w) - 1)?;
            let first = first_after(today, w)?;
            let second = (first != target).then_some(first);
            Some(Said { what: Day { date: target, second, today: false }, from: i, to: i + 2 })
        }
        Word::Unit(Unit::Week) => in_week(heard, i, today, 7),
        Word::Unit(Unit::Month) => {
            let at = heard.skip(i + 2, |w| {
                matches!(w, Word::Of | Word::Is | Word::Filler | Word::In | Word::Inside | Word::Comma)
            });
            let (n, to) = match heard.word(at)? {
                Word::Ordinal(n) => (n, at + 1),
                _ => {
                    let num = heard.nums[heard.num_at(at)?];
                    (u8::try_from(num.whole()?).ok()?, num.to)
                }
            };
            let to = heard.skip(to, |w| w == Word::Tarikh);
            Some(Said { what: certain(next_month(today, n)?), from: i, to })
        }
        _ => None,
    }
}

/// "next week Friday": the weekday of that week.
fn in_week(heard: &Heard, i: usize, today: Date, ahead: i64) -> Option<Said<Day>> {
    let at =
        heard.skip(i + 2, |w| matches!(w, Word::Of | Word::Is | Word::Filler | Word::In | Word::Inside | Word::Ko));
    let Some(Word::Weekday(w)) = heard.word(at) else { return None };
    let date = plus(monday_of(today)?, ahead + i64::from(w) - 1)?;
    Some(Said { what: certain(date), from: i, to: at + 1 })
}

/// The first such weekday after today; doubtful on that weekday itself.
fn weekday(heard: &Heard, i: usize, w: u8, today: Date) -> Option<Said<Day>> {
    let at = heard.skip(i + 1, |w| matches!(w, Word::Of | Word::Is | Word::Filler));
    if matches!(heard.word(at), Some(Word::Next)) && matches!(heard.word(at + 1), Some(Word::Unit(Unit::Week))) {
        let date = plus(monday_of(today)?, 7 + i64::from(w) - 1)?;
        return Some(Said { what: certain(date), from: i, to: at + 2 });
    }
    let date = first_after(today, w)?;
    let second = (number_of(today.weekday()) == w).then_some(today);
    Some(Said { what: Day { date, second, today: false }, from: i, to: i + 1 })
}

/// "agle mahine ki 5 tarikh": the month word before the number.
fn after_month_word(heard: &Heard, i: usize, n: u8, today: Date) -> Option<Date> {
    let mut at = i;
    while matches!(heard.before(at), Some(Word::Of | Word::Is | Word::Filler | Word::In | Word::Inside)) {
        at -= 1;
    }
    let month = matches!(heard.before(at), Some(Word::Unit(Unit::Month))) && at >= 2;
    (month && heard.word(at - 2) == Some(Word::Next)).then(|| next_month(today, n)).flatten()
}

fn certain(date: Date) -> Day {
    Day { date, second: None, today: false }
}

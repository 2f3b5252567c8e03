//! Calendar arithmetic for [`super::date`]: the next such day, the weekday of a week. Pure, and never before today.

use jiff::Span;
use jiff::civil::{Date, Weekday};

pub(super) fn make(year: i16, month: u8, day: u8) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

pub(super) fn plus(date: Date, days: i64) -> Option<Date> {
    let span = Span::new().try_days(days).ok()?;
    date.checked_add(span).ok()
}

pub(super) fn number_of(weekday: Weekday) -> u8 {
    u8::try_from(weekday.to_monday_one_offset()).unwrap_or(1)
}

pub(super) fn first_after(today: Date, w: u8) -> Option<Date> {
    let ahead = (i64::from(w) - i64::from(number_of(today.weekday())) + 6).rem_euclid(7) + 1;
    plus(today, ahead)
}

pub(super) fn monday_of(today: Date) -> Option<Date> {
    plus(today, 1 - i64::from(number_of(today.weekday())))
}

/// The first such day from today on, skipping months without it.
pub(super) fn day_of_month(today: Date, day: u8) -> Option<Date> {
    let (mut year, mut month) = (today.year(), today.month());
    for _ in 0..12 {
        if let Some(date) = make(year, u8::try_from(month).ok()?, day).filter(|d| *d >= today) {
            return Some(date);
        }
        month += 1;
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    None
}

pub(super) fn next_month(today: Date, day: u8) -> Option<Date> {
    let (year, month) = if today.month() == 12 { (today.year() + 1, 1) } else { (today.year(), today.month() + 1) };
    make(year, u8::try_from(month).ok()?, day)
}

/// The next such day and month.
pub(super) fn day_month(today: Date, day: u8, month: u8) -> Option<Date> {
    (0..8).find_map(|ahead| make(today.year() + ahead, month, day).filter(|d| *d >= today))
}

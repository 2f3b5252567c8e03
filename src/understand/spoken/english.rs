//! English number words, months and parts of the day.

use jiff::civil::Time;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

/// A number from 0 to 99.
pub(super) fn below_hundred(n: u64) -> String {
    let at = usize::try_from(n % 100).unwrap_or(0);
    match (SMALL.get(at), at % 10) {
        (Some(word), _) => (*word).to_owned(),
        (None, 0) => TENS[at / 10].to_owned(),
        (None, unit) => format!("{} {}", TENS[at / 10], SMALL[unit]),
    }
}

/// First to thirty-first, and on to ninety-ninth.
pub(super) fn ordinal(n: u64) -> String {
    let at = usize::try_from(n % 100).unwrap_or(0);
    match (ORDINALS.get(at), at % 10) {
        (Some(word), _) => (*word).to_owned(),
        (None, 0) => format!("{}ieth", TENS[at / 10].trim_end_matches('y')),
        (None, unit) => format!("{} {}", TENS[at / 10], ORDINALS[unit]),
    }
}

/// "two", "two thirty", "two oh five".
pub(super) fn hour(time: Time) -> String {
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => u64::try_from(hour).unwrap_or(0),
    };
    let minute = u64::try_from(time.minute()).unwrap_or(0);
    match minute {
        0 => below_hundred(hour),
        1..=9 => format!("{} oh {}", below_hundred(hour), below_hundred(minute)),
        _ => format!("{} {}", below_hundred(hour), below_hundred(minute)),
    }
}

/// The part of the day, as said after the hour.
pub(super) fn part(time: Time) -> &'static str {
    match time.hour() {
        4..12 => "in the morning",
        12..17 => "in the afternoon",
        17..20 => "in the evening",
        _ => "at night",
    }
}

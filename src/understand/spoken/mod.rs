//! The words we say: values and whole sentences without digits, in English and Hindi, with lakh and crore.
//!
//! A voice reads digits as it likes; so amounts, times, dates and telephone numbers become words first. What is said here and heard
//! by [`super::read`] is the same value (a property test holds it). Other languages keep plain digits.

mod english;
mod hindi;
mod sentence;

use jiff::civil::{Date, Time};

use super::display::display;
use super::{Money, Per, TimeWindow, Value};

pub use sentence::speakable;

/// The words for `value` in `language` (a BCP-47 tag such as `hi-IN`); digits formatted plainly where we have no words.
pub fn words(value: &Value, language: &str) -> String {
    let Some(tongue) = Tongue::of(language) else {
        return display(value);
    };
    match value {
        Value::Date(date) => tongue.date(*date),
        Value::Handover(yes) | Value::YesNo(yes) => tongue.answer(*yes).to_owned(),
        Value::Language(code) => tongue.language(code),
        Value::Money(money) => tongue.money(money),
        Value::Number(number) => tongue.decimal(number),
        Value::Phone(phone) => tongue.phone(phone),
        Value::TimeWindow(window) => tongue.window(window),
    }
}

/// A language that we have words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    English,
    Hindi,
}

impl Tongue {
    fn of(language: &str) -> Option<Self> {
        match language.split(['-', '_']).next().unwrap_or_default() {
            "en" => Some(Self::English),
            "hi" => Some(Self::Hindi),
            _ => None,
        }
    }

    /// A word of this language for either.
    fn pick<'a>(self, english: &'a str, hindi: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Hindi => hindi,
        }
    }

    fn below_hundred(self, n: u64) -> String {
        match self {
            Self::English => english::below_hundred(n),
            Self::Hindi => hindi::below_hundred(n).to_owned(),
        }
    }

    fn answer(self, yes: bool) -> &'static str {
        match (self, yes) {
            (Self::English, true) => "yes",
            (Self::English, false) => "no",
            (Self::Hindi, true) => "हाँ",
            (Self::Hindi, false) => "नहीं",
        }
    }

    /// A whole number with hundred, thousand, lakh and crore.
    fn cardinal(self, n: u64) -> String {
        if n < 100 {
            return self.below_hundred(n);
        }
        let mut out = Vec::new();
        let mut rest = n;
        let scales = [
            (10_000_000, self.pick("crore", "करोड़")),
            (100_000, self.pick("lakh", "लाख")),
            (1_000, self.pick("thousand", "हज़ार")),
            (100, self.pick("hundred", "सौ")),
        ];
        for (scale, name) in scales {
            if rest >= scale {
                out.push(self.cardinal(rest / scale));
                out.push(name.to_owned());
                rest %= scale;
            }
        }
        if rest > 0 {
            out.push(self.below_hundred(rest));
        }
        out.join(" ")
    }

    /// A decimal as text: the whole part, then the digits after the point one by one.
    fn decimal(self, number: &str) -> String {
        let (whole, frac) = number.split_once('.').unwrap_or((number, ""));
        let Ok(n) = whole.parse::<u64>() else { return self.digits(whole) };
        let mut out = self.cardinal(n);
        if !frac.is_empty() {
            out.push(' ');
            out.push_str(self.pick("point", "दशमलव"));
            out.push(' ');
            out.push_str(&self.digits(frac));
        }
        out
    }

    /// Digits one by one.
    fn digits(self, digits: &str) -> String {
        let words: Vec<String> =
            digits.chars().filter_map(|c| c.to_digit(10)).map(|d| self.below_hundred(u64::from(d))).collect();
        words.join(" ")
    }

    /// Digit by digit, in two groups; a landline with the zero that people dial.
    fn phone(self, phone: &str) -> String {
        let national = phone.strip_prefix("+91").unwrap_or(phone);
        let mobile = national.starts_with(['6', '7', '8', '9']) && national.len() == 10;
        let dialled = if mobile || national.len() != 10 { national.to_owned() } else { format!("0{national}") };
        match dialled.char_indices().nth(5) {
            Some((at, _)) => format!("{}, {}", self.digits(&dialled[..at]), self.digits(&dialled[at..])),
            None => self.digits(&dialled),
        }
    }

    fn money(self, money: &Money) -> String {
        if money.paise == 0 && money.upper_paise.is_none() && money.per.is_none() {
            return self.pick("free of charge", "मुफ़्त").to_owned();
        }
        let mut out = match money.upper_paise {
            None => self.rupees(money.paise),
            // "four to five hundred" is four hundred: a small lower end needs its own word of money.
            Some(upper) if money.paise % 100 == 0 && (money.paise >= 10_000 || upper < 10_000) => {
                format!(
                    "{} {} {}",
                    self.cardinal(money.paise.unsigned_abs() / 100),
                    self.pick("to", "से"),
                    self.rupees(upper)
                )
            }
            Some(upper) => format!("{} {} {}", self.rupees(money.paise), self.pick("to", "से"), self.rupees(upper)),
        };
        if let Some(per) = money.per {
            out.push(' ');
            out.push_str(self.per(per));
        }
        out
    }

    fn rupees(self, paise: i64) -> String {
        let (rupees, rest) = (paise.unsigned_abs() / 100, paise.unsigned_abs() % 100);
        let named = |n: u64| match self {
            Self::English if n == 1 => "one rupee".to_owned(),
            Self::English => format!("{} rupees", self.cardinal(n)),
            Self::Hindi if n == 1 => "एक रुपया".to_owned(),
            Self::Hindi => format!("{} रुपये", self.cardinal(n)),
        };
        let small = |n: u64| format!("{} {}", self.cardinal(n), self.pick("paise", "पैसे"));
        match (rupees, rest) {
            (_, 0) => named(rupees),
            (0, _) => small(rest),
            _ => format!("{} {}", named(rupees), small(rest)),
        }
    }

    fn per(self, per: Per) -> &'static str {
        match (self, per) {
            (Self::English, Per::Day) => "per day",
            (Self::English, Per::Hour) => "per hour",
            (Self::English, Per::Kg) => "per kilogram",
            (Self::English, Per::Km) => "per kilometre",
            (Self::English, Per::Piece) => "per piece",
            (Self::English, Per::Tonne) => "per tonne",
            (Self::English, Per::Trip) => "per trip",
            (Self::Hindi, Per::Day) => "प्रति दिन",
            (Self::Hindi, Per::Hour) => "प्रति घंटा",
            (Self::Hindi, Per::Kg) => "प्रति किलो",
            (Self::Hindi, Per::Km) => "प्रति किलोमीटर",
            (Self::Hindi, Per::Piece) => "प्रति पीस",
            (Self::Hindi, Per::Tonne) => "प्रति टन",
            (Self::Hindi, Per::Trip) => "प्रति ट्रिप",
        }
    }

    fn date(self, date: Date) -> String {
        let day = u64::try_from(date.day()).unwrap_or(1);
        let month = usize::try_from(date.month() - 1).unwrap_or(0);
        match self {
            Self::English => format!("{} {}", english::ordinal(day), english::MONTHS[month]),
            Self::Hindi => format!("{} {}", hindi::below_hundred(day), hindi::MONTHS[month]),
        }
    }

    fn window(self, window: &TimeWindow) -> String {
        let hours = match (self, window.start, window.end) {
            (_, None, None) => self.pick("any time", "किसी भी समय").to_owned(),
            (Self::English, Some(start), None) => format!("after {}", self.clock(start)),
            (Self::Hindi, Some(start), None) => format!("{} के बाद", self.clock(start)),
            (Self::English, None, Some(end)) => format!("before {}", self.clock(end)),
            (Self::Hindi, None, Some(end)) => format!("{} से पहले", self.clock(end)),
            (_, Some(start), Some(end)) if start == end => self.clock(start),
            (_, Some(start), Some(end)) => self.between(start, end),
        };
        match (self, window.date) {
            (_, None) => hours,
            (Self::English, Some(date)) => format!("{}, {hours}", self.date(date)),
            (Self::Hindi, Some(date)) => format!("{} को {hours}", self.date(date)),
        }
    }

    /// Both ends; a part of the day that both share is said once.
    fn between(self, start: Time, end: Time) -> String {
        let minutes = |t: Time| i32::from(t.hour()) * 60 + i32::from(t.minute());
        let half = (minutes(end) - minutes(start)).rem_euclid(24 * 60) < 12 * 60;
        let named = |t: Time| t.minute() == 0 && t.hour() % 12 == 0;
        match self {
            Self::English => {
                let late = (end.hour(), end.minute()) == (17, 0) && (12..17).contains(&start.hour());
                let shared =
                    half && (english::part(start) == english::part(end) || late) && !named(start) && !named(end);
                let part = if late { "in the afternoon" } else { english::part(end) };
                if shared {
                    format!("{} to {} {part}", english::hour(start), english::hour(end))
                } else {
                    format!("{} to {}", self.clock(start), self.clock(end))
                }
            }
            Self::Hindi => {
                let shared = half && hindi::part(start) == hindi::part(end);
                let end = if shared { hindi::hour(end) } else { self.clock(end) };
                format!("{} से {end} तक", self.clock(start))
            }
        }
    }

    /// One time of day with its part of the day.
    fn clock(self, time: Time) -> String {
        match (self, time.hour(), time.minute()) {
            (Self::English, 0, 0) => "midnight".to_owned(),
            (Self::English, 12, 0) => "twelve noon".to_owned(),
            (Self::English, ..) => format!("{} {}", english::hour(time), english::part(time)),
            (Self::Hindi, ..) => format!("{} {}", hindi::part(time), hindi::hour(time)),
        }
    }

    fn language(self, code: &str) -> String {
        let names = [
            ("en-IN", "English", "अंग्रेज़ी"),
            ("hi-IN", "Hindi", "हिंदी"),
            ("mr-IN", "Marathi", "मराठी"),
            ("ta-IN", "Tamil", "तमिल"),
            ("te-IN", "Telugu", "तेलुगु"),
            ("kn-IN", "Kannada", "कन्नड़"),
            ("gu-IN", "Gujarati", "गुजराती"),
            ("bn-IN", "Bengali", "बांग्ला"),
            ("ml-IN", "Malayalam", "मलयालम"),
            ("pa-IN", "Punjabi", "पंजाबी"),
        ];
        names.iter().find(|n| n.0 == code).map_or(code, |n| self.pick(n.1, n.2)).to_owned()
    }
}

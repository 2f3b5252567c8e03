//! Whole sentences made speakable: digits, rupee signs, clock times, dates and telephone numbers become words.
//!
//! Works on the tokens of the sentence and copies everything that needs no change, byte for byte.

use jiff::civil::{Date, Time};

use super::super::heard::Heard;
use super::super::lexicon::Word;
use super::super::phone;
use super::Tongue;

/// `text` with its digits as words of `language`; unchanged in a language that we have no words for.
pub fn speakable(text: &str, language: &str) -> String {
    let Some(tongue) = Tongue::of(language) else {
        return text.to_owned();
    };
    if !text.chars().any(|c| c.is_numeric() || c == '₹') {
        return text.to_owned();
    }
    let heard = Heard::new(text, None);
    let sentence = Sentence { text, heard: &heard, tongue };
    let phones = phone::numbers(&heard);
    let mut out = String::with_capacity(text.len() * 2);
    let mut copied = 0;
    let mut i = 0;
    while i < heard.tokens.len() {
        let called =
            phones.iter().find(|p| p.from == i && heard.any(p.from, p.to, |w| matches!(w, Word::Digits { .. })));
        let said = match called {
            Some(number) => Some((tongue.phone(&format!("+91{:010}", number.what)), number.to)),
            None => sentence.said(i),
        };
        let Some((words, to)) = said.filter(|s| s.1 > i) else {
            i += 1;
            continue;
        };
        let mut from = heard.tokens[i].from;
        // "+91 …": the plus goes with the number.
        if called.is_some() && i > 0 && heard.tokens[i - 1].word == Word::Plus && heard.tokens[i - 1].from >= copied {
            from = heard.tokens[i - 1].from;
        }
        out.push_str(text.get(copied..from).unwrap_or_default());
        if out.chars().last().is_some_and(char::is_alphanumeric) {
            out.push(' ');
        }
        out.push_str(&words);
        copied = heard.tokens[to - 1].to;
        if text[copied..].chars().next().is_some_and(char::is_alphanumeric) {
            out.push(' ');
        }
        i = to;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

struct Sentence<'a> {
    text: &'a str,
    heard: &'a Heard,
    tongue: Tongue,
}

/// A number as written in digits.
#[derive(Clone, Copy)]
struct Written {
    whole: u64,
    len: u8,
    frac: u32,
    places: u8,
    grouped: bool,
}

impl Sentence<'_> {
    /// Words for what begins at token `i`, and the token after it.
    fn said(&self, i: usize) -> Option<(String, usize)> {
        self.date(i).or_else(|| self.time(i)).or_else(|| self.money(i)).or_else(|| self.number(i))
    }

    fn word(&self, i: usize) -> Option<Word> {
        self.heard.word(i)
    }

    fn digits(&self, i: usize) -> Option<Written> {
        match self.word(i)? {
            Word::Digits { whole, len, frac, places, grouped } => Some(Written { whole, len, frac, places, grouped }),
            _ => None,
        }
    }

    fn small(&self, i: usize, range: std::ops::RangeInclusive<u64>) -> Option<u8> {
        let written = self.digits(i).filter(|w| w.places == 0 && w.len <= 2 && range.contains(&w.whole))?;
        u8::try_from(written.whole).ok()
    }

    /// True if token `i` is written with a letter-free sign such as ₹ or /-.
    fn is_sign(&self, i: usize) -> bool {
        self.heard.tokens.get(i).is_some_and(|t| !self.text[t.from..t.to].chars().any(char::is_alphabetic))
    }

    /// "24 Nov", "24th November", "Nov 24", "24/11/2026", "2026-11-24".
    fn date(&self, i: usize) -> Option<(String, usize)> {
        let make = |day: u8, month: u8| Date::new(2024, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
        let glued = |at: usize| self.heard.tokens.get(at).is_some_and(|t| t.glued);
        let (date, to) = match (self.word(i)?, self.word(i + 1)) {
            (Word::Ordinal(day), Some(Word::Month(month))) if self.has_digit(i) => (make(day, month)?, i + 2),
            (Word::Digits { .. }, Some(Word::Month(month))) => (make(self.small(i, 1..=31)?, month)?, i + 2),
            (Word::Month(month), Some(Word::Ordinal(day))) if self.has_digit(i + 1) => (make(day, month)?, i + 2),
            (Word::Month(month), Some(Word::Digits { .. }))
                if !matches!(self.word(i + 2), Some(Word::AmPm(_) | Word::Slash)) =>
            {
                (make(self.small(i + 1, 1..=31)?, month)?, i + 2)
            }
            (Word::Digits { len: 4, places: 0, grouped: false, .. }, Some(Word::Hyphen))
                if self.word(i + 3) == Some(Word::Hyphen) && glued(i + 1) && glued(i + 4) =>
            {
                (make(self.small(i + 4, 1..=31)?, self.small(i + 2, 1..=12)?)?, i + 5)
            }
            (Word::Digits { .. }, Some(Word::Slash)) if glued(i + 1) && glued(i + 2) => {
                let date = make(self.small(i, 1..=31)?, self.small(i + 2, 1..=12)?)?;
                let year = self.word(i + 3) == Some(Word::Slash) && glued(i + 4) && self.digits(i + 4).is_some();
                (date, if year { i + 5 } else { i + 3 })
            }
            _ => return None,
        };
        Some((self.tongue.date(date), to))
    }

    fn has_digit(&self, i: usize) -> bool {
        self.heard.tokens.get(i).is_some_and(|t| self.text[t.from..t.to].chars().any(char::is_numeric))
    }

    /// "2pm", "2:30 pm", "14:30", "2-5pm", "2pm to 5pm".
    fn time(&self, i: usize) -> Option<(String, usize)> {
        let (hour, minute, pm, mut to) = self.hour(i)?;
        let joint = matches!(self.word(to), Some(Word::Hyphen | Word::To));
        if joint && let Some((end_hour, end_minute, Some(end_pm), end)) = self.hour(to + 1) {
            let end_time = time_of(end_hour, end_minute, Some(end_pm))?;
            let mark = pm.unwrap_or_else(|| {
                // The last such time before the end.
                let same = time_of(hour, minute, Some(end_pm)).is_some_and(|t| t < end_time);
                if same { end_pm } else { !end_pm }
            });
            let start = time_of(hour, minute, Some(mark))?;
            return Some((self.tongue.between(start, end_time), end));
        }
        if pm.is_none() && !matches!(self.word(i), Some(Word::Clock { .. })) {
            return None;
        }
        let start = time_of(hour, minute, pm)?;
        if joint
            && let Some((hour, minute, None, end)) =
                self.hour(to + 1).filter(|_| matches!(self.word(to + 1), Some(Word::Clock { .. })))
        {
            return Some((self.tongue.between(start, time_of(hour, minute, None)?), end));
        }
        if self.tongue == Tongue::Hindi && matches!(self.word(to), Some(Word::Oclock)) {
            to += 1;
        }
        Some((self.tongue.clock(start), to))
    }

    /// Hour, minute, am or pm, and the token after.
    fn hour(&self, i: usize) -> Option<(u8, u8, Option<bool>, usize)> {
        let (hour, minute) = match self.word(i)? {
            Word::Clock { hour, minute } => (hour, minute),
            Word::Digits { places: 2, frac, whole, grouped: false, .. }
                if frac < 60 && matches!(self.word(i + 1), Some(Word::AmPm(_))) =>
            {
                (u8::try_from(whole).ok()?, u8::try_from(frac).ok()?)
            }
            _ => (self.small(i, 1..=12)?, 0),
        };
        match self.word(i + 1) {
            Some(Word::AmPm(pm)) if hour <= 12 => Some((hour, minute, Some(pm), i + 2)),
            _ => Some((hour, minute, None, i + 1)),
        }
    }

    /// "₹2,500", "₹450-500", "Rs 1.5 lakh", "500/-".
    fn money(&self, i: usize) -> Option<(String, usize)> {
        let leads = self.word(i)? == Word::Rupee;
        let at = if leads { i + 1 } else { i };
        let first = self.digits(at)?;
        let mut to = at + 1;
        let mut high = None;
        if self.word(to) == Some(Word::Hyphen) {
            let next = if self.word(to + 1) == Some(Word::Rupee) { to + 2 } else { to + 1 };
            if let Some(upper) = self.digits(next) {
                high = Some(upper);
                to = next + 1;
            }
        }
        let sign_after = self.word(to) == Some(Word::Rupee) && self.is_sign(to);
        if !leads && !sign_after {
            return None;
        }
        let scale = self.word(to).and_then(|w| match w {
            Word::Scale(_) => self.text.get(self.heard.tokens[to].from..self.heard.tokens[to].to),
            _ => None,
        });
        let joint = self.tongue.pick("to", "से");
        let rupees = self.tongue.pick("rupees", "रुपये");
        let words = match (scale, high) {
            (Some(scale), None) => {
                to += 1;
                let scale = if scale.eq_ignore_ascii_case("k") {
                    self.tongue.pick("thousand", "हज़ार")
                } else {
                    scale
                };
                format!("{} {scale} {rupees}", self.plain(first))
            }
            (Some(scale), Some(high)) => {
                to += 1;
                let scale = if scale.eq_ignore_ascii_case("k") {
                    self.tongue.pick("thousand", "हज़ार")
                } else {
                    scale
                };
                format!("{} {joint} {} {scale} {rupees}", self.plain(first), self.plain(high))
            }
            (None, None) => self.tongue.rupees(paise(first)?),
            (None, Some(high)) => self.tongue.money(&super::super::Money {
                paise: paise(first)?,
                upper_paise: Some(paise(high)?),
                per: None,
            }),
        };
        let sign_after = self.word(to) == Some(Word::Rupee) && self.is_sign(to);
        Some((words, if sign_after { to + 1 } else { to }))
    }

    fn number(&self, i: usize) -> Option<(String, usize)> {
        match self.word(i)? {
            Word::Rupee if self.is_sign(i) => Some((self.tongue.pick("rupees", "रुपये").to_owned(), i + 1)),
            Word::Percent if self.is_sign(i) => Some((self.tongue.pick("percent", "प्रतिशत").to_owned(), i + 1)),
            Word::Clock { hour, minute } => Some((
                format!("{} {}", self.tongue.cardinal(u64::from(hour)), self.tongue.cardinal(u64::from(minute))),
                i + 1,
            )),
            Word::Ordinal(n) if self.has_digit(i) => Some((
                match self.tongue {
                    Tongue::English => super::english::ordinal(u64::from(n)),
                    Tongue::Hindi => super::hindi::below_hundred(u64::from(n)).to_owned(),
                },
                i + 1,
            )),
            Word::Digits { .. } => {
                let first = self.digits(i)?;
                if self.word(i + 1) == Some(Word::Hyphen)
                    && let Some(second) = self.digits(i + 2)
                {
                    return Some((
                        format!("{} {} {}", self.plain(first), self.tongue.pick("to", "से"), self.plain(second)),
                        i + 3,
                    ));
                }
                Some((self.plain(first), i + 1))
            }
            // Any other token that has a digit in it.
            _ if self.has_digit(i) => {
                let token = self.heard.tokens[i];
                Some((self.tongue.digits(&self.text[token.from..token.to]), i + 1))
            }
            _ => None,
        }
    }

    /// A number in words; long or zero-led strings digit by digit.
    fn plain(&self, written: Written) -> String {
        let zero_led = written.len > 1 && written.whole.checked_ilog10().unwrap_or(0) + 1 < u32::from(written.len);
        if !written.grouped && (written.len > 7 || zero_led) {
            return self.tongue.digits(&format!("{:0width$}", written.whole, width = usize::from(written.len)));
        }
        if written.places == 0 {
            return self.tongue.cardinal(written.whole);
        }
        let frac = format!("{:0width$}", written.frac, width = usize::from(written.places));
        self.tongue.decimal(&format!("{}.{frac}", written.whole))
    }
}

fn paise(written: Written) -> Option<i64> {
    let rupees = i64::try_from(written.whole).ok()?.checked_mul(100)?;
    let rest = match written.places {
        0 => 0,
        1 => i64::from(written.frac) * 10,
        places => i64::from(written.frac) / 10_i64.pow(u32::from(places) - 2),
    };
    rupees.checked_add(rest)
}

fn time_of(hour: u8, minute: u8, pm: Option<bool>) -> Option<Time> {
    let hour = match pm {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour % 24,
    };
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()
}

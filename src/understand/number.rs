//! Numbers in words and digits, in the Indian and English way of building them.
//!
//! Scans tokens for the longest numbers: scales in falling order, fractions (saade, dhai, "and a half"), hundreds left out
//! ("two fifty"), digit strings ("one two double zero"), split digits ("5 00"). It gives no number a role: money, hours, dates and
//! labels are told apart elsewhere. Values are exact, in millionths. Key types: [`Num`].

use super::beside::{clock_mark_only, clockish, close_by, left_out, neighbours};
use super::digits::{digit_string, split_digits};
use super::lexicon::Word;
use super::sense::is_number;
use super::token::Token;

/// One in the fixed-point unit of this module.
pub(super) const ONE: i64 = 1_000_000;

/// A number and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Num {
    /// Millionths.
    pub(super) value: i64,
    /// The lower of two neighbours before one scale, as in "four five hundred".
    pub(super) lower: Option<i64>,
    /// Token range.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Count before the first and only scale and the scale itself, where the number is just that.
    pub(super) scaled: Option<(i64, i64)>,
    /// Two parts that also read as hour and minute ("two thirty", "2 30").
    pub(super) split: Option<(u8, u8)>,
    /// Fraction in words (saade, dhai), which makes a clock time of an hour.
    pub(super) fraction: bool,
    /// Digits as written with two places, which may be hour and minute ("2.30").
    pub(super) places: Option<(u8, u8)>,
    /// Written as digits, or as a string of digit words; how many.
    pub(super) digits: u8,
    /// A scale word took part.
    pub(super) scale: bool,
    /// A dozen: never money or time.
    pub(super) dozen: bool,
}

impl Num {
    /// The whole number it is, if it is one.
    pub(super) fn whole(&self) -> Option<i64> {
        (self.value % ONE == 0 && self.lower.is_none()).then_some(self.value / ONE)
    }
}

/// All numbers of a text, in order.
pub(super) fn scan(tokens: &[Token]) -> Vec<Num> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match number(tokens, i) {
            Some(num) => {
                i = num.to;
                found.push(num);
            }
            None => i += 1,
        }
    }
    found
}

/// The number that begins at token `i`.
pub(super) fn number(tokens: &[Token], i: usize) -> Option<Num> {
    digit_string(tokens, i).or_else(|| split_digits(tokens, i)).or_else(|| spoken(tokens, i))
}

/// What may stand before a scale: its value and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) value: i64,
    pub(super) to: usize,
    pub(super) kind: PartKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// English 1 to 19 alone.
    Small,
    /// English 20 to 99.
    Tens,
    Hindi,
    Digits,
    Fraction,
    /// saade, sava, paune: the fraction is of the scale that follows.
    Quarters(i64),
}

pub(super) fn word(tokens: &[Token], i: usize) -> Option<Word> {
    tokens.get(i).map(|t| t.word)
}

/// Reads a count: "twenty five", "saade teen", "two and a half", "1.5", "2 point 5".
pub(super) fn part(tokens: &[Token], i: usize) -> Option<Part> {
    let simple = |value: i64, to, kind| Some(Part { value, to, kind });
    let first = match word(tokens, i)? {
        Word::Digits { whole: top @ 1..=3, len: 1, places: 0, .. } if written_fraction(tokens, i).is_some() => {
            let bottom = written_fraction(tokens, i)?;
            simple(ONE * i64::try_from(top).ok()? / bottom, i + 3, PartKind::Fraction)
        }
        Word::Point => decimal(tokens, Part { value: 0, to: i, kind: PartKind::Digits }).filter(|p| p.to > i),
        Word::Digits { whole, frac, places, .. } => {
            let value = fixed(whole, frac, places)?;
            simple(value, i + 1, PartKind::Digits)
        }
        Word::Count(n) => simple(i64::from(n) * ONE, i + 1, PartKind::Hindi),
        Word::Small(n) => simple(i64::from(n) * ONE, i + 1, PartKind::Small),
        Word::Tens(n) => match word(tokens, i + 1) {
            Some(Word::Small(u @ 1..=9)) => simple(i64::from(n + u) * ONE, i + 2, PartKind::Tens),
            _ => simple(i64::from(n) * ONE, i + 1, PartKind::Tens),
        },
        Word::Dedh => simple(ONE * 3 / 2, i + 1, PartKind::Fraction),
        Word::Dhai => simple(ONE * 5 / 2, i + 1, PartKind::Fraction),
        Word::Half if !matches!(word(tokens, i + 1), Some(Word::Past)) => {
            let skip = usize::from(matches!(word(tokens, i + 1), Some(Word::Article)));
            simple(ONE / 2, i + 1 + skip, PartKind::Fraction)
        }
        Word::QuarterPart if matches!(word(tokens, i + 1), Some(Word::Scale(_) | Word::Unit(_))) => {
            simple(ONE / 4, i + 1, PartKind::Fraction)
        }
        Word::Saade => quarters(tokens, i, 2),
        Word::Sava => quarters(tokens, i, 1),
        Word::Paune => quarters(tokens, i, -1),
        _ => None,
    }?;
    if matches!(first.kind, PartKind::Quarters(_)) {
        return Some(first);
    }
    match word(tokens, first.to) {
        Some(Word::AndHalf) => {
            Some(Part { value: first.value.checked_add(ONE / 2)?, to: first.to + 1, kind: PartKind::Fraction })
        }
        Some(Word::And) if matches!(word(tokens, first.to + 1), Some(Word::Half)) => {
            Some(Part { value: first.value.checked_add(ONE / 2)?, to: first.to + 2, kind: PartKind::Fraction })
        }
        Some(Word::Point) => decimal(tokens, first),
        _ => Some(first),
    }
}

/// "1/2 lakh", "3/4 ton": the lower half of a fraction as written, before a scale or unit.
fn written_fraction(tokens: &[Token], i: usize) -> Option<i64> {
    let glued = tokens.get(i + 1..i + 3)?.iter().all(|t| t.glued);
    match (word(tokens, i + 1)?, word(tokens, i + 2)?, word(tokens, i + 3)?) {
        (
            Word::Slash,
            Word::Digits { whole: bottom @ (2 | 4), len: 1, places: 0, .. },
            Word::Scale(_) | Word::Unit(_),
        ) if glued => i64::try_from(bottom).ok(),
        _ => None,
    }
}

/// "point five": the digits after the point.
fn decimal(tokens: &[Token], whole: Part) -> Option<Part> {
    let mut to = whole.to + 1;
    let mut value = whole.value;
    let mut place = ONE / 10;
    while place > 0 {
        let (digits, len) = match word(tokens, to) {
            Some(Word::Digits { whole, len, places: 0, .. }) if len <= 3 => (i64::try_from(whole).ok()?, len),
            Some(Word::Count(n) | Word::Small(n)) if n < 10 => (i64::from(n), 1),
            Some(Word::Count(n) | Word::Small(n)) if to == whole.to + 1 => (i64::from(n), 2),
            Some(Word::Tens(n)) if to == whole.to + 1 => match word(tokens, to + 1) {
                Some(Word::Small(u @ 1..=9)) => {
                    to += 1;
                    (i64::from(n + u), 2)
                }
                _ => (i64::from(n), 2),
            },
            Some(Word::Oh) => (0, 1),
            _ => break,
        };
        let unit = place / 10_i64.pow(u32::from(len) - 1);
        value += digits * unit;
        place = unit / 10;
        to += 1;
    }
    if to == whole.to + 1 { Some(whole) } else { Some(Part { value, to, kind: PartKind::Digits }) }
}

/// saade, sava, paune with or without a count.
fn quarters(tokens: &[Token], i: usize, by: i64) -> Option<Part> {
    match word(tokens, i + 1) {
        Some(Word::Count(n) | Word::Small(n)) if n > 0 => {
            Some(Part { value: i64::from(n) * ONE, to: i + 2, kind: PartKind::Quarters(by) })
        }
        Some(Word::Digits { whole, places: 0, .. }) if (1..100).contains(&whole) => {
            Some(Part { value: i64::try_from(whole).ok()? * ONE, to: i + 2, kind: PartKind::Quarters(by) })
        }
        Some(Word::Tens(n)) => {
            let part = part(tokens, i + 1)?;
            debug_assert!(n > 0);
            Some(Part { value: part.value, to: part.to, kind: PartKind::Quarters(by) })
        }
        Some(Word::Scale(_)) | Some(Word::Oclock) if by != 2 => {
            let value = if by == 1 { ONE * 5 / 4 } else { ONE * 3 / 4 };
            Some(Part { value, to: i + 1, kind: PartKind::Fraction })
        }
        Some(Word::Unit(_)) if by == 1 => Some(Part { value: ONE * 5 / 4, to: i + 1, kind: PartKind::Fraction }),
        Some(Word::Unit(_)) if by == -1 => Some(Part { value: ONE * 3 / 4, to: i + 1, kind: PartKind::Fraction }),
        _ => None,
    }
}

pub(super) fn fixed(whole: u64, frac: u32, places: u8) -> Option<i64> {
    let frac = i64::from(frac) * 10_i64.pow(6_u32.saturating_sub(u32::from(places)));
    i64::try_from(whole).ok()?.checked_mul(ONE)?.checked_add(frac)
}

/// Product of all scale words from `i` ("lakh", "hundred thousand") and where they end.
pub(super) fn scales(tokens: &[Token], i: usize) -> Option<(i64, usize)> {
    let Some(Word::Scale(first)) = word(tokens, i) else { return None };
    let mut product = i64::from(first);
    let mut to = i + 1;
    while let Some(Word::Scale(next)) = word(tokens, to) {
        // "hundred thousand" grows; "sau sau" is said twice.
        if i64::from(next) <= i64::from(first) && !(first >= 100_000 && next == 10_000_000) {
            break;
        }
        product = product.checked_mul(i64::from(next))?;
        to += 1;
    }
    Some((product, to))
}

/// A number in words, or digits with scales.
fn spoken(tokens: &[Token], i: usize) -> Option<Num> {
    let mut at = i;
    if matches!(word(tokens, i), Some(Word::Article)) {
        if !matches!(word(tokens, i + 1), Some(Word::Scale(_) | Word::Dozen | Word::Half)) {
            return None;
        }
        at += 1;
    }
    if matches!(word(tokens, at), Some(Word::Dozen)) {
        return Some(plain(12 * ONE, i, at + 1).dozen());
    }
    let mut num = Num {
        value: 0,
        lower: None,
        from: i,
        to: at,
        scaled: None,
        split: None,
        fraction: false,
        places: None,
        digits: 0,
        scale: false,
        dozen: false,
    };
    let mut limit = i64::MAX;
    let mut terms = 0;
    loop {
        let joined = terms > 0 && matches!(word(tokens, at), Some(Word::And));
        let start = if joined { at + 1 } else { at };
        let comma = terms > 0 && matches!(word(tokens, at), Some(Word::Comma));
        let start = if comma { at + 1 } else { start };
        let count = part(tokens, start);
        let after = count.map_or(start, |p| p.to);
        let scale = scales(tokens, after);
        let multiplier = scale.map_or(1, |s| s.0);
        if multiplier >= limit || (comma && (scale.is_none() || limit <= 100)) {
            break;
        }
        let Some(count) = count else {
            let Some((scale, to)) = scale else { break };
            if terms > 0 && !joined {
                break;
            }
            // A bare scale is one of it.
            num.value = num.value.checked_add(scale.checked_mul(ONE)?)?;
            num.scaled = (terms == 0).then_some((ONE, scale));
            num.scale = true;
            (num.to, at, limit, terms) = (to, to, scale, terms + 1);
            continue;
        };
        if terms > 0 && scale.is_none() {
            // "750 and 10 30", "500 and das gyarah": another number begins.
            if joined && word(tokens, count.to).is_some_and(|w| is_number(w) && !matches!(w, Word::Scale(_))) {
                break;
            }
            let fraction = matches!(count.kind, PartKind::Fraction | PartKind::Quarters(_));
            if count.value >= limit.saturating_mul(ONE)
                || fraction && !joined
                || clockish(tokens, count.to, count.value)
            {
                break;
            }
        }
        // "one thousand two fifty" leaves the hundred out; "five hundred and five fifty" is two numbers.
        if terms > 0
            && scale.is_none()
            && let Some(rest) = left_out(tokens, count)
        {
            if limit < 1_000 || joined || count.value >= 10 * ONE {
                break;
            }
            num.value = num.value.checked_add(count.value.checked_mul(100)?)?.checked_add(rest.value)?;
            num.to = rest.to;
            num.scaled = None;
            return Some(num);
        }
        // "paanch paanch sau": the count is said twice.
        if terms == 0
            && scale.is_none()
            && let Some(again) = part(tokens, count.to).filter(|p| p.value == count.value && p.kind == count.kind)
            && scales(tokens, again.to).is_some()
        {
            return spoken(tokens, count.to).map(|n| Num { from: i, ..n });
        }
        if let Some(pair) = neighbours(tokens, count, terms) {
            num.lower = Some(pair.0);
            num.value = pair.1;
            num.to = pair.2;
            num.scale = true;
            return Some(num);
        }
        if terms > 0 && count.value.checked_mul(multiplier)? >= limit.saturating_mul(ONE) {
            break;
        }
        let value = match count.kind {
            PartKind::Quarters(by) => {
                num.fraction = scale.is_none();
                count.value.checked_mul(multiplier)?.checked_add(by * multiplier.checked_mul(ONE)? / 4)?
            }
            PartKind::Fraction => {
                num.fraction = scale.is_none() && terms == 0;
                count.value.checked_mul(multiplier)?
            }
            PartKind::Small | PartKind::Tens | PartKind::Hindi | PartKind::Digits => {
                count.value.checked_mul(multiplier)?
            }
        };
        num.value = num.value.checked_add(value)?;
        num.scaled = match (terms, scale) {
            (0, Some((scale, _))) => Some((value / scale, scale)),
            _ => None,
        };
        num.scale |= scale.is_some();
        at = scale.map_or(count.to, |s| s.1);
        num.to = at;
        terms += 1;
        let Some((scale, _)) = scale else {
            if terms == 1 {
                return Some(alone(tokens, num, count));
            }
            break;
        };
        limit = scale;
        if limit <= 1 {
            break;
        }
    }
    if terms == 0 {
        return None;
    }
    if num.scale && matches!(word(tokens, num.to), Some(Word::Point)) {
        let whole = Part { value: num.value, to: num.to, kind: PartKind::Hindi };
        let part = decimal(tokens, whole)?;
        (num.value, num.to) = (part.value, part.to);
        return Some(num);
    }
    if matches!(word(tokens, num.to), Some(Word::AndHalf)) && num.scaled.is_some_and(|s| s.0 == ONE) {
        let scale = num.scaled.map_or(0, |s| s.1);
        num.value = num.value.checked_add(scale.checked_mul(ONE)? / 2)?;
        num.to += 1;
    }
    Some(num)
}

/// A count with no scale: perhaps hundreds left out, a dozen, or hour and minute.
fn alone(tokens: &[Token], mut num: Num, count: Part) -> Num {
    if matches!(word(tokens, num.to), Some(Word::Dozen)) {
        num.value = num.value.saturating_mul(12);
        num.to += 1;
        return num.dozen();
    }
    if let (Some(Word::Digits { whole, frac, places, len, .. }), true) =
        (word(tokens, num.from), num.to == num.from + 1)
    {
        num.digits = len;
        if places == 2
            && let (Ok(hour), Ok(minute)) = (u8::try_from(whole), u8::try_from(frac))
        {
            num.places = Some((hour, minute));
        }
    }
    if !matches!(count.kind, PartKind::Small | PartKind::Tens | PartKind::Hindi) {
        return num;
    }
    let Some(next) =
        part(tokens, num.to).filter(|p| matches!(p.kind, PartKind::Small | PartKind::Tens | PartKind::Hindi))
    else {
        if let (Some(Word::Oh), Some(unit)) = (word(tokens, num.to), part(tokens, num.to + 1))
            && unit.value < 10 * ONE
            && let (Ok(hour), Ok(minute)) = (u8::try_from(num.value / ONE), u8::try_from(unit.value / ONE))
        {
            num.split = Some((hour, minute));
            num.to = unit.to;
            num.value = num.value * 100 + unit.value;
        }
        return num;
    };
    let (hundreds, rest) = (num.value / ONE, next.value / ONE);
    let scaled = scales(tokens, next.to).is_some();
    let fits = (1..=99).contains(&hundreds) && hundreds % 10 != 0 || (1..=19).contains(&hundreds);
    let english = count.kind != PartKind::Hindi && next.kind != PartKind::Hindi;
    let hindi = count.kind == PartKind::Hindi
        && next.kind == PartKind::Hindi
        && hundreds < rest
        && rest % 5 == 0
        && rest > 2 * hundreds + 5;
    if fits
        && !scaled
        && (10..=99).contains(&rest)
        && (english || hindi)
        && !clock_mark_only(tokens, next.to, hundreds, rest)
    {
        num.split = match (u8::try_from(hundreds), u8::try_from(rest)) {
            (Ok(h), Ok(m)) if h < 24 && m < 60 => Some((h, m)),
            _ => None,
        };
        num.value = num.value * 100 + next.value;
        num.to = next.to;
    } else if !scaled && matches!(word(tokens, next.to), Some(Word::Rupee)) && close_by(hundreds, rest) {
        num.lower = Some(num.value);
        num.value = next.value;
        num.to = next.to;
    }
    num
}

pub(super) fn plain(value: i64, from: usize, to: usize) -> Num {
    Num {
        value,
        lower: None,
        from,
        to,
        scaled: None,
        split: None,
        fraction: false,
        places: None,
        digits: 0,
        scale: false,
        dozen: false,
    }
}

impl Num {
    fn dozen(mut self) -> Self {
        self.dozen = true;
        self
    }
}

//! Digits said or written in pieces: "one two double zero", "five oh five", "5 00", "1 50 000".

use super::lexicon::Word;
use super::number::{Num, ONE, fixed, plain, word};
use super::token::Token;

/// Three or more digit words in a row, with double and triple.
pub(super) fn digit_string(tokens: &[Token], i: usize) -> Option<Num> {
    let mut value: i64 = 0;
    let mut count: u8 = 0;
    let mut repeated = false;
    let mut at = i;
    // "fifteen double zero": tens, then digits.
    if let Some((tens, to)) = below_hundred(tokens, i)
        && matches!(word(tokens, to), Some(Word::Repeat(_)))
    {
        (value, count, at) = (tens, 2, to);
    }
    while count < 16 {
        let (times, skip) = match word(tokens, at) {
            Some(Word::Repeat(n)) => (n, 1),
            _ => (1, 0),
        };
        let digit = match word(tokens, at + skip) {
            Some(Word::Count(n) | Word::Small(n)) if n < 10 => i64::from(n),
            Some(Word::Digits { whole, len: 1, places: 0, .. }) => i64::try_from(whole).ok()?,
            Some(Word::Oh) if count > 0 => 0,
            _ => break,
        };
        for _ in 0..times {
            value = value.checked_mul(10)?.checked_add(digit)?;
            count += 1;
        }
        at += skip + 1;
        repeated |= times > 1;
    }
    // A digit before a scale begins another number.
    let scaled = matches!(word(tokens, at), Some(Word::Scale(_) | Word::AmPm(_) | Word::Oclock));
    if !repeated && count < 3 || scaled {
        return None;
    }
    let mut num = plain(value.checked_mul(ONE)?, i, at);
    num.digits = count;
    // "one oh five" is also an hour and a minute.
    if count == 3 && matches!(word(tokens, i + 1), Some(Word::Oh)) {
        num.split = Some((u8::try_from(value / 100).ok()?, u8::try_from(value % 100).ok()?));
    }
    Some(num)
}

/// A number of two digits in words and the token after it.
fn below_hundred(tokens: &[Token], i: usize) -> Option<(i64, usize)> {
    match word(tokens, i)? {
        Word::Count(n) | Word::Small(n) if n >= 10 => Some((i64::from(n), i + 1)),
        Word::Tens(n) => match word(tokens, i + 1) {
            Some(Word::Small(u @ 1..=9)) => Some((i64::from(n + u), i + 2)),
            _ => Some((i64::from(n), i + 1)),
        },
        _ => None,
    }
}

/// A group of one or two digits and a group of two or three that belong together: "5 00".
pub(super) fn split_digits(tokens: &[Token], i: usize) -> Option<Num> {
    let Some(Word::Digits { whole, len: len @ 1..=2, places: 0, grouped: false, .. }) = word(tokens, i) else {
        return None;
    };
    let Some(Word::Digits { whole: rest, len: more @ 2..=3, places, frac, grouped: false }) = word(tokens, i + 1)
    else {
        return None;
    };
    if tokens[i + 1].glued {
        return None;
    }
    let mut to = i + 2;
    let mut value = whole * 10_u64.pow(u32::from(more)) + rest;
    let mut digits = len + more;
    // "1 50 000"
    if let Some(Word::Digits { whole: third, len: last, places: 0, .. }) = word(tokens, to) {
        if more == 2 && last == 3 {
            value = value * 1000 + third;
            digits += 3;
            to += 1;
        } else {
            return None;
        }
    }
    if matches!(word(tokens, to), Some(Word::Scale(_))) {
        return None;
    }
    let mut num = plain(fixed(value, frac, places)?, i, to);
    num.digits = digits;
    if more == 2 && to == i + 2 && whole < 24 && rest < 60 {
        num.split = Some((u8::try_from(whole).ok()?, u8::try_from(rest).ok()?));
    }
    Some(num)
}

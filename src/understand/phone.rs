//! Telephone numbers of India, however grouped or spoken.
//!
//! Strings digits together over pauses and fillers until they make a number; a labelled order or tracking number is none.

use super::heard::Heard;
use super::lexicon::Word;
use super::settle::{self, Said};
use super::{Kind, Reading, Value};

/// Reads the telephone number that a text names.
pub(super) fn read(heard: &Heard) -> Reading {
    let unfinished = super::ending::dangles(heard, Kind::Phone);
    let said = numbers(heard);
    let places: Vec<(usize, usize)> = said.iter().map(|s| (s.from, s.to)).collect();
    let mut options: Vec<Said<u64>> = Vec::new();
    for (start, end) in settle::alternatives(heard, &places) {
        let mut part: Vec<Said<u64>> = said
            .iter()
            .filter(|s| s.from >= start && s.to <= end)
            .filter(|s| {
                let limit = said.iter().map(|o| o.from).find(|&f| f >= s.to).unwrap_or(heard.tokens.len());
                !settle::denied_before(heard, s.from)
                    && !settle::denied_after(heard, s.to, limit)
                    && !settle::quoted(heard, s.from, s.to)
            })
            .copied()
            .collect();
        settle::correct(heard, &mut part, |_, _| {});
        for number in part {
            if options.iter().all(|o| o.what != number.what) {
                options.push(number);
            }
        }
    }
    let Some((first, last)) = options.first().zip(options.last()) else {
        return Reading { unfinished, ..Reading::default() };
    };
    let value = |s: &Said<u64>| Some(Value::Phone(format!("+91{:010}", s.what)));
    let span = heard.span(first.from, last.to);
    if options.len() == 1 {
        return Reading { value: value(first), span, ..Reading::default() };
    }
    Reading { value: None, ambiguous: true, readings: options.iter().map(value).collect(), unfinished: false, span }
}

/// One group of digits: its digits and its tokens.
#[derive(Clone, Copy)]
struct Group {
    value: u64,
    len: u32,
    from: usize,
    to: usize,
    plus: bool,
}

/// All complete numbers, in order.
pub(super) fn numbers(heard: &Heard) -> Vec<Said<u64>> {
    let mut said = Vec::new();
    let mut run: Vec<Group> = Vec::new();
    let mut i = 0;
    let mut labelled = false;
    while i < heard.tokens.len() {
        if let Some(group) = group(heard, i) {
            if run.is_empty() {
                labelled = is_labelled(heard, i);
            }
            i = group.to;
            if !labelled {
                run.push(group);
            } else {
                run.clear();
            }
            continue;
        }
        let gap = matches!(
            heard.tokens[i].word,
            Word::Comma
                | Word::Hyphen
                | Word::Filler
                | Word::And
                | Word::Then
                | Word::Plus
                | Word::Slash
                | Word::Ellipsis
                | Word::Stop
        );
        if !gap {
            close(&mut run, &mut said);
            if !matches!(heard.tokens[i].word, Word::Of | Word::Is) {
                labelled = false;
            }
        }
        i += 1;
    }
    close(&mut run, &mut said);
    said
}

/// Takes whole numbers from a run of groups, longest first.
fn close(run: &mut Vec<Group>, said: &mut Vec<Said<u64>>) {
    let mut i = 0;
    while i < run.len() {
        let best = (i..run.len()).rev().find_map(|j| valid(&run[i..=j]).map(|n| (n, j)));
        match best {
            Some((number, j)) => {
                said.push(Said { what: number, from: run[i].from, to: run[j].to });
                i = j + 1;
            }
            None => i += 1,
        }
    }
    run.clear();
}

/// The ten digits of a complete number.
fn valid(groups: &[Group]) -> Option<u64> {
    let mut value: u64 = 0;
    let mut len: u32 = 0;
    for group in groups {
        len += group.len;
        if len > 14 {
            return None;
        }
        value = value.checked_mul(10_u64.checked_pow(group.len)?)?.checked_add(group.value)?;
    }
    let ten = 10_000_000_000;
    let mobile = |n: u64| (6_000_000_000..ten).contains(&n);
    let plus = groups.first().is_some_and(|g| g.plus);
    match len {
        10 if mobile(value) && !plus => Some(value),
        11 if value < ten => (value >= 1_000_000_000).then_some(value),
        12 if value / ten == 91 => Some(value % ten).filter(|n| mobile(*n) || plus && *n >= 1_000_000_000),
        13 if value / ten == 91 || value / ten == 910 => Some(value % ten).filter(|n| *n >= 1_000_000_000),
        13 if value / ten == 0 => None,
        14 if value / ten == 91 || value / ten == 910 => Some(value % ten).filter(|n| *n >= 1_000_000_000),
        _ => None,
    }
}

/// The group of digits at token `i`: digits as written, digit words, or a number below a hundred in words.
fn group(heard: &Heard, i: usize) -> Option<Group> {
    let (times, at) = match heard.word(i)? {
        Word::Repeat(n) => (u32::from(n), i + 1),
        _ => (1, i),
    };
    let plus = matches!(heard.before(i), Some(Word::Plus));
    let (value, len, to) = match heard.word(at)? {
        Word::Digits { whole, len, places: 0, grouped: false, .. } => (whole, u32::from(len), at + 1),
        Word::Count(n) | Word::Small(n) => (u64::from(n), if n < 10 { 1 } else { 2 }, at + 1),
        Word::Tens(n) => match heard.word(at + 1) {
            Some(Word::Small(u @ 1..=9)) => (u64::from(n + u), 2, at + 2),
            _ => (u64::from(n), 2, at + 1),
        },
        Word::Oh if i > 0 => (0, 1, at + 1),
        _ => return None,
    };
    if len > 14 || times > 1 && len > 1 {
        return None;
    }
    let scaled =
        matches!(heard.word(to), Some(Word::Scale(_) | Word::Rupee | Word::Oclock | Word::AmPm(_) | Word::Unit(_)));
    if scaled && len < 10 {
        return None;
    }
    let mut repeated = 0;
    for _ in 0..times {
        repeated = repeated * 10_u64.pow(len.min(2)) + value;
    }
    let value = if times > 1 { repeated } else { value };
    Some(Group { value, len: len * times, from: i, to, plus })
}

/// True if a label other than a telephone's stands before token `i`.
fn is_labelled(heard: &Heard, i: usize) -> bool {
    let mut at = i;
    while let Some(word) = heard.before(at) {
        at -= 1;
        match word {
            Word::Of | Word::Is | Word::Filler | Word::NumberSign | Word::Plus => {}
            Word::Label | Word::LabelStem | Word::LabelLong => return true,
            Word::Unit(_) => return heard.any(at, i, |w| w == Word::NumberSign),
            _ => return false,
        }
    }
    false
}

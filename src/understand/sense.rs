//! Words that sound or look like others get the meaning that their neighbours allow.
//!
//! "to pm" is two pm, "saath" after "ke" is with, "do" after "I can" is English, "दो" after "दे" is give, "so" is a hundred only
//! right after a number. Works on tokens in place and once; afterwards no grammar meets a doubtful meaning, except the
//! scale after "to" or "for", which has two readings by rule and is left to [`super::money`].

use super::lexicon::{Unit, Word};
use super::token::Token;

/// Settles every doubtful meaning.
pub(super) fn settle(tokens: &mut [Token]) {
    for i in 0..tokens.len() {
        let before = i.checked_sub(1).map(|p| tokens[p].word);
        let earlier = i.checked_sub(2).map(|p| tokens[p].word);
        let after = tokens.get(i + 1).map(|t| t.word);
        let word = match tokens[i].word {
            Word::EnglishScale(scale) => Word::Scale(scale),
            Word::To | Word::Too if opens_scale(before, after) => Word::SoundAlike(2),
            Word::For if opens_scale(before, after) => Word::SoundAlike(4),
            Word::ToOrTwo
                if !(before.is_some_and(is_digit) && earlier.is_some_and(is_digit))
                    && before.is_some_and(|w| is_number(w) || is_clock_mark(w))
                    && after.is_some_and(|w| is_number(w) && !is_scale_or_unit(w)) =>
            {
                Word::To
            }
            Word::ToOrTwo => Word::Small(2),
            Word::To | Word::Too if marks_clock(after) => Word::Small(2),
            Word::For if marks_clock(after) => Word::Small(4),
            Word::Too if before.is_some_and(is_number) || before.is_some_and(is_clock_mark) => Word::To,
            Word::Too => Word::Filler,
            Word::SauOrSo if before.is_some_and(is_small) && !english(before) => Word::Scale(100),
            Word::SauOrSo => Word::Filler,
            Word::SixtyOrWith => {
                let with = matches!(
                    before,
                    Some(
                        Word::Of
                            | Word::My
                            | Word::Your
                            | Word::He
                            | Word::Apna
                            | Word::This
                            | Word::Side
                            | Word::Human
                    )
                ) || matches!(before, Some(Word::Count(1))) && !after.is_some_and(is_scale_or_unit)
                    || matches!(after, Some(Word::In | Word::Other));
                if with { Word::KeSaath } else { Word::Count(60) }
            }
            Word::Kilo if before.is_some_and(is_small) && !matches!(after, Some(Word::KeBaad)) => Word::Scale(1_000),
            Word::Kilo => Word::Of,
            Word::AmOrBe if before.is_some_and(|w| is_number(w) || matches!(w, Word::Clock { .. })) => {
                Word::AmPm(false)
            }
            Word::AmOrBe => Word::Is,
            Word::PerOrBut if matches!(after, Some(Word::Unit(_))) && !matches!(before, Some(Word::Comma)) => {
                Word::PerUnit
            }
            Word::PerOrBut => Word::But,
            Word::MonthOrVerb(month)
                if day_number(before)
                    || day_number(after)
                    || matches!(before, Some(Word::Of | Word::Is)) && day_number(earlier) =>
            {
                Word::Month(month)
            }
            Word::MonthOrVerb(_) => Word::Other,
            Word::No
                if matches!(before, Some(Word::Label | Word::LabelStem | Word::LabelLong | Word::PhoneNoun))
                    && matches!(after, Some(Word::Digits { .. } | Word::Small(_) | Word::Of | Word::Is)) =>
            {
                Word::NumberSign
            }
            Word::Unit(Unit::Minute)
                if !before.is_some_and(|w| {
                    is_number(w) || matches!(w, Word::Half | Word::QuarterPart | Word::Article | Word::AndHalf)
                }) && after.is_some_and(|w| is_number(w) || w == Word::Rupee) =>
            {
                Word::AtLeast
            }
            Word::Digits { whole: 2, len: 1, places: 0, .. }
                if before.is_some_and(is_clock_mark) && clock_follows(tokens, i + 1) =>
            {
                Word::To
            }
            Word::DoOrTwo | Word::TwoOrGive => two(tokens, i, before, earlier, after),
            other => other,
        };
        tokens[i].word = word;
    }
}

/// True for words that begin or make up a number.
pub(super) fn is_number(word: Word) -> bool {
    is_small(word)
        || matches!(
            word,
            Word::Scale(_)
                | Word::EnglishScale(_)
                | Word::Saade
                | Word::Sava
                | Word::Paune
                | Word::SauOrSo
                | Word::TwoOrGive
        )
}

/// A digit as a word.
fn is_digit(word: Word) -> bool {
    matches!(word, Word::Count(0..=9) | Word::Small(0..=9))
}

/// A number that may stand before a scale.
fn is_small(word: Word) -> bool {
    matches!(
        word,
        Word::Digits { .. } | Word::Count(_) | Word::Small(_) | Word::Tens(_) | Word::Dedh | Word::Dhai | Word::AndHalf
    )
}

/// English numbers take no Hindi "so".
fn english(word: Option<Word>) -> bool {
    match word {
        Some(Word::Small(_) | Word::Tens(_) | Word::AndHalf) => true,
        Some(Word::Digits { whole, .. }) => whole >= 100,
        _ => false,
    }
}

fn is_scale_or_unit(word: Word) -> bool {
    matches!(
        word,
        Word::Scale(_)
            | Word::EnglishScale(_)
            | Word::Rupee
            | Word::Unit(_)
            | Word::Oclock
            | Word::SauOrSo
            | Word::Paise
    )
}

/// True between no number and "hundred" or "thousand".
fn opens_scale(before: Option<Word>, after: Option<Word>) -> bool {
    matches!(after, Some(Word::EnglishScale(_))) && !before.is_some_and(|w| is_number(w) || matches!(w, Word::Rupee))
}

fn marks_clock(word: Option<Word>) -> bool {
    matches!(word, Some(Word::AmPm(_) | Word::Oclock | Word::AmOrBe))
}

fn is_clock_mark(word: Word) -> bool {
    matches!(word, Word::AmPm(_) | Word::Oclock)
}

fn day_number(word: Option<Word>) -> bool {
    match word {
        Some(Word::Digits { whole, places: 0, .. }) => (1..=31).contains(&whole),
        Some(Word::Count(n) | Word::Small(n) | Word::Tens(n) | Word::Ordinal(n)) => (1..=31).contains(&n),
        _ => false,
    }
}

/// True if a number with its am, pm or o'clock begins at `i`.
fn clock_follows(tokens: &[Token], i: usize) -> bool {
    let mut at = i;
    while tokens.get(at).is_some_and(|t| is_number(t.word)) && at < i + 3 {
        at += 1;
    }
    match tokens.get(i).map(|t| t.word) {
        Some(Word::Clock { .. }) => true,
        _ => at > i && marks_clock(tokens.get(at).map(|t| t.word)),
    }
}

/// "do" and "दो": two, give, or the English verb.
fn two(tokens: &[Token], i: usize, before: Option<Word>, earlier: Option<Word>, after: Option<Word>) -> Word {
    let latin = tokens[i].word == Word::DoOrTwo;
    if latin {
        if matches!(before, Some(Word::To)) && earlier.is_some_and(is_number) {
            return Word::Count(2);
        }
        let hindi_follows = matches!(
            after,
            Some(
                Word::Scale(_)
                    | Word::SauOrSo
                    | Word::Rupee
                    | Word::Unit(_)
                    | Word::Oclock
                    | Word::Se
                    | Word::Count(_)
                    | Word::Dozen
            )
        );
        // "I only do": a filler does not part the verb from its subject.
        let subject = if before == Some(Word::Filler) { earlier } else { before };
        match subject {
            Some(Word::I | Word::Cant | Word::Please | Word::Not) => return Word::Other,
            Some(Word::To | Word::You | Word::Wh | Word::What | Word::Hum) if !hindi_follows => return Word::Other,
            _ => {}
        }
        if matches!(
            after,
            Some(Word::You | Word::Not | Word::I | Word::It | Word::Small(_) | Word::Tens(_) | Word::Article)
        ) {
            return Word::Other;
        }
    }
    match before {
        Some(Word::Stem | Word::Human | Word::TalkMake | Word::Give | Word::PhoneNoun) => return Word::Give,
        Some(Word::Filler) if matches!(earlier, Some(Word::Stem | Word::Rupee | Word::Paise)) => return Word::Give,
        Some(Word::Rupee | Word::Paise)
            if after.is_none_or(|w| !is_scale_or_unit(w) && !is_number(w) && w != Word::Se) =>
        {
            return Word::Give;
        }
        _ => {}
    }
    let ends = after
        .is_none_or(|w| matches!(w, Word::Comma | Word::Stop | Word::Filler | Word::And | Word::But | Word::Please));
    match before {
        Some(Word::Ko | Word::Lowered) if ends => Word::Give,
        // "mujhe do minute do"
        Some(Word::Unit(Unit::Minute)) if ends && earlier.is_some_and(is_number) => Word::Give,
        Some(Word::Digits { whole, .. }) if ends && whole > 9 => Word::Give,
        Some(Word::Other) if ends && !latin => Word::Give,
        Some(Word::Other | Word::Machine) if ends && latin => Word::Other,
        _ => Word::Count(2),
    }
}

//! Plain numbers: how many, with any unit, and never a label, a price or an hour.

use super::heard::{Heard, Role, ends_clause, expects, is_filler};
use super::lexicon::{Unit, Word};
use super::number::{Num, ONE};
use super::settle::{self, Said};
use super::{Kind, Reading, Scene, Value, clock, date, money};

/// Reads the number that a text names.
pub(super) fn read(heard: &mut Heard, scene: &Scene) -> Reading {
    let asked = expects(scene, Kind::Number);
    if !asked {
        date::find(heard, scene);
    } else {
        claim_marked_days(heard, scene);
    }
    clock::find(heard, scene);
    let unfinished = super::ending::dangles(heard, Kind::Number);
    let said = numbers(heard);
    let places: Vec<(usize, usize)> = said.iter().map(|s| (s.from, s.to)).collect();
    let mut options: Vec<Said<i64>> = Vec::new();
    for (start, end) in settle::alternatives(heard, &places) {
        let mut part: Vec<Said<i64>> = said.iter().filter(|s| s.from >= start && s.to <= end).copied().collect();
        part.retain(|s| {
            let limit = said.iter().map(|o| o.from).find(|&f| f >= s.to).unwrap_or(heard.tokens.len());
            !settle::denied_before(heard, s.from)
                && !settle::denied_after(heard, s.to, limit)
                && !settle::quoted(heard, s.from, s.to)
                && !past(heard, s)
        });
        settle::correct(heard, &mut part, |_, _| {});
        for number in part {
            if options.iter().all(|o| o.what != number.what) {
                options.push(number);
            }
        }
    }
    let value = |n: i64| Some(Value::Number(plain(n)));
    let Some((first, last)) = options.first().zip(options.last()) else {
        return Reading { unfinished, ..Reading::default() };
    };
    let span = heard.span(first.from, last.to);
    if options.len() == 1 {
        return Reading { value: value(first.what), ambiguous: false, readings: Vec::new(), unfinished, span };
    }
    Reading {
        value: None,
        ambiguous: true,
        readings: options.iter().map(|o| value(o.what)).collect(),
        unfinished,
        span,
    }
}

/// A decimal without trailing zeros, from millionths.
pub(super) fn plain(millionths: i64) -> String {
    let whole = millionths / ONE;
    let rest = (millionths % ONE).abs();
    if rest == 0 {
        return whole.to_string();
    }
    let digits = format!("{rest:06}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Days that their words alone make days, so that a bare number stays a number.
fn claim_marked_days(heard: &mut Heard, scene: &Scene) {
    let scene = Scene { now: scene.now, expect: None };
    date::find(heard, &scene);
}

fn past(heard: &Heard, said: &Said<i64>) -> bool {
    let (start, end) = (heard.clause_start(said.from), heard.clause_end(said.to));
    heard.any(start, said.from, |w| matches!(w, Word::Earlier)) || heard.any(said.to, end, |w| w == Word::Earlier)
}

fn numbers(heard: &Heard) -> Vec<Said<i64>> {
    let mut said: Vec<Said<i64>> = Vec::new();
    let money = heard.roles.contains(&Role::Money);
    for (k, num) in heard.nums.iter().enumerate() {
        let counts = match heard.roles[k] {
            Role::Bare | Role::Quantity | Role::Percent => {
                !is_pronoun(heard, num) && (heard.roles[k] != Role::Bare || !priced(heard, k))
            }
            Role::Duration => !is_pronoun(heard, num) && !is_pause(heard, num),
            Role::Clock | Role::Date | Role::Foreign | Role::Label | Role::Money | Role::Phone => false,
        };
        if !counts || money && is_rate_unit(heard, num) {
            continue;
        }
        // "for hundred": four hundred, or for a hundred.
        if let (Some(times), Some(Word::Scale(scale))) =
            (money::sound_alike(heard, num, num.from), heard.word(num.from))
        {
            let more = (times - 1).saturating_mul(i64::from(scale)).saturating_mul(ONE);
            said.push(Said { what: num.value.saturating_add(more), from: num.from, to: num.to });
        }
        if let Some(low) = num.lower {
            said.push(Said { what: low, from: num.from, to: num.to });
        }
        said.push(Said { what: num.value, from: num.from, to: num.to });
    }
    if said.is_empty() {
        // "Nobody", as the whole answer.
        let nobody = |at: usize| {
            heard.expect == Some(Kind::Number)
                && heard.tokens[at].word == Word::Not
                && heard.tokens[at].to - heard.tokens[at].from >= NOBODY
                && heard.tokens.iter().enumerate().all(|(i, t)| i == at || is_filler(t.word) || ends_clause(t.word))
        };
        let none = |at: usize| heard.tokens[at].word == Word::NoneAtAll || nobody(at);
        let zero = (0..heard.tokens.len()).find(|&at| none(at));
        said.extend(zero.map(|at| Said { what: 0, from: at, to: at + 1 }));
        let half = heard.tokens.iter().position(|t| t.word == Word::Dozen);
        said.extend(half.filter(|_| zero.is_none()).map(|at| Said { what: 12 * ONE, from: at, to: at + 1 }));
    }
    said.sort_by_key(|s| s.from);
    said
}

/// Bytes of "no one" and its like; "not" and "isn't" are shorter.
const NOBODY: usize = 6;

/// "ek ghante ka 200": the one belongs to the rate.
fn is_rate_unit(heard: &Heard, num: &Num) -> bool {
    num.value == ONE
        && matches!(heard.word(num.to), Some(Word::Unit(Unit::Per(_))))
        && matches!(heard.word(num.to + 1), Some(Word::Of))
}

/// "this one", "ek minute", "one moment": not a count.
fn is_pronoun(heard: &Heard, num: &Num) -> bool {
    let one = num.value == ONE && !matches!(heard.word(num.from), Some(Word::Digits { .. })) && !num.scale;
    let after = heard.word(num.to);
    let followed =
        matches!(after, Some(Word::Unit(Unit::Minute) | Word::Ordinal(_) | Word::Talk | Word::Of | Word::Moment));
    let preceded =
        matches!(heard.before(num.from), Some(Word::This | Word::Wh | Word::No | Word::Each | Word::Ordinal(_)));
    one && (preceded || followed && !is_filler(after.unwrap_or(Word::Other)))
}

/// "give me two minutes", "wait five minutes", "do minute ruko": a while to wait, and no count.
fn is_pause(heard: &Heard, num: &Num) -> bool {
    let (start, end) = (heard.clause_start(num.from), heard.clause_end(num.to));
    heard.word(num.to) == Some(Word::Unit(Unit::Minute))
        && (heard.any(start, end, |w| w == Word::Give)
            || heard.word(num.to + 1) == Some(Word::Correct)
            || heard.before(num.from) == Some(Word::Correct))
}

fn priced(heard: &Heard, k: usize) -> bool {
    money::rated(heard, k) || money::charged(heard, k)
}

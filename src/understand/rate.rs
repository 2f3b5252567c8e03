//! What an amount is paid for: "per trip", "a kilometre", "ek ghante ka", "har chakkar", "/km".
//!
//! Looks at the words beside one amount and names its unit; a counted stretch ("for 3 hours") is no unit.

use super::Per;
use super::heard::Heard;
use super::lexicon::{Unit, Word};
use super::number::ONE;

/// The unit after an amount and a weight: 0 for a bare "each" or trip, 1 for a rate that makes any number money.
pub(super) fn per_after(heard: &Heard, to: usize, value: i64) -> Option<(Per, u8)> {
    let rupees = matches!(heard.before(to), Some(Word::Rupee | Word::Paise));
    let mut at = heard.skip(to, |w| matches!(w, Word::Filler | Word::About));
    if let Some(Word::Plus | Word::Comma) = heard.word(at)
        && matches!(heard.word(at + 1), Some(Word::PerUnit | Word::Each | Word::Rate(_)))
    {
        at += 1;
    }
    let per = |at: usize| match heard.word(at) {
        Some(Word::Unit(Unit::Per(per))) => Some(per),
        _ => None,
    };
    match heard.word(at)? {
        Word::PerUnit | Word::PerOrBut => {
            let at = heard.skip(at + 1, |w| matches!(w, Word::Article | Word::Filler));
            per(at).map(|p| (p, 1))
        }
        Word::Slash => per(heard.skip(at + 1, |w| w == Word::Slash)).map(|p| (p, 1)),
        Word::Article => per(at + 1).map(|p| (p, 1)),
        Word::Each => match heard.word(at + 1) {
            Some(Word::Unit(Unit::Per(per))) => Some((per, 1)),
            Some(Word::Unit(_) | Word::LabelStem | Word::LabelLong | Word::Human | Word::Other) => None,
            _ => Some((Per::Piece, 1)),
        },
        Word::Rate(per) => Some((per, 1)),
        Word::For | Word::In | Word::Inside | Word::Of | Word::Is => {
            let inner = heard.skip(at + 1, |w| {
                matches!(
                    w,
                    Word::Filler
                        | Word::Article
                        | Word::Each
                        | Word::Count(1)
                        | Word::Small(1)
                        | Word::This
                        | Word::Of
                        | Word::Is
                        | Word::PerUnit
                )
            });
            let found = per(inner)?;
            let counted = heard.any(at + 1, inner, |w| {
                matches!(w, Word::Article | Word::Each | Word::Count(1) | Word::Small(1) | Word::PerUnit)
            });
            let lone = heard.word(at + 1 + inner.saturating_sub(at + 1)).is_some();
            match (found, heard.word(at)?) {
                (Per::Trip, Word::For | Word::Of | Word::Is) if lone => Some((Per::Trip, 0)),
                (found, Word::For) if counted && !matches!(heard.word(inner - 1), Some(Word::This | Word::Filler)) => {
                    Some((found, 1))
                }
                (found, Word::Of) if counted || priced_unit(heard, inner) => Some((found, 1)),
                (found, Word::Is) if heard.word(inner + 1) == Some(Word::Of) => Some((found, 1)),
                _ => None,
            }
        }
        Word::Count(1) | Word::Small(1) => {
            let found = per(at + 1)?;
            (rupees || matches!(heard.word(at + 2), Some(Word::Of)) || found == Per::Trip || value >= 10 * ONE)
                .then_some((found, 1))
        }
        Word::Unit(Unit::Per(found)) => {
            let after = heard.word(at + 1);
            let rate = rupees
                || matches!(after, Some(Word::HisaabSe))
                || matches!(after, Some(Word::Of))
                || found == Per::Trip && value >= 100 * ONE;
            rate.then_some((found, u8::from(rupees || matches!(after, Some(Word::HisaabSe)) || found != Per::Trip)))
        }
        _ => None,
    }
}

/// "300 ka ton": the unit said after "ka".
fn priced_unit(heard: &Heard, unit: usize) -> bool {
    !matches!(heard.word(unit + 1), Some(Word::Of | Word::Unit(_)))
}

/// The unit before an amount, and whether it is only a trip beside it.
pub(super) fn per_before(heard: &Heard, from: usize, previous: usize) -> Option<(Per, bool)> {
    let mut at = from;
    let mut of = false;
    let mut comma = false;
    while at > previous {
        match heard.before(at) {
            Some(Word::Of | Word::HisaabSe) => of = true,
            Some(Word::Comma) => comma = true,
            Some(
                Word::Is
                | Word::It
                | Word::Filler
                | Word::Charge
                | Word::About
                | Word::Rupee
                | Word::In
                | Word::Inside
                | Word::At
                | Word::Then
                | Word::For
                | Word::Se
                | Word::Final
                | Word::I
                | Word::Hum
                | Word::Hyphen
                | Word::He
                | Word::Said
                | Word::This,
            ) => {}
            _ => break,
        }
        at -= 1;
    }
    let unit = at.checked_sub(1).filter(|&u| u >= previous)?;
    if let Some(Word::Rate(per)) = heard.word(unit) {
        return Some((per, false));
    }
    let Some(Word::Unit(Unit::Per(per))) = heard.word(unit) else {
        return None;
    };
    if unit == 0 && comma {
        return None;
    }
    if unit == 0 {
        return (of || per == Per::Trip).then_some((per, per == Per::Trip));
    }
    if let Some(k) = heard.num_ending(unit) {
        let num = heard.nums[k];
        let one = num.value == ONE && !comma;
        return (one && (num.from >= previous)).then_some((per, false));
    }
    match heard.before(unit) {
        Some(Word::PerUnit | Word::Each | Word::Article | Word::PerOrBut | Word::Slash) => Some((per, false)),
        // "per ton basis, 420" may pause; a bare noun may not.
        _ if comma => None,
        _ if per == Per::Trip => Some((per, true)),
        _ if of => Some((per, false)),
        _ => None,
    }
}

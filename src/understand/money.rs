//! Amounts of money: which numbers are money, rates, ranges, and which of several amounts is the price.
//!
//! First every amount of the text is gathered with its unit and its marks (side amount, total, bound, refused, somebody else's …),
//! then the rules choose. Amounts are never added or multiplied. Key types: [`Offer`].

use super::clock;
use super::date;
use super::heard::{Heard, Role, ends_clause, expects, is_filler};
use super::lexicon::{Unit, Word};
use super::number::{Num, ONE};
use super::offer::{self, Marks};
use super::rate::{per_after, per_before};
use super::settle::{self, Said};
use super::{Kind, Money, Per, Reading, Scene, Value};

/// An amount with what the words around it say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) money: Money,
    pub(super) marks: Marks,
    /// Count and scale, for a scale that an alternative or range shares.
    scaled: Option<(i64, i64)>,
    bare: bool,
    /// The reading without the sound-alike before it: "for hundred".
    alike: Option<i64>,
}

/// Reads the price that a text names.
pub(super) fn read(heard: &mut Heard, scene: &Scene) -> Reading {
    date::find(heard, scene);
    clock::find(heard, scene);
    let unfinished = super::ending::dangles(heard, Kind::Money);
    let mut offers = gather(heard, scene);
    join(heard, &mut offers);
    if let Some(free) = free(heard, scene, &offers) {
        offers.push(free);
        offers.sort_by_key(|o| o.from);
    }
    mark(heard, &mut offers);
    let places: Vec<(usize, usize)> = offers.iter().map(|o| (o.from, o.to)).collect();
    let mut options: Vec<Said<Offer>> = Vec::new();
    let cuts = settle::alternatives(heard, &places);
    let alternatives = cuts.len() > 1;
    for (start, end) in cuts {
        let part: Vec<Said<Offer>> = offers.iter().filter(|o| o.from >= start && o.to <= end).copied().collect();
        for offer in choose(heard, part) {
            let same = options.iter_mut().find(|o| {
                o.what.money.paise == offer.what.money.paise && o.what.money.upper_paise == offer.what.money.upper_paise
            });
            match same {
                Some(known) => {
                    known.what.money.per = known.what.money.per.or(offer.what.money.per);
                    known.what.marks.bound &= offer.what.marks.bound;
                }
                None => options.push(offer),
            }
        }
    }
    if alternatives {
        share(&mut options);
    }
    answer(heard, &options, unfinished)
}

/// Tokens that an offer rests on: the amount, and the unit of its rate.
fn shown(heard: &Heard, offer: &Said<Offer>) -> (usize, usize) {
    let Some(per) = offer.what.money.per else { return (offer.from, offer.to) };
    let unit = |at: &usize| match heard.tokens[*at].word {
        Word::Unit(Unit::Per(unit)) | Word::Rate(unit) => unit == per,
        Word::Each => per == Per::Piece,
        _ => false,
    };
    let end = heard.clause_end(offer.to).min(offer.to + 6);
    let start = heard.clause_start(offer.from).max(offer.from.saturating_sub(8));
    match ((offer.to..end).find(unit), (start..offer.from).rev().find(unit)) {
        (Some(at), _) => (offer.from, at + 1),
        (None, Some(at)) => (at, offer.to),
        (None, None) => (offer.from, offer.to),
    }
}

fn answer(heard: &Heard, options: &[Said<Offer>], unfinished: bool) -> Reading {
    let Some((first, last)) = options.first().zip(options.last()) else {
        return Reading { unfinished, ..Reading::default() };
    };
    let span = heard.span(shown(heard, first).0, shown(heard, last).1);
    let value = |money: Money| Some(Value::Money(money));
    if options.len() > 1 {
        let readings = options.iter().map(|o| value(o.what.money)).collect();
        return Reading { value: None, ambiguous: true, readings, unfinished, span };
    }
    let money = first.what.money;
    if let Some(other) = first.what.alike {
        let readings = vec![value(money), value(Money { paise: other, ..money })];
        return Reading { value: None, ambiguous: true, readings, unfinished, span };
    }
    if first.what.marks.bound {
        return Reading { value: value(money), ambiguous: true, readings: vec![value(money), None], unfinished, span };
    }
    Reading { value: value(money), ambiguous: false, readings: Vec::new(), unfinished, span }
}

/// A unit or scale said once belongs to both alternatives.
fn share(options: &mut [Said<Offer>]) {
    let Some(last) = options.last().map(|o| o.what) else { return };
    for option in options.iter_mut() {
        option.what.money.per = option.what.money.per.or(last.money.per);
        if let (Some((count, scale)), true) = (last.scaled, option.what.bare) {
            let lower = option.what.money.paise;
            if lower * (ONE / 100) < count && option.what.money.upper_paise.is_none() && scale > 1 {
                option.what.money.paise = lower.saturating_mul(scale);
            }
        }
    }
}

/// Every amount of the text.
fn gather(heard: &Heard, scene: &Scene) -> Vec<Said<Offer>> {
    let mut offers: Vec<Said<Offer>> = Vec::new();
    let mut k = 0;
    while k < heard.nums.len() {
        let Some((low, high, next)) = pair(heard, k, scene) else {
            k += 1;
            continue;
        };
        k = next;
        let found = offer(heard, low, high, offers.last().map_or(0, |o| o.to));
        while heard.nums.get(k).is_some_and(|n| n.from < found.to) {
            k += 1;
        }
        offers.push(found);
    }
    offers
}

/// "twelve rupees fifty paise to fifteen rupees": two whole amounts that make a range.
fn join(heard: &Heard, offers: &mut Vec<Said<Offer>>) {
    let mut i = 0;
    while i + 1 < offers.len() {
        let (low, high) = (offers[i], offers[i + 1]);
        let joint = heard.skip(low.to, is_filler);
        let joined = matches!(heard.word(joint), Some(Word::To | Word::Till | Word::Se | Word::Hyphen))
            && heard.skip(joint + 1, |w| is_filler(w) || w == Word::Till) == high.from;
        let single = low.what.money.upper_paise.is_none() && high.what.money.upper_paise.is_none();
        if joined && single && low.what.money.paise < high.what.money.paise {
            offers[i].what.money.upper_paise = Some(high.what.money.paise);
            offers[i].what.money.per = high.what.money.per.or(low.what.money.per);
            offers[i].what.scaled = None;
            offers[i].what.bare = false;
            offers[i].to = high.to;
            offers.remove(i + 1);
        } else {
            i += 1;
        }
    }
}

/// A number or a range that is money: first and last number, and the next number to look at.
fn pair(heard: &Heard, k: usize, scene: &Scene) -> Option<(usize, Option<usize>, usize)> {
    let range = range_end(heard, k);
    if let Some(last) = range {
        let money =
            is_money(heard, k, scene) && usable(heard, last) || is_money(heard, last, scene) && usable(heard, k);
        if money {
            return Some((k, Some(last), last + 1));
        }
    }
    is_money(heard, k, scene).then_some((k, None, k + 1))
}

fn usable(heard: &Heard, k: usize) -> bool {
    matches!(heard.roles[k], Role::Bare | Role::Money)
}

/// The number at the far end of a range that begins with number `k`.
fn range_end(heard: &Heard, k: usize) -> Option<usize> {
    let num = heard.nums[k];
    if !usable(heard, k) {
        return None;
    }
    let joint = heard.skip(num.to, |w| matches!(w, Word::Rupee | Word::Filler | Word::About));
    let opened = offer::opened_between(heard, num.from);
    let joins = match heard.word(joint)? {
        Word::To | Word::Till | Word::Se | Word::Hyphen => true,
        Word::And => {
            opened || {
                let at = heard.skip(joint + 1, |w| matches!(w, Word::Rupee | Word::About));
                heard.num_at(at).is_some_and(|j| {
                    let end = heard.skip(heard.nums[j].to, |w| matches!(w, Word::Rupee));
                    heard.word(end) == Some(Word::Beech)
                })
            }
        }
        _ => false,
    };
    if !joins {
        return None;
    }
    let at =
        heard.skip(joint + 1, |w| matches!(w, Word::Rupee | Word::Filler | Word::About | Word::Till | Word::Article));
    let last = heard.num_at(at).or_else(|| heard.num_at(at.saturating_sub(1)).filter(|&j| j > k))?;
    let (low, high) = ends(&num, &heard.nums[last]);
    (low < high && usable(heard, last)).then_some(last)
}

/// Both ends in millionths; a scale at the upper end serves a smaller number below it.
fn ends(low: &Num, high: &Num) -> (i64, i64) {
    match high.scaled {
        Some((count, scale)) if !low.scale && low.value < count => (low.value.saturating_mul(scale), high.value),
        _ => (low.value, high.value),
    }
}

/// True if number `k` is money: by its words, or because a charge was asked for and it is nothing else.
fn is_money(heard: &Heard, k: usize, scene: &Scene) -> bool {
    match heard.roles[k] {
        Role::Money => true,
        Role::Bare => {
            expects(scene, Kind::Money) && !thing(heard, k) && !fragment(heard, k)
                || rated(heard, k)
                || charged(heard, k)
        }
        Role::Quantity | Role::Duration => false,
        Role::Clock | Role::Date | Role::Foreign | Role::Label | Role::Percent | Role::Phone => false,
    }
}

/// "one" in "this one", "ek baat": no amount.
fn thing(heard: &Heard, k: usize) -> bool {
    let num = heard.nums[k];
    let one = num.value == ONE && !num.scale && !matches!(heard.word(num.from), Some(Word::Digits { .. }));
    let whole_text = heard.skip(0, |w| {
        is_filler(w) || ends_clause(w) || matches!(w, Word::Yes | Word::Ji | Word::Answering | Word::Fine)
    }) == num.from
        && heard.skip(num.to, |w| is_filler(w) || ends_clause(w)) >= heard.tokens.len();
    one && !whole_text
}

/// "half of it", "two of my trucks": a part or a count of something.
fn fragment(heard: &Heard, k: usize) -> bool {
    let num = heard.nums[k];
    let spelled = !heard.tokens[num.from].written;
    0 < num.value && num.value < ONE || spelled && num.value < 10 * ONE && heard.word(num.to) == Some(Word::Of)
}

/// True if a rate follows or stands before the number.
pub(super) fn rated(heard: &Heard, k: usize) -> bool {
    let num = heard.nums[k];
    per_after(heard, num.to, num.value).is_some_and(|p| p.1 > 0) || per_before(heard, num.from, 0).is_some_and(|p| !p.1)
}

/// True if a word such as "charge" or "kiraya" stands near the number.
pub(super) fn charged(heard: &Heard, k: usize) -> bool {
    let num = heard.nums[k];
    let from = num.from.saturating_sub(6);
    let start = (from..num.from)
        .rev()
        .find(|&at| matches!(heard.tokens[at].word, Word::Stop | Word::Question) || heard.num_ending(at + 1).is_some())
        .map_or(from, |at| at + 1);
    if heard.any(start, num.from, |w| w == Word::Charge) {
        return true;
    }
    let end = heard.clause_end(num.to).min(num.to + 4);
    let end = (num.to..end).find(|&at| heard.num_at(at).is_some()).unwrap_or(end);
    heard.any(num.to, end, |w| w == Word::Charge)
}

fn paise(value: i64) -> i64 {
    let unit = ONE / 100;
    (value + unit / 2).div_euclid(unit)
}

/// The amount of one number or range, with its unit.
fn offer(heard: &Heard, k: usize, high: Option<usize>, previous: usize) -> Said<Offer> {
    let first = heard.nums[k];
    let last = heard.nums[high.unwrap_or(k)];
    let (low, upper) = match high {
        Some(_) => {
            let (low, high) = ends(&first, &last);
            (low, Some(high))
        }
        None => (first.lower.unwrap_or(first.value), first.lower.map(|_| first.value)),
    };
    let mut from = first.from;
    let mut to = last.to;
    let mut amount = paise(low);
    if heard.word(to) == Some(Word::Paise) {
        amount = amount.div_euclid(100) + if upper.is_some() { 0 } else { low % ONE / ONE };
        to += 1;
    } else {
        while matches!(heard.word(to), Some(Word::Rupee)) {
            to += 1;
        }
        // "twelve rupees fifty paise"
        let at = heard.skip(to, |w| w == Word::And);
        if to > last.to
            && upper.is_none()
            && let Some(j) = heard.num_at(at)
            && heard.word(heard.nums[j].to) == Some(Word::Paise)
            && heard.nums[j].value < 100 * ONE
        {
            amount = amount.saturating_add(heard.nums[j].value / ONE);
            to = heard.nums[j].to + 1;
        }
    }
    while from > previous && matches!(heard.before(from), Some(Word::Rupee)) {
        from -= 1;
    }
    let alike = sound_alike(heard, &first, from).filter(|_| high.is_none());
    let mut per = per_after(heard, to, low).map(|p| p.0);
    if per.is_none() {
        per = per_before(heard, from, previous).map(|p| p.0);
    }
    let money = Money { paise: amount, upper_paise: upper.map(paise), per };
    let mut what = Offer {
        money,
        marks: Marks::default(),
        scaled: last.scaled.filter(|_| upper.is_none()),
        bare: !first.scale && upper.is_none() && to == last.to,
        alike: None,
    };
    if let Some(short) = lakh_and(heard, &first).filter(|_| high.is_none() && alike.is_none()) {
        what.alike = Some(amount);
        what.money.paise = short;
    }
    if let Some(times) = alike {
        what.alike = Some(amount);
        if let Some((_, scale)) = leading_scale(heard, first.from) {
            what.money.paise = amount.saturating_add((times - 1).saturating_mul(scale).saturating_mul(100));
        }
    }
    Said { what, from, to }
}

/// "one lakh twenty": a lakh and twenty thousand, in paise, rather than twenty rupees.
fn lakh_and(heard: &Heard, num: &Num) -> Option<i64> {
    let mut scales = (num.from..num.to).filter_map(|at| match heard.tokens[at].word {
        Word::Scale(scale) => Some(scale),
        _ => None,
    });
    let rest = num.whole()? % 100_000;
    let spelled = num.to > num.from && !heard.tokens[num.to - 1].written;
    // Who says "rupees" behind it has counted to the end, as we do ourselves.
    let counted = matches!(heard.word(num.to), Some(Word::Rupee | Word::Paise));
    let plain = scales.next() == Some(100_000) && scales.next().is_none() && !counted;
    (plain && spelled && (2..100).contains(&rest)).then(|| paise(num.value).saturating_add(rest * 999 * 100))
}

/// "for hundred", "to thousand": a number word heard as a preposition.
pub(super) fn sound_alike(heard: &Heard, num: &Num, from: usize) -> Option<i64> {
    let (scale_at, _) = leading_scale(heard, num.from)?;
    if scale_at != from {
        return None;
    }
    match heard.before(from)? {
        Word::SoundAlike(times) => Some(i64::from(times)),
        _ => None,
    }
}

fn leading_scale(heard: &Heard, at: usize) -> Option<(usize, i64)> {
    match heard.word(at)? {
        Word::Scale(scale @ (100 | 1_000)) => Some((at, i64::from(scale))),
        _ => None,
    }
}

/// Nothing to pay, said as such.
fn free(heard: &Heard, scene: &Scene, offers: &[Said<Offer>]) -> Option<Said<Offer>> {
    let at = heard.tokens.iter().position(|t| t.word == Word::FreeOfCharge).or_else(|| {
        if !expects(scene, Kind::Money) && !heard.tokens.iter().any(|t| t.word == Word::Charge) {
            return None;
        }
        heard.tokens.iter().enumerate().position(|(i, t)| t.word == Word::Free && !idle(heard, i))
    })?;
    let (start, end) = (heard.clause_start(at), heard.clause_end(at));
    if heard.any(start, end, |w| matches!(w, Word::Side | Word::Extra | Word::Quote | Word::Earlier | Word::Others))
        || heard.any(start, at, |w| matches!(w, Word::Not | Word::Cant | Word::AmOrBe))
        || heard.any(at + 1, end, |w| matches!(w, Word::Nahi | Word::Not | Word::Fails | Word::PastVerb))
        || heard.word(end) == Some(Word::Question)
    {
        return None;
    }
    let corrected = offers
        .iter()
        .all(|o| o.to <= at && settle::corrects(heard, o.to, at) || at < o.from && settle::corrects(heard, at, o.from));
    if !offers.is_empty() && !corrected {
        return None;
    }
    let money = Money { paise: 0, upper_paise: None, per: None };
    Some(Said {
        what: Offer { money, marks: Marks::default(), scaled: None, bare: false, alike: None },
        from: at,
        to: at + 1,
    })
}

/// "I am free after 4", "toll free", "feel free": no price.
fn idle(heard: &Heard, at: usize) -> bool {
    let after = heard.word(at + 1);
    matches!(
        heard.before(at),
        Some(
            Word::I
                | Word::Hum
                | Word::Of
                | Word::Is
                | Word::AmOrBe
                | Word::Side
                | Word::Not
                | Word::Other
                | Word::Cant
        )
    ) && heard.any(0, at, |w| matches!(w, Word::I | Word::Hum))
        || matches!(heard.before(at), Some(Word::Side | Word::I | Word::Hum))
        || matches!(
            after,
            Some(
                Word::After
                    | Word::At
                    | Word::KeBaad
                    | Word::From
                    | Word::Till
                    | Word::By
                    | Word::Before
                    | Word::Kal
                    | Word::Day(_)
                    | Word::Part(_)
                    | Word::In
                    | Word::Inside
                    | Word::To
                    | Word::I
                    | Word::Hum
            )
        )
        || heard.any(at + 1, (at + 3).min(heard.tokens.len()), |w| matches!(w, Word::Oclock | Word::PastVerb))
        || heard.any(0, heard.tokens.len(), |w| matches!(w, Word::I | Word::Hum))
            && heard.any(at + 1, (at + 2).min(heard.tokens.len()), |w| matches!(w, Word::Of | Word::Is | Word::Other))
}

/// Sets the marks of every amount from the words around it.
fn mark(heard: &Heard, offers: &mut [Said<Offer>]) {
    let places: Vec<(usize, usize)> = offers.iter().map(|o| (o.from, o.to)).collect();
    for (i, offer) in offers.iter_mut().enumerate() {
        offer.what.marks = offer::marks(heard, &places, i, offer.what.money.upper_paise.is_some());
    }
}

/// The amounts of one side of an alternative that stand.
fn choose(heard: &Heard, mut offers: Vec<Said<Offer>>) -> Vec<Said<Offer>> {
    offers.retain(|o| !o.what.marks.quoted && !o.what.marks.denied && !o.what.marks.refused && !o.what.marks.others);
    settle::correct(heard, &mut offers, |old, new| new.money.per = new.money.per.or(old.money.per));
    if offers.iter().any(|o| o.what.marks.total) {
        offers.retain(|o| o.what.marks.total);
    }
    offers.retain(|o| !o.what.marks.side);
    let rate = offers.iter().any(|o| o.what.money.per.is_some() && !o.what.marks.bound && !o.what.marks.base);
    if rate {
        offers.retain(|o| !(o.what.marks.bound || o.what.marks.base) || o.what.money.per.is_some());
    }
    // "800, after discount 50": perhaps the discount itself.
    let most = offers.iter().map(|o| o.what.money.paise).max().unwrap_or_default();
    for offer in &mut offers {
        offer.what.marks.settled &= !offer.what.marks.lowered || offer.what.money.paise >= most / 2;
    }
    if offers.iter().any(|o| o.what.marks.settled) {
        offers.retain(|o| o.what.marks.settled);
    }
    if offers.iter().any(|o| !o.what.marks.usual) {
        offers.retain(|o| !o.what.marks.usual);
    }
    // A lower and an upper bound are a range; a bound beside a price is not the price.
    if let [low, high] = offers.as_slice()
        && low.what.marks.floor
        && high.what.marks.ceiling
        && low.what.money.paise < high.what.money.paise
    {
        let mut both = *low;
        both.what.money.upper_paise = Some(high.what.money.paise);
        both.what.money.per = low.what.money.per.or(high.what.money.per);
        both.what.marks = Marks::default();
        both.to = high.to;
        return vec![both];
    }
    if offers.iter().any(|o| !o.what.marks.bound) {
        offers.retain(|o| !o.what.marks.bound);
    }
    let mut kept: Vec<Said<Offer>> = Vec::new();
    for offer in offers {
        match kept.iter_mut().find(|o| {
            o.what.money.paise == offer.what.money.paise && o.what.money.upper_paise == offer.what.money.upper_paise
        }) {
            Some(known) => {
                known.what.money.per = known.what.money.per.or(offer.what.money.per);
                known.to = offer.to;
            }
            None => kept.push(offer),
        }
    }
    kept
}

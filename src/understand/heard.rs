//! A text once it is heard: tokens with settled meanings, the numbers in it, and the role of each number that neighbours betray.
//!
//! Roles that need no question of the agent are given here (money words, labels, phones, percentages, quantities); hours and days
//! are claimed by [`super::clock`] and [`super::date`]. Key types: [`Heard`], [`Role`].

use super::lexicon::{Cue, Unit, Word};
use super::number::{self, Num, ONE};
use super::token::{self, Token};
use super::{Kind, Per, Scene, sense};

/// What a number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Bare,
    Clock,
    Date,
    Duration,
    Foreign,
    Label,
    Money,
    Percent,
    Phone,
    Quantity,
}

/// A text, tokenised, with its numbers.
pub(super) struct Heard {
    pub(super) tokens: Vec<Token>,
    pub(super) nums: Vec<Num>,
    pub(super) roles: Vec<Role>,
    /// What the agent just asked for.
    pub(super) expect: Option<Kind>,
    /// Whether the hour of another call is looked for, which is otherwise no window.
    pub(super) calling: bool,
    /// A machine's menu or announcement, whose times are no offers.
    pub(super) announces: bool,
}

impl Heard {
    /// Tokenises `text` and finds its numbers and their plain roles.
    pub(super) fn new(text: &str, expect: Option<Kind>) -> Self {
        let mut tokens = token::tokenise(text);
        sense::settle(&mut tokens);
        let nums = number::scan(&tokens);
        let roles = vec![Role::Bare; nums.len()];
        let mut heard =
            Self { announces: super::occasion::announces(&tokens), tokens, nums, roles, expect, calling: false };
        for k in 0..heard.nums.len() {
            heard.roles[k] = heard.plain_role(k);
        }
        // "2 to 3 hours": the unit is of both ends.
        for k in (1..heard.nums.len()).rev() {
            let (low, high) = (heard.nums[k - 1], heard.nums[k]);
            // "4 by 6 feet"
            if high.from == low.to + 1
                && heard.word(low.to) == Some(Word::By)
                && low.value < 100 * ONE
                && heard.roles[k] != Role::Money
                && matches!(heard.roles[k - 1], Role::Bare | Role::Label)
                && !matches!(heard.word(high.to), Some(Word::AmPm(_) | Word::Oclock))
            {
                (heard.roles[k - 1], heard.roles[k]) = (Role::Quantity, Role::Quantity);
            }
            let joined = low.to == high.from
                || high.from == low.to + 1
                    && matches!(heard.word(low.to), Some(Word::To | Word::Se | Word::Hyphen | Word::Or | Word::Till));
            let counted = matches!(heard.roles[k], Role::Duration | Role::Quantity);
            if joined && counted && heard.roles[k - 1] == Role::Bare && low.value < high.value {
                heard.roles[k - 1] = heard.roles[k];
            }
        }
        heard
    }

    /// Whether no token has a meaning.
    pub(super) fn says_nothing(&self) -> bool {
        self.nums.is_empty()
            && self.tokens.iter().all(|token| {
                matches!(
                    token.word,
                    Word::Other | Word::Filler | Word::Comma | Word::Stop | Word::Ellipsis | Word::Hyphen
                )
            })
    }

    /// The word at token `i`.
    pub(super) fn word(&self, i: usize) -> Option<Word> {
        self.tokens.get(i).map(|t| t.word)
    }

    /// Whether token `i` has this cue.
    pub(super) fn cue(&self, i: usize, cue: Cue) -> bool {
        self.tokens.get(i).is_some_and(|token| token.cues.has(cue))
    }

    /// The word before token `i`.
    pub(super) fn before(&self, i: usize) -> Option<Word> {
        i.checked_sub(1).and_then(|p| self.word(p))
    }

    /// The number that begins at token `i`.
    pub(super) fn num_at(&self, i: usize) -> Option<usize> {
        self.nums.iter().position(|n| n.from == i)
    }

    /// The number that ends right before token `i`.
    pub(super) fn num_ending(&self, i: usize) -> Option<usize> {
        self.nums.iter().position(|n| n.to == i)
    }

    /// Byte span of tokens `from..to`.
    pub(super) fn span(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|t| self.tokens.get(t))) {
            (Some(a), Some(b)) if b.to >= a.from => a.from..b.to,
            _ => 0..0,
        }
    }

    /// True if any token of `from..to` satisfies `is`.
    pub(super) fn any(&self, from: usize, to: usize, is: impl Fn(Word) -> bool) -> bool {
        self.tokens.get(from..to.min(self.tokens.len())).is_some_and(|t| t.iter().any(|t| is(t.word)))
    }

    /// First token at or after `i` that is a boundary between clauses, or the end.
    pub(super) fn clause_end(&self, i: usize) -> usize {
        (i..self.tokens.len()).find(|&at| ends_clause(self.tokens[at].word)).unwrap_or(self.tokens.len())
    }

    /// First token of the clause that token `i` is in.
    pub(super) fn clause_start(&self, i: usize) -> usize {
        (0..i.min(self.tokens.len())).rev().find(|&at| ends_clause(self.tokens[at].word)).map_or(0, |at| at + 1)
    }

    /// Skips words that count for nothing, forwards.
    pub(super) fn skip(&self, mut i: usize, is: impl Fn(Word) -> bool) -> usize {
        while self.word(i).is_some_and(&is) {
            i += 1;
        }
        i
    }

    /// Claims the numbers that lie in tokens `from..to`.
    pub(super) fn claim(&mut self, from: usize, to: usize, role: Role) {
        for (num, slot) in self.nums.iter().zip(&mut self.roles) {
            if num.from >= from && num.to <= to {
                *slot = role;
            }
        }
    }

    fn plain_role(&self, k: usize) -> Role {
        let num = self.nums[k];
        let next = self.word(num.to);
        let prev = self.before(num.from);
        let prev_free = num.from.checked_sub(1).is_none_or(|p| {
            self.num_ending(p).is_none()
                || self.tokens[p].glued == self.tokens[num.from].glued && self.tokens[num.from].glued
        });
        if matches!(next, Some(Word::Foreign)) || (matches!(prev, Some(Word::Foreign)) && prev_free) {
            return Role::Foreign;
        }
        if self.labelled(num) {
            return Role::Label;
        }
        if matches!(next, Some(Word::Rupee | Word::Paise)) || (matches!(prev, Some(Word::Rupee)) && prev_free) {
            return Role::Money;
        }
        if matches!(next, Some(Word::Percent)) {
            return Role::Percent;
        }
        if self.in_code(num) || self.year(num) || self.model(num) || self.milestone(num) {
            return Role::Label;
        }
        // "minus five", "2 baar", "5 calls": a count, or less than nothing.
        if num.from.checked_sub(1).is_some_and(|at| self.cue(at, Cue::Minus)) && self.nums.len() == 1 || self.times(num)
        {
            return Role::Quantity;
        }
        if self.phone_like(k) {
            return Role::Phone;
        }
        if num.dozen {
            return Role::Quantity;
        }
        self.counted(k)
    }

    /// "order number 4521", "room 500", "gate no 3": a label beside the number.
    fn labelled(&self, num: Num) -> bool {
        if matches!(self.word(num.to), Some(Word::NumberSign)) && !self.money_follows(num) {
            return true;
        }
        let mut at = num.from;
        let mut numbered = false;
        let mut glue = 0;
        while let Some(word) = self.before(at) {
            at -= 1;
            match word {
                Word::Of | Word::Is | Word::Filler if glue < 3 => glue += 1,
                Word::NumberSign if glue == 0 && !self.money_follows(num) => return true,
                Word::NumberSign => numbered = true,
                Word::Label => return numbered || !self.money_follows(num),
                Word::LabelStem => {
                    return numbered || glue == 0 && self.placed(at);
                }
                Word::LabelLong => return numbered || num.digits >= 4 && !self.money_follows(num),
                Word::Unit(Unit::Thing) if num.digits >= 3 && self.inside(at) => return true,
                Word::Unit(Unit::Thing) | Word::My | Word::Your | Word::Apna => return numbered,
                Word::PhoneNoun => return num.digits >= 4,
                _ => break,
            }
        }
        numbered && num.digits >= 4
    }

    /// "in truck 4521"
    fn inside(&self, at: usize) -> bool {
        matches!(self.before(at), Some(Word::In | Word::Inside | Word::At))
    }

    /// "in flat 302", "my flat": a place and not "flat 500".
    fn placed(&self, at: usize) -> bool {
        let mut at = at;
        while matches!(self.before(at), Some(Word::Filler | Word::Article)) {
            at -= 1;
        }
        matches!(self.before(at), Some(Word::In | Word::Inside | Word::My | Word::At | Word::Hum))
    }

    fn money_follows(&self, num: Num) -> bool {
        matches!(self.word(num.to), Some(Word::Rupee | Word::Paise | Word::PerUnit))
    }

    /// Digits among letters, as in a number plate: "MH12AB1234", "MH 12 AB 1234".
    fn in_code(&self, num: Num) -> bool {
        if num.to != num.from + 1 || num.digits == 0 {
            return false;
        }
        let glued_after = self.tokens.get(num.to).is_some_and(|t| t.glued && t.word == Word::Other);
        let glued_before = self.tokens[num.from].glued && self.before(num.from).is_some_and(|w| !is_mark(w));
        glued_before || glued_after || self.in_plate(num.from, 1) || self.in_plate(num.from, 3)
    }

    /// True if token `i` is the one at `offset` of letters, digits, letters, digits with the lengths of a number plate.
    fn in_plate(&self, i: usize, offset: usize) -> bool {
        // "DL 1L AB 1234"
        if offset == 3
            && let Some([one, two, _]) = i.checked_sub(3).and_then(|from| self.tokens.get(from..i))
            && matches!(one.word, Word::Digits { len: 1..=2, .. })
            && two.glued
            && two.to - two.from == 1
            && matches!(self.tokens[i].word, Word::Digits { len: 3..=4, .. })
        {
            return true;
        }
        let Some(plate) = i.checked_sub(offset).and_then(|from| self.tokens.get(from..from + 4)) else {
            return false;
        };
        let letters = |t: &Token| t.to - t.from <= 3 && !is_mark(t.word) && !matches!(t.word, Word::Digits { .. });
        let digits = |t: &Token, most: u8| matches!(t.word, Word::Digits { len, places: 0, .. } if len <= most);
        letters(&plate[0])
            && plate[0].to - plate[0].from == 2
            && digits(&plate[1], 2)
            && letters(&plate[2])
            && digits(&plate[3], 4)
            && matches!(plate[3].word, Word::Digits { len: 3.., .. })
    }

    /// Digits that make up a telephone number, alone or with their neighbours.
    fn phone_like(&self, k: usize) -> bool {
        let digits = |n: &Num| if n.scale || n.fraction || n.dozen { 0 } else { u32::from(n.digits) };
        if digits(&self.nums[k]) == 0 {
            return false;
        }
        // Two round amounts with a hyphen are a range, not halves of a number.
        let round = |n: &Num| n.whole().is_some_and(|v| v % 100 == 0);
        let joined = |a: usize, b: usize| {
            let (a, b) = (self.nums[a], self.nums[b]);
            let between = &self.tokens[a.to..b.from];
            digits(&a) > 0
                && digits(&b) > 0
                && between.iter().all(|t| matches!(t.word, Word::Hyphen | Word::Filler))
                && !(between.iter().any(|t| t.word == Word::Hyphen) && round(&a) && round(&b))
        };
        let mut total = digits(&self.nums[k]);
        let mut longest = total;
        let (mut low, mut high) = (k, k);
        while low > 0 && joined(low - 1, low) {
            low -= 1;
            total += digits(&self.nums[low]);
            longest = longest.max(digits(&self.nums[low]));
        }
        while high + 1 < self.nums.len() && joined(high, high + 1) {
            high += 1;
            total += digits(&self.nums[high]);
            longest = longest.max(digits(&self.nums[high]));
        }
        let grouped = matches!(self.tokens[self.nums[k].from].word, Word::Digits { grouped: true, .. });
        !grouped && (total >= 10 || (total >= 7 && low != high && longest >= 5))
    }

    /// A number followed by a unit: a quantity or a duration, unless it is a price for the unit.
    fn counted(&self, k: usize) -> Role {
        let num = self.nums[k];
        let at = self.skip(num.to, |w| matches!(w, Word::About));
        if matches!(self.word(at), Some(Word::Human)) && num.value < 100 * ONE {
            return Role::Quantity;
        }
        let Some(Word::Unit(unit)) = self.word(at) else { return Role::Bare };
        let after = self.word(at + 1);
        let whole = num.whole().unwrap_or(0);
        // "20 ton ka gaadi": what it carries.
        if matches!((unit, after), (Unit::Per(_), Some(Word::Of))) && self.word(at + 2) == Some(Word::Unit(Unit::Thing))
        {
            return Role::Quantity;
        }
        // "407 gaadi hai": a model.
        if unit == Unit::Thing && num.digits == 3 && MODELS.contains(&whole) {
            return Role::Label;
        }
        match unit {
            Unit::Per(Per::Hour) if whole >= 100 && whole % 100 < 60 && whole <= 2400 => Role::Bare,
            Unit::Per(Per::Hour | Per::Day) | Unit::Minute | Unit::Week | Unit::Month | Unit::Year
                if !matches!(after, Some(Word::Of)) || whole < 50 =>
            {
                Role::Duration
            }
            Unit::Per(Per::Trip) if whole >= 100 => Role::Bare,
            Unit::Per(_) if matches!(after, Some(Word::Of)) && whole >= 10 && !self.other_amount(k) => Role::Bare,
            Unit::Thing if num.value >= 100 * ONE && !num.fraction => Role::Bare,
            Unit::Per(_) | Unit::Minute | Unit::Week | Unit::Month | Unit::Year | Unit::Thing => Role::Quantity,
        }
    }

    /// "2 baar bola", "5 missed calls": something is counted that nobody pays for.
    fn times(&self, num: Num) -> bool {
        if num.value >= 100 * ONE || num.scale {
            return false;
        }
        let calls = |at: usize| self.cue(at, Cue::Call) && self.word(at) != Some(Word::Unit(Unit::Minute));
        let things = |at: usize| self.tokens.get(at).is_some_and(|token| token.plural && token.word == Word::Other);
        matches!(self.word(num.to), Some(Word::Moment))
            || things(num.to)
            || calls(num.to)
            || self.word(num.to) == Some(Word::Other) && calls(num.to + 1)
    }

    /// "2019 se kaam kar raha hoon", "since 2015": a year.
    fn year(&self, num: Num) -> bool {
        let year = num.digits == 4 && num.whole().is_some_and(|year| YEARS.contains(&year));
        let since = num.from.checked_sub(1).is_some_and(|at| self.cue(at, Cue::Since));
        // "2000 se 2500", "2000 se shuru" are prices.
        let from = self.word(num.to) == Some(Word::Se)
            && self.num_at(num.to + 1).is_none()
            && (num.to..self.clause_end(num.to)).any(|at| self.cue(at, Cue::Work));
        year && !self.money_follows(num) && (since || from)
    }

    /// "bring the 407": a lorry by its model.
    fn model(&self, num: Num) -> bool {
        let known = num.digits == 3 + u8::from(num.value >= 1_000 * ONE)
            && self.tokens[num.from].written
            && num.whole().is_some_and(|model| MODELS.contains(&model));
        let near = num.from.saturating_sub(3)..(num.to + 3).min(self.tokens.len());
        known && !self.money_follows(num) && near.into_iter().any(|at| self.cue(at, Cue::Lorry))
    }

    /// "km 45": a place on the road; "per km 45" is a rate.
    fn milestone(&self, num: Num) -> bool {
        self.before(num.from) == Some(Word::Unit(Unit::Per(Per::Km)))
            && num.from.checked_sub(2).is_none_or(|at| {
                !matches!(
                    self.tokens[at].word,
                    Word::PerUnit | Word::Each | Word::Article | Word::Slash | Word::PerOrBut
                ) && self.num_ending(at + 1).is_none()
            })
            && !self.money_follows(num)
    }

    fn other_amount(&self, k: usize) -> bool {
        self.nums.iter().enumerate().any(|(j, n)| j != k && n.value >= 10 * ONE)
    }
}

/// Lorries that are called by their number.
const MODELS: [i64; 12] = [407, 608, 709, 909, 912, 1109, 1110, 1212, 1412, 1512, 2518, 3118];
/// What may be the year in which somebody began.
const YEARS: std::ops::RangeInclusive<i64> = 1960..=2035;

/// True for what is written with a sign and not with letters.
fn is_mark(word: Word) -> bool {
    ends_clause(word)
        || matches!(
            word,
            Word::Rupee
                | Word::Foreign
                | Word::Slash
                | Word::Hyphen
                | Word::Plus
                | Word::Percent
                | Word::At
                | Word::NumberSign
                | Word::And
                | Word::Digits { .. }
                | Word::Clock { .. }
                | Word::AmPm(_)
        )
}

/// "one", "ek" in "this one", "ek baat", or a number before "of": no hour, day or price of its own.
pub(super) fn pronoun(heard: &Heard, from: usize, to: usize) -> bool {
    let single = to == from + 1 && !heard.tokens[from].written;
    let one = single && matches!(heard.tokens[from].word, Word::Count(1) | Word::Small(1));
    let alone = heard.skip(to, |w| is_filler(w) || ends_clause(w)) >= heard.tokens.len();
    let counted = matches!(heard.word(to), Some(Word::Moment | Word::Of | Word::Human | Word::Talk));
    let half = single && heard.tokens[from].word == Word::Half;
    // "The big one", "the lower one".
    let of_a_kind = single
        && heard.tokens[from].word == Word::Small(1)
        && (heard.word(to).is_none_or(|w| ends_clause(w) || is_filler(w) || matches!(w, Word::And | Word::Or))
            || heard.num_at(to).is_some())
        && matches!(
            heard.before(from),
            Some(
                Word::Other
                    | Word::Another
                    | Word::Fine
                    | Word::Wrong
                    | Word::LessThan
                    | Word::MoreThan
                    | Word::Normal
                    | Word::Final
                    | Word::Next
            )
        );
    one && !alone
        && matches!(
            heard.word(to),
            Some(Word::Other | Word::Is | Word::Ordinal(_) | Word::Moment | Word::Talk | Word::Of)
        )
        || one && heard.cue(to, Cue::Call)
        || one && matches!(heard.before(from), Some(Word::Ordinal(_) | Word::This | Word::No | Word::Wh))
        || single && counted
        || half
        || of_a_kind
}

/// True for words that end a clause.
pub(super) fn ends_clause(word: Word) -> bool {
    matches!(word, Word::Comma | Word::Stop | Word::Ellipsis | Word::Question | Word::But)
}

/// True for words that count for nothing between the words of a value.
pub(super) fn is_filler(word: Word) -> bool {
    matches!(word, Word::Filler | Word::Then | Word::About | Word::Please | Word::Sharp)
}

/// True if `scene` expects `kind`.
pub(super) fn expects(scene: &Scene, kind: Kind) -> bool {
    scene.expect == Some(kind)
}

//! What spellings mean: the [`Word`]s of the grammars and the tables that give spellings to them.
//!
//! One file per language holds rows of `(meaning, "spelling spelling …")`, an underscore standing for the space inside a phrase.
//! To add a language, add a file of rows and name it in [`TABLES`]; no grammar changes. Spellings are normalised the same way
//! as what is heard (see [`super::token`]), and romanised Hindi that is still unknown is tried once more after sound folding.

mod cues;
mod english;
mod hindi;
mod hindi_numbers;
mod names;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::Per;
use super::token::normalise;

/// The meaning of a word, a phrase or a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    // Numbers.
    /// Digits as written: whole part, its length, fraction digits and their count, and whether commas grouped it.
    Digits {
        whole: u64,
        len: u8,
        frac: u32,
        places: u8,
        grouped: bool,
    },
    /// A clock time as written, `14:30`.
    Clock {
        hour: u8,
        minute: u8,
    },
    /// First, second, 25th.
    Ordinal(u8),
    /// "th" and the like, written right after digits.
    OrdinalMark,
    /// A whole number below 100 that may be followed by nothing but a scale.
    Count(u8),
    /// English one to nineteen.
    Small(u8),
    /// English twenty, thirty …, which may be followed by a unit.
    Tens(u8),
    /// Hundred, thousand, lakh, crore.
    Scale(u32),
    /// "hundred", "thousand": a scale before which "to" and "for" may be numbers.
    EnglishScale(u32),
    /// "to" or "for" right before such a scale: two or four, or nothing.
    SoundAlike(u8),
    /// `k` and the like, a thousand only right after a number.
    Kilo,
    /// "so": a hundred only right after a number.
    SauOrSo,
    /// "do": two, or English, or give.
    DoOrTwo,
    /// Devanagari "दो": two or give.
    TwoOrGive,
    /// "टू": to between two numbers, else two.
    ToOrTwo,
    /// "saath": sixty, or with.
    SixtyOrWith,
    /// "a", "an": one before a scale or unit.
    Article,
    Half,
    QuarterPart,
    Dedh,
    Dhai,
    Saade,
    Sava,
    Paune,
    AndHalf,
    /// Double, triple.
    Repeat(u8),
    Point,
    /// "oh" in a string of digits.
    Oh,
    Dozen,
    /// None, nothing: the number zero.
    NoneAtAll,
    // Money.
    Rupee,
    Paise,
    Foreign,
    Charge,
    Side,
    Extra,
    Another,
    Total,
    AtLeast,
    AtMost,
    LessThan,
    MoreThan,
    NotLess,
    NotMore,
    Base,
    Free,
    FreeOfCharge,
    TooLow,
    Fails,
    Final,
    Normal,
    Earlier,
    Others,
    Included,
    HisaabSe,
    Percent,
    /// "moment", "baar", "kaam": counts nothing that is asked for.
    Moment,
    // Units and labels.
    Unit(Unit),
    Rate(Per),
    PerUnit,
    Each,
    /// "par": but, on, or per.
    PerOrBut,
    Label,
    LabelStem,
    /// A label only of long numbers: "order 4521", but "500 for the order".
    LabelLong,
    NumberSign,
    PhoneNoun,
    /// "I will call", "phone karna": another call.
    CallBack,
    /// "call me", "phone kijiye": another call, as a request.
    CallMe,
    /// "aana", "reach": somebody arrives.
    Come,
    /// "let you know", "bataunga": an answer that comes later.
    Tell,
    /// "khulta": when a place opens.
    Opens,
    /// What a lorry burns: its price is no charge.
    Fuel,
    /// "discount", "kam kar dunga": what comes off a price.
    Off,
    /// "kam kar ke": what stands before it comes off, what follows is the price.
    Lowered,
    // Joints.
    To,
    Too,
    For,
    Hyphen,
    Slash,
    Plus,
    Se,
    Till,
    Between,
    Beech,
    From,
    And,
    Or,
    But,
    /// "ka", "of".
    Of,
    /// "is", "hai", "hoga", "lagega".
    Is,
    It,
    /// "mein", "me".
    In,
    /// English "in".
    Inside,
    Ko,
    At,
    With,
    Without,
    KeSaath,
    About,
    Then,
    Filler,
    Comma,
    Stop,
    Ellipsis,
    Question,
    // Correction, denial, quoting.
    Correct,
    No,
    Not,
    Cant,
    Nahi,
    DidntSay,
    Quote,
    YouErg,
    Said,
    /// "bola tha": had said, which may quote or tell of an earlier price.
    HadSaid,
    NahiTo,
    // People.
    I,
    /// "main", "hum": I and we in Hindi.
    Hum,
    /// "apna": one's own, whoever the subject is.
    Apna,
    /// "sakta": can, in Hindi.
    Can,
    You,
    He,
    My,
    Your,
    Stem,
    // Time.
    AmPm(bool),
    AmOrBe,
    Oclock,
    Bajkar,
    BajneMein,
    Part(Part),
    Noon,
    Midnight,
    FirstHalf,
    SecondHalf,
    AfterLunch,
    BeforeLunch,
    HalfPast,
    QuarterPast,
    QuarterTo,
    Past,
    AnyTime,
    After,
    Before,
    By,
    KeBaad,
    SePehle,
    Onwards,
    NotBefore,
    NotAfter,
    BaadMat,
    PehleNahi,
    Within,
    KeAndar,
    FromNow,
    Closed,
    Except,
    ExceptPost,
    PastVerb,
    Sharp,
    // Dates.
    Day(u8),
    Kal,
    Yesterday,
    Tonight,
    DayAfter,
    Weekday(u8),
    Month(u8),
    /// "may" and the like: a month only beside a day number.
    MonthOrVerb(u8),
    Tarikh,
    Next,
    This,
    // Yes and no.
    Yes,
    Ji,
    Fine,
    Wrong,
    NoProblem,
    PlainNo,
    Maybe,
    DontKnow,
    Answering,
    What,
    Wh,
    // Languages.
    Language(&'static str),
    OtherLanguage,
    Place,
    AnyOfThese,
    Speak,
    // Handover.
    Human,
    Someone,
    Talk,
    TalkMake,
    Connect,
    Machine,
    Want,
    Give,
    NoNeed,
    AreYou,
    Please,
    // Anything else.
    Other,
}

/// What a quantity is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Per(Per),
    Minute,
    Week,
    Month,
    Year,
    Thing,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Early,
    Morning,
    Afternoon,
    Evening,
    Night,
}

impl Part {
    /// Minutes of the day where the part begins and ends when it is named alone.
    pub(super) const fn hours(self) -> (u16, u16) {
        match self {
            Self::Early => (6 * 60, 9 * 60),
            Self::Morning => (8 * 60, 12 * 60),
            Self::Afternoon => (12 * 60, 16 * 60),
            Self::Evening => (16 * 60, 20 * 60),
            Self::Night => (20 * 60, 23 * 60),
        }
    }
}

pub(super) use cues::{Cue, Cues, of as cues_of};
pub(super) use names::of as language_names;

/// Rows of a language: a meaning and its spellings.
pub(super) type Table = &'static [(Word, &'static str)];

/// Longest phrase that begins with a word, counted in words, and the meaning of the word alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) word: Option<Word>,
    pub(super) longest: u8,
}

/// The entry of one normalised word.
pub(super) fn word(spelling: &str) -> Option<Entry> {
    INDEX.words.get(spelling).copied()
}

/// The meaning of a phrase of normalised words joined by single spaces.
pub(super) fn phrase(spelling: &str) -> Option<Word> {
    INDEX.phrases.get(spelling).copied()
}

/// The meaning of an unknown romanised word by its sound: "hajaarr", "pachaas".
pub(super) fn by_sound(spelling: &str) -> Option<Word> {
    let folded = fold(spelling)?;
    INDEX.sounds.get(folded.as_str()).copied()
}

struct Index {
    words: Map<Entry>,
    phrases: Map<Word>,
    sounds: Map<Word>,
}

type Map<T> = HashMap<Box<str>, T, BuildHasherDefault<Fnv>>;

/// FNV-1a: words are short and come from our own tables.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Folds the spellings of one Hindi sound into one; `None` for words too short or too foreign to be folded safely.
fn fold(spelling: &str) -> Option<String> {
    if spelling.len() < 4 || spelling.len() > 24 || !spelling.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let mut out = String::with_capacity(spelling.len());
    for c in spelling.chars() {
        let c = match c {
            'w' => 'v',
            'z' => 'j',
            'q' => 'k',
            other => other,
        };
        let last = out.chars().last();
        match (last, c) {
            (Some('e'), 'e') => {
                out.pop();
                out.push('i');
            }
            (Some('o'), 'o') => {
                out.pop();
                out.push('u');
            }
            (Some('p'), 'h') => {
                out.pop();
                out.push('f');
            }
            (Some(l), c) if l == c => {}
            (Some(_), c) | (None, c) => out.push(c),
        }
    }
    while out.ends_with('h') && out.len() > 1 {
        out.pop();
    }
    (out.len() >= 4).then_some(out)
}

fn build() -> Index {
    let mut index = Index { words: Map::default(), phrases: Map::default(), sounds: Map::default() };
    for (table, folds) in TABLES {
        for (meaning, spellings) in *table {
            for spelling in spellings.split_ascii_whitespace() {
                let mut key = String::new();
                normalise(&spelling.replace('_', " "), &mut key);
                let parts = key.split(' ').count();
                let first: Box<str> = key.split(' ').next().unwrap_or_default().into();
                let entry = index.words.entry(first).or_insert(Entry { word: None, longest: 1 });
                if parts == 1 {
                    if entry.word.is_none() {
                        entry.word = Some(*meaning);
                        if let Some(sound) = fold(&key).filter(|_| *folds) {
                            index.sounds.entry(sound.into()).or_insert(*meaning);
                        }
                    }
                } else {
                    entry.longest = entry.longest.max(u8::try_from(parts).unwrap_or(u8::MAX));
                    index.phrases.entry(key.into()).or_insert(*meaning);
                }
            }
        }
    }
    index
}

static INDEX: LazyLock<Index> = LazyLock::new(build);

/// The tables in force, and whether their spellings may be recognised by sound. The first table to claim a spelling wins.
const TABLES: &[(Table, bool)] = &[
    (english::WORDS, false),
    (hindi_numbers::WORDS, true),
    (hindi::WORDS, true),
    (hindi::ENGLISH, false),
    (names::WORDS, false),
];

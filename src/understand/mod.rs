//! A deterministic reader of spoken values: English (Indian usage), Hindi and Hinglish.
//!
//! It reads what a recogniser wrote and returns typed values with the byte span of their words. It never invents: no value
//! without words. It is not a model, knows no agent and no clock. Key types: [`Kind`], [`Scene`], [`Reading`], [`Value`].

pub mod acts;
mod ahead;
mod beside;
mod calendar;
mod clause;
mod clock;
mod count;
mod date;
mod digits;
mod display;
mod ending;
mod handover;
mod heard;
mod hour;
mod language;
mod lexicon;
mod money;
mod number;
mod occasion;
mod offer;
mod phone;
mod rate;
mod refusal;
mod sense;
mod settle;
mod spoken;
mod time;
mod token;
mod yes_no;

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use heard::Heard;

pub use acts::{beside_refusal, refuses_calls};
pub use display::{amount, clock as clock_text, display};
pub use language::names as language_names;
pub use spoken::{speakable, words};

/// Reads what `text` says of one `kind`. It never fails: a text that says nothing of that kind gives an empty reading. Of a text longer
/// than anybody speaks in one turn the last 4,000 bytes are read, so that no text takes long.
pub fn read(text: &str, kind: Kind, scene: &Scene) -> Reading {
    let from = beginning(text);
    let mut heard = Heard::new(&text[from..], scene.expect);
    let mut reading = match kind {
        Kind::Date => date::read(&mut heard, scene),
        Kind::Handover => handover::read(&heard),
        Kind::Language => language::read(&heard),
        Kind::Money => money::read(&mut heard, scene),
        Kind::Number => count::read(&mut heard, scene),
        Kind::Phone => phone::read(&heard),
        Kind::TimeWindow => time::read(&mut heard, scene),
        Kind::YesNo => yes_no::read(&heard),
    };
    if !reading.span.is_empty() {
        reading.span = reading.span.start + from..reading.span.end + from;
    }
    reading
}

/// Where reading begins: at a word.
fn beginning(text: &str) -> usize {
    let Some(earliest) = text.len().checked_sub(LONGEST).filter(|earliest| *earliest > 0) else { return 0 };
    let earliest = text.ceil_char_boundary(earliest);
    text[earliest..].find(char::is_whitespace).map_or(earliest, |gap| earliest + gap)
}

/// Bytes of text that are read: some four minutes of speech.
const LONGEST: usize = 4_000;

/// Whether a text in Latin letters or Devanagari has no word that this reader knows, hesitations left out. A name is such a text, too.
pub fn is_gibberish(text: &str) -> bool {
    let readable = |c: char| !c.is_alphabetic() || c <= '\u{24f}' || ('\u{900}'..'\u{980}').contains(&c);
    text.chars().all(readable) && Heard::new(&text[beginning(text)..], None).says_nothing()
}

/// What is looked for in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A day.
    Date,
    /// A request for a human being.
    Handover,
    /// A language to speak.
    Language,
    /// An amount of money, perhaps per unit, perhaps a range.
    Money,
    /// A plain number.
    Number,
    /// A telephone number.
    Phone,
    /// A clock time or a window of time.
    TimeWindow,
    /// Yes or no.
    YesNo,
}

/// Where the words were said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Local wall time of the call, in the agent's time zone.
    pub now: DateTime,
    /// What the agent just asked for, if anything.
    pub expect: Option<Kind>,
}

/// What was found of one [`Kind`] in one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The value, if one was said and it is clear enough to name (an ambiguous text may name its likeliest reading).
    pub value: Option<Value>,
    /// True if the words allow several readings, then listed in `readings`.
    pub ambiguous: bool,
    /// Two or more readings of an ambiguous text, likeliest first; `None` is the reading "nothing was said".
    pub readings: Vec<Option<Value>>,
    /// True if more words must follow: "five hundred and", "between two".
    pub unfinished: bool,
    /// Byte span of the words that the value rests on; empty where there is no value.
    pub span: Range<usize>,
}

/// A value that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A day.
    Date(Date),
    /// Whether a human being is asked for.
    Handover(bool),
    /// A language, as a BCP-47 tag such as `hi-IN`.
    Language(&'static str),
    /// An amount of money.
    Money(Money),
    /// A plain decimal number without commas or trailing zeros, such as `12` or `2.5`.
    Number(String),
    /// A telephone number in E.164.
    Phone(String),
    /// A window of time.
    TimeWindow(TimeWindow),
    /// Yes (`true`) or no.
    YesNo(bool),
}

/// An amount of Indian rupees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount, or the lower end of a range, in paise.
    pub paise: i64,
    /// The upper end of a range, in paise.
    pub upper_paise: Option<i64>,
    /// What the amount is paid for, if it is a rate.
    pub per: Option<Per>,
}

/// The unit of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A kilogram.
    Kg,
    /// A kilometre.
    Km,
    /// A piece, box or bag.
    Piece,
    /// A tonne.
    Tonne,
    /// A trip or round.
    Trip,
}

/// A window of time on a day: a point where both ends are equal, open where an end is absent, any time where both are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// The start, to the minute.
    pub start: Option<Time>,
    /// The end, to the minute.
    pub end: Option<Time>,
    /// The day of the start, if one was said.
    pub date: Option<Date>,
}

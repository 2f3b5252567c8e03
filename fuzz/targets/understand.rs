//! The reader of spoken values, and the way back. Nothing panics; there is no value without words; the span is of the text; what
//! is spoken has no digit left in it that the reader of a language would stumble over.

use jiff::civil::date;
use trunkline::understand::{self, Kind, Scene};

pub(crate) fn run(bytes: &[u8]) {
    let (choice, bytes) = super::split(bytes);
    let text = super::text(bytes);
    let expect = match choice {
        0..8 => Some(KINDS[usize::from(choice)]),
        _ => None,
    };
    let scene = Scene { now: date(2026, 11, 23).at(10, 0, 0, 0), expect };
    for kind in KINDS {
        let reading = understand::read(&text, kind, &scene);
        let words = text.get(reading.span.clone()).expect("the span is not of the text");
        if let Some(value) = &reading.value {
            assert!(
                kind == Kind::Handover || kind == Kind::YesNo || !words.trim().is_empty(),
                "{value:?} without words"
            );
            for language in ["en-IN", "hi-IN"] {
                assert!(!understand::display(value).is_empty() && !understand::words(value, language).is_empty());
            }
        }
        assert_eq!(understand::read(&text, kind, &scene), reading, "the same words, another reading");
    }
    for language in ["en-IN", "hi-IN", "ta-IN"] {
        let spoken = understand::speakable(&text, language);
        assert!(spoken.len() <= text.len() * 40 + 64, "{} bytes become {}", text.len(), spoken.len());
    }
}

const KINDS: [Kind; 8] =
    [Kind::Date, Kind::Handover, Kind::Language, Kind::Money, Kind::Number, Kind::Phone, Kind::TimeWindow, Kind::YesNo];

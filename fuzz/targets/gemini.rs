//! Gemini's stream and the answer in it. Nothing panics; how a body is cut changes nothing; the words that are spoken early are
//! the words of the whole answer; an error shows codes only.

use trunkline::conversation::Answer;
use trunkline::conversation::decision::Spoken;
use trunkline::provider::gemini::read_body;

pub(crate) fn run(bytes: &[u8]) {
    let (size, body) = super::split(bytes);
    let (whole, end) = read_body(body, body.len());
    let (cut, cut_end) = read_body(body, usize::from(size));
    // One chunk may hold what is too long for a line before its end is seen.
    if body.len() < 4096 {
        assert_eq!((&whole, end.is_ok()), (&cut, cut_end.is_ok()), "{end:?} {cut_end:?}");
    }
    if let Err(error) = end {
        assert!(error.to_string().len() < 300, "{error}");
    }
    for text in [whole.as_str(), &super::text(body)] {
        let mut early = String::new();
        let mut spoken = Spoken::default();
        let mut rest = text;
        while !rest.is_empty() {
            let mut at = usize::from(size).clamp(1, rest.len());
            while !rest.is_char_boundary(at) {
                at += 1;
            }
            spoken.push(&rest[..at], &mut early);
            rest = &rest[at..];
        }
        let mut at_once = String::new();
        Spoken::default().push(text, &mut at_once);
        assert_eq!(early, at_once, "words depend on how the answer was cut");
        Answer::parse(text).ok();
    }
}

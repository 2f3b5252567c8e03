//! What is fuzzed: for each target a function from bytes to nothing, which panics where a rule is broken.
//!
//! `fuzz_targets/` gives these functions to libFuzzer; `tests/fuzzed.rs` runs the same ones on stable, bounded, with the
//! corpora of `corpus/` and mutations of them.

pub(crate) mod agent;
pub(crate) mod call;
pub(crate) mod ears;
pub(crate) mod form;
pub(crate) mod gemini;
pub(crate) mod media;
pub(crate) mod signature;
pub(crate) mod twiml;
pub(crate) mod understand;
pub(crate) mod voice;

/// A target.
pub(crate) type Target = fn(&[u8]);

/// Every target with the name of its corpus.
pub(crate) const TARGETS: [(&str, Target); 10] = [
    ("agent", agent::run),
    ("call", call::run),
    ("ears", ears::run),
    ("form", form::run),
    ("gemini", gemini::run),
    ("media", media::run),
    ("signature", signature::run),
    ("twiml", twiml::run),
    ("understand", understand::run),
    ("voice", voice::run),
];

/// Text from anywhere: what is no UTF-8 is replaced.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The first byte, for choices, and the rest.
fn split(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

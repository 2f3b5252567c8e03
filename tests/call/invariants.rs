//! What holds of a call whatever happens to it, in whatever order: random events with random pauses between them. The rules stand in
//! `fuzz/targets/call.rs`. `TRUNKLINE_FUZZ_CASES` sets how many calls are tried.

use proptest::prelude::*;
use trunkline::call::Stop;

use crate::fuzzed::{KEYS, Op, PIECES, Start, WORDS, play, run};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => prop::sample::select(&KEYS[..]).prop_map(Op::Digit),
        1 => Just(Op::EarsLost),
        120 => prop::sample::select(&WORDS[..]).prop_map(Op::Final),
        10 => any::<u16>().prop_map(Op::Gap),
        20 => (0..4_u32, 0..12_u32, 0..4_u32).prop_map(|(epoch, turn, clause)| Op::Mark(epoch, turn, clause)),
        100 => Just(Op::MarkDue),
        120 => (0..3_u8, prop::sample::select(&PIECES[..])).prop_map(|(back, text)| Op::MindDelta(back, text)),
        80 => (0..3_u8).prop_map(Op::MindDone),
        30 => (0..3_u8).prop_map(Op::MindFailed),
        140 => prop::sample::select(&WORDS[..]).prop_map(Op::Partial),
        300 => (any::<bool>(), 1..80_u8).prop_map(|(voice, frames)| Op::Sound(voice, frames)),
        200 => (0..3_u8, 0..4_u8, 0..20_000_u16).prop_map(|(back, clause, bytes)| Op::SpeechAudio(back, clause, bytes)),
        140 => (0..3_u8, 0..4_u8).prop_map(|(back, clause)| Op::SpeechDone(back, clause)),
        20 => (0..3_u8, 0..4_u8, any::<u16>()).prop_map(|(back, clause, ms)| Op::SpeechLetters(back, clause, ms)),
        1 => (0..3_u8, 0..4_u8).prop_map(|(back, clause)| Op::SpeechFailed(back, clause)),
        20 => Just(Op::Started),
        1 => prop::sample::select(vec![Stop::Draining, Stop::HangUp, Stop::Lost]).prop_map(Op::Stop),
        40 => Just(Op::Tick),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    let language = prop::option::of(prop::sample::select(vec!["en-IN", "hi-IN"]));
    (language, any::<[bool; 5]>(), prop::bool::weighted(0.9)).prop_map(
        |(language, [mind, recorded, frames, marks, deaf], started)| Start {
            language,
            mind,
            recorded,
            frames,
            marks,
            deaf,
            started,
        },
    )
}

#[expect(clippy::disallowed_methods, reason = "a longer search is asked for from outside")]
fn cases() -> ProptestConfig {
    let cases = std::env::var("TRUNKLINE_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(192);
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_happens_the_rules_hold_and_silence_ends_the_call(
        start in start(),
        ops in prop::collection::vec((0..1_500_u16, op()), 0..40),
    ) {
        play(start, &ops);
    }

    #[test]
    fn whatever_bytes_are_made_into_events_the_rules_hold(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run(&bytes);
    }
}

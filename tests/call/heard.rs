//! What the history says was heard, for every moment of an interruption: the words that were played, within one word.

use proptest::prelude::*;
use trunkline::understand::speakable;

use crate::rig::{Outside, Rig, Told, answer, logistics};

const WELCOME: [&str; 3] = [
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];
/// Longer spoken than written.
const FIGURES: [&str; 3] = [
    "I have noted ₹2,500 per trip for the whole load,",
    "and on 24 Nov the gate is open from 2:30 pm to 5 pm for you.",
    "What would you charge for the delivery?",
];

/// Letters that are no space, of some written words as they are spoken.
fn letters(words: &[&str]) -> usize {
    speakable(&words.join(" "), "en-IN").chars().filter(|c| !c.is_whitespace()).count()
}

/// The agent is cut off after so many ms of these clauses; fails unless the history holds what was heard of them.
fn check(rig: &mut Rig, clauses: &[&str], ms: u64, slack: usize) -> Result<(), TestCaseError> {
    let before = rig.heard.len();
    rig.run(rig.now + ms);
    rig.give(Outside::Digit('5'));
    rig.give(Outside::Digit('#'));
    let mut heard = (rig.heard.len() - before) / 8;
    let mut truth = 0;
    for clause in clauses {
        let spoken = speakable(clause, "en-IN");
        let length = rig.sound_of(&spoken).len() / 8;
        truth += match rig.pace {
            Some(_) => rig.letter_ends(&spoken).iter().filter(|end| **end as usize <= heard).count(),
            None => {
                let shown: String = spoken.chars().take(heard / rig.ms_per_character as usize).collect();
                shown.chars().filter(|c| !c.is_whitespace()).count()
            }
        };
        heard = heard.saturating_sub(length);
    }
    let all = clauses.join(" ");
    let words: Vec<&str> = all.split_whitespace().collect();
    let history = rig.history();
    let line = history.iter().rposition(|line| line == "caller: 5").unwrap();
    let held = match line.checked_sub(1).map(|at| history[at].as_str()) {
        Some(held) if held.starts_with("agent") => held.split_once(": ").unwrap().1,
        Some(_) | None => "",
    };
    prop_assert!(all.starts_with(held), "\"{held}\" is no beginning of \"{all}\"");
    let count = held.split_whitespace().count();
    // One word fewer would be true, or one more.
    let least = letters(&words[..count.saturating_sub(slack)]);
    let most = letters(&words[..(count + slack + 1).min(words.len())]);
    prop_assert!(
        least <= truth && (truth < most || count + slack >= words.len()),
        "{truth} letters were heard, \"{held}\" is held ({least}..{most})\n{}",
        rig.log()
    );
    Ok(())
}

fn told() -> impl Strategy<Value = Told> {
    prop::sample::select(vec![Told::AtOnce, Told::PieceByPiece])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn where_the_voice_tells_its_letters_the_heard_words_are_true(seed: u32, told in told(), ms in 76..15_000_u64) {
        let mut rig = Rig::new(logistics(), Some("en-IN"), true);
        rig.pace = Some((seed, told));
        rig.give(Outside::Started);
        check(&mut rig, &WELCOME, ms, 0)?;
    }

    #[test]
    fn numbers_that_are_longer_spoken_than_written_are_counted_as_spoken(seed: u32, told in told(), ms in 0..16_000_u64) {
        let mut rig = Rig::english();
        rig.pace = Some((seed, told));
        rig.run_until_quiet(700);
        rig.thoughts.push_back(answer(&FIGURES[..2].join(" "), "NEED_MORE_INFO"));
        rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
        rig.run_until_heard();
        check(&mut rig, &FIGURES, ms, 1)?;
    }

    #[test]
    fn where_it_does_not_tell_an_even_voice_is_told_within_one_word(ms in 76..9_500_u64, pace in 40..80_u64) {
        let mut rig = Rig::new(logistics(), Some("en-IN"), true);
        rig.ms_per_character = pace;
        rig.give(Outside::Started);
        check(&mut rig, &WELCOME, ms, 1)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn after_a_false_alarm_the_speech_goes_on_at_the_very_sample(
        line_ms in prop::sample::select(vec![0, 1, 37, 60, 150]),
        cached: bool,
        at in 0..4_500_u64,
        again in 900..2_500_u64,
    ) {
        let mut rig = Rig::new(logistics(), Some("en-IN"), true);
        (rig.line_ms, rig.cached) = (line_ms, cached);
        if cached {
            rig.voice_delay = 1;
        }
        rig.give(Outside::Started);
        rig.run(at);
        let end = rig.say(at, "haan_haan", "haan haan");
        rig.say(end + again, "okay", "okay");
        rig.run_until_quiet(1_200);
        prop_assert!((1..=2).contains(&rig.clears.len()), "{}", rig.log());
        rig.assert_said(&[crate::rig::Said::Whole(&WELCOME)]);
        prop_assert_eq!(rig.history(), [format!("agent: {}", WELCOME.join(" "))]);
    }
}

#[test]
fn a_voice_that_tells_half_its_letters_is_still_believed() {
    for ms in (80..6_000).step_by(97) {
        let mut rig = Rig::new(logistics(), Some("en-IN"), true);
        rig.pace = Some((7, Told::TheFirstHalf));
        rig.give(Outside::Started);
        check(&mut rig, &WELCOME[..2], ms, 3).unwrap();
    }
}

#[test]
fn two_keys_at_the_moment_in_which_the_question_begins_are_pressed_together() {
    let mut rig = Rig::english();
    rig.pace = Some((864_854_093, Told::AtOnce));
    rig.run_until_quiet(700);
    rig.thoughts.push_back(answer(&FIGURES[..2].join(" "), "NEED_MORE_INFO"));
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run_until_heard();
    check(&mut rig, &FIGURES, 12_082, 1).unwrap();
}

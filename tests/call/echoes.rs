//! The line gives back what the agent says: it must neither stop him nor be taken for the caller; a caller who speaks over it must.

use crate::rig::{Echo, Rig, Said, answer, logistics, louder, recording};

const WELCOME: [&str; 3] = [
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];
const DELAYS: [u64; 6] = [20, 60, 150, 300, 450, 507];

/// A call on a line that echoes, before it begins.
fn on_a_line(gain_db: f32, echo: Echo) -> Rig {
    let mut rig = Rig::new(logistics(), Some("en-IN"), true);
    rig.human = Some(gain_db);
    rig.echo = Some(echo);
    rig.give(crate::rig::Outside::Started);
    rig
}

#[test]
fn an_echo_20_db_down_never_stops_the_agent() {
    for gain_db in [-12.0, -6.0, 0.0] {
        for delay_ms in DELAYS {
            for words_after_ms in [None, Some(delay_ms + 200)] {
                let mut rig = on_a_line(gain_db, Echo { delay_ms, gain_db: -20.0, words_after_ms });
                rig.run_until_quiet(2_500);
                assert_eq!(rig.clears, [] as [u64; 0], "{gain_db} dB, {delay_ms} ms:\n{}", rig.log());
                rig.assert_said(&[Said::Whole(&WELCOME)]);
                assert_eq!(rig.history(), [format!("agent: {}", WELCOME.join(" "))], "{}", rig.log());
                assert_eq!(rig.prompts.len(), 0, "{}", rig.log());
            }
        }
    }
}

/// The caller speaks over the agent; gives the time from his first loud frame to `clear`.
fn interrupted(rig: &mut Rig, at: u64, name: &str, gain_db: f32) -> Option<u64> {
    let sound = louder(&recording(name), gain_db);
    let mut level = trunkline::audio::level::Recent::default();
    let quiet = sound.chunks(160).take_while(|frame| {
        level.push(frame);
        level.loudest_dbfs() < gain_db - 30.0
    });
    let begins = at + quiet.count() as u64 * 20;
    rig.run(at);
    rig.utter(at, sound, "wait wait");
    rig.run(at + 3_000);
    rig.clears.first().map(|clear| clear.checked_sub(begins).unwrap_or_else(|| panic!("{clear} {begins}")))
}

#[test]
fn a_caller_as_loud_as_the_agent_is_told_from_the_echo_in_time() {
    let names = [
        "wait_one_moment_please",
        "no",
        "hello_who_is_calling",
        "five_hundred_rupees",
        "let_me_talk_to_a_person",
        "okay",
    ];
    let mut all = Vec::new();
    for name in names {
        for delay_ms in [60, 150, 300] {
            for at in [700, 2_307, 5_100] {
                let mut rig = on_a_line(-6.0, Echo { delay_ms, gain_db: -20.0, words_after_ms: None });
                let took = interrupted(&mut rig, at, name, -6.0).unwrap_or_else(|| panic!("{name} was not noticed"));
                assert!(took <= 260, "{name} over {delay_ms} ms at {at}: {took} ms\n{}", rig.log());
                all.push(took);
                rig.run_until_quiet(700);
                assert!(rig.history().contains(&"caller: wait wait".to_owned()), "{:?}\n{}", rig.history(), rig.log());
            }
        }
    }
    all.sort_unstable();
    let (middle, most) = (all[all.len() / 2], all[all.len() * 9 / 10]);
    assert!(middle <= 130 && most <= 160, "half within {middle} ms, nine of ten within {most} ms");
}

#[test]
fn a_caller_too_faint_to_be_told_from_the_echo_is_known_by_his_words() {
    let mut rig = on_a_line(-6.0, Echo { delay_ms: 150, gain_db: -20.0, words_after_ms: Some(350) });
    rig.thoughts.push_back(answer("Certainly.", "NEED_MORE_INFO"));
    rig.run(1_500);
    rig.utter(1_500, louder(&recording("wait_one_moment_please"), -32.0), "wait one moment please");
    rig.run(3_400);
    assert_eq!(rig.clears.len(), 1, "{}", rig.log());
    rig.echo = None;
    rig.run_until_quiet(1_500);
    assert!(rig.history()[0].starts_with("agent (cut): Hello, this"), "{:?}\n{}", rig.history(), rig.log());
    // His own words; between them may stand what was on its way of ours.
    let mut his = "wait one moment please".split(' ').peekable();
    let history = rig.history();
    let said = history[1].strip_prefix("caller: ").unwrap();
    let others = said.split(' ').filter(|word| his.next_if_eq(word).is_none()).count();
    assert_eq!((his.next(), others <= 2), (None, true), "{said}");
}

#[test]
fn the_echoed_words_before_the_callers_are_not_his() {
    for at in [1_700, 3_600, 5_400] {
        let mut rig = on_a_line(-6.0, Echo { delay_ms: 150, gain_db: -20.0, words_after_ms: Some(250) });
        rig.run(at);
        let end = rig.say(at, "no_six_hundred_rupees", "No six hundred rupees");
        rig.run(end + 2_500);
        let said: Vec<String> = rig.history().into_iter().filter(|line| line.starts_with("caller")).collect();
        assert_eq!(said.len(), 1, "{said:?}\n{}", rig.log());
        assert!(said[0].ends_with("rupees") && said[0].contains("six hundred"), "{said:?}");
        // What was on its way when he began may stand between his words.
        let extra = said[0].split_whitespace().count() - 5;
        assert!(extra <= 2, "{said:?}\n{}", rig.log());
    }
}

#[test]
fn a_line_that_echoes_louder_is_learned_by_its_words() {
    let mut rig = on_a_line(-6.0, Echo { delay_ms: 200, gain_db: -11.0, words_after_ms: Some(300) });
    rig.run_until_quiet(3_000);
    assert!(rig.clears.len() <= 4, "{}", rig.log());
    assert_eq!(rig.history(), [format!("agent: {}", WELCOME.join(" "))], "{}", rig.log());
    rig.assert_said(&[Said::Whole(&WELCOME)]);
}

/// How loud our voice is on a phone, about as loud as a caller: so that an echo is no louder than 20 dB below a caller.
const AS_LOUD_AS_A_CALLER: f32 = -6.0;

#[test]
fn a_caller_who_says_hello_over_our_hello_does_not_make_the_agent_deaf() {
    let mut rig = Rig::new(logistics(), Some("en-IN"), true);
    rig.human = Some(AS_LOUD_AS_A_CALLER);
    rig.give(crate::rig::Outside::Started);
    for at in [1_000, 2_600, 4_200] {
        rig.run(at);
        rig.say(at, "no", "Hello,");
    }
    rig.run(6_000);
    let before = rig.clears.len();
    assert!(before >= 3, "{}", rig.log());
    rig.utter(6_000, louder(&recording("hello_who_is_calling"), -10.0), "");
    rig.run(7_500);
    assert_eq!(rig.clears.len(), before + 1, "he is as loud as ever, and not heard\n{}", rig.log());
}

#[test]
fn a_line_that_was_taken_for_louder_is_believed_again_after_a_while() {
    let mut agent = logistics();
    agent.languages[0].texts.welcome = "This is a call from Sharma Logistics about your delivery. ".repeat(24);
    let mut rig = Rig::new(agent, Some("en-IN"), true);
    rig.human = Some(AS_LOUD_AS_A_CALLER);
    rig.give(crate::rig::Outside::Started);
    // He says after us what we said, again and again.
    for n in 0..5 {
        let at = 1_500 + n * 2_500;
        rig.run(at);
        rig.say(at, "no", "about your delivery");
    }
    rig.run(70_000);
    let before = rig.clears.len();
    rig.utter(70_000, louder(&recording("wait_one_moment_please"), -14.0), "");
    rig.run(71_500);
    assert_eq!(rig.clears.len(), before + 1, "{}", rig.log());
}

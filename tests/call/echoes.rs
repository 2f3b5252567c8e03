//! The line gives back what the agent says: it must neither stop him nor be taken for the caller; a caller who speaks over it must.

use trunkline::agent::ReadBack;
use trunkline::conversation::Stage;

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
    agent.languages[0].texts.welcome = "This is a call from Sharma Logistics about your delivery. ".repeat(48);
    let mut rig = Rig::new(agent, Some("en-IN"), true);
    rig.human = Some(AS_LOUD_AS_A_CALLER);
    rig.give(crate::rig::Outside::Started);
    // He says after us what we said, twice.
    for n in 0..2 {
        let at = 1_500 + n * 2_500;
        rig.run(at);
        rig.say(at, "no", "about your delivery");
    }
    rig.run(125_000);
    let before = rig.clears.len();
    rig.utter(125_000, louder(&recording("wait_one_moment_please"), -14.0), "");
    rig.run(126_500);
    assert_eq!(rig.clears.len(), before + 1, "{}", rig.log());
}

/// Sound that nobody notices, of about the length of some words.
fn unnoticed(text: &str) -> Vec<u8> {
    vec![0xFF; text.split_whitespace().count() * 250 * 8]
}

/// A call that has just read back six hundred rupees, up to so many ms before (or after) the end of the question.
fn read_back(language: &str, said: &str, before_ms: i64) -> Rig {
    let mut agent = logistics();
    agent.read_back = ReadBack::Always;
    agent.fields.retain(|field| field.name == "charge");
    let mut rig = Rig::begun(agent, Some(language), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "five_hundred_rupees", said);
    rig.run_until_heard();
    let begun = rig.now;
    let spoken = rig.spoken[3..].iter().map(|(_, text)| rig.sound_of(text).len() as i64 / 8).sum::<i64>();
    rig.run((begun as i64 + spoken - before_ms) as u64);
    rig
}

#[test]
fn a_rejection_that_takes_up_the_words_of_the_question_is_no_echo() {
    for (language, value, words) in [
        ("en-IN", "six hundred rupees", "Not six hundred rupees"),
        ("en-IN", "six hundred rupees", "No six hundred rupees"),
        ("hi-IN", "छह सौ रुपये", "यह सही नहीं है"),
        ("hi-IN", "छह सौ रुपये", "नहीं यह सही नहीं है"),
    ] {
        for before_ms in [500, 150, -200, -900] {
            for loud in [true, false] {
                let mut rig = read_back(language, value, before_ms);
                let history = rig.history().len();
                let sound = if loud { recording("no_six_hundred_rupees") } else { unnoticed(words) };
                rig.utter(rig.now, sound, words);
                rig.run(rig.now + 5_000);
                let (said, log) = (rig.history(), rig.log());
                let said = said[history..].iter().find_map(|line| line.strip_prefix("caller: "));
                // Of what nobody heard but the recogniser, the beginning may be ours.
                let kept = said.is_some_and(|said| said == words || !loud && words.ends_with(said));
                assert!(kept, "{before_ms} {loud} {said:?}\n{log}");
                assert_ne!(rig.call.conversation().stage(), Stage::Completed, "{words} {before_ms} {loud}\n{log}");
            }
        }
    }
}

#[test]
fn an_agreement_in_the_words_of_the_question_is_no_echo_of_it() {
    for before_ms in [300, -200, -900] {
        let mut rig = read_back("hi-IN", "छह सौ रुपये", before_ms);
        rig.say(rig.now, "do_se_paanch_baje", "यह सही है");
        rig.run(rig.now + 6_000);
        assert_eq!(rig.call.conversation().stage(), Stage::Completed, "{before_ms}\n{}", rig.log());
    }
}

#[test]
fn our_question_come_back_without_its_mark_is_no_yes() {
    for (language, value, echoes) in [
        ("en-IN", "six hundred rupees", ["is that right", "is that right?", "Rupees. Is that right?"]),
        ("hi-IN", "छह सौ रुपये", ["क्या यह सही है", "क्या यह सही है?", "सौ रुपये क्या यह सही है"]),
    ] {
        for echo in echoes {
            for loud in [true, false] {
                let mut rig = read_back(language, value, 200);
                let lines = rig.history().len();
                let sound = if loud { recording("hello_who_is_calling") } else { unnoticed("words") };
                let sound = sound[..sound.len().min(600 * 8)].to_vec();
                rig.utter(rig.now, sound, echo);
                rig.run(rig.now + 4_000);
                assert_eq!(rig.history().len(), lines, "{echo} {loud} {:?}\n{}", rig.history(), rig.log());
            }
        }
    }
}

#[test]
fn a_language_named_aloud_is_chosen_on_a_line_that_gives_our_words_back() {
    for (at, name, word, language) in [
        (2_700, "english", "English", "en-IN"),
        (4_300, "hindi", "हिंदी", "hi-IN"),
        (4_900, "english", "English", "en-IN"),
        (5_600, "hindi", "हिंदी।", "hi-IN"),
    ] {
        let mut rig = Rig::new(logistics(), None, true);
        rig.human = Some(-6.0);
        rig.echo = Some(Echo { delay_ms: 150, gain_db: -20.0, words_after_ms: Some(350) });
        rig.give(crate::rig::Outside::Started);
        rig.run(at);
        assert_eq!((rig.clears.len(), rig.call.conversation().language()), (0, None), "{}", rig.log());
        rig.utter(at, louder(&recording(name), -3.0), word);
        rig.run(at + 2_500);
        assert_eq!(rig.call.conversation().language(), Some(language), "{word} at {at}\n{}", rig.log());
    }
}

#[test]
fn what_is_said_quietly_after_our_words_counts_unless_it_comes_as_soon_as_their_echo() {
    for (after_ms, counts) in [(0, false), (200, false), (500, true), (1_000, true), (1_800, true)] {
        let mut rig = Rig::begun(logistics(), None, true);
        rig.run_until_quiet(1);
        let at = rig.now + after_ms;
        rig.run(at);
        rig.utter(at, vec![0xFF; 400 * 8], "English");
        rig.run(at + 2_500);
        let language = rig.call.conversation().language();
        assert_eq!(language.is_some(), counts, "{after_ms} ms after our last word\n{}", rig.log());
    }
}

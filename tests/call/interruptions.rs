//! The caller speaks while the agent does: what stops it, what it goes on from, and what the history then holds.

use trunkline::call::{Closing, Stop};

use crate::rig::{Outside, Rig, answer, audio_of, logistics};

const WELCOME: [&str; 3] = [
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];

/// The whole welcome as the voice speaks it.
fn welcome(rig: &Rig) -> Vec<u8> {
    WELCOME.iter().flat_map(|text| audio_of(text, rig.ms_per_character)).collect()
}

#[test]
fn barge_in_clears_and_drops_late_audio() {
    let mut rig = Rig::english();
    rig.run(1_500);
    rig.say(1_500, "wait_one_moment_please", "wait one moment please");
    while rig.clears.is_empty() {
        rig.run(rig.now + 1);
    }
    assert!(rig.now - 1_500 <= 140, "{} ms after the first voice", rig.now - 1_500);
    rig.run(2_600);
    let sent = rig.sent_bytes;
    rig.give(Outside::SpeechAudio(0, 2, vec![1_u8; 8_000].into()));
    rig.run(2_650);
    assert_eq!(rig.sent_bytes, sent, "late audio of the dead turn is dropped");
    assert_eq!(rig.count("DropSpeech 0"), 1, "{}", rig.log());
}

#[test]
fn a_cough_does_not_interrupt() {
    let mut rig = Rig::english();
    rig.run(1_500);
    rig.say(1_500, "cough", "");
    rig.run_until_quiet(700);
    rig.assert_heard(&welcome(&rig));
    assert!(!rig.history()[0].contains("(cut)"));
    assert_eq!(rig.history().len(), 1);
}

#[test]
fn a_backchannel_does_not_interrupt_and_the_speech_resumes_where_it_stopped() {
    for (name, text) in [("haan", "haan"), ("haan_haan", "haan haan"), ("okay", "okay")] {
        for at in [1_500, 2_780, 5_000] {
            let mut rig = Rig::english();
            rig.run(at);
            let end = rig.say(at, name, text);
            rig.run_until_quiet(700);
            assert_eq!(rig.clears.len(), 1, "{}", rig.log());
            rig.assert_heard(&welcome(&rig));
            let stopped = rig.clears[0];
            let resumed = rig.heard_at.iter().find(|heard| **heard > stopped + 20).unwrap();
            assert!(*resumed <= end + 520, "it goes on {} ms after \"{text}\"", resumed - end);
            assert_eq!(rig.history(), [format!("agent: {}", WELCOME.join(" "))]);
        }
    }
}

#[test]
fn history_holds_only_what_was_heard() {
    for at in [700, 1_900, 3_300, 4_800, 7_000] {
        let mut rig = Rig::english();
        rig.run(at);
        rig.say(at, "wait_one_moment_please", "wait one moment please");
        rig.run(at + 2_400);
        let history = rig.history();
        let cut = history[0].strip_prefix("agent (cut): ").unwrap_or_else(|| panic!("{history:?}\n{}", rig.log()));
        let heard_ms = rig.clears[0] - 75;
        // The words that the voice had spoken by then, by its own pace.
        let mut spoken = 0;
        let mut words = 0;
        for word in WELCOME.join(" ").split_whitespace() {
            spoken += (word.chars().count() as u64 + 1) * rig.ms_per_character;
            words += u64::from(spoken <= heard_ms);
        }
        let held = cut.split_whitespace().count() as u64;
        assert!(held.abs_diff(words) <= 1, "{heard_ms} ms: {words} words were heard, the history holds \"{cut}\"");
        assert!(WELCOME.join(" ").starts_with(cut));
    }
}

#[test]
fn a_mark_after_clear_is_not_heard() {
    let mut rig = Rig::english();
    rig.run(2_500);
    rig.say(2_500, "wait_one_moment_please", "wait one moment please");
    rig.run(6_000);
    // The first clause's mark was still pending when the buffer was cleared; its echo came 10 ms later.
    assert!(!rig.history()[0].contains("Logistics."), "{:?}", rig.history());
    assert!(rig.history()[0].starts_with("agent (cut): Hello, this is an automated call"));
}

#[test]
fn an_interruption_during_the_first_word_leaves_none_of_it() {
    let mut rig = Rig::english();
    rig.run(80);
    let end = rig.say(80, "wait_one_moment_please", "wait one moment please");
    rig.run(end + 1_500);
    let history = rig.history();
    assert!(history[0] == "agent (cut): Hello," || history[0].starts_with("caller"), "{history:?}");
    assert!(history.contains(&"caller: wait one moment please".to_owned()), "{history:?}\n{}", rig.log());
}

#[test]
fn two_interruptions_in_a_row_are_both_heard() {
    let mut rig = Rig::english();
    rig.thoughts.extend([answer(&"Of course I will wait for you. ".repeat(3), "NEED_MORE_INFO")]);
    rig.run(1_500);
    rig.say(1_500, "wait_one_moment_please", "wait one moment please");
    rig.run(1_700);
    rig.run_until_heard();
    rig.run(rig.now + 900);
    rig.say(rig.now, "no_six_hundred_rupees", "no six hundred rupees");
    rig.run(rig.now + 1_000);
    rig.run_until_quiet(700);
    let history = rig.history();
    assert_eq!(rig.clears.len(), 2, "{}", rig.log());
    assert!(history[0].starts_with("agent (cut): Hello,"));
    assert_eq!(history[1], "caller: wait one moment please");
    assert!(history[2].starts_with("agent (cut): Of course"), "{history:?}");
    assert_eq!(history[3], "caller: no six hundred rupees");
}

#[test]
fn a_yes_to_the_question_being_asked_counts_although_it_is_a_backchannel_elsewhere() {
    let mut agent = logistics();
    agent.read_back = trunkline::agent::ReadBack::Always;
    let mut rig = Rig::begun(agent, Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.run_until_heard();
    assert!(rig.spoken.iter().any(|(_, text)| text.contains("Is that right?")), "{}", rig.log());
    // He answers while the last words are still being spoken.
    rig.run(rig.now + 1_600);
    assert!(rig.playback.is_playing());
    rig.say(rig.now, "yes", "yes");
    rig.run_until_quiet(700);
    assert!(rig.history().contains(&"caller: yes".to_owned()), "{:?}\n{}", rig.history(), rig.log());
}

#[test]
fn an_agent_that_may_not_be_interrupted_finishes_and_then_answers() {
    let mut agent = logistics();
    agent.turn_taking.barge_in = false;
    let mut rig = Rig::begun(agent, Some("en-IN"), true);
    rig.run(1_500);
    rig.say(1_500, "hello_who_is_calling", "hello who is calling");
    rig.run_until_quiet(300);
    assert_eq!(rig.clears, [] as [u64; 0]);
    rig.run(rig.now + 3_000);
    assert!(rig.history().contains(&"caller: hello who is calling".to_owned()), "{}", rig.log());
}

#[test]
fn stop_while_speaking_keeps_what_was_heard() {
    for (stop, closing) in
        [(Stop::Lost, Closing::Gone), (Stop::HangUp, Closing::Ended(trunkline::conversation::Ending::HangUp))]
    {
        let mut rig = Rig::english();
        rig.run(2_000);
        rig.give(Outside::Stop(stop));
        assert_eq!(rig.closed.as_ref().unwrap().1, closing);
        assert!(rig.history()[0].starts_with("agent (cut): Hello, this is an automated"), "{:?}", rig.history());
        rig.give(Outside::Started);
        rig.give(Outside::Final("five hundred".to_owned()));
        assert_eq!(rig.call.deadline(), None);
    }
}

#[test]
fn draining_says_goodbye_and_hangs_up() {
    let mut rig = Rig::english();
    rig.run(1_000);
    rig.give(Outside::Stop(Stop::Draining));
    rig.run_to_the_end(8_000);
    assert_eq!(rig.spoken.last().unwrap().1, "Thank you, and goodbye.");
}

#[test]
fn answers_of_dead_turns_and_repeated_events_change_nothing() {
    let mut rig = Rig::english();
    rig.run(1_500);
    rig.say(1_500, "wait_one_moment_please", "wait one moment please");
    rig.run_until_quiet(900);
    let (history, log, sent) = (rig.history(), rig.log(), rig.sent_bytes);
    let ignored = rig.call.ignored;
    for turn in [0, 1, 2, 3, 900, u32::MAX] {
        rig.give(Outside::MindDelta(turn, r#"{"say": "Late."#.to_owned()));
        rig.give(Outside::MindDone(turn));
        rig.give(Outside::MindFailed(turn));
        rig.give(Outside::SpeechAudio(turn, 0, vec![7_u8; 1_600].into()));
        rig.give(Outside::SpeechDone(turn, 0));
        rig.give(Outside::SpeechFailed(turn, u32::MAX));
    }
    for name in ["", "e0t0c0", "e0t0c9999999999", "x", "e1t1c0", "ऄ"] {
        rig.give(Outside::Mark(name.to_owned()));
    }
    rig.give(Outside::Started);
    assert_eq!((rig.history(), rig.log(), rig.sent_bytes), (history, log, sent));
    assert!(rig.call.ignored > ignored);
}

#[test]
fn a_voice_without_words_interrupts_and_the_silence_after_it_is_noticed() {
    let mut rig = Rig::english();
    rig.run(1_500);
    rig.say(1_500, "hello_who_is_calling", "");
    rig.run(4_000);
    assert!(rig.history()[0].starts_with("agent (cut): "), "{}", rig.log());
    rig.run(11_000);
    assert!(rig.history().last().unwrap().contains("Sorry, I did not hear you."), "{}", rig.log());
    rig.run_to_the_end(60_000);
}

//! What seldom happens: parts that die in the middle, two things at once, answers that come late or never. Nothing hangs, nothing is
//! left behind, and the history holds what was heard.

use trunkline::call::{Closing, Stop};
use trunkline::conversation::Stage;

use crate::rig::{Outside, Rig, Said, Thought, json, logistics, with_an_end_prepared};

const WELCOME: [&str; 3] = [
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];

/// A call whose mind has said one clause, which was heard, and got stuck.
fn stuck() -> Rig {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.push_back(Thought::Never);
    rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    while rig.asked.is_empty() || rig.call.conversation().history().entries().len() < 2 {
        rig.run(rig.now + 1);
    }
    rig.run(rig.now + 600);
    rig.give(Outside::MindDelta(*rig.asked.last().unwrap(), r#"{"say": "I call for Sharma. And"#.to_owned()));
    rig.run_until_quiet(400);
    assert_eq!(rig.spoken.last().unwrap().1, "I call for Sharma.", "{}", rig.log());
    rig
}

#[test]
fn what_was_heard_of_an_answer_that_was_never_finished_is_held() {
    let mut rig = stuck();
    let end = rig.say(rig.now, "wait_one_moment_please", "wait one moment please");
    rig.run(end + 300);
    assert_eq!(
        rig.history()[1..3],
        ["caller: hello who is calling", "agent (cut): I call for Sharma."],
        "{}",
        rig.log()
    );
    rig.run(end + 3_000);
    assert_eq!(rig.history()[3], "caller: wait one moment please", "{}", rig.log());

    let mut rig = stuck();
    rig.give(Outside::Stop(Stop::Lost));
    assert_eq!(
        rig.history()[1..],
        ["caller: hello who is calling", "agent (cut): I call for Sharma."],
        "{}",
        rig.log()
    );
}

#[test]
fn a_filler_is_no_answer_when_the_call_goes_on_elsewhere() {
    for after_ms in [200, 1_000] {
        let mut rig = Rig::english();
        rig.run_until_quiet(700);
        rig.thoughts.push_back(Thought::Never);
        rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
        rig.run_until_heard();
        assert_eq!(rig.spoken.last().unwrap().1, "One moment.");
        rig.run(rig.now + after_ms);
        rig.give(Outside::EarsLost);
        assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Gather(vec![]), "{after_ms}");
        assert_eq!(rig.history().last().unwrap(), "caller: hello who is calling", "his question waits for its answer");
    }
}

#[test]
fn words_over_our_speech_are_kept_whatever_ends_the_stream() {
    for (end, stage) in [
        (Outside::EarsLost, Stage::Collecting),
        (Outside::Stop(Stop::Lost), Stage::Collecting),
        (Outside::Stop(Stop::HangUp), Stage::Abandoned),
        (Outside::Stop(Stop::Draining), Stage::Abandoned),
    ] {
        let mut rig = Rig::english();
        // Too soft to be noticed as a voice, and too short to interrupt: the first word of a sentence.
        rig.run(3_000);
        rig.utter(3_000, vec![0xFF; 200 * 8], "wait");
        rig.run(3_400);
        assert_eq!(rig.clears, [] as [u64; 0], "{}", rig.log());
        rig.give(end.clone());
        let history = rig.history();
        assert!(history[0].starts_with("agent (cut): Hello, this is an automated call from"), "{end:?} {history:?}");
        assert_eq!(history[1], "caller: wait", "{end:?} {history:?}\n{}", rig.log());
        assert_eq!(rig.call.conversation().stage(), stage, "{end:?}");
    }
}

#[test]
fn a_word_of_listening_over_our_speech_is_no_turn_when_the_stream_ends() {
    for end in [Outside::EarsLost, Outside::Stop(Stop::Lost)] {
        let mut rig = Rig::english();
        rig.run(3_000);
        rig.utter(3_000, vec![0xFF; 200 * 8], "haan");
        rig.run(3_400);
        rig.give(end);
        assert_eq!(rig.history().len(), 1, "{:?}", rig.history());
        if let Closing::Gather(unheard) = &rig.closed.as_ref().unwrap().1 {
            assert_eq!(unheard.len(), 2, "what he did not hear is said there");
        }
    }
}

#[test]
fn an_end_that_was_only_prepared_is_none_when_the_ears_are_lost() {
    for mind in [true, false] {
        let (mut rig, end) = with_an_end_prepared(mind);
        // He goes on.
        rig.say(end + 150, "no_six_hundred_rupees", "no");
        rig.run(end + 900);
        let before = rig.log();
        rig.give(Outside::EarsLost);
        assert!(
            rig.history().contains(&"caller: five hundred rupees two pm to five pm".to_owned()),
            "{:?}",
            rig.history()
        );
        if mind {
            assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Gather(vec![]), "{before}");
            assert_eq!(rig.call.conversation().stage(), Stage::Collecting);
        }
    }
}

#[test]
fn a_voice_that_gives_no_byte_moves_the_call_to_gather() {
    let mut rig = Rig::new(logistics(), Some("en-IN"), true);
    rig.voice = crate::rig::Voice::Silent;
    rig.give(Outside::Started);
    rig.run(75);
    for clause in 0..3 {
        rig.give(Outside::SpeechDone(0, clause));
    }
    rig.run(100);
    let Some((_, Closing::Gather(unheard))) = &rig.closed else { panic!("{}", rig.log()) };
    assert_eq!(unheard.iter().map(|clause| clause.text.as_str()).collect::<Vec<_>>(), WELCOME);
    assert_eq!(rig.history(), [] as [&str; 0]);
}

#[test]
fn a_clause_without_a_byte_among_others_is_not_held_as_heard() {
    let mut rig = Rig::new(logistics(), Some("en-IN"), true);
    rig.voice = crate::rig::Voice::Silent;
    rig.give(Outside::Started);
    rig.give(Outside::SpeechDone(0, 0));
    let sound = rig.sound_of(WELCOME[1]);
    rig.give(Outside::SpeechAudio(0, 1, sound.into()));
    rig.give(Outside::SpeechDone(0, 1));
    rig.run(4_000);
    rig.give(Outside::Digit('5'));
    rig.give(Outside::Digit('#'));
    assert_eq!(rig.history()[0], format!("agent (cut): {}", WELCOME[1]), "{:?}", rig.history());
}

#[test]
fn keys_do_not_make_us_forget_what_was_said_before_them() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    // His words are final, and his turn is not over: more must follow. Then he types it.
    let end = rig.say(rig.now, "five_hundred", "my charge is between");
    rig.run(end + 700);
    assert_eq!(rig.prompts.len(), 0, "{}", rig.log());
    for digit in ['5', '0', '0', '#'] {
        rig.give(Outside::Digit(digit));
    }
    rig.run(rig.now + 2_000);
    assert_eq!(
        rig.history()[1..3],
        ["caller: my charge is between", "caller: 500"],
        "{:?}\n{}",
        rig.history(),
        rig.log()
    );
}

#[test]
fn keys_during_thinking_keep_what_was_said_and_are_answered_once() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    rig.thoughts.push_back(Thought::Late(2_000, json("Wrong.", "NEED_MORE_INFO")));
    let end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    rig.run(end + 1_000);
    assert_eq!(rig.asked.len(), 1, "{}", rig.log());
    rig.give(Outside::Digit('5'));
    rig.give(Outside::Digit('#'));
    rig.run_until_quiet(2_500);
    assert_eq!(rig.history()[1..3], ["caller: hello who is calling", "caller: 5"], "{:?}", rig.history());
    assert_eq!(rig.history().len(), 4);
    assert!(!rig.spoken.iter().any(|(_, text)| text == "Wrong."), "{}", rig.log());
    assert_eq!(rig.asked, [] as [u32; 0]);
}

#[test]
fn two_interruptions_during_thinking_are_one_turn() {
    let mut rig = Rig::english();
    rig.run_until_quiet(700);
    for _ in 0..4 {
        rig.thoughts.push_back(Thought::Late(1_200, json("What would you charge?", "NEED_MORE_INFO")));
    }
    let mut end = rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
    for words in ["from which firm", "in which city"] {
        rig.run(end + 900);
        end = rig.say(end + 900, "five_hundred_rupees", words);
    }
    rig.run_until_quiet(1_500);
    assert_eq!(
        rig.history()[1..],
        ["caller: hello who is calling from which firm in which city", "agent: What would you charge?"],
        "{}",
        rig.log()
    );
    rig.assert_said(&[Said::Whole(&WELCOME), Said::Whole(&["What would you charge?"])]);
    assert_eq!(rig.asked, [] as [u32; 0], "every question was dropped or used");
}

#[test]
fn marks_that_never_come_or_come_late_or_are_others_change_nothing() {
    for late_ms in [None, Some(300), Some(5_000)] {
        let mut rig = Rig::english();
        rig.marks_late = Some(late_ms);
        for turn in 0..3 {
            rig.give(Outside::Mark(format!("e0t{turn}c2")));
            rig.give(Outside::Mark(format!("e{turn}t9c0")));
        }
        rig.run_until_quiet(1_500);
        rig.assert_said(&[Said::Whole(&WELCOME)]);
        assert_eq!(rig.history(), [format!("agent: {}", WELCOME.join(" "))]);
        rig.say(rig.now, "hello_who_is_calling", "hello who is calling");
        rig.run_until_heard();
        rig.run_until_quiet(1_500);
        assert_eq!(rig.history().len(), 3, "{late_ms:?} {:?}", rig.history());
        rig.run_to_the_end(90_000);
    }
}

#[test]
fn ears_that_die_in_the_middle_of_a_word_take_nothing_with_them() {
    let words = "five hundred rupees two pm to five pm";
    let mut before = 0;
    for ms in (0..3_600).step_by(60) {
        let mut rig = Rig::english();
        rig.run_until_quiet(700);
        let begun = rig.now;
        rig.say(begun, "charge_and_time", words);
        rig.run(begun + ms);
        rig.give(Outside::EarsLost);
        let history = rig.history();
        let said = history.get(1).and_then(|line| line.strip_prefix("caller: ")).unwrap_or_default();
        assert!(words.starts_with(said) && said.len() >= before, "{ms} ms: {said:?}\n{}", rig.log());
        before = said.len();
        assert!(matches!(rig.closed.as_ref().unwrap().1, Closing::Gather(_)));
    }
    assert_eq!(before, words.len());
}

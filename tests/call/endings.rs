//! The first words and the last: what must be heard is heard, and who speaks into the thanks is heard once.

use trunkline::call::{Closing, Stop};
use trunkline::conversation::{Ending, Opening, Stage};

use crate::rig::{Outside, Rig, Said, answer, logistics};

const ANNOUNCEMENT: &str = "This call is recorded.";
const WELCOME: [&str; 4] = [
    ANNOUNCEMENT,
    "Hello, this is an automated call from Sharma Logistics.",
    "I need your charge for the delivery, and the time window for the pickup.",
    "What would you charge, and when can you come?",
];
const THANKS: [&str; 3] = ["Thank you!", "Your details are updated.", "Goodbye."];
const QUESTION: &str = "What would you charge for the delivery?";

/// A recorded call that has begun.
fn recorded(mind: bool) -> Rig {
    let mut agent = logistics();
    agent.recording.enabled = true;
    let language = Some("en-IN".to_owned());
    let mut rig = Rig::opened(agent, Opening { language, mind, recorded: true, ..Opening::default() });
    rig.give(Outside::Started);
    rig
}

/// A call without a mind whose caller has said all, and whose thanks begin to be heard.
fn thanked() -> Rig {
    let mut rig = Rig::begun(logistics(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.run_until_heard();
    assert!(rig.spoken.iter().any(|(_, text)| text == THANKS[0]), "{}", rig.log());
    rig.run(rig.now + 120);
    rig
}

fn charge(rig: &Rig) -> String {
    let agent = logistics();
    rig.call.conversation().collected(&agent).find(|(name, _)| *name == "charge").unwrap().1.display.clone()
}

#[test]
fn the_announcement_is_heard_out_and_then_the_interruption_counts() {
    for at in [0, 300, 700] {
        let mut rig = recorded(true);
        rig.thoughts.push_back(answer("Sharma Logistics.", "NEED_MORE_INFO"));
        rig.run(at);
        let end = rig.say(at, "hello_who_is_calling", "hello who is calling");
        rig.run(end);
        rig.run_until_heard();
        rig.run_until_quiet(700);
        let heard = rig.assert_said(&[
            Said::Whole(&WELCOME[..1]),
            Said::Part(&WELCOME[1..]),
            Said::Whole(&["Sharma Logistics.", QUESTION]),
        ]);
        assert!(heard[1] < 700, "{} ms of the welcome were said to someone who speaks", heard[1]);
        let history = rig.history();
        assert!(history[0].starts_with("agent (cut): This call is recorded."), "{history:?}");
        assert_eq!(
            history[1..],
            ["caller: hello who is calling".to_owned(), format!("agent: Sharma Logistics. {QUESTION}")]
        );
    }
}

#[test]
fn a_word_of_listening_during_the_announcement_stops_nothing() {
    let mut rig = recorded(true);
    rig.run(200);
    rig.say(200, "haan_haan", "haan haan");
    rig.run_until_quiet(700);
    rig.assert_said(&[Said::Whole(&WELCOME)]);
    assert_eq!((rig.history(), rig.clears.len()), (vec![format!("agent: {}", WELCOME.join(" "))], 0), "{}", rig.log());
}

#[test]
fn an_announcement_cut_off_by_a_key_is_said_again_before_anything_else() {
    for mind in [true, false] {
        let mut rig = recorded(mind);
        rig.thoughts.push_back(answer("I see. What would you charge?", "NEED_MORE_INFO"));
        rig.run(700);
        rig.give(Outside::Digit('7'));
        rig.give(Outside::Digit('#'));
        rig.run_until_quiet(700);
        let spoken: Vec<&str> = rig.spoken.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(spoken[4], ANNOUNCEMENT, "{spoken:?}");
        let heard = rig.assert_said(&[Said::Part(&WELCOME), Said::Whole(&spoken[4..])]);
        assert!((600..700).contains(&heard[0]));
        assert!(spoken.last().unwrap().ends_with('?'));
        let history = rig.history();
        assert!(["agent (cut): This call", "agent (cut): This call is"].contains(&history[0].as_str()), "{history:?}");
        assert_eq!(history[1], "caller: 7");
        assert!(history[2].starts_with("agent: This call is recorded. "), "{history:?}");
    }
}

#[test]
fn an_announcement_that_was_only_being_prepared_is_said_once() {
    let mut agent = logistics();
    agent.recording.enabled = true;
    let mut rig = Rig::opened(agent, Opening { mind: true, recorded: true, ..Opening::default() });
    rig.give(Outside::Started);
    rig.run_until_quiet(1_500);
    let heard = rig.heard.len();
    let mut at = rig.now;
    for word in ["English", "please", "English", "yes"] {
        at = rig.say(at, "no", word) + 120;
    }
    rig.run_until_heard();
    rig.run_until_quiet(700);
    assert!(rig.spoken.iter().filter(|(_, text)| text == ANNOUNCEMENT).count() > 1, "{}", rig.log());
    let welcome: Vec<u8> = WELCOME.iter().flat_map(|text| rig.sound_of(text)).collect();
    assert_eq!(rig.heard[heard..].len(), welcome.len(), "{}", rig.log());
    assert_eq!(rig.history().last().unwrap(), &format!("agent: {}", WELCOME.join(" ")));
}

#[test]
fn an_announcement_that_is_owed_is_owed_once_although_the_answer_is_prepared_again() {
    let mut rig = recorded(true);
    rig.run(700);
    rig.give(Outside::Digit('7'));
    rig.give(Outside::Digit('#'));
    rig.run(720);
    rig.give(Outside::Digit('7'));
    rig.give(Outside::Digit('#'));
    let heard = rig.heard.len();
    let mut at = rig.now;
    for word in ["hello", "who", "is", "calling"] {
        at = rig.say(at, "no", word) + 250;
    }
    rig.run(at + 4_000);
    let announcement = rig.sound_of(ANNOUNCEMENT);
    let after = &rig.heard[heard..];
    let times = (0..after.len()).filter(|at| after[*at..].starts_with(&announcement)).count();
    assert_eq!(times, 1, "{:?}\n{}", rig.history(), rig.log());
}

#[test]
fn another_value_said_into_the_thanks_counts() {
    let mut rig = thanked();
    rig.say(rig.now, "no_six_hundred_rupees", "no six hundred rupees");
    rig.run_to_the_end(rig.now + 20_000);
    assert_eq!(charge(&rig), "₹600");
    let history = rig.history();
    assert!(history.contains(&"caller: no six hundred rupees".to_owned()), "{history:?}");
    assert!(history.last().unwrap().ends_with(&THANKS.join(" ")), "{history:?}");
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
    assert_eq!(rig.clears.len(), 1, "{}", rig.log());
}

#[test]
fn a_question_into_the_thanks_is_answered() {
    let mut rig = Rig::english();
    let thanks = answer("Thank you, all is noted, and we will see you at the gate. Goodbye.", "THANK_YOU_RESPONSE");
    rig.thoughts.extend([thanks.clone(), thanks]);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.run_until_heard();
    rig.run(rig.now + 600);
    rig.thoughts.clear();
    rig.thoughts.extend([
        answer("Sharma Logistics. Goodbye.", "THANK_YOU_RESPONSE"),
        answer("Sharma Logistics. Goodbye.", "THANK_YOU_RESPONSE"),
    ]);
    rig.say(rig.now, "hello_who_is_calling", "but who is calling");
    rig.run_to_the_end(rig.now + 20_000);
    let history = rig.history();
    assert!(history[2].starts_with("agent (cut): Thank you,"), "{history:?}\n{}", rig.log());
    assert_eq!(history[3..], ["caller: but who is calling", "agent: Sharma Logistics. Goodbye."]);
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
}

/// A call whose thanks will have been heard to their end in so many ms, and which would then hang up.
fn nearly_over(rig: &mut Rig, left_ms: u64) {
    let length: usize = THANKS.iter().map(|text| rig.sound_of(text).len() / 8).sum();
    rig.run(rig.now - 120 + length as u64 - left_ms);
    assert!(rig.closed.is_none() && rig.playback.is_playing(), "{}", rig.log());
}

#[test]
fn who_begins_to_speak_as_the_thanks_end_is_heard_once() {
    for (left_ms, partials) in [(240, true), (100, true), (40, true), (240, false), (100, false)] {
        let mut rig = thanked();
        rig.partials = partials;
        nearly_over(&mut rig, left_ms);
        rig.say(rig.now - 100, "no_six_hundred_rupees", "no six hundred rupees");
        rig.run_to_the_end(rig.now + 20_000);
        assert_eq!(charge(&rig), "₹600", "{left_ms} {partials}\n{}", rig.log());
        assert!(rig.history().contains(&"caller: no six hundred rupees".to_owned()), "{:?}", rig.history());
        assert!(rig.history().last().unwrap().ends_with(&THANKS.join(" ")), "{:?}", rig.history());
        assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    }
}

#[test]
fn a_goodbye_or_a_noise_as_the_thanks_end_does_not_hold_the_call_for_long() {
    let noise: Vec<u8> = (0..12).flat_map(|_| crate::rig::recording("hello_who_is_calling")).collect();
    for (sound, words, most) in [
        (crate::rig::recording("okay"), "okay thank you bye", 2_500),
        (crate::rig::recording("okay"), "", 2_500),
        (noise, "", 6_000),
    ] {
        let mut rig = thanked();
        nearly_over(&mut rig, 100);
        let (begun, before) = (rig.now, rig.history());
        rig.utter(begun - 100, sound, words);
        rig.run_to_the_end(begun + most);
        assert_eq!(rig.history(), before, "{words}");
        assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
    }
}

#[test]
fn a_call_that_was_reopened_still_has_an_end() {
    let mut agent = logistics();
    agent.limits.max_call_seconds = 13;
    let mut rig = Rig::begun(agent, Some("en-IN"), true);
    let thanks = answer("Thank you, all is noted, and we will see you at the gate. Goodbye.", "THANK_YOU_RESPONSE");
    rig.thoughts.extend([thanks.clone(), thanks]);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.run_until_heard();
    // The time is over while the caller is thanked; then he goes on, and so does the mind.
    rig.run(13_100);
    assert!(rig.closed.is_none() && rig.playback.is_playing(), "{}", rig.log());
    rig.thoughts.clear();
    rig.ms_per_character = 300;
    let long = answer("There is much to be said about that, is there not? Shall I?", "NEED_MORE_INFO");
    rig.thoughts.extend([long.clone(), long.clone(), long]);
    rig.say(rig.now, "hello_who_is_calling", "but who is calling?");
    rig.run(24_000);
    assert_eq!(rig.spoken.last().unwrap().1, "Goodbye.", "{}", rig.log());
}

#[test]
fn thanks_are_not_interrupted_where_we_must_go() {
    let mut rig = thanked();
    rig.give(Outside::Stop(Stop::Draining));
    rig.say(rig.now, "no_six_hundred_rupees", "no six hundred rupees");
    rig.run_to_the_end(rig.now + 6_000);
    assert_eq!((charge(&rig).as_str(), rig.clears.len()), ("₹500", 0), "{}", rig.log());
}

#[test]
fn thanks_and_goodbyes_are_no_interruption_of_the_thanks() {
    for (name, text) in [("okay", "okay thank you bye"), ("haan_haan", "haan ji shukriya"), ("cough", "")] {
        let mut rig = thanked();
        let before = rig.heard.len();
        rig.say(rig.now, name, text);
        rig.run_to_the_end(rig.now + 12_000);
        assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Ended(Ending::HangUp));
        assert!(rig.history().last().unwrap().ends_with(&THANKS.join(" ")), "{:?}", rig.history());
        assert!(!rig.history().iter().any(|line| line.contains("(cut)") || line.contains("bye bye")), "{}", rig.log());
        assert!(rig.clears.len() <= 1 && rig.heard.len() > before);
        assert_eq!(rig.count("DropSpeech 3"), 1, "only with the call's end: {}", rig.log());
    }
}

#[test]
fn the_thanks_are_interrupted_once_and_then_said_to_the_end() {
    let mut rig = thanked();
    let end = rig.say(rig.now, "no_six_hundred_rupees", "no six hundred rupees");
    rig.run(end);
    rig.run_until_heard();
    rig.run(rig.now + 200);
    rig.say(rig.now, "nahin_chhah_sau_rupaye", "no seven hundred rupees");
    rig.run_to_the_end(rig.now + 20_000);
    assert_eq!((rig.clears.len(), charge(&rig).as_str()), (1, "₹600"), "{}", rig.log());
    assert!(rig.history().last().unwrap().ends_with(&THANKS.join(" ")), "{:?}", rig.history());
}

#[test]
fn a_noise_without_words_holds_the_thanks_up_for_no_longer_than_three_seconds() {
    let mut rig = thanked();
    let begun = rig.now;
    for n in 0..30 {
        rig.say(begun + n * 700, "okay", "");
    }
    rig.run_to_the_end(begun + 10_000);
    assert_eq!(rig.clears.len(), 1, "{}", rig.log());
    assert!(rig.history().last().unwrap().ends_with(&THANKS.join(" ")), "{:?}", rig.history());
}

#[test]
fn a_noise_that_comes_and_goes_without_words_interrupts_in_the_end() {
    let mut rig = Rig::english();
    rig.run(1_500);
    for n in 0..30 {
        rig.say(1_500 + n * 700, "okay", "");
    }
    rig.run(6_000);
    assert_eq!(rig.count("DropSpeech 0"), 1, "{}", rig.log());
    rig.run_to_the_end(120_000);
}

#[test]
fn thanks_that_a_lost_socket_cut_off_are_said_in_the_other_mode() {
    let mut rig = thanked();
    rig.run(rig.now + 900);
    rig.give(Outside::Stop(Stop::Lost));
    let Closing::Gather(unheard) = &rig.closed.as_ref().unwrap().1 else { panic!("{}", rig.log()) };
    let unheard: Vec<&str> = unheard.iter().map(|clause| clause.text.as_str()).collect();
    assert_eq!(unheard, THANKS[1..], "{}", rig.log());
    assert_eq!(rig.call.conversation().stage(), Stage::Completed);
    assert!(rig.call.conversation().ending().is_some());
    assert!(rig.history().last().unwrap().starts_with("agent (cut): Thank you!"), "{:?}", rig.history());
}

#[test]
fn an_end_that_was_only_prepared_is_none_when_the_socket_is_lost() {
    // With a mind: it had answered already, but the turn was not surely over.
    let mut rig = Rig::english();
    let thanks = answer("Thank you, all is noted. Goodbye.", "THANK_YOU_RESPONSE");
    rig.thoughts.extend([thanks.clone(), thanks]);
    (rig.mind_delay, rig.voice_delay) = (1, 1);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    while rig.call.conversation().stage() != Stage::Completed {
        rig.run(rig.now + 1);
    }
    assert_eq!(rig.history().last().unwrap(), "agent: Thank you, all is noted. Goodbye.", "{}", rig.log());
    let heard = rig.heard.len();
    rig.give(Outside::Stop(Stop::Lost));
    assert_eq!(rig.heard.len(), heard);
    // The words are kept, and wait for their answer in the other mode.
    assert_eq!(rig.closed.as_ref().unwrap().1, Closing::Gone, "{}", rig.log());
    assert_eq!(rig.call.conversation().stage(), Stage::Collecting);
    assert!(rig.history().last().unwrap().starts_with("caller: five hundred rupees"), "{:?}", rig.history());
}

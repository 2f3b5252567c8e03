//! Answers by voice and by key to a question that is not out yet, keys at a read-back, and a ban right before the line is lost.

use trunkline::agent::{self, Agent};
use trunkline::call::{Closing, Stop};
use trunkline::conversation::{Ending, Opening, Stage};

use crate::rig::{Outside, Rig, logistics};

fn appointment() -> Agent {
    agent::parse("appointment.toml", include_str!("../../agents/appointment.toml")).unwrap()
}

/// The values that are sure, or wait for the read-back of all.
fn is_noted(rig: &Rig, field: &str) -> bool {
    let written = serde_json::to_value(rig.call.conversation()).unwrap();
    written["values"]["held"].as_array().is_some_and(|held| held.iter().any(|value| value["field"] == field))
}

fn data(rig: &Rig, agent: &Agent) -> Vec<(String, String)> {
    let collected = rig.call.conversation().collected(agent);
    collected.map(|(name, value)| (name.to_owned(), value.display.clone())).collect()
}

#[test]
fn haan_into_the_first_sentence_of_the_welcome_is_listening() {
    for (name, words) in [("haan", "haan"), ("haan_haan", "haan haan"), ("yes", "yes"), ("okay", "okay")] {
        let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
        rig.run(400);
        rig.say(400, name, words);
        rig.run_until_quiet(700);
        assert!(!is_noted(&rig, "coming"), "{words}: {}", rig.log());
        assert_eq!(rig.history().len(), 1, "{words}: {:?}", rig.history());
        assert!(rig.history()[0].ends_with("Will you come?"), "the welcome goes on: {:?}", rig.history());
        // Once the question is out, it is an answer.
        rig.say(rig.now, name, words);
        rig.run_until_quiet(700);
        assert!(is_noted(&rig, "coming"), "{words}: {}", rig.log());
    }
}

#[test]
fn a_yes_while_the_question_is_being_said_is_an_answer() {
    let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
    while !rig.log().contains("Will you come?") {
        rig.run(rig.now + 10);
    }
    // Up to where the question is heard: the sentences before it take 50 ms a letter.
    let before = "Hello, this is Asha Clinic.".len() + "I am calling about your appointment on the agreed day.".len();
    rig.run(75 + before as u64 * 50 + 200);
    rig.say(rig.now, "yes", "yes");
    rig.run_until_quiet(700);
    assert!(is_noted(&rig, "coming"), "{}", rig.log());
}

#[test]
fn a_no_into_the_first_sentence_interrupts_and_is_no_answer() {
    let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
    rig.run(400);
    rig.say(400, "no", "no");
    rig.run_until_quiet(700);
    assert!(!is_noted(&rig, "coming"), "{}", rig.log());
    let history = rig.history();
    assert!(history.last().unwrap().ends_with("Will you come to the appointment?"), "{history:?}");
}

#[test]
fn a_doubled_key_at_the_choice_of_language_answers_nothing_else() {
    for gap in [30, 200, 900] {
        let mut rig = Rig::begun(appointment(), None, false);
        rig.run(1_000);
        rig.give(Outside::Digit('1'));
        rig.run(rig.now + gap);
        rig.give(Outside::Digit('1'));
        rig.run_until_quiet(700);
        assert!(!is_noted(&rig, "coming"), "{}", rig.log());
        let history = rig.history();
        assert_eq!(history[1], "caller: 1");
        assert!(history[2].starts_with("agent: Hello,") && history[2].ends_with("Will you come?"), "{history:?}");
        assert_eq!(history.len(), 3, "{history:?}");
        // The answer itself, and its double.
        rig.give(Outside::Digit('1'));
        rig.run(rig.now + gap);
        rig.give(Outside::Digit('1'));
        rig.run_until_quiet(700);
        assert!(is_noted(&rig, "coming") && !is_noted(&rig, "companions"), "{}", rig.log());
        assert!(rig.history().last().unwrap().ends_with("How many people come with you?"), "{:?}", rig.history());
    }
}

#[test]
fn an_early_key_is_forgotten_when_the_answer_comes() {
    let mut rig = Rig::begun(appointment(), None, false);
    rig.run(1_000);
    rig.give(Outside::Digit('1'));
    rig.run(rig.now + 30);
    let text = "Hello, this is Asha Clinic. I am calling about your appointment on the agreed day. Will";
    rig.run(rig.now + 75 + text.len() as u64 * 50 - 1_000);
    rig.give(Outside::Digit('1'));
    rig.run(rig.now + 1_200);
    assert!(!is_noted(&rig, "coming"), "the question is not out: {}", rig.log());
    rig.give(Outside::Digit('1'));
    rig.run_until_quiet(700);
    assert!(is_noted(&rig, "coming"), "{}", rig.log());
}

#[test]
fn keys_whose_first_came_just_before_the_question_are_one_turn() {
    let text = "Hello, this is Asha Clinic. I am calling about your appointment on the agreed day. ";
    for at in (75 + text.len() as u64 * 50 - 600..75 + text.len() as u64 * 50 + 200).step_by(40) {
        let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
        rig.run(at);
        rig.give(Outside::Digit('7'));
        rig.give(Outside::Digit('#'));
        assert_eq!(rig.history()[1], "caller: 7", "{at}: {}", rig.log());
    }
}

/// The value of the charge is being read back.
fn reading_back() -> Rig {
    let mut rig = Rig::begun(logistics(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "five_hundred", "five hundred or six hundred");
    rig.run_until_quiet(300);
    assert!(rig.history().last().unwrap().ends_with("Is that right?"), "{:?}", rig.history());
    rig
}

fn types(rig: &mut Rig, keys: &str) {
    for key in keys.chars() {
        rig.give(Outside::Digit(key));
        rig.run(rig.now + 350);
    }
}

#[test]
fn digits_at_a_read_back_are_one_answer() {
    for (keys, value) in
        [("650", "six hundred fifty"), ("650#", "six hundred fifty"), ("1500", "one thousand five hundred")]
    {
        let mut rig = reading_back();
        types(&mut rig, keys);
        rig.run_until_quiet(700);
        let history = rig.history();
        assert_eq!(history[history.len() - 2], format!("caller: {}", keys.trim_end_matches('#')));
        assert_eq!(history[history.len() - 1], format!("agent: I understood {value} rupees. Is that right?"));
        assert!(rig.closed.is_none() && data(&rig, &logistics()).is_empty());
        rig.give(Outside::Digit('1'));
        rig.run_until_quiet(700);
        assert_eq!(data(&rig, &logistics()).len(), 1, "{}", rig.log());
    }
}

#[test]
fn one_key_at_a_read_back_is_an_answer_within_a_second() {
    let mut rig = reading_back();
    rig.give(Outside::Digit('1'));
    rig.run(rig.now + 1_000);
    assert_eq!(data(&rig, &logistics()), [("charge".to_owned(), "₹500".to_owned())], "{}", rig.log());
    // Where nothing can be typed, at once.
    let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.give(Outside::Digit('1'));
    assert!(is_noted(&rig, "coming"));
}

#[test]
fn a_ban_right_before_the_line_is_lost_is_kept() {
    for stop in [Stop::Lost, Stop::HangUp, Stop::Draining] {
        for mind in [false, true] {
            let mut rig = Rig::begun(logistics(), Some("en-IN"), mind);
            rig.run_until_quiet(700);
            rig.partial_delay = 20;
            let end = rig.say(rig.now, "five_hundred_rupees", "please never call me again");
            rig.run(end + 40);
            assert_eq!(rig.history().len(), 1, "the turn is not decided: {:?}", rig.history());
            rig.give(Outside::Stop(stop));
            assert_eq!(rig.history()[1], "caller: please never call me again");
            assert!(rig.call.conversation().calls_refused(), "{stop:?}: {}", rig.log());
            let said: Vec<&str> = rig.spoken.iter().map(|(_, text)| text.as_str()).collect();
            assert!(!said.contains(&"We will call you again."), "{said:?}");
            assert_eq!(said.contains(&"All right, we will not call you again."), stop == Stop::Draining, "{said:?}");
        }
    }
}

#[test]
fn a_ban_over_words_that_must_be_heard_is_kept_when_the_line_is_lost() {
    for stop in [Stop::Lost, Stop::HangUp] {
        let mut agent = logistics();
        agent.recording.enabled = true;
        let language = Some("en-IN".to_owned());
        let mut rig = Rig::opened(agent, Opening { language, recorded: true, ..Opening::default() });
        (rig.partial_delay, rig.ms_per_character) = (20, 150);
        rig.give(Outside::Started);
        rig.run(200);
        let end = rig.say(rig.now, "five_hundred_rupees", "please never call me again");
        rig.run(end + 40);
        assert_eq!((rig.history().len(), rig.clears.len()), (1, 0), "the announcement goes on: {:?}", rig.history());
        rig.give(Outside::Stop(stop));
        let history = rig.history();
        assert_eq!((history.len(), history[1].as_str()), (2, "caller: please never call me again"), "{history:?}");
        assert!(rig.call.conversation().calls_refused() && rig.closed.is_some(), "{stop:?}: {}", rig.log());
    }
}

#[test]
fn a_ban_into_the_thanks_is_kept_when_the_caller_hangs_up_over_them() {
    let mut rig = Rig::begun(logistics(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    rig.run_until_heard();
    rig.run(rig.now + 120);
    rig.partial_delay = 20;
    let end = rig.say(rig.now, "five_hundred_rupees", "please never call me again");
    rig.run(end + 40);
    rig.give(Outside::Stop(Stop::HangUp));
    assert!(rig.call.conversation().calls_refused(), "{}", rig.log());
    assert_eq!((data(&rig, &logistics()).len(), rig.call.conversation().stage()), (2, Stage::Completed));
}

#[test]
fn a_yes_right_before_the_line_is_lost_is_an_answer() {
    for stop in [Stop::Lost, Stop::HangUp] {
        let mut rig = reading_back();
        rig.partial_delay = 20;
        let end = rig.say(rig.now, "yes", "yes");
        rig.run(end + 40);
        rig.give(Outside::Stop(stop));
        assert_eq!(data(&rig, &logistics()), [("charge".to_owned(), "₹500".to_owned())], "{:?}", rig.history());
        match &rig.closed.as_ref().unwrap().1 {
            Closing::Gone => assert_eq!(rig.call.conversation().stage(), Stage::Collecting),
            Closing::Ended(ending) => assert_eq!(*ending, Ending::HangUp),
            Closing::Gather(unheard) => panic!("{unheard:?}"),
        }
    }
}

#[test]
fn a_key_pressed_with_a_spoken_number_answers_no_later_question() {
    let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
    rig.run_until_quiet(700);
    rig.say(rig.now, "yes", "yes");
    rig.run_until_quiet(700);
    assert!(rig.history().last().unwrap().ends_with("How many people come with you?"), "{:?}", rig.history());
    rig.give(Outside::Digit('2'));
    rig.say(rig.now, "okay", "two");
    rig.run_until_quiet(700);
    rig.run(rig.now + 3_000);
    assert!(is_noted(&rig, "companions"), "{}", rig.log());
    assert!(!is_noted(&rig, "place"), "{}", rig.log());
}

#[test]
fn a_ban_on_calls_counts_whatever_key_follows() {
    for wait in (200..700).step_by(100) {
        let mut rig = Rig::begun(appointment(), Some("en-IN"), false);
        rig.run_until_quiet(700);
        let end = rig.say(rig.now, "no_six_hundred_rupees", "don't call me again, and");
        rig.run(end + wait);
        rig.give(Outside::Digit('1'));
        rig.run_until_quiet(700);
        assert!(!is_noted(&rig, "coming"), "{wait} ms: {}", rig.log());
        assert!(rig.call.conversation().calls_refused(), "{wait} ms: {:?}", rig.history());
        assert!(rig.call.conversation().is_over(), "{wait} ms: {:?}", rig.history());
    }
}

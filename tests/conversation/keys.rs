//! Key presses: an answer where a choice is asked for, a number where a number is, and nothing anywhere else.

use serde_json::json;
use trunkline::agent::Agent;
use trunkline::conversation::{Keys, Stage};

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent};

const CHARGE: &str = "What would you charge for the delivery?";

/// The logistics agent with one more field in front.
fn first(field: &str) -> Agent {
    let question = "[fields.question]\n\"en-IN\" = \"First?\"\n\"hi-IN\" = \"पहले?\"\n";
    agent(LOGISTICS, |text| {
        text.replacen("[[fields]]", &format!("[[fields]]\nname = \"first\"\n{field}\n{question}\n[[fields]]"), 1)
    })
}

#[test]
fn keys_hold_a_whole_call_of_choices() {
    for mind in [false, true] {
        let mut phone = Phone::welcomed(agent(APPOINTMENT, |text| text), "en-IN", mind);
        assert!(phone.conversation.awaits_one_key(&phone.agent), "will you come?");
        assert_eq!(phone.presses("1"), "How many people come with you?");
        assert!(!phone.conversation.awaits_one_key(&phone.agent), "a number may have more digits");
        assert_eq!(phone.presses("2"), "Shall it be at the clinic or by video?");
        assert!(phone.conversation.awaits_one_key(&phone.agent));
        assert_eq!(phone.presses("2"), "I noted you will come, people with you: two, place: video. Is that right?");
        assert!(phone.conversation.awaits_one_key(&phone.agent), "yes or no");
        phone.presses("1");
        phone.completed_with(&[("coming", "yes"), ("companions", "2"), ("place", "video")]);
        assert!(phone.prompt.is_none(), "the mind was asked");
        let place = phone.conversation.collected(&phone.agent).find(|(name, _)| *name == "place").unwrap().1;
        assert_eq!((&place.typed, place.evidence.words.as_str()), (&json!({"option": "video"}), "2"));
        assert!(phone.conversation.history().caller().all(|entry| entry.pressed));
    }
    let mut phone = Phone::alone(APPOINTMENT, "hi-IN");
    assert_eq!(phone.presses("2"), "कौन सा दिन ठीक रहेगा?");
    assert_eq!(phone.data(), [], "it waits for the read-back");
}

#[test]
fn a_stray_key_is_no_money_no_time_and_no_name() {
    for mind in [false, true] {
        let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), "en-IN", mind);
        for key in ["1", "0"] {
            assert_eq!(phone.presses(key), format!("Sorry, I did not get that. {CHARGE}"));
        }
        assert!(phone.data().is_empty() && phone.prompt.is_none());
    }
    // What was pressed before is no support for what the mind says later.
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.presses("5");
    phone.says("as I pressed");
    phone.mind("NEED_MORE_INFO", "And when?", json!({"charge": "5 rupees", "time": "5"}));
    assert!(phone.data().is_empty(), "{:?}", phone.data());
    for field in ["kind = \"text\"", "kind = \"date\"", "kind = \"time_window\""] {
        let mut phone = Phone::welcomed(first(field), "en-IN", false);
        assert_eq!(phone.says("500 rupees"), "First?");
        phone.presses("5");
        assert!(phone.conversation.collected(&phone.agent).all(|(name, _)| name != "first"), "{field}");
    }
}

#[test]
fn money_needs_two_keys_and_a_yes() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("after 4 pm"), CHARGE);
    assert_eq!(phone.presses("5"), format!("Sorry, I did not get that. {CHARGE}"));
    assert_eq!(phone.presses("500"), "I understood five hundred rupees. Is that right?");
    assert_eq!(phone.data(), [("time", "after 4pm")]);
    phone.presses("1");
    phone.completed_with(&[("charge", "₹500"), ("time", "after 4pm")]);
}

#[test]
fn a_phone_number_may_be_typed() {
    let mut phone = Phone::welcomed(first("kind = \"phone\""), "en-IN", false);
    phone.says("500 rupees");
    phone.says("2 to 5");
    phone.presses("9876543210#");
    phone.completed_with(&[("first", "+919876543210"), ("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_key_that_stands_for_nothing_asks_again() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    let again = "Sorry, I did not get that. Will you come to the appointment?";
    assert_eq!(phone.presses("7"), again);
    assert_eq!(phone.presses("0"), again);
    phone.presses("9");
    assert_eq!(phone.stage(), Stage::Abandoned);
    // In a read-back, too.
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let question = phone.says("500 or 600");
    assert_eq!(phone.presses("8"), format!("Sorry, I did not get that. {question}"));
    phone.presses("1");
    assert_eq!(phone.data(), [("charge", "₹500")]);
}

#[test]
fn the_last_turn_takes_no_stray_key_for_a_value_either() {
    let short = |text: String| text.replace("max_turns = 20", "max_turns = 1");
    let mut phone = Phone::welcomed(agent(LOGISTICS, short), "en-IN", false);
    phone.says("2 to 5");
    phone.presses("5");
    assert_eq!((phone.stage(), phone.data().as_slice()), (Stage::Abandoned, &[("time", "2-5pm")][..]));
}

#[test]
fn digits_typed_at_a_read_back_correct_the_value() {
    for mind in [false, true] {
        let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), "en-IN", mind);
        let question = phone.says("500 or 600, 2 to 5");
        assert_eq!(phone.presses("1500"), "I understood one thousand five hundred rupees. Is that right?");
        assert_eq!(phone.data(), [("time", "2-5pm")], "keys are read back");
        // As often as he likes: each is another value.
        assert_eq!(phone.presses("650#"), "I understood six hundred fifty rupees. Is that right?");
        assert_eq!(phone.presses("700"), "I understood seven hundred rupees. Is that right?");
        phone.presses("700");
        phone.completed_with(&[("charge", "₹700"), ("time", "2-5pm")]);
        assert!(question.ends_with("Is that right?") && phone.prompt.is_none());
    }
}

#[test]
fn digits_at_the_read_back_of_all_correct_the_only_number_and_confirm_nothing_else() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for line in ["yes", "two", "video"] {
        phone.says(line);
    }
    let again = "I noted you will come, people with you: two, place: video. Is that right?";
    assert_eq!(phone.presses("5"), format!("Sorry, I did not get that. {again}"), "a lone key is a slip");
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for line in ["yes", "two", "video"] {
        phone.says(line);
    }
    assert_eq!(phone.presses("10"), again.replace("two", "ten"));
    assert!(phone.data().is_empty());
    phone.presses("1");
    phone.completed_with(&[("coming", "yes"), ("companions", "10"), ("place", "video")]);
}

#[test]
fn slips_at_a_read_back_end_in_its_question_and_not_in_the_call() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let question = phone.says("500 or 600");
    // In gather every key is a turn of its own.
    assert_eq!(phone.presses("7"), format!("Sorry, I did not get that. {question}"));
    assert_eq!(phone.presses("0"), format!("Sorry, I did not get that. {CHARGE}"));
    assert_eq!(phone.presses("0"), format!("Sorry, I did not get that. {CHARGE}"));
    assert_eq!(phone.presses("700"), "I understood seven hundred rupees. Is that right?");
    for doubled in ["11", "22"] {
        let mut phone = Phone::alone(LOGISTICS, "en-IN");
        let question = phone.says("500 or 600");
        assert_eq!(phone.presses(doubled), format!("Sorry, I did not get that. {question}"), "yes, or eleven?");
    }
}

#[test]
fn a_key_at_a_read_back_fills_no_other_field() {
    let counted =
        |text: String| text.replace("name = \"time\"\nkind = \"time_window\"", "name = \"time\"\nkind = \"number\"");
    let mut phone = Phone::welcomed(agent(LOGISTICS, counted), "en-IN", false);
    phone.says("500 or 600");
    phone.presses("8");
    phone.presses("1");
    assert_eq!(phone.data(), [("charge", "₹500")]);
}

#[test]
fn one_key_is_waited_for_no_longer_than_it_may_go_on() {
    let judged = |phone: &Phone, keys: &str| phone.conversation.judge_keys(&phone.agent, keys);
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for (keys, judgement) in [("1", Keys::Whole), ("2", Keys::Whole), ("7", Keys::Part), ("12", Keys::Part)] {
        assert_eq!(judged(&phone, keys), judgement, "will you come? {keys}");
    }
    phone.presses("1");
    assert_eq!(judged(&phone, "1"), Keys::Part, "a number may have more digits");
    phone.presses("2");
    assert_eq!((judged(&phone, "2"), judged(&phone, "3")), (Keys::Whole, Keys::Part), "two places");
    phone.presses("2");
    assert_eq!((judged(&phone, "1"), judged(&phone, "3")), (Keys::Perhaps, Keys::Part), "1, or 10 people");
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 or 600");
    assert_eq!((judged(&phone, "1"), judged(&phone, "3")), (Keys::Perhaps, Keys::Part), "1, or 1500 rupees");
    let phone = Phone::ringing(agent(LOGISTICS, |text| text), None, false);
    assert_eq!((judged(&phone, "2"), judged(&phone, "3")), (Keys::Whole, Keys::Whole), "a miss is told at once");
}

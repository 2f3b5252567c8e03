//! An answer counts only to a question that was heard, be it only its beginning.

use serde_json::json;
use trunkline::conversation::{Completeness, Keys};

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent, now};

const FIRST: &str = "Hello, this is Asha Clinic.";
const QUESTION: &str = "Will you come to the appointment?";

/// Cut off after these words of the welcome.
fn cut_off(heard: &str, mind: bool) -> Phone {
    let mut phone = Phone::welcomed(agent(APPOINTMENT, |text| text), "en-IN", mind);
    phone.conversation.interrupted(heard, now());
    phone
}

#[test]
fn a_yes_or_no_before_the_question_answers_nothing() {
    let again = format!("Sorry, I did not get that. {QUESTION}");
    for heard in
        ["", "Hello,", FIRST, "Hello, this is Asha Clinic. I am calling about your appointment on the agreed day."]
    {
        for words in ["yes", "no", "haan", "haan boliye", "nahi"] {
            let mut phone = cut_off(heard, false);
            assert_eq!(phone.conversation.completeness(&phone.agent, words, now()), Completeness::Usual);
            assert_eq!(phone.says(words), again, "{words} after {heard:?}");
        }
        let mut phone = cut_off(heard, false);
        assert_eq!(phone.conversation.judge_keys(&phone.agent, "1"), Keys::Part);
        assert_eq!(phone.presses("1"), again);
        // Asked again, and heard: now it counts.
        assert_eq!(phone.conversation.judge_keys(&phone.agent, "1"), Keys::Whole);
        assert_eq!(phone.presses("1"), "How many people come with you?");
    }
    // Nor does a mind make it one.
    let mut phone = cut_off(FIRST, true);
    phone.says("no");
    phone.mind("NEED_MORE_INFO", QUESTION, json!({"coming": "no"}));
    phone.says("yes");
    phone.mind("NEED_MORE_INFO", "How many people come with you?", json!({"coming": "yes"}));
    phone.says("none");
    phone.mind("NEED_MORE_INFO", "At the clinic or by video?", json!({}));
    assert_eq!(phone.says("video"), "I noted you will come, people with you: zero, place: video. Is that right?");
}

#[test]
fn its_beginning_is_enough() {
    let heard = "Hello, this is Asha Clinic. I am calling about your appointment on the agreed day. Will";
    for mind in [false, true] {
        let mut phone = cut_off(heard, mind);
        assert_eq!(phone.presses("1"), "How many people come with you?");
    }
    assert_eq!(cut_off(heard, false).says("yes"), "How many people come with you?");
}

#[test]
fn what_says_itself_what_it_means_needs_no_question() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.conversation.interrupted("Hello, this", now());
    phone.says("five hundred rupees, two to five");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_value_that_was_not_read_back_to_the_end_of_its_beginning_is_not_confirmed() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let question = phone.says("500 or 600");
    phone.conversation.interrupted("", now());
    assert_eq!(phone.says("yes"), format!("Sorry, I did not get that. {question}"));
    phone.conversation.interrupted("Sorry, I did not get that.", now());
    phone.presses("1");
    assert!(phone.data().is_empty());
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 or 600");
    phone.conversation.interrupted("I understood five hundred", now());
    phone.says("yes");
    assert_eq!(phone.data(), [("charge", "₹500")]);
}

#[test]
fn a_question_that_is_asked_again_after_a_silence_is_heard() {
    let mut phone = cut_off("Hello,", false);
    assert!(phone.is_silent().ends_with(QUESTION));
    assert_eq!(phone.says("yes"), "How many people come with you?");
    // In the other mode the rest is said again.
    let mut phone = cut_off("Hello,", false);
    phone.conversation.said_again("Will you come?", now());
    assert_eq!(phone.says("yes"), "How many people come with you?");
}

#[test]
fn languages_are_chosen_before_all_of_them_were_offered() {
    let mut phone = Phone::ringing(agent(APPOINTMENT, |text| text), None, false);
    phone.begin();
    assert!(phone.conversation.was_asked(""));
    phone.conversation.interrupted("", now());
    assert_eq!(phone.conversation.judge_keys(&phone.agent, "1"), Keys::Whole);
    assert!(phone.presses("1").starts_with(FIRST));
    assert!(!phone.conversation.was_asked(FIRST));
}

//! Turns of which nothing is understood: asked again twice, then goodbye. A mind that gets on is never cut off.

use serde_json::json;
use trunkline::conversation::{Ending, Stage};

use super::caller::{LOGISTICS, Phone};

const AGAIN: &str = "Sorry, I did not get that. What would you charge for the delivery?";
const GOODBYE: &str = "We will call you again. Thank you, and goodbye.";

#[track_caller]
fn given_up(phone: &Phone) {
    assert_eq!(
        (phone.stage(), phone.ending.clone()),
        (Stage::Abandoned, Some(Ending::HangUp)),
        "{:#?}",
        phone.transcript
    );
}

#[test]
fn without_a_mind_it_is_asked_again_twice_and_then_ended() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("asdf qwer"), AGAIN);
    assert_eq!(phone.presses("7"), AGAIN, "a stray key is no better");
    assert_eq!(phone.says("blah"), GOODBYE);
    given_up(&phone);
}

#[test]
fn what_is_understood_starts_the_count_again_and_silence_does_not() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("asdf");
    phone.says("qwer");
    assert_eq!(phone.says("500 rupees"), "Between what times can you pick up?");
    phone.says("asdf");
    phone.is_silent();
    phone.says("qwer");
    phone.is_silent();
    assert_eq!(phone.says("zxcv"), GOODBYE);
    assert_eq!(phone.data(), [("charge", "₹500")]);
}

#[test]
fn a_mind_that_fails_counts_as_none() {
    let mut phone = Phone::with_mind(LOGISTICS);
    for _ in 0..2 {
        phone.says("asdf qwer");
        assert!(phone.mind_fails().starts_with("Sorry, I did not get that."));
    }
    phone.says("zxcv");
    assert_eq!(phone.mind_fails(), GOODBYE);
    given_up(&phone);
}

#[test]
fn a_mind_that_repeats_itself_to_gibberish_is_not_asked_a_third_time() {
    let mut phone = Phone::with_mind(LOGISTICS);
    let question = "Sorry, what is your charge?";
    for words in ["asdf qwer", "hmm"] {
        phone.says(words);
        assert_eq!(phone.mind("NEED_MORE_INFO", question, json!({})), question);
    }
    assert_eq!(phone.says("zxcv"), GOODBYE);
    assert!(phone.prompt.is_none());
    given_up(&phone);
}

#[test]
fn a_mind_that_gets_on_or_a_caller_who_talks_is_not_cut_off() {
    // The same words of the mind, but the caller says something.
    let mut phone = Phone::with_mind(LOGISTICS);
    for words in
        ["who is calling?", "I must ask my brother first", "what is it about", "I am in the office", "which company?"]
    {
        phone.says(words);
        phone.mind("NEED_MORE_INFO", "What is your charge?", json!({}));
        assert!(phone.ending.is_none(), "{words}");
    }
    // Words that we do not know, but the mind has new questions.
    let mut phone = Phone::with_mind(LOGISTICS);
    for (words, question) in [
        ("Bhiwandi", "Which part of Bhiwandi?"),
        ("Kalher", "Near which godown?"),
        ("Rajlaxmi", "And what is your charge?"),
        ("umm", "Take your time. What is your charge?"),
    ] {
        phone.says(words);
        assert_eq!(phone.mind("NEED_MORE_INFO", question, json!({})), question);
        assert!(phone.ending.is_none(), "{words}");
    }
}

#[test]
fn who_speaks_of_something_else_is_asked_again_as_long_as_turns_last() {
    let talk =
        ["who is calling?", "I must ask my brother first", "what is it about", "I am in the office", "which company?"];
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    for words in talk {
        assert_eq!(phone.says(words), AGAIN, "{words}");
    }
    phone.says("500 rupees, 2 to 5");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
    // Nor does it add up with gibberish before it.
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    for words in ["asdf", "qwer", "who is this?", "asdf", "qwer"] {
        assert_eq!(phone.says(words), AGAIN, "{words}");
    }
    assert_eq!(phone.says("zxcv"), GOODBYE);
    // A mind that fails is no reason to hang up on him.
    let mut phone = Phone::with_mind(LOGISTICS);
    for words in talk {
        phone.says(words);
        assert!(phone.mind_fails().starts_with("Sorry, I did not get that."), "{words}");
    }
    assert!(phone.ending.is_none());
    // The most turns that a call may have are the end of it all the same.
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    for _ in 0..20 {
        assert_eq!(phone.says("who is calling?"), AGAIN);
    }
    assert_eq!(phone.says("who is calling?"), GOODBYE);
    given_up(&phone);
}

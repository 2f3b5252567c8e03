//! From stage to stage: welcome, silence, limits, handover, the end.

use trunkline::conversation::{Completeness, Conversation, Ending, Opening, Stage};

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent, now};

#[test]
fn the_welcome_has_the_calls_variables_and_the_announcement_of_the_recording() {
    let agent = agent(LOGISTICS, |text| text);
    let opening = Opening {
        language: Some("en-IN".to_owned()),
        variables: [("company".to_owned(), "Gupta Roadways".to_owned())].into(),
        recorded: true,
        mind: false,
    };
    let mut conversation = Conversation::new(&agent, opening);
    let said = format!("{:?}", conversation.begin(&agent, now()));
    assert!(said.contains("This call is recorded.") && said.contains("from Gupta Roadways"), "{said}");
    assert_eq!(conversation.stage(), Stage::Welcome);
}

#[test]
fn silence_is_asked_twice_and_then_ended() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let again = "Sorry, I did not hear you. What would you charge for the delivery?";
    assert_eq!(phone.is_silent(), again);
    assert_eq!(phone.is_silent(), again);
    assert_eq!(phone.is_silent(), "We will call you again. Thank you, and goodbye.");
    assert_eq!((phone.stage(), phone.ending.clone()), (Stage::Abandoned, Some(Ending::HangUp)));
    // A word in between starts the count again.
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.is_silent();
    phone.is_silent();
    assert_eq!(phone.says("500"), "Between what times can you pick up?");
    assert_eq!(phone.is_silent(), "Sorry, I did not hear you. Between what times can you pick up?");
}

#[test]
fn silence_after_a_read_back_repeats_it_and_decides_nothing() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let question = phone.says("500 or 600");
    for _ in 0..2 {
        assert_eq!(phone.is_silent(), format!("Sorry, I did not hear you. {question}"));
    }
    assert!(phone.data().is_empty());
}

#[test]
fn one_turn_too_many_ends_the_call_but_its_words_count() {
    let short = |text: String| text.replace("max_turns = 20", "max_turns = 2");
    let mut phone = Phone::welcomed(agent(LOGISTICS, short), "en-IN", false);
    phone.says("who is this?");
    phone.says("ok");
    assert_eq!(phone.says("hmm"), "We will call you again. Thank you, and goodbye.");
    assert_eq!(phone.stage(), Stage::Abandoned);

    let mut phone = Phone::welcomed(agent(LOGISTICS, short), "en-IN", false);
    phone.says("500");
    phone.says("what?");
    phone.says("2 to 5");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_caller_who_wants_a_person_gets_one_wherever_he_says_it() {
    let number =
        |text: String| text.replacen("mode = \"stream\"", "mode = \"stream\"\nhandover_number = \"+911234567890\"", 1);
    for mind in [false, true] {
        for before in [&[][..], &["500"][..], &["500 or 600"][..]] {
            let mut phone = Phone::welcomed(agent(LOGISTICS, number), "en-IN", mind);
            for line in before {
                phone.says(line);
                if phone.prompt.is_some() {
                    phone.mind("NEED_MORE_INFO", "When can you come?", serde_json::json!({}));
                }
            }
            assert_eq!(phone.says("let me talk to a person"), "One moment please, I am connecting you to a colleague.");
            assert_eq!(phone.stage(), Stage::HandedOver);
            assert_eq!(phone.ending, Some(Ending::Dial("+911234567890".to_owned())));
        }
    }
    let mut phone = Phone::ringing(agent(LOGISTICS, number), None, false);
    phone.begin();
    phone.says("manager se baat karao");
    assert_eq!(phone.stage(), Stage::HandedOver);
}

#[test]
fn an_agent_without_a_number_says_goodbye_instead() {
    let mut phone = Phone::alone(LOGISTICS, "hi-IN");
    let said = phone.says("500 रुपये, मुझे मैनेजर से बात करनी है");
    assert!(said.starts_with("हम आपको फिर कॉल करेंगे"), "{said}");
    assert_eq!((phone.stage(), phone.ending.clone()), (Stage::HandedOver, Some(Ending::HangUp)));
    assert_eq!(phone.data(), [("charge", "₹500")]);
}

#[test]
fn what_is_said_after_the_end_changes_nothing_unless_it_changes_the_facts() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 rupees, 2 to 5");
    phone.ending = None;
    assert_eq!(phone.says("ok thank you bye"), "");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
    phone.ending = None;
    // The thanks were being said.
    assert_eq!(phone.says("wait, make it six hundred"), "I understood six hundred rupees. Is that right?");
    assert_eq!(phone.stage(), Stage::Collecting);
    phone.says("yes");
    phone.completed_with(&[("charge", "₹600"), ("time", "2-5pm")]);
    phone.says("sorry, 700 rupees");
    phone.completed_with(&[("charge", "₹700"), ("time", "2-5pm")]);
}

#[test]
fn a_call_that_breaks_off_carries_on_with_what_is_open() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let question = phone.says("500 or 600");
    let agent = phone.agent.clone();
    let said = format!("{:?}", phone.conversation.resume(&agent, now()));
    assert!(said.contains(&question), "{said}");
    phone.says("yes");
    let said = format!("{:?}", phone.conversation.resume(&agent, now()));
    assert!(said.contains("Between what times can you pick up?"), "{said}");
}

#[test]
fn the_end_of_a_turn_knows_what_was_asked() {
    let whole = |phone: &Phone, text: &str| phone.conversation.completeness(&phone.agent, text, now());
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(whole(&phone, "five hundred and"), Completeness::Unfinished);
    assert_eq!(whole(&phone, "five hundred"), Completeness::Usual);
    assert_eq!(whole(&phone, "five hundred, two to five"), Completeness::Complete);
    phone.says("500");
    assert_eq!(whole(&phone, "between two"), Completeness::Unfinished);
    assert_eq!(whole(&phone, "two to five"), Completeness::Complete);
    phone.says("5 to 8");
    assert_eq!(whole(&phone, "yes"), Completeness::Complete);
    // Often the beginning of a correction.
    assert_eq!(whole(&phone, "no"), Completeness::Usual);
    let phone = Phone::alone(APPOINTMENT, "en-IN");
    assert_eq!(whole(&phone, "yes"), Completeness::Complete);
    assert_eq!(whole(&phone, "well"), Completeness::Usual);
}

#[test]
fn who_does_not_want_to_be_called_again_is_told_so_and_let_go() {
    for (language, words, farewell) in [
        ("en-IN", "please don't call me again", "All right, we will not call you again. Goodbye."),
        ("hi-IN", "mujhe phone mat karna", "ठीक है, हम आपको फिर कॉल नहीं करेंगे। नमस्ते।"),
    ] {
        for mind in [false, true] {
            let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), language, mind);
            assert_eq!(phone.says(words), farewell);
            assert!(phone.prompt.is_none() && phone.conversation.calls_refused());
            assert_eq!((phone.stage(), phone.ending.clone()), (Stage::Abandoned, Some(Ending::HangUp)));
        }
    }
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("don't call me before five");
    assert!(phone.ending.is_none() && !phone.conversation.calls_refused());
}

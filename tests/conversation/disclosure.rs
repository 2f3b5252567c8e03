//! The disclosure: said before anything else, and again until the caller has heard it where it is required.

use trunkline::agent::Agent;
use trunkline::conversation::{Conversation, Opening};

use super::caller::{LOGISTICS, Phone, agent, now};

const ENGLISH: &str = "This is an automated call from Sharma Logistics.";
const HINDI: &str = "यह एक स्वचालित कॉल है।";

fn disclosing(required: bool) -> Agent {
    agent(LOGISTICS, |text| {
        text.replace("[recording]", &format!("[calling]\ndisclosure_required = {required}\n\n[recording]"))
            .replacen("filler = ", "disclosure = \"This is an automated call from {company}.\"\nfiller = ", 1)
            .replace("filler = \"एक", &format!("disclosure = \"{HINDI}\"\nfiller = \"एक"))
    })
}

#[test]
fn it_is_said_before_anything_else_and_once() {
    for required in [true, false] {
        let mut phone = Phone::ringing(disclosing(required), Some("en-IN"), false);
        let said = phone.begin();
        assert!(said.starts_with(&format!("{ENGLISH} Hello,")), "{said}");
        assert_eq!(phone.conversation.history().entries()[0].text, said, "it is part of the history");
        assert!(!phone.says("500").contains("automated"));
        // Before the choice of language it is said in all of them.
        let mut phone = Phone::ringing(disclosing(required), None, false);
        let said = phone.begin();
        assert!(said.starts_with(&format!("{ENGLISH} {HINDI} For English,")), "{said}");
        assert!(!phone.says("mumble").contains(ENGLISH));
        assert!(!phone.says("English").contains(ENGLISH));
    }
}

#[test]
fn it_comes_before_the_announcement_of_the_recording() {
    let agent = disclosing(true);
    let opening = Opening { language: Some("en-IN".to_owned()), recorded: true, ..Opening::default() };
    let mut conversation = Conversation::new(&agent, opening.clone());
    conversation.begin(&agent, now());
    let said = conversation.history().entries()[0].text.clone();
    assert!(said.starts_with(&format!("{ENGLISH} This call is recorded. Hello,")), "{said}");
    let mut conversation = Conversation::new(&agent, opening);
    conversation.not_recorded();
    conversation.begin(&agent, now());
    assert!(!conversation.history().entries()[0].text.contains("recorded"));
}

#[test]
fn who_talks_over_it_hears_it_again_until_he_has_heard_it_where_it_is_required() {
    for (required, again) in [(true, ENGLISH), (false, "")] {
        let mut phone = Phone::ringing(disclosing(required), Some("en-IN"), false);
        phone.begin();
        for _ in 0..2 {
            phone.conversation.interrupted("This is an automated", now());
            assert!(phone.says("who is this?").starts_with(if required { again } else { "Sorry" }));
        }
        // Now he lets it be said, and talks over what follows.
        phone.conversation.interrupted(&format!("{again} Sorry, I"), now());
        assert!(!phone.says("500").contains(ENGLISH));
    }
    // Before the mind's words, too.
    let mut phone = Phone::ringing(disclosing(true), Some("en-IN"), true);
    phone.begin();
    phone.conversation.interrupted("", now());
    assert_eq!(phone.says("what is it?"), ENGLISH);
    assert!(phone.prompt.is_some());
}

#[test]
fn who_talks_over_it_before_he_chose_a_language_hears_it_in_his() {
    let mut phone = Phone::ringing(disclosing(true), None, false);
    phone.begin();
    phone.conversation.interrupted("This is", now());
    let said = phone.says("Hindi");
    assert!(said.starts_with(&format!("{HINDI} नमस्ते")), "{said}");
}

#[test]
fn a_call_that_is_carried_on_says_it_where_it_was_not_heard() {
    let agent = disclosing(true);
    let mut phone = Phone::ringing(agent.clone(), Some("en-IN"), false);
    phone.begin();
    phone.conversation.interrupted("This is an", now());
    // In the other mode the rest is said again, disclosure and all.
    let mut other = phone.conversation.clone();
    other.said_again(&format!("{ENGLISH} Hello."), now());
    assert!(!format!("{:?}", other.resume(&agent, now())).contains(ENGLISH));
    // Or the socket was lost, and nothing is known to be said again.
    assert!(format!("{:?}", phone.conversation.resume(&agent, now())).contains(ENGLISH));
}

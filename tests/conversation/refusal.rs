//! "Do not call me again": kept whatever happens next, and nothing else of what was said is lost by it.

use trunkline::agent::Agent;
use trunkline::conversation::{Conversation, Effect, Ending, Stage, UserTurn};

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent, now};

const FAREWELL: &str = "All right, we will not call you again. Goodbye.";

fn said(effects: &[Effect]) -> String {
    let says = effects.iter().filter_map(|effect| match effect {
        Effect::Say(say) => Some(say.text.as_str()),
        Effect::Ask(_) | Effect::End(_) => None,
    });
    says.collect::<Vec<_>>().join(" ")
}

/// The line is lost after these words, before anybody has answered them; gives what the agent says if the call is carried on.
fn lost_after(phone: &mut Phone, text: &str) -> String {
    phone.conversation.heard(&phone.agent, text, None, now());
    let mut other = carried_on(&phone.conversation);
    said(&other.resume(&phone.agent, now()))
}

fn carried_on(conversation: &Conversation) -> Conversation {
    serde_json::from_str(&serde_json::to_string(conversation).unwrap()).unwrap()
}

#[test]
fn a_ban_before_the_line_is_lost_is_kept_and_answered_by_who_carries_on() {
    for mind in [false, true] {
        let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), "en-IN", mind);
        assert_eq!(lost_after(&mut phone, "don't call me again"), FAREWELL);
        assert!(phone.conversation.calls_refused());
        phone.conversation.ended_outside(true);
        assert_eq!(phone.stage(), Stage::Abandoned);
        assert!(phone.conversation.calls_refused());
        let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), "en-IN", mind);
        assert_eq!(lost_after(&mut phone, "500 rupees, 2 to 5, don't call me again"), FAREWELL);
        phone.conversation.ended_outside(true);
        assert_eq!(phone.stage(), Stage::Completed);
    }
    // A yes that was taken in with the ban is not taken in twice.
    let asks_more =
        |text: String| text.replace("name = \"time\"\nkind = \"time_window\"", "name = \"time\"\nkind = \"yes_no\"");
    let mut phone = Phone::welcomed(agent(LOGISTICS, asks_more), "en-IN", false);
    phone.says("500 or 600");
    assert_eq!(lost_after(&mut phone, "yes, and don't call me again"), FAREWELL);
    let mut other = carried_on(&phone.conversation);
    other.resume(&phone.agent, now());
    assert_eq!(other.stage(), Stage::Abandoned);
    // Words that were saved without being looked at, by a process that is gone.
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_ne!(lost_after(&mut phone, "500 rupees"), FAREWELL);
    assert!(!phone.conversation.calls_refused());
}

#[test]
fn who_forbade_calls_is_not_told_that_we_call_again() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.conversation.heard(&phone.agent, "never call me again", None, now());
    let goodbye = said(&phone.conversation.say_goodbye(&phone.agent, now()));
    assert_eq!(goodbye, FAREWELL);
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    let goodbye = said(&phone.conversation.say_goodbye(&phone.agent, now()));
    assert_eq!(goodbye, "We will call you again. Thank you, and goodbye.");
}

#[test]
fn what_is_said_in_the_same_breath_counts() {
    for (words, data, stage) in [
        ("500 rupees, 2 to 5, and don't call me again", &[("charge", "₹500"), ("time", "2-5pm")][..], Stage::Completed),
        ("five hundred rupees and please don't call me again", &[("charge", "₹500")][..], Stage::Abandoned),
        ("don't call me again", &[][..], Stage::Abandoned),
        ("500 or 600, don't ever call me again", &[][..], Stage::Abandoned),
    ] {
        for mind in [false, true] {
            let mut phone = Phone::welcomed(agent(LOGISTICS, |text| text), "en-IN", mind);
            assert_eq!(phone.says(words), FAREWELL, "{words}");
            assert_eq!((phone.data().as_slice(), phone.stage()), (data, stage), "{words}");
            assert_eq!(phone.ending, Some(Ending::HangUp));
            assert!(phone.prompt.is_none() && phone.conversation.calls_refused());
            assert_eq!(phone.conversation.history().caller().next().unwrap().text, words, "the history has all of it");
        }
    }
    let mut phone = Phone::alone(LOGISTICS, "hi-IN");
    phone.says("500 रुपये, 2 से 5 बजे, फिर कभी फ़ोन मत करना");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_yes_to_the_read_back_counts_and_a_no_belongs_to_the_ban() {
    for (words, data, stage) in [
        ("yes, and don't call me again", &[("charge", "₹500"), ("time", "2-5pm")][..], Stage::Completed),
        ("600. Don't call me again.", &[("charge", "₹600"), ("time", "2-5pm")][..], Stage::Completed),
        ("no, don't call me again", &[("time", "2-5pm")][..], Stage::Abandoned),
    ] {
        let mut phone = Phone::alone(LOGISTICS, "en-IN");
        assert_eq!(phone.says("500 or 600, 2 to 5"), "I understood five hundred rupees. Is that right?");
        assert_eq!(phone.says(words), FAREWELL);
        assert_eq!((phone.data().as_slice(), phone.stage()), (data, stage), "{words}");
    }
    let never = |text: String| text.replace("read_back = \"always\"", "read_back = \"never\"");
    for words in ["no, don't call me again", "nahi, phone mat karna"] {
        let mut phone = Phone::welcomed(agent(APPOINTMENT, never), "en-IN", false);
        phone.says(words);
        assert_eq!((phone.stage(), phone.data().as_slice()), (Stage::Abandoned, &[][..]), "{words}");
    }
}

#[test]
fn a_ban_into_the_thanks_is_kept_and_the_call_stays_completed() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 rupees, 2 to 5");
    assert_eq!(phone.stage(), Stage::Completed);
    assert_eq!(phone.says("okay but don't call me again"), FAREWELL);
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
    assert!(phone.conversation.calls_refused());
}

#[test]
fn an_agent_without_the_words_for_it_takes_it_for_any_other_sentence() {
    let silent =
        |text: String| text.lines().filter(|line| !line.starts_with("do_not_call")).collect::<Vec<_>>().join("\n");
    let mut phone = Phone::welcomed(agent(LOGISTICS, silent), "en-IN", false);
    phone.says("don't call me again");
    assert!(phone.ending.is_none() && !phone.conversation.calls_refused());
}

/// Values, and whether the answer to the read-back was taken, when the line was lost right after it.
fn after_a_read_back(read_back_agent: Agent, mind: bool, words: &str) -> (Phone, String) {
    let mut phone = Phone::welcomed(read_back_agent, "en-IN", mind);
    assert_eq!(phone.says("500 or 600, 2 to 5"), "I understood five hundred rupees. Is that right?");
    let next = lost_after(&mut phone, words);
    (phone, next)
}

#[test]
fn an_answer_to_a_read_back_is_not_lost_with_the_line() {
    let thanks = "Thank you! Your details are updated. Goodbye.";
    for mind in [false, true] {
        for (words, charge) in [("yes", Some("₹500")), ("no, 700", Some("₹700")), ("yes five hundred", Some("₹500"))]
        {
            let (phone, next) = after_a_read_back(agent(LOGISTICS, |text| text), mind, words);
            let held = phone.data().iter().find(|(name, _)| *name == "charge").map(|(_, value)| *value);
            assert_eq!((held, next.as_str()), (charge, thanks), "{words}");
        }
        let (phone, next) = after_a_read_back(agent(LOGISTICS, |text| text), mind, "no");
        assert_eq!(phone.data(), [("time", "2-5pm")]);
        assert_eq!(next, "I understood six hundred rupees. Is that right?");
        let (phone, _) = after_a_read_back(agent(LOGISTICS, |text| text), mind, "what?");
        assert_eq!(phone.data(), [("time", "2-5pm")]);
    }
}

#[test]
fn a_turn_after_such_an_answer_is_a_turn_like_others() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 or 600");
    phone.conversation.heard(&phone.agent, "yes", None, now());
    let turn = UserTurn::Said { text: "what?".to_owned(), audio_ms: None };
    let answer = said(&phone.conversation.user_turn(&phone.agent, &turn, now()));
    assert!(answer.starts_with("Sorry, I did not get that."), "{answer}");
    let next = said(&phone.conversation.resume(&phone.agent, now()));
    assert_eq!(next, "Between what times can you pick up?");
}

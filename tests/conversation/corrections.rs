//! A caller who changes his mind before the end wins; the history keeps both.

use serde_json::json;

use super::caller::{APPOINTMENT, LOGISTICS, Phone};

#[test]
fn a_later_value_replaces_a_certain_one() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 rupees");
    assert_eq!(phone.says("no wait, 600 rupees"), "Between what times can you pick up?");
    phone.says("2 to 5");
    phone.completed_with(&[("charge", "₹600"), ("time", "2-5pm")]);
    let history: Vec<_> = phone.conversation.history().caller().map(|entry| entry.text.clone()).collect();
    assert_eq!(history, ["2 to 5", "no wait, 600 rupees", "500 rupees"]);
}

#[test]
fn a_bare_correction_of_another_field_is_read_back_as_that_field() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("500 rupees");
    assert_eq!(phone.says("make it 600"), "I understood six hundred rupees. Is that right?");
    assert_eq!(phone.says("yes"), "Between what times can you pick up?");
    phone.says("2 to 5, no, 3 to 6");
    phone.completed_with(&[("charge", "₹600"), ("time", "3-6pm")]);
}

#[test]
fn a_no_before_a_bare_correction_hides_nothing() {
    for words in ["nahi nahi 1800", "no, 1800", "no no eighteen hundred"] {
        let mut phone = Phone::alone(LOGISTICS, "en-IN");
        phone.says("1500");
        assert_eq!(phone.says(words), "I understood one thousand eight hundred rupees. Is that right?", "{words}");
        phone.says("yes");
        phone.says("2 to 5");
        phone.completed_with(&[("charge", "₹1,800"), ("time", "2-5pm")]);
    }
}

#[test]
fn one_of_a_kind_is_no_hour() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("2500 for the small truck and 3500 for the big one");
    assert!(phone.says("the smaller one").contains("two thousand five hundred rupees"));
    phone.says("2500");
    assert_eq!(phone.data(), [("charge", "₹2,500")]);
}

#[test]
fn the_mind_cannot_bring_back_what_was_replaced_or_rejected() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("500 rupees");
    phone.mind("NEED_MORE_INFO", "When can you come?", json!({"charge": "500"}));
    phone.says("sorry, 600 rupees");
    phone.mind("NEED_MORE_INFO", "When can you come?", json!({"charge": "500"}));
    assert_eq!(phone.data(), [("charge", "₹600")]);
    phone.says("hold on");
    phone.mind("NEED_MORE_INFO", "Sure. When can you come?", json!({"charge": "500"}));
    assert_eq!(phone.data(), [("charge", "₹600")]);

    let mut phone = Phone::with_mind(LOGISTICS);
    assert_eq!(phone.says("not less than 800"), "I understood eight hundred rupees. Is that right?");
    assert_eq!(phone.says("no"), "What would you charge for the delivery?");
    phone.says("let me think");
    phone.mind("NEED_MORE_INFO", "Sure. What would you charge?", json!({"charge": "800"}));
    assert!(phone.data().is_empty());
}

#[test]
fn a_changed_answer_changes_what_is_asked() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    for line in ["yes", "two", "video"] {
        phone.says(line);
    }
    phone.says("no, clinic");
    phone.says("yes");
    phone.completed_with(&[("coming", "yes"), ("companions", "2"), ("place", "clinic")]);
}

#[test]
fn a_value_that_is_denied_is_asked_for_anew() {
    for (language, denials, question) in [
        (
            "en-IN",
            &[
                "not five hundred rupees",
                "no not 500",
                "I don't want 500 rupees",
                "500 rupees nahi",
                "500 mein nahi hoga",
            ][..],
            "What would you charge for the delivery?",
        ),
        ("hi-IN", &["पाँच सौ नहीं", "500 रुपये में नहीं होगा"][..], "डिलीवरी का आप कितना चार्ज लेंगे?"),
    ] {
        for denial in denials {
            let mut phone = Phone::alone(LOGISTICS, language);
            phone.says("500 rupees");
            assert_eq!(phone.says(denial), question, "{denial}");
            assert!(phone.data().is_empty(), "{denial}");
            phone.says("700");
            phone.says("2 to 5");
            phone.completed_with(&[("charge", "₹700"), ("time", "2-5pm")]);
        }
    }
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    phone.says("2 to 5");
    assert_eq!(phone.says("no, not 2 to 5"), "Between what times can you pick up?");
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    phone.says("yes");
    phone.says("by video");
    assert_eq!(phone.says("not by video"), "Shall it be at the clinic or by video?");
}

#[test]
fn what_is_not_the_value_held_is_not_taken_back() {
    for words in [
        "not 600 rupees",
        "why not 500 rupees?",
        "no problem",
        "500 rupees, not 600",
        "no, 500 rupees",
        "haan 500, aur nahi",
        "not 2 to 5",
    ] {
        let mut phone = Phone::alone(LOGISTICS, "en-IN");
        phone.says("500 rupees");
        phone.says(words);
        assert_eq!(phone.data(), [("charge", "₹500")], "{words}");
    }
}

#[test]
fn the_mind_cannot_bring_back_what_was_taken_back() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("500 rupees");
    phone.mind("NEED_MORE_INFO", "When can you come?", json!({"charge": "500"}));
    phone.says("not five hundred rupees");
    assert!(phone.prompt.as_ref().unwrap().system.contains("Ask for charge now"));
    phone.mind("THANK_YOU_RESPONSE", "Noted.", json!({"charge": "500", "time": null}));
    assert!(phone.data().is_empty() && phone.ending.is_none());
}

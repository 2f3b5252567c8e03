//! Nothing is stored that the caller did not say.

use serde_json::json;

use super::caller::{LOGISTICS, Phone, agent};

#[test]
fn a_value_that_only_the_mind_has_is_asked_for() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("I come between 2 and 5");
    let said = phone.mind(
        "THANK_YOU_RESPONSE",
        "Thank you, 500 rupees it is. Goodbye.",
        json!({"charge": "500", "time": "2-5pm"}),
    );
    assert_eq!(said, "Thank you, 500 rupees it is. What would you charge for the delivery?");
    assert_eq!(phone.data(), [("time", "2-5pm")]);
    assert!(phone.ending.is_none());
}

#[test]
fn a_value_that_only_understand_has_is_stored() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("dhai hazaar, do se paanch baje");
    phone.mind("THANK_YOU_RESPONSE", "Dhanyavaad, alvida.", json!({"charge": null, "time": null}));
    phone.completed_with(&[("charge", "₹2,500"), ("time", "2-5pm")]);
}

#[test]
fn an_agreed_value_has_its_words_its_turn_and_its_sound() {
    let mut phone = Phone::with_mind(LOGISTICS).recorded();
    phone.says("hello");
    phone.mind("NEED_MORE_INFO", "What would you charge?", json!({}));
    phone.says("um, dhai hazaar per trip I think");
    phone.mind("NEED_MORE_INFO", "When can you come?", json!({"charge": "2500"}));
    let (_, charge) = phone.conversation.collected(&phone.agent).next().unwrap();
    assert_eq!(charge.display, "₹2,500 per trip");
    assert_eq!(charge.typed, json!({"amount": "2500.00", "currency": "INR", "per": "trip"}));
    assert!(charge.evidence.words.contains("dhai hazaar"), "{}", charge.evidence.words);
    assert!("um, dhai hazaar per trip I think".contains(&charge.evidence.words));
    assert_eq!((charge.evidence.turn, charge.evidence.audio_ms), (2, Some((3_000, 4_000))));
    assert_eq!(
        serde_json::to_value(&charge.evidence).unwrap(),
        json!({"words": charge.evidence.words, "turn": 2, "audio_ms": [3_000, 4_000]})
    );
}

#[test]
fn where_mind_and_words_differ_the_words_are_read_back() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("500 rupees, 2 to 5");
    let said =
        phone.mind("THANK_YOU_RESPONSE", "I noted it. Goodbye!", json!({"charge": "800", "time": "2 pm to 5 pm"}));
    assert_eq!(said, "I noted it. I understood five hundred rupees. Is that right?");
    assert!(phone.ending.is_none());
    phone.says("yes");
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm")]);
}

#[test]
fn a_mind_that_leaves_out_the_unit_or_the_day_does_not_differ() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("500 per trip, tomorrow 2 to 5");
    phone.mind("THANK_YOU_RESPONSE", "Thank you. Goodbye.", json!({"charge": "500 rupees", "time": "14:00 to 17:00"}));
    phone.completed_with(&[("charge", "₹500 per trip"), ("time", "24 Nov 2-5pm")]);
}

#[test]
fn old_words_support_the_mind_later() {
    let mut phone = Phone::with_mind(LOGISTICS);
    phone.says("four fifty");
    phone.mind("NEED_MORE_INFO", "When can you come?", json!({}));
    assert_eq!(phone.data(), [("charge", "₹450")]);
}

#[test]
fn a_lying_mind_never_gets_a_false_value_stored() {
    let lies = [
        r#"{"say": "Thank you, goodbye.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "₹9,999", "time": "1-2pm"}}"#,
        r#"{"say": "Noted.", "type": "NEED_MORE_INFO", "data": {"charge": 9999, "time": "any time"}}"#,
        r#"{"say": "Bye", "type": "THANK_YOU_RESPONSE", "data": {"charge": true, "handover_number": "+1900", "time": ["2"]}}"#,
        "Sure! I have updated everything.",
        r#"{"type": "THANK_YOU_RESPONSE"}"#,
        "",
    ];
    for lie in lies {
        for words in ["hello", "what is this?", "I have 2 trucks", "ok", "kal baat karte hain"] {
            let mut phone = Phone::with_mind(LOGISTICS);
            phone.says(words);
            if phone.prompt.is_some() {
                phone.mind_text(lie);
            }
            assert!(phone.data().is_empty(), "{lie} {words}: {:?}", phone.data());
            assert!(phone.ending.is_none(), "{lie} {words}");
        }
        let mut phone = Phone::with_mind(LOGISTICS);
        for words in ["500 rupees", "2 to 5", "yes", "yes"] {
            phone.says(words);
            if phone.prompt.is_some() {
                phone.mind_text(lie);
            }
        }
        assert_eq!(phone.data(), [("charge", "₹500"), ("time", "2-5pm")], "{lie}\n{}", phone.transcript.join("\n"));
    }
}

#[test]
fn free_words_must_be_the_callers() {
    let named = |text: String| {
        format!(
            "{text}\n[[fields]]\nname = \"driver\"\nkind = \"text\"\n[fields.question]\n\"en-IN\" = \"Who drives?\"\n\"hi-IN\" = \"कौन चलाएगा?\"\n"
        )
    };
    let mut phone = Phone::welcomed(agent(LOGISTICS, named), "en-IN", true);
    phone.says("500 rupees, 2 to 5, the driver is Ramesh Kumar");
    phone.mind("NEED_MORE_INFO", "Who drives?", json!({"driver": "Suresh Patel"}));
    assert_eq!(phone.data().len(), 2);
    phone.says("I said Ramesh Kumar");
    phone.mind("THANK_YOU_RESPONSE", "Thank you. Goodbye.", json!({"driver": "Ramesh Kumar"}));
    phone.completed_with(&[("charge", "₹500"), ("time", "2-5pm"), ("driver", "Ramesh Kumar")]);
    assert_eq!(phone.value("driver"), Some(&json!({"text": "Ramesh Kumar"})));
}

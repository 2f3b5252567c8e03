//! Without a model: `understand` and the agent's own questions hold the whole call.

use super::caller::{APPOINTMENT, LOGISTICS, Phone, agent};

const CHARGE: &str = "What would you charge for the delivery?";
const TIME: &str = "Between what times can you pick up?";

#[track_caller]
fn held(source: &str, language: &str, lines: &[&str], data: &[(&str, &str)]) -> Phone {
    let mut phone = Phone::alone(source, language);
    for line in lines {
        assert!(phone.ending.is_none(), "over before {line:?}:\n{}", phone.transcript.join("\n"));
        phone.says(line);
        assert!(phone.prompt.is_none(), "the mind was asked");
    }
    phone.completed_with(data);
    phone
}

#[test]
fn logistics_in_english() {
    let noted = [("charge", "₹500"), ("time", "2-5pm")];
    held(LOGISTICS, "en-IN", &["five hundred rupees", "2 to 5"], &noted);
    held(LOGISTICS, "en-IN", &["five hundred, two to five"], &noted);
    held(LOGISTICS, "en-IN", &["2 to 5", "500"], &noted);
    held(LOGISTICS, "en-IN", &["what is this about?", "500", "between two and five"], &noted);
    held(LOGISTICS, "en-IN", &["dhai hazaar, do se paanch baje"], &[("charge", "₹2,500"), ("time", "2-5pm")]);
}

#[test]
fn logistics_in_hindi() {
    let noted = [("charge", "₹2,500"), ("time", "2-5pm")];
    let phone = held(LOGISTICS, "hi-IN", &["ढाई हज़ार", "दो से पाँच बजे"], &noted);
    assert!(phone.transcript.iter().all(|line| !line.contains("What")), "{:?}", phone.transcript);
    held(LOGISTICS, "hi-IN", &["ढाई हज़ार, दो से पाँच"], &noted);
    held(
        LOGISTICS,
        "hi-IN",
        &["हाँ बोलिए", "पाँच सौ या छह सौ", "नहीं, छह सौ", "शाम को"],
        &[("charge", "₹600"), ("time", "4-8pm")],
    );
}

#[test]
fn appointment_in_english() {
    let noted = [("coming", "yes"), ("companions", "2"), ("place", "video")];
    let phone = held(APPOINTMENT, "en-IN", &["yes", "two people", "video", "yes"], &noted);
    assert!(
        phone
            .transcript
            .contains(&"A: I noted you will come, people with you: two, place: video. Is that right?".into()),
        "{:?}",
        phone.transcript
    );
    held(APPOINTMENT, "en-IN", &["yes, with two people, by video please", "yes"], &noted);
    held(APPOINTMENT, "en-IN", &["no", "Tuesday is better", "yes"], &[("coming", "no"), ("other_day", "24 Nov")]);
    held(APPOINTMENT, "en-IN", &["no", "Monday", "yes"], &[("coming", "no"), ("other_day", "30 Nov")]);
}

#[test]
fn appointment_in_hindi() {
    let noted = [("coming", "yes"), ("companions", "2"), ("place", "clinic")];
    let phone = held(APPOINTMENT, "hi-IN", &["हाँ आऊँगा", "दो लोग", "क्लिनिक पर", "जी हाँ"], &noted);
    assert!(phone.transcript.iter().any(|line| line.contains("आप आएँगे, आपके साथ आने वाले लोग: दो, मुलाक़ात: क्लिनिक")));
    held(APPOINTMENT, "hi-IN", &["नहीं आ पाऊँगा", "कल", "हाँ"], &[("coming", "no"), ("other_day", "24 Nov")]);
    let none = [("coming", "yes"), ("companions", "0"), ("place", "video")];
    held(APPOINTMENT, "hi-IN", &["haan", "koi nahi", "video", "haan"], &none);
}

#[test]
fn who_says_that_he_comes_need_not_say_yes() {
    for (language, words, next) in [
        ("en-IN", "I will come", "How many people come with you?"),
        ("en-IN", "I'll be there", "How many people come with you?"),
        ("en-IN", "we are coming", "How many people come with you?"),
        ("hi-IN", "आऊँगा", "आपके साथ कितने लोग आएँगे?"),
        ("hi-IN", "aa jaunga", "आपके साथ कितने लोग आएँगे?"),
        ("hi-IN", "nahi aaunga", "कौन सा दिन ठीक रहेगा?"),
        ("en-IN", "I will not come", "Which day suits you better?"),
    ] {
        assert_eq!(Phone::alone(APPOINTMENT, language).says(words), next, "{words}");
    }
    // On another day perhaps; or he only asks.
    for words in ["I will come tomorrow", "aaunga kya?", "when shall I come", "aaunga to batata hoon kal"] {
        let again = "Sorry, I did not get that. Will you come to the appointment?";
        assert_eq!(Phone::alone(APPOINTMENT, "en-IN").says(words), again, "{words}");
    }
    // What the mind makes of it rests on his words.
    let mut phone = Phone::with_mind(APPOINTMENT);
    phone.says("I will come");
    phone.mind("NEED_MORE_INFO", "How many people come with you?", serde_json::json!({"coming": "yes"}));
    phone.says("none");
    phone.mind("NEED_MORE_INFO", "Shall it be at the clinic or by video?", serde_json::json!({"companions": "0"}));
    assert_eq!(phone.says("video"), "I noted you will come, people with you: zero, place: video. Is that right?");
    // Another question has another answer.
    let loading = |text: String| text.replace("Will you come to the appointment?", "Is it urgent?").replace("आएँगे", "हैं");
    let mut phone = Phone::welcomed(agent(APPOINTMENT, loading), "en-IN", false);
    assert_eq!(phone.says("I will come"), "Sorry, I did not get that. Is it urgent?");
}

#[test]
fn a_promise_with_a_condition_or_a_doubt_or_of_another_is_no_yes() {
    for words in [
        "if I get leave I will come",
        "I will come if it does rain",
        "I doubt I will come",
        "I think I will come",
        "I will come unless it rains",
        "my brother will come",
        "chhutti mili toh aaunga",
        "chhutti mili to aaunga",
        "agar chhutti mili aaunga",
        "jab gaadi milegi tab aaunga",
        "mere bhai aayenge",
        "छुट्टी मिली तो आऊँगा",
        "अगर छुट्टी मिली आऊंगा",
        "मेरे भाई आएँगे",
    ] {
        let again = "Sorry, I did not get that. Will you come to the appointment?";
        assert_eq!(Phone::alone(APPOINTMENT, "en-IN").says(words), again, "{words}");
    }
    // "Maybe" is a reading of its own, and read back.
    for words in ["maybe I will come", "shayad aaunga", "शायद आऊँगा"] {
        let back = "I noted you will come. Is that right?";
        assert_eq!(Phone::alone(APPOINTMENT, "en-IN").says(words), back, "{words}");
    }
    for words in [
        "I will come to the appointment",
        "ok will come",
        "I will be there with my brother",
        "main bhai ke saath aaunga",
        "hum log aayenge",
        "मैं आऊँगा",
        "हम आएँगे",
    ] {
        assert_eq!(Phone::alone(APPOINTMENT, "en-IN").says(words), "How many people come with you?", "{words}");
    }
}

#[test]
fn what_was_said_is_never_asked_again() {
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("500 rupees"), TIME);
    assert_eq!(phone.says("what?"), format!("Sorry, I did not get that. {TIME}"));
    assert_eq!(phone.says("I said 500 rupees"), TIME);
    let mut phone = Phone::alone(LOGISTICS, "en-IN");
    assert_eq!(phone.says("after 4 pm"), CHARGE);
    assert_eq!(phone.says("hmm"), format!("Sorry, I did not get that. {CHARGE}"));
}

#[test]
fn a_field_whose_condition_does_not_hold_is_neither_asked_nor_kept() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    assert_eq!(phone.says("yes"), "How many people come with you?");
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    assert_eq!(phone.says("no"), "Which day suits you better?");
    phone.says("tomorrow with two people by video");
    phone.says("yes");
    phone.completed_with(&[("coming", "no"), ("other_day", "24 Nov")]);
}

#[test]
fn a_plain_answer_belongs_to_the_question_and_to_no_other_field() {
    let mut phone = Phone::alone(APPOINTMENT, "en-IN");
    phone.says("yes");
    // "No, two" is about the people; the patient still comes.
    phone.says("no, two");
    phone.says("video");
    phone.says("yes");
    phone.completed_with(&[("coming", "yes"), ("companions", "2"), ("place", "video")]);
}

#[test]
fn numbers_go_to_the_field_that_was_asked() {
    let two = |text: String| {
        text.replace(
            "[[fields]]\nname = \"time\"",
            "[[fields]]\nname = \"advance\"\nkind = \"money\"\n[fields.question]\n\"en-IN\" = \"And the advance?\"\n\"hi-IN\" = \"एडवांस?\"\n\n[[fields]]\nname = \"trucks\"\nkind = \"number\"\ndescription = \"how many trucks\"\n[fields.question]\n\"en-IN\" = \"How many trucks?\"\n\"hi-IN\" = \"कितने ट्रक?\"\n\n[[fields]]\nname = \"time\"",
        )
    };
    let mut phone = Phone::welcomed(agent(LOGISTICS, two), "en-IN", false);
    assert_eq!(phone.says("500 rupees"), "And the advance?");
    assert_eq!(phone.says("200"), "How many trucks?");
    assert_eq!(phone.says("3"), TIME);
    phone.says("2 to 5");
    phone.completed_with(&[("charge", "₹500"), ("advance", "₹200"), ("trucks", "3"), ("time", "2-5pm")]);
    // Counted things are taken early, a load is not a truck.
    let mut phone = Phone::welcomed(agent(LOGISTICS, two), "en-IN", false);
    assert_eq!(phone.says("500 rupees for 2 tonnes"), "And the advance?");
    assert_eq!(phone.says("we have three trucks"), "And the advance?");
    assert_eq!(phone.says("200"), TIME);
    assert_eq!(phone.data(), [("charge", "₹500"), ("advance", "₹200"), ("trucks", "3")]);
}

#[test]
fn free_words_are_taken_whole_when_they_were_asked_for() {
    let named = |text: String| {
        text.replace(
            "[[fields]]\nname = \"charge\"",
            "[[fields]]\nname = \"driver\"\nkind = \"text\"\n[fields.question]\n\"en-IN\" = \"Who drives?\"\n\"hi-IN\" = \"कौन चलाएगा?\"\n\n[[fields]]\nname = \"charge\"",
        )
    };
    let mut phone = Phone::welcomed(agent(LOGISTICS, named), "en-IN", false);
    assert_eq!(
        phone.says("500 rupees"),
        "Sorry, I did not get that. Who drives?".replace("Sorry, I did not get that. ", "")
    );
    assert_eq!(phone.says("why do you ask?"), "Sorry, I did not get that. Who drives?");
    assert_eq!(phone.says("Ramesh Kumar"), TIME);
    phone.says("2 to 5");
    phone.completed_with(&[("driver", "Ramesh Kumar"), ("charge", "₹500"), ("time", "2-5pm")]);
}

//! A no is a no: what was read back and refused is never held as certain, whatever the kind of the value, the language of the no, and
//! how often the agent reads back.

use serde_json::json;

use crate::caller::{LOGISTICS, Phone, agent};

/// Kinds of fields with words for a value, and other words for the same kind.
const KINDS: [(&str, &str, &str); 7] = [
    ("money", "500 rupees", "700 rupees"),
    ("time_window", "2 to 5 pm", "6 to 9 am"),
    ("date", "26 november", "2 december"),
    ("number", "12", "15"),
    ("phone", "98765 43210", "98765 43211"),
    ("choice", "by video", "at the clinic"),
    ("yes_no", "yes", "no"),
];
const PLAIN_NOES: [&str; 10] =
    ["no", "nope", "nahi", "nahi nahi", "galat hai", "no that's wrong", "that is wrong", "नहीं", "गलत है", "जी नहीं"];
/// Neither a yes nor a no, nor a value.
const NEITHER: [&str; 6] =
    ["ruko ek minute", "hmm let me see", "what", "who is there", "एक मिनट रुकिए", "the weather is bad"];

/// An agent that collects a fact of this kind, and then a charge; everything is read back.
fn phone(kind: &str) -> Phone {
    let options = if kind == "choice" {
        "options = [{ value = \"clinic\", words = [\"at the clinic\"] }, { value = \"video\", words = [\"by video\"] }]\n"
    } else {
        ""
    };
    let change = |text: String| {
        let fields = text.find("[[fields]]").unwrap();
        format!(
            "{}[[fields]]\nname = \"fact\"\nkind = \"{kind}\"\n{options}[fields.question]\n\"en-IN\" = \"The fact?\"\n\
             \"hi-IN\" = \"तथ्य?\"\n",
            text[..fields].replace("read_back = \"ambiguous\"", "read_back = \"always\"")
        )
    };
    Phone::welcomed(agent(LOGISTICS, change), "en-IN", false)
}

#[test]
fn after_a_plain_no_nothing_that_was_read_back_is_certain() {
    for (kind, words, _) in KINDS {
        for no in PLAIN_NOES {
            let mut phone = phone(kind);
            assert!(phone.says(words).contains("Is that right?"), "{kind}: {}", phone.transcript.join("\n"));
            let first = phone.conversation.open_question(&phone.agent);
            phone.says(no);
            // Not yes is no.
            let held = phone.value("fact").cloned();
            let expected = (kind == "yes_no").then(|| json!({"answer": false}));
            assert_eq!(held, expected, "{kind}, {no}: {}", phone.transcript.join("\n"));
            assert_ne!(phone.conversation.open_question(&phone.agent), first, "{kind}, {no}");
        }
    }
}

#[test]
fn what_is_neither_yes_nor_no_confirms_nothing() {
    for (kind, words, _) in KINDS {
        for neither in NEITHER {
            let mut phone = phone(kind);
            phone.says(words);
            phone.says(neither);
            assert_eq!(phone.value("fact"), None, "{kind}, {neither}: {}", phone.transcript.join("\n"));
            assert!(!phone.stage().is_over(), "{kind}, {neither}");
        }
    }
}

#[test]
fn another_value_takes_the_place_of_the_one_refused() {
    for (kind, words, other) in KINDS.into_iter().filter(|(kind, ..)| *kind != "yes_no") {
        let mut phone = phone(kind);
        phone.says(words);
        phone.says("no");
        phone.says(other);
        phone.says("yes");
        let mut plain = self::phone(kind);
        plain.says(other);
        plain.says("yes");
        assert_eq!(phone.value("fact"), plain.value("fact"), "{kind}: {}", phone.transcript.join("\n"));
        assert!(phone.value("fact").is_some());
    }
}

#[test]
fn a_no_that_names_a_field_lets_go_of_that_one() {
    for (no, asked) in [
        ("no the charge is wrong", "What would you charge for the delivery?"),
        ("no, the time is wrong", "Between what times can you pick up?"),
        ("nahi charge galat hai", "What would you charge for the delivery?"),
    ] {
        let always = |text: String| text.replace("read_back = \"ambiguous\"", "read_back = \"always\"");
        let mut phone = Phone::welcomed(agent(LOGISTICS, always), "en-IN", false);
        assert!(phone.says("1500 rupees, 2 to 5 pm").contains("Is that right?"));
        assert!(phone.says(no).ends_with(asked), "{no}: {}", phone.transcript.join("\n"));
        assert!(phone.data().is_empty());
    }
}

#[test]
fn a_correction_of_one_says_nothing_of_the_others() {
    let always = |text: String| text.replace("read_back = \"ambiguous\"", "read_back = \"always\"");
    let mut phone = Phone::welcomed(agent(LOGISTICS, always), "en-IN", false);
    phone.says("1500 rupees, 2 to 5 pm");
    // No word of yes or no: the window is still open, and so is the new price.
    let asked = phone.says("1600 rupees");
    assert!(asked.contains("sixteen hundred rupees, two to five") || asked.contains("two to five"), "{asked}");
    assert!(!phone.stage().is_over());
    phone.says("yes");
    phone.completed_with(&[("charge", "₹1,600"), ("time", "2-5pm")]);
}

//! Choosing the language, and being greeted in it.

use super::caller::{LOGISTICS, Phone, agent};

fn asked() -> Phone {
    let mut phone = Phone::ringing(agent(LOGISTICS, |text| text), None, false);
    let prompt = phone.begin();
    assert!(prompt.starts_with("For English") && prompt.contains("हिंदी के लिए"), "{prompt}");
    phone
}

#[test]
fn a_name_in_any_script_a_key_or_speech_chooses() {
    for (words, language) in [
        ("English", "en-IN"),
        ("angrezi mein", "en-IN"),
        ("अंग्रेज़ी", "en-IN"),
        ("Hindi please", "hi-IN"),
        ("हिंदी", "hi-IN"),
        ("not English, Hindi", "hi-IN"),
        ("yes who is this calling", "en-IN"),
        ("हाँ बोलिए", "hi-IN"),
        ("haan ji boliye kaun", "hi-IN"),
    ] {
        let mut phone = asked();
        let greeting = phone.says(words);
        assert_eq!(phone.conversation.language(), Some(language), "{words}");
        assert_eq!(greeting.starts_with("Hello"), language == "en-IN", "{greeting}");
    }
    for (key, language) in [("1", "en-IN"), ("2", "hi-IN"), ("2#", "hi-IN")] {
        let mut phone = asked();
        phone.presses(key);
        assert_eq!(phone.conversation.language(), Some(language));
    }
}

#[test]
fn after_two_misses_it_is_the_first_one() {
    let mut phone = asked();
    assert!(phone.says("hmm").starts_with("For English"));
    assert!(phone.presses("7").starts_with("Hello"));
    let mut phone = asked();
    assert!(phone.is_silent().starts_with("For English"));
    assert!(phone.is_silent().starts_with("Hello"));
    assert_eq!(phone.conversation.language(), Some("en-IN"));
}

#[test]
fn it_is_not_asked_where_it_is_known() {
    let mut phone = Phone::ringing(agent(LOGISTICS, |text| text), Some("hi-IN"), false);
    assert!(phone.begin().starts_with("नमस्ते"));
    // A language the agent does not speak is not one.
    let mut phone = Phone::ringing(agent(LOGISTICS, |text| text), Some("fr-FR"), false);
    assert!(phone.begin().starts_with("For English"));
    let one = |text: String| {
        let from = text.match_indices("[[languages]]").nth(1).unwrap().0;
        let to = text.find("[[fields]]").unwrap();
        let questions: String =
            text[to..].lines().filter(|line| !line.starts_with("\"hi-IN\"")).map(|line| format!("{line}\n")).collect();
        format!("{}{questions}", &text[..from])
    };
    let mut phone = Phone::ringing(agent(LOGISTICS, one), None, false);
    assert!(phone.begin().starts_with("Hello"));
}

#[test]
fn what_chooses_a_language_is_no_value() {
    let mut phone = asked();
    phone.presses("2");
    assert!(phone.data().is_empty());
    let mut phone = Phone::ringing(agent(LOGISTICS, |text| text), None, true);
    phone.begin();
    phone.presses("2");
    phone.says("हाँ");
    // Not even where the mind says so.
    phone.mind("NEED_MORE_INFO", "कब आ सकते हैं?", serde_json::json!({"charge": "2"}));
    assert!(phone.data().is_empty(), "{:?}", phone.data());
}

#[test]
fn a_tag_longer_than_its_name_is_chosen_too() {
    let punjabi = |text: String| {
        text.replace("hi-IN", "pa-guru-IN").replace("twilio_voice = \"Polly.Kajal-Neural\"\n\n[languages.voice]\nvoice_id = \"EXAVITQu4vr4xnSDxMaL\"\nmodel_id = \"eleven_flash_v2_5\"\n\n[languages.texts]\nlanguage_prompt = \"हिंदी", "twilio_voice = \"Google.pa-IN-Standard-A\"\n\n[languages.voice]\nvoice_id = \"EXAVITQu4vr4xnSDxMaL\"\nmodel_id = \"eleven_v3\"\n\n[languages.texts]\nlanguage_prompt = \"हिंदी")
    };
    for words in ["Punjabi", "ਪੰਜਾਬੀ", "ਹਾਂ ਜੀ ਬੋਲੋ"] {
        let mut phone = Phone::ringing(agent(LOGISTICS, punjabi), None, false);
        phone.begin();
        phone.says(words);
        assert_eq!(phone.conversation.language(), Some("pa-guru-IN"), "{words}");
    }
}

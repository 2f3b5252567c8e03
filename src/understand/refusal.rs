//! Whether the speaker forbids us to call him: "don't call me again", "mujhe phone mat karna".
//!
//! It must never be read into a condition ("don't call before five", "abhi call mat karna, driver chala raha hoon") or a question ("why
//! don't you call me again?"). So a clause counts only where it holds the ban and nothing but words that change nothing about it.

/// Whether a text forbids further calls.
pub fn refuses_calls(text: &str) -> bool {
    let plain = plain(text);
    plain.split(BREAKS).any(|clause| {
        let words: Vec<&str> = clause.split_whitespace().collect();
        english(&words) || hindi(&words) || LISTS.iter().any(|list| clause.contains(list))
    })
}

/// In lower case, apostrophes and hyphens gone, Devanagari without its dots below.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower
        .chars()
        .filter(|c| !matches!(c, '\'' | '’' | '‘' | '\u{93c}'))
        .map(|c| match c {
            '\u{95e}' => 'फ',
            '\u{95c}' => 'ड',
            '\u{95b}' => 'ज',
            '-' => ' ',
            other => other,
        })
        .collect()
}

/// "… don't call me again": after the verb come only words such as "me" and "again".
fn english(words: &[&str]) -> bool {
    let verb = words.iter().enumerate().position(|(at, word)| {
        let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at]);
        match *word {
            "call" | "phone" | "contact" | "ring" | "disturb" => {
                matches!(before(1), "dont" | "never" | "ever")
                    || (before(1) == "not" && matches!(before(2), "do" | "please" | ""))
                    || (before(1) == "to" && before(2) == "not")
            }
            "calling" | "phoning" | "contacting" | "ringing" | "disturbing" => before(1) == "stop",
            _ => false,
        }
    });
    let Some(verb) = verb else { return false };
    let after = &words[verb + 1..];
    let asks = words[..verb].iter().any(|word| CONDITIONS.contains(word));
    let of_us = after.iter().any(|word| OBJECTS.contains(word)) || words[verb].ends_with("ing");
    !asks && of_us && after.iter().all(|word| OBJECTS.contains(word) || BESIDE.contains(word))
}

/// "… phone mat karna": nothing else in the clause but whom, where and how often.
fn hindi(words: &[&str]) -> bool {
    let any = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let banned = any(&["mat", "मत"]) || (any(&["na", "nahi", "nahin", "ना", "न", "नहीं"]) && any(&AGAIN));
    banned
        && any(&PHONES)
        && any(&DO)
        && words.iter().all(|word| [&PHONES[..], &DO, &AGAIN, &HINDI_BESIDE].iter().any(|known| known.contains(word)))
}

const BREAKS: [char; 9] = [',', '.', '!', '?', ';', ':', '।', '—', '…'];
/// Said in so many words.
const LISTS: [&str; 8] = [
    "do not call list",
    "dont call list",
    "remove my number",
    "delete my number",
    "take me off your list",
    "take my number off",
    "mera number hata",
    "मेरा नंबर हटा",
];
const CONDITIONS: [&str; 12] =
    ["why", "if", "when", "unless", "until", "till", "did", "who", "they", "he", "she", "agar"];
const OBJECTS: [&str; 9] = ["me", "us", "again", "anymore", "ever", "here", "number", "more", "future"];
const BESIDE: [&str; 22] = [
    "any", "this", "my", "on", "in", "the", "please", "sir", "madam", "okay", "ok", "thanks", "thank", "you", "from",
    "now", "and", "at", "all", "bye", "ji", "bhai",
];
const PHONES: [&str; 8] = ["phone", "fon", "call", "calls", "फोन", "कॉल", "काल", "contact"];
const DO: [&str; 24] = [
    "karna",
    "karo",
    "kar",
    "karein",
    "kare",
    "kariye",
    "kariyega",
    "kijiye",
    "kijiyega",
    "kijie",
    "lagana",
    "lagao",
    "करना",
    "करो",
    "कर",
    "करें",
    "करे",
    "करिए",
    "करिएगा",
    "कीजिए",
    "कीजिएगा",
    "कीजिये",
    "लगाना",
    "लगाओ",
];
const AGAIN: [&str; 14] = [
    "dobara",
    "dubara",
    "phir",
    "fir",
    "kabhi",
    "aage",
    "aainda",
    "wapas",
    "दोबारा",
    "दुबारा",
    "फिर",
    "कभी",
    "आगे",
    "आइंदा",
];
const HINDI_BESIDE: [&str; 61] = [
    "mat",
    "na",
    "nahi",
    "nahin",
    "mujhe",
    "mujhko",
    "mere",
    "humein",
    "hume",
    "hamein",
    "humko",
    "is",
    "iss",
    "number",
    "pe",
    "par",
    "ko",
    "yahan",
    "se",
    "bhi",
    "please",
    "plz",
    "ji",
    "bhai",
    "bhaiya",
    "aap",
    "ab",
    "aur",
    "kripya",
    "yaar",
    "sir",
    "madam",
    "haan",
    "hai",
    "tum",
    "मत",
    "ना",
    "न",
    "नहीं",
    "मुझे",
    "मुझको",
    "मेरे",
    "हमें",
    "हमको",
    "इस",
    "नंबर",
    "पर",
    "पे",
    "को",
    "यहाँ",
    "यहां",
    "से",
    "भी",
    "कृपया",
    "प्लीज",
    "जी",
    "भाई",
    "आप",
    "अब",
    "और",
    "है",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_is_understood_in_three_ways_of_speaking() {
        for text in [
            "don't call me again",
            "Please do not call me.",
            "listen, never call this number again please",
            "I told you, stop calling me!",
            "stop calling",
            "I said don’t call us anymore",
            "Please don't ever call me again, thank you",
            "I asked you not to call me again",
            "remove my number from your list",
            "put me on the do-not-call list",
            "mujhe phone mat karna",
            "Dobara call mat karna",
            "aap mujhe phone mat kijiye",
            "is number pe phir kabhi phone nahi karna",
            "ab mujhe call mat karo bhai",
            "mujhe interest nahi hai, phone mat karna",
            "मुझे फ़ोन मत करना",
            "मुझे फ़ोन मत करना",
            "दोबारा कॉल मत कीजिए।",
        ] {
            assert!(refuses_calls(text), "{text}");
        }
    }

    #[test]
    fn a_condition_a_question_or_somebody_else_is_no_ban() {
        for text in [
            "",
            "five hundred rupees",
            "don't call before five",
            "don't call me before 2 o'clock",
            "please do not call me in the morning",
            "do not call the driver, call me",
            "don't call me tomorrow",
            "why don't you call me again tomorrow?",
            "if you don't call me again I will not come",
            "I will not call you again",
            "they don't call me again",
            "call me again",
            "you did not call me again",
            "abhi call mat karna, gaadi chala raha hoon",
            "subah phone mat karna",
            "driver ko phone mat karna",
            "2 baje se pehle phone mat karna",
            "phone karna",
            "mujhe phone karo, bhoolna mat",
            "फ़ोन मत रखना",
            "शाम को फ़ोन मत करना",
            "no, not five hundred",
            "mat karo",
        ] {
            assert!(!refuses_calls(text), "{text}");
        }
    }
}

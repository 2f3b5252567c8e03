//! Words that only say "I am listening": they do not interrupt. Data, one list a language; a new language is a new list.

/// Whether the words are nothing but backchannels.
pub(super) fn is_only(words: &str) -> bool {
    words
        .split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || "।…".contains(c))
        .filter(|word| !word.is_empty())
        .all(|word| LISTS.iter().any(|list| list.iter().any(|known| word.eq_ignore_ascii_case(known))))
}

const LISTS: [&[&str]; 3] = [ENGLISH, HINDI, ROMAN_HINDI];

const ENGLISH: &[&str] = &[
    "ah", "aha", "hello", "hi", "hm", "hmm", "hmmm", "huh", "mm", "mhm", "mmhmm", "oh", "ok", "okay", "right", "sure",
    "uh", "um", "yeah", "yep", "yes",
];

const HINDI: &[&str] = &["अच्छा", "जी", "नमस्ते", "हेलो", "हैलो", "हम्म", "हाँ", "हां", "हूँ", "हूं", "ठीक", "ओके", "सही"];

const ROMAN_HINDI: &[&str] = &[
    "accha", "acha", "achha", "namaste", "haan", "han", "haa", "hanji", "haanji", "hoon", "ji", "theek", "thik", "sahi",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_listening_are_backchannels() {
        for words in ["haan", "Haan haan.", "okay, okay", "हाँ जी।", "hmm", ""] {
            assert!(is_only(words), "{words}");
        }
        for words in ["no", "haan lekin", "okay five hundred", "नहीं"] {
            assert!(!is_only(words), "{words}");
        }
    }
}

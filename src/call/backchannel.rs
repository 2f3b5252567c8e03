//! Words that only say "I am listening", and at the end of a call those that only say goodbye: they do not interrupt. The words are
//! data, a line a language, in `backchannels.txt`.

use std::sync::LazyLock;

use crate::agent::Agent;

/// Whether the words are nothing but backchannels of the agent's languages. Of words that are not final yet, the last ones may be the
/// beginning of one: "I" of "I see".
pub(super) fn is_only(words: &str, settled: bool, agent: &Agent) -> bool {
    only(words, settled, agent, false)
}

/// Whether they are nothing but these and goodbyes.
pub(super) fn is_only_closing(words: &str, settled: bool, agent: &Agent) -> bool {
    only(words, settled, agent, true)
}

/// A form of address counts only beside a word of listening.
fn only(words: &str, settled: bool, agent: &Agent, closing: bool) -> bool {
    let words: Vec<String> = words
        .split(|c: char| c.is_whitespace() || (c.is_ascii_punctuation() && c != '\'') || "।…’".contains(c))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let spoken = |language: &str| agent.languages.iter().any(|spoken| spoken.iso639() == language);
    let known = || PHRASES.iter().filter(|phrase| spoken(phrase.language) && (closing || phrase.sort != Sort::Closing));
    let mut rest = &words[..];
    let mut addresses_only = !rest.is_empty();
    while !rest.is_empty() {
        let fits = known().filter(|phrase| rest.starts_with(&phrase.words));
        match fits.max_by_key(|phrase| phrase.words.len()) {
            Some(phrase) => {
                rest = &rest[phrase.words.len()..];
                addresses_only &= phrase.sort == Sort::Address;
            }
            None => return !settled && known().any(|phrase| phrase.words.starts_with(rest)),
        }
    }
    // "Sir" may be the beginning of "sir, haan".
    !addresses_only || !settled
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// What somebody is called.
    Address,
    /// It ends a call.
    Closing,
    /// It says "I am listening".
    Listening,
}

struct Phrase {
    language: &'static str,
    sort: Sort,
    words: Vec<String>,
}

static PHRASES: LazyLock<Vec<Phrase>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for line in include_str!("backchannels.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((key, phrases)) = line.split_once(':') else { continue };
        let (language, kind) = key.split_once(' ').unwrap_or((key, ""));
        let sort = match kind {
            "address" => Sort::Address,
            "closing" => Sort::Closing,
            _ => Sort::Listening,
        };
        all.extend(phrases.split_whitespace().map(|phrase| Phrase {
            language,
            sort,
            words: phrase.split('_').map(str::to_owned).collect(),
        }));
    }
    all
});

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> Agent {
        crate::agent::parse("logistics.toml", include_str!("../../agents/logistics.toml")).unwrap()
    }

    #[test]
    fn only_words_of_listening_are_backchannels() {
        for words in
            ["haan", "Haan haan.", "okay, okay", "हाँ जी।", "hmm", "", "Theek hai!", "ठीक है जी", "uh-huh, go on"]
        {
            assert!(is_only(words, true, &agent()), "{words}");
        }
        for words in ["no", "haan lekin", "okay five hundred", "नहीं", "hai", "go", "है"] {
            assert!(!is_only(words, true, &agent()), "{words}");
        }
        for words in ["uh huh, I", "go", "haan theek"] {
            assert!(is_only(words, false, &agent()), "{words}");
        }
        assert!(!is_only("I would", false, &agent()));
    }

    #[test]
    fn a_form_of_address_goes_with_a_word_of_listening_and_alone_calls_for_attention() {
        for words in [
            "haan sir",
            "ji madam",
            "Yes, sir.",
            "okay ma'am",
            "ok ma’am",
            "haan bhai haan",
            "ji sir ji",
            "theek hai bhaiya",
            "accha bhai sahab",
            "sir ji",
            "हाँ सर",
            "जी मैडम",
            "ठीक है भाई साहब",
            "हाँ भैया, बोलिए",
        ] {
            assert!(is_only(words, true, &agent()), "{words}");
        }
        for words in [
            "sir",
            "Sir?",
            "madam madam",
            "bhaiya",
            "सर",
            "arre sir suniye",
            "sir one minute",
            "no sir",
            "haan sir lekin",
        ] {
            assert!(!is_only(words, true, &agent()), "{words}");
        }
        assert!(is_only("sir", false, &agent()) && !is_only("sir wait", false, &agent()));
        assert!(is_only_closing("thank you sir", true, &agent()) && is_only_closing("धन्यवाद मैडम", true, &agent()));
        let mut english = agent();
        english.languages.truncate(1);
        assert!(is_only("yes sir", true, &english) && !is_only("yes bhaiya", true, &english));
    }

    #[test]
    fn goodbyes_are_asked_for_apart() {
        for words in
            ["Thank you, bye!", "okay thank you so much", "जी धन्यवाद", "theek hai shukriya", "that's all, thanks"]
        {
            assert!(is_only_closing(words, true, &agent()), "{words}");
            assert!(!is_only(words, true, &agent()), "{words}");
        }
        for words in ["no six hundred", "wait", "thank you but", "bye the way"] {
            assert!(!is_only_closing(words, true, &agent()), "{words}");
        }
    }

    #[test]
    fn each_language_has_its_own() {
        let mut english = agent();
        english.languages.truncate(1);
        assert!(is_only("okay", true, &english));
        assert!(!is_only("haan", true, &english));
    }

    #[test]
    fn every_line_of_the_list_is_read() {
        let lines = include_str!("backchannels.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (key, phrases) = line.split_once(": ").unwrap();
            let (language, kind) = key.split_once(' ').unwrap_or((key, "closing"));
            assert!(language.len() == 2 && matches!(kind, "address" | "closing"), "{line}");
            assert!(phrases.split(' ').all(|phrase| !phrase.is_empty() && phrase == phrase.to_lowercase()), "{line}");
        }
        assert!(PHRASES.len() > 50);
    }
}

//! Whether the speaker forbids us to call him: "don't call me again", "mujhe phone mat karna".
//!
//! It must never be read into a condition ("don't call before five", "abhi call mat karna, driver chala raha hoon"), a question ("why
//! don't you call me again?") or an arrangement ("don't call, I will call you at five"). So a clause counts only where it holds the ban
//! and nothing but words that change nothing about it; and where nothing in it says "again" or "ever", everything else that is said
//! must be of the same sort.

use std::ops::Range;

/// Where the bans are, in bytes.
pub(super) fn bans(text: &str) -> Vec<Range<usize>> {
    let clauses = clauses(text);
    let banned: Vec<Option<Ban>> = clauses.iter().enumerate().map(|(at, clause)| clause.ban(at == 0)).collect();
    let nothing_else =
        clauses.iter().zip(&banned).all(|(clause, ban)| ban.is_some() || clause.words().all(means_nothing_else));
    let conditional = |at: usize| {
        let mut same = clauses.iter().filter(|clause| clause.sentence == clauses[at].sentence);
        same.any(|clause| clause.words().any(|word| ASSUMING.contains(&word)))
    };
    let counts = |at: usize, ban: &Ban| nothing_else && ban.from == 0 || ban.for_ever && !conditional(at);
    let counted = clauses.iter().zip(&banned).enumerate().filter_map(|(at, (clause, ban))| {
        let ban = ban.as_ref().filter(|ban| counts(at, ban))?;
        Some(clause.words[ban.from].0..clause.end)
    });
    counted.collect()
}

fn means_nothing_else(word: &str) -> bool {
    [&OBJECTS[..], &BESIDE, &REASONS, &HINDI_BESIDE, &HINDI_REASONS, &DO, &AGAIN]
        .iter()
        .any(|known| known.contains(&word))
}

/// A stretch of text up to a pause, or a mark that a recogniser sets for one.
struct Clause {
    /// Where each word begins, and the word in lower case, without apostrophes and the dots below Devanagari letters.
    words: Vec<(usize, String)>,
    end: usize,
    /// Which sentence it belongs to.
    sentence: usize,
    asks: bool,
}

/// A ban within a clause.
struct Ban {
    /// Its first word.
    from: usize,
    /// It says "again", "ever", "stop".
    for_ever: bool,
}

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut clause = Clause { words: Vec::new(), end: 0, sentence: 0, asks: false };
    let mut word: Option<(usize, String)> = None;
    let mut before = ' ';
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let after = rest.peek().map_or(' ', |&(_, next)| next);
        // "2.30", "1,500".
        let within = before.is_ascii_digit() && after.is_ascii_digit();
        before = c;
        if c.is_whitespace() || c == '-' || (BREAKS.contains(&c) && !within) {
            clause.words.extend(word.take().filter(|(_, word)| !word.is_empty()));
        } else {
            let word = &mut word.get_or_insert_with(|| (at, String::new())).1;
            word.extend(plain(c).into_iter().flat_map(char::to_lowercase));
        }
        if BREAKS.contains(&c) && !within {
            let ends = ENDS.contains(&c);
            let sentence = clause.sentence;
            let next = Clause { words: Vec::new(), end: 0, sentence: sentence + usize::from(ends), asks: false };
            clauses.push(Clause { end: at, asks: c == '?', ..std::mem::replace(&mut clause, next) });
        }
    }
    clause.words.extend(word.filter(|(_, word)| !word.is_empty()));
    clauses.push(Clause { end: text.len(), ..clause });
    clauses.retain(|clause| !clause.words.is_empty());
    clauses
}

/// A letter without what differs from one recogniser to the next.
fn plain(c: char) -> Option<char> {
    match c {
        '\'' | '’' | '‘' | '"' | '“' | '”' | '\u{93c}' => None,
        '\u{95e}' => Some('फ'),
        '\u{95c}' => Some('ड'),
        '\u{95b}' => Some('ज'),
        other => Some(other),
    }
}

impl Clause {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(_, word)| word.as_str())
    }

    fn ban(&self, first: bool) -> Option<Ban> {
        let words: Vec<&str> = self.words().collect();
        let listed = || {
            let joined = words.join(" ");
            LISTS.iter().any(|list| joined.contains(list)).then_some(Ban { from: 0, for_ever: true })
        };
        english(&words).or_else(|| hindi(&words, first, self.asks)).or_else(listed)
    }
}

/// "… don't call me again": after the verb come only words such as "me" and "again".
fn english(words: &[&str]) -> Option<Ban> {
    let before = |at: usize, back: usize| at.checked_sub(back).map_or("", |at| words[at]);
    // The verb, and where its "do not" begins.
    let (from, verb) = words.iter().enumerate().find_map(|(at, word)| {
        let (one, two, three) = (before(at, 1), before(at, 2), before(at, 3));
        let back = match *word {
            "call" | "phone" | "contact" | "ring" | "disturb" | "bother" => match (one, two) {
                ("ever", "dont" | "never") => Some(2),
                ("ever", "not") if three == "do" => Some(3),
                ("dont" | "never", _) => Some(1),
                ("not", "do") | ("to", "not") => Some(2),
                ("not", "please" | "") => Some(1),
                _ => None,
            },
            "calling" | "phoning" | "contacting" | "ringing" | "disturbing" | "bothering" if one == "stop" => Some(1),
            _ => None,
        };
        Some((at - back?, at))
    })?;
    let (said_before, after) = (&words[..from], &words[verb + 1..]);
    let asks = said_before.iter().any(|word| CONDITIONS.contains(word));
    // "I don't call you again", "you never call me": that is no request, unless he tells of one.
    let subject = match said_before.last() {
        Some(&("i" | "we")) => true,
        Some(&"you") => words[from] == "never" && !said_before.iter().any(|word| TOLD.contains(word)),
        Some(_) | None => false,
    };
    let stop = words[verb].ends_with("ing");
    let of_us = stop || after.iter().any(|word| OBJECTS.contains(word));
    let only = after.iter().all(|word| OBJECTS.contains(word) || BESIDE.contains(word));
    let again = after.iter().any(|word| FOR_EVER.contains(word));
    let for_ever = again || stop || words[from..verb].iter().any(|word| matches!(*word, "never" | "ever"));
    // What stands before a ban in the same clause belongs to what else is said.
    let alone = said_before.iter().all(|word| means_nothing_else(word));
    let from = if alone { 0 } else { from };
    (!asks && !subject && of_us && only).then_some(Ban { from, for_ever })
}

/// "… phone mat karna": nothing else in the clause but whom, where and how often. `first`: nothing was said before it.
fn hindi(words: &[&str], first: bool, asks: bool) -> Option<Ban> {
    let any = |known: &[&str]| words.iter().any(|word| known.contains(word));
    // "Do baje tak phone karo, phir mat karna": there it is "then".
    let then = !first && words.first().is_some_and(|word| THEN.contains(word));
    let again = words.iter().skip(usize::from(then)).any(|word| AGAIN.contains(word));
    // "Phone na karna" forbids it; "phone karna na" is "do phone, won't you".
    let na = words.windows(2).any(|pair| NA.contains(&pair[0]) && DO.contains(&pair[1]));
    let banned = any(&["mat", "मत"]) || na || (again && !asks && any(&["nahi", "nahin", "नहीं"]));
    let only = |word: &&str| [&PHONES[..], &DO, &AGAIN, &HINDI_BESIDE].iter().any(|known| known.contains(word));
    (banned && any(&PHONES) && any(&DO) && words.iter().all(only)).then_some(Ban { from: 0, for_ever: again })
}

const BREAKS: [char; 9] = [',', '.', '!', '?', ';', ':', '।', '—', '…'];
/// Those of them that end a sentence.
const ENDS: [char; 4] = ['.', '!', '?', '।'];
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
/// Words of a sentence whose ban holds only in some case.
const ASSUMING: [&str; 10] = ["if", "unless", "until", "till", "agar", "jab", "yadi", "अगर", "जब", "यदि"];
const TOLD: [&str; 6] = ["told", "asked", "said", "warned", "tell", "ask"];
/// What makes a ban one for all time.
const FOR_EVER: [&str; 7] = ["again", "anymore", "ever", "never", "more", "future", "all"];
const OBJECTS: [&str; 9] = ["me", "us", "again", "anymore", "ever", "here", "number", "more", "future"];
const BESIDE: [&str; 21] = [
    "any", "this", "my", "on", "in", "the", "please", "sir", "madam", "okay", "ok", "thanks", "thank", "you", "from",
    "and", "at", "all", "bye", "ji", "bhai",
];
/// What those who want no calls say besides.
const REASONS: [&str; 50] = [
    "a",
    "already",
    "alone",
    "am",
    "are",
    "asked",
    "do",
    "does",
    "dont",
    "enough",
    "for",
    "have",
    "hello",
    "i",
    "im",
    "interest",
    "interested",
    "is",
    "it",
    "its",
    "just",
    "know",
    "leave",
    "listen",
    "look",
    "many",
    "mister",
    "need",
    "needed",
    "no",
    "not",
    "oh",
    "people",
    "required",
    "said",
    "so",
    "sorry",
    "stop",
    "that",
    "thats",
    "there",
    "times",
    "to",
    "told",
    "want",
    "we",
    "who",
    "wrong",
    "your",
    "goodbye",
];
const NA: [&str; 3] = ["na", "ना", "न"];
const THEN: [&str; 3] = ["phir", "fir", "फिर"];
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
/// The same in Hindi.
const HINDI_REASONS: [&str; 88] = [
    "interest",
    "interested",
    "chahiye",
    "zarurat",
    "jarurat",
    "galat",
    "wrong",
    "number",
    "koi",
    "kuch",
    "kaam",
    "nahi",
    "nahin",
    "hai",
    "tha",
    "the",
    "thi",
    "bola",
    "boli",
    "kaha",
    "keh",
    "diya",
    "diye",
    "maine",
    "humne",
    "main",
    "hum",
    "suno",
    "suniye",
    "dekho",
    "dekhiye",
    "arre",
    "are",
    "bas",
    "matlab",
    "pareshan",
    "tang",
    "mujh",
    "kaun",
    "ho",
    "kyun",
    "kitni",
    "baar",
    "theek",
    "thik",
    "achha",
    "accha",
    "acha",
    "bilkul",
    "namaste",
    "hello",
    "दिलचस्पी",
    "इंटरेस्ट",
    "चाहिए",
    "जरूरत",
    "गलत",
    "रॉन्ग",
    "कोई",
    "कुछ",
    "काम",
    "था",
    "थी",
    "बोला",
    "बोली",
    "कहा",
    "कह",
    "दिया",
    "मैंने",
    "हमने",
    "मैं",
    "हम",
    "सुनो",
    "सुनिए",
    "देखो",
    "देखिए",
    "अरे",
    "बस",
    "मतलब",
    "परेशान",
    "तंग",
    "कौन",
    "हो",
    "ठीक",
    "अच्छा",
    "बिल्कुल",
    "नमस्ते",
    "हैलो",
    "हेलो",
];

#[cfg(test)]
mod tests {
    use crate::understand::{beside_refusal, refuses_calls};

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
            "I told you never call me again",
            "Can you please not call me again?",
            "I am not interested, please don't call me",
            "Wrong number. Do not call here.",
            "no no, don't call me, who is this",
            "five hundred rupees, two to five, and don't call me again",
            "I am driving, and please never call this number again",
            "stop disturbing me",
            "remove my number from your list",
            "put me on the do-not-call list",
            "mujhe phone mat karna",
            "Dobara call mat karna",
            "dobara phone na karna",
            "mujhe phone na karein",
            "phone karna mat",
            "aap mujhe phone mat kijiye",
            "is number pe phir kabhi phone nahi karna",
            "ab mujhe call mat karo bhai",
            "mujhe interest nahi hai, phone mat karna",
            "galat number hai bhai, phone mat karo",
            "500 rupaye, do se paanch, aur aage se phone mat karna",
            "nahi nahi, phir phone mat karna",
            "phir phone mat karna",
            "मुझे फ़ोन मत करना",
            "मुझे फ़ोन मत करना",
            "दोबारा कॉल मत कीजिए।",
            "मुझे नहीं चाहिए, फ़ोन मत करो",
            "फिर कभी फ़ोन न करें",
            "गलत नंबर है। यहाँ फ़ोन मत करिए।",
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
            "I don't call you again",
            "they don't call me again",
            "you never call me",
            "call me again",
            "you did not call me again",
            "have you ever called me",
            "mat karo",
            "no, not five hundred",
        ] {
            assert!(!refuses_calls(text), "{text}");
        }
        for text in [
            "abhi call mat karna, gaadi chala raha hoon",
            "subah phone mat karna",
            "driver ko phone mat karna",
            "2 baje se pehle phone mat karna",
            "phone karna",
            "mujhe phone karo, bhoolna mat",
            "mujhe phone nahi aaya",
            "phir phone nahi karna?",
            "फ़ोन मत रखना",
            "शाम को फ़ोन मत करना",
        ] {
            assert!(!refuses_calls(text), "{text}");
        }
    }

    #[test]
    fn an_emphatic_na_asks_for_a_call() {
        for text in [
            "phir call karo na",
            "dobara call karna na",
            "dobara call karo na please",
            "फिर फ़ोन करना ना",
            "फिर फ़ोन करो न",
            "दोबारा कॉल कीजिए ना",
        ] {
            assert!(!refuses_calls(text), "{text}");
        }
    }

    #[test]
    fn an_arrangement_is_no_ban_wherever_a_pause_cuts_it() {
        for text in [
            "don't call me now",
            "please don't call me right now",
            "2 baje se pehle, phone mat karna",
            "gaadi chala raha hoon, phone mat karo",
            "gaadi chala raha hoon. phone mat karo.",
            "seedha aa jaunga, phone mat karna",
            "phone mat karna, main khud kar lunga",
            "Please don't call me, I will call you back at five",
            "Don't call me. I'll call you.",
            "don't call, just send the address",
            "I am in a meeting, don't call me please",
            "between two and five, don't call me",
            "2 baje tak phone karo, phir phone mat karna",
            "if it is less than five hundred, don't call me again",
            "agar rate kam hai, toh dobara phone mat karna",
            "गाड़ी चला रहा हूँ, फ़ोन मत करो",
            "दो बजे से पहले, फ़ोन मत करना",
            "मैं सीधा आ जाऊँगा, फ़ोन मत करना",
        ] {
            assert!(!refuses_calls(text), "{text}");
        }
    }

    #[test]
    fn what_is_said_besides_a_ban_is_left() {
        for (text, beside) in [
            ("five hundred rupees, 2 to 5, and don't call me again", "five hundred rupees, 2 to 5,"),
            ("₹1,500 at 2.30 and please don't call me again", "₹1,500 at 2.30 and please"),
            ("Don’t call me again. 500 rupees.", ". 500 rupees."),
            ("500 रुपये, फिर कभी फ़ोन मत करना", "500 रुपये,"),
            ("nahi, phone mat karna", "nahi,"),
            ("don't call me", ""),
            ("don't call me at 2.30, 1,500", "don't call me at 2.30, 1,500"),
        ] {
            assert_eq!(beside_refusal(text).trim(), beside, "{text}");
        }
    }
}

//! Cuts a reply that is still being written into clauses fit to speak, and stops it after three sentences.
//!
//! The first clause may end at a comma, so that the voice starts early; later ones are whole sentences, which sound better.
//! A dot inside a number or an abbreviation does not end a sentence. A farewell is held back, for whether the call may end is known only
//! when the whole answer is there ([`rest`]). Invariant: the clauses, joined by spaces, are the beginning of the reply's words.

/// Cuts a growing text. Feed it with [`push`](Self::push), end it with [`finish`](Self::finish).
#[derive(Clone, Debug, Default)]
pub struct Clauses {
    pending: String,
    clauses: u32,
    sentences: u32,
    characters: usize,
    /// A farewell was met: it and what follows are not given.
    farewell: bool,
    /// Give farewells too.
    whole: bool,
}

/// Sentences after which a reply is cut: more is a speech, not an answer.
pub const MAX_SENTENCES: u32 = 3;
/// Characters after which a reply is cut at the next clause, however it is punctuated.
pub const MAX_CHARACTERS: usize = 480;

impl Clauses {
    /// Adds text; gives each clause that is complete by now to `each`.
    pub fn push(&mut self, text: &str, mut each: impl FnMut(&str)) {
        if self.full() {
            return;
        }
        self.pending.push_str(text);
        while let Some(cut) = self.cut() {
            let rest = self.pending.split_off(cut);
            self.give(&mut each);
            self.pending = rest;
            if self.full() {
                self.pending.clear();
                return;
            }
        }
    }

    /// Gives what is left.
    pub fn finish(&mut self, mut each: impl FnMut(&str)) {
        if !self.full() {
            self.give(&mut each);
        }
        self.pending.clear();
    }

    /// Whether the reply is long enough, or has come to its farewell; what comes after is not given.
    pub fn full(&self) -> bool {
        self.farewell || self.sentences >= MAX_SENTENCES || self.characters >= MAX_CHARACTERS
    }

    fn give(&mut self, each: &mut impl FnMut(&str)) {
        let clause = self.pending.trim();
        self.farewell |= !self.whole && is_farewell(clause);
        if !self.farewell && clause.chars().any(char::is_alphanumeric) {
            self.clauses += 1;
            self.characters += clause.chars().count();
            self.sentences += u32::from(clause.ends_with(SENTENCE_END));
            each(clause);
        }
    }

    /// Byte index after the first clause in `pending`, if it is surely complete. A mark counts once the character after it is known.
    fn cut(&self) -> Option<usize> {
        let mut chars = self.pending.char_indices().peekable();
        let mut length = 0;
        while let Some((at, c)) = chars.next() {
            length += 1;
            let next = chars.peek().map(|&(_, next)| next);
            let after = at + c.len_utf8();
            let ends = match c {
                '।' | '?' | '!' => next.is_some_and(|next| !SENTENCE_END.contains(&next)),
                '.' => next.is_some_and(char::is_whitespace) && !abbreviated(&self.pending[..at]),
                '\n' => true,
                ',' | ';' | ':' | '—' => {
                    let long = if self.clauses == 0 { FIRST_CLAUSE } else { LATER_CLAUSE };
                    length >= long && next.is_some_and(char::is_whitespace)
                }
                _ if length >= RUNAWAY => c.is_whitespace(),
                _ => false,
            };
            if ends && self.pending[..after].chars().any(char::is_alphanumeric) {
                return Some(after);
            }
        }
        None
    }
}

/// The words of a whole reply that come after `spoken`, the clauses given of it: its farewell. Empty where `spoken` is not its beginning.
pub fn rest(text: &str, spoken: &str) -> String {
    let mut clauses: Vec<String> = Vec::new();
    let mut cutter = Clauses { whole: true, ..Clauses::default() };
    cutter.push(text, |clause| clauses.push(clause.to_owned()));
    cutter.finish(|clause| clauses.push(clause.to_owned()));
    clauses.join(" ").strip_prefix(spoken).map(|rest| rest.trim().to_owned()).unwrap_or_default()
}

fn is_farewell(clause: &str) -> bool {
    let clause = clause.to_lowercase();
    let mut words = clause.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '।');
    words.any(|word| FAREWELLS.contains(&word)) || FAREWELL_PHRASES.iter().any(|phrase| clause.contains(phrase))
}

/// The clauses of a whole reply, its farewell left out.
pub fn split(text: &str) -> Vec<String> {
    let mut clauses = Vec::new();
    let mut cutter = Clauses::default();
    cutter.push(text, |clause| clauses.push(clause.to_owned()));
    cutter.finish(|clause| clauses.push(clause.to_owned()));
    clauses
}

/// The sentences of a fixed text, none left out.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .find(|&(at, c)| {
                    let after = rest[at + c.len_utf8()..].chars().next();
                    match c {
                        '।' | '?' | '!' => after.is_none_or(char::is_whitespace),
                        '.' => after.is_none_or(char::is_whitespace) && !abbreviated(&rest[..at]),
                        _ => false,
                    }
                })
                .map_or(rest.len(), |(at, c)| at + c.len_utf8());
            let (sentence, later) = rest.split_at(end);
            rest = later;
            let sentence = sentence.trim();
            if sentence.chars().any(char::is_alphanumeric) {
                return Some(sentence);
            }
        }
        None
    })
}

fn abbreviated(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

const SENTENCE_END: [char; 4] = ['.', '?', '!', '।'];
/// Characters before a comma may end the first clause: some half a second of speech.
const FIRST_CLAUSE: usize = 12;
const LATER_CLAUSE: usize = 80;
const RUNAWAY: usize = 160;
const FAREWELLS: [&str; 6] = ["goodbye", "bye", "alvida", "अलविदा", "बाय", "गुडबाय"];
const FAREWELL_PHRASES: [&str; 7] =
    ["good bye", "have a nice", "have a good", "have a great", "talk to you soon", "शुभ दिन", "दिन शुभ"];
const ABBREVIATIONS: [&str; 9] = ["rs", "mr", "mrs", "ms", "dr", "no", "st", "a.m", "p.m"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_clause_may_end_at_a_comma_and_later_ones_at_sentences() {
        assert_eq!(
            split(
                "Thank you very much, Rs. 500 at 2.30 is noted. Could you, if possible, tell me the time? बहुत धन्यवाद।"
            ),
            [
                "Thank you very much,",
                "Rs. 500 at 2.30 is noted.",
                "Could you, if possible, tell me the time?",
                "बहुत धन्यवाद।"
            ]
        );
    }

    #[test]
    fn a_reply_is_cut_after_three_sentences() {
        assert_eq!(split("One. Two. Three. Four."), ["One.", "Two.", "Three."]);
    }

    #[test]
    fn how_the_text_arrives_does_not_matter() {
        let text = "Sure, sir... I noted ₹2,500! And the time? नमस्ते।\nBye";
        let whole = split(text);
        for size in 1..8 {
            let mut clauses = Vec::new();
            let mut cutter = Clauses::default();
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(size) {
                cutter.push(&piece.iter().collect::<String>(), |clause| clauses.push(clause.to_owned()));
            }
            cutter.finish(|clause| clauses.push(clause.to_owned()));
            assert_eq!(clauses, whole);
        }
    }

    #[test]
    fn a_fixed_text_is_given_whole_sentence_by_sentence() {
        let text = "Hello, this is Rs. 5. नमस्ते! Who?  One. Two";
        assert_eq!(sentences(text).collect::<Vec<_>>(), ["Hello, this is Rs. 5.", "नमस्ते!", "Who?", "One.", "Two"]);
    }

    #[test]
    fn marks_alone_are_not_spoken() {
        assert!(split(" ... !? \n\n").is_empty());
    }
}

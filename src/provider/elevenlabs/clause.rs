//! One clause between the session and the vendor: who speaks it, by which way, how often that failed, and how much of it was heard.
//!
//! No socket and no waiting here. Key types: [`Clause`], [`Place`]. Invariant: what was passed on is never asked for again.

use std::sync::Arc;

use tokio::time::Instant;

use super::chain::Link;
use super::line::ClauseId;
use super::speech::MAX_CLAUSE_BYTES;
use crate::audio::BYTES_PER_MS;
use crate::provider::{Utterance, VoiceSpec};

/// A clause that is neither done nor failed.
pub(super) struct Clause {
    pub(super) said: Utterance,
    pub(super) link: Link,
    pub(super) place: Place,
    /// When its first attempt began.
    pub(super) begun: Instant,
    /// When the present one did.
    pub(super) asked: Instant,
    /// Whether the present one was answered.
    pub(super) answered: bool,
    /// Bytes of audio passed on.
    pub(super) heard: usize,
    /// Attempts that failed.
    pub(super) failures: u8,
    /// Whether the first model made all of it so far.
    pub(super) pure: bool,
    /// For each letter that is no space, as far as the vendor told: the byte at which it has been spoken. Kept only where another
    /// model can go on from there.
    letters: Vec<usize>,
}

/// Where a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// For a socket, or for room on it.
    Waiting,
    /// In a context of the socket.
    OnLine,
    /// For room among the HTTP streams.
    WaitingForStream,
    /// Over HTTP.
    Streamed,
}

impl Clause {
    pub(super) fn new(said: Utterance, now: Instant) -> Self {
        Self {
            said,
            link: Link::First,
            place: Place::Waiting,
            begun: now,
            asked: now,
            answered: false,
            heard: 0,
            failures: 0,
            pure: true,
            letters: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> ClauseId {
        (self.said.turn, self.said.clause)
    }

    /// Takes the times of the letters of its next audio.
    pub(super) fn note_letters(&mut self, ends_ms: &[u32]) {
        let room = MAX_LETTERS.saturating_sub(self.letters.len());
        let heard = self.heard;
        self.letters.extend(ends_ms.iter().take(room).map(|end| heard + *end as usize * BYTES_PER_MS));
    }

    /// Whether another model could speak what was not heard yet: all of it, or from a known word on.
    pub(super) fn can_go_on(&self) -> bool {
        self.heard == 0 || !self.letters.is_empty() && self.heard <= MAX_CLAUSE_BYTES
    }

    /// The second model speaks it from now on, as far as it was not heard.
    pub(super) fn give_to_second(&mut self, voice: VoiceSpec) {
        if self.heard > 0 {
            let spoken = self.letters.iter().filter(|end| **end <= self.heard).count();
            self.said.text = from_word_of(&self.said.text, spoken).to_owned();
        }
        self.letters = Vec::new();
        self.said.voice = Arc::new(voice);
        self.link = Link::Second;
        self.answered = false;
        self.pure = false;
    }
}

/// The text from the first word on that has not been spoken whole, where so many letters have been spoken.
fn from_word_of(text: &str, spoken: usize) -> &str {
    let mut letters = 0;
    let mut word = None;
    for (at, letter) in text.char_indices() {
        if letter.is_whitespace() {
            if letters > spoken {
                break;
            }
            word = None;
        } else {
            word = word.or(Some(at));
            letters += 1;
        }
    }
    word.filter(|_| letters > spoken).map_or("", |at| &text[at..])
}

/// Letters of a clause whose times are kept; a sane clause has some hundred.
const MAX_LETTERS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_on_from_the_word_that_was_being_spoken() {
        for (spoken, rest) in [
            (0, "Thank you. दो सौ?"),
            (4, "Thank you. दो सौ?"),
            (5, "you. दो सौ?"),
            (8, "you. दो सौ?"),
            (9, "दो सौ?"),
            (13, "सौ?"),
            (14, ""),
            (99, ""),
        ] {
            assert_eq!(from_word_of("Thank you. दो सौ?", spoken), rest, "{spoken}");
        }
    }

    #[test]
    fn letters_count_from_the_audio_that_follows_them_and_half_a_word_is_spoken_again() {
        let voice = |model: &str| VoiceSpec {
            voice_id: "v".to_owned(),
            model_id: model.to_owned(),
            language: "en".to_owned(),
            stability: 0.5,
            similarity_boost: 0.75,
            speed: 1.0,
        };
        let said = Utterance { turn: 1, clause: 0, text: "one two six".to_owned(), voice: Arc::new(voice("a")) };
        let mut clause = Clause::new(said, Instant::now());
        clause.note_letters(&[10, 20, 30]);
        clause.heard += 40 * BYTES_PER_MS;
        clause.note_letters(&[10, 20, 30]);
        clause.heard += 25 * BYTES_PER_MS;
        assert!(clause.can_go_on());
        clause.give_to_second(voice("b"));
        assert_eq!((clause.said.text.as_str(), clause.said.voice.model_id.as_str()), ("two six", "b"));
        assert!(!clause.pure && !clause.can_go_on());
    }
}

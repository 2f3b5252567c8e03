//! One clause of the agent's speech: its words, its audio, and which of the words were heard.
//!
//! The playback says how many bytes were played; the voice, where it can, at which byte each letter has been spoken; else a letter's
//! share of the sound is taken for it. Words are counted as the history holds them, though a number is longer spoken than written.

use std::collections::VecDeque;

use bytes::Bytes;

use super::exchange::join;
use crate::audio::BYTES_PER_MS;
use crate::understand;

#[derive(Debug, Default)]
pub(super) struct Clause {
    pub(super) text: String,
    /// The same as it is spoken, where that is not the same.
    pub(super) spoken: Option<String>,
    pub(super) language: String,
    pub(super) fixed: bool,
    /// It must be heard to its end.
    pub(super) must: bool,
    /// Audio that was not sent yet.
    pub(super) queue: VecDeque<Bytes>,
    /// For each letter that is no space, as far as the voice told: the byte at which it has been spoken.
    pub(super) letters: Vec<u32>,
    /// Bytes that arrived, and that were played.
    pub(super) received: usize,
    pub(super) played: usize,
    /// All its audio has arrived.
    pub(super) done: bool,
    /// Its mark was sent in this epoch.
    pub(super) marked: bool,
    /// Its mark came back.
    pub(super) heard: bool,
}

impl Clause {
    /// Takes the times of the letters of its next audio.
    pub(super) fn tell_letters(&mut self, ends_ms: &[u32]) {
        let from = u32::try_from(self.received).unwrap_or(u32::MAX);
        let mut last = self.letters.last().copied().unwrap_or(0);
        for end_ms in ends_ms.iter().take(MAX_LETTERS.saturating_sub(self.letters.len())) {
            last = last.max(from.saturating_add(end_ms.saturating_mul(BYTES_PER_MS as u32)));
            self.letters.push(last);
        }
    }

    /// Adds its words, as they are written and as they are spoken.
    pub(super) fn join_to(&self, forms: &mut [String; 2]) {
        let [written, spoken] = forms;
        join(written, &self.text);
        join(spoken, self.spoken.as_ref().unwrap_or(&self.text));
    }

    /// Whether so much of it was played that a word of it may come back.
    pub(super) fn may_echo(&self) -> bool {
        self.whole() || self.played >= FIRST_WORD
    }

    /// Whether it was heard to its end.
    pub(super) fn whole(&self) -> bool {
        self.heard || (self.done && self.received > 0 && self.played >= self.received)
    }

    /// Its words that were heard, where it was not heard to its end.
    pub(super) fn heard_words(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let places = self.places(&words);
        let Some(all) = places.last() else { return String::new() };
        let heard = match self.letters.last() {
            Some(last) => {
                let (known, last) = (self.letters.len(), *last as usize);
                // The vendor may have read the text as other letters than we count, or have told of its beginning only.
                let is_all = known >= all.letters || self.done && last * 5 >= self.received * 4;
                let total = if is_all { known } else { all.letters };
                let beyond = self.played.saturating_sub(last) / (MS_PER_CHARACTER * BYTES_PER_MS);
                let told = self.letters.partition_point(|end| *end as usize <= self.played) + beyond;
                places.iter().take_while(|place| place.letters * total <= told * all.letters).count()
            }
            None => {
                let expected = all.characters * MS_PER_CHARACTER * BYTES_PER_MS;
                let length = if self.done { self.received } else { self.received.max(expected) };
                let reached = all.characters * self.played.min(length) / length.max(1);
                places.iter().take_while(|place| place.characters <= reached + 1).count()
            }
        };
        words[..heard].join(" ")
    }

    /// How much has been spoken at the end of each of its words.
    fn places(&self, words: &[&str]) -> Vec<Place> {
        let mut so_far = Place::default();
        let mut places = Vec::with_capacity(words.len());
        for (n, word) in words.iter().enumerate() {
            let place = match self.spoken {
                None => so_far.and(word),
                Some(_) => {
                    let spoken = understand::speakable(&words[..=n].join(" "), &self.language);
                    spoken.split_whitespace().fold(Place::default(), Place::and)
                }
            };
            // A number that is not whole yet may be longer than the whole.
            so_far = Place {
                letters: so_far.letters.max(place.letters),
                characters: so_far.characters.max(place.characters),
            };
            places.push(so_far);
        }
        places
    }
}

/// A place in a spoken text.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Letters before it that are no space.
    letters: usize,
    /// Letters and spaces before it.
    characters: usize,
}

impl Place {
    /// The place a word later.
    fn and(self, word: &str) -> Self {
        let length = word.chars().count();
        Self { letters: self.letters + length, characters: self.characters + length + 1 }
    }
}

/// Bytes without which not even the shortest word was said.
const FIRST_WORD: usize = 100 * BYTES_PER_MS;
/// Letters of a clause whose times are kept; a sane clause has some hundred.
const MAX_LETTERS: usize = 4_096;
/// Time a character takes to be spoken, where nobody told.
const MS_PER_CHARACTER: usize = 65;

//! Telling our own voice, come back over the line, from the caller's: by its loudness and by its words.
//!
//! A telephone gives back what it plays, 20 dB down and a few hundred ms late. What is not louder than that is no voice
//! ([`Call::ceiling_dbfs`]); words that repeat ours are none of his, unless a louder voice said them and they answer the question
//! ([`Call::heard_of_caller`]). Where the line echoes louder than we thought, the words tell us so.

use std::time::Duration;

use super::{Call, backchannel};
use crate::conversation::Completeness;

/// What the line is known to give back of our voice.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How much louder than usual its echo was, dB, when that was last noticed.
    louder_db: f32,
    noticed_at: Duration,
    /// Whether the recogniser is known to hear the echo.
    echoes_words: bool,
}

impl Line {
    /// How far below our voice its echo stays, dB. A line that proved louder is believed again as time passes: who took our words
    /// into his mouth must not have made us deaf.
    fn echo_db(&self, now: Duration) -> f32 {
        ECHO_DB - self.louder_db(now)
    }

    fn louder_db(&self, now: Duration) -> f32 {
        let forgotten = FORGOTTEN_DB_PER_S * now.saturating_sub(self.noticed_at).as_secs_f32();
        (self.louder_db - forgotten).max(0.0)
    }

    fn is_louder(&mut self, now: Duration) {
        self.louder_db = (self.louder_db(now) + LOUDER_DB).min(ECHO_DB - LEAST_ECHO_DB);
        self.noticed_at = now;
    }
}

impl Call {
    /// The level up to which sound may be our echo, dBFS.
    pub(super) fn ceiling_dbfs(&mut self, now: Duration) -> f32 {
        self.speech.loudest_dbfs(now) - self.line.echo_db(now)
    }

    /// What the caller said of the recogniser's words, final or not. An echo that he surely did not speak is remembered, and taken off
    /// what follows it.
    pub(super) fn heard_of_caller<'a>(&mut self, text: &'a str, last: bool, now: Duration) -> &'a str {
        let rest = after(text, self.hearing.echo());
        if rest.trim().is_empty() {
            return "";
        }
        let voice = self.hearing.voiced_lately(now);
        // Where we have just stopped for a sound, it may be the end of what we said.
        let delay = if self.paused { ECHO_DELAY } else { Duration::ZERO };
        let in_silence = voice && self.speech.audible_at().is_none_or(|at| self.hearing.since_at() > at + delay);
        if in_silence || !self.speech.echoing(now).iter().any(|said| repeats(rest, said)) {
            return rest;
        }
        if voice && !self.line.echoes_words {
            if self.completeness(rest, now) == Completeness::Complete {
                // "In the morning or in the evening?" "In the evening."
                return rest;
            }
            // He may be about to say more, and then he said this too.
            let many = words(rest).count() > 1 && !backchannel::is_only(rest, last, &self.agent);
            if last && many && self.paused {
                // Our own words have stopped us. A "hello" proves nothing.
                self.line.is_louder(now);
            }
            return "";
        }
        self.line.echoes_words |= words(rest).count() > 1;
        self.hearing.take_for_echo(text, now);
        ""
    }
}

/// Whether all that was heard is part of what was said, but for what a recogniser mishears.
fn repeats(heard: &str, said: &str) -> bool {
    let heard: Vec<String> = words(heard).map(|(_, word)| word).collect();
    let said: Vec<String> = words(said).map(|(_, word)| word).collect();
    // The least edits that turn what was heard into a stretch of what was said, wherever that begins.
    let mut row = vec![0; said.len() + 1];
    for (n, word) in heard.iter().enumerate() {
        row = next_row(&row, n + 1, |at| said[at] == *word);
    }
    !heard.is_empty() && row.iter().min().is_some_and(|edits| *edits <= heard.len() / MISHEARD)
}

/// What follows the echo at the beginning of a text: all of the text if it does not begin with it.
fn after<'a>(text: &'a str, echo: &str) -> &'a str {
    if echo.is_empty() {
        return text;
    }
    let echo: Vec<String> = words(echo).map(|(_, word)| word).collect();
    let heard: Vec<(usize, String)> = words(text).collect();
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (n, word) in echo.iter().enumerate() {
        row = next_row(&row, n + 1, |at| heard[at].1 == *word);
    }
    // Where two beginnings fit alike, the longer one: an echo's last word may have been misheard.
    let best = row.iter().enumerate().rev().min_by_key(|(_, edits)| **edits);
    match best {
        Some((length, edits)) if *edits <= echo.len() / MISHEARD && length > 0 => &text[heard[length - 1].0..],
        Some(_) | None => text,
    }
}

/// One more row of the edits between two lists of words; `first` is the edits where nothing of the other list is taken.
fn next_row(row: &[usize], first: usize, same: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut next = vec![first];
    for at in 1..row.len() {
        let changed = row[at - 1] + usize::from(!same(at - 1));
        next.push(changed.min(row[at] + 1).min(next[at - 1] + 1));
    }
    next
}

/// The words of a text, each with the place behind it.
fn words(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.split_inclusive(|c: char| c.is_whitespace())
        .scan(0, |end, piece| {
            *end += piece.len();
            Some((*end, piece))
        })
        .map(|(end, piece)| {
            let plain = piece.chars().filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && *c != '।');
            (end, plain.flat_map(char::to_lowercase).collect::<String>())
        })
        .filter(|(_, word)| !word.is_empty())
}

/// How far below our voice its echo stays, dB, until the line proves louder: 20, less what noise adds.
const ECHO_DB: f32 = 17.0;
/// The caller must be louder than the echo of the worst line.
const LEAST_ECHO_DB: f32 = 5.0;
const LOUDER_DB: f32 = 6.0;
/// What was noticed once is forgotten within half a minute.
const FORGOTTEN_DB_PER_S: f32 = 0.2;
/// What begins to sound within so long after our own voice may be its echo.
const ECHO_DELAY: Duration = Duration::from_millis(500);
/// One word in so many may be misheard.
const MISHEARD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Hello, this is an automated call from Sharma Logistics. What would you charge?";

    #[test]
    fn a_stretch_of_what_was_said_is_an_echo() {
        for heard in ["hello", "this is an automated", "This is in automated call.", "what would you charge"] {
            assert!(repeats(heard, SAID), "{heard}");
        }
        for heard in ["", "five", "hello five", "what do you", "call this is from", "what would you charge me then"] {
            assert!(!repeats(heard, SAID), "{heard}");
        }
        assert!(repeats("नमस्ते यह", "नमस्ते, यह Sharma"));
    }

    #[test]
    fn what_follows_the_echo_is_the_callers() {
        for (text, echo, rest) in [
            ("hello this is an five hundred", "hello this is an", "five hundred"),
            ("Hello, this is in Five hundred", "hello this is an", "Five hundred"),
            ("five hundred", "hello this is an", "five hundred"),
            ("hello this is an", "hello this is an", ""),
            ("five hundred", "", "five hundred"),
            ("", "hello", ""),
            ("यह एक पाँच सौ", "यह एक", "पाँच सौ"),
        ] {
            assert_eq!(after(text, echo), rest, "{text} / {echo}");
        }
    }
}

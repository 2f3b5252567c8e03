//! Twilio's outbound buffer, as the caller hears it. Pure: time is an argument, in microseconds since the stream's start.
//!
//! One FIFO, played at 8 bytes a millisecond from the moment it is not empty. A mark is echoed when playback reaches its place, at
//! once if nothing is buffered; `clear` drops what is left and echoes every pending mark in order; over ten minutes of audio is
//! dropped. Key type: [`Playback`]. It is not a clock: nothing happens before [`Playback::advance`].

use std::collections::VecDeque;

use super::sound::is_loud;

/// Twilio's limit: ten minutes of audio; more is dropped with warning 31931.
pub const BUFFER_LIMIT_BYTES: usize = 4_800_000;

/// What the caller hears of the stream, and what Twilio answers.
#[derive(Debug, Default)]
pub struct Playback {
    queue: VecDeque<u8>,
    /// Marks with the place, in bytes pushed since the start or the last clear, that playback must reach.
    marks: VecDeque<(u64, String)>,
    /// Bytes accepted and bytes played, since the start.
    accepted: u64,
    played: u64,
    /// When the first byte of the queue begins to sound.
    next_byte_us: u64,
    warnings: Warnings,
    heard: Heard,
    /// When playback ran dry in the middle of speech, if nothing came since.
    dry_since_us: Option<u64>,
}

/// Twilio's warnings, counted; Twilio reports each once per stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Warnings {
    /// 31931: more than ten minutes of audio were buffered; the rest was dropped.
    pub overflow_31931: u32,
    /// 31950: a message that could not be decoded (a binary frame).
    pub undecodable_31950: u32,
    /// 31951: not JSON, an unknown event, a missing or extra field, a wrong `streamSid`.
    pub invalid_31951: u32,
}

/// What was heard so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Stretches of speech: played without a stop longer than [`SAME_SPEECH_US`]. Oldest first.
    pub speeches: Vec<Speech>,
    /// Times at which playback ran dry within a speech.
    pub gaps: Vec<Gap>,
}

/// One stretch of the agent's audio, in microseconds since the stream's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// When its first byte sounded.
    pub start_us: u64,
    /// When its first loud audio sounded, if any did yet.
    pub voiced_us: Option<u64>,
    /// When its last played byte ended.
    pub end_us: u64,
    /// Whether `clear` cut it.
    pub cleared: bool,
}

/// An underrun: silence in the middle of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// When playback ran dry, microseconds since the stream's start.
    pub at_us: u64,
    /// How long it was dry, in microseconds.
    pub length_us: u64,
}

/// Audio that was played: where it lies and the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// When its first byte sounded, microseconds since the stream's start.
    pub at_us: u64,
    /// mu-law, 8 kHz.
    pub audio: Vec<u8>,
}

/// A stop longer than this ends a [`Speech`]; a shorter one is a [`Gap`] in it.
pub const SAME_SPEECH_US: u64 = 1_000_000;
/// A stop no longer than this is no gap: one frame's time of jitter is heard by nobody.
pub const GAP_US: u64 = 20_000;

impl Playback {
    /// Appends audio that arrived at `now_us`. Returns false if some was dropped over the limit (31931).
    pub fn push(&mut self, now_us: u64, audio: &[u8]) -> bool {
        if audio.is_empty() {
            return true;
        }
        let room = BUFFER_LIMIT_BYTES.saturating_sub(self.queue.len());
        let taken = &audio[..audio.len().min(room)];
        if self.queue.is_empty() && !taken.is_empty() {
            self.next_byte_us = self.next_byte_us.max(now_us);
            self.begin_speech();
        }
        self.queue.extend(taken);
        self.accepted += taken.len() as u64;
        if taken.len() < audio.len() {
            self.warnings.overflow_31931 += 1;
        }
        taken.len() == audio.len()
    }

    /// Sets a mark behind what is buffered; its name comes back at once if nothing is.
    pub fn mark(&mut self, name: &str) -> Option<String> {
        if self.queue.is_empty() && self.marks.is_empty() {
            return Some(name.to_owned());
        }
        self.marks.push_back((self.accepted, name.to_owned()));
        None
    }

    /// Drops all that is buffered; the names of all pending marks, in order.
    pub fn clear(&mut self) -> Vec<String> {
        if !self.queue.is_empty()
            && let Some(speech) = self.heard.speeches.last_mut()
        {
            speech.cleared = true;
        }
        self.queue.clear();
        self.played = self.accepted;
        self.dry_since_us = None;
        self.marks.drain(..).map(|(_, name)| name).collect()
    }

    /// Plays up to `now_us`: what sounded, and the names of the marks that were reached, in order.
    pub fn advance(&mut self, now_us: u64) -> (Option<Played>, Vec<String>) {
        let mut audio = Vec::new();
        let at_us = self.advance_into(now_us, &mut audio);
        (at_us.map(|at_us| Played { at_us, audio }), self.reached())
    }

    /// Plays up to `now_us` into a buffer that is used again and again: when what sounded began, if anything did.
    pub fn advance_into(&mut self, now_us: u64, audio: &mut Vec<u8>) -> Option<u64> {
        audio.clear();
        let due = (now_us.saturating_sub(self.next_byte_us) / US_PER_BYTE) as usize;
        let count = due.min(self.queue.len());
        if count == 0 {
            return None;
        }
        let at_us = self.next_byte_us;
        let (front, back) = self.queue.as_slices();
        audio.extend_from_slice(&front[..count.min(front.len())]);
        audio.extend_from_slice(&back[..count.saturating_sub(front.len())]);
        self.queue.drain(..count);
        self.next_byte_us += count as u64 * US_PER_BYTE;
        self.played += count as u64;
        if let Some(speech) = self.heard.speeches.last_mut() {
            speech.end_us = self.next_byte_us;
            if speech.voiced_us.is_none()
                && let Some(block) = audio.chunks(80).position(is_loud)
            {
                speech.voiced_us = Some(at_us + block as u64 * 80 * US_PER_BYTE);
            }
        }
        if self.queue.is_empty() {
            self.dry_since_us = Some(self.next_byte_us);
        }
        Some(at_us)
    }

    /// The names of the marks that playback has reached, in order; each is told once.
    pub fn reached(&mut self) -> Vec<String> {
        let mut reached = Vec::new();
        while self.marks.front().is_some_and(|(place, _)| *place <= self.played) {
            reached.extend(self.marks.pop_front().map(|(_, name)| name));
        }
        reached
    }

    /// Whether something is left to play.
    pub fn is_playing(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Milliseconds of audio left to play.
    pub fn buffered_ms(&self) -> u64 {
        self.queue.len() as u64 / 8
    }

    /// Counts a message that Twilio could not decode (31950).
    pub fn undecodable(&mut self) {
        self.warnings.undecodable_31950 += 1;
    }

    /// Counts a message that Twilio would refuse (31951).
    pub fn invalid(&mut self) {
        self.warnings.invalid_31951 += 1;
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Warnings {
        self.warnings
    }

    /// What was heard so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    fn begin_speech(&mut self) {
        let at = self.next_byte_us;
        if let Some(dry) = self.dry_since_us.take()
            && at.saturating_sub(dry) <= SAME_SPEECH_US
        {
            if at - dry > GAP_US {
                self.heard.gaps.push(Gap { at_us: dry, length_us: at - dry });
            }
            return;
        }
        self.heard.speeches.push(Speech { start_us: at, voiced_us: None, end_us: at, cleared: false });
    }
}

impl Warnings {
    /// Whether Twilio would have had nothing to complain of.
    pub fn none(self) -> bool {
        self == Self::default()
    }
}

const US_PER_BYTE: u64 = 125;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_played_in_order_at_eight_bytes_a_millisecond() {
        let mut playback = Playback::default();
        assert!(playback.push(1_000, &[1; 160]));
        assert!(playback.push(1_500, &[2; 160]));
        assert_eq!(playback.advance(21_000).0, Some(Played { at_us: 1_000, audio: vec![1; 160] }));
        assert_eq!(playback.advance(31_000).0, Some(Played { at_us: 21_000, audio: vec![2; 80] }));
        assert_eq!(playback.advance(90_000).0, Some(Played { at_us: 31_000, audio: vec![2; 80] }));
        assert_eq!(playback.advance(200_000).0, None);
        assert!(!playback.is_playing());
    }

    #[test]
    fn a_mark_comes_back_when_playback_reaches_its_place() {
        let mut playback = Playback::default();
        playback.push(0, &[1; 160]);
        assert_eq!(playback.mark("a"), None);
        playback.push(0, &[1; 160]);
        assert_eq!(playback.mark("b"), None);
        assert_eq!(playback.advance(19_875).1, Vec::<String>::new());
        assert_eq!(playback.advance(20_000).1, ["a"]);
        assert_eq!(playback.advance(60_000).1, ["b"]);
    }

    #[test]
    fn a_mark_on_an_empty_buffer_comes_back_at_once() {
        let mut playback = Playback::default();
        assert_eq!(playback.mark("now").as_deref(), Some("now"));
    }

    #[test]
    fn clear_drops_the_audio_and_echoes_every_pending_mark_in_order() {
        let mut playback = Playback::default();
        for name in ["a", "b", "c"] {
            playback.push(0, &[1; 800]);
            playback.mark(name);
        }
        assert_eq!(playback.advance(100_000).1, ["a"]);
        assert_eq!(playback.clear(), ["b", "c"]);
        assert_eq!(playback.advance(900_000), (None, vec![]));
        assert!(playback.heard().speeches[0].cleared);
        assert!(playback.push(1_000_000, &[2; 160]), "audio after a clear plays normally");
        assert_eq!(playback.mark("d"), None);
        assert_eq!(playback.advance(1_020_000).1, ["d"]);
    }

    #[test]
    fn more_than_ten_minutes_are_dropped_with_a_warning() {
        let mut playback = Playback::default();
        assert!(playback.push(0, &vec![1; BUFFER_LIMIT_BYTES]));
        assert!(!playback.push(0, &[1]));
        assert_eq!(playback.warnings().overflow_31931, 1);
        assert_eq!(playback.buffered_ms(), 600_000);
    }

    #[test]
    fn running_dry_within_speech_is_a_gap_and_a_long_stop_is_a_new_speech() {
        let mut playback = Playback::default();
        playback.push(0, &[1; 160]);
        playback.advance(20_000);
        playback.push(70_000, &[1; 160]);
        playback.advance(90_000);
        playback.push(3_000_000, &[1; 160]);
        playback.advance(3_020_000);
        assert_eq!(playback.heard().gaps, [Gap { at_us: 20_000, length_us: 50_000 }]);
        let starts: Vec<u64> = playback.heard().speeches.iter().map(|speech| speech.start_us).collect();
        assert_eq!(starts, [0, 3_000_000]);
    }

    #[test]
    fn the_first_loud_audio_is_found_behind_leading_silence() {
        let mut playback = Playback::default();
        playback.push(0, &[0xFF; 320]);
        playback.push(0, &[0x10; 320]);
        playback.advance(100_000);
        assert_eq!(playback.heard().speeches[0].voiced_us, Some(40_000));
    }
}

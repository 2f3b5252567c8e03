//! The caller's side: frames on the media clock, voice activity, the recogniser's words.
//!
//! It knows when he speaks, since when he is silent and what he has said in this turn. It decides nothing. Silence is counted on
//! the media clock, frame by frame; where frames stop coming, the wall clock counts it.

use std::time::Duration;

use crate::audio::vad::{Speech as Voicing, Vad, VadConfig};
use crate::audio::{FRAME_MS, Frame};
use crate::conversation::Completeness;

/// What one frame changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Speech began with this frame.
    Onset,
    /// Speech goes on; voiced for so many ms of the recent past.
    Voice,
    /// Speech ended with this frame.
    Ended,
    /// Nobody speaks.
    Silence,
}

#[derive(Debug)]
pub(super) struct Hearing {
    vad: Vad,
    /// Media time of the next frame, ms.
    pub(super) media_ms: u64,
    /// Someone is speaking.
    pub(super) speaking: bool,
    /// When the current or last speech began and when its last voiced frame ended, media ms.
    since_ms: u64,
    voiced_until_ms: u64,
    /// The same on the wall clock.
    voiced_at: Duration,
    /// First voiced frame of this turn, media ms.
    turn_from_ms: Option<u64>,
    /// Voiced frames of the current speech.
    voiced_frames: u32,
    finals: String,
    partial: String,
    pub(super) partial_at: Duration,
    /// Commits whose final words are owed.
    pub(super) owed: u32,
    /// There was voice since the last commit.
    pub(super) uncommitted: bool,
    /// What the stage flow says of the words so far; computed once for each change.
    pub(super) completeness: Completeness,
    changed: bool,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self {
            // A short hangover: the end of a burst only asks for final words; the end of the turn has limits of its own.
            vad: Vad::new(VadConfig { hangover_ms: 60, ..VadConfig::default() }),
            media_ms: 0,
            speaking: false,
            since_ms: 0,
            voiced_until_ms: 0,
            voiced_at: Duration::ZERO,
            turn_from_ms: None,
            voiced_frames: 0,
            finals: String::new(),
            partial: String::new(),
            partial_at: Duration::ZERO,
            owed: 0,
            uncommitted: false,
            completeness: Completeness::Usual,
            changed: false,
        }
    }

    pub(super) fn frame(&mut self, frame: &Frame, now: Duration) -> Heard {
        let activity = self.vad.push(frame);
        let start = self.media_ms;
        self.media_ms += u64::from(FRAME_MS);
        if activity.voiced {
            self.voiced_until_ms = self.media_ms;
            self.voiced_at = now;
            self.voiced_frames += 1;
        }
        match activity.speech {
            Voicing::Onset => {
                self.speaking = true;
                self.uncommitted = true;
                // The onset is declared a few frames after it happened.
                self.since_ms = start.saturating_sub(u64::from(FRAME_MS) * 2);
                self.turn_from_ms.get_or_insert(self.since_ms);
                Heard::Onset
            }
            Voicing::Ongoing => Heard::Voice,
            Voicing::Ended => {
                self.speaking = false;
                self.voiced_frames = 0;
                Heard::Ended
            }
            Voicing::Silent => {
                self.voiced_frames = 0;
                Heard::Silence
            }
        }
    }

    /// How long the current speech has lasted, ms of media.
    pub(super) fn speech_ms(&self) -> u64 {
        if self.speaking { self.voiced_until_ms.saturating_sub(self.since_ms) } else { 0 }
    }

    /// How long nobody has spoken.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        if self.speaking && now.saturating_sub(self.voiced_at) < STALLED {
            return Duration::ZERO;
        }
        let media = Duration::from_millis(self.media_ms - self.voiced_until_ms);
        media.max(now.saturating_sub(self.voiced_at).saturating_sub(SLACK))
    }

    /// When the silence will have lasted so long, if frames stop coming now.
    pub(super) fn silent_for_at(&self, limit: Duration) -> Duration {
        self.voiced_at + limit + SLACK
    }

    pub(super) fn partial(&mut self, text: &str, now: Duration) {
        if self.partial != text {
            self.partial.clear();
            self.partial.push_str(text);
            self.partial_at = now;
            self.changed = true;
        }
    }

    pub(super) fn finals(&mut self, text: &str) {
        self.owed = self.owed.saturating_sub(1);
        self.partial.clear();
        let text = text.trim();
        if !text.is_empty() {
            if !self.finals.is_empty() {
                self.finals.push(' ');
            }
            self.finals.push_str(text);
        }
        self.changed = true;
    }

    /// The recogniser did not keep its promise: what it had said so far counts.
    pub(super) fn take_partial_as_final(&mut self) {
        let partial = std::mem::take(&mut self.partial);
        self.owed = self.owed.max(1);
        self.finals(&partial);
        self.owed = 0;
    }

    /// Puts words in front: the caller goes on with a turn that was taken for ended.
    pub(super) fn reopen(&mut self, text: &str, from_ms: Option<u64>) {
        let later = std::mem::take(&mut self.finals);
        text.clone_into(&mut self.finals);
        if !later.is_empty() {
            self.finals.push(' ');
            self.finals.push_str(&later);
        }
        self.turn_from_ms = from_ms.or(self.turn_from_ms);
        self.changed = true;
    }

    /// The words of this turn so far.
    pub(super) fn words(&self) -> String {
        let partial = self.partial.trim();
        if self.finals.is_empty() || partial.is_empty() {
            return format!("{}{partial}", self.finals);
        }
        format!("{} {partial}", self.finals)
    }

    pub(super) fn any_words(&self) -> bool {
        !self.finals.is_empty() || !self.partial.trim().is_empty()
    }

    pub(super) fn only_finals(&self) -> bool {
        self.partial.trim().is_empty()
    }

    /// Whether the words changed since this was last asked.
    pub(super) fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Where this turn is in the media, ms.
    pub(super) fn span(&self) -> Option<(u32, u32)> {
        let from = self.turn_from_ms?;
        let clamp = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        Some((clamp(from), clamp(self.voiced_until_ms.max(from))))
    }

    pub(super) fn turn_from_ms(&self) -> Option<u64> {
        self.turn_from_ms
    }

    /// When the last voiced frame arrived.
    pub(super) fn voiced_at(&self) -> Duration {
        self.voiced_at
    }

    /// Forgets the words: the turn was taken, or they meant nothing.
    pub(super) fn clear(&mut self) {
        self.finals.clear();
        self.partial.clear();
        self.turn_from_ms = self.speaking.then_some(self.since_ms);
        self.completeness = Completeness::Usual;
        self.changed = false;
    }
}

/// Frames that come this late have stopped coming.
const STALLED: Duration = Duration::from_millis(400);
/// How much later the wall clock ends a turn than the media clock would: jitter must not end it early.
const SLACK: Duration = Duration::from_millis(120);

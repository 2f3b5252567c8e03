//! Voice activity on a telephone line, one answer per 20 ms frame.
//!
//! An adaptive gate on energy over a tracked noise floor; where it is open, a small network ([`super::voice`]) tells a
//! voice near the telephone from coughs, tones, music, traffic and distant talk. Hysteresis turns frames into speech: k
//! of the last n voiced frames begin it, a hangover ends it. It knows no clock: time is the count of frames. Pure,
//! allocates nothing; how well it does is printed by `cargo bench --bench vad`.
//! Key types: [`Vad`], [`VadConfig`], [`Activity`].

use super::level::{HighPass, dbfs, energy};
use super::voice::{Loudness, MEASURES, Voice};
use super::{FRAME_MS, FRAME_SAMPLES, Frame};

/// When sound counts as speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadConfig {
    /// Voiced frames among the last `onset_window` that begin speech; at least 1.
    pub onset_frames: u8,
    /// Frames looked at for an onset, 1 to 32.
    pub onset_window: u8,
    /// Time without a voiced frame after which speech has ended, ms.
    pub hangover_ms: u32,
    /// How sure the network must be of a voice for a frame to count towards an onset, 0 to 1.
    pub onset_threshold: f32,
    /// How sure it must be, once speech goes on, for a frame to keep it going; below the other.
    pub keep_threshold: f32,
    /// How far a frame must stand above the noise floor before the network is asked, dB.
    pub margin_db: f32,
    /// Nothing below this level is voice, dBFS.
    pub min_level_dbfs: f32,
}

impl Default for VadConfig {
    fn default() -> Self {
        Self {
            onset_frames: 3,
            onset_window: 4,
            hangover_ms: 200,
            onset_threshold: 0.95,
            keep_threshold: 0.5,
            margin_db: 3.0,
            min_level_dbfs: -55.0,
        }
    }
}

/// What one frame holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// This frame sounds like a voice: by the stricter threshold before an onset, by the other after.
    pub voiced: bool,
    /// Where in an utterance this frame stands.
    pub speech: Speech,
    /// Level of the frame without hum, dBFS (a full-scale square wave is 0); at least -96.
    pub level_dbfs: f32,
}

/// Speech over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Nobody speaks.
    Silent,
    /// Speech begins with this frame (it really began up to `onset_window` frames ago).
    Onset,
    /// Speech goes on, or pauses for less than the hangover.
    Ongoing,
    /// Speech ends with this frame; the last voiced frame was a hangover ago.
    Ended,
}

/// The detector of one direction of one call.
#[derive(Debug, Clone)]
pub struct Vad {
    config: VadConfig,
    floor_db: Option<f32>,
    high_pass: HighPass,
    voice: Voice,
    measures: Option<[f32; MEASURES]>,
    /// This frame and the one before, without hum.
    window: [f32; 2 * FRAME_SAMPLES],
    /// Bit n: the frame n frames ago was voiced.
    recent: u32,
    speaking: bool,
    quiet_frames: u32,
    /// Frames for which a voice that was louder than the ceiling is still believed.
    near_frames: u32,
    /// Frames since the gate was open.
    closed_frames: u32,
}

impl Vad {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub const fn new(config: VadConfig) -> Self {
        Self {
            config,
            floor_db: None,
            high_pass: HighPass::new(),
            voice: Voice::new(),
            measures: None,
            window: [0.0; 2 * FRAME_SAMPLES],
            recent: 0,
            speaking: false,
            quiet_frames: 0,
            near_frames: 0,
            closed_frames: 0,
        }
    }

    /// Judges the next frame.
    pub fn push(&mut self, frame: &Frame) -> Activity {
        self.push_over(frame, f32::NEG_INFINITY)
    }

    /// Judges the next frame of a line that echoes what the other direction says: a voice counts only within 300 ms of one that is
    /// louder than `ceiling_dbfs`. What is below is taken for the echo.
    pub fn push_over(&mut self, frame: &Frame, ceiling_dbfs: f32) -> Activity {
        self.window.copy_within(FRAME_SAMPLES.., 0);
        let newest = self.high_pass.pass(&frame.0);
        self.window[FRAME_SAMPLES..].copy_from_slice(&newest);
        let level_dbfs = dbfs(energy(&newest));
        let floor = self.floor_db.unwrap_or(FIRST_FLOOR_DB);
        let open = self.gate(level_dbfs);
        self.closed_frames = if open { 0 } else { self.closed_frames.saturating_add(1) };
        if self.closed_frames == FORGET_FRAMES {
            self.voice.forget();
        }
        self.measures = open.then(|| self.voice.measure(&self.window, Loudness { level: level_dbfs, floor }));
        let threshold = if self.speaking { self.config.keep_threshold } else { self.config.onset_threshold };
        let voice = self.measures.is_some_and(|measures| self.voice.weigh(&measures) > threshold);
        self.near_frames =
            if voice && level_dbfs > ceiling_dbfs { NEAR_FRAMES } else { self.near_frames.saturating_sub(1) };
        let voiced = voice && self.near_frames > 0;
        Activity { voiced, speech: self.follow(voiced), level_dbfs }
    }

    /// The tracked noise floor, dBFS; `None` before the first frame.
    #[must_use]
    pub const fn floor_dbfs(&self) -> Option<f32> {
        self.floor_db
    }

    /// What was measured of the last frame, if the gate was open: for training and for plots.
    #[must_use]
    pub const fn measures(&self) -> Option<&[f32; MEASURES]> {
        self.measures.as_ref()
    }

    fn gate(&mut self, level_db: f32) -> bool {
        let floor = self.floor_db.unwrap_or_else(|| level_db.clamp(LOWEST_FLOOR_DB, FIRST_FLOOR_DB));
        let open = level_db > floor + self.config.margin_db && level_db > self.config.min_level_dbfs;
        let step = if level_db < floor { (level_db - floor) * FLOOR_FALL } else { FLOOR_RISE_DB.min(level_db - floor) };
        self.floor_db = Some((floor + step).max(LOWEST_FLOOR_DB));
        open
    }

    fn follow(&mut self, voiced: bool) -> Speech {
        self.recent = self.recent << 1 | u32::from(voiced);
        let window = u32::MAX >> (32 - u32::from(self.config.onset_window.clamp(1, 32)));
        self.quiet_frames = if voiced { 0 } else { self.quiet_frames.saturating_add(1) };
        if self.speaking {
            if self.quiet_frames.saturating_mul(FRAME_MS) >= self.config.hangover_ms.max(FRAME_MS) {
                self.speaking = false;
                self.recent = 0;
                return Speech::Ended;
            }
            return Speech::Ongoing;
        }
        if voiced && (self.recent & window).count_ones() >= u32::from(self.config.onset_frames.max(1)) {
            self.speaking = true;
            return Speech::Onset;
        }
        Speech::Silent
    }
}

/// What the network made of the last sounds says nothing about the next after so many frames of silence, which it does not see: 4 s.
const FORGET_FRAMES: u32 = 200;
/// A voice dips below its own loudest frames for no longer: 300 ms.
const NEAR_FRAMES: u32 = 15;
const LOWEST_FLOOR_DB: f32 = -65.0;
/// A call that begins amid speech must not take it for the floor.
const FIRST_FLOOR_DB: f32 = -45.0;
/// dB a frame: 2.5 dB a second.
const FLOOR_RISE_DB: f32 = 0.05;
const FLOOR_FALL: f32 = 0.3;

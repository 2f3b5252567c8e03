//! How loud telephone sound is, measured without hum, the same way in both directions.
//!
//! `HighPass` takes out the hum; `Recent` remembers how loud the last 600 ms of a direction were, a level per 20 ms. Pure;
//! allocates nothing.

use super::{FRAME_SAMPLES, mulaw};

/// One pole at about 150 Hz: takes out hum and the rumble of a hand on the phone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HighPass {
    last_in: f32,
    last_out: f32,
}

impl HighPass {
    pub(super) const fn new() -> Self {
        Self { last_in: 0.0, last_out: 0.0 }
    }

    /// A mu-law byte as a sample of -1 to 1, without hum.
    pub(super) fn pass(&mut self, byte: u8) -> f32 {
        let sample = f32::from(mulaw::decode(byte)) / 32_768.0;
        self.last_out = sample - self.last_in + POLE * self.last_out;
        self.last_in = sample;
        self.last_out
    }
}

/// Level of a frame's energy, dBFS (a full-scale square wave is 0); at least -96.
pub(super) fn dbfs(energy: f32) -> f32 {
    (10.0 * (energy / FRAME_SAMPLES as f32).max(1e-12).log10()).max(QUIETEST_DBFS)
}

/// How loud the last 600 ms were.
#[derive(Clone, Debug)]
pub struct Recent {
    high_pass: HighPass,
    energy: f32,
    samples: usize,
    levels: [f32; BLOCKS],
    newest: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { high_pass: HighPass::new(), energy: 0.0, samples: 0, levels: [QUIETEST_DBFS; BLOCKS], newest: 0 }
    }
}

impl Recent {
    /// Takes the next mu-law bytes, any number.
    pub fn push(&mut self, mulaw: &[u8]) {
        for &byte in mulaw {
            let sample = self.high_pass.pass(byte);
            self.energy += sample * sample;
            self.samples += 1;
            if self.samples == FRAME_SAMPLES {
                self.block();
            }
        }
    }

    /// Takes silence of so many bytes' length.
    pub fn push_silence(&mut self, bytes: usize) {
        let mut left = bytes.min((BLOCKS + 1) * FRAME_SAMPLES);
        while left > 0 {
            let part = left.min(FRAME_SAMPLES - self.samples);
            self.samples += part;
            left -= part;
            if self.samples == FRAME_SAMPLES {
                self.block();
            }
        }
        self.high_pass = HighPass::new();
    }

    /// Level of the loudest 20 ms, dBFS; -96 is silence.
    #[must_use]
    pub fn loudest_dbfs(&self) -> f32 {
        self.levels.iter().copied().fold(QUIETEST_DBFS, f32::max)
    }

    fn block(&mut self) {
        self.newest = (self.newest + 1) % BLOCKS;
        self.levels[self.newest] = dbfs(self.energy);
        (self.energy, self.samples) = (0.0, 0);
    }
}

const BLOCKS: usize = 30;
const POLE: f32 = 0.89;
const QUIETEST_DBFS: f32 = -96.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_of_the_last_600_ms_is_remembered_and_then_forgotten() {
        let mut recent = Recent::default();
        assert_eq!(recent.loudest_dbfs(), -96.0);
        let loud: Vec<u8> = (0..800).map(|n| if n % 8 < 4 { 0x00 } else { 0x80 }).collect();
        for piece in loud.chunks(37) {
            recent.push(piece);
        }
        let level = recent.loudest_dbfs();
        assert!((-3.0..3.0).contains(&level), "{level}");
        recent.push_silence(4_000);
        assert_eq!(recent.loudest_dbfs(), level);
        for _ in 0..5 {
            recent.push_silence(160);
        }
        assert_eq!(recent.loudest_dbfs(), -96.0);
        recent.push(&loud);
        recent.push_silence(usize::MAX);
        assert_eq!(recent.loudest_dbfs(), -96.0);
    }
}

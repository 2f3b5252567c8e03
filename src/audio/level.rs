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

    /// At most a frame of mu-law bytes as samples of -1 to 1, without hum. What lies behind their end says nothing.
    ///
    /// Each sample needs the one before it; so that eight can be made at a time, what eight inputs in a row give without those
    /// before is added up first.
    pub(super) fn pass(&mut self, mulaw: &[u8]) -> [f32; FRAME_SAMPLES] {
        let mut out = [0.0; FRAME_SAMPLES];
        // Both zeros of mu-law; a silent line is mostly this.
        if (self.last_in, self.last_out) == (0.0, 0.0) && mulaw.iter().fold(0x7F, |all, byte| all & byte) == 0x7F {
            return out;
        }
        let count = mulaw.len().min(FRAME_SAMPLES);
        let mut samples = [0.0f32; FRAME_SAMPLES];
        for (sample, &byte) in samples.iter_mut().zip(mulaw) {
            *sample = LINEAR[usize::from(byte)];
        }
        out[0] = samples[0] - self.last_in;
        for n in 1..FRAME_SAMPLES {
            out[n] = samples[n] - samples[n - 1];
        }
        add_earlier::<1>(&mut out, POLE);
        add_earlier::<2>(&mut out, POWERS[1]);
        add_earlier::<4>(&mut out, POWERS[3]);
        let mut before = POWERS.map(|power| power * self.last_out);
        for eight in out.as_chunks_mut::<8>().0 {
            for lane in 0..8 {
                eight[lane] += before[lane];
                before[lane] = POWERS[7] * eight[lane];
            }
        }
        if let Some(last) = count.checked_sub(1) {
            self.last_in = samples[last];
            // Numbers too small for a processor's fast path are silence.
            self.last_out = if out[last].abs() < INAUDIBLE { 0.0 } else { out[last] };
        }
        out
    }
}

/// Adds to each number what stood `N` before it, weighed.
fn add_earlier<const N: usize>(numbers: &mut [f32; FRAME_SAMPLES], weight: f32) {
    let earlier = *numbers;
    for n in N..FRAME_SAMPLES {
        numbers[n] += weight * earlier[n - N];
    }
}

/// Sum of squares.
pub(super) fn energy(samples: &[f32]) -> f32 {
    let (eights, rest) = samples.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for eight in eights {
        for lane in 0..8 {
            sums[lane] += eight[lane] * eight[lane];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
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
        for piece in mulaw.chunks(FRAME_SAMPLES) {
            let passed = self.high_pass.pass(piece);
            let mut samples = &passed[..piece.len()];
            while !samples.is_empty() {
                let (part, rest) = samples.split_at(samples.len().min(FRAME_SAMPLES - self.samples));
                self.energy += energy(part);
                self.samples += part.len();
                if self.samples == FRAME_SAMPLES {
                    self.block();
                }
                samples = rest;
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
/// The pole's powers from the first to the eighth.
const POWERS: [f32; 8] = {
    let mut powers = [POLE; 8];
    let mut n = 1;
    while n < 8 {
        powers[n] = powers[n - 1] * POLE;
        n += 1;
    }
    powers
};
/// -180 dBFS.
const INAUDIBLE: f32 = 1e-9;
/// Each mu-law byte as a number of -1 to 1.
static LINEAR: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = mulaw::decode(byte as u8) as f32 / 32_768.0;
        byte += 1;
    }
    table
};
const QUIETEST_DBFS: f32 = -96.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_gives_what_it_gives_sample_by_sample() {
        let mut seed = 1u32;
        let sound: Vec<u8> = (0..4_000)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Bursts with silence between them.
                if n % 1_500 < 900 { (seed >> 24) as u8 } else { 0xFF - (n % 2) as u8 * 0x80 }
            })
            .collect();
        for size in [160, 1, 7, 80, 159] {
            let mut filter = HighPass::new();
            let (mut last_in, mut last_out) = (0.0f32, 0.0f32);
            for piece in sound.chunks(size) {
                for (got, &byte) in filter.pass(piece).iter().zip(piece) {
                    let sample = f32::from(mulaw::decode(byte)) / 32_768.0;
                    last_out = sample - last_in + POLE * last_out;
                    last_in = sample;
                    assert!((got - last_out).abs() < 1e-5, "{got} for {last_out}");
                }
            }
        }
    }

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

//! How much a moment of sound is like a voice close to the telephone: what is measured of it, and a small recurrent
//! network (one gated layer of `HIDDEN` units, 6,721 weights) that weighs it over time.
//!
//! Trained on speech in several languages against noise, music, distant talk, coughs, tones and knocks; how, is in
//! `benches/vad_train.py`. Pure, allocates nothing. Key type: `Voice`.

use std::sync::LazyLock;

use super::spectrum::{self, BANDS, WINDOW};

/// Numbers measured of each frame.
pub const MEASURES: usize = 2 * BANDS + 4;

/// What is remembered from frame to frame.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    floors: Option<spectrum::Bands>,
    hidden: [f32; HIDDEN],
}

/// What the gate already knows of the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loudness {
    /// dBFS.
    pub(super) level: f32,
    /// dBFS.
    pub(super) floor: f32,
}

impl Voice {
    pub(super) const fn new() -> Self {
        Self { floors: None, hidden: [0.0; HIDDEN] }
    }

    /// Measures 40 ms of sound that ends with this frame.
    pub(super) fn measure(&mut self, sound: &[f32; 320], loudness: Loudness) -> [f32; MEASURES] {
        let Some(newest) = sound.last_chunk::<WINDOW>() else { return [0.0; MEASURES] };
        let bands = spectrum::bands(newest);
        let floors = self.floors.get_or_insert_with(|| bands.map(|band| band.min(FIRST_FLOOR_DB)));
        let mean = bands.iter().sum::<f32>() / BANDS as f32;
        let mut measures = [0.0; MEASURES];
        for n in 0..BANDS {
            let over = bands[n] - floors[n];
            floors[n] += if over < 0.0 { 0.2 * over } else { over.min(FLOOR_RISE_DB) };
            measures[n] = (over / 20.0).clamp(-0.5, 2.5);
            measures[BANDS + n] = ((bands[n] - mean) / 20.0).clamp(-2.0, 2.0);
        }
        let (periodicity, lag) = periodicity(sound);
        measures[2 * BANDS] = periodicity;
        measures[2 * BANDS + 1] = if periodicity > 0.4 { (lag as f32 / 26.0).ln() } else { 0.0 };
        measures[2 * BANDS + 2] = ((loudness.level - loudness.floor) / 20.0).clamp(-0.5, 2.5);
        measures[2 * BANDS + 3] = ((loudness.level + 35.0) / 15.0).clamp(-2.0, 2.0);
        measures
    }

    /// Forgets the sounds of before.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The likelihood, 0 to 1, that these measures are of a voice, given those before.
    pub(super) fn weigh(&mut self, measures: &[f32; MEASURES]) -> f32 {
        let weights = &*WEIGHTS;
        let mut sums = weights.bias;
        for (&x, row) in measures.iter().zip(&weights.input) {
            add_scaled(&mut sums, x, row);
        }
        let mut recurrent = weights.recurrent_bias;
        for (&h, row) in self.hidden.iter().zip(&weights.recurrent) {
            add_scaled(&mut recurrent, h, row);
        }
        let mut score = weights.output_bias;
        for n in 0..HIDDEN {
            let update = sigmoid(sums[n] + recurrent[n]);
            let reset = sigmoid(sums[HIDDEN + n] + recurrent[HIDDEN + n]);
            let fresh = tanh(sums[2 * HIDDEN + n] + reset * recurrent[2 * HIDDEN + n]);
            self.hidden[n] += update * (fresh - self.hidden[n]);
        }
        for (hidden, weight) in self.hidden.iter().zip(&weights.output) {
            score += hidden * weight;
        }
        sigmoid(score)
    }
}

fn add_scaled(sums: &mut [f32; GATES], by: f32, row: &[f32; GATES]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += by * weight;
    }
}

fn sigmoid(x: f32) -> f32 {
    0.5 + 0.5 * tanh(0.5 * x)
}

/// A continued fraction, within 0.0001: unlike the library's, it runs in vector registers.
fn tanh(x: f32) -> f32 {
    let x = x.clamp(-4.97, 4.97);
    let s = x * x;
    x * (135_135.0 + s * (17_325.0 + s * (378.0 + s))) / (135_135.0 + s * (62_370.0 + s * (3_150.0 + s * 28.0)))
}

/// The highest normalised autocorrelation of the newest 20 ms with lags of 2.5 to 16 ms, 0 to 1, and its lag at 4 kHz.
fn periodicity(sound: &[f32; 320]) -> (f32, usize) {
    // 4 kHz is enough for the pitch and its first formant, and costs a quarter.
    let mut half = [0.0f32; 160];
    for (slot, pair) in half.iter_mut().zip(sound.as_chunks::<2>().0) {
        *slot = pair[0] + pair[1];
    }
    const N: usize = 80;
    let now = &half[N..];
    let power: f32 = now.iter().map(|x| x * x).sum();
    let (mut best, mut best_lag) = (0.0f32, SHORTEST_LAG);
    let mut lagged: f32 = half[N - SHORTEST_LAG..2 * N - SHORTEST_LAG].iter().map(|x| x * x).sum();
    for lag in SHORTEST_LAG..=LONGEST_LAG {
        let product = dot(now, &half[N - lag..2 * N - lag]);
        if product > 0.0 {
            let strength = product * product / (power * lagged.max(1e-12)).max(1e-20);
            if strength > best {
                (best, best_lag) = (strength, lag);
            }
        }
        if lag < LONGEST_LAG {
            lagged += half[N - lag - 1].powi(2) - half[2 * N - lag - 1].powi(2);
        }
    }
    (best.min(1.0).sqrt(), best_lag)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Little-endian f32 in the order of the fields.
struct Weights {
    input: [[f32; GATES]; MEASURES],
    bias: [f32; GATES],
    recurrent: [[f32; GATES]; HIDDEN],
    recurrent_bias: [f32; GATES],
    output: [f32; HIDDEN],
    output_bias: f32,
}

/// Units of the recurrent layer.
const HIDDEN: usize = 32;
const GATES: usize = 3 * HIDDEN;
const FIRST_FLOOR_DB: f32 = -50.0;
/// 2.5 dB a second.
const FLOOR_RISE_DB: f32 = 0.05;
/// 400 Hz, in samples at 4 kHz.
const SHORTEST_LAG: usize = 10;
/// 60 Hz, in samples at 4 kHz.
const LONGEST_LAG: usize = 66;

static WEIGHTS: LazyLock<Box<Weights>> = LazyLock::new(|| {
    let (numbers, _) = include_bytes!("voice.weights").as_chunks::<4>();
    let mut numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
    // The file's length is checked by a test; a short one would read as zeros.
    let mut next = || numbers.next().unwrap_or(0.0);
    Box::new(Weights {
        input: std::array::from_fn(|_| std::array::from_fn(|_| next())),
        bias: std::array::from_fn(|_| next()),
        recurrent: std::array::from_fn(|_| std::array::from_fn(|_| next())),
        recurrent_bias: std::array::from_fn(|_| next()),
        output: std::array::from_fn(|_| next()),
        output_bias: next(),
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_all_there_and_finite() {
        let bytes = include_bytes!("voice.weights");
        assert_eq!(bytes.len(), 4 * (MEASURES * GATES + GATES + HIDDEN * GATES + GATES + HIDDEN + 1));
        for number in bytes.as_chunks::<4>().0 {
            assert!(f32::from_le_bytes(*number).abs() < 50.0);
        }
    }

    #[test]
    fn a_pulse_train_is_periodic_at_its_lag_and_noise_is_not() {
        let train: [f32; 320] = std::array::from_fn(|n| if n % 64 < 4 { 0.5 } else { 0.0 });
        let (strength, lag) = periodicity(&train);
        assert!(strength > 0.95, "{strength}");
        assert_eq!(lag, 32);
        let mut seed = 1u32;
        let noise: [f32; 320] = std::array::from_fn(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed as f32 / u32::MAX as f32 - 0.5
        });
        assert!(periodicity(&noise).0 < 0.6);
        assert_eq!(periodicity(&[0.0; 320]).0, 0.0);
    }

    #[test]
    fn the_curves_are_close_to_the_true_ones() {
        for n in -200..=200 {
            let x = n as f32 / 10.0;
            assert!((tanh(x) - x.tanh()).abs() < 2e-4, "tanh {x}");
            assert!((sigmoid(x) - 1.0 / (1.0 + (-x).exp())).abs() < 2e-4, "sigmoid {x}");
        }
    }

    #[test]
    fn any_sound_gives_a_likelihood() {
        let mut voice = Voice::new();
        for amplitude in [0.0, 1e-6, 1.0] {
            let sound: [f32; 320] = std::array::from_fn(|n| if n % 37 < 18 { amplitude } else { -amplitude });
            let measures = voice.measure(&sound, Loudness { level: -96.0, floor: 0.0 });
            assert!(measures.iter().all(|m| m.is_finite() && m.abs() <= 2.5));
            assert!((0.0..=1.0).contains(&voice.weigh(&measures)));
        }
    }
}

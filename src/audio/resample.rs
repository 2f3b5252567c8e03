//! Sample rates made equal: a streaming polyphase FIR for any rational ratio (8, 16, 22.05, 24, 48 kHz …).
//!
//! Windowed sinc (Kaiser), cut below the lower of the two Nyquist frequencies. State is kept across chunks, so how a
//! stream is cut never changes a sample; the filter's delay is made up for, so output sample *n* stands at time
//! *n / to_hz* of the input. Not for a live leg, which stays mu-law: for local voices, recognisers and tests.
//! Key type: [`Resampler`].

/// One stream from one rate to another. Allocates when made, and in [`Resampler::process`] only to grow buffers.
#[derive(Clone)]
pub struct Resampler {
    /// Output phases per input sample, `to / gcd`.
    up: usize,
    /// Phases from one output sample to the next, `from / gcd`.
    down: usize,
    /// Coefficients of one phase; a multiple of 8.
    taps: usize,
    /// `up` phases of `taps` coefficients, one after the other.
    bank: Vec<f32>,
    /// Input not yet passed by; the next output starts at its head.
    pending: Vec<f32>,
    /// Whole input samples of `pending` to pass by before the next output.
    skip: usize,
    /// Phase of the next output.
    phase: usize,
    taken: u64,
    given: u64,
}

/// Two rates no [`Resampler`] is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from_hz} to {to_hz} Hz")]
pub struct BadRates {
    /// Rate of the input, Hz.
    pub from_hz: u32,
    /// Rate asked for, Hz.
    pub to_hz: u32,
}

impl Resampler {
    /// A stream from `from_hz` to `to_hz`.
    ///
    /// # Errors
    /// A rate outside 1,000 to 192,000 Hz, or two rates whose ratio needs more than 1,000 phases.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, BadRates> {
        let bad = BadRates { from_hz, to_hz };
        if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
            return Err(bad);
        }
        let shared = gcd(from_hz, to_hz);
        let (up, down) = ((to_hz / shared) as usize, (from_hz / shared) as usize);
        if up > MAX_PHASES || down > MAX_PHASES {
            return Err(bad);
        }
        // Going down, the filter is as much longer as its pass band is narrower.
        let narrowing = (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
        let half = (ZERO_CROSSINGS / narrowing).ceil() as usize;
        let taps = (2 * half).next_multiple_of(8);
        let half = taps / 2;
        let mut bank = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let offset = phase as f64 / up as f64;
            let row: Vec<f64> = (0..taps)
                .map(|tap| {
                    let distance = tap as f64 - (half - 1) as f64 - offset;
                    sinc(distance * narrowing * PASS_BAND) * kaiser(distance / half as f64)
                })
                .collect();
            let sum: f64 = row.iter().sum();
            bank.extend(row.iter().map(|tap| (tap / sum) as f32));
        }
        Ok(Self { up, down, taps, bank, pending: vec![0.0; half - 1], skip: 0, phase: 0, taken: 0, given: 0 })
    }

    /// Takes any number of samples and appends every output sample that is now settled.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        self.taken += input.len() as u64;
        self.pending.extend(input.iter().map(|&sample| f32::from(sample)));
        self.produce(output, u64::MAX);
    }

    /// Ends the stream: appends what is still in the filter, so that in all `ceil(input * to / from)` samples came
    /// out, and starts afresh.
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        let total = (self.taken * self.up as u64).div_ceil(self.down as u64);
        self.pending.resize(self.pending.len() + self.taps, 0.0);
        self.produce(output, total);
        self.pending.clear();
        self.pending.resize(self.taps / 2 - 1, 0.0);
        (self.skip, self.phase, self.taken, self.given) = (0, 0, 0, 0);
    }

    fn produce(&mut self, output: &mut Vec<i16>, limit: u64) {
        let mut head = self.skip;
        while head + self.taps <= self.pending.len() && self.given < limit {
            let row = &self.bank[self.phase * self.taps..][..self.taps];
            let sample = dot(&self.pending[head..head + self.taps], row);
            output.push(sample.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16);
            self.given += 1;
            self.phase += self.down;
            head += self.phase / self.up;
            self.phase %= self.up;
        }
        let passed = head.min(self.pending.len());
        self.pending.copy_within(passed.., 0);
        self.pending.truncate(self.pending.len() - passed);
        self.skip = head - passed;
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("up", &self.up)
            .field("down", &self.down)
            .field("taps", &self.taps)
            .finish_non_exhaustive()
    }
}

/// Eight running sums, so that the compiler may use vector registers without reordering a sum.
fn dot(samples: &[f32], row: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (samples, row) in samples.chunks_exact(8).zip(row.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += samples[lane] * row[lane];
        }
    }
    sums.iter().sum()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
}

/// The Kaiser window over -1..=1.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel_i0(KAISER_BETA) }
}

/// The modified Bessel function of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..40 {
        term *= quarter / f64::from(n * n);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const RATES: std::ops::RangeInclusive<u32> = 1_000..=192_000;
const MAX_PHASES: usize = 1_000;
/// Zero crossings of the sinc on each side, at the lower rate.
const ZERO_CROSSINGS: f64 = 20.0;
/// Where the filter is 6 dB down, as a part of the lower Nyquist frequency.
const PASS_BAND: f64 = 0.92;
/// About 70 dB of stop band.
const KAISER_BETA: f64 = 7.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIRS: [(u32, u32); 10] = [
        (8_000, 16_000),
        (16_000, 8_000),
        (8_000, 24_000),
        (24_000, 8_000),
        (16_000, 24_000),
        (24_000, 16_000),
        (22_050, 8_000),
        (8_000, 22_050),
        (44_100, 8_000),
        (48_000, 8_000),
    ];

    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| (10_000.0 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()).round() as i16)
            .collect()
    }

    fn all(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = Vec::new();
        resampler.process(input, &mut output);
        resampler.flush(&mut output);
        output
    }

    fn power(samples: &[i16]) -> f64 {
        samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn a_tone_keeps_frequency_phase_and_level() {
        for (from, to) in PAIRS {
            for hz in [300.0, 1_000.0, 3_000.0] {
                let output = all(from, to, &tone(hz, from, from as usize / 2));
                let wanted = tone(hz, to, to as usize / 2);
                assert_eq!(output.len(), wanted.len(), "{from} -> {to}");
                let inner = 400..wanted.len() - 400;
                let noise: Vec<i16> =
                    output[inner.clone()].iter().zip(&wanted[inner.clone()]).map(|(a, b)| a - b).collect();
                let snr = 10.0 * (power(&wanted[inner]) / power(&noise).max(1e-3)).log10();
                assert!(snr > 60.0, "{from} -> {to} at {hz} Hz: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_out() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            for part in [1.15, 1.3, 1.8] {
                let hz = f64::from(to) / 2.0 * part;
                if hz > f64::from(from) * 0.49 {
                    continue;
                }
                let input = tone(hz, from, from as usize / 2);
                let output = all(from, to, &input);
                let left = 10.0 * (power(&output[400..output.len() - 400]).max(1e-3) / power(&input)).log10();
                assert!(left < -60.0, "{from} -> {to}: {hz} Hz comes back at {left:.1} dB");
            }
        }
    }

    #[test]
    fn images_of_the_lower_rate_do_not_appear() {
        let output = all(8_000, 16_000, &tone(1_000.0, 8_000, 8_000));
        // Project on the image at 7 kHz.
        let image: (f64, f64) = output[400..15_600].iter().enumerate().fold((0.0, 0.0), |(re, im), (n, &s)| {
            let angle = std::f64::consts::TAU * 7_000.0 * n as f64 / 16_000.0;
            (re + f64::from(s) * angle.cos(), im + f64::from(s) * angle.sin())
        });
        let amplitude = 2.0 * (image.0.powi(2) + image.1.powi(2)).sqrt() / 15_200.0;
        assert!(amplitude < 10.0, "image of amplitude {amplitude:.1}");
    }

    #[test]
    fn full_scale_is_clipped_not_wrapped() {
        let square: Vec<i16> = (0..800).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let output = all(8_000, 16_000, &square);
        assert!(output[100..130].iter().any(|&s| s == i16::MAX || s == i16::MIN), "overshoot reaches the rails");
        for (n, &sample) in output.iter().enumerate().filter(|(n, _)| n % 40 > 10 && n % 40 < 30) {
            assert_eq!(sample > 0, n / 40 % 2 == 0, "sign at {n}");
        }
    }

    #[test]
    fn useless_rates_are_refused() {
        for (from, to) in [(0, 8_000), (8_000, 0), (44_101, 48_000), (u32::MAX, 8_000)] {
            assert_eq!(Resampler::new(from, to).err(), Some(BadRates { from_hz: from, to_hz: to }));
        }
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_changes_nothing(
            pair in 0..PAIRS.len(),
            input in prop::collection::vec(any::<i16>(), 0..2_000),
            cuts in prop::collection::vec(1usize..500, 1..8),
        ) {
            let (from, to) = PAIRS[pair];
            let whole = all(from, to, &input);
            let mut resampler = Resampler::new(from, to).unwrap();
            for _ in 0..2 {
                let (mut rest, mut pieces) = (&input[..], Vec::new());
                for cut in cuts.iter().cycle() {
                    let (piece, later) = rest.split_at((*cut).min(rest.len()));
                    resampler.process(piece, &mut pieces);
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                resampler.flush(&mut pieces);
                prop_assert_eq!(&pieces, &whole, "also after a flush");
            }
            prop_assert_eq!(whole.len() as u64, (input.len() as u64 * u64::from(to)).div_ceil(u64::from(from)));
        }
    }
}

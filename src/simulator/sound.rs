//! The little of sound that the simulator needs beside [`crate::audio`]: loudness, whole recordings resampled, PCM as bytes.

use std::sync::LazyLock;

use crate::audio::FRAME_SAMPLES;
use crate::audio::resample::Resampler;

pub(crate) use crate::audio::SILENCE;
pub(crate) use crate::audio::mulaw::{decode, encode};

/// Bytes in a frame of 20 ms.
pub(crate) const FRAME: usize = FRAME_SAMPLES;

/// Whether these mu-law bytes are loud enough to be speech rather than line noise (mean magnitude over about -46 dBFS).
pub(crate) fn is_loud(mulaw: &[u8]) -> bool {
    let sum: u64 = mulaw.iter().map(|&byte| u64::from(MAGNITUDE[usize::from(byte)])).sum();
    !mulaw.is_empty() && sum / mulaw.len() as u64 > 160
}

/// Linear samples at `to` Hz from samples at `from` Hz; nothing for rates that no resampler is made for.
pub(crate) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let mut out = Vec::new();
    if let Ok(mut resampler) = Resampler::new(from, to) {
        resampler.process(samples, &mut out);
        resampler.flush(&mut out);
    }
    out
}

/// Linear samples as little-endian bytes.
pub(crate) fn to_le_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// 16-bit little-endian samples; an odd last byte is dropped.
pub(crate) fn from_le_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

static MAGNITUDE: LazyLock<[u16; 256]> =
    LazyLock::new(|| std::array::from_fn(|byte| decode(byte as u8).unsigned_abs()));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_the_duration() {
        let tone: Vec<i16> = (0..22_050).map(|n| ((f64::from(n) * 0.05).sin() * 9000.0) as i16).collect();
        assert_eq!(resample(&tone, 22_050, 8_000).len(), 8_000);
        assert_eq!(resample(&tone[..8_000], 8_000, 24_000).len(), 24_000);
        assert!(resample(&[], 8_000, 16_000).is_empty());
    }

    #[test]
    fn silence_is_not_loud() {
        assert!(!is_loud(&[SILENCE; FRAME]));
        assert!(!is_loud(&[]));
        assert!(is_loud(&[0x10; FRAME]));
    }
}

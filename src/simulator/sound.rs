//! The little of sound that the simulator needs: mu-law to and from linear samples, loudness, a linear resampler.

use std::sync::LazyLock;

/// Bytes in a frame of 20 ms.
pub(crate) const FRAME: usize = 160;
/// The mu-law byte of silence.
pub(crate) const SILENCE: u8 = 0xFF;

/// One mu-law byte as a linear sample.
pub(crate) fn decode(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0F) << 3) + 0x84) << ((byte >> 4) & 7);
    let sample = magnitude - 0x84;
    (if byte & 0x80 != 0 { -sample } else { sample }) as i16
}

/// One linear sample as mu-law.
pub(crate) fn encode(sample: i16) -> u8 {
    ENCODED[(i32::from(sample) + 32_768) as usize]
}

/// Whether these mu-law bytes are loud enough to be speech rather than line noise (mean magnitude over about -46 dBFS).
pub(crate) fn is_loud(mulaw: &[u8]) -> bool {
    let sum: u64 = mulaw
        .iter()
        .map(|&byte| u64::from(MAGNITUDE[usize::from(byte)]))
        .sum();
    !mulaw.is_empty() && sum / mulaw.len() as u64 > 160
}

/// Linear samples at `to` Hz from samples at `from` Hz, by straight lines between neighbours; when the rate falls, neighbours are
/// averaged first.
pub(crate) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let reach = (from / to).max(1) as usize;
    let smooth = |i: usize| -> f32 {
        let window = &samples[i.min(samples.len() - 1)..(i + reach).min(samples.len()).max(1)];
        window.iter().map(|&s| f32::from(s)).sum::<f32>() / window.len().max(1) as f32
    };
    let length = samples.len() as u64 * u64::from(to) / u64::from(from);
    (0..length)
        .map(|n| {
            let at = n as f64 * f64::from(from) / f64::from(to);
            let (left, part) = (at as usize, at.fract() as f32);
            let next = (left + 1).min(samples.len() - 1);
            (smooth(left.min(samples.len() - 1)) * (1.0 - part) + smooth(next) * part) as i16
        })
        .collect()
}

/// Linear samples as little-endian bytes.
pub(crate) fn to_le_bytes(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// 16-bit little-endian samples; an odd last byte is dropped.
pub(crate) fn from_le_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

static ENCODED: LazyLock<Vec<u8>> =
    LazyLock::new(|| (-32_768..=32_767).map(encode_slowly).collect());

static MAGNITUDE: LazyLock<[u16; 256]> =
    LazyLock::new(|| std::array::from_fn(|byte| decode(byte as u8).unsigned_abs()));

fn encode_slowly(sample: i32) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.abs().min(32_635) + 0x84;
    let exponent = (magnitude >> 7).ilog2() as u8;
    let mantissa = ((magnitude >> (exponent + 3)) & 0x0F) as u8;
    !(sign | (exponent << 4) | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_survives_a_round_trip() {
        for byte in 0..=255_u8 {
            let again = encode(decode(byte));
            assert_eq!(again, if byte == 0x7F { SILENCE } else { byte });
        }
        assert_eq!(
            (decode(0x00), decode(0x80), decode(SILENCE)),
            (-32_124, 32_124, 0)
        );
    }

    #[test]
    fn resampling_keeps_the_duration() {
        let tone: Vec<i16> = (0..22_050)
            .map(|n| ((f64::from(n) * 0.05).sin() * 9000.0) as i16)
            .collect();
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

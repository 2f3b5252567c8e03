//! G.711 mu-law (ITU-T G.711, 1988, table 2) to and from 16-bit linear samples.
//!
//! Both ways are one table look-up a sample: 256 entries to decode, 8192 (one per step of the 14-bit code's
//! magnitude) to encode. The tables are computed at compile time from the rule of the standard. Linear samples
//! use the customary 16-bit scale: full scale of the code is 32,124.

use super::{FRAME_SAMPLES, Frame};

/// The largest magnitude a mu-law byte can stand for.
pub const MAX_LINEAR: i16 = 32_124;

/// The linear sample of one mu-law byte.
#[inline]
#[must_use]
pub const fn decode(byte: u8) -> i16 {
    DECODE[byte as usize]
}

/// The mu-law byte nearest to a linear sample (by the standard's decision values). Never yields `0x7F` for 0.
#[inline]
#[must_use]
pub const fn encode(sample: i16) -> u8 {
    // Every decision value is a multiple of 4 on this scale, so the two lowest bits never matter.
    let magnitude = if sample < 0 { sample.saturating_neg() } else { sample };
    let code = ENCODE[(magnitude >> 2) as usize];
    if sample < 0 { code & 0x7F } else { code }
}

/// The 160 linear samples of a frame.
#[inline]
#[must_use]
pub fn decode_frame(frame: &Frame) -> [i16; FRAME_SAMPLES] {
    frame.0.map(decode)
}

/// A frame of 160 linear samples.
#[inline]
#[must_use]
pub fn encode_frame(samples: &[i16; FRAME_SAMPLES]) -> Frame {
    Frame(samples.map(encode))
}

/// Appends the linear samples of `bytes` to `samples`.
pub fn decode_slice(bytes: &[u8], samples: &mut Vec<i16>) {
    samples.extend(bytes.iter().map(|&byte| decode(byte)));
}

/// Appends the mu-law bytes of `samples` to `bytes`.
pub fn encode_slice(samples: &[i16], bytes: &mut Vec<u8>) {
    bytes.extend(samples.iter().map(|&sample| encode(sample)));
}

/// The offset G.711 adds to a magnitude so that segments start at powers of two.
const BIAS: i32 = 0x84;

static DECODE: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let inverted = !(byte as u8);
        let segment = (inverted >> 4) & 0x07;
        let step = (inverted & 0x0F) as i32;
        let magnitude = (((step << 3) + BIAS) << segment) - BIAS;
        table[byte] = if inverted & 0x80 == 0 { magnitude as i16 } else { -magnitude as i16 };
        byte += 1;
    }
    table
};

/// By magnitude / 4, for positive samples; a negative one has bit 7 cleared.
static ENCODE: [u8; 8192] = {
    let mut table = [0; 8192];
    let mut index = 0;
    while index < 8192 {
        let biased = (index as i32) * 4 + BIAS;
        let biased = if biased > 0x7FFF { 0x7FFF } else { biased };
        let segment = 24 - biased.leading_zeros() as i32;
        let step = (biased >> (segment + 3)) & 0x0F;
        table[index] = !((segment << 4 | step) as u8);
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip_but_negative_zero() {
        for byte in 0..=255u8 {
            let expected = if byte == 0x7F { 0xFF } else { byte };
            assert_eq!(encode(decode(byte)), expected, "byte {byte:#04x}");
        }
    }

    #[test]
    fn decoding_matches_the_corners_of_the_standard() {
        let known = [
            (0xFF, 0),
            (0x7F, 0),
            (0xFE, 8),
            (0x7E, -8),
            (0x80, 32_124),
            (0x00, -32_124),
            (0xF0, 120),
            (0xEF, 132),
            (0x8F, 16_764),
        ];
        for (byte, linear) in known {
            assert_eq!(decode(byte), linear, "byte {byte:#04x}");
        }
        assert_eq!(decode(super::super::SILENCE), 0);
    }

    #[test]
    fn decoding_is_monotone_and_symmetric() {
        for byte in 0x80..0xFFu8 {
            assert!(decode(byte) > decode(byte + 1), "positive codes fall as the byte grows");
        }
        for byte in 0..0x80u8 {
            assert_eq!(decode(byte), -decode(byte | 0x80));
        }
    }

    #[test]
    fn encoding_picks_a_nearest_value_and_bounds_the_error_by_the_segment() {
        for sample in i16::MIN..=i16::MAX {
            let error = (i32::from(sample) - i32::from(decode(encode(sample)))).abs();
            let magnitude = i32::from(sample).abs();
            if magnitude > i32::from(MAX_LINEAR) {
                assert_eq!(i32::from(decode(encode(sample))).abs(), i32::from(MAX_LINEAR), "clipped");
                continue;
            }
            let segment = (magnitude + BIAS).ilog2() - 7;
            assert!(error <= 4 << segment, "sample {sample} is off by {error}");
        }
    }

    #[test]
    fn encoding_is_monotone() {
        for sample in i16::MIN..i16::MAX {
            assert!(decode(encode(sample)) <= decode(encode(sample + 1)), "at {sample}");
        }
    }

    #[test]
    fn frames_and_slices_agree_with_single_samples() {
        let mut frame = Frame::SILENCE;
        for (at, byte) in frame.0.iter_mut().enumerate() {
            *byte = (at * 7) as u8;
        }
        let linear = decode_frame(&frame);
        let mut slice = Vec::new();
        decode_slice(frame.as_bytes(), &mut slice);
        assert_eq!(slice, linear);
        assert_eq!(linear[3], decode(21));
        let mut bytes = Vec::new();
        encode_slice(&linear, &mut bytes);
        assert_eq!(bytes, encode_frame(&linear).as_bytes());
    }
}

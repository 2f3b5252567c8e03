//! The spectrum of 32 ms of telephone sound in 16 bands, spaced as the ear spaces them from 200 to 3,500 Hz.
//!
//! A 256-point real transform done as a 128-point complex one. Tables are made once a process. Key type: [`Bands`].

use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

/// Samples looked at: 32 ms.
pub(super) const WINDOW: usize = 256;
/// How many bands.
pub(super) const BANDS: usize = 16;

/// Decibels per band, lowest first; a full-scale sine is 0, silence -100.
pub(super) type Bands = [f32; BANDS];

/// The bands of one window of samples between -1 and 1.
pub(super) fn bands(window: &[f32; WINDOW]) -> Bands {
    let tables = &*TABLES;
    let (mut re, mut im) = ([0.0f32; HALF], [0.0f32; HALF]);
    for n in 0..HALF {
        let to = tables.order[n] as usize;
        re[to] = window[2 * n] * tables.window[2 * n];
        im[to] = window[2 * n + 1] * tables.window[2 * n + 1];
    }
    transform(&mut re, &mut im, tables);
    let mut powers = [0.0f32; BANDS];
    // Bin k of the real transform from bins k and -k of the complex one.
    for k in FIRST_BIN..=LAST_BIN {
        let (a, b) = (k, HALF - k);
        let (even_re, even_im) = (0.5 * (re[a] + re[b]), 0.5 * (im[a] - im[b]));
        let (odd_re, odd_im) = (0.5 * (im[a] + im[b]), -0.5 * (re[a] - re[b]));
        let (cos, sin) = tables.split[k];
        let real = even_re + odd_re * cos + odd_im * sin;
        let imaginary = even_im + odd_im * cos - odd_re * sin;
        powers[tables.band[k] as usize] += real * real + imaginary * imaginary;
    }
    powers.map(|power| 10.0 * (power * SCALE).max(1e-10).log10())
}

fn transform(re: &mut [f32; HALF], im: &mut [f32; HALF], tables: &Tables) {
    let mut span = 1;
    while span < HALF {
        // The factors of a stage lie side by side, so that the inner loop can run in vector registers.
        let (cos, sin) = (&tables.turn_cos[span..2 * span], &tables.turn_sin[span..2 * span]);
        for (re, im) in re.chunks_exact_mut(2 * span).zip(im.chunks_exact_mut(2 * span)) {
            let (re_low, re_high) = re.split_at_mut(span);
            let (im_low, im_high) = im.split_at_mut(span);
            let pairs = re_low.iter_mut().zip(re_high).zip(im_low.iter_mut().zip(im_high)).zip(cos.iter().zip(sin));
            for (((re_low, re_high), (im_low, im_high)), (cos, sin)) in pairs {
                let turned_re = *re_high * cos + *im_high * sin;
                let turned_im = *im_high * cos - *re_high * sin;
                (*re_high, *im_high) = (*re_low - turned_re, *im_low - turned_im);
                *re_low += turned_re;
                *im_low += turned_im;
            }
        }
        span *= 2;
    }
}

struct Tables {
    window: [f32; WINDOW],
    /// Bit reversal of 7 bits.
    order: [u8; HALF],
    /// Of the stage that spans `n` points, at `n..2 * n`.
    turn_cos: [f32; HALF],
    turn_sin: [f32; HALF],
    split: [(f32, f32); HALF],
    band: [u8; HALF],
}

const HALF: usize = WINDOW / 2;
/// 31.25 Hz a bin.
const FIRST_BIN: usize = 6;
const LAST_BIN: usize = 112;
/// The Hann window's gain and the transform's length taken out.
const SCALE: f32 = 4.0 / (WINDOW as f32 * WINDOW as f32 * 0.375);

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let angle = |n: usize, of: usize| TAU * n as f32 / of as f32;
    let turn = |n: usize| n.checked_ilog2().map_or(0.0, |stage| angle(n - (1 << stage), 2 << stage));
    let mel = |hz: f32| (1.0 + hz / 700.0).ln();
    let (low, high) = (mel(FIRST_BIN as f32 * 31.25), mel((LAST_BIN + 1) as f32 * 31.25));
    Tables {
        window: std::array::from_fn(|n| 0.5 - 0.5 * (2.0 * PI * (n as f32 + 0.5) / WINDOW as f32).cos()),
        order: std::array::from_fn(|n| (n as u8).reverse_bits() >> 1),
        turn_cos: std::array::from_fn(|n| turn(n).cos()),
        turn_sin: std::array::from_fn(|n| turn(n).sin()),
        split: std::array::from_fn(|n| (angle(n, WINDOW).cos(), angle(n, WINDOW).sin())),
        band: std::array::from_fn(|n| {
            let place = (mel(n as f32 * 31.25) - low) / (high - low);
            (place * BANDS as f32).clamp(0.0, BANDS as f32 - 1.0) as u8
        }),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_lands_in_one_band_at_its_level() {
        for bin in [8usize, 20, 33, 50, 70, 100] {
            let hz = bin as f32 * 31.25;
            let bands = bands(&std::array::from_fn(|n| 0.5 * (TAU * hz * n as f32 / 8_000.0).sin()));
            let total = 10.0 * bands.iter().map(|b| 10f32.powf(b / 10.0)).sum::<f32>().log10();
            assert!((total + 6.02).abs() < 0.5, "{hz} Hz: {total} dB, not half of full scale");
            let loudest = (0..BANDS).max_by(|a, b| bands[*a].total_cmp(&bands[*b])).unwrap();
            assert_eq!(loudest, TABLES.band[bin] as usize, "{hz} Hz: {bands:?}");
            for (n, band) in bands.iter().enumerate().filter(|(n, _)| n.abs_diff(loudest) > 1) {
                assert!(*band < total - 40.0, "{hz} Hz leaks {band} dB into band {n}");
            }
        }
    }

    #[test]
    fn the_transform_agrees_with_the_plain_sum() {
        let sound: [f32; WINDOW] = std::array::from_fn(|n| ((n * n * 7 + n * 13) % 101) as f32 / 50.0 - 1.0);
        let mut wanted = [0.0f32; BANDS];
        for k in FIRST_BIN..=LAST_BIN {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, (sample, weight)) in sound.iter().zip(&TABLES.window).enumerate() {
                let angle = f64::from(TAU) * (k * n) as f64 / WINDOW as f64;
                let x = f64::from(sample * weight);
                re += x * angle.cos();
                im -= x * angle.sin();
            }
            wanted[TABLES.band[k] as usize] += ((re * re + im * im) as f32) * SCALE;
        }
        for (got, wanted) in bands(&sound).iter().zip(wanted) {
            assert!((got - 10.0 * wanted.log10()).abs() < 0.01, "{got} against {}", 10.0 * wanted.log10());
        }
    }

    #[test]
    fn every_band_has_bins() {
        for band in 0..BANDS {
            assert!((FIRST_BIN..=LAST_BIN).any(|k| TABLES.band[k] as usize == band), "band {band}");
        }
    }
}

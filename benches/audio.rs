//! Cost of the audio path per 20 ms frame: `cargo bench --bench audio`.
//!
//! One call needs 50 of each a second and direction; 20 ms / figure = calls one core carries of that step alone.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use trunkline::audio::framer::Framer;
use trunkline::audio::opus::OggOpus;
use trunkline::audio::resample::Resampler;
use trunkline::audio::vad::{Vad, VadConfig};
use trunkline::audio::{FRAME_SAMPLES, Frame, mulaw};

criterion_group!(benches, codec, framing, resampling, voice_activity, recording);
criterion_main!(benches);

/// Half a second of a buzz like a vowel under noise, half a second of noise.
fn talk() -> Vec<Frame> {
    let mut seed = 1u32;
    (0..50)
        .map(|frame| {
            let samples: [i16; FRAME_SAMPLES] = std::array::from_fn(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 22) as f32 - 512.0;
                let t = (frame * FRAME_SAMPLES + n) as f32 / 8_000.0;
                let voice: f32 = (1..20).map(|h| (std::f32::consts::TAU * 130.0 * h as f32 * t).sin() / h as f32).sum();
                (if frame < 25 { 3_000.0 * voice + 0.2 * noise } else { 0.2 * noise }) as i16
            });
            mulaw::encode_frame(&samples)
        })
        .collect()
}

fn codec(c: &mut Criterion) {
    let frame = talk()[3];
    let samples = mulaw::decode_frame(&frame);
    c.bench_function("mulaw decode frame", |b| b.iter(|| mulaw::decode_frame(black_box(&frame))));
    c.bench_function("mulaw encode frame", |b| b.iter(|| mulaw::encode_frame(black_box(&samples))));
}

fn framing(c: &mut Criterion) {
    let frame = talk()[3];
    let mut framer = Framer::new();
    let mut at = 0;
    c.bench_function("framer push 160 bytes", |b| {
        b.iter(|| {
            framer.push(Some(at), black_box(frame.as_bytes()), |frame| {
                black_box(frame);
            });
            at += 20;
        });
    });
}

fn resampling(c: &mut Criterion) {
    for (from, to) in [(8_000, 16_000), (16_000, 8_000), (24_000, 8_000), (22_050, 8_000)] {
        let Ok(mut resampler) = Resampler::new(from, to) else { continue };
        let input: Vec<i16> = (0..from / 50).map(|n| (n * 37 % 4_001) as i16).collect();
        let mut output = Vec::with_capacity(4_096);
        c.bench_function(&format!("resample 20 ms {from} to {to}"), |b| {
            b.iter(|| {
                output.clear();
                resampler.process(black_box(&input), &mut output);
            });
        });
    }
}

fn voice_activity(c: &mut Criterion) {
    let talk = talk();
    let mut vad = Vad::new(VadConfig::default());
    let mut frames = talk.iter().cycle();
    c.bench_function("vad, half voice half noise", |b| b.iter(|| frames.next().map(|frame| vad.push(frame))));
    let mut open = Vad::new(VadConfig { margin_db: f32::MIN, min_level_dbfs: f32::MIN, ..VadConfig::default() });
    let mut frames = talk.iter().cycle();
    c.bench_function("vad, gate always open", |b| b.iter(|| frames.next().map(|frame| open.push(frame))));
    c.bench_function("vad, silence (gate closed)", |b| b.iter(|| vad.push(black_box(&Frame::SILENCE))));
}

fn recording(c: &mut Criterion) {
    let talk = talk();
    let mut frames = talk.iter().cycle();
    let mut recording = OggOpus::new(std::io::sink()).ok();
    c.bench_function("opus encode and page, stereo", |b| {
        b.iter(|| {
            let (frame, recording) = (frames.next()?, recording.as_mut()?);
            recording.push(frame, &Frame::SILENCE).ok()
        });
    });
}

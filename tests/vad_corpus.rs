//! Voice activity against sounds made on the spot: a talking machine of formants, and what a telephone hears that is no
//! talk. Needs nothing installed. Real voices, noises and other detectors are compared by `cargo bench --bench vad`.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::f32::consts::TAU;

use trunkline::audio::vad::{Activity, Speech, Vad, VadConfig};
use trunkline::audio::{FRAME_SAMPLES, Frame, mulaw};

const RATE: usize = 8_000;

#[test]
fn talk_is_noticed_within_200_ms_at_many_pitches_and_noises() {
    let mut chance = Chance(7);
    let (mut asked, mut in_200, mut in_400) = (0, 0, 0);
    for pitch in [90.0, 120.0, 160.0, 210.0, 260.0] {
        for noise_dbfs in [-70.0, -50.0, -42.0, -36.0, -32.0] {
            let speech = talk(pitch, 6, &mut chance);
            let heard = listen(&mut Vad::new(VadConfig::default()), &amid(noise_dbfs, 2.0, &speech, &mut chance));
            let first = onsets(&heard).first().copied();
            assert!(first.is_none_or(|n| n >= 99), "{pitch} Hz over {noise_dbfs} dBFS: triggered before the talk");
            asked += 1;
            in_200 += usize::from(first.is_some_and(|n| n < 110));
            in_400 += usize::from(first.is_some_and(|n| n < 120));
        }
    }
    assert!(in_200 * 10 >= asked * 9, "{in_200} of {asked} within 200 ms");
    assert_eq!(in_400, asked, "within 400 ms");
}

#[test]
fn what_is_no_talk_does_not_trigger() {
    let mut chance = Chance(3);
    for (name, sound) in nuisances(&mut chance) {
        for before in [0.5, 3.0] {
            let heard = listen(&mut Vad::new(VadConfig::default()), &amid(-60.0, before, &sound, &mut chance));
            assert_eq!(onsets(&heard), [0usize; 0], "{name} after {before} s");
        }
    }
}

#[test]
fn steady_noise_from_the_first_frame_does_not_trigger() {
    for dbfs in [-60.0, -40.0, -30.0, -20.0] {
        let heard = listen(&mut Vad::new(VadConfig::default()), &noise(10.0, dbfs, &mut Chance(5)));
        assert_eq!(onsets(&heard), [0usize; 0], "noise at {dbfs} dBFS");
    }
}

#[test]
fn talk_begins_once_goes_on_over_short_pauses_and_ends_after_the_hangover() {
    let mut chance = Chance(1);
    let mut sound = noise(1.0, -65.0, &mut chance);
    sound.extend(talk(120.0, 5, &mut chance));
    sound.extend(noise(0.1, -65.0, &mut chance));
    sound.extend(talk(120.0, 5, &mut chance));
    let spoken = sound.len() / FRAME_SAMPLES;
    sound.extend(noise(2.0, -65.0, &mut chance));
    let heard = listen(&mut Vad::new(VadConfig { hangover_ms: 300, ..VadConfig::default() }), &sound);
    let ends: Vec<usize> = (0..heard.len()).filter(|&n| heard[n].speech == Speech::Ended).collect();
    assert_eq!((onsets(&heard).len(), ends.len()), (1, 1));
    let last_voiced = (0..heard.len()).rfind(|&n| heard[n].voiced);
    assert_eq!(last_voiced, Some(ends[0] - 15), "300 ms after the last voiced frame");
    assert!((spoken..spoken + 25).contains(&ends[0]), "ended at {} of {spoken}", ends[0]);
    assert!(heard[ends[0] + 1..].iter().all(|a| a.speech == Speech::Silent));
}

#[test]
fn more_voiced_frames_asked_for_means_a_later_onset() {
    let mut chance = Chance(2);
    let sound = amid(-60.0, 1.0, &talk(140.0, 6, &mut chance), &mut chance);
    let mut before = 0;
    for (onset_frames, onset_window) in [(1, 1), (3, 4), (6, 8), (10, 12)] {
        let config = VadConfig { onset_frames, onset_window, ..VadConfig::default() };
        let first = onsets(&listen(&mut Vad::new(config), &sound))[0];
        assert!(first > before, "{onset_frames} of {onset_window} at {first}, not after {before}");
        before = first;
    }
}

#[test]
fn a_word_right_at_the_start_of_the_call_is_heard() {
    let heard = listen(&mut Vad::new(VadConfig::default()), &talk(130.0, 5, &mut Chance(9)));
    assert!(onsets(&heard).first().is_some_and(|n| *n < 15), "{:?}", onsets(&heard));
}

#[test]
fn a_voice_below_the_ceiling_is_an_echo_and_one_above_is_noticed() {
    let mut chance = Chance(6);
    let own = talk(120.0, 30, &mut chance);
    for gain_db in [-12.0, -15.0] {
        let echo: Vec<f32> = own.iter().map(|x| x * 10f32.powf(gain_db / 20.0)).collect();
        let mut sound = amid(-65.0, 0.5, &echo, &mut chance);
        // The loudest 20 ms of the talk are some 9 dB above its mean of -22.
        let ceiling = -13.0 - 9.0;
        let mut vad = Vad::new(VadConfig::default());
        assert_eq!(onsets(&listen_over(&mut vad, &sound, ceiling)), [0usize; 0], "{gain_db} dB");
        assert_ne!(onsets(&listen(&mut Vad::new(VadConfig::default()), &sound)), [0usize; 0], "it is a voice");
        let begins = 2 * RATE;
        sound[begins..].iter_mut().zip(talk(170.0, 6, &mut chance)).for_each(|(slot, x)| *slot += x);
        let noticed = onsets(&listen_over(&mut Vad::new(VadConfig::default()), &sound, ceiling));
        assert!(noticed.first().is_some_and(|n| (100..120).contains(n)), "{gain_db} dB: {noticed:?}");
    }
}

/// The recordings of the simulated caller that are talk.
fn recordings() -> Vec<Vec<Frame>> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/speech")).unwrap();
    let files = folder.map(|file| file.unwrap().path());
    let talk =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "ulaw") && !path.ends_with("cough.ulaw"));
    talk.map(|path| std::fs::read(path).unwrap().as_chunks::<FRAME_SAMPLES>().0.iter().map(|c| Frame(*c)).collect())
        .collect()
}

#[test]
fn what_was_said_before_a_long_silence_makes_no_later_word_harder_to_notice() {
    let recordings = recordings();
    let onset = |vad: &mut Vad, frames: &[Frame]| frames.iter().position(|f| vad.push(f).speech == Speech::Onset);
    let silence = |vad: &mut Vad, frames| {
        (0..frames).for_each(|_| {
            vad.push(&Frame::SILENCE);
        })
    };
    for before in &recordings {
        for word in &recordings {
            let mut fresh = Vad::new(VadConfig::default());
            silence(&mut fresh, 50);
            let mut used = Vad::new(VadConfig::default());
            silence(&mut used, 50);
            for frame in before.iter().chain(before).chain(before) {
                used.push(frame);
            }
            silence(&mut used, 210);
            let (first, later) = (onset(&mut fresh, word), onset(&mut used, word));
            let late = later.zip(first).map(|(later, first)| later.saturating_sub(first));
            assert!(late.is_some_and(|frames| frames <= 2), "{later:?} frames instead of {first:?}");
        }
    }
}

#[test]
fn levels_are_told_in_dbfs() {
    let mut vad = Vad::new(VadConfig::default());
    let tone: Vec<f32> = (0..RATE).map(|n| 0.1 * sine(1_000.0, n)).collect();
    let heard = listen(&mut vad, &tone);
    assert!((heard[40].level_dbfs + 23.0).abs() < 1.0, "{} dBFS", heard[40].level_dbfs);
    assert!(vad.push(&Frame::SILENCE).level_dbfs < -40.0);
    assert!((vad.push(&Frame::SILENCE).level_dbfs + 96.0).abs() < 0.1, "silence");
}

#[test]
fn no_bytes_upset_it() {
    let mut vad = Vad::new(VadConfig { onset_frames: 0, onset_window: 0, hangover_ms: 0, ..VadConfig::default() });
    let mut chance = Chance(4);
    for n in 0..500 {
        let frame = if n % 2 == 0 {
            Frame([(n % 256) as u8; FRAME_SAMPLES])
        } else {
            Frame(std::array::from_fn(|_| (chance.unit() * 256.0) as u8))
        };
        assert!((-96.0..=6.0).contains(&vad.push(&frame).level_dbfs));
    }
}

/// Chance that is the same in every run.
struct Chance(u32);

impl Chance {
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 24) as f32
    }

    fn noise(&mut self) -> f32 {
        (0..6).map(|_| self.unit() - 0.5).sum::<f32>() * std::f32::consts::SQRT_2
    }
}

/// A resonance of two poles.
#[derive(Default)]
struct Resonance {
    b1: f32,
    b2: f32,
    y1: f32,
    y2: f32,
}

impl Resonance {
    fn tune(&mut self, hz: f32, width: f32) {
        let r = (-std::f32::consts::PI * width / RATE as f32).exp();
        (self.b1, self.b2) = (2.0 * r * (TAU * hz / RATE as f32).cos(), -r * r);
    }

    fn pass(&mut self, x: f32) -> f32 {
        let y = x * (1.0 - self.b1 - self.b2) + self.b1 * self.y1 + self.b2 * self.y2;
        (self.y2, self.y1) = (self.y1, y);
        y
    }
}

/// Syllables of about 0.2 s, each a consonant's hiss and a vowel that glides, on a falling pitch; -22 dBFS.
fn talk(pitch: f32, syllables: usize, chance: &mut Chance) -> Vec<f32> {
    const VOWELS: [[f32; 3]; 5] = [
        [730.0, 1_090.0, 2_440.0],
        [270.0, 2_290.0, 3_010.0],
        [300.0, 870.0, 2_240.0],
        [530.0, 1_840.0, 2_480.0],
        [570.0, 840.0, 2_410.0],
    ];
    let mut sound = Vec::new();
    let mut throat = [Resonance::default(), Resonance::default(), Resonance::default()];
    let mut phase = 0.0;
    for syllable in 0..syllables {
        let (from, to) = (VOWELS[(chance.unit() * 5.0) as usize % 5], VOWELS[(chance.unit() * 5.0) as usize % 5]);
        sound.extend((0..RATE / 20).map(|_| 0.06 * chance.noise()));
        let length = ((0.13 + 0.08 * chance.unit()) * RATE as f32) as usize;
        for n in 0..length {
            let along = n as f32 / length as f32;
            let fall = 1.15 - 0.25 * (syllable as f32 + along) / syllables as f32;
            phase += pitch * fall * (1.0 + 0.01 * chance.noise()) / RATE as f32;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase = phase.fract();
            let mut x = pulse + 0.01 * chance.noise();
            for (k, resonance) in throat.iter_mut().enumerate() {
                resonance.tune(from[k] + (to[k] - from[k]) * along, 70.0 + 30.0 * k as f32);
                x = resonance.pass(x);
            }
            sound.push(x * (std::f32::consts::PI * along).sin().sqrt());
        }
    }
    level(&mut sound, -22.0);
    sound
}

/// Sounds of the telephone that are no talk, by name.
fn nuisances(chance: &mut Chance) -> Vec<(&'static str, Vec<f32>)> {
    let clicks = (0..RATE).map(|n| if n % 1_600 < 8 { 0.6 * chance.noise() } else { 0.0 }).collect();
    let cough = (0..2_400)
        .scan((0.0, 0.0), |(y1, y2), n: usize| {
            let shape = if n < 160 { n as f32 / 160.0 } else { (-((n - 160) as f32) / 700.0).exp() };
            let y = chance.noise() * shape + 1.4 * *y1 - 0.7 * *y2;
            (*y2, *y1) = (*y1, y);
            Some(0.05 * y)
        })
        .collect();
    let hiss = (0..2 * RATE).map(|_| 0.05 * chance.noise()).collect();
    let hum = (0..2 * RATE).map(|n| (1..9).map(|h| 0.1 * sine(50.0 * h as f32, n) / h as f32).sum()).collect();
    vec![
        ("clicks", clicks),
        ("a cough", cough),
        ("a burst of hiss", hiss),
        ("hum", hum),
        ("a key tone", (0..RATE / 4).map(|n| 0.15 * (sine(770.0, n) + sine(1_336.0, n))).collect()),
        ("ringing", (0..RATE).map(|n| 0.15 * (sine(440.0, n) + sine(480.0, n))).collect()),
        ("a whistle", (0..RATE / 2).map(|n| 0.2 * sine(1_000.0, n)).collect()),
    ]
}

fn sine(hz: f32, n: usize) -> f32 {
    (TAU * hz * n as f32 / RATE as f32).sin()
}

fn noise(seconds: f32, dbfs: f32, chance: &mut Chance) -> Vec<f32> {
    let mut sound: Vec<f32> = (0..(seconds * RATE as f32) as usize).map(|_| chance.noise()).collect();
    level(&mut sound, dbfs);
    sound
}

/// Brings a sound to an effective level.
fn level(sound: &mut [f32], dbfs: f32) {
    let rms = (sound.iter().map(|x| x * x).sum::<f32>() / sound.len() as f32).sqrt();
    sound.iter_mut().for_each(|x| *x *= 10f32.powf(dbfs / 20.0) / rms);
}

/// Sound laid over noise, with `before` seconds ahead of it and one after.
fn amid(noise_dbfs: f32, before: f32, sound: &[f32], chance: &mut Chance) -> Vec<f32> {
    let mut all = noise(before + sound.len() as f32 / RATE as f32 + 1.0, noise_dbfs, chance);
    let start = (before * RATE as f32) as usize;
    all[start..].iter_mut().zip(sound).for_each(|(slot, x)| *slot += x);
    all
}

fn listen(vad: &mut Vad, sound: &[f32]) -> Vec<Activity> {
    listen_over(vad, sound, f32::NEG_INFINITY)
}

fn listen_over(vad: &mut Vad, sound: &[f32], ceiling: f32) -> Vec<Activity> {
    let samples: Vec<i16> = sound.iter().map(|x| (x * 32_768.0) as i16).collect();
    let frames = samples.as_chunks::<FRAME_SAMPLES>().0.iter();
    frames.map(|chunk| vad.push_over(&mulaw::encode_frame(chunk), ceiling)).collect()
}

fn onsets(heard: &[Activity]) -> Vec<usize> {
    (0..heard.len()).filter(|&n| heard[n].speech == Speech::Onset).collect()
}

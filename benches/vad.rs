//! The table of voice activity: how soon and how falsely each detector triggers on the corpus, and at what cost.
//!
//! `cargo bench --bench vad` prints the half kept for reporting; `-- tune` the half the constants were chosen on,
//! `-- each` every condition by itself; `-- measures FOLDER SEEDS` writes what `benches/vad_train.py` trains on
//! (with `VAD_MUSIC=folder`, also on the WAV files there). With `VAD_DUMP=folder` the sounds are written there as raw 16-bit 8 kHz
//! files; a file `{name}.silero` of f32 probabilities per 32 ms beside one (see `benches/silero.py`) adds that row.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]

mod vad_corpus;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use trunkline::audio::vad::{Speech, Vad, VadConfig};
use trunkline::audio::voice::MEASURES;
use trunkline::audio::{Frame, mulaw};
use vad_corpus::{Condition, Half};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    if let Some(at) = words.iter().position(|w| w == "measures") {
        let folder = PathBuf::from(words.get(at + 1).map_or(".", String::as_str));
        for seed in 1..=words.get(at + 2).and_then(|n| n.parse().ok()).unwrap_or(16) {
            if let Err(missing) = measure(&folder, seed) {
                eprintln!("no training material: {missing}");
                std::process::exit(1);
            }
        }
        return;
    }
    let half = if has("tune") { Half::Tune } else { Half::Report };
    let conditions = match vad_corpus::make(half) {
        Ok(conditions) => conditions,
        Err(missing) => {
            eprintln!("no corpus: {missing}");
            std::process::exit(1);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "a bench has no configuration but its environment")]
    let dump = std::env::var_os("VAD_DUMP").map(PathBuf::from);
    if let Some(folder) = &dump {
        for condition in &conditions {
            let raw: Vec<u8> =
                condition.frames.iter().flat_map(|f| mulaw::decode_frame(f).map(i16::to_le_bytes)).flatten().collect();
            if let Err(error) = std::fs::write(raw_path(folder, half, condition), raw) {
                eprintln!("cannot dump: {error}");
            }
        }
    }
    let minutes = conditions[0].frames.len() as f64 / 3_000.0;
    println!(
        "{half:?}: {} conditions of {minutes:.1} min, {} onsets in each with speech",
        conditions.len(),
        conditions[0].onsets.len()
    );
    println!(
        "{:24} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "detector",
        "<=200ms",
        "<=400ms",
        "median",
        "false/min",
        "quiet/min",
        "nuis/min",
        "false %",
        "covered",
        "us/frame"
    );
    for (name, detector) in detectors(half, dump, has("sweep")) {
        let mut all = Score::default();
        let mut parts = Vec::new();
        for condition in &conditions {
            let begun = Instant::now();
            let Some(active) = detector(condition) else { continue };
            let score = Score::of(condition, &active, begun.elapsed());
            parts.push((condition.name.clone(), score.clone()));
            all.add(&condition.name, &score);
        }
        if all.frames == 0 {
            continue;
        }
        all.print(&name);
        if has("each") {
            parts.iter().for_each(|(name, score)| score.print(&format!("    {name}")));
        }
    }
}

/// Writes what the network is trained on: per frame, as f32, gate open, speech, and the measures.
fn measure(folder: &std::path::Path, seed: u64) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "a bench has no configuration but its environment")]
    let music = std::env::var_os("VAD_MUSIC").map(PathBuf::from);
    for (n, condition) in vad_corpus::training(seed, music.as_deref())?.iter().enumerate() {
        let mut vad = Vad::new(VadConfig::default());
        let mut rows: Vec<f32> = Vec::new();
        for (at, (frame, speech)) in condition.frames.iter().zip(&condition.speech).enumerate() {
            // Every second file is many beginnings of calls.
            if seed.is_multiple_of(2) && at.is_multiple_of(400) {
                vad = Vad::new(VadConfig::default());
            }
            vad.push(frame);
            rows.extend([f32::from(u8::from(vad.measures().is_some())), f32::from(u8::from(*speech))]);
            rows.extend(vad.measures().unwrap_or(&[0.0; MEASURES]));
        }
        let bytes: Vec<u8> = rows.into_iter().flat_map(f32::to_le_bytes).collect();
        std::fs::write(folder.join(format!("{seed}-{n}.measures")), bytes).map_err(|e| e.to_string())?;
    }
    Ok(())
}

type Detector = Box<dyn Fn(&Condition) -> Option<Vec<bool>>>;

/// Each says per frame whether it holds that speech is going on.
fn detectors(half: Half, dump: Option<PathBuf>, sweep: bool) -> Vec<(String, Detector)> {
    let mut all: Vec<(String, Detector)> = Vec::new();
    all.push(("energy, 6 of 8".to_owned(), Box::new(|c| Some(trigger(&energy(&c.frames), 6, 8)))));
    for threshold in [0.5, 0.7, 0.9] {
        all.push((
            format!("earshot {threshold}, 6 of 8"),
            Box::new(move |c| {
                Some(trigger(&earshot(&c.frames).iter().map(|p| *p > threshold).collect::<Vec<_>>(), 6, 8))
            }),
        ));
    }
    if let Some(folder) = dump {
        for (threshold, k, n) in [(0.5, 6, 8), (0.5, 3, 4), (0.7, 3, 4)] {
            let folder = folder.clone();
            all.push((
                format!("Silero v6 {threshold}, {k} of {n}"),
                Box::new(move |c| {
                    let bytes = std::fs::read(raw_path(&folder, half, c).with_extension("silero")).ok()?;
                    let scores: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                    // A frame knows the newest window that had ended by its own end.
                    let voiced: Vec<bool> = (0..c.frames.len())
                        .map(|n| {
                            ((n + 1) * 160 / 256)
                                .checked_sub(1)
                                .is_some_and(|w| scores.get(w).is_some_and(|p| *p > threshold))
                        })
                        .collect();
                    Some(trigger(&voiced, k, n))
                }),
            ));
        }
    }
    all.push(("Trunkline".to_owned(), Box::new(|c| Some(ours(&c.frames, VadConfig::default())))));
    if sweep {
        for (onset_threshold, keep_threshold, onset_frames, onset_window) in [
            (0.8, 0.5, 3, 4),
            (0.9, 0.5, 3, 4),
            (0.9, 0.3, 3, 4),
            (0.9, 0.3, 4, 5),
            (0.95, 0.3, 3, 4),
            (0.95, 0.3, 4, 5),
            (0.97, 0.5, 3, 4),
            (0.97, 0.3, 3, 4),
            (0.98, 0.5, 2, 3),
            (0.98, 0.5, 3, 4),
        ] {
            let config =
                VadConfig { onset_threshold, keep_threshold, onset_frames, onset_window, ..VadConfig::default() };
            all.push((
                format!("  {onset_threshold}/{keep_threshold}, {onset_frames} of {onset_window}"),
                Box::new(move |c| Some(ours(&c.frames, config))),
            ));
        }
    }
    all
}

fn ours(frames: &[Frame], config: VadConfig) -> Vec<bool> {
    let mut vad = Vad::new(config);
    frames.iter().map(|frame| matches!(vad.push(frame).speech, Speech::Onset | Speech::Ongoing)).collect()
}

/// Plain energy: 6 dB over a floor that falls fast and rises slowly.
fn energy(frames: &[Frame]) -> Vec<bool> {
    let mut floor = -50.0f32;
    frames
        .iter()
        .map(|frame| {
            let power: f32 =
                frame.0.iter().map(|b| (f32::from(mulaw::decode(*b)) / 32_768.0).powi(2)).sum::<f32>() / 160.0;
            let level = 10.0 * power.max(1e-10).log10();
            floor += if level < floor { 0.3 * (level - floor) } else { 0.02 };
            level > floor + 6.0 && level > -55.0
        })
        .collect()
}

/// The network alone, on every frame.
fn earshot(frames: &[Frame]) -> Vec<f32> {
    let mut detector = earshot::Detector::default();
    let mut up = trunkline::audio::resample::Resampler::new(8_000, 16_000).expect("rates it knows");
    let (mut pending, mut newest) = (Vec::with_capacity(1_024), 0.0);
    frames
        .iter()
        .map(|frame| {
            up.process(&mulaw::decode_frame(frame), &mut pending);
            while pending.len() >= 256 {
                newest = detector.predict_i16(&pending[..256]);
                pending.drain(..256);
            }
            newest
        })
        .collect()
}

/// On at k of the last n, off after 200 ms without.
fn trigger(voiced: &[bool], k: u32, n: u32) -> Vec<bool> {
    let (mut recent, mut on, mut quiet) = (0u32, false, 0);
    voiced
        .iter()
        .map(|&voiced| {
            recent = recent << 1 | u32::from(voiced);
            quiet = if voiced { 0 } else { quiet + 1 };
            if on && quiet >= 10 {
                on = false;
                recent = 0;
            } else if voiced && (recent & (u32::MAX >> (32 - n))).count_ones() >= k {
                on = true;
            }
            on
        })
        .collect()
}

#[derive(Default, Clone)]
struct Score {
    frames: usize,
    onsets: usize,
    within_200: usize,
    within_400: usize,
    delays: Vec<usize>,
    /// Triggers amid no speech, in all; where the noise is no voice or music; and where there is no speech at all.
    false_triggers: [(usize, usize); 3],
    false_frames: usize,
    silent_frames: usize,
    /// Speech frames held to be speech, of all speech frames.
    covered: (usize, usize),
    cost: Duration,
}

impl Score {
    fn of(condition: &Condition, active: &[bool], cost: Duration) -> Self {
        let speech = &condition.speech;
        let mut score = Self { frames: active.len(), onsets: condition.onsets.len(), cost, ..Self::default() };
        for &onset in &condition.onsets {
            let from = onset.saturating_sub(2);
            if let Some(delay) = active[from..(onset + 50).min(active.len())].iter().position(|a| *a) {
                let delay = (delay + 1).saturating_sub(2);
                score.within_200 += usize::from(delay <= 10);
                score.within_400 += usize::from(delay <= 20);
                score.delays.push(delay);
            }
        }
        let mut falsely = 0;
        for n in 1..active.len() {
            let near = speech[n.saturating_sub(10)..(n + 3).min(speech.len())].contains(&true);
            falsely += usize::from(active[n] && !active[n - 1] && !near);
            if !near {
                score.silent_frames += 1;
                score.false_frames += usize::from(active[n]);
            }
        }
        score.covered.0 = active.iter().zip(speech).filter(|(active, speech)| **active && **speech).count();
        score.covered.1 = speech.iter().filter(|speech| **speech).count();
        score.false_triggers[0] = (falsely, score.frames);
        score
    }

    fn add(&mut self, name: &str, other: &Self) {
        self.cost += other.cost;
        self.frames += other.frames;
        if other.onsets == 0 {
            self.false_triggers[2].0 += other.false_triggers[0].0;
            self.false_triggers[2].1 += other.frames;
            return;
        }
        self.onsets += other.onsets;
        self.within_200 += other.within_200;
        self.within_400 += other.within_400;
        self.delays.extend_from_slice(&other.delays);
        self.covered = (self.covered.0 + other.covered.0, self.covered.1 + other.covered.1);
        self.false_frames += other.false_frames;
        self.silent_frames += other.silent_frames;
        self.false_triggers[0].0 += other.false_triggers[0].0;
        self.false_triggers[0].1 += other.frames;
        if !name.starts_with("babble") && !name.starts_with("music") {
            self.false_triggers[1].0 += other.false_triggers[0].0;
            self.false_triggers[1].1 += other.frames;
        }
    }

    fn print(&self, name: &str) {
        let part = |n: usize| {
            if self.onsets == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * n as f64 / self.onsets as f64) }
        };
        let rate = |(n, frames): (usize, usize)| {
            if frames == 0 { "-".to_owned() } else { format!("{:.2}", n as f64 * 3_000.0 / frames as f64) }
        };
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let median = delays.get(delays.len() / 2).map_or_else(|| "-".to_owned(), |d| format!("{} ms", d * 20));
        let [all, quiet, none] = self.false_triggers.map(rate);
        let falsely = 100.0 * self.false_frames as f64 / self.silent_frames.max(1) as f64;
        println!(
            "{name:24} {:>8} {:>8} {median:>8} {all:>9} {quiet:>9} {none:>9} {:>9} {:>9} {:>9.2}",
            part(self.within_200),
            part(self.within_400),
            format!("{falsely:.1} %"),
            format!("{:.1} %", 100.0 * self.covered.0 as f64 / self.covered.1.max(1) as f64),
            self.cost.as_secs_f64() * 1e6 / self.frames as f64
        );
    }
}

fn raw_path(folder: &std::path::Path, half: Half, condition: &Condition) -> PathBuf {
    folder.join(format!("{half:?}-{}.raw", condition.name.replace(' ', "_")))
}

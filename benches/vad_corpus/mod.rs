//! A labelled corpus of telephone sound, made on the spot from packages of Debian: speech of several voices and
//! languages, clean and under noise at 20, 10 and 5 dB, band-limited and through mu-law; and a stretch of sounds that
//! are no speech at all. Two halves with different voices, words, music and chance: one to tune on, one to report.

use std::path::{Path, PathBuf};
use std::process::Command;

use trunkline::audio::resample::Resampler;
use trunkline::audio::{FRAME_SAMPLES, Frame, mulaw};

/// One stretch of sound with the truth about it.
pub(crate) struct Condition {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
    /// Per frame: somebody speaks.
    pub(crate) speech: Vec<bool>,
    /// Frames where speech begins after at least 300 ms without.
    pub(crate) onsets: Vec<usize>,
}

/// Which half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    Tune,
    Report,
}

/// All conditions of one half; `Err` names what must be installed.
pub(crate) fn make(half: Half) -> Result<Vec<Condition>, String> {
    let mut chance = Chance(if half == Half::Tune { 11 } else { 97 });
    let clips = speech_clips(half, &mut chance)?;
    let (clean, speech, onsets) = timeline(&clips, &mut chance);
    let mut conditions =
        vec![condition("clean", &clean, &noise_floor(clean.len(), -68.0, &mut chance), &speech, &onsets)];
    let len = clean.len();
    let noises: Vec<(&str, Vec<f32>)> = vec![
        ("white", telephone(&white(len, &mut chance))),
        ("car", telephone(&car(len, &mut chance))),
        ("street", telephone(&street(len, &mut chance))),
        ("babble", telephone(&babble(half, 6, len, &mut chance)?)),
        ("music", telephone(&music(half, len)?)),
    ];
    for (name, noise) in &noises {
        for snr in [20, 10, 5] {
            let gain = db(SPEECH_DBFS - snr as f32) / rms(noise).max(1e-9);
            let scaled: Vec<f32> = noise.iter().map(|x| x * gain).collect();
            conditions.push(condition(&format!("{name} {snr} dB"), &clean, &scaled, &speech, &onsets));
        }
    }
    let nuisance = nuisances(len, &mut chance);
    conditions.push(condition(
        "no speech",
        &nuisance,
        &noise_floor(len, -60.0, &mut chance),
        &vec![false; len / FRAME_SAMPLES],
        &[],
    ));
    Ok(conditions)
}

/// Material to train on: the voices and music of the tuning half (and WAV files of `more_music`), every time with other
/// words, pitches, levels, noise.
pub(crate) fn training(seed: u64, more_music: Option<&Path>) -> Result<Vec<Condition>, String> {
    let mut chance = Chance(seed.wrapping_mul(7_919) + 5);
    let mut conditions = Vec::new();
    for kind in 0..12 {
        let mut clips: Vec<Vec<f32>> =
            speech_clips(Half::Tune, &mut chance)?.iter().map(|clip| coloured(clip, &mut chance)).collect();
        for n in 0..clips.len() / 6 {
            clips.insert(n * 7, telephone(&machine(&mut chance)));
        }
        let loudness = chance.between(-8.0, 4.0);
        let (clean, speech, onsets) = timeline(&clips, &mut chance);
        let clean: Vec<f32> = clean.iter().map(|x| x * db(loudness)).collect();
        let len = clean.len();
        let longer = len * 5 / 4;
        let noise = match kind {
            0 | 7 | 8 => noise_floor(longer, chance.between(-75.0, -50.0), &mut chance),
            1 | 11 if chance.unit() < 0.6 => white(longer, &mut chance),
            2 => car(longer, &mut chance),
            1 | 3 | 11 => street(longer, &mut chance),
            4 | 5 => {
                let talkers = 2 + chance.next() as usize % 6;
                babble(Half::Tune, talkers, longer, &mut chance)?
            }
            _ => match more_music {
                Some(folder) => medley(folder, longer, &mut chance)?,
                None => music(Half::Tune, longer)?,
            },
        };
        let silent = matches!(kind, 0 | 7 | 8);
        let mut noise = if silent { noise } else { telephone(&coloured(&noise, &mut chance)) };
        if !silent {
            let below = if kind == 11 { chance.between(-9.0, 15.0) } else { chance.between(3.0, 24.0) };
            let gain = db(SPEECH_DBFS + loudness - below) / rms(&noise).max(1e-9);
            noise.iter_mut().for_each(|x| *x *= gain);
        }
        noise.resize(len, 0.0);
        let (sound, speech) =
            if kind == 8 || kind == 11 { (vec![0.0; len], vec![false; speech.len()]) } else { (clean, speech) };
        if kind == 7 || kind == 8 {
            nuisances(len, &mut chance).iter().zip(&mut noise).for_each(|(a, b)| *b += a);
        }
        conditions.push(condition(&format!("training {seed} {kind}"), &sound, &noise, &speech, &onsets));
    }
    Ok(conditions)
}

/// A talking machine: letters of 50 to 90 ms, each pulses or breath through three resonances, or a stop.
fn machine(chance: &mut Chance) -> Vec<f32> {
    let (pitch, letter) = (chance.between(85.0, 260.0), (chance.between(0.05, 0.09) * RATE as f32) as usize);
    let mut sound = Vec::new();
    let (mut phase, mut state) = (0.0f32, [(0.0f32, 0.0f32); 3]);
    for n in 0..(5.0 + chance.unit() * 30.0) as usize {
        let (voiced, breath) = match chance.unit() {
            x if x < 0.62 => (1.0, 0.1),
            x if x < 0.82 => (0.0, 1.0),
            x if x < 0.9 && n > 0 => (0.0, 0.0),
            _ => (0.6, 0.6),
        };
        let formants = [chance.between(270.0, 750.0), chance.between(850.0, 2_300.0), chance.between(2_300.0, 3_050.0)];
        let fall = 1.1 - 0.008 * n as f32 + chance.between(-0.1, 0.1);
        for _ in 0..letter {
            phase += pitch * fall / RATE as f32;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase = phase.fract();
            let source = voiced * pulse + breath * 0.12 * chance.normal();
            let mut sum = 0.0;
            for (k, (y1, y2)) in state.iter_mut().enumerate() {
                let r = (-std::f32::consts::PI * (70.0 + 40.0 * k as f32) / RATE as f32).exp();
                let y = source * 0.2 + 2.0 * r * (std::f32::consts::TAU * formants[k] / RATE as f32).cos() * *y1
                    - r * r * *y2;
                (*y2, *y1) = (*y1, y);
                sum += y;
            }
            sound.push(sum);
        }
    }
    sound
}

/// The same sound by another throat on another telephone: faster or slower (so pitch and formants move), tilted.
fn coloured(clip: &[f32], chance: &mut Chance) -> Vec<f32> {
    let (speed, tilt) = (chance.between(0.82, 1.22), chance.between(-0.5, 0.5));
    let len = ((clip.len() - 1) as f32 / speed) as usize;
    let mut before = 0.0;
    (0..len)
        .map(|n| {
            let at = n as f32 * speed;
            let (whole, part) = (at as usize, at.fract());
            let x = clip[whole] * (1.0 - part) + clip.get(whole + 1).unwrap_or(&0.0) * part;
            let y = x + tilt * before;
            before = x;
            y
        })
        .collect()
}

/// A small generator of chance (SplitMix64), so that every run hears the same.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// In 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
    /// About normal, deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.unit() - 0.5).sum::<f32>() * std::f32::consts::SQRT_2
    }
}

const LENGTH_S: usize = 210;
const SPEECH_DBFS: f32 = -24.0;
const RATE: usize = 8_000;

fn db(value: f32) -> f32 {
    10f32.powf(value / 20.0)
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| x * x).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

fn condition(name: &str, speech_sound: &[f32], noise: &[f32], speech: &[bool], onsets: &[usize]) -> Condition {
    let mixed: Vec<i16> =
        speech_sound.iter().zip(noise).map(|(a, b)| ((a + b) * 32_768.0).clamp(-32_768.0, 32_767.0) as i16).collect();
    let frames = mixed.as_chunks::<FRAME_SAMPLES>().0.iter().map(mulaw::encode_frame).collect();
    Condition { name: name.to_owned(), frames, speech: speech.to_vec(), onsets: onsets.to_vec() }
}

/// Clips one after the other with pauses between: sound, labels per frame, onsets.
fn timeline(clips: &[Vec<f32>], chance: &mut Chance) -> (Vec<f32>, Vec<bool>, Vec<usize>) {
    let len = LENGTH_S * RATE;
    let (mut sound, mut speech) = (vec![0.0f32; len], vec![false; len / FRAME_SAMPLES]);
    let mut at = 2 * RATE;
    for clip in clips.iter().cycle() {
        let start = at / FRAME_SAMPLES * FRAME_SAMPLES;
        if start + clip.len() + RATE > len {
            break;
        }
        let voiced = label(clip);
        let active: Vec<f32> = clip
            .as_chunks::<FRAME_SAMPLES>()
            .0
            .iter()
            .zip(&voiced)
            .filter(|(_, v)| **v)
            .flat_map(|(c, _)| *c)
            .collect();
        let gain = db(SPEECH_DBFS + chance.between(-3.0, 3.0)) / rms(&active).max(1e-6);
        for (slot, sample) in sound[start..].iter_mut().zip(clip) {
            *slot = sample * gain;
        }
        for (n, voiced) in voiced.iter().enumerate() {
            speech[start / FRAME_SAMPLES + n] = *voiced;
        }
        at = start + clip.len() + (chance.between(0.7, 2.5) * RATE as f32) as usize;
    }
    let onsets = (15..speech.len()).filter(|&n| speech[n] && speech[n - 15..n].iter().all(|s| !s)).collect();
    (sound, speech, onsets)
}

/// Speech per frame from the energy of a clean clip: within 32 dB of its loudest, pauses under 200 ms closed.
fn label(clip: &[f32]) -> Vec<bool> {
    let levels: Vec<f32> =
        clip.as_chunks::<FRAME_SAMPLES>().0.iter().map(|f| 20.0 * rms(f).max(1e-6).log10()).collect();
    let loudest = levels.iter().copied().fold(-120.0, f32::max);
    let mut voiced: Vec<bool> = levels.iter().map(|l| *l > loudest - 32.0).collect();
    let mut last: Option<usize> = None;
    for n in 0..voiced.len() {
        if voiced[n] {
            if let Some(before) = last.filter(|before| n - before <= 10) {
                voiced[before..n].fill(true);
            }
            last = Some(n);
        }
    }
    // Blips of under 60 ms are lips, not words.
    let mut n = 0;
    while n < voiced.len() {
        let run = voiced[n..].iter().take_while(|v| **v).count();
        if run > 0 && run < 3 {
            voiced[n..n + run].fill(false);
        }
        n += run.max(1);
    }
    voiced
}

fn speech_clips(half: Half, chance: &mut Chance) -> Result<Vec<Vec<f32>>, String> {
    let asterisk = Path::new("/usr/share/asterisk/sounds");
    let sphinx = Path::new("/usr/share/pocketsphinx/test/data");
    let (recorded, read, flite, espeak): (&[&str], &str, &[&str], &[&str]) = match half {
        Half::Tune => {
            (&["en_US_f_Allison", "fr_CA_f_June", "es_MX_f_Allison"], "librivox", &["kal16", "rms"], &["en-gb"])
        }
        Half::Report => (&["it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU"], "cards", &["slt", "awb"], &["hi", "mr"]),
    };
    let mut groups: Vec<Vec<Vec<f32>>> = Vec::new();
    for voice in recorded {
        groups.push(pick(&asterisk.join(voice), 14, chance)?);
    }
    groups.push(pick(&sphinx.join(read), 5, chance)?);
    let sentences = [
        "hello, who is this",
        "yes",
        "five hundred and twenty rupees",
        "no thank you",
        "tomorrow between two and four in the afternoon",
        "I did not order that",
    ];
    let hindi = ["हाँ जी", "नहीं", "पाँच सौ बीस रुपये", "कल दोपहर दो बजे", "मुझे नहीं चाहिए", "आप कौन बोल रहे हैं"];
    for voice in flite {
        groups.push(
            sentences
                .iter()
                .map(|text| spoken(Command::new("flite").args(["-voice", voice, "-t", text, "-o"])))
                .collect::<Result<_, _>>()?,
        );
    }
    for voice in espeak {
        let texts = if *voice == "en-gb" { &sentences } else { &hindi };
        groups.push(
            texts
                .iter()
                .map(|text| spoken(Command::new("espeak-ng").args(["-v", voice, text, "-w"])))
                .collect::<Result<_, _>>()?,
        );
    }
    // Take turns between the voices.
    let most = groups.iter().map(Vec::len).max().unwrap_or(0);
    let mixed: Vec<Vec<f32>> = (0..most).flat_map(|n| groups.iter().filter_map(move |g| g.get(n).cloned())).collect();
    Ok(mixed.iter().map(|clip| telephone(clip)).collect())
}

/// `count` recordings of 0.3 to 8 s from a folder.
fn pick(folder: &Path, count: usize, chance: &mut Chance) -> Result<Vec<Vec<f32>>, String> {
    let mut files = wav_files(folder);
    files.sort();
    if files.is_empty() {
        return Err(format!(
            "{} is missing: apt-get install asterisk-core-sounds-[en es fr it ru]-wav pocketsphinx-testdata",
            folder.display()
        ));
    }
    let mut picked = Vec::new();
    while picked.len() < count && !files.is_empty() {
        let file = files.swap_remove(chance.next() as usize % files.len());
        let name = file.to_string_lossy().into_owned();
        if ["tone", "beep", "silence", "ascending", "ring"].iter().any(|word| name.contains(word)) {
            continue;
        }
        let clip = wav(&std::fs::read(&file).map_err(|e| e.to_string())?)?;
        if (RATE * 3 / 10..RATE * 8).contains(&clip.len()) {
            picked.push(clip);
        }
    }
    Ok(picked)
}

fn wav_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(wav_files(&path));
        } else if path.extension().is_some_and(|e| e == "wav") {
            found.push(path);
        }
    }
    found
}

fn spoken(command: &mut Command) -> Result<Vec<f32>, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = folder.path().join("speech.wav");
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.arg(&file).status().map_err(|e| format!("{name}: {e}: apt-get install espeak-ng flite"))?;
    if !status.success() {
        return Err(format!("{name} failed"));
    }
    wav(&std::fs::read(file).map_err(|e| e.to_string())?)
}

/// Samples of a 16-bit mono WAV at 8 kHz, -1 to 1.
fn wav(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let mut rest = bytes.get(12..).ok_or("no WAV")?;
    let mut rate = 8_000;
    while rest.len() >= 8 {
        let len = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let body = &rest[8..(8 + len).min(rest.len())];
        match &rest[..4] {
            b"fmt " => rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]),
            b"data" => {
                let samples: Vec<i16> = body.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
                let mut resampler = Resampler::new(rate, RATE as u32).map_err(|e| e.to_string())?;
                let mut out = Vec::new();
                resampler.process(&samples, &mut out);
                resampler.flush(&mut out);
                return Ok(out.into_iter().map(|s| f32::from(s) / 32_768.0).collect());
            }
            _ => {}
        }
        rest = rest.get(8 + len + len % 2..).unwrap_or(&[]);
    }
    Err("a WAV without sound".to_owned())
}

/// 250 to 3450 Hz, as a telephone line.
fn telephone(sound: &[f32]) -> Vec<f32> {
    const HALF: isize = 80;
    let taps: Vec<f32> = (-HALF..=HALF)
        .map(|n| {
            let low_pass = |hz: f32| {
                let x = 2.0 * hz / RATE as f32;
                if n == 0 { x } else { (std::f32::consts::PI * x * n as f32).sin() / (std::f32::consts::PI * n as f32) }
            };
            let window = 0.5 + 0.5 * (std::f32::consts::PI * n as f32 / (HALF + 1) as f32).cos();
            (low_pass(3_450.0) - low_pass(250.0)) * window
        })
        .collect();
    let mut padded = vec![0.0; HALF as usize];
    padded.extend_from_slice(sound);
    padded.resize(sound.len() + 2 * HALF as usize, 0.0);
    padded.windows(taps.len()).map(|window| window.iter().zip(&taps).map(|(a, b)| a * b).sum()).collect()
}

fn white(len: usize, chance: &mut Chance) -> Vec<f32> {
    (0..len).map(|_| chance.normal()).collect()
}

fn noise_floor(len: usize, dbfs: f32, chance: &mut Chance) -> Vec<f32> {
    white(len, chance).into_iter().map(|x| x * db(dbfs)).collect()
}

/// Rolling noise and an engine whose speed drifts.
fn car(len: usize, chance: &mut Chance) -> Vec<f32> {
    let (mut low, mut lower, mut phase, mut speed) = (0.0f32, 0.0f32, 0.0f32, 38.0f32);
    (0..len)
        .map(|_| {
            low += 0.15 * (chance.normal() - low);
            lower += 0.3 * (low - lower);
            speed = (speed + 0.02 * chance.normal()).clamp(28.0, 60.0);
            phase += speed / RATE as f32;
            let engine: f32 = (1..16).map(|h| (std::f32::consts::TAU * phase * h as f32).sin() / h as f32).sum();
            lower + 0.05 * engine
        })
        .collect()
}

/// Passing traffic, horns, knocks.
fn street(len: usize, chance: &mut Chance) -> Vec<f32> {
    let (mut a, mut b, mut c) = (0.0f32, 0.0f32, 0.0f32);
    let mut sound: Vec<f32> = (0..len)
        .map(|_| {
            let w = chance.normal();
            a = 0.997 * a + 0.03 * w;
            b = 0.96 * b + 0.1 * w;
            c = 0.6 * c + 0.3 * w;
            a + b + c + 0.1 * w
        })
        .collect();
    let level = rms(&sound);
    let mut passing = 0.0f32;
    for (n, x) in sound.iter_mut().enumerate() {
        if n % 4_000 == 0 {
            passing = chance.between(-1.0, 1.0);
        }
        let drift = (std::f32::consts::TAU * n as f32 / (RATE as f32 * 7.3)).sin();
        *x *= db(5.0 * drift + 1.0 * passing);
    }
    let mut at = 0;
    while at + 2 * RATE < len {
        at += (chance.between(2.0, 9.0) * RATE as f32) as usize;
        if chance.unit() < 0.4 {
            let (pitch, length) = (chance.between(330.0, 520.0), (chance.between(0.15, 0.7) * RATE as f32) as usize);
            for n in 0..length.min(len.saturating_sub(at)) {
                let t = n as f32 / RATE as f32;
                let horn: f32 = (1..7)
                    .map(|h| {
                        (std::f32::consts::TAU * pitch * h as f32 * t).sin()
                            + (std::f32::consts::TAU * pitch * 1.26 * h as f32 * t).sin()
                    })
                    .sum();
                sound[at + n] += horn * 0.35 * level;
            }
        } else {
            for n in 0..400.min(len.saturating_sub(at)) {
                sound[at + n] += chance.normal() * 5.0 * level * (-(n as f32) / 80.0).exp();
            }
        }
    }
    sound
}

/// Voices at once that are not the caller's.
fn babble(half: Half, talkers: usize, len: usize, chance: &mut Chance) -> Result<Vec<f32>, String> {
    let voices: [&str; 2] = match half {
        Half::Tune => ["en_US_f_Allison", "es_MX_f_Allison"],
        Half::Report => ["fr_CA_f_June", "it_IT_m_Carlo"],
    };
    let mut sound = vec![0.0; len];
    for n in 0..talkers {
        let clips = pick(&Path::new("/usr/share/asterisk/sounds").join(voices[n % 2]), 40, chance)?;
        let mut at = 0;
        for clip in clips.iter().cycle() {
            let gain = 1.0 / rms(clip).max(1e-4);
            for (slot, sample) in sound[at..].iter_mut().zip(clip) {
                *slot += sample * gain;
            }
            at += clip.len();
            if at >= len {
                break;
            }
        }
    }
    Ok(sound)
}

fn music(half: Half, len: usize) -> Result<Vec<f32>, String> {
    let names: &[&str] = match half {
        Half::Tune => &["macroform-cold_day", "macroform-robot_dity"],
        Half::Report => &["macroform-the_simplicity", "manolo_camp-morning_coffee", "reno_project-system"],
    };
    let mut sound = Vec::new();
    for name in names {
        let bytes = std::fs::read(format!("/usr/share/asterisk/moh/{name}.wav"))
            .map_err(|e| format!("{e}: apt-get install asterisk-moh-opsound-wav"))?;
        let piece = wav(&bytes)?;
        let level = rms(&piece);
        sound.extend(piece.iter().take(len / names.len() + 1).map(|x| x / level));
    }
    let whole = sound.len();
    Ok((0..len).map(|n| sound[n % whole]).collect())
}

/// Pieces of music, up to 25 s of each.
fn medley(folder: &Path, len: usize, chance: &mut Chance) -> Result<Vec<f32>, String> {
    let files = wav_files(folder);
    let mut sound = Vec::new();
    while sound.len() < len && !files.is_empty() {
        let file = &files[chance.next() as usize % files.len()];
        let piece = wav(&std::fs::read(file).map_err(|e| e.to_string())?)?;
        let start = chance.next() as usize % (piece.len() / 2).max(1);
        let piece = &piece[start..(start + 25 * RATE).min(piece.len())];
        let level = rms(piece).max(1e-4);
        sound.extend(piece.iter().map(|x| x / level));
    }
    sound.resize(len, 0.0);
    Ok(sound)
}

/// Coughs, clicks, key tones, ringing, hum, breath, knocks, laughter-like bursts of air: no speech.
fn nuisances(len: usize, chance: &mut Chance) -> Vec<f32> {
    let mut sound = vec![0.0f32; len];
    let (mut at, mut kind) = (RATE, 0);
    while at + 3 * RATE < len {
        let level = db(chance.between(-30.0, -14.0));
        let t = |n: usize| n as f32 / RATE as f32;
        let sine = |hz: f32, n: usize| (std::f32::consts::TAU * hz * t(n)).sin();
        let length = match kind % 8 {
            // A cough: a blast of shaped air, a voiced tail.
            0 => {
                let (mut y1, mut y2) = (0.0f32, 0.0f32);
                let pitch = chance.between(110.0, 220.0);
                let n_all = (chance.between(0.18, 0.4) * RATE as f32) as usize;
                for n in 0..n_all {
                    let shape = if n < 160 { n as f32 / 160.0 } else { (-((n - 160) as f32) / 900.0).exp() };
                    let tail = if n > 900 { 0.3 * sine(pitch, n).max(0.0) } else { 0.0 };
                    let y = chance.normal() * shape + tail * shape * 3.0 + 1.4 * y1 - 0.7 * y2;
                    (y2, y1) = (y1, y);
                    sound[at + n] += level * 0.4 * y;
                }
                n_all
            }
            // Clicks.
            1 => {
                for k in 0..(1 + chance.next() % 5) as usize {
                    for n in 0..24 {
                        sound[at + k * 700 + n] += level * 3.0 * chance.normal() * (-(n as f32) / 6.0).exp();
                    }
                }
                4_000
            }
            // A key tone.
            2 => {
                let (low, high) = (
                    [697.0, 770.0, 852.0, 941.0][chance.next() as usize % 4],
                    [1_209.0, 1_336.0, 1_477.0][chance.next() as usize % 3],
                );
                let n_all = (chance.between(0.08, 0.4) * RATE as f32) as usize;
                for n in 0..n_all {
                    sound[at + n] += level * (sine(low, n) + sine(high, n));
                }
                n_all
            }
            // Another phone rings.
            3 => {
                for n in 0..RATE {
                    let trill = if n / 200 % 2 == 0 { 1.0 } else { 0.3 };
                    sound[at + n] += level * trill * (sine(440.0, n) + sine(480.0, n));
                }
                RATE
            }
            // Hum of 50 Hz with harmonics.
            4 => {
                for n in 0..2 * RATE {
                    sound[at + n] += level * 0.5 * (3..9).map(|h| sine(50.0 * h as f32, n) / h as f32).sum::<f32>();
                }
                2 * RATE
            }
            // Breath.
            5 => {
                let mut y1 = 0.0f32;
                let n_all = (chance.between(0.4, 1.2) * RATE as f32) as usize;
                for n in 0..n_all {
                    let shape = (std::f32::consts::PI * n as f32 / n_all as f32).sin();
                    y1 = 0.6 * y1 + chance.normal();
                    sound[at + n] += level * 0.4 * y1 * shape;
                }
                n_all
            }
            // Knocks on the table.
            6 => {
                for k in 0..3 {
                    let hz = chance.between(180.0, 400.0);
                    for n in 0..600 {
                        sound[at + k * 1_600 + n] += level * 2.0 * sine(hz, n) * (-(n as f32) / 120.0).exp();
                    }
                }
                5_000
            }
            // Wind in the microphone.
            _ => {
                let mut y = 0.0f32;
                for n in 0..RATE * 3 / 2 {
                    y = 0.97 * y + 0.2 * chance.normal();
                    sound[at + n] += level * y * (0.5 + 0.5 * sine(2.3, n));
                }
                RATE * 3 / 2
            }
        };
        kind += 1;
        at += length + (chance.between(0.5, 1.3) * RATE as f32) as usize;
    }
    telephone(&sound)
}

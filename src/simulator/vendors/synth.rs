//! Makes the stand-in voice: a text becomes mu-law speech, the same every time.
//!
//! `espeak-ng` where wanted and installed; else pulses through formants, a vowel by letter, which a voice-activity detector takes for
//! speech and nobody for a person. Bounded cache. Key type: [`Synth`].

use std::collections::{HashMap, VecDeque};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::voice::alignment;
use super::{Sound, Spoken, lock};
use crate::simulator::phrases::Recording;
use crate::simulator::sound::{SILENCE, encode, is_loud, resample};

/// The stand-in voice.
pub(super) struct Synth {
    sound: Sound,
    spoken: Spoken,
    cache: Mutex<Cache>,
    running: Semaphore,
}

#[derive(Default)]
struct Cache {
    speech: HashMap<String, Bytes>,
    oldest: VecDeque<String>,
    bytes: usize,
}

impl Synth {
    pub(super) fn new(sound: Sound, spoken: Spoken) -> Self {
        Self { sound, spoken, cache: Mutex::default(), running: Semaphore::new(RUNNING_LIMIT) }
    }

    /// The speech of a text as mu-law, 8 kHz. Empty for a text without letters or digits.
    pub(super) async fn speak(&self, text: &str) -> Bytes {
        let text = text.trim();
        if !text.chars().any(char::is_alphanumeric) {
            return Bytes::new();
        }
        if let Some(speech) = lock(&self.cache).speech.get(text) {
            return speech.clone();
        }
        let speech = match self.sound {
            Sound::Espeak => self.espeak(text).await,
            Sound::BuiltIn => None,
        };
        let speech = Bytes::from(speech.unwrap_or_else(|| built_in(text)));
        self.keep(text, &speech);
        speech
    }

    fn keep(&self, text: &str, speech: &Bytes) {
        let mut cache = lock(&self.cache);
        if cache.speech.insert(text.to_owned(), speech.clone()).is_some() {
            return;
        }
        self.spoken.add(recording(text, speech));
        cache.bytes += speech.len();
        cache.oldest.push_back(text.to_owned());
        while cache.bytes > CACHE_LIMIT_BYTES {
            let Some(oldest) = cache.oldest.pop_front() else {
                break;
            };
            cache.bytes -= cache.speech.remove(&oldest).map_or(0, |speech| speech.len());
        }
    }

    /// The text spoken by `espeak-ng`; nothing where it is not installed or fails.
    async fn espeak(&self, text: &str) -> Option<Vec<u8>> {
        let _turn = self.running.acquire().await.ok()?;
        let hindi = text.chars().any(|c| ('\u{900}'..='\u{97F}').contains(&c));
        let voice = if hindi { "hi" } else { "en-us" };
        let mut child = tokio::process::Command::new("espeak-ng")
            .args(["-v", voice, "-s", "165", "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .inspect_err(|error| tracing::warn!(%error, "espeak-ng cannot be run; the built-in voice speaks"))
            .ok()?;
        let mut stdin = child.stdin.take()?;
        stdin.write_all(text.as_bytes()).await.ok()?;
        drop(stdin);
        let output = tokio::time::timeout(ESPEAK_LIMIT, child.wait_with_output()).await.ok()?.ok()?;
        from_wav(&output.stdout)
    }
}

/// The speech with its words at the times that the stand-in tells of their letters.
fn recording(text: &str, speech: &Bytes) -> Recording {
    let mut recording = Recording::of_text(text, "", text, speech.clone());
    let letters = alignment(text, speech.len(), 0, speech.len());
    let words = letters.split(|(letter, _, _)| letter.is_whitespace()).filter(|word| !word.is_empty());
    for (word, letters) in recording.words.iter_mut().zip(words) {
        if let (Some((_, start, _)), Some((_, last, length))) = (letters.first(), letters.last()) {
            (word.start_ms, word.end_ms) = (*start as u32, (last + length) as u32);
        }
    }
    recording
}

const RUNNING_LIMIT: usize = 4;
const CACHE_LIMIT_BYTES: usize = 32 * 1024 * 1024;
const ESPEAK_LIMIT: Duration = Duration::from_secs(5);
/// Length of a character, as samples at 8 kHz: 60 ms.
const CHARACTER: usize = 480;

/// Mono 16-bit PCM in a WAV with the plain 44-byte header that espeak-ng writes, as mu-law without leading silence.
fn from_wav(wav: &[u8]) -> Option<Vec<u8>> {
    let rate = u32::from_le_bytes(wav.get(24..28)?.try_into().ok()?);
    let samples = crate::simulator::sound::from_le_bytes(wav.get(44..)?);
    if rate < 4_000 || samples.is_empty() {
        return None;
    }
    let mulaw: Vec<u8> = resample(&samples, rate, 8_000).into_iter().map(encode).collect();
    let block = mulaw.chunks(40).position(is_loud)?;
    Some(mulaw[block * 40..].to_vec())
}

/// Speech-like sound, 60 ms a character.
fn built_in(text: &str) -> Vec<u8> {
    let mut chance =
        text.bytes().fold(0x9E37_79B9_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) | 1;
    let mut noise = move || {
        chance ^= chance << 13;
        chance ^= chance >> 17;
        chance ^= chance << 5;
        f64::from(chance) / f64::from(u32::MAX) * 2.0 - 1.0
    };
    let letters: Vec<char> = text.chars().collect();
    let mut out = Vec::with_capacity(letters.len() * CHARACTER);
    let mut formants = [Resonator::default(), Resonator::default(), Resonator::default()];
    let mut phase = 0.0_f64;
    for (n, &letter) in letters.iter().enumerate() {
        let shape = Shape::of(letter);
        for (resonator, (hertz, width)) in formants.iter_mut().zip(shape.formants) {
            resonator.tune(hertz, width);
        }
        // The melody falls over the sentence and moves with every syllable.
        let progress = n as f64 / letters.len() as f64;
        let pitch = 135.0 - 30.0 * progress + 14.0 * (n as f64 * 1.7).sin();
        for k in 0..CHARACTER {
            phase += (pitch + 2.0 * noise()) / 8_000.0;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let source = shape.voice * pulse + shape.breath * 0.12 * noise();
            let sound: f64 = formants.iter_mut().map(|resonator| resonator.pass(source)).sum();
            let edge = (k.min(CHARACTER - 1 - k) as f64 / 60.0).min(1.0);
            let sample = sound * 5_200.0 * (0.6 + 0.4 * edge);
            out.push(if shape.voice == 0.0 && shape.breath == 0.0 {
                SILENCE
            } else {
                encode(sample.clamp(-30_000.0, 30_000.0) as i16)
            });
        }
    }
    out
}

/// How a letter sounds.
struct Shape {
    voice: f64,
    breath: f64,
    /// Centre and width in Hz.
    formants: [(f64, f64); 3],
}

impl Shape {
    fn of(letter: char) -> Self {
        const VOWELS: [[(f64, f64); 3]; 5] = [
            [(730.0, 90.0), (1_090.0, 110.0), (2_440.0, 170.0)],
            [(530.0, 70.0), (1_840.0, 110.0), (2_480.0, 170.0)],
            [(300.0, 60.0), (2_290.0, 120.0), (3_010.0, 180.0)],
            [(570.0, 80.0), (840.0, 90.0), (2_410.0, 170.0)],
            [(320.0, 60.0), (870.0, 90.0), (2_240.0, 170.0)],
        ];
        let letter = letter.to_ascii_lowercase();
        if let Some(vowel) = "aeiou".find(letter) {
            return Self { voice: 1.0, breath: 0.15, formants: VOWELS[vowel] };
        }
        if "sfxzhctkp".contains(letter) {
            return Self { voice: 0.25, breath: 1.0, formants: [(400.0, 200.0), (1_800.0, 500.0), (3_200.0, 600.0)] };
        }
        if letter.is_whitespace() {
            return Self { voice: 0.15, breath: 0.1, formants: VOWELS[4] };
        }
        if letter.is_alphanumeric() || ('\u{900}'..='\u{97F}').contains(&letter) {
            let vowel = letter as usize % VOWELS.len();
            return Self { voice: 0.7, breath: 0.25, formants: VOWELS[vowel] };
        }
        Self { voice: 0.0, breath: 0.0, formants: VOWELS[0] }
    }
}

/// A two-pole resonance.
#[derive(Default)]
struct Resonator {
    gain: f64,
    back: [f64; 2],
    past: [f64; 2],
}

impl Resonator {
    fn tune(&mut self, hertz: f64, width: f64) {
        let radius = (-std::f64::consts::PI * width / 8_000.0).exp();
        let angle = 2.0 * std::f64::consts::PI * hertz / 8_000.0;
        self.back = [2.0 * radius * angle.cos(), -radius * radius];
        self.gain = 1.0 - radius;
        self.gain *= 12.0;
    }

    fn pass(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.back[0] * self.past[0] + self.back[1] * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_sounds_the_same_every_time_and_sixty_milliseconds_a_character() {
        let text = "What is the charge for one trip?";
        let speech = built_in(text);
        assert_eq!(speech.len(), text.len() * CHARACTER);
        assert_eq!(speech, built_in(text));
        let synth = Synth::new(Sound::BuiltIn, Spoken::default());
        assert_eq!(synth.speak(text).await, speech);
        assert!(synth.speak(" ,. ").await.is_empty());
    }

    #[test]
    fn the_built_in_voice_is_loud_most_of_the_time_and_does_not_clip() {
        let speech = built_in("नमस्ते, please tell me the charge and the time");
        let blocks = speech.chunks(160).count();
        let loud = speech.chunks(160).filter(|block| is_loud(block)).count();
        assert!(loud * 10 > blocks * 7, "{loud} of {blocks} blocks");
        let clipped = speech.iter().filter(|&&byte| byte & 0x7F < 2).count();
        assert!(clipped * 100 < speech.len(), "{clipped} of {} clipped", speech.len());
    }

    #[tokio::test]
    async fn what_was_spoken_can_be_written_down_from_its_sound() {
        let spoken = Spoken::default();
        let synth = Synth::new(Sound::BuiltIn, spoken.clone());
        let speech = synth.speak("What is your charge?").await;
        let mut listener = crate::simulator::phrases::Listener::default();
        let words = listener.hear(&spoken.book(), &speech).words;
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        assert_eq!(words.join(" "), "What is your charge?");
    }
}

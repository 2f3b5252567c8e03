//! Recordings whose words are known, and finding them again in a stream of audio by their exact bytes.
//!
//! mu-law reaches the far side untouched, so eight loud bytes in a row name a recording and a place in it; no recogniser is pretended.
//! Key types: [`Recording`], [`PhraseBook`] (the index), [`Listener`] (one stream's place in it). Pure. Invariant: no word without
//! at least half of its audio.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::sound::SILENCE;

/// A recording of speech.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its name, such as `five_hundred_rupees`.
    pub name: String,
    /// BCP-47 tag, or empty (a cough has no language).
    pub language: String,
    /// What a recogniser would write.
    pub text: String,
    /// The words with their times.
    pub words: Vec<Word>,
    /// mu-law, 8 kHz, mono; begins and ends with sound.
    pub audio: Bytes,
}

/// One word of a [`Recording`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word as written.
    pub text: String,
    /// Where it starts, milliseconds into the recording.
    pub start_ms: u32,
    /// Where it ends.
    pub end_ms: u32,
}

/// Recordings by name, and an index of their bytes. Grows only; the owner bounds it with [`PhraseBook::len`].
#[derive(Clone, Debug, Default)]
pub struct PhraseBook {
    recordings: Vec<Arc<Recording>>,
    /// Eight distinctive bytes -> the first place they occur at; a gram is taken at every [`STRIDE`] bytes.
    grams: HashMap<u64, Place>,
    /// Further places of the same gram, a few.
    more: HashMap<u64, Vec<Place>>,
}

/// A place in a recording: which one, and the offset in bytes.
type Place = (u32, u32);

/// One stream's ear on a [`PhraseBook`]: feed it the stream in order, in pieces of any size.
#[derive(Debug, Default)]
pub struct Listener {
    /// Bytes heard since the start.
    position: u64,
    /// The last bytes, for grams across pieces.
    tail: Vec<u8>,
    tracks: Vec<Track>,
}

/// A word that was heard in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardWord {
    /// The word.
    pub text: String,
    /// Where it began, milliseconds from the start of the stream.
    pub start_ms: u64,
    /// Where it ended.
    pub end_ms: u64,
}

/// What one piece of a stream brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Words whose audio is complete now.
    pub words: Vec<HeardWord>,
    /// How many of the piece's bytes belong to a known recording.
    pub known_bytes: usize,
}

impl Recording {
    /// How long it is.
    pub fn duration_ms(&self) -> u64 {
        self.audio.len() as u64 / 8
    }

    /// A recording of a text whose words are timed by their letters, as for synthesised speech.
    pub fn of_text(name: &str, language: &str, text: &str, audio: Bytes) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let letters = |word: &str| word.chars().filter(|c| !c.is_ascii_punctuation()).count().max(2) as u64;
        let total = words.iter().map(|word| letters(word)).sum::<u64>().max(1);
        let duration = audio.len() as u64 / 8;
        let mut before = 0;
        let words = words
            .iter()
            .map(|word| {
                let start_ms = (duration * before / total) as u32;
                before += letters(word);
                Word { text: (*word).to_owned(), start_ms, end_ms: (duration * before / total) as u32 }
            })
            .collect();
        Self { name: name.to_owned(), language: language.to_owned(), text: text.to_owned(), words, audio }
    }
}

impl PhraseBook {
    /// The callers' recordings that come with the product: English, Hindi, and a cough. Their names are those of
    /// `speech/phrases.toml`.
    pub fn built_in() -> Arc<Self> {
        static BOOK: LazyLock<Arc<PhraseBook>> = LazyLock::new(|| Arc::new(built_in::book()));
        BOOK.clone()
    }

    /// Adds a recording. A recording of the same name stays findable by its bytes but is hidden by name.
    pub fn add(&mut self, recording: Recording) {
        let place = self.recordings.len() as u32;
        let audio: Vec<u8> = recording.audio.iter().map(|&byte| plain(byte)).collect();
        for (offset, gram) in audio.windows(GRAM).enumerate().step_by(STRIDE) {
            if let Some(gram) = distinctive(gram) {
                let found = (place, offset as u32);
                if *self.grams.entry(gram).or_insert(found) != found {
                    let more = self.more.entry(gram).or_default();
                    if more.len() < PLACES {
                        more.push(found);
                    }
                }
            }
        }
        self.recordings.push(Arc::new(recording));
    }

    /// The recording of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Recording>> {
        self.recordings.iter().rev().find(|recording| recording.name == name)
    }

    /// All recordings, oldest first.
    pub fn recordings(&self) -> &[Arc<Recording>] {
        &self.recordings
    }

    /// How many recordings there are.
    pub fn len(&self) -> usize {
        self.recordings.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.recordings.is_empty()
    }

    fn places(&self, gram: u64) -> impl Iterator<Item = Place> {
        self.grams.get(&gram).into_iter().chain(self.more.get(&gram).into_iter().flatten()).copied()
    }
}

impl Listener {
    /// Hears the next piece of the stream.
    pub fn hear(&mut self, book: &PhraseBook, piece: &[u8]) -> Heard {
        let mut heard = Heard::default();
        let mut at = 0;
        while at < piece.len() {
            let rest = &piece[at..];
            let step =
                if self.tracks.is_empty() { self.search(book, rest) } else { self.follow(book, rest, &mut heard) };
            self.remember(&rest[..step]);
            self.position += step as u64;
            at += step;
        }
        heard
    }

    /// Milliseconds heard since the start.
    pub fn position_ms(&self) -> u64 {
        self.position / 8
    }

    /// Follows the recordings that fit so far; how many bytes were taken.
    fn follow(&mut self, book: &PhraseBook, rest: &[u8], heard: &mut Heard) -> usize {
        let mut longest = 0;
        for track in &mut self.tracks {
            let audio = &track.recording.audio[track.offset as usize..];
            track.fits = audio.iter().zip(rest).take_while(|(a, b)| plain(**a) == plain(**b)).count();
            longest = longest.max(track.fits);
        }
        self.tracks.retain(|track| track.fits == longest);
        let here = self.position;
        let mut ended = false;
        for (n, track) in self.tracks.iter_mut().enumerate() {
            let recording = &track.recording;
            let from = track.offset;
            track.offset += longest as u32;
            if n == 0 {
                for word in &recording.words {
                    let (start, end) = (word.start_ms * 8, (word.end_ms * 8).min(recording.audio.len() as u32));
                    if end > from && end <= track.offset && track.since <= (start + end) / 2 {
                        let begin = (here + u64::from(start)).saturating_sub(u64::from(from));
                        let finish = here + u64::from(end - from);
                        heard.words.push(HeardWord {
                            text: word.text.clone(),
                            start_ms: begin / 8,
                            end_ms: finish / 8,
                        });
                    }
                }
            }
            ended |= track.offset as usize == recording.audio.len();
        }
        heard.known_bytes += longest;
        if ended || longest < rest.len() {
            self.tracks.clear();
            self.tail.clear();
        }
        // A recording that ends where the stream goes on differently takes nothing: let the search have a byte.
        if longest == 0 { self.search(book, &rest[..1]) } else { longest }
    }

    /// Looks for the beginning of a known stretch; how many bytes were taken.
    fn search(&mut self, book: &PhraseBook, rest: &[u8]) -> usize {
        if !rest.iter().any(|&byte| is_sound(byte)) {
            return rest.len();
        }
        let window: Vec<u8> = self.tail.iter().copied().chain(rest.iter().map(|&byte| plain(byte))).collect();
        let first = (self.tail.len() + 1).saturating_sub(GRAM);
        for (start, gram) in window.windows(GRAM).enumerate().skip(first) {
            let Some(gram) = distinctive(gram) else {
                continue;
            };
            let before = &window[..start];
            self.tracks = book
                .places(gram)
                .map(|(recording, offset)| {
                    let recording = book.recordings[recording as usize].clone();
                    let audio = &recording.audio[..offset as usize];
                    let common =
                        audio.iter().rev().zip(before.iter().rev()).take_while(|(a, b)| plain(**a) == **b).count();
                    Track { recording, offset: offset + GRAM as u32, since: offset - common as u32, fits: 0 }
                })
                .collect();
            if !self.tracks.is_empty() {
                return start + GRAM - self.tail.len();
            }
        }
        rest.len()
    }

    fn remember(&mut self, piece: &[u8]) {
        let last = &piece[piece.len().saturating_sub(TAIL)..];
        self.tail.extend(last.iter().map(|&byte| plain(byte)));
        let extra = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..extra);
    }
}

/// A recording that the stream seems to be playing.
#[derive(Clone, Debug)]
struct Track {
    recording: Arc<Recording>,
    /// The next byte expected.
    offset: u32,
    /// Where in the recording the stream joined it.
    since: u32,
    fits: usize,
}

const GRAM: usize = 8;
/// Every how many bytes a gram is taken for the index; a stream is searched at every byte.
const STRIDE: usize = 8;
/// Places kept of one gram: recordings may begin alike.
const PLACES: usize = 4;
/// Bytes kept for grams across pieces, and for how far back a recording is recognised.
const TAIL: usize = 64;

/// mu-law has two zeros; they sound the same.
fn plain(byte: u8) -> u8 {
    if byte == 0x7F { SILENCE } else { byte }
}

fn is_sound(byte: u8) -> bool {
    byte & 0x7F < 0x60
}

/// Eight bytes as one number, if they can name a place: mostly different from each other and not near silence.
fn distinctive(gram: &[u8]) -> Option<u64> {
    let mut key = [0; GRAM];
    key.copy_from_slice(gram);
    let loud = gram.iter().filter(|&&byte| is_sound(byte)).count();
    if loud < 4 {
        return None;
    }
    let different = gram.iter().enumerate().filter(|(n, byte)| !gram[..*n].contains(byte)).count();
    (different >= 6).then(|| u64::from_le_bytes(key))
}

mod built_in {
    use super::{Bytes, PhraseBook, Recording, Word};

    #[derive(serde::Deserialize)]
    struct File {
        phrase: Vec<Entry>,
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        name: String,
        file: String,
        language: String,
        text: String,
        words: Vec<(String, u32, u32)>,
    }

    pub(super) fn book() -> PhraseBook {
        let mut book = PhraseBook::default();
        // Embedded and tested: it cannot fail on a user's machine.
        let Ok(file) = toml::from_str::<File>(include_str!("speech/phrases.toml")) else {
            return book;
        };
        for entry in file.phrase {
            let Some(audio) = audio(&entry.file) else {
                continue;
            };
            let words =
                entry.words.into_iter().map(|(text, start_ms, end_ms)| Word { text, start_ms, end_ms }).collect();
            book.add(Recording {
                name: entry.name,
                language: entry.language,
                text: entry.text,
                words,
                audio: Bytes::from_static(audio),
            });
        }
        book
    }

    macro_rules! embedded {
        ($($file:literal)*) => {
            pub(super) fn audio(file: &str) -> Option<&'static [u8]> {
                match file {
                    $($file => Some(include_bytes!(concat!("speech/", $file))),)*
                    _ => None,
                }
            }
        };
    }

    embedded! {
        "charge_and_time.ulaw" "cough.ulaw" "dhai_hazaar_rupaye.ulaw" "do_se_paanch_baje.ulaw" "english.ulaw" "five_hundred.ulaw"
        "five_hundred_rupees.ulaw" "haan.ulaw" "haan_haan.ulaw" "hello_who_is_calling.ulaw" "hindi.ulaw"
        "let_me_talk_to_a_person.ulaw" "nahin_chhah_sau_rupaye.ulaw" "no.ulaw" "no_six_hundred_rupees.ulaw" "okay.ulaw"
        "tomorrow_at_ten_am.ulaw" "two_pm_to_five_pm.ulaw" "wait_one_moment_please.ulaw" "yes.ulaw"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(listener: &mut Listener, stream: &[u8], piece: usize) -> Vec<String> {
        let book = PhraseBook::built_in();
        stream.chunks(piece).flat_map(|piece| listener.hear(&book, piece).words).map(|word| word.text).collect()
    }

    #[test]
    fn every_built_in_recording_is_there_and_is_known_by_its_sound() {
        let book = PhraseBook::built_in();
        assert_eq!(book.len(), include_str!("speech/phrases.toml").matches("[[phrase]]").count());
        for recording in book.recordings() {
            for piece in [1, 7, 160, 800, 100_000] {
                let heard = words(&mut Listener::default(), &recording.audio, piece);
                assert_eq!(heard.join(" "), recording.text, "{} in pieces of {piece}", recording.name);
            }
        }
    }

    #[test]
    fn recordings_are_found_at_any_alignment_and_joined() {
        let book = PhraseBook::built_in();
        let mut stream = vec![SILENCE; 1_003];
        for name in ["five_hundred_rupees", "cough", "two_pm_to_five_pm", "haan"] {
            stream.extend_from_slice(&book.get(name).unwrap().audio);
            stream.extend_from_slice(&[0x7F; 777]);
        }
        let heard = words(&mut Listener::default(), &stream, 160);
        assert_eq!(heard.join(" "), "five hundred rupees two pm to five pm हाँ");
    }

    #[test]
    fn one_recording_may_follow_another_without_a_pause() {
        let book = PhraseBook::built_in();
        let mut stream = book.get("yes").unwrap().audio.to_vec();
        stream.extend_from_slice(&book.get("yes").unwrap().audio);
        stream.extend_from_slice(&book.get("no").unwrap().audio);
        assert_eq!(words(&mut Listener::default(), &stream, 160).join(" "), "yes yes no");
    }

    #[test]
    fn a_word_comes_when_its_audio_is_complete_and_not_before() {
        let book = PhraseBook::built_in();
        let recording = book.get("five_hundred_rupees").unwrap();
        let mut listener = Listener::default();
        let first_end = recording.words[0].end_ms as usize * 8;
        assert_eq!(listener.hear(&book, &recording.audio[..first_end - 1]).words, []);
        let heard = listener.hear(&book, &recording.audio[first_end - 1..first_end]).words;
        assert_eq!(
            heard,
            [HeardWord { text: "five".to_owned(), start_ms: 0, end_ms: u64::from(recording.words[0].end_ms) }]
        );
    }

    #[test]
    fn a_stream_that_joins_late_misses_the_words_it_did_not_hear() {
        let book = PhraseBook::built_in();
        let recording = book.get("five_hundred_rupees").unwrap();
        let from = recording.words[1].start_ms as usize * 8;
        assert_eq!(words(&mut Listener::default(), &recording.audio[from..], 160).join(" "), "hundred rupees");
    }

    #[test]
    fn unknown_sound_has_no_words() {
        let noise: Vec<u8> = (0..16_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let book = PhraseBook::built_in();
        let heard = Listener::default().hear(&book, &noise);
        assert_eq!(heard.words, []);
        assert!(heard.known_bytes < 200, "chance hits only: {}", heard.known_bytes);
    }
}

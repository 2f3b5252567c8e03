//! What changes a sound, and the name of the file that keeps it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::files::{HASH_DIGITS, LANGUAGE_LENGTH, PREFIX, is_language};

/// Everything that changes a sound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpeechKey {
    /// The words, as they are sent to the vendor.
    pub text: String,
    /// The vendor's voice id.
    pub voice_id: String,
    /// The vendor's model id.
    pub model_id: String,
    /// All other settings of the voice in one fixed order, such as `stability=0.5 similarity_boost=0.75 speed=1`.
    pub settings: String,
    /// The language: its English name or its tag. In lower case it is the last part of the file's name.
    pub language: String,
    /// The form of the audio.
    pub form: SpeechForm,
}

/// The forms in which speech is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpeechForm {
    /// MP3, for `<Play>`.
    Mp3,
    /// Headerless mu-law, 8 kHz, mono, for Media Streams.
    Ulaw,
}

impl SpeechForm {
    /// The ending of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Ulaw => "ulaw",
        }
    }

    /// The media type it is served as.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            // RFC 2046: 8 kHz, one channel, mu-law.
            Self::Ulaw => "audio/basic",
        }
    }
}

impl SpeechKey {
    /// `elevenlabs_{hash}_{language}.{mp3|ulaw}`; the hash is the first 32 hexadecimal digits of the SHA-256 over every field,
    /// each with its length before it.
    pub fn file_name(&self) -> String {
        let mut hash = Sha256::new();
        let ending = self.form.extension();
        for field in [&self.text, &self.voice_id, &self.model_id, &self.settings, &self.language, ending] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        let mut name = String::from(PREFIX);
        for byte in &hash.finalize()[..HASH_DIGITS / 2] {
            // Writing to a `String` cannot fail.
            write!(name, "{byte:02x}").ok();
        }
        name.push('_');
        let language = self.language.bytes().map(|byte| byte.to_ascii_lowercase()).take(LANGUAGE_LENGTH);
        name.extend(language.map(|byte| if is_language(byte) { char::from(byte) } else { '-' }));
        if self.language.is_empty() {
            // BCP 47: undetermined.
            name.push_str("und");
        }
        name.push('.');
        name.push_str(ending);
        name
    }
}

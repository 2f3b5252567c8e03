//! The seams to the vendors that hear, speak and think. A provider owns a socket and decides nothing; the session translates
//! between these types and the call. Key types: [`EarsInput`], [`EarsEvent`], [`Utterance`], [`VoiceEvent`], [`ProviderError`].

pub mod breaker;
pub mod elevenlabs;
pub mod gemini;
mod net;

use bytes::Bytes;

use crate::telemetry;

pub use net::http_client;

/// What a recogniser is fed.
#[derive(Clone, Debug)]
pub enum EarsInput {
    /// The caller's mu-law audio, untouched, any length. It may wait for more, up to 100 ms.
    Audio(Bytes),
    /// What waits shall go now: a word may have ended.
    Now,
    /// The caller seems to have stopped: give the final words of what was said so far.
    Commit,
}

/// What a recogniser says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarsEvent {
    /// The words since the last final, so far; each replaces the one before.
    Partial(String),
    /// The final words since the last final. May be empty (a cough was committed).
    Final(String),
}

/// How an agent sounds in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceSpec {
    /// The vendor's voice id.
    pub voice_id: String,
    /// The vendor's model id, such as `eleven_flash_v2_5`.
    pub model_id: String,
    /// ISO 639-1 code of the language, such as `hi`; sent only where the model takes it.
    pub language: String,
    /// 0 to 1.
    pub stability: f32,
    /// 0 to 1.
    pub similarity_boost: f32,
    /// 0.7 to 1.2.
    pub speed: f32,
}

/// The form of synthesised speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpeechFormat {
    /// MP3 for `<Play>` (`mp3_44100_128`).
    Mp3,
    /// Headerless mu-law, 8 kHz, mono, for Media Streams (`ulaw_8000`).
    Ulaw,
}

/// One clause on its way to a voice.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// The turn it belongs to; answers of a dead turn are dropped.
    pub turn: u32,
    /// Its place in the turn, from 0.
    pub clause: u32,
    /// The words, already speakable (no digits).
    pub text: String,
    /// How it shall sound.
    pub voice: std::sync::Arc<VoiceSpec>,
}

/// What a voice is told, in stream mode.
#[derive(Clone, Debug, PartialEq)]
pub enum VoiceInput {
    /// Speak this clause; clauses of a turn are heard in order.
    Speak(Utterance),
    /// Forget the turn: no more audio of it is wanted.
    Cancel {
        /// The dead turn.
        turn: u32,
    },
}

/// What a voice answers.
#[derive(Clone, Debug)]
pub enum VoiceEvent {
    /// Some mu-law audio of a clause (8 bytes = 1 ms), in order within the clause.
    Audio {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// mu-law, 8 kHz, any length.
        audio: Bytes,
    },
    /// When the letters of the audio that comes next are spoken, where the vendor tells.
    Letters {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// For each letter that is no space, going on from the letters told before: when it has been spoken, in ms from the beginning of
        /// the clause's next audio.
        ends_ms: Vec<u32>,
    },
    /// The clause is complete.
    Done {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// Whether all of it sounds as was asked: no other model took over. Only then may it be kept as that speech.
        pure: bool,
    },
    /// The clause will not come, or not whole.
    Failed {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// Why.
        error: ProviderError,
    },
}

/// A vendor that did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{vendor} {kind}: {what}")]
pub struct ProviderError {
    /// The vendor, for metrics and logs.
    pub vendor: &'static str,
    /// Whose fault it is and what helps.
    pub kind: ProviderErrorKind,
    /// What happened, without secrets and without callers' words.
    pub what: String,
}

impl ProviderError {
    /// An error of that vendor.
    pub fn new(vendor: &'static str, kind: ProviderErrorKind, what: impl Into<String>) -> Self {
        Self { vendor, kind, what: what.into() }
    }

    /// Counts a failed request, once each: where it failed, not where it is passed on.
    fn counted(self) -> Self {
        metrics::counter!(telemetry::PROVIDER_ERRORS, "vendor" => self.vendor, "kind" => self.kind.as_str())
            .increment(1);
        self
    }
}

/// The kinds of [`ProviderError`], counted by metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// The answer was not what the protocol promises, or the connection broke.
    Broken,
    /// Too many requests, or the plan's quota is used up.
    Quota,
    /// The vendor refused for good: bad key, unknown voice or model, bad request.
    Refused,
    /// No answer within the deadline.
    Timeout,
    /// The vendor is overloaded or failing (5xx).
    Unavailable,
}

impl ProviderErrorKind {
    /// Whether the same request may succeed if sent again at once.
    pub fn worth_a_retry(self) -> bool {
        match self {
            Self::Broken | Self::Unavailable | Self::Timeout => true,
            Self::Quota | Self::Refused => false,
        }
    }

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Quota => "quota",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }
}

impl std::fmt::Display for ProviderErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

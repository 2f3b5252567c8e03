//! What the vendor's sockets say, one message at a time: text in, a value out, and nothing else. The sockets are `ears` and `line`.
//!
//! Names are taken in camelCase and in snake_case, as both were seen. Key types: [`Heard`], [`Said`].

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::fault;
use crate::provider::ProviderError;

/// A message of the recogniser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Words so far.
    Partial(String),
    /// Final words: the answer to a commit.
    Committed(String),
    /// The commit came too soon after another: the words heard so far stand.
    Throttled,
    /// An error, with its code as it came.
    Failed(String),
    /// Nothing that we need.
    Nothing,
}

impl Heard {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON of the known shape.
    pub fn read(text: &str) -> Result<Self, ProviderError> {
        #[derive(Deserialize)]
        struct Wire {
            message_type: String,
            text: Option<String>,
            error: Option<serde::de::IgnoredAny>,
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| fault::broken("a message is not JSON"))?;
        Ok(match wire.message_type.as_str() {
            "partial_transcript" => Self::Partial(wire.text.unwrap_or_default()),
            "committed_transcript" => Self::Committed(wire.text.unwrap_or_default()),
            "commit_throttled" => Self::Throttled,
            // The type of an error is its code.
            "error" => Self::Failed(wire.message_type),
            _ if wire.error.is_some() => Self::Failed(wire.message_type),
            _ => Self::Nothing,
        })
    }
}

/// A message of the voice: a piece of what one context says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The context, if the message is of one.
    pub context: Option<String>,
    /// Whether it is the context's last.
    pub last: bool,
    audio: String,
}

impl Said {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON of the known shape, or the vendor's error.
    pub fn read(text: &str) -> Result<Self, ProviderError> {
        #[derive(Deserialize)]
        struct Wire {
            audio: Option<String>,
            #[serde(rename = "contextId")]
            context_id: Option<String>,
            #[serde(rename = "context_id")]
            context_id_snake: Option<String>,
            #[serde(rename = "isFinal")]
            is_final: Option<bool>,
            #[serde(rename = "is_final")]
            is_final_snake: Option<bool>,
            error: Option<String>,
        }
        let wire: Wire =
            serde_json::from_str(text).map_err(|_| fault::broken("a message is not JSON of the known shape"))?;
        if let Some(code) = wire.error {
            return Err(fault::of_code(&code));
        }
        Ok(Self {
            context: wire.context_id.or(wire.context_id_snake),
            last: wire.is_final.or(wire.is_final_snake) == Some(true),
            audio: wire.audio.unwrap_or_default(),
        })
    }

    /// Its sound: mu-law; empty where it brings none.
    ///
    /// # Errors
    /// It is not base64.
    pub fn sound(&self) -> Result<Vec<u8>, ProviderError> {
        STANDARD.decode(&self.audio).map_err(|_| fault::broken("audio is not base64"))
    }

    /// When the letters of a message's sound are spoken: for each that is no space, the ms from the beginning of that sound to its
    /// end. Read apart from the rest, because without it there is still speech.
    pub fn letters(text: &str) -> Vec<u32> {
        serde_json::from_str::<Timed<'_>>(text).map(Timed::letters).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Timed<'a> {
    /// By the text as we gave it, or as the vendor read it.
    #[serde(borrow)]
    alignment: Option<Alignment<'a>>,
    #[serde(borrow, rename = "normalizedAlignment", alias = "normalized_alignment")]
    normalized: Option<Alignment<'a>>,
}

#[derive(Deserialize)]
struct Alignment<'a> {
    #[serde(borrow)]
    chars: Vec<Cow<'a, str>>,
    #[serde(rename = "charStartTimesMs", alias = "charsStartTimesMs", alias = "char_start_times_ms")]
    starts: Vec<f64>,
    #[serde(rename = "charDurationsMs", alias = "charsDurationsMs", alias = "char_durations_ms")]
    lengths: Vec<f64>,
}

impl Timed<'_> {
    fn letters(self) -> Vec<u32> {
        let Some(alignment) = self.alignment.or(self.normalized) else { return Vec::new() };
        let times = alignment.starts.iter().zip(&alignment.lengths).map(|(start, length)| start + length);
        let letters = alignment.chars.iter().zip(times);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
        letters.filter(|(letter, _)| !letter.trim().is_empty()).map(|(_, end)| end as u32).collect()
    }
}

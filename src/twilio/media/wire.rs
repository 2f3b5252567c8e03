//! The messages of a Media Streams socket as they stand in JSON: every piece optional, nothing judged yet but its type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::MediaError;

/// One flat struct, not an enum tagged by `event`: serde buffers a tagged enum, which costs twice the time and copies the payload.
#[derive(Deserialize)]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow, rename = "streamSid")]
    pub(super) stream_sid: Option<Text<'a>>,
    #[serde(rename = "sequenceNumber")]
    pub(super) sequence_number: Option<Number>,
    #[serde(borrow)]
    pub(super) media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    pub(super) mark: Option<WireMark<'a>>,
    #[serde(borrow)]
    pub(super) dtmf: Option<WireDtmf<'a>>,
    #[serde(borrow)]
    pub(super) start: Option<WireStart<'a>>,
    #[serde(borrow)]
    pub(super) stop: Option<WireStop<'a>>,
}

#[derive(Deserialize)]
pub(super) struct WireMedia<'a> {
    #[serde(borrow)]
    pub(super) track: Option<Text<'a>>,
    pub(super) chunk: Option<Number>,
    pub(super) timestamp: Option<Number>,
    #[serde(borrow)]
    pub(super) payload: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct WireMark<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct WireDtmf<'a> {
    #[serde(borrow)]
    pub(super) digit: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireStart<'a> {
    #[serde(borrow)]
    pub(super) account_sid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) stream_sid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) call_sid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) media_format: Option<WireFormat<'a>>,
    pub(super) custom_parameters: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFormat<'a> {
    #[serde(borrow)]
    pub(super) encoding: Option<Text<'a>>,
    pub(super) sample_rate: Option<Number>,
    pub(super) channels: Option<Number>,
}

#[derive(Deserialize)]
pub(super) struct WireStop<'a> {
    #[serde(borrow, rename = "callSid")]
    pub(super) call_sid: Option<Text<'a>>,
}

impl WireFormat<'_> {
    /// What is not said is as documented: always mu-law, 8000 Hz, mono.
    pub(super) fn check(&self) -> Result<(), MediaError> {
        let encoding = self.encoding.as_ref().is_none_or(|e| e.0 == "audio/x-mulaw");
        let rate = self.sample_rate.is_none_or(|n| n.0 == Some(8_000));
        let channels = self.channels.is_none_or(|n| n.0 == Some(1));
        if encoding && rate && channels { Ok(()) } else { Err(MediaError::Format) }
    }
}

/// A string, borrowed unless it holds an escape. `Option<Cow<str>>` itself would always be copied by serde.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A whole number, written as a number or as a string. What is neither is no number, not an error: sound is worth more
/// than its counter.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a string of digits")
            }
            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number(Some(n)))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number(u64::try_from(n).ok()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Number, E> {
                // Some emulators count milliseconds in fractions.
                Ok(Number((0.0..9e15).contains(&n).then_some(n as u64)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().ok()))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// The event alone, where the rest is not what we expect.
#[derive(Deserialize)]
pub(super) struct Name<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
}

//! Twilio's wire formats, spelled as Twilio spells them. Pure: bytes and strings in, values out (only `rest` talks to a network).
//!
//! Key types: [`CallSid`], [`StreamSid`], [`AccountSid`].
//!
//! | file | what it holds |
//! |---|---|
//! | [`media`] | the messages of a Media Streams socket, read and written |
//! | [`twiml`] | verbs, written as TwiML and read back |
//! | [`webhook`] | form bodies of Twilio's requests, as typed views |
//! | [`signature`] | who really sent a request |
//! | [`phone`] | telephone numbers that stay out of the logs |
//! | [`rest`] | Twilio's REST interface (floor 5, the one async file) |

pub mod media;
pub mod phone;
pub mod rest;
pub mod signature;
pub mod twiml;
pub mod webhook;

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses an identifier.
            ///
            /// # Errors
            /// [`BadSid`] unless the text is the prefix and 1 to 64 ASCII letters, digits, `-` or `_`. Twilio writes 32
            /// hexadecimal digits; emulators write others. What passes is safe in a path, a header and a log.
            pub fn parse(text: &str) -> Result<Self, BadSid> {
                let digits = text.strip_prefix($prefix).unwrap_or_default();
                if (1..=64).contains(&digits.len())
                    && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadSid { expected: $prefix })
                }
            }

            /// The identifier as Twilio writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadSid;
            fn try_from(text: String) -> Result<Self, BadSid> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(sid: $name) -> Self {
                sid.0
            }
        }
    };
}

sid!(
    /// A call: `CA` and 32 hexadecimal digits.
    CallSid, "CA"
);
sid!(
    /// A media stream: `MZ` and 32 hexadecimal digits. Every `<Stream>` is a new one.
    StreamSid, "MZ"
);
sid!(
    /// An account: `AC` and 32 hexadecimal digits.
    AccountSid, "AC"
);

/// A text that is no Twilio identifier. The text itself is left out: it comes from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} and 32 hexadecimal digits")]
pub struct BadSid {
    expected: &'static str,
}

//! What a server sends on a media socket, read as strictly as Twilio does.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

/// What a server may send: `media`, `mark`, `clear`, with no field more or less.
#[derive(Debug, PartialEq)]
pub(super) enum Outbound {
    Clear,
    Mark(String),
    Media(Vec<u8>),
}

impl Outbound {
    pub(super) fn read(text: &str, sid: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire<'a> {
            #[serde(borrow)]
            event: Cow<'a, str>,
            #[serde(borrow, rename = "streamSid")]
            stream_sid: Cow<'a, str>,
            #[serde(borrow)]
            media: Option<Media<'a>>,
            mark: Option<Mark>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Media<'a> {
            #[serde(borrow)]
            payload: Cow<'a, str>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Mark {
            name: String,
        }
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| format!("invalid message: {error}"))?;
        if wire.stream_sid != sid {
            return Err("invalid message: wrong streamSid".to_owned());
        }
        match (wire.event.as_ref(), wire.media, wire.mark) {
            ("media", Some(media), None) => BASE64_STANDARD
                .decode(media.payload.as_bytes())
                .map(Self::Media)
                .map_err(|error| format!("invalid message: payload: {error}")),
            ("mark", None, Some(mark)) => Ok(Self::Mark(mark.name)),
            ("clear", None, None) => Ok(Self::Clear),
            (event, _, _) => Err(format!("invalid message: event '{event}' with these fields")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_twilio_takes_is_taken() {
        let read = |text: &str| Outbound::read(text, "MZ1");
        assert_eq!(
            read(r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/v8="}}"#),
            Ok(Outbound::Media(vec![0xFE, 0xFF]))
        );
        assert_eq!(
            read(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"a"}}"#),
            Ok(Outbound::Mark("a".to_owned()))
        );
        assert_eq!(read(r#"{"event":"clear","streamSid":"MZ1"}"#), Ok(Outbound::Clear));
        for refused in [
            "hello",
            r#"{"event":"clear"}"#,
            r#"{"event":"clear","streamSid":"MZ2"}"#,
            r#"{"event":"clear","streamSid":"MZ1","sequenceNumber":"1"}"#,
            r#"{"event":"media","streamSid":"MZ1"}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/v8=","track":"outbound"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"*"}}"#,
            r#"{"event":"stop","streamSid":"MZ1"}"#,
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}

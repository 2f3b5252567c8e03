//! The messages of a Media Streams socket: what Twilio sends, read without allocation where the message recurs, and
//! the three things Twilio accepts (`media`, `mark`, `clear`), appended to a reusable `String`.
//!
//! No socket and no audio here: a payload stays base64 until somebody asks for its bytes. Twilio writes its numbers as
//! strings; emulators write numbers; both are read. Unknown fields and events are no error. An outbound message carries
//! exactly the fields Twilio allows: one more, or one less, and it is dropped with warning 31951.
//! Key types: [`Inbound`], [`Media`], [`Start`].
//! Wire facts: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>.

mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use self::wire::{Name, Text, Wire, WireStart};
use super::{AccountSid, BadSid, CallSid, StreamSid};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes of the longest message we read. Twilio's are some 400 bytes; no limit of its own is documented.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// One message from Twilio, with the fields every message carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// `streamSid`: on every message but `connected`.
    pub stream_sid: Option<Cow<'a, str>>,
    /// `sequenceNumber`: 1 for `start`, then one more for each message of any kind.
    pub sequence: Option<u64>,
    /// What the message says.
    pub event: Inbound<'a>,
}

/// What a message from Twilio says.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound<'a> {
    /// The socket is open. Nothing may be sent yet: the `streamSid` comes with [`Inbound::Start`].
    Connected,
    /// The stream begins.
    Start(Start),
    /// Sound.
    Media(Media<'a>),
    /// The caller pressed a key.
    Dtmf {
        /// One of `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// Playback reached a mark of ours, or `clear` flushed it: the message does not tell which.
    Mark {
        /// The name we gave it.
        name: Cow<'a, str>,
    },
    /// The stream ended; Twilio closes the socket next.
    Stop {
        /// The call the stream belonged to.
        call_sid: Option<CallSid>,
    },
    /// An event we do not know, to be ignored.
    Unknown {
        /// Its name.
        event: Cow<'a, str>,
    },
}

/// The `start` message: which stream of which call this socket is. `encoding` was checked: mu-law, 8000 Hz, mono.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// The stream; every message to Twilio carries it.
    pub stream_sid: StreamSid,
    /// The call it belongs to.
    pub call_sid: CallSid,
    /// The account that owns the call.
    pub account_sid: Option<AccountSid>,
    /// Names and values of the `<Parameter>`s of our TwiML, the one-time token among them.
    pub custom_parameters: BTreeMap<String, String>,
}

/// A `media` message.
#[derive(Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// Whose sound it is.
    pub track: Track,
    /// Milliseconds since the stream began. Jumps where Twilio left silence out.
    pub timestamp_ms: Option<u64>,
    /// Counts the `media` messages of a track, from 1.
    pub chunk: Option<u64>,
    /// Base64 of headerless mu-law. Usually 160 bytes of sound; any length is legal.
    pub payload: Cow<'a, str>,
}

/// Whose sound a `media` message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// The caller's: what Twilio receives. The only track of a `<Connect>` stream, and meant where none is named.
    Inbound,
    /// What Twilio plays to the caller (`<Start>` streams only).
    Outbound,
    /// Neither; to be ignored.
    Other,
}

/// Why a message was not understood, or could not be written. The message itself is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("a message of {bytes} bytes is longer than {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not JSON, or a field of another type than Twilio's.
    #[error("no media stream message: bad JSON at byte {column}")]
    Malformed {
        /// Where reading stopped.
        column: usize,
    },
    /// A piece the event cannot do without.
    #[error("a {event} message without {field}")]
    Missing {
        /// The message's event.
        event: &'static str,
        /// The field, by its name in JSON.
        field: &'static str,
    },
    /// An identifier of another shape than Twilio's.
    #[error("a {event} message with a bad {field}: {source}")]
    Sid {
        /// The message's event.
        event: &'static str,
        /// The field, by its name in JSON.
        field: &'static str,
        /// What was expected.
        source: BadSid,
    },
    /// The stream carries other sound than mu-law, 8000 Hz, mono.
    #[error("the stream is not audio/x-mulaw, 8000 Hz, mono")]
    Format,
    /// A payload that is not base64 in the standard alphabet.
    #[error("a payload that is not base64")]
    Payload,
}

/// Reads one text message.
///
/// # Errors
/// [`MediaError`]; the stream may go on, the message is lost.
pub fn parse(text: &str) -> Result<Inbound<'_>, MediaError> {
    Ok(parse_message(text)?.event)
}

/// Reads one text message with its `streamSid` and number.
///
/// # Errors
/// [`MediaError`]; the stream may go on, the message is lost.
pub fn parse_message(text: &str) -> Result<Message<'_>, MediaError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(MediaError::TooLong { bytes: text.len() });
    }
    // Serde would take a list of values in the order of our fields, too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(MediaError::Malformed { column: 1 });
    }
    let wire: Wire<'_> = match serde_json::from_str(text) {
        Ok(wire) => wire,
        Err(error) => return unknown(text).ok_or_else(|| MediaError::Malformed { column: error.column() }),
    };
    let sequence = wire.sequence_number.and_then(|n| n.0);
    let event = match &*wire.event.0 {
        "media" => {
            let missing = |field| MediaError::Missing { event: "media", field };
            let media = wire.media.ok_or_else(|| missing("media"))?;
            let payload = media.payload.ok_or_else(|| missing("media.payload"))?.0;
            Inbound::Media(Media {
                track: media.track.map_or(Track::Inbound, |t| Track::named(&t.0)),
                timestamp_ms: media.timestamp.and_then(|n| n.0),
                chunk: media.chunk.and_then(|n| n.0),
                payload,
            })
        }
        "mark" => Inbound::Mark {
            name: wire.mark.and_then(|m| m.name).ok_or(MediaError::Missing { event: "mark", field: "mark.name" })?.0,
        },
        "dtmf" => Inbound::Dtmf {
            digit: wire
                .dtmf
                .and_then(|d| d.digit)
                .as_ref()
                .and_then(|digit| digit_of(&digit.0))
                .ok_or(MediaError::Missing { event: "dtmf", field: "dtmf.digit" })?,
        },
        "connected" => Inbound::Connected,
        "start" => Inbound::Start(start(wire.start, wire.stream_sid.as_ref())?),
        "stop" => {
            Inbound::Stop { call_sid: wire.stop.and_then(|s| s.call_sid).and_then(|sid| CallSid::parse(&sid.0).ok()) }
        }
        _ => Inbound::Unknown { event: wire.event.0 },
    };
    Ok(Message { stream_sid: wire.stream_sid.map(|sid| sid.0), sequence, event })
}

impl Media<'_> {
    /// Appends the payload's bytes to `into` and says how many there were. A buffer that is kept does not allocate again.
    ///
    /// # Errors
    /// [`MediaError::Payload`]; `into` is as it was.
    pub fn decode_payload(&self, into: &mut Vec<u8>) -> Result<usize, MediaError> {
        let before = into.len();
        match PADDED_OR_NOT.decode_vec(self.payload.as_bytes(), into) {
            Ok(()) => Ok(into.len() - before),
            Err(_) => {
                into.truncate(before);
                Err(MediaError::Payload)
            }
        }
    }
}

impl fmt::Debug for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("track", &self.track)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("chunk", &self.chunk)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

/// Names of parameters only: one of them is the token that ties the socket to its call.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("stream_sid", &self.stream_sid)
            .field("call_sid", &self.call_sid)
            .field("account_sid", &self.account_sid)
            .field("custom_parameters", &self.custom_parameters.keys())
            .finish()
    }
}

/// A `media` message: sound to play after what is queued already. Mu-law, 8000 Hz, mono, without a header; any length. Made with one
/// allocation, which a socket takes over as it is.
pub fn media_message(stream: &StreamSid, audio: &[u8]) -> String {
    let mut text = String::with_capacity(MEDIA_FRAME + stream.as_str().len() + audio.len().div_ceil(3) * 4);
    text.push_str(r#"{"event":"media","streamSid":""#);
    text.push_str(stream.as_str());
    text.push_str(r#"","media":{"payload":""#);
    base64::prelude::BASE64_STANDARD.encode_string(audio, &mut text);
    text.push_str("\"}}");
    text
}

/// A `mark` message: Twilio sends its name back once the sound before it was played, or flushed by `clear`.
pub fn mark_message(stream: &StreamSid, name: &str) -> String {
    let mut text = String::with_capacity(MARK_FRAME + stream.as_str().len() + name.len());
    text.push_str(r#"{"event":"mark","streamSid":""#);
    text.push_str(stream.as_str());
    text.push_str(r#"","mark":{"name":""#);
    push_escaped(&mut text, name);
    text.push_str("\"}}");
    text
}

/// A `clear` message: Twilio drops all sound it has queued and sends every pending mark back at once.
pub fn clear_message(stream: &StreamSid) -> String {
    ["{\"event\":\"clear\",\"streamSid\":\"", stream.as_str(), "\"}"].concat()
}

impl Track {
    /// `inbound` in `media`, `inbound_track` in `dtmf` and in TwiML.
    fn named(name: &str) -> Self {
        match name {
            "inbound" | "inbound_track" => Self::Inbound,
            "outbound" | "outbound_track" => Self::Outbound,
            _ => Self::Other,
        }
    }
}

/// An event we do not know may use the names of our fields for other things.
fn unknown(text: &str) -> Option<Message<'_>> {
    let Name { event } = serde_json::from_str(text).ok()?;
    let known = ["connected", "start", "media", "dtmf", "mark", "stop"].contains(&&*event.0);
    (!known).then_some(Message { stream_sid: None, sequence: None, event: Inbound::Unknown { event: event.0 } })
}

fn start(wire: Option<WireStart<'_>>, outer: Option<&Text<'_>>) -> Result<Start, MediaError> {
    const EVENT: &str = "start";
    let missing = |field| MediaError::Missing { event: EVENT, field };
    let bad = |field| move |source| MediaError::Sid { event: EVENT, field, source };
    let wire = wire.ok_or_else(|| missing("start"))?;
    if let Some(format) = &wire.media_format {
        format.check()?;
    }
    let stream_sid = wire.stream_sid.as_ref().or(outer).ok_or_else(|| missing("start.streamSid"))?;
    let call_sid = wire.call_sid.as_ref().ok_or_else(|| missing("start.callSid"))?;
    Ok(Start {
        stream_sid: StreamSid::parse(&stream_sid.0).map_err(bad("start.streamSid"))?,
        call_sid: CallSid::parse(&call_sid.0).map_err(bad("start.callSid"))?,
        account_sid: wire
            .account_sid
            .as_ref()
            .map(|sid| AccountSid::parse(&sid.0).map_err(bad("start.accountSid")))
            .transpose()?,
        custom_parameters: wire.custom_parameters.unwrap_or_default(),
    })
}

fn digit_of(text: &str) -> Option<char> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Some(c),
        _ => None,
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{0}'..='\u{1f}' => {
                out.push_str("\\u00");
                for digit in [c as u32 >> 4, c as u32 & 0xf] {
                    out.extend(char::from_digit(digit, 16));
                }
            }
            _ => out.push(c),
        }
    }
}

/// Twilio pads; not every emulator does.
const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Bytes of a `media` message beside its identifier and payload.
const MEDIA_FRAME: usize = r#"{"event":"media","streamSid":"","media":{"payload":""}}"#.len();
/// Bytes of a `mark` message beside its identifier and name.
const MARK_FRAME: usize = r#"{"event":"mark","streamSid":"","mark":{"name":""}}"#.len();

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn stream() -> StreamSid {
        StreamSid::parse("MZ00000000000000000000000000000001").unwrap()
    }

    fn media(text: &str) -> Media<'_> {
        match parse(text).unwrap() {
            Inbound::Media(media) => media,
            other => panic!("{other:?}"),
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    const START: &str = r#"{
      "event": "start", "sequenceNumber": "1",
      "start": {
        "accountSid": "AC00000000000000000000000000000001",
        "streamSid": "MZ00000000000000000000000000000001",
        "callSid": "CA00000000000000000000000000000001",
        "tracks": ["inbound"],
        "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
        "customParameters": { "token": "f3b1c0", "lang": "hi-IN" }
      },
      "streamSid": "MZ00000000000000000000000000000001" }"#;

    #[test]
    fn every_message_of_twilio_is_read() {
        assert_eq!(
            parse(r#"{ "event": "connected", "protocol": "Call", "version": "1.0.0" }"#),
            Ok(Inbound::Connected)
        );
        let message = parse_message(START).unwrap();
        assert_eq!(message.sequence, Some(1));
        assert_eq!(message.stream_sid.as_deref(), Some(stream().as_str()));
        let Inbound::Start(start) = message.event else { panic!("no start") };
        assert_eq!(start.stream_sid, stream());
        assert_eq!(start.call_sid.as_str(), "CA00000000000000000000000000000001");
        assert_eq!(start.account_sid.unwrap().as_str(), "AC00000000000000000000000000000001");
        assert_eq!(start.custom_parameters["token"], "f3b1c0");
        assert_eq!(
            parse(
                r#"{"event":"dtmf","streamSid":"MZ01","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}"#
            ),
            Ok(Inbound::Dtmf { digit: '1' })
        );
        assert_eq!(
            parse(r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ01","mark":{"name":"turn-3-end"}}"#),
            Ok(Inbound::Mark { name: "turn-3-end".into() })
        );
        assert_eq!(
            parse(
                r#"{"event":"stop","sequenceNumber":"512","stop":{"accountSid":"AC01","callSid":"CA01"},"streamSid":"MZ01"}"#
            ),
            Ok(Inbound::Stop { call_sid: Some(CallSid::parse("CA01").unwrap()) })
        );
    }

    #[test]
    fn numbers_come_as_strings_and_as_numbers() {
        let text = r#"{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"61","payload":"//////8="},"streamSid":"MZ01"}"#;
        let number = r#"{"event":"media","sequenceNumber":2,"media":{"track":"inbound","chunk":1,"timestamp":61.0,"payload":"//////8="},"streamSid":"MZ01"}"#;
        for message in [text, number] {
            let media = media(message);
            assert_eq!((media.timestamp_ms, media.chunk), (Some(61), Some(1)));
            assert_eq!(media.track, Track::Inbound);
            assert_eq!(parse_message(message).unwrap().sequence, Some(2));
        }
        let nonsense = media(r#"{"event":"media","media":{"chunk":"x","timestamp":-1,"payload":""}}"#);
        assert_eq!((nonsense.timestamp_ms, nonsense.chunk), (None, None));
    }

    #[test]
    fn a_payload_is_borrowed_unless_it_is_escaped() {
        let plain = media(r#"{"event":"media","media":{"payload":"/w=="}}"#);
        assert!(matches!(plain.payload, Cow::Borrowed("/w==")));
        let escaped = media(r#"{"event":"media","media":{"payload":"\/w=="}}"#);
        assert!(matches!(&escaped.payload, Cow::Owned(p) if p == "/w=="));
        let mark = parse(r#"{"event":"mark","mark":{"name":"e7:c12"}}"#).unwrap();
        assert!(matches!(mark, Inbound::Mark { name: Cow::Borrowed("e7:c12") }));
    }

    #[test]
    fn a_payload_is_decoded_padded_or_not_and_appended() {
        let mut audio = vec![1];
        for text in
            [r#"{"event":"media","media":{"payload":"//8="}}"#, r#"{"event":"media","media":{"payload":"//8"}}"#]
        {
            assert_eq!(media(text).decode_payload(&mut audio), Ok(2));
        }
        assert_eq!(audio, [1, 255, 255, 255, 255]);
        for bad in ["//8_", "a", "====", "é", "//8= "] {
            let text = json!({"event": "media", "media": {"payload": bad}}).to_string();
            assert_eq!(media(&text).decode_payload(&mut audio), Err(MediaError::Payload), "{bad}");
            assert_eq!(audio.len(), 5);
        }
    }

    #[test]
    fn unknown_events_and_fields_are_no_error() {
        assert_eq!(
            parse(r#"{"event":"weather","weather":{"rain":[1,{}]},"streamSid":"MZ01"}"#),
            Ok(Inbound::Unknown { event: "weather".into() })
        );
        assert_eq!(
            parse(r#"{"event":"weather","media":7,"streamSid":{},"start":"noon"}"#),
            Ok(Inbound::Unknown { event: "weather".into() })
        );
        assert!(parse(r#"{"event":"media","media":7}"#).is_err());
        let text = r#"{"event":"media","new":{"a":[]},"media":{"payload":"/w==","gain":3}}"#;
        assert_eq!(media(text).payload, "/w==");
    }

    #[test]
    fn the_callers_track_is_told_from_others() {
        for (track, read) in [
            ("inbound", Track::Inbound),
            ("inbound_track", Track::Inbound),
            ("outbound", Track::Outbound),
            ("sideways", Track::Other),
        ] {
            let text = json!({"event": "media", "media": {"track": track, "payload": ""}}).to_string();
            assert_eq!(media(&text).track, read);
        }
        assert_eq!(media(r#"{"event":"media","media":{"payload":""}}"#).track, Track::Inbound);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, error) in [
            (r#"{"event":"media"}"#, "a media message without media"),
            (r#"{"event":"media","media":{}}"#, "a media message without media.payload"),
            (r#"{"event":"media","media":{"payload":null}}"#, "a media message without media.payload"),
            (r#"{"event":"mark","mark":{}}"#, "a mark message without mark.name"),
            (r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#, "a dtmf message without dtmf.digit"),
            (r#"{"event":"start"}"#, "a start message without start"),
            (r#"{"event":"start","start":{"callSid":"CA1"}}"#, "a start message without start.streamSid"),
            (r#"{"event":"start","start":{"streamSid":"MZ1"}}"#, "a start message without start.callSid"),
            (
                r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"../x"}}"#,
                "a start message with a bad start.callSid: expected CA and 32 hexadecimal digits",
            ),
            (r#"{"media":{}}"#, "no media stream message: bad JSON at byte 12"),
            (r#"["media", null]"#, "no media stream message: bad JSON at byte 1"),
            ("", "no media stream message: bad JSON at byte 1"),
            (r#"{"event":"#, "no media stream message: bad JSON at byte 9"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), error, "{text}");
        }
    }

    #[test]
    fn other_sound_than_mulaw_is_refused() {
        for (was, is) in [("audio/x-mulaw", "audio/l16"), ("8000", "16000"), ("\"channels\": 1", "\"channels\": 2")] {
            assert_eq!(parse(&START.replace(was, is)), Err(MediaError::Format));
        }
        let unsaid = r#"{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}"#;
        assert!(matches!(parse(unsaid), Ok(Inbound::Start(_))));
    }

    #[test]
    fn a_megabyte_is_not_even_read() {
        let long = format!(r#"{{"event":"mark","mark":{{"name":"{}"}}}}"#, "x".repeat(1 << 20));
        assert_eq!(parse(&long), Err(MediaError::TooLong { bytes: long.len() }));
        let deep = "[".repeat(60_000);
        assert!(matches!(parse(&deep), Err(MediaError::Malformed { .. })));
    }

    #[test]
    fn a_log_sees_no_token_and_no_sound() {
        let start = format!("{:?}", parse(START).unwrap());
        assert!(start.contains("token") && !start.contains("f3b1c0"), "{start}");
        let sound = format!("{:?}", media(r#"{"event":"media","media":{"payload":"c2VjcmV0"}}"#));
        assert!(!sound.contains("c2VjcmV0"), "{sound}");
    }

    #[test]
    fn writers_write_what_twilio_documents() {
        assert_eq!(
            media_message(&stream(), &[255; 8]),
            r#"{"event":"media","streamSid":"MZ00000000000000000000000000000001","media":{"payload":"//////////8="}}"#
        );
        assert_eq!(
            mark_message(&stream(), "turn-3-end"),
            r#"{"event":"mark","streamSid":"MZ00000000000000000000000000000001","mark":{"name":"turn-3-end"}}"#
        );
        assert_eq!(clear_message(&stream()), r#"{"event":"clear","streamSid":"MZ00000000000000000000000000000001"}"#);
    }

    #[test]
    fn a_message_has_the_room_it_needs() {
        for length in [0, 1, 159, 160, 161, 3200] {
            let text = media_message(&stream(), &vec![7; length]);
            assert_eq!(text.capacity(), text.len());
        }
        let text = mark_message(&stream(), "12");
        assert_eq!(text.capacity(), text.len());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,400}") {
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn any_value_in_any_place_is_read_without_panic(
            event in prop::sample::select(vec!["media", "mark", "dtmf", "start", "stop", "connected", "x"]),
            value in prop::sample::select(vec!["null", "1", "-1.5e300", "\"\"", "\"é\\u0000\"", "[]", "{}", "true", "{\"payload\":[]}"]),
        ) {
            let text = format!(
                r#"{{"event":"{event}","streamSid":{value},"sequenceNumber":{value},"{event}":{value}}}"#
            );
            drop(parse(&text));
            let nested = format!(r#"{{"event":"{event}","{event}":{{"payload":{value},"name":{value},"digit":{value},"chunk":{value}}}}}"#);
            drop(parse(&nested));
        }

        #[test]
        fn a_prefix_of_a_message_is_read_without_panic(end in 0usize..START.len()) {
            if START.is_char_boundary(end) {
                prop_assert!(parse(&START[..end]).is_err());
            }
        }

        #[test]
        fn sound_survives_the_wire(audio in prop::collection::vec(any::<u8>(), 0..700)) {
            let out = media_message(&stream(), &audio);
            let value: Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(keys(&value), ["event", "streamSid", "media"]);
            prop_assert_eq!(keys(&value["media"]), ["payload"]);
            let mut back = Vec::new();
            media(&out).decode_payload(&mut back).unwrap();
            prop_assert_eq!(back, audio);
        }

        #[test]
        fn any_mark_name_survives_the_wire(name in any::<String>()) {
            let out = mark_message(&stream(), &name);
            let value: Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(keys(&value), ["event", "streamSid", "mark"]);
            prop_assert_eq!(keys(&value["mark"]), ["name"]);
            prop_assert_eq!(parse(&out), Ok(Inbound::Mark { name: name.into() }));
        }
    }
}

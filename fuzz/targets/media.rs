//! Messages of a media socket. Nothing panics; an error and a `Debug` show nothing of a payload or a token; what we write is
//! read back as it was.

use trunkline::twilio::StreamSid;
use trunkline::twilio::media::{self, Inbound};

pub(crate) fn run(bytes: &[u8]) {
    let text = super::text(bytes);
    if let Ok(message) = media::parse_message(&text) {
        match &message.event {
            Inbound::Media(media) => {
                let mut sound = vec![7; 3];
                match media.decode_payload(&mut sound) {
                    Ok(length) => assert_eq!(sound.len(), length + 3),
                    Err(_) => assert_eq!(sound, [7; 3], "a bad payload leaves something behind"),
                }
            }
            Inbound::Start(start) => {
                let shown = format!("{start:?}");
                for value in start.custom_parameters.values().filter(|value| value.len() > 40) {
                    assert!(!shown.contains(value.as_str()), "a parameter is shown");
                }
            }
            _ => {}
        }
    }
    let stream = StreamSid::parse("MZ0123456789abcdef0123456789abcdef").expect("it has the form");
    let out = media::media_message(&stream, bytes);
    let Ok(Inbound::Media(back)) = media::parse(&out) else { return assert!(out.len() > media::MAX_MESSAGE_BYTES) };
    let mut sound = Vec::new();
    back.decode_payload(&mut sound).expect("we wrote it");
    assert_eq!(sound, bytes);
    let out = media::mark_message(&stream, &text);
    if out.len() <= media::MAX_MESSAGE_BYTES {
        assert_eq!(media::parse(&out), Ok(Inbound::Mark { name: text.clone() }));
    }
}

//! Messages of the recogniser. Nothing panics, and an error shows nothing of the message.

use trunkline::provider::elevenlabs::messages::Heard;

pub(crate) fn run(bytes: &[u8]) {
    if let Err(error) = Heard::read(&super::text(bytes)) {
        assert!(error.to_string().len() < 100, "{error}");
    }
}

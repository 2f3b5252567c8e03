//! Messages of the voice. Nothing panics, sound is bounded by its message, and an error shows a code at most.

use trunkline::provider::elevenlabs::messages::Said;

pub(crate) fn run(bytes: &[u8]) {
    let text = super::text(bytes);
    match Said::read(&text) {
        Ok(said) => assert!(said.sound().is_ok_and(|sound| sound.len() <= text.len()) || said.sound().is_err()),
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
}

//! A defect that quotes a caller's words does not log them.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_is_logged_by_its_place_and_without_its_text() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    trunkline::telemetry::keep_panics_quiet();
    let words = String::from("पाँच सौ रुपये");
    // The second byte is inside the first letter: the text of such a panic quotes the whole string.
    let outcome = tokio::spawn(async move { words[1..].len() }).await;
    drop(std::panic::take_hook());
    assert!(outcome.unwrap_err().is_panic());
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("tests/panics.rs:") && text.contains("ERROR"), "{text}");
    assert!(!text.contains("पाँच") && !text.contains("रुपये"), "{text}");
}

//! Attacks, each tried on the whole server: nobody gets in, nothing leaks, and what is deleted is gone.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "../server/house.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod house;

mod door;
mod flood;
mod injection;
mod outside;

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::json;
use trunkline::store::retention::{Traces, expire};

use crate::house::{ACCOUNT_SID, API_TOKEN, AUTH_TOKEN, House, NUMBER, PHONE, caller};

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];
const SID: &str = "CA000000000000000000000000000000aa";

fn ringing() -> Vec<(&'static str, &'static str)> {
    vec![
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", SID),
        ("CallStatus", "in-progress"),
        ("Direction", "inbound"),
        ("From", PHONE),
        ("To", NUMBER),
    ]
}

/// Everything that is logged in this test program, at the default level.
fn log() -> Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = Kept(kept.clone());
        tracing_subscriber::fmt().with_env_filter("info").with_ansi(false).with_writer(move || writer.clone()).init();
        kept
    })
    .clone()
}

#[tokio::test]
async fn no_secret_number_or_word_of_a_call_is_logged() {
    let log = log();
    let house = House::with(|plan| plan.words(SAYS)).await;
    for mode in ["stream", "gather"] {
        house.call(mode, json!({}), caller(&SAYS)).await;
    }
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(text.contains("call over"), "the log is empty");
    for secret in
        [AUTH_TOKEN, API_TOKEN, "stand-in", PHONE, &PHONE[1..], "five hundred", "two pm", "Charge and time", "₹500"]
    {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn a_deleted_call_leaves_no_trace_and_old_ones_are_deleted_unasked() {
    log();
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.record_all = true;
    })
    .await;
    let (_, first) = house.call("stream", json!({}), caller(&SAYS)).await;
    let (_, second) = house.call("stream", json!({}), caller(&SAYS)).await;
    let recordings = house.path("data/recordings");
    let sid = |document: &serde_json::Value| document["call_sid"].as_str().unwrap().to_owned();
    let file = |document: &serde_json::Value| recordings.join(document["recording"].as_str().unwrap());
    assert!(file(&first).exists() && file(&second).exists());
    let target = format!("/api/calls/{}", sid(&first));
    let deleted = house.developer(Method::DELETE, &target).send().await.unwrap().status().as_u16();
    assert_eq!(deleted, 204);
    for target in [target.clone(), format!("{target}/recording"), format!("{target}/events")] {
        assert_eq!(house.developer(Method::GET, &target).send().await.unwrap().status().as_u16(), 404, "{target}");
    }
    assert!(!file(&first).exists());
    let store = house.server.switchboard().store();
    let speech = house.server.switchboard().speech_cache().clone();
    let traces = Traces { recordings: recordings.clone(), speech };
    let hour = SignedDuration::from_hours(1);
    assert_eq!(expire(store, &traces, Timestamp::now() - hour).await, 0);
    assert!(file(&second).exists());
    assert_eq!(expire(store, &traces, Timestamp::now() + hour).await, 1);
    assert!(!file(&second).exists());
    assert_eq!(house.get("/api/collected").await["items"], json!([]));
}

#[test]
fn the_documents_tell_how_many_attacks_were_tried() {
    let tried = door::TRIED + flood::TRIED + injection::TRIED + outside::TRIED;
    for (name, text) in
        [("README.md", include_str!("../../README.md")), ("SECURITY.md", include_str!("../../SECURITY.md"))]
    {
        assert!(text.contains(&format!("{tried} attacks")), "{name} does not tell of {tried} attacks");
    }
}

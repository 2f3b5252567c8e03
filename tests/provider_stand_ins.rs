//! The clients of ElevenLabs and Gemini against the product's own stand-in vendors, which keep the vendors' rules: the cap on
//! contexts, commits without audio, ragged streams, faults.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use trunkline::conversation::prompt::{Line, Prompt, PromptField, Speaker};
use trunkline::provider::elevenlabs::ElevenLabsConfig;
use trunkline::provider::elevenlabs::ears::Ears;
use trunkline::provider::elevenlabs::voice::Voice;
use trunkline::provider::gemini::{Gemini, GeminiConfig};
use trunkline::provider::{
    EarsEvent, EarsInput, SpeechFormat, Utterance, VoiceEvent, VoiceInput, VoiceSpec, http_client,
};
use trunkline::simulator::vendors::fault::{FaultKind, Route};
use trunkline::simulator::vendors::{Vendors, VendorsConfig};
use trunkline::telemetry::Secret;

const KEY: &str = "the-key";

async fn vendors() -> Vendors {
    let mut config = VendorsConfig { api_key: Some(KEY.to_owned()), ..VendorsConfig::default() };
    config.settings.voice.first_byte_ms = 1;
    config.settings.voice.chunk_every_ms = 1;
    config.settings.ears.partial_delay_ms = 1;
    config.settings.ears.final_delay_ms = 1;
    config.settings.mind.first_token_ms = 1;
    config.settings.mind.chunk_every_ms = 1;
    config.settings.mind.ragged = true;
    config.settings.mind.escapes = true;
    Vendors::start(config).await.unwrap()
}

fn config(vendors: &Vendors) -> ElevenLabsConfig {
    ElevenLabsConfig::new(vendors.url().parse().unwrap(), Secret::from(KEY.to_owned()))
}

fn spec() -> Arc<VoiceSpec> {
    Arc::new(VoiceSpec {
        voice_id: "V1".to_owned(),
        model_id: "eleven_flash_v2_5".to_owned(),
        language: "en".to_owned(),
        stability: 0.5,
        similarity_boost: 0.75,
        speed: 1.0,
    })
}

/// Speaks clauses and returns, for each, the bytes of its audio; fails if one failed.
async fn spoken(vendors: &Vendors, texts: &[&str]) -> Vec<usize> {
    let (input, from_input) = mpsc::channel(64);
    let (out, mut events) = mpsc::channel(64);
    let voice = Voice::new(config(vendors), http_client(Duration::from_secs(3)).unwrap());
    let task = tokio::spawn(async move { voice.speak(Some(&spec()), from_input, out).await });
    for (clause, text) in (0..).zip(texts) {
        let said = Utterance { turn: 1, clause, text: (*text).to_owned(), voice: spec() };
        input.send(VoiceInput::Speak(said)).await.unwrap();
    }
    drop(input);
    let mut bytes = vec![0; texts.len()];
    let mut done = 0;
    while let Some(event) = events.recv().await {
        match event {
            VoiceEvent::Audio { clause, audio, .. } => bytes[clause as usize] += audio.len(),
            VoiceEvent::Letters { .. } => {}
            VoiceEvent::Done { .. } => done += 1,
            VoiceEvent::Failed { error, .. } => panic!("{error}"),
        }
    }
    task.await.unwrap();
    assert_eq!(done, texts.len());
    bytes
}

#[tokio::test]
async fn many_clauses_are_spoken_over_one_socket_within_the_vendors_rules() {
    let vendors = vendors().await;
    let texts: Vec<String> = (0..12).map(|at| format!("Clause number {at}.")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bytes = spoken(&vendors, &texts).await;
    assert!(bytes.iter().all(|bytes| *bytes > 1000), "{bytes:?}");
    let counters = vendors.counters();
    assert_eq!(counters.requests.get("speech_socket"), Some(&1));
    assert_eq!(counters.requests.get("speech"), None, "nothing went over HTTP");
}

#[tokio::test]
async fn every_fault_of_the_socket_is_made_good_over_http() {
    for fault in [
        FaultKind::CloseWith { code: 1008, reason: "max_active_conversations".to_owned() },
        FaultKind::Malformed,
        FaultKind::Refuse,
        FaultKind::Hang,
        FaultKind::Status { code: 503, body: String::new() },
    ] {
        let vendors = vendors().await;
        vendors.fail(Route::SpeechSocket, fault.clone(), None);
        let bytes = spoken(&vendors, &["What is your charge?", "And when?"]).await;
        assert!(bytes.iter().all(|bytes| *bytes > 1000), "{fault:?} {bytes:?}");
    }
}

#[tokio::test]
async fn a_file_is_rendered() {
    let vendors = vendors().await;
    let voice = Voice::new(config(&vendors), http_client(Duration::from_secs(3)).unwrap());
    let mp3 = voice.render("Hello.", &spec(), SpeechFormat::Mp3).await.unwrap();
    let ulaw = voice.render("Hello.", &spec(), SpeechFormat::Ulaw).await.unwrap();
    assert!(mp3.len() > 100 && ulaw.len() > 1000 && mp3 != ulaw);
}

/// Says a recording to the ears, commits once, and returns the final words.
async fn heard(vendors: &Vendors, recording: &[u8]) -> String {
    let (input, from_input) = mpsc::channel(1024);
    let (out, mut events) = mpsc::channel(64);
    let ears = Ears::new(config(vendors));
    let task = tokio::spawn(async move { ears.transcribe("en", &[], from_input, out).await });
    for piece in recording.chunks(160).chain([[].as_slice(); 5]) {
        let mut frame = vec![0xFF; 160];
        frame[..piece.len()].copy_from_slice(piece);
        input.send(EarsInput::Audio(frame.into())).await.unwrap();
    }
    input.send(EarsInput::Commit).await.unwrap();
    let words = loop {
        match events.recv().await.unwrap() {
            EarsEvent::Partial(_) => {}
            EarsEvent::Final(words) => break words,
        }
    };
    drop(input);
    assert_eq!(task.await.unwrap(), Ok(()));
    words
}

const FIVE_HUNDRED: &[u8] = include_bytes!("../src/simulator/speech/five_hundred_rupees.ulaw");

#[tokio::test]
async fn a_recording_is_heard() {
    assert_eq!(heard(&vendors().await, FIVE_HUNDRED).await, "five hundred rupees");
}

#[tokio::test]
async fn a_recording_is_heard_whatever_fails_once() {
    for fault in [
        FaultKind::CloseWith { code: 1011, reason: "transcriber_error".to_owned() },
        FaultKind::Malformed,
        FaultKind::Refuse,
        FaultKind::Hang,
        FaultKind::ResetMidStream,
        FaultKind::Status { code: 503, body: String::new() },
    ] {
        let vendors = vendors().await;
        vendors.fail(Route::Ears, fault.clone(), Some(1));
        assert_eq!(heard(&vendors, FIVE_HUNDRED).await, "five hundred rupees", "{fault:?}");
    }
}

#[tokio::test]
async fn a_question_is_answered_whatever_fails_once() {
    let prompt = Prompt {
        system: "You collect the charge.".to_owned(),
        lines: vec![Line { speaker: Speaker::Caller, text: "five hundred rupees".to_owned() }],
        fields: vec![PromptField { name: "charge".to_owned(), description: "the charge".to_owned() }],
    };
    let status = |code| Some(FaultKind::Status { code, body: String::new() });
    for fault in [None, status(503), status(500), Some(FaultKind::Refuse), Some(FaultKind::Hang)] {
        let vendors = vendors().await;
        if let Some(fault) = fault.clone() {
            vendors.fail(Route::Mind, fault, Some(1));
        }
        vendors.answer_with([r#"{"say":"धन्यवाद ₹","type":"THANK_YOU_RESPONSE","data":{"charge":"500"}}"#]);
        let url = vendors.url().parse().unwrap();
        let config = GeminiConfig::new(url, Secret::from(KEY.to_owned()), "gemini-3.5-flash-lite");
        let gemini = Gemini::new(config, http_client(Duration::from_secs(3)).unwrap());
        let (out, mut text) = mpsc::channel(1024);
        gemini.reply(&prompt, out).await.unwrap();
        let mut whole = String::new();
        while let Some(piece) = text.recv().await {
            whole.push_str(&piece);
        }
        let answer: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(answer["say"], "धन्यवाद ₹", "{fault:?}");
    }
}

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

const TWO_TO_FIVE: &[u8] = include_bytes!("../src/simulator/speech/two_pm_to_five_pm.ulaw");

/// Where the connection breaks, in frames; the second utterance begins behind the first and its commit.
#[derive(Clone, Copy, Debug)]
struct Break {
    before_frame: usize,
    /// Whether the caller goes on only once there is a new connection.
    waits: bool,
}

/// Says two things in one breath, as a call does: all there is at once at each mouthful, a commit behind each. The answer to the first
/// commit comes in the middle of the second utterance.
async fn heard_around(breaks: Break) -> (Vec<String>, Vec<String>) {
    let vendors = vendors().await;
    let (input, from_input) = mpsc::channel(1024);
    let (out, mut events) = mpsc::channel(1024);
    let ears = Ears::new(config(&vendors));
    let task = tokio::spawn(async move { ears.transcribe("en", &[], from_input, out).await });
    let (mut partials, mut finals) = (Vec::new(), Vec::new());
    let mut n = 0;
    for (which, recording) in [FIVE_HUNDRED, TWO_TO_FIVE].into_iter().enumerate() {
        for (at, piece) in recording.chunks(160).enumerate() {
            if n == breaks.before_frame {
                // What was given is on its way.
                while input.capacity() < input.max_capacity() || vendors.counters().open_sockets == 0 {
                    tokio::task::yield_now().await;
                }
                vendors.strike_once(Route::Ears, FaultKind::Refuse);
                while breaks.waits && vendors.counters().requests.get("ears") < Some(&2) {
                    tokio::task::yield_now().await;
                }
            }
            let mut frame = vec![0xFF; 160];
            frame[..piece.len()].copy_from_slice(piece);
            input.send(EarsInput::Audio(frame.into())).await.unwrap();
            if at % 10 == 4 {
                input.send(EarsInput::Now).await.unwrap();
            }
            if which == 1 && at == 56 {
                collect(&mut events, &mut partials, &mut finals, 1).await;
            }
            n += 1;
        }
        input.send(EarsInput::Commit).await.unwrap();
    }
    collect(&mut events, &mut partials, &mut finals, 2).await;
    drop(input);
    task.await.unwrap().unwrap();
    (partials, finals)
}

/// Reads events until there are so many final words.
async fn collect(
    events: &mut mpsc::Receiver<EarsEvent>,
    partials: &mut Vec<String>,
    finals: &mut Vec<String>,
    until: usize,
) {
    while finals.len() < until {
        match events.recv().await.unwrap() {
            EarsEvent::Partial(words) => partials.push(format!("{} {words}", finals.len())),
            EarsEvent::Final(words) => finals.push(words),
        }
    }
}

#[tokio::test]
async fn words_around_a_break_of_the_recogniser_are_neither_lost_nor_doubled() {
    let whole = (FIVE_HUNDRED.len().div_ceil(160), TWO_TO_FIVE.len().div_ceil(160));
    let frames = (1..whole.0 + whole.1).step_by(7).chain([whole.0, whole.0 + 1, whole.0 + 58, whole.0 + 70]);
    let breaks = frames.flat_map(|before_frame| [false, true].map(|waits| Break { before_frame, waits }));
    let heard = breaks.map(async |breaks| {
        let heard = tokio::time::timeout(Duration::from_secs(60), heard_around(breaks)).await;
        (breaks, heard.unwrap_or_else(|_| panic!("{breaks:?}: words are missing")))
    });
    for (breaks, (partials, finals)) in futures_util::future::join_all(heard).await {
        assert_eq!(finals, ["five hundred rupees", "two pm to five pm"], "{breaks:?} {partials:?}");
        for partial in partials {
            let (turn, words) = partial.split_once(' ').unwrap();
            let said = if turn == "0" { "five hundred rupees" } else { "two pm to five pm" };
            assert!(said.starts_with(words), "{breaks:?}: {words}");
        }
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

//! The stand-in vendors over real sockets: faults, controls, and the recogniser that knows recordings by their sound.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use trunkline::simulator::phrases::{Listener, PhraseBook};
use trunkline::simulator::vendors::fault::{FaultKind, Route};
use trunkline::simulator::vendors::{Sound, Vendors, VendorsConfig};

async fn vendors() -> Vendors {
    // An error says that another test of this process was first.
    drop(rustls::crypto::ring::default_provider().install_default());
    Vendors::start(VendorsConfig::default()).await.unwrap()
}

fn speech(vendors: &Vendors) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/v1/text-to-speech/v/stream?output_format=ulaw_8000", vendors.url()))
        .json(&json!({"text": "What is your charge?", "model_id": "eleven_flash_v2_5"}))
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(vendors: &Vendors, target: &str) -> Socket {
    let url = format!("ws://{}{target}", vendors.addr());
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

async fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next JSON message; a close is `{"closed": code}`, a lost connection `{"lost": true}`.
async fn next(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap();
        match message {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Close(frame))) => return json!({"closed": frame.map(|frame| u16::from(frame.code))}),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return json!({"lost": true}),
        }
    }
}

const EARS: &str = "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000";

fn audio(bytes: &[u8], commit: bool) -> Value {
    json!({"message_type": "input_audio_chunk", "audio_base_64": BASE64_STANDARD.encode(bytes), "commit": commit, "sample_rate": 8000})
}

#[tokio::test]
async fn each_fault_shows_as_what_it_is_and_is_used_up() {
    let vendors = vendors().await;
    let fail = |kind: FaultKind| vendors.fail(Route::Speech, kind, Some(1));
    fail(FaultKind::Refuse);
    assert!(speech(&vendors).send().await.unwrap_err().is_request());
    fail(FaultKind::Status { code: 429, body: String::new() });
    let answer = speech(&vendors).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.json::<Value>().await.unwrap()["detail"]["status"], "too_many_concurrent_requests");
    fail(FaultKind::ResetMidStream);
    let answer = speech(&vendors).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    fail(FaultKind::Malformed);
    let answer = speech(&vendors).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html");
    fail(FaultKind::Hang);
    let hung = tokio::time::timeout(Duration::from_millis(300), speech(&vendors).send()).await;
    assert!(hung.is_err());
    let answer = speech(&vendors).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), "What is your charge?".len() * 480);
    assert_eq!((vendors.counters().faults["speech"], vendors.counters().requests["speech"]), (5, 6));
}

#[tokio::test]
async fn another_process_can_steer_them() {
    let vendors = vendors().await;
    let client = reqwest::Client::new();
    let control = format!("{}/control", vendors.url());
    let change = json!({"settings": {"mind": {"first_token_ms": 1}}, "answers": ["{\"say\":\"hello\"}"],
        "faults": [{"route": "mind", "kind": {"status": {"code": 503, "body": ""}}, "times": 1}]});
    let changed: Value = client.post(&control).json(&change).send().await.unwrap().json().await.unwrap();
    assert_eq!(changed["settings"]["mind"]["first_token_ms"], 1);
    assert_eq!(changed["settings"]["mind"]["chunk_chars"], 24, "what was not named stays");
    let refused =
        client.post(&control).json(&json!({"settings": {"mind": {"first_tokn_ms": 1}}})).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let mind = || {
        let url = format!("{}/v1beta/models/m:streamGenerateContent?alt=sse", vendors.url());
        client.post(url).json(&json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})).send()
    };
    let overloaded = mind().await.unwrap();
    assert_eq!(overloaded.status(), 503);
    assert_eq!(overloaded.json::<Value>().await.unwrap()[0]["error"]["status"], "UNAVAILABLE");
    let text = mind().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("data: {") && text.ends_with("\r\n\r\n") && text.contains("hello"));
    let shown: Value = client.get(&control).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["counters"]["requests"]["mind"], 2);
    assert_eq!(shown["log"][0]["body"]["contents"][0]["parts"][0]["text"], "hi");
}

#[tokio::test]
async fn the_recogniser_hears_a_recording_word_by_word_and_commits_it() {
    let vendors = vendors().await;
    let recording = PhraseBook::built_in().get("charge_and_time").unwrap().clone();
    let mut ears = socket(&vendors, EARS).await;
    assert_eq!(next(&mut ears).await["message_type"], "session_started");
    for piece in recording.audio.chunks(1_600) {
        send(&mut ears, audio(piece, false)).await;
    }
    let mut partials = Vec::new();
    while partials.len() < recording.words.len() {
        partials.push(next(&mut ears).await["text"].as_str().unwrap().to_owned());
    }
    assert_eq!((partials[0].as_str(), partials.last().unwrap()), ("five", &recording.text));
    send(&mut ears, audio(&[], true)).await;
    assert_eq!(next(&mut ears).await, json!({"message_type": "committed_transcript", "text": recording.text}));
    send(&mut ears, audio(&[], true)).await;
    assert_eq!(next(&mut ears).await["message_type"], "commit_throttled");
    assert_eq!(next(&mut ears).await["closed"], 1008);
}

#[tokio::test]
async fn a_recogniser_refuses_after_the_handshake_with_the_code_as_message_type() {
    let vendors = vendors().await;
    let mut ears =
        socket(&vendors, "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_16000").await;
    assert_eq!(next(&mut ears).await["message_type"], "invalid_request");
    assert_eq!(next(&mut ears).await["closed"], 1008);
    vendors.fail(Route::Ears, FaultKind::CloseWith { code: 1008, reason: "quota_exceeded".to_owned() }, Some(1));
    let mut ears = socket(&vendors, EARS).await;
    assert_eq!(next(&mut ears).await["message_type"], "session_started");
    assert_eq!(next(&mut ears).await["message_type"], "quota_exceeded");
    vendors.fail(Route::Ears, FaultKind::ResetMidStream, Some(1));
    let mut ears = socket(&vendors, EARS).await;
    assert_eq!(next(&mut ears).await["message_type"], "session_started");
    send(&mut ears, audio(&PhraseBook::built_in().get("charge_and_time").unwrap().audio, true)).await;
    let mut last = Value::Null;
    for _ in 0..2 {
        last = next(&mut ears).await;
    }
    assert_eq!(last, json!({"lost": true}));
}

#[tokio::test]
async fn a_speech_socket_speaks_what_can_be_written_down_again() {
    let vendors = vendors().await;
    let mut voice = socket(
        &vendors,
        "/v1/text-to-speech/v/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true",
    )
    .await;
    send(&mut voice, json!({"text": " ", "context_id": "t1"})).await;
    send(&mut voice, json!({"text": "What is your charge? ", "context_id": "t1", "flush": true})).await;
    send(&mut voice, json!({"context_id": "t1", "close_context": true})).await;
    let mut heard = Vec::new();
    let mut text = String::new();
    loop {
        let message = next(&mut voice).await;
        assert_eq!(message["contextId"], "t1");
        if message["isFinal"] == true {
            break;
        }
        heard.extend(BASE64_STANDARD.decode(message["audio"].as_str().unwrap()).unwrap());
        text.extend(
            message["alignment"]["chars"].as_array().unwrap().iter().map(|char| char.as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(text.trim(), "What is your charge?");
    let words = Listener::default().hear(&vendors.spoken().book(), &heard).words;
    let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
    assert_eq!(words.join(" "), "What is your charge?");
    let another_run = self::vendors().await;
    another_run.rehearse(["What is your charge?"]).await;
    assert_eq!(
        Listener::default().hear(&another_run.spoken().book(), &heard).words.len(),
        4,
        "the same voice in every run"
    );
    send(&mut voice, json!({"close_socket": true})).await;
    assert_eq!(next(&mut voice).await["closed"], 1000);
}

#[tokio::test]
async fn espeak_speaks_where_it_is_installed_and_the_built_in_voice_elsewhere() {
    let vendors = vendors().await;
    drop(vendors);
    let vendors = Vendors::start(VendorsConfig { sound: Sound::Espeak, ..VendorsConfig::default() }).await.unwrap();
    let bytes = speech(&vendors).send().await.unwrap().bytes().await.unwrap();
    let loud = bytes.iter().filter(|&&byte| byte & 0x7F < 0x50).count();
    assert!(bytes.len() > 4_000 && loud * 4 > bytes.len(), "{loud} of {}", bytes.len());
}

#[tokio::test]
async fn a_wrong_key_is_refused_as_each_vendor_does() {
    let vendors =
        Vendors::start(VendorsConfig { api_key: Some("right".to_owned()), ..VendorsConfig::default() }).await.unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let refused = speech(&vendors).header("xi-api-key", "wrong").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(speech(&vendors).header("xi-api-key", "right").send().await.unwrap().status(), 200);
    let url = format!("{}/v1beta/models/m:generateContent", vendors.url());
    let refused = reqwest::Client::new().post(url).json(&json!({"contents": []})).send().await.unwrap();
    assert_eq!(refused.status(), 400, "Gemini says 400, not 401");
    let mut ears = socket(&vendors, EARS).await;
    assert_eq!(next(&mut ears).await["message_type"], "auth_error");
}

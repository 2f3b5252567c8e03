//! The ElevenLabs clients against a scripted stand-in: every connection and request is handed to the test, which answers it step by
//! step. Nothing waits for time to pass: where a deadline must pass, the clock is moved.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use trunkline::provider::breaker::Circuit;
use trunkline::provider::elevenlabs::ElevenLabsConfig;
use trunkline::provider::elevenlabs::chain::Link;
use trunkline::provider::elevenlabs::ears::Ears;
use trunkline::provider::elevenlabs::voice::Voice;
use trunkline::provider::{
    EarsEvent, EarsInput, ProviderError, ProviderErrorKind, SpeechFormat, Utterance, VoiceEvent, VoiceInput, VoiceSpec,
    http_client,
};
use trunkline::telemetry::Secret;

// ---------------------------------------------------------------- the stand-in

const KEY: &str = "sk_very_secret_key";

struct Vendor {
    address: SocketAddr,
    sockets: mpsc::Receiver<Socket>,
    requests: mpsc::Receiver<Asked>,
    /// Statuses for the next socket upgrades; once used up, they are taken.
    refusals: Arc<Mutex<VecDeque<u16>>>,
}

/// A socket that the client opened.
struct Socket {
    uri: String,
    key: String,
    said: mpsc::Receiver<Value>,
    answer: mpsc::Sender<Answer>,
}

enum Answer {
    Say(String),
    Close(u16, &'static str),
    /// The connection breaks without a closing handshake.
    Break,
}

/// An HTTP request that the client made.
struct Asked {
    uri: String,
    key: String,
    body: Value,
    reply: oneshot::Sender<Response>,
}

#[derive(Clone)]
struct Desk {
    sockets: mpsc::Sender<Socket>,
    requests: mpsc::Sender<Asked>,
    refusals: Arc<Mutex<VecDeque<u16>>>,
}

impl Vendor {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to_sockets, sockets) = mpsc::channel(16);
        let (to_requests, requests) = mpsc::channel(16);
        let refusals = Arc::new(Mutex::new(VecDeque::new()));
        let desk = Desk { sockets: to_sockets, requests: to_requests, refusals: Arc::clone(&refusals) };
        let app = Router::new().fallback(serve).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, sockets, requests, refusals }
    }

    fn config(&self) -> ElevenLabsConfig {
        let url = format!("http://{}", self.address).parse().unwrap();
        ElevenLabsConfig {
            reconnect_pauses: vec![Duration::ZERO, Duration::ZERO],
            rate_limit_pause: Duration::ZERO,
            ..ElevenLabsConfig::new(url, Secret::from(KEY.to_owned()))
        }
    }

    async fn socket(&mut self) -> Socket {
        self.sockets.recv().await.unwrap()
    }

    async fn request(&mut self) -> Asked {
        self.requests.recv().await.unwrap()
    }
}

impl Socket {
    async fn heard(&mut self) -> Value {
        self.said.recv().await.unwrap()
    }

    /// Messages of the recogniser's audio, however it was cut, until there are so many bytes.
    async fn audio(&mut self, bytes: usize) {
        let mut heard = 0;
        while heard < bytes {
            heard += audio_len(&self.heard().await);
        }
        assert_eq!(heard, bytes);
    }

    async fn say(&self, message: Value) {
        self.answer.send(Answer::Say(message.to_string())).await.unwrap();
    }

    async fn end(&self, answer: Answer) {
        self.answer.send(answer).await.unwrap();
    }
}

impl Asked {
    fn answer(self, status: u16, body: impl Into<Body>) {
        let response = Response::builder().status(status).body(body.into()).unwrap();
        // The client may have gone; then the test sees it elsewhere.
        drop(self.reply.send(response));
    }

    /// Answers 200 and leaves the body to the test.
    fn stream(self) -> mpsc::Sender<io::Result<Bytes>> {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        let body = futures_util::stream::unfold(receiver, |mut rx| async move { rx.recv().await.map(|c| (c, rx)) });
        self.answer(200, Body::from_stream(body));
        sender
    }
}

async fn serve(
    State(desk): State<Desk>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let uri = format!("{}?{}", request.uri().path(), query.unwrap_or_default());
    let key = headers.get("xi-api-key").map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
    if let Ok(upgrade) = upgrade {
        let refusal = desk.refusals.lock().unwrap().pop_front();
        if let Some(status) = refusal {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        let (to_said, said) = mpsc::channel(256);
        let (answer, answers) = mpsc::channel(16);
        desk.sockets.send(Socket { uri, key, said, answer }).await.unwrap();
        return upgrade.on_upgrade(move |socket| converse(socket, to_said, answers));
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let (reply, response) = oneshot::channel();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    desk.requests.send(Asked { uri, key, body, reply }).await.unwrap();
    response.await.unwrap_or_else(|_| StatusCode::IM_A_TEAPOT.into_response())
}

async fn converse(mut socket: WebSocket, said: mpsc::Sender<Value>, mut answers: mpsc::Receiver<Answer>) {
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => drop(said.send(serde_json::from_str(&text).unwrap()).await),
                Some(Ok(_)) => {}
                _ => return,
            },
            answer = answers.recv() => match answer {
                Some(Answer::Say(text)) => drop(socket.send(Message::Text(text.into())).await),
                Some(Answer::Close(code, reason)) => {
                    drop(socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await);
                    return;
                }
                Some(Answer::Break) => return,
                // The test let go of its end: the socket hangs, open and deaf.
                None => std::future::pending().await,
            },
        }
    }
}

/// Moves the clock past a deadline.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

// ---------------------------------------------------------------- ears

struct Listening {
    input: mpsc::Sender<EarsInput>,
    events: mpsc::Receiver<EarsEvent>,
    task: tokio::task::JoinHandle<Result<(), ProviderError>>,
}

fn listen(config: ElevenLabsConfig) -> Listening {
    let (input, from_input) = mpsc::channel(256);
    let (out, events) = mpsc::channel(256);
    let task = tokio::spawn(async move {
        let terms = ["Acme".to_owned(), "a term far longer than allowed".to_owned()];
        Ears::new(config).transcribe("hi", &terms, from_input, out).await
    });
    Listening { input, events, task }
}

impl Listening {
    async fn frames(&self, count: usize) {
        for _ in 0..count {
            self.input.send(EarsInput::Audio(Bytes::from_static(&[1; 160]))).await.unwrap();
        }
    }

    async fn commit(&self) {
        self.input.send(EarsInput::Commit).await.unwrap();
    }

    async fn event(&mut self) -> EarsEvent {
        self.events.recv().await.unwrap()
    }
}

fn audio_len(message: &Value) -> usize {
    assert_eq!(message["commit"], false);
    assert_eq!(message["sample_rate"], 8000);
    STANDARD.decode(message["audio_base_64"].as_str().unwrap()).unwrap().len()
}

fn partial(text: &str) -> Value {
    json!({"message_type": "partial_transcript", "text": text})
}

fn committed(text: &str) -> Value {
    json!({"message_type": "committed_transcript", "text": text})
}

#[tokio::test]
async fn ears_batch_frames_flush_before_a_commit_and_tell_words() {
    let mut vendor = Vendor::start().await;
    let mut ears = listen(vendor.config());
    let mut socket = vendor.socket().await;
    assert_eq!(
        socket.uri,
        "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000&commit_strategy=manual\
         &language_code=hi&keyterms=Acme"
    );
    assert_eq!(socket.key, KEY);
    socket.say(json!({"message_type": "session_started", "session_id": "s", "config": {}})).await;
    ears.frames(5).await;
    assert_eq!(audio_len(&socket.heard().await), 800);
    ears.frames(2).await;
    ears.commit().await;
    assert_eq!(audio_len(&socket.heard().await), 320);
    let commit = socket.heard().await;
    assert_eq!(
        commit,
        json!({"message_type": "input_audio_chunk", "audio_base_64": "", "commit": true, "sample_rate": 8000})
    );
    socket.say(partial("पाँच")).await;
    socket.say(partial("पाँच")).await;
    socket.say(json!({"message_type": "warning", "warning": "of no concern"})).await;
    socket.say(committed("पाँच सौ")).await;
    assert_eq!(ears.event().await, EarsEvent::Partial("पाँच".to_owned()));
    assert_eq!(ears.event().await, EarsEvent::Final("पाँच सौ".to_owned()));
    drop(ears.input);
    assert_eq!(ears.task.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn ears_answer_a_commit_without_audio_themselves() {
    let mut vendor = Vendor::start().await;
    let mut ears = listen(vendor.config());
    let mut socket = vendor.socket().await;
    ears.commit().await;
    assert_eq!(ears.event().await, EarsEvent::Final(String::new()));
    ears.frames(5).await;
    assert_eq!(audio_len(&socket.heard().await), 800, "no commit was sent before");
}

#[tokio::test]
async fn ears_say_the_audio_again_after_a_break_and_ask_for_the_same_commit() {
    let mut vendor = Vendor::start().await;
    let mut ears = listen(vendor.config());
    let mut first = vendor.socket().await;
    ears.frames(5).await;
    ears.commit().await;
    assert_eq!(audio_len(&first.heard().await), 800);
    assert_eq!(first.heard().await["commit"], true);
    first.say(committed("hello")).await;
    assert_eq!(ears.event().await, EarsEvent::Final("hello".to_owned()));
    ears.frames(10).await;
    ears.commit().await;
    first.audio(1_600).await;
    assert_eq!(first.heard().await["commit"], true);
    first.end(Answer::Break).await;

    let mut second = vendor.socket().await;
    assert_eq!(audio_len(&second.heard().await), 1600, "the audio since the last final, in one piece");
    assert_eq!(second.heard().await["commit"], true);
    second.say(committed("five hundred")).await;
    assert_eq!(ears.event().await, EarsEvent::Final("five hundred".to_owned()));
}

#[tokio::test]
async fn ears_replay_no_more_than_the_last_seconds() {
    let mut vendor = Vendor::start().await;
    let mut ears = listen(ElevenLabsConfig { replay: Duration::from_millis(400), ..vendor.config() });
    let mut first = vendor.socket().await;
    ears.frames(50).await;
    ears.input.send(EarsInput::Now).await.unwrap();
    first.audio(8_000).await;
    first.end(Answer::Close(1011, "")).await;
    let mut second = vendor.socket().await;
    assert_eq!(audio_len(&second.heard().await), 3200);
    ears.commit().await;
    assert_eq!(second.heard().await["commit"], true);
    second.say(committed("yes")).await;
    assert_eq!(ears.event().await, EarsEvent::Final("yes".to_owned()));
}

#[tokio::test]
async fn ears_give_up_after_the_last_pause_and_say_why_without_secrets() {
    let mut vendor = Vendor::start().await;
    let ears = listen(vendor.config());
    for _ in 0..3 {
        let socket = vendor.socket().await;
        socket.say(json!({"message_type": "queue_overflow", "error": format!("no room for {KEY}")})).await;
    }
    let error = ears.task.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unavailable);
    assert_eq!(error.to_string(), "elevenlabs unavailable: queue_overflow");
}

#[tokio::test]
async fn ears_do_not_come_back_after_a_terminal_error() {
    for (code, kind) in [
        ("auth_error", ProviderErrorKind::Refused),
        ("quota_exceeded", ProviderErrorKind::Quota),
        ("invalid_request", ProviderErrorKind::Refused),
    ] {
        let mut vendor = Vendor::start().await;
        let ears = listen(vendor.config());
        let socket = vendor.socket().await;
        socket.say(json!({"message_type": code, "error": "…"})).await;
        assert_eq!(ears.task.await.unwrap().unwrap_err().kind, kind, "{code}");
        assert!(vendor.sockets.try_recv().is_err());
    }
    let mut vendor = Vendor::start().await;
    let ears = listen(vendor.config());
    vendor.socket().await.end(Answer::Close(1008, "auth_error")).await;
    assert_eq!(ears.task.await.unwrap().unwrap_err().kind, ProviderErrorKind::Refused, "told by the close alone");
}

#[tokio::test]
async fn ears_try_again_after_an_overloaded_upgrade_but_not_after_a_refused_one() {
    let mut vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().extend([503, 429]);
    let ears = listen(vendor.config());
    vendor.socket().await;
    drop(ears);

    let vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().push_back(401);
    let error = listen(vendor.config()).task.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "elevenlabs refused: the socket was refused with 401");
}

#[tokio::test]
async fn ears_take_a_malformed_message_for_a_broken_connection() {
    let mut vendor = Vendor::start().await;
    let _ears = listen(vendor.config());
    let socket = vendor.socket().await;
    socket.end(Answer::Say("{oops".to_owned())).await;
    vendor.socket().await;
}

#[tokio::test]
async fn a_commit_of_silence_is_answered_with_the_words_so_far_once_its_time_is_up() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let mut ears = listen(config.clone());
    let mut socket = vendor.socket().await;
    ears.frames(5).await;
    ears.commit().await;
    socket.heard().await;
    socket.heard().await;
    socket.say(partial("hm")).await;
    assert_eq!(ears.event().await, EarsEvent::Partial("hm".to_owned()));
    pass(config.commit_timeout).await;
    assert_eq!(ears.event().await, EarsEvent::Final("hm".to_owned()));
}

#[tokio::test]
async fn a_recogniser_that_falls_silent_is_asked_again_over_a_new_connection() {
    // A peer that accepts and then reads nothing, so that not even pings are answered.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let config = ElevenLabsConfig {
        reconnect_pauses: vec![Duration::ZERO],
        ..ElevenLabsConfig::new(url, Secret::from(KEY.to_owned()))
    };
    let ears = listen(config.clone());
    let (stream, _) = listener.accept().await.unwrap();
    let mut deaf = tokio_tungstenite::accept_async(stream).await.unwrap();
    ears.frames(5).await;
    ears.commit().await;
    // Reads the audio and the commit from the wire, and then nothing more: the pong is never written.
    use futures_util::StreamExt as _;
    deaf.next().await.unwrap().unwrap();
    deaf.next().await.unwrap().unwrap();
    pass(config.commit_timeout).await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut second = tokio_tungstenite::accept_async(stream).await.unwrap();
    let replayed: Value = serde_json::from_str(second.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(audio_len(&replayed), 800);
}

#[tokio::test]
async fn a_recogniser_that_answers_pings_and_says_nothing_is_doubted_less_and_less() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let mut ears = listen(config.clone());
    let began = json!({"message_type": "session_started"});
    let mut socket = vendor.socket().await;
    socket.say(began.clone()).await;
    let unanswered = async |ears: &mut Listening, socket: &mut Socket| {
        ears.frames(5).await;
        ears.commit().await;
        assert_eq!(audio_len(&socket.heard().await), 800);
        socket.heard().await;
        pass(config.commit_timeout).await;
    };
    // The first commit without a word: another connection is given the same audio and the same commit.
    unanswered(&mut ears, &mut socket).await;
    let mut socket = vendor.socket().await;
    socket.say(began.clone()).await;
    assert_eq!(audio_len(&socket.heard().await), 800);
    assert_eq!(socket.heard().await["commit"], true);
    // It has nothing to say either: it was noise, and the next time nobody doubts so soon.
    pass(config.commit_timeout).await;
    assert_eq!(ears.event().await, EarsEvent::Final(String::new()));
    unanswered(&mut ears, &mut socket).await;
    assert_eq!(ears.event().await, EarsEvent::Final(String::new()));
    unanswered(&mut ears, &mut socket).await;
    let mut socket = vendor.socket().await;
    socket.heard().await;
    socket.heard().await;
    socket.say(committed("five hundred")).await;
    assert_eq!(ears.event().await, EarsEvent::Final("five hundred".to_owned()));
}

// ---------------------------------------------------------------- voice

struct Speaking {
    input: mpsc::Sender<VoiceInput>,
    events: mpsc::Receiver<VoiceEvent>,
    task: tokio::task::JoinHandle<()>,
}

fn spec(model_id: &str) -> Arc<VoiceSpec> {
    Arc::new(VoiceSpec {
        voice_id: "V1".to_owned(),
        model_id: model_id.to_owned(),
        language: "hi".to_owned(),
        stability: 0.5,
        similarity_boost: 0.8,
        speed: 1.0,
    })
}

fn voice_of(config: ElevenLabsConfig) -> Voice {
    Voice::new(config, http_client(Duration::from_secs(3)).unwrap())
}

fn speak(config: ElevenLabsConfig) -> Speaking {
    let (input, from_input) = mpsc::channel(64);
    let (out, events) = mpsc::channel(64);
    let voice = voice_of(config);
    let task = tokio::spawn(async move { voice.speak(None, from_input, out).await });
    Speaking { input, events, task }
}

impl Speaking {
    async fn say_as(&self, turn: u32, clause: u32, voice: Arc<VoiceSpec>) {
        let text = format!("words {turn} {clause}");
        self.input.send(VoiceInput::Speak(Utterance { turn, clause, text, voice })).await.unwrap();
    }

    async fn say(&self, turn: u32, clause: u32) {
        self.say_as(turn, clause, spec("eleven_flash_v2_5")).await;
    }

    /// The next event, as a short line.
    async fn event(&mut self) -> String {
        match self.events.recv().await.unwrap() {
            VoiceEvent::Audio { turn, clause, audio } => {
                format!("audio {turn} {clause} {}", String::from_utf8_lossy(&audio))
            }
            VoiceEvent::Letters { turn, clause, ends_ms } => format!("letters {turn} {clause} {ends_ms:?}"),
            VoiceEvent::Done { turn, clause, pure: true } => format!("done {turn} {clause}"),
            VoiceEvent::Done { turn, clause, pure: false } => format!("done otherwise {turn} {clause}"),
            VoiceEvent::Failed { turn, clause, error } => format!("failed {turn} {clause} {error}"),
        }
    }
}

fn audio(id: &str, audio: &str) -> Value {
    json!({"audio": STANDARD.encode(audio), "isFinal": null, "alignment": null, "contextId": id})
}

fn last(id: &str) -> Value {
    json!({"isFinal": true, "contextId": id})
}

/// Reads the three messages that open, fill and close a context; returns its id.
async fn context(socket: &mut Socket) -> String {
    let open = socket.heard().await;
    assert_eq!(open["text"], " ", "the first message carries the settings and a space: {open}");
    assert_eq!(open["voice_settings"], json!({"stability": 0.5, "similarity_boost": 0.8, "speed": 1.0}));
    let id = open["context_id"].as_str().unwrap().to_owned();
    let text = socket.heard().await;
    assert_eq!(text["flush"], true);
    assert!(text["text"].as_str().unwrap().ends_with(' '));
    assert_eq!(socket.heard().await, json!({"context_id": id, "close_context": true}));
    id
}

#[tokio::test]
async fn a_clause_has_a_context_of_its_own_and_its_audio_comes_in_order() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(3, 0).await;
    let mut socket = vendor.socket().await;
    assert_eq!(
        socket.uri,
        "/v1/text-to-speech/V1/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true\
         &inactivity_timeout=180&language_code=hi"
    );
    assert_eq!(socket.key, KEY);
    assert_eq!(context(&mut socket).await, "t3c0");
    voice.say(3, 1).await;
    assert_eq!(context(&mut socket).await, "t3c1");
    socket.say(audio("t3c0", "a")).await;
    socket.say(json!({"type": "flush_done", "contextId": "t3c0"})).await;
    socket.say(audio("t3c0", "b")).await;
    socket.say(last("t3c0")).await;
    socket.say(json!({"audio": STANDARD.encode("c"), "is_final": true, "context_id": "t3c1"})).await;
    for expected in ["audio 3 0 a", "audio 3 0 b", "done 3 0", "audio 3 1 c", "done 3 1"] {
        assert_eq!(voice.event().await, expected);
    }
    drop(voice.input);
    assert_eq!(socket.heard().await, json!({"close_socket": true}));
    voice.task.await.unwrap();
}

#[tokio::test]
async fn the_times_of_letters_come_before_their_audio_and_bad_ones_cost_nothing() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    let id = context(&mut socket).await;
    let times = json!({"chars": ["H", "\"", " ", "ह"], "charStartTimesMs": [0, 40, 80, 95.5], "charDurationsMs": [40, 40, 15, 30]});
    let with = |name: &str, times: &Value| {
        let mut message = audio(&id, "abc");
        message[name] = times.clone();
        message
    };
    socket.say(with("alignment", &times)).await;
    socket.say(with("normalizedAlignment", &times)).await;
    socket.say(with("alignment", &json!({"chars": 7}))).await;
    socket.say(audio(&id, "abc")).await;
    socket.say(last(&id)).await;
    for expected in [
        "letters 1 0 [40, 80, 125]",
        "audio 1 0 abc",
        "letters 1 0 [40, 80, 125]",
        "audio 1 0 abc",
        "audio 1 0 abc",
        "audio 1 0 abc",
        "done 1 0",
    ] {
        assert_eq!(voice.event().await, expected);
    }
}

#[tokio::test]
async fn a_warm_voice_connects_before_the_first_clause() {
    let mut vendor = Vendor::start().await;
    let (_input, from_input) = mpsc::channel(1);
    let (out, _events) = mpsc::channel(1);
    let voice = voice_of(vendor.config());
    tokio::spawn(async move { voice.speak(Some(&spec("eleven_flash_v2_5")), from_input, out).await });
    vendor.socket().await;
}

#[tokio::test]
async fn a_cancelled_turn_is_not_heard_again() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    socket.say(audio("t1c0", "a")).await;
    assert_eq!(voice.event().await, "audio 1 0 a");
    voice.input.send(VoiceInput::Cancel { turn: 1 }).await.unwrap();
    voice.say(2, 0).await;
    context(&mut socket).await;
    socket.say(audio("t1c0", "late")).await;
    socket.say(last("t1c0")).await;
    socket.say(audio("t1c0", "later")).await;
    socket.say(audio("t2c0", "new")).await;
    socket.say(last("t2c0")).await;
    assert_eq!(voice.event().await, "audio 2 0 new");
    assert_eq!(voice.event().await, "done 2 0");
}

#[tokio::test]
async fn a_turn_spoken_again_after_its_cancellation_does_not_get_the_old_audio() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    voice.input.send(VoiceInput::Cancel { turn: 1 }).await.unwrap();
    voice.say(1, 0).await;
    let id = context(&mut socket).await;
    assert_ne!(id, "t1c0");
    socket.say(audio("t1c0", "old")).await;
    socket.say(audio(&id, "new")).await;
    assert_eq!(voice.event().await, "audio 1 0 new");
}

#[tokio::test]
async fn no_more_than_four_contexts_are_open_at_once() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    for clause in 0..9 {
        voice.say(1, clause).await;
    }
    let mut socket = vendor.socket().await;
    let mut open = VecDeque::new();
    for _ in 0..4 {
        open.push_back(context(&mut socket).await);
    }
    for clause in 0..9 {
        assert!(socket.said.try_recv().is_err(), "a fifth context was opened");
        let id = open.pop_front().unwrap();
        socket.say(audio(&id, "x")).await;
        socket.say(last(&id)).await;
        assert_eq!(voice.event().await, format!("audio 1 {clause} x"));
        assert_eq!(voice.event().await, format!("done 1 {clause}"));
        if clause + 4 < 9 {
            open.push_back(context(&mut socket).await);
        }
    }
    assert!(vendor.requests.try_recv().is_err(), "a full socket is no reason for HTTP");
}

#[tokio::test]
async fn a_socket_full_of_cancelled_clauses_is_replaced() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    for clause in 0..4 {
        voice.say(1, clause).await;
    }
    let mut first = vendor.socket().await;
    for _ in 0..4 {
        context(&mut first).await;
    }
    voice.input.send(VoiceInput::Cancel { turn: 1 }).await.unwrap();
    voice.say(2, 0).await;
    let mut second = vendor.socket().await;
    context(&mut second).await;
    second.say(audio("t2c0", "x")).await;
    assert_eq!(voice.event().await, "audio 2 0 x");
}

#[tokio::test]
async fn a_socket_closed_with_1008_hands_its_clauses_to_http() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    socket.say(json!({"message": "…", "error": "max_active_conversations", "code": 1008})).await;
    socket.end(Answer::Close(1008, "max_active_conversations")).await;
    let asked = vendor.request().await;
    assert_eq!(asked.uri, "/v1/text-to-speech/V1/stream?output_format=ulaw_8000");
    assert_eq!(asked.key, KEY);
    assert_eq!(
        asked.body,
        json!({"text": "words 1 0", "model_id": "eleven_flash_v2_5", "language_code": "hi",
               "voice_settings": {"stability": 0.5, "similarity_boost": 0.8, "speed": 1.0}})
    );
    let body = asked.stream();
    body.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
    assert_eq!(voice.event().await, "audio 1 0 a", "audio is passed on before the body ends");
    body.send(Ok(Bytes::from_static(b"b"))).await.unwrap();
    assert_eq!(voice.event().await, "audio 1 0 b");
    drop(body);
    assert_eq!(voice.event().await, "done 1 0");
    // The socket rests: the next clause does not wait for it.
    voice.say(2, 0).await;
    vendor.request().await.answer(200, "c");
    assert_eq!(voice.event().await, "audio 2 0 c");
}

#[tokio::test]
async fn a_clause_heard_in_part_is_not_said_again() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    voice.say(1, 1).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    context(&mut socket).await;
    socket.say(audio("t1c0", "half")).await;
    assert_eq!(voice.event().await, "audio 1 0 half");
    socket.end(Answer::Break).await;
    assert!(voice.event().await.starts_with("failed 1 0 elevenlabs broken"));
    let asked = vendor.request().await;
    assert_eq!(asked.body["text"], "words 1 1", "the clause of which nothing was heard goes over HTTP");
    asked.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 1 x");
}

#[tokio::test]
async fn a_silent_socket_is_given_half_the_time_and_http_the_rest() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let mut voice = speak(config.clone());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    pass(config.first_audio_timeout / 2).await;
    let silent = vendor.request().await;
    pass(config.first_audio_timeout).await;
    assert_eq!(voice.event().await, "failed 1 0 elevenlabs timeout: no answer in time");
    drop(silent);
}

#[tokio::test]
async fn a_socket_that_will_not_open_costs_no_more_than_half_the_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let config = ElevenLabsConfig::new(url, Secret::from(KEY.to_owned()));
    let voice = speak(config.clone());
    voice.say(1, 0).await;
    let (_socket, _) = silent.accept().await.unwrap();
    pass(config.first_audio_timeout / 2).await;
    let (_http, _) = silent.accept().await.unwrap();
}

#[tokio::test]
async fn every_failure_of_both_ways_is_told_once_and_by_its_kind() {
    let bad_key = r#"{"detail":{"status":"invalid_api_key","message":"sk_very_secret_key"}}"#;
    let quota = r#"{"detail":{"code":"concurrent_limit_exceeded","status":"too_many_concurrent_requests"}}"#;
    for (status, body, expected) in [
        (401, bad_key, "failed 1 0 elevenlabs refused: 401 invalid_api_key"),
        (429, quota, "failed 1 0 elevenlabs quota: 429 concurrent_limit_exceeded"),
        (500, "<html>", "failed 1 0 elevenlabs unavailable: 500 unknown"),
        (200, "", "failed 1 0 elevenlabs broken: an answer without audio"),
    ] {
        let mut vendor = Vendor::start().await;
        vendor.refusals.lock().unwrap().push_back(401);
        let mut voice = speak(vendor.config());
        voice.say(1, 0).await;
        vendor.request().await.answer(status, body);
        assert_eq!(voice.event().await, expected);
        assert!(vendor.requests.try_recv().is_err(), "{status} was asked more often than twice");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_fails_the_clause_it_began() {
    let mut vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().push_back(500);
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let body = vendor.request().await.stream();
    body.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
    assert_eq!(voice.event().await, "audio 1 0 a");
    body.send(Err(io::Error::other("reset"))).await.unwrap();
    assert!(voice.event().await.starts_with("failed 1 0 elevenlabs broken"));
}

#[tokio::test]
async fn malformed_messages_and_audio_hand_the_clause_to_http() {
    for nonsense in ["{oops", r#"{"audio":"%%%","contextId":"t1c0"}"#] {
        let mut vendor = Vendor::start().await;
        let mut voice = speak(vendor.config());
        voice.say(1, 0).await;
        let mut socket = vendor.socket().await;
        context(&mut socket).await;
        socket.end(Answer::Say(nonsense.to_owned())).await;
        vendor.request().await.answer(200, "x");
        assert_eq!(voice.event().await, "audio 1 0 x");
        assert_eq!(voice.event().await, "done 1 0");
    }
}

#[tokio::test]
async fn models_that_refuse_the_sockets_are_spoken_over_http_and_asked_once_more_when_they_fail() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say_as(1, 0, spec("eleven_v3")).await;
    vendor.request().await.answer(503, "");
    vendor.request().await.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 0 x");
    assert_eq!(voice.event().await, "done 1 0");
    assert!(vendor.sockets.try_recv().is_err());
}

#[tokio::test]
async fn cancelling_ends_an_http_request() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say_as(1, 0, spec("eleven_v3")).await;
    let body = vendor.request().await.stream();
    body.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
    assert_eq!(voice.event().await, "audio 1 0 a");
    voice.input.send(VoiceInput::Cancel { turn: 1 }).await.unwrap();
    body.closed().await;
}

#[tokio::test]
async fn another_language_gets_another_socket() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.config());
    voice.say(1, 0).await;
    let mut first = vendor.socket().await;
    context(&mut first).await;
    let english =
        VoiceSpec { language: "en".to_owned(), voice_id: "V2".to_owned(), ..(*spec("eleven_flash_v2_5")).clone() };
    voice.say_as(1, 1, Arc::new(english)).await;
    first.say(audio("t1c0", "x")).await;
    first.say(last("t1c0")).await;
    assert_eq!(voice.event().await, "audio 1 0 x");
    assert_eq!(voice.event().await, "done 1 0");
    let mut second = vendor.socket().await;
    assert!(second.uri.starts_with("/v1/text-to-speech/V2/") && second.uri.ends_with("language_code=en"));
    assert_eq!(context(&mut second).await, "t1c1");
}

#[tokio::test]
async fn an_idle_socket_is_touched_and_one_closed_in_peace_is_opened_again() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let mut voice = speak(config.clone());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    socket.say(audio("t1c0", "x")).await;
    socket.say(last("t1c0")).await;
    voice.event().await;
    assert_eq!(voice.event().await, "done 1 0");
    pass(config.keep_alive).await;
    assert_eq!(socket.heard().await, json!({"text": ""}));
    socket.end(Answer::Close(1000, "")).await;
    vendor.socket().await;
}

#[tokio::test]
async fn a_slow_listener_does_not_keep_a_cancellation_waiting() {
    let mut vendor = Vendor::start().await;
    let (input, from_input) = mpsc::channel(4);
    let (out, mut events) = mpsc::channel(1);
    let voice = voice_of(vendor.config());
    tokio::spawn(async move { voice.speak(None, from_input, out).await });
    let say = |turn| {
        let voice = spec("eleven_flash_v2_5");
        VoiceInput::Speak(Utterance { turn, clause: 0, text: "words".to_owned(), voice })
    };
    input.send(say(1)).await.unwrap();
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    for _ in 0..200 {
        socket.say(audio("t1c0", "old")).await;
    }
    // The first piece may travel alone; with the second came all that the voice will hold back.
    for _ in 0..2 {
        assert!(matches!(events.recv().await.unwrap(), VoiceEvent::Audio { turn: 1, .. }));
    }
    input.send(VoiceInput::Cancel { turn: 1 }).await.unwrap();
    input.send(say(2)).await.unwrap();
    // Nothing more is taken from the voice, and yet the new turn's clause reaches the vendor.
    assert_eq!(context(&mut socket).await, "t2c0");
    socket.say(audio("t2c0", "new")).await;
    let mut old = 0;
    loop {
        match events.recv().await.unwrap() {
            VoiceEvent::Audio { turn: 1, .. } => old += 1,
            VoiceEvent::Audio { turn: 2, .. } => break,
            event => panic!("{event:?}"),
        }
    }
    assert!(old <= 2, "{old} pieces of a cancelled turn were passed on after its cancellation");
}

// ---------------------------------------------------------------- two models

const SECOND: &str = "eleven_multilingual_v2";

impl Vendor {
    fn with_second(&self) -> ElevenLabsConfig {
        ElevenLabsConfig { fallback_model: Some(SECOND.to_owned()), ..self.config() }
    }
}

fn circuits(voice: &Voice) -> Vec<(&'static str, Circuit)> {
    voice.breakers().map(|breaker| (breaker.part(), breaker.circuit())).collect()
}

#[tokio::test]
async fn a_clause_that_the_first_model_does_not_begin_is_spoken_by_the_second() {
    for end in [
        Answer::Break,
        Answer::Close(1008, "quota_exceeded"),
        Answer::Say("{oops".to_owned()),
        Answer::Say(last("t1c0").to_string()),
    ] {
        let mut vendor = Vendor::start().await;
        let mut voice = speak(vendor.with_second());
        voice.say(1, 0).await;
        let mut socket = vendor.socket().await;
        context(&mut socket).await;
        socket.end(end).await;
        let asked = vendor.request().await;
        assert_eq!((&asked.body["model_id"], &asked.body["text"]), (&json!(SECOND), &json!("words 1 0")));
        assert_eq!(asked.body["language_code"], Value::Null, "that model takes none");
        asked.answer(200, "x");
        assert_eq!(voice.event().await, "audio 1 0 x");
        assert_eq!(voice.event().await, "done otherwise 1 0");
    }
}

#[tokio::test]
async fn the_second_model_is_asked_once_and_its_failure_is_told_as_its_own() {
    let mut vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().push_back(500);
    let mut voice = speak(vendor.with_second());
    voice.say(1, 0).await;
    let asked = vendor.request().await;
    assert_eq!(asked.body["model_id"], SECOND);
    asked.answer(500, "");
    assert_eq!(voice.event().await, "failed 1 0 elevenlabs_fallback unavailable: 500 unknown");
    assert!(vendor.requests.try_recv().is_err(), "a third attempt");
}

#[tokio::test]
async fn a_silent_first_model_leaves_the_second_half_of_the_time_and_rests_for_the_next_clauses() {
    let mut vendor = Vendor::start().await;
    let config = vendor.with_second();
    let mut voice = speak(config.clone());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    pass(config.first_audio_timeout / 2).await;
    let asked = vendor.request().await;
    assert_eq!(asked.body["model_id"], SECOND);
    voice.say(1, 1).await;
    let mut second = vendor.socket().await;
    assert!(second.uri.contains(&format!("model_id={SECOND}")), "nobody waits for the first again: {}", second.uri);
    asked.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 0 x");
    assert_eq!(voice.event().await, "done otherwise 1 0");
    let id = context(&mut second).await;
    second.say(audio(&id, "y")).await;
    second.say(last(&id)).await;
    assert_eq!(voice.event().await, "audio 1 1 y");
    assert_eq!(voice.event().await, "done otherwise 1 1");
    // Rested, the first is tried again.
    pass(config.socket_rest).await;
    voice.say(2, 0).await;
    assert!(vendor.socket().await.uri.contains("model_id=eleven_flash_v2_5"));
}

#[tokio::test]
async fn a_clause_that_broke_off_goes_on_from_the_word_that_was_not_heard() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.with_second());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    let id = context(&mut socket).await;
    // "words" and half of the next word: 8 bytes are a millisecond.
    let mut message = audio(&id, &"a".repeat(8 * 60));
    message["alignment"] = json!({"chars": ["w", "o", "r", "d", "s", " ", "1"],
        "charStartTimesMs": [0, 10, 20, 30, 40, 50, 55], "charDurationsMs": [10, 10, 10, 10, 10, 5, 10]});
    socket.say(message).await;
    assert_eq!(voice.event().await, "letters 1 0 [10, 20, 30, 40, 50, 65]");
    assert!(voice.event().await.starts_with("audio 1 0 aaa"));
    socket.end(Answer::Break).await;
    let asked = vendor.request().await;
    assert_eq!((&asked.body["model_id"], &asked.body["text"]), (&json!(SECOND), &json!("1 0")));
    asked.answer(200, "b");
    assert_eq!(voice.event().await, "audio 1 0 b");
    assert_eq!(voice.event().await, "done otherwise 1 0");
}

#[tokio::test]
async fn a_clause_that_stops_in_the_middle_is_not_waited_for_longer_than_one_that_does_not_begin() {
    let mut vendor = Vendor::start().await;
    let config = vendor.with_second();
    let mut voice = speak(config.clone());
    voice.say(1, 0).await;
    let mut socket = vendor.socket().await;
    let id = context(&mut socket).await;
    let mut message = audio(&id, &"a".repeat(8 * 50));
    message["alignment"] = json!({"chars": ["w", "o", "r", "d", "s"], "charStartTimesMs": [0, 0, 0, 0, 0], "charDurationsMs": [10, 20, 30, 40, 50]});
    socket.say(message).await;
    voice.event().await;
    voice.event().await;
    pass(config.first_audio_timeout / 2).await;
    assert_eq!(vendor.request().await.body["text"], "1 0");
}

#[tokio::test]
async fn a_clause_of_which_nobody_knows_what_was_heard_is_not_said_again_by_the_second_model() {
    let mut vendor = Vendor::start().await;
    let mut voice = speak(vendor.with_second());
    voice.say(1, 0).await;
    voice.say(1, 1).await;
    let mut socket = vendor.socket().await;
    context(&mut socket).await;
    context(&mut socket).await;
    socket.say(audio("t1c0", "half")).await;
    assert_eq!(voice.event().await, "audio 1 0 half");
    socket.end(Answer::Break).await;
    assert!(voice.event().await.starts_with("failed 1 0 elevenlabs broken"));
    let asked = vendor.request().await;
    assert_eq!((&asked.body["model_id"], &asked.body["text"]), (&json!(SECOND), &json!("words 1 1")));
}

#[tokio::test]
async fn a_socket_that_fails_at_once_leaves_the_first_model_to_http() {
    let mut vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().push_back(502);
    let mut voice = speak(vendor.with_second());
    voice.say(1, 0).await;
    vendor.request().await.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 0 x");
    assert_eq!(voice.event().await, "done otherwise 1 0");
    voice.say(1, 1).await;
    let asked = vendor.request().await;
    assert_eq!(asked.body["model_id"], "eleven_flash_v2_5", "a socket that will not open says little of the model");
    asked.answer(503, "");
    let asked = vendor.request().await;
    assert_eq!((&asked.body["model_id"], &asked.body["text"]), (&json!(SECOND), &json!("words 1 1")));
    asked.answer(200, "y");
    assert_eq!(voice.event().await, "audio 1 1 y");
    assert_eq!(voice.event().await, "done otherwise 1 1");
}

#[tokio::test]
async fn a_first_model_without_sockets_has_half_of_the_time_over_http() {
    let mut vendor = Vendor::start().await;
    let config = vendor.with_second();
    let mut voice = speak(config.clone());
    voice.say_as(1, 0, spec("eleven_v3")).await;
    let silent = vendor.request().await;
    assert_eq!(silent.body["model_id"], "eleven_v3");
    pass(config.first_audio_timeout / 2).await;
    let asked = vendor.request().await;
    assert_eq!(asked.body["model_id"], SECOND);
    asked.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 0 x");
}

#[tokio::test]
async fn a_language_that_the_second_model_does_not_speak_is_never_given_to_it() {
    let mut vendor = Vendor::start().await;
    vendor.refusals.lock().unwrap().push_back(500);
    let mut voice = speak(ElevenLabsConfig { fallback_model: Some("eleven_flash_v2".to_owned()), ..vendor.config() });
    voice.say(1, 0).await;
    let asked = vendor.request().await;
    assert_eq!(asked.body["model_id"], "eleven_flash_v2_5");
    asked.answer(200, "x");
    assert_eq!(voice.event().await, "audio 1 0 x");
    assert_eq!(voice.event().await, "done 1 0");
}

#[tokio::test]
async fn a_first_model_that_keeps_failing_is_left_alone_by_every_call_and_tried_again_by_one() {
    let mut vendor = Vendor::start().await;
    let voice = voice_of(vendor.with_second());
    let flash = spec("eleven_flash_v2_5");
    while voice.circuit(Link::First) == Circuit::Closed {
        let failing = voice.render_now(Link::First, "words", &flash, SpeechFormat::Mp3);
        let answering = async {
            let asked = vendor.request().await;
            assert_eq!(asked.body["model_id"], "eleven_flash_v2_5");
            asked.answer(503, "");
        };
        assert!(tokio::join!(failing, answering).0.is_err(), "it is asked once, since the second is there");
    }
    assert_eq!(circuits(&voice), [("voice", Circuit::Open), ("voice_fallback", Circuit::Closed)]);
    assert!(!voice.is_left_alone(&flash));
    assert_eq!(
        voice.render_now(Link::First, "words", &flash, SpeechFormat::Mp3).await.unwrap_err().what,
        "left alone after repeated failures"
    );
    let call = || {
        let (input, from_input) = mpsc::channel(64);
        let (out, events) = mpsc::channel(64);
        let (voice, warm) = (voice.clone(), spec("eleven_flash_v2_5"));
        let task = tokio::spawn(async move { voice.speak(Some(&warm), from_input, out).await });
        Speaking { input, events, task }
    };
    let mut first_call = call();
    let mut socket = vendor.socket().await;
    assert!(socket.uri.contains(&format!("model_id={SECOND}")), "the warm socket is the second model's");
    first_call.say(1, 0).await;
    let id = context(&mut socket).await;
    socket.say(audio(&id, "x")).await;
    socket.say(last(&id)).await;
    assert_eq!(first_call.event().await, "audio 1 0 x");
    assert_eq!(first_call.event().await, "done otherwise 1 0");
    // After its rest one clause finds out whether the first is back; it is.
    pass(Duration::from_secs(6)).await;
    let mut second_call = call();
    second_call.say(1, 0).await;
    let mut probe = vendor.socket().await;
    assert!(probe.uri.contains("model_id=eleven_flash_v2_5"), "{}", probe.uri);
    let id = context(&mut probe).await;
    first_call.say(2, 0).await;
    let other = context(&mut socket).await;
    socket.say(last(&other)).await;
    probe.say(audio(&id, "y")).await;
    probe.say(last(&id)).await;
    assert_eq!(second_call.event().await, "audio 1 0 y");
    assert_eq!(second_call.event().await, "done 1 0");
    assert_eq!(circuits(&voice), [("voice", Circuit::Closed), ("voice_fallback", Circuit::Closed)]);
}

#[tokio::test]
async fn nobody_is_asked_while_both_models_are_left_alone() {
    let vendor = Vendor::start().await;
    let voice = voice_of(vendor.with_second());
    for breaker in voice.breakers() {
        while breaker.circuit() == Circuit::Closed {
            breaker.failed(&ProviderError::new("v", ProviderErrorKind::Timeout, "as asked"));
        }
    }
    let (input, from_input) = mpsc::channel(4);
    let (out, events) = mpsc::channel(4);
    let mut speaking =
        Speaking { input, events, task: tokio::spawn(async move { voice.speak(None, from_input, out).await }) };
    speaking.say(1, 0).await;
    assert_eq!(speaking.event().await, "failed 1 0 elevenlabs refused: left alone after repeated failures");
}

// ---------------------------------------------------------------- rendering

#[tokio::test]
async fn a_file_is_rendered_in_the_format_asked_for() {
    for (format, name) in [(SpeechFormat::Mp3, "mp3_44100_128"), (SpeechFormat::Ulaw, "ulaw_8000")] {
        let mut vendor = Vendor::start().await;
        let voice = voice_of(vendor.config());
        let task = tokio::spawn(async move { voice.render("hello", &spec("eleven_flash_v2_5"), format).await });
        let asked = vendor.request().await;
        assert_eq!(asked.uri, format!("/v1/text-to-speech/V1?output_format={name}"));
        assert_eq!(asked.body["text"], "hello");
        asked.answer(200, "sound");
        assert_eq!(task.await.unwrap().unwrap(), "sound");
    }
}

/// Renders against a list of answers; returns how it ended and how many answers were left.
async fn render_against(answers: Vec<(u16, Body)>) -> (Result<Bytes, ProviderError>, usize) {
    let mut vendor = Vendor::start().await;
    let voice = voice_of(vendor.config());
    let task = tokio::spawn(async move { voice.render("hello", &spec("eleven_flash_v2_5"), SpeechFormat::Mp3).await });
    let mut answers = VecDeque::from(answers);
    let vendor_answers = async {
        loop {
            let asked = vendor.request().await;
            let (status, body) = answers.pop_front().expect("asked too often");
            asked.answer(status, body);
        }
    };
    let result = tokio::select! {
        result = task => result.unwrap(),
        () = vendor_answers => unreachable!("it answers for ever"),
    };
    (result, answers.len())
}

#[tokio::test]
async fn a_429_and_a_failing_vendor_are_asked_once_more() {
    for status in [429, 500, 503] {
        let (result, _) = render_against(vec![(status, Body::empty()), (200, Body::from("sound"))]).await;
        assert_eq!(result.unwrap(), "sound", "{status}");
        let (result, _) = render_against(vec![(status, Body::empty()), (status, Body::empty())]).await;
        assert!(result.is_err());
    }
    let (result, left) = render_against(vec![(401, Body::empty()), (200, Body::from("sound"))]).await;
    assert_eq!(result.unwrap_err().kind, ProviderErrorKind::Refused);
    assert_eq!(left, 1, "a refusal is not asked again");
}

#[tokio::test]
async fn a_file_larger_than_allowed_is_not_kept() {
    let huge = || (200, Body::from(vec![0; 8 * 1024 * 1024 + 1]));
    let (result, _) = render_against(vec![huge(), huge()]).await;
    assert_eq!(result.unwrap_err().what, "the file is larger than allowed");
}

#[tokio::test]
async fn a_file_that_does_not_come_is_given_up() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let voice = voice_of(config.clone());
    let task = tokio::spawn(async move { voice.render("hello", &spec("eleven_flash_v2_5"), SpeechFormat::Mp3).await });
    let _hung = vendor.request().await;
    pass(config.render_timeout).await;
    assert_eq!(task.await.unwrap().unwrap_err().kind, ProviderErrorKind::Timeout);
}

#[tokio::test]
async fn a_check_tells_a_good_key_from_a_bad_one() {
    let mut vendor = Vendor::start().await;
    let voice = voice_of(vendor.config());
    let checked = tokio::spawn(async move { (voice.check().await, voice.check().await) });
    let asked = vendor.request().await;
    assert_eq!((asked.uri.as_str(), asked.key.as_str()), ("/v1/models?", KEY));
    asked.answer(200, "[]");
    vendor.request().await.answer(401, r#"{"detail":{"status":"invalid_api_key"}}"#);
    let (good, bad) = checked.await.unwrap();
    assert_eq!(good, Ok(()));
    assert_eq!(bad.unwrap_err().to_string(), "elevenlabs refused: 401 invalid_api_key");
}

#[tokio::test]
async fn no_debug_output_holds_the_key() {
    let vendor = Vendor::start().await;
    let shown = format!("{:?} {:?} {:?}", vendor.config(), Ears::new(vendor.config()), voice_of(vendor.config()));
    assert!(!shown.contains(KEY), "{shown}");
}

//! The simulated Twilio against a small server of the test's own: signatures, verbs, callbacks, streams.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use trunkline::simulator::caller::{CallEnd, CallReport, Party, Script, Step};
use trunkline::simulator::load::{Plan, simulate};
use trunkline::simulator::twilio::{Callbacks, FarEnd, FarEndConfig, Happening, Inbound, LineOptions};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "12345678901234567890123456789012";

type Pairs = Vec<(String, String)>;

/// What a test's server saw, and what it answers.
#[derive(Clone, Default)]
struct Server {
    /// (path and query, parameters, signature)
    seen: Arc<Mutex<Vec<(String, Pairs, String)>>>,
    /// Path to the verbs of its document.
    documents: Arc<Vec<(&'static str, String)>>,
    /// What the media socket does.
    socket: Option<Behaviour>,
    /// Messages of the media socket.
    messages: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone, Copy)]
enum Behaviour {
    /// Speaks a second with a mark at its end, clears when the caller speaks, and closes after the caller's second mark.
    Talk,
    /// Sends what Twilio would not take, then closes.
    Nonsense,
    /// Listens.
    Silent,
}

impl Server {
    async fn start(self) -> SocketAddr {
        let app = Router::new().route("/media", get(media)).fallback(any(webhook)).with_state(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        addr
    }

    fn with(documents: &[(&'static str, &str)]) -> Self {
        let documents =
            documents.iter().map(|(path, verbs)| (*path, format!("<Response>{verbs}</Response>"))).collect();
        Self { documents: Arc::new(documents), ..Self::default() }
    }

    fn of(&self, path: &str) -> Vec<Pairs> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(at, _, _)| at.starts_with(path)).map(|(_, params, _)| params.clone()).collect()
    }
}

async fn webhook(State(server): State<Server>, request: Request) -> Response {
    let target = request.uri().path_and_query().unwrap().to_string();
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    assert_eq!(host, "voice.example.in", "the public host is kept");
    let signature = request.headers()["x-twilio-signature"].to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let params: Pairs = url::form_urlencoded::parse(&body).into_owned().collect();
    server.seen.lock().unwrap().push((target.clone(), params, signature));
    if target.starts_with("/audio") {
        let frame = [&[0xFF_u8, 0xFB, 0x90, 0xC0][..], &[0; 413]].concat();
        return ([("content-type", "audio/mpeg")], frame.repeat(40)).into_response();
    }
    let document = server.documents.iter().find(|(path, _)| target.starts_with(path));
    match document {
        Some((_, document)) => ([("content-type", "text/xml")], document.clone()).into_response(),
        None => axum::http::StatusCode::NO_CONTENT.into_response(),
    }
}

async fn media(State(server): State<Server>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    assert!(headers.contains_key("x-twilio-signature") && !headers.contains_key("origin"));
    upgrade.on_upgrade(move |mut socket| async move {
        let mut sid = String::new();
        let mut loud = false;
        while let Some(Ok(message)) = socket.recv().await {
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            let mut answers = Vec::new();
            match message["event"].as_str().unwrap() {
                "start" => {
                    sid = message["streamSid"].as_str().unwrap().to_owned();
                    match server.socket.unwrap() {
                        Behaviour::Talk => {
                            let payload = BASE64_STANDARD.encode([0x10; 8_000]);
                            answers.push(json!({"event": "media", "streamSid": sid, "media": {"payload": payload}}));
                            answers.push(json!({"event": "mark", "streamSid": sid, "mark": {"name": "greeting"}}));
                        }
                        Behaviour::Silent => {}
                        Behaviour::Nonsense => {
                            answers.push(json!({"event": "stop", "streamSid": sid}));
                            answers.push(json!({"event": "clear", "streamSid": "MZother"}));
                            answers.push(json!({"event": "mark", "streamSid": sid, "mark": {"name": "end"}}));
                        }
                    }
                }
                "media" => {
                    let audio = BASE64_STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                    let talks = matches!(server.socket, Some(Behaviour::Talk));
                    if talks && audio != [0xFF; 160] && !loud {
                        loud = true;
                        let payload = BASE64_STANDARD.encode([0x10; 1_600]);
                        answers.push(json!({"event": "clear", "streamSid": sid}));
                        answers.push(json!({"event": "media", "streamSid": sid, "media": {"payload": payload}}));
                        answers.push(json!({"event": "mark", "streamSid": sid, "mark": {"name": "answer"}}));
                    }
                }
                "mark" if ["answer", "end"].contains(&message["mark"]["name"].as_str().unwrap()) => {
                    server.messages.lock().unwrap().push(message);
                    socket.send(Message::Close(None)).await.unwrap();
                    continue;
                }
                _ => {}
            }
            server.messages.lock().unwrap().push(message);
            for answer in answers {
                socket.send(Message::Text(answer.to_string().into())).await.unwrap();
            }
        }
    })
}

fn say(phrase: &str) -> Step {
    Step::Say(phrase.to_owned())
}

fn script(steps: Vec<Step>) -> Script {
    Script { name: "test".to_owned(), steps }
}

async fn call(server: &Server, change: impl FnOnce(&mut FarEndConfig)) -> Arc<CallReport> {
    let addr = server.clone().start().await;
    let mut config = FarEndConfig::new(ACCOUNT, TOKEN, Some(addr));
    change(&mut config);
    let far_end = FarEnd::start(config).await.unwrap();
    let sid = far_end.place(Inbound {
        url: "https://voice.example.in/voice?agent_type=LOGISTICS".to_owned(),
        status_callback: Some("https://voice.example.in/call-status".to_owned()),
        from: "+919876543210".to_owned(),
        to: "+912248900000".to_owned(),
        script: None,
    });
    far_end.report(&sid).await.unwrap()
}

#[tokio::test]
async fn a_gather_call_speaks_presses_stays_silent_and_is_hung_up() {
    let server = Server::with(&[
        ("/voice", r#"<Gather input="speech dtmf" action="/speech" timeout="3"><Say>Which language?</Say></Gather>"#),
        ("/speech", r#"<Gather numDigits="1" action="/digits"><Play>/audio/a.mp3</Play></Gather>"#),
        ("/digits", r#"<Gather input="speech" action="/empty" actionOnEmptyResult="true"/>"#),
        ("/empty", "<Gather input=\"speech\"/><Redirect>/bye</Redirect>"),
        ("/bye", "<Say>Goodbye</Say><Hangup/><Say>never</Say>"),
    ]);
    let steps = vec![Step::WaitForAgent { quiet_ms: 500 }, say("english"), Step::Press('2'), Step::Silence(5_000)];
    let report = call(&server, |config| config.script = script(steps)).await;
    assert_eq!((report.status.as_str(), report.end), ("completed", CallEnd::Agent), "{:?}", report.notes);
    let get = |path: &str, name: &str| {
        let params = server.of(path).remove(0);
        params.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    assert_eq!(get("/voice", "CallStatus").as_deref(), Some("ringing"));
    assert_eq!(get("/speech", "SpeechResult").as_deref(), Some("English"));
    assert_eq!(get("/digits", "Digits").as_deref(), Some("2"));
    assert_eq!((get("/empty", "SpeechResult"), get("/empty", "Digits")), (None, None));
    assert_eq!(server.of("/bye").len(), 1);
    let lines: Vec<(Party, &str)> = report.transcript.iter().map(|line| (line.who, line.text.as_str())).collect();
    let expected = [
        (Party::Agent, "Which language?"),
        (Party::Caller, "English"),
        (Party::Agent, "[audio]"),
        (Party::Caller, "[2]"),
        (Party::Agent, "Goodbye"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(get("/call-status", "CallStatus").as_deref(), Some("completed"));
}

#[tokio::test]
async fn rest_places_a_call_that_tells_its_progress_with_signatures() {
    let server =
        Server::with(&[("/voice", "<Dial action=\"/dialled\">+919820000000</Dial>"), ("/dialled", "<Hangup/>")]);
    let addr = server.clone().start().await;
    let mut config = FarEndConfig::new(ACCOUNT, TOKEN, Some(addr));
    config.callbacks = Callbacks { duplicates: true, disorder: true };
    config.dial.status = "busy".to_owned();
    let far_end = FarEnd::start(config).await.unwrap();
    let calls = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Calls", far_end.url());
    let client = reqwest::Client::new();
    let form = [
        ("To", "+919876543210"),
        ("From", "+912248900000"),
        ("Url", "https://voice.example.in/voice?agent_type=LOGISTICS"),
        ("StatusCallback", "https://voice.example.in/call-status"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
    ];
    let create =
        |token: &'static str| client.post(format!("{calls}.json")).basic_auth(ACCOUNT, Some(token)).form(&form).send();
    let refused = create("wrong").await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], 20_003);
    let created = create(TOKEN).await.unwrap();
    assert_eq!(created.status(), 201);
    let created: Value = created.json().await.unwrap();
    let sid = created["sid"].as_str().unwrap();
    assert_eq!((sid.len(), &created["status"], &created["direction"]), (34, &json!("queued"), &json!("outbound-api")));
    let report = far_end.report(sid).await.unwrap();
    assert_eq!(report.status, "completed");
    let dialled = server.of("/dialled").remove(0);
    assert!(dialled.contains(&("DialCallStatus".to_owned(), "busy".to_owned())));
    let mut sequence: Vec<(u32, String)> = Vec::new();
    for params in server.of("/call-status") {
        let get = |name: &str| params.iter().find(|(key, _)| key == name).unwrap().1.clone();
        sequence.push((get("SequenceNumber").parse().unwrap(), get("CallStatus")));
    }
    sequence.sort();
    let twice = |n: u32, status: &str| [(n, status.to_owned()), (n, status.to_owned())];
    let expected = [twice(0, "queued"), twice(1, "ringing"), twice(2, "in-progress"), twice(3, "completed")].concat();
    assert_eq!(sequence, expected);
    let over =
        client.post(format!("{calls}/{sid}.json")).basic_auth(ACCOUNT, Some(TOKEN)).form(&[("Status", "completed")]);
    assert_eq!(over.send().await.unwrap().json::<Value>().await.unwrap()["code"], 21_220);
}

#[tokio::test]
async fn a_stream_plays_marks_clears_and_reports_its_times() {
    let stream = r#"<Connect action="/ended"><Stream url="wss://voice.example.in/media" statusCallback="https://voice.example.in/stream-status"><Parameter name="token" value="t&amp;1"/></Stream></Connect>"#;
    let mut server = Server::with(&[("/voice", stream), ("/ended", "<Hangup/>")]);
    server.socket = Some(Behaviour::Talk);
    let steps = vec![Step::InterruptAfter { ms: 200, phrase: "no".to_owned() }];
    let report = call(&server, |config| {
        config.script = script(steps);
        config.record = true;
    })
    .await;
    let messages = server.messages.lock().unwrap().clone();
    assert_eq!(messages[0], json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
    let start = &messages[1];
    assert_eq!(start["start"]["customParameters"], json!({"token": "t&1"}));
    assert_eq!((&start["sequenceNumber"], &start["start"]["mediaFormat"]["sampleRate"]), (&json!("1"), &json!(8_000)));
    assert_eq!(start["start"]["callSid"], report.call_sid);
    let media: Vec<&Value> = messages.iter().filter(|message| message["event"] == "media").collect();
    for (n, message) in media.iter().enumerate() {
        assert_eq!(message["media"]["chunk"], (n + 1).to_string());
        assert_eq!(message["media"]["timestamp"], (n * 20).to_string());
    }
    let marks: Vec<&str> = messages.iter().filter_map(|message| message["mark"]["name"].as_str()).collect();
    assert_eq!(marks, ["greeting", "answer"], "the mark of the cleared greeting comes back first");
    let barge_in = &report.barge_ins[0];
    assert!(barge_in.clear_ms.is_some() && barge_in.said == "no", "{barge_in:?}");
    assert!(report.greeting_ms.is_some() && report.warnings.none() && report.streams == 1);
    assert_eq!(report.frames.clears, 1);
    let audio = report.audio.as_ref().unwrap();
    assert!(audio.agent.iter().filter(|&&byte| byte == 0x10).count() >= 1_600);
    assert_eq!(server.of("/ended").len(), 1);
    let mut events: Vec<String> = Vec::new();
    for params in server.of("/stream-status") {
        events.extend(params.into_iter().find(|(key, _)| key == "StreamEvent").map(|(_, value)| value));
    }
    events.sort();
    assert_eq!(events, ["stream-started", "stream-stopped"]);
}

#[tokio::test]
async fn what_twilio_would_not_take_is_counted() {
    let stream = r#"<Connect><Stream url="wss://voice.example.in/media"/></Connect>"#;
    let mut server = Server::with(&[("/voice", stream)]);
    server.socket = Some(Behaviour::Nonsense);
    let report = call(&server, |config| config.script = script(vec![])).await;
    assert_eq!(report.warnings.invalid_31951, 2, "{:?}", report.notes);
    assert_eq!(report.notes.iter().filter(|note| note.code == 31_951).count(), 1, "reported once a stream");
}

#[tokio::test]
async fn a_document_that_is_none_ends_the_call_with_twilios_code() {
    for (verbs, code) in [("<Say>unclosed", 12_100), ("<Redirect>/nowhere</Redirect>", 12_300)] {
        let server = Server::with(&[("/voice", verbs)]);
        let report = call(&server, |_| {}).await;
        assert_eq!(report.end, CallEnd::Error);
        assert!(report.notes.iter().any(|note| note.code == code), "{:?}", report.notes);
    }
}

const STREAM: &str = r#"<Connect><Stream url="wss://voice.example.in/media"/></Connect>"#;

#[tokio::test]
async fn rest_moves_a_streamed_call_to_another_document() {
    let mut server = Server::with(&[("/voice", STREAM)]);
    server.socket = Some(Behaviour::Silent);
    let addr = server.clone().start().await;
    let mut config = FarEndConfig::new(ACCOUNT, TOKEN, Some(addr));
    config.script = script(vec![]);
    let far_end = FarEnd::start(config).await.unwrap();
    let mut events = far_end.events();
    let sid = far_end.place(Inbound {
        url: "https://voice.example.in/voice".to_owned(),
        status_callback: None,
        from: "+919876543210".to_owned(),
        to: "+912248900000".to_owned(),
        script: None,
    });
    while events.recv().await.unwrap().what != Happening::StreamStarted {}
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json", far_end.url());
    let form = [("Twiml", "<Response><Say>One moment</Say></Response>")];
    let moved = reqwest::Client::new().post(url).basic_auth(ACCOUNT, Some(TOKEN)).form(&form).send().await.unwrap();
    assert_eq!(moved.json::<Value>().await.unwrap()["status"], "in-progress");
    let report = far_end.report(&sid).await.unwrap();
    assert_eq!(report.transcript[0].text, "One moment");
    let messages = server.messages.lock().unwrap();
    let last = messages.last().unwrap();
    assert_eq!((&last["event"], &last["stop"]["callSid"]), (&json!("stop"), &json!(sid)));
}

#[tokio::test]
async fn a_bad_line_skips_silence_sends_odd_sizes_and_drops_without_a_stop() {
    let mut server = Server::with(&[("/voice", STREAM)]);
    server.socket = Some(Behaviour::Silent);
    let steps = vec![Step::Silence(100), say("no"), Step::Silence(100), say("no")];
    let line =
        LineOptions { skip_silence: true, payload_bytes: 333, drop_after_ms: Some(1_000), ..LineOptions::default() };
    let report = call(&server, |config| {
        config.script = script(steps);
        config.line = line;
    })
    .await;
    assert!(report.notes.iter().any(|note| note.code == 31_903), "{:?}", report.notes);
    let messages = server.messages.lock().unwrap();
    assert_ne!(messages.last().unwrap()["event"], "stop");
    let media: Vec<&Value> = messages.iter().filter(|message| message["event"] == "media").collect();
    let times: Vec<u64> =
        media.iter().map(|message| message["media"]["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    // The line's frames begin up to 20 ms after the script does.
    assert!(times[0] >= 80, "the first silence was not sent: {times:?}");
    assert!(times.windows(2).any(|pair| pair[1] - pair[0] > 42), "a jump where silence was skipped: {times:?}");
    let sizes: Vec<usize> = media
        .iter()
        .map(|message| BASE64_STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap().len())
        .collect();
    assert!(sizes.contains(&333) && sizes.iter().all(|size| *size <= 333), "{sizes:?}");
}

#[tokio::test]
async fn load_is_a_sum_of_calls() {
    let mut server = Server::with(&[("/voice", STREAM)]);
    server.socket = Some(Behaviour::Talk);
    let addr = server.clone().start().await;
    let report = simulate(Plan {
        url: "https://voice.example.in".to_owned(),
        connect_to: Some(addr),
        account_sid: ACCOUNT.to_owned(),
        auth_token: TOKEN.to_owned(),
        calls: 5,
        ramp: std::time::Duration::from_millis(50),
        script: script(vec![Step::InterruptAfter { ms: 100, phrase: "no".to_owned() }]),
        line: LineOptions::default(),
        server_pid: None,
        vendors_pid: None,
    })
    .await
    .unwrap();
    assert_eq!((report.calls, report.good), (5, 5), "{report}");
    assert_eq!((report.barge_in.count, report.greeting.count, report.barge_ins_missed), (5, 5, 0));
    assert!(report.to_string().contains("voice to voice"));
}

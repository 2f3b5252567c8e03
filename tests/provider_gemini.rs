//! The Gemini client against a scripted stand-in: every request is handed to the test, which answers it. Nothing waits for time to
//! pass: where a deadline must pass, the clock is moved.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use trunkline::conversation::prompt::{Line, Prompt, PromptField, Speaker};
use trunkline::provider::breaker::Circuit;
use trunkline::provider::gemini::{Gemini, GeminiConfig};
use trunkline::provider::{ProviderError, ProviderErrorKind, http_client};
use trunkline::telemetry::Secret;

const KEY: &str = "AIza-very-secret";
const MODEL: &str = "gemini-3.5-flash-lite";
const FALLBACK: &str = "gemini-3.1-flash-lite";

// ---------------------------------------------------------------- the stand-in

struct Vendor {
    address: SocketAddr,
    requests: mpsc::Receiver<Asked>,
}

/// A request that the client made.
struct Asked {
    uri: String,
    key: String,
    body: Value,
    reply: oneshot::Sender<Response>,
}

impl Vendor {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel(16);
        let app = Router::new().fallback(serve).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, requests }
    }

    fn config(&self) -> GeminiConfig {
        let url = format!("http://{}", self.address).parse().unwrap();
        GeminiConfig { retry_pause: Duration::ZERO, ..GeminiConfig::new(url, Secret::from(KEY.to_owned()), MODEL) }
    }

    fn config_with_fallback(&self) -> GeminiConfig {
        GeminiConfig { fallback_model: Some(FALLBACK.to_owned()), ..self.config() }
    }

    async fn request(&mut self) -> Asked {
        self.requests.recv().await.unwrap()
    }

    fn assert_asked_no_more(&mut self) {
        assert!(self.requests.try_recv().is_err(), "asked once too often");
    }
}

impl Asked {
    fn model(&self) -> &str {
        self.uri.strip_prefix("/v1beta/models/").unwrap().split(':').next().unwrap()
    }

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

async fn serve(State(requests): State<mpsc::Sender<Asked>>, request: Request) -> Response {
    let uri = request.uri().to_string();
    let key = request.headers().get("x-goog-api-key").unwrap().to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (reply, response) = oneshot::channel();
    requests.send(Asked { uri, key, body, reply }).await.unwrap();
    response.await.unwrap_or_else(|_| StatusCode::IM_A_TEAPOT.into_response())
}

// ---------------------------------------------------------------- the client

struct Asking {
    text: mpsc::Receiver<String>,
    task: JoinHandle<Result<(), ProviderError>>,
}

fn prompt() -> Prompt {
    let line = |speaker, text: &str| Line { speaker, text: text.to_owned() };
    Prompt {
        system: "You speak for Acme.".to_owned(),
        lines: vec![line(Speaker::Agent, "Your charge?"), line(Speaker::Caller, "five hundred")],
        fields: vec![PromptField { name: "charge".to_owned(), description: "the charge".to_owned() }],
    }
}

fn ask(config: GeminiConfig) -> Asking {
    asked_of(&Gemini::new(config, http_client(Duration::from_secs(3)).unwrap()))
}

fn asked_of(gemini: &Gemini) -> Asking {
    let (out, text) = mpsc::channel(64);
    let gemini = gemini.clone();
    let task = tokio::spawn(async move { gemini.reply(&prompt(), out).await });
    Asking { text, task }
}

impl Asking {
    /// All that was passed on, and how it ended.
    async fn end(mut self) -> (String, Result<(), ProviderError>) {
        let mut whole = String::new();
        while let Some(piece) = self.text.recv().await {
            whole.push_str(&piece);
        }
        (whole, self.task.await.unwrap())
    }

    async fn error(self) -> ProviderError {
        self.end().await.1.unwrap_err()
    }
}

fn event(text: &str, finish: Option<&str>) -> String {
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    if let Some(reason) = finish {
        candidate["finishReason"] = reason.into();
    }
    format!("data: {}\r\n\r\n", json!({"candidates": [candidate], "usageMetadata": {"totalTokenCount": 3}}))
}

fn whole() -> String {
    event(r#"{"say":"Thank you."}"#, Some("STOP"))
}

fn error_body(code: u16, status: &str) -> String {
    json!({"error": {"code": code, "message": format!("for {KEY}"), "status": status}}).to_string()
}

/// Moves the clock past a deadline.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

// ---------------------------------------------------------------- behaviours

#[tokio::test]
async fn the_answer_is_passed_on_while_it_is_written() {
    let mut vendor = Vendor::start().await;
    let mut asking = ask(vendor.config());
    let asked = vendor.request().await;
    assert_eq!(asked.uri, format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"));
    assert_eq!(asked.key, KEY);
    assert_eq!(asked.body["systemInstruction"]["parts"][0]["text"], "You speak for Acme.");
    assert_eq!(
        asked.body["contents"],
        json!([{"role": "user", "parts": [{"text": "(call connected)"}]},
               {"role": "model", "parts": [{"text": "Your charge?"}]},
               {"role": "user", "parts": [{"text": "five hundred"}]}])
    );
    let schema = &asked.body["generationConfig"]["responseJsonSchema"];
    assert_eq!(schema["required"], json!(["say", "type", "data"]));
    assert_eq!(schema["properties"]["data"]["properties"]["charge"]["type"], json!(["string", "null"]));
    let body = asked.stream();
    body.send(Ok(event(r#"{"say":"Th"#, None).into())).await.unwrap();
    assert_eq!(asking.text.recv().await.unwrap(), r#"{"say":"Th"#);
    let rest = event(r#"anks, ₹500."}"#, Some("STOP")).into_bytes();
    let at = rest.windows(3).position(|bytes| bytes == "₹".as_bytes()).unwrap() + 1;
    body.send(Ok(Bytes::copy_from_slice(&rest[..at]))).await.unwrap();
    body.send(Ok(Bytes::copy_from_slice(&rest[at..]))).await.unwrap();
    assert_eq!(asking.text.recv().await.unwrap(), r#"anks, ₹500."}"#, "also where a chunk ends inside a character");
    drop(body);
    assert_eq!(asking.end().await, (String::new(), Ok(())));
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_asked_once_more() {
    for status in [500, 502, 503] {
        let mut vendor = Vendor::start().await;
        let asking = ask(vendor.config());
        vendor.request().await.answer(status, error_body(status, "UNAVAILABLE"));
        vendor.request().await.answer(200, whole());
        assert_eq!(asking.end().await, (r#"{"say":"Thank you."}"#.to_owned(), Ok(())));
    }
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config());
    let body = vendor.request().await.stream();
    body.send(Err(io::Error::other("reset"))).await.unwrap();
    vendor.request().await.answer(503, error_body(503, "UNAVAILABLE"));
    assert_eq!(asking.error().await.to_string(), "gemini unavailable: 503 UNAVAILABLE");
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn nothing_is_asked_again_after_the_first_word() {
    let mut vendor = Vendor::start().await;
    let mut asking = ask(vendor.config_with_fallback());
    let body = vendor.request().await.stream();
    body.send(Ok(event(r#"{"say":"Th"#, None).into())).await.unwrap();
    assert_eq!(asking.text.recv().await.unwrap(), r#"{"say":"Th"#);
    body.send(Err(io::Error::other("reset"))).await.unwrap();
    let (text, end) = asking.end().await;
    assert_eq!(text, "");
    assert_eq!(end.unwrap_err().kind, ProviderErrorKind::Broken);
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn a_used_up_quota_goes_straight_to_the_fallback_model() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config_with_fallback());
    let first = vendor.request().await;
    assert_eq!(first.model(), MODEL);
    first.answer(429, format!("[{}]", error_body(429, "RESOURCE_EXHAUSTED")));
    let second = vendor.request().await;
    assert_eq!(second.model(), FALLBACK);
    second.answer(200, whole());
    assert_eq!(asking.end().await.1, Ok(()));

    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config());
    vendor.request().await.answer(429, error_body(429, "RESOURCE_EXHAUSTED"));
    assert_eq!(asking.error().await.to_string(), "gemini quota: 429 RESOURCE_EXHAUSTED");
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn an_overloaded_model_is_asked_twice_and_then_the_fallback_once() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config_with_fallback());
    let mut models = Vec::new();
    for _ in 0..3 {
        let asked = vendor.request().await;
        models.push(asked.model().to_owned());
        asked.answer(503, error_body(503, "UNAVAILABLE"));
    }
    assert_eq!(models, [MODEL, MODEL, FALLBACK]);
    assert_eq!(asking.error().await.kind, ProviderErrorKind::Unavailable);
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn a_model_that_keeps_failing_is_passed_over_and_found_again() {
    let mut vendor = Vendor::start().await;
    let gemini = Gemini::new(vendor.config_with_fallback(), http_client(Duration::from_secs(2)).unwrap());
    let circuit = || gemini.breakers().map(|breaker| (breaker.part(), breaker.circuit())).collect::<Vec<_>>();
    // Each reply costs the first model two failures; the fallback answers.
    let mut asked_first = 0;
    while circuit()[0].1 == Circuit::Closed {
        let asking = asked_of(&gemini);
        loop {
            let asked = vendor.request().await;
            if asked.model() == FALLBACK {
                asked.answer(200, whole());
                break;
            }
            asked_first += 1;
            asked.answer(503, error_body(503, "UNAVAILABLE"));
        }
        assert_eq!(asking.end().await.1, Ok(()));
    }
    assert!(asked_first >= 5, "{asked_first}");
    assert_eq!(circuit(), [("mind", Circuit::Open), ("mind_fallback", Circuit::Closed)]);
    // From now on nobody waits for it.
    let asking = asked_of(&gemini);
    let only = vendor.request().await;
    assert_eq!(only.model(), FALLBACK);
    only.answer(200, whole());
    assert_eq!(asking.end().await.1, Ok(()));
    vendor.assert_asked_no_more();
    // After its rest one reply finds out whether it is back.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    let asking = asked_of(&gemini);
    let probe = vendor.request().await;
    assert_eq!(probe.model(), MODEL);
    probe.answer(200, whole());
    assert_eq!(asking.end().await.1, Ok(()));
    assert_eq!(circuit(), [("mind", Circuit::Closed), ("mind_fallback", Circuit::Closed)]);
}

#[tokio::test]
async fn a_model_that_is_gone_is_replaced_by_the_fallback() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config_with_fallback());
    vendor.request().await.answer(404, error_body(404, "NOT_FOUND"));
    let second = vendor.request().await;
    assert_eq!(second.model(), FALLBACK);
    second.answer(200, whole());
    assert_eq!(asking.end().await.1, Ok(()));
}

#[tokio::test]
async fn a_bad_key_is_a_refusal_that_no_other_model_can_cure() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config_with_fallback());
    let body = json!({"error": {"code": 400, "message": format!("key {KEY} not valid"), "status": "INVALID_ARGUMENT",
                                "details": [{"@type": "…ErrorInfo", "reason": "API_KEY_INVALID"}]}});
    vendor.request().await.answer(400, body.to_string());
    let error = asking.error().await;
    assert_eq!(error.to_string(), "gemini refused: 400 INVALID_ARGUMENT API_KEY_INVALID");
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn a_blocked_prompt_or_answer_is_a_refusal() {
    for body in [
        "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}\r\n\r\n".to_owned(),
        event("", Some("SAFETY")),
    ] {
        let mut vendor = Vendor::start().await;
        let asking = ask(vendor.config_with_fallback());
        vendor.request().await.answer(200, body);
        assert_eq!(asking.error().await.kind, ProviderErrorKind::Refused);
        vendor.assert_asked_no_more();
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_ends_the_answer() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config());
    let body = format!("{}data: {}\r\n\r\n", event(r#"{"say":"Th"#, None), error_body(503, "UNAVAILABLE"));
    vendor.request().await.answer(200, body);
    let (text, end) = asking.end().await;
    assert_eq!(text, r#"{"say":"Th"#);
    assert_eq!(end.unwrap_err().to_string(), "gemini unavailable: 503 UNAVAILABLE");
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn a_malformed_or_empty_answer_is_asked_once_more() {
    for body in ["data: {oops\r\n\r\n", "<html>gateway</html>", ""] {
        let mut vendor = Vendor::start().await;
        let asking = ask(vendor.config());
        vendor.request().await.answer(200, body);
        vendor.request().await.answer(200, whole());
        assert_eq!(asking.end().await.1, Ok(()), "{body}");
    }
}

#[tokio::test]
async fn a_silent_model_is_given_up_in_time_and_asked_once_more() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let asking = ask(config.clone());
    let _hung = vendor.request().await;
    pass(config.first_token_timeout).await;
    let _hung_too = vendor.request().await.stream();
    pass(config.first_token_timeout).await;
    assert_eq!(asking.error().await.kind, ProviderErrorKind::Timeout);
    vendor.assert_asked_no_more();
}

#[tokio::test]
async fn a_silent_model_with_a_fallback_is_not_asked_again() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config_with_fallback();
    let asking = ask(config.clone());
    let _hung = vendor.request().await;
    pass(config.first_token_timeout).await;
    let second = vendor.request().await;
    assert_eq!(second.model(), FALLBACK);
    second.answer(200, whole());
    assert_eq!(asking.end().await.1, Ok(()));
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_given_up() {
    let mut vendor = Vendor::start().await;
    let config = vendor.config();
    let mut asking = ask(config.clone());
    let body = vendor.request().await.stream();
    body.send(Ok(event(r#"{"say":"Th"#, None).into())).await.unwrap();
    asking.text.recv().await.unwrap();
    pass(config.stall_timeout).await;
    assert_eq!(asking.error().await.kind, ProviderErrorKind::Timeout);
}

#[tokio::test]
async fn dropping_the_reply_or_its_listener_ends_the_request() {
    let mut vendor = Vendor::start().await;
    let asking = ask(vendor.config());
    let body = vendor.request().await.stream();
    asking.task.abort();
    body.closed().await;

    let asking = ask(vendor.config());
    let body = vendor.request().await.stream();
    drop(asking.text);
    body.closed().await;
    assert_eq!(asking.task.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_check_asks_for_the_model_and_tells_a_bad_key() {
    let mut vendor = Vendor::start().await;
    let gemini = Gemini::new(vendor.config(), http_client(Duration::from_secs(3)).unwrap());
    let checked = tokio::spawn(async move { (gemini.check().await, gemini.check().await) });
    let asked = vendor.request().await;
    assert_eq!((asked.uri.as_str(), asked.key.as_str()), ("/v1beta/models/gemini-3.5-flash-lite", KEY));
    asked.answer(200, "{}");
    vendor.request().await.answer(403, error_body(403, "PERMISSION_DENIED"));
    let (good, bad) = checked.await.unwrap();
    assert_eq!(good, Ok(()));
    assert_eq!(bad.unwrap_err().to_string(), "gemini refused: 403 PERMISSION_DENIED");
}

#[tokio::test]
async fn no_debug_output_holds_the_key() {
    let config = Vendor::start().await.config();
    let shown = format!("{config:?} {:?}", Gemini::new(config.clone(), http_client(Duration::from_secs(3)).unwrap()));
    assert!(!shown.contains(KEY), "{shown}");
}

//! Nobody makes the server ask, or call, somebody of his choice: no address in a request, a form or a variable is ever fetched.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use trunkline::config::agents::Folder;

use crate::house::{AUTH_TOKEN, House, NUMBER, PHONE, QUICK, quick_agent, sign};
use crate::{SID, log, ringing};

/// Fields of a start that would be an address or a number of the caller's choice at Twilio.
const FIELDS: [&str; 10] = [
    "url",
    "Url",
    "status_callback",
    "StatusCallback",
    "callback",
    "webhook",
    "from",
    "To",
    "fallback_url",
    "recording_status_callback",
];
/// What is no telephone number.
const PHONES: [&str; 9] = [
    "sip:evil@10.0.0.1",
    "client:admin",
    "tel:+15005550006",
    "http://169.254.169.254/",
    "+15005550006@evil.example",
    "+15005550006,+15005550007",
    "+15005550006;postd=1234",
    "+91 98765 43210\r\nX: y",
    "whatsapp:+15005550006",
];
/// Values that would add a field of their own if they were put together by hand.
const SMUGGLED: [(&str, &str); 4] = [
    ("agent_type", "QUICK&StatusCallback={evil}"),
    ("language", "en-IN&Url={evil}"),
    ("mode", "gather&Url={evil}"),
    ("phone", "+15005550006&Url={evil}"),
];
/// Names of variables that Twilio knows as parameters.
const VARIABLES: [&str; 3] = ["Url", "StatusCallback", "company&Url"];
/// Parameters of webhooks that hold an address.
const PARAMETERS: [&str; 7] =
    ["RecordingUrl", "StatusCallback", "TranscriptionUrl", "SpeechResult", "ReferUrl", "StreamUrl", "CallbackSource"];
/// Handover numbers that are none, in an agent's file.
const HANDOVERS: [&str; 8] = [
    "sip:sales@10.0.0.1",
    "client:sales",
    "http://169.254.169.254/",
    "+0123456789",
    "100",
    "+91 9876543210",
    "+919876543210,+15005550006",
    "</Number><Number>+15005550006",
];

pub(crate) const TRIED: usize =
    FIELDS.len() + PHONES.len() + SMUGGLED.len() + VARIABLES.len() + PARAMETERS.len() + HANDOVERS.len() + 1;

/// A form, field by field.
type Fields = Vec<(String, String)>;

/// Somebody who must never be asked.
struct Canary(std::net::TcpListener);

impl Canary {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/latest/meta-data", self.0.local_addr().unwrap())
    }

    fn was_not_asked(&self) {
        let asked = self.0.accept();
        assert!(asked.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{asked:?}");
    }
}

#[tokio::test]
async fn a_start_takes_no_address_and_no_number_that_is_none() {
    log();
    let (house, canary) = (House::open().await, Canary::new());
    let start = |field: &str, value: String| {
        let mut body = json!({"agent_type": QUICK, "phone": PHONE});
        body[field] = json!(value);
        let house = &house;
        async move { house.post_json("/start-call", &body).await.status().as_u16() }
    };
    for field in FIELDS {
        assert_eq!(start(field, canary.url()).await, 422, "{field}");
    }
    for phone in PHONES {
        assert_eq!(start("phone", phone.to_owned()).await, 422, "{phone}");
    }
    for (field, value) in SMUGGLED {
        assert_eq!(start(field, value.replace("{evil}", &canary.url())).await, 422, "{field}");
    }
    assert!(house.line.calls().is_empty(), "somebody was called");
    canary.was_not_asked();
}

#[tokio::test]
async fn twilio_is_given_our_own_addresses_alone() {
    log();
    let canary = Canary::new();
    let asked: Arc<Mutex<Vec<Fields>>> = Arc::default();
    let (kept, listener) = (asked.clone(), tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let twilio = format!("http://{}", listener.local_addr().unwrap());
    let create = move |body: String| async move {
        kept.lock().unwrap().push(url::form_urlencoded::parse(body.as_bytes()).into_owned().collect());
        (axum::http::StatusCode::CREATED, axum::Json(json!({ "sid": SID })))
    };
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(create)).await });
    let house = House::with(|plan| plan.set("TWILIO_API_URL", twilio)).await;
    for name in VARIABLES {
        let body = json!({"agent_type": QUICK, "phone": PHONE, "variables": {name: canary.url()}});
        assert_eq!(house.post_json("/start-call", &body).await.status().as_u16(), 200, "{name}");
        let fields = asked.lock().unwrap().pop().unwrap();
        let by_name: HashMap<_, _> = fields.iter().cloned().collect();
        assert_eq!((by_name["To"].as_str(), by_name["From"].as_str()), (PHONE, NUMBER));
        for (field, value) in &fields {
            assert!(!value.contains("meta-data"), "{name}: {field} {value}");
            assert!(!value.contains("://") || value.starts_with(&house.url), "{name}: {field} {value}");
        }
        assert_eq!(
            fields.iter().filter(|(field, _)| field == "Url" || field == "StatusCallback").count(),
            2,
            "{fields:?}"
        );
    }
    serving.abort();
    canary.was_not_asked();
}

#[tokio::test]
async fn no_address_in_a_webhook_is_fetched_or_given_back() {
    log();
    let (house, canary) = (House::open().await, Canary::new());
    let evil = canary.url();
    let voice = "/voice?agent_type=QUICK&mode=gather&language=en-IN";
    assert_eq!(house.webhook(voice, &ringing()).await.0, 200);
    for name in PARAMETERS {
        for route in ["/process-response", "/stream-status", "/transfer-ended", "/call-status", "/stream-ended", voice]
        {
            let params = [ringing(), vec![(name, evil.as_str()), ("StreamEvent", "stream-error")]].concat();
            let (status, answer) = house.webhook(route, &params).await;
            assert!(matches!(status, 200 | 204) && !answer.contains("meta-data"), "{route} {name}: {status} {answer}");
        }
    }
    canary.was_not_asked();
}

#[tokio::test]
async fn a_forged_host_is_in_no_answer() {
    log();
    let house = House::open().await;
    let target = "/voice?agent_type=QUICK&mode=stream&language=en-IN";
    let signature = sign(AUTH_TOKEN, &format!("{}{target}", house.url), &ringing());
    let request = house.anybody(Method::POST, target).form(&ringing()).header("X-Twilio-Signature", signature);
    let request = request.header("Host", "evil.example").header("X-Forwarded-Host", "evil.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "the signature is over our address, whatever a proxy writes into Host");
    let twiml = answer.text().await.unwrap();
    assert!(twiml.contains("<Stream") && !twiml.contains("evil"), "{twiml}");
}

#[tokio::test]
async fn an_agent_with_a_handover_number_that_is_none_is_refused() {
    log();
    for number in HANDOVERS {
        let folder = tempfile::tempdir().unwrap();
        let top = format!("handover_number = {}", Value::from(number));
        std::fs::write(folder.path().join("a.toml"), quick_agent(&top)).unwrap();
        let found = Folder::read(folder.path());
        assert!(found.agents().is_empty() && found.problems()[0].contains("handover_number"), "{number}");
    }
}

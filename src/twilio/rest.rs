//! Twilio's REST interface, the three requests we make: start a call, change a call, end a call.
//!
//! The one async file of this folder (floor 5). Only what Twilio has surely not carried out is tried again (429: "never
//! processed"); a call whose creation timed out is not, for it may be ringing. Answers are bounded; the token shows nowhere.
//! Key types: [`Rest`], [`CreateCall`], [`RestError`]. Wire facts: <https://www.twilio.com/docs/voice/api/call-resource>.

use std::fmt;
use std::time::Duration;

use rand::Rng as _;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::phone::E164;
use super::{AccountSid, CallSid};

/// Where Twilio is, who we are there, and how long we wait.
#[derive(Clone)]
pub struct RestConfig {
    /// Scheme, host and perhaps port: `https://api.twilio.com`, another region, or a stand-in.
    pub api_url: String,
    /// Whose calls they are.
    pub account_sid: AccountSid,
    /// The account's secret.
    pub auth_token: String,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long to wait before the first retry; doubled for each further one, with up to as much again by chance.
    pub retry_delay: Duration,
}

impl RestConfig {
    /// Ten seconds a request, half a second before the first retry.
    pub fn new(api_url: impl Into<String>, account_sid: AccountSid, auth_token: impl Into<String>) -> Self {
        Self {
            api_url: api_url.into(),
            account_sid,
            auth_token: auth_token.into(),
            timeout: Duration::from_secs(10),
            retry_delay: Duration::from_millis(500),
        }
    }
}

impl fmt::Debug for RestConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestConfig")
            .field("api_url", &self.api_url)
            .field("account_sid", &self.account_sid)
            .field("auth_token", &format_args!("***"))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A call to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCall {
    /// Whom to call.
    pub to: E164,
    /// The number of ours they see.
    pub from: E164,
    /// Asked (POST) for TwiML once they pick up.
    pub url: String,
    /// Told (POST) of the call's progress.
    pub status_callback: Option<String>,
    /// Of what it is told; none is Twilio's default, [`StatusEvent::Completed`] alone.
    pub status_callback_events: Vec<StatusEvent>,
    /// How long it may ring; Twilio's default is 60 s, its limit 600 s.
    pub timeout_s: Option<u32>,
    /// How long the call may last.
    pub time_limit_s: Option<u32>,
    /// Whether Twilio finds out if a machine picked up.
    pub machine_detection: Option<MachineDetection>,
}

/// A step of a call its status callback may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusEvent {
    /// Picked up.
    Answered,
    /// Over, however it went.
    Completed,
    /// Dialled.
    Initiated,
    /// The telephone rings.
    Ringing,
}

impl StatusEvent {
    /// Every step.
    pub const ALL: [Self; 4] = [Self::Initiated, Self::Ringing, Self::Answered, Self::Completed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Completed => "completed",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
        }
    }
}

/// How Twilio finds out whether a person or a machine picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDetection {
    /// Waits for the end of a machine's message instead of judging at its first words.
    pub until_message_end: bool,
    /// Told (POST) of the judgement while the call goes on. Without it Twilio asks for TwiML only after it has judged, some
    /// four seconds of silence for a person.
    pub callback: Option<String>,
}

/// What a live call is to do from now on. Whatever it does now, a stream too, ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// This document.
    Twiml(String),
    /// The document found (POST) here.
    Url(String),
}

/// Why Twilio did not do as asked, by who can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// No connection, or none that lasted. Nothing was asked of Twilio, or nothing is known of its answer.
    #[error("twilio cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time. The request may have been carried out.
    #[error("twilio did not answer in time")]
    Timeout,
    /// The account's identifier or token is wrong, or the account is suspended.
    #[error("twilio refused our credentials{}", said(*code, message))]
    Credentials {
        /// Twilio's error code.
        code: Option<u32>,
        /// Twilio's words, long numbers cut.
        message: String,
    },
    /// Our request is wrong: a bad number, a URL Twilio cannot use, a country not permitted.
    #[error("twilio refused the request with status {status}{}", said(*code, message))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Twilio's error code.
        code: Option<u32>,
        /// Twilio's words, long numbers cut.
        message: String,
    },
    /// Too many requests, still after every retry. Nothing was carried out.
    #[error("twilio takes no more requests for now")]
    Busy,
    /// The call to be changed is over already.
    #[error("the call is over")]
    CallOver,
    /// Twilio failed.
    #[error("twilio failed with status {status}{}", said(*code, message))]
    Failed {
        /// HTTP status.
        status: u16,
        /// Twilio's error code.
        code: Option<u32>,
        /// Twilio's words, long numbers cut.
        message: String,
    },
    /// An answer we cannot read. The request was carried out.
    #[error("twilio's answer is not understood: {0}")]
    Answer(&'static str),
}

/// Asks Twilio. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Rest {
    config: RestConfig,
    client: Client,
    base: String,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Rest {
    /// The client should follow no redirect: Twilio's interface has none.
    pub fn new(config: RestConfig, client: Client) -> Self {
        let base = format!("{}/2010-04-01/Accounts/{}/Calls", config.api_url.trim_end_matches('/'), config.account_sid);
        Self { config, client, base }
    }

    /// Starts a call.
    ///
    /// # Errors
    /// [`RestError`]. After [`RestError::Timeout`], [`RestError::Unreachable`] and [`RestError::Answer`] the call may be ringing.
    pub async fn create_call(&self, call: &CreateCall) -> Result<CallSid, RestError> {
        let body = self.asked(&format!("{}.json", self.base), &call.fields()).await?;
        #[derive(Deserialize)]
        struct Created {
            sid: CallSid,
        }
        serde_json::from_slice::<Created>(&body)
            .map(|created| created.sid)
            .map_err(|_| RestError::Answer("no sid of a call"))
    }

    /// Gives a live call something else to do.
    ///
    /// # Errors
    /// [`RestError`]; [`RestError::CallOver`] where nobody is there any more.
    pub async fn update_call(&self, call: &CallSid, update: &Update) -> Result<(), RestError> {
        let fields = match update {
            Update::Twiml(document) => vec![("Twiml", document.as_str())],
            Update::Url(url) => vec![("Url", url.as_str()), ("Method", "POST")],
        };
        self.changed(call, &fields).await
    }

    /// Ends a call, whatever it does.
    ///
    /// # Errors
    /// [`RestError`]; [`RestError::CallOver`] where it ended by itself.
    pub async fn hang_up(&self, call: &CallSid) -> Result<(), RestError> {
        self.changed(call, &[("Status", "completed")]).await
    }

    async fn changed(&self, call: &CallSid, fields: &[(&str, &str)]) -> Result<(), RestError> {
        let url = format!("{}/{call}.json", self.base);
        match self.asked(&url, fields).await {
            Ok(_) => Ok(()),
            Err(RestError::Refused { status, code, .. })
                if status == StatusCode::NOT_FOUND || matches!(code, Some(NOT_FOUND | NOT_IN_PROGRESS)) =>
            {
                Err(RestError::CallOver)
            }
            Err(error) => Err(error),
        }
    }

    async fn asked<F>(&self, url: &str, fields: &F) -> Result<Vec<u8>, RestError>
    where
        F: Serialize + Sync + ?Sized,
    {
        let mut tries = 0;
        loop {
            let request = self
                .client
                .post(url)
                .basic_auth(&self.config.account_sid, Some(&self.config.auth_token))
                .timeout(self.config.timeout)
                .form(fields);
            let response = sent(request).await?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                return answered(response).await;
            }
            if tries == MAX_RETRIES {
                return Err(RestError::Busy);
            }
            tokio::time::sleep(self.pause(tries, &response)).await;
            tries += 1;
        }
    }

    /// Twilio's wish where it has one, within [`MAX_PAUSE`]; else doubling, with chance, so that many callers do not come back
    /// together.
    fn pause(&self, tries: u32, response: &Response) -> Duration {
        let wished = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let doubled = self.config.retry_delay * 2_u32.pow(tries);
        let chance = rand::rng().random_range(0.0..=1.0);
        (wished.unwrap_or(doubled) + self.config.retry_delay.mul_f64(chance)).min(MAX_PAUSE)
    }
}

impl CreateCall {
    fn fields(&self) -> Vec<(&str, String)> {
        let mut fields = vec![
            ("To", self.to.as_str().to_owned()),
            ("From", self.from.as_str().to_owned()),
            ("Url", self.url.clone()),
            ("Method", "POST".to_owned()),
        ];
        if let Some(callback) = &self.status_callback {
            fields.push(("StatusCallback", callback.clone()));
            fields.push(("StatusCallbackMethod", "POST".to_owned()));
            for event in &self.status_callback_events {
                fields.push(("StatusCallbackEvent", event.as_str().to_owned()));
            }
        }
        if let Some(seconds) = self.timeout_s {
            fields.push(("Timeout", seconds.to_string()));
        }
        if let Some(seconds) = self.time_limit_s {
            fields.push(("TimeLimit", seconds.to_string()));
        }
        if let Some(detection) = &self.machine_detection {
            let mode = if detection.until_message_end { "DetectMessageEnd" } else { "Enable" };
            fields.push(("MachineDetection", mode.to_owned()));
            if let Some(callback) = &detection.callback {
                fields.push(("AsyncAmd", "true".to_owned()));
                fields.push(("AsyncAmdStatusCallback", callback.clone()));
                fields.push(("AsyncAmdStatusCallbackMethod", "POST".to_owned()));
            }
        }
        fields
    }
}

async fn sent(request: RequestBuilder) -> Result<Response, RestError> {
    request.send().await.map_err(unreachable)
}

async fn answered(mut response: Response) -> Result<Vec<u8>, RestError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(unreachable)? {
        if body.len() + part.len() > MAX_ANSWER_BYTES {
            return Err(RestError::Answer("longer than 64 kB"));
        }
        body.extend_from_slice(&part);
    }
    if status.is_success() {
        return Ok(body);
    }
    let (code, message) = complaint(&body);
    let code_of_status = status.as_u16();
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if code.is_none_or(|c| c == CREDENTIALS) => {
            RestError::Credentials { code, message }
        }
        _ if status.is_client_error() => RestError::Refused { status: code_of_status, code, message },
        _ if status.is_server_error() => RestError::Failed { status: code_of_status, code, message },
        _ => RestError::Answer("a redirect"),
    })
}

/// The error's address would name the account; its kind is enough.
fn unreachable(error: reqwest::Error) -> RestError {
    if error.is_timeout() {
        return RestError::Timeout;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    RestError::Unreachable(text)
}

/// Twilio's own error shape, or RFC 9457's; anything else says nothing.
fn complaint(body: &[u8]) -> (Option<u32>, String) {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Complaint {
        code: Option<u32>,
        message: Option<String>,
        title: Option<String>,
        detail: Option<String>,
    }
    let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
    let message = complaint.message.or(complaint.detail).or(complaint.title).unwrap_or_default();
    (complaint.code, redacted(&message))
}

/// A message may repeat a telephone number: of five digits or more in a row the last three stay.
fn redacted(message: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in message.chars().take(MAX_MESSAGE_CHARACTERS) {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            push_digits(&mut out, &digits);
            digits.clear();
            out.push(if c.is_control() { ' ' } else { c });
        }
    }
    push_digits(&mut out, &digits);
    out
}

fn push_digits(out: &mut String, digits: &str) {
    if digits.len() < 5 {
        out.push_str(digits);
    } else {
        out.push('…');
        out.push_str(&digits[digits.len() - 3..]);
    }
}

fn said(code: Option<u32>, message: &str) -> String {
    match (code, message) {
        (None, "") => String::new(),
        (None, message) => format!(": {message}"),
        (Some(code), "") => format!(": error {code}"),
        (Some(code), message) => format!(": error {code}, {message}"),
    }
}

const MAX_RETRIES: u32 = 3;
const MAX_PAUSE: Duration = Duration::from_secs(3);
/// A call's description is some two kilobytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARACTERS: usize = 300;
/// <https://www.twilio.com/docs/api/errors>: credentials; no such call; call not in the expected state.
const CREDENTIALS: u32 = 20_003;
const NOT_FOUND: u32 = 20_404;
const NOT_IN_PROGRESS: u32 = 21_220;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::extract::{Request, State};
    use axum::http::header::AUTHORIZATION;
    use axum::response::{IntoResponse as _, Response as Reply};
    use tokio::net::TcpListener;

    use super::*;
    use crate::twilio::webhook::Form;

    const TOKEN: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const CREATED: &str = r#"{"sid":"CA00000000000000000000000000000001","status":"queued","duration":null}"#;

    /// A Twilio that gives the answers it was told, one a request, the last for ever, and keeps what it was asked.
    #[derive(Clone)]
    struct Fake {
        url: String,
        answers: Arc<Vec<(u16, String)>>,
        asked: Arc<Mutex<Vec<(String, String, Form)>>>,
    }

    impl Fake {
        async fn answering(answers: &[(u16, &str)]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let fake = Self {
                url: format!("http://{}", listener.local_addr().unwrap()),
                answers: Arc::new(answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect()),
                asked: Arc::default(),
            };
            let router = axum::Router::new().fallback(answer).with_state(fake.clone());
            tokio::spawn(axum::serve(listener, router).into_future());
            fake
        }

        fn rest(&self) -> Rest {
            rest(&self.url)
        }

        fn asked(&self) -> Vec<(String, String, Form)> {
            self.asked.lock().unwrap().clone()
        }
    }

    async fn answer(State(fake): State<Fake>, request: Request) -> Reply {
        let path = format!("{} {}", request.method(), request.uri());
        let auth = request.headers().get(AUTHORIZATION);
        let auth = auth.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let mut asked = fake.asked.lock().unwrap();
        let (status, body_out) = fake.answers.get(asked.len()).or_else(|| fake.answers.last()).cloned().unwrap();
        asked.push((path, auth, Form::parse(&body).unwrap()));
        (StatusCode::from_u16(status).unwrap(), body_out).into_response()
    }

    fn rest(url: &str) -> Rest {
        // A second installation is refused; the first serves every test.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let account = AccountSid::parse("AC00000000000000000000000000000001").unwrap();
        let mut config = RestConfig::new(url, account, TOKEN);
        config.retry_delay = Duration::from_millis(1);
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Rest::new(config, client)
    }

    fn call_sid() -> CallSid {
        CallSid::parse("CA00000000000000000000000000000001").unwrap()
    }

    fn call() -> CreateCall {
        CreateCall {
            to: E164::parse("+919876543210").unwrap(),
            from: E164::parse("+912248900000").unwrap(),
            url: "https://voice.example.in/voice?agent_type=LOGISTICS".to_owned(),
            status_callback: Some("https://voice.example.in/call-status".to_owned()),
            status_callback_events: StatusEvent::ALL.to_vec(),
            timeout_s: Some(30),
            time_limit_s: Some(1800),
            machine_detection: Some(MachineDetection {
                until_message_end: false,
                callback: Some("https://voice.example.in/amd".to_owned()),
            }),
        }
    }

    #[tokio::test]
    async fn a_call_is_started_as_twilio_documents_it() {
        let twilio = Fake::answering(&[(201, CREATED)]).await;
        assert_eq!(twilio.rest().create_call(&call()).await, Ok(call_sid()));
        let (path, auth, form) = twilio.asked().remove(0);
        assert_eq!(path, "POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json");
        // AC…01:d41d… in base64.
        let expected = {
            use base64::Engine as _;
            base64::prelude::BASE64_STANDARD.encode(format!("AC00000000000000000000000000000001:{TOKEN}"))
        };
        assert_eq!(auth, format!("Basic {expected}"));
        assert_eq!(
            form.encode(),
            "To=%2B919876543210&From=%2B912248900000&Url=https%3A%2F%2Fvoice.example.in%2Fvoice%3Fagent_type%3DLOGISTICS&Method=POST&StatusCallback=https%3A%2F%2Fvoice.example.in%2Fcall-status&StatusCallbackMethod=POST&StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered&StatusCallbackEvent=completed&Timeout=30&TimeLimit=1800&MachineDetection=Enable&AsyncAmd=true&AsyncAmdStatusCallback=https%3A%2F%2Fvoice.example.in%2Famd&AsyncAmdStatusCallbackMethod=POST"
        );
    }

    #[tokio::test]
    async fn a_live_call_is_changed_and_ended() {
        let twilio = Fake::answering(&[(200, CREATED)]).await;
        let rest = twilio.rest();
        let document = "<Response><Hangup/></Response>".to_owned();
        rest.update_call(&call_sid(), &Update::Twiml(document)).await.unwrap();
        rest.update_call(&call_sid(), &Update::Url("https://x/y".to_owned())).await.unwrap();
        rest.hang_up(&call_sid()).await.unwrap();
        let asked = twilio.asked();
        let bodies: Vec<_> = asked.iter().map(|(_, _, form)| form.encode()).collect();
        assert_eq!(
            bodies,
            [
                "Twiml=%3CResponse%3E%3CHangup%2F%3E%3C%2FResponse%3E",
                "Url=https%3A%2F%2Fx%2Fy&Method=POST",
                "Status=completed"
            ]
        );
        let path = "POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Calls/CA00000000000000000000000000000001.json";
        assert!(asked.iter().all(|(asked, _, _)| asked == path));
    }

    #[tokio::test]
    async fn a_call_that_ended_is_told_from_other_refusals() {
        for (status, body) in [
            (404, r#"{"code":20404,"message":"not found","status":404}"#),
            (404, "gone"),
            (400, r#"{"code":21220,"message":"Call is not in-progress","status":400}"#),
        ] {
            let rest = Fake::answering(&[(status, body)]).await.rest();
            assert_eq!(rest.hang_up(&call_sid()).await, Err(RestError::CallOver), "{body}");
        }
        let rest = Fake::answering(&[(404, r#"{"code":20404,"message":"not found"}"#)]).await.rest();
        let refused = rest.create_call(&call()).await;
        assert!(matches!(refused, Err(RestError::Refused { status: 404, .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn a_refusal_says_what_twilio_said_but_not_the_number() {
        let body = r#"{"code":21211,"message":"Invalid 'To' Phone Number: +919876543210","more_info":"https://x","status":400}"#;
        let rest = Fake::answering(&[(400, body)]).await.rest();
        assert_eq!(
            rest.create_call(&call()).await.unwrap_err().to_string(),
            "twilio refused the request with status 400: error 21211, Invalid 'To' Phone Number: +…210"
        );
        let problem = r#"{"type":"about:blank","title":"Bad","detail":"no such country","status":400}"#;
        let rest = Fake::answering(&[(400, problem)]).await.rest();
        assert_eq!(
            rest.create_call(&call()).await.unwrap_err().to_string(),
            "twilio refused the request with status 400: no such country"
        );
    }

    #[tokio::test]
    async fn blame_follows_the_status() {
        let rest = Fake::answering(&[(401, r#"{"code":20003,"message":"Authenticate"}"#)]).await.rest();
        assert_eq!(
            rest.create_call(&call()).await,
            Err(RestError::Credentials { code: Some(20_003), message: "Authenticate".to_owned() })
        );
        let rest = Fake::answering(&[(503, "<html>")]).await.rest();
        assert_eq!(
            rest.create_call(&call()).await,
            Err(RestError::Failed { status: 503, code: None, message: String::new() })
        );
        for odd in ["", "{}", r#"{"sid":7}"#, r#"{"sid":"../x"}"#] {
            let rest = Fake::answering(&[(201, odd)]).await.rest();
            assert_eq!(rest.create_call(&call()).await, Err(RestError::Answer("no sid of a call")));
        }
        let rest = Fake::answering(&[(302, "")]).await.rest();
        assert_eq!(rest.create_call(&call()).await, Err(RestError::Answer("a redirect")));
    }

    #[tokio::test]
    async fn too_many_requests_are_tried_again_and_not_for_ever() {
        let busy = (429, r#"{"code":20429,"message":"Too Many Requests"}"#);
        let twilio = Fake::answering(&[busy, busy, busy, (201, CREATED)]).await;
        assert_eq!(twilio.rest().create_call(&call()).await, Ok(call_sid()));
        assert_eq!(twilio.asked().len(), 4);
        let twilio = Fake::answering(&[busy]).await;
        assert_eq!(twilio.rest().create_call(&call()).await, Err(RestError::Busy));
        assert_eq!(twilio.asked().len(), 4);
    }

    #[tokio::test]
    async fn what_may_have_been_carried_out_is_not_tried_again() {
        let twilio = Fake::answering(&[(500, "")]).await;
        assert!(twilio.rest().create_call(&call()).await.is_err());
        assert_eq!(twilio.asked().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_left() {
        let long = "x".repeat(MAX_ANSWER_BYTES + 1);
        let rest = Fake::answering(&[(201, &long)]).await.rest();
        assert_eq!(rest.create_call(&call()).await, Err(RestError::Answer("longer than 64 kB")));
    }

    #[tokio::test]
    async fn nobody_there_is_said_without_the_account() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = rest(&url).hang_up(&call_sid()).await.unwrap_err();
        assert!(matches!(&error, RestError::Unreachable(text) if !text.contains("AC0")), "{error}");
    }

    #[tokio::test]
    async fn twilio_that_does_not_answer_is_not_waited_for() {
        // Takes connections and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut rest = rest(&format!("http://{}", listener.local_addr().unwrap()));
        rest.config.timeout = Duration::from_millis(20);
        assert_eq!(rest.hang_up(&call_sid()).await, Err(RestError::Timeout));
    }

    #[test]
    fn a_log_sees_no_token_and_no_number() {
        let text = format!("{:?} {:?}", rest("http://127.0.0.1:1"), call());
        assert!(!text.contains(TOKEN) && !text.contains("98765"), "{text}");
        assert_eq!(redacted("call 21211 to +919876543210, 1234\nx"), "call …211 to +…210, 1234 x");
    }
}

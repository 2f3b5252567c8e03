//! Twilio's webhooks: the signed form to the switchboard, its verbs back as TwiML. Whatever goes wrong, the caller hears a sentence.
//!
//! Each is carried out to its end, also where the connection is dropped in between: then Twilio asks again and gets the answer.

use std::any::Any;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::auth::TwilioSigned;
use crate::session::{GatherQuery, Switchboard, VoiceQuery};
use crate::twilio::CallSid;
use crate::twilio::twiml::{Verb, document};

/// `/voice`: a call has begun, or asks again.
pub(super) async fn voice(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    let arrived = Instant::now();
    if !names_a_call(&signed) {
        return apology();
    }
    let text = |name| signed.query.filled(name).map(ToOwned::to_owned);
    let query = VoiceQuery {
        agent_type: text("agent_type"),
        mode: text("mode"),
        language: text("language"),
        start: text("start"),
    };
    let board = switchboard.clone();
    twiml(switchboard.to_the_end(async move { board.voice(query, signed.form, arrived).await }).await)
}

/// `/process-response`: what a `<Gather>` heard.
pub(super) async fn process_response(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    let arrived = Instant::now();
    if !names_a_call(&signed) {
        return apology();
    }
    let number = |name| signed.query.filled(name).and_then(|text| text.parse().ok());
    let query = GatherQuery { turn: number("turn"), wait: number("wait") };
    let board = switchboard.clone();
    let work = async move { board.process_response(query, signed.form, signed.idempotency, arrived).await };
    twiml(switchboard.to_the_end(work).await)
}

/// `/stream-ended`: the `<Connect>` is over; what now?
pub(super) async fn stream_ended(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    let arrived = Instant::now();
    if !names_a_call(&signed) {
        return apology();
    }
    let board = switchboard.clone();
    twiml(switchboard.to_the_end(async move { board.stream_ended(signed.form, arrived).await }).await)
}

/// `/transfer-ended`: the `<Dial>` is over; what now?
pub(super) async fn transfer_ended(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    if !names_a_call(&signed) {
        return apology();
    }
    let board = switchboard.clone();
    twiml(switchboard.to_the_end(async move { board.transfer_ended(signed.form).await }).await)
}

/// `/call-status`. Nobody is listening: the answer is empty.
pub(super) async fn call_status(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> StatusCode {
    if names_a_call(&signed) {
        let board = switchboard.clone();
        switchboard.to_the_end(async move { board.call_status(signed.form).await }).await;
    }
    StatusCode::NO_CONTENT
}

/// `/stream-status`. Nobody is listening: the answer is empty.
pub(super) async fn stream_status(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> StatusCode {
    if names_a_call(&signed) {
        switchboard.stream_status(signed.form).await;
    }
    StatusCode::NO_CONTENT
}

/// What a caller hears when we have nothing better.
pub(super) fn apology() -> Response {
    xml(APOLOGY.to_owned())
}

/// The answer to Twilio where a defect of ours was met.
pub(super) fn after_panic(_: Box<dyn Any + Send>) -> Response {
    apology()
}

fn names_a_call(signed: &TwilioSigned) -> bool {
    let names = signed.form.get("CallSid").is_some_and(|sid| CallSid::parse(sid).is_ok());
    if !names {
        tracing::warn!("webhook without a CallSid");
    }
    names
}

/// The answer, or the excuse where there is none because of a defect of ours.
fn twiml(verbs: Option<Vec<Verb>>) -> Response {
    verbs.map_or_else(apology, |verbs| xml(document(&verbs)))
}

fn xml(document: String) -> Response {
    let mut response = document.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

const APOLOGY: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Say language="en-IN">We are sorry, something went wrong on our side. Please try again later. Goodbye.</Say><Hangup/></Response>"#;

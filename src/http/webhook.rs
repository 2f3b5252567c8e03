//! Twilio's webhooks: the signed form to the switchboard, its verbs back as TwiML. Whatever goes wrong, the caller hears a sentence.

use std::any::Any;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth::TwilioSigned;
use super::limits;
use crate::session::{GatherQuery, Switchboard, VoiceQuery};
use crate::twilio::CallSid;
use crate::twilio::twiml::{Verb, document};

/// `/voice`: a call has begun, or asks again.
pub(super) async fn voice(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
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
    twiml(&switchboard.voice(query, signed.form).await)
}

/// `/process-response`: what a `<Gather>` heard.
pub(super) async fn process_response(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    if !names_a_call(&signed) {
        return apology();
    }
    let number = |name| signed.query.filled(name).and_then(|text| text.parse().ok());
    let query = GatherQuery { turn: number("turn"), wait: number("wait") };
    twiml(&switchboard.process_response(query, signed.form, signed.idempotency).await)
}

/// `/stream-ended`: the `<Connect>` is over; what now?
pub(super) async fn stream_ended(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    if !names_a_call(&signed) {
        return apology();
    }
    twiml(&switchboard.stream_ended(signed.form).await)
}

/// `/transfer-ended`: the `<Dial>` is over; what now?
pub(super) async fn transfer_ended(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> Response {
    if !names_a_call(&signed) {
        return apology();
    }
    twiml(&switchboard.transfer_ended(signed.form).await)
}

/// `/call-status`. Nobody is listening: the answer is empty.
pub(super) async fn call_status(State(switchboard): State<Switchboard>, signed: TwilioSigned) -> StatusCode {
    if names_a_call(&signed) {
        switchboard.call_status(signed.form).await;
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
pub(super) fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    limits::report_panic(panic.as_ref());
    apology()
}

fn names_a_call(signed: &TwilioSigned) -> bool {
    let names = signed.form.get("CallSid").is_some_and(|sid| CallSid::parse(sid).is_ok());
    if !names {
        tracing::warn!("webhook without a CallSid");
    }
    names
}

fn twiml(verbs: &[Verb]) -> Response {
    xml(document(verbs))
}

fn xml(document: String) -> Response {
    let mut response = document.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

const APOLOGY: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Say language="en-IN">We are sorry, something went wrong on our side. Please try again later. Goodbye.</Say><Hangup/></Response>"#;

//! Twilio's REST API for calls: create, read, update. Parameters and error codes of API 2010-04-01.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Command, Order, Shared, lock};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Calls.json", post(create))
        .route("/2010-04-01/Accounts/{account}/Calls/{call}", post(update).get(show))
        .fallback(|| async { refuse(404, 20_404, "The requested resource was not found") })
        .with_state(shared)
}

async fn create(
    State(shared): State<Arc<Shared>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = unauthorized(&shared, &account, &headers) {
        return refused;
    }
    let form = Form::read(&body);
    match order(&form) {
        Ok(order) => {
            let script = shared.next_script();
            let sid = shared.begin(order.clone(), script);
            (StatusCode::CREATED, Json(call_json(&shared, &sid, &order, "queued"))).into_response()
        }
        Err((code, message)) => refuse(400, code, &message),
    }
}

async fn show(
    State(shared): State<Arc<Shared>>,
    Path((account, call)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = unauthorized(&shared, &account, &headers) {
        return refused;
    }
    let sid = call.trim_end_matches(".json");
    let found = lock(&shared.calls).by_sid.get(sid).map(|entry| (entry.order.clone(), entry.status.clone()));
    match found {
        Some((order, status)) => Json(call_json(&shared, sid, &order, &status)).into_response(),
        None => unknown(sid),
    }
}

async fn update(
    State(shared): State<Arc<Shared>>,
    Path((account, call)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = unauthorized(&shared, &account, &headers) {
        return refused;
    }
    let sid = call.trim_end_matches(".json");
    let found = lock(&shared.calls).by_sid.get(sid).map(|entry| (entry.order.clone(), entry.status.clone()));
    let Some((order, status)) = found else {
        return unknown(sid);
    };
    let form = Form::read(&body);
    let command = match (form.get("Status"), form.get("Twiml"), form.get("Url")) {
        (Some("completed"), _, _) => Command::Complete,
        (Some("canceled"), _, _) if status == "queued" || status == "ringing" => Command::Cancel,
        (Some("canceled"), _, _) => {
            return refuse(400, 21_220, "Call is not in the expected state. Cannot cancel.");
        }
        (Some(other), _, _) => {
            return refuse(400, 20_001, &format!("Status '{other}' is not valid"));
        }
        (None, Some(twiml), None) if twiml.chars().count() > TWIML_LIMIT => {
            return refuse(400, 21_218, "Twiml must be at most 4000 characters");
        }
        (None, Some(twiml), None) => Command::Twiml(twiml.to_owned()),
        (None, None, Some(url)) if is_url(url) => {
            Command::Url { url: url.to_owned(), method: form.get("Method").unwrap_or("POST").to_owned() }
        }
        (None, None, Some(_)) => return refuse(400, 21_205, "Url is not a valid URL"),
        (None, Some(_), Some(_)) => return refuse(400, 20_001, "Twiml and Url exclude each other"),
        (None, None, None) => {
            return Json(call_json(&shared, sid, &order, &status)).into_response();
        }
    };
    if !shared.command(sid, command) {
        return refuse(400, 21_220, "Call is not in-progress. Cannot redirect.");
    }
    Json(call_json(&shared, sid, &order, &status)).into_response()
}

/// Parameters of a form; several of one name stay in order.
struct Form(HashMap<String, Vec<String>>);

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body).into_owned() {
            all.entry(name).or_default().push(value);
        }
        Self(all)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }
}

fn order(form: &Form) -> Result<Order, (u32, String)> {
    let to = form.get("To").ok_or_else(|| (21_201, "No 'To' number is specified".to_owned()))?;
    if !is_e164(to) {
        return Err((21_211, format!("Invalid 'To' Phone Number: {to}")));
    }
    let from = form.get("From").ok_or_else(|| (21_213, "No 'From' number is specified".to_owned()))?;
    if !is_e164(from) {
        return Err((21_212, format!("Invalid From Number (caller ID): {from}")));
    }
    let (url, twiml) = (form.get("Url"), form.get("Twiml"));
    if url.is_none() && twiml.is_none() {
        return Err((21_205, "Url or Twiml parameter is required.".to_owned()));
    }
    for name in ["Url", "FallbackUrl", "StatusCallback"] {
        if form.get(name).is_some_and(|url| !is_url(url)) {
            return Err((21_205, format!("{name} is not a valid URL")));
        }
    }
    if url.is_none() && twiml.is_some_and(|twiml| twiml.chars().count() > TWIML_LIMIT) {
        return Err((21_218, "Twiml must be at most 4000 characters".to_owned()));
    }
    let callback_host = form.get("StatusCallback").and_then(super::courier::authority);
    if callback_host.is_some_and(|host| host.contains('_')) {
        return Err((21_609, "StatusCallback is not a valid URL".to_owned()));
    }
    let mut events: Vec<String> = form
        .all("StatusCallbackEvent")
        .flat_map(|names| names.split([' ', ',']))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if let Some(unknown) =
        events.iter().find(|name| !["initiated", "ringing", "answered", "completed"].contains(&name.as_str()))
    {
        return Err((21_626, format!("StatusCallbackEvent '{unknown}' is not valid")));
    }
    if events.is_empty() {
        events.push("completed".to_owned());
    }
    let seconds = |name: &str| form.get(name).map(str::parse::<u64>).transpose();
    let invalid = |name: &str| (20_001, format!("{name} is not a number"));
    let time_limit = seconds("TimeLimit").map_err(|_| invalid("TimeLimit"))?;
    let ring = seconds("Timeout").map_err(|_| invalid("Timeout"))?;
    if ring.is_some_and(|ring| ring > 600) {
        return Err((20_001, "Timeout is at most 600".to_owned()));
    }
    Ok(Order {
        to: to.to_owned(),
        from: from.to_owned(),
        direction: "outbound-api",
        url: url.unwrap_or_default().to_owned(),
        method: form.get("Method").unwrap_or("POST").to_owned(),
        twiml: if url.is_some() { None } else { twiml.map(str::to_owned) },
        status_callback: form.get("StatusCallback").map(str::to_owned),
        status_events: events,
        time_limit: time_limit.map(Duration::from_secs),
    })
}

const TWIML_LIMIT: usize = 4_000;

fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The refusal of a request that does not show the account's token.
fn unauthorized(shared: &Shared, account: &str, headers: &HeaderMap) -> Option<Response> {
    let config = &shared.config;
    let expected = BASE64_STANDARD.encode(format!("{}:{}", config.account_sid, config.auth_token));
    let shown = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "));
    if shown != Some(expected.as_str()) || account != config.account_sid {
        return Some(refuse(401, 20_003, "Authenticate"));
    }
    None
}

fn unknown(sid: &str) -> Response {
    refuse(404, 20_404, &format!("The requested resource /Calls/{sid}.json was not found"))
}

fn refuse(status: u16, code: u32, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status});
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

fn call_json(shared: &Shared, sid: &str, order: &Order, status: &str) -> Value {
    let account = &shared.config.account_sid;
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{sid}");
    json!({
        "sid": sid, "account_sid": account, "api_version": "2010-04-01", "to": order.to, "to_formatted": order.to,
        "from": order.from, "from_formatted": order.from, "parent_call_sid": null,
        "phone_number_sid": "PN00000000000000000000000000000001", "status": status, "direction": order.direction,
        "answered_by": null, "start_time": null, "end_time": null, "duration": null, "price": null, "price_unit": "USD",
        "forwarded_from": null, "caller_name": null, "group_sid": null, "queue_time": "0", "trunk_sid": null, "date_created": null,
        "date_updated": null, "uri": format!("{uri}.json"),
        "subresource_uris": {"recordings": format!("{uri}/Recordings.json"), "streams": format!("{uri}/Streams.json")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(form: &str) -> u32 {
        order(&Form::read(form.as_bytes())).map_or_else(|(code, _)| code, |_| 0)
    }

    #[test]
    fn bad_parameters_have_twilios_codes() {
        let good = "To=%2B919876543210&From=%2B912248900000&Url=https%3A%2F%2Fh%2Fvoice";
        assert_eq!(code(good), 0);
        assert_eq!(code("From=%2B912248900000&Url=https%3A%2F%2Fh"), 21_201);
        assert_eq!(code("To=9876&From=%2B912248900000&Url=https%3A%2F%2Fh"), 21_211);
        assert_eq!(code("To=%2B919876543210&From=x&Url=https%3A%2F%2Fh"), 21_212);
        assert_eq!(code("To=%2B919876543210&Url=https%3A%2F%2Fh"), 21_213);
        assert_eq!(code("To=%2B919876543210&From=%2B912248900000"), 21_205);
        assert_eq!(code("To=%2B919876543210&From=%2B912248900000&Url=voice"), 21_205);
        assert_eq!(code(&format!("{good}&StatusCallbackEvent=answered&StatusCallbackEvent=dialled")), 21_626);
        assert_eq!(code(&format!("{good}&StatusCallback=https%3A%2F%2Fa_b.example%2Fx")), 21_609);
    }
}

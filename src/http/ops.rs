//! For operators: alive, ready, metrics, and the description of all routes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{App, auth};

/// `GET /healthz`: the process answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 while new calls are taken, 503 while draining; with what is in force for each part.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let switchboard = app.switchboard();
    let store = switchboard.store().status();
    let draining = switchboard.draining();
    let ready = !draining && store.journal_writable;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "draining": draining,
        "version": env!("CARGO_PKG_VERSION"),
        "live_calls": switchboard.live_calls(),
        "parts": app.config().parts,
        "circuits": switchboard.circuits().into_iter().collect::<BTreeMap<_, _>>(),
        "store": store,
    });
    (status, Json(body)).into_response()
}

/// `GET /metrics`, to whoever asks directly; through a proxy, where anybody may be asking, to developers.
pub(super) async fn metrics(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if auth::is_forwarded(&parts.headers)
        && let Some(refusal) = auth::refusal(&app, &parts)
    {
        return refusal;
    }
    let mut response = app.0.metrics.render().into_response();
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// `GET /api/openapi.json`.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI).into_response()
}

/// Written by hand; a test holds it against the router.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

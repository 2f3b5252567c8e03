//! What wraps every route: a limit on time, a net for panics, headers for browsers, and a count.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Problem, webhook};
use crate::telemetry::{HTTP_REQUESTS, HTTP_SECONDS};

/// Counts and times the request, and adds the headers that keep browsers careful.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let started = Instant::now();
    // The pattern, not the path: paths are endless.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "DELETE" | "OPTIONS" | "PUT" | "PATCH") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    metrics::counter!(HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => status.to_string())
        .increment(1);
    metrics::histogram!(HTTP_SECONDS, "route" => route).record(started.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Developers and people wait no longer than this.
pub(super) async fn answer_in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the request and its answer took longer than {} s together", ANSWER.as_secs()),
        )
        .into_response(),
    }
}

/// Twilio hangs up on a webhook after 15 s; a sentence before that keeps the caller from hearing an error of Twilio's.
pub(super) async fn answer_twilio_in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_TWILIO, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("webhook not answered in time");
            webhook::apology()
        }
    }
}

/// The answer to a developer whose request met a defect of ours. The panic's own text may quote a caller: its place is logged where it
/// happened, the text nowhere.
pub(super) fn after_panic(_: Box<dyn Any + Send>) -> Response {
    Problem::defect().into_response()
}

const ANSWER: Duration = Duration::from_secs(15);
const ANSWER_TWILIO: Duration = Duration::from_secs(13);
/// For every answer that does not say otherwise. The console sets its own policy.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

//! Routes for Twilio, developers, operators and people. HTTP in, a question to the switchboard, HTTP out.
//!
//! Not here: what a call does ([`crate::session`]). Key types: [`App`], [`Config`], [`Problem`]; key functions: [`serve()`], [`router`].
//! Invariant: a request to a route of Twilio's or a developer's reaches no code behind `auth` unless it may, and every error is
//! told to the one who can act: a problem document to a developer, TwiML with a spoken sentence to Twilio.

mod api;
mod audio;
mod auth;
mod collected;
mod console;
mod limits;
mod media;
mod ops;
mod problem;
mod query;
mod serve;
mod start_call;
mod tls;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

use crate::session::Switchboard;
use crate::telemetry::{MetricsPage, Secret};
pub use problem::Problem;
pub use serve::{serve, serve_over};
pub use tls::{Tls, TlsError, TlsFiles};

/// What the routes need to know of the environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port by which Twilio reaches us; where it is unknown, signatures are checked against the `Host` header.
    pub public_url: Option<String>,
    /// Checks Twilio's signatures; without it Twilio's routes serve this machine only.
    pub twilio_auth_token: Option<Secret>,
    /// Opens developer routes; without it they serve this machine only.
    pub api_token: Option<Secret>,
    /// Folder of the recordings named by call documents.
    pub recordings: PathBuf,
    /// What is in force, for people.
    pub parts: Vec<Part>,
}

/// One part of the whole (ears, voice, mind, memory, phone line) and what is in force for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The part.
    pub name: &'static str,
    /// What is in force.
    pub in_force: String,
    /// Why.
    pub why: String,
}

/// Everything the routes use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inside>);

struct Inside {
    config: Config,
    verifier: auth::TwilioVerifier,
    switchboard: Switchboard,
    metrics: MetricsPage,
}

impl App {
    /// Puts the routes' needs together.
    pub fn new(config: Config, switchboard: Switchboard, metrics: MetricsPage) -> Self {
        let verifier = auth::TwilioVerifier::new(&config);
        Self(Arc::new(Inside { config, verifier, switchboard, metrics }))
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn switchboard(&self) -> &Switchboard {
        &self.0.switchboard
    }
}

impl FromRef<App> for Switchboard {
    fn from_ref(app: &App) -> Self {
        app.switchboard().clone()
    }
}

/// All routes, with their limits and locks.
pub fn router(app: App) -> Router {
    let twilio = for_twilio(gather(twilio_routes()));
    let developer = gather(developer_routes()).route_layer(from_fn_with_state(app.clone(), auth::developer));
    let developer = for_people(developer);
    let open = for_people(gather(open_routes()));
    let socket = gather(socket_routes()).layer(CatchPanicLayer::custom(limits::after_panic));
    twilio
        .merge(developer)
        .merge(open)
        .merge(socket)
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no such route; GET /api/openapi.json lists them"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the route exists, but not for this method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(limits::guard))
        .with_state(app)
}

/// A path as axum and OpenAPI both write it, and what answers there.
type Routes = Vec<(&'static str, MethodRouter<App>)>;

/// Asked by Twilio, answered with TwiML or nothing, signed. Twilio may be told to use GET.
fn twilio_routes() -> Routes {
    vec![
        ("/voice", get(webhook::voice).post(webhook::voice)),
        ("/process-response", get(webhook::process_response).post(webhook::process_response)),
        ("/stream-ended", get(webhook::stream_ended).post(webhook::stream_ended)),
        ("/transfer-ended", get(webhook::transfer_ended).post(webhook::transfer_ended)),
        ("/call-status", get(webhook::call_status).post(webhook::call_status)),
        ("/stream-status", get(webhook::stream_status).post(webhook::stream_status)),
    ]
}

/// Signed too, but endless: no limit on time may wrap it.
fn socket_routes() -> Routes {
    vec![("/media-stream", get(media::media_stream))]
}

fn developer_routes() -> Routes {
    vec![
        ("/start-call", post(start_call::start_call)),
        ("/api/calls", get(api::calls)),
        ("/api/calls/{sid}", get(api::call).merge(delete(api::delete))),
        ("/api/calls/{sid}/events", get(api::events)),
        ("/api/calls/{sid}/recording", get(api::recording)),
        ("/api/calls/{sid}/hangup", post(api::hang_up)),
        ("/api/collected", get(collected::collected)),
    ]
}

fn open_routes() -> Routes {
    vec![
        ("/", get(console::page)),
        ("/audio/{file}", get(audio::file)),
        ("/healthz", get(ops::health)),
        ("/readyz", get(ops::ready)),
        ("/metrics", get(ops::metrics)),
        ("/api/openapi.json", get(ops::openapi)),
    ]
}

/// Late or broken, Twilio gets a sentence for the caller.
fn for_twilio<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(CatchPanicLayer::custom(webhook::after_panic)).layer(from_fn(limits::answer_twilio_in_time))
}

/// Late or broken, everybody else gets a problem document.
fn for_people<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(CatchPanicLayer::custom(limits::after_panic)).layer(from_fn(limits::answer_in_time))
}

fn gather(routes: Routes) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route))
}

/// Twilio's longest bodies are below 4 KiB; a `/start-call` with variables is small too.
const MAX_BODY_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::http::header;
    use axum::response::IntoResponse as _;
    use tower::ServiceExt as _;

    use super::*;

    /// Status, media type and body of what such a route answers.
    async fn answer(wrap: impl FnOnce(Router) -> Router, route: MethodRouter) -> (u16, String, String) {
        let router = wrap(Router::new().route("/", route));
        let answer = router.oneshot(Request::new(axum::body::Body::empty())).await.into_response();
        let media_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 4096).await.unwrap();
        (status, media_type, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn defect() -> &'static str {
        panic!("a defect with a caller's words in it")
    }

    #[tokio::test]
    async fn a_defect_is_a_sentence_to_twilio_and_a_problem_to_people() {
        let (status, media_type, body) = answer(for_twilio, get(defect)).await;
        assert_eq!((status, media_type.as_str()), (200, "text/xml; charset=utf-8"));
        assert!(body.contains("<Say") && body.contains("<Hangup/>") && !body.contains("words"), "{body}");
        let (status, media_type, body) = answer(for_people, get(defect)).await;
        assert_eq!((status, media_type.as_str()), (500, "application/problem+json"));
        assert!(!body.contains("words"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_given_in_time() {
        let (status, _, body) = answer(for_twilio, get(std::future::pending::<&str>)).await;
        assert!(status == 200 && body.contains("<Say"), "{body}");
        let (status, media_type, _) = answer(for_people, get(std::future::pending::<&str>)).await;
        assert_eq!((status, media_type.as_str()), (408, "application/problem+json"));
    }

    #[test]
    fn the_description_names_exactly_the_routes() {
        let description: serde_json::Value = serde_json::from_str(ops::OPENAPI).unwrap();
        let mut described: Vec<_> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut routes: Vec<_> = [twilio_routes(), socket_routes(), developer_routes(), open_routes()]
            .into_iter()
            .flatten()
            .map(|(path, _)| path)
            .collect();
        described.sort_unstable();
        routes.sort_unstable();
        assert_eq!(described, routes);
    }
}

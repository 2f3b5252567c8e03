//! `GET /`: a status page for people. One document without outside resources; what needs the token is asked for by the page itself.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::App;

/// The page.
pub(super) async fn page(State(app): State<App>) -> Response {
    let mut rows = String::new();
    for part in &app.config().parts {
        let cells = [part.name, &part.in_force, &part.why].map(escaped);
        rows.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            cells[0], cells[1], cells[2]
        ));
    }
    let page = PAGE
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{parts}", &rows)
        .replace("{live}", &app.switchboard().live_calls().to_string())
        .replace("{state}", if app.switchboard().draining() { "draining" } else { "taking calls" });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
    ];
    (headers, page).into_response()
}

/// Only this page's own script and style may run, by their hashes.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let inside = PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        BASE64_STANDARD.encode(Sha256::digest(inside.map_or("", |(inside, _)| inside)))
    };
    let policy = format!(
        "default-src 'none'; connect-src 'self'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style"),
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const PAGE: &str = include_str!("console.html");

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

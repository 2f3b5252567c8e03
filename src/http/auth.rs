//! Who may ask. Twilio proves itself by signature, a developer by token; where there is nothing to prove it with, only this machine
//! is served. Key types: [`TwilioSigned`], [`TwilioUpgrade`]; key function: [`developer`].

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{App, Config, Problem};
use crate::telemetry::SIGNATURES_REFUSED;
use crate::twilio::signature::{Content, SignatureError, SignedRequest, Verifier, candidates};
use crate::twilio::webhook::Form;

/// A request that Twilio signed.
pub(super) struct TwilioSigned {
    /// What our own TwiML put into the URL.
    pub(super) query: Form,
    /// The webhook's fields: the body of a POST, the query of a GET. An error where Twilio's signature holds over something else.
    pub(super) form: Form,
    /// `I-Twilio-Idempotency-Token`: the same on every retry of one request.
    pub(super) idempotency: Option<String>,
}

impl FromRequest<App> for TwilioSigned {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let target = target(&parts);
        let is_form = content_type(&parts.headers) == Some("application/x-www-form-urlencoded");
        let body = match parts.method {
            Method::GET | Method::HEAD => Bytes::new(),
            _ => match Bytes::from_request(Request::from_parts(parts.clone(), body), app).await {
                Ok(body) => body,
                // What cannot be read cannot be verified.
                Err(_) => return Err(refuse(&mut parts, app, "an unreadable body").await),
            },
        };
        let (Ok(query), Ok(posted)) = (Form::parse_query(&target), Form::parse(if is_form { &body } else { b"" }))
        else {
            return Err(refuse(&mut parts, app, "too many fields").await);
        };
        let content = match parts.method {
            Method::GET | Method::HEAD => Content::Nothing,
            _ if is_form => Content::Form(posted.pairs()),
            _ if body.is_empty() => Content::Nothing,
            _ => Content::Body(&body),
        };
        if let Err(why) = app.0.verifier.check(&parts, content, false) {
            return Err(refuse(&mut parts, app, &why).await);
        }
        let form = if matches!(parts.method, Method::GET | Method::HEAD) { query.clone() } else { posted };
        let idempotency = parts.headers.get("i-twilio-idempotency-token").and_then(|value| value.to_str().ok());
        Ok(Self { query, form, idempotency: idempotency.map(ToOwned::to_owned) })
    }
}

/// A request to open a media socket that Twilio signed.
pub(super) struct TwilioUpgrade;

impl FromRequestParts<App> for TwilioUpgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match app.0.verifier.check(parts, Content::Nothing, true) {
            Ok(()) => Ok(Self),
            Err(why) => Err(refuse(parts, app, &why).await),
        }
    }
}

/// Checks signatures against the public address, or lets this machine in where no token is configured.
pub(super) struct TwilioVerifier {
    verifier: Option<Verifier>,
    public_url: Option<String>,
}

impl TwilioVerifier {
    pub(super) fn new(config: &Config) -> Self {
        let verifier = config.twilio_auth_token.as_ref().map(|token| Verifier::new([token.expose()]));
        Self { verifier, public_url: config.public_url.clone() }
    }

    fn check(&self, parts: &Parts, content: Content<'_>, websocket: bool) -> Result<(), String> {
        let Some(verifier) = &self.verifier else {
            let elsewhere = || "TWILIO_AUTH_TOKEN is not configured, so only this machine is served".to_owned();
            return if is_local(parts) { Ok(()) } else { Err(elsewhere()) };
        };
        let target = target(parts);
        let urls = match (&self.public_url, parts.headers.get(header::HOST).and_then(|host| host.to_str().ok())) {
            (Some(public_url), _) => candidates(public_url, &target, websocket),
            (None, Some(host)) => ["https", "http"]
                .iter()
                .flat_map(|scheme| candidates(&format!("{scheme}://{host}"), &target, websocket))
                .collect(),
            (None, None) => Vec::new(),
        };
        let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        // Which of two signatures was meant is not ours to guess.
        let signature = match parts.headers.get_all("x-twilio-signature").iter().count() {
            1 => text("x-twilio-signature").unwrap_or_default(),
            _ => "",
        };
        let settings = text("x-twilio-webhooks-signature-settings");
        verifier
            .verify(&SignedRequest { urls: &urls, content, signature, settings })
            .map_err(|error: SignatureError| error.to_string())
    }
}

/// Lets developers pass: `Authorization: Bearer <API_TOKEN>`, or this machine where there is no such token.
pub(super) async fn developer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match refusal(&app, &parts) {
        None => next.run(Request::from_parts(parts, body)).await,
        Some(refusal) => refusal,
    }
}

/// What to answer a request that neither carries the developer's token nor may do without.
pub(super) fn refusal(app: &App, parts: &Parts) -> Option<Response> {
    let Some(token) = &app.config().api_token else {
        let detail = "API_TOKEN is not configured, so only this machine is served, without a proxy between";
        return (!is_local(parts)).then(|| Problem::new(StatusCode::FORBIDDEN, detail).into_response());
    };
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().split_first_chunk::<7>());
    match given {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") && token.matches(given.trim_ascii()) => None,
        Some(_) | None => {
            let detail = "this route needs the header Authorization: Bearer <API_TOKEN>";
            let mut refusal = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
            let challenge = HeaderValue::from_static("Bearer realm=\"trunkline\"");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            Some(refusal)
        }
    }
}

/// Whether the request comes straight from this machine: not through a proxy on it, and not from a page of another site in a
/// browser on it (a forged `Host` or `Origin`).
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let text = |name| parts.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host_is_local = text(header::HOST).is_none_or(is_local_authority);
    let origin = text(header::ORIGIN);
    let origin_is_local =
        origin.is_none_or(|origin| origin.split_once("://").is_some_and(|(_, host)| is_local_authority(host)));
    peer.is_some_and(|ip| ip.is_loopback()) && !is_forwarded(&parts.headers) && host_is_local && origin_is_local
}

/// Whether a proxy passed the request on.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
}

fn is_local_authority(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.to_canonical().is_loopback())
}

async fn refuse(parts: &mut Parts, app: &App, why: &str) -> Response {
    let route = axum::extract::MatchedPath::from_request_parts(parts, app).await;
    let route = route.map_or_else(|_| String::new(), |path| path.as_str().to_owned());
    tracing::warn!(route, why, "request refused: not Twilio's");
    metrics::counter!(SIGNATURES_REFUSED, "route" => route).increment(1);
    Problem::new(StatusCode::FORBIDDEN, format!("not accepted as a request of Twilio's: {why}")).into_response()
}

/// The raw request target: signatures are over these bytes, so nothing is decoded or put together again.
fn target(parts: &Parts) -> String {
    // A target that names a host of its own (`GET http://…`) is nobody's path.
    if parts.uri.authority().is_some() {
        return String::new();
    }
    parts.uri.path_and_query().map_or("", PathAndQuery::as_str).to_owned()
}

/// The media type without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    text.split(';').next().map(str::trim)
}

const FORWARDING: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(peer: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = axum::http::Request::new(());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (mut parts, ()) = request.into_parts();
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        parts
    }

    #[test]
    fn only_what_comes_straight_from_this_machine_is_local() {
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "127.8.9.1"] {
            assert!(is_local(&parts("127.0.0.1:5", &[("host", host)])), "{host}");
        }
        assert!(is_local(&parts("[::1]:5", &[])));
        assert!(is_local(&parts("[::ffff:127.0.0.1]:5", &[])));
        assert!(is_local(&parts("127.0.0.1:5", &[("origin", "http://localhost:8080")])));
        assert!(!is_local(&parts("10.0.0.1:5", &[("host", "127.0.0.1")])));
        for (name, value) in [
            ("host", "voice.example.in"),
            ("host", "127.0.0.1.example.in"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
        ] {
            assert!(!is_local(&parts("127.0.0.1:5", &[(name, value)])), "{name}: {value}");
        }
    }
}

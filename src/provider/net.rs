//! Connections to vendors: one HTTP client and one TLS configuration for the whole process, and errors told without URLs or keys.
//!
//! Loading the machine's root certificates costs tens of milliseconds of CPU, so it happens once, never per call. It knows no
//! vendor's protocol.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};
use url::Url;

use super::{ProviderError, ProviderErrorKind};
use crate::telemetry::Secret;

/// Builds the HTTP client that all vendors share: HTTP/2 where offered, Nagle off, idle connections kept warm, no redirects.
///
/// Build it once and clone it: each build loads the root certificates anew.
pub fn http_client(connect_timeout: Duration) -> Result<reqwest::Client, ProviderError> {
    install_crypto();
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(240))
        .pool_max_idle_per_host(32)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .http2_keep_alive_while_idle(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| ProviderError::new("http", ProviderErrorKind::Refused, "the HTTP client cannot be built"))
}

/// A client socket, plain or over TLS. In a box: futures would keep room for its 1.4 KB more than once.
pub(super) type Socket = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;

/// How a vendor's socket is opened.
pub(super) struct SocketPlan<'a> {
    /// Whose socket, for errors.
    pub(super) vendor: &'static str,
    /// `ws` or `wss`.
    pub(super) url: &'a Url,
    /// The header that carries the key.
    pub(super) key_header: &'static str,
    /// The key.
    pub(super) key: &'a Secret,
    /// For connect, TLS and upgrade together.
    pub(super) within: Duration,
    /// The largest message taken.
    pub(super) max_message: usize,
    /// Bytes asked of the socket at a time; kept for as long as it lives.
    pub(super) read_buffer: usize,
}

/// Opens a WebSocket with Nagle off and small buffers (the library's defaults hold 128 KiB a socket).
pub(super) async fn open_socket(plan: SocketPlan<'_>) -> Result<Socket, ProviderError> {
    let fault = |kind, what: &str| ProviderError::new(plan.vendor, kind, what);
    let mut request = plan
        .url
        .as_str()
        .into_client_request()
        .map_err(|_| fault(ProviderErrorKind::Refused, "the socket's URL is not valid"))?;
    request.headers_mut().insert(plan.key_header, key_value(plan.vendor, plan.key)?);
    let config = WebSocketConfig::default()
        .read_buffer_size(plan.read_buffer)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(plan.max_message))
        .max_frame_size(Some(plan.max_message));
    let connector = match plan.url.scheme() {
        "wss" => Some(Connector::Rustls(tls_config())),
        _ => None,
    };
    let opening = tokio_tungstenite::connect_async_tls_with_config(request, Some(config), true, connector);
    match tokio::time::timeout(plan.within, opening).await {
        Ok(Ok((socket, _response))) => Ok(Box::new(socket)),
        Ok(Err(error)) => Err(socket_error(plan.vendor, &error)),
        Err(_elapsed) => Err(fault(ProviderErrorKind::Timeout, "the socket did not open in time")),
    }
}

/// The key as a header value that the HTTP library will not print.
pub(super) fn key_value(vendor: &'static str, key: &Secret) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(key.expose()).map_err(|_| {
        ProviderError::new(vendor, ProviderErrorKind::Refused, "the key has characters no header may hold")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A socket's failure, told without its URL.
pub(super) fn socket_error(vendor: &'static str, error: &SocketError) -> ProviderError {
    match error {
        SocketError::Http(response) => {
            let status = response.status().as_u16();
            ProviderError::new(vendor, status_kind(status), format!("the socket was refused with {status}"))
        }
        SocketError::Io(io) => {
            ProviderError::new(vendor, ProviderErrorKind::Broken, format!("the socket failed: {}", io.kind()))
        }
        SocketError::Capacity(_) => {
            ProviderError::new(vendor, ProviderErrorKind::Broken, "a message is larger than allowed")
        }
        _ => ProviderError::new(vendor, ProviderErrorKind::Broken, "the socket broke"),
    }
}

/// An HTTP failure, told without its URL.
pub(super) fn http_error(vendor: &'static str, error: &reqwest::Error) -> ProviderError {
    let (kind, what) = if error.is_timeout() {
        (ProviderErrorKind::Timeout, "no answer in time")
    } else if error.is_builder() {
        (ProviderErrorKind::Refused, "the request cannot be built")
    } else if error.is_connect() {
        (ProviderErrorKind::Broken, "no connection")
    } else {
        (ProviderErrorKind::Broken, "the connection broke")
    };
    ProviderError::new(vendor, kind, what)
}

/// Whose fault an HTTP status is; a vendor's own code in the body may know better.
pub(super) fn status_kind(status: u16) -> ProviderErrorKind {
    match status {
        408 | 504 => ProviderErrorKind::Timeout,
        402 | 429 => ProviderErrorKind::Quota,
        500..=599 => ProviderErrorKind::Unavailable,
        400..=499 => ProviderErrorKind::Refused,
        _ => ProviderErrorKind::Broken,
    }
}

/// A body read up to `limit` bytes; `None` if it is longer.
pub(super) async fn bounded_body(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.into()))
}

/// A vendor's error code, fit for a log: short, and nothing but letters, digits, `_`, `-` and `+`.
pub(super) fn plain_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')).take(48).collect()
}

/// `base` with `segments` added to its path, each escaped.
pub(super) fn endpoint(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// The WebSocket address beside an HTTP one: `http` becomes `ws`, `https` becomes `wss`.
pub(super) fn socket_address(mut url: Url) -> Url {
    let scheme = match url.scheme() {
        "http" | "ws" => "ws",
        _ => "wss",
    };
    // Cannot fail between two special schemes; were it to, the connection is refused by its URL.
    if url.set_scheme(scheme).is_err() {
        tracing::error!("a vendor's URL has no WebSocket form");
    }
    url
}

/// A text message.
pub(super) fn text_message(text: String) -> Message {
    Message::Text(text.into())
}

fn install_crypto() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        // An error means that another part of the process chose a provider first; that one serves as well.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    });
}

fn tls_config() -> Arc<rustls::ClientConfig> {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| {
        install_crypto();
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Arc::new(config)
    }))
}

/// What is fed goes out together when it is flushed, in one call of the kernel, unless it grows to so many bytes before.
const WRITE_BUFFER: usize = 4 * 1024;
const MAX_WRITE_BUFFER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_base_url_stays_and_segments_are_escaped() {
        let base = Url::parse("https://proxy.example/eleven/").unwrap();
        let url = endpoint(&base, &["v1", "a/b c"]);
        assert_eq!(url.as_str(), "https://proxy.example/eleven/v1/a%2Fb%20c");
        assert_eq!(socket_address(url).scheme(), "wss");
    }

    #[test]
    fn a_plain_base_url_gives_a_plain_socket() {
        let base = Url::parse("http://127.0.0.1:9").unwrap();
        assert_eq!(socket_address(endpoint(&base, &["v1"])).as_str(), "ws://127.0.0.1:9/v1");
    }

    #[test]
    fn a_code_cannot_smuggle_a_sentence_into_the_log() {
        assert_eq!(plain_code("quota_exceeded\nkey=abc def"), "quota_exceededkeyabcdef");
        assert!(plain_code(&"x".repeat(500)).len() < 50);
    }

    #[tokio::test]
    async fn tls_is_ready_without_further_set_up_and_a_peer_without_it_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            // Closes each connection in the middle of the handshake.
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        let key = Secret::from("k".to_owned());
        let url = Url::parse(&format!("wss://{address}/v1")).unwrap();
        let plan = SocketPlan {
            vendor: "v",
            url: &url,
            key_header: "k",
            key: &key,
            within: Duration::from_secs(9),
            max_message: 9,
            read_buffer: 9,
        };
        assert_eq!(open_socket(plan).await.unwrap_err().kind, ProviderErrorKind::Broken);
        let client = http_client(Duration::from_secs(9)).unwrap();
        let error = client.get(format!("https://{address}/?key=secret")).send().await.unwrap_err();
        assert_eq!(http_error("v", &error).to_string(), "v broken: no connection");
        assert!(Arc::ptr_eq(&tls_config(), &tls_config()), "roots are loaded once");
    }
}

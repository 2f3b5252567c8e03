//! How a media socket is opened and lost: what Twilio refuses of a `<Stream>`, the signed upgrade, the codes of its debugger.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::super::call::Call;
use super::super::document::Element;
use super::outbox::{Carrier, Outlet};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<Carrier>>;

/// What Twilio refuses of a `<Stream>`; else its parameters.
pub(super) fn check(url: &str, noun: &Element) -> Result<serde_json::Map<String, serde_json::Value>, (u32, String)> {
    let parsed = url::Url::parse(url).map_err(|error| (31_923, format!("stream URL: {error}")))?;
    let loopback = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match parsed.scheme() {
        "wss" => {}
        // Twilio takes wss only; on loopback there is no certificate to be had.
        "ws" if loopback => {}
        other => {
            return Err((31_922, format!("stream URL scheme '{other}' is not supported")));
        }
    }
    if parsed.query().is_some() {
        return Err((31_920, "a stream URL has no query string".to_owned()));
    }
    if noun.attribute("track").is_some_and(|track| track != "inbound_track") {
        return Err((31_941, "only inbound_track is possible in <Connect>".to_owned()));
    }
    let mut parameters = serde_json::Map::new();
    for parameter in noun.children.iter().filter(|child| child.name == "Parameter") {
        let (name, value) = (parameter.attribute("name").unwrap_or(""), parameter.attribute("value").unwrap_or(""));
        if name.chars().count() + value.chars().count() >= 500 {
            return Err((12_200, format!("<Parameter> '{name}' is over 500 characters")));
        }
        parameters.insert(name.to_owned(), json!(value));
    }
    Ok(parameters)
}

/// The socket, and where to write past it if it is not encrypted.
pub(super) async fn connect(call: &Call, url: &str) -> Result<(Socket, Option<Arc<Outlet>>), (u32, String)> {
    let mut request = url.into_client_request().map_err(|error| (31_923, error.to_string()))?;
    let signature =
        HeaderValue::from_str(&call.shared.courier.sign_upgrade(url)).map_err(|error| (31_900, error.to_string()))?;
    request.headers_mut().insert("x-twilio-signature", signature);
    // Small buffers: there may be a thousand calls, and a message has some 400 bytes.
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    let failed = |error: tungstenite::Error| match error {
        tungstenite::Error::Http(response) => {
            (31_920, format!("the server answered {} to the upgrade", response.status()))
        }
        tungstenite::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            (31_902, error.to_string())
        }
        tungstenite::Error::Tls(error) => (31_910, error.to_string()),
        other => (31_920, other.to_string()),
    };
    let encrypted = url.starts_with("wss") && call.shared.courier.connect_to().is_none();
    let connected = match call.shared.courier.connect_to() {
        Some(addr) => TcpStream::connect(addr).await.map_err(|error| (31_902, error.to_string()))?,
        None => dial(url).await.map_err(tungstenite::Error::Io).map_err(failed)?,
    };
    connected.set_nodelay(true).map_err(|error| (31_900, error.to_string()))?;
    let outlet = Arc::new(Outlet::new(connected));
    let carrier = Carrier(outlet.clone());
    if encrypted {
        let upgraded = tokio_tungstenite::client_async_tls_with_config(request, carrier, Some(config), None).await;
        return upgraded.map(|(socket, _)| (socket, None)).map_err(failed);
    }
    let upgraded =
        tokio_tungstenite::client_async_with_config(request, MaybeTlsStream::Plain(carrier), Some(config)).await;
    upgraded.map(|(socket, _)| (socket, Some(outlet))).map_err(failed)
}

/// Connects to where a URL says.
async fn dial(url: &str) -> std::io::Result<TcpStream> {
    let parsed = url::Url::parse(url).map_err(std::io::Error::other)?;
    let port = parsed.port_or_known_default().unwrap_or(443);
    match parsed.host() {
        Some(url::Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(url::Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(url::Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        None => Err(std::io::Error::other("the URL has no host")),
    }
}

/// The code of the debugger for a socket that broke.
pub(super) fn lost_code(error: &tungstenite::Error) -> u32 {
    match error {
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => 31_903,
        tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_) | tungstenite::Error::Capacity(_) => 31_924,
        _ => 31_903,
    }
}

const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_twilio_would_refuse_is_refused() {
        let stream = |url: &str, track: Option<&str>| {
            let attributes = track.map(|track| ("track".to_owned(), track.to_owned())).into_iter().collect();
            check(url, &Element { attributes, ..Element::default() }).map(|_| ()).map_err(|(code, _)| code)
        };
        assert_eq!(stream("wss://h/m", None), Ok(()));
        assert_eq!(stream("ws://127.0.0.1:80/m", Some("inbound_track")), Ok(()));
        assert_eq!(stream("ws://h/m", None), Err(31_922));
        assert_eq!(stream("/m", None), Err(31_923));
        assert_eq!(stream("wss://h/m?token=1", None), Err(31_920));
        assert_eq!(stream("wss://h/m", Some("both_tracks")), Err(31_941));
    }
}

//! The media socket's door: signature, upgrade, limits. What is said on the socket is the session's.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::auth::TwilioUpgrade;
use crate::session::Switchboard;

/// `/media-stream`: becomes a socket that the switchboard joins to a call.
pub(super) async fn media_stream(
    State(switchboard): State<Switchboard>,
    _signed: TwilioUpgrade,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade
            .max_message_size(MAX_MESSAGE_BYTES)
            .max_frame_size(MAX_MESSAGE_BYTES)
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .on_failed_upgrade(|error| tracing::debug!(%error, "media socket not upgraded"))
            .on_upgrade(async move |socket| switchboard.media_stream(socket).await),
        Err(rejection) => {
            let mut refusal = Problem::new(StatusCode::UPGRADE_REQUIRED, rejection.body_text()).into_response();
            refusal.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            refusal
        }
    }
}

/// Twilio's messages are some 400 bytes. Its documents set no limit; peers use this one.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Two of Twilio's messages; the library's 128 KiB would be most of a call's memory.
const READ_BUFFER_BYTES: usize = 1024;
/// A mark goes out together with the audio before it; of audio, each message by itself.
const WRITE_BUFFER_BYTES: usize = 1024;

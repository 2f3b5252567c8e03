//! The media socket until it belongs to a call: the order of messages, the one-time word, the call's name.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use metrics::counter;
use subtle::ConstantTimeEq as _;
use tokio::time::timeout;
use tracing::{Instrument as _, warn};

use super::entry::Entry;
use super::lookup::ON_ITS_WAY;
use super::stream;
use super::switchboard::Switchboard;
use crate::agent::Mode;
use crate::telemetry;
use crate::twilio::media::{self, Inbound, Start};

impl Switchboard {
    /// Takes a media socket from its first message to the task of its call.
    pub async fn media_stream(&self, mut socket: WebSocket) {
        let joined = match timeout(START, self.join(&mut socket)).await {
            Ok(joined) => joined,
            Err(_) => Err("no start"),
        };
        match joined {
            Ok((entry, start)) => {
                let span = telemetry::call_span(&start.call_sid);
                // Tracked, so that a shutdown waits for it; the route's own future would not be.
                self.tracker().spawn(stream::run(self.clone(), entry, start, socket).instrument(span));
            }
            Err(reason) => {
                warn!(reason, "media socket refused");
                counter!(telemetry::MEDIA_REFUSED, "reason" => reason).increment(1);
                let frame = CloseFrame { code: close_code::POLICY, reason: reason.into() };
                // The other side may be gone already.
                timeout(CLOSE, socket.send(Message::Close(Some(frame)))).await.ok();
            }
        }
    }

    /// Reads up to `start` and finds the call it belongs to.
    async fn join(&self, socket: &mut WebSocket) -> Result<(Arc<Entry>, Start), &'static str> {
        loop {
            let text = match socket.recv().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Binary(_))) => return Err("binary frame"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err("closed before start"),
            };
            match media::parse(&text) {
                Ok(Inbound::Connected | Inbound::Unknown { .. }) => {}
                Ok(Inbound::Start(start)) => return self.admit(start).await,
                Ok(Inbound::Media(_) | Inbound::Dtmf { .. } | Inbound::Mark { .. } | Inbound::Stop { .. }) => {
                    return Err("out of order");
                }
                Err(_) => return Err("malformed message"),
            }
        }
    }

    /// The one-time word must be the one that `/voice` gave to this very call. A wrong one does not use it up: nobody shall be able to
    /// shut Twilio out.
    async fn admit(&self, start: Start) -> Result<(Arc<Entry>, Start), &'static str> {
        let said = start.custom_parameters.get("token").ok_or("no token")?;
        let entry = self
            .find_once(&start.call_sid, ON_ITS_WAY, |session| session.token.is_some())
            .await
            .ok_or("unknown call")?;
        let mut session = entry.session.lock().await;
        if session.mode != Mode::Stream || session.ended_at.is_some() {
            return Err("no stream is awaited");
        }
        let expected = session.token.as_ref().ok_or("used token")?;
        if !bool::from(expected.as_bytes().ct_eq(said.as_bytes())) {
            return Err("wrong token");
        }
        session.token = None;
        self.hold(&mut session);
        entry.streaming.send_replace(true);
        drop(session);
        Ok((entry, start))
    }
}

/// How long a socket may take to say which call it is.
const START: Duration = Duration::from_secs(5);
const CLOSE: Duration = Duration::from_secs(1);

//! Media Streams from Twilio's end: connects, sends the caller's frames on an absolute schedule, plays what comes.
//!
//! The [`Line`] is the stream; the [`ticker`] makes it speak and the call's task reads for it. Wire facts: Twilio's documentation of
//! Media Streams messages; see [`super::LineOptions`] for the ways in which a line may be worse than the default.

mod line;
mod open;
mod outbound;
mod outbox;
mod ticker;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use self::line::{Line, Lost, Over};
use self::open::{Socket, check, connect, lost_code};
use self::outbox::SEND_LIMIT;
use super::call::Call;
use super::document::Element;
use super::{Command, Happening, lock};

pub(super) use self::ticker::Ticker;

/// How a stream ended, as the call sees it.
pub(super) enum StreamEnd {
    CallerHungUp,
    /// The server closed it, or it could not be opened: the document goes on.
    Over,
    TimeLimit,
    Told(Command),
}

/// Opens the stream of a `<Stream>` and carries it to its end.
pub(super) async fn run(call: &mut Call, noun: &Element) -> StreamEnd {
    let url = noun.attribute("url").unwrap_or("").trim().to_owned();
    let sid = call.shared.sid("MZ");
    let notices = Notices {
        url: noun.attribute("statusCallback").map(str::to_owned),
        sid: sid.clone(),
        name: noun.attribute("name").unwrap_or(&sid).to_owned(),
    };
    let parameters = match check(&url, noun) {
        Ok(parameters) => parameters,
        Err((code, why)) => return refused(call, &notices, code, &why),
    };
    let (mut socket, outlet) = match tokio::time::timeout(HANDSHAKE_LIMIT, connect(call, &url)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err((code, why))) => return refused(call, &notices, code, &why),
        Err(_) => return refused(call, &notices, 31_901, "connection timeout"),
    };
    notices.send(call, "stream-started", None);
    let at = call.now().as_millis() as u64;
    call.shared.tell(&call.sid, at, Happening::StreamStarted);
    let wake = Arc::new(Notify::new());
    let line = Arc::new(Mutex::new(Line::new(call, outlet, sid, wake.clone())));
    lock(&line).open(parameters);
    call.shared.ticker.add(line.clone()).await;
    let end = attend(call, &mut socket, &line, &wake).await;
    {
        let mut line = lock(&line);
        line.give_back(call);
        if let Some(said) = call.caller.stop_saying() {
            call.recorder.said(said, line.now_us());
        }
        if let Some(line) = call.recorder.agent_quiet() {
            call.shared.tell(&call.sid, line.end_ms, Happening::Said(line));
        }
        call.recorder.stream_ended(line.began_us, line.playback.heard(), line.playback.warnings());
    }
    match end {
        Ok(end) => {
            notices.send(call, "stream-stopped", None);
            end
        }
        Err((code, why)) => refused(call, &notices, code, &why),
    }
}

/// Reads for the line until it or the call ends.
async fn attend(call: &mut Call, socket: &mut Socket, line: &Mutex<Line>, wake: &Notify) -> Result<StreamEnd, Lost> {
    loop {
        tokio::select! {
            biased;
            command = call.commands.recv() => {
                stop(socket, line).await;
                return Ok(match command {
                    Some(Command::CallerHangsUp) => StreamEnd::CallerHungUp,
                    Some(command) => StreamEnd::Told(command),
                    None => StreamEnd::Told(Command::Complete),
                });
            }
            () = wake.notified() => {
                let over = lock(line).over.take();
                if let Some(Over::Lost(lost)) = over {
                    return Err(lost);
                }
                send_queued(socket, line).await?;
                let end = match over {
                    Some(Over::CallerHungUp) => StreamEnd::CallerHungUp,
                    Some(Over::TimeLimit) => StreamEnd::TimeLimit,
                    Some(Over::Lost(_)) | None => continue,
                };
                stop(socket, line).await;
                return Ok(end);
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => lock(line).receive(&text),
                Some(Ok(Message::Binary(_))) => lock(line).playback.undecodable(),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    note(line, if matches!(code, 1000 | 1005) { 0 } else { 31_921 }, &format!("the server closed the stream with code {code}"));
                    return Ok(StreamEnd::Over);
                }
                Some(Err(error)) => return Err((lost_code(&error), error.to_string())),
                None => return Err((31_903, "the server dropped the stream".to_owned())),
            }
        }
    }
}

/// Over TLS: sends what the line left.
async fn send_queued(socket: &mut Socket, line: &Mutex<Line>) -> Result<(), Lost> {
    let texts = lock(line).out.queued();
    for text in texts {
        match tokio::time::timeout(SEND_LIMIT, socket.send(Message::text(text))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err((lost_code(&error), error.to_string())),
            Err(_) => return Err((31_930, "the server does not read".to_owned())),
        }
    }
    Ok(())
}

/// `stop`, then the socket is closed.
async fn stop(socket: &mut Socket, line: &Mutex<Line>) {
    lock(line).stop();
    let closing = async {
        if send_queued(socket, line).await.is_ok() && socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    if tokio::time::timeout(CLOSE_LIMIT, closing).await.is_err() {
        note(line, 0, "the server left the close unanswered");
    }
}

fn note(line: &Mutex<Line>, code: u32, text: &str) {
    let mut line = lock(line);
    let at_ms = line.now_us() / 1_000;
    line.recorder.note(at_ms, code, text);
}

fn refused(call: &mut Call, notices: &Notices, code: u32, why: &str) -> StreamEnd {
    call.note(code, why.to_owned());
    notices.send(call, "stream-error", Some(&format!("{code} {why}")));
    StreamEnd::Over
}

/// Where stream callbacks go.
struct Notices {
    url: Option<String>,
    sid: String,
    name: String,
}

impl Notices {
    fn send(&self, call: &mut Call, event: &str, error: Option<&str>) {
        let Some(url) = &self.url else { return };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let account = call.shared.config.account_sid.clone();
        let mut params = vec![
            ("AccountSid", account.as_str()),
            ("CallSid", &call.sid),
            ("StreamSid", &self.sid),
            ("StreamName", &self.name),
        ];
        params.push(("StreamEvent", event));
        params.extend(error.map(|error| ("StreamError", error)));
        params.push(("Timestamp", &now));
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        call.post_later(url.clone(), params);
    }
}

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

//! Media Streams from Twilio's end: connects, sends the caller's frames on an absolute schedule, plays what comes.
//!
//! One task and one timer a call. Wire facts: Twilio's documentation of Media Streams messages; see [`super::LineOptions`] for the
//! ways in which a line may be worse than the default.

mod open;
mod outbound;

use std::collections::VecDeque;
use std::fmt::Write;
use std::pin::pin;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use self::open::{Socket, check, connect, lost_code};
use self::outbound::Outbound;
use super::call::Call;
use super::document::Element;
use super::{Command, Happening, LineOptions};
use crate::simulator::caller::Party;
use crate::simulator::playback::{Playback, Played};
use crate::simulator::sound::{FRAME, SILENCE, decode, encode};
use crate::simulator::vendors::Spoken;

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
    let socket = match tokio::time::timeout(HANDSHAKE_LIMIT, connect(call, &url)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err((code, why))) => return refused(call, &notices, code, &why),
        Err(_) => return refused(call, &notices, 31_901, "connection timeout"),
    };
    notices.send(call, "stream-started", None);
    let at = call.now().as_millis() as u64;
    call.shared.tell(&call.sid, at, Happening::StreamStarted);
    let mut stream = Stream::new(call, socket, sid);
    let end = stream.live(call, parameters).await;
    if let Some(said) = call.caller.stop_saying() {
        call.recorder.said(said, stream.now_us());
    }
    if let Some(line) = call.recorder.agent_quiet() {
        call.shared.tell(&call.sid, line.end_ms, Happening::Said(line));
    }
    let Stream { playback, began_us, .. } = stream;
    call.recorder.stream_ended(began_us, playback.heard(), playback.warnings());
    match end {
        Ok(end) => {
            notices.send(call, "stream-stopped", None);
            end
        }
        Err((code, why)) => refused(call, &notices, code, &why),
    }
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

/// A stream that is open. Its times are the call's, in microseconds.
struct Stream {
    socket: Socket,
    sid: String,
    playback: Playback,
    line: LineOptions,
    /// When, on the runtime's clock, the call's clock read zero.
    origin: Instant,
    began_us: u64,
    sequence: u64,
    chunk: u64,
    /// The caller's sound that is not a whole message yet, and how many bytes went before it.
    pending: Vec<u8>,
    sent_bytes: u64,
    /// Messages that a stall holds back.
    stalled: Vec<String>,
    /// Echoes with the time at which they are due.
    echoes: VecDeque<(u64, String)>,
    /// What the agent's last 20 ms were, for the echo of the caller's telephone.
    agent_now: Vec<u8>,
}

type Lost = (u32, String);

impl Stream {
    fn new(call: &Call, socket: Socket, sid: String) -> Self {
        let origin = call.origin();
        Self {
            socket,
            sid,
            playback: Playback::default(),
            line: call.shared.config.line.clone(),
            origin,
            began_us: origin.elapsed().as_micros() as u64,
            sequence: 1,
            chunk: 1,
            pending: Vec::new(),
            sent_bytes: 0,
            stalled: Vec::new(),
            echoes: VecDeque::new(),
            agent_now: Vec::new(),
        }
    }

    async fn live(
        &mut self,
        call: &mut Call,
        parameters: serde_json::Map<String, serde_json::Value>,
    ) -> Result<StreamEnd, Lost> {
        self.send(json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()).await?;
        let start = json!({"event": "start", "sequenceNumber": self.next_sequence(), "start": {
                "accountSid": call.shared.config.account_sid, "streamSid": self.sid, "callSid": call.sid, "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, "customParameters": parameters},
            "streamSid": self.sid});
        self.send(start.to_string()).await?;
        let limit_us = call.time_limit().map(|limit| limit.as_micros() as u64);
        let mut due_us = self.began_us;
        let mut due = pin!(tokio::time::sleep_until(self.origin + Duration::from_micros(due_us)));
        loop {
            tokio::select! {
                biased;
                command = call.commands.recv() => {
                    self.stop(call).await;
                    return Ok(match command {
                        Some(Command::CallerHangsUp) => StreamEnd::CallerHungUp,
                        Some(command) => StreamEnd::Told(command),
                        None => StreamEnd::Told(Command::Complete),
                    });
                }
                () = &mut due => {
                    let now_us = self.now_us();
                    let late_us = now_us.saturating_sub(due_us);
                    due_us += TICK_US;
                    due.as_mut().reset(self.origin + Duration::from_micros(due_us));
                    let frames = &mut call.recorder.report.frames;
                    frames.worst_lateness_ms = frames.worst_lateness_ms.max(late_us as f64 / 1_000.0);
                    frames.sent_late += u64::from(late_us > LATE_US);
                    self.play(call, now_us).await?;
                    if self.tick(call, now_us).await? {
                        self.stop(call).await;
                        return Ok(StreamEnd::CallerHungUp);
                    }
                    if limit_us.is_some_and(|limit| now_us >= limit) {
                        self.stop(call).await;
                        return Ok(StreamEnd::TimeLimit);
                    }
                    if self.line.drop_after_ms.is_some_and(|ms| now_us - self.began_us >= ms * 1_000) {
                        return Err((31_903, "the simulated network dropped the socket".to_owned()));
                    }
                }
                message = self.socket.next() => {
                    let now_us = self.now_us();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            self.play(call, now_us).await?;
                            self.take(call, now_us, &text).await?;
                        }
                        Some(Ok(Message::Binary(_))) => self.playback.undecodable(),
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Ok(Message::Close(frame))) => {
                            let code = frame.map_or(1005, |frame| u16::from(frame.code));
                            call.note(if matches!(code, 1000 | 1005) { 0 } else { 31_921 }, format!("the server closed the stream with code {code}"));
                            return Ok(StreamEnd::Over);
                        }
                        Some(Err(error)) => return Err((lost_code(&error), error.to_string())),
                        None => return Err((31_903, "the server dropped the stream".to_owned())),
                    }
                }
            }
        }
    }

    /// The caller's next 20 ms; true if the caller hangs up.
    async fn tick(&mut self, call: &mut Call, now_us: u64) -> Result<bool, Lost> {
        let tick = call.caller.tick(now_us, &self.playback);
        let at_ms = now_us / 1_000;
        if let Some(text) = tick.began {
            call.shared.tell(&call.sid, at_ms, Happening::Speaking(Party::Caller, text));
        }
        if let Some(sound) = &tick.sound {
            call.recorder.caller_sound(now_us, sound);
        }
        let sound = tick.sound.or_else(|| self.echo());
        let skipped = sound.is_none() && self.line.skip_silence;
        if !skipped {
            self.pending.extend(sound.unwrap_or([SILENCE; FRAME]));
        }
        let size = self.line.payload_bytes.clamp(1, 8_000);
        while self.pending.len() >= size || skipped && !self.pending.is_empty() {
            let timestamp = self.sent_bytes / 8;
            let count = size.min(self.pending.len());
            self.sent_bytes += count as u64;
            let text = self.media_message(timestamp, count);
            self.media(call, text, now_us).await?;
        }
        if skipped {
            self.sent_bytes += FRAME as u64;
        }
        if let Some(said) = tick.said {
            call.recorder.said(said, now_us);
            if let Some(line) = call.recorder.report.transcript.last().cloned() {
                call.shared.tell(&call.sid, at_ms, Happening::Said(line));
            }
        }
        if let Some(digit) = tick.digit {
            call.shared.tell(&call.sid, at_ms, Happening::Digit(digit));
            call.recorder.line(Party::Caller, &format!("[{digit}]"), at_ms, at_ms);
            let text = json!({"event": "dtmf", "streamSid": self.sid, "sequenceNumber": self.next_sequence(),
                "dtmf": {"track": "inbound_track", "digit": digit.to_string()}});
            self.send(text.to_string()).await?;
        }
        Ok(tick.hang_up)
    }

    /// The agent's voice, quieter, as the caller's telephone returns it.
    fn echo(&mut self) -> Option<[u8; FRAME]> {
        let gain = 10_f32.powf(-self.line.echo_db? / 20.0);
        let mut sound = [SILENCE; FRAME];
        let count = self.agent_now.len().min(FRAME);
        for (to, from) in sound.iter_mut().zip(self.agent_now.drain(..count)) {
            *to = encode((f32::from(decode(from)) * gain) as i16);
        }
        (count > 0).then_some(sound)
    }

    /// A message with the next bytes of the caller's sound.
    fn media_message(&mut self, timestamp: u64, bytes: usize) -> String {
        let mut text = String::with_capacity(200 + bytes * 4 / 3);
        let written = write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp}","payload":""#,
            self.sequence, self.chunk
        );
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        BASE64_STANDARD.encode_string(&self.pending[..bytes], &mut text);
        self.pending.drain(..bytes);
        text.push_str(r#""},"streamSid":""#);
        text.push_str(&self.sid);
        text.push_str(r#""}"#);
        self.sequence += 1;
        self.chunk += 1;
        text
    }

    async fn media(&mut self, call: &mut Call, text: String, now_us: u64) -> Result<(), Lost> {
        call.recorder.report.frames.sent += 1;
        let stalled = self.line.stall_every_ms.is_some_and(|every| {
            let into = (now_us - self.began_us) / 1_000;
            into >= every && into % every.max(1) < self.line.stall_ms
        });
        if stalled {
            self.stalled.push(text);
            return Ok(());
        }
        for held in std::mem::take(&mut self.stalled) {
            self.send(held).await?;
        }
        self.send(text).await
    }

    /// Plays up to now: what is heard, and the marks that were reached.
    async fn play(&mut self, call: &mut Call, now_us: u64) -> Result<(), Lost> {
        let (played, reached) = self.playback.advance(now_us);
        if let Some(played) = played {
            self.heard(call, &played);
        } else if call.recorder.agent_is_quiet(now_us)
            && let Some(line) = call.recorder.agent_quiet()
        {
            call.shared.tell(&call.sid, now_us / 1_000, Happening::Said(line));
        }
        self.echo_marks(now_us, reached).await
    }

    fn heard(&mut self, call: &mut Call, played: &Played) {
        if self.line.echo_db.is_some() {
            self.agent_now.extend(&played.audio);
            let extra = self.agent_now.len().saturating_sub(FRAME);
            self.agent_now.drain(..extra);
        }
        // Not kept: a text spoken while a book is held makes a copy of it.
        let book = call.shared.config.agent_words.as_ref().map(Spoken::book);
        if let Some(line) = call.recorder.agent_sound(played, book.as_deref()) {
            call.shared.tell(&call.sid, played.at_us / 1_000, Happening::Said(line));
        }
    }

    async fn echo_marks(&mut self, now_us: u64, reached: Vec<String>) -> Result<(), Lost> {
        let due = now_us + self.line.mark_delay_ms * 1_000;
        self.echoes.extend(reached.into_iter().map(|name| (due, name)));
        while self.echoes.front().is_some_and(|(due, _)| *due <= now_us) {
            let Some((_, name)) = self.echoes.pop_front() else {
                break;
            };
            let text = json!({"event": "mark", "sequenceNumber": self.next_sequence(), "streamSid": self.sid, "mark": {"name": name}});
            self.send(text.to_string()).await?;
        }
        Ok(())
    }

    /// A message of the server.
    async fn take(&mut self, call: &mut Call, now_us: u64, text: &str) -> Result<(), Lost> {
        let message = match Outbound::read(text, &self.sid) {
            Ok(message) => message,
            Err(why) => {
                if self.playback.warnings().invalid_31951 == 0 {
                    call.note(31_951, why);
                }
                self.playback.invalid();
                return Ok(());
            }
        };
        let frames = &mut call.recorder.report.frames;
        match message {
            Outbound::Media(audio) => {
                frames.received += 1;
                frames.received_bytes += audio.len() as u64;
                if !self.playback.is_playing() && !audio.is_empty() {
                    let speaking = Happening::Speaking(Party::Agent, String::new());
                    call.shared.tell(&call.sid, now_us / 1_000, speaking);
                }
                if !self.playback.push(now_us, &audio) && self.playback.warnings().overflow_31931 == 1 {
                    call.note(31_931, "over ten minutes of audio are buffered");
                }
                Ok(())
            }
            Outbound::Mark(name) => {
                frames.marks += 1;
                let reached = self.playback.mark(&name);
                self.echo_marks(now_us, reached.into_iter().collect()).await
            }
            Outbound::Clear => {
                let playing = self.playback.is_playing();
                call.recorder.cleared(now_us);
                if playing {
                    call.shared.tell(&call.sid, now_us / 1_000, Happening::Cleared);
                }
                let pending = self.playback.clear();
                self.echo_marks(now_us, pending).await
            }
        }
    }

    /// `stop`, then the socket is closed.
    async fn stop(&mut self, call: &mut Call) {
        let text = json!({"event": "stop", "sequenceNumber": self.next_sequence(),
            "stop": {"accountSid": call.shared.config.account_sid, "callSid": call.sid}, "streamSid": self.sid});
        if self.send(text.to_string()).await.is_err() {
            return;
        }
        let closing = async {
            if self.socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        if tokio::time::timeout(CLOSE_LIMIT, closing).await.is_err() {
            call.note(0, "the server left the close unanswered");
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Lost> {
        let sent = tokio::time::timeout(SEND_LIMIT, self.socket.send(Message::text(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((lost_code(&error), error.to_string())),
            Err(_) => Err((31_930, "the server does not read".to_owned())),
        }
    }

    fn next_sequence(&mut self) -> String {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence.to_string()
    }

    fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
}

const TICK_US: u64 = 20_000;
/// A frame that the simulator sends later than this is counted as its own fault.
const LATE_US: u64 = 10_000;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
const SEND_LIMIT: Duration = Duration::from_secs(5);

//! Media Streams by hand: a client that says exactly what a test wants, and a playback buffer that behaves as Twilio's.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::house::{AUTH_TOKEN, House, NUMBER, PHONE, attribute, sign, within};

pub(crate) const SILENCE: [u8; 160] = [0xFF; 160];

/// A socket to `/media-stream`.
pub(crate) struct Wire {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) stream_sid: String,
    sequence: u64,
    sent_ms: u64,
    /// What the caller will hear next: sound and marks.
    playing: VecDeque<Sound>,
    tick: Interval,
}

enum Sound {
    Audio(VecDeque<u8>),
    Mark(String),
}

/// What 20 ms brought.
#[derive(Debug, Default)]
pub(crate) struct Moment {
    /// Messages of the server, parsed.
    pub(crate) messages: Vec<Value>,
    /// The sound that was played now.
    pub(crate) played: Vec<u8>,
    /// Marks that were reached, and answered.
    pub(crate) reached: Vec<String>,
    /// The server has closed the socket.
    pub(crate) closed: bool,
}

impl Wire {
    /// Opens a socket with this signature; the HTTP status where it is refused.
    pub(crate) async fn open_signed(house: &House, signature: Option<&str>) -> Result<Self, u16> {
        let mut request = format!("ws://{}/media-stream", house.at).into_client_request().unwrap();
        let host = house.url.split_once("://").unwrap().1;
        request.headers_mut().insert("host", host.parse().unwrap());
        if let Some(signature) = signature {
            request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
        }
        match within(connect_async(request)).await {
            Ok((socket, _)) => {
                let mut tick = interval(Duration::from_millis(20));
                tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let stream_sid = "MZ00000000000000000000000000000001".to_owned();
                Ok(Self { socket, stream_sid, sequence: 0, sent_ms: 0, playing: VecDeque::new(), tick })
            }
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a socket as Twilio does.
    pub(crate) async fn open(house: &House) -> Self {
        let url = format!("{}/media-stream", house.url.replacen("http", "ws", 1));
        Self::open_signed(house, Some(&sign(AUTH_TOKEN, &url, &[]))).await.unwrap()
    }

    pub(crate) async fn send(&mut self, message: Message) {
        // The server may have closed it already.
        self.socket.send(message).await.ok();
    }

    pub(crate) async fn text(&mut self, message: &Value) {
        self.send(Message::Text(message.to_string().into())).await;
    }

    pub(crate) async fn connected(&mut self) {
        self.text(&json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
    }

    /// `start` as Twilio writes it.
    pub(crate) async fn start(&mut self, call_sid: &str, token: Option<&str>) {
        self.sequence += 1;
        let parameters = token.map_or_else(|| json!({}), |token| json!({"token": token}));
        let message = json!({"event": "start", "sequenceNumber": self.sequence.to_string(), "streamSid": self.stream_sid,
            "start": {"accountSid": crate::house::ACCOUNT_SID, "streamSid": self.stream_sid, "callSid": call_sid, "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, "customParameters": parameters}});
        self.text(&message).await;
    }

    /// Sound of the caller, as Twilio writes it.
    pub(crate) async fn media(&mut self, sound: &[u8]) {
        self.sequence += 1;
        let message = json!({"event": "media", "sequenceNumber": self.sequence.to_string(), "streamSid": self.stream_sid,
            "media": {"track": "inbound", "chunk": self.sequence.to_string(), "timestamp": self.sent_ms.to_string(),
                "payload": BASE64_STANDARD.encode(sound)}});
        self.sent_ms += sound.len() as u64 / 8;
        self.text(&message).await;
    }

    pub(crate) async fn mark(&mut self, name: &str) {
        self.text(
            &json!({"event": "mark", "sequenceNumber": "9", "streamSid": self.stream_sid, "mark": {"name": name}}),
        )
        .await;
    }

    /// Lets `timestamp` jump, as over silence that was not sent.
    pub(crate) fn skip(&mut self, ms: u64) {
        self.sent_ms += ms;
    }

    /// Waits for the server to close; the code it gave.
    pub(crate) async fn closed(mut self) -> Option<u16> {
        let waiting = async {
            while let Some(message) = self.socket.next().await {
                match message {
                    Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
            None
        };
        within(waiting).await
    }

    /// 20 ms of a call: the caller's sound goes out, the agent's is played, marks are answered, `clear` flushes.
    pub(crate) async fn moment(&mut self, sound: &[u8]) -> Moment {
        let mut moment = Moment::default();
        loop {
            tokio::select! {
                _ = self.tick.tick() => break,
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let message: Value = serde_json::from_str(&text).unwrap();
                        self.take(&message).await;
                        moment.messages.push(message);
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_) | Message::Frame(_))) => panic!("Twilio takes text only"),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => {
                        moment.closed = true;
                        return moment;
                    }
                },
            }
        }
        self.media(sound).await;
        while moment.played.len() < 160 {
            match self.playing.pop_front() {
                Some(Sound::Audio(mut audio)) => {
                    let part = audio.len().min(160 - moment.played.len());
                    moment.played.extend(audio.drain(..part));
                    if !audio.is_empty() {
                        self.playing.push_front(Sound::Audio(audio));
                    }
                }
                Some(Sound::Mark(name)) => {
                    self.mark(&name).await;
                    moment.reached.push(name);
                }
                None => break,
            }
        }
        moment
    }

    async fn take(&mut self, message: &Value) {
        assert_eq!(message["streamSid"], self.stream_sid, "{message}");
        match message["event"].as_str().unwrap() {
            "media" => {
                let audio = BASE64_STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                self.playing.push_back(Sound::Audio(audio.into()));
            }
            "mark" => self.playing.push_back(Sound::Mark(message["mark"]["name"].as_str().unwrap().to_owned())),
            "clear" => {
                // Twilio answers every mark that was waiting.
                for sound in std::mem::take(&mut self.playing) {
                    if let Sound::Mark(name) = sound {
                        self.mark(&name).await;
                    }
                }
            }
            other => panic!("Twilio does not know {other}"),
        }
    }
}

/// What Twilio says of a call that comes in.
pub(crate) fn ringing(call_sid: &str) -> [(&str, &str); 6] {
    [
        ("AccountSid", crate::house::ACCOUNT_SID),
        ("CallSid", call_sid),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("From", PHONE),
        ("To", NUMBER),
    ]
}

/// A sid of a call.
pub(crate) fn call_sid(n: u32) -> String {
    format!("CA{n:032x}")
}

/// `/voice` for a call of the quick agent in stream mode; the token of the `<Stream>`.
pub(crate) async fn voice(house: &House, call_sid: &str, query: &str) -> String {
    let (status, twiml) = house.webhook(&format!("/voice?agent_type=QUICK{query}"), &ringing(call_sid)).await;
    assert_eq!(status, 200);
    let (_, parameter) = twiml.split_once("name=\"token\"").unwrap_or_else(|| panic!("no token in {twiml}"));
    attribute(parameter, "value").unwrap()
}

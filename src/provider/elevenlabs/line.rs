//! One multi-context socket: a voice, a model, a language, and up to four clauses in the making, each in a context of its own.
//!
//! It knows contexts, not turns' fates: what becomes of a clause when the socket dies is [`super::voice`]'s to say. Invariant:
//! never more than [`MAX_CONTEXTS`] contexts that have not been declared final (the vendor closes the socket at six), and a context's
//! first message is the one with its settings.
//! Wire: `/v1/text-to-speech/{voice}/multi-stream-input`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use url::Url;

use super::chain::Link;
use super::messages::Said;
use super::speech::VoiceSettings;
use super::{ElevenLabsConfig, KEY_HEADER, VENDOR, fault, model};
use crate::provider::net::{Socket, SocketPlan, endpoint, open_socket, socket_address, socket_error, text_message};
use crate::provider::{ProviderError, VoiceSpec};

/// Which clause: turn and place.
pub(super) type ClauseId = (u32, u32);

/// What a socket is bound to by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineKey {
    voice_id: String,
    model_id: String,
    language_code: Option<String>,
}

impl LineKey {
    /// The socket a voice needs.
    pub(super) fn of(voice: &VoiceSpec) -> Self {
        Self {
            voice_id: voice.voice_id.clone(),
            model_id: voice.model_id.clone(),
            language_code: model::language_code(&voice.model_id, &voice.language).map(str::to_owned),
        }
    }
}

/// A socket, or one that is being opened.
pub(super) struct Line {
    pub(super) key: LineKey,
    /// Whose model it is bound to.
    pub(super) link: Link,
    state: State,
    contexts: Vec<Context>,
    serial: u32,
    /// When audio last came, or the line last stood still by our own doing.
    pub(super) stirred: Instant,
    /// When we last wrote; for the keep-alive.
    pub(super) wrote: Instant,
    /// Whether a clause was spoken to its end on it: then it may be opened again at once when it closes.
    pub(super) proved: bool,
}

enum State {
    Opening(BoxFuture<'static, Result<Socket, ProviderError>>),
    Open(Socket),
}

struct Context {
    id: String,
    clause: ClauseId,
    /// Nobody wants it any more, but it counts until it is final.
    dead: bool,
}

/// What a line tells.
pub(super) enum News {
    /// It is open.
    Opened,
    /// Audio of a living clause; perhaps none, perhaps the last.
    Heard { clause: ClauseId, audio: Bytes, letters: Vec<u32>, last: bool },
    /// Something that concerns no living clause.
    Nothing,
    /// It is of no more use.
    Lost(ProviderError),
}

impl Line {
    /// Begins to open a socket; poll it by [`Line::news`].
    pub(super) fn open(config: &Arc<ElevenLabsConfig>, key: LineKey, link: Link) -> Self {
        let url = address(config, &key);
        let config = Arc::clone(config);
        let opening = async move {
            open_socket(SocketPlan {
                vendor: VENDOR,
                url: &url,
                key_header: KEY_HEADER,
                key: &config.api_key,
                within: config.connect_timeout,
                max_message: MAX_MESSAGE,
                read_buffer: READ_BUFFER,
            })
            .await
        };
        let now = Instant::now();
        Self {
            key,
            link,
            state: State::Opening(opening.boxed()),
            contexts: Vec::new(),
            serial: 0,
            stirred: now,
            wrote: now,
            proved: false,
        }
    }

    /// Whether clauses can be given to it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether another clause would be one too many.
    pub(super) fn is_full(&self) -> bool {
        self.contexts.len() >= MAX_CONTEXTS
    }

    /// Whether a context is open that somebody wants.
    pub(super) fn has_living(&self) -> bool {
        self.contexts.iter().any(|context| !context.dead)
    }

    /// Whether a context is open that nobody wants.
    pub(super) fn has_dead(&self) -> bool {
        self.contexts.iter().any(|context| context.dead)
    }

    /// Whether no context is open.
    pub(super) fn is_idle(&self) -> bool {
        self.contexts.is_empty()
    }

    /// Gives it a clause: opens a context, says the text, asks for it at once and closes the context behind it.
    pub(super) async fn say(&mut self, clause: ClauseId, text: &str, voice: &VoiceSpec) -> Result<(), ProviderError> {
        let (turn, place) = clause;
        let mut id = format!("t{turn}c{place}");
        if self.contexts.iter().any(|context| context.id == id) {
            self.serial += 1;
            id = format!("{id}r{}", self.serial);
        }
        // Text ends with a space, as the vendor asks for.
        let spaced = format!("{} ", text.trim_end());
        let open = Told { text: Some(" "), voice_settings: Some(VoiceSettings::of(voice)), ..Told::of(&id) };
        let say = Told { text: Some(&spaced), flush: true, ..Told::of(&id) };
        let close = Told { close_context: true, ..Told::of(&id) };
        let messages = [open.message()?, say.message()?, close.message()?];
        self.contexts.push(Context { id, clause, dead: false });
        self.write(messages).await
    }

    /// The turn's clauses are unwanted. Their contexts were closed as they were opened, and the vendor has no message that stops
    /// audio already in the making: it is dropped here, until each is final.
    pub(super) fn forget_turn(&mut self, turn: u32) {
        for context in self.contexts.iter_mut().filter(|context| context.clause.0 == turn) {
            context.dead = true;
        }
    }

    /// The clause is unwanted.
    pub(super) fn forget(&mut self, clause: ClauseId) {
        for context in self.contexts.iter_mut().filter(|context| context.clause == clause) {
            context.dead = true;
        }
    }

    /// Keeps the socket from being closed for idleness.
    pub(super) async fn keep_alive(&mut self) -> Result<(), ProviderError> {
        self.write([text_message(r#"{"text":""}"#.to_owned())]).await
    }

    /// Says goodbye; does not wait for the answer.
    pub(super) async fn close(mut self) {
        if self.is_open() {
            // The call is over: a socket that does not take the message is dropped all the same.
            let _told = self.write([text_message(r#"{"close_socket":true}"#.to_owned())]).await;
        }
    }

    /// Waits for what comes next. Cancel-safe.
    pub(super) async fn news(&mut self) -> News {
        match &mut self.state {
            State::Opening(opening) => match opening.await {
                Ok(socket) => {
                    self.state = State::Open(socket);
                    self.wrote = Instant::now();
                    News::Opened
                }
                Err(error) => News::Lost(error),
            },
            State::Open(socket) => {
                let message = socket.next().await;
                self.read(message)
            }
        }
    }

    fn read(&mut self, message: Option<Result<Message, SocketError>>) -> News {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                return News::Lost(if reason.is_empty() {
                    fault::broken("the voice closed the socket")
                } else {
                    fault::of_code(&reason)
                });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {
                return News::Nothing;
            }
            Some(Err(error)) => return News::Lost(socket_error(VENDOR, &error)),
            None => return News::Lost(fault::broken("the voice closed the socket")),
        };
        let said = match Said::read(&text) {
            Ok(said) => said,
            Err(error) => return News::Lost(error),
        };
        let letters = Said::letters(&text);
        let Some(id) = &said.context else { return News::Nothing };
        let Some(at) = self.contexts.iter().position(|context| context.id == *id) else { return News::Nothing };
        self.stirred = Instant::now();
        let Context { clause, dead, .. } = self.contexts[at];
        let last = said.last;
        if last {
            self.contexts.remove(at);
        }
        if dead {
            return News::Nothing;
        }
        match said.sound() {
            Ok(audio) => News::Heard { clause, audio: audio.into(), letters, last },
            Err(error) => News::Lost(error),
        }
    }

    async fn write<const N: usize>(&mut self, messages: [Message; N]) -> Result<(), ProviderError> {
        let State::Open(socket) = &mut self.state else { return Err(fault::broken("the socket is not open")) };
        let writing = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        self.wrote = Instant::now();
        match timeout(WRITE_WITHIN, writing).await {
            Ok(written) => written.map_err(|error| socket_error(VENDOR, &error)),
            Err(_elapsed) => Err(fault::late("the voice takes no more text")),
        }
    }
}

fn address(config: &ElevenLabsConfig, key: &LineKey) -> Url {
    let path = ["v1", "text-to-speech", key.voice_id.as_str(), "multi-stream-input"];
    let mut url = socket_address(endpoint(&config.api_url, &path));
    let mut query = url.query_pairs_mut();
    query
        .append_pair("model_id", &key.model_id)
        .append_pair("output_format", "ulaw_8000")
        .append_pair("auto_mode", "true")
        .append_pair("inactivity_timeout", "180");
    if let Some(code) = &key.language_code {
        query.append_pair("language_code", code);
    }
    drop(query);
    url
}

#[derive(Default, Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_settings: Option<VoiceSettings>,
    context_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flush: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    close_context: bool,
}

impl<'a> Told<'a> {
    fn of(context_id: &'a str) -> Self {
        Self { context_id, ..Self::default() }
    }

    fn message(&self) -> Result<Message, ProviderError> {
        serde_json::to_string(self).map(text_message).map_err(|_| fault::broken("a message cannot be written"))
    }
}

/// One below the vendor's cap of five.
const MAX_CONTEXTS: usize = 4;
/// Some vendor messages carry seconds of audio with alignments.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
const READ_BUFFER: usize = 4 * 1024;
const WRITE_WITHIN: Duration = Duration::from_secs(1);

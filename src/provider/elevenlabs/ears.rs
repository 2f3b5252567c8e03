//! Hearing by Scribe realtime: mu-law frames in, partial and final words out, over one WebSocket a call.
//!
//! It decides nothing about turns: the session says when to commit. Key type: [`Ears`]. Invariants: every commit is answered
//! by exactly one `Final`, in order; the audio since the last `Final` survives a broken connection (bounded, see
//! [`ElevenLabsConfig::replay`]) and is said again on the next.
//! Wire: `/v1/speech-to-text/realtime`, `commit_strategy=manual`, `audio_format=ulaw_8000`, no timestamps (with them each commit
//! is answered twice).

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use url::Url;

use self::memory::Memory;
use super::messages::Heard;
use super::{ElevenLabsConfig, KEY_HEADER, VENDOR, fault};
use crate::audio::BYTES_PER_MS;
use crate::provider::breaker::Breaker;
use crate::provider::net::{Socket, SocketPlan, endpoint, open_socket, socket_address, socket_error, text_message};
use crate::provider::{EarsEvent, EarsInput, ProviderError, ProviderErrorKind};

mod memory;

/// A recogniser. One serves any number of calls.
#[derive(Clone, Debug)]
pub struct Ears {
    config: Arc<ElevenLabsConfig>,
    breaker: Breaker,
}

impl Ears {
    /// Ears that connect as `config` says.
    pub fn new(config: ElevenLabsConfig) -> Self {
        Self { config: Arc::new(config), breaker: Breaker::new("ears") }
    }

    /// Whether it is asked, or left alone because it keeps failing.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Hears one call. Ends with `Ok` when `input` closes or nobody listens any more, with an error when the vendor refuses for
    /// good or stays away through all reconnections. Dropping the future closes the socket.
    ///
    /// `language` is an ISO 639-1 code; of `keyterms` the first 50 of at most 20 characters are sent (the vendor's limits).
    pub async fn transcribe(
        &self,
        language: &str,
        keyterms: &[String],
        mut input: mpsc::Receiver<EarsInput>,
        out: mpsc::Sender<EarsEvent>,
    ) -> Result<(), ProviderError> {
        if !self.breaker.allows() {
            return Err(ProviderError::new(VENDOR, ProviderErrorKind::Refused, "left alone after repeated failures"));
        }
        let url = self.address(language, keyterms);
        let mut memory = Memory::new(self.config.replay.min(MAX_REPLAY), self.config.commit_timeout);
        let mut attempts = 0;
        let mut connections = 0;
        let mut deaf_since = Instant::now();
        let mut doubt = Doubt::default();
        loop {
            connections += 1;
            let deaf_until = deaf_since + self.config.deaf_limit;
            let begin_by = deaf_until.min(Instant::now() + self.config.deaf_limit / 2);
            // In a box: opening takes much room once, the rest little for as long as the call lasts.
            let opening = Box::pin(open_socket(SocketPlan {
                vendor: VENDOR,
                url: &url,
                key_header: KEY_HEADER,
                key: &self.config.api_key,
                within: self.config.connect_timeout.min(begin_by - Instant::now()),
                max_message: MAX_MESSAGE,
                read_buffer: READ_BUFFER,
            }));
            let end = match absorbing(opening, &mut input, &mut memory).await {
                None => return Ok(()),
                Some(Err(error)) => End::Lost(error),
                Some(Ok(socket)) => {
                    let mut leg = Leg {
                        socket,
                        memory: &mut memory,
                        out: &out,
                        words_came: false,
                        greeted: false,
                        begin_by,
                        alive: true,
                        said_anything: false,
                        doubt: &mut doubt,
                    };
                    let end = leg.run(&mut input).await;
                    if leg.greeted {
                        self.breaker.succeeded();
                        deaf_since = Instant::now();
                    }
                    if leg.words_came {
                        attempts = 0;
                    }
                    end
                }
            };
            let error = match end {
                End::Finished => return Ok(()),
                End::Refused(error) => return Err(error.counted()),
                End::Mute if connections < MAX_CONNECTIONS => {
                    // It may have had nothing to say: then this is no failure of the vendor's.
                    tracing::info!("the recogniser says nothing; connecting anew");
                    deaf_since = Instant::now().checked_sub(self.config.commit_timeout).unwrap_or(deaf_since);
                    continue;
                }
                End::Mute => fault::late("the recogniser says nothing").counted(),
                End::Lost(error) => error.counted(),
            };
            self.breaker.failed(&error);
            if error.kind == ProviderErrorKind::Refused {
                return Err(error);
            }
            let pause = self.config.reconnect_pauses.get(attempts).copied();
            let deaf_until = deaf_since + self.config.deaf_limit;
            let in_time = |pause: &Duration| connections < MAX_CONNECTIONS && Instant::now() + *pause < deaf_until;
            let Some(pause) = pause.filter(in_time) else { return Err(error) };
            attempts += 1;
            tracing::warn!(%error, attempt = attempts, "the recogniser's connection broke; connecting anew");
            if absorbing(tokio::time::sleep(pause), &mut input, &mut memory).await.is_none() {
                return Ok(());
            }
        }
    }

    fn address(&self, language: &str, keyterms: &[String]) -> Url {
        let mut url = socket_address(endpoint(&self.config.api_url, &["v1", "speech-to-text", "realtime"]));
        let mut query = url.query_pairs_mut();
        query
            .append_pair("model_id", "scribe_v2_realtime")
            .append_pair("audio_format", "ulaw_8000")
            .append_pair("commit_strategy", "manual");
        if !language.is_empty() {
            query.append_pair("language_code", language);
        }
        let fit = |term: &&String| !term.is_empty() && term.chars().count() <= MAX_KEYTERM_CHARS;
        for term in keyterms.iter().filter(fit).take(MAX_KEYTERMS) {
            query.append_pair("keyterms", term);
        }
        drop(query);
        url
    }
}

/// Waits for `work` while the caller's audio goes on; `None` when the input closed meanwhile.
async fn absorbing<T>(
    work: impl Future<Output = T>,
    input: &mut mpsc::Receiver<EarsInput>,
    memory: &mut Memory,
) -> Option<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            told = input.recv() => memory.take_in(told?),
        }
    }
}

enum End {
    Finished,
    Lost(ProviderError),
    /// It is there, and did not answer a commit with a single word.
    Mute,
    Refused(ProviderError),
}

/// Whether a recogniser that says nothing is broken. The vendor does not answer a commit of mere noise, so that one alone proves little;
/// another connection is cheap, and where the caller did speak, his words are said again to it.
#[derive(Debug)]
struct Doubt {
    /// Commits in a row without a word.
    unanswered: u32,
    /// How many of them are too many: twice as many after each suspicion, half as many once words come.
    too_many: u32,
}

impl Default for Doubt {
    fn default() -> Self {
        Self { unanswered: 0, too_many: 1 }
    }
}

impl Doubt {
    fn words(&mut self) {
        *self = Self { unanswered: 0, too_many: (self.too_many / 2).max(1) };
    }

    /// A commit was not answered with a word. Whether that is suspicious by now.
    fn nothing(&mut self) -> bool {
        self.unanswered += 1;
        let suspicious = self.unanswered >= self.too_many;
        if suspicious {
            *self = Self { unanswered: 0, too_many: (self.too_many * 2).min(MOST_UNANSWERED) };
        }
        suspicious
    }
}

/// One connection's life.
struct Leg<'a> {
    socket: Socket,
    memory: &'a mut Memory,
    out: &'a mpsc::Sender<EarsEvent>,
    /// Whether words came: then the connection was good, and a later break starts the count of attempts anew.
    words_came: bool,
    /// Whether the recogniser itself ever spoke (its first message is `session_started`): a proxy answers pings for a dead one.
    greeted: bool,
    /// Until when it must have spoken.
    begin_by: Instant,
    /// Whether anything came since the last commit; a silent connection with an unanswered commit is dead, not slow.
    alive: bool,
    /// Whether any words came since the last commit was answered.
    said_anything: bool,
    doubt: &'a mut Doubt,
}

impl Leg<'_> {
    async fn run(&mut self, input: &mut mpsc::Receiver<EarsInput>) -> End {
        self.memory.begin_anew();
        match self.go(input).await {
            Ok(()) => End::Finished,
            Err(end) => end,
        }
    }

    async fn go(&mut self, input: &mut mpsc::Receiver<EarsInput>) -> Result<(), End> {
        self.send_due().await?;
        let mut told = Vec::with_capacity(TOLD);
        loop {
            let commit_due = self.memory.answer_due();
            tokio::select! {
                biased;
                () = self.out.closed() => return Ok(()),
                message = self.socket.next() => match message {
                    Some(Ok(message)) => if !self.read(message).await? { return Ok(()) },
                    Some(Err(error)) => return Err(End::Lost(socket_error(VENDOR, &error))),
                    None => return Err(End::Lost(fault::broken("the recogniser closed the socket"))),
                },
                count = input.recv_many(&mut told, TOLD) => {
                    if count == 0 {
                        // Nobody waits for the vendor's half of the closing handshake.
                        let _closing = timeout(CLOSE_WITHIN, (*self.socket).close(None)).await;
                        return Ok(());
                    }
                    for told in told.drain(..) {
                        self.memory.take_in(told);
                    }
                    self.send_due().await?;
                },
                () = sleep_until(self.begin_by), if !self.greeted => {
                    return Err(End::Lost(fault::late("the recogniser does not begin")));
                }
                () = sleep_until(commit_due.unwrap_or_else(Instant::now)), if commit_due.is_some() => {
                    if !(self.alive && self.greeted) && self.memory.may_ask_again() {
                        return Err(End::Lost(fault::late("the recogniser fell silent")));
                    }
                    if !self.said_anything && self.memory.may_ask_again() && self.doubt.nothing() {
                        return Err(End::Mute);
                    }
                    if !self.give(Answer::TimedOut).await { return Ok(()) }
                },
            }
        }
    }

    /// Sends what is due: full batches, and on a commit the rest before it.
    async fn send_due(&mut self) -> Result<(), End> {
        let mut any = false;
        while let Some(due) = self.memory.next_due() {
            any = true;
            match due {
                memory::Due::Audio(text) => self.feed(text_message(text)).await?,
                memory::Due::Commit => {
                    self.alive = false;
                    self.feed(Message::Text(Utf8Bytes::from_static(COMMIT))).await?;
                    // Answered at once by any living peer: tells a slow recogniser from a dead connection.
                    self.feed(Message::Ping(bytes::Bytes::new())).await?;
                }
                memory::Due::EmptyFinal => {
                    if !self.say(EarsEvent::Final(String::new())).await {
                        return Ok(());
                    }
                }
            }
        }
        if any {
            let flushed = timeout(SEND_WITHIN, self.socket.flush()).await;
            sent(flushed)?;
        }
        Ok(())
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        let fed = timeout(SEND_WITHIN, self.socket.feed(message)).await;
        sent(fed)
    }

    /// Takes in one message; `false` when nobody listens any more.
    async fn read(&mut self, message: Message) -> Result<bool, End> {
        self.alive = true;
        let text = match message {
            Message::Text(text) => {
                self.greeted = true;
                text
            }
            Message::Close(frame) => {
                let code = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                return Err(if code.is_empty() {
                    End::Lost(fault::broken("the recogniser closed the socket"))
                } else {
                    ended_by(&code)
                });
            }
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => return Ok(true),
        };
        Ok(match Heard::read(&text).map_err(End::Lost)? {
            Heard::Partial(text) => {
                self.words_came = true;
                self.said_anything = true;
                self.doubt.words();
                if !self.memory.note_partial(&text) {
                    return Ok(true);
                }
                self.say(EarsEvent::Partial(text)).await
            }
            Heard::Committed(text) => {
                self.words_came = true;
                self.doubt.words();
                self.give(Answer::Words(text)).await
            }
            Heard::Throttled => self.give(Answer::TimedOut).await,
            Heard::Failed(code) => return Err(ended_by(&code)),
            Heard::Nothing => true,
        })
    }

    async fn give(&mut self, answer: Answer) -> bool {
        self.said_anything = false;
        for text in self.memory.answer(answer) {
            if !self.say(EarsEvent::Final(text)).await {
                return false;
            }
        }
        true
    }

    async fn say(&self, event: EarsEvent) -> bool {
        self.out.send(event).await.is_ok()
    }
}

/// How a commit was answered.
enum Answer {
    Words(String),
    /// Not at all (silence was committed), or the vendor would not: the partial words stand.
    TimedOut,
}

fn ended_by(code: &str) -> End {
    let error = fault::of_code(code);
    if fault::ends_the_ears(code) { End::Refused(error) } else { End::Lost(error) }
}

fn sent(
    outcome: Result<Result<(), tokio_tungstenite::tungstenite::Error>, tokio::time::error::Elapsed>,
) -> Result<(), End> {
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Lost(socket_error(VENDOR, &error))),
        Err(_elapsed) => Err(End::Lost(fault::late("the recogniser takes no more audio"))),
    }
}

const COMMIT: &str = r#"{"message_type":"input_audio_chunk","audio_base_64":"","commit":true,"sample_rate":8000}"#;
/// One message's audio while the call runs, unless there is a hurry: the vendor asks for 100 to 250 ms.
const BATCH_BYTES: usize = 100 * BYTES_PER_MS;
const MOST_BYTES: usize = 250 * BYTES_PER_MS;
/// Frames and commits taken in at a time.
const TOLD: usize = 12;
/// One message's audio while old audio is said again.
const REPLAY_BYTES: usize = 1000 * BYTES_PER_MS;
const MAX_REPLAY: Duration = Duration::from_secs(8);
const MAX_MESSAGE: usize = 1024 * 1024;
/// The recogniser's messages are a line of text.
const READ_BUFFER: usize = 1024;
const MAX_KEYTERMS: usize = 50;
const MAX_KEYTERM_CHARS: usize = 20;
/// A bound on a vendor that gives words and breaks, again and again.
const MAX_CONNECTIONS: u32 = 20;
/// Commits without a word that even a quiet line may have in a row.
const MOST_UNANSWERED: u32 = 16;
const SEND_WITHIN: Duration = Duration::from_secs(2);
const CLOSE_WITHIN: Duration = Duration::from_millis(200);

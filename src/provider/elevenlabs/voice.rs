//! Speaking by ElevenLabs: clauses in, mu-law out, over one multi-context socket a call (`line.rs`), with HTTP behind it.
//!
//! It knows no turn-taking: it speaks what it is given and forgets what is cancelled. Key type: [`Voice`]. Invariants: each clause
//! ends in exactly one `Done` or `Failed` unless its turn is cancelled, and then nothing more of it is heard; a clause is tried
//! twice at most (socket, then HTTP), and never again once some of it was heard. Clauses may be made side by side: audio is in
//! order within a clause, not across clauses.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::line::{ClauseId, Line, LineKey, News};
use super::speech::{MAX_CLAUSE_BYTES, check, render, stream_clause};
use super::{ElevenLabsConfig, VENDOR, fault, model};
use crate::provider::{ProviderError, ProviderErrorKind, SpeechFormat, Utterance, VoiceEvent, VoiceInput, VoiceSpec};
use crate::telemetry;

/// A synthesiser. One serves any number of calls.
#[derive(Clone, Debug)]
pub struct Voice {
    config: ElevenLabsConfig,
    client: reqwest::Client,
}

impl Voice {
    /// A voice that speaks over sockets of its own and over `client` (see [`crate::provider::http_client`]).
    pub fn new(config: ElevenLabsConfig, client: reqwest::Client) -> Self {
        Self { config, client }
    }

    /// Speaks one call's clauses. `warm` is the voice whose socket is opened at once, so that the first clause need not wait for it;
    /// a clause in another voice, model or language gets another socket in its place.
    ///
    /// Ends when `input` has closed and all was spoken, or when nobody listens any more. Failures are told clause by clause.
    pub async fn speak(
        &self,
        warm: Option<&VoiceSpec>,
        mut input: mpsc::Receiver<VoiceInput>,
        out: mpsc::Sender<VoiceEvent>,
    ) {
        let mut desk = Desk::new(&self.config, &self.client);
        if let Some(voice) = warm.filter(|voice| model::speaks_over_sockets(&voice.model_id)) {
            desk.line = Some(Line::open(&self.config, LineKey::of(voice)));
        }
        let mut told_all = false;
        loop {
            desk.dispatch().await;
            if told_all && desk.clauses.is_empty() && desk.outbox.is_empty() {
                break;
            }
            let has_room = desk.outbox.len() < OUTBOX;
            let due = desk.due().filter(|_| has_room);
            tokio::select! {
                biased;
                permit = out.reserve(), if !desk.outbox.is_empty() => match permit {
                    Ok(permit) => desk.pass_on(permit),
                    Err(_closed) => break,
                },
                told = input.recv(), if !told_all => match told {
                    Some(VoiceInput::Speak(utterance)) => desk.take(utterance),
                    Some(VoiceInput::Cancel { turn }) => desk.cancel(turn),
                    None => told_all = true,
                },
                () = out.closed() => break,
                news = next_news(&mut desk.line), if has_room => desk.heed(news),
                (at, chunk) = next_chunk(&mut desk.streams), if has_room => desk.heed_stream(at, chunk),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => desk.overdue().await,
            }
        }
        if let Some(line) = desk.line {
            line.close().await;
        }
    }

    /// Renders a whole file for the cache, at most 8 MB, within [`ElevenLabsConfig::render_timeout`]. A 429 is asked once more after
    /// a pause of chance length, a failing vendor once more at once.
    pub async fn render(&self, text: &str, voice: &VoiceSpec, format: SpeechFormat) -> Result<Bytes, ProviderError> {
        render(&self.config, &self.client, voice, text, format).await
    }

    /// Asks the vendor whether it takes the key, within [`ElevenLabsConfig::first_audio_timeout`]; leaves a warm connection behind.
    pub async fn check(&self) -> Result<(), ProviderError> {
        check(&self.config, &self.client).await
    }
}

/// One call's clauses and the ways they are spoken.
struct Desk<'a> {
    config: &'a ElevenLabsConfig,
    client: &'a reqwest::Client,
    /// All that are neither done nor failed, in the order they came.
    clauses: VecDeque<Clause>,
    line: Option<Line>,
    streams: Vec<Stream>,
    outbox: VecDeque<VoiceEvent>,
    /// Until then no socket is opened.
    rests_until: Option<Instant>,
    next_rest: Duration,
}

struct Clause {
    said: Utterance,
    place: Place,
    /// When its first attempt began.
    begun: Instant,
    /// Bytes of audio passed on.
    heard: usize,
    /// Attempts that failed.
    failures: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// For a socket, or for room on it.
    Waiting,
    /// In a context of the socket.
    OnLine,
    /// For room among the HTTP streams.
    WaitingForStream,
    /// Over HTTP.
    Streamed,
}

struct Stream {
    clause: ClauseId,
    chunks: BoxStream<'static, Result<Bytes, ProviderError>>,
}

/// The way a waiting clause can go now.
enum Way {
    Line,
    Http,
    None,
}

impl<'a> Desk<'a> {
    fn new(config: &'a ElevenLabsConfig, client: &'a reqwest::Client) -> Self {
        Self {
            config,
            client,
            clauses: VecDeque::new(),
            line: None,
            streams: Vec::new(),
            outbox: VecDeque::new(),
            rests_until: None,
            next_rest: config.socket_rest,
        }
    }

    fn take(&mut self, said: Utterance) {
        let (turn, clause) = (said.turn, said.clause);
        if said.text.trim().is_empty() {
            self.outbox.push_back(VoiceEvent::Done { turn, clause });
        } else if self.clauses.len() >= MAX_CLAUSES {
            let error = ProviderError::new(VENDOR, ProviderErrorKind::Unavailable, "too many clauses wait");
            self.outbox.push_back(VoiceEvent::Failed { turn, clause, error });
        } else if self.find((turn, clause)).is_some() {
            tracing::debug!(turn, clause, "a clause was given twice; it is spoken once");
        } else {
            let begun = Instant::now();
            self.clauses.push_back(Clause { said, place: Place::Waiting, begun, heard: 0, failures: 0 });
        }
    }

    fn cancel(&mut self, turn: u32) {
        self.clauses.retain(|clause| clause.said.turn != turn);
        // Dropping a stream ends its request.
        self.streams.retain(|stream| stream.clause.0 != turn);
        self.outbox.retain(|event| turn_of(event) != turn);
        if let Some(line) = &mut self.line {
            line.forget_turn(turn);
        }
    }

    fn pass_on(&mut self, permit: mpsc::Permit<'_, VoiceEvent>) {
        if self.outbox.len() >= OUTBOX
            && let Some(line) = &mut self.line
        {
            // The line was not read because nobody took its audio: that silence was ours.
            line.stirred = Instant::now();
        }
        if let Some(event) = self.outbox.pop_front() {
            permit.send(event);
        }
    }

    /// Sends every clause on its way that can go, in order.
    async fn dispatch(&mut self) {
        let mut must_wait = false;
        let mut at = 0;
        while at < self.clauses.len() {
            if self.clauses[at].place == Place::Waiting && !must_wait {
                match self.way(at) {
                    Way::None => must_wait = true,
                    Way::Http => self.clauses[at].place = Place::WaitingForStream,
                    Way::Line => {
                        if !self.say(at).await {
                            // Other clauses failed with it, and the places in the queue are no longer the same.
                            (at, must_wait) = (0, false);
                            continue;
                        }
                    }
                }
            }
            if self.clauses[at].place == Place::WaitingForStream && self.streams.len() < MAX_STREAMS {
                self.stream(at);
            }
            at += 1;
        }
    }

    fn way(&mut self, at: usize) -> Way {
        let voice = &self.clauses[at].said.voice;
        if !model::speaks_over_sockets(&voice.model_id) {
            return Way::Http;
        }
        let key = LineKey::of(voice);
        let Some(line) = &self.line else { return self.open(key) };
        if line.key != key {
            return if line.has_living() { Way::None } else { self.open(key) };
        }
        if !line.is_open() {
            return Way::None;
        }
        match (line.is_full(), line.has_dead(), line.has_living()) {
            (false, _, _) => Way::Line,
            (true, false, _) => Way::None,
            // Cancelled clauses hold the socket's places until the vendor is done with them; the caller waits for this one.
            (true, true, true) => Way::Http,
            (true, true, false) => self.open(key),
        }
    }

    fn open(&mut self, key: LineKey) -> Way {
        self.line = None;
        if self.rests_until.is_some_and(|until| until > Instant::now()) {
            return Way::Http;
        }
        self.line = Some(Line::open(self.config, key));
        Way::None
    }

    /// Gives a clause to the socket; `false` if that was the end of the socket.
    async fn say(&mut self, at: usize) -> bool {
        let Some(line) = &mut self.line else { return false };
        let clause = &mut self.clauses[at];
        clause.place = Place::OnLine;
        clause.begun = Instant::now();
        match line.say(clause.id(), &clause.said.text, &clause.said.voice).await {
            Ok(()) => true,
            Err(error) => {
                self.lose_line(&error);
                false
            }
        }
    }

    fn stream(&mut self, at: usize) {
        let clause = &mut self.clauses[at];
        let now = Instant::now();
        let whole = self.config.first_audio_timeout;
        if clause.failures == 0 && !model::speaks_over_sockets(&clause.said.voice.model_id) {
            clause.begun = now;
        }
        let first_by = (clause.begun + whole).max(now + whole / 2);
        let chunks = stream_clause(self.config, self.client, &clause.said.voice, &clause.said.text, first_by);
        clause.place = Place::Streamed;
        self.streams.push(Stream { clause: clause.id(), chunks });
    }

    fn heed(&mut self, news: News) {
        match news {
            News::Opened | News::Nothing => {}
            News::Lost(error) => self.lose_line(&error),
            News::Heard { clause, audio, letters, last } => {
                if !letters.is_empty() && self.find(clause).is_some() {
                    self.outbox.push_back(VoiceEvent::Letters { turn: clause.0, clause: clause.1, ends_ms: letters });
                }
                if !self.hear(clause, audio) {
                    if let Some(line) = &mut self.line {
                        line.forget(clause);
                    }
                    return;
                }
                if !last {
                    return;
                }
                self.next_rest = self.config.socket_rest;
                if let Some(line) = &mut self.line {
                    line.proved = true;
                }
                match self.find(clause) {
                    Some(at) if self.clauses[at].heard == 0 => self.fail(at, fault::broken("a clause without audio")),
                    Some(_) | None => self.done(clause),
                }
            }
        }
    }

    fn heed_stream(&mut self, at: usize, chunk: Option<Result<Bytes, ProviderError>>) {
        let clause = self.streams[at].clause;
        match chunk {
            Some(Ok(audio)) => {
                if !self.hear(clause, audio) {
                    self.streams.swap_remove(at);
                }
            }
            Some(Err(error)) => {
                self.streams.swap_remove(at);
                if let Some(at) = self.find(clause) {
                    self.fail(at, error);
                }
            }
            None => {
                self.streams.swap_remove(at);
                self.done(clause);
            }
        }
    }

    /// Passes audio on; `false` if the clause has failed by it.
    fn hear(&mut self, id: ClauseId, audio: Bytes) -> bool {
        let Some(at) = self.find(id) else { return false };
        let clause = &mut self.clauses[at];
        if clause.heard == 0 && !audio.is_empty() {
            metrics::histogram!(telemetry::PROVIDER_SECONDS, "vendor" => VENDOR).record(clause.begun.elapsed());
        }
        clause.heard += audio.len();
        if clause.heard > MAX_CLAUSE_BYTES {
            self.fail(at, fault::broken("a clause without end"));
            return false;
        }
        if !audio.is_empty() {
            self.outbox.push_back(VoiceEvent::Audio { turn: id.0, clause: id.1, audio });
        }
        true
    }

    fn done(&mut self, id: ClauseId) {
        if let Some(at) = self.find(id) {
            self.clauses.remove(at);
            self.outbox.push_back(VoiceEvent::Done { turn: id.0, clause: id.1 });
        }
    }

    /// An attempt failed: the next is over HTTP, if none of it was heard and it was the first.
    fn fail(&mut self, at: usize, error: ProviderError) {
        let error = error.counted();
        let clause = &mut self.clauses[at];
        clause.failures += 1;
        let another_way = clause.place != Place::Streamed;
        let another_try = match error.kind {
            ProviderErrorKind::Broken | ProviderErrorKind::Unavailable => true,
            ProviderErrorKind::Quota | ProviderErrorKind::Refused | ProviderErrorKind::Timeout => false,
        };
        if clause.heard == 0 && clause.failures < MAX_TRIES && (another_way || another_try) {
            clause.place = Place::WaitingForStream;
            return;
        }
        let (turn, clause) = clause.id();
        self.clauses.remove(at);
        self.outbox.push_back(VoiceEvent::Failed { turn, clause, error });
    }

    /// The socket is of no more use: what it was speaking goes over HTTP, or fails where some was heard.
    fn lose_line(&mut self, error: &ProviderError) {
        let Some(line) = self.line.take() else { return };
        let was_opening = !line.is_open();
        for at in (0..self.clauses.len()).rev() {
            let place = self.clauses[at].place;
            if place == Place::OnLine || (was_opening && place == Place::Waiting) {
                self.fail(at, error.clone());
            }
        }
        let is_fault_of_line = matches!(error.kind, ProviderErrorKind::Refused | ProviderErrorKind::Quota);
        if line.proved && !is_fault_of_line {
            tracing::debug!(%error, "the voice's socket closed; opening another");
            self.line = Some(Line::open(self.config, line.key));
        } else {
            tracing::warn!(%error, "the voice's socket failed; speaking over HTTP for a while");
            self.rests_until = Some(Instant::now() + self.next_rest);
            self.next_rest = (self.next_rest * 2).min(LONGEST_REST);
        }
    }

    /// When something is overdue, if nothing comes before.
    fn due(&self) -> Option<Instant> {
        let line = self.line.as_ref()?;
        let clauses = self.clauses.iter().filter_map(|clause| self.clause_due(clause, line)).min();
        let touch = (line.is_open() && line.is_idle()).then(|| line.wrote + self.config.keep_alive);
        clauses.into_iter().chain(touch).min()
    }

    fn clause_due(&self, clause: &Clause, line: &Line) -> Option<Instant> {
        let half = self.config.first_audio_timeout / 2;
        match clause.place {
            Place::Waiting if !line.is_open() => Some(clause.begun + half),
            Place::OnLine if clause.heard == 0 => Some(clause.begun.max(line.stirred) + half),
            Place::OnLine => Some(line.stirred + self.config.stall_timeout),
            Place::Waiting | Place::WaitingForStream | Place::Streamed => None,
        }
    }

    async fn overdue(&mut self) {
        let Some(line) = &mut self.line else { return };
        let now = Instant::now();
        if line.is_open() && line.is_idle() && line.wrote + self.config.keep_alive <= now {
            if let Err(error) = line.keep_alive().await {
                self.lose_line(&error);
            }
            return;
        }
        let Some(line) = &self.line else { return };
        if line.is_open() {
            if self.clauses.iter().any(|clause| self.clause_due(clause, line).is_some_and(|due| due <= now)) {
                self.lose_line(&fault::late("no audio in time"));
            }
            return;
        }
        // The socket may still open, for the clauses after these.
        for at in (0..self.clauses.len()).rev() {
            let clause = &self.clauses[at];
            if clause.place == Place::Waiting && clause.begun + self.config.first_audio_timeout / 2 <= now {
                self.fail(at, fault::late("the socket did not open in time"));
            }
        }
    }

    fn find(&self, id: ClauseId) -> Option<usize> {
        self.clauses.iter().position(|clause| clause.id() == id)
    }
}

impl Clause {
    fn id(&self) -> ClauseId {
        (self.said.turn, self.said.clause)
    }
}

async fn next_news(line: &mut Option<Line>) -> News {
    match line {
        Some(line) => line.news().await,
        None => std::future::pending().await,
    }
}

/// The next chunk of any stream, and which stream's. Never ready where there is none.
async fn next_chunk(streams: &mut [Stream]) -> (usize, Option<Result<Bytes, ProviderError>>) {
    poll_fn(|cx| {
        for (at, stream) in streams.iter_mut().enumerate() {
            if let Poll::Ready(chunk) = stream.chunks.poll_next_unpin(cx) {
                return Poll::Ready((at, chunk));
            }
        }
        Poll::Pending
    })
    .await
}

fn turn_of(event: &VoiceEvent) -> u32 {
    match event {
        VoiceEvent::Audio { turn, .. }
        | VoiceEvent::Letters { turn, .. }
        | VoiceEvent::Done { turn, .. }
        | VoiceEvent::Failed { turn, .. } => *turn,
    }
}

/// Clauses that are neither done nor failed; a reply has a handful.
const MAX_CLAUSES: usize = 64;
/// Clauses over HTTP side by side: the second hides the first's round trip, more would only crowd the plan's concurrency.
const MAX_STREAMS: usize = 2;
const MAX_TRIES: u8 = 2;
/// Events that wait for the session; with as many the vendor is not read.
const OUTBOX: usize = 16;
const LONGEST_REST: Duration = Duration::from_secs(60);

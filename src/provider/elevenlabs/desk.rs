//! One call's clauses and the ways they are spoken: sockets and HTTP, the first model and the second, one event at a time.
//!
//! What goes over a socket is [`super::line`]'s, what over HTTP [`super::speech`]'s, who may be asked [`super::chain`]'s. Key type:
//! [`Desk`]. Invariant: a clause is in one place, and leaves with one `Done` or `Failed`.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::chain::{Chain, Link, Pick, left_alone};
use super::clause::{Clause, Place};
use super::line::{ClauseId, Line, LineKey, News};
use super::speech::{MAX_CLAUSE_BYTES, stream_clause};
use super::{ElevenLabsConfig, VENDOR, fault, model};
use crate::provider::breaker::Circuit;
use crate::provider::{ProviderError, ProviderErrorKind, Utterance, VoiceEvent, VoiceInput, VoiceSpec};
use crate::telemetry;

/// One call's clauses and the ways they are spoken.
pub(super) struct Desk<'a> {
    config: &'a Arc<ElevenLabsConfig>,
    client: &'a reqwest::Client,
    chain: &'a Chain,
    /// All that are neither done nor failed, in the order they came.
    clauses: VecDeque<Clause>,
    line: Option<Line>,
    streams: Vec<Stream>,
    outbox: VecDeque<VoiceEvent>,
    /// While it rests no socket is opened to the first model ...
    first_socket: Rest,
    /// ... and to the second.
    second_socket: Rest,
    /// While it rests the second model speaks in this call: the first kept somebody waiting, or broke off.
    first_model: Rest,
}

struct Stream {
    clause: ClauseId,
    chunks: BoxStream<'static, Result<Bytes, ProviderError>>,
}

/// Something that failed is left alone for a while.
struct Rest {
    until: Option<Instant>,
    next: Duration,
}

impl Rest {
    fn new(next: Duration) -> Self {
        Self { until: None, next }
    }

    fn is_on(&self) -> bool {
        self.until.is_some_and(|until| until > Instant::now())
    }

    fn begin(&mut self) {
        self.until = Some(Instant::now() + self.next);
        self.next = (self.next * 2).min(LONGEST_REST);
    }
}

/// The way a waiting clause can go now.
enum Way {
    Line,
    Http,
    None,
}

impl<'a> Desk<'a> {
    pub(super) fn new(config: &'a Arc<ElevenLabsConfig>, client: &'a reqwest::Client, chain: &'a Chain) -> Self {
        let rest = || Rest::new(config.socket_rest);
        Self {
            config,
            client,
            chain,
            clauses: VecDeque::new(),
            line: None,
            streams: Vec::new(),
            outbox: VecDeque::new(),
            first_socket: rest(),
            second_socket: rest(),
            first_model: rest(),
        }
    }

    /// Opens the socket of a voice before its first clause.
    pub(super) fn warm(&mut self, voice: &VoiceSpec) {
        let second =
            if self.chain.circuit(Link::First).circuit() == Circuit::Open { self.chain.second(voice) } else { None };
        let (link, voice) = second.as_ref().map_or((Link::First, voice), |second| (Link::Second, second));
        if model::speaks_over_sockets(&voice.model_id) {
            self.line = Some(Line::open(self.config, LineKey::of(voice), link));
        }
    }

    /// Until `input` has closed and all was spoken, or nobody listens any more.
    pub(super) async fn run(&mut self, mut input: mpsc::Receiver<VoiceInput>, out: mpsc::Sender<VoiceEvent>) {
        let mut told_all = false;
        loop {
            self.dispatch().await;
            if told_all && self.clauses.is_empty() && self.outbox.is_empty() {
                break;
            }
            let has_room = self.outbox.len() < OUTBOX;
            let due = self.due().filter(|_| has_room);
            tokio::select! {
                biased;
                permit = out.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => self.pass_on(permit),
                    Err(_closed) => break,
                },
                told = input.recv(), if !told_all => match told {
                    Some(VoiceInput::Speak(utterance)) => self.take(utterance),
                    Some(VoiceInput::Cancel { turn }) => self.cancel(turn),
                    None => told_all = true,
                },
                () = out.closed() => break,
                news = next_news(&mut self.line), if has_room => self.heed(news),
                (at, chunk) = next_chunk(&mut self.streams), if has_room => self.heed_stream(at, chunk),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.overdue().await,
            }
        }
        if let Some(line) = self.line.take() {
            line.close().await;
        }
    }

    fn take(&mut self, said: Utterance) {
        let (turn, clause) = (said.turn, said.clause);
        if said.text.trim().is_empty() {
            self.outbox.push_back(VoiceEvent::Done { turn, clause, pure: true });
        } else if self.clauses.len() >= MAX_CLAUSES {
            let error = ProviderError::new(VENDOR, ProviderErrorKind::Unavailable, "too many clauses wait");
            self.outbox.push_back(VoiceEvent::Failed { turn, clause, error });
        } else if self.find((turn, clause)).is_some() {
            tracing::debug!(turn, clause, "a clause was given twice; it is spoken once");
        } else {
            let pick = self.chain.pick(&said.voice);
            let mut taken = Clause::new(said, Instant::now());
            match pick {
                Some(Pick::First) => {}
                Some(Pick::Second(voice)) => taken.give_to_second(voice),
                None => {
                    self.outbox.push_back(VoiceEvent::Failed { turn, clause, error: left_alone() });
                    return;
                }
            }
            self.clauses.push_back(taken);
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
        let clause = &mut self.clauses[at];
        if clause.link == Link::First
            && self.first_model.is_on()
            && let Some(second) = self.chain.take_over(&clause.said.voice)
        {
            clause.give_to_second(second);
        }
        let (link, voice) = (clause.link, &clause.said.voice);
        if !model::speaks_over_sockets(&voice.model_id) {
            return Way::Http;
        }
        let key = LineKey::of(voice);
        let Some(line) = &self.line else { return self.open(key, link) };
        if line.key != key {
            return match (line.has_living(), line.link == link) {
                (false, _) => self.open(key, link),
                (true, true) => Way::None,
                // The other model may be the one that keeps everybody waiting.
                (true, false) => Way::Http,
            };
        }
        if !line.is_open() {
            return Way::None;
        }
        match (line.is_full(), line.has_dead(), line.has_living()) {
            (false, _, _) => Way::Line,
            (true, false, _) => Way::None,
            // Cancelled clauses hold the socket's places until the vendor is done with them; the caller waits for this one.
            (true, true, true) => Way::Http,
            (true, true, false) => self.open(key, link),
        }
    }

    fn open(&mut self, key: LineKey, link: Link) -> Way {
        self.line = None;
        if self.socket(link).is_on() {
            return Way::Http;
        }
        self.line = Some(Line::open(self.config, key, link));
        Way::None
    }

    fn socket(&mut self, link: Link) -> &mut Rest {
        match link {
            Link::First => &mut self.first_socket,
            Link::Second => &mut self.second_socket,
        }
    }

    /// Gives a clause to the socket; `false` if that was the end of the socket.
    async fn say(&mut self, at: usize) -> bool {
        let Some(line) = &mut self.line else { return false };
        let clause = &mut self.clauses[at];
        clause.place = Place::OnLine;
        clause.begun = Instant::now();
        clause.asked = clause.begun;
        match line.say(clause.id(), &clause.said.text, &clause.said.voice).await {
            Ok(()) => true,
            Err(error) => {
                self.lose_line(&error);
                false
            }
        }
    }

    fn stream(&mut self, at: usize) {
        let gives_over = self.gives_over(&self.clauses[at]);
        let clause = &mut self.clauses[at];
        let now = Instant::now();
        let whole = self.config.first_audio_timeout;
        if clause.failures == 0 && !model::speaks_over_sockets(&clause.said.voice.model_id) {
            clause.begun = now;
        }
        clause.asked = now;
        // The second model needs what is left of the time.
        let first_by = if gives_over { now + whole / 2 } else { (clause.begun + whole).max(now + whole / 2) };
        let chunks = stream_clause(self.config, self.client, &clause.said.voice, &clause.said.text, first_by);
        clause.place = Place::Streamed;
        self.streams.push(Stream { clause: clause.id(), chunks });
    }

    /// Whether the second model goes on with it, should the present attempt fail.
    fn gives_over(&self, clause: &Clause) -> bool {
        clause.link == Link::First
            && clause.failures + 1 < MAX_TRIES
            && clause.can_go_on()
            && self.chain.has_second(&clause.said.voice)
    }

    fn heed(&mut self, news: News) {
        match news {
            News::Opened | News::Nothing => {}
            News::Lost(error) => self.lose_line(&error),
            News::Heard { clause, audio, letters, last } => {
                if !letters.is_empty()
                    && let Some(at) = self.find(clause)
                {
                    let spoken = &mut self.clauses[at];
                    // Also while the second model is left alone: it may be asked again before this clause breaks off.
                    if spoken.link == Link::First && self.chain.second(&spoken.said.voice).is_some() {
                        spoken.note_letters(&letters);
                    }
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
                if let Some(line) = &mut self.line {
                    line.proved = true;
                    let link = line.link;
                    self.socket(link).next = self.config.socket_rest;
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
        if !clause.answered && !audio.is_empty() {
            clause.answered = true;
            let vendor = clause.link.vendor();
            metrics::histogram!(telemetry::PROVIDER_SECONDS, "vendor" => vendor).record(clause.asked.elapsed());
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
        if let Some(clause) = self.find(id).and_then(|at| self.clauses.remove(at)) {
            if clause.link == Link::First {
                self.first_model.next = self.config.socket_rest;
            }
            self.chain.circuit(clause.link).succeeded();
            self.outbox.push_back(VoiceEvent::Done { turn: id.0, clause: id.1, pure: clause.pure });
        }
    }

    /// An attempt failed. If it was the first, what was not heard is spoken by the second model, or, where there is none and nothing was
    /// heard, over HTTP.
    fn fail(&mut self, at: usize, error: ProviderError) {
        let gives_over = self.gives_over(&self.clauses[at]);
        let clause = &mut self.clauses[at];
        let error = clause.link.blamed(error).counted();
        let circuit = self.chain.circuit(clause.link);
        clause.failures += 1;
        if gives_over && let Some(second) = self.chain.take_over(&clause.said.voice) {
            circuit.failed(&error);
            if clause.heard > 0 || clause.place == Place::Streamed || error.kind == ProviderErrorKind::Timeout {
                self.first_model.begin();
            }
            tracing::warn!(%error, "the first model did not speak; the second goes on");
            clause.give_to_second(second);
            clause.place = Place::WaitingForStream;
            if clause.said.text.is_empty() {
                // It broke off behind its last word.
                let (turn, clause) = clause.id();
                self.clauses.remove(at);
                self.outbox.push_back(VoiceEvent::Done { turn, clause, pure: false });
            }
            return;
        }
        let another_way = clause.place != Place::Streamed;
        let another_try = match error.kind {
            ProviderErrorKind::Broken | ProviderErrorKind::Unavailable => true,
            ProviderErrorKind::Quota | ProviderErrorKind::Refused | ProviderErrorKind::Timeout => false,
        };
        if clause.heard == 0 && clause.failures < MAX_TRIES && (another_way || another_try) {
            clause.place = Place::WaitingForStream;
            return;
        }
        circuit.failed(&error);
        let (turn, clause) = clause.id();
        self.clauses.remove(at);
        self.outbox.push_back(VoiceEvent::Failed { turn, clause, error });
    }

    /// The socket is of no more use: what it was speaking goes another way, or fails where some was heard.
    fn lose_line(&mut self, error: &ProviderError) {
        let Some(line) = self.line.take() else { return };
        let was_opening = !line.is_open();
        for at in (0..self.clauses.len()).rev() {
            let clause = &self.clauses[at];
            let waits_for_it = was_opening && clause.place == Place::Waiting && clause.link == line.link;
            if clause.place == Place::OnLine || waits_for_it {
                self.fail(at, error.clone());
            }
        }
        let is_fault_of_line = matches!(error.kind, ProviderErrorKind::Refused | ProviderErrorKind::Quota);
        let is_wanted = line.link == Link::Second || !self.first_model.is_on();
        if line.proved && !is_fault_of_line && is_wanted {
            tracing::debug!(%error, "the voice's socket closed; opening another");
            self.line = Some(Line::open(self.config, line.key, line.link));
        } else {
            tracing::warn!(%error, "the voice's socket failed; speaking otherwise for a while");
            self.socket(line.link).begin();
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
            // Sooner where somebody else can go on.
            Place::OnLine if self.gives_over(clause) => Some(line.stirred + self.config.stall_timeout.min(half)),
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

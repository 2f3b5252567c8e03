//! Stand-in vendors on one port: ElevenLabs speech (HTTP and both sockets), Scribe realtime, Gemini `generateContent`.
//!
//! On the wire they are what `elevenlabs` 2.78 and `google-genai` 3.4 expect. What they hear, speak and think is made up by fixed
//! rules; delays and faults are set while they run, through [`Vendors`] or `POST /control`. Key types: [`Vendors`],
//! [`VendorsConfig`], [`Settings`], [`fault::Fault`]. Invariant: no state of one connection reaches another, except what a test set.
//!
//! `GET /control` answers `{"settings", "counters", "log"}`; `POST /control` takes any of `{"settings": {…partial…},
//! "faults": [{"route", "model", "kind", "times"}], "clear_faults": true, "answers": ["…"]}`.

mod cut;
mod ears;
pub mod fault;
pub mod mind;
mod mp3;
mod synth;
mod voice;
mod voice_socket;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::phrases::PhraseBook;
use fault::{Fault, FaultKind, Faults, Route};
use mind::Think;

/// Stand-in vendors that are running. Dropping it stops them.
#[derive(Debug)]
pub struct Vendors {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

/// How to start [`Vendors`].
#[derive(Clone)]
pub struct VendorsConfig {
    /// Where to listen; the default is port 0 of loopback.
    pub listen: SocketAddr,
    /// Who makes the speech.
    pub sound: Sound,
    /// Delays and such, changeable later.
    pub settings: Settings,
    /// The key that callers must show (`xi-api-key`, `x-goog-api-key`); `None` accepts any or none.
    pub api_key: Option<String>,
    /// How the stand-in model thinks; `None` is [`mind::extract`], the honest little extractor.
    pub think: Option<Think>,
    /// The recordings that the stand-in recogniser knows.
    pub phrases: Arc<PhraseBook>,
}

/// Who makes the stand-in voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// Our own synthesiser: speech-like, 60 ms a character, the same everywhere.
    #[default]
    BuiltIn,
    /// `espeak-ng` where it is installed, intelligible; else as [`Sound::BuiltIn`].
    Espeak,
}

/// What may be changed while the vendors run. All times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// ElevenLabs speech.
    pub voice: VoiceSettings,
    /// Scribe realtime.
    pub ears: EarsSettings,
    /// Gemini.
    pub mind: MindSettings,
}

/// How the stand-in voice answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceSettings {
    /// From the request (or the flush) to the first audio.
    pub first_byte_ms: u64,
    /// Audio in one chunk.
    pub chunk_ms: u64,
    /// From chunk to chunk.
    pub chunk_every_ms: u64,
}

/// How the stand-in recogniser answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarsSettings {
    /// From the end of a word's audio to the partial with it.
    pub partial_delay_ms: u64,
    /// From a commit to the final words.
    pub final_delay_ms: u64,
    /// What each connection hears, in order, in commits whose sound it does not know.
    pub script: Vec<String>,
    /// Whether a commit without words is answered (with an empty text) or not at all; the vendor does either.
    pub answer_empty: bool,
}

/// How the stand-in model answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MindSettings {
    /// From the request to the first event.
    pub first_token_ms: u64,
    /// Characters of text in one event.
    pub chunk_chars: usize,
    /// From event to event.
    pub chunk_every_ms: u64,
    /// Whether events have random small sizes, cut inside `\u` escapes, and reach the client in random pieces of bytes.
    pub ragged: bool,
    /// Whether characters beyond ASCII are written as `\u` escapes within the model's JSON text.
    pub escapes: bool,
}

/// What happened so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests and socket openings, by route (`speech`, `speech_socket`, `ears`, `mind`).
    pub requests: BTreeMap<String, u64>,
    /// Faults that were played, by route.
    pub faults: BTreeMap<String, u64>,
    /// Sockets open now.
    pub open_sockets: u64,
    /// Contexts cancelled or sockets closed before their speech was sent whole.
    pub speech_cut: u64,
}

/// One request that came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Milliseconds since the vendors started.
    pub at_ms: u64,
    /// Which stand-in.
    pub route: Route,
    /// Path and query; empty for a message on an open socket.
    pub target: String,
    /// The JSON that came with it; audio is left out.
    pub body: Value,
}

/// The texts spoken lately with their audio, so that a far end can write down what it heard. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Spoken(Arc<Mutex<Arc<PhraseBook>>>);

impl Vendors {
    /// Starts the stand-ins.
    ///
    /// # Errors
    /// Those of binding the address.
    pub async fn start(config: VendorsConfig) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let spoken = Spoken::default();
        let shared = Arc::new(Shared {
            settings: ArcSwap::from_pointee(config.settings),
            faults: Faults::default(),
            struck: broadcast::Sender::new(STRIKES),
            counters: Mutex::default(),
            log: Mutex::default(),
            messages: voice_socket::Messages::default(),
            answers: Mutex::default(),
            synth: synth::Synth::new(config.sound, spoken.clone()),
            spoken,
            api_key: config.api_key,
            think: config.think.unwrap_or_else(|| Arc::new(mind::extract)),
            phrases: config.phrases,
            started: Instant::now(),
        });
        let stop = CancellationToken::new();
        let app = routes().with_state(shared.clone());
        let listener = cut::CutListener::new(listener, stop.child_token());
        let service = app.into_make_service_with_connect_info::<cut::Cut>();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let server = axum::serve(listener, service);
            tokio::select! {
                () = stopped.cancelled() => {}
                served = server => {
                    if let Err(error) = served {
                        tracing::error!(%error, "stand-in vendors stopped");
                    }
                }
            }
        });
        Ok(Self { addr, shared, stop })
    }

    /// Where they listen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for `ELEVENLABS_API_URL` and `GEMINI_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings.load_full()
    }

    /// Changes the settings from the next request on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.settings()).clone();
        change(&mut settings);
        self.shared.settings.store(Arc::new(settings));
    }

    /// Plays a fault on a route's next `times` requests, or on all of them until [`Vendors::clear_faults`] where it is `None`.
    pub fn fail(&self, route: Route, kind: FaultKind, times: Option<u32>) {
        self.shared.faults.add(Fault { route, model: None, kind, times });
    }

    /// The same for requests of one model alone: the others are fine.
    pub fn fail_model(&self, route: Route, model: &str, kind: FaultKind, times: Option<u32>) {
        self.shared.faults.add(Fault { route, model: Some(model.to_owned()), kind, times });
    }

    /// Plays a fault on all of a route's next requests, and on the sockets of it that are open now: the vendor itself breaks, in the
    /// middle of whatever it does.
    pub fn strike(&self, route: Route, kind: FaultKind) {
        self.strike_with(Fault { route, model: None, kind, times: None });
    }

    /// The same for requests and sockets of one model alone.
    pub fn strike_model(&self, route: Route, model: &str, kind: FaultKind) {
        self.strike_with(Fault { route, model: Some(model.to_owned()), kind, times: None });
    }

    /// Breaks the sockets of a route that are open now; new ones are fine.
    pub fn strike_once(&self, route: Route, kind: FaultKind) {
        // Where no socket is open, nobody listens.
        self.shared.struck.send(Fault { route, model: None, kind, times: Some(0) }).ok();
    }

    fn strike_with(&self, fault: Fault) {
        self.shared.faults.add(fault.clone());
        // Where no socket is open, nobody listens.
        self.shared.struck.send(fault).ok();
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// What the model answers next, in order, instead of thinking; each is the whole text.
    pub fn answer_with<T: Into<String>>(&self, answers: impl IntoIterator<Item = T>) {
        lock(&self.shared.answers).extend(answers.into_iter().map(Into::into));
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        lock(&self.shared.counters).clone()
    }

    /// The last requests, oldest first, at most 500.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.log()
    }

    /// The texts spoken lately, for [`super::twilio::FarEndConfig::agent_words`].
    pub fn spoken(&self) -> Spoken {
        self.shared.spoken.clone()
    }

    /// Speaks these texts to nobody, so that [`Vendors::spoken`] knows them: a voice is the same in every run, and a server may play
    /// what it kept of an earlier one. The texts are those of single requests, such as a clause.
    pub async fn rehearse<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) {
        for text in texts {
            self.shared.synth.speak(text.as_ref()).await;
        }
    }

    /// Stops listening and closes what is open.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Spoken {
    /// The book as it is now; look again for texts spoken later.
    pub fn book(&self) -> Arc<PhraseBook> {
        lock(&self.0).clone()
    }
}

impl Default for VendorsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            sound: Sound::default(),
            settings: Settings::default(),
            api_key: None,
            think: None,
            phrases: PhraseBook::built_in(),
        }
    }
}

impl std::fmt::Debug for VendorsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VendorsConfig")
            .field("listen", &self.listen)
            .field("sound", &self.sound)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Vendors that take no time: what is left is the server's own.
    pub fn immediate() -> Self {
        Self {
            voice: VoiceSettings { first_byte_ms: 0, chunk_every_ms: 0, ..VoiceSettings::default() },
            ears: EarsSettings { partial_delay_ms: 0, final_delay_ms: 0, ..EarsSettings::default() },
            mind: MindSettings { first_token_ms: 0, chunk_every_ms: 0, ..MindSettings::default() },
        }
    }
}

impl Default for VoiceSettings {
    fn default() -> Self {
        Self { first_byte_ms: 75, chunk_ms: 200, chunk_every_ms: 40 }
    }
}

impl Default for EarsSettings {
    fn default() -> Self {
        Self { partial_delay_ms: 100, final_delay_ms: 150, script: Vec::new(), answer_empty: true }
    }
}

impl Default for MindSettings {
    fn default() -> Self {
        Self { first_token_ms: 200, chunk_chars: 24, chunk_every_ms: 25, ragged: false, escapes: false }
    }
}

/// What all connections share.
struct Shared {
    settings: ArcSwap<Settings>,
    faults: Faults,
    /// What open sockets meet from now on.
    struck: broadcast::Sender<Fault>,
    counters: Mutex<Counters>,
    log: Mutex<VecDeque<Logged>>,
    /// Speech as socket messages, made once for a text.
    messages: voice_socket::Messages,
    answers: Mutex<VecDeque<String>>,
    synth: synth::Synth,
    spoken: Spoken,
    api_key: Option<String>,
    think: Think,
    phrases: Arc<PhraseBook>,
    started: Instant,
}

/// A [`LogEntry`] that nobody has looked at.
struct Logged {
    at_ms: u64,
    route: Route,
    target: String,
    body: Bytes,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Counts a request for a model, writes it down, and says which fault it meets.
    fn arrive(&self, route: Route, model: &str, target: &str, body: Bytes) -> Option<FaultKind> {
        *lock(&self.counters).requests.entry(route.as_str().to_owned()).or_default() += 1;
        self.write_down(route, target, body);
        let fault = self.faults.take(route, model)?;
        *lock(&self.counters).faults.entry(route.as_str().to_owned()).or_default() += 1;
        Some(fault)
    }

    /// Keeps a body as it came: it is read when the log is.
    fn write_down(&self, route: Route, target: &str, body: Bytes) {
        let at_ms = self.started.elapsed().as_millis() as u64;
        let entry = Logged { at_ms, route, target: target.to_owned(), body };
        let mut log = lock(&self.log);
        let oldest = if log.len() >= LOG_LIMIT { log.pop_front() } else { None };
        log.push_back(entry);
        drop((log, oldest));
    }

    fn log(&self) -> Vec<LogEntry> {
        let read = |Logged { at_ms, route, target, body }: &Logged| LogEntry {
            at_ms: *at_ms,
            route: *route,
            target: target.clone(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        };
        lock(&self.log).iter().map(read).collect()
    }

    /// Whether the key in `header` will do.
    fn knows(&self, headers: &HeaderMap, header: &str, query_key: Option<&str>) -> bool {
        let Some(expected) = &self.api_key else {
            return true;
        };
        let shown = headers.get(header).and_then(|value| value.to_str().ok()).or(query_key);
        shown == Some(expected)
    }
}

impl Spoken {
    fn add(&self, recording: super::phrases::Recording) {
        let mut book = lock(&self.0);
        if book.len() >= SPOKEN_LIMIT {
            *book = Arc::default();
        }
        // A reader holds the old book only for one look; a copy is made where it does.
        Arc::make_mut(&mut book).add(recording);
    }
}

const STRIKES: usize = 16;
const LOG_LIMIT: usize = 500;
const SPOKEN_LIMIT: usize = 200;

fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/text-to-speech/{voice}", post(voice::whole))
        .route("/v1/text-to-speech/{voice}/stream", post(voice::stream))
        .route("/v1/text-to-speech/{voice}/with-timestamps", post(voice::whole_with_timestamps))
        .route("/v1/text-to-speech/{voice}/stream/with-timestamps", post(voice::stream_with_timestamps))
        .route("/v1/text-to-speech/{voice}/stream-input", get(voice_socket::single))
        .route("/v1/text-to-speech/{voice}/multi-stream-input", get(voice_socket::multi))
        .route("/v1/speech-to-text/realtime", get(ears::open))
        .route("/{version}/models/{model}", post(mind::generate))
        .route("/control", get(show).post(control))
}

/// What `POST /control` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(default)]
    clear_faults: bool,
    #[serde(default)]
    answers: Vec<String>,
}

async fn show(State(shared): State<Arc<Shared>>) -> axum::Json<Value> {
    let counters = lock(&shared.counters).clone();
    let log = shared.log();
    axum::Json(json!({"settings": **shared.settings.load(), "counters": counters, "log": log}))
}

async fn control(State(shared): State<Arc<Shared>>, body: String) -> Result<axum::Json<Value>, (StatusCode, String)> {
    let refuse = |error: serde_json::Error| (StatusCode::BAD_REQUEST, error.to_string());
    let control: Control = serde_json::from_str(&body).map_err(refuse)?;
    let mut settings = serde_json::to_value(&**shared.settings.load()).map_err(refuse)?;
    merge(&mut settings, control.settings);
    let settings: Settings = serde_json::from_value(settings).map_err(refuse)?;
    shared.settings.store(Arc::new(settings));
    if control.clear_faults {
        shared.faults.clear();
    }
    for fault in control.faults {
        shared.faults.add(fault);
    }
    lock(&shared.answers).extend(control.answers);
    Ok(axum::Json(json!({"settings": **shared.settings.load()})))
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, change) => *into = change,
    }
}

/// A lock whose holder panicked still guards whole values here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

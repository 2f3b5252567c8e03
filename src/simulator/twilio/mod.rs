//! The far end of Twilio: its REST API, its webhooks with signatures, its reading of TwiML, and Media Streams with a caller on the
//! line.
//!
//! Faithful where a server can notice: numbers as strings, the playback buffer, marks, `clear`, status callbacks, refusals with
//! Twilio's codes. It bills nobody and rings nowhere. Key types: [`FarEnd`], [`FarEndConfig`], [`LineOptions`], [`LineEvent`].
//! Invariant: a call ends with exactly one [`CallReport`], whatever the server does.

mod call;
mod courier;
mod document;
mod rest;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::caller::{CallReport, Caller, Line, Party, Recorder, Script};
use super::phrases::PhraseBook;
use super::vendors::Spoken;
use call::Call;
use courier::Courier;
use stream::Ticker;

/// A simulated Twilio that is running. Dropping it stops its REST server and hangs up its calls.
#[derive(Debug)]
pub struct FarEnd {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

/// How to start a [`FarEnd`].
#[derive(Clone, Debug)]
pub struct FarEndConfig {
    /// Where the REST API listens; the default is port 0 of loopback.
    pub listen: SocketAddr,
    /// The one account.
    pub account_sid: String,
    /// Its token: for REST and for signatures.
    pub auth_token: String,
    /// Where the server under test really is, over plain HTTP. `None`: where its URLs say. With it, the URLs may name a public host
    /// (`https://voice.example.in`): `Host` and signatures are those of the URL, the connection goes here.
    pub connect_to: Option<SocketAddr>,
    /// Who answers calls; [`FarEnd::answer_next`] takes precedence.
    pub script: Script,
    /// The recordings that callers have.
    pub phrases: Arc<PhraseBook>,
    /// What the stand-in voice said lately ([`super::vendors::Vendors::spoken`]), so that the agent's side of a stream can be
    /// written down.
    pub agent_words: Option<Spoken>,
    /// The line's qualities.
    pub line: LineOptions,
    /// Whether the called party answers.
    pub answer: Answer,
    /// How `<Dial>` ends.
    pub dial: DialOutcome,
    /// How status callbacks are delivered.
    pub callbacks: Callbacks,
    /// Whether `<Say>`, `<Play>`, `<Pause>` and the waits of `<Gather>` take their time. If not, the call's clock is moved on
    /// instead. Streams are always in real time.
    pub real_time: bool,
    /// Whether reports carry both sides' audio.
    pub record: bool,
    /// Calls kept for [`FarEnd::report`] after their end.
    pub keep: usize,
}

/// The qualities of a Media Stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineOptions {
    /// Frames without sound are not sent; `timestamp` jumps over them.
    pub skip_silence: bool,
    /// Bytes of audio in one message; Twilio sends 160 and promises nothing.
    pub payload_bytes: usize,
    /// Every so many milliseconds of stream the network stalls for `stall_ms`, and what piled up comes in one burst.
    pub stall_every_ms: Option<u64>,
    /// How long a stall lasts.
    pub stall_ms: u64,
    /// Mark echoes come so much later.
    pub mark_delay_ms: u64,
    /// The socket is dropped, without `stop`, after so many milliseconds of stream.
    pub drop_after_ms: Option<u64>,
    /// The caller's telephone returns the agent's voice so much quieter (decibels, such as 20.0); while the caller speaks, only the
    /// caller is heard.
    pub echo_db: Option<f32>,
}

/// What becomes of a call that is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The line is busy.
    Busy,
    /// The call cannot be placed.
    Failed,
    /// Nobody answers.
    NoAnswer,
    /// Somebody answers after so many milliseconds of ringing.
    Yes {
        /// Milliseconds.
        after_ms: u64,
    },
}

/// How a `<Dial>` ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialOutcome {
    /// `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: String,
    /// How long the two spoke.
    pub seconds: u32,
}

/// How status callbacks are delivered. Twilio promises at least once, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// Each comes twice.
    pub duplicates: bool,
    /// Each comes after the one that follows it.
    pub disorder: bool,
}

/// A call from outside to the agent's number.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The number's voice webhook, such as `https://voice.example.in/voice?agent_type=LOGISTICS`.
    pub url: String,
    /// The number's status callback, if it has one.
    pub status_callback: Option<String>,
    /// Who calls.
    pub from: String,
    /// The agent's number.
    pub to: String,
    /// What the caller does; `None` is the configured script.
    pub script: Option<Script>,
}

/// Something that happened on a line, for a live view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineEvent {
    /// The call.
    pub call_sid: String,
    /// Milliseconds since the call was placed.
    pub at_ms: u64,
    /// What.
    pub what: Happening,
}

/// The kinds of [`LineEvent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The agent was cut short: Twilio was told to `clear`.
    Cleared,
    /// The caller pressed a key.
    Digit(char),
    /// The call ended.
    Ended,
    /// Something was said, whole.
    Said(Line),
    /// A party began to speak; for the caller with the words to come.
    Speaking(Party, String),
    /// The call's status changed to this.
    Status(String),
    /// A media stream began.
    StreamStarted,
}

impl FarEnd {
    /// Starts the REST server.
    ///
    /// # Errors
    /// Those of binding the address and of building an HTTP client.
    pub async fn start(config: FarEndConfig) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let courier = Courier::new(&config)?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            config,
            courier,
            calls: Mutex::default(),
            scripts: Mutex::default(),
            events: broadcast::channel(EVENTS).0,
            next: AtomicU64::new(1),
            salt: rand::random(),
            ticker: Ticker::start(stop.clone()),
            stop: stop.clone(),
        });
        let app = rest::routes(shared.clone());
        tokio::spawn(async move {
            let server = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = server.await {
                tracing::error!(%error, "the simulated Twilio stopped");
            }
        });
        Ok(Self { addr, shared })
    }

    /// Where the REST API listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for `TWILIO_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Somebody calls the agent's number; the call's sid at once. The call goes on by itself.
    pub fn place(&self, inbound: Inbound) -> String {
        let script = inbound.script.unwrap_or_else(|| self.shared.next_script());
        let order = Order {
            to: inbound.to,
            from: inbound.from,
            direction: "inbound",
            url: inbound.url,
            method: "POST".to_owned(),
            twiml: None,
            status_callback: inbound.status_callback,
            status_events: vec!["completed".to_owned()],
            time_limit: None,
        };
        self.shared.begin(order, script)
    }

    /// The report of a call, once it has ended. `None` for a call that is not known (any more).
    pub async fn report(&self, call_sid: &str) -> Option<Arc<CallReport>> {
        let mut done = lock(&self.shared.calls).by_sid.get(call_sid)?.done.clone();
        let report = done.wait_for(Option::is_some).await.ok()?;
        report.clone()
    }

    /// Calls placed so far and not forgotten, oldest first.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).order.iter().cloned().collect()
    }

    /// Who answers the next call.
    pub fn answer_next(&self, script: Script) {
        lock(&self.shared.scripts).push_back(script);
    }

    /// Frames sent so far, and the milliseconds of lateness that each of these parts of them did not exceed: our own, not the
    /// server's.
    pub fn lateness<const N: usize>(&self, parts: [f64; N]) -> (u64, [f64; N]) {
        let lateness = self.shared.ticker.lateness();
        (lateness.count(), parts.map(|part| lateness.ms(part)))
    }

    /// What happens on all lines from now on. A slow reader misses events.
    pub fn events(&self) -> broadcast::Receiver<LineEvent> {
        self.shared.events.subscribe()
    }

    /// The caller hangs up, whatever the script says.
    pub fn hang_up(&self, call_sid: &str) {
        self.shared.command(call_sid, Command::CallerHangsUp);
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl FarEndConfig {
    /// A far end for this account whose server is at `connect_to`.
    pub fn new(account_sid: &str, auth_token: &str, connect_to: Option<SocketAddr>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account_sid: account_sid.to_owned(),
            auth_token: auth_token.to_owned(),
            connect_to,
            script: Script::logistics(),
            phrases: PhraseBook::built_in(),
            agent_words: None,
            line: LineOptions::default(),
            answer: Answer::Yes { after_ms: 0 },
            dial: DialOutcome { status: "completed".to_owned(), seconds: 30 },
            callbacks: Callbacks::default(),
            real_time: false,
            record: false,
            keep: 1_000,
        }
    }
}

impl Default for LineOptions {
    fn default() -> Self {
        Self {
            skip_silence: false,
            payload_bytes: 160,
            stall_every_ms: None,
            stall_ms: 0,
            mark_delay_ms: 0,
            drop_after_ms: None,
            echo_db: None,
        }
    }
}

/// What the REST server and the calls share.
struct Shared {
    config: FarEndConfig,
    courier: Courier,
    calls: Mutex<Calls>,
    scripts: Mutex<VecDeque<Script>>,
    events: broadcast::Sender<LineEvent>,
    next: AtomicU64,
    /// Keeps sids of two runs apart.
    salt: u64,
    ticker: Ticker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Calls {
    by_sid: HashMap<String, Entry>,
    order: VecDeque<String>,
}

/// A call as REST sees it.
struct Entry {
    order: Order,
    status: String,
    commands: mpsc::Sender<Command>,
    done: watch::Receiver<Option<Arc<CallReport>>>,
}

/// What was asked for when a call was created.
#[derive(Clone, Debug)]
struct Order {
    to: String,
    from: String,
    direction: &'static str,
    url: String,
    method: String,
    twiml: Option<String>,
    status_callback: Option<String>,
    status_events: Vec<String>,
    time_limit: Option<Duration>,
}

/// What a call is told while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    CallerHangsUp,
    Cancel,
    Complete,
    Twiml(String),
    Url { url: String, method: String },
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// A new sid: the prefix and 32 hexadecimal digits.
    fn sid(&self, prefix: &str) -> String {
        format!("{prefix}{:016x}{:016x}", self.salt, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn next_script(&self) -> Script {
        lock(&self.scripts).pop_front().unwrap_or_else(|| self.config.script.clone())
    }

    /// Enters a call and sets it going.
    fn begin(self: &Arc<Self>, order: Order, script: Script) -> String {
        let sid = self.sid("CA");
        let (commands, receiver) = mpsc::channel(16);
        let (done, report) = watch::channel(None);
        {
            let mut calls = lock(&self.calls);
            let entry = Entry { order: order.clone(), status: "queued".to_owned(), commands, done: report };
            calls.by_sid.insert(sid.clone(), entry);
            calls.order.push_back(sid.clone());
            while calls.order.len() > self.config.keep.max(1) {
                let ended = calls
                    .order
                    .iter()
                    .position(|sid| calls.by_sid.get(sid).is_none_or(|call| call.done.borrow().is_some()));
                let Some(oldest) = ended.and_then(|at| calls.order.remove(at)) else {
                    break;
                };
                calls.by_sid.remove(&oldest);
            }
        }
        let recorder = Recorder::new(&sid, &script.name, self.config.record);
        let caller = Caller::new(script, self.config.phrases.clone());
        let call = Call::new(self.clone(), sid.clone(), order, caller, recorder, receiver);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                report = call.run() => { done.send_replace(Some(Arc::new(report))); }
                () = stop.cancelled() => {}
            }
        });
        sid
    }

    /// Tells a call something; false if it has ended or was never known.
    fn command(&self, sid: &str, command: Command) -> bool {
        lock(&self.calls).by_sid.get(sid).is_some_and(|call| call.commands.try_send(command).is_ok())
    }

    fn status(&self, sid: &str, status: &str) {
        if let Some(call) = lock(&self.calls).by_sid.get_mut(sid) {
            status.clone_into(&mut call.status);
        }
    }

    fn tell(&self, call_sid: &str, at_ms: u64, what: Happening) {
        if self.events.receiver_count() > 0 {
            // Nobody listening is no error.
            drop(self.events.send(LineEvent { call_sid: call_sid.to_owned(), at_ms, what }));
        }
    }
}

const EVENTS: usize = 1_024;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

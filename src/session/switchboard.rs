//! All calls of this process: opened, found, saved, drained, swept.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use metrics::{counter, gauge};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::entry::{Entry, Session};
use super::speech::everybodys;
use crate::agent::Agent;
use crate::provider::breaker::{Breaker, Circuit};
use crate::provider::elevenlabs::ears::Ears;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::gemini::Gemini;
use crate::store::Store;
use crate::store::recording::Recordings;
use crate::store::speech_cache::SpeechCache;
use crate::telemetry;
use crate::twilio::CallSid;
use crate::twilio::phone::E164;
use crate::twilio::rest::Rest;

/// What the switchboard needs to know of the environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port by which Twilio reaches us.
    pub public_url: String,
    /// Calls held at once, at most.
    pub max_calls: usize,
    /// The number our calls are from.
    pub caller_id: Option<E164>,
    /// Record every call, whatever its agent says.
    pub record_all: bool,
}

/// The parts a call is made of; what is absent has an embedded default or a mode that needs none.
#[derive(Debug)]
pub struct Parts {
    /// What is kept.
    pub store: Store,
    /// Speech that is kept.
    pub speech_cache: SpeechCache,
    /// Writes recordings.
    pub recordings: Option<Recordings>,
    /// Hears streamed calls; without it calls are held in gather.
    pub ears: Option<Ears>,
    /// Speaks; without it calls are held in gather, with Twilio's own voice.
    pub voice: Option<Voice>,
    /// Thinks; without it the agent's own questions are asked in order.
    pub mind: Option<Gemini>,
    /// Starts and ends calls.
    pub line: Option<Rest>,
}

/// Which vendors are left alone for a while because they keep failing.
#[derive(Debug)]
pub(super) struct Circuits {
    pub(super) ears: Breaker,
    pub(super) voice: Breaker,
    /// Of each model.
    pub(super) mind: Vec<Breaker>,
}

/// The agents in force.
pub type Agents = Arc<Vec<Arc<Agent>>>;

/// All calls of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Switchboard(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    config: Config,
    parts: Parts,
    circuits: Circuits,
    agents: ArcSwap<Vec<Arc<Agent>>>,
    /// Files of cached speech that say nothing of any one call.
    everybodys: ArcSwap<HashSet<String>>,
    calls: Mutex<HashMap<CallSid, Arc<Entry>>>,
    /// Calls that `/start-call` has asked Twilio for and whose `CallSid` is not known yet, by start id.
    pub(super) starts: Mutex<HashMap<String, super::line::Start>>,
    live: AtomicUsize,
    draining: AtomicBool,
    /// Tells streamed calls to say goodbye.
    goodbye: CancellationToken,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Switchboard {
    /// Puts the parts together and starts what runs beside the calls: rendering fixed texts ahead, sweeping, cleaning the cache.
    pub fn open(config: Config, parts: Parts, agents: Vec<Agent>) -> Self {
        let agents: Vec<_> = agents.into_iter().map(Arc::new).collect();
        let circuits = Circuits {
            ears: parts.ears.as_ref().map_or_else(|| Breaker::new("ears"), |ears| ears.breaker().clone()),
            voice: Breaker::new("voice"),
            mind: parts
                .mind
                .as_ref()
                .map_or_else(|| vec![Breaker::new("mind")], |mind| mind.breakers().cloned().collect()),
        };
        let board = Self(Arc::new(Inside {
            config,
            parts,
            circuits,
            everybodys: ArcSwap::from_pointee(everybodys(&agents)),
            agents: ArcSwap::from_pointee(agents),
            calls: Mutex::default(),
            starts: Mutex::default(),
            live: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            goodbye: CancellationToken::new(),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }));
        board.0.parts.speech_cache.spawn_clean_up(&board.0.tracker, board.0.stop.clone());
        board.spawn_rendering();
        let settler = board.clone();
        board.0.tracker.spawn(async move { settler.0.stop.run_until_cancelled(settler.settle_contests()).await });
        let sweeper = board.clone();
        board.0.tracker.spawn(async move {
            let stop = sweeper.0.stop.clone();
            while stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
                sweeper.sweep().await;
            }
        });
        board
    }

    /// The agents in force.
    pub fn agents(&self) -> Agents {
        self.0.agents.load_full()
    }

    /// New versions of the agents, for calls that come from now on.
    pub fn set_agents(&self, agents: Vec<Agent>) {
        let agents: Vec<_> = agents.into_iter().map(Arc::new).collect();
        self.0.everybodys.store(Arc::new(everybodys(&agents)));
        self.0.agents.store(Arc::new(agents));
        self.spawn_rendering();
    }

    /// Whether a file of cached speech says nothing of any one call.
    pub(super) fn is_everybodys(&self, name: &str) -> bool {
        self.0.everybodys.load().contains(name)
    }

    /// Whether the call goes on: here, or, as far as is known, at another instance.
    pub async fn is_live(&self, call_sid: &CallSid) -> bool {
        if let Some(entry) = self.entry(call_sid) {
            return entry.session.lock().await.ended_at.is_none();
        }
        let Ok(Some(call)) = self.store().load(call_sid).await else { return false };
        // One that is silent for so long was lost with its process.
        let silent = Timestamp::now().duration_since(call.updated_at).as_secs();
        call.ended_at.is_none() && silent < LOST_AFTER
    }

    fn spawn_rendering(&self) {
        let board = self.clone();
        let stop = self.0.stop.clone();
        self.0.tracker.spawn(async move { stop.run_until_cancelled(board.render_ahead()).await });
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// Speech that is kept.
    pub fn speech_cache(&self) -> &SpeechCache {
        &self.0.parts.speech_cache
    }

    /// Calls held now.
    pub fn live_calls(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Tasks under way, those of calls and those beside them; none once [`Switchboard::drained`] was.
    pub fn tasks(&self) -> usize {
        self.0.tracker.len()
    }

    /// Whether new calls are refused because we are shutting down.
    pub fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Refuses new calls from now on; live ones finish.
    pub fn begin_drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Waits until no call is live, at most so long; towards the end live calls say goodbye. True if none was cut off.
    pub async fn drained(&self, within: Duration) -> bool {
        let patience = within.saturating_sub(GOODBYE);
        if timeout(patience, self.idle()).await.is_err() {
            self.0.goodbye.cancel();
            timeout(within - patience, self.idle()).await.ok();
        }
        let clean = self.live_calls() == 0;
        self.0.stop.cancel();
        self.0.goodbye.cancel();
        self.0.tracker.close();
        timeout(TASKS, self.0.tracker.wait()).await.ok();
        clean
    }

    async fn idle(&self) {
        while self.live_calls() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What happens in a call from now on; `None` if this process does not hold it, or it is over.
    pub fn events(&self, call_sid: &CallSid) -> Option<broadcast::Receiver<Value>> {
        let entry = self.entry(call_sid)?;
        // One that is being worked on is not over.
        let over = entry.session.try_lock().is_ok_and(|session| session.ended_at.is_some());
        (!over).then(|| entry.events.subscribe())
    }

    /// Forgets a call that is over, as its deletion wants it.
    pub fn forget(&self, call_sid: &CallSid) {
        self.calls().remove(call_sid);
    }

    /// For each vendor's part whether it is asked, or left alone because it keeps failing.
    pub fn circuits(&self) -> Vec<(&'static str, Circuit)> {
        let Circuits { ears, voice, mind } = &self.0.circuits;
        [ears, voice].into_iter().chain(mind).map(|breaker| (breaker.part(), breaker.circuit())).collect()
    }

    pub(super) fn breakers(&self) -> &Circuits {
        &self.0.circuits
    }

    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.0.tracker
    }

    pub(super) fn goodbye(&self) -> &CancellationToken {
        &self.0.goodbye
    }

    pub(super) fn starts(&self) -> std::sync::MutexGuard<'_, HashMap<String, super::line::Start>> {
        self.0.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn agent(&self, agent_type: &str) -> Option<Arc<Agent>> {
        self.0.agents.load().iter().find(|agent| agent.agent_type == agent_type).cloned()
    }

    /// Whether one more call may be taken; why not.
    pub(super) fn admission(&self) -> Result<(), &'static str> {
        let refusal = match (self.draining(), self.live_calls() >= self.0.config.max_calls) {
            (false, false) => return Ok(()),
            (true, _) => "draining",
            (false, true) => "busy",
        };
        counter!(telemetry::CALLS_REFUSED, "reason" => refusal).increment(1);
        Err(refusal)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<CallSid, Arc<Entry>>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.calls().get(call_sid).cloned()
    }

    /// Adds a call; gives the one that is there already if there is one.
    pub(super) fn add(&self, session: Session) -> Arc<Entry> {
        let call_sid = session.call_sid.clone();
        let ended = session.ended_at.is_some();
        let mut calls = self.calls();
        if let Some(known) = calls.get(&call_sid) {
            return known.clone();
        }
        let entry = Arc::new(Entry::new(session));
        calls.insert(call_sid, entry.clone());
        drop(calls);
        if !ended {
            let live = self.0.live.fetch_add(1, Ordering::Relaxed) + 1;
            gauge!(telemetry::CALLS_LIVE).set(count(live));
        }
        entry
    }

    /// The call in the newest version that is known anywhere: in memory, in our journal or, from another instance, in MongoDB.
    pub(super) async fn find(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        if let Some(entry) = self.entry(call_sid) {
            self.refresh(&entry).await;
            return Some(entry);
        }
        let known = match self.store().known(call_sid).await {
            Ok(known) => known?,
            Err(error) => {
                warn!(%call_sid, %error, "the call could not be looked up");
                return None;
            }
        };
        let agent = self.agent(&known.call.agent_type)?;
        let zone = zone(&agent);
        let session = Session::restore(known.call, agent, zone)?;
        info!(%call_sid, "carrying on with a call from the store");
        let entry = self.add(session);
        if let Some(rival) = known.rival {
            let mut session = entry.session.lock().await;
            self.take_in(&entry, &mut session, *rival).await;
        }
        Some(entry)
    }

    /// The same; where other instances share our calls, waits a moment for a version of theirs that is `enough` and still on its way.
    pub(super) async fn find_once(
        &self,
        call_sid: &CallSid,
        patience: Duration,
        enough: impl Fn(&Session) -> bool,
    ) -> Option<Arc<Entry>> {
        let until = Instant::now() + patience;
        loop {
            let entry = self.find(call_sid).await;
            if !self.store().is_shared() || Instant::now() >= until {
                return entry;
            }
            if let Some(entry) = entry
                && enough(&*entry.session.lock().await)
            {
                return Some(entry);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes over what another instance did with the call, unless its stream is ours: then nobody knows more of it.
    async fn refresh(&self, entry: &Entry) {
        if !self.store().is_shared() || *entry.streaming.borrow() {
            return;
        }
        let mut session = entry.session.lock().await;
        let call_sid = session.call_sid.clone();
        match self.store().elsewhere(&call_sid).await {
            Ok(Some(theirs)) => self.take_in(entry, &mut session, theirs).await,
            Ok(None) => {}
            Err(error) => warn!(%call_sid, %error, "another instance's version of the call could not be looked up"),
        }
    }

    pub(super) fn one_less(&self) {
        // Two instances may both see a call end; the count must not wrap.
        let before =
            self.0.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |live| Some(live.saturating_sub(1)));
        let live = before.unwrap_or(0).saturating_sub(1);
        gauge!(telemetry::CALLS_LIVE).set(count(live));
    }

    /// The call is over: it is no longer live. The entry stays a while, for webhooks that come again.
    pub(super) fn over(&self, session: &Session) {
        self.one_less();
        counter!(telemetry::CALLS_ENDED, "agent" => session.agent.agent_type.clone(), "outcome" => session.outcome())
            .increment(1);
        let lasted = Timestamp::now().duration_since(session.started_at);
        metrics::histogram!(telemetry::CALL_SECONDS).record(lasted.as_secs_f64());
        info!(call_sid = %session.call_sid, outcome = session.outcome(), seconds = lasted.as_secs(), "call over");
    }

    /// Makes the call's state durable and tells subscribers. Waits for the journal, but never long.
    pub(super) async fn save(&self, entry: &Entry, session: &mut Session) {
        let (call, collected) = session.documents(self.store().writer());
        entry.events.send(session.news()).ok();
        match timeout(JOURNAL, self.store().save(call, collected)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(call_sid = %session.call_sid, %error, "a turn was not kept"),
            Err(_) => warn!(call_sid = %session.call_sid, "the journal is late; the call goes on"),
        }
    }

    /// The same without waiting, for the task of a streamed call.
    pub(super) fn save_nowait(&self, entry: &Entry, session: &mut Session) {
        let (call, collected) = session.documents(self.store().writer());
        entry.events.send(session.news()).ok();
        if let Err(error) = self.store().save_nowait(call, collected) {
            warn!(call_sid = %session.call_sid, %error, "a turn was not kept");
        }
    }

    /// Forgets calls that are over, and ends those of which nothing was heard for longer than any call may last.
    async fn sweep(&self) {
        let now = Timestamp::now();
        let entries: Vec<_> = self.calls().iter().map(|(sid, entry)| (sid.clone(), entry.clone())).collect();
        for (call_sid, entry) in entries {
            if self.store().status().reachable {
                // One that another instance carries may have ended there.
                self.refresh(&entry).await;
            }
            // A call that is being worked on is not idle.
            let Ok(mut session) = entry.session.try_lock() else { continue };
            let idle = now.duration_since(session.touched_at);
            let longest = i64::from(session.agent.limits.max_call_seconds) + LOST_AFTER;
            if session.ended_at.is_none() && idle.as_secs() > longest {
                let connected = session.connected;
                session.end(connected);
                self.over(&session);
                self.save_nowait(&entry, &mut session);
            }
            if session.ended_at.is_some_and(|at| now.duration_since(at).as_secs() > FORGET_AFTER) {
                self.calls().remove(&call_sid);
            }
        }
        let oldest = now - jiff::SignedDuration::from_secs(FORGET_AFTER);
        self.starts().retain(|_, start| start.at > oldest);
    }
}

/// The agent's time zone; the roof has checked its name.
pub(super) fn zone(agent: &Agent) -> TimeZone {
    TimeZone::get(&agent.timezone).unwrap_or(TimeZone::UTC)
}

#[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
fn count(calls: usize) -> f64 {
    calls as f64
}

/// How often ended calls are forgotten.
const SWEEP: Duration = Duration::from_secs(15);
/// Seconds that an ended call is remembered for webhooks that come again.
const FORGET_AFTER: i64 = 90;
/// Seconds beyond its longest duration after which a silent call is taken for lost.
const LOST_AFTER: i64 = 600;
/// How often a version that is on its way from another instance is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How long it is looked for.
pub(super) const ON_ITS_WAY: Duration = Duration::from_millis(300);
/// How long a webhook waits for the journal.
const JOURNAL: Duration = Duration::from_secs(1);
/// How much of the drain time live calls get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(8);
/// How long tasks beside the calls get to end.
const TASKS: Duration = Duration::from_secs(3);

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
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::entry::{Entry, Session};
use super::gather::{DIAL_SECONDS, TRANSFER_SECONDS};
use super::rules::{Rules, RulesConfig};
use super::speech::everybodys;
use crate::agent::Agent;
use crate::conversation::Ending;
use crate::provider::breaker::{Breaker, Circuit};
use crate::provider::elevenlabs::ears::Ears;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::gemini::Gemini;
use crate::store::Store;
use crate::store::do_not_call::DoNotCall;
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
    /// Which calls are forbidden.
    pub rules: RulesConfig,
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
    /// Of each model.
    pub(super) voice: Vec<Breaker>,
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
    rules: Rules,
    agents: ArcSwap<Vec<Arc<Agent>>>,
    /// Files of cached speech that say nothing of any one call.
    everybodys: ArcSwap<HashSet<String>>,
    calls: Mutex<HashMap<CallSid, Arc<Entry>>>,
    /// Calls that `/start-call` has asked Twilio for and whose `CallSid` is not known yet, by start id.
    pub(super) starts: Mutex<HashMap<String, super::line::Start>>,
    live: AtomicUsize,
    /// Calls that Twilio is being asked for.
    starting: AtomicUsize,
    draining: AtomicBool,
    /// Tells calls in gather that their next turn is their last: turns are slow there.
    last_turns: CancellationToken,
    /// Tells streamed calls to say goodbye.
    goodbye: CancellationToken,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// A place among the calls that are held at once; given back where no call takes it.
pub(super) struct Place {
    board: Switchboard,
    starting: bool,
    taken: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.board.0.starting.fetch_sub(usize::from(self.starting), Ordering::Relaxed);
        if !self.taken {
            self.board.one_less();
        }
    }
}

impl Switchboard {
    /// Puts the parts together and starts what runs beside the calls: rendering fixed texts ahead, sweeping, cleaning the cache.
    pub fn open(config: Config, parts: Parts, agents: Vec<Agent>) -> Self {
        let agents: Vec<_> = agents.into_iter().map(Arc::new).collect();
        let circuits = Circuits {
            ears: parts.ears.as_ref().map_or_else(|| Breaker::new("ears"), |ears| ears.breaker().clone()),
            voice: parts
                .voice
                .as_ref()
                .map_or_else(|| vec![Breaker::new("voice")], |voice| voice.breakers().cloned().collect()),
            mind: parts
                .mind
                .as_ref()
                .map_or_else(|| vec![Breaker::new("mind")], |mind| mind.breakers().cloned().collect()),
        };
        let rules = Rules::new(config.rules.clone());
        let board = Self(Arc::new(Inside {
            config,
            parts,
            circuits,
            rules,
            everybodys: ArcSwap::from_pointee(everybodys(&agents)),
            agents: ArcSwap::from_pointee(agents),
            calls: Mutex::default(),
            starts: Mutex::default(),
            live: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            last_turns: CancellationToken::new(),
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

    /// The numbers that must not be called.
    pub fn do_not_call(&self) -> &DoNotCall {
        self.0.rules.do_not_call()
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

    /// Waits until no call is live, at most so long; towards the end live calls say goodbye: in gather with the next turn, which may
    /// take a while to come, in a stream at once. True if none was cut off.
    pub async fn drained(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        for (telling, before) in [(&self.0.last_turns, LAST_TURN), (&self.0.goodbye, GOODBYE)] {
            if timeout_at(end.checked_sub(before).unwrap_or(end - within), self.idle()).await.is_err() {
                telling.cancel();
            }
        }
        timeout_at(end, self.idle()).await.ok();
        let clean = self.live_calls() == 0;
        self.0.stop.cancel();
        self.0.last_turns.cancel();
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

    /// What happens in a call from now on, its end included; `None` if this process does not hold it, or it is over.
    pub fn events(&self, call_sid: &CallSid) -> Option<broadcast::Receiver<Value>> {
        self.entry(call_sid)?.subscribe()
    }

    /// Forgets a call that is over, as its deletion wants it.
    pub fn forget(&self, call_sid: &CallSid) {
        self.calls().remove(call_sid);
    }

    /// For each vendor's part whether it is asked, or left alone because it keeps failing.
    pub fn circuits(&self) -> Vec<(&'static str, Circuit)> {
        let Circuits { ears, voice, mind } = &self.0.circuits;
        std::iter::once(ears).chain(voice).chain(mind).map(|breaker| (breaker.part(), breaker.circuit())).collect()
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

    pub(super) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.0.tracker
    }

    pub(super) fn last_turns(&self) -> &CancellationToken {
        &self.0.last_turns
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

    /// Takes a place for one more call; why there is none. Of many calls that come at the same moment no more get one than fit.
    pub(super) fn admission(&self, starting: bool) -> Result<Place, &'static str> {
        let most = self.0.config.max_calls;
        let one_more = |live: usize| (live < most).then_some(live + 1);
        let refusal = if self.draining() {
            "draining"
        } else if self.0.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok() {
            self.0.starting.fetch_add(usize::from(starting), Ordering::Relaxed);
            return Ok(Place { board: self.clone(), starting, taken: false });
        } else {
            "busy"
        };
        counter!(telemetry::CALLS_REFUSED, "reason" => refusal).increment(1);
        Err(refusal)
    }

    /// Whether Twilio is being asked for a call, which may be answered before we know its name.
    pub(super) fn is_starting(&self) -> bool {
        self.0.starting.load(Ordering::Relaxed) > 0
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<CallSid, Arc<Entry>>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.calls().get(call_sid).cloned()
    }

    /// Adds a call, in its place where it was given one; gives the one that is there already if there is one.
    pub(super) fn add(&self, session: Session, place: Option<Place>) -> Arc<Entry> {
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
            match place {
                Some(mut place) => place.taken = true,
                None => _ = self.0.live.fetch_add(1, Ordering::Relaxed),
            }
            gauge!(telemetry::CALLS_LIVE).set(count(self.live_calls()));
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
        let entry = self.add(session, None);
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
            if !self.store().is_shared() || !self.store().status().reachable || Instant::now() >= until {
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
        if session.conversation.calls_refused()
            && let Some(phone) = session.phone.clone()
        {
            self.never_call(phone);
        }
        let lasted = Timestamp::now().duration_since(session.started_at);
        metrics::histogram!(telemetry::CALL_SECONDS).record(lasted.as_secs_f64());
        telemetry::traces::call(&session.call_sid, session.started_at, &session.facts());
        info!(call_sid = %session.call_sid, outcome = session.outcome(), seconds = lasted.as_secs(), "call over");
    }

    /// Carries out the work also where whoever wants its outcome goes away: a turn is never half done. `None`: a defect of ours.
    pub async fn to_the_end<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.0.tracker.spawn(work).await.ok()
    }

    /// Makes the call's state durable and tells subscribers. Waits for the journal, but never long.
    pub(super) async fn save(&self, entry: &Entry, session: &mut Session) {
        self.save_by(entry, session, Instant::now() + JOURNAL).await;
    }

    /// The same where somebody waits for more than this: the journal gets until `by` at most.
    pub(super) async fn save_by(&self, entry: &Entry, session: &mut Session, by: Instant) {
        let (call, collected) = session.documents(self.store().writer());
        entry.tell(session);
        let by = by.min(Instant::now() + JOURNAL);
        match timeout_at(by, self.store().save(call, collected)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(call_sid = %session.call_sid, %error, "a turn was not kept"),
            Err(_) => warn!(call_sid = %session.call_sid, "the journal is late; the call goes on"),
        }
    }

    /// The same without waiting, for the task of a streamed call.
    pub(super) fn save_nowait(&self, entry: &Entry, session: &mut Session) {
        let (call, collected) = session.documents(self.store().writer());
        entry.tell(session);
        if let Err(error) = self.store().save_nowait(call, collected) {
            warn!(call_sid = %session.call_sid, %error, "a turn was not kept");
        }
    }

    /// Forgets calls that are over, and ends those of which nothing was heard for longer than any call may last.
    async fn sweep(&self) {
        let now = Timestamp::now();
        let entries: Vec<_> = self.calls().iter().map(|(sid, entry)| (sid.clone(), entry.clone())).collect();
        for (call_sid, entry) in entries {
            let idle = |session: &Session| now.duration_since(session.touched_at).as_secs();
            // A call that is being worked on is not idle.
            let quiet = entry.session.try_lock().is_ok_and(|known| known.ended_at.is_none() && idle(&known) > QUIET);
            if quiet && self.store().status().reachable {
                // One that another instance carries may have ended there.
                self.refresh(&entry).await;
            }
            let Ok(mut session) = entry.session.try_lock() else { continue };
            let idle = idle(&session);
            let with_a_person = matches!(session.conversation.ending(), Some(Ending::Dial(_)));
            let transfer = if with_a_person { i64::from(DIAL_SECONDS + TRANSFER_SECONDS) } else { 0 };
            let longest = i64::from(session.agent.limits.max_call_seconds) + transfer + LOST_AFTER;
            if session.ended_at.is_none() && idle > longest {
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
/// Seconds after which a call of which nothing was heard may have gone on, or ended, elsewhere.
const QUIET: i64 = 60;
/// Seconds beyond its longest duration after which a silent call is taken for lost.
const LOST_AFTER: i64 = 600;
/// How often a version that is on its way from another instance is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How long it is looked for: without it the call would end, or go on from what it was a turn ago.
pub(super) const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// How long a webhook waits for the journal.
const JOURNAL: Duration = Duration::from_secs(1);
/// How long before the end of the drain time calls in gather get their last turn: some words, a silence, Twilio's time to hear.
const LAST_TURN: Duration = Duration::from_secs(20);
/// How much of the drain time live calls get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(8);
/// How long tasks beside the calls get to end.
const TASKS: Duration = Duration::from_secs(3);

//! All calls of this process: opened, added, saved, swept.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::entry::{Entry, Session};
use super::gather::{DIAL_SECONDS, TRANSFER_SECONDS};
use super::places::{Place, Places};
use super::rules::{Rules, RulesConfig};
use super::speech::everybodys;
use crate::agent::Agent;
use crate::conversation::Ending;
use crate::provider::breaker::{Breaker, Circuit};
use crate::provider::elevenlabs::ears::Ears;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::gemini::Gemini;
use crate::store::do_not_call::DoNotCall;
use crate::store::recording::Recordings;
use crate::store::speech_cache::SpeechCache;
use crate::store::{DeletedElsewhere, Store};
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
    places: Arc<Places>,
    /// Tells calls in gather that their next turn is their last: turns are slow there.
    last_turns: CancellationToken,
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
        let places = Places::new(config.max_calls);
        let board = Self(Arc::new(Inside {
            config,
            parts,
            circuits,
            rules,
            everybodys: ArcSwap::from_pointee(everybodys(&agents)),
            agents: ArcSwap::from_pointee(agents),
            calls: Mutex::default(),
            starts: Mutex::default(),
            places,
            last_turns: CancellationToken::new(),
            goodbye: CancellationToken::new(),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }));
        board.0.parts.speech_cache.spawn_clean_up(&board.0.tracker, board.0.stop.clone());
        board.spawn_rendering();
        let settler = board.clone();
        board.0.tracker.spawn(async move { settler.0.stop.run_until_cancelled(settler.settle_contests()).await });
        let keeper = board.clone();
        board.0.tracker.spawn(async move { keeper.0.stop.run_until_cancelled(keeper.keep_again()).await });
        let sweeper = board.clone();
        board.0.tracker.spawn(async move {
            let stop = sweeper.0.stop.clone();
            while stop.run_until_cancelled(sleep(SWEEP)).await.is_some() {
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

    /// Tasks under way, those of calls and those beside them; none once [`Switchboard::drained`] was.
    pub fn tasks(&self) -> usize {
        self.0.tracker.len()
    }

    /// What happens in a call from now on, its end included; `None` if this process does not hold it, or it is over.
    pub fn events(&self, call_sid: &CallSid) -> Option<broadcast::Receiver<Value>> {
        self.entry(call_sid)?.subscribe()
    }

    /// Forgets a call that is over, as its deletion wants it.
    pub fn forget(&self, call_sid: &CallSid) {
        self.calls().remove(call_sid);
    }

    /// Forgets calls that other instances deleted. One that is live here all the same is forgotten when it is over; nothing more of it is
    /// kept meanwhile.
    pub fn forget_deleted(&self, deleted: &DeletedElsewhere) {
        self.calls().retain(|call_sid, entry| !(entry.over.load(Ordering::Acquire) && deleted.has(call_sid)));
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

    pub(super) fn places(&self) -> &Arc<Places> {
        &self.0.places
    }

    /// Cancelled when the process is about to end.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stop
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

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<CallSid, Arc<Entry>>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.calls().get(call_sid).cloned()
    }

    /// All calls there are now.
    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.calls().values().cloned().collect()
    }

    /// Adds a call, in its place where it was given one; gives the one that is there already if there is one.
    pub(super) fn add(&self, mut session: Session, place: Option<Place>) -> Arc<Entry> {
        let call_sid = session.call_sid.clone();
        let mut calls = self.calls();
        if let Some(known) = calls.get(&call_sid) {
            return known.clone();
        }
        if session.ended_at.is_none() {
            session.place = place.map(|mut place| {
                place.started();
                place
            });
        }
        let claims = self.speech_cache().claims(call_sid.as_str());
        if session.ended_at.is_none() {
            claims.add(&session.speech);
        }
        session.claims = Some(claims);
        let entry = Arc::new(Entry::new(session));
        calls.insert(call_sid, entry.clone());
        entry
    }

    /// The call has ended: counts it. The entry stays a while, for webhooks that come again.
    pub(super) fn over(&self, session: &Session) {
        counter!(telemetry::CALLS_ENDED, "agent" => session.agent.agent_type.clone(), "outcome" => session.outcome())
            .increment(1);
        self.keep_refusal(session);
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
        self.hold(session);
        let (call, collected) = session.documents(self.store().writer());
        entry.tell(session);
        let by = by.min(Instant::now() + JOURNAL);
        match timeout_at(by, self.store().save_noting(call, collected, &session.taken)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(call_sid = %session.call_sid, %error, "a turn was not kept"),
            Err(_) => warn!(call_sid = %session.call_sid, "the journal is late; the call goes on"),
        }
    }

    /// The same without waiting, for the task of a streamed call.
    pub(super) fn save_nowait(&self, entry: &Entry, session: &mut Session) {
        self.hold(session);
        let (call, collected) = session.documents(self.store().writer());
        entry.tell(session);
        if let Err(error) = self.store().save_nowait_noting(call, collected, &session.taken) {
            warn!(call_sid = %session.call_sid, %error, "a turn was not kept");
        }
    }

    /// Whenever the journal takes turns again, keeps what it did not take meanwhile.
    async fn keep_again(&self) {
        loop {
            let since = self.store().kept_again().await;
            let mut calls = 0;
            for entry in self.entries() {
                let mut session = entry.session.lock().await;
                if session.is_kept(self.store().writer()) {
                    continue;
                }
                calls += 1;
                if *entry.streaming.borrow() {
                    // Its task needs the state for every turn.
                    self.save_nowait(&entry, &mut session);
                } else {
                    self.save(&entry, &mut session).await;
                }
            }
            info!(calls, %since, "calls that were not kept meanwhile are kept again");
            if let Err(error) = self.do_not_call().write_again().await {
                error!(%error, "the do-not-call list could not be written");
            }
            // The journal may take some and refuse others, which it then tells at once.
            sleep(AGAIN).await;
        }
    }

    /// Forgets calls that are over, and ends those of which nothing was heard for longer than any call may last.
    async fn sweep(&self) {
        let now = Timestamp::now();
        let idle = |session: &Session| now.duration_since(session.touched_at).as_secs();
        // One that another instance carries may have ended there.
        self.look_elsewhere(|session| idle(session) > QUIET).await;
        for entry in self.entries() {
            let Ok(mut session) = entry.session.try_lock() else { continue };
            let idle = idle(&session);
            let call_sid = session.call_sid.clone();
            let with_a_person = matches!(session.conversation.ending(), Some(Ending::Dial(_)));
            let transfer = if with_a_person { i64::from(DIAL_SECONDS + TRANSFER_SECONDS) } else { 0 };
            let longest = i64::from(session.agent.limits.max_call_seconds) + transfer + LOST_AFTER;
            if session.ended_at.is_none() && idle > longest {
                let connected = session.connected;
                session.end(connected);
                self.over(&session);
                self.save_nowait(&entry, &mut session);
            }
            let past = session.ended_at.is_some_and(|at| now.duration_since(at).as_secs() > FORGET_AFTER);
            if past && (session.is_kept(self.store().writer()) || self.calls().len() > UNKEPT) {
                self.calls().remove(&call_sid);
            } else if past && self.store().status().journal_writable {
                // What the journal did not take is nowhere but here; one that was merely late tells nobody that it is no more.
                self.save_nowait(&entry, &mut session);
            }
        }
        let oldest = now - SignedDuration::from_secs(FORGET_AFTER);
        self.starts().retain(|_, start| start.at > oldest);
    }
}

/// The agent's time zone; the roof has checked its name.
pub(super) fn zone(agent: &Agent) -> TimeZone {
    TimeZone::get(&agent.timezone).unwrap_or(TimeZone::UTC)
}

/// How often ended calls are forgotten.
const SWEEP: Duration = Duration::from_secs(15);
/// Seconds that an ended call is remembered for webhooks that come again.
const FORGET_AFTER: i64 = 90;
/// Calls that are remembered at most where they cannot be kept, ended ones among them: some 200 MB.
const UNKEPT: usize = 10_000;
/// Between two rounds of keeping what was not kept.
const AGAIN: Duration = Duration::from_secs(1);
/// Seconds after which a call of which nothing was heard may have gone on, or ended, elsewhere.
const QUIET: i64 = 20;
/// Seconds beyond its longest duration after which a silent call is taken for lost.
pub(super) const LOST_AFTER: i64 = 600;
/// How long a webhook waits for the journal.
const JOURNAL: Duration = Duration::from_secs(1);

//! Calls found: in memory, in our journal, or, where another instance carried them, in MongoDB; in bounded time, for a caller waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::entry::{Entry, Session};
use super::switchboard::{LOST_AFTER, Switchboard, zone};
use crate::twilio::CallSid;

/// Whether a call is known could not be said in time.
struct Unsure;

impl Switchboard {
    /// The call in the newest version that is known anywhere: in memory, in our journal or, from another instance, in MongoDB. What
    /// cannot be said soon counts as unknown.
    pub(super) async fn find(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.look_up(call_sid, LOOK_UP, false).await.unwrap_or(None)
    }

    /// The same where nobody waits on the line: a MongoDB that is slow gets its time.
    pub(super) async fn find_unhurried(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.look_up(call_sid, UNHURRIED, false).await.unwrap_or(None)
    }

    /// The same for a call that begins: most likely nobody knows it, and MongoDB is not asked where it is known to be away. Where an
    /// instance did know it, both versions are put together later.
    pub(super) async fn find_new(&self, call_sid: &CallSid) -> Option<Arc<Entry>> {
        self.look_up(call_sid, LOOK_UP, true).await.unwrap_or(None)
    }

    /// The same as [`Self::find`]; where other instances share our calls, waits a moment for a version of theirs that is `enough` and
    /// still on its way. All of it takes `patience` at most.
    pub(super) async fn find_once(
        &self,
        call_sid: &CallSid,
        patience: Duration,
        enough: impl Fn(&Session) -> bool,
    ) -> Option<Arc<Entry>> {
        let until = Instant::now() + patience;
        loop {
            let bound = LOOK_UP.min(until.saturating_duration_since(Instant::now()));
            let found = self.look_up(call_sid, bound, false).await;
            let shared = self.store().is_shared();
            let last = Instant::now() + LOOK_AGAIN >= until || (shared && !self.store().status().reachable);
            match found {
                Ok(found) if last || !shared => return found,
                Ok(Some(entry)) if enough(&*entry.session.lock().await) => return Some(entry),
                Err(Unsure) if last => return None,
                Ok(_) | Err(Unsure) => sleep(LOOK_AGAIN).await,
            }
        }
    }

    async fn look_up(
        &self,
        call_sid: &CallSid,
        bound: Duration,
        likely_new: bool,
    ) -> Result<Option<Arc<Entry>>, Unsure> {
        if let Some(entry) = self.entry(call_sid) {
            // Where nobody could say, it goes on from what is known here.
            self.refresh(&entry).await;
            return Ok(Some(entry));
        }
        let known = match self.store().known_within(call_sid, bound, likely_new).await {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(None),
            Err(error) => {
                warn!(%call_sid, %error, "the call could not be looked up");
                return Err(Unsure);
            }
        };
        let restored = self.agent(&known.call.agent_type).and_then(|agent| {
            let zone = zone(&agent);
            Session::restore(known.call, agent, zone)
        });
        let Some(session) = restored else { return Ok(None) };
        info!(%call_sid, "carrying on with a call from the store");
        let entry = self.add(session, None);
        if let Some(rival) = known.rival {
            let mut session = entry.session.lock().await;
            self.take_in(&entry, &mut session, *rival).await;
        }
        Ok(Some(entry))
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

    /// Takes over what another instance did with the call, unless its stream is ours: then nobody knows more of it.
    /// False if nobody could say what that was.
    async fn refresh(&self, entry: &Entry) -> bool {
        if !self.store().is_shared() || *entry.streaming.borrow() {
            return true;
        }
        let mut session = entry.session.lock().await;
        let call_sid = session.call_sid.clone();
        match self.store().elsewhere(&call_sid).await {
            Ok(Some(theirs)) => self.take_in(entry, &mut session, theirs).await,
            Ok(None) => {}
            Err(error) => {
                warn!(%call_sid, %error, "another instance's version of the call could not be looked up");
                return false;
            }
        }
        true
    }

    /// Takes over what other instances did with the live calls that nobody works on here and that are `wanted`.
    pub(super) async fn look_elsewhere(&self, wanted: impl Fn(&Session) -> bool) {
        for entry in self.entries() {
            if !self.store().status().reachable {
                return;
            }
            let looked_for =
                entry.session.try_lock().is_ok_and(|session| session.ended_at.is_none() && wanted(&session));
            // All of them next time, rather than one by one a MongoDB that does not answer.
            if looked_for && !self.refresh(&entry).await {
                return;
            }
        }
    }
}

/// How long a lookup may take, journal and MongoDB together.
const LOOK_UP: Duration = Duration::from_millis(500);
/// The same where no caller waits, and Twilio for 15 seconds.
const UNHURRIED: Duration = Duration::from_secs(5);
/// How often a version that is on its way from another instance is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How long it is looked for: without it the call would end, or go on from what it was a turn ago.
pub(super) const ON_ITS_WAY: Duration = Duration::from_secs(1);

//! Two instances that wrote one call from the same beginning: both did something with it, and neither knew. Nothing that was finished is
//! lost: the conversation goes on from the one that got further, with the caller's words and values of the other.

use std::time::Duration;

use tracing::{info, warn};

use super::entry::{Entry, Session};
use super::switchboard::Switchboard;
use crate::agent::Mode;
use crate::conversation::Stage;
use crate::store::record::CallDocument;
use crate::twilio::CallSid;

impl Switchboard {
    /// Puts together what is contested, whenever the store says that there is something.
    pub(super) async fn settle_contests(&self) {
        loop {
            self.store().contest().await;
            match self.store().contested().await {
                Ok(contested) => {
                    for call_sid in contested {
                        self.settle(&call_sid).await;
                    }
                }
                Err(error) => warn!(%error, "contested calls could not be looked up"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn settle(&self, call_sid: &CallSid) {
        let theirs = match self.store().elsewhere(call_sid).await {
            Ok(theirs) => theirs,
            Err(error) => {
                warn!(%call_sid, %error, "a contested call could not be looked up");
                None
            }
        };
        if let (Some(theirs), Some(entry)) = (theirs, self.entry(call_sid)) {
            if Mode::parse(&theirs.mode) == Some(Mode::Gather) && *entry.streaming.borrow() {
                // It was carried on in gather elsewhere: what our stream still knows is saved, and comes to it.
                entry.leave_stream().await;
            }
            let mut session = entry.session.lock().await;
            self.take_in(&entry, &mut session, theirs).await;
        } else {
            self.find(call_sid).await;
        }
        // Where both were put together the new version waits already, and this changes nothing.
        if let Err(error) = self.store().feed_again(call_sid).await {
            warn!(%call_sid, %error, "a contested call is not fed again");
        }
    }

    /// Takes in what another instance did with the call: in place of ours where it was made from ours, else beside it, and saved.
    pub(super) async fn take_in(&self, entry: &Entry, session: &mut Session, theirs: CallDocument) {
        if session.lineage.includes(session.version, &theirs.lineage, theirs.version) {
            return;
        }
        let was_live = session.ended_at.is_none();
        let newer = theirs.lineage.includes(theirs.version, &session.lineage, session.version) || session.version == 0;
        let Some(theirs) = Session::restore(theirs, session.agent.clone(), session.zone.clone()) else { return };
        if newer {
            *session = theirs;
            entry.tell(session);
        } else {
            info!(call_sid = %session.call_sid, "put together with what another instance made of the call");
            session.reconcile(theirs);
            self.save(entry, session).await;
        }
        if was_live && session.ended_at.is_some() {
            // Whoever ended it has counted it.
            self.one_less();
        }
    }
}

impl Session {
    /// Remembers files of cached speech that go with the call.
    pub(super) fn note_speech(&mut self, names: Vec<String>) {
        for name in names {
            if !self.speech.contains(&name) && self.speech.len() < MAX_SPEECH {
                self.speech.push(name);
            }
        }
    }

    /// How far the call got.
    fn progress(&self) -> (bool, bool, u32) {
        let stage = self.conversation.stage();
        (matches!(stage, Stage::Completed | Stage::HandedOver), self.mode == Mode::Gather, self.awaited)
    }

    /// Goes on from the one that got further, theirs where both are equal, with what only the other knows.
    fn reconcile(&mut self, mut theirs: Self) {
        if theirs.progress() >= self.progress() {
            std::mem::swap(self, &mut theirs);
            // Subscribers here have seen our lines, not theirs.
            self.told = theirs.told.min(self.told);
        }
        let other = theirs;
        self.lineage.join(&other.lineage, other.version);
        self.lineage.seen = self.lineage.knows(self.version);
        self.version = self.version.max(other.version);
        self.conversation.absorb(&other.conversation);
        self.started_at = self.started_at.min(other.started_at);
        self.connected |= other.connected;
        self.collected |= other.collected;
        self.answered_at = self.answered_at.or(other.answered_at);
        self.awaited = self.awaited.max(other.awaited);
        self.phone = self.phone.take().or(other.phone);
        self.recording = self.recording.take().or(other.recording);
        if self.mode == Mode::Gather || other.token.is_none() {
            self.token = None;
        }
        if self.mode == Mode::Stream {
            self.next = self.next.take().or(other.next);
        }
        self.note_speech(other.speech);
        for turn in other.turns {
            if !self.turns.contains(&turn) {
                self.turns.push(turn);
            }
        }
        if self.ended_at.is_some() || other.ended_at.is_some() {
            self.ended_at = [self.ended_at, other.ended_at].into_iter().flatten().min();
            self.conversation.ended_outside(self.connected);
        }
        if let Some(thinking) = other.thinking {
            thinking.forget();
        }
    }
}

/// Far more than a call has turns.
const MAX_SPEECH: usize = 1_000;
/// Between two looks, so that two instances that differ again and again do not keep MongoDB busy.
const PAUSE: Duration = Duration::from_secs(1);

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
        let newer = theirs.lineage.includes(theirs.version, &session.lineage, session.version) || session.version == 0;
        let Some(theirs) = Session::restore(theirs, session.agent.clone(), session.zone.clone()) else { return };
        if newer {
            // The other instance carries it now: our place is given back.
            session.give_way(theirs);
            entry.tell(session);
        } else {
            info!(call_sid = %session.call_sid, "put together with what another instance made of the call");
            session.reconcile(theirs);
            self.save(entry, session).await;
        }
    }
}

impl Session {
    /// Remembers files of cached speech that go with the call.
    pub(super) fn note_speech(&mut self, names: Vec<String>) {
        if let Some(claims) = &self.claims {
            claims.add(&names);
        }
        for name in names {
            if !self.speech.contains(&name) && self.speech.len() < MAX_SPEECH {
                self.speech.push(name);
            }
        }
    }

    /// Goes on from a version that was made from this one. What only this process knows stays.
    fn give_way(&mut self, theirs: Self) {
        let ours = std::mem::replace(self, theirs);
        // Subscribers here have seen our lines, not theirs.
        self.told = ours.told.min(self.told);
        self.claims = ours.claims;
        if let Some(thinking) = ours.thinking {
            // A turn that was answered elsewhere needs our mind no more; one that was not is still waiting for it.
            let same = self.awaited == ours.awaited && self.conversation.turn() == ours.conversation.turn();
            if same && self.ended_at.is_none() {
                self.thinking = Some(thinking);
            } else {
                thinking.forget();
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
        let mut other = theirs;
        self.place = self.place.take().or_else(|| other.place.take());
        self.claims = self.claims.take().or_else(|| other.claims.take());
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
            self.place = None;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;
    use tokio::sync::oneshot;

    use super::*;
    use crate::agent;
    use crate::conversation::{Conversation, Opening, UserTurn};
    use crate::session::gather::Thinking;
    use crate::session::switchboard::zone;

    /// A call in gather that was answered, as instance `one` has kept it and told of it.
    fn kept_by_one() -> (Session, CallDocument) {
        let agent = Arc::new(agent::parse("quick.toml", include_str!("../../tests/server/quick.toml")).unwrap());
        let opening = Opening { language: None, variables: Default::default(), recorded: false, mind: true };
        let conversation = Conversation::new(&agent, opening);
        let mut session = Session::of_test(agent, conversation);
        let local = session.local();
        session.conversation.begin(&session.agent.clone(), local);
        let (document, _) = session.documents("one");
        session.news();
        (session, document)
    }

    /// The same call as instance `two` goes on with it.
    fn at_two(document: CallDocument, of: &Session) -> Session {
        Session::restore(document, of.agent.clone(), zone(&of.agent)).unwrap()
    }

    #[test]
    fn a_version_that_only_this_process_made_is_unkept_until_the_journal_has_it() {
        let (mut session, document) = kept_by_one();
        assert!(!session.is_kept("one"), "nobody has taken it");
        let mut two = at_two(document, &session);
        assert!(two.is_kept("one") && two.is_kept("two"), "it was read from where it is kept");
        let (newer, _) = two.documents("two");
        assert!(!two.is_kept("two"));
        session.give_way(at_two(newer, &two));
        assert!(session.is_kept("one"), "the other process keeps what it made");
    }

    #[tokio::test]
    async fn subscribers_are_told_every_line_that_another_instance_added_and_none_twice() {
        let (mut session, document) = kept_by_one();
        let before = session.conversation.history().entries().len();
        let mut two = at_two(document, &session);
        two.conversation.user_turn(
            &session.agent,
            &UserTurn::Said { text: "English".to_owned(), audio_ms: None },
            two.local(),
        );
        let lines = two.conversation.history().entries().len();
        assert!(before > 0 && lines > before);
        let (newer, _) = two.documents("two");
        let theirs = at_two(newer, &session);
        session.give_way(theirs);
        let told = |news: Value| news["history"].as_array().unwrap().len();
        assert_eq!(told(session.news()), lines - before);
        assert_eq!(told(session.news()), 0);
    }

    #[tokio::test]
    async fn a_mind_thinks_on_for_a_turn_that_is_still_open_and_is_stopped_where_it_was_answered_elsewhere() {
        for answered in [false, true] {
            let (mut session, document) = kept_by_one();
            let (alive, mut stopped) = oneshot::channel::<()>();
            let mind = tokio::spawn(async move {
                let _alive = alive;
                std::future::pending().await
            });
            tokio::task::yield_now().await;
            session.thinking = Some(Thinking::of(mind));
            let mut two = at_two(document, &session);
            if answered {
                two.awaited += 1;
            }
            let (newer, _) = two.documents("two");
            let theirs = at_two(newer, &session);
            session.give_way(theirs);
            assert_eq!(session.thinking.is_some(), !answered);
            if answered {
                assert!((&mut stopped).await.is_err(), "nobody pays for it any more");
            } else {
                assert!(stopped.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
            }
        }
    }
}

//! The task that drains the outbox into MongoDB, until it is told to stop.

use std::future::IntoFuture;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use futures_util::{StreamExt, stream};
use metrics::{counter, gauge, histogram};
use mongodb::IndexModel;
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{IndexOptions, ReadConcern};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::deletions::Seen;
use super::{CALLS, COLLECTED, Failure, Inner, OPERATION, bounded, documents, late};
use crate::store::journal::{Errand, Waiting};
use crate::store::record::{CallDocument, CollectedDocument};
use crate::telemetry;

impl Inner {
    /// Drains the outbox until told to stop.
    pub(super) async fn feed(&self) {
        let mut indexed = false;
        let mut failures = 0;
        let mut seen = Seen::default();
        let mut looked: Option<Instant> = None;
        loop {
            let round = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                round = self.round(&mut indexed) => round,
            };
            match round {
                Ok(fed) => {
                    failures = 0;
                    self.worked();
                    if looked.is_none_or(|looked| looked.elapsed() >= PING) {
                        looked = Some(Instant::now());
                        // It is looked for again with the next round; MongoDB's state is known from the feeding.
                        if let Some(Err(why)) = self.stop.run_until_cancelled(self.follow_deletions(&mut seen)).await {
                            warn!(why, "deletions of other instances were not looked for");
                        }
                    }
                    if fed > 0 {
                        continue;
                    }
                    tokio::select! {
                        biased;
                        () = self.finish.cancelled() => return,
                        () = self.stop.cancelled() => return,
                        () = self.journal.outbox_changed() => {}
                        // Nothing to feed: the next round only asks whether MongoDB is still there.
                        () = sleep(PING) => {}
                    }
                }
                Err(why) => {
                    self.failed(why);
                    if self.finish.is_cancelled() {
                        return;
                    }
                    tokio::select! {
                        biased;
                        () = self.finish.cancelled() => {}
                        () = self.stop.cancelled() => return,
                        () = sleep(back_off(failures)) => {}
                    }
                    failures += 1;
                }
            }
        }
    }

    /// Feeds the oldest records once; how many left the outbox. With an empty outbox, asks whether MongoDB is there.
    async fn round(&self, indexed: &mut bool) -> Result<usize, String> {
        if !*indexed {
            self.make_indexes().await?;
            *indexed = true;
        }
        let waiting = self.journal.waiting(ROUND).await.map_err(|error| error.to_string())?;
        if waiting.is_empty() {
            let database = self.client().await.map_err(Failure::into_text)?.database(&self.database);
            bounded(OPERATION, database.run_command(doc! { "ping": 1 })).await.map_err(Failure::into_text)?;
            return Ok(0);
        }
        let mut fed = Vec::new();
        let mut refused = Vec::new();
        let mut contested = Vec::new();
        let mut away = None;
        {
            let mut running =
                stream::iter(by_call(waiting)).map(|errands| self.feed_call(errands)).buffer_unordered(SIDE_BY_SIDE);
            while let Some(mut outcome) = running.next().await {
                fed.append(&mut outcome.fed);
                refused.append(&mut outcome.refused);
                contested.append(&mut outcome.contested);
                if outcome.away.is_some() {
                    // The others would only wait for the same; what they may have written is written again later.
                    away = outcome.away;
                    break;
                }
            }
        }
        let settled = fed.len() + refused.len() + contested.len();
        counter!(telemetry::MONGO_WRITES, "outcome" => "acknowledged").increment(fed.len() as u64);
        if !fed.is_empty() {
            self.journal.acknowledge(fed).await.map_err(|error| error.to_string())?;
        }
        if !refused.is_empty() {
            counter!(telemetry::MONGO_WRITES, "outcome" => "refused").increment(refused.len() as u64);
            self.journal.set_aside(refused).await.map_err(|error| error.to_string())?;
        }
        if !contested.is_empty() {
            self.journal.contest(contested).await.map_err(|error| error.to_string())?;
            self.contest.notify_one();
        }
        if settled > 0 {
            self.rounds.send_modify(|rounds| *rounds += 1);
        }
        match away {
            Some(why) => {
                counter!(telemetry::MONGO_WRITES, "outcome" => "away").increment(1);
                Err(why)
            }
            None => Ok(settled),
        }
    }

    /// The errands of one call, in order.
    async fn feed_call(&self, errands: Vec<Waiting>) -> Fed {
        let mut outcome = Fed::default();
        for errand in errands {
            let started = Instant::now();
            match self.run(&errand).await {
                Ok(Kept::Contested) => outcome.contested.push(errand),
                Ok(Kept::Here) => {
                    histogram!(telemetry::MONGO_SECONDS).record(started.elapsed().as_secs_f64());
                    outcome.fed.push(errand);
                }
                Err(Failure::Refused(why)) => {
                    warn!(call_sid = %errand.call_sid, version = errand.version, %why, "mongodb refused a record for good");
                    outcome.refused.push(errand);
                }
                Err(Failure::Away(why)) => {
                    outcome.away = Some(why);
                    break;
                }
            }
        }
        outcome
    }

    async fn run(&self, errand: &Waiting) -> Result<Kept, Failure> {
        match &errand.what {
            Errand::Call(json) => {
                let document = documents::to_bson::<CallDocument>(json).map_err(Failure::Refused)?;
                self.keep(CALLS, errand, document).await
            }
            Errand::Collected(json) => {
                let document = documents::to_bson::<CollectedDocument>(json).map_err(Failure::Refused)?;
                self.keep(COLLECTED, errand, document).await
            }
            Errand::Delete => {
                self.leave_word(&errand.call_sid).await?;
                for collection in [COLLECTED, CALLS] {
                    let collection = self.collection(collection).await?;
                    bounded(OPERATION, collection.delete_many(doc! { "call_sid": errand.call_sid.as_str() })).await?;
                }
                Ok(Kept::Here)
            }
        }
    }

    /// Puts a document in the place of those that it was made from, and of no other.
    async fn keep(&self, collection: &str, errand: &Waiting, document: Document) -> Result<Kept, Failure> {
        let collection = self.collection(collection).await?;
        let (version, lineage) = documents::lineage(&document);
        let made_from = documents::made_from(errand.call_sid.as_str(), version, &lineage);
        // A duplicate key the first time may be a version that this one was made from, and that another instance inserted at this very
        // moment: then the second attempt replaces it.
        for _ in 0..2 {
            let write = collection.replace_one(made_from.clone(), &document).upsert(true).into_future();
            match timeout(OPERATION, write).await {
                Err(_) => return Err(Failure::Away(late(OPERATION))),
                Ok(Ok(_)) => return Ok(Kept::Here),
                Ok(Err(error)) if is_duplicate_call(&error) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        // There is another version. Only what a majority holds counts: a version of a lost primary may be rolled back.
        let theirs = doc! { "call_sid": errand.call_sid.as_str() };
        let found = bounded(OPERATION, collection.find_one(theirs).read_concern(ReadConcern::majority())).await?;
        let Some((their_version, theirs)) = found.as_ref().map(documents::lineage) else {
            return Err(Failure::Away("another version is not yet held by a majority".to_owned()));
        };
        if theirs.includes(their_version, &lineage, version) {
            Ok(Kept::Here)
        } else if lineage.includes(version, &theirs, their_version) {
            Err(Failure::Away("another version is not yet held by a majority".to_owned()))
        } else {
            counter!(telemetry::MONGO_WRITES, "outcome" => "contested").increment(1);
            info!(call_sid = %errand.call_sid, version, their_version, "another instance wrote the call from the same beginning");
            Ok(Kept::Contested)
        }
    }

    async fn make_indexes(&self) -> Result<(), String> {
        for name in [CALLS, COLLECTED] {
            let collection = self.collection(name).await.map_err(Failure::into_text)?;
            let unique = IndexOptions::builder().unique(true).build();
            let one_a_call = IndexModel::builder().keys(doc! { "call_sid": 1 }).options(unique).build();
            let by_start = IndexModel::builder().keys(doc! { "started_at": -1, "call_sid": -1 }).build();
            let make = collection.create_indexes([one_a_call, by_start]).into_future();
            match timeout(OPERATION, make).await {
                Err(_) => return Err(late(OPERATION)),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => match error.kind.as_ref() {
                    ErrorKind::Command(command) if NO_INDEX.contains(&command.code) => {
                        let why = &command.message;
                        warn!(collection = name, %why, "no unique index on call_sid: two instances may write a call twice");
                    }
                    _ => return Err(Failure::from(error).into_text()),
                },
            }
        }
        if let Err(why) = self.make_words_expire().await {
            warn!(why = why.into_text(), "what was deleted is remembered for ever");
        }
        info!(database = self.database, "mongodb is connected");
        Ok(())
    }

    fn worked(&self) {
        if !self.reachable.swap(true, Ordering::Relaxed) {
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            gauge!(telemetry::MONGO_UP).set(1.0);
        }
    }

    fn failed(&self, why: String) {
        gauge!(telemetry::MONGO_UP).set(0.0);
        let mut last_error = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        // Once for each outage: it is tried again and again.
        if self.reachable.swap(false, Ordering::Relaxed) || last_error.is_none() {
            warn!(%why, "mongodb cannot be reached; records wait in the journal");
        }
        *last_error = Some(why);
    }
}

/// What became of a call's errands.
#[derive(Debug, Default)]
struct Fed {
    fed: Vec<Waiting>,
    refused: Vec<Waiting>,
    contested: Vec<Waiting>,
    away: Option<String>,
}

/// What MongoDB did with a record that it did not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It, or a version that was made from it, is there.
    Here,
    /// What is there was made by another instance from the same beginning, and neither may replace the other.
    Contested,
}

fn is_duplicate_call(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(write)) => {
            write.code == DUPLICATE_KEY && write.message.contains("call_sid")
        }
        _ => false,
    }
}

/// The errands call by call, calls and errands in the order in which they wait.
fn by_call(waiting: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut calls: Vec<Vec<Waiting>> = Vec::new();
    for errand in waiting {
        match calls.iter_mut().find(|errands| errands.first().is_some_and(|first| first.call_sid == errand.call_sid)) {
            Some(errands) => errands.push(errand),
            None => calls.push(vec![errand]),
        }
    }
    calls
}

/// 0.2 s, doubling up to 10 s, of which chance takes away up to half, so that instances do not come back all at once.
fn back_off(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

const PING: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Records read from the outbox at a time.
const ROUND: usize = 64;
/// Calls fed at a time.
const SIDE_BY_SIDE: usize = 8;
const DUPLICATE_KEY: i32 = 11000;
/// Unauthorized, IndexOptionsConflict, IndexKeySpecsConflict, DuplicateKey: an index that will not come by trying again.
const NO_INDEX: [i32; 4] = [13, 85, 86, DUPLICATE_KEY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_differ() {
        for failures in [0, 1, 5, 6, 40, u32::MAX] {
            let pause = back_off(failures);
            assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE, "{failures}: {pause:?}");
        }
        assert!(back_off(40) >= LONGEST_PAUSE / 2);
        assert_ne!(back_off(40), back_off(40));
    }
}

//! The journal's two threads: one writes, grouping what is queued into one commit, and one reads. They block on the disk so that
//! no other thread has to.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::sql::{self, Growth};
use super::{Errand, Found, JournalConfig, Shared, Taken, Waiting, file, room};
use crate::store::record::{CallDocument, CollectedDocument};
use crate::store::{Deletion, ListFilter, StoreError};
use crate::telemetry;
use crate::twilio::CallSid;

/// What the writing thread is asked for.
#[derive(Debug)]
pub(super) enum Write {
    Save(Box<CallDocument>, Option<Box<CollectedDocument>>, Taken),
    Delete(CallSid),
    /// Calls that were deleted elsewhere, by their hashes.
    Bury(HashSet<Vec<u8>>),
    Fed(Vec<Waiting>),
    Refused(Vec<Waiting>),
    Contested(Vec<Waiting>),
    FeedAgain(CallSid),
    /// A read that must see the writes before it.
    Find(CallSid),
    /// Finds out whether writing works.
    Probe,
    Stop,
}

/// What the writing thread answers.
#[derive(Debug)]
pub(super) enum Reply {
    Done,
    Deleted(Deletion),
    Found(Found),
}

/// What the reading thread is asked for.
#[derive(Debug)]
pub(super) enum Query {
    Calls(ListFilter, Answer<Vec<CallDocument>>),
    Collected(ListFilter, Answer<Vec<CollectedDocument>>),
    Waiting(usize, Answer<Vec<Waiting>>),
    Deletions(Answer<HashSet<CallSid>>),
    Contested(usize, Answer<Vec<CallSid>>),
    Hashed(HashSet<Vec<u8>>, Answer<Vec<CallSid>>),
    Stop(Answer<()>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;
pub(super) type Asked = (Write, Option<Answer<Reply>>);

/// Starts both threads; `opened` hears whether the file could be opened.
pub(super) fn spawn(
    config: JournalConfig,
    shared: Arc<Shared>,
    writes: mpsc::Receiver<Asked>,
    reads: mpsc::Receiver<Query>,
    opened: oneshot::Sender<Result<(), StoreError>>,
) -> Result<(), StoreError> {
    let thread_failed = |error: std::io::Error| StoreError::Journal(error.to_string());
    let writing = move || {
        let ready = Writer::open(&config, Arc::clone(&shared)).and_then(|writer| {
            let reader = file::open_reader(&config.dir)?;
            let reading = move || read(reader, reads, &shared);
            named("trunkline-journal-read").spawn(reading).map_err(thread_failed)?;
            Ok(writer)
        });
        match ready {
            Ok(writer) => {
                if opened.send(Ok(())).is_ok() {
                    writer.run(writes);
                }
            }
            Err(error) => {
                // Nobody waits any more if this fails.
                opened.send(Err(error)).ok();
            }
        }
    };
    named("trunkline-journal").spawn(writing).map_err(thread_failed)?;
    Ok(())
}

struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    outbox: bool,
    waiting: u64,
    refused: u64,
}

impl Writer {
    fn open(config: &JournalConfig, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let connection = file::open(&config.dir, config.max_bytes)?;
        connection.set_prepared_statement_cache_capacity(64);
        if config.outbox {
            sql::queue_the_unfed(&connection)?;
        }
        let (waiting, refused) = sql::outbox_size(&connection)?;
        shared.outbox(waiting, refused);
        shared.size(sql::bytes(&connection)?);
        shared.outbox_changed.notify_one();
        Ok(Self { connection, shared, outbox: config.outbox, waiting, refused })
    }

    fn run(mut self, mut queue: mpsc::Receiver<Asked>) {
        let mut group: Vec<Asked> = Vec::new();
        let mut stopped = None;
        let mut committed: Option<Instant> = None;
        while let Some(first) = queue.blocking_recv() {
            // Where much is kept and nobody waits for this one, others soon join it: a commit costs more than what is in it.
            let busy = committed.is_some_and(|at| at.elapsed() < BUSY);
            if busy && first.1.is_none() && matches!(first.0, Write::Save(..)) {
                #[expect(clippy::disallowed_methods, reason = "the journal's own thread: nothing else runs on it")]
                thread::sleep(COMPANY);
            }
            group.push(first);
            while group.len() < GROUP {
                match queue.try_recv() {
                    Ok(next) => group.push(next),
                    Err(_) => break,
                }
            }
            let stop = group.iter().position(|(write, _)| matches!(write, Write::Stop));
            let stopping = stop.map(|at| group.split_off(at));
            self.commit(std::mem::take(&mut group));
            committed = Some(Instant::now());
            if let Some(rest) = stopping {
                queue.close();
                // What was queued behind the stop is told that it came too late: its answer is dropped.
                stopped = rest.into_iter().next().and_then(|(_, answer)| answer);
                break;
            }
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the journal did not close cleanly; the next start recovers it");
        }
        respond(stopped, Ok(Reply::Done));
    }

    /// Carries out a group in one transaction; if SQLite fails, each member alone, so that one cannot spoil the others.
    fn commit(&mut self, group: Vec<Asked>) {
        if group.is_empty() {
            return;
        }
        let started = Instant::now();
        let (writes, answers): (Vec<Write>, Vec<_>) = group.into_iter().unzip();
        let results = match self.attempt(&writes) {
            Ok(results) => results,
            Err(StoreError::Full(_)) if self.trim() => {
                self.attempt(&writes).unwrap_or_else(|_| self.one_by_one(&writes))
            }
            Err(_) => self.one_by_one(&writes),
        };
        let took = started.elapsed();
        self.shared.size(sql::bytes(&self.connection).unwrap_or(0));
        histogram!(telemetry::JOURNAL_SECONDS).record(took.as_secs_f64());
        for ((write, result), answer) in writes.iter().zip(results).zip(answers) {
            if let (Ok(_) | Err(StoreError::Deleted), Write::Save(call, _, taken)) = (&result, write) {
                taken.note(call.version);
            }
            match (&result, write) {
                (Ok(_), Write::Save(..)) => {
                    counter!(telemetry::JOURNAL_SAVES).increment(1);
                    self.shared.worked();
                }
                (Ok(_), Write::Probe) => self.shared.worked(),
                // That it does not work is known, or it would not be tried.
                (Err(_), Write::Probe) | (Err(StoreError::Deleted), _) | (Ok(_), _) => {}
                (Err(error), _) => self.shared.failed(error),
            }
            respond(answer, result);
        }
    }

    fn one_by_one(&mut self, writes: &[Write]) -> Vec<Result<Reply, StoreError>> {
        let alone = |write: &Write| {
            let mut results = self.attempt(std::slice::from_ref(write))?;
            results.pop().unwrap_or(Err(StoreError::Closed))
        };
        writes.iter().map(alone).collect()
    }

    /// One transaction. An error of SQLite undoes all of it; a record's own error undoes nothing, since it wrote nothing.
    fn attempt(&mut self, writes: &[Write]) -> Result<Vec<Result<Reply, StoreError>>, StoreError> {
        // Losing the note that MongoDB has a record costs one repetition, so such a commit need not reach the disk at once.
        let synced = writes.iter().any(|write| match write {
            Write::Save(..) | Write::Delete(_) | Write::Bury(_) | Write::Probe => true,
            Write::Fed(_)
            | Write::Refused(_)
            | Write::Contested(_)
            | Write::FeedAgain(_)
            | Write::Find(_)
            | Write::Stop => false,
        });
        if !synced {
            self.connection.pragma_update(None, "synchronous", "NORMAL").map_err(sql::broken)?;
        }
        let done = self.transaction(writes);
        if !synced {
            self.connection.pragma_update(None, "synchronous", "FULL").map_err(sql::broken)?;
        }
        let (results, growth) = done?;
        self.waiting = self.waiting.saturating_add_signed(growth.waiting);
        self.refused = self.refused.saturating_add_signed(growth.refused);
        if self.outbox {
            self.shared.outbox(self.waiting, self.refused);
            if synced || writes.iter().any(|write| matches!(write, Write::FeedAgain(_))) {
                self.shared.outbox_changed.notify_one();
            }
        }
        // The second time it is the errand of the deletion, which names the call.
        let deletes = |write: &Write| {
            matches!(write, Write::Delete(_))
                || matches!(write, Write::Fed(fed) if fed.iter().any(|errand| errand.what == Errand::Delete))
        };
        if writes.iter().any(deletes) {
            self.empty_log();
        }
        Ok(results)
    }

    fn transaction(&mut self, writes: &[Write]) -> Result<(Vec<Result<Reply, StoreError>>, Growth), StoreError> {
        let mut growth = Growth::default();
        let mut results = Vec::with_capacity(writes.len());
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql::broken)?;
        for write in writes {
            let result = carry_out(&transaction, write, self.outbox, &mut growth);
            if let Err(StoreError::Forbidden(_) | StoreError::Full(_) | StoreError::Journal(_)) = &result {
                return result.map(|_| (Vec::new(), growth));
            }
            results.push(result);
        }
        transaction.commit().map_err(sql::broken)?;
        Ok((results, growth))
    }

    /// Makes room among what MongoDB holds. Whether any was made.
    fn trim(&self) -> bool {
        if !self.outbox {
            return false;
        }
        match sql::trim(&self.connection) {
            Ok(gone) => {
                counter!(telemetry::JOURNAL_TRIMMED).increment(gone as u64);
                gone > 0
            }
            Err(error) => {
                tracing::warn!(%error, "could not make room in the journal");
                false
            }
        }
    }

    /// A deleted call's words must not stay in the log either.
    fn empty_log(&self) {
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        if !matches!(emptied, Ok(false)) {
            tracing::warn!("a deleted call's bytes stay in the journal's log until its next checkpoint");
        }
    }
}

fn carry_out(connection: &Connection, write: &Write, outbox: bool, growth: &mut Growth) -> Result<Reply, StoreError> {
    let mut grow = |by: Growth| {
        growth.waiting += by.waiting;
        growth.refused += by.refused;
    };
    match write {
        Write::Save(call, collected, _) => {
            let (newer, by) = sql::save(connection, call, collected.as_deref(), outbox)?;
            grow(by);
            if !newer {
                counter!(telemetry::JOURNAL_SUPERSEDED).increment(1);
            }
            Ok(Reply::Done)
        }
        Write::Delete(call_sid) => {
            let (deletion, by) = sql::delete(connection, call_sid, outbox)?;
            grow(by);
            Ok(Reply::Deleted(deletion))
        }
        Write::Bury(hashes) => sql::bury(connection, hashes).map(|()| Reply::Done),
        Write::Fed(all) => {
            for waiting in all {
                grow(sql::fed(connection, waiting)?);
            }
            Ok(Reply::Done)
        }
        Write::Refused(all) => {
            for waiting in all {
                grow(sql::set_aside(connection, waiting, sql::REFUSED)?);
            }
            Ok(Reply::Done)
        }
        Write::Contested(all) => {
            for waiting in all {
                grow(sql::set_aside(connection, waiting, sql::CONTESTED)?);
            }
            Ok(Reply::Done)
        }
        Write::FeedAgain(call_sid) => sql::feed_again(connection, call_sid).map(|()| Reply::Done),
        Write::Find(call_sid) => sql::find(connection, call_sid).map(Reply::Found),
        Write::Probe => room::write_some(connection).map(|()| Reply::Done),
        Write::Stop => Ok(Reply::Done),
    }
}

fn read(connection: Connection, mut queue: mpsc::Receiver<Query>, shared: &Shared) {
    while let Some(query) = queue.blocking_recv() {
        match query {
            Query::Calls(filter, answer) => respond(Some(answer), sql::list_calls(&connection, &filter)),
            Query::Collected(filter, answer) => respond(Some(answer), sql::list_collected(&connection, &filter)),
            Query::Waiting(limit, answer) => {
                let waiting = sql::waiting(&connection, limit).map(|(waiting, oldest)| {
                    shared.oldest_waiting_ms.store(oldest, Ordering::Relaxed);
                    waiting
                });
                respond(Some(answer), waiting);
            }
            Query::Deletions(answer) => {
                let deletions = sql::deletions_waiting(&connection).map(|all| all.into_iter().collect());
                respond(Some(answer), deletions);
            }
            Query::Contested(limit, answer) => respond(Some(answer), sql::contested(&connection, limit)),
            Query::Hashed(hashes, answer) => respond(Some(answer), sql::hashed(&connection, &hashes)),
            Query::Stop(answer) => {
                drop(connection);
                respond(Some(answer), Ok(()));
                return;
            }
        }
    }
}

/// Answers whoever still waits; one who gave up is no loss.
fn respond<T>(answer: Option<Answer<T>>, result: Result<T, StoreError>) {
    if let Some(answer) = answer {
        answer.send(result).ok();
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// How long a finished turn waits for others to be kept with, and how close together commits must come for it to wait at all.
const COMPANY: Duration = Duration::from_millis(10);
const BUSY: Duration = Duration::from_millis(50);
/// Writes in one commit, at most.
const GROUP: usize = 256;

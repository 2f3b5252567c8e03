//! The embedded journal: one SQLite file, written by one thread of its own, read by another. It is the durable truth of this
//! instance and the outbox towards MongoDB; it is no cache and knows no network.
//!
//! Key types: [`Journal`], [`Waiting`].
//!
//! Durability: WAL with `synchronous=FULL`, so each commit that acknowledges a finished turn is on the disk (one `fsync` of the
//! log). Commits are grouped: whatever is queued while the disk syncs goes into the next commit together. Commits that only
//! note what MongoDB has acknowledged are not synced: losing them means feeding a record twice, which changes nothing.
//!
//! Size: the outbox holds at most two records a call, whatever happens to MongoDB, since a newer version takes the place of the
//! one that waits. The file is bounded by [`JournalConfig::max_bytes`]: at the limit, or on a full disk, the oldest ended calls
//! that MongoDB has acknowledged go first; what only we hold is never dropped, and then a save fails with [`StoreError::Full`].

mod file;
mod room;
pub(super) mod set_aside;
mod sql;
mod threads;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{counter, gauge};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::record::{CallDocument, CollectedDocument};
use super::{Deletion, ListFilter, StoreError};
use crate::telemetry;
use crate::twilio::CallSid;
use threads::{Asked, Query, Reply, Write};

/// How to open a journal.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// The folder of the file.
    pub dir: PathBuf,
    /// Whether records are queued for MongoDB.
    pub outbox: bool,
    /// The file's largest size in bytes. Its write-ahead log comes on top, some 4 MB.
    pub max_bytes: u64,
}

/// The embedded journal. Cheap to clone; the threads end, with all that was accepted written, when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

/// Up to which version the journal has taken a call; noted by its own thread, also where nobody waits. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<AtomicU64>);

/// What the journal knows of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Its newest version here.
    Call(Box<CallDocument>),
    /// It was deleted here.
    Deleted,
    /// Nothing.
    Unknown,
}

/// A record of the outbox, on its way to MongoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The call.
    pub call_sid: CallSid,
    /// The version to bring there.
    pub version: u64,
    /// What to do there.
    pub what: Errand,
}

/// What MongoDB is to do with a record of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Keep this [`CallDocument`] in `calls`; JSON.
    Call(String),
    /// Keep this [`CollectedDocument`] in `collected_data`; JSON.
    Collected(String),
    /// Remove the call from both.
    Delete,
}

/// What a journal holds, as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Calls in it.
    pub calls: u64,
    /// Records that wait for MongoDB.
    pub waiting: u64,
    /// Records that MongoDB refused for good.
    pub refused: u64,
    /// How long the oldest of those that wait has waited.
    pub oldest_waits: Duration,
    /// Size of the file.
    pub bytes: u64,
}

/// Looks into the journal of a folder and changes nothing; a server may be using it. `None`: there is none yet.
///
/// # Errors
/// It cannot be read, or a newer program wrote it. Blocks on the disk.
pub fn look_into(dir: &Path) -> Result<Option<Census>, StoreError> {
    file::open_to_look(dir)?.map(|connection| sql::census(&connection)).transpose()
}

/// How the journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalStatus {
    /// Whether the last write succeeded.
    pub writable: bool,
    /// Records that wait for MongoDB.
    pub backlog: u64,
    /// How long the oldest has waited, as seen when the outbox was last read.
    pub backlog_age: Duration,
    /// Records that MongoDB refused for good.
    pub refused: u64,
    /// Size of the file in bytes, its free pages included.
    pub bytes: u64,
    /// Why the last write failed, if it did.
    pub last_error: Option<String>,
}

impl JournalConfig {
    /// A journal in `dir` with no outbox and the default limit of 16 GiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), outbox: false, max_bytes: 16 << 30 }
    }
}

impl Journal {
    /// Opens the journal of a folder, with no outbox. See [`Self::open_with`].
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(JournalConfig::new(dir)).await
    }

    /// Opens or makes the file. A corrupt file is moved aside, with a warning that names it, and a new one is started. With an
    /// outbox, every record that MongoDB has not acknowledged is queued, also those kept while MongoDB was not configured.
    ///
    /// # Errors
    /// The folder or file cannot be made or opened, or a newer program wrote it.
    pub async fn open_with(config: JournalConfig) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let (writes, write_queue) = mpsc::channel(WRITE_QUEUE);
        let (reads, read_queue) = mpsc::channel(READ_QUEUE);
        let (opened, ready) = oneshot::channel();
        threads::spawn(config, Arc::clone(&shared), write_queue, read_queue, opened)?;
        ready.await.map_err(|_| StoreError::Closed)??;
        gauge!(telemetry::JOURNAL_WRITABLE).set(1.0);
        tokio::spawn(room::watch(writes.downgrade(), Arc::clone(&shared)));
        Ok(Self { inner: Arc::new(Inner { writes, reads, shared }) })
    }

    /// Keeps a version of a call and of its collected data; returns once durable. See [`super::Store::save`].
    ///
    /// # Errors
    /// Nothing of this version was kept, but for [`StoreError::Late`], where it may be.
    pub async fn save(&self, call: CallDocument, collected: Option<CollectedDocument>) -> Result<(), StoreError> {
        self.save_noting(call, collected, &Taken::default()).await
    }

    /// As [`Self::save`]; `taken` learns of it whenever it is done, also if this future is dropped meanwhile.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub async fn save_noting(
        &self,
        call: CallDocument,
        collected: Option<CollectedDocument>,
        taken: &Taken,
    ) -> Result<(), StoreError> {
        let write = Write::Save(Box::new(call), collected.map(Box::new), taken.clone());
        self.write(write).await.map(|_| ())
    }

    /// Queues a version of a call and returns at once; `taken` learns of it once it is done. See [`super::Store::save_nowait`].
    ///
    /// # Errors
    /// [`StoreError::Busy`] or [`StoreError::Closed`].
    pub fn save_nowait(
        &self,
        call: CallDocument,
        collected: Option<CollectedDocument>,
        taken: &Taken,
    ) -> Result<(), StoreError> {
        let write = Write::Save(Box::new(call), collected.map(Box::new), taken.clone());
        self.inner.writes.try_send((write, None)).map_err(|refused| {
            let error = match refused {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            };
            counter!(telemetry::JOURNAL_QUEUE_FULL).increment(1);
            self.inner.shared.failed(&error);
            error
        })
    }

    /// The newest version of a call. Sees every save that was queued before.
    ///
    /// # Errors
    /// SQLite failed, or the record does not have its form.
    pub async fn load(&self, call_sid: &CallSid) -> Result<Option<CallDocument>, StoreError> {
        self.find(call_sid).await.map(Found::call)
    }

    /// What is known of a call, its deletion included. Sees every save that was queued before.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn find(&self, call_sid: &CallSid) -> Result<Found, StoreError> {
        match self.write(Write::Find(call_sid.clone())).await? {
            Reply::Found(found) => Ok(found),
            Reply::Done | Reply::Deleted(_) => Ok(Found::Unknown),
        }
    }

    /// Calls, newest first.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn list(&self, filter: ListFilter) -> Result<Vec<CallDocument>, StoreError> {
        self.read(|answer| Query::Calls(filter, answer)).await
    }

    /// Collected data, newest call first.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn list_collected(&self, filter: ListFilter) -> Result<Vec<CollectedDocument>, StoreError> {
        self.read(|answer| Query::Collected(filter, answer)).await
    }

    /// Deletes a call and its collected data, and empties the log of them; durable on return. Later saves of the call are
    /// refused for a week. With an outbox the deletion is queued for MongoDB, also where the call is not known here.
    ///
    /// # Errors
    /// SQLite failed: nothing was deleted.
    pub async fn delete(&self, call_sid: &CallSid) -> Result<Deletion, StoreError> {
        match self.write(Write::Delete(call_sid.clone())).await? {
            Reply::Deleted(deletion) => Ok(deletion),
            Reply::Done | Reply::Found(_) => Err(StoreError::Closed),
        }
    }

    /// Refuses later saves of calls that were deleted elsewhere, by their hashes, for a week; durable on return.
    ///
    /// # Errors
    /// SQLite failed: none is refused.
    pub(super) async fn bury(&self, hashes: HashSet<Vec<u8>>) -> Result<(), StoreError> {
        self.write(Write::Bury(hashes)).await.map(|_| ())
    }

    /// The oldest records of the outbox, without those that MongoDB refused.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn waiting(&self, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        self.read(|answer| Query::Waiting(limit, answer)).await
    }

    /// Calls whose deletion MongoDB has not carried out yet.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn deletions_waiting(&self) -> Result<HashSet<CallSid>, StoreError> {
        self.read(Query::Deletions).await
    }

    /// What is remembered of a deleted call, here and in MongoDB.
    pub(super) fn hash(call_sid: &CallSid) -> Vec<u8> {
        sql::hash(call_sid)
    }

    /// The calls here whose names have one of these hashes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) async fn hashed(&self, hashes: HashSet<Vec<u8>>) -> Result<Vec<CallSid>, StoreError> {
        self.read(|answer| Query::Hashed(hashes, answer)).await
    }

    /// Takes records out of the outbox, because MongoDB has acknowledged them. A newer version that came since stays.
    ///
    /// # Errors
    /// SQLite failed: they will be fed again, which is harmless.
    pub async fn acknowledge(&self, fed: Vec<Waiting>) -> Result<(), StoreError> {
        self.write(Write::Fed(fed)).await.map(|_| ())
    }

    /// Sets records aside that MongoDB refused for good, until a newer version of them comes.
    ///
    /// # Errors
    /// SQLite failed: they will be tried again.
    pub async fn set_aside(&self, refused: Vec<Waiting>) -> Result<(), StoreError> {
        self.write(Write::Refused(refused)).await.map(|_| ())
    }

    /// Sets records aside because MongoDB holds a version that was not made from them, nor they from it, until a newer version of
    /// them comes or [`Self::feed_again`].
    ///
    /// # Errors
    /// SQLite failed: they will be tried again.
    pub async fn contest(&self, contested: Vec<Waiting>) -> Result<(), StoreError> {
        self.write(Write::Contested(contested)).await.map(|_| ())
    }

    /// Has the call's contested records fed once more.
    ///
    /// # Errors
    /// SQLite failed: they stay aside until the next start.
    pub async fn feed_again(&self, call_sid: &CallSid) -> Result<(), StoreError> {
        self.write(Write::FeedAgain(call_sid.clone())).await.map(|_| ())
    }

    /// Calls with contested records, the oldest first.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn contested(&self, limit: usize) -> Result<Vec<CallSid>, StoreError> {
        self.read(|answer| Query::Contested(limit, answer)).await
    }

    /// Resolves when something may have been put into the outbox since the last time.
    pub async fn outbox_changed(&self) {
        self.inner.shared.outbox_changed.notified().await;
    }

    /// Resolves when writes succeed that had failed since the last time; the moment of the first that failed.
    pub async fn kept_again(&self) -> Timestamp {
        let shared = &self.inner.shared;
        loop {
            shared.kept_again.notified().await;
            if let Some(since) = shared.failed_since.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return since;
            }
        }
    }

    /// How the journal is now. Cheap.
    pub fn status(&self) -> JournalStatus {
        let shared = &self.inner.shared;
        let oldest = shared.oldest_waiting_ms.load(Ordering::Relaxed);
        let age = Timestamp::now().as_millisecond().saturating_sub(oldest);
        let backlog = shared.backlog.load(Ordering::Relaxed);
        JournalStatus {
            writable: shared.writable.load(Ordering::Relaxed),
            backlog,
            backlog_age: if backlog == 0 || oldest == 0 {
                Duration::ZERO
            } else {
                Duration::from_millis(u64::try_from(age).unwrap_or(0))
            },
            refused: shared.refused.load(Ordering::Relaxed),
            bytes: shared.bytes.load(Ordering::Relaxed),
            last_error: shared.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Waits until all that was queued before is written, then ends the threads. Later calls give [`StoreError::Closed`].
    pub async fn shutdown(&self) {
        // Closed or late, there is nothing more that could be done. The writer goes last: the last one out empties the log.
        self.read(Query::Stop).await.ok();
        self.write(Write::Stop).await.ok();
    }

    async fn write(&self, write: Write) -> Result<Reply, StoreError> {
        let (answer, reply) = oneshot::channel();
        let asked = async {
            let sent = self.inner.writes.send((write, Some(answer))).await;
            sent.map_err(|_| StoreError::Closed)?;
            reply.await.map_err(|_| StoreError::Closed)?
        };
        timeout(PATIENCE, asked).await.unwrap_or(Err(StoreError::Late(PATIENCE)))
    }

    async fn read<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Query,
    ) -> Result<T, StoreError> {
        let (answer, reply) = oneshot::channel();
        let asked = async {
            let sent = self.inner.reads.send(query(answer)).await;
            sent.map_err(|_| StoreError::Closed)?;
            reply.await.map_err(|_| StoreError::Closed)?
        };
        timeout(PATIENCE, asked).await.unwrap_or(Err(StoreError::Late(PATIENCE)))
    }
}

impl Taken {
    /// Of a call that was read in this version.
    pub fn up_to(version: u64) -> Self {
        Self(Arc::new(AtomicU64::new(version)))
    }

    /// The newest version that needs to be kept no more; 0 if there is none.
    pub fn version(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn note(&self, version: u64) {
        self.0.fetch_max(version, Ordering::AcqRel);
    }
}

impl Found {
    /// The call, if it is there.
    pub fn call(self) -> Option<CallDocument> {
        match self {
            Self::Call(call) => Some(*call),
            Self::Deleted | Self::Unknown => None,
        }
    }
}

#[derive(Debug)]
struct Inner {
    writes: mpsc::Sender<Asked>,
    reads: mpsc::Sender<Query>,
    shared: Arc<Shared>,
}

/// What the threads tell everybody.
#[derive(Debug)]
struct Shared {
    backlog: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    oldest_waiting_ms: AtomicI64,
    writable: AtomicBool,
    last_error: Mutex<Option<String>>,
    outbox_changed: Notify,
    /// Rings when a write has failed, and when the journal is gone.
    failing: Notify,
    /// When the first of the writes failed that nobody was told of yet.
    failed_since: Mutex<Option<Timestamp>>,
    /// Rings when writes succeed again.
    kept_again: Notify,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.failing.notify_one();
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            backlog: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            oldest_waiting_ms: AtomicI64::new(0),
            writable: AtomicBool::new(true),
            last_error: Mutex::new(None),
            outbox_changed: Notify::new(),
            failing: Notify::new(),
            failed_since: Mutex::new(None),
            kept_again: Notify::new(),
        }
    }
}

impl Shared {
    /// Notes a failed write; says so in the log once, until a write succeeds again.
    fn failed(&self, error: &StoreError) {
        counter!(telemetry::JOURNAL_FAILURES).increment(1);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        // Of each, not only of the first: `kept_again` may have taken the moment while others go on failing.
        self.failed_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Timestamp::now);
        if self.writable.swap(false, Ordering::Relaxed) {
            gauge!(telemetry::JOURNAL_WRITABLE).set(0.0);
            let advice = error.advice().unwrap_or_default();
            tracing::error!(%error, advice, "finished turns are not being kept; calls go on");
            self.failing.notify_one();
        }
    }

    /// Notes a write that succeeded.
    fn worked(&self) {
        if !self.writable.swap(true, Ordering::Relaxed) {
            gauge!(telemetry::JOURNAL_WRITABLE).set(1.0);
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!("finished turns are being kept again");
            self.kept_again.notify_one();
        }
    }

    /// Notes the file's size, after a commit.
    fn size(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        gauge!(telemetry::JOURNAL_BYTES).set(bytes as f64);
    }

    /// Notes the outbox's size, after a commit.
    fn outbox(&self, waiting: u64, refused: u64) {
        self.backlog.store(waiting, Ordering::Relaxed);
        self.refused.store(refused, Ordering::Relaxed);
        gauge!(telemetry::JOURNAL_BACKLOG).set(waiting as f64);
        gauge!(telemetry::JOURNAL_REFUSED).set(refused as f64);
    }
}

/// Saves that may wait for the disk. At 20 KB a call that is 20 MB at worst.
const WRITE_QUEUE: usize = 1024;
const READ_QUEUE: usize = 64;
/// How long an asker waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_fails_after_the_failures_were_told_is_told_too_once_writes_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).await.unwrap();
        let shared = &journal.inner.shared;
        shared.failed(&StoreError::Busy);
        shared.worked();
        // Another fails before anybody hears of it, and one more after.
        shared.failed(&StoreError::Busy);
        assert!(journal.kept_again().now_or_never().is_some());
        assert!(journal.kept_again().now_or_never().is_none());
        shared.failed(&StoreError::Busy);
        shared.worked();
        assert!(journal.kept_again().now_or_never().is_some());
    }
}

//! What is kept of calls. Every record is first durable in the embedded journal, then, with MongoDB configured, fed to it in order
//! per call. It is not the session: it knows documents and versions, no stages.
//!
//! Key types: [`Store`], [`record::CallDocument`], [`record::CollectedDocument`], [`ListFilter`], [`speech_cache::SpeechCache`].
//!
//! Invariant: a call never waits for MongoDB; what [`Store::save`] acknowledged survives a kill and a power cut; a version is replaced
//! only by one that was made from it, however many instances write.

pub mod do_not_call;
pub mod journal;
mod list;
pub mod mongo;
pub mod record;
pub mod recording;
pub mod retention;
pub mod speech_cache;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::warn;

use crate::twilio::CallSid;
pub use journal::Taken;
use journal::{Found, Journal, JournalConfig, set_aside};
pub use list::{ListFilter, Place};
use list::{Versioned, merge};
use mongo::{Mongo, MongoConfig};
use record::{CallDocument, CollectedDocument};

/// Where calls are kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `DATA_DIR`: the journal is the file `trunkline.sqlite` in it. Made if missing, readable by its owner alone.
    pub data_dir: PathBuf,
    /// `MONGODB_URI` and `MONGODB_DATABASE`; without it the journal is all there is.
    pub mongodb: Option<MongoConfig>,
}

/// Everything that is kept of calls, behind one face. Cheap to clone.
///
/// Writes go to the journal alone. A task feeds them to MongoDB; reads look at both and the newer version counts.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<str>,
    data_dir: Arc<Path>,
    journal: Journal,
    mongo: Option<Mongo>,
}

/// How the store is, for `/readyz`, `trunkline check` and the start-up log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// `mongodb` where it is configured, else `sqlite`.
    pub memory: &'static str,
    /// Whether its last operation succeeded. A MongoDB that was never reached counts as unreachable.
    pub reachable: bool,
    /// Whether the last write to the journal succeeded: if not, finished turns are not being kept.
    pub journal_writable: bool,
    /// Records that wait for MongoDB: at most two a call, however many versions it had.
    pub backlog: u64,
    /// How long the oldest of them has waited, in seconds.
    pub backlog_age_s: u64,
    /// Records that MongoDB refused for good; they stay in the journal.
    pub refused: u64,
    /// Size of the journal's file.
    pub journal_bytes: u64,
    /// What went wrong last, without secrets; nothing once it works again.
    pub last_error: Option<String>,
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The version that was made from all others, or, where there is a rival, this instance's.
    pub call: CallDocument,
    /// What another instance made from the same beginning.
    pub rival: Option<Box<CallDocument>>,
}

/// What a deletion found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Whether the call was known, here or in MongoDB. One that MongoDB alone may know, while it is away, is deleted there all the same.
    pub found: bool,
    /// File name of its recording, for whoever keeps recordings to delete.
    pub recording: Option<String>,
    /// Names of the files of cached speech that say something of this call alone, for whoever keeps them to delete.
    pub speech: Vec<String>,
    /// MongoDB has not confirmed yet: the deletion is queued durably and will be carried out when it answers.
    pub mongodb_pending: bool,
}

/// Calls that are deleted, by the hashes of their names: also those of which nothing was kept here.
#[derive(Clone, Debug, Default)]
pub struct DeletedElsewhere {
    /// Those of which something was kept here, and what was found of each.
    pub calls: Vec<(CallSid, Deletion)>,
    hashes: HashSet<Vec<u8>>,
}

impl DeletedElsewhere {
    /// One call alone.
    fn only(call_sid: &CallSid) -> Self {
        Self { calls: Vec::new(), hashes: HashSet::from([Journal::hash(call_sid)]) }
    }

    /// Whether this call is among them.
    pub fn has(&self, call_sid: &CallSid) -> bool {
        self.hashes.contains(&Journal::hash(call_sid))
    }
}

/// Why a record could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue to the journal is full: the disk does not keep up.
    #[error("the journal's queue is full")]
    Busy,
    /// The journal was shut down, or its thread died.
    #[error("the journal is closed")]
    Closed,
    /// The call was deleted; nothing more of it is kept.
    #[error("the call was deleted")]
    Deleted,
    /// The journal's folder, or its file, is not ours to write in.
    #[error("the journal may not be written: {0}")]
    Forbidden(String),
    /// The disk, or the journal's size limit, is full. Nothing that was kept before is harmed.
    #[error("no room left for the journal: {0}")]
    Full(String),
    /// SQLite failed otherwise.
    #[error("the journal failed: {0}")]
    Journal(String),
    /// There was no answer in time; a write may still succeed.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// MongoDB refused, could not be reached or did not answer in time.
    #[error("mongodb failed: {0}")]
    Mongo(String),
    /// `MONGODB_URI` is no connection string. Its text is left out: it holds a password.
    #[error("MONGODB_URI is not a valid connection string: {0}")]
    MongoUri(String),
    /// A kept record cannot be written or read in its form.
    #[error("a record does not have its form: {0}")]
    Record(String),
    /// The journal was written by a newer version of the program.
    #[error("the journal has version {found}, this program knows {known}")]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that can be read.
        known: i64,
    },
}

impl StoreError {
    /// What whoever runs the server can do about it, where that is known.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden(_) => Some("let this user write there, or name another folder in DATA_DIR"),
            Self::Full(_) => Some("make room on the disk of DATA_DIR, or name a folder on another disk in DATA_DIR"),
            Self::Journal(_) => Some("look at the disk and the files of DATA_DIR"),
            Self::TooNew { .. } => Some("start the newer program, or name another folder in DATA_DIR"),
            Self::Busy
            | Self::Closed
            | Self::Deleted
            | Self::Late(_)
            | Self::Mongo(_)
            | Self::MongoUri(_)
            | Self::Record(_) => None,
        }
    }
}

impl Store {
    /// Opens the journal and starts to feed MongoDB, where it is configured, with all that it has not acknowledged yet.
    /// MongoDB need not be there.
    ///
    /// # Errors
    /// [`StoreError::MongoUri`], or the journal cannot be opened. A corrupt journal is no error: it is moved aside.
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let uri = match &config.mongodb {
            None => None,
            Some(mongodb) => Some(mongo::parse_uri(mongodb)?),
        };
        let data_dir = config.data_dir.as_path().into();
        let journal =
            Journal::open_with(JournalConfig { outbox: uri.is_some(), ..JournalConfig::new(config.data_dir) }).await?;
        let mongo = config.mongodb.zip(uri).map(|(mongodb, uri)| Mongo::start(mongodb, uri, journal.clone()));
        Ok(Self { writer: format!("{:016x}", rand::random::<u64>()).into(), data_dir, journal, mongo })
    }

    /// Whether other instances may keep versions of the same calls: with MongoDB.
    pub fn is_shared(&self) -> bool {
        self.mongo.is_some()
    }

    /// Keeps a version of a call, and of its collected data. Returns once both are durable on disk, in one transaction.
    /// An older or equal version than the one kept changes nothing and is no error, so a repeated save is harmless.
    ///
    /// # Errors
    /// Nothing of this version was kept, but for [`StoreError::Late`], where it may be.
    pub async fn save(&self, call: CallDocument, collected: Option<CollectedDocument>) -> Result<(), StoreError> {
        self.journal.save(call, collected).await
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
        self.journal.save_noting(call, collected, taken).await
    }

    /// Hands a version of a call to the journal and returns at once: for the task that carries a streamed call. Order is kept
    /// with other saves and with [`Self::load`].
    ///
    /// # Errors
    /// [`StoreError::Busy`] or [`StoreError::Closed`]; counted. A failure to write is counted, logged and shown by the status.
    pub fn save_nowait(&self, call: CallDocument, collected: Option<CollectedDocument>) -> Result<(), StoreError> {
        self.save_nowait_noting(call, collected, &Taken::default())
    }

    /// As [`Self::save_nowait`]; `taken` learns of it once it is done.
    ///
    /// # Errors
    /// As [`Self::save_nowait`].
    pub fn save_nowait_noting(
        &self,
        call: CallDocument,
        collected: Option<CollectedDocument>,
        taken: &Taken,
    ) -> Result<(), StoreError> {
        self.journal.save_nowait(call, collected, taken)
    }

    /// The newest known version of a call, also one that another instance carried. As [`Self::known`]; of two rivals the one with the
    /// higher number.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub async fn load(&self, call_sid: &CallSid) -> Result<Option<CallDocument>, StoreError> {
        let known = self.known(call_sid).await?;
        Ok(known.map(|Known { call, rival }| match rival {
            Some(rival) if rival.version >= call.version => *rival,
            Some(_) | None => call,
        }))
    }

    /// What is known of a call, here and in MongoDB. MongoDB gets 2 s to answer where the journal does not know the call, and 0.3 s
    /// where it does or where MongoDB was away when last asked; it is not asked if it is away and the journal knows the call.
    ///
    /// # Errors
    /// The journal failed, or it does not know the call and MongoDB could not say.
    pub async fn known(&self, call_sid: &CallSid) -> Result<Option<Known>, StoreError> {
        let found = match self.journal.find(call_sid).await {
            Err(StoreError::Record(why)) if self.mongo.is_some() => {
                warn!(%call_sid, why, "the journal's record of the call is damaged; mongodb is asked");
                Found::Unknown
            }
            found => found?,
        };
        let Some(mongo) = &self.mongo else {
            return Ok(found.call().map(Known::alone));
        };
        match found {
            Found::Deleted => Ok(None),
            Found::Unknown => {
                let bound = if mongo.away() { OWN_READ } else { FOREIGN_READ };
                Ok(mongo.load(call_sid, bound).await?.map(Known::alone))
            }
            Found::Call(here) => match self.elsewhere(call_sid).await {
                Ok(Some(there)) if there.includes(&here) => Ok(Some(Known::alone(there))),
                Ok(Some(there)) if !here.includes(&there) => {
                    Ok(Some(Known { call: *here, rival: Some(Box::new(there)) }))
                }
                Ok(_) => Ok(Some(Known::alone(*here))),
                Err(error) => {
                    warn!(%call_sid, %error, "carried on with the journal's version of the call");
                    Ok(Some(Known::alone(*here)))
                }
            },
        }
    }

    /// As [`Self::known`], within `bound` in all. A call that is `likely_new` is not asked of a MongoDB that is known to be away.
    ///
    /// # Errors
    /// As [`Self::known`], or it could not be said in time.
    pub async fn known_within(
        &self,
        call_sid: &CallSid,
        bound: Duration,
        likely_new: bool,
    ) -> Result<Option<Known>, StoreError> {
        let asking = async {
            if likely_new && self.mongo.as_ref().is_some_and(Mongo::away) {
                return Ok(self.journal.load(call_sid).await?.map(Known::alone));
            }
            self.known(call_sid).await
        };
        timeout(bound, asking).await.unwrap_or(Err(StoreError::Late(bound)))
    }

    /// MongoDB's version of a call, within 0.3 s; nothing without MongoDB or while it is away.
    ///
    /// # Errors
    /// It did not answer in time, or failed.
    pub async fn elsewhere(&self, call_sid: &CallSid) -> Result<Option<CallDocument>, StoreError> {
        match &self.mongo {
            Some(mongo) if mongo.reachable() => mongo.load(call_sid, OWN_READ).await,
            Some(_) | None => Ok(None),
        }
    }

    /// The name of this process among those that write calls: different at each start.
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// Calls that this and another instance wrote from the same beginning, at most 64: their newest version here waits until somebody
    /// has put both together and saved that, or [`Self::feed_again`].
    ///
    /// # Errors
    /// The journal failed.
    pub async fn contested(&self) -> Result<Vec<CallSid>, StoreError> {
        self.journal.contested(CONTESTED_AT_ONCE).await
    }

    /// Resolves when [`Self::contested`] may have grown since the last time; never without MongoDB.
    pub async fn contest(&self) {
        match &self.mongo {
            Some(mongo) => mongo.contest().await,
            None => std::future::pending().await,
        }
    }

    /// The call is contested no longer, because the other instance has put both together: let MongoDB say so.
    ///
    /// # Errors
    /// The journal failed.
    pub async fn feed_again(&self, call_sid: &CallSid) -> Result<(), StoreError> {
        self.journal.feed_again(call_sid).await
    }

    /// Calls, newest first; those of other instances too while MongoDB answers within 2 s.
    ///
    /// # Errors
    /// The journal failed. MongoDB's failure is logged, and the journal's calls are given.
    pub async fn list(&self, filter: ListFilter) -> Result<Vec<CallDocument>, StoreError> {
        let limit = filter.page();
        let here = self.journal.list(filter.clone()).await?;
        let there = match &self.mongo {
            Some(mongo) if mongo.reachable() => mongo.list(&filter).await,
            _ => Ok(Vec::new()),
        };
        self.merged(here, there, limit).await
    }

    /// Collected data, newest call first, as [`Self::list`].
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn list_collected(&self, filter: ListFilter) -> Result<Vec<CollectedDocument>, StoreError> {
        let limit = filter.page();
        let here = self.journal.list_collected(filter.clone()).await?;
        let there = match &self.mongo {
            Some(mongo) if mongo.reachable() => mongo.list_collected(&filter).await,
            _ => Ok(Vec::new()),
        };
        self.merged(here, there, limit).await
    }

    /// Removes every trace of a call here and in MongoDB, and refuses later saves of it. Waits at most 3 s for MongoDB.
    ///
    /// # Errors
    /// The journal failed: nothing was deleted.
    pub async fn delete(&self, call_sid: &CallSid) -> Result<Deletion, StoreError> {
        let mut deletion = self.delete_here(call_sid).await?;
        deletion.mongodb_pending = !self.deleted_there(call_sid).await;
        Ok(deletion)
    }

    /// Removes every trace of a call here, durably, refuses later saves of it, and queues the deletion for MongoDB, which
    /// [`Self::deleted_there`] waits for. MongoDB is asked before what it knows of the call's files, in bounded time.
    ///
    /// # Errors
    /// The journal failed: nothing was deleted.
    pub async fn delete_here(&self, call_sid: &CallSid) -> Result<Deletion, StoreError> {
        // What only MongoDB knows may name files that are here.
        let known = self.known(call_sid).await.ok().flatten();
        let mut deletion = self.journal.delete(call_sid).await?;
        for call in known.into_iter().flat_map(|known| [Some(known.call), known.rival.map(|rival| *rival)]).flatten() {
            deletion.found = true;
            deletion.recording = deletion.recording.or(call.recording);
            deletion.speech.extend(call.speech);
        }
        Ok(deletion)
    }

    /// Whether MongoDB has confirmed a deletion that was queued; it gets 3 s. True without MongoDB.
    pub async fn deleted_there(&self, call_sid: &CallSid) -> bool {
        match &self.mongo {
            None => true,
            Some(mongo) => matches!(timeout(DELETE_WAIT, mongo.drained_of(call_sid)).await, Ok(Ok(()))),
        }
    }

    /// The newest version of a call in our own journal, whatever MongoDB knows.
    ///
    /// # Errors
    /// The journal failed.
    pub async fn load_here(&self, call_sid: &CallSid) -> Result<Option<CallDocument>, StoreError> {
        self.journal.load(call_sid).await
    }

    /// Resolves when turns are being kept again after some were not; the moment of the first that was not.
    pub async fn kept_again(&self) -> Timestamp {
        self.journal.kept_again().await
    }

    /// The next calls that other instances deleted. Their records here are deleted by then, and later saves of them are refused; their
    /// files are the asker's. Never without MongoDB.
    pub async fn deleted_elsewhere(&self) -> DeletedElsewhere {
        if let Some(mongo) = &self.mongo
            && let Some(deleted) = mongo.deleted_elsewhere().await
        {
            return deleted;
        }
        std::future::pending().await
    }

    /// Removes journals that were corrupt and set aside, where one of these calls stands in them.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it cannot be read or removed.
    pub async fn remove_set_aside(&self, naming: &DeletedElsewhere) -> std::io::Result<usize> {
        let (dir, hashes) = (self.data_dir.clone(), naming.hashes.clone());
        spawn_blocking(move || set_aside::remove_naming(&dir, &hashes)).await.map_err(std::io::Error::other)?
    }

    /// Removes journals that were corrupt and set aside before this moment.
    ///
    /// # Errors
    /// As [`Self::remove_set_aside`].
    pub async fn expire_set_aside(&self, before: Timestamp) -> std::io::Result<usize> {
        let dir = self.data_dir.clone();
        spawn_blocking(move || set_aside::expire(&dir, before)).await.map_err(std::io::Error::other)?
    }

    /// Both memories' records, without those whose deletion MongoDB has not carried out yet.
    async fn merged<T: Versioned>(
        &self,
        here: Vec<T>,
        there: Result<Vec<T>, StoreError>,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let mut there = there.unwrap_or_else(|error| {
            warn!(%error, "listed the journal's calls alone");
            Vec::new()
        });
        if !there.is_empty() {
            let dying: HashSet<CallSid> = self.journal.deletions_waiting().await?;
            there.retain(|record| !dying.contains(record.call_sid()));
        }
        Ok(merge(here, there, limit))
    }

    /// How the store is now. Cheap.
    pub fn status(&self) -> StoreStatus {
        let journal = self.journal.status();
        let (memory, reachable, mongo_error) = match &self.mongo {
            None => ("sqlite", journal.writable, None),
            Some(mongo) => ("mongodb", mongo.reachable(), mongo.last_error()),
        };
        StoreStatus {
            memory,
            reachable,
            journal_writable: journal.writable,
            backlog: journal.backlog,
            backlog_age_s: journal.backlog_age.as_secs(),
            refused: journal.refused,
            journal_bytes: journal.bytes,
            last_error: journal.last_error.or(mongo_error),
        }
    }

    /// Resolves once nothing waits for MongoDB; at once without MongoDB. There is no bound: give it one.
    ///
    /// # Errors
    /// [`StoreError::Closed`]: the store was shut down while records waited.
    pub async fn flushed(&self) -> Result<(), StoreError> {
        match &self.mongo {
            None => Ok(()),
            Some(mongo) => mongo.drained().await,
        }
    }

    /// Feeds MongoDB for at most `bound` more, then stops; all that was accepted is durable in the journal when this returns,
    /// and what MongoDB has not acknowledged is fed after the next start.
    pub async fn shutdown(&self, bound: Duration) {
        if let Some(mongo) = &self.mongo {
            mongo.shutdown(bound).await;
        }
        self.journal.shutdown().await;
    }
}

impl Known {
    fn alone(call: CallDocument) -> Self {
        Self { call, rival: None }
    }
}

const FOREIGN_READ: Duration = Duration::from_secs(2);
const OWN_READ: Duration = Duration::from_millis(300);
const CONTESTED_AT_ONCE: usize = 64;
const DELETE_WAIT: Duration = Duration::from_secs(3);

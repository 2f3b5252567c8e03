//! The way to MongoDB: one task drains the journal's outbox into the collections `calls` and `collected_data`, and bounded reads
//! find calls of other instances. Nothing else in the program talks to MongoDB, and nothing waits for this task.
//!
//! Key types: [`MongoConfig`], [`MongoUri`].
//!
//! Invariant: a record leaves the outbox only after a majority of MongoDB's members acknowledged it, journaled. Every operation
//! is bounded here, because the driver alone may hang for most of a minute on a frozen server; a write that came too late may
//! have happened, so each is an upsert that replaces only what it was made from: doing it twice changes nothing.

mod deletions;
mod documents;
mod feed;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, ConnectionString, WriteConcern};
use mongodb::{Client, Collection};
use tokio::sync::{Notify, OnceCell, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::journal::Journal;
use super::record::{CallDocument, CollectedDocument};
use super::{DeletedElsewhere, ListFilter, StoreError};
use crate::twilio::CallSid;

/// Which MongoDB, and which database of it.
#[derive(Clone, Debug)]
pub struct MongoConfig {
    /// `MONGODB_URI`.
    pub uri: MongoUri,
    /// `MONGODB_DATABASE`.
    pub database: String,
}

/// A connection string. It holds a password, so it shows itself to nobody.
#[derive(Clone)]
pub struct MongoUri(String);

impl MongoConfig {
    /// The database `trunkline` behind a connection string.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: MongoUri(uri.into()), database: DATABASE.to_owned() }
    }
}

impl From<String> for MongoUri {
    fn from(uri: String) -> Self {
        Self(uri)
    }
}

impl fmt::Debug for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MongoUri(***)")
    }
}

/// Checks a connection string without touching the network.
pub(super) fn parse_uri(config: &MongoConfig) -> Result<ConnectionString, StoreError> {
    ConnectionString::parse(&config.uri.0).map_err(|error| {
        // The driver quotes what it does not understand; only its complaints that quote nothing may pass.
        let said = error.to_string();
        let quotes =
            config.uri.0.split(['/', ':', '@', '?', '&', '=', ',']).any(|part| part.len() > 2 && said.contains(part));
        StoreError::MongoUri(if quotes { "it does not have the form mongodb://host:port/".to_owned() } else { said })
    })
}

/// The task that feeds MongoDB, and the reads.
#[derive(Clone, Debug)]
pub(super) struct Mongo {
    inner: Arc<Inner>,
    deleted_elsewhere: Arc<tokio::sync::Mutex<mpsc::Receiver<DeletedElsewhere>>>,
}

#[derive(Debug)]
struct Inner {
    uri: ConnectionString,
    database: String,
    client: OnceCell<Client>,
    journal: Journal,
    reachable: AtomicBool,
    last_error: Mutex<Option<String>>,
    /// Counts rounds that took something out of the outbox.
    rounds: watch::Sender<u64>,
    /// Calls that other instances deleted, and that are now deleted here.
    deleted_elsewhere: mpsc::Sender<DeletedElsewhere>,
    /// Rings when a record was found contested.
    contest: Notify,
    /// Stop once the outbox is empty or MongoDB fails.
    finish: CancellationToken,
    /// Stop now.
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a record did not get through.
#[derive(Debug)]
enum Failure {
    /// MongoDB is away, late, or in no state to write: worth a repetition.
    Away(String),
    /// This record will never be taken.
    Refused(String),
}

impl Mongo {
    pub(super) fn start(config: MongoConfig, uri: ConnectionString, journal: Journal) -> Self {
        let (deleted_elsewhere, deletions) = mpsc::channel(DELETIONS);
        let inner = Arc::new(Inner {
            deleted_elsewhere,
            uri,
            database: config.database,
            client: OnceCell::new(),
            journal,
            reachable: AtomicBool::new(false),
            last_error: Mutex::new(None),
            rounds: watch::Sender::new(0),
            contest: Notify::new(),
            finish: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let feeding = Arc::clone(&inner);
        inner.tasks.spawn(async move { feeding.feed().await });
        inner.tasks.close();
        Self { inner, deleted_elsewhere: Arc::new(tokio::sync::Mutex::new(deletions)) }
    }

    /// The next calls that other instances deleted: their records here are deleted too.
    pub(super) async fn deleted_elsewhere(&self) -> Option<DeletedElsewhere> {
        self.deleted_elsewhere.lock().await.recv().await
    }

    /// Whether the last operation of the feeding task succeeded.
    pub(super) fn reachable(&self) -> bool {
        self.inner.reachable.load(Ordering::Relaxed)
    }

    /// Whether it was asked and did not answer: not true before it was asked.
    pub(super) fn away(&self) -> bool {
        !self.reachable() && self.last_error().is_some()
    }

    /// Resolves when a record was found contested since the last time.
    pub(super) async fn contest(&self) {
        self.inner.contest.notified().await;
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.inner.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn load(&self, call_sid: &CallSid, bound: Duration) -> Result<Option<CallDocument>, StoreError> {
        let find = async {
            let calls = self.inner.collection(CALLS).await?;
            bounded(bound, calls.find_one(doc! { "call_sid": call_sid.as_str() })).await
        };
        match timeout(bound, find).await {
            Err(_) => Err(StoreError::Mongo(late(bound))),
            Ok(Err(error)) => Err(error.into_store_error()),
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(document))) => documents::from_bson(document).map(Some),
        }
    }

    pub(super) async fn list(&self, filter: &ListFilter) -> Result<Vec<CallDocument>, StoreError> {
        self.find_all(CALLS, documents::filter(filter, true), filter.page()).await
    }

    pub(super) async fn list_collected(&self, filter: &ListFilter) -> Result<Vec<CollectedDocument>, StoreError> {
        self.find_all(COLLECTED, documents::filter(filter, false), filter.page()).await
    }

    async fn find_all<T: serde::de::DeserializeOwned>(
        &self,
        collection: &str,
        filter: Document,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async {
            let collection = self.inner.collection(collection).await?;
            let found = collection.find(filter).sort(doc! { "started_at": -1, "call_sid": -1 }).limit(limit);
            let cursor = found.await.map_err(Failure::from)?;
            cursor.try_collect::<Vec<Document>>().await.map_err(Failure::from)
        };
        let documents = match timeout(READ, find).await {
            Err(_) => return Err(StoreError::Mongo(late(READ))),
            Ok(found) => found.map_err(Failure::into_store_error)?,
        };
        let mut all = Vec::with_capacity(documents.len());
        for document in documents {
            match documents::from_bson(document) {
                Ok(record) => all.push(record),
                // Somebody else's document must not hide the rest.
                Err(error) => warn!(%error, "left out a document of mongodb"),
            }
        }
        Ok(all)
    }

    /// Resolves once no deletion of the call waits any more.
    pub(super) async fn drained_of(&self, call_sid: &CallSid) -> Result<(), StoreError> {
        let mut rounds = self.inner.rounds.subscribe();
        loop {
            if !self.inner.journal.deletions_waiting().await?.contains(call_sid) {
                return Ok(());
            }
            tokio::select! {
                changed = rounds.changed() => changed.map_err(|_| StoreError::Closed)?,
                () = self.inner.tasks.wait() => return Err(StoreError::Closed),
            }
        }
    }

    /// Resolves once nothing waits any more.
    pub(super) async fn drained(&self) -> Result<(), StoreError> {
        let mut rounds = self.inner.rounds.subscribe();
        while self.inner.journal.status().backlog > 0 {
            tokio::select! {
                changed = rounds.changed() => changed.map_err(|_| StoreError::Closed)?,
                () = self.inner.tasks.wait() => return Err(StoreError::Closed),
            }
        }
        Ok(())
    }

    /// Feeds what waits for at most `bound`, then stops.
    pub(super) async fn shutdown(&self, bound: Duration) {
        self.inner.finish.cancel();
        if timeout(bound, self.inner.tasks.wait()).await.is_err() {
            self.inner.stop.cancel();
            self.inner.tasks.wait().await;
        }
        if let Some(client) = self.inner.client.get() {
            let closing = client.clone().shutdown().immediate(true).into_future();
            if timeout(CONNECT, closing).await.is_err() {
                warn!("mongodb's connections did not close in time");
            }
        }
    }
}

impl Inner {
    async fn client(&self) -> Result<&Client, Failure> {
        // A `mongodb+srv` address asks the DNS; any other needs no network here.
        let connect = self.client.get_or_try_init(async || {
            let mut options = ClientOptions::parse(self.uri.clone()).await?;
            options.server_selection_timeout = Some(CONNECT);
            options.connect_timeout = Some(CONNECT);
            // The driver notices only at its next heartbeat that a server which was stepping down takes writes again.
            options.heartbeat_freq.get_or_insert(HEARTBEAT);
            options.app_name.get_or_insert_with(|| "trunkline".to_owned());
            Client::with_options(options)
        });
        match timeout(OPERATION, connect).await {
            Err(_) => Err(Failure::Away(late(OPERATION))),
            Ok(connected) => connected.map_err(|error| Failure::Away(error.to_string())),
        }
    }

    async fn collection(&self, name: &str) -> Result<Collection<Document>, Failure> {
        let safe = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = CollectionOptions::builder().write_concern(safe).build();
        Ok(self.client().await?.database(&self.database).collection_with_options(name, options))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind.as_ref() {
            // Details of a write error may quote the document.
            ErrorKind::Write(WriteFailure::WriteError(write)) => {
                Self::Refused(format!("write error {}: {}", write.code, write.message))
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
                Self::Away(format!("write concern error {}: {}", concern.code, concern.message))
            }
            ErrorKind::Command(command) if FOR_GOOD.contains(&command.code) => {
                Self::Refused(format!("command error {}: {}", command.code, command.message))
            }
            ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) | ErrorKind::BsonSerialization(_) => {
                Self::Refused(error.to_string())
            }
            _ => Self::Away(error.to_string()),
        }
    }
}

impl Failure {
    fn into_text(self) -> String {
        match self {
            Self::Away(why) | Self::Refused(why) => why,
        }
    }

    fn into_store_error(self) -> StoreError {
        StoreError::Mongo(self.into_text())
    }
}

/// Gives an operation of the driver at most `bound`.
async fn bounded<T>(
    bound: Duration,
    operation: impl IntoFuture<Output = Result<T, Error>, IntoFuture: Future>,
) -> Result<T, Failure> {
    match timeout(bound, operation.into_future()).await {
        Err(_) => Err(Failure::Away(late(bound))),
        Ok(done) => done.map_err(Failure::from),
    }
}

fn late(bound: Duration) -> String {
    format!("no answer within {} ms", bound.as_millis())
}

const DATABASE: &str = "trunkline";
const CALLS: &str = "calls";
const COLLECTED: &str = "collected_data";
/// Hashes of calls that were deleted, so that every instance deletes what it has of them.
const DELETED: &str = "deleted_calls";
/// Looks at deletions that found some, and whose files were not removed yet.
const DELETIONS: usize = 64;
const OPERATION: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(2);
/// BadValue, FailedToParse, DollarPrefixedFieldName, DocumentValidationFailure, BSONObjectTooLarge (thrice).
const FOR_GOOD: [i32; 7] = [2, 9, 52, 121, 10334, 17419, 17420];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_shows_itself_nowhere() {
        let config = MongoConfig::new("mongodb://user:geheim99@db.internal/?replicaSet=rs0");
        assert!(!format!("{config:?}").contains("geheim99"));
        for bad in [
            "mongodb://user:geheim99@db:x99y/",
            "nosql://user:geheim99@db",
            "mongodb://user:geheim99@db/?tls=geheim99",
            "geheim99",
        ] {
            let error = parse_uri(&MongoConfig::new(bad)).expect_err(bad).to_string();
            assert!(error.contains("MONGODB_URI") && !error.contains("geheim99"), "{error}");
        }
    }
}

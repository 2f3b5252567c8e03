//! The way to MongoDB: one task drains the journal's outbox into the collections `calls` and `collected_data`, and bounded reads
//! find calls of other instances. Nothing else in the program talks to MongoDB, and nothing waits for this task.
//!
//! Key types: [`MongoConfig`], [`MongoUri`].
//!
//! Invariant: a record leaves the outbox only after a majority of MongoDB's members acknowledged it, journaled. Every operation
//! is bounded here, because the driver alone may hang for most of a minute on a frozen server; a write that came too late may
//! have happened, so each is an upsert that an older or equal version cannot win.

mod documents;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use futures_util::{StreamExt, TryStreamExt, stream};
use metrics::{counter, gauge, histogram};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ConnectionString, IndexOptions, ReadConcern,
    WriteConcern,
};
use mongodb::{Client, Collection, IndexModel};
use tokio::sync::{OnceCell, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::journal::{Errand, Journal, Waiting};
use super::record::{CallDocument, CollectedDocument};
use super::{ListFilter, StoreError};
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
        Self {
            uri: MongoUri(uri.into()),
            database: DATABASE.to_owned(),
        }
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
        let quotes = config
            .uri
            .0
            .split(['/', ':', '@', '?', '&', '=', ','])
            .any(|part| part.len() > 2 && said.contains(part));
        StoreError::MongoUri(if quotes {
            "it does not have the form mongodb://host:port/".to_owned()
        } else {
            said
        })
    })
}

/// The task that feeds MongoDB, and the reads.
#[derive(Clone, Debug)]
pub(super) struct Mongo {
    inner: Arc<Inner>,
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
        let inner = Arc::new(Inner {
            uri,
            database: config.database,
            client: OnceCell::new(),
            journal,
            reachable: AtomicBool::new(false),
            last_error: Mutex::new(None),
            rounds: watch::Sender::new(0),
            finish: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let feeding = Arc::clone(&inner);
        inner.tasks.spawn(async move { feeding.feed().await });
        inner.tasks.close();
        Self { inner }
    }

    /// Whether the last operation of the feeding task succeeded.
    pub(super) fn reachable(&self) -> bool {
        self.inner.reachable.load(Ordering::Relaxed)
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.inner
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) async fn load(
        &self,
        call_sid: &CallSid,
        bound: Duration,
    ) -> Result<Option<CallDocument>, StoreError> {
        let find = async {
            let calls = self.inner.collection(CALLS).await?;
            bounded(
                bound,
                calls.find_one(doc! { "call_sid": call_sid.as_str() }),
            )
            .await
        };
        match timeout(bound, find).await {
            Err(_) => Err(StoreError::Mongo(late(bound))),
            Ok(Err(error)) => Err(error.into_store_error()),
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(document))) => documents::from_bson(document).map(Some),
        }
    }

    pub(super) async fn list(&self, filter: &ListFilter) -> Result<Vec<CallDocument>, StoreError> {
        self.find_all(CALLS, documents::filter(filter, true), filter.page())
            .await
    }

    pub(super) async fn list_collected(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<CollectedDocument>, StoreError> {
        self.find_all(COLLECTED, documents::filter(filter, false), filter.page())
            .await
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
            let found = collection
                .find(filter)
                .sort(doc! { "started_at": -1, "call_sid": -1 })
                .limit(limit);
            let cursor = found.await.map_err(Failure::from)?;
            cursor
                .try_collect::<Vec<Document>>()
                .await
                .map_err(Failure::from)
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
            if !self
                .inner
                .journal
                .deletions_waiting()
                .await?
                .contains(call_sid)
            {
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
    /// Drains the outbox until told to stop.
    async fn feed(&self) {
        let mut indexed = false;
        let mut failures = 0;
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
        let waiting = self
            .journal
            .waiting(ROUND)
            .await
            .map_err(|error| error.to_string())?;
        if waiting.is_empty() {
            let database = self
                .client()
                .await
                .map_err(Failure::into_text)?
                .database(&self.database);
            bounded(OPERATION, database.run_command(doc! { "ping": 1 }))
                .await
                .map_err(Failure::into_text)?;
            return Ok(0);
        }
        let mut fed = Vec::new();
        let mut refused = Vec::new();
        let mut away = None;
        {
            let mut running = stream::iter(by_call(waiting))
                .map(|errands| self.feed_call(errands))
                .buffer_unordered(SIDE_BY_SIDE);
            while let Some(mut outcome) = running.next().await {
                fed.append(&mut outcome.fed);
                refused.append(&mut outcome.refused);
                if outcome.away.is_some() {
                    // The others would only wait for the same; what they may have written is written again later.
                    away = outcome.away;
                    break;
                }
            }
        }
        let settled = fed.len() + refused.len();
        counter!("trunkline_store_mongodb_writes_total", "result" => "acknowledged")
            .increment(fed.len() as u64);
        if !fed.is_empty() {
            self.journal
                .acknowledge(fed)
                .await
                .map_err(|error| error.to_string())?;
        }
        if !refused.is_empty() {
            counter!("trunkline_store_mongodb_writes_total", "result" => "refused")
                .increment(refused.len() as u64);
            self.journal
                .set_aside(refused)
                .await
                .map_err(|error| error.to_string())?;
        }
        if settled > 0 {
            self.rounds.send_modify(|rounds| *rounds += 1);
        }
        match away {
            Some(why) => {
                counter!("trunkline_store_mongodb_writes_total", "result" => "away").increment(1);
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
                Ok(()) => {
                    histogram!("trunkline_store_mongodb_write_seconds")
                        .record(started.elapsed().as_secs_f64());
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

    async fn run(&self, errand: &Waiting) -> Result<(), Failure> {
        match &errand.what {
            Errand::Call(json) => {
                let document =
                    documents::to_bson::<CallDocument>(json).map_err(Failure::Refused)?;
                self.keep(CALLS, errand, document).await
            }
            Errand::Collected(json) => {
                let document =
                    documents::to_bson::<CollectedDocument>(json).map_err(Failure::Refused)?;
                self.keep(COLLECTED, errand, document).await
            }
            Errand::Delete => {
                for collection in [COLLECTED, CALLS] {
                    let collection = self.collection(collection).await?;
                    bounded(
                        OPERATION,
                        collection.delete_many(doc! { "call_sid": errand.call_sid.as_str() }),
                    )
                    .await?;
                }
                Ok(())
            }
        }
    }

    /// Writes a document unless its version or a newer one is there.
    async fn keep(
        &self,
        collection: &str,
        errand: &Waiting,
        document: Document,
    ) -> Result<(), Failure> {
        let collection = self.collection(collection).await?;
        let version = i64::try_from(errand.version).unwrap_or(i64::MAX);
        let older = doc! { "call_sid": errand.call_sid.as_str(), "version": { "$lt": version } };
        // A duplicate key the first time may be an older version that another instance inserted at this very moment: then the
        // second attempt replaces it.
        for _ in 0..2 {
            let write = collection
                .replace_one(older.clone(), &document)
                .upsert(true)
                .into_future();
            match timeout(OPERATION, write).await {
                Err(_) => return Err(Failure::Away(late(OPERATION))),
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) if is_duplicate_call(&error) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        // There is a version that is not older. Only what a majority holds counts: a version of a lost primary may be rolled back.
        let newer = doc! { "call_sid": errand.call_sid.as_str(), "version": { "$gte": version } };
        let found = bounded(
            OPERATION,
            collection
                .find_one(newer)
                .read_concern(ReadConcern::majority()),
        )
        .await?;
        match found {
            Some(_) => Ok(()),
            None => Err(Failure::Away(
                "a newer version is not yet held by a majority".to_owned(),
            )),
        }
    }

    async fn make_indexes(&self) -> Result<(), String> {
        for name in [CALLS, COLLECTED] {
            let collection = self.collection(name).await.map_err(Failure::into_text)?;
            let unique = IndexOptions::builder().unique(true).build();
            let one_a_call = IndexModel::builder()
                .keys(doc! { "call_sid": 1 })
                .options(unique)
                .build();
            let by_start = IndexModel::builder()
                .keys(doc! { "started_at": -1, "call_sid": -1 })
                .build();
            let make = collection
                .create_indexes([one_a_call, by_start])
                .into_future();
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
        info!(database = self.database, "mongodb is connected");
        Ok(())
    }

    async fn client(&self) -> Result<&Client, Failure> {
        // A `mongodb+srv` address asks the DNS; any other needs no network here.
        let connect = self.client.get_or_try_init(async || {
            let mut options = ClientOptions::parse(self.uri.clone()).await?;
            options.server_selection_timeout = Some(CONNECT);
            options.connect_timeout = Some(CONNECT);
            options
                .app_name
                .get_or_insert_with(|| "trunkline".to_owned());
            Client::with_options(options)
        });
        match timeout(OPERATION, connect).await {
            Err(_) => Err(Failure::Away(late(OPERATION))),
            Ok(connected) => connected.map_err(|error| Failure::Away(error.to_string())),
        }
    }

    async fn collection(&self, name: &str) -> Result<Collection<Document>, Failure> {
        let safe = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build();
        let options = CollectionOptions::builder().write_concern(safe).build();
        Ok(self
            .client()
            .await?
            .database(&self.database)
            .collection_with_options(name, options))
    }

    fn worked(&self) {
        if !self.reachable.swap(true, Ordering::Relaxed) {
            *self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = None;
            gauge!("trunkline_store_mongodb_up").set(1.0);
        }
    }

    fn failed(&self, why: String) {
        gauge!("trunkline_store_mongodb_up").set(0.0);
        let mut last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
    away: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind.as_ref() {
            // Details of a write error may quote the document.
            ErrorKind::Write(WriteFailure::WriteError(write)) => {
                Self::Refused(format!("write error {}: {}", write.code, write.message))
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Self::Away(format!(
                "write concern error {}: {}",
                concern.code, concern.message
            )),
            ErrorKind::Command(command) if FOR_GOOD.contains(&command.code) => Self::Refused(
                format!("command error {}: {}", command.code, command.message),
            ),
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::Bson(_)
            | ErrorKind::BsonSerialization(_) => Self::Refused(error.to_string()),
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
        match calls.iter_mut().find(|errands| {
            errands
                .first()
                .is_some_and(|first| first.call_sid == errand.call_sid)
        }) {
            Some(errands) => errands.push(errand),
            None => calls.push(vec![errand]),
        }
    }
    calls
}

/// 0.2 s, doubling up to 10 s, of which chance takes away up to half, so that instances do not come back all at once.
fn back_off(failures: u32) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

const DATABASE: &str = "trunkline";
const CALLS: &str = "calls";
const COLLECTED: &str = "collected_data";
const OPERATION: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(2);
const PING: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Records read from the outbox at a time.
const ROUND: usize = 64;
/// Calls fed at a time.
const SIDE_BY_SIDE: usize = 8;
const DUPLICATE_KEY: i32 = 11000;
/// BadValue, FailedToParse, DollarPrefixedFieldName, DocumentValidationFailure, BSONObjectTooLarge (thrice).
const FOR_GOOD: [i32; 7] = [2, 9, 52, 121, 10334, 17419, 17420];
/// Unauthorized, IndexOptionsConflict, IndexKeySpecsConflict, DuplicateKey: an index that will not come by trying again.
const NO_INDEX: [i32; 4] = [13, 85, 86, DUPLICATE_KEY];

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
            let error = parse_uri(&MongoConfig::new(bad))
                .expect_err(bad)
                .to_string();
            assert!(
                error.contains("MONGODB_URI") && !error.contains("geheim99"),
                "{error}"
            );
        }
    }

    #[test]
    fn pauses_grow_to_their_bound_and_differ() {
        for failures in [0, 1, 5, 6, 40, u32::MAX] {
            let pause = back_off(failures);
            assert!(
                pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE,
                "{failures}: {pause:?}"
            );
        }
        assert!(back_off(40) >= LONGEST_PAUSE / 2);
        assert_ne!(back_off(40), back_off(40));
    }
}

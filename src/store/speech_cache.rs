//! Speech that was paid for once and is played again: files in `AUDIO_DIR`, the hottest also in memory. It knows names and bytes;
//! who renders, it is told.
//!
//! Key types: [`SpeechCache`], [`SpeechKey`], [`Claims`].
//!
//! Invariants: a file under a cache name is whole, since it is written beside and renamed. However many ask for one sound at once,
//! it is rendered once. A file that was handed out is not removed before [`SpeechCacheConfig::grace`] has passed, and one that a live
//! call may have played not even where it also says something of a call that is deleted.

mod claims;
mod files;
mod key;
mod memory;
mod removed;

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use metrics::{counter, gauge};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::telemetry;
use claims::Claimed;
pub use claims::Claims;
use files::Handed;
pub use key::{SpeechForm, SpeechKey};
use memory::Memory;
use removed::Removed;

/// How much speech to keep, and for how long.
#[derive(Clone, Debug)]
pub struct SpeechCacheConfig {
    /// `AUDIO_DIR`. Made if missing. Files in it that do not have a cache name are left alone.
    pub dir: PathBuf,
    /// Together the files may be so large; the longest unused go first.
    pub max_bytes: u64,
    /// A file that was not used for so long goes.
    pub max_age: Duration,
    /// For so long after it was handed out a file stays, whatever its age and the total size: Twilio fetches it later.
    pub grace: Duration,
    /// Largest size of the speech held in memory, in bytes.
    pub memory_bytes: usize,
}

/// A file for `GET /audio/{file}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFile {
    /// All of it.
    pub bytes: Bytes,
    /// `audio/mpeg` or `audio/basic`.
    pub content_type: &'static str,
}

/// The cache. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SpeechCache {
    inner: Arc<Inner>,
}

/// The cache's folder cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the folder of cached speech {} cannot be made: {error}", dir.display())]
pub struct SpeechCacheError {
    dir: PathBuf,
    #[source]
    error: std::io::Error,
}

impl SpeechCacheConfig {
    /// 1 GiB in this folder, unused files for 30 days, 32 MiB of it in memory, 15 minutes of grace.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(30 * 24 * 3600),
            grace: Duration::from_secs(15 * 60),
            memory_bytes: 32 << 20,
        }
    }
}

impl SpeechCache {
    /// Opens the folder. A folder that cannot be written is no error here: speech is then rendered anew each time it has left
    /// the memory.
    ///
    /// # Errors
    /// [`SpeechCacheError`]: the folder is not there and cannot be made.
    pub fn open(config: SpeechCacheConfig) -> Result<Self, SpeechCacheError> {
        std::fs::create_dir_all(&config.dir).map_err(|error| SpeechCacheError { dir: config.dir.clone(), error })?;
        let memory = Mutex::new(Memory::new(config.memory_bytes));
        let inner = Inner {
            config,
            memory,
            handed: Handed::default(),
            claimed: Arc::default(),
            removed: Removed::default(),
            flights: Mutex::default(),
            failing: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name of a sound's file.
    pub fn file_name(&self, key: &SpeechKey) -> String {
        key.file_name()
    }

    /// The sound, if it is kept. Counts as a use of it.
    pub async fn get(&self, key: &SpeechKey) -> Option<Bytes> {
        let found = self.read(key.file_name(), key.form).await;
        let counted = if found.is_some() { "hit" } else { "miss" };
        counter!(telemetry::SPEECH_CACHE, "outcome" => counted).increment(1);
        found
    }

    /// The sound from memory alone, without touching the disk: for the task that carries a call. `None` does not mean that it
    /// is not kept.
    pub fn get_hot(&self, key: &SpeechKey) -> Option<Bytes> {
        let name = key.file_name();
        self.inner.handed.note(&name);
        let hot = self.inner.memory().get(&name);
        if hot.is_some() {
            counter!(telemetry::SPEECH_CACHE, "outcome" => "hit").increment(1);
        }
        hot
    }

    /// The sound and the name of its file; rendered by `render` if it is not kept. Of all who ask for one sound at once, one
    /// renders and the others get what it got; if that one is dropped, the next takes over. A sound that cannot be written is
    /// given all the same, and stays in memory for [`Self::open_file`].
    ///
    /// # Errors
    /// What the one that rendered got. Failures are not kept: the next to ask renders again.
    pub async fn get_or_render<E>(
        &self,
        key: &SpeechKey,
        render: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<(Bytes, String), E>
    where
        E: Clone + Send + Sync + 'static,
    {
        if let Some(kept) = self.get(key).await {
            return Ok((kept, key.file_name()));
        }
        let name = key.file_name();
        let seat = self.inner.take_seat(&name);
        // Whoever gets the lock while there is no outcome renders; the others wait for it, and the next one takes over if the
        // future that holds it is dropped.
        let mut outcome = seat.flight.outcome.lock().await;
        if let Some(known) = outcome.as_ref().and_then(|known| known.downcast_ref::<Result<Bytes, E>>()) {
            counter!(telemetry::SPEECH_CACHE_SHARED).increment(1);
            return known.clone().map(|bytes| (bytes, name));
        }
        // Somebody may have finished between the look above and the seat.
        if let Some(kept) = self.read(name.clone(), key.form).await {
            return Ok((kept, name));
        }
        counter!(telemetry::SPEECH_CACHE_RENDERS).increment(1);
        let rendered = render.await;
        if let Ok(bytes) = &rendered {
            self.inner.keep(&name, bytes).await;
        }
        *outcome = Some(Box::new(rendered.clone()));
        self.inner.flights().remove(&name);
        rendered.map(|bytes| (bytes, name))
    }

    /// Keeps a sound that was made elsewhere, such as one that was streamed to a call clause by clause.
    pub async fn put(&self, key: &SpeechKey, bytes: Bytes) -> String {
        let name = key.file_name();
        self.inner.keep(&name, &bytes).await;
        name
    }

    /// The file of a name as it came in a request. Only names of exactly the cache's form are looked up; all others are `None`,
    /// whatever lies in the folder. Counts as a use.
    pub async fn open_file(&self, name: &str) -> Option<AudioFile> {
        let form = files::form_of(name)?;
        let bytes = self.read(name.to_owned(), form).await?;
        Some(AudioFile { bytes, content_type: form.content_type() })
    }

    /// The claims of one call, none yet: what they name is removed with no other call while they live.
    pub fn claims(&self, owner: &str) -> Claims {
        Claims::new(&self.inner.claimed, owner)
    }

    /// Removes these sounds now, from memory and disk, whenever they were last used: they say something of a call that is being
    /// deleted, their owner; a rendering that is under way brings none back. One that another call has a claim on stays: it says the
    /// same of that call, and goes with it. Names that are not of the cache's form are passed over.
    pub async fn remove(&self, names: Vec<String>, owner: &str) {
        let (inner, owner) = (Arc::clone(&self.inner), owner.to_owned());
        let removing = spawn_blocking(move || {
            for name in names.iter().filter(|name| files::form_of(name).is_some()) {
                inner.removed.note(name, &owner);
                inner.remove(name, &owner);
            }
        });
        if let Err(error) = removing.await {
            warn!(%error, "speech of a deleted call was not removed");
        }
    }

    /// Removes what is too old and, while the rest is too large, what was not used for longest; never what was handed out within
    /// the grace period, and nothing that does not have a cache name.
    pub async fn clean_up(&self) {
        let inner = Arc::clone(&self.inner);
        let cleaned = spawn_blocking(move || files::clean_up(&inner.config, &inner.handed, SystemTime::now())).await;
        match cleaned {
            Ok(Ok(left)) => {
                counter!(telemetry::SPEECH_CACHE_REMOVED).increment(left.removed);
                gauge!(telemetry::SPEECH_CACHE_BYTES).set(left.bytes as f64);
                gauge!(telemetry::SPEECH_CACHE_FILES).set(left.files as f64);
            }
            Ok(Err(error)) => warn!(%error, "the folder of cached speech cannot be read"),
            Err(error) => warn!(%error, "the clean-up of cached speech died"),
        }
    }

    /// Cleans up now and every ten minutes, on the tracker, until the token is cancelled.
    pub fn spawn_clean_up(&self, tasks: &TaskTracker, stop: CancellationToken) {
        let cache = self.clone();
        tasks.spawn(async move {
            let mut beat = tokio::time::interval(CLEAN_UP);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    _ = beat.tick() => cache.clean_up().await,
                }
            }
        });
    }

    async fn read(&self, name: String, form: SpeechForm) -> Option<Bytes> {
        // Noted before it is looked for, so that a clean-up that runs at this moment lets it stay.
        let stale = self.inner.handed.note(&name);
        let hot = self.inner.memory().get(&name);
        if let (Some(bytes), false) = (&hot, stale) {
            return Some(bytes.clone());
        }
        let inner = Arc::clone(&self.inner);
        let from_disk = move || {
            let file = inner.config.dir.join(&name);
            if let Some(bytes) = hot {
                // Seldom: so that its age on the disk says when it was last used.
                if files::touch(&file).is_err() {
                    inner.write(&name, &bytes);
                }
                return Some(bytes);
            }
            let bytes = Bytes::from(files::read(&file)?);
            match form {
                // Twilio keeps an MP3 that it has fetched; the stream mode asks again and again.
                SpeechForm::Mp3 => {}
                SpeechForm::Ulaw => inner.memory().put(&name, bytes.clone()),
            }
            // A folder that cannot be written has no ages to keep.
            files::touch(&file).ok();
            Some(bytes)
        };
        spawn_blocking(from_disk).await.ok().flatten()
    }
}

#[derive(Debug)]
struct Inner {
    config: SpeechCacheConfig,
    memory: Mutex<Memory>,
    handed: Handed,
    /// What live calls may still have played.
    claimed: Arc<Claimed>,
    /// What went with its call a moment ago.
    removed: Removed,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    /// Whether the last write failed: an outage is reported once.
    failing: AtomicBool,
}

/// One sound that is being rendered, and all who wait for it.
#[derive(Debug, Default)]
struct Flight {
    /// `Result<Bytes, E>` of the one that rendered.
    outcome: tokio::sync::Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// A place among those who wait; the last to leave an unfinished flight takes it off the list.
struct Seat<'a> {
    inner: &'a Inner,
    name: String,
    flight: Arc<Flight>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut flights = self.inner.flights();
        // The list's own and this one; seats are only taken under the lock that is held here.
        if Arc::strong_count(&self.flight) == 2
            && flights.get(&self.name).is_some_and(|listed| Arc::ptr_eq(listed, &self.flight))
        {
            flights.remove(&self.name);
        }
    }
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_seat(&self, name: &str) -> Seat<'_> {
        let flight = Arc::clone(self.flights().entry(name.to_owned()).or_default());
        Seat { inner: self, name: name.to_owned(), flight }
    }

    /// Removes a sound unless a call other than this one has a claim on it.
    fn remove(&self, name: &str, owner: &str) {
        let removed = self.claimed.unless_claimed(name, owner, || {
            self.memory().remove(name);
            std::fs::remove_file(self.config.dir.join(name))
        });
        if let Some(Err(error)) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!(%error, "speech of a deleted call was not removed");
        }
    }

    /// Holds a sound in memory and writes it, unless its call was just deleted. Returns when it is on the disk, or known not to get
    /// there.
    async fn keep(self: &Arc<Self>, name: &str, bytes: &Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.handed.note(name);
        self.memory().put(name, bytes.clone());
        let (inner, name, bytes) = (Arc::clone(self), name.to_owned(), bytes.clone());
        if let Err(error) = spawn_blocking(move || inner.write(&name, &bytes)).await {
            warn!(%error, "cached speech was not written");
        }
    }

    fn write(&self, name: &str, bytes: &Bytes) {
        match files::write(&self.config.dir, name, bytes) {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    info!("speech is being cached again");
                }
            }
            Err(error) => {
                counter!(telemetry::SPEECH_CACHE_WRITE_FAILURES).increment(1);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let dir = self.config.dir.display();
                    warn!(%error, %dir, "speech cannot be cached; it is rendered again each time");
                }
            }
        }
        // Only now: whenever its call is deleted, either the deletion finds the file or this finds the deletion.
        if let Some(owner) = self.removed.owner(name) {
            self.remove(name, &owner);
        }
    }
}

const CLEAN_UP: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn key() -> SpeechKey {
        SpeechKey {
            text: "hello".to_owned(),
            voice_id: "voice".to_owned(),
            model_id: "model".to_owned(),
            settings: String::new(),
            language: "english".to_owned(),
            form: SpeechForm::Ulaw,
        }
    }

    /// Resolves once so many ask for the key's sound at once.
    async fn seated(cache: &SpeechCache, askers: usize) {
        let asking = || cache.inner.flights().get(&key().file_name()).map_or(0, |flight| Arc::strong_count(flight) - 1);
        while asking() != askers {
            yield_now().await;
        }
    }

    type Asked = Result<(Bytes, String), &'static str>;

    fn ask(
        cache: &SpeechCache,
        render: impl Future<Output = Result<Bytes, &'static str>> + Send + 'static,
    ) -> tokio::task::JoinHandle<Asked> {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get_or_render(&key(), render).await })
    }

    #[tokio::test]
    async fn a_failure_is_given_to_all_who_wait_and_is_not_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = SpeechCache::open(SpeechCacheConfig::new(dir.path())).expect("a cache");
        let (fail, failed) = oneshot::channel();
        let leader = ask(&cache, async { failed.await.expect("told how to fail") });
        seated(&cache, 1).await;
        let followers: Vec<_> = (0..9).map(|_| ask(&cache, async { panic!("a second render") })).collect();
        seated(&cache, 10).await;
        fail.send(Err("quota")).expect("the leader waits");
        assert_eq!(leader.await.expect("no panic"), Err("quota"));
        for follower in followers {
            assert_eq!(follower.await.expect("no panic"), Err("quota"));
        }
        assert_eq!(cache.get(&key()).await, None);
        assert!(cache.inner.flights().is_empty());
        let again = ask(&cache, ready(Ok(Bytes::from_static(b"sound")))).await.expect("no panic");
        assert_eq!(again.expect("the sound").0, Bytes::from_static(b"sound"));
    }

    #[tokio::test]
    async fn one_who_hangs_up_while_rendering_hands_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = SpeechCache::open(SpeechCacheConfig::new(dir.path())).expect("a cache");
        let leader = ask(&cache, pending());
        seated(&cache, 1).await;
        let next = ask(&cache, ready(Ok(Bytes::from_static(b"sound"))));
        seated(&cache, 2).await;
        let last = ask(&cache, async { panic!("a third render") });
        seated(&cache, 3).await;
        leader.abort();
        for follower in [next, last] {
            assert_eq!(follower.await.expect("no panic").expect("the sound").0, Bytes::from_static(b"sound"));
        }
        assert!(cache.inner.flights().is_empty());
    }

    #[tokio::test]
    async fn what_is_rendered_after_its_calls_deletion_is_not_kept_but_for_a_call_that_claims_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = SpeechCache::open(SpeechCacheConfig::new(dir.path())).expect("a cache");
        let (finish, finished) = oneshot::channel();
        let rendering = ask(&cache, async { Ok(finished.await.expect("told what it sounds like")) });
        seated(&cache, 1).await;
        let claims = cache.claims("deleted");
        claims.add([&key().file_name()]);
        cache.remove(vec![key().file_name()], "deleted").await;
        finish.send(Bytes::from_static(b"sound")).expect("it renders");
        assert!(rendering.await.expect("no panic").is_ok());
        assert_eq!((cache.get_hot(&key()), cache.get(&key()).await), (None, None));
        assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 0);

        let others = cache.claims("another");
        others.add([&key().file_name()]);
        cache.put(&key(), Bytes::from_static(b"sound")).await;
        assert!(cache.get(&key()).await.is_some());
    }

    #[tokio::test]
    async fn all_hanging_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = SpeechCache::open(SpeechCacheConfig::new(dir.path())).expect("a cache");
        let askers = [ask(&cache, pending()), ask(&cache, pending())];
        seated(&cache, 2).await;
        for asker in askers {
            asker.abort();
            assert!(asker.await.is_err());
        }
        assert!(cache.inner.flights().is_empty());
    }
}

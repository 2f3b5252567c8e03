//! Calls that are to leave no trace: because a developer says so, or because `RETENTION_DAYS` have passed since they started.
//!
//! Key functions: [`erase`], [`keep`], [`expire`], [`follow`].

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::speech_cache::SpeechCache;
use super::{DeletedElsewhere, Deletion, ListFilter, Store, StoreError};
use crate::twilio::CallSid;

/// Where calls leave traces beside the store.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// Cached speech.
    pub speech: SpeechCache,
}

/// Why traces of a call stay.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Its recording cannot be deleted; all else is.
    #[error("the recording could not be deleted: {0}")]
    Recording(#[source] std::io::Error),
    /// A journal that was set aside as corrupt and may hold the call cannot be read or deleted; all else is deleted.
    #[error("a journal set aside could not be deleted: {0}")]
    SetAside(#[source] std::io::Error),
    /// Nothing was deleted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes a call because somebody wants it: its document, what was collected, its recording, the speech that says something of it
/// alone, and every journal set aside as corrupt in which it stands.
///
/// # Errors
/// [`EraseError`].
pub async fn erase(store: &Store, traces: &Traces, call_sid: &CallSid) -> Result<Deletion, EraseError> {
    let set_aside = remove_set_aside(store, &DeletedElsewhere::only(call_sid)).await;
    let deletion = erase_kept(store, traces, call_sid).await?;
    set_aside.map_err(EraseError::SetAside)?;
    Ok(deletion)
}

async fn remove_set_aside(store: &Store, naming: &DeletedElsewhere) -> std::io::Result<()> {
    let journals = store.remove_set_aside(naming).await?;
    if journals > 0 {
        warn!(journals, "journals set aside as corrupt held a deleted call and were removed");
    }
    Ok(())
}

async fn erase_kept(store: &Store, traces: &Traces, call_sid: &CallSid) -> Result<Deletion, EraseError> {
    // Files first, by what is known here: MongoDB may keep us waiting, and once the journal has forgotten the call nobody can name
    // them. A failure shows again below.
    let here = store.load_here(call_sid).await.ok().flatten();
    let (recording, speech) = here.map(|call| (call.recording, call.speech)).unwrap_or_default();
    remove_files(traces, call_sid, recording.as_deref(), speech).await.ok();
    let mut deletion = store.delete_here(call_sid).await?;
    // What MongoDB alone could name, and what was written meanwhile.
    let speech = std::mem::take(&mut deletion.speech);
    let removed = remove_files(traces, call_sid, deletion.recording.as_deref(), speech).await;
    deletion.mongodb_pending = !store.deleted_there(call_sid).await;
    removed.map_err(EraseError::Recording)?;
    Ok(deletion)
}

/// Removes the files of calls that other instances delete, for ever; `gone` is told of them before.
pub async fn follow(store: Store, traces: Traces, gone: impl Fn(&DeletedElsewhere)) {
    loop {
        let mut deleted = store.deleted_elsewhere().await;
        gone(&deleted);
        for (call_sid, deletion) in std::mem::take(&mut deleted.calls) {
            let removed = remove_files(&traces, &call_sid, deletion.recording.as_deref(), deletion.speech).await;
            if let Err(error) = removed {
                warn!(%call_sid, %error, "a recording of a deleted call was not deleted");
            }
        }
        // A recording may outlive what the journal knew of its call.
        let recordings = remove_recordings(&traces.recordings, |call_sid, _| deleted.has(call_sid)).await;
        let set_aside = remove_set_aside(&store, &deleted).await;
        if let Err(error) = recordings.and(set_aside) {
            warn!(%error, "files of calls deleted elsewhere were not all looked for");
        }
    }
}

/// Removes a call's recording, under its own name and under the one that its document gives, and its speech.
async fn remove_files(
    traces: &Traces,
    call_sid: &CallSid,
    recording: Option<&str>,
    speech: Vec<String>,
) -> std::io::Result<()> {
    let own = format!("{call_sid}.ogg");
    let unfinished = format!("{own}.part");
    // The unfinished file goes first: a writer that finishes it at this moment gives it the name that goes next.
    let mut removed = Ok(());
    for name in [&unfinished, &own] {
        removed = removed.and(remove(&traces.recordings.join(name)).await);
    }
    // The name is ours; even so, nothing but a name in that folder is touched.
    if let Some(named) = recording.and_then(|name| Path::new(name).file_name()).filter(|named| *named != own.as_str()) {
        removed = removed.and(remove(&traces.recordings.join(named)).await);
    }
    traces.speech.remove(speech, call_sid.as_str()).await;
    removed
}

/// Deletes calls older than `days`, now and every hour, for ever.
pub async fn keep(store: Store, traces: Traces, days: u32) {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    loop {
        expire(&store, &traces, Timestamp::now() - age).await;
        tokio::time::sleep(EXPIRE).await;
    }
}

/// Deletes every call that started before `before`, here and in MongoDB, recordings of that age whose call is not known any more, and
/// journals that were set aside as corrupt before it. How many calls.
pub async fn expire(store: &Store, traces: &Traces, before: Timestamp) -> usize {
    let mut gone = 0;
    loop {
        let filter = ListFilter { until: Some(before), limit: EXPIRE_AT_ONCE, ..ListFilter::default() };
        // Facts may have outlived their call.
        let listed = async {
            let calls = store.list(filter.clone()).await?.into_iter().map(|call| call.call_sid);
            let facts = store.list_collected(filter.clone()).await?.into_iter().map(|facts| facts.call_sid);
            Ok::<Vec<CallSid>, StoreError>(calls.chain(facts).collect())
        };
        let mut calls = match listed.await {
            Ok(calls) => calls,
            Err(error) => {
                warn!(%error, "calls past their retention were not deleted");
                return gone;
            }
        };
        let most = calls.len();
        calls.sort_unstable();
        calls.dedup();
        let mut deleted = 0;
        for call_sid in calls {
            match erase_kept(store, traces, &call_sid).await {
                Ok(_) => deleted += 1,
                Err(error) => warn!(%call_sid, %error, "a call past its retention was not deleted"),
            }
        }
        gone += deleted;
        if most < EXPIRE_AT_ONCE || deleted == 0 {
            break;
        }
    }
    let old = SystemTime::from(before);
    // One that was last written before belongs to no call that is younger.
    if let Err(error) = remove_recordings(&traces.recordings, |_, written| written < old).await {
        warn!(%error, "recordings past their retention were not looked for");
    }
    match store.expire_set_aside(before).await {
        Ok(0) => {}
        Ok(journals) => {
            warn!(journals, "journals set aside as corrupt are past the retention of what they hold and were deleted")
        }
        Err(error) => warn!(%error, "journals set aside were not looked for"),
    }
    if gone > 0 {
        info!(calls = gone, "calls past their retention deleted");
    }
    gone
}

/// Removes recordings of calls by name and time of their last change.
async fn remove_recordings(folder: &Path, goes: impl Fn(&CallSid, SystemTime) -> bool) -> std::io::Result<()> {
    let mut files = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    while let Some(file) = files.next_entry().await? {
        let name = file.file_name();
        let of_call = name.to_str().and_then(|name| {
            let name = name.strip_suffix(".part").unwrap_or(name);
            CallSid::parse(name.strip_suffix(".ogg")?).ok()
        });
        if let Some(call_sid) = of_call
            && goes(&call_sid, file.metadata().await?.modified()?)
        {
            remove(&file.path()).await?;
        }
    }
    Ok(())
}

async fn remove(file: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(file).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// How often calls past their retention are looked for.
const EXPIRE: Duration = Duration::from_secs(3_600);
const EXPIRE_AT_ONCE: usize = 200;

//! `RETENTION_DAYS`: calls older than that are deleted, with what was collected in them and their recordings.
//!
//! A call's age counts from its start. Key functions: [`keep`], [`expire`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::{ListFilter, Store};

/// Deletes calls older than `days`, now and every hour, for ever.
pub async fn keep(store: Store, recordings: PathBuf, days: u32) {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    loop {
        expire(&store, &recordings, Timestamp::now() - age).await;
        tokio::time::sleep(EXPIRE).await;
    }
}

/// Deletes every call that started before `before`, with its collected data and its recording, here and in MongoDB. How many.
pub async fn expire(store: &Store, recordings: &Path, before: Timestamp) -> usize {
    let mut gone = 0;
    loop {
        let filter = ListFilter { until: Some(before), limit: EXPIRE_AT_ONCE, ..ListFilter::default() };
        let calls = match store.list(filter).await {
            Ok(calls) => calls,
            Err(error) => {
                warn!(%error, "calls past their retention were not deleted");
                return gone;
            }
        };
        let most = calls.len();
        let mut deleted = 0;
        for call in calls {
            match store.delete(&call.call_sid).await {
                Ok(deletion) => {
                    deleted += 1;
                    let recording = deletion.recording.or(call.recording);
                    if let Some(name) = recording.as_deref().and_then(|name| Path::new(name).file_name())
                        && let Err(error) = tokio::fs::remove_file(recordings.join(name)).await
                        && error.kind() != std::io::ErrorKind::NotFound
                    {
                        warn!(call_sid = %call.call_sid, %error, "a recording past its retention was not deleted");
                    }
                }
                Err(error) => warn!(call_sid = %call.call_sid, %error, "a call past its retention was not deleted"),
            }
        }
        gone += deleted;
        if most < EXPIRE_AT_ONCE || deleted == 0 {
            if gone > 0 {
                info!(calls = gone, "calls past their retention deleted");
            }
            return gone;
        }
    }
}

/// How often calls past their retention are looked for.
const EXPIRE: Duration = Duration::from_secs(3_600);
const EXPIRE_AT_ONCE: usize = 200;

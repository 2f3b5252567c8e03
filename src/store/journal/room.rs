//! Whether the disk takes what is written: looked at before the journal is opened, and again and again once a write has failed, so that
//! it is known when there is room again though nothing comes to be kept.
//!
//! Not here: what is written. Key functions: [`look`], [`write_some`], [`watch`].

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::threads::{Asked, Write};
use super::{Shared, sql};
use crate::store::StoreError;

/// Whether a file can be written in the folder. Blocks on the disk.
///
/// # Errors
/// [`StoreError`]: what is wrong with the folder, by its name.
pub(super) fn look(dir: &Path) -> Result<(), StoreError> {
    let probe = dir.join(PROBE_FILE);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
        file.write_all(&[0; SOME])?;
        file.sync_all()
    })();
    // It may not be there at all.
    fs::remove_file(&probe).ok();
    written.map_err(|error| unwritable(dir, &error))
}

/// What an error of the file system says of the folder.
pub(super) fn unwritable(dir: &Path, error: &io::Error) -> StoreError {
    let what = format!("{}: {error}", dir.display());
    match error.kind() {
        io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => {
            StoreError::Full(what)
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::Forbidden(what),
        _ => StoreError::Journal(what),
    }
}

/// Has the journal write what a turn takes, and leaves nothing of it.
pub(super) fn write_some(connection: &Connection) -> Result<(), StoreError> {
    let some = format!("INSERT OR REPLACE INTO deleted (call_hash, at) VALUES (zeroblob({SOME}), 0)");
    connection.execute(&some, []).map_err(sql::broken)?;
    connection.execute("DELETE FROM deleted WHERE at = 0", []).map_err(sql::broken)?;
    Ok(())
}

/// Once a write has failed, tries to write every moment until that works; ends with the journal.
pub(super) async fn watch(writes: mpsc::WeakSender<Asked>, shared: Arc<Shared>) {
    loop {
        shared.failing.notified().await;
        loop {
            let Some(writes) = writes.upgrade() else { return };
            if shared.writable.load(Ordering::Relaxed) {
                break;
            }
            let (answer, written) = oneshot::channel();
            if writes.send((Write::Probe, Some(answer))).await.is_err() {
                return;
            }
            drop(writes);
            // What came of it the thread has noted.
            written.await.ok();
            sleep(PAUSE).await;
        }
    }
}

const PROBE_FILE: &str = "trunkline.room";
/// More than most calls' documents.
const SOME: usize = 64 << 10;
const PAUSE: Duration = Duration::from_secs(1);

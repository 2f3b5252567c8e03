//! The journal's file: opening, checking and, where it is corrupt, replacing it; its tables.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::sql::broken;
use crate::store::StoreError;
use crate::telemetry;

/// Opens the file for writing and brings its tables up to date. A corrupt file is moved aside first.
pub(super) fn open(dir: &Path, max_bytes: u64) -> Result<Connection, StoreError> {
    make_private(dir).map_err(|error| StoreError::Journal(format!("{}: {error}", dir.display())))?;
    let file = dir.join(FILE);
    match prepare(&file, max_bytes) {
        Err(Opening::Corrupt(why)) => {
            let aside = move_aside(&file).map_err(|error| StoreError::Journal(error.to_string()))?;
            tracing::error!(
                file = %file.display(), kept_as = %aside.display(), %why,
                "the journal is corrupt: it was moved aside and a new one is started; calls in it are not served"
            );
            metrics::counter!(telemetry::JOURNAL_CORRUPT).increment(1);
            prepare(&file, max_bytes).map_err(Opening::into_error)
        }
        opened => opened.map_err(Opening::into_error),
    }
}

/// A second connection, for reading.
pub(super) fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(dir.join(FILE)).map_err(broken)?;
    connection.busy_timeout(BUSY).map_err(broken)?;
    connection.pragma_update(None, "query_only", true).map_err(broken)?;
    Ok(connection)
}

/// Why a file did not open.
enum Opening {
    Corrupt(String),
    Failed(StoreError),
}

impl Opening {
    fn into_error(self) -> StoreError {
        match self {
            Self::Corrupt(why) => StoreError::Journal(why),
            Self::Failed(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Failed(broken(error)),
        }
    }
}

fn prepare(file: &Path, max_bytes: u64) -> Result<Connection, Opening> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(Opening::Failed(StoreError::TooNew { found, known: VERSION }));
    }
    let size = fs::metadata(file).map_or(0, |known| known.len());
    if size > 0 && size <= CHECKED_AT_OPEN {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Opening::Corrupt(verdict));
        }
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A deleted call leaves no readable bytes behind.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (max_bytes / u64::try_from(page).unwrap_or(4096).max(1)).clamp(64, u64::from(u32::MAX) - 1);
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    if found < VERSION {
        connection.execute_batch(TABLES)?;
    }
    Ok(connection)
}

fn move_aside(file: &Path) -> std::io::Result<PathBuf> {
    let stamp = Timestamp::now().as_millisecond();
    let aside = file.with_file_name(format!("{FILE}.corrupt-{stamp}"));
    fs::rename(file, &aside)?;
    for log in ["-wal", "-shm"] {
        let beside = |name: &Path| PathBuf::from(format!("{}{log}", name.display()));
        match fs::rename(beside(file), beside(&aside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

/// Makes the folder, and the file in it, for the owner's eyes alone: it holds what people said. SQLite gives its log the file's mode.
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(FILE))?;
    Ok(())
}

const FILE: &str = "trunkline.sqlite";
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(2);
/// A larger file is not checked at open: that would hold up the start.
const CHECKED_AT_OPEN: u64 = 256 << 20;
const LOG_KEPT: i64 = 8 << 20;

const TABLES: &str = "
BEGIN;
CREATE TABLE calls (
    call_sid   TEXT PRIMARY KEY,
    version    INTEGER NOT NULL,
    fed        INTEGER NOT NULL DEFAULT 0,  -- the newest version that MongoDB has acknowledged
    agent_type TEXT NOT NULL,
    stage      TEXT NOT NULL,
    outcome    TEXT,
    started_at INTEGER NOT NULL,            -- Unix milliseconds, as all times here
    ended      INTEGER NOT NULL,
    document   TEXT NOT NULL
);
CREATE INDEX calls_by_start ON calls (started_at DESC, call_sid DESC);
CREATE INDEX calls_unfed ON calls (started_at) WHERE fed < version;
CREATE TABLE collected (
    call_sid   TEXT PRIMARY KEY,
    version    INTEGER NOT NULL,
    fed        INTEGER NOT NULL DEFAULT 0,
    agent_type TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    document   TEXT NOT NULL
);
CREATE INDEX collected_by_start ON collected (started_at DESC, call_sid DESC);
CREATE INDEX collected_unfed ON collected (started_at) WHERE fed < version;
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    call_sid  TEXT NOT NULL,
    what      TEXT NOT NULL,                -- call, collected, delete
    version   INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    refused   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (call_sid, what)
);
CREATE TABLE deleted (
    call_hash BLOB PRIMARY KEY,             -- SHA-256 of the call's SID
    at        INTEGER NOT NULL
);
PRAGMA user_version = 1;
COMMIT;
";

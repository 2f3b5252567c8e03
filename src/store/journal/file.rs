//! The journal's file: opening, checking and, where it is corrupt, replacing it; its tables.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::room;
use super::sql::broken;
use crate::store::StoreError;
use crate::telemetry;

/// Opens the file for writing and brings its tables up to date. A corrupt file is moved aside first.
pub(super) fn open(dir: &Path, max_bytes: u64) -> Result<Connection, StoreError> {
    make_private(dir).map_err(|error| room::unwritable(dir, &error))?;
    // SQLite's own errors do not say what is wrong with the disk.
    room::look(dir)?;
    let file = dir.join(FILE);
    match prepare(&file, max_bytes) {
        Err(Opening::Corrupt(why)) => {
            let aside = move_aside(&file).map_err(|error| StoreError::Journal(error.to_string()))?;
            tracing::error!(
                file = %file.display(), kept_as = %aside.display(), %why,
                "the journal is corrupt: it was moved aside and a new one is started"
            );
            metrics::counter!(telemetry::JOURNAL_CORRUPT).increment(1);
            let fresh = prepare(&file, max_bytes).map_err(|why| why.into_error(&file))?;
            match salvage(&aside, &fresh) {
                Ok(records) => tracing::warn!(records, "what was whole in the corrupt journal was taken over"),
                Err(error) => tracing::warn!(%error, "nothing could be taken over from the corrupt journal"),
            }
            Ok(fresh)
        }
        opened => opened.map_err(|why| why.into_error(&file)),
    }
}

/// A second connection, for reading.
pub(super) fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(dir.join(FILE)).map_err(broken)?;
    connection.busy_timeout(BUSY).map_err(broken)?;
    connection.pragma_update(None, "query_only", true).map_err(broken)?;
    connection.pragma_update(None, "cache_size", CACHE).map_err(broken)?;
    Ok(connection)
}

/// A connection that only looks. `None`: there is no file.
pub(super) fn open_to_look(dir: &Path) -> Result<Option<Connection>, StoreError> {
    let file = dir.join(FILE);
    let at = |error: &dyn std::fmt::Display| StoreError::Journal(format!("{}: {error}", file.display()));
    match fs::metadata(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&error)),
        Ok(known) if known.len() == 0 => return Ok(None),
        Ok(_) => {}
    }
    // Not read-only: what a killed server left in the log can only then be seen.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || {
        let connection = Connection::open_with_flags(&file, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((connection, found))
    };
    let (connection, found): (Connection, i64) = look().map_err(|error: rusqlite::Error| at(&error))?;
    match found {
        0 => Ok(None),
        found if found > VERSION => Err(StoreError::TooNew { found, known: VERSION }),
        _ => Ok(Some(connection)),
    }
}

/// Why a file did not open.
enum Opening {
    Corrupt(String),
    Failed(StoreError),
}

impl Opening {
    fn into_error(self, file: &Path) -> StoreError {
        match self {
            Self::Corrupt(why) | Self::Failed(StoreError::Journal(why)) => {
                StoreError::Journal(format!("{}: {why}", file.display()))
            }
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
    // Before anything is written: it may be another program's.
    for (table, columns, _) in SALVAGED.iter().filter(|_| found == VERSION) {
        if let Err(error) = connection.prepare(&format!("SELECT {columns} FROM {table}")) {
            return Err(match Opening::from(error) {
                Opening::Failed(StoreError::Journal(error)) => Opening::Failed(StoreError::Journal(format!(
                    "it says that it is a journal of version {VERSION} and is none ({error}); move it away"
                ))),
                other => other,
            });
        }
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A deleted call leaves no readable bytes behind.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (max_bytes / u64::try_from(page).unwrap_or(4096).max(1)).clamp(64, u64::from(u32::MAX) - 1);
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    if found < VERSION {
        connection.execute_batch(TABLES)?;
    }
    Ok(connection)
}

/// Takes over what can still be read of a corrupt file, from both ends of each table up to where it is broken. How many records.
fn salvage(aside: &Path, fresh: &Connection) -> rusqlite::Result<usize> {
    let corrupt = Connection::open(aside)?;
    // Else SQLite does not look into a file that is shorter than it says.
    corrupt.pragma_update(None, "writable_schema", true)?;
    corrupt.pragma_update(None, "query_only", true)?;
    let mut taken = 0;
    fresh.execute_batch("BEGIN IMMEDIATE")?;
    for (table, columns, which) in SALVAGED {
        let places: Vec<String> = (1..=columns.split(", ").count()).map(|n| format!("?{n}")).collect();
        let insert = format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({})", places.join(", "));
        for order in ["ASC", "DESC"] {
            let read = format!("SELECT {columns} FROM {table} {which} ORDER BY rowid {order}");
            let Ok(mut rows) = corrupt.prepare(&read) else { break };
            let Ok(mut rows) = rows.query([]) else { break };
            while let Ok(Some(row)) = rows.next() {
                let values: rusqlite::Result<Vec<Value>> = (0..places.len()).map(|n| row.get(n)).collect();
                // A row that breaks the table's rules is no record.
                let Ok(values) = values else { continue };
                taken += fresh.execute(&insert, params_from_iter(values)).unwrap_or(0);
            }
        }
    }
    fresh.execute_batch("COMMIT")?;
    Ok(taken)
}

fn move_aside(file: &Path) -> std::io::Result<PathBuf> {
    let stamp = Timestamp::now().as_millisecond();
    let aside = file.with_file_name(format!("{SET_ASIDE}{stamp}"));
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
/// Before the moment, in Unix milliseconds, at which a corrupt journal was set aside.
pub(super) const SET_ASIDE: &str = "trunkline.sqlite.corrupt-";
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(2);
/// A larger file is not checked at open: that would hold up the start.
const CHECKED_AT_OPEN: u64 = 256 << 20;
const LOG_KEPT: i64 = 8 << 20;
/// Pages that a connection holds in memory, in SQLite's count (negative: KiB). Writes come once and go to the file's end.
const CACHE: i64 = -256;

/// The tables whose records are worth saving, their columns, and which of them. Of the outbox only deletions that MongoDB has not carried
/// out: nothing else says that they wait. The rest is made anew from what was not fed.
const SALVAGED: [(&str, &str, &str); 4] = [
    ("calls", "call_sid, version, fed, agent_type, stage, outcome, started_at, ended, document", ""),
    ("collected", "call_sid, version, fed, agent_type, started_at, document", ""),
    ("deleted", "call_hash, at", ""),
    ("outbox", "call_sid, what, version, queued_at", "WHERE what = 'delete'"),
];

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

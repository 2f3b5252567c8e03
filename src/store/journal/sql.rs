//! The journal's statements. Plain blocking functions on a connection; whoever calls them owns the transaction.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params, params_from_iter, types::Value};
use sha2::{Digest, Sha256};

use super::{Census, Errand, Found, Waiting};
use crate::store::record::{CallDocument, CollectedDocument};
use crate::store::{Deletion, ListFilter, StoreError};
use crate::twilio::CallSid;

/// How the outbox grew or shrank within a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) waiting: i64,
    pub(super) refused: i64,
}

/// Queues every record that MongoDB has not acknowledged.
pub(super) fn queue_the_unfed(connection: &Connection) -> Result<(), StoreError> {
    let now = Timestamp::now().as_millisecond();
    connection
        .execute(
            "INSERT OR IGNORE INTO outbox (call_sid, what, version, queued_at)
             SELECT call_sid, 'call', version, ?1 FROM calls WHERE fed < version ORDER BY started_at",
            [now],
        )
        .map_err(broken)?;
    connection
        .execute(
            "INSERT OR IGNORE INTO outbox (call_sid, what, version, queued_at)
             SELECT call_sid, 'collected', version, ?1 FROM collected WHERE fed < version ORDER BY started_at",
            [now],
        )
        .map_err(broken)?;
    // A start is a good moment to try again what was refused before.
    connection.execute("UPDATE outbox SET refused = 0 WHERE refused <> 0", []).map_err(broken)?;
    Ok(())
}

/// How many records wait, and how many were refused.
pub(super) fn outbox_size(connection: &Connection) -> Result<(u64, u64), StoreError> {
    connection
        .query_row("SELECT count(*) - total(refused = 1), total(refused = 1) FROM outbox", [], |row| {
            Ok((row.get::<_, f64>(0)? as u64, row.get::<_, f64>(1)? as u64))
        })
        .map_err(broken)
}

/// Keeps both documents where they are newer than what is kept. `Ok(false)`: nothing was newer.
pub(super) fn save(
    connection: &Connection,
    call: &CallDocument,
    collected: Option<&CollectedDocument>,
    outbox: bool,
) -> Result<(bool, Growth), StoreError> {
    if is_deleted(connection, &call.call_sid)? {
        return Err(StoreError::Deleted);
    }
    let mut growth = Growth::default();
    let mut newer = false;
    let document = to_json(call)?;
    let collected = collected.map(|facts| to_json(facts).map(|json| (facts, json))).transpose()?;
    let changed = connection
        .prepare_cached(
            "INSERT INTO calls (call_sid, version, agent_type, stage, outcome, started_at, ended, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (call_sid) DO UPDATE SET version = ?2, agent_type = ?3, stage = ?4, outcome = ?5,
                 started_at = ?6, ended = ?7, document = ?8
             WHERE version < ?2",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                call.call_sid.as_str(),
                version(call.version),
                call.agent_type,
                call.stage,
                call.outcome,
                call.started_at.as_millisecond(),
                call.ended_at.is_some(),
                document,
            ])
        })
        .map_err(broken)?;
    if changed > 0 {
        newer = true;
        if outbox {
            enqueue(connection, &call.call_sid, CALL, call.version, &mut growth)?;
        }
    }
    if let Some((facts, document)) = collected {
        let changed = connection
            .prepare_cached(
                "INSERT INTO collected (call_sid, version, agent_type, started_at, document) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (call_sid) DO UPDATE SET version = ?2, agent_type = ?3, started_at = ?4, document = ?5
                 WHERE version < ?2",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    facts.call_sid.as_str(),
                    version(facts.version),
                    facts.agent_type,
                    facts.started_at.as_millisecond(),
                    document,
                ])
            })
            .map_err(broken)?;
        if changed > 0 {
            newer = true;
            if outbox {
                enqueue(connection, &facts.call_sid, COLLECTED, facts.version, &mut growth)?;
            }
        }
    }
    Ok((newer, growth))
}

/// What is known of a call.
pub(super) fn find(connection: &Connection, call_sid: &CallSid) -> Result<Found, StoreError> {
    let document: Option<String> = connection
        .prepare_cached("SELECT document FROM calls WHERE call_sid = ?1")
        .and_then(|mut statement| statement.query_row([call_sid.as_str()], |row| document_of(row, 0)).optional())
        .map_err(broken)?;
    match document {
        Some(json) => from_json(&json).map(|call| Found::Call(Box::new(call))),
        None if is_deleted(connection, call_sid)? => Ok(Found::Deleted),
        None => Ok(Found::Unknown),
    }
}

/// Deletes a call and remembers, by its hash, that it was deleted.
pub(super) fn delete(
    connection: &Connection,
    call_sid: &CallSid,
    outbox: bool,
) -> Result<(Deletion, Growth), StoreError> {
    let found = match find(connection, call_sid) {
        Err(StoreError::Record(_)) => None,
        found => Some(found?),
    };
    let sid = call_sid.as_str();
    let now = Timestamp::now().as_millisecond();
    let mut growth = Growth::default();
    let mut refused = 0;
    let mut waiting = 0;
    let mut rows = connection.prepare_cached("SELECT refused FROM outbox WHERE call_sid = ?1").map_err(broken)?;
    for row in rows.query_map([sid], |row| row.get::<_, i64>(0)).map_err(broken)? {
        if row.map_err(broken)? == REFUSED {
            refused += 1;
        } else {
            waiting += 1;
        }
    }
    growth.waiting -= waiting;
    growth.refused -= refused;
    for statement in [
        "DELETE FROM calls WHERE call_sid = ?1",
        "DELETE FROM collected WHERE call_sid = ?1",
        "DELETE FROM outbox WHERE call_sid = ?1",
    ] {
        connection.execute(statement, [sid]).map_err(broken)?;
    }
    connection
        .execute("INSERT OR REPLACE INTO deleted (call_hash, at) VALUES (?1, ?2)", params![hash(call_sid), now])
        .map_err(broken)?;
    connection.execute("DELETE FROM deleted WHERE at < ?1", [now - REMEMBER_MS]).map_err(broken)?;
    if outbox {
        enqueue(connection, call_sid, DELETE, 0, &mut growth)?;
    }
    let deletion = match found {
        Some(Found::Call(call)) => {
            Deletion { found: true, recording: call.recording, speech: call.speech, mongodb_pending: outbox }
        }
        // A damaged record is deleted like any other.
        None => Deletion { found: true, recording: None, speech: Vec::new(), mongodb_pending: outbox },
        Some(Found::Deleted | Found::Unknown) => {
            Deletion { found: false, recording: None, speech: Vec::new(), mongodb_pending: outbox }
        }
    };
    Ok((deletion, growth))
}

/// Remembers, by their hashes, that calls were deleted elsewhere: nothing of them is kept here either from now on.
pub(super) fn bury(connection: &Connection, hashes: &HashSet<Vec<u8>>) -> Result<(), StoreError> {
    let now = Timestamp::now().as_millisecond();
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO deleted (call_hash, at) VALUES (?1, ?2)").map_err(broken)?;
    for hash in hashes {
        statement.execute(params![hash, now]).map_err(broken)?;
    }
    Ok(())
}

/// Takes a record out of the outbox, unless a newer version waits.
pub(super) fn fed(connection: &Connection, waiting: &Waiting) -> Result<Growth, StoreError> {
    let (what, table) = match waiting.what {
        Errand::Call(_) => (CALL, Some("UPDATE calls SET fed = ?2 WHERE call_sid = ?1 AND fed < ?2")),
        Errand::Collected(_) => (COLLECTED, Some("UPDATE collected SET fed = ?2 WHERE call_sid = ?1 AND fed < ?2")),
        Errand::Delete => (DELETE, None),
    };
    let sid = waiting.call_sid.as_str();
    if let Some(table) = table {
        connection
            .prepare_cached(table)
            .and_then(|mut statement| statement.execute(params![sid, version(waiting.version)]))
            .map_err(broken)?;
    }
    let gone = connection
        .prepare_cached("DELETE FROM outbox WHERE call_sid = ?1 AND what = ?2 AND version <= ?3 AND refused = 0")
        .and_then(|mut statement| statement.execute(params![sid, what, version(waiting.version)]))
        .map_err(broken)?;
    Ok(Growth { waiting: -i64::try_from(gone).unwrap_or(0), refused: 0 })
}

/// Sets a record of the outbox aside as [`REFUSED`] or [`CONTESTED`], unless a newer version waits.
pub(super) fn set_aside(connection: &Connection, waiting: &Waiting, why: i64) -> Result<Growth, StoreError> {
    let what = match waiting.what {
        Errand::Call(_) => CALL,
        Errand::Collected(_) => COLLECTED,
        Errand::Delete => DELETE,
    };
    let aside = connection
        .execute(
            "UPDATE outbox SET refused = ?4 WHERE call_sid = ?1 AND what = ?2 AND version <= ?3 AND refused = 0",
            params![waiting.call_sid.as_str(), what, version(waiting.version), why],
        )
        .map_err(broken)?;
    // What is contested still waits.
    let aside = if why == REFUSED { i64::try_from(aside).unwrap_or(0) } else { 0 };
    Ok(Growth { waiting: -aside, refused: aside })
}

/// Feeds what is contested of a call once more.
pub(super) fn feed_again(connection: &Connection, call_sid: &CallSid) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE outbox SET refused = 0 WHERE call_sid = ?1 AND refused = ?2",
            params![call_sid.as_str(), CONTESTED],
        )
        .map_err(broken)?;
    Ok(())
}

/// Calls of which MongoDB holds a version that knows nothing of ours, nor ours of it.
pub(super) fn contested(connection: &Connection, limit: usize) -> Result<Vec<CallSid>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT call_sid FROM outbox WHERE refused = ?1 ORDER BY seq LIMIT ?2")
        .map_err(broken)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([CONTESTED, limit], |row| row.get::<_, String>(0)).map_err(broken)?;
    let sids: Result<Vec<String>, _> = rows.collect();
    Ok(sids.map_err(broken)?.iter().filter_map(|sid| readable(sid)).collect())
}

/// The oldest records of the outbox, and when the first of them was queued (Unix milliseconds, 0 if none).
pub(super) fn waiting(connection: &Connection, limit: usize) -> Result<(Vec<Waiting>, i64), StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT o.call_sid, o.what, o.version, o.queued_at,
                    CASE o.what WHEN 'call' THEN (SELECT document FROM calls c WHERE c.call_sid = o.call_sid)
                                WHEN 'collected' THEN (SELECT document FROM collected c WHERE c.call_sid = o.call_sid) END
             FROM outbox o WHERE o.refused = 0 ORDER BY o.seq LIMIT ?1",
        )
        .map_err(broken)?;
    let rows = statement
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                document_of(row, 4)?,
            ))
        })
        .map_err(broken)?;
    let mut all = Vec::new();
    let mut oldest = 0;
    for row in rows {
        let (sid, what, version, queued_at, document) = row.map_err(broken)?;
        if all.is_empty() {
            oldest = queued_at;
        }
        let Some(call_sid) = readable(&sid) else { continue };
        let what = match what.as_str() {
            CALL => Errand::Call(document),
            COLLECTED => Errand::Collected(document),
            _ => Errand::Delete,
        };
        all.push(Waiting { call_sid, version: u64::try_from(version).unwrap_or(0), what });
    }
    Ok((all, oldest))
}

/// Calls whose deletion waits for MongoDB.
pub(super) fn deletions_waiting(connection: &Connection) -> Result<Vec<CallSid>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT call_sid FROM outbox WHERE what = 'delete'").map_err(broken)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(broken)?;
    let sids: Result<Vec<String>, _> = rows.collect();
    Ok(sids.map_err(broken)?.iter().filter_map(|sid| readable(sid)).collect())
}

/// What the journal holds, for people.
pub(super) fn census(connection: &Connection) -> Result<Census, StoreError> {
    let calls: i64 = connection.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).map_err(broken)?;
    let calls = u64::try_from(calls).unwrap_or(0);
    let (waiting, refused) = outbox_size(connection)?;
    let oldest: Option<i64> = connection
        .query_row("SELECT min(queued_at) FROM outbox WHERE refused <> ?1", [REFUSED], |row| row.get(0))
        .map_err(broken)?;
    let age = oldest.map_or(0, |oldest| Timestamp::now().as_millisecond().saturating_sub(oldest));
    let oldest_waits = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    Ok(Census { calls, waiting, refused, oldest_waits, bytes: bytes(connection)? })
}

/// The size of the file, its free pages included.
pub(super) fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pragma = |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(broken);
    Ok(u64::try_from(pragma("page_count")?.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}

/// The calls in either table whose names have one of these hashes.
pub(super) fn hashed(connection: &Connection, hashes: &HashSet<Vec<u8>>) -> Result<Vec<CallSid>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT call_sid FROM calls UNION SELECT call_sid FROM collected").map_err(broken)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(broken)?;
    let sids: Result<Vec<String>, _> = rows.collect();
    let sids = sids.map_err(broken)?;
    Ok(sids.iter().filter_map(|sid| readable(sid)).filter(|sid| hashes.contains(&hash(sid))).collect())
}

/// Calls, newest first.
pub(super) fn list_calls(connection: &Connection, filter: &ListFilter) -> Result<Vec<CallDocument>, StoreError> {
    list(connection, "calls", filter, true)
}

/// Collected data, newest call first.
pub(super) fn list_collected(
    connection: &Connection,
    filter: &ListFilter,
) -> Result<Vec<CollectedDocument>, StoreError> {
    list(connection, "collected", filter, false)
}

/// Makes room: removes the oldest ended calls that MongoDB holds in their newest version. How many went.
pub(super) fn trim(connection: &Connection) -> Result<usize, StoreError> {
    let gone = connection
        .execute(
            "DELETE FROM calls WHERE call_sid IN (
                 SELECT call_sid FROM calls WHERE ended = 1 AND fed >= version ORDER BY started_at LIMIT 256)",
            [],
        )
        .map_err(broken)?;
    connection
        .execute("DELETE FROM collected WHERE fed >= version AND call_sid NOT IN (SELECT call_sid FROM calls)", [])
        .map_err(broken)?;
    Ok(gone)
}

/// SQLite's error in our words.
pub(super) fn broken(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => StoreError::Forbidden(error.to_string()),
        _ => StoreError::Journal(error.to_string()),
    }
}

fn list<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    table: &str,
    filter: &ListFilter,
    staged: bool,
) -> Result<Vec<T>, StoreError> {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    let mut demand = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(agent_type) = &filter.agent_type {
        demand("agent_type = ?", agent_type.clone().into());
    }
    if staged {
        if let Some(stage) = &filter.stage {
            demand("stage = ?", stage.clone().into());
        }
        if let Some(outcome) = &filter.outcome {
            demand("outcome = ?", outcome.clone().into());
        }
    }
    if let Some(since) = filter.since {
        demand("started_at >= ?", since.as_millisecond().into());
    }
    if let Some(until) = filter.until {
        demand("started_at < ?", until.as_millisecond().into());
    }
    if let Some(place) = &filter.before {
        demand("started_at <= ?", place.started_at.as_millisecond().into());
        let at = values.len();
        values.push(place.call_sid.as_str().to_owned().into());
        conditions.push(format!("(started_at < ?{at} OR call_sid < ?{})", at + 1));
    }
    values.push(i64::try_from(filter.page()).unwrap_or(i64::MAX).into());
    let text = format!(
        "SELECT document FROM {table} WHERE {} ORDER BY started_at DESC, call_sid DESC LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    let mut statement = connection.prepare_cached(&text).map_err(broken)?;
    let rows = statement.query_map(params_from_iter(values), |row: &Row<'_>| document_of(row, 0)).map_err(broken)?;
    let mut all = Vec::new();
    for json in rows {
        match from_json(&json.map_err(broken)?) {
            Ok(record) => all.push(record),
            // One damaged record must not hide the others.
            Err(error) => damaged(&error),
        }
    }
    Ok(all)
}

/// Puts an errand into the outbox, or its newer version in the place of the one that waits.
fn enqueue(
    connection: &Connection,
    call_sid: &CallSid,
    what: &str,
    at: u64,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    let sid = call_sid.as_str();
    let refused: Option<i64> = connection
        .prepare_cached("SELECT refused FROM outbox WHERE call_sid = ?1 AND what = ?2")
        .and_then(|mut statement| statement.query_row([sid, what], |row| row.get(0)).optional())
        .map_err(broken)?;
    match refused {
        None => growth.waiting += 1,
        Some(REFUSED) => {
            growth.waiting += 1;
            growth.refused -= 1;
        }
        Some(_) => {}
    }
    connection
        .prepare_cached(
            "INSERT INTO outbox (call_sid, what, version, queued_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (call_sid, what) DO UPDATE SET version = ?3, refused = 0",
        )
        .and_then(|mut statement| statement.execute(params![sid, what, version(at), Timestamp::now().as_millisecond()]))
        .map_err(broken)?;
    Ok(())
}

/// The name of a call as it is kept; one that is damaged is passed over, so that it holds up no other.
fn readable(sid: &str) -> Option<CallSid> {
    CallSid::parse(sid).map_err(|error| damaged(&StoreError::Record(error.to_string()))).ok()
}

/// A document; nothing where it is no text, which is no JSON either.
fn document_of(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(row.get_ref(column)?.as_str().unwrap_or_default().to_owned())
}

fn damaged(error: &StoreError) {
    metrics::counter!(crate::telemetry::JOURNAL_DAMAGED).increment(1);
    tracing::warn!(%error, "a damaged record of the journal was passed over");
}

fn is_deleted(connection: &Connection, call_sid: &CallSid) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM deleted WHERE call_hash = ?1")
        .and_then(|mut statement| statement.exists([hash(call_sid)]))
        .map_err(broken)
}

/// What is remembered of a deleted call: the SHA-256 of its name.
pub(super) fn hash(call_sid: &CallSid) -> Vec<u8> {
    Sha256::digest(call_sid.as_str().as_bytes()).to_vec()
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn to_json<T: serde::Serialize>(record: &T) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|error| StoreError::Record(error.to_string()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, StoreError> {
    // The position is enough: the text itself may hold what a caller said.
    serde_json::from_str(json)
        .map_err(|error| StoreError::Record(format!("line {} column {}", error.line(), error.column())))
}

/// How long a deleted call is remembered: longer than Twilio lets a call or its callbacks last.
const REMEMBER_MS: i64 = 7 * 24 * 3_600_000;
/// Of a record in the outbox: MongoDB will never take it.
pub(super) const REFUSED: i64 = 1;
/// Of a record in the outbox: MongoDB holds what another instance made from the same beginning; both must be put together first.
pub(super) const CONTESTED: i64 = 2;
const CALL: &str = "call";
const COLLECTED: &str = "collected";
const DELETE: &str = "delete";

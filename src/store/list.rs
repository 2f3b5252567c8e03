//! Lists of calls: which ones, page by page, and two memories' lists as one.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::record::{CallDocument, CollectedDocument};
use crate::twilio::CallSid;

/// Which calls to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only calls of this agent.
    pub agent_type: Option<String>,
    /// Only calls in this stage. Collected data knows no stage and ignores it.
    pub stage: Option<String>,
    /// Only calls with this outcome. Collected data ignores it.
    pub outcome: Option<String>,
    /// Only calls that started at this instant or later.
    pub since: Option<Timestamp>,
    /// Only calls that started before this instant.
    pub until: Option<Timestamp>,
    /// Only what comes after this place in the list: the next page.
    pub before: Option<Place>,
    /// At most so many; 0 means 100, and more than 1000 means 1000.
    pub limit: usize,
}

/// A place in a list of calls: the last entry of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When that call started; only whole milliseconds count.
    pub started_at: Timestamp,
    /// That call.
    pub call_sid: CallSid,
}

impl ListFilter {
    /// How many entries a page holds.
    pub(crate) fn page(&self) -> usize {
        match self.limit {
            0 => PAGE,
            limit => limit.min(MAX_PAGE),
        }
    }
}

/// What two memories may both hold.
pub(super) trait Versioned {
    fn call_sid(&self) -> &CallSid;
    fn version(&self) -> u64;
    fn started_at(&self) -> Timestamp;
}

impl Versioned for CallDocument {
    fn call_sid(&self) -> &CallSid {
        &self.call_sid
    }
    fn version(&self) -> u64 {
        self.version
    }
    fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

impl Versioned for CollectedDocument {
    fn call_sid(&self) -> &CallSid {
        &self.call_sid
    }
    fn version(&self) -> u64 {
        self.version
    }
    fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

/// Both lists as one, newest call first, each call once in its newest version.
pub(super) fn merge<T: Versioned>(here: Vec<T>, there: Vec<T>, limit: usize) -> Vec<T> {
    if there.is_empty() {
        return here;
    }
    let mut newest: HashMap<CallSid, T> = HashMap::with_capacity(here.len() + there.len());
    for record in here.into_iter().chain(there) {
        match newest.get(record.call_sid()) {
            Some(kept) if kept.version() >= record.version() => {}
            _ => {
                newest.insert(record.call_sid().clone(), record);
            }
        }
    }
    let mut all: Vec<T> = newest.into_values().collect();
    // MongoDB keeps whole milliseconds: both sides are ordered by them.
    let place = |record: &T| (record.started_at().as_millisecond(), record.call_sid().clone());
    all.sort_by_cached_key(|record| Reverse(place(record)));
    all.truncate(limit);
    all
}

const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

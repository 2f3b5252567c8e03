//! Records as MongoDB holds them: the same fields, times as BSON dates (whole milliseconds), so that MongoDB can compare them.

use bson::{Bson, Document, doc};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{ListFilter, StoreError};

/// A journal's record as a document. The error names no words of the call.
pub(super) fn to_bson<T: DeserializeOwned + Serialize>(json: &str) -> Result<Document, String> {
    let record: T = serde_json::from_str(json)
        .map_err(|error| format!("the journal's record does not have its form at column {}", error.column()))?;
    let mut document = bson::serialize_to_document(&record).map_err(|_| "the record has no form in BSON".to_owned())?;
    for time in TIMES {
        if let Some(Bson::String(text)) = document.get(time) {
            let at: Timestamp = text.parse().map_err(|_| format!("{time} is no time"))?;
            document.insert(time, instant(at));
        }
    }
    Ok(document)
}

/// The record of a document.
pub(super) fn from_bson<T: DeserializeOwned>(mut document: Document) -> Result<T, StoreError> {
    for time in TIMES {
        if let Some(Bson::DateTime(at)) = document.get(time) {
            let at = Timestamp::from_millisecond(at.timestamp_millis())
                .map_err(|_| StoreError::Record(format!("{time} is out of range")))?;
            document.insert(time, at.to_string());
        }
    }
    bson::deserialize_from_document(document).map_err(|_| StoreError::Record("a document of mongodb".to_owned()))
}

/// What to look for.
pub(super) fn filter(filter: &ListFilter, staged: bool) -> Document {
    let mut all = doc! {};
    if let Some(agent_type) = &filter.agent_type {
        all.insert("agent_type", agent_type);
    }
    if staged {
        if let Some(stage) = &filter.stage {
            all.insert("stage", stage);
        }
        if let Some(outcome) = &filter.outcome {
            all.insert("outcome", outcome);
        }
    }
    let mut started = doc! {};
    if let Some(since) = filter.since {
        started.insert("$gte", instant(since));
    }
    if let Some(until) = filter.until {
        started.insert("$lt", instant(until));
    }
    if !started.is_empty() {
        all.insert("started_at", started);
    }
    if let Some(place) = &filter.before {
        let at = instant(place.started_at);
        all.insert(
            "$or",
            vec![
                doc! { "started_at": { "$lt": at } },
                doc! { "started_at": at, "call_sid": { "$lt": place.call_sid.as_str() } },
            ],
        );
    }
    all
}

fn instant(at: Timestamp) -> bson::DateTime {
    bson::DateTime::from_millis(at.as_millisecond())
}

const TIMES: [&str; 3] = ["started_at", "updated_at", "ended_at"];

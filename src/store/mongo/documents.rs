//! Records as MongoDB holds them: the same fields, times as BSON dates (whole milliseconds), so that MongoDB can compare them.

use bson::{Bson, Document, doc};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::record::Lineage;
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

/// The version of a document, and where it comes from. What has no form counts as written by nobody.
pub(super) fn lineage(document: &Document) -> (u64, Lineage) {
    let number = |found: &Bson| {
        let number = found.as_i64().or_else(|| found.as_i32().map(i64::from));
        number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    };
    let version = document.get("version").map_or(0, number);
    let writer = document.get_str("writer").unwrap_or_default().to_owned();
    let seen = document.get_document("seen").into_iter().flatten();
    (version, Lineage { writer, seen: seen.map(|(writer, version)| (writer.clone(), number(version))).collect() })
}

/// Finds the call's document where the version with this lineage was made from it, or is it.
pub(super) fn made_from(call_sid: &str, version: u64, lineage: &Lineage) -> Document {
    let known = lineage.knows(version).into_iter().map(|(writer, version)| {
        // Documents of before name no writer.
        let writer = if writer.is_empty() {
            doc! { "$in": ["", null] }
        } else {
            doc! { "$eq": writer }
        };
        doc! { "writer": writer, "version": { "$lte": i64::try_from(version).unwrap_or(i64::MAX) } }
    });
    doc! { "call_sid": call_sid, "$or": known.collect::<Vec<_>>() }
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

//! Deletions reach every instance: whoever deletes a call leaves its hash in MongoDB, and each looks there every few seconds.

use std::collections::HashSet;

use bson::{Bson, DateTime, Document, doc, spec::BinarySubtype};
use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::options::IndexOptions;
use tracing::{info, warn};

use super::{DELETED, Failure, Inner, OPERATION, bounded};
use crate::store::DeletedElsewhere;
use crate::store::journal::Journal;
use crate::twilio::CallSid;

/// What this instance has looked at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The time, by MongoDB's clock, of the newest deletion.
    newest: Option<DateTime>,
    /// How far before that the next look begins.
    overlap_ms: i64,
    /// The newest ones themselves: those of the same moments are found again.
    hashes: HashSet<Vec<u8>>,
}

impl Inner {
    /// Tells all instances that a call is deleted.
    pub(super) async fn leave_word(&self, call_sid: &CallSid) -> Result<(), Failure> {
        let word = doc! { "_id": binary(Journal::hash(call_sid)) };
        // By one clock for all; the first word counts.
        let at = vec![doc! { "$set": { "at": { "$ifNull": ["$at", "$$NOW"] } } }];
        let collection = self.collection(DELETED).await?;
        bounded(OPERATION, collection.update_one(word, at).upsert(true)).await?;
        Ok(())
    }

    /// Deletes here what others have deleted since the last look.
    pub(super) async fn follow_deletions(&self, seen: &mut Seen) -> Result<(), String> {
        let since = seen.newest.map(
            |newest| doc! { "at": { "$gte": DateTime::from_millis(newest.timestamp_millis() - seen.overlap_ms) } },
        );
        let collection = self.collection(DELETED).await.map_err(Failure::into_text)?;
        let find = async {
            let found = collection.find(since.unwrap_or_default()).sort(doc! { "at": 1 }).limit(AT_ONCE as i64).await?;
            found.try_collect::<Vec<Document>>().await
        };
        let words = bounded(OPERATION, Box::pin(find)).await.map_err(Failure::into_text)?;
        let mut newest = seen.newest;
        let mut hashes = HashSet::new();
        let mut found = HashSet::new();
        for word in &words {
            if let (Some(Bson::Binary(hash)), Ok(at)) = (word.get("_id"), word.get_datetime("at")) {
                newest = newest.max(Some(*at));
                if !seen.hashes.contains(&hash.bytes) {
                    found.insert(hash.bytes.clone());
                }
                hashes.insert(hash.bytes.clone());
            }
        }
        if !found.is_empty() {
            // Of all of them, known here or not: what is still on its way, in memory or from Twilio, must not be kept either.
            self.journal.bury(found.clone()).await.map_err(|error| error.to_string())?;
            let calls = self.journal.hashed(found.clone()).await.map_err(|error| error.to_string())?;
            let mut deleted = DeletedElsewhere { calls: Vec::new(), hashes: found };
            let mut failed = None;
            for call_sid in calls {
                // It goes to MongoDB once more: a version of ours may have got there after the deletion.
                match self.journal.delete(&call_sid).await {
                    Ok(deletion) => {
                        info!(%call_sid, "deleted, as another instance has");
                        deleted.calls.push((call_sid, deletion));
                    }
                    Err(error) => failed = Some(error.to_string()),
                }
            }
            // The files of those that are deleted go also where others were not: the next look finds only those.
            if self.deleted_elsewhere.try_send(deleted).is_err() {
                warn!("files of calls deleted elsewhere stay until their time is up");
            }
            if let Some(why) = failed {
                return Err(why);
            }
        }
        // Only now: what could not be deleted is found again.
        seen.newest = newest;
        // Where there are more words than were read, the next look begins after them.
        seen.overlap_ms = if words.len() < AT_ONCE { OVERLAP_MS } else { 0 };
        seen.hashes = hashes;
        Ok(())
    }

    /// Words are forgotten when nothing of a call can come any more.
    pub(super) async fn make_words_expire(&self) -> Result<(), Failure> {
        let collection = self.collection(DELETED).await?;
        let expire = IndexOptions::builder().expire_after(KEPT).build();
        let by_time = IndexModel::builder().keys(doc! { "at": 1 }).options(expire).build();
        bounded(OPERATION, collection.create_indexes([by_time])).await?;
        Ok(())
    }
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(bson::Binary { subtype: BinarySubtype::Generic, bytes })
}

/// Deletions of the last seconds may become visible out of order.
const OVERLAP_MS: i64 = 30_000;
const AT_ONCE: usize = 5_000;
/// An instance that was away for longer keeps what it has, until its own retention.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);

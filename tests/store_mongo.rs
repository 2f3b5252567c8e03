//! The store with a real MongoDB that is killed, frozen, late and in disorder: no acknowledged turn is lost, and nobody waits.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod rig;

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use rig::mongod::Mongod;
use rig::records::{call, facts, sid};
use tempfile::{TempDir, tempdir};
use tokio::time::timeout;
use trunkline::store::mongo::MongoConfig;
use trunkline::store::record::{CallDocument, Lineage};
use trunkline::store::{ListFilter, Place, Store, StoreConfig, StoreError};
use trunkline::twilio::CallSid;

/// A store on a folder and a database of the server.
async fn open(dir: &Path, mongod: &Mongod, database: &str) -> Store {
    let mongodb = MongoConfig { database: database.to_owned(), ..MongoConfig::new(mongod.uri()) };
    Store::open(StoreConfig { data_dir: dir.to_owned(), mongodb: Some(mongodb) }).await.unwrap()
}

/// An instance of the server with its own disk.
async fn instance(mongod: &Mongod, database: &str) -> (Store, TempDir) {
    let dir = tempdir().unwrap();
    (open(dir.path(), mongod, database).await, dir)
}

async fn flushed(store: &Store) {
    timeout(Duration::from_secs(60), store.flushed()).await.expect("mongodb gets everything").unwrap();
    assert_eq!(store.status().backlog, 0);
}

/// Fails if the work waits for MongoDB, whose operations are given 3 s.
async fn without_waiting<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(2), work).await.expect("this does not wait for mongodb")
}

async fn find(mongod: &Mongod, database: &str, collection: &str, call_sid: &str) -> Option<Document> {
    let collection = mongod.database(database).await.collection::<Document>(collection);
    assert!(collection.count_documents(doc! { "call_sid": call_sid }).await.unwrap() <= 1);
    collection.find_one(doc! { "call_sid": call_sid }).await.unwrap()
}

#[tokio::test]
async fn both_collections_hold_documents_as_designed() {
    let mongod = Mongod::shared().await;
    let (store, _dir) = instance(mongod, "documents").await;
    let mut ended = call("CA1", 7);
    ended.ended_at = Some(ended.updated_at);
    ended.outcome = Some("completed".to_owned());
    store.save(ended.clone(), Some(facts("CA1", 7))).await.unwrap();
    flushed(&store).await;

    let document = find(mongod, "documents", "calls", "CA1").await.unwrap();
    for time in ["started_at", "updated_at", "ended_at"] {
        assert!(matches!(document.get(time), Some(Bson::DateTime(_))), "{time}: {:?}", document.get(time));
    }
    assert_eq!(document.get_i64("schema").unwrap(), 1);
    assert_eq!(document.get_i64("version").unwrap(), 7);
    assert_eq!(document.get_str("agent_type").unwrap(), "LOGISTICS");
    assert_eq!(document.get_str("stage").unwrap(), "collecting");
    assert_eq!(document.get_str("language").unwrap(), "hi-IN");
    let turn = document.get_array("history").unwrap()[0].as_document().unwrap();
    assert_eq!(turn.get_str("text").unwrap(), "नमस्ते");
    assert_eq!(document.get_document("data").unwrap().get_str("charge").unwrap(), "₹500");
    assert_eq!(document.get_document("variables").unwrap().get_i64("$cost").unwrap(), 1);

    let collected = find(mongod, "documents", "collected_data", "CA1").await.unwrap();
    assert!(!collected.get_bool("complete").unwrap());
    assert_eq!(collected.get_document("data").unwrap().get_str("charge").unwrap(), "₹500");
    assert!(matches!(collected.get("started_at"), Some(Bson::DateTime(_))));

    for name in ["calls", "collected_data"] {
        let indexes = mongod.database("documents").await.collection::<Document>(name).list_indexes().await.unwrap();
        let indexes: Vec<_> = futures_util::TryStreamExt::try_collect(indexes).await.unwrap();
        assert!(indexes.iter().any(|index: &mongodb::IndexModel| {
            index.keys == doc! { "call_sid": 1 }
                && index.options.as_ref().is_some_and(|options| options.unique == Some(true))
        }));
    }

    // And another instance reads from MongoDB exactly what was saved.
    let (other, _other_dir) = instance(mongod, "documents").await;
    assert_eq!(other.load(&sid("CA1")).await.unwrap(), Some(ended));
    flushed(&other).await;
    let status = store.status();
    assert_eq!((status.memory, status.reachable, status.refused, status.last_error), ("mongodb", true, 0, None));
}

#[tokio::test]
async fn killed_and_restarted_mongodb_gets_every_acknowledged_turn() {
    let mut mongod = Mongod::start().await;
    let (store, _dir) = instance(&mongod, "killed").await;
    let mut newest = HashMap::new();
    for turn in 1..=30_u64 {
        for n in 0..10 {
            let name = format!("CA{n}");
            without_waiting(store.save(call(&name, turn), Some(facts(&name, turn)))).await.unwrap();
            newest.insert(name, turn);
        }
        match turn {
            // In mid-flight: more versions of the same calls are being fed at this moment.
            10 => mongod.kill(),
            20 => mongod.restart().await,
            25 => {
                mongod.kill();
                mongod.restart().await;
            }
            _ => {}
        }
    }
    flushed(&store).await;
    for (name, turn) in newest {
        for collection in ["calls", "collected_data"] {
            let document = find(&mongod, "killed", collection, &name).await.unwrap();
            assert_eq!(document.get_i64("version").unwrap(), i64::try_from(turn).unwrap(), "{collection} {name}");
        }
    }
}

#[tokio::test]
async fn a_frozen_mongodb_is_not_felt() {
    let mongod = Mongod::start().await;
    let (store, _dir) = instance(&mongod, "frozen").await;
    store.save(call("CA1", 1), None).await.unwrap();
    flushed(&store).await;

    mongod.freeze();
    for version in 2..=20 {
        without_waiting(store.save(call("CA1", version), Some(facts("CA1", version)))).await.unwrap();
        without_waiting(async { store.save_nowait(call("CA2", version), None) }).await.unwrap();
    }
    assert_eq!(without_waiting(store.load(&sid("CA1"))).await.unwrap().unwrap().version, 20);
    // A call of another instance cannot be known now; the asker is told within its bound, not within the driver's.
    let foreign = timeout(Duration::from_secs(5), store.load(&sid("CAforeign"))).await.expect("bounded");
    assert!(matches!(foreign, Err(StoreError::Mongo(_))), "{foreign:?}");
    assert!(
        !timeout(Duration::from_secs(5), store.list(ListFilter::default())).await.expect("bounded").unwrap().is_empty()
    );
    assert!(store.status().backlog > 0);

    mongod.thaw();
    flushed(&store).await;
    assert_eq!(find(&mongod, "frozen", "calls", "CA1").await.unwrap().get_i64("version").unwrap(), 20);
    assert_eq!(find(&mongod, "frozen", "calls", "CA2").await.unwrap().get_i64("version").unwrap(), 20);
}

#[tokio::test]
async fn a_mongodb_that_is_down_at_start_gets_everything_later() {
    let mut mongod = Mongod::not_yet_started();
    let (store, _dir) = instance(&mongod, "late").await;
    without_waiting(store.save(call("CA1", 1), Some(facts("CA1", 1)))).await.unwrap();
    assert_eq!(without_waiting(store.load(&sid("CA1"))).await.unwrap(), Some(call("CA1", 1)));
    assert_eq!(without_waiting(store.list(ListFilter::default())).await.unwrap(), vec![call("CA1", 1)]);
    let status = store.status();
    assert_eq!((status.memory, status.reachable, status.backlog), ("mongodb", false, 2));
    assert!(timeout(Duration::from_secs(5), store.load(&sid("CAforeign"))).await.expect("bounded").is_err());

    mongod.restart().await;
    flushed(&store).await;
    assert!(find(&mongod, "late", "calls", "CA1").await.is_some());
    assert!(find(&mongod, "late", "collected_data", "CA1").await.is_some());
}

#[tokio::test]
async fn our_restart_resumes_the_backlog() {
    let mut mongod = Mongod::not_yet_started();
    let dir = tempdir().unwrap();
    let store = open(dir.path(), &mongod, "resumed").await;
    for n in 0..100 {
        store.save(call(&format!("CA{n}"), 3), None).await.unwrap();
    }
    without_waiting(store.shutdown(Duration::from_millis(100))).await;
    drop(store);

    mongod.restart().await;
    let store = open(dir.path(), &mongod, "resumed").await;
    assert_eq!(store.status().backlog, 100);
    flushed(&store).await;
    let calls = mongod.database("resumed").await.collection::<Document>("calls");
    assert_eq!(calls.count_documents(doc! { "version": 3 }).await.unwrap(), 100);
}

#[tokio::test]
async fn shutdown_flushes_what_it_can() {
    let mongod = Mongod::shared().await;
    let (store, _dir) = instance(mongod, "flushed").await;
    for n in 0..100 {
        store.save_nowait(call(&format!("CA{n}"), 1), None).unwrap();
    }
    store.load(&sid("CA0")).await.unwrap();
    store.shutdown(Duration::from_secs(30)).await;
    let calls = mongod.database("flushed").await.collection::<Document>("calls");
    assert_eq!(calls.count_documents(doc! {}).await.unwrap(), 100);
    assert!(matches!(store.save(call("CA0", 2), None).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn versions_of_two_writers_out_of_order_leave_the_newest() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "writers").await;
    let (two, _two) = instance(mongod, "writers").await;
    two.save(call("CA1", 5), None).await.unwrap();
    flushed(&two).await;
    one.save(call("CA1", 3), None).await.unwrap();
    flushed(&one).await;
    assert_eq!(find(mongod, "writers", "calls", "CA1").await.unwrap().get_i64("version").unwrap(), 5);

    // At the same time, each with a first insert of the same calls.
    for round in 0..20 {
        let name = format!("CAround{round}");
        tokio::join!(
            async {
                one.save(call(&name, 1), None).await.unwrap();
                flushed(&one).await;
            },
            async {
                two.save(call(&name, 2), None).await.unwrap();
                flushed(&two).await;
            }
        );
        assert_eq!(find(mongod, "writers", "calls", &name).await.unwrap().get_i64("version").unwrap(), 2, "{name}");
    }
}

/// A version of a call as an instance writes it, made from what it has seen.
fn written(store: &Store, version: u64, from: &Lineage, words: &str) -> CallDocument {
    let mut one = call("CA1", version);
    one.history = vec![serde_json::json!({"role": "caller", "text": words})];
    one.lineage = from.clone().next(store.writer(), version);
    one
}

async fn contested(store: &Store) -> Vec<CallSid> {
    timeout(Duration::from_secs(30), async {
        loop {
            store.contest().await;
            let all = store.contested().await.unwrap();
            if !all.is_empty() {
                return all;
            }
        }
    })
    .await
    .expect("the conflict is noticed")
}

#[tokio::test]
async fn of_two_versions_made_from_the_same_one_neither_replaces_the_other_unseen() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "rivals").await;
    let (two, _two) = instance(mongod, "rivals").await;
    let first = written(&one, 1, &Lineage::default(), "hello");
    one.save(first.clone(), None).await.unwrap();
    flushed(&one).await;
    let seen = two.load(&sid("CA1")).await.unwrap().unwrap();
    assert_eq!(seen, first);
    // Both go on from it. The second is ahead by number, and must not win by that.
    let ours = written(&one, 2, &first.lineage, "five hundred");
    one.save(ours.clone(), Some(facts("CA1", 2))).await.unwrap();
    flushed(&one).await;
    let mut theirs = written(&two, 2, &seen.lineage, "two pm");
    two.save(theirs.clone(), None).await.unwrap();
    theirs = written(&two, 3, &theirs.lineage, "two pm to five");
    two.save(theirs.clone(), None).await.unwrap();
    assert_eq!(contested(&two).await, [sid("CA1")]);
    let text = async |words: &str| {
        let document = find(mongod, "rivals", "calls", "CA1").await.unwrap();
        let line = document.get_array("history").unwrap()[0].as_document().unwrap().get_str("text").unwrap().to_owned();
        assert_eq!(line, words);
    };
    text("five hundred").await;
    // It still waits, harms nobody, and is said to wait.
    assert_eq!(two.status().backlog, 1);
    two.save(call("CAother", 1), None).await.unwrap();
    timeout(Duration::from_secs(30), async { while find(mongod, "rivals", "calls", "CAother").await.is_none() {} })
        .await
        .expect("others are fed");
    let known = two.known(&sid("CA1")).await.unwrap().unwrap();
    assert_eq!((known.call.clone(), known.rival.as_deref().cloned()), (theirs.clone(), Some(ours.clone())));
    // Put together, it replaces both; the first sees that it is in it.
    let mut from = theirs.lineage.clone();
    from.join(&ours.lineage, ours.version);
    let both = written(&two, 4, &from, "five hundred, two pm to five");
    two.save(both.clone(), None).await.unwrap();
    flushed(&two).await;
    text("five hundred, two pm to five").await;
    assert_eq!(one.known(&sid("CA1")).await.unwrap().unwrap().call, both);
    // And the first one's own version, fed late or twice, changes nothing.
    one.save(call("CAlast", 1), None).await.unwrap();
    flushed(&one).await;
    text("five hundred, two pm to five").await;
}

#[tokio::test]
async fn a_contested_call_survives_a_restart_and_is_told_again() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "rivals_again").await;
    let dir = tempdir().unwrap();
    let two = open(dir.path(), mongod, "rivals_again").await;
    one.save(written(&one, 1, &Lineage::default(), "one"), None).await.unwrap();
    flushed(&one).await;
    two.save(written(&two, 1, &Lineage::default(), "two"), None).await.unwrap();
    contested(&two).await;
    two.shutdown(Duration::from_millis(100)).await;
    drop(two);
    let two = open(dir.path(), mongod, "rivals_again").await;
    assert_eq!(contested(&two).await, [sid("CA1")]);
    assert_eq!(two.status().backlog, 1);
}

#[tokio::test]
async fn another_instance_carries_a_call_on_and_the_first_sees_it() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "shared").await;
    let (two, _two) = instance(mongod, "shared").await;
    one.save(call("CA1", 1), None).await.unwrap();
    one.save(call("CAone", 1), None).await.unwrap();
    flushed(&one).await;
    let carried = two.load(&sid("CA1")).await.unwrap().unwrap();
    assert_eq!(carried, call("CA1", 1));
    two.save(call("CA1", 2), None).await.unwrap();
    two.save(call("CAtwo", 1), Some(facts("CAtwo", 1))).await.unwrap();
    flushed(&two).await;
    assert_eq!(one.load(&sid("CA1")).await.unwrap(), Some(call("CA1", 2)));

    let listed = one.list(ListFilter::default()).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| (one.call_sid.as_str(), one.version)).collect();
    assert_eq!(listed, [("CAtwo", 1), ("CAone", 1), ("CA1", 2)]);
    assert_eq!(one.list_collected(ListFilter::default()).await.unwrap(), vec![facts("CAtwo", 1)]);
}

#[tokio::test]
async fn calls_of_all_instances_are_listed_page_by_page() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "pages").await;
    let (two, _two) = instance(mongod, "pages").await;
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    for n in 0..12_i64 {
        let mut one_call = call(&format!("CA{n:02}"), 1);
        // Three calls start in each second.
        one_call.started_at = start + SignedDuration::from_secs(n / 3);
        one_call.stage = if n < 8 { "completed".to_owned() } else { "collecting".to_owned() };
        one_call.outcome = (n < 8).then(|| "completed".to_owned());
        one_call.agent_type = if n % 2 == 0 { "LOGISTICS".to_owned() } else { "CLINIC".to_owned() };
        let mut its_facts = facts(&format!("CA{n:02}"), 1);
        its_facts.started_at = one_call.started_at;
        its_facts.agent_type = one_call.agent_type.clone();
        let store = if n % 4 < 2 { &one } else { &two };
        store.save(one_call, Some(its_facts)).await.unwrap();
    }
    flushed(&one).await;
    flushed(&two).await;
    let (fresh, _fresh) = instance(mongod, "pages").await;
    // It has connected once it has fed something of its own, an old call at the end of the list.
    let mut oldest = call("CA99", 1);
    oldest.started_at = start - SignedDuration::from_hours(1);
    fresh.save(oldest, None).await.unwrap();
    flushed(&fresh).await;

    let whole: Vec<String> = (0..12).rev().map(|n| format!("CA{n:02}")).chain(["CA99".to_owned()]).collect();
    for store in [&one, &fresh] {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = store.list(ListFilter { limit: 4, before, ..ListFilter::default() }).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 4);
            before = Some(Place { started_at: last.started_at, call_sid: last.call_sid.clone() });
            seen.extend(page.into_iter().map(|call| call.call_sid.to_string()));
        }
        assert_eq!(seen, whole);

        let filter = ListFilter {
            agent_type: Some("CLINIC".to_owned()),
            outcome: Some("completed".to_owned()),
            stage: Some("completed".to_owned()),
            since: Some(start + SignedDuration::from_secs(1)),
            until: Some(start + SignedDuration::from_secs(3)),
            ..ListFilter::default()
        };
        let names = |sids: Vec<CallSid>| sids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let calls = store.list(filter.clone()).await.unwrap();
        assert_eq!(names(calls.into_iter().map(|call| call.call_sid).collect()), ["CA07", "CA05", "CA03"]);
        let collected = store.list_collected(ListFilter { limit: 2, ..filter }).await.unwrap();
        assert_eq!(names(collected.into_iter().map(|facts| facts.call_sid).collect()), ["CA07", "CA05"]);
    }
}

#[tokio::test]
async fn a_deleted_call_is_gone_from_mongodb_too() {
    let mongod = Mongod::shared().await;
    let (store, _dir) = instance(mongod, "deleted").await;
    store.save(call("CA1", 1), Some(facts("CA1", 1))).await.unwrap();
    store.save(call("CA2", 1), None).await.unwrap();
    flushed(&store).await;
    let deletion = store.delete(&sid("CA1")).await.unwrap();
    assert!(deletion.found && !deletion.mongodb_pending);
    for collection in ["calls", "collected_data"] {
        assert_eq!(find(mongod, "deleted", collection, "CA1").await, None);
    }
    assert!(find(mongod, "deleted", "calls", "CA2").await.is_some());
    // Also one that this instance never had.
    let (other, _other_dir) = instance(mongod, "deleted").await;
    let deletion = other.delete(&sid("CA2")).await.unwrap();
    assert!(deletion.found && !deletion.mongodb_pending);
    assert_eq!(find(mongod, "deleted", "calls", "CA2").await, None);
}

#[tokio::test]
async fn what_another_instance_deleted_is_not_kept_here_though_nothing_of_it_was_known() {
    let mongod = Mongod::shared().await;
    let (one, _one) = instance(mongod, "buried").await;
    let (two, _two) = instance(mongod, "buried").await;
    one.save(call("CA1", 1), None).await.unwrap();
    flushed(&one).await;
    one.delete(&sid("CA1")).await.unwrap();
    let deleted = timeout(Duration::from_secs(30), two.deleted_elsewhere()).await.expect("it looks every few seconds");
    assert!(deleted.has(&sid("CA1")) && !deleted.has(&sid("CA2")) && deleted.calls.is_empty());
    // A turn that was on its way, in memory or from Twilio.
    assert!(matches!(two.save(call("CA1", 2), Some(facts("CA1", 2))).await, Err(StoreError::Deleted)));
    two.save(call("CA2", 1), None).await.unwrap();
    flushed(&two).await;
    assert_eq!(find(mongod, "buried", "calls", "CA1").await, None);
}

#[tokio::test]
async fn a_deletion_waits_for_mongodb_and_hides_the_call_meanwhile() {
    let mut mongod = Mongod::start().await;
    let (store, _dir) = instance(&mongod, "dying").await;
    store.save(call("CA1", 1), Some(facts("CA1", 1))).await.unwrap();
    flushed(&store).await;
    mongod.kill();
    let deletion = timeout(Duration::from_secs(5), store.delete(&sid("CA1"))).await.expect("bounded").unwrap();
    assert!(deletion.found && deletion.mongodb_pending);
    assert_eq!(store.load(&sid("CA1")).await.unwrap(), None);
    mongod.restart().await;
    flushed(&store).await;
    for collection in ["calls", "collected_data"] {
        assert_eq!(find(&mongod, "dying", collection, "CA1").await, None);
    }
}

#[tokio::test]
async fn a_record_that_mongodb_refuses_does_not_hold_up_the_others() {
    let mongod = Mongod::shared().await;
    let database = mongod.database("refused").await;
    let refuse = doc! { "agent_type": { "$ne": "REFUSED" } };
    database.create_collection("calls").validator(refuse).await.unwrap();
    let (store, _dir) = instance(mongod, "refused").await;
    let mut refused = call("CA1", 1);
    refused.agent_type = "REFUSED".to_owned();
    store.save(refused, None).await.unwrap();
    store.save(call("CA2", 1), None).await.unwrap();
    flushed(&store).await;
    assert!(find(mongod, "refused", "calls", "CA2").await.is_some());
    assert_eq!(find(mongod, "refused", "calls", "CA1").await, None);
    assert_eq!(store.status().refused, 1);
    assert!(store.load(&sid("CA1")).await.unwrap().is_some());
    // A version that is fit to keep gets through.
    store.save(call("CA1", 2), None).await.unwrap();
    flushed(&store).await;
    assert!(find(mongod, "refused", "calls", "CA1").await.is_some());
    assert_eq!(store.status().refused, 0);
}

#[tokio::test]
async fn lost_answers_and_step_downs_lose_nothing() {
    let mongod = Mongod::start().await;
    let (store, _dir) = instance(&mongod, "failing").await;
    let admin = mongod.database("admin").await;
    let faults = [
        doc! { "failCommands": ["update"], "closeConnection": true },
        doc! { "failCommands": ["update"], "errorCode": 10107 },
        doc! { "failCommands": ["update"], "errorCode": 91 },
        doc! { "failCommands": ["update"], "blockConnection": true, "blockTimeMS": 3500 },
        doc! { "failCommands": ["update"], "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
    ];
    for (version, fault) in (1..).zip(faults) {
        let arm = doc! { "configureFailPoint": "failCommand", "mode": { "times": 2 }, "data": fault };
        admin.run_command(arm).await.unwrap();
        store.save(call("CA1", version), Some(facts("CA1", version))).await.unwrap();
        flushed(&store).await;
        admin.run_command(doc! { "configureFailPoint": "failCommand", "mode": "off" }).await.unwrap();
        assert_eq!(
            find(&mongod, "failing", "calls", "CA1").await.unwrap().get_i64("version").unwrap(),
            i64::try_from(version).unwrap()
        );
    }
    admin.run_command(doc! { "replSetStepDown": 1, "force": true }).await.unwrap();
    without_waiting(store.save(call("CA1", 99), None)).await.unwrap();
    flushed(&store).await;
    assert_eq!(find(&mongod, "failing", "calls", "CA1").await.unwrap().get_i64("version").unwrap(), 99);
}

#[tokio::test]
async fn a_bad_connection_string_stops_the_start_and_keeps_its_password() {
    let dir = tempdir().unwrap();
    let mongodb = Some(MongoConfig::new("mongodb://user:geheim99@:x/"));
    let refused = Store::open(StoreConfig { data_dir: dir.path().to_owned(), mongodb }).await.unwrap_err();
    assert!(matches!(refused, StoreError::MongoUri(_)));
    assert!(!format!("{refused} {refused:?}").contains("geheim99"));
}

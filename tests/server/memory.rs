//! What is left of a call: in MongoDB as designed, in SQLite the same, and no call that waits for either.

use std::time::Duration;

use mongodb::bson::{self, Bson, Document, doc};
use mongodb::{Client, Database};
use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, PHONE, attribute, caller, within};
use crate::rig::mongod::Mongod;
use crate::wire::{call_sid, ringing};

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];

/// The one document of a call, once it is as wanted.
async fn found(database: &Database, collection: &str, call_sid: &str, wanted: impl Fn(&Document) -> bool) -> Document {
    let collection = database.collection::<Document>(collection);
    let looking = async {
        loop {
            let all = collection.find(doc! {"call_sid": call_sid}).await;
            if let Ok(mut cursor) = all
                && cursor.advance().await.unwrap_or(false)
            {
                let document = cursor.deserialize_current().unwrap();
                assert!(!cursor.advance().await.unwrap(), "two documents of one call");
                if wanted(&document) {
                    return document;
                }
            }
        }
    };
    within(looking).await
}

fn json_of(document: &Document, name: &str) -> Value {
    document.get(name).cloned().map_or(Value::Null, |bson| bson::deserialize_from_bson(bson).unwrap())
}

/// Both documents of a call that went as `SAYS`.
async fn check(database: &Database, call_sid: &str, mode: &str) {
    let call =
        found(database, "calls", call_sid, |call| call.get("ended_at").is_some_and(|at| *at != Bson::Null)).await;
    assert_eq!(json_of(&call, "schema"), 1);
    for (name, value) in [
        ("agent_type", "QUICK"),
        ("direction", "outbound-api"),
        ("mode", mode),
        ("stage", "completed"),
        ("outcome", "completed"),
        ("language", "en-IN"),
        ("phone", PHONE),
    ] {
        assert_eq!(json_of(&call, name), value, "{name}: {call:#?}");
    }
    let history = json_of(&call, "history");
    let said: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["role"] == "caller")
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    assert_eq!(said, SAYS);
    assert!(
        history
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["role"] == "agent" && line["text"] == "This is Quick. Charge and time?")
    );
    let data = json!({"charge": "₹500", "time": "2-5pm"});
    let values = json!({"charge": {"amount": "500.00", "currency": "INR", "per": null},
        "time": {"start": "14:00", "end": "17:00", "date": null, "timezone": "Asia/Kolkata"}});
    assert_eq!((json_of(&call, "data"), json_of(&call, "values")), (data.clone(), values.clone()));
    for time in ["started_at", "updated_at", "ended_at"] {
        assert!(call.get_datetime(time).is_ok(), "{time}: {call:#?}");
    }
    let facts = found(database, "collected_data", call_sid, |facts| json_of(facts, "complete") == true).await;
    assert_eq!((json_of(&facts, "schema"), json_of(&facts, "agent_type")), (json!(1), json!("QUICK")));
    assert_eq!((json_of(&facts, "data"), json_of(&facts, "values")), (data, values));
    let evidence = json_of(&facts, "evidence");
    assert_eq!((&evidence["charge"]["words"], &evidence["charge"]["turn"]), (&json!("five hundred rupees"), &json!(2)));
    assert_eq!(
        (&evidence["time"]["words"], evidence["time"]["audio_ms"].is_array()),
        (&json!("two pm to five pm"), mode == "stream"),
        "{:#} {:#}",
        json_of(&call, "turns")[3],
        json_of(&call, "history")
    );
}

#[tokio::test]
async fn a_call_through_each_mode_leaves_its_documents_in_mongodb() {
    let mongod = Mongod::shared().await;
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MONGODB_URI", mongod.uri());
        plan.set("MONGODB_DATABASE", "each_mode");
    })
    .await;
    let database = mongod.database("each_mode").await;
    for mode in ["gather", "stream"] {
        let (report, _) = house.call(mode, json!({}), caller(&SAYS)).await;
        check(&database, &report.call_sid, mode).await;
    }
    for collection in ["calls", "collected_data"] {
        let mut cursor = database.collection::<Document>(collection).list_indexes().await.unwrap();
        let mut unique = false;
        while cursor.advance().await.unwrap() {
            let index = cursor.deserialize_current().unwrap();
            unique |=
                index.keys == doc! {"call_sid": 1} && index.options.is_some_and(|options| options.unique == Some(true));
        }
        assert!(unique, "{collection} takes two documents of one call");
    }
}

#[tokio::test]
async fn without_mongodb_the_same_is_kept_and_outlives_the_server() {
    let house = House::with(|plan| plan.words(SAYS)).await;
    let mut kept = Vec::new();
    for mode in ["gather", "stream"] {
        let (report, document) = house.call(mode, json!({}), caller(&SAYS)).await;
        assert_eq!(document["data"], json!({"charge": "₹500", "time": "2-5pm"}), "{mode}");
        assert_eq!((&document["mode"], &document["outcome"]), (&json!(mode), &json!("completed")));
        kept.push(house.document(&report.call_sid).await);
    }
    let collected = house.get("/api/collected").await;
    assert_eq!(collected["items"].as_array().unwrap().len(), 2);
    assert_eq!(collected["items"][0]["data"], json!({"charge": "₹500", "time": "2-5pm"}));
    let house = house.again().await;
    for document in kept {
        assert_eq!(house.document(document["call_sid"].as_str().unwrap()).await, document);
    }
}

#[tokio::test]
async fn a_mongodb_that_is_down_at_the_start_holds_nothing_up_and_gets_its_documents_later() {
    let mut mongod = Mongod::not_yet_started();
    let uri = mongod.uri();
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MONGODB_URI", uri);
        plan.set("MONGODB_DATABASE", "late");
    })
    .await;
    let mut calls = Vec::new();
    for mode in ["gather", "stream"] {
        let (report, document) = house.call(mode, json!({}), caller(&SAYS)).await;
        assert_eq!(document["data"], json!({"charge": "₹500", "time": "2-5pm"}), "{mode}");
        // A webhook with speech and mind to wait for takes less than Twilio would give it, MongoDB or not.
        assert!(
            report.webhooks.iter().all(|webhook| webhook.status == 200 || webhook.status == 204),
            "{:#?}",
            report.webhooks
        );
        calls.push((mode, report.call_sid.clone()));
    }
    mongod.restart().await;
    let database = mongod.database("late").await;
    for (mode, call_sid) in calls {
        check(&database, &call_sid, mode).await;
    }
}

#[tokio::test]
async fn no_webhook_asks_a_mongodb_that_is_known_to_be_away() {
    let nobody = Mongod::not_yet_started();
    let uri = nobody.uri();
    let house = House::with(|plan| {
        plan.set("MONGODB_URI", &uri);
        plan.set("MONGODB_DATABASE", "away");
    })
    .await;
    let known = async {
        while house.anybody(Method::GET, "/readyz").send().await.unwrap().json::<Value>().await.unwrap()["store"]
            ["last_error"]
            .is_null()
        {}
    };
    within(known).await;
    // A client that does ask gives up after this time; every webhook of a call that nobody knows is answered before.
    let client = Client::with_uri_str(format!("{uri}&serverSelectionTimeoutMS=1500")).await.unwrap();
    for (n, target, direction) in [
        (1, "/voice?agent_type=QUICK&mode=gather", "inbound"),
        (2, "/voice?agent_type=QUICK&mode=gather", "outbound-api"),
        (3, "/process-response?turn=2", "inbound"),
        (4, "/stream-ended", "inbound"),
        (5, "/call-status", "inbound"),
    ] {
        let sid = call_sid(n);
        let mut params = ringing(&sid).to_vec();
        params.retain(|(name, _)| *name != "Direction");
        params.push(("Direction", direction));
        let asking = client.database("away");
        tokio::select! {
            biased;
            (status, answer) = house.webhook(target, &params) => {
                assert!(status == 204 || answer.contains("<Say") || answer.contains("<Play"), "{target} {status} {answer}");
            }
            _ = asking.run_command(doc! {"ping": 1}) => panic!("{target} waits for MongoDB"),
        }
    }
}

#[tokio::test]
async fn a_mongodb_killed_in_the_middle_of_a_call_is_not_missed() {
    let mut mongod = Mongod::start().await;
    let uri = mongod.uri();
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MONGODB_URI", uri);
        plan.set("MONGODB_DATABASE", "killed");
    })
    .await;
    let database = mongod.database("killed").await;
    house.line.answer_next(caller(&SAYS));
    let call_sid = house.start("stream", json!({})).await;
    found(&database, "calls", &call_sid, |call| json_of(call, "language") == "en-IN").await;
    mongod.kill();
    let (report, document) = house.ended(&call_sid).await;
    assert_eq!((&document["stage"], report.streams), (&json!("completed"), 1));
    mongod.restart().await;
    check(&mongod.database("killed").await, &call_sid, "stream").await;
}

/// Two servers on one MongoDB.
async fn two_houses(mongod: &Mongod, database: &str) -> (House, House) {
    let house = async || {
        House::with(|plan| {
            plan.words(SAYS);
            plan.set("MONGODB_URI", mongod.uri());
            plan.set("MONGODB_DATABASE", database);
        })
        .await
    };
    (house().await, house().await)
}

#[tokio::test]
async fn a_call_that_another_instance_carries_on_takes_no_place_and_holds_up_no_shutdown() {
    let mongod = Mongod::shared().await;
    let (one, two) = two_houses(mongod, "places").await;
    let places = || [&one, &two].map(|house| house.server.switchboard().live_calls());
    let sid = call_sid(1);
    let voice = "/voice?agent_type=QUICK&mode=gather&language=en-IN";
    let (_, twiml) = one.webhook(voice, &ringing(&sid)).await;
    assert_eq!(places(), [1, 0]);
    within(one.server.switchboard().store().flushed()).await.unwrap();
    let action = attribute(&twiml, "action").unwrap();
    let target = &action[action.find("/process-response").unwrap()..];
    let mut params = ringing(&sid).to_vec();
    params.push(("SpeechResult", SAYS[1]));
    let (_, twiml) = two.webhook(target, &params).await;
    assert!(twiml.contains("<Gather"), "{twiml}");
    assert_eq!(places(), [1, 1], "the first does not know yet");
    within(two.server.switchboard().store().flushed()).await.unwrap();
    // Shorter than the time after which it would be told to say goodbye, far longer than it takes to ask MongoDB.
    one.server.switchboard().begin_drain();
    assert!(one.server.switchboard().drained(Duration::from_secs(40)).await);
    assert_eq!(places(), [0, 1]);
}

#[tokio::test]
async fn a_frozen_mongodb_is_not_felt_by_somebody_who_calls() {
    let mongod = Mongod::start().await;
    let house = House::with(|plan| {
        plan.set("MONGODB_URI", mongod.uri());
        plan.set("MONGODB_DATABASE", "frozen");
    })
    .await;
    let ready = async {
        while house.anybody(Method::GET, "/readyz").send().await.unwrap().json::<Value>().await.unwrap()["store"]["reachable"]
            != true
        {}
    };
    within(ready).await;
    mongod.freeze();
    for (n, target, answer) in [
        (1, "/voice?agent_type=QUICK&mode=gather", "<Gather"),
        (2, "/voice?agent_type=QUICK", "<Connect"),
        (3, "/voice?agent_type=QUICK&start=elsewhere", "<Connect"),
        // Of these nobody knows anything; they are told so while the caller still listens.
        (4, "/process-response?turn=2", "<Hangup"),
        (5, "/stream-ended", "<Hangup"),
    ] {
        let sid = call_sid(n);
        let said = tokio::time::timeout(FELT, house.webhook(target, &ringing(&sid))).await;
        let (status, twiml) = said.unwrap_or_else(|_| panic!("{target} waits for MongoDB"));
        assert!(status == 200 && twiml.contains(answer), "{target} {status} {twiml}");
    }
    mongod.thaw();
}

/// Less than MongoDB's 2 s for a call that nobody knows here, more than any lookup takes.
const FELT: Duration = Duration::from_millis(1_900);

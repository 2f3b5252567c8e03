//! A call that is deleted, or too old, leaves nothing behind: no record, no word in any file, no recording, no speech with the caller's
//! facts in it, nothing in memory; here, in MongoDB, and at the other instances.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "../server/house.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod house;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../server/wire.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod wire;

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use trunkline::simulator::caller::CallReport;
use trunkline::store::retention::{Traces, expire};
use trunkline::store::speech_cache::{SpeechForm, SpeechKey};
use trunkline::twilio::CallSid;

use crate::house::{House, PHONE, caller};
use crate::rig::mongod::Mongod;

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];

async fn house(mongod: Option<(&Mongod, &str)>) -> House {
    let mongod = mongod.map(|(mongod, database)| (mongod.uri(), database.to_owned()));
    House::with(|plan| {
        plan.words(SAYS);
        plan.record_all = true;
        plan.think(vec![
            ("five hundred", json!({"say": "So you want five hundred, dear caller.", "type": "NEED_MORE_INFO", "data": {"charge": "five hundred rupees"}})),
            ("", json!({"say": "Thanks, at two then.", "type": "THANK_YOU_RESPONSE", "data": {"time": "two pm to five pm"}})),
        ]);
        if let Some((uri, database)) = mongod {
            plan.set("MONGODB_URI", uri);
            plan.set("MONGODB_DATABASE", database);
        }
    })
    .await
}

fn traces(house: &House) -> Traces {
    Traces { recordings: house.path("data/recordings"), speech: house.server.switchboard().speech_cache().clone() }
}

/// The cached speech that the caller was played, as targets of our own server.
fn played(report: &CallReport) -> Vec<String> {
    let answers = report.webhooks.iter().flat_map(|webhook| webhook.answer.split("<Play>").skip(1));
    answers.map(|rest| rest[rest.find("/audio/").unwrap()..rest.find('<').unwrap()].to_owned()).collect()
}

async fn status(house: &House, target: &str) -> u16 {
    house.anybody(Method::GET, target).send().await.unwrap().status().as_u16()
}

/// Whether any file under the folder has these bytes.
fn somewhere(folder: &Path, words: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return somewhere(&path, words);
        }
        std::fs::read(path).unwrap().windows(words.len()).any(|window| window == words.as_bytes())
    })
}

async fn delete(house: &House, document: &Value) -> u16 {
    let target = format!("/api/calls/{}", document["call_sid"].as_str().unwrap());
    house.developer(Method::DELETE, &target).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_deleted_call_leaves_no_record_no_word_and_no_speech() {
    let mongod = Mongod::shared().await;
    let house = house(Some((mongod, "privacy"))).await;
    let (report, document) = house.call("gather", json!({}), caller(&SAYS)).await;
    house.server.switchboard().store().flushed().await.unwrap();
    let played = played(&report);
    assert!(played.len() >= 4, "{played:?}");
    for target in &played {
        assert_eq!(status(&house, target).await, 200, "{target}");
    }
    let data = house.path("data");
    for words in [PHONE, SAYS[1], "dear caller", document["call_sid"].as_str().unwrap()] {
        assert!(somewhere(&data, words), "{words} was there");
    }
    assert_eq!(delete(&house, &document).await, 204);
    for words in [PHONE, SAYS[1], "dear caller", document["call_sid"].as_str().unwrap()] {
        assert!(!somewhere(house.folder.path(), words), "{words} is there");
    }
    for name in ["calls", "collected_data"] {
        let left =
            mongod.database("privacy").await.collection::<Document>(name).count_documents(doc! {}).await.unwrap();
        assert_eq!(left, 0, "{name}");
    }
    // What was said to this caller alone is gone; what every caller hears is not.
    let mut left = Vec::new();
    for target in &played {
        left.push(status(&house, target).await);
    }
    assert!(left.iter().filter(|status| **status == 404).count() >= 2, "{left:?}");
    assert!(left.iter().filter(|status| **status == 200).count() >= 2, "{left:?}");
    let sid = CallSid::parse(document["call_sid"].as_str().unwrap()).unwrap();
    assert!(house.server.switchboard().events(&sid).is_none());
    // A late webhook does not bring it back.
    let sid = document["call_sid"].as_str().unwrap();
    house
        .webhook("/call-status", &[("CallSid", sid), ("CallStatus", "completed"), ("AccountSid", house::ACCOUNT_SID)])
        .await;
    assert_eq!(house.developer(Method::GET, &format!("/api/calls/{sid}")).send().await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn a_stream_keeps_no_speech_that_is_one_callers_own() {
    let house = house(None).await;
    house.call("stream", json!({"variables": {"company": "Zebra"}}), caller(&SAYS)).await;
    let spoken = |text: &str| SpeechKey {
        text: text.to_owned(),
        voice_id: "EXAVITQu4vr4xnSDxMaL".to_owned(),
        model_id: "eleven_flash_v2_5".to_owned(),
        settings: "stability=0.5 similarity_boost=0.75 speed=1".to_owned(),
        language: "english".to_owned(),
        form: SpeechForm::Ulaw,
    };
    let cache = house.server.switchboard().speech_cache().clone();
    // Rendered ahead, whenever that is done.
    house::within(async { while cache.get(&spoken("This is Quick.")).await.is_none() {} }).await;
    for own in ["This is Zebra.", "So you want five hundred, dear caller."] {
        assert!(
            house.vendors.log().iter().any(|entry| entry.body.to_string().contains(own.trim_end_matches('.'))),
            "{own}"
        );
        assert_eq!(cache.get(&spoken(own)).await, None, "{own}");
    }
}

#[tokio::test]
async fn a_journal_that_was_set_aside_goes_with_the_first_call_in_it_that_is_deleted_or_when_its_time_is_up() {
    let house = house(None).await;
    let (_, document) = house.call("gather", json!({}), caller(&SAYS)).await;
    let sid = document["call_sid"].as_str().unwrap();
    let now = Timestamp::now().as_millisecond();
    let file = |ms: i64, log: &str| house.path("data").join(format!("trunkline.sqlite.corrupt-{}{log}", now - ms));
    std::fs::write(file(1_000, ""), format!("...{sid}...{}...", SAYS[1])).unwrap();
    std::fs::write(file(1_000, "-wal"), SAYS[1]).unwrap();
    std::fs::write(file(7_200_000, ""), "...CA0000000000000000000000000000dead...").unwrap();
    assert_eq!(delete(&house, &document).await, 204);
    assert!(!somewhere(&house.path("data"), sid) && !somewhere(&house.path("data"), SAYS[1]));
    assert!(file(7_200_000, "").exists(), "of a call that is not in it, it says nothing");
    let store = house.server.switchboard().store();
    let before = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    expire(store, &traces(&house), before(3)).await;
    assert!(file(7_200_000, "").exists());
    expire(store, &traces(&house), before(1)).await;
    assert!(!file(7_200_000, "").exists());
}

#[tokio::test]
async fn retention_takes_speech_recordings_and_facts_along() {
    let house = house(None).await;
    let (report, _) = house.call("gather", json!({}), caller(&SAYS)).await;
    let (_, streamed) = house.call("stream", json!({}), caller(&SAYS)).await;
    let recordings = house.path("data/recordings");
    let recording = recordings.join(streamed["recording"].as_str().unwrap());
    // A recording whose call nobody knows, as a deletion elsewhere leaves it, and a file that is no recording.
    let (orphan, other) = (recordings.join("CA0000000000000000000000000000dead.ogg"), recordings.join("notes.txt"));
    for file in [&orphan, &other] {
        std::fs::write(file, "OggS").unwrap();
        let old = SystemTime::now() - Duration::from_secs(7_200);
        std::fs::OpenOptions::new().append(true).open(file).unwrap().set_modified(old).unwrap();
    }
    let (store, hour) = (house.server.switchboard().store(), SignedDuration::from_hours(1));
    assert_eq!(expire(store, &traces(&house), Timestamp::now() - hour).await, 0);
    assert!(recording.exists() && other.exists() && !orphan.exists());
    assert_eq!(expire(store, &traces(&house), Timestamp::now() + hour).await, 2);
    assert!(!recording.exists() && other.exists());
    let mut gone = 0;
    for target in played(&report) {
        gone += usize::from(status(&house, &target).await == 404);
    }
    assert!(gone >= 2, "{gone}");
    assert_eq!(house.get("/api/collected").await["items"], json!([]));
    assert!(!somewhere(&house.path("data"), PHONE));
}

#[tokio::test]
async fn the_deletion_of_one_call_takes_no_speech_from_another_that_is_about_to_be_played_it() {
    let house = house(None).await;
    let (report, document) = house.call("gather", json!({}), caller(&SAYS)).await;
    // Somebody else says the same at this moment, and is answered the same words.
    let sid = wire::call_sid(7);
    let voice = "/voice?agent_type=QUICK&mode=gather&language=en-IN";
    let (_, mut twiml) = house.webhook(voice, &wire::ringing(&sid)).await;
    let action = house::attribute(&twiml, "action").unwrap();
    let target = &action[action.find("/process-response").unwrap()..];
    let mut params = wire::ringing(&sid).to_vec();
    params.push(("SpeechResult", SAYS[1]));
    (_, twiml) = house.webhook(target, &params).await;
    assert!(twiml.contains("<Play>"), "{twiml}");
    let own = twiml.split("<Play>").nth(1).unwrap().split('<').next().unwrap();
    let own = own[own.find("/audio/").unwrap()..].to_owned();
    assert!(played(&report).contains(&own), "both are played {own}");
    assert_eq!(delete(&house, &document).await, 204);
    assert_eq!(status(&house, &own).await, 200, "Twilio fetches it now");
    let gone = async || {
        let mut gone = 0;
        for target in played(&report) {
            gone += usize::from(status(&house, &target).await == 404);
        }
        gone
    };
    let without = gone().await;
    assert!(without >= 1, "what the first call alone was played is gone");
    // It goes with the last call that it says something of.
    house.webhook("/call-status", &[("CallSid", &sid), ("CallStatus", "completed")]).await;
    let second = house.until(&sid, |document| !document["ended_at"].is_null()).await;
    assert_eq!(delete(&house, &second).await, 204);
    assert_eq!(status(&house, &own).await, 404);
    assert!(gone().await > without);
}

#[tokio::test]
async fn a_live_call_is_not_deleted() {
    let house = house(None).await;
    house.line.answer_next(caller(&["(nothing)"]));
    let call_sid = house.start("stream", json!({})).await;
    let document = house.until(&call_sid, |document| !document["history"].as_array().unwrap().is_empty()).await;
    assert_eq!(delete(&house, &document).await, 409);
    assert_eq!(house.document(&call_sid).await["call_sid"], document["call_sid"]);
}

#[tokio::test]
async fn a_deletion_waits_for_nobody_before_it_takes_the_files_and_ends_though_its_asker_goes_away() {
    let mongod = Mongod::start().await;
    let house = house(Some((&mongod, "gone"))).await;
    let (report, gathered) = house.call("gather", json!({}), caller(&SAYS)).await;
    let (_, streamed) = house.call("stream", json!({}), caller(&SAYS)).await;
    house.server.switchboard().store().flushed().await.unwrap();
    let recording = house.path("data/recordings").join(streamed["recording"].as_str().unwrap());
    let unfinished = recording.with_extension("ogg.part");
    std::fs::write(&unfinished, "OggS").unwrap();
    assert!(recording.exists());
    mongod.freeze();
    for document in [&gathered, &streamed] {
        let sid = document["call_sid"].as_str().unwrap();
        let mut socket = TcpStream::connect(house.at).await.unwrap();
        let head = format!("Host: {}\r\nAuthorization: Bearer {}", house.at, house::API_TOKEN);
        socket.write_all(format!("DELETE /api/calls/{sid} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
        // It is under way once the call is unknown here; whoever asked does not wait for MongoDB.
        let target = format!("/api/calls/{sid}");
        house::within(async {
            while house.developer(Method::GET, &target).send().await.unwrap().status().as_u16() != 404 {}
        })
        .await;
        drop(socket);
    }
    assert!(!recording.exists() && !unfinished.exists(), "they are gone before MongoDB has answered");
    for words in [PHONE, SAYS[1], "dear caller"] {
        assert!(!somewhere(&house.path("data"), words), "{words} is there");
    }
    let mut gone = 0;
    for target in played(&report) {
        gone += usize::from(status(&house, &target).await == 404);
    }
    assert!(gone >= 2, "{gone}");
    mongod.thaw();
    house::within(house.server.switchboard().store().flushed()).await.unwrap();
    for name in ["calls", "collected_data"] {
        let left = mongod.database("gone").await.collection::<Document>(name).count_documents(doc! {}).await.unwrap();
        assert_eq!(left, 0, "{name}");
    }
}

#[tokio::test]
async fn what_one_instance_deletes_the_others_delete_too() {
    let mongod = Mongod::shared().await;
    let (one, two) = (house(Some((mongod, "others"))).await, house(Some((mongod, "others"))).await);
    let (report, document) = one.call("gather", json!({}), caller(&SAYS)).await;
    let (_, streamed) = one.call("stream", json!({}), caller(&SAYS)).await;
    one.server.switchboard().store().flushed().await.unwrap();
    let recording = one.path("data/recordings").join(streamed["recording"].as_str().unwrap());
    assert!(recording.exists());
    for call in [&document, &streamed] {
        assert_eq!(delete(&two, call).await, 204);
    }
    house::within(async {
        while recording.exists() || somewhere(&one.path("data"), PHONE) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for house in [&one, &two] {
        assert_eq!(house.get("/api/calls").await["items"], json!([]));
        assert_eq!(house.get("/api/collected").await["items"], json!([]));
    }
    house::within(async {
        while one.server.switchboard().store().status().backlog > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut gone = 0;
    for target in played(&report) {
        gone += usize::from(status(&one, &target).await == 404);
    }
    assert!(gone >= 2, "{gone}");
    let words = mongod.database("others").await.collection::<Document>("deleted_calls");
    assert_eq!(words.count_documents(doc! {}).await.unwrap(), 2);
    assert_eq!(words.count_documents(doc! { "_id": { "$type": "binData" } }).await.unwrap(), 2);
}

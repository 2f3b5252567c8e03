//! A real replica set of three loses its primary, first by its own will and then by a kill, while simulated calls run.

use std::collections::HashMap;
use std::time::Duration;

use mongodb::bson::{Document, deserialize_from_bson, doc};
use serde_json::Value;

use crate::house::{caller, within};
use crate::rig::mongod::Set;
use crate::town::Town;
use crate::{Answered, CHARGE, SAYS, TIME, caller_lines};

const CALLS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_of_three_that_loses_its_primary_twice_loses_no_turn() {
    let mut set = Set::start().await;
    let town = Town::open(1, Some(set.uri()), SAYS).await;
    let mut events = town.line.events();
    let says = ["English", CHARGE, "who is this please", TIME];
    let mut calls = Vec::new();
    let mut answered: HashMap<String, Answered> = HashMap::new();
    for n in 0..CALLS {
        calls.push(town.start(if n % 2 == 0 { "stream" } else { "gather" }, caller(&says)).await);
        match n {
            // Some calls are in the middle then, others begin.
            4 => {
                let (old, new) = set.step_down().await;
                assert_ne!(old, new);
            }
            8 => {
                let (old, new) = set.kill_primary().await;
                assert_ne!(old, new);
            }
            _ => {}
        }
    }
    for call_sid in &calls {
        // In gather each answered webhook is a finished turn.
        let report = town.report(call_sid).await;
        let heard = report.webhooks.iter().flat_map(|webhook| &webhook.params);
        let lines = heard.filter(|(name, _)| name == "SpeechResult").map(|(_, text)| text.clone());
        answered.entry(call_sid.clone()).or_default().lines.extend(lines);
    }
    while let Ok(event) = events.try_recv() {
        answered.entry(event.call_sid).or_default().see(&event.what);
    }
    let mut told = HashMap::new();
    for call_sid in &calls {
        told.insert(call_sid.clone(), town.ended(0, call_sid).await);
    }
    within(async {
        while town.readiness(0).await["store"]["backlog"] != 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (mut finished, mut lost) = (0, 0);
    let database = set.client().await.database(town.database());
    for call_sid in &calls {
        let found = async |name: &str| -> Value {
            let collection = database.collection::<Document>(name);
            let wanted = doc! { "call_sid": call_sid };
            assert_eq!(collection.count_documents(wanted.clone()).await.unwrap(), 1);
            deserialize_from_bson(collection.find_one(wanted).await.unwrap().unwrap().into()).unwrap()
        };
        let (kept, facts) = (found("calls").await, found("collected_data").await);
        let document = &told[call_sid];
        let lines = caller_lines(&kept);
        assert_eq!(lines, caller_lines(document), "{kept:#}");
        let mut rest = lines.iter();
        for line in answered.remove(call_sid).unwrap_or_default().lines {
            finished += 1;
            lost += usize::from(!rest.any(|kept| *kept == line));
        }
        assert_eq!((&kept["stage"], &kept["version"]), (&"completed".into(), &document["version"]), "{kept:#}");
        assert_eq!((&facts["data"]["charge"], &facts["data"]["time"]), (&"₹500".into(), &"2-5pm".into()), "{facts:#}");
        assert_eq!(facts["complete"], true);
    }
    println!("calls {CALLS}, members 3, primaries lost 2, turns finished {finished}, lost {lost}");
    assert_eq!(finished, CALLS * says.len());
    assert_eq!(lost, 0);
}

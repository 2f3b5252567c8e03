//! MongoDB, a real one, that is away, frozen, slow, cut off, without a primary or locked: no call waits for it, and once it is back
//! it has everything.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{Document, deserialize_from_bson, doc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trunkline::simulator::caller::Party;
use trunkline::simulator::twilio::Happening;

use crate::house::{House, caller, within};
use crate::rig::mongod::Mongod;
use crate::table::Row;
use crate::vendors::{SAYS, close};

const MODES: [&str; 2] = ["stream", "gather"];

pub(crate) async fn rows() -> Vec<Row> {
    // Each lane has a server of its own and breaks it in one way after the other.
    let lanes: [&[(&str, &str)]; 3] = [
        &[("refused", "greeting"), ("hangs", "greeting"), ("401", "greeting"), ("malformed", "greeting")],
        &[("killed", "collecting"), ("slow", "collecting"), ("resets", "collecting"), ("500", "greeting")],
        &[
            ("hangs", "collecting"),
            ("steps down", "collecting"),
            ("500", "collecting"),
            ("slow", "greeting"),
            ("resets", "greeting"),
        ],
    ];
    let lanes = join_all(lanes.map(async |faults| {
        let mut mongod = Mongod::start().await;
        let mut rows = Vec::new();
        for (fault, moment) in faults {
            rows.extend(run(&mut mongod, fault, moment).await);
        }
        rows
    }));
    lanes.await.into_iter().flatten().collect()
}

async fn run(mongod: &mut Mongod, fault: &'static str, moment: &'static str) -> Vec<Row> {
    let database = format!("faults_{}_{moment}", fault.replace(' ', "_"));
    let mut uri = mongod.uri();
    if fault == "401" {
        uri = uri.replace("mongodb://", "mongodb://user:wrong@");
    }
    if fault == "malformed" {
        uri = format!("mongodb://{}/?directConnection=true", garbage().await);
    }
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MONGODB_URI", uri);
        plan.set("MONGODB_DATABASE", &database);
    })
    .await;
    if moment == "greeting" {
        break_it(mongod, fault).await;
    }
    let mut events = house.line.events();
    let mut calls = Vec::new();
    for mode in MODES {
        house.line.answer_next(caller(&SAYS));
        calls.push(house.start(mode, json!({})).await);
    }
    if moment == "collecting" {
        let fact = |what: &Happening| matches!(what, Happening::Speaking(Party::Caller, text) if text == SAYS[1]);
        while !fact(&within(events.recv()).await.unwrap().what) {}
        break_it(mongod, fault).await;
    }
    let mut rows = Vec::new();
    for (mode, call_sid) in MODES.into_iter().zip(&calls) {
        let mut row = Row::new("MongoDB", fault, moment, mode);
        let (report, document) = house.ended(call_sid).await;
        row.judge(&report, &document);
        rows.push((row, document));
    }
    mend(mongod, fault).await;
    if !matches!(fault, "401" | "malformed") {
        for (row, document) in &mut rows {
            compare(mongod, &database, document, row).await;
        }
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|(row, _)| row).collect();
    close(house, &mut rows[0]).await;
    rows
}

/// What came through in the end must be what the journal has.
async fn compare(mongod: &Mongod, database: &str, document: &Value, row: &mut Row) {
    let calls = mongod.database(database).await.collection::<Document>("calls");
    let looking = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let found = calls.find_one(doc! {"call_sid": document["call_sid"].as_str().unwrap()}).await;
            if let Ok(Some(found)) = found {
                let kept: Value = deserialize_from_bson(found.into()).unwrap();
                if kept["data"] == document["data"] && kept["stage"] == document["stage"] {
                    return kept;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    match looking.await {
        Err(_) => row.problems.push("mongodb never got it".to_owned()),
        Ok(kept) => {
            let words = |from: &Value| -> Vec<Value> {
                from["history"].as_array().unwrap().iter().map(|line| line["text"].clone()).collect()
            };
            if words(&kept) != words(document) {
                row.problems.push(format!("lost: {:?} of {:?}", words(&kept), words(document)));
            }
            row.outcome.push_str(", all in MongoDB");
        }
    }
}

async fn break_it(mongod: &mut Mongod, fault: &str) {
    match fault {
        "refused" | "killed" => mongod.kill(),
        "hangs" => mongod.freeze(),
        "slow" => fail(mongod, doc! {"mode": "alwaysOn", "data": {"failCommands": COMMANDS.to_vec(), "blockConnection": true, "blockTimeMS": 2_000}}).await,
        "resets" => fail(mongod, doc! {"mode": "alwaysOn", "data": {"failCommands": COMMANDS.to_vec(), "closeConnection": true}}).await,
        "500" => fail(mongod, doc! {"mode": "alwaysOn", "data": {"failCommands": COMMANDS.to_vec(), "errorCode": 8}}).await,
        "steps down" => {
            let admin = mongod.database("admin").await;
            // It closes connections as it goes, this one too.
            admin.run_command(doc! {"replSetStepDown": 4, "secondaryCatchUpPeriodSecs": 0, "force": true}).await.ok();
        }
        "401" | "malformed" => {}
        other => panic!("{other}"),
    }
}

async fn mend(mongod: &mut Mongod, fault: &str) {
    match fault {
        "refused" | "killed" => mongod.restart().await,
        "hangs" => mongod.thaw(),
        "slow" | "resets" | "500" => fail(mongod, doc! {"mode": "off"}).await,
        _ => {}
    }
}

/// A server that answers everything with what is no message of MongoDB's.
async fn garbage() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

async fn fail(mongod: &Mongod, mut how: Document) {
    let mut command = doc! {"configureFailPoint": "failCommand"};
    command.extend(std::mem::take(&mut how));
    mongod.database("admin").await.run_command(command).await.unwrap();
}

const COMMANDS: [&str; 4] = ["find", "insert", "update", "findAndModify"];

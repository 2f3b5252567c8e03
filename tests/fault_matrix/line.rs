//! Twilio's REST interface: a call that is to be started, and one that is to be ended.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline::simulator::twilio::{Happening, Inbound};

use crate::house::{House, NUMBER, PHONE, QUICK, caller, within};
use crate::table::Row;
use crate::vendors::{SAYS, close};

const FAULTS: [&str; 8] = ["refused", "401", "429", "500", "hangs", "slow", "resets", "malformed"];

pub(crate) async fn rows() -> Vec<Row> {
    let cases = FAULTS.iter().flat_map(|fault| {
        [("start", "stream"), ("hang up", "stream"), ("hang up", "gather")].map(|case| (*fault, case))
    });
    join_all(cases.map(async |(fault, (moment, mode))| match moment {
        "start" => start(fault).await,
        _ => hang_up(fault, mode).await,
    }))
    .await
}

async fn house(fault: &'static str) -> House {
    let stub = stub(fault).await;
    House::with(|plan| {
        plan.words(SAYS);
        plan.set("TWILIO_API_URL", format!("http://{stub}"));
    })
    .await
}

async fn start(fault: &'static str) -> Row {
    let mut row = Row::new("Twilio REST", fault, "start", "stream");
    let house = house(fault).await;
    let asked = Instant::now();
    let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
    row.longest_ms = asked.elapsed().as_millis() as u64;
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    row.outcome = format!("{status} {kind}");
    let (wanted, form) = if fault == "slow" { (200, "application/json") } else { (502, "application/problem+json") };
    if status != wanted || kind != form {
        row.problems.push(answer.text().await.unwrap());
    }
    if row.longest_ms > PATIENCE_OF_A_DEVELOPER_MS {
        row.problems.push("the developer waits too long".to_owned());
    }
    if fault == "slow" {
        // It was started: Twilio will tell of its end.
        house
            .webhook(
                "/call-status",
                &[("CallSid", SID), ("CallStatus", "no-answer"), ("AccountSid", crate::house::ACCOUNT_SID)],
            )
            .await;
    }
    close(house, &mut row).await;
    row
}

/// A live call that a developer wants ended. It ends all the same: a stream at once, a call in gather with its next turn; the developer
/// is told.
async fn hang_up(fault: &'static str, mode: &'static str) -> Row {
    let mut row = Row::new("Twilio REST", fault, "hang up", mode);
    let house = house(fault).await;
    let mut events = house.line.events();
    let call_sid = house.line.place(Inbound {
        url: format!("{}/voice?agent_type={QUICK}&mode={mode}", house.url),
        status_callback: Some(format!("{}/call-status", house.url)),
        from: PHONE.to_owned(),
        to: NUMBER.to_owned(),
        script: Some(caller(if mode == "stream" { &["(nothing)"] } else { &SAYS })),
    });
    let speaks = |what: &Happening| matches!(what, Happening::Speaking(..) | Happening::Said(_));
    while !speaks(&within(events.recv()).await.unwrap().what) {}
    let asked = Instant::now();
    let answer = house.developer(Method::POST, &format!("/api/calls/{call_sid}/hangup")).send().await.unwrap();
    row.longest_ms = asked.elapsed().as_millis() as u64;
    let status = answer.status().as_u16();
    let (report, document) = house.ended(&call_sid).await;
    let stage = document["stage"].as_str().unwrap_or("?").to_owned();
    row.outcome = format!("{status}, {stage}");
    // What a 2xx says beside is not ours to need.
    if !matches!((fault, status), ("slow" | "malformed", 200..=299) | (_, 502) | (_, 409)) {
        row.problems.push(format!("{status} {}", answer.text().await.unwrap()));
    }
    if stage != "abandoned" {
        row.problems.push(format!("{stage} after {:#?}", report.transcript));
    }
    close(house, &mut row).await;
    row
}

/// A Twilio that fails so.
async fn stub(fault: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    if fault != "refused" {
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, fault));
            }
        });
    }
    at
}

async fn answer(mut stream: TcpStream, fault: &str) {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let error = |code: u32| json!({"code": code, "message": "as asked", "status": 400}).to_string();
    let call = json!({"sid": SID, "status": "queued"}).to_string();
    let (status, body) = match fault {
        "401" => ("401 Unauthorized", error(20_003)),
        "429" => ("429 Too Many Requests", error(20_429)),
        "500" => ("500 Internal Server Error", error(20_500)),
        "malformed" => ("201 Created", "<html>".to_owned()),
        "slow" => ("201 Created", call),
        _ => ("", String::new()),
    };
    match fault {
        "hangs" => std::future::pending().await,
        "slow" => tokio::time::sleep(Duration::from_secs(4)).await,
        "resets" => {
            stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{").await.ok();
            return;
        }
        _ => {}
    }
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
    // The rest of the request, so that the answer is not cut by a reset.
    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
}

const SID: &str = "CA00000000000000000000000000000042";
const PATIENCE_OF_A_DEVELOPER_MS: u64 = 13_000;

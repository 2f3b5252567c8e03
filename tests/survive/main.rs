//! Calls outlive the process that carries them: the real program is killed in the middle of streamed calls, and comes back, or another
//! instance on the same MongoDB takes over; two instances share calls turn by turn.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "counts and the instances' own logs are what people look for when it fails"
)]

#[path = "../server/house.rs"]
#[expect(dead_code, reason = "no test program uses all of it")]
mod house;
mod replica;
#[path = "../rig/mod.rs"]
mod rig;
mod town;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use trunkline::simulator::caller::Party;
use trunkline::simulator::twilio::{Happening, LineEvent};

use crate::house::caller;
use crate::rig::mongod::Mongod;
use crate::town::{Town, call_sids};

const CHARGE: &str = "five hundred rupees";
const TIME: &str = "two pm to five pm";
/// Said again where the kill came between words and their answer; the values are the same.
const SAYS: [&str; 7] = ["English", CHARGE, TIME, "yes", CHARGE, TIME, "who is this please"];
const CALLS: usize = 10;

/// What a caller has had answered: each of his lines after which the agent spoke.
#[derive(Default)]
struct Answered {
    waiting: Vec<String>,
    lines: Vec<String>,
}

impl Answered {
    fn see(&mut self, what: &Happening) {
        match what {
            Happening::Speaking(Party::Agent, _) => self.lines.append(&mut self.waiting),
            Happening::Said(line) => match line.who {
                Party::Agent => {}
                Party::Caller => self.waiting.push(line.text.clone()),
            },
            _ => {}
        }
    }
}

fn caller_lines(document: &Value) -> Vec<String> {
    let lines = document["history"].as_array().unwrap().iter();
    lines.filter(|line| line["role"] == "caller").map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

/// Streamed calls, one after the other begun; once the last has had its first answer, the process is killed.
async fn killed_in_mid_call(mut town: Town, instead: Option<usize>) {
    let mut events = town.line.events();
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        calls.push(town.start("stream", caller(&SAYS)).await);
        // No wait for anything: they shall be killed at different moments of a call.
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    let mut answered: HashMap<String, Answered> = HashMap::new();
    loop {
        let event: LineEvent = house::within(events.recv()).await.unwrap();
        answered.entry(event.call_sid).or_default().see(&event.what);
        if answered.get(calls.last().unwrap()).is_some_and(|last| !last.lines.is_empty()) {
            break;
        }
    }
    let before: HashMap<String, Value> = town.documents(0, &calls).await;
    let with_data = before.values().filter(|document| document["data"]["charge"] == "₹500").count();
    town.kill(0);
    while let Ok(event) = events.try_recv() {
        answered.entry(event.call_sid).or_default().see(&event.what);
    }
    let carrier = match instead {
        None => {
            town.restart(0).await;
            0
        }
        Some(other) => other,
    };
    let (mut finished, mut lost, mut carried_on) = (0, 0, 0);
    for call_sid in &calls {
        let report = town.report(call_sid).await;
        let document = town.ended(carrier, call_sid).await;
        let told = format!("{document:#}\n{report:#?}");
        let lines = caller_lines(&document);
        let mut rest = lines.iter();
        for line in answered.remove(call_sid).unwrap_or_default().lines {
            finished += 1;
            if !rest.any(|kept| *kept == line) {
                lost += 1;
                println!("lost of {call_sid}: {line}; kept: {lines:?}");
            }
        }
        assert_eq!(document["stage"], "completed", "{told}");
        assert_eq!(document["language"], "en-IN", "{told}");
        assert_eq!(document["data"]["charge"], "₹500", "{told}");
        assert_eq!(document["data"]["time"], "2-5pm", "{told}");
        for (name, value) in before[call_sid]["data"].as_object().unwrap() {
            assert_eq!(&document["data"][name], value, "{told}");
        }
        let webhooks: Vec<&str> = report.webhooks.iter().map(|webhook| webhook.url.as_str()).collect();
        if document["mode"] == "gather" {
            carried_on += 1;
            assert!(webhooks.iter().any(|url| url.ends_with("/stream-ended")), "{webhooks:?}");
        }
        assert!(report.webhooks.iter().all(|webhook| webhook.status == 200 || webhook.status == 204), "{webhooks:?}");
    }
    println!(
        "calls {CALLS}, carried on in gather {carried_on}, turns finished before the kill {finished}, lost {lost}"
    );
    assert!(with_data >= 2, "the kill came too early: {with_data}");
    assert!(carried_on >= CALLS / 2, "the kill came too late: {carried_on}");
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_comes_back_and_loses_no_turn() {
    let town = Town::open(1, None, SAYS).await;
    killed_in_mid_call(town, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_takes_over_the_calls_of_a_killed_one() {
    let mongod = Mongod::shared().await;
    let town = Town::open(2, Some(mongod.uri()), SAYS).await;
    town.balancer.only(0);
    killed_in_mid_call(town, Some(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_calls_turn_by_turn() {
    let mongod = Mongod::shared().await;
    let town = Town::open(2, Some(mongod.uri()), SAYS).await;
    town.balancer.alternate();
    let says = ["English", "who is this please", CHARGE, TIME];
    let mut calls = Vec::new();
    for n in 0..12 {
        calls.push(town.start(if n % 3 == 0 { "stream" } else { "gather" }, caller(&says)).await);
    }
    for call_sid in &calls {
        let report = town.report(call_sid).await;
        for instance in [0, 1] {
            let document = town.ended(instance, call_sid).await;
            let told = format!("{document:#}\n{:#?}", report.webhooks);
            assert_eq!(document["stage"], "completed", "{told}");
            assert_eq!(document["data"]["charge"], "₹500", "{told}");
            assert_eq!(document["data"]["time"], "2-5pm", "{told}");
            assert_eq!(caller_lines(&document), says, "{told}");
        }
    }
    assert_eq!(call_sids(&town.collected(0).await), call_sids(&town.collected(1).await));
}

/// What a call started by hand is asked next: the target of its `<Gather>`, or nothing once it hangs up.
fn asked(twiml: &str) -> Option<String> {
    let action = house::attribute(twiml, "action")?;
    Some(action[action.find("/process-response")?..].to_owned())
}

fn by_hand(n: usize) -> String {
    format!("CA{:032x}", (n as u128) << 64 | u128::from(rand::random::<u64>()))
}

/// Says one thing after the other, the first to instance `at`, the next to the other, and so on.
async fn talk(town: &Town, call_sid: &str, mut at: usize, mut twiml: String, says: &[&str]) -> String {
    for words in says {
        let target = asked(&twiml).unwrap_or_else(|| panic!("{words} after {twiml}"));
        twiml = town.webhook(at, &target, call_sid, &[("SpeechResult", words), ("Confidence", "0.9")]).await;
        // Where the mind is late, the phone is sent round.
        while let Some((_, round)) = twiml.split_once("<Redirect").filter(|_| !twiml.contains("<Gather")) {
            let target =
                round[round.find("/process-response").unwrap()..].split('<').next().unwrap().replace("&amp;", "&");
            twiml = town.webhook(at, &target, call_sid, &[]).await;
        }
        at = 1 - at;
    }
    twiml
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_webhook_of_a_call_may_come_to_another_instance() {
    let mongod = Mongod::shared().await;
    let town = Town::open(2, Some(mongod.uri()), SAYS).await;
    let says = ["English", CHARGE, "who is this please", TIME];
    let calls = (0..10).map(by_hand).map(async |call_sid| {
        let begin = format!("/voice?agent_type={}&mode=gather", house::QUICK);
        let first = town.webhook(0, &begin, &call_sid, &[]).await;
        let last = talk(&town, &call_sid, 1, first, &says).await;
        assert!(last.contains("<Hangup"), "{last}");
        town.webhook(1, "/call-status", &call_sid, &[("CallStatus", "completed")]).await;
        for instance in [0, 1] {
            // The end was told to the one that did not give the last answer: it may think for a moment that the caller hung up.
            let document = town.until(instance, &call_sid, |document| document["stage"] == "completed").await;
            assert_eq!(caller_lines(&document), says, "{document:#}");
            assert!(!document["ended_at"].is_null(), "{document:#}");
            assert_eq!((&document["data"]["charge"], &document["data"]["time"]), (&"₹500".into(), &"2-5pm".into()));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_turns_taken_by_two_instances_at_the_same_time_none_is_lost() {
    let mongod = Mongod::shared().await;
    let town = Town::open(2, Some(mongod.uri()), SAYS).await;
    let calls = (0..10).map(by_hand).map(async |call_sid| {
        let begin = format!("/voice?agent_type={}&mode=gather", house::QUICK);
        let first = town.webhook(0, &begin, &call_sid, &[]).await;
        let twiml = talk(&town, &call_sid, 1, first, &["English"]).await;
        for instance in [0, 1] {
            town.until(instance, &call_sid, |document| document["language"] == "en-IN").await;
        }
        let target = asked(&twiml).unwrap();
        let (charge, time) = ([("SpeechResult", CHARGE)], [("SpeechResult", TIME)]);
        let (one, two) =
            tokio::join!(town.webhook(0, &target, &call_sid, &charge), town.webhook(1, &target, &call_sid, &time),);
        let both = |document: &Value| {
            let lines = caller_lines(document);
            [CHARGE, TIME].iter().all(|words| lines.iter().any(|line| line == words))
        };
        for instance in [0, 1] {
            let document = town.until(instance, &call_sid, both).await;
            assert_eq!(document["data"]["charge"], "₹500", "{document:#}");
            assert_eq!(document["data"]["time"], "2-5pm", "{document:#}");
        }
        // The phone holds one of the two answers; whichever it is, what it brings next counts, wherever it goes.
        let held = if two.contains("process-response") { two } else { one };
        if let Some(target) = asked(&held) {
            let last = town.webhook(0, &target, &call_sid, &[("SpeechResult", "who is this please")]).await;
            assert!(last.contains("<Hangup"), "{last}");
        }
        town.webhook(1, "/call-status", &call_sid, &[("CallStatus", "completed")]).await;
        for instance in [0, 1] {
            let document = town.until(instance, &call_sid, |document| document["stage"] == "completed").await;
            assert!(both(&document) && !document["ended_at"].is_null(), "{document:#}");
        }
    });
    let calls = futures_util::future::join_all(calls).await;
    println!("calls {}, turns 20 taken at the same time, lost 0", calls.len());
}

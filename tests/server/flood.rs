//! `trunkline simulate` with three times as many calls as the server takes, while as many as it takes are being held.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use trunkline::simulator::caller::{CallEnd, Script, Step};
use trunkline::simulator::load::{Plan, simulate};
use trunkline::simulator::twilio::LineOptions;

use crate::house::{ACCOUNT_SID, AUTH_TOKEN, House, PHONE, caller, quick_agent, within};

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];
const HELD: usize = 8;

/// A caller who thinks for a while before he names his price.
fn slow_caller() -> Script {
    let mut script = caller(&SAYS);
    script.steps.insert(3, Step::Silence(5_000));
    script
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_times_the_limit_simulated_at_once_harms_no_running_call() {
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MAX_CALLS", HELD.to_string());
        plan.agents = vec![quick_agent("").replace("silence_seconds = 4", "silence_seconds = 20")];
    })
    .await;
    let held: Vec<String> = (0..HELD)
        .map(|n| {
            let (mode, script) = if n % 4 == 0 { ("gather", caller(&SAYS)) } else { ("stream", slow_caller()) };
            house.line.place(house.incoming(&format!("?agent_type=QUICK&mode={mode}"), script))
        })
        .collect();
    // All are in the middle of it before the flood comes.
    join_all(
        held.iter().map(|sid| {
            house.until(sid, |document| document["history"].as_array().is_some_and(|lines| !lines.is_empty()))
        }),
    )
    .await;
    assert_eq!(house.server.switchboard().live_calls(), HELD);
    let flood = simulate(Plan {
        url: format!("{}/voice?agent_type=QUICK", house.url),
        connect_to: Some(house.at),
        account_sid: ACCOUNT_SID.to_owned(),
        auth_token: AUTH_TOKEN.to_owned(),
        calls: 3 * HELD,
        ramp: Duration::ZERO,
        script: Script::logistics(),
        line: LineOptions::default(),
        server_pid: None,
        vendors_pid: None,
    });
    let one_more = [("CallSid", "CA000000000000000000000000000000f1"), ("AccountSid", ACCOUNT_SID), ("From", PHONE)];
    let (report, (status, twiml)) =
        tokio::join!(async { within(flood).await.unwrap() }, house.webhook("/voice?agent_type=QUICK", &one_more));
    assert!(status == 200 && twiml.contains("<Say") && twiml.contains("A problem. Bye."), "{status} {twiml}");
    assert_eq!((report.calls, report.refused, report.good), (3 * HELD, 3 * HELD, 0), "{report}");
    assert!(report.notes.iter().all(|(code, _, _)| *code == 0), "{:?}", report.notes);
    assert!(report.call_minutes > 0.0, "the refused heard nothing");
    for sid in &held {
        let (report, document) = house.ended(sid).await;
        assert_eq!(
            (&document["stage"], &document["data"]),
            (&json!("completed"), &json!({"charge": "₹500", "time": "2-5pm"})),
            "{document:#}"
        );
        let heard: Vec<_> =
            document["history"].as_array().unwrap().iter().filter(|line| line["role"] == "caller").collect();
        assert_eq!(heard.iter().map(|line| line["text"].as_str().unwrap()).collect::<Vec<_>>(), SAYS);
        assert_eq!((report.end, report.status.as_str()), (CallEnd::Agent, "completed"), "{:#?}", report.notes);
    }
    assert_eq!(house.switchboard_calls().await, HELD, "a refused call left a document");
    assert_eq!(house.server.switchboard().live_calls(), 0);
    let metrics = house.anybody(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let busy = metrics.lines().find_map(|line| line.strip_prefix("trunkline_calls_refused_total{reason=\"busy\"} "));
    assert!(busy.is_some_and(|count| count.parse::<usize>().unwrap() > 3 * HELD), "{busy:?}");
    // There is room again.
    let (_, document) = house.call("stream", json!({}), caller(&SAYS)).await;
    assert_eq!(document["stage"], "completed");
}

//! More calls than the server takes: each of them hears a sentence, and those that were there notice nothing.

use futures_util::future::join_all;
use serde_json::json;
use trunkline::simulator::caller::CallEnd;

use crate::house::{House, PHONE, caller};
use crate::{SAYS, log, ringing};

/// Calls that are held, and calls that come.
const HELD: usize = 4;
const COME: usize = 12;

/// Calls and requests beyond the limit.
pub(crate) const TRIED: usize = (COME - HELD) + 8 + 8;

#[tokio::test]
async fn of_three_times_as_many_calls_as_fit_each_is_held_whole_or_hears_a_sentence() {
    log();
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MAX_CALLS", HELD.to_string());
    })
    .await;
    // All at the same moment: none may slip in between the question and the place.
    let sids: Vec<String> =
        (0..COME).map(|_| house.line.place(house.incoming("?agent_type=QUICK", caller(&SAYS)))).collect();
    let reports = join_all(sids.iter().map(|sid| house.line.report(sid))).await;
    let (held, refused): (Vec<_>, Vec<_>) =
        reports.into_iter().map(Option::unwrap).partition(|report| report.streams == 1);
    assert_eq!((held.len(), refused.len()), (HELD, COME - HELD));
    for report in held {
        let document = house.until(&report.call_sid, |document| !document["ended_at"].is_null()).await;
        assert_eq!(document["data"], json!({"charge": "₹500", "time": "2-5pm"}), "{document:#}");
        assert_eq!((&document["stage"], report.end), (&json!("completed"), CallEnd::Agent), "{:#?}", report.notes);
    }
    for report in refused {
        let heard: Vec<_> = report.transcript.iter().map(|line| line.text.as_str()).collect();
        assert!(heard.concat().contains("A problem. Bye."), "{heard:?}");
        assert_eq!(report.status, "completed");
    }
    assert_eq!(
        house.get("/api/calls").await["items"].as_array().unwrap().len(),
        HELD,
        "a refused call left a document"
    );
    assert_eq!(house.server.switchboard().live_calls(), 0);
}

#[tokio::test]
async fn a_flood_hears_a_sentence_and_harms_no_running_call() {
    log();
    let house = House::with(|plan| {
        plan.words(SAYS);
        plan.set("MAX_CALLS", "1");
    })
    .await;
    house.line.answer_next(caller(&SAYS));
    let running = house.start("stream", json!({})).await;
    house.until(&running, |document| document["history"].as_array().is_some_and(|lines| !lines.is_empty())).await;
    for n in 0..8 {
        let sid = format!("CA0000000000000000000000000000f10{n}");
        let mut params = ringing();
        params.retain(|(name, _)| *name != "CallSid");
        params.push(("CallSid", &sid));
        let (status, twiml) = house.webhook("/voice?agent_type=QUICK", &params).await;
        assert!(status == 200 && twiml.contains("<Say") && twiml.contains("<Hangup/>"), "{status} {twiml}");
        let refused = house.post_json("/start-call", &json!({"agent_type": "QUICK", "phone": PHONE})).await;
        assert_eq!(refused.status().as_u16(), 503);
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
    }
    let (_, document) = house.ended(&running).await;
    assert_eq!(document["data"], json!({"charge": "₹500", "time": "2-5pm"}));
    assert_eq!(house.server.switchboard().live_calls(), 0);
}

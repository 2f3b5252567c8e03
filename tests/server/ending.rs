//! Calls end in good time and in good order: at their limit, at a shutdown, by request; and what was taken back is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trunkline::simulator::caller::{CallEnd, Party};
use trunkline::simulator::twilio::Happening;
use trunkline::twilio::CallSid;

use crate::house::{House, PHONE, QUICK, caller, quick_agent, within};
use crate::webhooks::{Call, action};
use crate::wire::{Wire, call_sid, voice};

const COLLEAGUE: &str = "+912240000001";

/// Makes the call in gather older by so much, as another process finds it that takes it over.
async fn age(call: Call, by: SignedDuration) -> Call {
    let Call { house, sid } = call;
    let store = house.server.switchboard().store();
    let mut document = store.load(&CallSid::parse(&sid).unwrap()).await.unwrap().unwrap();
    document.version += 1;
    document.started_at -= by;
    let answered: Timestamp = document.session["answered_at"].as_str().unwrap().parse().unwrap();
    document.session["answered_at"] = json!(answered - by);
    store.save(document, None).await.unwrap();
    let url = house.url.clone();
    let mut house = house.again().await;
    // It is known by the address that it was first known by.
    house.url = url;
    Call { house, sid }
}

#[tokio::test]
async fn a_call_in_gather_that_has_lasted_too_long_ends_with_a_goodbye_and_keeps_the_last_words() {
    for (words, spoken, stage, data) in [
        ("five hundred rupees", "Goodbye then.", "abandoned", json!({"charge": "₹500"})),
        (
            "five hundred rupees from two pm to five pm",
            "Thank you. Bye.",
            "completed",
            json!({"charge": "₹500", "time": "2-5pm"}),
        ),
        ("", "Goodbye then.", "abandoned", json!({})),
    ] {
        let call = Call::open().await;
        let first = action(&call.voice().await);
        let answer = call.post(&first, &[("SpeechResult", "English")]).await;
        // A moment before its limit it goes on.
        let call = age(call, SignedDuration::from_secs(100)).await;
        let next = action(&call.post(&action(&answer), &[("SpeechResult", "who is this please")]).await);
        let call = age(call, SignedDuration::from_secs(60)).await;
        let answer = call.post(&next, &[("SpeechResult", words)]).await;
        assert!(answer.contains("<Hangup") && !answer.contains("<Gather"), "{words}: {answer}");
        let document = call.document().await;
        assert_eq!((&document["stage"], &document["data"]), (&json!(stage), &data), "{document:#}");
        let lines = document["history"].as_array().unwrap();
        let last = lines.last().unwrap();
        let text = last["text"].as_str().unwrap();
        // After a silence the line goes on; after words nothing is in it that was not said.
        let right = if words.is_empty() { text.ends_with(spoken) } else { text == spoken };
        assert!(last["role"] == "agent" && right, "{document:#}");
        assert!(!document["ended_at"].is_null());
    }
}

#[tokio::test]
async fn twilio_ends_a_call_later_than_we_do_and_never_one_that_is_with_a_person() {
    let asked: Arc<Mutex<Vec<HashMap<String, String>>>> = Arc::default();
    let (kept, listener) = (asked.clone(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let twilio = format!("http://{}", listener.local_addr().unwrap());
    let create = move |body: String| async move {
        kept.lock().unwrap().push(url::form_urlencoded::parse(body.as_bytes()).into_owned().collect());
        (axum::http::StatusCode::CREATED, axum::Json(json!({"sid": call_sid(1)})))
    };
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(create)).await });
    for (top, at_least) in [(String::new(), 121), (format!("handover_number = \"{COLLEAGUE}\""), 120 + 3_600)] {
        let house = House::with(|plan| {
            plan.set("TWILIO_API_URL", &twilio);
            plan.agents = vec![quick_agent(&top)];
        })
        .await;
        let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
        assert_eq!(answer.status().as_u16(), 200);
        let limit: u32 = asked.lock().unwrap().pop().unwrap()["TimeLimit"].parse().unwrap();
        assert!((at_least..at_least + 120).contains(&limit), "{top}: {limit}");
    }
    serving.abort();
}

#[tokio::test]
async fn while_the_server_drains_a_call_in_gather_says_goodbye_with_its_next_turn() {
    let call = Call::open().await;
    let first = action(&call.voice().await);
    let second = action(&call.post(&first, &[("SpeechResult", "English")]).await);
    let board = call.house.server.switchboard().clone();
    board.begin_drain();
    let drained = tokio::spawn({
        let board = board.clone();
        async move { board.drained(Duration::from_secs(19)).await }
    });
    // With so little time the drain begins with it; this task runs only once that one waits.
    tokio::task::yield_now().await;
    let answer = call.post(&second, &[("SpeechResult", "five hundred rupees")]).await;
    // Nothing that would have to be fetched from a server that is gone by then.
    assert!(
        answer.contains(">Goodbye then.</Say>") && answer.contains("<Hangup") && !answer.contains("<Play"),
        "{answer}"
    );
    assert!(within(drained).await.unwrap(), "it was cut off");
    let document = call.document().await;
    assert_eq!((&document["outcome"], &document["data"]), (&json!("abandoned"), &json!({"charge": "₹500"})));
}

#[tokio::test]
async fn a_call_that_twilio_does_not_know_any_more_is_over() {
    let call = Call::open().await;
    call.voice().await;
    let target = format!("/api/calls/{}/hangup", call.sid);
    assert_eq!(call.house.developer(Method::POST, &target).send().await.unwrap().status().as_u16(), 409);
    assert_eq!(call.house.server.switchboard().live_calls(), 0);
    assert_eq!(call.document().await["outcome"], "abandoned");
}

#[tokio::test]
async fn a_call_in_gather_is_hung_up_also_where_twilio_cannot_be_told() {
    let house = House::with(|plan| plan.set("TWILIO_ACCOUNT_SID", "")).await;
    let call = Call { house, sid: call_sid(7) };
    let first = action(&call.voice().await);
    let target = format!("/api/calls/{}/hangup", call.sid);
    assert_eq!(call.house.developer(Method::POST, &target).send().await.unwrap().status().as_u16(), 202);
    let answer = call.post(&first, &[("SpeechResult", "English")]).await;
    assert!(answer.contains("<Response><Hangup/></Response>"), "{answer}");
    assert_eq!(call.document().await["outcome"], "abandoned");
    assert_eq!(call.house.server.switchboard().live_calls(), 0);
}

#[tokio::test]
async fn what_the_caller_takes_back_is_gone_from_the_collected_data_too() {
    let call = Call::open().await;
    // A mind that reads the second words otherwise than we do: then they are doubtful, and read back.
    let mind = [("Noted.", "five hundred rupees"), ("Noted.", "seven hundred rupees")];
    call.house.vendors.answer_with(mind.map(|(say, charge)| {
        json!({"say": say, "type": "NEED_MORE_INFO", "data": {"charge": charge, "time": null}}).to_string()
    }));
    let mut next = action(&call.voice().await);
    for (words, data) in [
        ("English", None),
        ("five hundred rupees", Some(json!({"charge": "₹500"}))),
        ("sorry, six hundred rupees", Some(json!({}))),
        ("no", Some(json!({}))),
    ] {
        next = action(&call.post(&next, &[("SpeechResult", words)]).await);
        let document = call.document().await;
        assert_eq!(document["data"], data.clone().unwrap_or(json!({})), "{words}: {document:#}");
        let collected = call.house.get("/api/collected").await["items"].clone();
        // A call that never gave anything has no entry; one that did tells how it is now.
        assert_eq!(collected.get(0).map(|item| item["data"].clone()), data, "{words}");
    }
}

#[tokio::test]
async fn the_events_of_a_call_end_with_it() {
    let house = House::open().await;
    let sid = call_sid(9);
    let token = voice(&house, &sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.start(&sid, Some(&token)).await;
    let events = house.developer(Method::GET, &format!("/api/calls/{sid}/events")).send().await.unwrap();
    assert_eq!(events.status().as_u16(), 200);
    let call = Call { house, sid };
    call.post("/call-status", &[("CallStatus", "completed")]).await;
    // Read to its end: the server ends it.
    let text = within(events.text()).await.unwrap();
    let told: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.iter().filter(|event| event["event"] == "ended").count(), 1, "{text}");
    assert_eq!(told.last().unwrap()["event"], "ended");
    let late = call.house.developer(Method::GET, &format!("/api/calls/{}/events", call.sid)).send().await.unwrap();
    assert_eq!(late.status().as_u16(), 204);
}

#[tokio::test]
async fn a_shutdown_lets_a_streamed_call_say_goodbye_and_leaves_no_task() {
    let house = House::open().await;
    let mut events = house.line.events();
    house.line.answer_next(caller(&["(nothing)"]));
    let sid = house.start("stream", json!({"language": "en-IN"})).await;
    within(async { while !matches!(events.recv().await.unwrap().what, Happening::Speaking(Party::Agent, _)) {} }).await;
    let House { server, line, folder, vendors, .. } = house;
    let board = server.switchboard().clone();
    // The last eight seconds are for goodbyes: this is the time that they need.
    server.stop(Duration::from_secs(8), CancellationToken::new()).await.unwrap();
    assert_eq!((board.live_calls(), board.tasks()), (0, 0));
    let report = within(line.report(&sid)).await.unwrap();
    let heard: String =
        report.transcript.iter().filter(|line| line.who == Party::Agent).map(|line| line.text.as_str()).collect();
    assert!(heard.contains("Goodbye then."), "{heard}");
    assert_eq!((report.end, report.status.as_str()), (CallEnd::Agent, "completed"), "{:#?}", report.notes);
    drop((vendors, folder));
}

//! Rules that forbid calls, in the whole server: nothing is dialled, and who asks in a call not to be called again is not.

use serde_json::{Value, json};
use tokio::net::TcpListener;
use trunkline::simulator::caller::{Party, Script, Step};

use crate::house::{House, PHONE, QUICK, caller, quick_agent, within};
use crate::wire::{call_sid, ringing};

const LIST: &str = "data/do_not_call.txt";

#[tokio::test]
async fn who_asks_in_a_call_not_to_be_called_again_is_not() {
    let asks = "please don't call me again";
    let house = House::with(|plan| {
        plan.words([asks]);
        let agent = quick_agent("").replace("filler = \"Hmm.\"", "filler = \"Hmm.\"\ndo_not_call = \"Never again.\"");
        plan.agents = vec![agent];
    })
    .await;
    let (report, document) = house.call("gather", json!({"language": "en-IN"}), caller(&[asks])).await;
    assert!(report.transcript.iter().any(|line| line.text.contains("Never again.")), "{:#?}", report.transcript);
    assert_eq!((&document["stage"], &document["outcome"]), (&json!("abandoned"), &json!("do_not_call")));
    // It is put on the list beside the call.
    let problem = within(async {
        loop {
            let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
            if answer.status() == 403 {
                break answer.json::<Value>().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(problem["type"], "urn:trunkline:problem:do_not_call");
    let kept = within(async {
        loop {
            match std::fs::read_to_string(house.path(LIST)) {
                Ok(text) if text.ends_with('\n') => break text,
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert!(kept.starts_with(PHONE) && kept.lines().count() == 1, "{kept}");
    // Another process, the same folder.
    let house = house.again().await;
    let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
    assert_eq!(answer.status(), 403);
}

/// Who says it and hangs up has said it, whether Twilio tells first that the call or that its stream is over.
#[tokio::test]
async fn who_asks_for_it_and_hangs_up_at_once_is_not_called_again_either() {
    let asks = "please don't call me again";
    let house = House::with(|plan| {
        plan.words([asks]);
        let agent = quick_agent("").replace("filler = \"Hmm.\"", "filler = \"Hmm.\"\ndo_not_call = \"Never again.\"");
        plan.agents = vec![agent];
    })
    .await;
    let steps =
        vec![Step::WaitForAgent { quiet_ms: 500 }, Step::Say(asks.to_owned()), Step::Silence(240), Step::HangUp];
    let script = Script { name: "asks and hangs up".to_owned(), steps };
    let (report, document) = house.call("stream", json!({"language": "en-IN"}), script).await;
    assert!(!report.transcript.iter().any(|line| line.text.contains("Never again.")), "{:#?}", report.transcript);
    assert_eq!(document["outcome"], json!("do_not_call"), "{document:#}");
    within(async {
        while house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await.status() != 403 {}
    })
    .await;
}

#[tokio::test]
async fn twilio_is_not_asked_for_a_call_that_a_rule_forbids() {
    let house = House::open().await;
    let number = trunkline::twilio::phone::E164::parse(PHONE).unwrap();
    house.server.switchboard().do_not_call().add(&number, "test").await.unwrap();
    let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(house.get("/api/calls").await["items"], json!([]));
    assert!(house.line.calls().is_empty());
}

#[tokio::test]
async fn a_required_disclosure_is_heard_first_in_both_modes() {
    let agent = quick_agent("calling.disclosure_required = true")
        .replace("filler = \"Hmm.\"", "filler = \"Hmm.\"\ndisclosure = \"A machine of {company} speaks.\"")
        .replace(
            "recording_announcement = \"रिकॉर्डिंग।\"",
            "recording_announcement = \"रिकॉर्डिंग।\"\ndisclosure = \"मशीन।\"",
        );
    let house = House::with(|plan| plan.agents = vec![agent]).await;
    for mode in ["gather", "stream"] {
        let (report, document) = house.call(mode, json!({"language": "en-IN"}), caller(&["(hangs up)"])).await;
        let first = report.transcript.iter().find(|line| line.who == Party::Agent).unwrap();
        assert!(first.text.starts_with("A machine of Quick speaks."), "{mode}: {:#?}", report.transcript);
        let line = document["history"][0]["text"].as_str().unwrap();
        assert!(line.starts_with("A machine of Quick speaks."), "{mode}: {line}");
    }
}

#[tokio::test]
async fn goodbye_and_apology_are_filled_and_fit_to_be_spoken() {
    let agent = quick_agent("handover_number = \"+912240000001\"")
        .replace("goodbye = \"Goodbye then.\"", "goodbye = \"{company} calls in 24 hours.\"")
        .replace("apology = \"A problem. Bye.\"", "apology = \"A problem at {company} until 5.\"");
    let house = House::with(|plan| plan.agents = vec![agent]).await;
    let sid = call_sid(3);
    let (_, twiml) = house.webhook("/voice?agent_type=QUICK&mode=gather&language=en-IN", &ringing(&sid)).await;
    assert!(twiml.contains("<Gather"), "{twiml}");
    let mut params = ringing(&sid).to_vec();
    params.push(("DialCallStatus", "no-answer"));
    let (_, goodbye) = house.webhook("/transfer-ended", &params).await;
    assert!(goodbye.contains("Quick calls in twenty four hours."), "{goodbye}");
    let (_, apology) = house.webhook("/voice?agent_type=NOBODY", &ringing(&call_sid(4))).await;
    assert!(apology.contains("A problem at Quick until five."), "{apology}");
}

#[tokio::test]
async fn a_number_is_called_so_often_in_an_hour_and_no_more() {
    let house = House::with(|plan| plan.set("CALLS_TO_NUMBER_PER_HOUR", "2")).await;
    let start = async |phone: &str| house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": phone})).await;
    for _ in 0..2 {
        assert_eq!(start(PHONE).await.status(), 200);
    }
    let refused = start(PHONE).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "urn:trunkline:problem:too_many_calls");
    assert!(!problem.to_string().contains("98765"), "{problem}");
    assert_eq!(start("+919811100000").await.status(), 200, "another number is another matter");
    assert_eq!(house.line.calls().len(), 3);
}

#[tokio::test]
async fn an_attempt_that_may_have_rung_counts_and_one_that_twilio_refused_does_not() {
    for (status, body, second) in [
        (201, "no JSON", 429),
        (500, r#"{"code": 20500, "message": "Internal", "status": 500}"#, 429),
        (400, r#"{"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}"#, 422),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let twilio = format!("http://{}", listener.local_addr().unwrap());
        let answer = move || async move { (axum::http::StatusCode::from_u16(status).unwrap(), body) };
        let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        let house = House::with(|plan| {
            plan.set("TWILIO_API_URL", twilio);
            plan.set("CALLS_TO_NUMBER_PER_HOUR", "1");
        })
        .await;
        let start =
            async || house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await.status();
        assert_ne!(start().await, 429, "{body}");
        assert_eq!(start().await, second, "{body}");
        serving.abort();
    }
    // Twilio is not there at all, or goes away in the middle: nobody knows which.
    let house = House::with(|plan| {
        plan.set("TWILIO_API_URL", "http://127.0.0.1:9");
        plan.set("CALLS_TO_NUMBER_PER_HOUR", "1");
    })
    .await;
    for status in [502, 429] {
        let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn a_number_that_calls_too_often_hears_a_sentence() {
    let house = House::with(|plan| plan.set("CALLS_FROM_NUMBER_PER_HOUR", "1")).await;
    let calls = async |n: u32, from: Option<&'static str>| {
        let sid = call_sid(n);
        let mut params = ringing(&sid).to_vec();
        if let Some(from) = from {
            params.retain(|(name, _)| *name != "From");
            params.push(("From", from));
        }
        house.webhook("/voice?agent_type=QUICK&mode=gather", &params).await.1
    };
    let first = calls(1, None).await;
    assert!(first.contains("<Gather"), "{first}");
    let second = calls(2, None).await;
    assert!(second.contains("A problem. Bye.") && second.contains("<Hangup"), "{second}");
    assert_eq!(calls(1, None).await, first, "the same call again is no other call");
    assert!(calls(3, Some("+919811100000")).await.contains("<Gather"));
    for n in 4..7 {
        assert!(calls(n, Some("anonymous")).await.contains("<Gather"), "nobody can tell them apart");
    }
}

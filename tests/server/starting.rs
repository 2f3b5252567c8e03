//! Calls are started, answered or not, handed over, hung up, refused.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use trunkline::simulator::caller::{CallEnd, Party};
use trunkline::simulator::twilio::{Answer, DialOutcome, Happening};

use crate::house::{House, PHONE, QUICK, caller, quick_agent, within};

const BOTH: [&str; 2] = ["gather", "stream"];
const COLLEAGUE: &str = "+912240000001";

async fn problem(answer: Response) -> (u16, Value, String) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/problem+json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status);
    (status, body["field"].clone(), body["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_form_and_json_start_a_call_and_variables_are_spoken() {
    let house = House::open().await;
    let says = ["English", "(hangs up)"];
    house.line.answer_next(caller(&says));
    let form =
        [("agent_type", QUICK), ("phone", PHONE), ("mode", "gather"), ("variables[company]", "Asha & Sons <Pune>")];
    let answer = house.developer(Method::POST, "/start-call").form(&form).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let call_sid = answer.json::<Value>().await.unwrap()["call_sid"].as_str().unwrap().to_owned();
    let (gather, document) = house.ended(&call_sid).await;
    assert_eq!((&document["direction"], &document["phone"]), (&json!("outbound-api"), &json!(PHONE)));
    let more = json!({"variables": {"company": "Asha & Sons <Pune>", "order": 17, "urgent": true}});
    let (stream, _) = house.call("stream", more, caller(&says)).await;
    for report in [gather, stream] {
        let heard: String =
            report.transcript.iter().filter(|line| line.who == Party::Agent).map(|line| line.text.as_str()).collect();
        assert!(heard.contains("This is Asha & Sons <Pune>."), "{heard}; {:#?}", report.notes);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_start_is_told_by_field() {
    let house = House::open().await;
    let good = json!({"agent_type": QUICK, "phone": PHONE});
    let cases = [
        ("phone", json!("12345"), 422),
        ("phone", json!("+91 98"), 422),
        ("phone", json!("+919876543210; DROP TABLE"), 422),
        ("phone", json!(919_876_543_210_u64), 422),
        ("phone", Value::Null, 422),
        ("agent_type", json!("NOBODY"), 422),
        ("language", json!("fr-FR"), 422),
        ("mode", json!("telepathy"), 422),
        ("variables", json!([1]), 422),
        ("variables", json!({"company": {"deep": 1}}), 422),
        ("variables", json!({"company": "two\nlines"}), 422),
        ("colour", json!("red"), 422),
    ];
    for (field, value, wanted) in cases {
        let mut body = good.clone();
        body[field] = value.clone();
        let (status, blamed, detail) = problem(house.post_json("/start-call", &body).await).await;
        assert_eq!((status, &blamed), (wanted, &json!(field)), "{value}: {detail}");
        assert!(!detail.is_empty());
    }
    let text = house
        .developer(Method::POST, "/start-call")
        .header("content-type", "text/plain")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(problem(text).await.0, 415);
    let half = house
        .developer(Method::POST, "/start-call")
        .header("content-type", "application/json")
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(problem(half).await.0, 400);
    for token in [None, Some(""), Some("wrong"), Some(crate::house::AUTH_TOKEN)] {
        let mut request = house.anybody(Method::POST, "/start-call").json(&good);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(problem(request.send().await.unwrap()).await.0, 401);
    }
    assert_eq!((house.line.calls().len(), house.switchboard_calls().await), (0, 0));
}

#[tokio::test]
async fn without_a_line_or_with_a_twilio_that_refuses_nothing_is_started() {
    let body = json!({"agent_type": QUICK, "phone": PHONE});
    let house = House::with(|plan| {
        for name in ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"] {
            plan.set(name, "");
        }
    })
    .await;
    let (status, _, detail) = problem(house.post_json("/start-call", &body).await).await;
    assert!(status == 503 && detail.contains("TWILIO_ACCOUNT_SID"), "{status} {detail}");

    let house = House::with(|plan| plan.line.auth_token = "another".to_owned()).await;
    let (status, field, detail) = problem(house.post_json("/start-call", &body).await).await;
    assert!(
        status == 502 && field.is_null() && detail.contains("20003") && !detail.contains(crate::house::AUTH_TOKEN),
        "{detail}"
    );

    // A Twilio that does not like the number.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let twilio = format!("http://{}", listener.local_addr().unwrap());
    let refusal = || async {
        (
            axum::http::StatusCode::BAD_REQUEST,
            axum::Json(json!({"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400})),
        )
    };
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(refusal)).await });
    let house = House::with(|plan| plan.set("TWILIO_API_URL", twilio)).await;
    let (status, field, detail) = problem(house.post_json("/start-call", &body).await).await;
    assert!(status == 422 && field == "phone" && detail.contains("21211"), "{status} {field} {detail}");
    assert_eq!(house.switchboard_calls().await, 0);
    serving.abort();
}

#[tokio::test]
async fn a_start_whose_asker_goes_away_is_known_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let twilio = format!("http://{}", listener.local_addr().unwrap());
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let sid = "CA00000000000000000000000000000abc";
    let (told, wait) = (asked.clone(), answer.clone());
    let create = async move || {
        told.notify_one();
        wait.notified().await;
        (axum::http::StatusCode::CREATED, axum::Json(json!({"sid": sid, "status": "queued"})))
    };
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(create)).await });
    let house = House::with(|plan| plan.set("TWILIO_API_URL", twilio)).await;
    let body = json!({"agent_type": QUICK, "phone": PHONE}).to_string();
    let head = format!(
        "Host: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}",
        house.at,
        crate::house::API_TOKEN,
        body.len()
    );
    let mut socket = TcpStream::connect(house.at).await.unwrap();
    socket.write_all(format!("POST /start-call HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    within(asked.notified()).await;
    drop(socket);
    // The server sees that before Twilio's answer: another request that came later is answered.
    house.switchboard_calls().await;
    answer.notify_one();
    let document = house.until(sid, |document| document["call_sid"] == sid).await;
    assert_eq!((&document["phone"], house.server.switchboard().live_calls()), (&json!(PHONE), 1));
    serving.abort();
}

#[tokio::test]
async fn collected_facts_come_as_a_table() {
    let house = House::with(|plan| plan.words(["two pm to five pm"])).await;
    let (report, _) =
        house.call("gather", json!({}), caller(&["English", "five_hundred_rupees", "two pm to five pm"])).await;
    let answer = house.developer(Method::GET, "/api/collected").header("Accept", "text/csv").send().await.unwrap();
    let text = answer.text().await.unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let head = rows.headers().unwrap().clone();
    let all: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(all.len(), 1, "{text}");
    let cell =
        |name: &str| &all[0][head.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}: {text}"))];
    assert_eq!((cell("call_sid"), cell("charge"), cell("time")), (report.call_sid.as_str(), "₹500", "2-5pm"));
    let same = house
        .developer(Method::GET, "/api/collected?format=csv&agent_type=QUICK")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(same, text);
    let other = house.get("/api/collected?agent_type=OTHER").await;
    assert_eq!(other["items"], json!([]));
}

#[tokio::test]
async fn a_caller_who_wants_a_person_is_connected_and_told_when_nobody_is_there() {
    let says = ["English", "five_hundred_rupees", "let_me_talk_to_a_person"];
    let outcomes = [("completed", false), ("busy", true), ("no-answer", true), ("failed", true)];
    let calls = outcomes.iter().flat_map(|outcome| BOTH.map(|mode| (outcome, mode)));
    join_all(calls.map(async |((status, goodbye), mode)| {
        let house = House::with(|plan| {
            plan.agents = vec![quick_agent(&format!("handover_number = \"{COLLEAGUE}\""))];
            plan.line.dial = DialOutcome { status: (*status).to_owned(), seconds: 30 };
        })
        .await;
        let (report, document) = house.call(mode, json!({}), caller(&says)).await;
        assert!(report.notes.iter().any(|note| note.text.contains(COLLEAGUE)), "{mode} {status} {:#?}", report.notes);
        assert_eq!((&document["stage"], &document["outcome"]), (&json!("handed_over"), &json!("handed_over")));
        assert_eq!(document["data"], json!({"charge": "₹500"}));
        let ended = report.webhooks.iter().find(|webhook| webhook.url.contains("transfer-ended")).unwrap();
        assert_eq!(ended.answer.contains("Goodbye then."), *goodbye, "{status} {}", ended.answer);
        assert!(ended.answer.contains("<Hangup"), "{}", ended.answer);
    }))
    .await;
}

#[tokio::test]
async fn a_call_that_is_not_answered_is_unreachable() {
    for answer in [Answer::NoAnswer, Answer::Busy, Answer::Failed] {
        let house = House::with(|plan| plan.line.answer = answer).await;
        let (_, document) = house.call("stream", json!({}), caller(&[])).await;
        assert_eq!(
            (&document["stage"], &document["outcome"]),
            (&json!("unreachable"), &json!("unreachable")),
            "{answer:?}"
        );
        assert_eq!(house.server.switchboard().live_calls(), 0);
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_an_abandoned_call_with_what_he_said() {
    let says = ["English", "five_hundred_rupees", "(hangs up)"];
    join_all(BOTH.map(async |mode| {
        let house = House::open().await;
        let (report, document) = house.call(mode, json!({}), caller(&says)).await;
        assert_eq!((report.end, &document["outcome"]), (CallEnd::Caller, &json!("abandoned")), "{mode}");
        let document = house.until(&report.call_sid, |document| document["data"] == json!({"charge": "₹500"})).await;
        assert_eq!(document["stage"], "abandoned");
        assert_eq!(house.server.switchboard().live_calls(), 0, "{mode}");
    }))
    .await;
}

#[tokio::test]
async fn a_key_chooses_the_language_and_two_misses_the_first_one() {
    let cases = [
        (vec!["2", "(hangs up)"], "hi-IN"),
        (vec!["1", "(hangs up)"], "en-IN"),
        (vec!["banana", "7", "(hangs up)"], "en-IN"),
    ];
    let calls = cases.iter().flat_map(|case| BOTH.map(|mode| (case, mode)));
    join_all(calls.map(async |((says, language), mode)| {
        let house = House::with(|plan| plan.words(["banana"])).await;
        let (report, document) = house.call(mode, json!({}), caller(says)).await;
        assert_eq!(document["language"], *language, "{mode} {says:?} {:#?}", report.transcript);
        assert_eq!(
            document["history"].as_array().unwrap().iter().filter(|line| line["role"] == "caller").count(),
            says.len() - 1
        );
    }))
    .await;
}

#[tokio::test]
async fn a_live_stream_is_hung_up_by_request() {
    let house = House::open().await;
    let mut events = house.line.events();
    house.line.answer_next(caller(&["(nothing)"]));
    let call_sid = house.start("stream", json!({})).await;
    within(async { while !matches!(events.recv().await.unwrap().what, Happening::Speaking(Party::Agent, _)) {} }).await;
    let target = format!("/api/calls/{call_sid}/hangup");
    assert_eq!(house.anybody(Method::POST, &target).send().await.unwrap().status().as_u16(), 401);
    assert_eq!(house.developer(Method::POST, &target).send().await.unwrap().status().as_u16(), 202);
    let (report, document) = house.ended(&call_sid).await;
    assert!(matches!(report.end, CallEnd::Api | CallEnd::Agent), "{:?}", report.end);
    assert_eq!((&document["outcome"], house.server.switchboard().live_calls()), (&json!("abandoned"), 0));
    assert_eq!(house.developer(Method::POST, &target).send().await.unwrap().status().as_u16(), 409);
    let nobody =
        house.developer(Method::POST, "/api/calls/CA00000000000000000000000000000000/hangup").send().await.unwrap();
    assert_eq!(nobody.status().as_u16(), 404);
}

#[tokio::test]
async fn draining_refuses_new_calls_politely_and_lets_a_live_one_finish() {
    let house = House::open().await;
    let mut events = house.line.events();
    house.line.answer_next(caller(&["English", "five_hundred_rupees", "two_pm_to_five_pm"]));
    let live = house.start("stream", json!({})).await;
    within(async { while !matches!(events.recv().await.unwrap().what, Happening::Speaking(Party::Agent, _)) {} }).await;
    house.server.switchboard().begin_drain();
    let (status, _, detail) =
        problem(house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await).await;
    assert!(status == 503 && detail.contains("shutting down"), "{detail}");
    assert_eq!(house.anybody(Method::GET, "/readyz").send().await.unwrap().status().as_u16(), 503);
    assert_eq!(house.anybody(Method::GET, "/healthz").send().await.unwrap().status().as_u16(), 200);
    let sid = house.line.place(house.incoming("?agent_type=QUICK", caller(&["English"])));
    let refused = within(house.line.report(&sid)).await.unwrap();
    let voice = refused.webhooks.iter().find(|webhook| webhook.url.contains("/voice")).unwrap();
    assert!(
        voice.answer.contains("<Say") && voice.answer.contains("A problem. Bye.") && voice.answer.contains("<Hangup"),
        "{}",
        voice.answer
    );
    assert_eq!(house.developer(Method::GET, &format!("/api/calls/{sid}")).send().await.unwrap().status().as_u16(), 404);
    let (_, document) = house.ended(&live).await;
    assert_eq!(
        (&document["stage"], &document["data"]),
        (&json!("completed"), &json!({"charge": "₹500", "time": "2-5pm"}))
    );
}

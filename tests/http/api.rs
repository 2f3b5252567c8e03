//! What developers and operators are answered.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Map, Value, json};
use trunkline::store::record::{CallDocument, CollectedDocument, SCHEMA};
use trunkline::twilio::CallSid;

use crate::server::Server;

/// A call that started `minute` minutes past nine, and what it collected.
fn records(call_sid: &str, agent_type: &str, minute: u32, data: &Value) -> (CallDocument, CollectedDocument) {
    let data: Map<String, Value> = data.as_object().unwrap().clone();
    let call = CallDocument {
        schema: SCHEMA,
        call_sid: CallSid::parse(call_sid).unwrap(),
        version: 3,
        agent_type: agent_type.to_owned(),
        direction: "outbound-api".to_owned(),
        phone: Some("+919876543210".to_owned()),
        mode: "gather".to_owned(),
        stage: "completed".to_owned(),
        outcome: Some("completed".to_owned()),
        language: Some("hi-IN".to_owned()),
        history: vec![json!({"speaker": "caller", "text": "paanch sau"})],
        data: data.clone(),
        values: Map::new(),
        evidence: Map::new(),
        turns: Vec::new(),
        variables: Map::new(),
        started_at: format!("2026-11-24T09:{minute:02}:00Z").parse().unwrap(),
        updated_at: "2026-11-24T10:00:00Z".parse().unwrap(),
        ended_at: Some("2026-11-24T10:00:00Z".parse().unwrap()),
        recording: Some(format!("{call_sid}.ogg")),
        session: json!({"token": "for our eyes only"}),
        speech: Vec::new(),
        lineage: Default::default(),
    };
    let collected = CollectedDocument {
        schema: SCHEMA,
        call_sid: call.call_sid.clone(),
        version: 3,
        agent_type: call.agent_type.clone(),
        phone: call.phone.clone(),
        language: call.language.clone(),
        complete: true,
        data,
        values: Map::new(),
        evidence: Map::from_iter([("charge".to_owned(), json!({"words": "paanch sau", "turn": 2}))]),
        started_at: call.started_at,
        updated_at: call.updated_at,
        lineage: Default::default(),
    };
    (call, collected)
}

async fn with_calls() -> Server {
    let server = Server::start(|_| {}).await;
    for (sid, agent, minute, data) in [
        ("CA1", "LOGISTICS", 10, json!({"charge": "₹500", "time": "2-5pm"})),
        ("CA2", "APPOINTMENT", 20, json!({"coming": "=HYPERLINK(\"http://evil\")"})),
        ("CA3", "LOGISTICS", 30, json!({"charge": "₹2,500 per trip", "time": null})),
    ] {
        let (call, collected) = records(sid, agent, minute, &data);
        server.store.save(call, Some(collected)).await.unwrap();
    }
    server
}

async fn get(server: &Server, target: &str) -> (StatusCode, Value) {
    let answer = Client::new().get(server.url(target)).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn sids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["call_sid"].as_str().unwrap()).collect()
}

/// Checks that an answer is a problem document and returns it.
async fn problem(answer: reqwest::Response) -> Value {
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["status"], status.as_u16());
    for key in ["type", "title", "detail"] {
        assert!(document[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {document}");
    }
    document
}

#[tokio::test]
async fn calls_are_listed_filtered_and_paged() {
    let server = with_calls().await;
    let (status, all) = get(&server, "/api/calls").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(sids(&all), ["CA3", "CA2", "CA1"]);
    assert_eq!(all["next"], Value::Null);
    assert!(!all.to_string().contains("for our eyes only"));
    for (query, expected) in [
        ("agent_type=LOGISTICS", &["CA3", "CA1"][..]),
        ("outcome=abandoned", &[]),
        ("since=2026-11-24T09:20:00Z", &["CA3", "CA2"]),
        ("until=2026-11-24T09:20:00Z", &["CA1"]),
        ("since=2026-11-24T14:55:00+05:30", &["CA3"]),
        ("since=2026-11-25", &[]),
    ] {
        assert_eq!(sids(&get(&server, &format!("/api/calls?{query}")).await.1), expected, "{query}");
    }
    let (_, first) = get(&server, "/api/calls?limit=2").await;
    assert_eq!(sids(&first), ["CA3", "CA2"]);
    let cursor = first["next"].as_str().unwrap();
    let (_, second) = get(&server, &format!("/api/calls?limit=2&cursor={cursor}")).await;
    assert_eq!(sids(&second), ["CA1"]);
    server.stop().await;
}

#[tokio::test]
async fn a_call_is_shown_without_what_only_the_server_needs() {
    let server = with_calls().await;
    let (status, call) = get(&server, "/api/calls/CA1").await;
    assert_eq!(status, StatusCode::OK);
    let keys = "call_sid agent_type direction mode stage outcome language history data values evidence turns started_at ended_at recording";
    for key in keys.split(' ') {
        assert!(call.get(key).is_some(), "{key}");
    }
    assert!(call.get("session").is_none());
    assert_eq!(call["data"]["charge"], "₹500");
    for target in [
        "/api/calls/CA9",
        "/api/calls/..%2F..%2Fetc%2Fpasswd",
        "/api/calls/x",
        "/api/calls/CA9/recording",
        "/api/calls/CA9/events",
    ] {
        let answer = Client::new().get(server.url(target)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{target}");
        problem(answer).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_that_is_over_has_no_events_and_cannot_be_hung_up() {
    let server = with_calls().await;
    let events = Client::new().get(server.url("/api/calls/CA1/events")).send().await.unwrap();
    assert_eq!(events.status(), StatusCode::NO_CONTENT);
    let hang_up = Client::new().post(server.url("/api/calls/CA1/hangup")).send().await.unwrap();
    assert!([StatusCode::CONFLICT, StatusCode::NOT_FOUND].contains(&hang_up.status()));
    problem(hang_up).await;
    server.stop().await;
}

#[tokio::test]
async fn a_recording_is_sent_whole_or_in_ranges() {
    let server = with_calls().await;
    let sound: Vec<u8> = (0..100_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    std::fs::write(server.folder.path().join("recordings/CA1.ogg"), &sound).unwrap();
    let get = |range: Option<&'static str>| {
        let request = Client::new().get(server.url("/api/calls/CA1/recording"));
        range.into_iter().fold(request, |request, range| request.header("range", range)).send()
    };
    let whole = get(None).await.unwrap();
    assert_eq!((whole.status(), &whole.headers()["content-type"]), (StatusCode::OK, &"audio/ogg".parse().unwrap()));
    assert_eq!(whole.headers()["content-length"], "100000");
    assert_eq!(whole.bytes().await.unwrap(), sound);
    let part = get(Some("bytes=99990-")).await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 99990-99999/100000");
    assert_eq!(part.bytes().await.unwrap(), sound[99_990..]);
    let outside = get(Some("bytes=100000-")).await.unwrap();
    assert_eq!(outside.headers()["content-range"], "bytes */100000");
    assert_eq!(problem(outside).await["status"], 416);
    let missing = Client::new().get(server.url("/api/calls/CA2/recording")).send().await.unwrap();
    assert_eq!(problem(missing).await["status"], 404);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_call_leaves_nothing() {
    let server = with_calls().await;
    let recording = server.folder.path().join("recordings/CA1.ogg");
    std::fs::write(&recording, b"OggS").unwrap();
    let delete = || Client::new().delete(server.url("/api/calls/CA1")).send();
    assert_eq!(delete().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert!(!recording.exists());
    assert_eq!(get(&server, "/api/calls/CA1").await.0, StatusCode::NOT_FOUND);
    assert_eq!(sids(&get(&server, "/api/collected").await.1), ["CA3", "CA2"]);
    assert_eq!(delete().await.unwrap().status(), StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn collected_data_is_given_as_json_and_as_a_table() {
    let server = with_calls().await;
    let (_, json) = get(&server, "/api/collected?agent_type=LOGISTICS").await;
    assert_eq!(sids(&json), ["CA3", "CA1"]);
    assert_eq!(json["items"][1]["data"], json!({"charge": "₹500", "time": "2-5pm"}));

    let by_format = Client::new().get(server.url("/api/collected?format=csv")).send().await.unwrap();
    assert!(by_format.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    let text = by_format.text().await.unwrap();
    let by_accept = Client::new().get(server.url("/api/collected")).header("accept", "text/csv").send().await.unwrap();
    assert_eq!(by_accept.text().await.unwrap(), text);
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<_> = table.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let rows: Vec<Map<String, Value>> = table.deserialize().map(Result::unwrap).collect();
    // The agents' fields in order, whether collected or not.
    let of_agents = ["coming", "companions", "place", "other_day", "charge", "time"];
    assert_eq!(
        columns.iter().filter(|name| of_agents.contains(&name.as_str())).collect::<Vec<_>>(),
        of_agents.each_ref()
    );
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[2]["call_sid"], &rows[2]["charge"], &rows[2]["time"]),
        (&json!("CA1"), &json!("₹500"), &json!("2-5pm"))
    );
    assert_eq!(rows[0]["charge"], "₹2,500 per trip");
    assert_eq!(rows[1]["coming"], "'=HYPERLINK(\"http://evil\")", "a formula is text");
    assert_eq!(rows[2]["charge.evidence"], "paanch sau");

    let one =
        Client::new().get(server.url("/api/collected?format=csv&agent_type=LOGISTICS&limit=1")).send().await.unwrap();
    let one = one.text().await.unwrap();
    assert!(one.lines().count() == 2 && !one.contains("coming"), "{one}");
    server.stop().await;
}

#[tokio::test]
async fn filters_have_the_names_that_people_try_and_unknown_ones_change_nothing() {
    let server = with_calls().await;
    for route in ["/api/calls", "/api/collected"] {
        for (query, wanted) in [
            ("agent=LOGISTICS", &["CA3", "CA1"][..]),
            ("agent_type=LOGISTICS", &["CA3", "CA1"]),
            ("from=2026-11-24T09:20:00Z", &["CA3", "CA2"]),
            ("since=2026-11-24T09:20:00Z", &["CA3", "CA2"]),
            ("to=2026-11-24T09:20:00Z", &["CA1"]),
            ("until=2026-11-24T09:20:00Z", &["CA1"]),
            ("from=2026-11-24T09:20:00Z&to=2026-11-24T09:30:00Z&agent=LOGISTICS", &[]),
            ("limit=1", &["CA3"]),
            ("verbose=1&agnet=LOGISTICS", &["CA3", "CA2", "CA1"]),
        ] {
            let (status, found) = get(&server, &format!("{route}?{query}")).await;
            assert_eq!((status, sids(&found).as_slice()), (StatusCode::OK, wanted), "{route}?{query}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = Server::start(|_| {}).await;
    for (target, field) in [
        ("/api/calls?limit=0", "limit"),
        ("/api/calls?limit=1001", "limit"),
        ("/api/calls?since=yesterday", "since"),
        ("/api/calls?cursor=x", "cursor"),
        ("/api/calls?from=yesterday", "from"),
        ("/api/calls?agent=A&agent_type=B", "agent_type"),
        ("/api/calls?limit=1&limit=2", "limit"),
        ("/api/collected?format=xml", "format"),
        ("/api/collected?until=2026-13-01", "until"),
    ] {
        let document = problem(Client::new().get(server.url(target)).send().await.unwrap()).await;
        assert_eq!((&document["status"], &document["field"]), (&json!(400), &json!(field)), "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_that_cannot_be_started_is_a_problem_that_names_its_field() {
    let server = Server::start(|_| {}).await;
    let post = |content_type: &'static str, body: &'static str| {
        Client::new().post(server.url("/start-call")).header("content-type", content_type).body(body).send()
    };
    let (json, form) = ("application/json; charset=utf-8", "application/x-www-form-urlencoded");
    for (content_type, body, status, field) in [
        (json, r#"{"agent_type":"NOBODY","phone":"+919876543210"}"#, 422, "agent_type"),
        (json, r#"{"agent_type":"LOGISTICS","phone":"98765"}"#, 422, "phone"),
        (json, r#"{"agent_type":"LOGISTICS"}"#, 422, "phone"),
        (json, r#"{"agent_type":7,"phone":"+919876543210"}"#, 422, "agent_type"),
        (json, r#"{"agent_type":"LOGISTICS","phone":"+919876543210","variables":[1]}"#, 422, "variables"),
        (json, r#"{"agent_type":"LOGISTICS","phone":"+919876543210","lang":"hi"}"#, 422, "lang"),
        (form, "agent_type=NOBODY&phone=%2B919876543210", 422, "agent_type"),
        (form, "phone=%2B919876543210&agent_type=", 422, "agent_type"),
        (form, "agent_type=LOGISTICS&phone=%2B919876543210&variables=%7B", 422, "variables"),
        (form, "agent_type=LOGISTICS&phone=%2B91&phone=%2B92", 422, "phone"),
    ] {
        let document = problem(post(content_type, body).await.unwrap()).await;
        assert_eq!((&document["status"], &document["field"]), (&json!(status), &json!(field)), "{body}");
    }
    for (content_type, body, status) in [
        (json, "{", 400),
        (json, "[1]", 400),
        (json, "\u{0}", 400),
        ("text/plain", "agent_type=LOGISTICS", 415),
        ("", "{}", 415),
    ] {
        assert_eq!(problem(post(content_type, body).await.unwrap()).await["status"], status, "{body}");
    }
    let deep = "[".repeat(30_000);
    let request = Client::new().post(server.url("/start-call")).header("content-type", json).body(deep);
    assert_eq!(problem(request.send().await.unwrap()).await["status"], 400);
    server.stop().await;
}

#[tokio::test]
async fn cached_speech_is_served_by_its_well_formed_name_only() {
    let server = Server::start(|_| {}).await;
    let audio = server.folder.path().join("audio");
    std::fs::write(audio.join("elevenlabs_0123456789abcdef0123456789abcdef_hi.mp3"), b"ID3sound").unwrap();
    std::fs::write(audio.join("elevenlabs_0123456789abcdef0123456789abcdef_hi.ulaw"), b"\xff\xff").unwrap();
    std::fs::write(audio.join("README.md"), b"not sound").unwrap();
    std::fs::write(server.folder.path().join("outside.mp3"), b"secret").unwrap();
    let ask = |method: Method, name: &str| Client::new().request(method, server.url(&format!("/audio/{name}"))).send();
    let answer = ask(Method::GET, "elevenlabs_0123456789abcdef0123456789abcdef_hi.mp3").await.unwrap();
    assert_eq!(answer.headers()["content-type"], "audio/mpeg");
    let tag = answer.headers()["etag"].clone();
    assert_eq!(answer.bytes().await.unwrap(), &b"ID3sound"[..]);
    let head = ask(Method::HEAD, "elevenlabs_0123456789abcdef0123456789abcdef_hi.ulaw").await.unwrap();
    assert_eq!(
        (&head.headers()["content-type"], &head.headers()["content-length"]),
        (&"audio/basic".parse().unwrap(), &"2".parse().unwrap())
    );
    let again = Client::new()
        .get(server.url("/audio/elevenlabs_0123456789abcdef0123456789abcdef_hi.mp3"))
        .header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.bytes().await.unwrap().is_empty());
    for name in ["README.md", "..%2Foutside.mp3", "%2e%2e%2foutside.mp3", "elevenlabs_9_en.mp3", "%00.mp3", ".mp3"] {
        let answer = ask(Method::GET, name).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
    }
    let climbing = server.raw(b"GET /audio/../outside.mp3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(climbing.starts_with("HTTP/1.1 404"), "{climbing}");
    server.stop().await;
}

#[tokio::test]
async fn every_described_operation_is_there_and_no_other_method_is() {
    let server = Server::start(|_| {}).await;
    let (_, description) = get(&server, "/api/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
    for (path, operations) in description["paths"].as_object().unwrap() {
        let target = path.replace("{sid}", "CA1").replace("{file}", "a.mp3");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = Client::new().request(method.clone(), server.url(&target)).send().await.unwrap();
            let described = operations.get(method.as_str().to_ascii_lowercase()).is_some();
            assert_eq!(answer.status() != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}");
            if !described {
                assert!(answer.headers().contains_key("allow"), "{method} {path}");
                problem(answer).await;
            }
        }
    }
    let mut references = Vec::new();
    collect_references(&description, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    server.stop().await;
}

fn collect_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn readiness_tells_the_parts_and_ends_with_draining() {
    let server = Server::start(|_| {}).await;
    let (status, ready) = get(&server, "/readyz").await;
    assert_eq!((status, &ready["ready"]), (StatusCode::OK, &json!(true)));
    assert_eq!(ready["store"]["memory"], "sqlite");
    server.switchboard.begin_drain();
    let (status, ready) = get(&server, "/readyz").await;
    assert_eq!(
        (status, &ready["ready"], &ready["draining"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(false), &json!(true))
    );
    let alive = Client::new().get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK, "draining is not death");
    server.stop().await;
}

#[tokio::test]
async fn the_page_runs_only_its_own_script() {
    let server = Server::start(|_| {}).await;
    let answer = Client::new().get(server.url("/")).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
    {
        assert_eq!(answer.headers()[name], value);
    }
    let page = answer.text().await.unwrap();
    assert!(page.contains(env!("CARGO_PKG_VERSION")) && !page.contains("{version}"));
    let (_, script) = page.split_once("<script>").unwrap();
    let hash = trunkline::twilio::signature::body_sha256(script.split_once("</script>").unwrap().0.as_bytes());
    let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hash[at..at + 2], 16).unwrap()).collect();
    use base64::Engine as _;
    assert!(
        policy.contains(&base64::prelude::BASE64_STANDARD.encode(bytes)),
        "the hash is of the script as it is sent"
    );
    server.stop().await;
}

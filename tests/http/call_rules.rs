//! What `/start-call` refuses by rule, and how it says so. There is no phone line here: what is not refused fails with 503 behind the rules.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use trunkline::agent::{self, Agent};

use crate::server::Server;

/// The logistics agent with more in its file.
fn agent_with(calling: &str) -> Agent {
    let source = include_str!("../../agents/logistics.toml");
    agent::parse("agent.toml", &source.replace("[recording]", &format!("[calling]\n{calling}\n\n[recording]"))).unwrap()
}

/// Quiet hours around this moment in a zone, two hours to each side.
fn quiet_around_now(zone: &str) -> String {
    let now = Timestamp::now().in_tz(zone).unwrap();
    let clock = |hours: i64| (&now + SignedDuration::from_hours(hours)).strftime("%H:%M").to_string();
    format!("quiet_hours = \"{}-{}\"", clock(-2), clock(2))
}

async fn start(server: &Server, body: Value) -> Response {
    Client::new().post(server.url("/start-call")).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn nobody_is_called_in_the_quiet_hours_of_his_country() {
    let server = Server::start(|_| {}).await;
    server.switchboard.set_agents(vec![agent_with(&quiet_around_now("Asia/Kolkata"))]);
    let asked = Timestamp::now();
    let answer = start(&server, json!({"agent_type": "LOGISTICS", "phone": "+919876543210"})).await;
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let wait = Duration::from_secs(answer.headers()["retry-after"].to_str().unwrap().parse().unwrap());
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "urn:trunkline:problem:quiet_hours");
    assert_eq!((&problem["title"], &problem["status"]), (&json!("Nobody is called at this time"), &json!(409)));
    let next: Timestamp = problem["permitted_from"].as_str().unwrap().parse().unwrap();
    assert!(next > asked && asked + wait >= next, "{problem} {wait:?}");
    let detail = problem["detail"].as_str().unwrap();
    let local = next.in_tz("Asia/Kolkata").unwrap().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    assert!(detail.contains("Asia/Kolkata") && detail.contains(&local) && !detail.contains("98765"), "{detail}");
    server.stop().await;
}

#[tokio::test]
async fn the_clock_that_counts_is_the_callees() {
    let server = Server::start(|_| {}).await;
    // Five and a half hours behind the agent: there the same hours are hours of the day.
    server.switchboard.set_agents(vec![agent_with(&quiet_around_now("Asia/Kolkata"))]);
    for (phone, timezone, status) in [
        ("+442071234567", None, 503),
        ("+442071234567", Some("Asia/Kolkata"), 503),
        ("+12125550123", None, 409),
        ("+12125550123", Some("Asia/Kolkata"), 409),
        ("+12125550123", Some("America/New_York"), 503),
        ("+12125550123", Some("America/Gotham"), 422),
    ] {
        let answer = start(&server, json!({"agent_type": "LOGISTICS", "phone": phone, "timezone": timezone})).await;
        assert_eq!(answer.status(), status, "{phone} {timezone:?}");
        if status == 422 {
            assert_eq!(answer.json::<Value>().await.unwrap()["field"], "timezone");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_agent_without_rules_may_call_at_any_time() {
    let server = Server::start(|_| {}).await;
    for agent in ["LOGISTICS", "APPOINTMENT"] {
        let answer = start(&server, json!({"agent_type": agent, "phone": "+919876543210"})).await;
        assert_eq!(answer.status(), 503, "{agent}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_is_on_the_list_is_not_called_and_not_named() {
    let server = Server::start(|_| {}).await;
    let number = trunkline::twilio::phone::E164::parse("+919876543210").unwrap();
    server.switchboard.do_not_call().add(&number, "test").await.unwrap();
    let answer = start(&server, json!({"agent_type": "LOGISTICS", "phone": "+91 98765-43210"})).await;
    assert_eq!((answer.status().as_u16(), answer.headers().get("retry-after")), (403, None));
    let problem: Value = answer.json().await.unwrap();
    assert_eq!((&problem["type"], &problem["field"]), (&json!("urn:trunkline:problem:do_not_call"), &json!("phone")));
    assert!(!problem.to_string().contains("98765"), "{problem}");
    let other = start(&server, json!({"agent_type": "LOGISTICS", "phone": "+919876543211"})).await;
    assert_eq!(other.status(), 503, "there is no line, but no rule against it");
    server.stop().await;
}

//! One script of caller's words, both modes: the same call.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::house::{House, caller};

#[derive(Deserialize)]
struct Scripts {
    call: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    says: Vec<String>,
    stage: String,
    data: BTreeMap<String, String>,
}

/// What must not depend on the mode.
fn essence(document: &Value) -> Value {
    let lines = document["history"].as_array().unwrap().iter();
    let history: Vec<Value> = lines.map(|line| json!([line["role"], line["turn"], line["text"]])).collect();
    let words: BTreeMap<_, _> = document["evidence"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, evidence)| (name.clone(), json!([evidence["words"], evidence["turn"]])))
        .collect();
    json!({"stage": document["stage"], "outcome": document["outcome"], "language": document["language"],
        "history": history, "data": document["data"], "values": document["values"], "evidence": words})
}

#[tokio::test]
async fn one_script_both_modes() {
    let scripts: Scripts = toml::from_str(include_str!("scripts/logistics.toml")).unwrap();
    let words: Vec<&str> = scripts.call.iter().flat_map(|call| &call.says).map(String::as_str).collect();
    let house = House::with(|plan| plan.words(words)).await;
    let both = scripts.call.iter().map(async |call| {
        let says: Vec<&str> = call.says.iter().map(String::as_str).collect();
        let (_, gather) = house.inbound("?agent_type=QUICK&mode=gather", caller(&says)).await;
        let (report, stream) = house.inbound("?agent_type=QUICK&mode=stream", caller(&says)).await;
        assert_eq!(
            (stream["mode"].as_str(), gather["mode"].as_str()),
            (Some("stream"), Some("gather")),
            "{}",
            call.name
        );
        assert_eq!(essence(&stream), essence(&gather), "{}\n{:#?}", call.name, report.transcript);
        assert_eq!(stream["stage"], call.stage, "{}: {stream:#}", call.name);
        assert_eq!(stream["data"], json!(call.data), "{}: {stream:#}", call.name);
    });
    futures_util::future::join_all(both).await;
}

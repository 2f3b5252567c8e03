//! Records to keep, the same for every test of the store.

use serde_json::{Map, Value, json};
use trunkline::call::TurnReport;
use trunkline::store::record::{CallDocument, CollectedDocument, SCHEMA};
use trunkline::twilio::CallSid;

pub fn sid(text: &str) -> CallSid {
    CallSid::parse(text).unwrap()
}

pub fn call(call_sid: &str, version: u64) -> CallDocument {
    CallDocument {
        schema: SCHEMA,
        call_sid: sid(call_sid),
        version,
        agent_type: "LOGISTICS".to_owned(),
        direction: "outbound-api".to_owned(),
        phone: Some("+919800000001".to_owned()),
        mode: "stream".to_owned(),
        stage: "collecting".to_owned(),
        outcome: None,
        language: Some("hi-IN".to_owned()),
        history: vec![
            json!({"role": "agent", "text": "नमस्ते"}),
            json!({"role": "caller", "text": format!("turn {version}")}),
        ],
        data: object(json!({"charge": "₹500"})),
        values: object(json!({"charge": {"currency": "INR", "minor": 50000}, "share": 0.25, "none": null})),
        evidence: object(json!({"charge": {"turn": 2, "words": "paanch sau"}})),
        turns: vec![TurnReport { turn: 1, speech_ended_ms: Some(1_180), ..TurnReport::default() }],
        variables: object(json!({"order.id": "A-17", "$cost": 1})),
        started_at: "2026-11-23T10:00:00.123Z".parse().unwrap(),
        updated_at: "2026-11-23T10:00:07.5Z".parse().unwrap(),
        ended_at: None,
        recording: None,
        session: json!({"stage": "collecting", "asked": ["charge"], "big": 9_007_199_254_740_993_u64}),
        speech: Vec::new(),
        lineage: Default::default(),
    }
}

pub fn facts(call_sid: &str, version: u64) -> CollectedDocument {
    let call = call(call_sid, version);
    CollectedDocument {
        schema: SCHEMA,
        call_sid: call.call_sid,
        version,
        agent_type: call.agent_type,
        phone: call.phone,
        language: call.language,
        complete: false,
        data: call.data,
        values: call.values,
        evidence: call.evidence,
        started_at: call.started_at,
        updated_at: call.updated_at,
        lineage: Default::default(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

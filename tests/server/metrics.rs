//! What `/metrics` shows after ordinary calls.

use reqwest::Method;
use serde_json::json;
use trunkline::telemetry::{self, METRICS, MetricKind};

use crate::house::{House, caller};
use crate::rig::mongod::Mongod;

/// Metrics that count what goes wrong, or what these calls do not do; other tests and the source scan of `telemetry` see to them.
const NOT_HERE: &[&str] = &[
    telemetry::BARGE_INS,
    telemetry::CALLS_REFUSED,
    telemetry::CIRCUIT_OPENED,
    telemetry::CLEAR_SECONDS,
    telemetry::FRAMES_DROPPED,
    telemetry::JOURNAL_CORRUPT,
    telemetry::JOURNAL_DAMAGED,
    telemetry::JOURNAL_FAILURES,
    telemetry::JOURNAL_QUEUE_FULL,
    telemetry::JOURNAL_SUPERSEDED,
    telemetry::JOURNAL_TRIMMED,
    telemetry::MEDIA_REFUSED,
    telemetry::MODE_CHANGES,
    telemetry::PROVIDER_ERRORS,
    telemetry::PROVIDER_FALLBACKS,
    telemetry::QUEUES_FULL,
    telemetry::SPECULATIONS,
    telemetry::SPEECH_CACHE_REMOVED,
    telemetry::SPEECH_CACHE_SHARED,
    telemetry::SPEECH_CACHE_WRITE_FAILURES,
    telemetry::TLS_FAILURES,
    telemetry::TURN_FIRST_TOKEN_SECONDS,
];

#[tokio::test]
async fn two_ordinary_calls_move_every_metric_that_they_should() {
    let says = ["English", "five hundred rupees", "two pm to five pm"];
    let mongod = Mongod::shared().await;
    let house = House::with(|plan| {
        plan.words(says);
        plan.set("MONGODB_URI", mongod.uri());
        plan.set("MONGODB_DATABASE", "metrics");
    })
    .await;
    for mode in ["gather", "stream"] {
        house.call(mode, json!({}), caller(&says)).await;
    }
    assert_eq!(house.anybody(Method::POST, "/voice").send().await.unwrap().status(), 403);
    house.server.switchboard().store().flushed().await.unwrap();
    let page = house.anybody(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    // A counter without labels is there from the start; it must have moved.
    let idle = |name: &str, kind| kind == MetricKind::Counter && page.contains(&format!("\n{name} 0\n"));
    let missing: Vec<_> = METRICS
        .iter()
        .filter(|metric| !NOT_HERE.contains(&metric.name))
        .filter(|metric| !page.contains(&format!("# TYPE {} ", metric.name)) || idle(metric.name, metric.kind))
        .map(|metric| metric.name)
        .collect();
    assert!(missing.is_empty(), "{missing:?} in {page}");
}

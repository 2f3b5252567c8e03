//! Traces as a collector gets them: OTLP over HTTP on loopback, its protobuf read by a few lines of our own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::house::{House, PHONE, caller, within};

/// The fields of a protobuf message: number and content; numbers of fixed and variable length as their bytes' value.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    fn number(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7F) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let (content, value) = match key & 7 {
            0 => (Vec::new(), number(&mut bytes)),
            1 => (Vec::new(), u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = number(&mut bytes) as usize;
                (take(&mut bytes, length), 0)
            }
            5 => (take(&mut bytes, 4), 0),
            other => panic!("wire type {other}"),
        };
        all.push((key >> 3, content, value));
    }
    all
}

fn take(bytes: &mut &[u8], length: usize) -> Vec<u8> {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken.to_vec()
}

fn all(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    fields(message).into_iter().filter(|(n, ..)| *n == number).map(|(_, content, _)| content).collect()
}

fn one(message: &[u8], number: u64) -> Vec<u8> {
    all(message, number).pop().unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[derive(Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    from: u64,
    to: u64,
    attributes: Vec<String>,
    events: Vec<String>,
}

/// ExportTraceServiceRequest > ResourceSpans (1) > ScopeSpans (2) > Span (2).
fn spans(request: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for resource in all(request, 1) {
        assert!(String::from_utf8_lossy(&one(&resource, 1)).contains("trunkline"), "the service has no name");
        for scope in all(&resource, 2) {
            for span in all(&scope, 2) {
                let number = |wanted| fields(&span).into_iter().find(|(n, ..)| *n == wanted).map_or(0, |(_, _, v)| v);
                found.push(Span {
                    trace: one(&span, 1),
                    id: one(&span, 2),
                    parent: one(&span, 4),
                    name: text(one(&span, 5)),
                    from: number(7),
                    to: number(8),
                    attributes: all(&span, 9)
                        .iter()
                        .map(|a| format!("{}={}", text(one(a, 1)), text(one(&one(a, 2), 1))))
                        .collect(),
                    events: all(&span, 11).iter().map(|event| text(one(event, 2))).collect(),
                });
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_trace_with_its_turns_and_without_words_or_numbers() {
    let requests = Arc::new(Mutex::new(Vec::<Bytes>::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let taken = requests.clone();
    let take = post(move |body: Bytes| async move { taken.lock().unwrap().push(body) });
    let serving = tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", take)).into_future());
    let says = ["English", "five hundred rupees", "two pm to five pm"];
    let house = House::with(|plan| {
        plan.words(says);
        plan.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    })
    .await;
    for mode in ["stream", "gather"] {
        house.call(mode, json!({}), caller(&says)).await;
    }
    within(house.server.stop(Duration::from_millis(100), CancellationToken::new())).await.unwrap();
    serving.abort();
    let requests = requests.lock().unwrap();
    let spans: Vec<Span> = requests.iter().flat_map(|body| spans(body)).collect();
    for mode in ["stream", "gather"] {
        let mode = format!("mode={mode}");
        // Other tests of this process are calls, too; they are of the same agent but not of both modes in this order.
        let call = spans.iter().find(|span| span.name == "call" && span.attributes.contains(&mode)).unwrap();
        for fact in ["agent=QUICK", "language=en-IN", "outcome=completed", "direction=outbound-api"] {
            assert!(call.attributes.iter().any(|known| known == fact), "{fact} in {call:?}");
        }
        assert!(call.parent.is_empty());
        let turns: Vec<_> = spans.iter().filter(|span| span.name == "turn" && span.trace == call.trace).collect();
        assert!(turns.len() >= 3, "{turns:?}");
        for turn in turns {
            assert!(turn.parent == call.id && turn.from <= turn.to && turn.to <= call.to, "{turn:?} of {call:?}");
        }
    }
    let events =
        ["end of speech", "final words", "first token", "first clause", "first audio", "first sent", "first heard"];
    let whole = spans.iter().find(|span| events.iter().all(|wanted| span.events.iter().any(|event| event == wanted)));
    let whole = whole.unwrap_or_else(|| panic!("no turn has the whole timeline: {spans:#?}"));
    for part in ["ears", "mind", "voice"] {
        assert!(spans.iter().any(|span| span.name == part && span.parent == whole.id), "{part}");
    }
    for body in requests.iter() {
        let body = String::from_utf8_lossy(body);
        for word in [&PHONE[1..], "rupees", "five", "500", "Charge"] {
            assert!(!body.contains(word), "{word} was exported");
        }
    }
}

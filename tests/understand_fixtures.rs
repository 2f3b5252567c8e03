//! The cases of spoken values, shared and our own: every one must read exactly as given.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, reason = "the score is what people read here")]

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use trunkline::understand::{Kind, Reading, Scene, Value, read};

#[test]
fn development_set_reads_as_given() {
    run("development", include_str!("fixtures/spoken_values.jsonl"));
}

#[test]
fn own_set_reads_as_given() {
    run("own", include_str!("fixtures/spoken_values_more.jsonl"));
}

#[test]
fn times_and_answers_read_as_given() {
    run("times and answers", include_str!("fixtures/spoken_times_more.jsonl"));
}

/// Reads every case, prints the score by kind and language, and fails on any miss.
fn run(name: &str, cases: &str) {
    let mut score: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut misses = Vec::new();
    for line in cases.lines().filter(|line| !line.trim().is_empty()) {
        let case: Json = serde_json::from_str(line).unwrap();
        let text = case["text"].as_str().unwrap();
        let now: jiff::Zoned = format!("{}[+05:30]", case["context"]["now"].as_str().unwrap()).parse().unwrap();
        let scene = Scene { now: now.datetime(), expect: case["context"]["expect"].as_str().map(kind) };
        let reading = read(text, kind(case["kind"].as_str().unwrap()), &scene);
        assert!(text.get(reading.span.clone()).is_some(), "span {:?} of {text:?}", reading.span);
        let id = case["id"].as_str().unwrap();
        let tongue = id.split('-').nth(1).unwrap_or("-");
        let entry = score.entry((case["kind"].as_str().unwrap().to_owned(), tongue.to_owned())).or_default();
        entry.1 += 1;
        if same(&reading, &case) {
            entry.0 += 1;
        } else {
            misses.push(format!(
                "{id} {text:?}\n    want {} {}\n    got  {}",
                case["value"],
                case["readings"],
                shown(&reading)
            ));
        }
    }
    let (right, all) = score.values().fold((0, 0), |sum, s| (sum.0 + s.0, sum.1 + s.1));
    let mut table = format!("{name}: {right} of {all}\n");
    for ((kind, tongue), (right, all)) in &score {
        table.push_str(&format!("  {kind:12} {tongue:3} {right:4} of {all:4}\n"));
    }
    println!("{table}");
    assert!(misses.is_empty(), "{table}\n{}", misses.join("\n"));
}

fn kind(name: &str) -> Kind {
    match name {
        "money" | "charge" => Kind::Money,
        "time_window" => Kind::TimeWindow,
        "date" => Kind::Date,
        "number" => Kind::Number,
        "yes_no" => Kind::YesNo,
        "language" => Kind::Language,
        "handover" => Kind::Handover,
        "phone" => Kind::Phone,
        other => panic!("kind {other}"),
    }
}

fn same(reading: &Reading, case: &Json) -> bool {
    let wanted: Vec<Json> = case["readings"].as_array().cloned().unwrap_or_default();
    let given: Vec<Json> = reading.readings.iter().map(|r| typed(r.as_ref())).collect();
    typed(reading.value.as_ref()) == case["value"]
        && Json::Bool(reading.ambiguous) == case["ambiguous"]
        && wanted.len() == given.len()
        && wanted.iter().all(|w| given.contains(w))
}

fn shown(reading: &Reading) -> String {
    let readings: Vec<String> = reading.readings.iter().map(|r| typed(r.as_ref()).to_string()).collect();
    format!("{} {} [{}] span {:?}", typed(reading.value.as_ref()), reading.ambiguous, readings.join(", "), reading.span)
}

/// A value as the fixtures write it.
fn typed(value: Option<&Value>) -> Json {
    let amount = |paise: i64| format!("{}.{:02}", paise / 100, paise % 100);
    let clock = |t: Option<jiff::civil::Time>| t.map(|t| t.strftime("%H:%M").to_string());
    match value {
        None => Json::Null,
        Some(Value::Money(m)) => json!({
            "amount": amount(m.paise), "currency": "INR",
            "per": m.per.map(|p| format!("{p:?}").to_lowercase()), "upper": m.upper_paise.map(amount)
        }),
        Some(Value::TimeWindow(w)) => {
            json!({"start": clock(w.start), "end": clock(w.end), "date": w.date.map(|d| d.to_string())})
        }
        Some(Value::Date(d)) => json!({"date": d.to_string()}),
        Some(Value::Number(n)) => json!({"value": n}),
        Some(Value::YesNo(y)) => json!({"answer": y}),
        Some(Value::Language(l)) => json!({"language": l}),
        Some(Value::Handover(w)) => json!({"wanted": w}),
        Some(Value::Phone(p)) => json!({"e164": p}),
    }
}

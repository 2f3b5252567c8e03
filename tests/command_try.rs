//! `trunkline try`: what people and scripts get from it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};

fn tried(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().stdin(Stdio::null());
    command.arg("try").args(arguments).output().expect("the binary")
}

fn printed(arguments: &[&str]) -> String {
    let output = tried(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn object(arguments: &[&str]) -> Json {
    serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).expect("one JSON object")
}

#[test]
fn a_field_of_an_agent_is_read_marked_and_spelled_for_the_voice() {
    let charge = printed(&["dhai hazaar, do se paanch baje", "--agent", "LOGISTICS", "--field", "charge"]);
    assert!(charge.contains("[dhai hazaar], do se paanch baje"), "{charge}");
    assert!(charge.contains("₹2,500") && charge.contains("two thousand five hundred rupees"), "{charge}");
    let time =
        printed(&["dhai hazaar, do se paanch baje", "--agent", "LOGISTICS", "--field", "time", "--language", "hi-IN"]);
    assert!(time.contains("2-5pm") && time.contains("दो बजे"), "{time}");
}

#[test]
fn a_kind_needs_no_agent_and_the_json_has_exactly_the_four_keys() {
    let found = object(&["500 rupees per trip", "--kind", "money"]);
    let value = json!({"amount": "500.00", "currency": "INR", "per": "trip", "upper": null});
    assert_eq!(found, json!({"value": value, "ambiguous": false, "readings": [], "unfinished": false}));
    assert_eq!(object(&["hello", "--kind", "money"])["value"], Json::Null);
    assert_eq!(object(&["five hundred and", "--kind", "money"])["unfinished"], true);
    let evening = object(&["5 to 8", "--kind", "time_window"]);
    assert_eq!((&evening["ambiguous"], evening["readings"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    for (kind, text, value) in [
        ("number", "do darjan", json!({"value": "24"})),
        ("yes_no", "haan ji", json!({"answer": true})),
        ("language", "hindi", json!({"language": "hi-IN"})),
        ("handover", "manager se baat karao", json!({"wanted": true})),
        ("phone", "98765 43210", json!({"e164": "+919876543210"})),
    ] {
        assert_eq!(object(&[text, "--kind", kind])["value"], value, "{text}");
    }
}

#[test]
fn the_time_of_the_call_and_what_was_asked_change_the_reading() {
    let at = |now| object(&["tomorrow", "--kind", "date", "--now", now])["value"].clone();
    assert_eq!(at("2026-11-23T10:00:00+05:30"), json!({"date": "2026-11-24"}));
    // The same day in India, though the clock is given in another zone.
    assert_eq!(at("2026-11-22T20:00:00Z"), json!({"date": "2026-11-24"}));
    let bare = ["500", "--kind", "money", "--expect"];
    assert_eq!(object(&[bare.as_slice(), &["charge"]].concat())["value"]["amount"], "500.00");
    assert_eq!(object(&[bare.as_slice(), &["none"]].concat())["value"], Json::Null);
}

#[test]
fn a_choice_is_one_of_its_options_and_limits_are_told() {
    let place = |text| object(&[text, "--agent", "APPOINTMENT", "--field", "place"]);
    assert_eq!(place("online please")["value"], json!({"option": "video"}));
    assert_eq!(place("not video, at the clinic")["value"], json!({"option": "clinic"}));
    assert_eq!(place("video, no, clinic")["value"], json!({"option": "clinic"}));
    assert_eq!(place("clinic or video")["ambiguous"], true);
    let many = printed(&["40 people", "--agent", "APPOINTMENT", "--field", "companions"]);
    assert!(many.contains("limits"), "{many}");
}

#[test]
fn a_file_gives_a_line_for_each_case_and_a_score() {
    let fixtures = "tests/fixtures/spoken_values.jsonl";
    let lines = printed(&["--file", fixtures, "--json"]);
    let cases = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/spoken_values.jsonl"))
        .expect("the cases");
    let read =
        |text: &str| -> Vec<Json> { text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect() };
    let (found, wanted) = (read(&lines), read(&cases));
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!((&found["value"], &found["ambiguous"]), (&wanted["value"], &wanted["ambiguous"]), "{wanted}");
    }
    let score = printed(&["--file", fixtures, "--score"]);
    assert!(score.contains("Money") && score.contains("278 of 278 right (100.0 %), 0 invented"), "{score}");
}

#[test]
fn a_miss_is_listed_and_ends_with_1() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let case = json!({"id": "money-en-1", "kind": "money", "text": "hello", "context": {"now": "2026-11-23T10:00:00+05:30"},
        "value": {"amount": "5.00", "currency": "INR", "per": null, "upper": null}, "ambiguous": false});
    writeln!(file, "{case}").expect("written");
    let output = tried(&["--file", file.path().to_str().expect("UTF-8"), "--score"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("money-en-1") && said.contains("0 of 1"), "{said}");
}

#[test]
fn what_cannot_be_tried_is_refused_with_the_reason() {
    let refused = |arguments: &[&str]| {
        let output = tried(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["500", "--agent", "NOBODY", "--field", "charge"]).contains("LOGISTICS"));
    assert!(refused(&["500", "--agent", "LOGISTICS", "--field", "price"]).contains("charge, time"));
    assert!(refused(&["500"]).contains("--kind"));
    assert!(refused(&["500", "--kind", "money", "--now", "noon"]).contains("--now"));
    assert!(refused(&["--file", "gone.jsonl", "--json"]).contains("gone.jsonl"));
}

//! `GET /api/collected`: what was collected, as JSON or as a table for spreadsheets: one row a call, one column a field.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::query::{AGENT, Query, SINCE, UNTIL, bad};
use super::{Problem, api};
use crate::session::Switchboard;
use crate::store::ListFilter;
use crate::store::record::CollectedDocument;

/// Newest call first.
pub(super) async fn collected(
    State(switchboard): State<Switchboard>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let as_csv = match query.text(&["format"])?.as_deref() {
        None => prefers_csv(&headers),
        Some("csv") => true,
        Some("json") => false,
        Some(_) => return Err(bad("format", "expected json or csv")),
    };
    let agent_type = query.text(&AGENT)?;
    let filter = ListFilter {
        agent_type: agent_type.clone(),
        since: query.instant(&SINCE)?,
        until: query.instant(&UNTIL)?,
        limit: query.limit(PAGE, MOST)?,
        ..ListFilter::default()
    };
    let items = switchboard.store().list_collected(filter).await.map_err(api::not_kept)?;
    if !as_csv {
        let items: Vec<_> = items.iter().map(api::shown).collect();
        return Ok(Json(json!({ "items": items })).into_response());
    }
    let known = fields_of_agents(&switchboard, agent_type.as_deref());
    let table = table(known, &items).map_err(|error| {
        tracing::error!(%error, "table not written");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the table could not be written")
    })?;
    let mut response = table.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"collected.csv\""));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn prefers_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place =
        |wanted: &str| accepted.split(',').position(|one| one.split(';').next().is_some_and(|t| t.trim() == wanted));
    match (place("text/csv"), place("application/json")) {
        (Some(csv), Some(json)) => csv < json,
        (csv, _) => csv.is_some(),
    }
}

/// The fields of the agents asked for, in their order, each once.
fn fields_of_agents(switchboard: &Switchboard, agent_type: Option<&str>) -> Vec<String> {
    let mut fields = Vec::new();
    for agent in switchboard.agents().iter().filter(|agent| agent_type.is_none_or(|wanted| agent.agent_type == wanted))
    {
        add(&mut fields, agent.fields.iter().map(|field| field.name.as_str()));
    }
    fields
}

/// Rows of values for people, then their evidence: the caller's words. Fields of agents that are gone come last.
fn table(mut fields: Vec<String>, items: &[CollectedDocument]) -> Result<Vec<u8>, csv::Error> {
    for item in items {
        add(&mut fields, item.data.keys().map(String::as_str));
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let evidence = fields.iter().map(|field| format!("{field}.evidence"));
    writer.write_record(FIXED.iter().map(ToString::to_string).chain(fields.iter().map(|f| safe(f))).chain(evidence))?;
    for item in items {
        let fixed = [
            item.call_sid.to_string(),
            item.agent_type.clone(),
            item.phone.clone().unwrap_or_default(),
            item.language.clone().unwrap_or_default(),
            item.complete.to_string(),
            item.started_at.to_string(),
            item.updated_at.to_string(),
        ];
        let cell = |value: Option<&Value>| value.map(plain).unwrap_or_default();
        let values = fields.iter().map(|field| cell(item.data.get(field)));
        let words =
            fields.iter().map(|field| cell(item.evidence.get(field).map(|proof| proof.get("words").unwrap_or(proof))));
        writer.write_record(fixed.into_iter().chain(values).chain(words).map(|text| safe(&text)))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn add<'a>(fields: &mut Vec<String>, names: impl Iterator<Item = &'a str>) {
    for name in names {
        if !fields.iter().any(|field| field == name) {
            fields.push(name.to_owned());
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A spreadsheet runs what starts like a formula, and callers choose their words: an apostrophe in front makes it text. Plain
/// numbers, telephone numbers among them, stay as they are.
fn safe(text: &str) -> String {
    let risky =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let number = text.strip_prefix(['+', '-']).is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    if risky && !number { format!("'{text}") } else { text.to_owned() }
}

const FIXED: [&str; 7] = ["call_sid", "agent_type", "phone", "language", "complete", "started_at", "updated_at"];
const PAGE: usize = 1000;
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sid: &str, data: Value, evidence: Value) -> CollectedDocument {
        serde_json::from_value(json!({
            "schema": 1, "call_sid": sid, "version": 1, "agent_type": "LOGISTICS", "phone": "+919876543210",
            "language": "en-IN", "complete": true, "data": data, "values": {}, "evidence": evidence,
            "started_at": "2026-11-24T09:30:00Z", "updated_at": "2026-11-24T09:31:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_table_has_a_row_for_each_call_and_a_column_for_each_field() {
        let items = [
            item(
                "CA1",
                json!({"charge": "₹500", "time": "2-5pm"}),
                json!({"charge": {"words": "five hundred", "turn": 1}}),
            ),
            item("CA2", json!({"old": "a, \"b\"", "time": null}), json!({})),
        ];
        let text = String::from_utf8(table(vec!["charge".to_owned(), "time".to_owned()], &items).unwrap()).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("call_sid,") && lines[0].contains(",charge,time,old,charge.evidence,"), "{text}");
        assert!(lines[1].contains(",+919876543210,") && lines[1].contains(",₹500,2-5pm,,five hundred,"), "{text}");
        assert!(lines[2].contains(r#",,,"a, ""b""","#), "{text}");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_formula_becomes_text_and_a_number_stays_one() {
        for text in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1", "+", "-"] {
            assert_eq!(safe(text), format!("'{text}"));
        }
        for text in ["+919876543210", "-5", "-2.5", "₹500", "2-5pm", "", "a=b"] {
            assert_eq!(safe(text), text);
        }
    }

    #[test]
    fn csv_is_given_to_those_who_ask_for_it() {
        let accept = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(text));
            prefers_csv(&headers)
        };
        assert!(accept("text/csv") && accept("text/csv;q=0.9, */*"));
        assert!(!accept("application/json, text/csv") && !accept("*/*") && !accept("text/html"));
    }
}

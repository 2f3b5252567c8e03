//! `POST /start-call`: a form or a JSON object, read field by field, so that each mistake names its field.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::problem::Forbidden;
use super::{Problem, auth};
use crate::session::{StartCall, StartCallError, Switchboard};

/// Starts a call and answers its identifier.
pub(super) async fn start_call(
    State(switchboard): State<Switchboard>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let body = body.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let fields = match auth::content_type(&headers) {
        Some("application/json") => from_json(&body)?,
        Some("application/x-www-form-urlencoded") => from_form(&body)?,
        Some(_) | None => {
            let detail = "Content-Type must be application/json or application/x-www-form-urlencoded";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    };
    let start = request(fields)?;
    // Twilio may have begun to dial when whoever asked goes away: the call is known all the same.
    let board = switchboard.clone();
    let started = switchboard.to_the_end(async move { board.start_call(start).await }).await;
    let call_sid = started.ok_or_else(Problem::defect)?.map_err(|error| refusal(&error))?;
    Ok(Json(json!({ "call_sid": call_sid.as_str() })))
}

fn refusal(error: &StartCallError) -> Problem {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let problem = Problem::new(status, error.to_string()).about(error.field());
    let Some(rule) = error.rule() else { return problem };
    problem.of_rule(Forbidden { rule, permitted_from: error.permitted_from(), retry_after: error.retry_after() })
}

fn request(mut fields: Map<String, Value>) -> Result<StartCall, Problem> {
    let start = StartCall {
        agent_type: required(&mut fields, "agent_type")?,
        phone: required(&mut fields, "phone")?,
        language: text(&mut fields, "language")?,
        mode: text(&mut fields, "mode")?,
        timezone: text(&mut fields, "timezone")?,
        variables: match fields.shift_remove("variables") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(variables)) => variables,
            Some(_) => return Err(Problem::of_field("variables", "variables must be an object of names and values")),
        },
    };
    match fields.keys().next() {
        None => Ok(start),
        Some(name) => {
            let shown: String = name.chars().take(64).collect();
            let detail =
                format!("unknown field {shown}; known are agent_type, phone, language, mode, timezone and variables");
            Err(Problem::of_field(shown, detail))
        }
    }
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, Problem> {
    text(fields, name)?.ok_or_else(|| Problem::of_field(name, format!("{name} is missing")))
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(Problem::of_field(name, format!("{name} must be a string"))),
    }
}

fn from_json(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body must be a JSON object")),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))),
    }
}

/// `variables` as JSON text, or one `variables[name]=value` for each.
fn from_form(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    let mut variables = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let variable = name.strip_prefix("variables[").and_then(|rest| rest.strip_suffix(']'));
        let (into, key) = match variable {
            Some(variable) => (&mut variables, variable),
            None => (&mut fields, name.as_ref()),
        };
        if into.insert(key.to_owned(), Value::String(value.into_owned())).is_some() {
            let shown: String = name.chars().take(64).collect();
            return Err(Problem::of_field(shown.clone(), format!("{shown} is given more than once")));
        }
    }
    if let Some(Value::String(text)) = fields.shift_remove("variables") {
        match serde_json::from_str(&text) {
            Ok(Value::Object(more)) => variables.extend(more),
            Ok(_) => return Err(Problem::of_field("variables", "variables must be a JSON object")),
            Err(_) if text.trim().is_empty() => {}
            Err(error) => return Err(Problem::of_field("variables", format!("variables is not JSON: {error}"))),
        }
    }
    if !variables.is_empty() {
        fields.insert("variables".to_owned(), Value::Object(variables));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_and_json_say_the_same() {
        let json =
            br#"{"agent_type":"LOGISTICS","phone":"+919876543210","mode":null,"variables":{"supplier":"Asha & Co"}}"#;
        let one_by_one = b"agent_type=LOGISTICS&phone=%2B919876543210&mode=&variables[supplier]=Asha+%26+Co";
        let as_text =
            b"agent_type=LOGISTICS&phone=%2B919876543210&variables=%7B%22supplier%22%3A%22Asha%20%26%20Co%22%7D";
        for fields in [from_json(json), from_form(one_by_one), from_form(as_text)] {
            let start = request(fields.unwrap()).unwrap();
            assert_eq!((start.agent_type.as_str(), start.phone.as_str()), ("LOGISTICS", "+919876543210"));
            assert_eq!(start.mode, None);
            assert_eq!(start.variables["supplier"], "Asha & Co");
        }
    }
}

//! A stand-in for Gemini `generateContent`, whole and streamed.
//!
//! It does not think: it answers what a test scripted, or what a function makes of the request; by default [`extract`], which
//! picks amounts and times out of the caller's lines. Key types: [`GeminiRequest`], [`Think`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::cut::Cut;
use super::fault::{FaultKind, Route};
use super::{MindSettings, Shared, lock};

mod rules;

pub use rules::{extract, keep_asking};

/// Makes the model's whole text out of a request.
pub type Think = Arc<dyn Fn(&GeminiRequest) -> String + Send + Sync>;

/// What a request asks, whatever its spelling (camelCase or snake_case).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeminiRequest {
    /// The model's id, from the path.
    pub model: String,
    /// The instructions.
    pub system: String,
    /// The lines so far, oldest first: (true for the caller's, text).
    pub lines: Vec<(bool, String)>,
    /// The properties of the answer, in the schema's order.
    pub properties: Vec<String>,
    /// The properties of the answer's `data`, with their descriptions.
    pub fields: Vec<(String, String)>,
    /// The request as it came.
    pub raw: Value,
}

impl GeminiRequest {
    /// Reads a request's body.
    pub fn read(model: &str, raw: Value) -> Self {
        let system = get(&raw, "systemInstruction").map(text_of).unwrap_or_default();
        let lines = raw["contents"].as_array().into_iter().flatten();
        let lines = lines.map(|content| (content["role"] != "model", text_of(content))).collect();
        let config = get(&raw, "generationConfig").cloned().unwrap_or_default();
        let schema = ["responseJsonSchema", "responseSchema"].iter().find_map(|name| get(&config, name));
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        let fields = properties.and_then(|all| all.get("data")).and_then(|data| data["properties"].as_object());
        let field = |(name, of): (&String, &Value)| (name.clone(), of["description"].as_str().unwrap_or("").to_owned());
        Self {
            model: model.to_owned(),
            system,
            lines,
            properties: properties.map(|all| all.keys().cloned().collect()).unwrap_or_default(),
            fields: fields.map(|all| all.iter().map(field).collect()).unwrap_or_default(),
            raw,
        }
    }

    /// The caller's lines, oldest first.
    pub fn caller(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().filter(|(caller, _)| *caller).map(|(_, text)| text.as_str())
    }
}

/// `POST /{version}/models/{model}:generateContent | :streamGenerateContent`.
pub(super) async fn generate(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path((version, call)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let began = Instant::now();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let raw: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let model = call.split(':').next().unwrap_or_default();
    let fault = shared.arrive(Route::Mind, model, target, body.clone());
    let streamed = call.ends_with(":streamGenerateContent");
    match &fault {
        Some(FaultKind::Refuse | FaultKind::CloseWith { .. }) => return cut.for_good().await,
        Some(FaultKind::Hang) => return std::future::pending().await,
        Some(FaultKind::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultKind::Status { code, body }) => return status(*code, body, streamed),
        Some(FaultKind::Malformed | FaultKind::ResetMidStream) | None => {}
    }
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some(refused) = refusal(&shared, &version, &raw, &headers, of("key")) {
        return refused;
    }
    let Some((model, verb)) = call.split_once(':') else {
        return status(404, "", false);
    };
    if !matches!(verb, "generateContent" | "streamGenerateContent") {
        return status(404, "", false);
    }
    let request = GeminiRequest::read(model, raw);
    let scripted = lock(&shared.answers).pop_front();
    let settings = shared.settings.load_full();
    let mut text = scripted.unwrap_or_else(|| (shared.think)(&request));
    if settings.mind.escapes {
        text = escaped(&text);
    }
    if fault == Some(FaultKind::Malformed) {
        text = text.chars().take(text.chars().count() / 2).collect::<String>() + " …that is all I know";
    }
    if !streamed {
        let events = events(&request, body.len(), &[text]);
        let total = settings.mind.first_token_ms + settings.mind.chunk_every_ms * 2;
        tokio::time::sleep_until(began + Duration::from_millis(total)).await;
        let whole = events.last().cloned().unwrap_or_default();
        return (StatusCode::OK, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], whole.to_string())
            .into_response();
    }
    let pieces = pieces(&text, &settings.mind, began.elapsed().subsec_nanos());
    let events = events(&request, body.len(), &pieces);
    if of("alt") != Some("sse") {
        let due = settings.mind.first_token_ms + settings.mind.chunk_every_ms * events.len() as u64;
        tokio::time::sleep_until(began + Duration::from_millis(due)).await;
        return axum::Json(Value::Array(events)).into_response();
    }
    let reset = fault == Some(FaultKind::ResetMidStream);
    let body = Body::from_stream(stream(events, settings.mind.clone(), began, reset.then_some(cut)));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// The events as pieces of a body, on an absolute schedule.
fn stream(
    events: Vec<Value>,
    settings: MindSettings,
    began: Instant,
    cut: Option<Cut>,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    let mut pieces = Vec::new();
    let mut chance = StdRng::seed_from_u64(events.len() as u64);
    let last = events.len() / 2;
    for (n, event) in events.into_iter().enumerate() {
        let due = began + Duration::from_millis(settings.first_token_ms + settings.chunk_every_ms * n as u64);
        if cut.is_some() && n == last.max(1) {
            break;
        }
        let bytes = Bytes::from(format!("data: {event}\r\n\r\n"));
        if settings.ragged {
            let mut rest = bytes;
            while !rest.is_empty() {
                let size = chance.random_range(1..=rest.len().min(90));
                pieces.push((due, rest.split_to(size)));
            }
        } else {
            pieces.push((due, bytes));
        }
    }
    futures_util::stream::unfold((pieces.into_iter(), cut), |(mut pieces, cut)| async move {
        let Some((due, bytes)) = pieces.next() else {
            return match cut {
                Some(cut) => cut.for_good().await,
                None => None,
            };
        };
        tokio::time::sleep_until(due).await;
        tokio::task::yield_now().await;
        Some((Ok(bytes), (pieces, cut)))
    })
}

/// The text cut into what one event carries.
fn pieces(text: &str, settings: &MindSettings, seed: u32) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(u64::from(seed));
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut size = settings.chunk_chars.max(1);
    for letter in text.chars() {
        if piece.is_empty() && settings.ragged {
            size = chance.random_range(1..=settings.chunk_chars.max(1));
        }
        piece.push(letter);
        if piece.chars().count() >= size {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}

fn events(request: &GeminiRequest, length: usize, pieces: &[String]) -> Vec<Value> {
    let prompt = length / 4;
    let mut written = 0;
    pieces
        .iter()
        .enumerate()
        .map(|(n, piece)| {
            written += piece.len().div_ceil(4);
            let mut candidate = json!({"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0});
            let mut usage = json!({"promptTokenCount": prompt, "totalTokenCount": prompt + written,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}]});
            if n + 1 == pieces.len() {
                candidate["finishReason"] = json!("STOP");
                usage["candidatesTokenCount"] = json!(written);
                usage["thoughtsTokenCount"] = json!(0);
            }
            json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": request.model,
                "responseId": format!("standin{prompt}")})
        })
        .collect()
}

/// What the vendor refuses of a request.
fn refusal(shared: &Shared, version: &str, raw: &Value, headers: &HeaderMap, key: Option<&str>) -> Option<Response> {
    if !matches!(version, "v1" | "v1beta" | "v1alpha") {
        return Some(status(404, "", false));
    }
    if !shared.knows(headers, "x-goog-api-key", key) {
        return Some(refused("API key not valid. Please pass a valid API key."));
    }
    let Some(contents) = raw["contents"].as_array() else {
        return Some(refused("Invalid JSON payload received: contents is required."));
    };
    let Some(last) = contents.last() else {
        return Some(refused("contents is not specified"));
    };
    if last["role"] == "model" {
        return Some(refused("Requests ending with a model turn are not supported."));
    }
    if contents.iter().any(|content| !matches!(content["role"].as_str(), Some("user" | "model") | None)) {
        return Some(refused("Please use a valid role: user, model."));
    }
    None
}

/// 400 `INVALID_ARGUMENT`.
fn refused(message: &str) -> Response {
    let body = json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}});
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

/// An error as the vendor writes it, or with the given body. Streams wrap it in a list.
fn status(code: u16, body: &str, streamed: bool) -> Response {
    let http = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !body.is_empty() {
        return (http, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_owned()).into_response();
    }
    let (name, message) = match code {
        400 => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        404 => ("NOT_FOUND", "The model is not found for this API version, or is not supported for generateContent."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504 => ("DEADLINE_EXCEEDED", "The request timed out."),
        _ => ("INTERNAL", "An internal error has occurred."),
    };
    let mut error = json!({"error": {"code": code, "message": message, "status": name}});
    if code == 429 {
        error["error"]["details"] = json!([
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "1000"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]);
    }
    let body = if streamed { json!([error]) } else { error };
    (http, axum::Json(body)).into_response()
}

/// The value of a camelCase key, also under its snake_case spelling.
fn get<'a>(of: &'a Value, camel: &str) -> Option<&'a Value> {
    let of = of.as_object()?;
    of.get(camel).or_else(|| {
        let snake: String =
            camel.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase())).collect();
        of.get(&snake)
    })
}

fn text_of(content: &Value) -> String {
    let parts = content["parts"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Characters beyond ASCII as `\u` escapes, as JSON allows within its strings.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            out.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// An answer of the shape that the product asks for; only keys of the schema are kept.
fn answer(request: &GeminiRequest, say: &str, kind: &str, data: Map<String, Value>) -> String {
    let all = json!({"say": say, "type": kind, "data": data});
    let Some(all) = all.as_object() else {
        return String::new();
    };
    let kept: Map<String, Value> = all
        .iter()
        .filter(|(key, _)| request.properties.is_empty() || request.properties.contains(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Value::Object(kept).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_in_both_spellings() {
        let schema = json!({"properties": {"say": {}, "type": {}, "data": {"properties": {"charge": {"description": "money"}}}}});
        let contents = json!([{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]},
            {"role": "user", "parts": [{"text": "c"}]}]);
        let camel = json!({"systemInstruction": {"parts": [{"text": "sys"}]}, "contents": contents,
            "generationConfig": {"responseJsonSchema": schema}});
        let snake = json!({"system_instruction": {"parts": [{"text": "sys"}]}, "contents": contents,
            "generation_config": {"response_json_schema": schema}});
        for raw in [camel, snake] {
            let request = GeminiRequest::read("m", raw);
            assert_eq!(
                (request.system.as_str(), request.properties.as_slice()),
                ("sys", &["say", "type", "data"].map(String::from)[..])
            );
            assert_eq!(request.fields, [("charge".to_owned(), "money".to_owned())]);
            assert_eq!(request.caller().collect::<Vec<_>>(), ["a", "c"]);
        }
    }

    #[test]
    fn pieces_join_to_the_text_and_may_cut_an_escape() {
        let text = escaped(r#"{"say":"नमस्ते 🙂"}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["say"], "नमस्ते 🙂");
        let settings = MindSettings { ragged: true, chunk_chars: 5, ..MindSettings::default() };
        let pieces = pieces(&text, &settings, 1);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().any(|piece| piece.ends_with('\\') || piece.ends_with("\\u09")));
    }
}

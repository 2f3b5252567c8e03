//! Calls for developers: what happened, what is happening, and an end to it.

use std::convert::Infallible;
use std::path::Path as FilePath;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use metrics::counter;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::query::{AGENT, Query, SINCE, UNTIL, bad};
use super::serve::Closing;
use super::{App, Problem, audio};
use crate::session::{HangUpError, Switchboard};
use crate::store::record::CallDocument;
use crate::store::retention::{self, EraseError, Traces};
use crate::store::{ListFilter, Place, StoreError};
use crate::telemetry;
use crate::twilio::CallSid;

/// `GET /api/calls`: newest first, a page at a time.
pub(super) async fn calls(State(switchboard): State<Switchboard>, query: Query) -> Result<Json<Value>, Problem> {
    let limit = query.limit(PAGE, MOST)?;
    let filter = ListFilter {
        agent_type: query.text(&AGENT)?,
        stage: query.text(&["stage"])?,
        outcome: query.text(&["outcome"])?,
        since: query.instant(&SINCE)?,
        until: query.instant(&UNTIL)?,
        before: query.text(&["cursor"])?.map(|cursor| place(&cursor)).transpose()?,
        limit,
    };
    let calls = switchboard.store().list(filter).await.map_err(not_kept)?;
    let next = (calls.len() == limit).then(|| calls.last().map(cursor)).flatten();
    let items: Vec<_> = calls.iter().map(shown).collect();
    Ok(Json(json!({ "items": items, "next": next })))
}

/// `GET /api/calls/{sid}`: the whole document.
pub(super) async fn call(
    State(switchboard): State<Switchboard>,
    Path(sid): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&load(&switchboard, &sid).await?)))
}

/// `GET /api/calls/{sid}/events`: what happens in a live call, as server-sent events, until it is over. 204 where it is over
/// already: browsers then do not ask again.
pub(super) async fn events(
    State(switchboard): State<Switchboard>,
    Extension(Closing(closing)): Extension<Closing>,
    Path(sid): Path<String>,
) -> Result<Response, Problem> {
    let call_sid = CallSid::parse(&sid).map_err(|_| Problem::no_such_call())?;
    let Some(receiver) = switchboard.events(&call_sid) else {
        load(&switchboard, &sid).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = stream(receiver, closing).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// `GET /api/calls/{sid}/recording`: Ogg Opus, whole or a range.
pub(super) async fn recording(
    State(app): State<App>,
    Path(sid): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = load(app.switchboard(), &sid).await?.recording;
    let none = || Problem::new(StatusCode::NOT_FOUND, "the call has no recording");
    let name = name.ok_or_else(none)?;
    // The name is ours; even so, nothing but a name in that folder is opened.
    let name = FilePath::new(&name).file_name().ok_or_else(none)?;
    audio::send(&app.config().recordings.join(name), "audio/ogg", "private, no-cache", &headers).await
}

/// `POST /api/calls/{sid}/hangup`.
pub(super) async fn hang_up(
    State(switchboard): State<Switchboard>,
    Path(sid): Path<String>,
) -> Result<StatusCode, Problem> {
    let call_sid = CallSid::parse(&sid).map_err(|_| Problem::no_such_call())?;
    let board = switchboard.clone();
    match switchboard.to_the_end(async move { board.hang_up(&call_sid).await }).await.ok_or_else(Problem::defect)? {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(HangUpError::NotFound) => Err(Problem::no_such_call()),
        Err(error @ HangUpError::Over) => Err(Problem::new(StatusCode::CONFLICT, error.to_string())),
        Err(error @ HangUpError::Twilio(_)) => Err(Problem::new(StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

/// `DELETE /api/calls/{sid}`: every trace of it, the recording too; also where nobody waits for the answer any more.
pub(super) async fn delete(State(app): State<App>, Path(sid): Path<String>) -> Result<Response, Problem> {
    let call_sid = CallSid::parse(&sid).map_err(|_| Problem::no_such_call())?;
    let switchboard = app.switchboard().clone();
    let work = async move { erase(&app, &call_sid).await };
    switchboard.to_the_end(work).await.ok_or_else(Problem::defect)?
}

async fn erase(app: &App, call_sid: &CallSid) -> Result<Response, Problem> {
    let switchboard = app.switchboard();
    if switchboard.is_live(call_sid).await {
        return Err(Problem::new(StatusCode::CONFLICT, "the call is live; hang it up first"));
    }
    switchboard.forget(call_sid);
    let traces = Traces { recordings: app.config().recordings.clone(), speech: switchboard.speech_cache().clone() };
    let deletion = match retention::erase(switchboard.store(), &traces, call_sid).await {
        Ok(deletion) => deletion,
        Err(EraseError::Store(error)) => return Err(not_kept(error)),
        Err(EraseError::Recording(error)) => {
            tracing::error!(%call_sid, %error, "recording not deleted");
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the recording could not be deleted"));
        }
        Err(EraseError::SetAside(error)) => {
            tracing::error!(%call_sid, %error, "a journal set aside as corrupt, which may hold the call, was not deleted");
            let detail = "a damaged journal that may hold the call could not be deleted";
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
        }
    };
    match (deletion.found, deletion.mongodb_pending) {
        (_, true) => {
            let told = json!({ "deleted": "here; MongoDB follows as soon as it answers" });
            Ok((StatusCode::ACCEPTED, Json(told)).into_response())
        }
        (true, false) => Ok(StatusCode::NO_CONTENT.into_response()),
        (false, false) => Err(Problem::no_such_call()),
    }
}

pub(super) fn not_kept(error: StoreError) -> Problem {
    tracing::error!(%error, "store failed a developer's request");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; /readyz says more")
}

async fn load(switchboard: &Switchboard, sid: &str) -> Result<CallDocument, Problem> {
    let call_sid = CallSid::parse(sid).map_err(|_| Problem::no_such_call())?;
    switchboard.store().load(&call_sid).await.map_err(not_kept)?.ok_or_else(Problem::no_such_call)
}

/// The document without what only another process needs.
pub(super) fn shown(record: &impl Serialize) -> Value {
    let mut document = serde_json::to_value(record).unwrap_or_default();
    if let Value::Object(fields) = &mut document {
        for name in ["session", "speech", "writer", "seen"] {
            fields.shift_remove(name);
        }
    }
    document
}

/// Events until the call, or the server, is over.
fn stream(receiver: Receiver<Value>, closing: CancellationToken) -> impl Stream<Item = Event> {
    stream::unfold(Some((receiver, closing)), async |open| {
        let (mut receiver, closing) = open?;
        let told = match closing.run_until_cancelled(receiver.recv()).await? {
            Ok(value) => value,
            // A reader slower than the call: what it missed is in the call's document.
            Err(RecvError::Lagged(count)) => {
                counter!(telemetry::QUEUES_FULL, "queue" => "events").increment(count);
                json!({ "event": "missed", "count": count })
            }
            Err(RecvError::Closed) => return None,
        };
        let last = told["event"] == "ended";
        Some((event(&told), (!last).then_some((receiver, closing))))
    })
}

fn event(value: &Value) -> Event {
    let event = Event::default().data(value.to_string());
    let name = value.get("event").or_else(|| value.get("type")).and_then(Value::as_str).unwrap_or_default();
    // A line break in a name would end the field.
    if name.is_empty() || name.contains(['\n', '\r']) { event } else { event.event(name) }
}

fn cursor(call: &CallDocument) -> String {
    format!("{}_{}", call.started_at.as_millisecond(), call.call_sid)
}

fn place(cursor: &str) -> Result<Place, Problem> {
    let parsed = cursor.split_once('_').and_then(|(millis, sid)| {
        let started_at = jiff::Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
        Some(Place { started_at, call_sid: CallSid::parse(sid).ok()? })
    });
    parsed.ok_or_else(|| bad("cursor", "expected the value of next from the page before"))
}

/// Calls on a page, unless asked otherwise, and at most.
const PAGE: usize = 100;
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;

    async fn sent(events: impl Stream<Item = Event> + Send + 'static) -> String {
        let body = Sse::new(events.map(Ok::<_, Infallible>)).into_response().into_body();
        String::from_utf8(axum::body::to_bytes(body, 4096).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn events_are_sent_until_the_call_is_over() {
        let (sender, receiver) = broadcast::channel(8);
        sender.send(json!({"event": "turn", "text": "one\ntwo"})).unwrap();
        sender.send(json!({"event": "a\nb"})).unwrap();
        drop(sender);
        let text = sent(stream(receiver, CancellationToken::new())).await;
        let parts: Vec<_> = text.split_terminator("\n\n").collect();
        assert_eq!(parts.len(), 2, "{text}");
        assert!(parts[0].lines().any(|line| line == "event: turn") && parts[0].contains(r"one\ntwo"), "{text}");
        assert!(!parts[1].contains("event: "), "{text}");
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed() {
        let (sender, receiver) = broadcast::channel(1);
        (0..3).for_each(|turn| drop(sender.send(json!({ "event": "turn", "turn": turn }))));
        drop(sender);
        let text = sent(stream(receiver, CancellationToken::new())).await;
        assert!(
            text.contains("event: missed") && text.contains(r#""count":2"#) && text.contains(r#""turn":2"#),
            "{text}"
        );
    }

    #[tokio::test]
    async fn the_servers_end_is_the_events_end() {
        let (_sender, receiver) = broadcast::channel(1);
        let closing = CancellationToken::new();
        closing.cancel();
        assert_eq!(sent(stream(receiver, closing)).await, "");
    }
}

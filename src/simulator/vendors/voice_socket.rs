//! ElevenLabs speech over sockets: `stream-input` (one context) and `multi-stream-input` (up to five).
//!
//! `Contexts` holds the rules and is pure but for the making of speech; the socket task carries messages and sleeps.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cut::Cut;
use super::fault::{FaultKind, Route};
use super::voice::{Format, alignment};
use super::{Shared, VoiceSettings, lock};

/// `GET /v1/text-to-speech/{voice}/stream-input`.
pub(super) async fn single(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    uri: OriginalUri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(state, cut, uri, headers, upgrade, false).await
}

/// `GET /v1/text-to-speech/{voice}/multi-stream-input`.
pub(super) async fn multi(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    uri: OriginalUri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(state, cut, uri, headers, upgrade, true).await
}

async fn open(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
    multi: bool,
) -> Response {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let model = of("model_id").unwrap_or("").to_owned();
    let fault = shared.arrive(Route::SpeechSocket, &model, target, Bytes::new());
    match &fault {
        Some(FaultKind::Refuse) => return cut.for_good().await,
        Some(FaultKind::Status { code, body }) => {
            let code = axum::http::StatusCode::from_u16(*code).unwrap_or_default();
            return (code, body.clone()).into_response();
        }
        Some(FaultKind::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultKind::CloseWith { .. } | FaultKind::Hang | FaultKind::Malformed | FaultKind::ResetMidStream)
        | None => {}
    }
    let known = shared.knows(&headers, "xi-api-key", of("authorization"));
    let format = Format::parse(of("output_format").unwrap_or("mp3_44100_128"));
    let rules = Rules {
        multi,
        auto: of("auto_mode") == Some("true"),
        idle: Duration::from_secs(
            of("inactivity_timeout").and_then(|text| text.parse().ok()).unwrap_or(20).clamp(1, 180),
        ),
        settings: shared.settings.load().voice.clone(),
        format: format.unwrap_or(Format::Ulaw),
        model: model.clone(),
    };
    let refusal = if !known {
        Some(("authentication_required", "Neither authorization header nor xi-api-key received."))
    } else if format.is_none() {
        Some(("invalid_output_format", "The output format is not known."))
    } else if model.starts_with("eleven_v3") || model.starts_with("eleven_v4") {
        Some(("model_not_supported", "This model is served by the text-to-dialogue sockets."))
    } else {
        None
    };
    upgrade.read_buffer_size(8 << 10).write_buffer_size(0).max_message_size(1 << 20).on_upgrade(
        move |mut socket| async move {
            lock(&shared.counters).open_sockets += 1;
            match refusal {
                Some((error, message)) => refuse(&mut socket, error, message).await,
                None => serve(&mut socket, &shared, rules, fault, cut).await,
            }
            lock(&shared.counters).open_sockets -= 1;
        },
    )
}

async fn serve(socket: &mut WebSocket, shared: &Shared, rules: Rules, mut fault: Option<FaultKind>, cut: Cut) {
    let mut struck = shared.struck.subscribe();
    if let Some(FaultKind::CloseWith { code, reason }) = &fault {
        return close(socket, *code, reason).await;
    }
    let hang = fault == Some(FaultKind::Hang);
    let mut sent = 0;
    let mut contexts = Contexts::new(rules, Instant::now());
    loop {
        let step = tokio::select! {
            Ok(strike) = struck.recv() => {
                match strike.kind.clone() {
                    _ if !strike.meets(Route::SpeechSocket, &contexts.rules.model) => {}
                    FaultKind::Refuse | FaultKind::Status { .. } => return cut.now(),
                    FaultKind::CloseWith { code, reason } => return close(socket, code, &reason).await,
                    FaultKind::Hang => {
                        while let Some(Ok(_)) = socket.recv().await {}
                        return;
                    }
                    FaultKind::Slow { ms } => contexts.rules.settings.first_byte_ms += ms,
                    kind @ (FaultKind::Malformed | FaultKind::ResetMidStream) => fault = Some(kind),
                }
                continue;
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let Ok(message) = serde_json::from_str::<Value>(&text) else {
                        return refuse(socket, "invalid_message", "The message is not JSON.").await;
                    };
                    shared.write_down(Route::SpeechSocket, "", text.into());
                    if hang { continue }
                    contexts.take(&message, Instant::now())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Binary(_))) => return refuse(socket, "invalid_message", "Binary frames are not accepted.").await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            () = tokio::time::sleep_until(contexts.deadline()) => contexts.due(Instant::now()),
        };
        match step {
            Step::Speak { context, text } => {
                let began = Instant::now();
                let speech = shared.synth.speak(&text).await;
                let messages = shared.messages.of(&contexts.rules, &text, &speech);
                contexts.spoken(&context, &messages, began);
            }
            Step::Send(mut message) => {
                if fault == Some(FaultKind::Malformed) {
                    let whole: Value = serde_json::from_str(&message.text).unwrap_or_default();
                    message.text = json!({"audio": 42, "contextId": whole["contextId"]}).to_string();
                }
                if socket.send(Message::Text(message.text.into())).await.is_err() {
                    break;
                }
                sent += 1;
                if fault == Some(FaultKind::ResetMidStream) && sent >= 2 {
                    return cut.now();
                }
            }
            Step::Refuse { error, message } => return refuse(socket, error, &message).await,
            Step::Close => return close(socket, 1000, "").await,
            Step::Nothing => {}
        }
    }
    if contexts.contexts.iter().any(|context| !context.out.is_empty()) {
        lock(&shared.counters).speech_cut += 1;
    }
}

/// How a socket was asked for.
struct Rules {
    model: String,
    multi: bool,
    auto: bool,
    idle: Duration,
    settings: VoiceSettings,
    format: Format,
}

/// What the socket is to do next.
#[derive(Debug, PartialEq)]
enum Step {
    Close,
    Nothing,
    Refuse { error: &'static str, message: String },
    Send(Out),
    Speak { context: String, text: String },
}

/// A message to the client.
#[derive(Debug, PartialEq)]
struct Out {
    text: String,
    /// Whether it ends its context.
    last: bool,
}

/// The messages of texts spoken lately, without the context's id: base64 and timings are made once.
#[derive(Default)]
pub(super) struct Messages(Mutex<HashMap<Asked, Arc<[String]>>>);

/// The text, its form, and the milliseconds of audio in one message.
type Asked = (String, Format, u64);

impl Messages {
    fn of(&self, rules: &Rules, text: &str, mulaw: &Bytes) -> Arc<[String]> {
        let key = (text.to_owned(), rules.format, rules.settings.chunk_ms);
        if let Some(messages) = lock(&self.0).get(&key) {
            return messages.clone();
        }
        let messages: Arc<[String]> = messages(rules, text, mulaw).into();
        let mut kept = lock(&self.0);
        if kept.len() >= MESSAGES_LIMIT {
            kept.clear();
        }
        kept.insert(key, messages.clone());
        messages
    }
}

/// The contexts of one socket.
struct Contexts {
    rules: Rules,
    contexts: Vec<Voice>,
    /// Speech still to be made: (context, text).
    wanted: VecDeque<(String, String)>,
    /// When the client last said anything.
    last: Instant,
    closing: bool,
}

struct Voice {
    id: String,
    buffer: String,
    /// Messages with their times, in order.
    out: VecDeque<(Instant, Out)>,
    last: Instant,
    /// How many times speech was made by length of text.
    made: usize,
    /// `close_context`, or the empty text of a single socket.
    ending: bool,
    settings: Value,
}

impl Contexts {
    fn new(rules: Rules, now: Instant) -> Self {
        Self { rules, contexts: Vec::new(), wanted: VecDeque::new(), last: now, closing: false }
    }

    /// A message of the client.
    fn take(&mut self, message: &Value, now: Instant) -> Step {
        self.last = now;
        let named = ["context_id", "contextId"].iter().find_map(|key| message[*key].as_str());
        let flag = |name: &str| message[name] == true;
        if flag("close_socket") {
            self.closing = true;
            for n in 0..self.contexts.len() {
                self.end(n);
            }
            return self.next(now);
        }
        let text = message["text"].as_str();
        let id = match (self.rules.multi, named) {
            (true, Some(id)) => id.to_owned(),
            (true, None) if text == Some("") => return self.next(now),
            (true, None) => "default".to_owned(),
            (false, _) => String::new(),
        };
        let at = self.contexts.iter().position(|context| context.id == id && !(self.rules.multi && context.ending));
        if flag("close_context") && at.is_none() {
            return self.next(now);
        }
        let at = match at {
            Some(at) => at,
            None if self.contexts.len() >= CONTEXT_LIMIT => {
                return Step::Refuse {
                    error: "max_active_conversations",
                    message: "Maximum simultaneous contexts per WebSocket connection exceeded (5). Please close an existing context \
                              before opening a new one."
                        .to_owned(),
                };
            }
            None => {
                if !self.rules.multi && text != Some(" ") {
                    return Step::Refuse {
                        error: "invalid_message",
                        message: "The first message must be a single space.".to_owned(),
                    };
                }
                let settings = message["voice_settings"].clone();
                self.contexts.push(Voice {
                    id: id.clone(),
                    buffer: String::new(),
                    out: VecDeque::new(),
                    last: now,
                    made: 0,
                    ending: false,
                    settings,
                });
                self.contexts.len() - 1
            }
        };
        let context = &mut self.contexts[at];
        context.last = now;
        if message["voice_settings"].is_object() && context.settings != message["voice_settings"] {
            let message = "voice_settings may be sent only in the first message of a context.".to_owned();
            return Step::Refuse { error: "invalid_message", message };
        }
        if let Some(text) = text {
            context.buffer.push_str(text);
        }
        let schedule = SCHEDULE[context.made.min(SCHEDULE.len() - 1)];
        let full = context.buffer.chars().count() >= schedule;
        let trigger =
            flag("flush") || self.rules.auto || full || flag("try_trigger_generation") && context.buffer.len() > 50;
        if trigger && !context.buffer.trim().is_empty() {
            context.made += 1;
            self.wanted.push_back((id, std::mem::take(&mut context.buffer)));
        }
        if flag("close_context") || !self.rules.multi && text == Some("") {
            self.end(at);
        }
        self.next(now)
    }

    /// The context says what it still has, and then its end.
    fn end(&mut self, at: usize) {
        let context = &mut self.contexts[at];
        if context.ending {
            return;
        }
        context.ending = true;
        let rest = std::mem::take(&mut context.buffer);
        self.wanted.push_back((context.id.clone(), rest));
    }

    /// Speech was made: its chunks are timed behind those already waiting.
    fn spoken(&mut self, id: &str, messages: &[String], began: Instant) {
        let rules = &self.rules;
        let still_wanted = self.wanted.iter().any(|(wanted, _)| wanted == id);
        let Some(context) = self.contexts.iter_mut().find(|context| context.id == id) else {
            return;
        };
        let every = Duration::from_millis(rules.settings.chunk_every_ms);
        let mut at = began + Duration::from_millis(rules.settings.first_byte_ms);
        if let Some((last, _)) = context.out.back() {
            at = at.max(*last + every);
        }
        for message in messages {
            context.out.push_back((at, Out { text: rules.addressed(message, id), last: false }));
            at += every;
        }
        if context.ending && !still_wanted {
            let at = context.out.back().map_or(began, |(last, _)| *last);
            let text = rules.addressed(r#"{"isFinal":true}"#, id);
            context.out.push_back((at, Out { text, last: true }));
        }
    }

    /// What is due now.
    fn due(&mut self, now: Instant) -> Step {
        let idle = match self.rules.multi {
            true => {
                self.contexts.iter().any(|context| !context.ending && context.idle_since() + self.rules.idle <= now)
            }
            false => false,
        };
        if idle || self.nothing_said() + self.rules.idle <= now {
            return Step::Refuse {
                error: "input_timeout_exceeded",
                message: "Have not received a new text input within the timeout.".to_owned(),
            };
        }
        self.next(now)
    }

    fn next(&mut self, now: Instant) -> Step {
        if let Some((context, text)) = self.wanted.pop_front() {
            return Step::Speak { context, text };
        }
        let due = |context: &Voice| context.out.front().map(|(at, _)| *at).filter(|at| *at <= now);
        let at = (0..self.contexts.len())
            .filter(|&n| due(&self.contexts[n]).is_some())
            .min_by_key(|&n| due(&self.contexts[n]));
        if let Some(at) = at
            && let Some((_, message)) = self.contexts[at].out.pop_front()
        {
            if message.last {
                self.contexts.remove(at);
                self.closing |= !self.rules.multi;
            }
            return Step::Send(message);
        }
        if self.closing && self.contexts.is_empty() {
            return Step::Close;
        }
        Step::Nothing
    }

    fn deadline(&self) -> Instant {
        if !self.wanted.is_empty() || self.closing && self.contexts.is_empty() {
            return self.last;
        }
        let out = self.contexts.iter().filter_map(|context| context.out.front().map(|(at, _)| *at)).min();
        let idle =
            self.contexts.iter().filter(|context| self.rules.multi && !context.ending).map(Voice::idle_since).min();
        let idle = idle.unwrap_or_else(|| self.nothing_said()).min(self.nothing_said()) + self.rules.idle;
        out.map_or(idle, |out| out.min(idle))
    }

    /// Since when nothing was said by either side, for the socket's own limit.
    fn nothing_said(&self) -> Instant {
        let speaking = self.contexts.iter().filter_map(|context| context.out.back().map(|(at, _)| *at)).max();
        speaking.map_or(self.last, |at| at.max(self.last))
    }
}

impl Voice {
    /// A context's clock stands while it speaks.
    fn idle_since(&self) -> Instant {
        self.out.back().map_or(self.last, |(at, _)| (*at).max(self.last))
    }
}

impl Rules {
    /// The message, a JSON object, with the id of its context where a socket has several.
    fn addressed(&self, message: &str, id: &str) -> String {
        match message.strip_suffix('}') {
            Some(open) if self.multi => format!("{open},\"contextId\":{}}}", json!(id)),
            Some(_) | None => message.to_owned(),
        }
    }
}

/// Speech as the vendor's messages: chunks of base64 with the times of their letters.
fn messages(rules: &Rules, text: &str, mulaw: &Bytes) -> Vec<String> {
    let encoded = rules.format.encode(mulaw, text);
    let step = (rules.settings.chunk_ms.max(1) * 8) as usize;
    let total = mulaw.len();
    let place = |at: usize| match rules.format {
        Format::Ulaw => at,
        Format::Pcm(_) | Format::Mp3(_) if at >= total => encoded.len(),
        Format::Pcm(_) | Format::Mp3(_) => encoded.len() / 2 * at / total * 2,
    };
    let message = |start: usize| {
        let end = (start + step).min(total);
        let chars = alignment(text, total, start, end);
        // Times are told from the beginning of the message's own audio.
        let first = start as u64 / 8;
        let alignment = json!({
            "chars": chars.iter().map(|(letter, _, _)| letter.to_string()).collect::<Vec<_>>(),
            "charStartTimesMs": chars.iter().map(|(_, at, _)| at - first).collect::<Vec<_>>(),
            "charDurationsMs": chars.iter().map(|(_, _, length)| length).collect::<Vec<_>>(),
        });
        let audio = BASE64_STANDARD.encode(&encoded[place(start)..place(end)]);
        json!({"audio": audio, "isFinal": null, "normalizedAlignment": alignment, "alignment": alignment}).to_string()
    };
    (0..total).step_by(step).map(message).collect()
}

const CONTEXT_LIMIT: usize = 5;
/// Texts whose messages are kept; all are forgotten together.
const MESSAGES_LIMIT: usize = 200;
/// ElevenLabs' `chunk_length_schedule`.
const SCHEDULE: [usize; 4] = [120, 160, 250, 290];

async fn refuse(socket: &mut WebSocket, error: &str, message: &str) {
    let text = json!({"message": message, "error": error, "code": 1008}).to_string();
    if socket.send(Message::Text(text.into())).await.is_ok() {
        close(socket, 1008, error).await;
    }
}

/// Closes and waits for the client's answer, so that what was sent before arrives.
pub(super) async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    let frame = CloseFrame { code, reason: reason.to_owned().into() };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
    if tokio::time::timeout(Duration::from_secs(2), answered).await.is_err() {
        tracing::debug!("the client left a close unanswered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(multi: bool) -> Contexts {
        let rules = Rules {
            model: String::new(),
            multi,
            auto: true,
            idle: Duration::from_secs(20),
            settings: VoiceSettings::default(),
            format: Format::Ulaw,
        };
        Contexts::new(rules, Instant::now())
    }

    /// Carries out every step up to `until`; what was sent, and the refusal or close at its end.
    fn run(contexts: &mut Contexts, mut step: Step, until: Instant) -> (Vec<Value>, Option<Step>) {
        let mut sent = Vec::new();
        let mut now = contexts.last;
        loop {
            match step {
                Step::Send(message) => sent.push(serde_json::from_str(&message.text).unwrap()),
                Step::Speak { context, text } => {
                    let mulaw = Bytes::from(vec![1_u8; text.trim().len() * 480]);
                    let messages = messages(&contexts.rules, &text, &mulaw);
                    contexts.spoken(&context, &messages, now);
                }
                Step::Nothing => {}
                Step::Refuse { .. } | Step::Close => return (sent, Some(step)),
            }
            now = contexts.deadline().max(now);
            if now > until {
                return (sent, None);
            }
            step = contexts.due(now);
        }
    }

    fn second(contexts: &Contexts) -> Instant {
        contexts.last + Duration::from_secs(1)
    }

    #[test]
    fn a_sixth_context_closes_the_socket() {
        let mut contexts = contexts(true);
        let now = Instant::now();
        for n in 0..5 {
            assert_eq!(contexts.take(&json!({"text": " ", "context_id": format!("c{n}")}), now), Step::Nothing);
        }
        let refused = contexts.take(&json!({"flush": true, "context_id": "phantom"}), now);
        assert!(matches!(refused, Step::Refuse { error: "max_active_conversations", .. }));
    }

    #[test]
    fn a_closed_context_speaks_to_its_end_and_frees_its_place_with_is_final() {
        let mut contexts = contexts(true);
        let now = Instant::now();
        contexts.take(&json!({"text": " ", "context_id": "a"}), now);
        let step = contexts.take(&json!({"text": "Hello there. ", "context_id": "a"}), now);
        let (until, _) = (now, ());
        run(&mut contexts, step, until);
        let step = contexts.take(&json!({"context_id": "a", "close_context": true}), now);
        assert_eq!(contexts.contexts.len(), 1, "the place is not free yet");
        let until = second(&contexts);
        let (sent, end) = run(&mut contexts, step, until);
        assert_eq!(end, None);
        let audio = sent.iter().filter(|message| message["audio"].is_string()).count();
        assert_eq!((audio, sent.last()), (sent.len() - 1, Some(&json!({"isFinal": true, "contextId": "a"}))));
        assert!(contexts.contexts.is_empty());
    }

    #[test]
    fn silence_of_twenty_seconds_closes_the_socket_and_a_keep_alive_prevents_it() {
        let mut contexts = contexts(true);
        let now = Instant::now();
        contexts.take(&json!({"text": " ", "context_id": "a"}), now);
        let later = now + Duration::from_secs(19);
        let step = contexts.take(&json!({"text": "", "context_id": "a"}), later);
        let (_, end) = run(&mut contexts, step, now + Duration::from_secs(38));
        assert_eq!(end, None);
        let (_, end) = run(&mut contexts, Step::Nothing, now + Duration::from_secs(40));
        assert!(matches!(end, Some(Step::Refuse { error: "input_timeout_exceeded", .. })));
    }

    #[test]
    fn an_empty_text_ends_a_single_socket_after_its_speech() {
        let mut contexts = contexts(false);
        let now = Instant::now();
        assert!(matches!(contexts.take(&json!({"text": "no space first"}), now), Step::Refuse { .. }));
        assert_eq!(contexts.take(&json!({"text": " "}), now), Step::Nothing);
        let step = contexts.take(&json!({"text": "Hi there "}), now);
        run(&mut contexts, step, now);
        let step = contexts.take(&json!({"text": ""}), now);
        let until = second(&contexts);
        let (sent, end) = run(&mut contexts, step, until);
        assert_eq!((sent.last(), end), (Some(&json!({"isFinal": true})), Some(Step::Close)));
    }

    #[test]
    fn voice_settings_after_the_first_message_are_refused() {
        let mut contexts = contexts(true);
        let now = Instant::now();
        contexts.take(&json!({"text": "", "context_id": "a"}), now);
        let step = contexts.take(&json!({"text": "hi", "context_id": "a", "voice_settings": {"speed": 1.1}}), now);
        assert!(matches!(step, Step::Refuse { .. }));
    }
}

//! Scribe realtime: `GET /v1/speech-to-text/realtime`.
//!
//! `Hearing` knows what a connection has heard and not yet committed; it is pure. The socket task decodes, delays and sends. It
//! recognises recordings of the phrase book by their bytes; other speech has the words of the script, or none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
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
use super::voice_socket::close;
use super::{EarsSettings, Shared, lock};
use crate::simulator::phrases::{HeardWord, Listener, PhraseBook};
use crate::simulator::sound::{FRAME, encode, from_le_bytes, is_loud, resample};

pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let fault = shared.arrive(Route::Ears, MODEL, target, Bytes::new());
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
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let token = query.iter().find(|(key, _)| key == "token").map(|(_, value)| value.as_str());
    let known = shared.knows(&headers, "xi-api-key", token);
    upgrade.read_buffer_size(8 << 10).write_buffer_size(0).max_message_size(4 << 20).on_upgrade(
        move |mut socket| async move {
            lock(&shared.counters).open_sockets += 1;
            match (known, Opening::read(&query)) {
                (false, _) => {
                    refuse(&mut socket, "auth_error", "You must be authenticated to use this endpoint.").await
                }
                (true, Err(why)) => refuse(&mut socket, "invalid_request", &why).await,
                (true, Ok(opening)) => serve(&mut socket, &shared, opening, fault, cut).await,
            }
            lock(&shared.counters).open_sockets -= 1;
        },
    )
}

/// What a connection asked for in its query.
#[derive(Clone, Debug)]
struct Opening {
    model: String,
    format: String,
    rate: u32,
    language: Option<String>,
    vad: bool,
    silence_secs: f64,
    timestamps: bool,
    detection: bool,
}

impl Opening {
    fn read(query: &[(String, String)]) -> Result<Self, String> {
        let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let truth = |name: &str| matches!(of(name), Some("true" | "True" | "1"));
        let model = of("model_id").ok_or("model_id is required")?;
        if !model.starts_with("scribe_v") {
            return Err(format!("model_id '{model}' is not known."));
        }
        let format = of("audio_format").unwrap_or("pcm_16000");
        let rate = match format {
            "ulaw_8000" => 8_000,
            _ => {
                let rate = format.strip_prefix("pcm_").and_then(|rate| rate.parse().ok());
                rate.filter(|rate| [8_000, 16_000, 22_050, 24_000, 44_100, 48_000].contains(rate))
                    .ok_or_else(|| format!("audio_format '{format}' is not supported."))?
            }
        };
        let vad = match of("commit_strategy").unwrap_or("manual") {
            "manual" => false,
            "vad" => true,
            other => return Err(format!("commit_strategy '{other}' is not supported.")),
        };
        let silence_secs = of("vad_silence_threshold_secs").map_or(Ok(1.5), str::parse).unwrap_or(0.0);
        if !(0.3..=3.0).contains(&silence_secs) {
            return Err("vad_silence_threshold_secs must be between 0.3 and 3.0.".to_owned());
        }
        let keyterms: Vec<&str> =
            query.iter().filter(|(key, _)| key == "keyterms").map(|(_, value)| value.as_str()).collect();
        if keyterms.len() > 50 || keyterms.iter().any(|term| term.chars().count() > 20) {
            return Err("keyterms: at most 50, each of at most 20 characters.".to_owned());
        }
        if truth("filter_background_audio") && truth("include_timestamps") {
            return Err("filter_background_audio cannot be combined with include_timestamps.".to_owned());
        }
        Ok(Self {
            model: model.to_owned(),
            format: format.to_owned(),
            rate,
            language: of("language_code").map(str::to_owned),
            vad,
            silence_secs,
            timestamps: truth("include_timestamps"),
            detection: truth("include_language_detection"),
        })
    }

    fn started(&self) -> Value {
        json!({"message_type": "session_started", "session_id": "0b0a72b57fd743ebbed6555d44836cf2", "config": {
            "sample_rate": self.rate, "audio_format": self.format, "language_code": self.language,
            "commit_strategy": if self.vad { "vad" } else { "manual" }, "vad_silence_threshold_secs": self.silence_secs,
            "vad_threshold": 0.4, "min_speech_duration_ms": 100, "min_silence_duration_ms": 100, "model_id": self.model,
            "enable_logging": true, "include_timestamps": self.timestamps, "include_language_detection": self.detection,
            "keyterms": [], "no_verbatim": false}})
    }

    /// The audio of a message as mu-law at 8 kHz; mu-law comes through untouched.
    fn mulaw(&self, audio: Vec<u8>) -> Vec<u8> {
        if self.format == "ulaw_8000" {
            return audio;
        }
        resample(&from_le_bytes(&audio), self.rate, 8_000).into_iter().map(encode).collect()
    }
}

async fn serve(socket: &mut WebSocket, shared: &Shared, opening: Opening, mut fault: Option<FaultKind>, cut: Cut) {
    let mut struck = shared.struck.subscribe();
    if fault == Some(FaultKind::Hang) {
        while let Some(Ok(_)) = socket.recv().await {}
        return;
    }
    if socket.send(Message::Text(opening.started().to_string().into())).await.is_err() {
        return;
    }
    if let Some(FaultKind::CloseWith { code, reason }) = &fault {
        let text = json!({"message_type": reason, "error": reason}).to_string();
        if socket.send(Message::Text(text.into())).await.is_ok() {
            close(socket, *code, reason).await;
        }
        return;
    }
    let settings = shared.settings.load().ears.clone();
    let mut hearing = Hearing::new(settings, opening.vad.then_some((opening.silence_secs * 1_000.0) as u64));
    let mut out: VecDeque<(Instant, Say)> = VecDeque::new();
    let mut first = true;
    let mut late = Duration::ZERO;
    loop {
        let due = out.front().map(|(at, _)| *at);
        let received = tokio::select! {
            biased;
            () = async { match due { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => None,
            Ok(strike) = struck.recv() => {
                match strike.kind.clone() {
                    _ if !strike.meets(Route::Ears, MODEL) => {}
                    FaultKind::Refuse | FaultKind::Status { .. } => return cut.now(),
                    FaultKind::CloseWith { code, reason } => {
                        let text = json!({"message_type": reason, "error": reason}).to_string();
                        if socket.send(Message::Text(text.into())).await.is_ok() {
                            close(socket, code, &reason).await;
                        }
                        return;
                    }
                    FaultKind::Hang => {
                        while let Some(Ok(_)) = socket.recv().await {}
                        return;
                    }
                    FaultKind::Slow { ms } => late = Duration::from_millis(ms),
                    kind @ (FaultKind::Malformed | FaultKind::ResetMidStream) => fault = Some(kind),
                }
                continue;
            }
            message = socket.recv() => Some(message),
        };
        let Some(message) = received else {
            let Some((_, say)) = out.pop_front() else {
                continue;
            };
            for message in say.messages(&opening) {
                let text = if fault == Some(FaultKind::Malformed) {
                    message.to_string().replace('"', "'")
                } else {
                    message.to_string()
                };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            if fault == Some(FaultKind::ResetMidStream) {
                return cut.now();
            }
            continue;
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(_))) => {
                return refuse(socket, "input_error", "Binary frames are not accepted.").await;
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return,
        };
        let chunk = match read_chunk(&text, &opening, first) {
            Ok(chunk) => chunk,
            Err((code, why)) => return refuse(socket, code, &why).await,
        };
        first = false;
        let now = Instant::now();
        let mut said = hearing.hear(&shared.phrases, &opening.mulaw(chunk.audio));
        if chunk.commit {
            shared.write_down(Route::Ears, "", Bytes::from_static(br#"{"commit":true}"#));
            match hearing.commit() {
                Ok(say) => said.extend(say),
                Err(Throttled) => {
                    return refuse(socket, "commit_throttled", "Commit request throttled: no new audio.").await;
                }
            }
        }
        for say in said {
            let delay = Duration::from_millis(hearing.delay(&say)) + late;
            // A final of this commit takes the place of partials that had not gone out.
            if matches!(say, Say::Final(_)) {
                out.retain(|(_, say)| matches!(say, Say::Final(_)));
            }
            let at = out.back().map_or(now + delay, |(last, _)| (*last).max(now + delay));
            out.push_back((at, say));
        }
        if out.len() > QUEUE_LIMIT {
            return refuse(socket, "queue_overflow", "Too much is waiting to be sent.").await;
        }
    }
}

/// One message of the client.
struct Chunk {
    audio: Vec<u8>,
    commit: bool,
}

fn read_chunk(text: &str, opening: &Opening, first: bool) -> Result<Chunk, (&'static str, String)> {
    #[derive(serde::Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        message_type: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        audio_base_64: std::borrow::Cow<'a, str>,
        commit: bool,
        sample_rate: u32,
        previous_text: Option<String>,
    }
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| ("input_error", error.to_string()))?;
    if wire.message_type != "input_audio_chunk" {
        return Err(("input_error", "message_type must be input_audio_chunk".to_owned()));
    }
    if wire.sample_rate != opening.rate {
        return Err(("input_error", format!("sample_rate must be {}", opening.rate)));
    }
    if wire.previous_text.is_some() && !first {
        return Err(("input_error", "previous_text is allowed in the first chunk only".to_owned()));
    }
    let audio =
        BASE64_STANDARD.decode(wire.audio_base_64.as_bytes()).map_err(|error| ("input_error", error.to_string()))?;
    Ok(Chunk { audio, commit: wire.commit })
}

/// What the recogniser says.
#[derive(Clone, Debug, PartialEq)]
enum Say {
    Partial(String),
    Final(Vec<HeardWord>),
}

impl Say {
    fn messages(&self, opening: &Opening) -> Vec<Value> {
        match self {
            Self::Partial(text) => {
                vec![json!({"message_type": "partial_transcript", "text": text})]
            }
            Self::Final(words) => {
                let text = join(words);
                let mut messages = vec![json!({"message_type": "committed_transcript", "text": text})];
                if opening.timestamps || opening.detection {
                    let timed = opening.timestamps.then(|| timed(words));
                    let language = opening.language.as_deref().unwrap_or("en");
                    messages.push(json!({"message_type": "committed_transcript_with_timestamps", "text": text,
                        "language_code": language, "words": timed}));
                }
                messages
            }
        }
    }
}

fn timed(words: &[HeardWord]) -> Vec<Value> {
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let mut out: Vec<Value> = Vec::new();
    let mut before: Option<u64> = None;
    for word in words {
        if let Some(end) = before {
            out.push(json!({"text": " ", "start": seconds(end), "end": seconds(word.start_ms), "type": "spacing"}));
        }
        out.push(
            json!({"text": word.text, "start": seconds(word.start_ms), "end": seconds(word.end_ms), "type": "word",
            "speaker_id": null, "logprob": -0.02, "characters": null}),
        );
        before = Some(word.end_ms);
    }
    out
}

fn join(words: &[HeardWord]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A commit without new audio.
#[derive(Debug, PartialEq)]
struct Throttled;

/// One connection's ear.
struct Hearing {
    settings: EarsSettings,
    listener: Listener,
    words: Vec<HeardWord>,
    /// Bytes since the last commit, and of them loud ones that belong to no recording.
    bytes: usize,
    unknown_loud: usize,
    /// Silence in milliseconds that commits by itself, and how long it lasts now.
    vad: Option<u64>,
    silent_ms: u64,
    script: VecDeque<String>,
    /// Words of the script's line that partials have shown.
    shown: usize,
}

impl Hearing {
    fn new(settings: EarsSettings, vad: Option<u64>) -> Self {
        let script = settings.script.iter().cloned().collect();
        Self {
            settings,
            listener: Listener::default(),
            words: Vec::new(),
            bytes: 0,
            unknown_loud: 0,
            vad,
            silent_ms: 0,
            script,
            shown: 0,
        }
    }

    fn hear(&mut self, book: &PhraseBook, mulaw: &[u8]) -> Vec<Say> {
        let mut out = Vec::new();
        for piece in mulaw.chunks(FRAME) {
            self.bytes += piece.len();
            let heard = self.listener.hear(book, piece);
            let loud = is_loud(piece);
            if loud && heard.known_bytes == 0 {
                self.unknown_loud += piece.len();
            }
            self.silent_ms = if loud { 0 } else { self.silent_ms + piece.len() as u64 / 8 };
            for word in heard.words {
                self.words.push(word);
                out.push(Say::Partial(join(&self.words)));
            }
            out.extend(self.scripted_partial());
            let anything = !self.words.is_empty() || self.unknown_loud > 0;
            if self.vad.is_some_and(|limit| self.silent_ms >= limit) && anything {
                out.extend(self.finish());
            }
        }
        out
    }

    /// The words since the last commit, now final.
    fn commit(&mut self) -> Result<Option<Say>, Throttled> {
        if self.bytes == 0 {
            return Err(Throttled);
        }
        Ok(self.finish())
    }

    fn finish(&mut self) -> Option<Say> {
        let mut words = std::mem::take(&mut self.words);
        if words.is_empty() && self.unknown_loud >= SCRIPT_LOUD_BYTES {
            let (line, end) = (self.script.pop_front().unwrap_or_default(), self.listener.position_ms());
            let start = end.saturating_sub(self.bytes as u64 / 8);
            words = line
                .split_whitespace()
                .map(|word| HeardWord { text: word.to_owned(), start_ms: start, end_ms: end })
                .collect();
        }
        (self.bytes, self.unknown_loud, self.shown) = (0, 0, 0);
        (!words.is_empty() || self.settings.answer_empty).then_some(Say::Final(words))
    }

    /// A word of the script's line for every so much unknown speech.
    fn scripted_partial(&mut self) -> Option<Say> {
        let line = self.script.front().filter(|_| self.words.is_empty())?;
        let count = line.split_whitespace().count().min(self.unknown_loud / SCRIPT_WORD_BYTES);
        if count <= self.shown {
            return None;
        }
        self.shown = count;
        Some(Say::Partial(line.split_whitespace().take(count).collect::<Vec<_>>().join(" ")))
    }

    fn delay(&self, say: &Say) -> u64 {
        match say {
            Say::Partial(_) => self.settings.partial_delay_ms,
            Say::Final(_) => self.settings.final_delay_ms,
        }
    }
}

/// The one model that there is.
const MODEL: &str = "scribe_v2_realtime";
/// Messages that wait for their time, at most.
const QUEUE_LIMIT: usize = 1_000;
/// Unknown speech that takes a line of the script: 200 ms.
const SCRIPT_LOUD_BYTES: usize = 1_600;
/// Unknown speech for each word of it: 250 ms.
const SCRIPT_WORD_BYTES: usize = 2_000;

async fn refuse(socket: &mut WebSocket, code: &str, why: &str) {
    let text = json!({"message_type": code, "error": why}).to_string();
    if socket.send(Message::Text(text.into())).await.is_ok() {
        close(socket, 1008, code).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::sound::SILENCE;

    fn recording(name: &str) -> Vec<u8> {
        PhraseBook::built_in().get(name).unwrap().audio.to_vec()
    }

    fn hear(hearing: &mut Hearing, audio: &[u8]) -> Vec<Say> {
        audio.chunks(1_000).flat_map(|piece| hearing.hear(&PhraseBook::built_in(), piece)).collect()
    }

    fn text(say: Option<Say>) -> String {
        match say {
            Some(Say::Final(words)) => join(&words),
            other => format!("not final: {other:?}"),
        }
    }

    #[test]
    fn partials_grow_word_by_word_and_the_commit_has_them_all() {
        let mut hearing = Hearing::new(EarsSettings::default(), None);
        let said = hear(&mut hearing, &recording("five_hundred_rupees"));
        let partials = ["five", "five hundred", "five hundred rupees"].map(|text| Say::Partial(text.to_owned()));
        assert_eq!(said, partials);
        assert_eq!(text(hearing.commit().unwrap()), "five hundred rupees");
        assert_eq!(hearing.commit(), Err(Throttled));
    }

    #[test]
    fn silence_and_coughs_have_no_words() {
        let mut hearing =
            Hearing::new(EarsSettings { script: vec!["not this".to_owned()], ..EarsSettings::default() }, None);
        assert_eq!(hear(&mut hearing, &recording("cough")), []);
        assert_eq!(text(hearing.commit().unwrap()), "");
        hear(&mut hearing, &[SILENCE; 8_000]);
        assert_eq!(text(hearing.commit().unwrap()), "");
    }

    #[test]
    fn speech_it_does_not_know_takes_the_next_line_of_the_script() {
        let script = vec!["five hundred".to_owned(), "yes".to_owned()];
        let mut hearing = Hearing::new(EarsSettings { script, ..EarsSettings::default() }, None);
        let noise: Vec<u8> = (0..8_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x9F).collect();
        let said = hear(&mut hearing, &noise);
        assert_eq!(said.last(), Some(&Say::Partial("five hundred".to_owned())));
        assert_eq!(text(hearing.commit().unwrap()), "five hundred");
        hear(&mut hearing, &noise);
        assert_eq!(text(hearing.commit().unwrap()), "yes");
        hear(&mut hearing, &noise);
        assert_eq!(text(hearing.commit().unwrap()), "");
    }

    #[test]
    fn voice_activity_commits_after_the_silence_that_was_asked_for() {
        let mut hearing = Hearing::new(EarsSettings::default(), Some(500));
        let mut audio = recording("yes");
        audio.extend([SILENCE; 8 * 200]);
        assert!(hear(&mut hearing, &audio).iter().all(|say| matches!(say, Say::Partial(_))));
        let said = hear(&mut hearing, &[SILENCE; 8 * 200]);
        assert_eq!(text(said.last().cloned()), "yes");
    }
}

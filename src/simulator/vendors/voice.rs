//! ElevenLabs speech over HTTP: whole, streamed, and with timings. Wire facts: the `elevenlabs` 2.78 package and its documentation.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cut::Cut;
use super::fault::{FaultKind, Route};
use super::mp3::Mp3;
use super::{Shared, VoiceSettings, lock};
use crate::simulator::sound::{decode, resample, to_le_bytes};

/// A form that speech is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Ulaw,
    /// Signed 16-bit little-endian at this rate.
    Pcm(u32),
    Mp3(Mp3),
}

impl Format {
    /// Reads ElevenLabs' name of a format, of those that the stand-in can make.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name == "ulaw_8000" {
            return Some(Self::Ulaw);
        }
        if let Some(rate) = name.strip_prefix("pcm_") {
            let rate = rate.parse().ok()?;
            return [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000].contains(&rate).then_some(Self::Pcm(rate));
        }
        Mp3::parse(name).map(Self::Mp3)
    }

    /// Speech in this form.
    pub(super) fn encode(self, mulaw: &Bytes, text: &str) -> Bytes {
        match self {
            Self::Ulaw => mulaw.clone(),
            Self::Pcm(rate) => {
                let samples: Vec<i16> = mulaw.iter().map(|&byte| decode(byte)).collect();
                Bytes::from(to_le_bytes(&resample(&samples, 8_000, rate)))
            }
            Self::Mp3(mp3) => Bytes::from(mp3.silence(mulaw.len() as u64 / 8, text)),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Ulaw => "audio/basic",
            Self::Pcm(_) => "application/octet-stream",
            Self::Mp3(_) => "audio/mpeg",
        }
    }
}

/// `POST /v1/text-to-speech/{voice}`.
pub(super) async fn whole(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    voice: Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match Speech::ask(state, cut, voice, uri, &headers, &body).await {
        Ok(speech) => speech.whole().await,
        Err(answer) => answer,
    }
}

/// `POST /v1/text-to-speech/{voice}/stream`: chunked raw audio.
pub(super) async fn stream(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    voice: Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match Speech::ask(state, cut, voice, uri, &headers, &body).await {
        Ok(speech) => speech.stream(),
        Err(answer) => answer,
    }
}

/// `POST /v1/text-to-speech/{voice}/with-timestamps`: one JSON object.
pub(super) async fn whole_with_timestamps(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    voice: Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match Speech::ask(state, cut, voice, uri, &headers, &body).await {
        Ok(speech) => {
            tokio::time::sleep_until(speech.due(speech.chunks().len())).await;
            let line = speech.line(&speech.audio, 0, speech.mulaw.len());
            axum::Json(line).into_response()
        }
        Err(answer) => answer,
    }
}

/// `POST /v1/text-to-speech/{voice}/stream/with-timestamps`: a JSON object a line.
pub(super) async fn stream_with_timestamps(
    state: State<Arc<Shared>>,
    cut: ConnectInfo<Cut>,
    voice: Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match Speech::ask(state, cut, voice, uri, &headers, &body).await {
        Ok(speech) => speech.lines(),
        Err(answer) => answer,
    }
}

/// A request that will be answered with speech.
struct Speech {
    began: Instant,
    settings: VoiceSettings,
    text: String,
    format: Format,
    mulaw: Bytes,
    audio: Bytes,
    /// Cut the connection in the middle.
    reset: Option<Cut>,
    shared: Arc<Shared>,
}

impl Speech {
    async fn ask(
        State(shared): State<Arc<Shared>>,
        ConnectInfo(cut): ConnectInfo<Cut>,
        Path(voice): Path<String>,
        OriginalUri(uri): OriginalUri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Self, Response> {
        let mut began = Instant::now();
        let raw = body.clone();
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let fault = shared.arrive(Route::Speech, model(&body), target, raw);
        match &fault {
            Some(FaultKind::Refuse | FaultKind::CloseWith { .. }) => {
                return Err(cut.for_good().await);
            }
            Some(FaultKind::Hang) => return Err(std::future::pending().await),
            Some(FaultKind::Slow { ms }) => began += Duration::from_millis(*ms),
            Some(FaultKind::Status { code, body }) => return Err(status(*code, body)),
            Some(FaultKind::Malformed) => {
                // The kind of page that a proxy in between sends.
                let page = "<html><body>Bad gateway</body></html>";
                return Err(([(header::CONTENT_TYPE, "text/html")], page).into_response());
            }
            Some(FaultKind::ResetMidStream) | None => {}
        }
        if !shared.knows(headers, "xi-api-key", None) {
            return Err(status(401, ""));
        }
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
        let format = query.iter().find(|(name, _)| name == "output_format");
        let format = format.map_or("mp3_44100_128", |(_, value)| value.as_str());
        let Some(format) = Format::parse(format) else {
            return Err(invalid(&["query", "output_format"], "value is not a valid enumeration member"));
        };
        let Some(text) = body["text"].as_str() else {
            return Err(invalid(&["body", "text"], "field required"));
        };
        if let Some(refused) = refusal(&voice, text, &body) {
            return Err(refused);
        }
        let mulaw = shared.synth.speak(text).await;
        let audio = format.encode(&mulaw, text);
        let settings = shared.settings.load().voice.clone();
        let reset = (fault == Some(FaultKind::ResetMidStream)).then_some(cut);
        Ok(Self { began, settings, text: text.to_owned(), format, mulaw, audio, reset, shared })
    }

    /// When chunk `n` is due.
    fn due(&self, n: usize) -> Instant {
        self.began + Duration::from_millis(self.settings.first_byte_ms + self.settings.chunk_every_ms * n as u64)
    }

    /// The encoded audio in chunks, each with its place in the mu-law.
    fn chunks(&self) -> Vec<(Bytes, usize, usize)> {
        let step = (self.settings.chunk_ms.max(1) * 8) as usize;
        let total = self.mulaw.len();
        let encoded = |at: usize| {
            if at >= total { self.audio.len() } else { self.audio.len() / 2 * at / total.max(1) * 2 }
        };
        let encoded = |at: usize| {
            if self.format == Format::Ulaw { at } else { encoded(at) }
        };
        (0..total)
            .step_by(step)
            .map(|start| {
                let end = (start + step).min(total);
                (self.audio.slice(encoded(start)..encoded(end)), start, end)
            })
            .collect()
    }

    async fn whole(self) -> Response {
        let chunks = self.chunks().len();
        tokio::time::sleep_until(self.due(chunks)).await;
        if let Some(cut) = &self.reset {
            return cut.for_good().await;
        }
        let headers = self.headers(self.format.content_type());
        (headers, self.audio.clone()).into_response()
    }

    fn stream(self) -> Response {
        let headers = self.headers(self.format.content_type());
        let chunks = self.chunks().into_iter().map(|(chunk, _, _)| chunk).collect();
        (headers, self.body(chunks)).into_response()
    }

    fn lines(self) -> Response {
        let headers = self.headers("application/json");
        let lines = self.chunks().into_iter();
        let lines =
            lines.map(|(chunk, start, end)| Bytes::from(format!("{}\n", self.line(&chunk, start, end)))).collect();
        (headers, self.body(lines)).into_response()
    }

    fn body(self, mut chunks: Vec<Bytes>) -> Body {
        if self.reset.is_some() {
            chunks.truncate((chunks.len() / 2).max(1));
        }
        let watch = Unfinished { shared: self.shared.clone(), left: chunks.len() };
        let stream = futures_util::stream::unfold(
            (self, chunks.into_iter().enumerate(), watch),
            |(speech, mut chunks, mut watch)| async move {
                let Some((n, chunk)) = chunks.next() else {
                    return match &speech.reset {
                        Some(cut) => cut.for_good().await,
                        None => None,
                    };
                };
                tokio::time::sleep_until(speech.due(n)).await;
                watch.left -= 1;
                Some((Ok::<_, Infallible>(chunk), (speech, chunks, watch)))
            },
        );
        Body::from_stream(stream)
    }

    fn headers(&self, content_type: &'static str) -> [(&'static str, String); 6] {
        let id = format!("standin{:x}", self.mulaw.len());
        [
            ("content-type", content_type.to_owned()),
            ("request-id", id.clone()),
            ("history-item-id", id.clone()),
            ("x-trace-id", id),
            ("character-cost", self.text.chars().count().to_string()),
            ("tts-latency-ms", self.settings.first_byte_ms.to_string()),
        ]
    }

    fn line(&self, audio: &Bytes, start: usize, end: usize) -> Value {
        let alignment = alignment(&self.text, self.mulaw.len(), start, end);
        let times: Vec<f64> = alignment.iter().map(|(_, at, _)| *at as f64 / 1_000.0).collect();
        let ends: Vec<f64> = alignment.iter().map(|(_, at, length)| (at + length) as f64 / 1_000.0).collect();
        let letters: Vec<String> = alignment.into_iter().map(|(letter, _, _)| letter.to_string()).collect();
        let alignment =
            json!({"characters": letters, "character_start_times_seconds": times, "character_end_times_seconds": ends});
        json!({"audio_base64": BASE64_STANDARD.encode(audio), "alignment": alignment, "normalized_alignment": alignment})
    }
}

/// Counts speech that the client no longer wanted.
struct Unfinished {
    shared: Arc<Shared>,
    left: usize,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.left > 0 {
            lock(&self.shared.counters).speech_cut += 1;
        }
    }
}

/// The characters that begin within `start..end` bytes of a text's mu-law, with start and length in milliseconds of the whole.
pub(super) fn alignment(text: &str, total: usize, start: usize, end: usize) -> Vec<(char, u64, u64)> {
    let letters = text.chars().count().max(1);
    let place = |n: usize| total * n / letters;
    text.chars()
        .enumerate()
        .filter(|(n, _)| (start..end).contains(&place(*n)))
        .map(|(n, letter)| (letter, place(n) as u64 / 8, (place(n + 1) - place(n)) as u64 / 8))
        .collect()
}

/// The model that a body asks for.
fn model(body: &Value) -> &str {
    body["model_id"].as_str().unwrap_or("eleven_multilingual_v2")
}

/// What the vendor refuses of a body, on HTTP.
fn refusal(voice: &str, text: &str, body: &Value) -> Option<Response> {
    let model = model(body);
    let limit = match model {
        "eleven_flash_v2_5" | "eleven_turbo_v2_5" => 40_000,
        "eleven_flash_v2" | "eleven_turbo_v2" => 30_000,
        "eleven_multilingual_v2" | "eleven_v4" => 10_000,
        "eleven_v3" => 5_000,
        _ => {
            return Some(detail(404, "not_found", "model_not_found", "A model with that id was not found."));
        }
    };
    if text.is_empty() {
        return Some(detail(400, "validation_error", "empty_text", "text is empty"));
    }
    if text.chars().count() > limit {
        return Some(detail(400, "validation_error", "max_character_limit_exceeded", "The text is too long."));
    }
    if voice == "unknown" {
        return Some(detail(404, "not_found", "voice_not_found", "A voice with that id was not found."));
    }
    if model == "eleven_v3" && (body["previous_text"].is_string() || body["next_text"].is_string()) {
        let message = "Providing previous_text or next_text is not yet supported with the 'eleven_v3' model.";
        return Some(detail(400, "validation_error", "unsupported_parameter", message));
    }
    if model == "eleven_flash_v2_5"
        && let Some(language) = body["language_code"].as_str()
        && !FLASH_LANGUAGES.split(' ').any(|known| known == language)
    {
        return Some(detail(
            400,
            "validation_error",
            "unsupported_language",
            "The model does not support this language_code.",
        ));
    }
    let settings = &body["voice_settings"];
    let out_of = |name: &str, low: f64, high: f64| settings[name].as_f64().is_some_and(|x| !(low..=high).contains(&x));
    if out_of("stability", 0.0, 1.0)
        || out_of("similarity_boost", 0.0, 1.0)
        || out_of("style", 0.0, 1.0)
        || out_of("speed", 0.25, 4.0)
    {
        return Some(detail(400, "validation_error", "invalid_voice_settings", "A voice setting is out of its range."));
    }
    None
}

const FLASH_LANGUAGES: &str =
    "ar bg cs da de el en es fi fil fr hi hr hu id it ja ko ms nl no pl pt ro ru sk sv ta tr uk vi zh";

/// The array form of 422.
fn invalid(loc: &[&str], message: &str) -> Response {
    let body = json!({"detail": [{"loc": loc, "msg": message, "type": "value_error"}]});
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response()
}

fn detail(code: u16, kind: &str, name: &str, message: &str) -> Response {
    let body =
        json!({"detail": {"type": kind, "code": name, "status": name, "message": message, "request_id": "standin"}});
    (StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), axum::Json(body)).into_response()
}

/// An error as the vendor writes it, or with the given body.
fn status(code: u16, body: &str) -> Response {
    if !body.is_empty() {
        let http = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (http, [(header::CONTENT_TYPE, "application/json")], body.to_owned()).into_response();
    }
    match code {
        401 => detail(401, "authentication_error", "invalid_api_key", "Invalid API key"),
        402 => {
            detail(402, "payment_required", "paid_plan_required", "Free users cannot use library voices via the API.")
        }
        429 => {
            let body = json!({"detail": {"type": "rate_limit_error", "code": "concurrent_limit_exceeded",
                "message": "Too many concurrent requests.", "status": "too_many_concurrent_requests", "request_id": "standin"}});
            (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response()
        }
        _ => detail(code, "internal_error", "internal_error", "Something went wrong."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mp3_frames_are_whole_and_as_long_as_the_speech() {
        for (name, length, samples, rate) in [
            ("mp3_44100_128", 417, 1_152, 44_100),
            ("mp3_22050_32", 104, 576, 22_050),
            ("mp3_24000_48", 144, 576, 24_000),
        ] {
            let format = Format::parse(name).unwrap();
            let audio = format.encode(&Bytes::from(vec![0; 8_000]), "नमस्ते");
            let tag = 10 + audio[9] as usize;
            let frames = &audio[tag..];
            assert_eq!(frames.len() % length, 0, "{name}");
            assert!(frames.chunks(length).all(|frame| frame[0] == 0xFF && frame[1] & 0xE6 == 0xE2));
            let ms = frames.len() / length * samples * 1_000 / rate;
            assert!((1_000..1_030).contains(&ms), "{name}: {ms} ms");
        }
    }

    #[test]
    fn formats_that_do_not_exist_are_refused() {
        for name in ["ulaw_16000", "mp3_44100_127", "pcm_9000", "wav", ""] {
            assert_eq!(Format::parse(name), None, "{name}");
        }
    }

    #[test]
    fn alignment_covers_the_text_once() {
        let all: String = [(0, 700), (700, 1_600)]
            .iter()
            .flat_map(|&(a, b)| alignment("hello!", 1_600, a, b))
            .map(|(c, _, _)| c)
            .collect();
        assert_eq!(all, "hello!");
    }
}

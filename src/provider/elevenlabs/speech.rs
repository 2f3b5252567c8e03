//! Speech over HTTP: one clause streamed, or a whole file for the cache. Chunk borders carry no meaning; in `ulaw_8000` every
//! byte is a sample.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, try_unfold};
use rand::Rng as _;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{ElevenLabsConfig, KEY_HEADER, VENDOR, fault, model};
use crate::provider::net::{bounded_body, endpoint, http_error, key_value};
use crate::provider::{ProviderError, ProviderErrorKind, SpeechFormat, VoiceSpec};

/// The voice's settings as both the sockets and HTTP take them.
#[derive(Serialize)]
pub(super) struct VoiceSettings {
    stability: f32,
    similarity_boost: f32,
    speed: f32,
}

impl VoiceSettings {
    /// The settings of a voice, held within what the vendor takes (a value outside is a refusal).
    pub(super) fn of(voice: &VoiceSpec) -> Self {
        Self {
            stability: voice.stability.clamp(0.0, 1.0),
            similarity_boost: voice.similarity_boost.clamp(0.0, 1.0),
            speed: voice.speed.clamp(0.7, 1.2),
        }
    }
}

/// A clause as mu-law chunks while it is generated. The first must come by `first_by`, each later one within the stall time.
/// Dropping the stream ends the request. Yields no empty chunk; ends with an error if no audio came at all.
pub(super) fn stream_clause(
    config: &ElevenLabsConfig,
    client: &reqwest::Client,
    voice: &VoiceSpec,
    text: &str,
    first_by: Instant,
) -> BoxStream<'static, Result<Bytes, ProviderError>> {
    enum Step {
        Ask(Result<reqwest::RequestBuilder, ProviderError>),
        Read(reqwest::Response, usize),
    }
    let stall = config.stall_timeout;
    let ask = request(config, client, voice, text, &["stream"], SpeechFormat::Ulaw);
    try_unfold(Step::Ask(ask), move |step| async move {
        let (mut response, heard) = match step {
            Step::Ask(request) => {
                let sent = timeout_at(first_by, send_for_audio(request?)).await;
                (sent.map_err(|_| fault::late("no answer in time"))??, 0)
            }
            Step::Read(response, heard) => (response, heard),
        };
        loop {
            let by = if heard == 0 { first_by } else { Instant::now() + stall };
            let chunk = timeout_at(by, response.chunk()).await;
            match chunk.map_err(|_| fault::late("audio stopped coming"))?.map_err(|e| http_error(VENDOR, &e))? {
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) if heard + chunk.len() > MAX_CLAUSE_BYTES => {
                    return Err(fault::broken("a clause without end"));
                }
                Some(chunk) => {
                    let heard = heard + chunk.len();
                    return Ok(Some((chunk, Step::Read(response, heard))));
                }
                None if heard == 0 => return Err(fault::broken("an answer without audio")),
                None => return Ok(None),
            }
        }
    })
    .boxed()
}

/// How often a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    One,
    Two,
}

/// A whole file. With two tries, a 429 or a failing vendor is asked once more, within the one deadline. The last failure is the caller's
/// to count.
pub(super) async fn render(
    config: &ElevenLabsConfig,
    client: &reqwest::Client,
    voice: &VoiceSpec,
    text: &str,
    format: SpeechFormat,
    tries: Tries,
) -> Result<Bytes, ProviderError> {
    let attempt = || async {
        let response = send_for_audio(request(config, client, voice, text, &[], format)?).await?;
        let body = bounded_body(response, MAX_FILE_BYTES).await.map_err(|e| http_error(VENDOR, &e))?;
        match body {
            None => Err(fault::broken("the file is larger than allowed")),
            Some(body) if body.is_empty() => Err(fault::broken("an answer without audio")),
            Some(body) => Ok(body),
        }
    };
    let both = async {
        match attempt().await {
            answer if tries == Tries::One => answer,
            Err(first) if first.kind == ProviderErrorKind::Quota && first.what.starts_with("429") => {
                first.counted();
                let spread = rand::rng().random_range(RETRY_SPREAD);
                sleep(config.rate_limit_pause.mul_f64(spread)).await;
                attempt().await
            }
            Err(first) if first.kind.worth_a_retry() => {
                first.counted();
                attempt().await
            }
            answer => answer,
        }
    };
    timeout(config.render_timeout, both).await.unwrap_or_else(|_| Err(fault::late("the file did not come in time")))
}

/// Asks for the list of models: it costs nothing and needs the key.
pub(super) async fn check(config: &ElevenLabsConfig, client: &reqwest::Client) -> Result<(), ProviderError> {
    let url = endpoint(&config.api_url, &["v1", "models"]);
    let request = client.get(url).header(KEY_HEADER, key_value(VENDOR, &config.api_key)?);
    let asked = async {
        // Read to its end, so that the connection can be used again.
        bounded_body(send(request).await?, MAX_FILE_BYTES).await.map_err(|e| http_error(VENDOR, &e))
    };
    timeout(config.first_audio_timeout, asked).await.map_err(|_| fault::late("no answer in time"))??;
    Ok(())
}

#[derive(Serialize)]
struct SpeechBody<'a> {
    text: &'a str,
    model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
    voice_settings: VoiceSettings,
}

fn request(
    config: &ElevenLabsConfig,
    client: &reqwest::Client,
    voice: &VoiceSpec,
    text: &str,
    tail: &[&str],
    format: SpeechFormat,
) -> Result<reqwest::RequestBuilder, ProviderError> {
    let body = serde_json::to_vec(&SpeechBody {
        text,
        model_id: &voice.model_id,
        language_code: model::language_code(&voice.model_id, &voice.language),
        voice_settings: VoiceSettings::of(voice),
    })
    .map_err(|_| fault::broken("the request cannot be written"))?;
    let mut path = vec!["v1", "text-to-speech", voice.voice_id.as_str()];
    path.extend(tail);
    let mut url = endpoint(&config.api_url, &path);
    url.query_pairs_mut().append_pair(
        "output_format",
        match format {
            SpeechFormat::Mp3 => "mp3_44100_128",
            SpeechFormat::Ulaw => "ulaw_8000",
        },
    );
    Ok(client
        .post(url)
        .header(KEY_HEADER, key_value(VENDOR, &config.api_key)?)
        .header(CONTENT_TYPE, "application/json")
        .body(body))
}

/// A page that a proxy sends with status 200 is no speech: played, it is noise, and kept, it is noise for weeks.
async fn send_for_audio(request: reqwest::RequestBuilder) -> Result<reqwest::Response, ProviderError> {
    let response = send(request).await?;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if ["text/", "application/json", "application/xml", "application/problem"].iter().any(|text| kind.starts_with(text))
    {
        return Err(fault::broken("an answer that is no audio"));
    }
    Ok(response)
}

async fn send(request: reqwest::RequestBuilder) -> Result<reqwest::Response, ProviderError> {
    let response = request.send().await.map_err(|e| http_error(VENDOR, &e))?;
    let status = response.status();
    if status.is_success() {
        // A page of some proxy in between is no sound; played or kept it would be noise.
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let text = [&b"text/"[..], b"application/json"].iter().any(|text| kind.starts_with(text));
        return if text { Err(fault::broken("the answer is no audio")) } else { Ok(response) };
    }
    let body = bounded_body(response, MAX_ERROR_BYTES).await.ok().flatten().unwrap_or_default();
    Err(fault::of_body(status.as_u16(), &body))
}

const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;
/// Over four minutes of mu-law: no clause is that long.
pub(super) const MAX_CLAUSE_BYTES: usize = 2 * 1024 * 1024;
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Many calls are refused together; they shall not ask again together.
const RETRY_SPREAD: std::ops::Range<f64> = 0.25..1.5;

//! Thinking by Gemini: one prompt in, the answer's text out as it is written (`streamGenerateContent` over SSE).
//!
//! It does not read the answer: cutting the spoken words out of the JSON is the conversation's. Key types: [`Gemini`],
//! [`GeminiConfig`]. Invariant: nothing is asked twice once a word of the answer was passed on; neither the key nor anyone's words
//! reach a log or an error.

mod request;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;

use self::stream::{Piece, Reader};
use super::breaker::{Breaker, Circuit};
use super::net::{bounded_body, endpoint, http_error, key_value};
use super::{ProviderError, ProviderErrorKind};
use crate::conversation::prompt::Prompt;
use crate::telemetry::{self, Secret};

/// How Gemini is reached. [`GeminiConfig::new`] fills in all but address, key and model.
#[derive(Clone, Debug)]
pub struct GeminiConfig {
    /// Scheme, host and port (a path is kept, for proxies).
    pub api_url: Url,
    /// Sent as `x-goog-api-key`.
    pub api_key: Secret,
    /// The model's id, such as `gemini-3.5-flash-lite`.
    pub model: String,
    /// Asked when `model` is out of quota, gone, overloaded or silent; none by default.
    pub fallback_model: Option<String>,
    /// For one attempt, from the request to the first piece of the answer. Default 1.2 s, so that two attempts leave time to speak
    /// within 3 s.
    pub first_token_timeout: Duration,
    /// The longest gap between two pieces. Default 2 s.
    pub stall_timeout: Duration,
    /// For a reply as a whole, all attempts together. Default 8 s.
    pub total_timeout: Duration,
    /// The pause before the same model is asked again. Default 100 ms.
    pub retry_pause: Duration,
}

impl GeminiConfig {
    /// Gemini at an address, with the default times and no fallback model.
    pub fn new(api_url: Url, api_key: Secret, model: impl Into<String>) -> Self {
        Self {
            api_url,
            api_key,
            model: model.into(),
            fallback_model: None,
            first_token_timeout: Duration::from_millis(1200),
            stall_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(8),
            retry_pause: Duration::from_millis(100),
        }
    }
}

/// Reads a whole body of server-sent events that comes in pieces of `size` bytes: the answer's text as far as it came, and why it is
/// not whole, if it is not. What [`Gemini::reply`] does, without a socket.
///
/// # Errors
/// As [`Gemini::reply`], beside the text.
pub fn read_body(body: &[u8], size: usize) -> (String, Result<(), ProviderError>) {
    let (mut reader, mut text) = (Reader::default(), String::new());
    let mut chunks = body.chunks(size.max(1));
    loop {
        let chunk = chunks.next();
        let pieces = match chunk {
            Some(chunk) => reader.read(chunk),
            None => reader.finish(),
        };
        for piece in pieces {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Whole => return (text, Ok(())),
                Piece::Failed(failure) => return (text, Err(failure.error)),
            }
        }
        if chunk.is_none() {
            return (text, Err(fault(ProviderErrorKind::Broken, "the answer broke off")));
        }
    }
}

/// A mind. One serves any number of calls.
#[derive(Clone, Debug)]
pub struct Gemini {
    config: Arc<GeminiConfig>,
    client: reqwest::Client,
    breaker: Breaker,
    fallback_breaker: Breaker,
}

impl Gemini {
    /// A mind that asks over `client` (see [`super::http_client`]).
    pub fn new(config: GeminiConfig, client: reqwest::Client) -> Self {
        Self {
            config: Arc::new(config),
            client,
            breaker: Breaker::new("mind"),
            fallback_breaker: Breaker::new("mind_fallback"),
        }
    }

    /// For each model whether it is asked, or left alone because it keeps failing: the first, and the fallback where there is one.
    pub fn breakers(&self) -> impl Iterator<Item = &Breaker> {
        let fallback = self.config.fallback_model.as_ref().map(|_| &self.fallback_breaker);
        std::iter::once(&self.breaker).chain(fallback)
    }

    /// Asks once and passes the answer's text on as it comes, in pieces of any length. Dropping the future cancels the request;
    /// so does dropping the receiver (then the answer is `Ok`).
    ///
    /// An error after some text says that the answer is not whole (cut at its limit, blocked, broken off); before any text the same
    /// model was asked once more where that may help, then the fallback model. A model that keeps failing is left alone for a while: then
    /// the fallback is asked at once, or, where it is left alone too, nobody. A blocked prompt and a bad key are
    /// [`ProviderErrorKind::Refused`].
    pub async fn reply(&self, prompt: &Prompt, out: mpsc::Sender<String>) -> Result<(), ProviderError> {
        let ends = Instant::now() + self.config.total_timeout;
        let mut spoken = false;
        let first = Plan { model: &self.config.model, retries: 1, is_fallback: false };
        let mut next = if self.breaker.allows() { Some(first) } else { self.fallback() };
        loop {
            let Some(plan) = next else {
                return Err(fault(ProviderErrorKind::Refused, "left alone after repeated failures"));
            };
            let breaker = if plan.is_fallback { &self.fallback_breaker } else { &self.breaker };
            let Err(mut failure) = self.attempt(plan.model, prompt, &out, ends, &mut spoken).await else {
                if spoken {
                    breaker.succeeded();
                }
                return Ok(());
            };
            failure.error = failure.error.counted();
            breaker.failed(&failure.error);
            if spoken || out.is_closed() || Instant::now() >= ends {
                return Err(failure.error);
            }
            next = self.after(plan, &failure);
            let Some(plan) = &next else { return Err(failure.error) };
            tracing::warn!(error = %failure.error, model = plan.model, "the model did not answer; asking again");
            if !plan.is_fallback {
                sleep(self.config.retry_pause).await;
            }
        }
    }

    /// Asks the vendor whether it takes the key and knows the model, within [`GeminiConfig::first_token_timeout`] twice over; leaves a
    /// warm connection behind.
    pub async fn check(&self) -> Result<(), ProviderError> {
        let url = endpoint(&self.config.api_url, &["v1beta", "models", &self.config.model]);
        let request = self.client.get(url).header(KEY_HEADER, key_value(VENDOR, &self.config.api_key)?);
        let asked = async {
            let response = request.send().await.map_err(|e| http_error(VENDOR, &e))?;
            let status = response.status();
            // Read to its end, so that the connection can be used again.
            let body = bounded_body(response, MAX_ERROR_BYTES).await.map_err(|e| http_error(VENDOR, &e))?;
            if status.is_success() {
                return Ok(());
            }
            Err(stream::error_of_body(status.as_u16(), &body.unwrap_or_default()).error)
        };
        let late = |_| Err(fault(ProviderErrorKind::Timeout, "no answer in time"));
        timeout(self.config.first_token_timeout * 2, asked).await.unwrap_or_else(late)
    }

    /// Who is asked after a failure before the first word: the fallback model where waiting does not help, else the same model
    /// once more, else nobody.
    fn after<'a>(&'a self, plan: Plan<'a>, failure: &Failure) -> Option<Plan<'a>> {
        if failure.is_final {
            return None;
        }
        let again = Plan { retries: plan.retries.saturating_sub(1), ..plan };
        // One that has just been left alone, or was only asked to find out whether it is back, is not asked twice.
        let retries = if self.breaker.circuit() == Circuit::Closed { plan.retries } else { 0 };
        match failure.error.kind {
            ProviderErrorKind::Broken | ProviderErrorKind::Unavailable if retries > 0 => return Some(again),
            // A second silence of the same model would cost the caller as much again.
            ProviderErrorKind::Timeout if retries > 0 && self.config.fallback_model.is_none() => return Some(again),
            ProviderErrorKind::Broken
            | ProviderErrorKind::Quota
            | ProviderErrorKind::Refused
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::Unavailable => {}
        }
        if plan.is_fallback { None } else { self.fallback() }
    }

    /// The fallback model, where there is one and it is not left alone.
    fn fallback(&self) -> Option<Plan<'_>> {
        let model = self.config.fallback_model.as_deref().filter(|_| self.fallback_breaker.allows())?;
        metrics::counter!(telemetry::PROVIDER_FALLBACKS, "part" => "mind", "to" => "model").increment(1);
        Some(Plan { model, retries: 0, is_fallback: true })
    }

    async fn attempt(
        &self,
        model: &str,
        prompt: &Prompt,
        out: &mpsc::Sender<String>,
        ends: Instant,
        spoken: &mut bool,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let first_by = (begun + self.config.first_token_timeout).min(ends);
        let late = |_| Failure::from(fault(ProviderErrorKind::Timeout, "no word of an answer in time"));
        let request = self.request(model, request::body(prompt, model))?;
        let mut response =
            timeout_at(first_by, request.send()).await.map_err(late)?.map_err(|e| http_error(VENDOR, &e))?;
        let status = response.status();
        if !status.is_success() {
            let body = timeout_at(first_by, bounded_body(response, MAX_ERROR_BYTES)).await;
            let body = body.ok().and_then(Result::ok).flatten().unwrap_or_default();
            return Err(stream::error_of_body(status.as_u16(), &body));
        }
        let mut reader = Reader::default();
        loop {
            let by = if *spoken { (Instant::now() + self.config.stall_timeout).min(ends) } else { first_by };
            let chunk = tokio::select! {
                biased;
                () = out.closed() => return Ok(()),
                chunk = timeout_at(by, response.chunk()) => chunk,
            };
            let chunk = chunk.map_err(late)?.map_err(|e| http_error(VENDOR, &e))?;
            let ended = chunk.is_none();
            let pieces = match chunk {
                Some(chunk) => reader.read(&chunk),
                None => reader.finish(),
            };
            for piece in pieces {
                match piece {
                    Piece::Text(text) => {
                        if !std::mem::replace(spoken, true) {
                            metrics::histogram!(telemetry::PROVIDER_SECONDS, "vendor" => VENDOR)
                                .record(begun.elapsed());
                        }
                        if out.send(text).await.is_err() {
                            return Ok(());
                        }
                    }
                    Piece::Whole => {
                        // Read to the end of the body, so that the connection can be used again.
                        let _drained = timeout(DRAIN_WITHIN, bounded_body(response, MAX_ERROR_BYTES)).await;
                        return Ok(());
                    }
                    Piece::Failed(failure) => return Err(failure),
                }
            }
            if ended {
                return Err(fault(ProviderErrorKind::Broken, "the answer broke off").into());
            }
        }
    }

    fn request(&self, model: &str, body: Bytes) -> Result<reqwest::RequestBuilder, ProviderError> {
        let call = format!("{model}:streamGenerateContent");
        let mut url = endpoint(&self.config.api_url, &["v1beta", "models", &call]);
        url.query_pairs_mut().append_pair("alt", "sse");
        Ok(self
            .client
            .post(url)
            .header(KEY_HEADER, key_value(VENDOR, &self.config.api_key)?)
            .header(CONTENT_TYPE, "application/json")
            .body(body))
    }
}

#[derive(Clone, Copy)]
struct Plan<'a> {
    model: &'a str,
    retries: u8,
    is_fallback: bool,
}

/// A failed attempt.
#[derive(Debug)]
struct Failure {
    error: ProviderError,
    /// No other attempt and no other model can help: the key is bad, or the prompt is blocked.
    is_final: bool,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { error, is_final: false }
    }
}

fn fault(kind: ProviderErrorKind, what: impl Into<String>) -> ProviderError {
    ProviderError::new(VENDOR, kind, what)
}

const VENDOR: &str = "gemini";
const KEY_HEADER: &str = "x-goog-api-key";
const MAX_ERROR_BYTES: usize = 64 * 1024;
const DRAIN_WITHIN: Duration = Duration::from_millis(50);

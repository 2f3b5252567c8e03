//! ElevenLabs: [`ears::Ears`] (Scribe realtime) and [`voice::Voice`] (text to speech over sockets and HTTP).
//!
//! Wire facts are those of the vendor's SDK 2.78 and AsyncAPI document. Key types: [`ElevenLabsConfig`], the two above.
//! Invariant: neither the key nor anyone's words reach a log or an error; of the vendor's errors only the codes are kept.

pub mod chain;
mod clause;
mod desk;
pub mod ears;
mod fault;
mod line;
pub mod messages;
mod model;
mod speech;
pub mod voice;

use std::time::Duration;

use url::Url;

use crate::telemetry::Secret;

/// How ElevenLabs is reached. [`ElevenLabsConfig::new`] fills in all but address and key.
#[derive(Clone, Debug)]
pub struct ElevenLabsConfig {
    /// Scheme, host and port (a path is kept, for proxies); the sockets' `ws`/`wss` addresses are derived from it.
    pub api_url: Url,
    /// Sent as `xi-api-key`.
    pub api_key: Secret,
    /// Voice: the model that speaks where the first fails or is left alone, in the languages that it speaks; none by default.
    pub fallback_model: Option<String>,
    /// For one connection: TCP, TLS and upgrade together. Default 3 s.
    pub connect_timeout: Duration,
    /// Ears: the pauses before each new connection after a broken one; as many attempts as there are pauses, counted anew once
    /// words arrive. Default 100 ms, 400 ms.
    pub reconnect_pauses: Vec<Duration>,
    /// Ears: how long a call may be without a recogniser that listens, all attempts to connect together; each gets half of it to
    /// begin. Then the call is heard otherwise, within the 3 s that a caller may wait. Default 2.4 s.
    pub deaf_limit: Duration,
    /// Ears: how much audio since the last final words is kept to be said again on a new connection; at most 8 s. Default 5 s
    /// (40 KB a call).
    pub replay: Duration,
    /// Ears: how long the final words may take after a commit (a commit of pure silence is never answered). Default 1.2 s, three times
    /// what one in a hundred takes: where not a word came by then, a new connection is asked the same, and the call must be heard
    /// otherwise within the 3 s that a caller may wait.
    pub commit_timeout: Duration,
    /// Voice: from the clause to its first audio, whichever way; the socket gets half of it, HTTP the rest; with a second model, the
    /// first gets half of it, the second the rest. Default 1.4 s, so that the caller hears something within three seconds of his last
    /// word, whatever fails.
    pub first_audio_timeout: Duration,
    /// Voice: the longest gap inside a clause; where a second model can go on from there, half of `first_audio_timeout` at most.
    /// Default 2.5 s.
    pub stall_timeout: Duration,
    /// Voice: how often an idle socket is touched. Default 10 s.
    pub keep_alive: Duration,
    /// Voice: for a whole rendered file. Default 10 s.
    pub render_timeout: Duration,
    /// Voice: about how long a rendering waits after a 429 (which says not how long) before it asks once more. Default 1 s.
    pub rate_limit_pause: Duration,
    /// Voice: how long the sockets are left alone after one failed (doubled each time, at most a minute). Default 5 s.
    pub socket_rest: Duration,
}

impl ElevenLabsConfig {
    /// ElevenLabs at an address, with the default times.
    pub fn new(api_url: Url, api_key: Secret) -> Self {
        Self {
            api_url,
            api_key,
            fallback_model: None,
            connect_timeout: Duration::from_secs(3),
            reconnect_pauses: vec![Duration::from_millis(100), Duration::from_millis(400)],
            deaf_limit: Duration::from_millis(2400),
            replay: Duration::from_secs(5),
            commit_timeout: Duration::from_millis(1200),
            first_audio_timeout: Duration::from_millis(1400),
            stall_timeout: Duration::from_millis(2500),
            keep_alive: Duration::from_secs(10),
            render_timeout: Duration::from_secs(10),
            rate_limit_pause: Duration::from_secs(1),
            socket_rest: Duration::from_secs(5),
        }
    }
}

const VENDOR: &str = "elevenlabs";
const KEY_HEADER: &str = "xi-api-key";

//! What operators see: logs, metrics, and the wrappers that keep secrets and callers' words out of both.
//!
//! Not here: what is worth a log line or a metric; each module decides that and takes the name from the table below.
//! Key types: [`Secret`], [`Redacted`], [`LogFormat`], [`MetricsPage`]. Invariant: nothing a [`Secret`] holds and nothing a caller
//! said reaches a log, an error or a metric label.

pub mod timeline;
pub mod traces;

use std::fmt;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::twilio::CallSid;

/// A key, token or address with a password in it. `Debug` shows `***`, there is no `Display`, and comparing takes the same time
/// whatever the difference.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that sends or checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether someone else's text is this secret, in a time that tells neither content nor length.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()).ct_eq(&Sha256::digest(candidate)).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Personal text made fit for a log: its shape without its content.
#[derive(Clone, Copy)]
pub enum Redacted<'a> {
    /// A key press or a spoken number: every digit of any script becomes `#`.
    Digits(&'a str),
    /// A telephone number: country code and the last two digits stay, `+91********10`.
    Phone(&'a str),
    /// Words of a caller or a model: only how many, `4 words, 21 characters`.
    Words(&'a str),
}

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits(text) => {
                text.chars().try_for_each(|c| fmt::Write::write_char(f, if c.is_numeric() { '#' } else { c }))
            }
            Self::Phone(text) => {
                let length = text.chars().count();
                if length < 8 {
                    return f.write_str("***");
                }
                text.chars().enumerate().try_for_each(|(at, c)| {
                    let shown = at < 3 || at + 2 >= length;
                    fmt::Write::write_char(f, if shown { c } else { '*' })
                })
            }
            Self::Words(text) => {
                write!(f, "{} words, {} characters", text.split_whitespace().count(), text.chars().count())
            }
        }
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How log lines are written, `LOG_FORMAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// From now on a panic is logged by its place alone: its text may quote what a caller said.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a defect of the server: it panicked");
    }));
}

/// Starts logging to standard error. `filter` is in `RUST_LOG`'s language, such as `info,trunkline=debug`.
///
/// # Errors
/// [`LogError`] if the filter cannot be read or logging was already started.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| LogError::Filter(error.to_string()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().try_init()
        }
    }
    .map_err(|_| LogError::AlreadyStarted)
}

/// Logging that could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another subscriber is in place.
    #[error("logging was already started")]
    AlreadyStarted,
    /// The filter is not in `RUST_LOG`'s language.
    #[error("unreadable log filter: {0}")]
    Filter(String),
}

/// The span in which everything about one call is logged.
pub fn call_span(call_sid: &CallSid) -> tracing::Span {
    tracing::info_span!("call", call_sid = call_sid.as_str())
}

/// The metrics of this process, ready to be shown. Cheap to clone.
#[derive(Clone)]
pub struct MetricsPage(PrometheusHandle);

impl MetricsPage {
    /// The page in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into buckets. To be called every few seconds: without it, memory grows until the next scrape.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

impl fmt::Debug for MetricsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsPage")
    }
}

/// Installs the recorder of this process, or returns the one installed before.
///
/// # Errors
/// [`MetricsError`] if another recorder is in place.
pub fn start_metrics() -> Result<MetricsPage, MetricsError> {
    static PAGE: OnceLock<Result<MetricsPage, MetricsError>> = OnceLock::new();
    PAGE.get_or_init(install_metrics).clone()
}

/// A metrics recorder that could not be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics could not be started: {0}")]
pub struct MetricsError(String);

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution; seconds unless the name says otherwise.
    Histogram,
}

/// One row of [`METRICS`].
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What it counts.
    pub kind: MetricKind,
    /// Its name as Prometheus sees it.
    pub name: &'static str,
    /// One sentence; labels in backquotes.
    pub help: &'static str,
}

macro_rules! metrics_table {
    ($($kind:ident $constant:ident = $name:literal, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// Every metric of this program.
        pub const METRICS: &[Metric] = &[$(Metric { kind: MetricKind::$kind, name: $name, help: $help }),*];

        /// The constants' own names.
        #[cfg(test)]
        const CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}

metrics_table! {
    Counter BARGE_INS = "trunkline_barge_ins_total", "Times a caller's voice stopped our speech, by `outcome` (interrupted, resumed).";
    Counter CALLS = "trunkline_calls_total", "Calls opened, by `agent`, `direction` and `mode`.";
    Counter CALLS_ENDED = "trunkline_calls_ended_total", "Calls over, by `agent` and `outcome`.";
    Gauge CALLS_LIVE = "trunkline_calls_live", "Calls being held by this process.";
    Counter CALLS_REFUSED = "trunkline_calls_refused_total", "Calls not taken, by `reason` (busy, draining, unknown_agent, do_not_call, quiet_hours, too_many_calls).";
    Histogram CALL_SECONDS = "trunkline_call_seconds", "Length of a call.";
    Counter CIRCUIT_OPENED = "trunkline_circuit_opened_total", "Times a vendor was left alone after repeated failures, by `vendor`.";
    Histogram CLEAR_SECONDS = "trunkline_barge_in_clear_seconds", "From the first voiced frame over our speech to `clear` sent.";
    Counter FRAMES_DROPPED = "trunkline_frames_dropped_total", "Audio frames given up because a queue was full, by `queue`.";
    Histogram GREETING_SECONDS = "trunkline_greeting_seconds", "From a stream's `start` to the first audio sent.";
    Counter HTTP_REQUESTS = "trunkline_http_requests_total", "Requests answered, by `route`, `method` and `status`.";
    Histogram HTTP_SECONDS = "trunkline_http_request_seconds", "From a request's headers to its response's, by `route`.";
    Gauge JOURNAL_BACKLOG = "trunkline_journal_backlog", "Records durable here and not yet in MongoDB.";
    Gauge JOURNAL_BYTES = "trunkline_journal_bytes", "Size of the embedded journal's file, its free pages included.";
    Counter JOURNAL_CORRUPT = "trunkline_journal_corrupt_total", "Times the journal's file was unreadable at start and moved aside.";
    Counter JOURNAL_DAMAGED = "trunkline_journal_damaged_records_total", "Reads of a record of the journal that does not have its form; it was passed over.";
    Counter JOURNAL_FAILURES = "trunkline_journal_save_failures_total", "Saves that the journal could not make durable.";
    Counter JOURNAL_QUEUE_FULL = "trunkline_journal_queue_full_total", "Saves given up because the journal's queue was full.";
    Gauge JOURNAL_REFUSED = "trunkline_journal_refused", "Records that MongoDB refused for good; they stay in the journal.";
    Counter JOURNAL_SAVES = "trunkline_journal_saves_total", "Saves made durable by the journal.";
    Histogram JOURNAL_SECONDS = "trunkline_journal_write_seconds", "One commit of the embedded journal; it may hold many saves.";
    Counter JOURNAL_SUPERSEDED = "trunkline_journal_superseded_total", "Saves of a version not newer than the one kept.";
    Counter JOURNAL_TRIMMED = "trunkline_journal_trimmed_total", "Records removed from a full journal because MongoDB holds them.";
    Gauge JOURNAL_WRITABLE = "trunkline_journal_writable", "1 while the journal takes finished turns, else 0.";
    Counter MEDIA_REFUSED = "trunkline_media_refused_total", "Media sockets closed by us before a call was joined, by `reason`.";
    Counter MODE_CHANGES = "trunkline_mode_changes_total", "Calls carried on in another mode, by `reason`.";
    Histogram MONGO_SECONDS = "trunkline_mongo_write_seconds", "One write acknowledged by MongoDB.";
    Gauge MONGO_UP = "trunkline_mongo_up", "1 while MongoDB answers, else 0.";
    Counter MONGO_WRITES = "trunkline_mongo_writes_total", "Records fed to MongoDB, by `outcome` (acknowledged, refused, contested, away).";
    Counter PROVIDER_ERRORS = "trunkline_provider_errors_total", "Requests a vendor failed, by `vendor` and `kind`.";
    Counter PROVIDER_FALLBACKS = "trunkline_provider_fallbacks_total", "Times the next in a chain took over, by `part` (ears, voice, mind) and `to`.";
    Histogram PROVIDER_SECONDS = "trunkline_provider_first_answer_seconds", "From a request to a vendor's first answer, by `vendor`.";
    Counter QUEUES_FULL = "trunkline_queues_full_total", "Times a full queue cost something other than audio, by `queue` (events, line, voice).";
    Counter SIGNATURES_REFUSED = "trunkline_signatures_refused_total", "Requests to Twilio's routes without a valid signature, by `route`.";
    Counter SPECULATIONS = "trunkline_speculations_total", "Replies started before the final words, by `outcome` (used, wasted).";
    Counter SPEECH_CACHE = "trunkline_speech_cache_total", "Speech asked of the cache, by `outcome` (hit, miss).";
    Gauge SPEECH_CACHE_BYTES = "trunkline_speech_cache_bytes", "Size of the speech cache on disk.";
    Gauge SPEECH_CACHE_FILES = "trunkline_speech_cache_files", "Files of the speech cache.";
    Counter SPEECH_CACHE_REMOVED = "trunkline_speech_cache_removed_total", "Files that the clean-up of the speech cache removed.";
    Counter SPEECH_CACHE_RENDERS = "trunkline_speech_cache_renders_total", "Sounds rendered because the cache did not have them.";
    Counter SPEECH_CACHE_SHARED = "trunkline_speech_cache_shared_total", "Requests that waited for the same sound that another rendered.";
    Counter SPEECH_CACHE_WRITE_FAILURES = "trunkline_speech_cache_write_failures_total", "Sounds that could not be written to the cache's folder.";
    Histogram TURN_FINAL_WORDS_SECONDS = "trunkline_turn_final_words_seconds", "From the end of the caller's speech to the recogniser's final words.";
    Counter TLS_FAILURES = "trunkline_tls_failures_total", "Connections on which TLS was not agreed, by `reason` (late, refused).";
    Histogram TURN_FIRST_AUDIO_SECONDS = "trunkline_turn_first_audio_seconds", "From the end of the caller's speech to the first audio of the reply.";
    Histogram TURN_FIRST_CLAUSE_SECONDS = "trunkline_turn_first_clause_seconds", "From the end of the caller's speech to the first clause given to the voice.";
    Histogram TURN_FIRST_SENT_SECONDS = "trunkline_turn_first_sent_seconds", "From the end of the caller's speech to the first audio of the reply sent to the phone.";
    Histogram TURN_FIRST_TOKEN_SECONDS = "trunkline_turn_first_token_seconds", "From the question to the mind to its first token.";
    Histogram TURN_HEARD_SECONDS = "trunkline_turn_heard_seconds", "Voice-to-voice: from the end of the caller's speech to the reply being heard.";
}

fn install_metrics() -> Result<MetricsPage, MetricsError> {
    let wrap = |error: BuildError| MetricsError(error.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .map_err(wrap)?
        .set_buckets_for_metric(Matcher::Full(CALL_SECONDS.to_owned()), CALL_LENGTHS)
        .map_err(wrap)?
        .install_recorder()
        .map_err(wrap)?;
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => {
                metrics::describe_counter!(metric.name, metric.help);
                // One that is there only after its first event looks to a rule like one that never moved.
                if !metric.help.contains("by `") {
                    metrics::counter!(metric.name).absolute(0);
                }
            }
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    Ok(MetricsPage(handle))
}

/// Fine around the limits that matter on the phone (10, 50, 140, 450 ms and 3 s) and wide at the ends.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.14, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0,
    10.0, 15.0,
];
/// Calls last seconds to an hour.
const CALL_LENGTHS: &[f64] =
    &[1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 3600.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn secrets_compare_by_content() {
        let secret = Secret::from("hunter2");
        assert_eq!(secret, Secret::from("hunter2"));
        assert_ne!(secret, Secret::from("hunter22"));
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b""));
    }

    #[test]
    fn personal_text_keeps_only_its_shape() {
        assert_eq!(Redacted::Phone("+919876543210").to_string(), "+91********10");
        assert_eq!(Redacted::Phone("+9112").to_string(), "***");
        assert_eq!(Redacted::Digits("pay 500 or ५००").to_string(), "pay ### or ###");
        assert_eq!(format!("{:?}", Redacted::Words("मेरा charge 500")), "3 words, 15 characters");
    }

    #[test]
    fn metric_names_are_unique_and_follow_the_rules() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let ending = match metric.kind {
                MetricKind::Counter => "_total",
                MetricKind::Gauge => "",
                MetricKind::Histogram => "_seconds",
            };
            assert!(metric.name.starts_with("trunkline_") && metric.name.ends_with(ending), "{}", metric.name);
        }
    }

    /// The text of every source file but this one.
    fn sources(folder: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("telemetry.rs") {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_metric_is_emitted_and_none_beside_the_table() {
        let mut text = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        let uses = |name: &str| {
            let whole = |at: usize| !text[at + name.len()..].starts_with(|c: char| c == '_' || c.is_alphanumeric());
            text.match_indices(name)
                .any(|(at, _)| whole(at) && !text[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()))
        };
        let idle: Vec<_> = CONSTANTS.iter().filter(|name| !uses(name)).collect();
        assert!(idle.is_empty(), "declared and never emitted: {idle:?}");
        for literal in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
            assert!(!text.contains(literal), "a metric whose name is not in the table");
        }
    }

    #[test]
    fn durations_become_buckets_with_help() {
        let page = start_metrics().unwrap();
        metrics::histogram!(TURN_HEARD_SECONDS).record(0.44);
        page.upkeep();
        let text = page.render();
        assert!(text.contains("# HELP trunkline_turn_heard_seconds Voice-to-voice"), "{text}");
        assert!(text.contains("trunkline_turn_heard_seconds_bucket{le=\"0.45\"} 1"), "{text}");
        assert!(text.contains("trunkline_turn_heard_seconds_bucket{le=\"0.3\"} 0"), "{text}");
        assert!(start_metrics().is_ok(), "a second start finds the first");
    }
}

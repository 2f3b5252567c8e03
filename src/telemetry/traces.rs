//! Spans of OpenTelemetry over OTLP/HTTP: one a call, one a turn beneath it, and beneath that what ears, mind and voice took.
//! In builds without the feature `otel`, nothing.
//!
//! The trace of a call follows from its `CallSid`, so that every process that carries a part of the call adds to the same one.
//! Spans are made when they are over, from times that were noted; nothing is held open. Invariant: codes and times only, no words,
//! no numbers; a collector that is slow or away costs spans, never a call.

use std::time::Duration;

use jiff::Timestamp;

use crate::call::TurnReport;
use crate::twilio::CallSid;

/// Whether this build can export traces.
pub const COMPILED_IN: bool = cfg!(feature = "otel");

/// Traces that cannot be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traces cannot be exported: {0}")]
pub struct TracesError(String);

/// Exports to the collector at `endpoint` (such as `http://localhost:4318`) from now on, in place of any before. Blocks for some
/// milliseconds.
///
/// # Errors
/// [`TracesError`]: the address is of no use, or there is no thread for it.
pub fn start(endpoint: &str) -> Result<(), TracesError> {
    export::start(endpoint)
}

/// Sends what is waiting, for at most `bound`, and ends the export. Blocks.
pub fn stop(bound: Duration) {
    export::stop(bound);
}

/// A call that is over. `facts` are names and codes.
pub fn call(call_sid: &CallSid, started_at: Timestamp, facts: &[(&'static str, &str)]) {
    export::call(call_sid, started_at, facts);
}

/// A turn that is over. `age` is how long ago the report's time zero was.
pub fn turn(call_sid: &CallSid, age: Duration, report: &TurnReport) {
    export::turn(call_sid, age, report);
}

#[cfg(not(feature = "otel"))]
mod export {
    use super::{CallSid, Duration, Timestamp, TracesError, TurnReport};

    pub(super) fn start(_endpoint: &str) -> Result<(), TracesError> {
        Err(TracesError("this build lacks the feature otel".to_owned()))
    }

    pub(super) fn stop(_bound: Duration) {}

    pub(super) fn call(_call_sid: &CallSid, _started_at: Timestamp, _facts: &[(&'static str, &str)]) {}

    pub(super) fn turn(_call_sid: &CallSid, _age: Duration, _report: &TurnReport) {}
}

#[cfg(feature = "otel")]
mod export {
    use std::borrow::Cow;
    use std::sync::{Arc, PoisonError, RwLock};
    use std::thread;
    use std::time::SystemTime;

    use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
    use opentelemetry::{InstrumentationScope, KeyValue};
    use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::{
        BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
    };
    use sha2::{Digest as _, Sha256};

    use super::{CallSid, Duration, Timestamp, TracesError, TurnReport};

    /// One for the process, like logs and metrics.
    static EXPORT: RwLock<Option<Arc<BatchSpanProcessor>>> = RwLock::new(None);

    pub(super) fn start(endpoint: &str) -> Result<(), TracesError> {
        let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        // The exporter's client blocks, and must not be made on a thread of the runtime.
        let building = thread::spawn(move || {
            let exporter =
                SpanExporter::builder().with_http().with_endpoint(endpoint).with_timeout(EXPORT_WITHIN).build();
            let batches = BatchConfigBuilder::default().with_scheduled_delay(EVERY).build();
            exporter.map(|exporter| BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        });
        let built = building.join().map_err(|_| TracesError("the exporter's client could not be made".to_owned()))?;
        let mut processor = built.map_err(|error| TracesError(error.to_string()))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        processor.set_resource(&Resource::builder().with_service_name("trunkline").with_attribute(version).build());
        *EXPORT.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(processor));
        Ok(())
    }

    pub(super) fn stop(bound: Duration) {
        let export = EXPORT.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(export) = export
            && let Err(error) = export.shutdown_with_timeout(bound)
        {
            tracing::warn!(%error, "the last traces were not delivered");
        }
    }

    pub(super) fn call(call_sid: &CallSid, started_at: Timestamp, facts: &[(&'static str, &str)]) {
        let Some(export) = export() else { return };
        let names = Names::of(call_sid);
        let mut span = names.span("call", names.call, SpanId::INVALID, started_at.into(), Timestamp::now().into());
        span.span_kind = SpanKind::Server;
        span.attributes = facts.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect();
        span.attributes.push(KeyValue::new("call_sid", call_sid.as_str().to_owned()));
        export.on_end(span);
    }

    pub(super) fn turn(call_sid: &CallSid, age: Duration, report: &TurnReport) {
        let Some(export) = export() else { return };
        let names = Names::of(call_sid);
        let zero = SystemTime::from(Timestamp::now()) - age;
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let instants = [
            ("end of speech", report.speech_ended_ms),
            ("final words", report.final_words_ms),
            ("end of turn", report.turn_ended_ms),
            ("asked", report.asked_ms),
            ("first token", report.first_token_ms),
            ("first clause", report.first_clause_ms),
            ("first audio", report.first_audio_ms),
            ("first sent", report.first_sent_ms),
            ("first heard", report.first_heard_ms),
            ("interrupted", report.interrupted_ms),
        ];
        let known: Vec<(&'static str, u64)> = instants.into_iter().filter_map(|(name, ms)| Some((name, ms?))).collect();
        let (Some(first), Some(last)) = (known.iter().map(|(_, ms)| *ms).min(), known.iter().map(|(_, ms)| *ms).max())
        else {
            return;
        };
        let id = names.id(&format!("turn {} {first}", report.turn));
        let mut span = names.span("turn", id, names.call, at(first), at(last));
        let mut events = SpanEvents::default();
        events.events = known.iter().map(|(name, ms)| Event::new(*name, at(*ms), Vec::new(), 0)).collect();
        span.events = events;
        span.attributes = vec![
            KeyValue::new("turn", i64::from(report.turn)),
            KeyValue::new("speculated", report.speculated),
            KeyValue::new("wasted_starts", i64::from(report.wasted_starts)),
            KeyValue::new("filler", report.filler),
            KeyValue::new("interrupted", report.interrupted_ms.is_some()),
        ];
        if report.mind_failed {
            span.status = Status::error("the mind failed");
        }
        export.on_end(span);
        for (name, from, to) in [
            ("ears", report.speech_ended_ms, report.final_words_ms),
            ("mind", report.asked_ms, report.first_token_ms),
            ("voice", report.first_clause_ms, report.first_audio_ms),
        ] {
            if let (Some(from), Some(to)) = (from, to) {
                let child = names.id(&format!("{name} {} {first}", report.turn));
                let mut part = names.span(name, child, id, at(from), at(to.max(from)));
                part.span_kind = SpanKind::Client;
                export.on_end(part);
            }
        }
    }

    fn export() -> Option<Arc<BatchSpanProcessor>> {
        EXPORT.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The identifiers of a call's trace.
    struct Names<'a> {
        call_sid: &'a CallSid,
        trace: TraceId,
        call: SpanId,
    }

    impl<'a> Names<'a> {
        fn of(call_sid: &'a CallSid) -> Self {
            let hash = Sha256::digest(call_sid.as_str());
            let mut trace = [0; 16];
            trace.copy_from_slice(&hash[..16]);
            let mut names = Self { call_sid, trace: TraceId::from_bytes(trace), call: SpanId::INVALID };
            names.call = names.id("call");
            names
        }

        fn id(&self, what: &str) -> SpanId {
            let hash = Sha256::digest(format!("{} {what}", self.call_sid));
            let mut id = [0; 8];
            id.copy_from_slice(&hash[..8]);
            SpanId::from_bytes(id)
        }

        fn span(&self, name: &'static str, id: SpanId, parent: SpanId, from: SystemTime, to: SystemTime) -> SpanData {
            SpanData {
                span_context: SpanContext::new(self.trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
                parent_span_id: parent,
                parent_span_is_remote: false,
                span_kind: SpanKind::Internal,
                name: Cow::Borrowed(name),
                start_time: from,
                end_time: to,
                attributes: Vec::new(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: InstrumentationScope::builder("trunkline").build(),
            }
        }
    }

    /// How long one request to the collector may take.
    const EXPORT_WITHIN: Duration = Duration::from_secs(3);
    /// How often spans are sent.
    const EVERY: Duration = Duration::from_secs(2);
}

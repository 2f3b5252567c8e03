//! What is told of each turn once it is over: histograms, a line in the log, a span for traces. The document is the session's.
//!
//! Not here: when a turn's instants happened; [`TurnReport`] says. Invariant: times and counts only, no words.

use std::time::Duration;

use metrics::histogram;
use tracing::info;

use super::traces;
use crate::call::TurnReport;
use crate::twilio::CallSid;

/// Tells of a turn that is over. `age` is how long ago the report's time zero was.
pub fn note(call_sid: &CallSid, age: Duration, report: &TurnReport) {
    let told = Spans::of(report);
    for (name, ms) in [
        (super::TURN_FINAL_WORDS_SECONDS, told.final_words),
        (super::TURN_FIRST_TOKEN_SECONDS, told.token),
        (super::TURN_FIRST_CLAUSE_SECONDS, told.clause),
        (super::TURN_FIRST_AUDIO_SECONDS, told.audio),
        (super::TURN_FIRST_SENT_SECONDS, told.sent),
        (super::TURN_HEARD_SECONDS, told.heard),
    ] {
        if let Some(ms) = ms {
            histogram!(name).record(Duration::from_millis(ms));
        }
    }
    info!(
        turn = report.turn,
        final_words_ms = told.final_words,
        first_token_ms = told.token,
        first_clause_ms = told.clause,
        first_audio_ms = told.audio,
        first_sent_ms = told.sent,
        first_heard_ms = told.heard,
        interrupted = report.interrupted_ms.is_some(),
        mind_failed = report.mind_failed,
        "turn over"
    );
    traces::turn(call_sid, age, report);
}

/// From where each instant is counted: the silence of the caller, but for the mind, whose time is its own.
struct Spans {
    final_words: Option<u64>,
    token: Option<u64>,
    clause: Option<u64>,
    audio: Option<u64>,
    sent: Option<u64>,
    heard: Option<u64>,
}

impl Spans {
    fn of(report: &TurnReport) -> Self {
        let between = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        let since_speech = |to| between(report.speech_ended_ms, to);
        Self {
            final_words: since_speech(report.final_words_ms),
            token: between(report.asked_ms, report.first_token_ms),
            clause: since_speech(report.first_clause_ms),
            audio: since_speech(report.first_audio_ms),
            sent: since_speech(report.first_sent_ms),
            heard: since_speech(report.first_heard_ms),
        }
    }
}

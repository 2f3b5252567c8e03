//! One exchange: the caller's turn as it was taken, the mind's answer while it is written, and the timeline of both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conversation::clause::Clauses;
use crate::conversation::decision::Spoken;
use crate::conversation::{Answer, Conversation, MindFailed};

/// What the mind is doing for this exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mind {
    /// It was not asked, or it has answered.
    Idle,
    /// It was asked.
    Asked,
}

/// The exchange in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The stage flow as it was before, to go back to while nothing of the answer was heard.
    pub(super) before: Conversation,
    /// What had to be heard when it began.
    pub(super) owed: Vec<(String, String)>,
    /// The caller's words.
    pub(super) text: String,
    /// First voiced frame of the turn, media ms.
    pub(super) from_ms: Option<u64>,
    /// Whether the turn is surely over; until then nothing is let out.
    pub(super) confirmed: bool,
    pub(super) mind: Mind,
    raw: String,
    spoken: Spoken,
    clauses: Clauses,
    /// The clauses given to the voice, joined.
    pub(super) said: String,
    pub(super) report: TurnReport,
}

impl Exchange {
    pub(super) fn new(before: Conversation, text: String, from_ms: Option<u64>) -> Self {
        Self {
            before,
            owed: Vec::new(),
            text,
            from_ms,
            confirmed: false,
            mind: Mind::Idle,
            raw: String::new(),
            spoken: Spoken::default(),
            clauses: Clauses::default(),
            said: String::new(),
            report: TurnReport::default(),
        }
    }

    /// An exchange that the agent begins.
    pub(super) fn confirmed(before: Conversation) -> Self {
        Self { confirmed: true, ..Self::new(before, String::new(), None) }
    }

    /// Takes a piece of the mind's answer; gives each clause that is ready to be spoken.
    pub(super) fn delta(&mut self, text: &str, mut each: impl FnMut(&str)) {
        if self.raw.len() + text.len() > MAX_ANSWER {
            return;
        }
        self.raw.push_str(text);
        if self.spoken.complete() {
            return;
        }
        let mut words = String::new();
        self.spoken.push(text, &mut words);
        let said = &mut self.said;
        let mut take = |clause: &str| {
            join(said, clause);
            each(clause);
        };
        self.clauses.push(&words, &mut take);
        if self.spoken.complete() {
            self.clauses.finish(&mut take);
        }
    }

    /// The whole answer, once the mind has ended.
    pub(super) fn answer(&mut self, mut each: impl FnMut(&str)) -> Result<Answer, MindFailed> {
        let said = &mut self.said;
        self.clauses.finish(|clause| {
            join(said, clause);
            each(clause);
        });
        Answer::parse(&self.raw).map_err(|_| MindFailed)
    }
}

/// Adds words to words.
pub(super) fn join(said: &mut String, clause: &str) {
    if !said.is_empty() && !clause.is_empty() {
        said.push(' ');
    }
    said.push_str(clause);
}

/// Bytes of an answer that are kept; a sane one has some hundred.
const MAX_ANSWER: usize = 16 * 1024;

/// The timeline of one exchange, in ms since the call began. Absent where it did not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnReport {
    /// The caller's turn; 0 is the greeting.
    pub turn: u32,
    /// The caller fell silent.
    pub speech_ended_ms: Option<u64>,
    /// His final words were there.
    pub final_words_ms: Option<u64>,
    /// His turn was taken for over.
    pub turn_ended_ms: Option<u64>,
    /// The mind was asked (it may be before the turn ended).
    pub asked_ms: Option<u64>,
    /// The mind's first token.
    pub first_token_ms: Option<u64>,
    /// The first clause went to the voice.
    pub first_clause_ms: Option<u64>,
    /// The first audio came from the voice.
    pub first_audio_ms: Option<u64>,
    /// The first audio went to the phone.
    pub first_sent_ms: Option<u64>,
    /// A mark said that the first clause was heard.
    pub first_heard_ms: Option<u64>,
    /// The caller interrupted the answer at this time.
    pub interrupted_ms: Option<u64>,
    /// Times the agent stopped for a voice that was no interruption, and went on.
    pub resumed: u32,
    /// Starts of the mind that were thrown away because the caller went on.
    pub wasted_starts: u32,
    /// The answer was prepared before the turn was surely over, and used.
    pub speculated: bool,
    /// A filler was said.
    pub filler: bool,
    /// The mind failed.
    pub mind_failed: bool,
}

impl TurnReport {
    /// From the end of the caller's speech to the first audio sent, ms.
    pub fn voice_to_voice_ms(&self) -> Option<u64> {
        Some(self.first_sent_ms?.saturating_sub(self.speech_ended_ms?))
    }
}

pub(super) fn ms(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

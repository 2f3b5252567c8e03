//! How a call came out, in one word: what lists, CSV and metrics tell apart.

use serde::{Deserialize, Serialize};

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The line was busy.
    Busy,
    /// To be called again later, at his wish.
    CallBack,
    /// Taken back before anybody answered.
    Canceled,
    /// The caller hung up before everything was collected.
    CallerHungUp,
    /// Everything was collected.
    Completed,
    /// He forbade further calls.
    DoNotCall,
    /// A defect of ours, or of the network's.
    Error,
    /// Twilio could not place the call.
    Failed,
    /// Connected to a person.
    HandedOver,
    /// A machine that is no voicemail answered: a menu, an announcement, a screening service.
    Machine,
    /// Nobody answered the telephone.
    NoAnswer,
    /// Somebody answered and gave no answer to what was asked.
    NoAnswerGiven,
    /// He does not want what is offered.
    NotInterested,
    /// We took no more calls.
    RefusedByUs,
    /// He was to be connected to a person, and that failed.
    TransferFailed,
    /// A voicemail box answered.
    Voicemail,
    /// Somebody else was reached.
    WrongNumber,
}

impl Outcome {
    /// The name in documents, filters and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::CallBack => "call_back",
            Self::Canceled => "canceled",
            Self::CallerHungUp => "caller_hung_up",
            Self::Completed => "completed",
            Self::DoNotCall => "do_not_call",
            Self::Error => "error",
            Self::Failed => "failed",
            Self::HandedOver => "handed_over",
            Self::Machine => "machine",
            Self::NoAnswer => "no_answer",
            Self::NoAnswerGiven => "no_answer_given",
            Self::NotInterested => "not_interested",
            Self::RefusedByUs => "refused_by_us",
            Self::TransferFailed => "transfer_failed",
            Self::Voicemail => "voicemail",
            Self::WrongNumber => "wrong_number",
        }
    }
}

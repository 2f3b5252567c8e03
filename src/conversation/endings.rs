//! How a call ends, and what became of it.

use jiff::civil::DateTime;

use super::{Conversation, Ending, Outcome, Stage};

impl Conversation {
    /// What the conversation itself knows of how the call came out; none while it is live, and where nobody was connected.
    pub fn outcome(&self) -> Option<Outcome> {
        if !self.stage.is_over() {
            return None;
        }
        if self.calls_refused {
            return Some(Outcome::DoNotCall);
        }
        self.came_out.or(match (self.stage, &self.ending) {
            (Stage::Completed, _) => Some(Outcome::Completed),
            (Stage::HandedOver, _) => Some(Outcome::HandedOver),
            (Stage::Abandoned, Some(Ending::HangUp | Ending::Dial(_))) => Some(Outcome::NoAnswerGiven),
            (Stage::Abandoned, None) => Some(Outcome::CallerHungUp),
            (Stage::Collecting | Stage::LanguageSelection | Stage::Unreachable | Stage::Welcome, _) => None,
        })
    }

    /// When the caller wants to be called instead.
    pub fn call_back_at(&self) -> Option<DateTime> {
        self.call_back_at
    }
}

//! What somebody does with his words beside naming a value: he forbids further calls, wants to be let go, asks us to wait, asks who we
//! are, wishes for another language; or is no person at all. One reading a text, from the clauses of the clause pass.
//!
//! Key types: [`Acts`], [`LetGo`], [`Ban`], [`Machine`]. Invariant: an act rests on words of the speaker's own; what he tells of others is
//! no act of his.

use std::ops::Range;

use jiff::civil::DateTime;

use super::Scene;

/// What the speaker does, by one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acts {
    /// Whether he forbids further calls.
    pub ban: Ban,
    /// The bytes of the ban's clauses; what stands beside them may still hold values.
    pub ban_spans: Vec<Range<usize>>,
    /// He wants to be let go, and why.
    pub let_go: Option<LetGo>,
    /// "one minute, let me check": he will go on.
    pub waits: bool,
    /// "who is this?", "haan ji boliye": he wants to know who calls and what about.
    pub asks_who: bool,
    /// The language that he wishes to go on in, as a BCP-47 tag such as `hi-IN`.
    pub language: Option<&'static str>,
    /// The words are a machine's.
    pub machine: Option<Machine>,
    /// Sounds that a recogniser put in words: "(music)", "[inaudible]". Nobody spoke.
    pub noise: bool,
}

/// Whether somebody forbids further calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ban {
    /// Clearly.
    Clear,
    /// He does not.
    #[default]
    None,
    /// Perhaps: to be asked once.
    Unsure,
}

/// Why somebody wants to be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// Busy now; to be called later, at this time if he names one.
    CallBack(Option<DateTime>),
    /// The business is closed, or no longer there.
    Closed,
    /// He does not want what we offer.
    NotInterested,
    /// He will not tell a machine.
    NotToMachine,
    /// We have reached somebody else.
    WrongNumber,
}

/// Which machine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The network's announcement: "the person you are calling is not reachable".
    Announcement,
    /// "Your call is important to us, please hold".
    Hold,
    /// "Press one for …".
    Menu,
    /// A call screening service: "who is calling, and why?"
    Screening,
    /// A voicemail greeting: "leave a message after the tone".
    Voicemail,
}

/// Reads the acts of a text. `scene.now` places "call me after five".
pub fn acts(text: &str, _scene: &Scene) -> Acts {
    Acts { ban: if super::refusal::refuses_calls(text) { Ban::Clear } else { Ban::None }, ..Acts::default() }
}

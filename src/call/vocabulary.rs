//! The words in which a call is told what happened and says what shall happen. No rules here.
//!
//! Every answer of a helper carries the number of the turn it was asked for; the core drops those of a dead turn.

use bytes::Bytes;

use super::{MarkId, TurnReport, Unheard};
use crate::audio::Frame;
use crate::conversation::Ending;
use crate::conversation::prompt::Prompt;

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The recogniser is gone for good.
    EarsLost,
    /// Words from the recogniser: not final yet.
    Partial(&'a str),
    /// Words from the recogniser: final, answering a commit.
    Final(&'a str),
    /// A key was pressed.
    Dtmf(char),
    /// A mark came back.
    Mark(&'a str),
    /// Audio of the caller: mu-law, any length, with its place on the media clock.
    Media {
        /// ms since the stream began, if the message said.
        timestamp_ms: Option<u64>,
        /// mu-law bytes.
        audio: &'a [u8],
    },
    /// A piece of the mind's answer.
    MindDelta {
        /// The turn it was asked for.
        turn: u32,
        /// The piece.
        text: &'a str,
    },
    /// The mind's answer is whole.
    MindDone {
        /// The turn.
        turn: u32,
    },
    /// The mind failed.
    MindFailed {
        /// The turn.
        turn: u32,
    },
    /// Audio of a clause.
    SpeechAudio {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// mu-law.
        audio: Bytes,
    },
    /// A clause's audio is whole.
    SpeechDone {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
    },
    /// When the letters of a clause's next audio are spoken, as far as the voice knows.
    SpeechLetters {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
        /// For each letter of the spoken text that is no space, going on from those told before: when it has been spoken, ms from the
        /// beginning of the clause's next audio.
        ends_ms: &'a [u32],
    },
    /// A clause will not be spoken by any voice we have.
    SpeechFailed {
        /// The turn.
        turn: u32,
        /// The clause.
        clause: u32,
    },
    /// The stream was accepted: the call begins.
    Started,
    /// The stream ended, or must.
    Stop(Stop),
    /// Nothing; only time has passed.
    Tick,
}

/// Why a stream stops from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// We are shutting down and the time to finish is over.
    Draining,
    /// Somebody asked us to hang up.
    HangUp,
    /// The socket closed or the far end said stop.
    Lost,
}

/// What shall happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ask the mind.
    AskMind {
        /// The turn its answer must carry.
        turn: u32,
        /// The question.
        prompt: Prompt,
    },
    /// Throw away what the far end has not played.
    Clear,
    /// Close the socket; the far end then asks what to do.
    Close(Closing),
    /// Ask the recogniser for final words.
    Commit,
    /// Forget the question to the mind.
    DropMind {
        /// The dead turn.
        turn: u32,
    },
    /// Forget the speech of a turn.
    DropSpeech {
        /// The dead turn.
        turn: u32,
    },
    /// Give this frame to the recogniser, with others as it suits.
    Listen(Frame),
    /// Let the recogniser have all frames up to here at once.
    ListenNow,
    /// Record 20 ms.
    Record {
        /// What the caller said.
        caller: Frame,
        /// What he heard of us.
        agent: Frame,
    },
    /// An exchange is over.
    Report(TurnReport),
    /// The stage flow moved: make it durable.
    Save,
    /// Send a mark.
    SendMark(MarkId),
    /// Send audio: mu-law, any length.
    SendMedia(Bytes),
    /// Have a clause spoken.
    Speak {
        /// The turn its audio must carry.
        turn: u32,
        /// Its place in the turn.
        clause: u32,
        /// The words, fit to be spoken.
        text: String,
        /// BCP-47 tag.
        language: String,
        /// Whether it is fixed text of the agent, worth caching.
        fixed: bool,
    },
}

/// How a stream is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// As the stage flow ends.
    Ended(Ending),
    /// Carry on in gather, saying first what was not heard.
    Gather(Vec<Unheard>),
    /// The far end is gone already.
    Gone,
}

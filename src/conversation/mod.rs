//! The stage flow of one call: words in, effects out, for both modes. It knows words, stages, fields and decisions; it knows no
//! frames, no TwiML, no vendor and no clock.
//!
//! Key types: [`Conversation`], [`UserTurn`], [`Effect`], [`Stage`]. Invariants: no call completes while a required field is missing or
//! unconfirmed; no value is held that no words of the caller support; what the mind proposes is only ever a hint. A conversation is
//! plain data: any instance can load it and carry on.

mod absorb;
mod asked;
mod blanks;
pub mod clause;
mod coming;
mod course;
pub mod decision;
mod denial;
mod duties;
mod endings;
mod flow;
mod grounding;
pub mod history;
mod keys;
pub mod language;
mod machine;
mod outcome;
pub mod prompt;
mod read_back;
mod values;
mod witness;
mod words;

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::agent::text::fill;
use course::Course;
use duties::letters;
use history::History;
use prompt::Prompt;
use values::Values;
use witness::Witness;

pub use decision::{Answer, BadAnswer, Decision};
pub use grounding::{Collected, Evidence, options_said, within};
pub use keys::Keys;
pub use outcome::Outcome;

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Ended before everything was collected.
    Abandoned,
    /// Asking, listening, deciding.
    Collecting,
    /// Thanked, saved, hung up.
    Completed,
    /// Connected to a person, or asked for one.
    HandedOver,
    /// Asking for the language.
    LanguageSelection,
    /// Never connected.
    Unreachable,
    /// The greeting is being said.
    Welcome,
}

impl Stage {
    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Collecting => "collecting",
            Self::Completed => "completed",
            Self::HandedOver => "handed_over",
            Self::LanguageSelection => "language_selection",
            Self::Unreachable => "unreachable",
            Self::Welcome => "welcome",
        }
    }

    /// Whether nothing more will be said.
    pub fn is_over(self) -> bool {
        match self {
            Self::Abandoned | Self::Completed | Self::HandedOver | Self::Unreachable => true,
            Self::Collecting | Self::LanguageSelection | Self::Welcome => false,
        }
    }
}

/// What the caller did, in either mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserTurn {
    /// He pressed keys.
    Pressed(String),
    /// He spoke.
    Said {
        /// The recogniser's final words.
        text: String,
        /// Where they are in the recording, in ms from its start; stream mode only.
        audio_ms: Option<(u32, u32)>,
    },
    /// He said nothing for as long as we waited.
    Silent,
}

/// What the stage flow wants. Without an [`Effect::Ask`] or [`Effect::End`] in a batch, it wants to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the mind, then call [`Conversation::answered`].
    Ask(Prompt),
    /// The call is over once everything before has been heard.
    End(Ending),
    /// Say this.
    Say(Say),
}

/// Words to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// The words as they stand in the history; they may hold digits.
    pub text: String,
    /// BCP-47 tag of their language.
    pub language: String,
    /// Whether they come from the agent's file unchanged: such speech is worth keeping.
    pub fixed: bool,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Connect the caller to this number, E.164.
    Dial(String),
    /// Hang up.
    HangUp,
}

/// How the mind failed. The stage flow treats all alike; metrics tell them apart elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MindFailed;

/// What is known when a call opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Language the call was started with, if any.
    pub language: Option<String>,
    /// The call's variables.
    pub variables: BTreeMap<String, String>,
    /// Whether the call is recorded, so that the caller is told.
    pub recorded: bool,
    /// Whether there is a mind to ask; without one the agent's own questions are asked in order.
    pub mind: bool,
}

/// How whole a caller's words are, for the end of his turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// What was asked for is there: the turn may end soon.
    Complete,
    /// More words must follow.
    Unfinished,
    /// Nothing special is known.
    Usual,
}

/// One call's stage flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    stage: Stage,
    language: Option<String>,
    variables: BTreeMap<String, String>,
    recorded: bool,
    mind: bool,
    history: History,
    values: Values,
    /// Caller's turns so far.
    turn: u32,
    /// Language prompts that were not answered.
    misses: u8,
    /// Silences in a row.
    silences: u8,
    /// Failures of the mind in a row.
    failures: u8,
    /// Answers that wanted more although nothing is missing.
    lingering: u8,
    /// Turns in a row of which nothing was understood.
    #[serde(default)]
    blanks: u8,
    /// What the mind said to the last of them.
    #[serde(default)]
    said_to_blank: String,
    ending: Option<Ending>,
    /// The fields that the agent's last words asked for, as far as that is known.
    #[serde(default)]
    asked: Vec<String>,
    /// The fields that were read back and wait for the caller's yes.
    #[serde(default)]
    reading: Vec<String>,
    /// Turns whose words are no values: language choices.
    #[serde(default)]
    deaf: Vec<u32>,
    /// The disclosure was not said yet, or the caller did not hear all of it.
    #[serde(default)]
    undisclosed: bool,
    /// The disclosure that is being said, where it must be heard to its end.
    #[serde(default)]
    disclosing: Option<String>,
    /// The caller does not want to be called again.
    #[serde(default)]
    calls_refused: bool,
    /// He said so when everything was collected, and nobody answers him.
    #[serde(default)]
    refused_whole: bool,
    /// The caller's last words answered a read-back and were taken in; only our reply to them is missing.
    #[serde(default)]
    settled: bool,
    /// The turn after which the caller spoke before he had heard our question.
    #[serde(default)]
    unasked: Option<u32>,
    /// What became of the call, where its stage does not say so.
    #[serde(default)]
    came_out: Option<Outcome>,
    /// A screening service was told who calls.
    #[serde(default)]
    screened: bool,
    /// When the caller wants to be called instead.
    #[serde(default)]
    call_back_at: Option<DateTime>,
    /// Waiting, asking, going round in circles.
    #[serde(default)]
    course: Course,
    /// The mind as a witness, and what it is worth.
    #[serde(default)]
    witness: Witness,
}

impl Conversation {
    /// A conversation that has not begun. A language the agent does not speak is ignored.
    pub fn new(agent: &Agent, opening: Opening) -> Self {
        let mut variables = agent.variables.clone();
        variables.extend(opening.variables);
        let only = (agent.languages.len() == 1).then(|| agent.languages[0].code.clone());
        let given = opening.language.and_then(|code| agent.language(&code)).map(|language| language.code.clone());
        let language = given.or(only);
        Self {
            // A language that is known is not asked for.
            stage: if language.is_some() { Stage::Welcome } else { Stage::LanguageSelection },
            language,
            variables,
            recorded: opening.recorded,
            mind: opening.mind,
            history: History::default(),
            values: Values::default(),
            turn: 0,
            misses: 0,
            silences: 0,
            failures: 0,
            lingering: 0,
            blanks: 0,
            said_to_blank: String::new(),
            ending: None,
            asked: Vec::new(),
            reading: Vec::new(),
            deaf: Vec::new(),
            undisclosed: true,
            disclosing: None,
            calls_refused: false,
            refused_whole: false,
            settled: false,
            unasked: None,
            came_out: None,
            screened: false,
            call_back_at: None,
            course: Course::default(),
            witness: Witness::default(),
        }
    }

    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The language spoken, once chosen.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The call's variables, the agent's defaults included.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// What was said.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The caller's turns so far.
    pub fn turn(&self) -> u32 {
        self.turn
    }

    /// Whether the caller said that he does not want to be called again.
    pub fn calls_refused(&self) -> bool {
        self.calls_refused
    }

    /// How it ends, once it does.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The values that are certain and matter, in the agent's order.
    pub fn collected<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = (&'a str, &'a Collected)> {
        agent
            .fields
            .iter()
            .filter(|field| self.values.applies(field))
            .filter_map(|field| Some((field.name.as_str(), self.values.certain(&field.name)?)))
    }

    /// Whether every required field is certain and no other is doubtful.
    pub fn is_complete(&self, agent: &Agent) -> bool {
        self.values.missing(agent).next().is_none()
            && !self.values.any_doubtful()
            && self.values.to_read_back(agent).is_empty()
    }

    /// The caller cut the agent off: the history keeps only what was heard since his last turn.
    pub fn interrupted(&mut self, heard: &str, now: DateTime) {
        if self.disclosing.as_ref().is_some_and(|text| !letters(heard).contains(&letters(text))) {
            self.undisclosed = true;
        }
        self.note_interruption(heard);
        self.history.cut(heard, self.turn, now);
    }

    /// The caller speaks into the thanks: there is more to be said.
    pub fn reopen(&mut self) {
        if self.stage == Stage::Completed {
            self.stage = Stage::Collecting;
            self.ending = None;
            self.asked.clear();
        }
    }

    /// Whether these words of ours must be heard to their end, whoever speaks: that the call is recorded.
    pub fn must_be_heard(&self, agent: &Agent, text: &str) -> bool {
        let language = agent.language_or_first(self.language.as_deref());
        let announcement = language.texts.recording_announcement.as_ref();
        self.recorded && announcement.is_some_and(|announcement| fill(announcement, &self.variables) == text)
    }

    /// Words that were cut off are said again before anything else of this turn.
    pub fn said_first(&mut self, text: &str, now: DateTime) {
        self.history.agent_said_first(text, self.turn, now);
    }

    /// The answer to the caller's last words was cut off before it was whole: what they say is kept all the same.
    pub fn keep_what_was_said(&mut self, agent: &Agent) {
        if self.stage == Stage::Collecting {
            self.ground(agent, &[], &[], true);
        }
    }

    /// The caller said this, and nobody answers now: the words, their values, what they say to a read-back and a ban on further calls
    /// are kept, and whoever carries on answers them.
    pub fn heard(&mut self, agent: &Agent, text: &str, audio_ms: Option<(u32, u32)>, now: DateTime) {
        if self.machine_turn(agent, &UserTurn::Said { text: text.to_owned(), audio_ms }, now).is_some() {
            return;
        }
        self.turn += 1;
        self.silences = 0;
        self.history.caller_said(text, self.turn, now, audio_ms);
        if self.stage == Stage::Welcome {
            self.stage = Stage::Collecting;
        }
        let turn = UserTurn::Said { text: text.to_owned(), audio_ms };
        if self.notes_refusal(agent, text) {
            self.ground_beside_refusal(agent, text, now);
            self.refused_whole = self.is_complete(agent);
        } else if !self.reading.is_empty() && self.read_back_answered(agent, &turn, now) {
            self.settled = true;
        } else {
            self.keep_what_was_said(agent);
        }
    }

    /// Words that were not heard before are said again, in the other mode.
    pub fn said_again(&mut self, text: &str, now: DateTime) {
        self.undisclosed = false;
        self.note_speech();
        self.history.agent_said_again(text, self.turn, now);
    }

    /// It is not recorded after all: the caller is not told that it is.
    pub fn not_recorded(&mut self) {
        self.recorded = false;
    }

    /// The call ended from outside: hung up, lost, never connected.
    pub fn ended_outside(&mut self, connected: bool) {
        if !self.stage.is_over() {
            self.stage = match connected {
                true if self.refused_whole => Stage::Completed,
                true => Stage::Abandoned,
                false => Stage::Unreachable,
            };
        }
    }

    /// Whether the other end of a call that is handed over, thanked or given up still has to be told how it ends.
    pub fn is_over(&self) -> bool {
        self.stage.is_over()
    }
}

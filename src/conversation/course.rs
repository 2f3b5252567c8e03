//! The course of a call: waiting, circles, and what was asked in which words.

use serde::{Deserialize, Serialize};

/// Where the talk stands beside its stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Course {
    /// The caller looks something up, and is waited for.
    pub(super) waiting: bool,
    /// He was waited for: once is enough.
    pub(super) waited: bool,
    /// Turns in a row that brought nothing new.
    pub(super) stuck: u8,
    /// The field whose question was said last in its long form.
    pub(super) asked_long: Option<String>,
    /// He is asked whether he forbids further calls.
    pub(super) asking_ban: bool,
    /// He was asked that: not twice.
    pub(super) asked_ban: bool,
    /// Turns in a row in another language that the agent speaks, and which.
    pub(super) foreign: Option<(String, u8)>,
    /// The values were summed up in the thanks.
    pub(super) summed_up: bool,
}

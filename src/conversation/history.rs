//! What was said, as it was heard. An interrupted line holds only the words that were played.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::prompt::{Line, Speaker};

/// The lines of a call, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History(Vec<Entry>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who spoke.
    pub role: Speaker,
    /// The words.
    pub text: String,
    /// The caller's turn it belongs to; 0 is the greeting.
    pub turn: u32,
    /// Local wall time at which it was said, in the agent's time zone.
    pub at: DateTime,
    /// Where the caller's words are in the recording, in ms from its start; stream mode only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audio_ms: Option<(u32, u32)>,
    /// Whether the caller cut the agent off here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub interrupted: bool,
    /// Whether the caller pressed these keys instead of saying something.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub pressed: bool,
}

impl History {
    /// All lines.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The caller's lines, newest first.
    pub fn caller(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().rev().filter(|entry| entry.role == Speaker::Caller)
    }

    /// The newest `most` lines for the mind; the last is the caller's.
    pub fn lines(&self, most: usize) -> Vec<Line> {
        let end = self.0.iter().rposition(|entry| entry.role == Speaker::Caller).map_or(0, |last| last + 1);
        self.0[end.saturating_sub(most)..end]
            .iter()
            .map(|entry| Line { speaker: entry.role, text: entry.text.clone() })
            .collect()
    }

    /// Adds the lines that only the other one has, each at its time. Of a turn that both answered, the answer that stands here stays.
    pub(super) fn absorb(&mut self, other: &Self) {
        for line in &other.0 {
            let known = self.0.iter().any(|known| match line.role {
                Speaker::Caller => known.role == line.role && known.turn == line.turn && known.text == line.text,
                Speaker::Agent => known.role == line.role && known.turn == line.turn,
            });
            if !known {
                let at = self.0.iter().rposition(|known| known.at <= line.at).map_or(0, |before| before + 1);
                self.0.insert(at, line.clone());
            }
        }
    }

    pub(super) fn caller_said(&mut self, text: &str, turn: u32, at: DateTime, audio_ms: Option<(u32, u32)>) {
        let text = text.to_owned();
        self.0.push(Entry { role: Speaker::Caller, text, turn, at, audio_ms, interrupted: false, pressed: false });
    }

    pub(super) fn caller_pressed(&mut self, keys: &str, turn: u32, at: DateTime) {
        self.caller_said(keys, turn, at, None);
        if let Some(last) = self.0.last_mut() {
            last.pressed = true;
        }
    }

    /// Adds the agent's words; what is said in one breath is one line.
    pub(super) fn agent_said(&mut self, text: &str, turn: u32, at: DateTime) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.role == Speaker::Agent && last.turn == turn && !last.interrupted => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            Some(_) | None => {
                let text = text.to_owned();
                self.0.push(Entry {
                    role: Speaker::Agent,
                    text,
                    turn,
                    at,
                    audio_ms: None,
                    interrupted: false,
                    pressed: false,
                });
            }
        }
    }

    /// Continues the line that was cut: it was not the caller who cut it.
    pub(super) fn agent_said_again(&mut self, text: &str, turn: u32, at: DateTime) {
        if let Some(last) = self.0.last_mut().filter(|last| last.role == Speaker::Agent && last.turn == turn) {
            last.interrupted = false;
        }
        self.agent_said(text, turn, at);
    }

    /// Puts words before those that the agent has said in this turn.
    pub(super) fn agent_said_first(&mut self, text: &str, turn: u32, at: DateTime) {
        match self.0.last_mut() {
            Some(last) if last.role == Speaker::Agent && last.turn == turn && !last.interrupted => {
                last.text = format!("{text} {}", last.text);
            }
            Some(_) | None => self.agent_said(text, turn, at),
        }
    }

    pub(super) fn amend_caller(&mut self, text: &str, audio_ms: Option<(u32, u32)>) {
        if let Some(last) = self.0.iter_mut().rev().find(|entry| entry.role == Speaker::Caller) {
            text.clone_into(&mut last.text);
            last.audio_ms = audio_ms;
        }
    }

    /// Replaces the agent's line of this turn by what was heard of it; nothing heard leaves no line.
    pub(super) fn cut(&mut self, heard: &str, turn: u32, at: DateTime) {
        if self.0.last().is_some_and(|last| last.role == Speaker::Agent && last.turn == turn) {
            self.0.pop();
        }
        if !heard.is_empty() {
            let text = heard.to_owned();
            self.0.push(Entry {
                role: Speaker::Agent,
                text,
                turn,
                at,
                audio_ms: None,
                interrupted: true,
                pressed: false,
            });
        }
    }
}

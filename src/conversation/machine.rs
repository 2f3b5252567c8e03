//! Machines: who speaks is no man. A voicemail box, a menu, the network's announcement is let go at once and nothing it said is kept; a
//! screening service is told who calls and why; a queue and its music are waited out.
//!
//! Recognised by the carrier's detection, or by the words. Invariant: no value rests on words of a machine.

use jiff::civil::DateTime;

use super::{Conversation, Effect, Ending, Outcome, Stage, UserTurn};
use crate::agent::Agent;
use crate::understand::Scene;
use crate::understand::acts::{Machine, acts};

impl Conversation {
    /// What a machine's words lead to; `None`: a person spoke, or nobody.
    pub(super) fn machine_turn(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime) -> Option<Vec<Effect>> {
        let UserTurn::Said { text, audio_ms } = turn else { return None };
        if self.stage.is_over() {
            return None;
        }
        let said = acts(text, &Scene { now, expect: None });
        // Music, and a queue that asks to wait: nobody spoke, and nothing is said to it.
        if said.noise || said.machine == Some(Machine::Hold) {
            return Some(Vec::new());
        }
        let machine = said.machine?;
        self.turn += 1;
        self.silences = 0;
        self.history.caller_said(text, self.turn, now, *audio_ms);
        self.deaf.push(self.turn);
        let mut effects = Vec::new();
        match machine {
            Machine::Screening if !self.screened => {
                // Who calls, and why, is what the welcome says.
                self.screened = true;
                self.introduce(agent, now, &mut effects);
            }
            Machine::Announcement | Machine::Menu | Machine::Screening => {
                self.machine_answers(Outcome::Machine, &mut effects);
            }
            Machine::Voicemail => self.machine_answers(Outcome::Voicemail, &mut effects),
            Machine::Hold => {}
        }
        Some(effects)
    }

    /// The carrier says that a machine has answered. `voicemail`: a box that takes messages.
    pub fn machine_answered(&mut self, voicemail: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.stage.is_over() {
            self.machine_answers(if voicemail { Outcome::Voicemail } else { Outcome::Machine }, &mut effects);
        }
        effects
    }

    /// Hangs up. What was heard so far was the machine, too, unless somebody has talked with us for longer.
    fn machine_answers(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        if self.turn <= GREETING {
            self.values.clear();
        }
        self.reading.clear();
        self.came_out = Some(outcome);
        self.end(Stage::Abandoned, Ending::HangUp, effects);
    }

    /// Whether the caller's last words are what he said before, word for word: that is a recording, and no yes.
    pub(super) fn repeats_himself(&self) -> bool {
        let mut lines = self.history.caller().map(|entry| entry.text.as_str());
        let Some(last) = lines.next().filter(|last| last.split_whitespace().count() >= LINE) else { return false };
        lines.any(|line| line == last)
    }

    fn introduce(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if self.stage == Stage::LanguageSelection {
            self.language = Some(agent.languages[0].code.clone());
        }
        self.welcome(agent, now, effects);
    }
}

/// Turns that a greeting may have: what was said until then was said by the machine.
const GREETING: u32 = 4;
/// Words of a line that nobody repeats word for word.
const LINE: usize = 5;

//! Two copies of one conversation that went on apart: what one of them has heard is taken into the other. Nothing that the caller said is
//! lost; where both hold a value, the one that goes on keeps its own.

use super::{Conversation, Stage};

impl Conversation {
    /// Takes in what the other copy knows and this one does not: the caller's words, values, the language, variables.
    pub fn absorb(&mut self, other: &Self) {
        self.history.absorb(&other.history);
        self.values.absorb(&other.values);
        self.calls_refused |= other.calls_refused;
        self.turn = self.turn.max(other.turn);
        self.language = self.language.take().or_else(|| other.language.clone());
        for (name, value) in &other.variables {
            self.variables.entry(name.clone()).or_insert_with(|| value.clone());
        }
        for turn in &other.deaf {
            if !self.deaf.contains(turn) {
                self.deaf.push(*turn);
            }
        }
        let began = |stage| matches!(stage, Stage::LanguageSelection | Stage::Welcome);
        if began(self.stage) && !other.stage.is_over() && !(began(other.stage) && self.stage == Stage::Welcome) {
            self.stage = other.stage;
        }
    }
}

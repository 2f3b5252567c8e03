//! A caller on the phone with a conversation. Every step is taken by a conversation that was written as JSON and read again.

use jiff::civil::{DateTime, datetime};
use serde_json::{Value as Json, json};
use trunkline::agent::{self, Agent};
use trunkline::conversation::prompt::Prompt;
use trunkline::conversation::{Answer, Conversation, Effect, Ending, MindFailed, Opening, Stage, UserTurn, clause};

pub(crate) const LOGISTICS: &str = include_str!("../../agents/logistics.toml");
pub(crate) const APPOINTMENT: &str = include_str!("../../agents/appointment.toml");

pub(crate) struct Phone {
    pub(crate) agent: Agent,
    pub(crate) conversation: Conversation,
    pub(crate) ending: Option<Ending>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) transcript: Vec<String>,
    now: DateTime,
    audio_ms: Option<(u32, u32)>,
}

/// Monday morning.
pub(crate) fn now() -> DateTime {
    datetime(2026, 11, 23, 10, 0, 0, 0)
}

pub(crate) fn agent(source: &str, change: impl Fn(String) -> String) -> Agent {
    agent::parse("agent.toml", &change(source.to_owned())).unwrap()
}

impl Phone {
    /// A call in a language, at the end of the welcome.
    pub(crate) fn welcomed(agent: Agent, language: &str, mind: bool) -> Self {
        let mut phone = Self::ringing(agent, Some(language), mind);
        phone.begin();
        phone
    }

    pub(crate) fn ringing(agent: Agent, language: Option<&str>, mind: bool) -> Self {
        let opening = Opening { language: language.map(str::to_owned), mind, ..Opening::default() };
        let conversation = Conversation::new(&agent, opening);
        Self { agent, conversation, ending: None, prompt: None, transcript: Vec::new(), now: now(), audio_ms: None }
    }

    pub(crate) fn alone(source: &str, language: &str) -> Self {
        Self::welcomed(agent(source, |text| text), language, false)
    }

    pub(crate) fn with_mind(source: &str) -> Self {
        Self::welcomed(agent(source, |text| text), "en-IN", true)
    }

    pub(crate) fn begin(&mut self) -> String {
        let effects = self.conversation.begin(&self.agent, self.now);
        self.take(effects)
    }

    /// The caller speaks; gives what the agent says to it.
    pub(crate) fn says(&mut self, text: &str) -> String {
        self.transcript.push(format!("C: {text}"));
        self.audio_ms = self.audio_ms.map(|(_, to)| (to + 1_000, to + 2_000));
        self.turn(&UserTurn::Said { text: text.to_owned(), audio_ms: self.audio_ms })
    }

    pub(crate) fn presses(&mut self, digits: &str) -> String {
        self.transcript.push(format!("C: [{digits}]"));
        self.turn(&UserTurn::Pressed(digits.to_owned()))
    }

    pub(crate) fn is_silent(&mut self) -> String {
        self.transcript.push("C: ...".to_owned());
        self.turn(&UserTurn::Silent)
    }

    pub(crate) fn recorded(mut self) -> Self {
        self.audio_ms = Some((0, 0));
        self
    }

    fn turn(&mut self, turn: &UserTurn) -> String {
        let effects = self.conversation.user_turn(&self.agent, turn, self.now);
        self.take(effects)
    }

    /// The mind answers; gives all that is said then.
    pub(crate) fn mind(&mut self, kind: &str, say: &str, data: Json) -> String {
        self.mind_text(&json!({"say": say, "type": kind, "data": data}).to_string())
    }

    pub(crate) fn mind_text(&mut self, text: &str) -> String {
        assert!(self.prompt.take().is_some(), "the mind was not asked:\n{}", self.transcript.join("\n"));
        let answer = Answer::parse(text).map_err(|_| MindFailed);
        let spoken = answer.as_ref().map(|answer| clause::split(&answer.say).join(" ")).unwrap_or_default();
        let effects =
            self.conversation.answered(&self.agent, answer.as_ref().map_err(|failed| *failed), &spoken, self.now);
        let own = self.take(effects);
        if spoken.is_empty() { own } else { format!("{spoken} {own}").trim().to_owned() }
    }

    pub(crate) fn mind_fails(&mut self) -> String {
        self.mind_text("I would rather not.")
    }

    fn take(&mut self, effects: Vec<Effect>) -> String {
        let mut said = Vec::new();
        for effect in effects {
            match effect {
                Effect::Say(say) => said.push(say.text),
                Effect::Ask(prompt) => self.prompt = Some(prompt),
                Effect::End(ending) => self.ending = Some(ending),
            }
        }
        self.restore();
        let said = said.join(" ");
        self.transcript.push(format!("A: {said}{}", if self.prompt.is_some() { " (asks the mind)" } else { "" }));
        said
    }

    /// Written down and read again: another process carries on.
    fn restore(&mut self) {
        let written = serde_json::to_string(&self.conversation).unwrap();
        let read: Conversation = serde_json::from_str(&written).unwrap();
        assert_eq!(read, self.conversation);
        self.conversation = read;
    }

    pub(crate) fn stage(&self) -> Stage {
        self.conversation.stage()
    }

    /// What is stored, as people read it.
    pub(crate) fn data(&self) -> Vec<(&str, &str)> {
        self.conversation.collected(&self.agent).map(|(name, value)| (name, value.display.as_str())).collect()
    }

    pub(crate) fn value(&self, field: &str) -> Option<&Json> {
        self.conversation.collected(&self.agent).find(|(name, _)| *name == field).map(|(_, value)| &value.typed)
    }

    /// The call ended as it should, with these facts.
    #[track_caller]
    pub(crate) fn completed_with(&self, data: &[(&str, &str)]) {
        let transcript = self.transcript.join("\n");
        assert_eq!((self.stage(), self.data().as_slice()), (Stage::Completed, data), "\n{transcript}");
        assert_eq!(self.ending, Some(Ending::HangUp), "\n{transcript}");
    }
}

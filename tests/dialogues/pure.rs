//! A call through the conversation alone: no socket, no clock.

use jiff::civil::{DateTime, datetime};
use trunkline::agent::{self, Agent};
use trunkline::conversation::{Answer, Conversation, Effect, MindFailed, Opening, UserTurn, clause};

use super::caller::{Caller, Dialogue, Mind};
use super::played::Played;

/// The agent that ships.
pub(crate) fn agent() -> Agent {
    agent::parse("logistics.toml", include_str!("../../agents/logistics.toml")).unwrap()
}

pub(crate) fn play(agent: &Agent, dialogue: &Dialogue, mind: Mind) -> Played {
    let now = now();
    let mut caller = Caller::new(dialogue, agent, now.date());
    let mut conversation = Conversation::new(agent, Opening { mind: mind != Mind::None, ..Opening::default() });
    let mut transcript = Vec::new();
    let mut effects = conversation.begin(agent, now);
    for _ in 0..MOST {
        let (mut said, mut over) = (Vec::new(), false);
        let mut pending = std::mem::take(&mut effects);
        while !pending.is_empty() {
            for effect in std::mem::take(&mut pending) {
                match effect {
                    Effect::Say(say) => said.push(say.text),
                    Effect::End(_) => over = true,
                    Effect::Ask(_) => {
                        let hindi = conversation.language().is_some_and(|code| code.starts_with("hi"));
                        let answer = Answer::parse(&caller.mind(mind, hindi).to_string()).map_err(|_| MindFailed);
                        let spoken =
                            answer.as_ref().map(|answer| clause::split(&answer.say).join(" ")).unwrap_or_default();
                        said.push(spoken.clone());
                        pending = conversation.answered(agent, answer.as_ref().map_err(|failed| *failed), &spoken, now);
                    }
                }
            }
        }
        let said = said.join(" ");
        transcript.push(format!("AGENT  {said}"));
        if over {
            break;
        }
        let turn = caller.answer(&said);
        transcript.push(format!("CALLER {}", turn.as_deref().unwrap_or("(silent)")));
        let turn = turn.map_or(UserTurn::Silent, |text| UserTurn::Said { text, audio_ms: None });
        effects = conversation.user_turn(agent, &turn, now);
    }
    let data = conversation.collected(agent).map(|(name, value)| (name.to_owned(), Some(value.display.clone())));
    Played {
        transcript,
        data: data.collect(),
        stage: conversation.stage().as_str().to_owned(),
        outcome: conversation.outcome().map(|outcome| outcome.as_str().to_owned()),
        today: now.date(),
    }
}

/// A Monday morning.
fn now() -> DateTime {
    datetime(2026, 11, 23, 10, 0, 0, 0)
}

/// Rounds of a call; none lasts longer.
const MOST: usize = 40;

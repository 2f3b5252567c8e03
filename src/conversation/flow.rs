//! The rules of the stage flow: what each turn and each answer lead to.

use jiff::civil::DateTime;

use super::prompt::{self, Prompt};
use super::{Answer, Conversation, Decision, Effect, Ending, MindFailed, Say, Stage, UserTurn, clause, language};
use crate::agent::field::Field;
use crate::agent::text::fill;
use crate::agent::{Agent, Language};
use crate::understand::{self, Kind, Scene, Value};

impl Conversation {
    /// Begins: the language prompt in every language, or the welcome where the language is known.
    pub fn begin(&mut self, agent: &Agent, now: DateTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.language.is_some() {
            self.welcome(agent, now, &mut effects);
        } else {
            self.ask_language(agent, now, &mut effects);
        }
        effects
    }

    /// Takes a turn of the caller.
    pub fn user_turn(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime) -> Vec<Effect> {
        if let Some(effects) = self.machine_turn(agent, turn, now) {
            return effects;
        }
        let mut effects = Vec::new();
        self.settled = false;
        if self.stage.is_over() && !self.reopened(agent, turn, now) {
            if let UserTurn::Said { text, .. } = turn {
                self.notes_refusal(agent, text);
            }
            effects.extend(self.ending.clone().map(Effect::End));
            return effects;
        }
        if !matches!(turn, UserTurn::Silent) {
            self.turn += 1;
            self.silences = 0;
        }
        match turn {
            UserTurn::Said { text, audio_ms } => self.history.caller_said(text, self.turn, now, *audio_ms),
            UserTurn::Pressed(keys) => self.history.caller_pressed(keys, self.turn, now),
            UserTurn::Silent => {}
        }
        if self.refuses_calls(agent, turn, now, &mut effects) {
            return effects;
        }
        if self.stage == Stage::LanguageSelection {
            self.language_turn(agent, turn, now, &mut effects);
            return effects;
        }
        self.disclose(agent, now, &mut effects);
        if self.turn > agent.limits.max_turns {
            self.last_turn(agent, now, &mut effects);
        } else {
            match turn {
                UserTurn::Silent => self.silent(agent, now, &mut effects),
                UserTurn::Said { .. } | UserTurn::Pressed(_) => self.collect(agent, turn, now, &mut effects),
            }
        }
        effects
    }

    /// Whether a caller who speaks into the thanks changes his mind: his words hold another value, ask for a person, or forbid calls.
    fn reopened(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime) -> bool {
        let UserTurn::Said { text, .. } = turn else { return false };
        if self.stage != Stage::Completed {
            return false;
        }
        let mut ahead = self.clone();
        ahead.turn += 1;
        ahead.history.caller_said(text, ahead.turn, now, None);
        ahead.asked.clear();
        ahead.ground(agent, &[], &[], false);
        let changed = ahead.values.any_doubtful()
            || agent.fields.iter().any(|field| {
                let typed = |of: &Self| of.values.certain(&field.name).map(|value| value.typed.clone());
                typed(&ahead) != typed(self)
            });
        if changed || ahead.person_wanted(now) || ahead.notes_refusal(agent, text) {
            self.stage = Stage::Collecting;
            self.ending = None;
            self.asked.clear();
            return true;
        }
        false
    }

    /// Takes the mind's answer. `spoken` are the words of it that the adapter has given the caller, or is giving him.
    pub fn answered(
        &mut self,
        agent: &Agent,
        answer: Result<&Answer, MindFailed>,
        spoken: &str,
        now: DateTime,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.stage.is_over() {
            return effects;
        }
        self.history.agent_said(spoken, self.turn, now);
        let proposals = answer.map(|answer| answer.data.as_slice()).unwrap_or_default();
        let heard = self.ground(agent, proposals, &[], answer.is_err());
        match answer {
            Ok(answer) => {
                self.failures = 0;
                self.note_blank(heard, spoken);
                self.decide(agent, answer, spoken, now, &mut effects);
            }
            Err(MindFailed) => {
                self.failures = self.failures.saturating_add(1);
                // Words that were understood need no mind; the others are asked for again.
                let lost = !heard && !self.waits(agent) && !self.is_complete(agent) && !self.person_wanted(now);
                if self.failures == 1 && lost {
                    if self.blank() {
                        self.give_up(agent, now, &mut effects);
                        return effects;
                    }
                    self.asked.clear();
                    self.say_text(agent, |language| &language.texts.default_response, now, &mut effects);
                } else {
                    self.decide_alone(agent, heard, now, &mut effects);
                }
            }
        }
        effects
    }

    /// Ends the call politely from our side: it has lasted too long, or we are shutting down.
    pub fn say_goodbye(&mut self, agent: &Agent, now: DateTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        let asked_for = agent.fields.iter().any(|field| field.required);
        if self.stage == Stage::Collecting && asked_for && self.is_complete(agent) {
            self.let_go(agent, now, &mut effects);
        } else if !self.stage.is_over() {
            self.give_up(agent, now, &mut effects);
        }
        effects
    }

    /// Carries on after the other mode, or another process, was lost: begins where nothing was said, repeats what is open, answers
    /// words that were not answered, ends what was to end.
    pub fn resume(&mut self, agent: &Agent, now: DateTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        let unanswered = self.unanswered();
        if let Some(ending) = self.ending.clone() {
            effects.push(Effect::End(ending));
        } else if self.stage.is_over() {
            effects.push(Effect::End(Ending::HangUp));
        } else if self.history.entries().is_empty() {
            return self.begin(agent, now);
        } else if self.calls_refused {
            // What he said besides was taken in with the words.
            if self.stage == Stage::Collecting && self.is_complete(agent) {
                self.let_go(agent, now, &mut effects);
            } else {
                self.give_up(agent, now, &mut effects);
            }
        } else if self.stage == Stage::LanguageSelection {
            self.ask_language(agent, now, &mut effects);
        } else if unanswered {
            let turn = match self.history.caller().next() {
                Some(entry) if entry.pressed => UserTurn::Pressed(entry.text.clone()),
                entry => {
                    UserTurn::Said { text: entry.map(|entry| entry.text.clone()).unwrap_or_default(), audio_ms: None }
                }
            };
            if self.refuses_calls(agent, &turn, now, &mut effects) {
                return effects;
            }
            self.disclose(agent, now, &mut effects);
            if std::mem::take(&mut self.settled) {
                self.decide_alone(agent, true, now, &mut effects);
            } else {
                self.collect(agent, &turn, now, &mut effects);
            }
        } else {
            self.disclose(agent, now, &mut effects);
            self.ask_what_is_open(agent, now, &mut effects);
        }
        effects
    }

    fn unanswered(&self) -> bool {
        self.history.entries().last().is_some_and(|entry| entry.role == prompt::Speaker::Caller)
    }

    /// The question that is open now, in the language spoken: what a reprompt repeats.
    pub fn open_question(&self, agent: &Agent) -> Option<String> {
        let language = agent.language_or_first(self.language.as_deref());
        if !self.reading.is_empty() {
            return Some(self.read_back_text(agent, language));
        }
        self.open_field(agent).map(|field| self.question(language, field))
    }

    /// The field to ask for: the one asked for last while it is missing, else the first one missing.
    fn open_field<'a>(&self, agent: &'a Agent) -> Option<&'a Field> {
        let mut missing = agent
            .fields
            .iter()
            .filter(|field| field.required && self.values.applies(field) && self.values.get(&field.name).is_none());
        let last = (self.asked.len() == 1).then(|| missing.clone().find(|field| self.asked[0] == field.name)).flatten();
        last.or_else(|| missing.next())
    }

    /// Whether a value waits for the caller's yes.
    pub(super) fn waits(&self, agent: &Agent) -> bool {
        !self.reading.is_empty() || !self.values.to_read_back(agent).is_empty()
    }

    fn language_turn(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime, effects: &mut Vec<Effect>) {
        self.deaf.push(self.turn);
        let chosen = language::choose(agent, turn, &Scene { now, expect: Some(Kind::Language) });
        if chosen.is_none() && self.person_wanted(now) && !matches!(turn, UserTurn::Silent) {
            return self.hand_over(agent, false, now, effects);
        }
        if chosen.is_none() {
            self.misses += 1;
        }
        match chosen {
            Some(code) => self.language = Some(code.to_owned()),
            None if self.misses >= 2 => self.language = Some(agent.languages[0].code.clone()),
            None => return self.ask_language(agent, now, effects),
        }
        self.welcome(agent, now, effects);
    }

    fn ask_language(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.disclose(agent, now, effects);
        for language in &agent.languages {
            let text = fill(&language.texts.language_prompt, &self.variables);
            self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        }
    }

    pub(super) fn welcome(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Welcome;
        self.asked.clear();
        self.disclose(agent, now, effects);
        let language = agent.language_or_first(self.language.as_deref());
        if self.recorded
            && let Some(announcement) = &language.texts.recording_announcement
        {
            let text = fill(announcement, &self.variables);
            self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        }
        self.say_text(agent, |language| &language.texts.welcome, now, effects);
    }

    fn silent(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Collecting;
        if self.is_complete(agent) {
            return self.thank(agent, now, effects);
        }
        self.silences += 1;
        if self.silences > MAX_REPROMPTS {
            return self.give_up(agent, now, effects);
        }
        self.say_text(agent, |language| &language.texts.reprompt, now, effects);
        self.ask_what_is_open(agent, now, effects);
    }

    /// One turn too many: what it says still counts, but nothing more is asked.
    fn last_turn(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Collecting;
        self.ground(agent, &[], &[], true);
        if self.is_complete(agent) { self.thank(agent, now, effects) } else { self.give_up(agent, now, effects) }
    }

    fn collect(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Collecting;
        if self.person_wanted(now) {
            self.ground(agent, &[], &[], false);
            return self.hand_over(agent, false, now, effects);
        }
        if !self.reading.is_empty() && self.read_back_answered(agent, turn, now) {
            return self.decide_alone(agent, true, now, effects);
        }
        let open = std::mem::take(&mut self.reading);
        let UserTurn::Said { text, .. } = turn else {
            if !open.is_empty() {
                // A slip. How often it may happen is for the read-backs to say: a value is read back twice.
                self.say_not_understood(agent, now, effects);
                return self.go_on(agent, now, effects);
            }
            let heard = self.ground(agent, &[], &[], !self.mind);
            return self.decide_alone(agent, heard, now, effects);
        };
        let heard = self.ground(agent, &[], &[], !self.mind);
        if !self.mind {
            return self.decide_alone(agent, heard, now, effects);
        }
        if !heard && self.talks_to_no_purpose(agent, text) {
            return self.give_up(agent, now, effects);
        }
        // A doubtful value needs its question, whatever the mind would say: asking at once saves the caller a "thank you" too early.
        // Words that do not answer it go to the mind; the question follows its words.
        let waiting = self.values.to_read_back(agent);
        if waiting.iter().any(|name| !open.contains(name)) {
            self.read_back(agent, now, effects);
            return;
        }
        effects.push(Effect::Ask(self.prompt(agent, &waiting)));
    }

    /// The prompt, with what the words of this turn already say: the mind then asks for the right thing.
    fn prompt(&self, agent: &Agent, waiting: &[String]) -> Prompt {
        let language = agent.language_or_first(self.language.as_deref());
        let of = |field: &Field| self.values.get(&field.name).map(|held| held.value.display.as_str());
        let known =
            agent.fields.iter().filter(|field| self.values.known(&field.name).is_some() && self.values.applies(field));
        let open = self.open_field(agent);
        let missing = open
            .into_iter()
            .chain(self.values.missing(agent).filter(|field| open.is_none_or(|open| open.name != field.name)));
        let state = prompt::State {
            known: known.filter_map(|field| Some((field.name.as_str(), of(field)?))).collect(),
            missing: missing.collect(),
            waiting: waiting
                .iter()
                .filter_map(|name| agent.field(name))
                .filter_map(|field| Some((field.name.as_str(), of(field)?)))
                .collect(),
        };
        let role = fill(&agent.system_prompt, &self.variables);
        Prompt {
            system: prompt::system(agent, &role, &language.code, &state),
            lines: self.history.lines(prompt::MAX_LINES),
            fields: prompt::fields(agent),
        }
    }

    fn decide(&mut self, agent: &Agent, answer: &Answer, spoken: &str, now: DateTime, effects: &mut Vec<Effect>) {
        let decision = answer.decision;
        if decision == Decision::HandoverToHuman || self.person_wanted(now) {
            return self.hand_over(agent, decision == Decision::HandoverToHuman && !spoken.is_empty(), now, effects);
        }
        if self.read_back(agent, now, effects) {
            return;
        }
        if !self.is_complete(agent) {
            if self.blanks > MAX_REPROMPTS {
                return self.give_up(agent, now, effects);
            }
            let asks = decision == Decision::NeedMoreInfo && asks(spoken);
            self.note_asked(agent, if asks { spoken } else { "" });
            if !asks {
                self.ask_what_is_open(agent, now, effects);
            }
            return;
        }
        match decision {
            Decision::ThankYou | Decision::HandoverToHuman => {
                let rest = clause::rest(&answer.say, spoken);
                // Nobody is asked something and then cut off.
                if (spoken.is_empty() && rest.is_empty())
                    || spoken.ends_with('?') && rest.is_empty()
                    || rest.ends_with('?')
                {
                    return self.thank(agent, now, effects);
                }
                if !rest.is_empty() {
                    let language = agent.language_or_first(self.language.as_deref()).code.clone();
                    self.say(Say { text: rest, language, fixed: false }, now, effects);
                }
                self.end(Stage::Completed, Ending::HangUp, effects);
            }
            Decision::NeedMoreInfo => {
                self.lingering += 1;
                // A mind that will not let go: the facts are there, the caller has better things to do.
                if self.lingering > MAX_LINGERING || !asks(spoken) {
                    self.thank(agent, now, effects);
                }
            }
        }
    }

    /// Without a mind: what `understand` found, and the agent's own questions in order.
    fn decide_alone(&mut self, agent: &Agent, heard: bool, now: DateTime, effects: &mut Vec<Effect>) {
        if self.person_wanted(now) {
            return self.hand_over(agent, false, now, effects);
        }
        if heard {
            self.note_blank(true, "");
        } else if self.blank() {
            return self.give_up(agent, now, effects);
        } else {
            self.say_not_understood(agent, now, effects);
        }
        self.go_on(agent, now, effects);
    }

    /// What comes next: a read-back, the thanks, a question.
    fn go_on(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if self.read_back(agent, now, effects) {
            return;
        }
        if self.is_complete(agent) {
            self.thank(agent, now, effects);
        } else {
            self.ask_what_is_open(agent, now, effects);
        }
    }

    /// The default response's first sentence; what follows it there would ask for what is known.
    fn say_not_understood(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        let language = agent.language_or_first(self.language.as_deref());
        let text = fill(&language.texts.default_response, &self.variables);
        let first = clause::sentences(&text).next().unwrap_or_default().to_owned();
        self.say(Say { text: first, language: language.code.clone(), fixed: true }, now, effects);
    }

    fn person_wanted(&self, now: DateTime) -> bool {
        let scene = Scene { now, expect: None };
        self.history.caller().next().filter(|entry| entry.turn == self.turn).is_some_and(|entry| {
            understand::read(&entry.text, Kind::Handover, &scene).value == Some(Value::Handover(true))
        })
    }

    fn hand_over(&mut self, agent: &Agent, said: bool, now: DateTime, effects: &mut Vec<Effect>) {
        match &agent.handover_number {
            Some(number) => {
                if !said {
                    self.say_text(agent, |language| &language.texts.handover, now, effects);
                }
                self.end(Stage::HandedOver, Ending::Dial(number.clone()), effects);
            }
            None => {
                self.say_farewell(agent, now, effects);
                self.end(Stage::HandedOver, Ending::HangUp, effects);
            }
        }
    }

    fn thank(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.say_text(agent, |language| &language.texts.thanks, now, effects);
        self.end(Stage::Completed, Ending::HangUp, effects);
    }

    /// The last words to a caller who has said all that was to be known.
    fn let_go(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if self.calls_refused {
            self.say_farewell(agent, now, effects);
            self.end(Stage::Completed, Ending::HangUp, effects);
        } else {
            self.thank(agent, now, effects);
        }
    }

    fn give_up(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.say_farewell(agent, now, effects);
        self.end(Stage::Abandoned, Ending::HangUp, effects);
    }

    pub(super) fn end(&mut self, stage: Stage, ending: Ending, effects: &mut Vec<Effect>) {
        self.stage = stage;
        self.ending = Some(ending.clone());
        effects.push(Effect::End(ending));
    }

    fn ask_what_is_open(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if !self.reading.is_empty() {
            return self.repeat_read_back(agent, now, effects);
        }
        if self.read_back(agent, now, effects) {
            return;
        }
        if let Some(field) = self.open_field(agent) {
            let language = agent.language_or_first(self.language.as_deref());
            let text = self.question(language, field);
            self.asked = vec![field.name.clone()];
            self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        }
    }

    fn question(&self, language: &Language, field: &Field) -> String {
        fill(field.question.get(&language.code).map_or("", String::as_str), &self.variables)
    }

    fn say_text(
        &mut self,
        agent: &Agent,
        text: impl Fn(&Language) -> &String,
        now: DateTime,
        effects: &mut Vec<Effect>,
    ) {
        let language = agent.language_or_first(self.language.as_deref());
        let text = fill(text(language), &self.variables);
        self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
    }

    pub(super) fn say(&mut self, say: Say, now: DateTime, effects: &mut Vec<Effect>) {
        self.note_speech();
        self.history.agent_said(&say.text, self.turn, now);
        effects.push(Effect::Say(say));
    }
}

/// Whether words ask the caller for something.
fn asks(spoken: &str) -> bool {
    let spoken = spoken.to_lowercase();
    spoken.contains('?') || REQUESTS.iter().any(|request| spoken.contains(request))
}

/// How often a caller is asked again who says nothing, or nothing that is understood, before the call is ended.
pub(super) const MAX_REPROMPTS: u8 = 2;
/// Rounds that the mind may go on although nothing is missing.
const MAX_LINGERING: u8 = 2;
const REQUESTS: [&str; 12] = [
    "please",
    "tell me",
    "let me know",
    "confirm",
    "share",
    "could you",
    "कृपया",
    "बताइ",
    "बताएँ",
    "बताएं",
    "बता दें",
    "bata",
];

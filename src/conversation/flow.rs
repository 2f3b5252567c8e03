//! The rules of the stage flow: what each turn and each answer lead to.

use jiff::civil::DateTime;

use super::grounding::{Collected, Eye, Finding};
use super::history::Entry;
use super::prompt::{self, Prompt};
use super::{Answer, Completeness, Conversation, Decision, Effect, Ending, MindFailed, Say, Stage, UserTurn, language};
use crate::agent::field::{Field, FieldKind};
use crate::agent::text::fill;
use crate::agent::{Agent, Language, ReadBack};
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
        let mut effects = Vec::new();
        if self.stage.is_over() {
            return effects;
        }
        if !matches!(turn, UserTurn::Silent) {
            self.turn += 1;
            self.silences = 0;
        }
        match turn {
            UserTurn::Said { text, audio_ms } => self.history.caller_said(text, self.turn, now, *audio_ms),
            UserTurn::Pressed(digits) => self.history.caller_said(digits, self.turn, now, None),
            UserTurn::Silent => {}
        }
        if self.stage == Stage::LanguageSelection {
            self.language_turn(agent, turn, now, &mut effects);
        } else if self.turn > agent.limits.max_turns {
            self.stage = Stage::Collecting;
            self.give_up(agent, now, &mut effects);
        } else {
            match turn {
                UserTurn::Silent => self.silent(agent, now, &mut effects),
                UserTurn::Said { .. } | UserTurn::Pressed(_) => self.collect(agent, turn, now, &mut effects),
            }
        }
        effects
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
        let news = self.ground(agent, proposals);
        match answer {
            Ok(answer) => {
                self.failures = 0;
                self.decide(agent, answer.decision, spoken, now, &mut effects);
            }
            Err(MindFailed) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures == 1 && !self.values.any_unconfirmed() {
                    self.say_text(agent, |language| &language.texts.default_response, now, &mut effects);
                } else {
                    self.decide_alone(agent, news, now, &mut effects);
                }
            }
        }
        effects
    }

    /// Ends the call politely from our side: it has lasted too long, or we are shutting down.
    pub fn say_goodbye(&mut self, agent: &Agent, now: DateTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.stage.is_over() {
            self.give_up(agent, now, &mut effects);
        }
        effects
    }

    /// Carries on after the other mode, or another process, was lost: begins where nothing was said, repeats what is open, answers
    /// words that were not answered, ends what was to end.
    pub fn resume(&mut self, agent: &Agent, now: DateTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(ending) = self.ending.clone() {
            effects.push(Effect::End(ending));
        } else if self.stage.is_over() {
            effects.push(Effect::End(Ending::HangUp));
        } else if self.history.entries().is_empty() {
            return self.begin(agent, now);
        } else if self.stage == Stage::LanguageSelection {
            self.ask_language(agent, now, &mut effects);
        } else if self.unanswered() {
            let turn = self.history.caller().next().map(|entry| entry.text.clone()).unwrap_or_default();
            self.collect(agent, &UserTurn::Said { text: turn, audio_ms: None }, now, &mut effects);
        } else {
            self.ask_what_is_open(agent, now, &mut effects);
        }
        effects
    }

    fn unanswered(&self) -> bool {
        self.history.entries().last().is_some_and(|entry| entry.role == prompt::Speaker::Caller)
    }

    /// The final form of the caller's last words, and where they are in the recording.
    pub fn amend_last_words(&mut self, text: &str, audio_ms: Option<(u32, u32)>) {
        self.history.amend_caller(text, audio_ms);
    }

    /// How whole these words are, given what was asked.
    pub fn completeness(&self, agent: &Agent, text: &str, now: DateTime) -> Completeness {
        if text.trim().is_empty() {
            return Completeness::Usual;
        }
        if self.stage == Stage::LanguageSelection {
            let turn = UserTurn::Said { text: text.to_owned(), audio_ms: None };
            let chosen = language::choose(agent, &turn, &Scene { now, expect: Some(Kind::Language) });
            return if chosen.is_some() { Completeness::Complete } else { Completeness::Usual };
        }
        if self.values.any_unconfirmed() {
            return if yes_no(text, now).is_some() { Completeness::Complete } else { Completeness::Usual };
        }
        let entry = self.entry(text, now);
        let mut whole = true;
        let mut any = false;
        for field in self.values.missing(agent) {
            let eye = self.eye(agent, field);
            if field.kind.spoken().is_some_and(|kind| eye.unfinished(kind, text, now)) {
                return Completeness::Unfinished;
            }
            // The welcome asks for everything, later questions for what is missing first.
            if !any || self.stage == Stage::Welcome {
                whole &= eye.find(field, &entry) != Finding::Nothing;
            }
            any = true;
        }
        let question = text.trim_end().ends_with('?');
        if question || (any && whole) { Completeness::Complete } else { Completeness::Usual }
    }

    /// Whether `words` give the value that was asked for and nothing else, and it is the one that `fewer` gave: "five hundred" and then
    /// "five hundred rupees".
    pub fn same_value(&self, agent: &Agent, fewer: &str, words: &str, now: DateTime) -> bool {
        let Some(field) = self.values.missing(agent).next() else { return false };
        if self.stage == Stage::LanguageSelection || self.values.any_unconfirmed() {
            return false;
        }
        let eye = self.eye(agent, field);
        let find = |text: &str| match eye.find(field, &self.entry(text, now)) {
            Finding::Clear(value) => Some(value),
            Finding::Nothing | Finding::Unclear { .. } => None,
        };
        find(fewer).zip(find(words)).is_some_and(|(before, after)| {
            let whole = after.evidence.words.split_whitespace().count() == words.split_whitespace().count();
            whole && before.typed == after.typed
        })
    }

    /// The question that is open now, in the language spoken: what a reprompt repeats.
    pub fn open_question(&self, agent: &Agent) -> Option<String> {
        let language = agent.language_or_first(self.language.as_deref());
        if self.values.any_unconfirmed() {
            return Some(self.read_back_text(language));
        }
        self.values.missing(agent).next().map(|field| self.question(language, field))
    }

    fn language_turn(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime, effects: &mut Vec<Effect>) {
        let chosen = language::choose(agent, turn, &Scene { now, expect: Some(Kind::Language) });
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
        for language in &agent.languages {
            let text = fill(&language.texts.language_prompt, &self.variables);
            self.say(Say { text, language: language.code.clone(), fixed: true }, now, effects);
        }
    }

    fn welcome(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Welcome;
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

    fn collect(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime, effects: &mut Vec<Effect>) {
        self.stage = Stage::Collecting;
        if self.values.any_unconfirmed() && self.read_back_answered(agent, turn, now, effects) {
            return;
        }
        if !self.mind {
            let news = self.ground(agent, &[]);
            return self.decide_alone(agent, news, now, effects);
        }
        // An ambiguous value needs its question, whatever the mind would say: asking at once saves the caller a "thank you" too early.
        let mut ahead = self.clone();
        ahead.ground(agent, &[]);
        if ahead.values.any_unconfirmed() && !self.person_wanted(now) {
            *self = ahead;
            return self.read_back(agent, now, effects);
        }
        effects.push(Effect::Ask(self.prompt(agent, &ahead)));
    }

    /// The prompt, with what the words of this turn already say: the mind then asks for the right thing.
    fn prompt(&self, agent: &Agent, ahead: &Self) -> Prompt {
        let language = agent.language_or_first(self.language.as_deref());
        let known: Vec<(&str, &str)> =
            ahead.collected(agent).map(|(name, value)| (name, value.display.as_str())).collect();
        let missing: Vec<&Field> = ahead.values.missing(agent).collect();
        let role = fill(&agent.system_prompt, &self.variables);
        Prompt {
            system: prompt::system(agent, &role, &language.code, &known, &missing),
            lines: self.history.lines(prompt::MAX_LINES),
            fields: prompt::fields(agent),
        }
    }

    /// Takes the answer to a read-back; false if the words were about something else.
    fn read_back_answered(&mut self, agent: &Agent, turn: &UserTurn, now: DateTime, effects: &mut Vec<Effect>) -> bool {
        let Some(entry) = self.history.caller().next().cloned() else { return false };
        let answer = match turn {
            UserTurn::Pressed(digits) => match digits.as_str() {
                "1" => Some(true),
                "2" => Some(false),
                _ => None,
            },
            UserTurn::Said { text, .. } => yes_no(text, now),
            UserTurn::Silent => None,
        };
        let names: Vec<String> = self.values.unconfirmed().map(|(name, _)| name.to_owned()).collect();
        let mut corrected = false;
        for field in names.iter().filter_map(|name| agent.field(name)) {
            let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
            // A plain yes or no answers the question; it is not a new value of a yes/no field.
            if field.kind == FieldKind::YesNo {
                continue;
            }
            if let Finding::Clear(value) = eye.find(field, &entry) {
                let again = agent.read_back == ReadBack::Always && self.values.times_read_back(&field.name) < 2;
                let same =
                    self.values.unconfirmed().any(|(name, held)| name == field.name && held.typed == value.typed);
                self.values.hold(&field.name, value, same || !again);
                corrected = true;
            }
        }
        match (corrected, answer) {
            (false, Some(true)) => self.values.confirm(),
            (false, Some(false)) => self.values.reject(),
            // "No, six hundred": what was not corrected was right.
            (true, _) => {
                let still: Vec<String> = self.values.unconfirmed().map(|(name, _)| name.to_owned()).collect();
                if still.len() < names.len() && agent.read_back != ReadBack::Always {
                    self.values.confirm();
                }
            }
            (false, None) => return false,
        }
        let rejected = answer == Some(false) && !corrected;
        if !rejected {
            // The rest of the sentence may hold other fields: "yes, and at five".
            self.ground_others(agent, &names);
        }
        if self.values.any_unconfirmed() {
            self.read_back(agent, now, effects);
        } else if self.is_complete(agent) {
            self.thank(agent, now, effects);
        } else {
            self.ask_what_is_open(agent, now, effects);
        }
        true
    }

    fn decide(&mut self, agent: &Agent, decision: Decision, spoken: &str, now: DateTime, effects: &mut Vec<Effect>) {
        if decision == Decision::HandoverToHuman || self.person_wanted(now) {
            return self.hand_over(agent, decision == Decision::HandoverToHuman && !spoken.is_empty(), now, effects);
        }
        if self.values.any_unconfirmed() {
            return self.read_back(agent, now, effects);
        }
        let complete = self.is_complete(agent);
        match decision {
            Decision::ThankYou if complete && !spoken.is_empty() => self.end(Stage::Completed, Ending::HangUp, effects),
            Decision::ThankYou if complete => self.thank(agent, now, effects),
            Decision::ThankYou => self.ask_what_is_open(agent, now, effects),
            Decision::NeedMoreInfo if complete => {
                self.lingering += 1;
                // A mind that will not let go: the facts are there, the caller has better things to do.
                if self.lingering > MAX_LINGERING || !spoken.contains('?') {
                    self.thank(agent, now, effects);
                }
            }
            Decision::NeedMoreInfo if spoken.is_empty() => self.ask_what_is_open(agent, now, effects),
            Decision::NeedMoreInfo | Decision::HandoverToHuman => {}
        }
    }

    /// Without a mind: what `understand` found, and the agent's own questions in order.
    fn decide_alone(&mut self, agent: &Agent, news: bool, now: DateTime, effects: &mut Vec<Effect>) {
        if self.person_wanted(now) {
            self.hand_over(agent, false, now, effects);
        } else if self.values.any_unconfirmed() {
            self.read_back(agent, now, effects);
        } else if self.is_complete(agent) {
            self.thank(agent, now, effects);
        } else {
            if !news {
                self.say_text(agent, |language| &language.texts.reprompt, now, effects);
            }
            self.ask_what_is_open(agent, now, effects);
        }
    }

    fn person_wanted(&self, now: DateTime) -> bool {
        let scene = Scene { now, expect: None };
        self.history.caller().next().is_some_and(|entry| {
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
                self.say_text(agent, |language| &language.texts.goodbye, now, effects);
                self.end(Stage::HandedOver, Ending::HangUp, effects);
            }
        }
    }

    fn thank(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.say_text(agent, |language| &language.texts.thanks, now, effects);
        self.end(Stage::Completed, Ending::HangUp, effects);
    }

    fn give_up(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.say_text(agent, |language| &language.texts.goodbye, now, effects);
        self.end(Stage::Abandoned, Ending::HangUp, effects);
    }

    fn end(&mut self, stage: Stage, ending: Ending, effects: &mut Vec<Effect>) {
        self.stage = stage;
        self.ending = Some(ending.clone());
        effects.push(Effect::End(ending));
    }

    fn ask_what_is_open(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        if self.values.any_unconfirmed() {
            return self.read_back(agent, now, effects);
        }
        if let Some(text) = self.open_question(agent) {
            let language = agent.language_or_first(self.language.as_deref()).code.clone();
            self.say(Say { text, language, fixed: true }, now, effects);
        }
    }

    fn read_back(&mut self, agent: &Agent, now: DateTime, effects: &mut Vec<Effect>) {
        self.values.read_back();
        if !self.values.any_unconfirmed() {
            return self.ask_what_is_open(agent, now, effects);
        }
        let language = agent.language_or_first(self.language.as_deref());
        let say = Say { text: self.read_back_text(language), language: language.code.clone(), fixed: false };
        self.say(say, now, effects);
    }

    fn read_back_text(&self, language: &Language) -> String {
        let hindi = language.iso639() == "hi";
        let said: Vec<&str> = self
            .values
            .unconfirmed()
            .map(|(_, value)| if hindi { value.words.hi.as_str() } else { value.words.en.as_str() })
            .collect();
        let mut variables = self.variables.clone();
        variables.insert("value".to_owned(), said.join(", "));
        fill(&language.texts.read_back, &variables)
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

    fn say(&mut self, say: Say, now: DateTime, effects: &mut Vec<Effect>) {
        self.history.agent_said(&say.text, self.turn, now);
        effects.push(Effect::Say(say));
    }

    /// Takes into the values what the caller's last words say, with the mind's proposals as hints. True if anything is new.
    pub(super) fn ground(&mut self, agent: &Agent, proposals: &[(String, String)]) -> bool {
        let Some(entry) = self.history.caller().next().cloned() else { return false };
        let mut news = false;
        for field in &agent.fields {
            let proposal = proposals.iter().find(|(name, _)| *name == field.name).map(|(_, text)| text.as_str());
            news |= self.ground_field(agent, field, &entry, proposal);
        }
        news
    }

    fn ground_others(&mut self, agent: &Agent, except: &[String]) {
        let Some(entry) = self.history.caller().next().cloned() else { return };
        for field in agent.fields.iter().filter(|field| !except.contains(&field.name) && field.kind != FieldKind::YesNo)
        {
            self.ground_field(agent, field, &entry, None);
        }
    }

    fn ground_field(&mut self, agent: &Agent, field: &Field, entry: &Entry, proposal: Option<&str>) -> bool {
        let eye = self.eye(agent, field);
        let proposed = proposal.and_then(|text| eye.propose(field, text, entry));
        let always = agent.read_back == ReadBack::Always;
        match (eye.find(field, entry), proposed) {
            (Finding::Clear(value), None) => self.values.hold(&field.name, value, !always),
            (Finding::Clear(value), Some(proposed)) => {
                // A mind that repeats the old value does not contradict a new one.
                let stale = self.values.certain(&field.name).is_some_and(|held| held.typed == proposed.typed);
                let agreed = stale || value.typed == proposed.typed || agent.read_back == ReadBack::Never;
                self.values.hold(&field.name, value, agreed && !always)
            }
            (Finding::Unclear { likeliest, readings }, proposed) => {
                let meant = proposed.filter(|value| readings.iter().any(|reading| reading.typed == value.typed));
                match (agent.read_back, likeliest, meant.or_else(|| readings.into_iter().next())) {
                    (ReadBack::Never, Some(value), _) => self.values.hold(&field.name, value, true),
                    (ReadBack::Never, None, _) | (_, _, None) => false,
                    (ReadBack::Always | ReadBack::Ambiguous, _, Some(value)) => {
                        self.values.hold(&field.name, value, false)
                    }
                }
            }
            (Finding::Nothing, Some(proposed)) => match self.said_before(agent, field, &proposed, proposal) {
                Some(value) => self.values.hold(&field.name, value, !always),
                None => false,
            },
            (Finding::Nothing, None) => false,
        }
    }

    /// The proposed value with the caller's own words for it, if any turn of this call supports it.
    fn said_before(&self, agent: &Agent, field: &Field, proposed: &Collected, text: Option<&str>) -> Option<Collected> {
        let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
        self.history.caller().find_map(|entry| match field.kind {
            FieldKind::Text => eye.propose(field, text?, entry),
            FieldKind::Choice
            | FieldKind::Date
            | FieldKind::Money
            | FieldKind::Number
            | FieldKind::Phone
            | FieldKind::TimeWindow
            | FieldKind::YesNo => match eye.find(field, entry) {
                Finding::Clear(value) if value.typed == proposed.typed => Some(value),
                Finding::Clear(_) | Finding::Nothing | Finding::Unclear { .. } => None,
            },
        })
    }

    /// How a field is looked for now. A missing field is expected as itself; a bare number or a plain yes belongs to the field that
    /// was asked for, which is the first one missing.
    fn eye<'a>(&self, agent: &'a Agent, field: &Field) -> Eye<'a> {
        let asked = self.values.missing(agent).next();
        let bare = matches!(field.kind, FieldKind::YesNo | FieldKind::Number);
        let missing = self.values.certain(&field.name).is_none();
        let first = asked.is_some_and(|asked| asked.name == field.name);
        let rival = asked.is_some_and(|asked| {
            matches!(asked.kind, FieldKind::Money | FieldKind::Number) && field.kind == FieldKind::Money
        });
        let itself = first || (missing && !bare && !rival);
        let expect = if itself { field.kind.spoken() } else { asked.and_then(|asked| asked.kind.spoken()) };
        Eye { timezone: &agent.timezone, expect }
    }

    fn entry(&self, text: &str, now: DateTime) -> Entry {
        Entry {
            role: prompt::Speaker::Caller,
            text: text.to_owned(),
            turn: self.turn + 1,
            at: now,
            audio_ms: None,
            interrupted: false,
        }
    }
}

fn yes_no(text: &str, now: DateTime) -> Option<bool> {
    let reading = understand::read(text, Kind::YesNo, &Scene { now, expect: Some(Kind::YesNo) });
    match reading.value {
        Some(Value::YesNo(answer)) if !reading.ambiguous => Some(answer),
        Some(_) | None => None,
    }
}

/// Reprompts before a silent call is ended.
const MAX_REPROMPTS: u8 = 2;
/// Rounds that the mind may go on although nothing is missing.
const MAX_LINGERING: u8 = 2;

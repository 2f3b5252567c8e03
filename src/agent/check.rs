//! Reads and checks an agent's file. Every problem names the file, the line, the key and the reason.

use jiff::tz::TimeZoneDatabase;

use super::field::{Field, FieldKind};
use super::{Agent, Voice, speech_support, text};

/// Why an agent's file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {what}")]
pub struct AgentError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key at fault, or the nearest one.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Parses and checks the text of an agent's file. `file` only appears in errors.
///
/// # Errors
/// [`AgentError`] for the first problem found.
pub fn parse(file: &str, source: &str) -> Result<Agent, AgentError> {
    let blame = Blame { file, source };
    let agent: Agent = toml::from_str(source).map_err(|error| blame.syntax(&error))?;
    blame.name("agent_type", &agent.agent_type, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')?;
    if let Some(number) = &agent.handover_number {
        let digits = number.strip_prefix('+').unwrap_or_default();
        let e164 = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !e164 || digits.starts_with('0') {
            return Err(blame.at("handover_number", "expected E.164: + and 8 to 15 digits, the first of them not 0"));
        }
    }
    if agent.system_prompt.trim().is_empty() {
        return Err(blame.at("system_prompt", "must not be empty"));
    }
    // The bundled names, not this machine's: the same file is right everywhere.
    if TimeZoneDatabase::bundled().get(&agent.timezone).is_err() {
        return Err(blame.at("timezone", "expected an IANA name such as Asia/Kolkata"));
    }
    blame.limits(&agent)?;
    if (0..7).all(|day| agent.calling.quiet_days.iter().any(|quiet| quiet.number() == day)) {
        return Err(blame.at("quiet_days", "leaves no day on which calls are permitted"));
    }
    blame.languages(&agent)?;
    blame.fields(&agent)?;
    Ok(agent)
}

struct Blame<'a> {
    file: &'a str,
    source: &'a str,
}

impl Blame<'_> {
    fn at(&self, key: &str, what: impl Into<String>) -> AgentError {
        self.after(0, key, what)
    }

    /// An error at the first line from byte `from` on that sets `key`.
    fn after(&self, from: usize, key: &str, what: impl Into<String>) -> AgentError {
        let mut offset = 0;
        let mut line = 1;
        for (index, text) in self.source.split_inclusive('\n').enumerate() {
            let sets = text.trim_start().trim_start_matches('[').trim_start_matches('"').starts_with(key);
            if offset >= from && sets {
                line = index + 1;
                break;
            }
            offset += text.len();
        }
        AgentError { file: self.file.to_owned(), line, key: key.to_owned(), what: what.into() }
    }

    /// An error about a key that is not there, at the table of texts from byte `from` on that lacks it.
    fn missing(&self, from: usize, key: &str, what: String) -> AgentError {
        AgentError { key: key.to_owned(), ..self.after(from, "languages.texts", what) }
    }

    fn syntax(&self, error: &toml::de::Error) -> AgentError {
        let start = error.span().map_or(0, |span| span.start).min(self.source.len());
        let line = self.source.as_bytes()[..start].iter().filter(|&&b| b == b'\n').count() + 1;
        let text = self.source.lines().nth(line - 1).unwrap_or_default().trim();
        let key = text.split('=').next().unwrap_or_default().trim().trim_matches(['[', ']', '"']);
        AgentError { file: self.file.to_owned(), line, key: key.to_owned(), what: error.message().to_owned() }
    }

    fn name(&self, key: &str, value: &str, allowed: impl Fn(char) -> bool) -> Result<(), AgentError> {
        if value.is_empty() || value.len() > 64 || !value.chars().all(allowed) {
            return Err(self.at(key, "expected 1 to 64 letters, digits or _"));
        }
        Ok(())
    }

    fn limits(&self, agent: &Agent) -> Result<(), AgentError> {
        let limits = &agent.limits;
        let within = |key, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(self.at(key, format!("expected {low} to {high}"))) }
        };
        within("max_call_seconds", limits.max_call_seconds, 10, 14_400)?;
        within("max_turns", limits.max_turns, 1, 200)?;
        within("silence_seconds", limits.silence_seconds, 2, 60)?;
        let turn = &agent.turn_taking;
        within("complete_ms", turn.complete_ms, 0, 5_000)?;
        within("usual_ms", turn.usual_ms, turn.complete_ms, 5_000)?;
        within("unfinished_ms", turn.unfinished_ms, turn.usual_ms, 10_000)?;
        within("barge_in_ms", turn.barge_in_ms, 40, 2_000)?;
        within("interrupt_ms", turn.interrupt_ms, turn.barge_in_ms, 5_000)
    }

    fn languages(&self, agent: &Agent) -> Result<(), AgentError> {
        if agent.languages.is_empty() {
            return Err(self.at("languages", "at least one [[languages]] is needed"));
        }
        let mut from = 0;
        for (index, language) in agent.languages.iter().enumerate() {
            from = self.source.get(from..).and_then(|rest| rest.find(&language.code)).map_or(from, |at| from + at);
            let line_start = self.source[..from].rfind('\n').map_or(0, |at| at + 1);
            let code_right = language.code.split_once('-').is_some_and(|(language, region)| {
                (2..=3).contains(&language.len())
                    && language.bytes().all(|b| b.is_ascii_lowercase())
                    && !region.is_empty()
                    && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
            if !code_right {
                return Err(self.after(line_start, "code", "expected a tag such as hi-IN"));
            }
            if agent.languages[..index].iter().any(|other| other.code == language.code) {
                return Err(self.after(line_start, "code", format!("{} is there twice", language.code)));
            }
            let Voice { model_id, .. } = &language.voice;
            for (key, wrong) in [
                ("code", speech_support::unheard(&language.code)),
                ("twilio_voice", speech_support::unsaid(&language.code, &language.twilio_voice)),
                ("model_id", speech_support::unspoken(&language.code, model_id)),
            ] {
                if let Some(what) = wrong {
                    // A model that is left out is blamed on the voice.
                    let own = self.source[line_start..].split("[[").next().unwrap_or_default();
                    let key = if key == "model_id" && !own.contains(key) { "languages.voice" } else { key };
                    return Err(self.after(line_start, key, what));
                }
            }
            if let Some(key) = language.key
                && (!key.is_ascii_digit() || agent.languages[..index].iter().any(|other| other.key == Some(key)))
            {
                return Err(self.after(line_start, "key", "expected a digit that no other language has"));
            }
            for (key, value) in language.texts.all() {
                if value.trim().is_empty() || value.chars().count() > 1_000 {
                    return Err(self.after(line_start, key, "expected 1 to 1000 characters"));
                }
            }
            for (key, needed, text) in [
                ("disclosure", agent.calling.disclosure_required, &language.texts.disclosure),
                ("recording_announcement", agent.recording.enabled, &language.texts.recording_announcement),
            ] {
                if needed && text.is_none() {
                    let own = format!("{} has none, and every language needs one", language.code);
                    let why = match key {
                        "disclosure" => "where disclosure_required is set",
                        _ => "where calls are recorded",
                    };
                    return Err(self.missing(line_start, key, format!("{own} {why}")));
                }
            }
            if !text::variables(&language.texts.read_back).any(|name| name == "value") {
                return Err(self.after(line_start, "read_back", "must hold {value}"));
            }
            let voice = &language.voice;
            if voice.voice_id.is_empty()
                || !voice.voice_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            {
                return Err(self.after(line_start, "voice_id", "expected the vendor's id: letters and digits"));
            }
            for (key, value, low, high) in [
                ("stability", voice.stability, 0.0, 1.0),
                ("similarity_boost", voice.similarity_boost, 0.0, 1.0),
                ("speed", voice.speed, 0.7, 1.2),
            ] {
                if !(low..=high).contains(&value) {
                    return Err(self.after(line_start, key, format!("expected {low} to {high}")));
                }
            }
        }
        Ok(())
    }

    fn fields(&self, agent: &Agent) -> Result<(), AgentError> {
        if agent.fields.is_empty() {
            return Err(self.at("fields", "at least one [[fields]] is needed"));
        }
        let mut from = 0;
        for (index, field) in agent.fields.iter().enumerate() {
            let quoted = format!("\"{}\"", field.name);
            from = self.source.get(from..).and_then(|rest| rest.find(&quoted)).map_or(from, |at| from + at);
            let line_start = self.source[..from].rfind('\n').map_or(0, |at| at + 1);
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if field.name.is_empty() || field.name.len() > 64 || !field.name.chars().all(allowed) {
                return Err(self.after(line_start, "name", "expected lower-case letters, digits or _"));
            }
            if agent.fields[..index].iter().any(|other| other.name == field.name) {
                return Err(self.after(line_start, "name", format!("{} is there twice", field.name)));
            }
            for language in &agent.languages {
                if field.question.get(&language.code).is_none_or(|question| question.trim().is_empty()) {
                    return Err(self.after(
                        line_start,
                        "question",
                        format!("{} has no question in {}", field.name, language.code),
                    ));
                }
            }
            if let Some(code) = field.question.keys().find(|code| agent.language(code).is_none()) {
                return Err(self.after(line_start, code, "the agent does not speak this language"));
            }
            self.field_limits(line_start, field)?;
            self.read_backs(line_start, agent, field)?;
            self.conditions(line_start, &agent.fields[..index], field)?;
        }
        Ok(())
    }

    fn read_backs(&self, line_start: usize, agent: &Agent, field: &Field) -> Result<(), AgentError> {
        let yes_no = field.kind == FieldKind::YesNo;
        if !field.read_back_no.is_empty() && !yes_no {
            return Err(self.after(line_start, "fields.read_back_no", "only yes_no fields have it"));
        }
        for (key, texts) in [("fields.read_back", &field.read_back), ("fields.read_back_no", &field.read_back_no)] {
            for (code, text) in texts {
                if agent.language(code).is_none() {
                    return Err(self.after(line_start, key, format!("the agent does not speak {code}")));
                }
                if text.trim().is_empty() || (!yes_no && !text::variables(text).any(|name| name == "value")) {
                    return Err(self.after(line_start, key, "must hold {value}"));
                }
            }
        }
        if yes_no && field.read_back.len() != field.read_back_no.len() {
            return Err(self.after(line_start, "fields.read_back", "a yes_no field needs read_back and read_back_no"));
        }
        Ok(())
    }

    fn conditions(&self, line_start: usize, before: &[Field], field: &Field) -> Result<(), AgentError> {
        for (name, wanted) in &field.when {
            let wrong = |what: String| Err(self.after(line_start, "when", what));
            let Some(other) = before.iter().find(|other| other.name == *name) else {
                return wrong(format!("{name} is no earlier field"));
            };
            let possible: Vec<&str> = match other.kind {
                FieldKind::YesNo => vec!["yes", "no"],
                FieldKind::Choice => other.options.iter().map(|option| option.value.as_str()).collect(),
                FieldKind::Date
                | FieldKind::Money
                | FieldKind::Number
                | FieldKind::Phone
                | FieldKind::Text
                | FieldKind::TimeWindow => return wrong(format!("{name} is neither a yes_no nor a choice")),
            };
            if !possible.contains(&wanted.as_str()) {
                return wrong(format!("{name} is one of {}", possible.join(", ")));
            }
        }
        Ok(())
    }

    fn field_limits(&self, line_start: usize, field: &Field) -> Result<(), AgentError> {
        let counted = matches!(field.kind, FieldKind::Money | FieldKind::Number);
        if (field.min.is_some() || field.max.is_some()) && !counted {
            let key = if field.min.is_some() { "min" } else { "max" };
            return Err(self.after(line_start, key, "only money and number fields have limits"));
        }
        if let (Some(min), Some(max)) = (field.min, field.max)
            && min > max
        {
            return Err(self.after(line_start, "min", "is larger than max"));
        }
        if let Some(currency) = &field.currency {
            if field.kind != FieldKind::Money {
                return Err(self.after(line_start, "currency", "only money fields have a currency"));
            }
            if currency != "INR" {
                return Err(self.after(line_start, "currency", "only INR is understood"));
            }
        }
        match (field.kind, field.options.len()) {
            (FieldKind::Choice, 0 | 1) => Err(self.after(line_start, "options", "a choice needs two options or more")),
            (FieldKind::Choice, _) | (_, 0) => Ok(()),
            (_, _) => Err(self.after(line_start, "options", "only a choice has options")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGISTICS: &str = include_str!("../../agents/logistics.toml");
    const APPOINTMENT: &str = include_str!("../../agents/appointment.toml");

    #[test]
    fn the_agents_we_ship_are_right() {
        let logistics = parse("logistics.toml", LOGISTICS).unwrap();
        assert_eq!(logistics.agent_type, "LOGISTICS");
        let names: Vec<_> = logistics.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["charge", "time"]);
        let appointment = parse("appointment.toml", APPOINTMENT).unwrap();
        assert!(appointment.fields.iter().all(|field| logistics.field(&field.name).is_none()));
    }

    fn broken(change: impl Fn(String) -> String) -> AgentError {
        parse("a.toml", &change(LOGISTICS.to_owned())).unwrap_err()
    }

    #[test]
    fn a_broken_file_is_refused_with_line_key_and_reason() {
        let unknown = broken(|text| text.replace("timezone =", "timezon ="));
        assert_eq!(unknown.key, "timezon");
        assert!(unknown.what.contains("unknown field"), "{unknown}");
        assert!(unknown.line > 1);

        let kind = broken(|text| text.replace("\"time_window\"", "\"windows\""));
        assert!(kind.what.contains("unknown variant"), "{kind}");

        let number = broken(|text| text.replace("max_turns = 20", "max_turns = 0"));
        assert_eq!((number.key.as_str(), number.what.as_str()), ("max_turns", "expected 1 to 200"));

        let question = broken(|text| text.replacen("\"hi-IN\" = ", "\"ta-IN\" = ", 1));
        assert_eq!(question.key, "question");

        let voice = broken(|text| text.replacen("voice_id = \"", "voice_id = \"../", 1));
        assert_eq!(voice.key, "voice_id");

        let zone = broken(|text| text.replace("Asia/Kolkata", "Asia/Calcuta"));
        assert_eq!((zone.key.as_str(), zone.line), ("timezone", 4), "{zone}");

        let model = broken(|text| {
            text.replace("hi-IN", "mr-IN").replace("\"Polly.Kajal-Neural\"\n\n[languages.voice]\nvoice_id = \"EXAVITQu4vr4xnSDxMaL\"\nmodel_id = \"eleven_flash_v2_5\"\n\n[languages.texts]\nlanguage_prompt = \"हिंदी", "\"Google.mr-IN-Standard-A\"\n\n[languages.voice]\nvoice_id = \"EXAVITQu4vr4xnSDxMaL\"\nmodel_id = \"eleven_flash_v2_5\"\n\n[languages.texts]\nlanguage_prompt = \"हिंदी")
        });
        assert_eq!(model.key, "model_id");
        assert!(model.what.contains("does not speak mr-IN") && model.line > 30, "{model}");
        let voice = broken(|text| text.replace("hi-IN", "mr-IN"));
        assert_eq!((voice.key.as_str(), voice.line > 30), ("twilio_voice", true), "{voice}");
        let code = broken(|text| text.replace("hi-IN", "fr-FR"));
        assert_eq!(code.key, "code", "{code}");

        let required = "[calling]\ndisclosure_required = true\n\n[recording]";
        let disclosure = broken(|text| text.replace("[recording]", required));
        assert_eq!(disclosure.key, "disclosure");
        assert!(disclosure.what.contains("en-IN") && disclosure.line > 30, "{disclosure}");
        let disclosure = broken(|text| {
            text.replace("[recording]", required).replacen("filler = ", "disclosure = \"A machine.\"\nfiller = ", 1)
        });
        assert!(disclosure.what.contains("hi-IN") && disclosure.line > 60, "{disclosure}");
        let silent = broken(|text| {
            text.replace("enabled = false", "enabled = true")
                .replace("recording_announcement = \"This", "filler = \"This")
                .replacen("filler = \"One", "do_not_call = \"One", 1)
                .replacen("do_not_call = \"All", "disclosure = \"All", 1)
        });
        assert_eq!(silent.key, "recording_announcement", "{silent}");

        for number in ["+0123456789", "0123456789", "+91x", "+91987654321098765"] {
            let handover =
                broken(|text| text.replacen("mode = ", &format!("handover_number = \"{number}\"\nmode = "), 1));
            assert_eq!(handover.key, "handover_number", "{handover}");
        }
        let always = broken(|text| {
            text.replace("[recording]", "[calling]\nquiet_days = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]\n[recording]")
        });
        assert_eq!(always.key, "quiet_days");
        let hours = broken(|text| text.replace("[recording]", "[calling]\nquiet_hours = \"9pm-9am\"\n[recording]"));
        assert_eq!((hours.key.as_str(), hours.line > 20), ("quiet_hours", true), "{hours}");
        assert!(hours.what.contains("21:00-09:00"), "{hours}");

        let when = broken(|text| {
            text.replace("kind = \"time_window\"", "kind = \"time_window\"\nwhen = { charge = \"yes\" }")
        });
        assert_eq!(when.key, "when", "{when}");

        let syntax = broken(|text| format!("{text}\n[oops\n"));
        assert!(syntax.line > 20);
    }
}

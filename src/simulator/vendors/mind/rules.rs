//! The default mind: finds values in the caller's own words with [`crate::understand`] and asks for what is missing. It is a
//! demonstration, not a model.

use serde_json::{Map, Value, json};

use super::{GeminiRequest, answer};
use crate::understand::{self, Kind, Scene};

/// An honest little extractor: for each field of the answer's `data`, the caller's latest words that hold a value of its kind (the
/// kind that the instructions name, as in `- charge (money, …)`, or else one guessed from the field's name and description). All
/// found: `THANK_YOU_RESPONSE`; a person asked for: `HANDOVER_TO_HUMAN`; else `NEED_MORE_INFO`. It answers in the language that the
/// instructions or the caller's last words show.
pub fn extract(request: &GeminiRequest) -> String {
    let last = request.caller().next_back().unwrap_or("");
    let hindi = request.system.contains("Speak only Hindi") || is_devanagari(last);
    let mut data = Map::new();
    let mut missing = None;
    for (name, description) in &request.fields {
        let looks = Looks::of(name, description, &request.system);
        let found = request.caller().rev().find_map(|line| looks.find(line));
        let needed = !request.system.contains(&format!("- {name} ({}, optional)", looks.name()));
        if found.is_none() && needed && missing.is_none() {
            missing = Some((name, looks));
        }
        data.insert(name.clone(), found.map_or(Value::Null, |words| json!(words)));
    }
    let handover =
        understand::read(last, Kind::Handover, &scene(None)).value == Some(understand::Value::Handover(true));
    if handover {
        let say = if hindi {
            "ठीक है, मैं आपको किसी से मिलाती हूँ।"
        } else {
            "Sure, let me connect you to a colleague."
        };
        return answer(request, say, "HANDOVER_TO_HUMAN", data);
    }
    match missing {
        None => {
            let say = if hindi {
                "धन्यवाद, सब मिल गया। नमस्ते!"
            } else {
                "Thank you, I have everything. Goodbye!"
            };
            answer(request, say, "THANK_YOU_RESPONSE", data)
        }
        Some((name, looks)) => {
            let question = last.ends_with('?');
            let first = match (question, hindi) {
                (true, false) => "This is an automated assistant.",
                (true, true) => "मैं एक स्वचालित सहायक हूँ।",
                (false, false) => "Thank you.",
                (false, true) => "धन्यवाद।",
            };
            let say = format!("{first} {}", looks.question(name, hindi));
            answer(request, &say, "NEED_MORE_INFO", data)
        }
    }
}

/// A model that is never content: it takes no value and asks again, so that a call lasts until its caller hangs up. For load.
pub fn keep_asking(request: &GeminiRequest) -> String {
    let data = request.fields.iter().map(|(name, _)| (name.clone(), Value::Null)).collect();
    answer(request, "Thank you. What would you charge for the next trip?", "NEED_MORE_INFO", data)
}

/// What a field seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Choice,
    Known(Kind),
    Text,
}

impl Looks {
    fn of(name: &str, description: &str, system: &str) -> Self {
        let stated = system.split_once(&format!("- {name} (")).and_then(|(_, rest)| rest.split([',', ')']).next());
        match stated {
            Some("choice") => return Self::Choice,
            Some("date") => return Self::Known(Kind::Date),
            Some("money") => return Self::Known(Kind::Money),
            Some("number") => return Self::Known(Kind::Number),
            Some("phone") => return Self::Known(Kind::Phone),
            Some("text") => return Self::Text,
            Some("time_window") => return Self::Known(Kind::TimeWindow),
            Some("yes_no") => return Self::Known(Kind::YesNo),
            Some(_) | None => {}
        }
        for text in [name, description] {
            let text = text.to_lowercase();
            let guesses: [(&[&str], Kind); 6] = [
                (&["charge", "price", "amount", "money", "cost", "rupee"], Kind::Money),
                (&["time", "window", "slot", "hour"], Kind::TimeWindow),
                (&["date", "day"], Kind::Date),
                (&["phone", "mobile"], Kind::Phone),
                (&["number", "count", "how many", "quantity"], Kind::Number),
                (&["confirm", "whether", "yes"], Kind::YesNo),
            ];
            if let Some((_, kind)) = guesses.iter().find(|(words, _)| words.iter().any(|word| text.contains(word))) {
                return Self::Known(*kind);
            }
        }
        Self::Text
    }

    /// The kind as an agent file names it.
    fn name(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Known(Kind::Date) => "date",
            Self::Known(Kind::Money) => "money",
            Self::Known(Kind::Number) => "number",
            Self::Known(Kind::Phone) => "phone",
            Self::Known(Kind::TimeWindow) => "time_window",
            Self::Known(Kind::YesNo) => "yes_no",
            Self::Text | Self::Known(Kind::Handover | Kind::Language) => "text",
        }
    }

    /// The words of a line that hold such a value.
    fn find(self, line: &str) -> Option<String> {
        match self {
            Self::Known(kind) => {
                let reading = understand::read(line, kind, &scene(Some(kind)));
                let found = reading.value.is_some() || reading.ambiguous;
                let words = line.get(reading.span).map(str::trim).filter(|words| !words.is_empty());
                found.then(|| words.unwrap_or(line).to_owned())
            }
            // Which option is meant, or what a free text is, needs a model; the product's own rules take what they can.
            Self::Choice | Self::Text => None,
        }
    }

    fn question(self, name: &str, hindi: bool) -> String {
        match (self, hindi) {
            (Self::Known(Kind::Money), false) => "What would be the charge, in rupees?".to_owned(),
            (Self::Known(Kind::Money), true) => "कितने रुपये लगेंगे?".to_owned(),
            (Self::Known(Kind::TimeWindow), false) => "And what time window suits you?".to_owned(),
            (Self::Known(Kind::TimeWindow), true) => "किस समय आना ठीक रहेगा?".to_owned(),
            (_, false) => format!("Could you tell me the {}?", name.replace('_', " ")),
            (_, true) => "कृपया बाकी जानकारी दीजिए।".to_owned(),
        }
    }
}

fn is_devanagari(text: &str) -> bool {
    text.chars().any(|c| ('\u{900}'..='\u{97F}').contains(&c))
}

fn scene(expect: Option<Kind>) -> Scene {
    let india = jiff::tz::TimeZone::get("Asia/Kolkata").unwrap_or(jiff::tz::TimeZone::UTC);
    Scene { now: jiff::Timestamp::now().to_zoned(india).datetime(), expect }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(lines: &[&str]) -> Value {
        let contents: Vec<Value> = lines
            .iter()
            .enumerate()
            .map(|(n, text)| json!({"role": if n % 2 == 0 { "user" } else { "model" }, "parts": [{"text": text}]}))
            .collect();
        let fields = json!({"charge": {"description": "what he charges"}, "time": {"description": "the window"}});
        let schema = json!({"properties": {"say": {}, "type": {}, "data": {"properties": fields}}});
        let system =
            "Fields:\n- charge (money, required): what he charges\n- time (time_window, required): the window\n";
        let raw = json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": contents,
            "generationConfig": {"responseJsonSchema": schema}});
        serde_json::from_str(&extract(&GeminiRequest::read("m", raw))).unwrap()
    }

    #[test]
    fn values_are_taken_from_all_of_the_callers_lines_and_from_nobody_elses() {
        let asked = answer_to(&["hello, who is calling?"]);
        assert_eq!((&asked["type"], &asked["data"]["charge"]), (&json!("NEED_MORE_INFO"), &Value::Null));
        let one = answer_to(&["five hundred rupees"]);
        assert_eq!(
            (&one["type"], &one["data"]["charge"], &one["data"]["time"]),
            (&json!("NEED_MORE_INFO"), &json!("five hundred rupees"), &Value::Null)
        );
        let both = answer_to(&["five hundred rupees", "Nine hundred rupees? From one to two pm?", "two pm to five pm"]);
        assert_eq!(both["type"], "THANK_YOU_RESPONSE");
        assert_eq!(both["data"], json!({"charge": "five hundred rupees", "time": "two pm to five pm"}));
        let hindi = answer_to(&["ढाई हज़ार रुपये, दो से पाँच बजे"]);
        assert_eq!(hindi["type"], "THANK_YOU_RESPONSE", "{hindi}");
        let person = answer_to(&["let me talk to a person"]);
        assert_eq!(person["type"], "HANDOVER_TO_HUMAN");
    }
}

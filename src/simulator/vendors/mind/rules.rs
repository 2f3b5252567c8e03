//! The default mind: finds values in the caller's own words and asks for what is missing. It is a demonstration, not a model.

use serde_json::{Map, Value, json};

use super::{GeminiRequest, answer};

/// An honest little extractor: for each field of the answer's `data`, the caller's latest words that look like its kind (by the
/// field's name and description). All found: `THANK_YOU_RESPONSE`; a person asked for: `HANDOVER_TO_HUMAN`; else `NEED_MORE_INFO`.
pub fn extract(request: &GeminiRequest) -> String {
    let hindi =
        request.caller().next_back().is_some_and(|line| line.chars().any(|c| ('\u{900}'..='\u{97F}').contains(&c)));
    let mut data = Map::new();
    let mut missing = None;
    for (name, description) in &request.fields {
        let looks = Looks::of(name, description);
        let found = request.caller().rev().find_map(|line| looks.find(line));
        if found.is_none() && missing.is_none() {
            missing = Some((name, looks));
        }
        data.insert(name.clone(), found.map_or(Value::Null, |words| json!(words)));
    }
    let last = request.caller().next_back().unwrap_or("").to_lowercase();
    if ["person", "human", "manager", "insaan", "इंसान"].iter().any(|word| last.contains(word)) {
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
            let say = match (looks, hindi) {
                (Looks::Money, false) => "Thank you. What would be the charge, in rupees?".to_owned(),
                (Looks::Money, true) => "धन्यवाद। कितने रुपये लगेंगे?".to_owned(),
                (Looks::Time, false) => "Thank you. And what time window suits you?".to_owned(),
                (Looks::Time, true) => "धन्यवाद। किस समय आना ठीक रहेगा?".to_owned(),
                (Looks::Other, false) => format!("Thank you. Could you tell me the {}?", name.replace('_', " ")),
                (Looks::Other, true) => "धन्यवाद। कृपया बाकी जानकारी दीजिए।".to_owned(),
            };
            answer(request, &say, "NEED_MORE_INFO", data)
        }
    }
}

/// What a field seems to hold.
#[derive(Clone, Copy)]
enum Looks {
    Money,
    Time,
    Other,
}

impl Looks {
    fn of(name: &str, description: &str) -> Self {
        let text = format!("{name} {description}").to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["charge", "price", "amount", "money", "cost", "rupee"]) {
            Self::Money
        } else if has(&["time", "window", "slot", "hour"]) {
            Self::Time
        } else {
            Self::Other
        }
    }

    /// The words of a line that hold such a value.
    fn find(self, line: &str) -> Option<&str> {
        let parts = line.split([',', '.', '?', '।']).map(str::trim).filter(|part| !part.is_empty());
        let has = |part: &str, marks: &[&str]| {
            part.to_lowercase()
                .split_whitespace()
                .any(|word| marks.contains(&word.trim_matches(|c: char| c.is_ascii_punctuation())))
        };
        let digits = |part: &str| part.chars().any(|c| c.is_numeric());
        let clock = |part: &str| has(part, &TIME_WORDS);
        match self {
            Self::Money => {
                parts.rev().find(|part| (has(part, &MONEY_WORDS) || part.contains('₹') || digits(part)) && !clock(part))
            }
            Self::Time => parts.rev().find(|part| clock(part)),
            Self::Other => None,
        }
    }
}

const MONEY_WORDS: [&str; 20] = [
    "rupees",
    "rupee",
    "rs",
    "hundred",
    "thousand",
    "lakh",
    "sau",
    "hazaar",
    "hazar",
    "rupaye",
    "रुपये",
    "रुपए",
    "रुपया",
    "सौ",
    "हज़ार",
    "हजार",
    "लाख",
    "bucks",
    "paise",
    "हज़ार",
];
const TIME_WORDS: [&str; 16] = [
    "am",
    "pm",
    "a.m",
    "p.m",
    "o'clock",
    "morning",
    "afternoon",
    "evening",
    "baje",
    "subah",
    "shaam",
    "dopahar",
    "बजे",
    "सुबह",
    "शाम",
    "दोपहर",
];

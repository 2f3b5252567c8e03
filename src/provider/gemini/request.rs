//! A prompt in Gemini's spelling (camelCase, `v1beta`): contents, the answer's schema, the least thinking each model allows.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::conversation::prompt::{Prompt, Speaker};

/// The body of `streamGenerateContent`.
pub(super) fn body(prompt: &Prompt, model: &str) -> Bytes {
    let mut generation = Map::new();
    generation.insert("maxOutputTokens".to_owned(), json!(output_tokens(model)));
    generation.insert("responseMimeType".to_owned(), json!("application/json"));
    generation.insert("responseJsonSchema".to_owned(), schema(prompt));
    if let Some(thinking) = thinking(model) {
        generation.insert("thinkingConfig".to_owned(), thinking);
    }
    let body = json!({
        "systemInstruction": {"parts": [{"text": prompt.system}]},
        "contents": contents(prompt),
        "generationConfig": generation,
    });
    body.to_string().into()
}

/// The call so far: roles alternate, and both the first and the last is the user's (a trailing model turn is a 400).
fn contents(prompt: &Prompt) -> Value {
    let mut turns: Vec<(Speaker, String)> = Vec::new();
    for line in prompt.lines.iter().filter(|line| !line.text.trim().is_empty()) {
        match turns.last_mut() {
            Some((speaker, text)) if *speaker == line.speaker => {
                text.push('\n');
                text.push_str(&line.text);
            }
            _ => turns.push((line.speaker, line.text.clone())),
        }
    }
    if turns.first().is_none_or(|(speaker, _)| *speaker == Speaker::Agent) {
        turns.insert(0, (Speaker::Caller, CALL_CONNECTED.to_owned()));
    }
    if turns.last().is_some_and(|(speaker, _)| *speaker == Speaker::Agent) {
        turns.push((Speaker::Caller, NO_WORDS.to_owned()));
    }
    let content = |(speaker, text)| {
        let role = match speaker {
            Speaker::Agent => "model",
            Speaker::Caller => "user",
        };
        json!({"role": role, "parts": [{"text": text}]})
    };
    turns.into_iter().map(content).collect()
}

/// The answer's schema, spoken words first. Models were seen to follow the order of `properties`, of `required` or of
/// `propertyOrdering`; all three say the same.
fn schema(prompt: &Prompt) -> Value {
    let mut fields = Map::new();
    for field in &prompt.fields {
        fields.insert(field.name.clone(), json!({"type": ["string", "null"], "description": field.description}));
    }
    let names: Vec<&str> = prompt.fields.iter().map(|field| field.name.as_str()).collect();
    let mut properties = Map::new();
    properties.insert("say".to_owned(), json!({"type": "string"}));
    properties.insert("type".to_owned(), json!({"type": "string", "enum": DECISIONS}));
    // An object without properties is refused.
    if !names.is_empty() {
        properties.insert(
            "data".to_owned(),
            json!({"type": "object", "properties": fields, "required": names, "propertyOrdering": names}),
        );
    }
    let order: Vec<String> = properties.keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": order, "propertyOrdering": order})
}

/// The least thinking a model allows. A wrong level is a 400, so models of no table get none.
fn thinking(model: &str) -> Option<Value> {
    match least_thinking(model)? {
        Thinking::Off => Some(json!({"thinkingBudget": 0})),
        Thinking::Minimal => Some(json!({"thinkingLevel": "minimal"})),
        Thinking::Low => Some(json!({"thinkingLevel": "low"})),
    }
}

/// Thinking is counted with the output, so a model that thinks gets more.
fn output_tokens(model: &str) -> u32 {
    match least_thinking(model) {
        Some(Thinking::Off | Thinking::Minimal) => 400,
        Some(Thinking::Low) | None => 1024,
    }
}

enum Thinking {
    Off,
    Minimal,
    Low,
}

fn least_thinking(model: &str) -> Option<Thinking> {
    Some(match model {
        "gemini-2.5-flash" | "gemini-2.5-flash-lite" => Thinking::Off,
        "gemini-3-flash-preview"
        | "gemini-3.1-flash-lite"
        | "gemini-3.5-flash"
        | "gemini-3.5-flash-lite"
        | "gemini-3.6-flash" => Thinking::Minimal,
        "gemini-3.1-pro" | "gemini-3.1-pro-preview" | "gemini-3.7-flash" | "gemini-3.8-flash" | "gemini-4-argon" => {
            Thinking::Low
        }
        _ => return None,
    })
}

const DECISIONS: [&str; 3] = ["THANK_YOU_RESPONSE", "NEED_MORE_INFO", "HANDOVER_TO_HUMAN"];
const CALL_CONNECTED: &str = "(call connected)";
const NO_WORDS: &str = "(the caller says nothing)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::prompt::{Line, PromptField};

    fn prompt(lines: &[(Speaker, &str)]) -> Prompt {
        let line = |&(speaker, text): &(Speaker, &str)| Line { speaker, text: text.to_owned() };
        let field = |name: &str| PromptField { name: name.to_owned(), description: "as said".to_owned() };
        Prompt {
            system: "You are an agent.".to_owned(),
            lines: lines.iter().map(line).collect(),
            fields: vec![field("time"), field("charge")],
        }
    }

    fn written(prompt: &Prompt, model: &str) -> Value {
        serde_json::from_slice(&body(prompt, model)).unwrap()
    }

    #[test]
    fn roles_alternate_and_the_user_is_first_and_last() {
        let lines = [
            (Speaker::Agent, "Hello."),
            (Speaker::Agent, "Your charge?"),
            (Speaker::Caller, "um"),
            (Speaker::Agent, "Yes?"),
        ];
        let body = written(&prompt(&lines), "gemini-3.5-flash-lite");
        let turns: Vec<_> =
            body["contents"].as_array().unwrap().iter().map(|turn| turn["role"].as_str().unwrap()).collect();
        assert_eq!(turns, ["user", "model", "user", "model", "user"]);
        assert_eq!(body["contents"][1]["parts"][0]["text"], "Hello.\nYour charge?");
        assert_eq!(written(&prompt(&[]), "m")["contents"][0]["role"], "user");
    }

    #[test]
    fn the_spoken_words_come_first_in_every_order_and_fields_keep_the_agents_order() {
        let text = String::from_utf8(body(&prompt(&[]), "gemini-3.5-flash-lite").to_vec()).unwrap();
        let schema = &text[text.find("responseJsonSchema").unwrap()..];
        let place = |what: &str| schema.find(what).unwrap();
        assert!(place("\"say\"") < place("\"type\":{") && place("\"type\":{") < place("\"data\""));
        assert!(place("\"time\"") < place("\"charge\""));
        assert!(schema.contains(r#""required":["say","type","data"],"propertyOrdering":["say","type","data"]"#));
    }

    #[test]
    fn thinking_is_set_by_model_and_left_alone_for_unknown_ones() {
        let config = |model: &str| written(&prompt(&[]), model)["generationConfig"].clone();
        assert_eq!(config("gemini-3.5-flash-lite")["thinkingConfig"]["thinkingLevel"], "minimal");
        assert_eq!(config("gemini-3.8-flash")["thinkingConfig"]["thinkingLevel"], "low");
        assert_eq!(config("gemini-2.5-flash")["thinkingConfig"]["thinkingBudget"], 0);
        assert!(config("gemini-9-neon").get("thinkingConfig").is_none());
        assert!(config("gemini-3.5-flash-lite").get("temperature").is_none());
    }
}

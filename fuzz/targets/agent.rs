//! Agents' files. Nothing panics; an agent that is taken has every text in each of its languages; an error is short.

use trunkline::agent;

pub(crate) fn run(bytes: &[u8]) {
    match agent::parse("fuzzed.toml", &super::text(bytes)) {
        Ok(agent) => {
            assert!(!agent.languages.is_empty());
            for field in &agent.fields {
                for language in &agent.languages {
                    assert!(field.question.contains_key(&language.code), "a question is missing");
                }
            }
        }
        Err(error) => assert!(error.to_string().starts_with("fuzzed.toml"), "{error}"),
    }
}

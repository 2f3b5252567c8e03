//! Gemini's stream of server-sent events, read tolerantly: chunks end anywhere, also inside a character; lines end with `\n` or
//! `\r\n`; there is no `[DONE]`; an error may come as an object, as a one-element array, with any status, also in mid-stream.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Failure, fault};
use crate::provider::ProviderErrorKind;
use crate::provider::net::{plain_code, status_kind};

/// What was read.
#[derive(Debug)]
pub(super) enum Piece {
    /// The next piece of the answer's text; not aligned to words.
    Text(String),
    /// The answer is whole.
    Whole,
    /// The answer will not come, or not whole. Nothing follows.
    Failed(Failure),
}

/// Reads one response body.
#[derive(Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    event: Vec<u8>,
    /// Lines that are no event's: a body that is plain JSON.
    stray: Vec<u8>,
    /// The answer so far: tells a stream that ended without saying so from one that was cut.
    text: String,
    total: usize,
}

impl Reader {
    /// Takes in a chunk.
    pub(super) fn read(&mut self, chunk: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Err(failure) = self.take_chunk(chunk, &mut pieces) {
            pieces.push(Piece::Failed(failure));
        }
        pieces
    }

    /// The body has ended: gives [`Piece::Whole`] or a failure as the last piece.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Err(failure) = self.take_end(&mut pieces) {
            pieces.push(Piece::Failed(failure));
        }
        pieces
    }

    fn take_chunk(&mut self, chunk: &[u8], pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        self.total += chunk.len();
        if self.total > MAX_BODY_BYTES {
            return Err(broken("an answer without end"));
        }
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > MAX_LINE_BYTES {
                return Err(broken("a line without end"));
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(line.trim_ascii_end(), pieces)?;
            }
        }
        Ok(())
    }

    fn take_end(&mut self, pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        self.take_line(line.trim_ascii_end(), pieces)?;
        self.take_line(b"", pieces)?;
        if pieces.iter().any(|piece| matches!(piece, Piece::Whole)) {
            return Ok(());
        }
        if !self.stray.is_empty() {
            // Behind a gateway a body may be plain JSON whatever was asked for: at best an error with a 200.
            return Err(error_of_body(200, &self.stray));
        }
        if self.text.is_empty() {
            return Err(broken("an empty answer"));
        }
        if serde_json::from_str::<IgnoredAny>(&self.text).is_err() {
            return Err(broken("the answer broke off"));
        }
        pieces.push(Piece::Whole);
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return if event.is_empty() { Ok(()) } else { self.take_event(&event, pieces) };
        }
        if let Some(rest) = line.strip_prefix(b"data:") {
            if self.event.len() + rest.len() > MAX_LINE_BYTES {
                return Err(broken("an event without end"));
            }
            self.event.extend_from_slice(rest);
            self.event.push(b'\n');
        } else if matches!(line.first(), Some(b'{' | b'[')) || !self.stray.is_empty() {
            self.stray.extend_from_slice(line);
            self.stray.push(b'\n');
        }
        Ok(())
    }

    fn take_event(&mut self, event: &[u8], pieces: &mut Vec<Piece>) -> Result<(), Failure> {
        let chunk: Chunk = match serde_json::from_slice(event) {
            Ok(chunk) => chunk,
            Err(_) if event.trim_ascii_start().starts_with(b"[") => return Err(error_of_body(200, event)),
            Err(_) => return Err(broken("an event is not JSON of the known shape")),
        };
        if chunk.error.is_some() {
            return Err(error_of_body(200, event));
        }
        if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            return Err(blocked(&format!("the prompt was blocked: {}", plain_code(&reason))));
        }
        let Some(candidate) = chunk.candidates.into_iter().next() else { return Ok(()) };
        let mut text = String::new();
        for part in candidate.content.unwrap_or_default().parts {
            if !part.thought {
                text.push_str(&part.text.unwrap_or_default());
            }
        }
        if !text.is_empty() {
            self.text.push_str(&text);
            pieces.push(Piece::Text(text));
        }
        Err(match candidate.finish_reason.as_deref() {
            None | Some("FINISH_REASON_UNSPECIFIED") => return Ok(()),
            Some("STOP") if !self.text.is_empty() => {
                pieces.push(Piece::Whole);
                return Ok(());
            }
            Some("STOP") => broken("an empty answer"),
            Some("MAX_TOKENS") => broken("the answer is longer than allowed"),
            Some(reason @ ("MALFORMED_RESPONSE" | "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "OTHER")) => {
                broken(&format!("the answer ended with {}", plain_code(reason)))
            }
            Some(reason) => blocked(&format!("the answer was blocked: {}", plain_code(reason))),
        })
    }
}

/// The error in a body, whatever its status: a bad key is a 400 of reason `API_KEY_INVALID`.
pub(super) fn error_of_body(status: u16, body: &[u8]) -> Failure {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get(0).unwrap_or(&body).get("error").cloned().unwrap_or_default();
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = code.filter(|_| status == 200).unwrap_or(status);
    let name = error.get("status").and_then(Value::as_str).unwrap_or("unknown");
    let details = error.get("details").and_then(Value::as_array);
    let reason = details.and_then(|all| all.iter().find_map(|detail| detail.get("reason")?.as_str()));
    let is_bad_key = reason == Some("API_KEY_INVALID") || matches!(status, 401 | 403);
    let mut what = format!("{status} {}", plain_code(name));
    if let Some(reason) = reason {
        what.push(' ');
        what.push_str(&plain_code(reason));
    }
    Failure { error: fault(status_kind(status), what), is_final: is_bad_key }
}

fn broken(what: &str) -> Failure {
    fault(ProviderErrorKind::Broken, what).into()
}

/// Asking again would be blocked again.
fn blocked(what: &str) -> Failure {
    Failure { error: fault(ProviderErrorKind::Refused, what), is_final: true }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

const MAX_BODY_BYTES: usize = 1024 * 1024;
const MAX_LINE_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str, finish: Option<&str>) -> String {
        let mut candidate = serde_json::json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
        if let Some(reason) = finish {
            candidate["finishReason"] = reason.into();
        }
        format!("data: {}\r\n\r\n", serde_json::json!({"candidates": [candidate]}))
    }

    /// Reads a body cut into chunks of `size` bytes; returns the text and how it ended.
    fn read(body: &str, size: usize) -> (String, String) {
        let mut reader = Reader::default();
        let mut text = String::new();
        let mut pieces: Vec<Piece> = body.as_bytes().chunks(size).flat_map(|chunk| reader.read(chunk)).collect();
        if !pieces.iter().any(|piece| matches!(piece, Piece::Whole | Piece::Failed(_))) {
            pieces.extend(reader.finish());
        }
        for piece in pieces {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Whole => return (text, "whole".to_owned()),
                Piece::Failed(failure) => return (text, failure.error.to_string()),
            }
        }
        (text, "nothing".to_owned())
    }

    #[test]
    fn chunks_may_split_anywhere_even_inside_a_character() {
        let body = event(r#"{"say":"नमस्ते \u0939"#, None) + &event(r#" ₹","type":"x"}"#, Some("STOP"));
        for size in 1..40 {
            let (text, end) = read(&body, size);
            assert_eq!(text, r#"{"say":"नमस्ते \u0939 ₹","type":"x"}"#, "chunks of {size}");
            assert_eq!(end, "whole");
        }
    }

    #[test]
    fn a_stream_that_ends_unsaid_is_whole_only_if_its_json_is() {
        assert_eq!(read(&event(r#"{"say":"hi"}"#, None), 7).1, "whole");
        assert_eq!(read(&event(r#"{"say":"h"#, None), 7).1, "gemini broken: the answer broke off");
        assert_eq!(read("", 7).1, "gemini broken: an empty answer");
    }

    #[test]
    fn an_answer_cut_at_its_limit_is_passed_on_and_then_fails() {
        let (text, end) = read(&event(r#"{"say":"Hello"#, Some("MAX_TOKENS")), 9);
        assert_eq!(text, r#"{"say":"Hello"#);
        assert_eq!(end, "gemini broken: the answer is longer than allowed");
    }

    #[test]
    fn blocks_are_refusals() {
        let body = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
        assert_eq!(read(body, 5).1, "gemini refused: the prompt was blocked: SAFETY");
        assert_eq!(read(&event("", Some("SAFETY")), 5).1, "gemini refused: the answer was blocked: SAFETY");
    }

    #[test]
    fn thoughts_are_not_words_of_the_answer() {
        let body = r#"data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"{}"}]},"finishReason":"STOP"}]}"#;
        assert_eq!(read(body, 1000).0, "{}");
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        let bad_key = r#"{"error":{"code":400,"message":"key AIzaSECRET","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let failure = error_of_body(400, bad_key.as_bytes());
        assert_eq!(failure.error.to_string(), "gemini refused: 400 INVALID_ARGUMENT API_KEY_INVALID");
        assert!(failure.is_final);
        let array = br#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#;
        assert_eq!(error_of_body(429, array).error.kind, ProviderErrorKind::Quota);
        let inside = "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n";
        assert_eq!(read(inside, 6).1, "gemini unavailable: 503 UNAVAILABLE");
        let unasked = "[{\"error\":{\"code\":429,\n\"status\":\"RESOURCE_EXHAUSTED\"}}]";
        assert_eq!(read(unasked, 6).1, "gemini quota: 429 RESOURCE_EXHAUSTED");
        assert_eq!(read("<html>oops</html>", 6).1, "gemini broken: an empty answer");
        assert_eq!(read("data: {oops\n\n", 6).1, "gemini broken: an event is not JSON of the known shape");
    }

    #[test]
    fn lines_and_bodies_are_bounded() {
        let endless = format!("data: {}", "x".repeat(MAX_LINE_BYTES));
        assert_eq!(read(&endless, 4096).1, "gemini broken: a line without end");
    }
}

//! ElevenLabs' error codes, from HTTP bodies, socket messages and close reasons, sorted by whose fault they are.
//!
//! HTTP bodies come in three shapes: `{"detail":{"code"|"status":…}}`, `{"detail":[…]}` (validation) and others. A used-up quota
//! may come as 401, so a known code outweighs the HTTP status.

use serde_json::Value;

use super::VENDOR;
use crate::provider::net::{plain_code, status_kind};
use crate::provider::{ProviderError, ProviderErrorKind};

/// The error of an HTTP answer that is not a success.
pub(super) fn of_body(status: u16, body: &[u8]) -> ProviderError {
    let code = code_of_body(body);
    let kind = kind_of_code(&code).unwrap_or_else(|| status_kind(status));
    ProviderError::new(VENDOR, kind, format!("{status} {}", plain_code(&code)))
}

/// The error of a code in a socket's message or close reason.
pub(super) fn of_code(code: &str) -> ProviderError {
    let kind = kind_of_code(code).unwrap_or(ProviderErrorKind::Broken);
    ProviderError::new(VENDOR, kind, plain_code(code))
}

/// A break of the protocol.
pub(super) fn broken(what: &'static str) -> ProviderError {
    ProviderError::new(VENDOR, ProviderErrorKind::Broken, what)
}

/// A deadline that passed.
pub(super) fn late(what: &'static str) -> ProviderError {
    ProviderError::new(VENDOR, ProviderErrorKind::Timeout, what)
}

/// Whether a code of the realtime recogniser ends it for good; all others are worth a new connection.
pub(super) fn ends_the_ears(code: &str) -> bool {
    matches!(
        code,
        "auth_error"
            | "quota_exceeded"
            | "unaccepted_terms"
            | "invalid_request"
            | "input_error"
            | "chunk_size_exceeded"
    )
}

fn code_of_body(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return "unknown".to_owned() };
    match body.get("detail") {
        Some(Value::Array(_)) => "validation_error".to_owned(),
        Some(Value::Object(detail)) => ["code", "status"]
            .iter()
            .find_map(|key| detail.get(*key).and_then(Value::as_str))
            .unwrap_or("unknown")
            .to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn kind_of_code(code: &str) -> Option<ProviderErrorKind> {
    Some(match code {
        "quota_exceeded"
        | "insufficient_credits"
        | "rate_limit_exceeded"
        | "rate_limited"
        | "concurrent_limit_exceeded"
        | "too_many_concurrent_requests" => ProviderErrorKind::Quota,
        "system_busy" | "queue_overflow" | "resource_exhausted" | "transcriber_error" => ProviderErrorKind::Unavailable,
        "auth_error"
        | "authentication_required"
        | "invalid_api_key"
        | "missing_api_key"
        | "unaccepted_terms"
        | "invalid_request"
        | "input_error"
        | "chunk_size_exceeded"
        | "voice_not_found"
        | "paid_plan_required"
        | "payment_required"
        | "validation_error"
        | "max_character_limit_exceeded" => ProviderErrorKind::Refused,
        "input_timeout_exceeded" => ProviderErrorKind::Timeout,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_comes_as_401_is_a_quota() {
        let error = of_body(401, br#"{"detail":{"status":"quota_exceeded","message":"sk_secret"}}"#);
        assert_eq!(error.kind, ProviderErrorKind::Quota);
        assert_eq!(error.to_string(), "elevenlabs quota: 401 quota_exceeded");
    }

    #[test]
    fn the_new_shape_prefers_the_code_and_the_array_is_a_validation_error() {
        let new = br#"{"detail":{"type":"rate_limit_error","code":"concurrent_limit_exceeded","status":"too_many"}}"#;
        assert_eq!(of_body(429, new).what, "429 concurrent_limit_exceeded");
        assert_eq!(of_body(422, br#"{"detail":[{"loc":["body","text"]}]}"#).kind, ProviderErrorKind::Refused);
    }

    #[test]
    fn an_unreadable_body_leaves_the_status_to_decide() {
        assert_eq!(of_body(503, b"<html>").kind, ProviderErrorKind::Unavailable);
        assert_eq!(of_body(401, b"").kind, ProviderErrorKind::Refused);
    }
}

//! Errors for developers: RFC 9457 problem documents. Not for Twilio, which gets TwiML. Key type: [`Problem`].
//!
//! `type` is `about:blank` where the status says it all; a rule that forbids a call has a name of its own, which never changes:
//! `urn:trunkline:problem:do_not_call`, `…:quiet_hours`, `…:too_many_calls`.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use crate::session::Rule;

/// What went wrong with a request, as `application/problem+json`: `type`, `title`, `status`, `detail`, `field` where one is wrong, and
/// `permitted_from` where a later request will be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: Box<str>,
    field: Option<Box<str>>,
    forbidden: Option<Box<Forbidden>>,
}

/// What a rule forbids, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    /// The rule.
    pub(super) rule: Rule,
    /// From when on the same request will be granted, where that is a time of the day.
    pub(super) permitted_from: Option<Timestamp>,
    /// How long to wait before the next try, as `Retry-After`.
    pub(super) retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of the whole request; `detail` is a sentence for the developer who sent it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into().into_boxed_str(), field: None, forbidden: None }
    }

    /// A problem of one field or parameter, 422.
    pub fn of_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into().into_boxed_str()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// Names the field that is to blame.
    pub fn about(mut self, field: Option<&str>) -> Self {
        self.field = field.map(Box::from);
        self
    }

    /// A rule forbids it: the problem's type is named after the rule.
    pub(super) fn of_rule(mut self, forbidden: Forbidden) -> Self {
        self.forbidden = Some(Box::new(forbidden));
        self
    }

    /// A defect of ours was met.
    pub(super) fn defect() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "a defect of the server; its log says more")
    }

    /// No call of this identifier is known.
    pub(super) fn no_such_call() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no call has this call_sid")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            permitted_from: Option<Timestamp>,
        }
        let forbidden = self.forbidden.as_deref();
        let rule = forbidden.map(|forbidden| forbidden.rule);
        let kind =
            rule.map_or_else(|| "about:blank".to_owned(), |rule| format!("urn:trunkline:problem:{}", rule.as_str()));
        let status_says = self.status.canonical_reason().unwrap_or("Error");
        let document = Document {
            r#type: &kind,
            title: rule.map_or(status_says, title),
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            permitted_from: forbidden.and_then(|forbidden| forbidden.permitted_from),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = forbidden.and_then(|forbidden| forbidden.retry_after) {
            // Whole seconds, and never too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn title(rule: Rule) -> &'static str {
    match rule {
        Rule::DoNotCall => "The number is not to be called",
        Rule::QuietHours => "Nobody is called at this time",
        Rule::TooManyCalls => "The number was called too often",
    }
}

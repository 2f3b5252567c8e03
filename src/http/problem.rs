//! Errors for developers: RFC 9457 problem documents. Not for Twilio, which gets TwiML. Key type: [`Problem`].

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What went wrong with a request, as `application/problem+json`: `type`, `title`, `status`, `detail`, and `field` where one is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    field: Option<String>,
}

impl Problem {
    /// A problem of the whole request; `detail` is a sentence for the developer who sent it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None }
    }

    /// A problem of one field or parameter, 422.
    pub fn of_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into(), field: Some(field.into()) }
    }

    /// Names the field that is to blame.
    pub fn about(mut self, field: Option<&str>) -> Self {
        self.field = field.map(ToOwned::to_owned);
        self
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
        }
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

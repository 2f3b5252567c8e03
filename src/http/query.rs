//! Query strings of developer routes: every parameter that is known is readable, or a problem names it; one that is not known changes
//! nothing. Key type: [`Query`].

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::form_urlencoded;

use super::{App, Problem};

/// The parameters of a query, each given once.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl FromRequestParts<App> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// A parameter by any of its names; blank counts as absent.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, Problem> {
        let mut found = self.0.iter().filter(|(key, value)| names.contains(&key.as_str()) && !value.trim().is_empty());
        match (found.next(), found.next()) {
            (_, Some((name, _))) => Err(bad(name, "given more than once")),
            (first, None) => Ok(first.map(|(_, value)| value.clone())),
        }
    }

    /// An instant: RFC 3339; or a day, which is its first instant in UTC.
    pub(super) fn instant(&self, names: &[&str]) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        // A plus sign that was not encoded has become a space.
        let text = text.replace(' ', "+");
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
        match text.parse().ok().or_else(|| if text.contains('T') { None } else { day() }) {
            Some(instant) => Ok(Some(instant)),
            None => {
                let detail = "expected an instant such as 2026-11-24T09:30:00Z, or a day such as 2026-11-24";
                Err(bad(self.given(names), detail))
            }
        }
    }

    /// The length of a page.
    pub(super) fn limit(&self, default: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.text(&["limit"])? else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| bad("limit", &format!("expected a whole number from 1 to {most}")))
    }

    /// By which of its names the parameter was given.
    fn given<'a>(&'a self, names: &[&'a str]) -> &'a str {
        let found = self.0.iter().map(|(key, _)| key.as_str()).find(|key| names.contains(key));
        found.or_else(|| names.first().copied()).unwrap_or_default()
    }
}

/// The agent, and from when until when: each by our name and by those that people try first.
pub(super) const AGENT: [&str; 2] = ["agent_type", "agent"];
pub(super) const SINCE: [&str; 2] = ["since", "from"];
pub(super) const UNTIL: [&str; 2] = ["until", "to"];

pub(super) fn bad(name: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, format!("{name}: {detail}")).about(Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    #[test]
    fn instants_and_days_are_read() {
        let query = query("a=2026-11-24T09:30:00Z&b=2026-11-24&c=2026-11-24T09:30:00+05:30&d=yesterday");
        let instant = |name: &str| query.instant(&[name]);
        assert_eq!(instant("a").unwrap().unwrap().to_string(), "2026-11-24T09:30:00Z");
        assert_eq!(instant("b").unwrap().unwrap().to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(instant("c").unwrap().unwrap().to_string(), "2026-11-24T04:00:00Z");
        assert!(instant("d").is_err());
        assert!(instant("e").unwrap().is_none());
    }

    #[test]
    fn a_parameter_has_one_value_under_any_of_its_names() {
        assert_eq!(query("agent=A&since=").text(&AGENT).unwrap().as_deref(), Some("A"));
        assert_eq!(query("agent_type=&agent=A").text(&AGENT).unwrap().as_deref(), Some("A"));
        assert_eq!(query("agnet=A").text(&AGENT).unwrap(), None);
        assert!(query("agent_type=A&agent=B").text(&AGENT).is_err());
        assert!(query("limit=0").limit(1, 9).is_err());
        assert_eq!(query("").limit(7, 9).unwrap(), 7);
    }
}

//! Query strings of developer routes: every parameter known and readable, or a problem that names it. Key type: [`Query`].

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::form_urlencoded;

use super::{App, Problem};

/// The parameters of a query, each taken once; what is left is unknown.
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
    /// Takes a parameter; blank counts as absent.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = self.0.extract_if(.., |(key, _)| key == name);
        let (first, again) = (found.next(), found.next().is_some());
        drop(found);
        if again {
            return Err(bad(name, "given more than once"));
        }
        Ok(first.map(|(_, value)| value).filter(|value| !value.trim().is_empty()))
    }

    /// Takes an instant: RFC 3339, or a day, which is its first instant in UTC.
    pub(super) fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // A plus sign that was not encoded has become a space.
        let text = text.replace(' ', "+");
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
        match text.parse().ok().or_else(|| if text.contains('T') { None } else { day() }) {
            Some(instant) => Ok(Some(instant)),
            None => Err(bad(name, "expected an instant such as 2026-11-24T09:30:00Z, or a day such as 2026-11-24")),
        }
    }

    /// Takes the length of a page.
    pub(super) fn limit(&mut self, default: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.text("limit")? else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| bad("limit", &format!("expected a whole number from 1 to {most}")))
    }

    /// Says that nothing else may have been asked.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let shown: String = name.chars().take(64).collect();
                Err(bad(&shown, "this route knows no such parameter"))
            }
        }
    }
}

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
        let mut query = query("a=2026-11-24T09:30:00Z&b=2026-11-24&c=2026-11-24T09:30:00+05:30&d=yesterday");
        assert_eq!(query.instant("a").unwrap().unwrap().to_string(), "2026-11-24T09:30:00Z");
        assert_eq!(query.instant("b").unwrap().unwrap().to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(query.instant("c").unwrap().unwrap().to_string(), "2026-11-24T04:00:00Z");
        assert!(query.instant("d").is_err());
        assert!(query.instant("e").unwrap().is_none());
    }

    #[test]
    fn unknown_and_repeated_parameters_are_problems() {
        assert!(query("agnet=1").end().is_err());
        assert!(query("a=1&a=2").text("a").is_err());
        assert!(query("limit=0").limit(1, 9).is_err());
        assert_eq!(query("").limit(7, 9).unwrap(), 7);
    }
}

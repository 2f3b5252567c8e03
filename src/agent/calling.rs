//! When an agent may call people of its own accord, and what it must tell them first. Calls to us are never refused by these rules.
//!
//! Key types: [`Calling`], [`QuietHours`]. Time is an argument: the callee's wall clock, in the zone that [`callee_zone`] names.

use jiff::Zoned;
use jiff::civil::{DateTime, Time, Weekday};
use serde::Deserialize;

use super::{Agent, calling_codes};

/// The rules of an agent's calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calling {
    /// Hours of the callee's day in which nobody is called, such as `21:00-09:00`.
    pub quiet_hours: Option<QuietHours>,
    /// Days on which nobody is called at all.
    pub quiet_days: Vec<Day>,
    /// Whether every language must have a `disclosure`.
    pub disclosure_required: bool,
}

/// A part of every day, perhaps over midnight; the first minute is in it, the last is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct QuietHours {
    from: Time,
    to: Time,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Day {
    Friday,
    Monday,
    Saturday,
    Sunday,
    Thursday,
    Tuesday,
    Wednesday,
}

impl Calling {
    /// Where a call at `now`, the callee's wall clock, is not permitted: when the next one is.
    pub fn permitted_from(&self, now: &Zoned) -> Option<Zoned> {
        let asked = now.datetime();
        let mut at = asked;
        // Each round leaves a quiet day or the quiet hours of one; a week has no more of them.
        for _ in 0..MAX_ROUNDS {
            at = match self.quiet_until(at) {
                Some(later) => later,
                None => break,
            };
        }
        (at != asked).then(|| at.to_zoned(now.time_zone().clone()).unwrap_or_else(|_| now.clone()))
    }

    fn quiet_until(&self, at: DateTime) -> Option<DateTime> {
        let tomorrow = at.date().tomorrow().unwrap_or_else(|_| at.date());
        if self.quiet_days.iter().any(|day| day.weekday() == at.weekday()) {
            return Some(tomorrow.at(0, 0, 0, 0));
        }
        let QuietHours { from, to } = self.quiet_hours?;
        let time = at.time();
        if from < to {
            (from..to).contains(&time).then(|| at.date().to_datetime(to))
        } else if time >= from {
            Some(tomorrow.to_datetime(to))
        } else {
            (time < to).then(|| at.date().to_datetime(to))
        }
    }
}

/// The IANA name of the zone whose clock counts for a callee: his country's where it has only one, else the one that the request names,
/// else the agent's.
pub fn callee_zone<'a>(agent: &'a Agent, number: &str, asked: Option<&'a str>) -> &'a str {
    calling_codes::zone_of(number).or(asked).unwrap_or(&agent.timezone)
}

impl TryFrom<String> for QuietHours {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (from, to) = text.split_once('-').ok_or(EXPECTED)?;
        let (from, to) = (time(from).ok_or(EXPECTED)?, time(to).ok_or(EXPECTED)?);
        if from == to {
            Err("begins when it ends: no call would ever be permitted, or every one")
        } else {
            Ok(Self { from, to })
        }
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

impl Day {
    /// 0 is Monday.
    pub(super) fn number(self) -> i8 {
        self.weekday().to_monday_zero_offset()
    }

    fn weekday(self) -> Weekday {
        match self {
            Self::Friday => Weekday::Friday,
            Self::Monday => Weekday::Monday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
            Self::Thursday => Weekday::Thursday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
        }
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?;
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

const EXPECTED: &str = "expected two times of the 24-hour clock such as 21:00-09:00";
/// Seven days, and the hours of each.
const MAX_ROUNDS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn calling(toml: &str) -> Calling {
        toml::from_str(toml).unwrap()
    }

    /// When the next call is permitted, as far as one at this time is not.
    fn next(calling: &Calling, now: &str) -> Option<String> {
        let now: Zoned = now.parse().unwrap();
        calling.permitted_from(&now).map(|at| at.to_string())
    }

    #[test]
    fn quiet_hours_over_midnight_end_in_the_morning() {
        let night = calling("quiet_hours = \"21:00-09:00\"");
        assert_eq!(next(&night, "2026-11-23T20:59:59+05:30[Asia/Kolkata]"), None);
        assert_eq!(next(&night, "2026-11-23T09:00:00+05:30[Asia/Kolkata]"), None);
        let morning = Some("2026-11-24T09:00:00+05:30[Asia/Kolkata]".to_owned());
        assert_eq!(next(&night, "2026-11-23T21:00:00+05:30[Asia/Kolkata]"), morning);
        assert_eq!(next(&night, "2026-11-24T00:00:00+05:30[Asia/Kolkata]"), morning);
        assert_eq!(next(&night, "2026-11-24T08:59:59+05:30[Asia/Kolkata]"), morning);
    }

    #[test]
    fn quiet_hours_within_a_day_end_on_it() {
        let noon = calling("quiet_hours = \"13:00-14:30\"");
        assert_eq!(next(&noon, "2026-11-23T12:59:00+05:30[Asia/Kolkata]"), None);
        let after = Some("2026-11-23T14:30:00+05:30[Asia/Kolkata]".to_owned());
        assert_eq!(next(&noon, "2026-11-23T13:00:00+05:30[Asia/Kolkata]"), after);
        assert_eq!(next(&noon, "2026-11-23T14:30:00+05:30[Asia/Kolkata]"), None);
    }

    #[test]
    fn quiet_days_are_quiet_to_their_end_and_the_night_after_them() {
        let rules = calling("quiet_hours = \"21:00-09:00\"\nquiet_days = [\"saturday\", \"sunday\"]");
        let monday = Some("2026-11-30T09:00:00+05:30[Asia/Kolkata]".to_owned());
        for now in ["27T22:00", "28T12:00", "29T23:59", "30T08:00"] {
            assert_eq!(next(&rules, &format!("2026-11-{now}:00+05:30[Asia/Kolkata]")), monday, "{now}");
        }
        assert_eq!(next(&rules, "2026-11-27T20:00:00+05:30[Asia/Kolkata]"), None);
        assert_eq!(next(&calling(""), "2026-11-29T03:00:00+05:30[Asia/Kolkata]"), None);
    }

    #[test]
    fn a_clock_that_jumps_gives_the_next_time_there_is() {
        // In New York 2:30 does not exist on this night.
        let rules = calling("quiet_hours = \"22:00-02:30\"");
        let next = next(&rules, "2026-03-08T01:00:00-05:00[America/New_York]").unwrap();
        assert_eq!(next, "2026-03-08T03:30:00-04:00[America/New_York]");
    }

    #[test]
    fn what_is_no_part_of_a_day_is_refused() {
        for wrong in ["9-21", "21:00", "21:00-25:00", "9:00-21:00", "21:00-21:00", "21:00-09:0x", ""] {
            assert!(QuietHours::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert_eq!(QuietHours::try_from("21:00 - 09:00".to_owned()).unwrap().to_string(), "21:00-09:00");
    }
}

//! Values as people read them on a screen or in a table: `₹2,500 per trip`, `24 Nov 2-5pm`.
//!
//! The typed forms for machines are here too, as far as they need a rule: [`amount`], [`clock`] and [`Per::as_str`].

use jiff::civil::{Date, Time};

use super::{Money, Per, TimeWindow, Value};

/// A value for people.
pub fn display(value: &Value) -> String {
    match value {
        Value::Date(date) => day(*date),
        Value::Handover(wanted) => answer(*wanted),
        Value::Language(code) => (*code).to_owned(),
        Value::Money(money) => self::money(money),
        Value::Number(number) => number.clone(),
        Value::Phone(phone) => phone.clone(),
        Value::TimeWindow(window) => self::window(window),
        Value::YesNo(yes) => answer(*yes),
    }
}

/// An amount of paise with two decimals and no commas, `2500.00`.
pub fn amount(paise: i64) -> String {
    let sign = if paise < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", paise.unsigned_abs() / 100, paise.unsigned_abs() % 100)
}

/// A time of day as `HH:MM`.
pub fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

impl Per {
    /// The unit as typed values write it: `trip`, `km`, `hour`, `kg`, `tonne`, `day`, `piece`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Kg => "kg",
            Self::Km => "km",
            Self::Piece => "piece",
            Self::Tonne => "tonne",
            Self::Trip => "trip",
        }
    }
}

fn answer(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn money(money: &Money) -> String {
    let mut out = format!("₹{}", rupees(money.paise));
    if let Some(upper) = money.upper_paise {
        out.push('-');
        out.push_str(&rupees(upper));
    }
    if let Some(per) = money.per {
        out.push_str(" per ");
        out.push_str(per.as_str());
    }
    out
}

/// Rupees with Indian commas, and paise where there are any.
fn rupees(paise: i64) -> String {
    let digits = (paise.unsigned_abs() / 100).to_string();
    let mut out = String::with_capacity(digits.len() + 8);
    if paise < 0 {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        let left = digits.len() - i;
        if i > 0 && (left == 3 || left > 3 && left % 2 == 1) {
            out.push(',');
        }
        out.push(digit);
    }
    if paise % 100 != 0 {
        out.push_str(&format!(".{:02}", paise.unsigned_abs() % 100));
    }
    out
}

fn window(window: &TimeWindow) -> String {
    let hours = match (window.start, window.end) {
        (None, None) => "any time".to_owned(),
        (Some(start), None) => format!("after {}", full(start)),
        (None, Some(end)) => format!("before {}", full(end)),
        (Some(start), Some(end)) if start == end => full(start),
        (Some(start), Some(end)) if (start.hour() < 12) == (end.hour() < 12) && start < end => {
            format!("{}-{}", short(start), full(end))
        }
        (Some(start), Some(end)) => format!("{}-{}", full(start), full(end)),
    };
    match window.date {
        Some(date) => format!("{} {hours}", day(date)),
        None => hours,
    }
}

fn day(date: Date) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = usize::try_from(date.month() - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or_default();
    format!("{} {month}", date.day())
}

/// `2` or `2:30`.
fn short(time: Time) -> String {
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    if time.minute() == 0 { hour.to_string() } else { format!("{hour}:{:02}", time.minute()) }
}

/// `2pm` or `2:30pm`.
fn full(time: Time) -> String {
    format!("{}{}", short(time), if time.hour() < 12 { "am" } else { "pm" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rupees_of(paise: i64, upper_paise: Option<i64>, per: Option<Per>) -> String {
        display(&Value::Money(Money { paise, upper_paise, per }))
    }

    fn hours(start: Option<(i8, i8)>, end: Option<(i8, i8)>, date: Option<Date>) -> String {
        let time = |t: Option<(i8, i8)>| t.map(|(h, m)| Time::constant(h, m, 0, 0));
        display(&Value::TimeWindow(TimeWindow { start: time(start), end: time(end), date }))
    }

    #[test]
    fn money_has_indian_commas_and_paise_only_where_there_are_any() {
        assert_eq!(rupees_of(50_000, None, None), "₹500");
        assert_eq!(rupees_of(250_000, None, Some(Per::Trip)), "₹2,500 per trip");
        assert_eq!(rupees_of(45_000, Some(50_000), None), "₹450-500");
        assert_eq!(rupees_of(15_000_000, None, None), "₹1,50,000");
        assert_eq!(rupees_of(1_234_567_800, None, None), "₹1,23,45,678");
        assert_eq!(rupees_of(120_050, None, None), "₹1,200.50");
        assert_eq!(rupees_of(0, None, None), "₹0");
    }

    #[test]
    fn windows_read_as_people_write_them() {
        assert_eq!(hours(Some((14, 0)), Some((17, 0)), None), "2-5pm");
        assert_eq!(hours(Some((11, 0)), Some((14, 0)), None), "11am-2pm");
        assert_eq!(hours(Some((16, 0)), None, None), "after 4pm");
        assert_eq!(hours(None, Some((18, 0)), None), "before 6pm");
        assert_eq!(hours(Some((14, 0)), Some((14, 0)), None), "2pm");
        assert_eq!(hours(Some((14, 30)), Some((17, 0)), None), "2:30-5pm");
        assert_eq!(hours(Some((22, 0)), Some((2, 0)), None), "10pm-2am");
        assert_eq!(hours(None, None, None), "any time");
        assert_eq!(hours(Some((14, 0)), Some((17, 0)), Some(Date::constant(2026, 11, 24))), "24 Nov 2-5pm");
    }

    #[test]
    fn typed_forms_have_two_decimals_and_two_digits() {
        assert_eq!(amount(50_000), "500.00");
        assert_eq!(amount(120_005), "1200.05");
        assert_eq!(clock(Time::constant(9, 5, 0, 0)), "09:05");
    }
}

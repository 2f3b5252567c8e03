//! Telephone numbers, and who else may stand at the end of a call. A number is personal data: `Debug` and `Display`
//! show its last three digits only; `as_str` gives it whole, to be sent or stored, never logged.
//!
//! Key types: [`E164`] (a number we may dial), [`Address`] (whatever Twilio put in `From` or `To`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A telephone number as E.164 writes it: `+`, then 8 to 15 digits, the first of them not 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// Reads a number; spaces, hyphens, dots and parentheses between the digits are left out.
    ///
    /// # Errors
    /// [`BadNumber`] unless a `+` and 8 to 15 ASCII digits remain.
    pub fn parse(text: &str) -> Result<Self, BadNumber> {
        let text = text.trim();
        let rest = text.strip_prefix('+').ok_or(BadNumber::NoPlus)?;
        let mut number = String::with_capacity(16);
        number.push('+');
        for c in rest.chars() {
            match c {
                '0'..='9' => {
                    // Checked as it grows: the text may be megabytes long.
                    if number.len() > MAX_DIGITS {
                        return Err(BadNumber::Length);
                    }
                    number.push(c);
                }
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return Err(BadNumber::NotADigit),
            }
        }
        if number.len() <= MIN_DIGITS {
            return Err(BadNumber::Length);
        }
        if number.as_bytes().get(1) == Some(&b'0') {
            return Err(BadNumber::LeadingZero);
        }
        Ok(Self(number))
    }

    /// The whole number, `+` first.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who is at one end of a call, as Twilio writes it in `From` and `To`: a number, `client:name`, `sip:…`, or a word
/// such as `anonymous`. Kept as it came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Takes the text as it came.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, where this is one.
    pub fn e164(&self) -> Option<E164> {
        E164::parse(&self.0).ok()
    }
}

/// Why a text is no telephone number. The text itself is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNumber {
    /// The number does not begin with `+` and its country code.
    #[error("a phone number starts with + and the country code, such as +919876543210")]
    NoPlus,
    /// Something other than digits and separators is in it.
    #[error("a phone number holds only digits after its +")]
    NotADigit,
    /// Too few or too many digits.
    #[error("a phone number has {MIN_DIGITS} to {MAX_DIGITS} digits")]
    Length,
    /// No country code begins with 0.
    #[error("a country code does not begin with 0")]
    LeadingZero,
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(&self.0, f)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(&self.0, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(&self.0, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(&self.0, f)
    }
}

impl TryFrom<String> for E164 {
    type Error = BadNumber;
    fn try_from(text: String) -> Result<Self, BadNumber> {
        Self::parse(&text)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

impl From<E164> for Address {
    fn from(number: E164) -> Self {
        Self(number.0)
    }
}

fn redacted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown =
        text.char_indices().rev().nth(SHOWN - 1).filter(|(at, _)| *at > SHOWN).map_or("", |(at, _)| &text[at..]);
    write!(f, "…{shown}")
}

const MIN_DIGITS: usize = 8;
const MAX_DIGITS: usize = 15;
/// Characters of a number a log may hold.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_with_and_without_separators() {
        for text in ["+919876543210", " +91 98765 43210 ", "+91-98765-43210", "+91 (98765) 43.210"] {
            assert_eq!(E164::parse(text).unwrap().as_str(), "+919876543210");
        }
        assert!(E164::parse("+12345678").is_ok());
        assert!(E164::parse("+123456789012345").is_ok());
    }

    #[test]
    fn what_is_no_number_is_refused_with_the_reason() {
        for (text, why) in [
            ("", BadNumber::NoPlus),
            ("919876543210", BadNumber::NoPlus),
            ("client:anna", BadNumber::NoPlus),
            ("+1234567", BadNumber::Length),
            ("+1234567890123456", BadNumber::Length),
            ("+", BadNumber::Length),
            ("+0123456789", BadNumber::LeadingZero),
            ("+91987654321o", BadNumber::NotADigit),
            ("+९१९८७६५४३२१०", BadNumber::NotADigit),
            ("+1 555 0100 ext 5", BadNumber::NotADigit),
            ("+919876543210\"><Dial>", BadNumber::NotADigit),
        ] {
            assert_eq!(E164::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_log_sees_three_digits() {
        let number = E164::parse("+919876543210").unwrap();
        assert_eq!(format!("{number} {number:?}"), "…210 …210");
        assert_eq!(Address::new("+919876543210").to_string(), "…210");
        assert_eq!(Address::new("sip:anna@example.com").to_string(), "…com");
        assert_eq!(Address::new("123").to_string(), "…");
        assert_eq!(Address::new("").to_string(), "…");
    }

    #[test]
    fn an_address_is_a_number_or_not() {
        assert!(Address::new("+912248900000").e164().is_some());
        assert!(Address::new("anonymous").e164().is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_redacted_without_panic(text in ".{0,60}") {
            let shown = Address::new(text.clone()).to_string();
            prop_assert!(shown.chars().count() <= 1 + SHOWN);
            if let Ok(number) = E164::parse(&text) {
                prop_assert!((9..=16).contains(&number.as_str().len()));
            }
        }
    }
}

//! The webhooks of a call that were answered: one that comes again gets the same answer, and changes nothing.
//!
//! Kept with the call, so that another process answers a repeat alike. Key types: [`Answers`], [`Request`].

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::GatherQuery;
use crate::twilio::twiml::{self, Verb, document};
use crate::twilio::webhook::Form;

/// What one request is, among those of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// `/voice`.
    Voice,
    /// `/stream-ended`: a call has one stream at most.
    StreamEnded,
    /// What a `<Gather>` of ours heard: each has its number.
    Turn {
        /// The number.
        turn: u32,
        /// A visit that only asks whether the mind has answered by now.
        wait: Option<u32>,
    },
    /// Words without such a number: a digest of the whole form, nothing of its text.
    Form(String),
    /// Silence without such a number: one is like the other, and each counts.
    Silence,
}

/// The last answers of a call, the newest at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Answers(Vec<Answered>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answered {
    request: Request,
    /// Twilio's own word for the request: the same on each of its retries.
    token: Option<String>,
    at: Timestamp,
    twiml: String,
}

impl Request {
    /// What a `<Gather>` heard.
    pub(super) fn gather(query: &GatherQuery, form: &Form) -> Self {
        match query.turn {
            Some(turn) => Self::Turn { turn, wait: query.wait },
            None if form.filled("SpeechResult").is_none() && form.filled("Digits").is_none() => Self::Silence,
            None => {
                let digest = Sha256::digest(form.encode());
                Self::Form(digest.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }
}

impl Answers {
    /// The answer that this request got before, if it comes again.
    ///
    /// Where our own URL gives no number and Twilio no word for the request, the very same form is a repeat only of the last answer and
    /// only at once: nobody can have listened to the answer and said the same again by then.
    pub(super) fn again(&self, request: &Request, token: Option<&str>, now: Timestamp) -> Option<Vec<Verb>> {
        let newest = self.0.last();
        let found = match (request, token) {
            (Request::Voice | Request::StreamEnded | Request::Turn { .. }, _) => {
                self.0.iter().rev().find(|known| known.request == *request)
            }
            (Request::Form(_) | Request::Silence, Some(token)) => {
                self.0.iter().rev().find(|known| known.token.as_deref() == Some(token))
            }
            (Request::Silence, None) => None,
            (Request::Form(_), None) => newest.filter(|known| {
                known.request == *request && known.token.is_none() && now.duration_since(known.at) < AT_ONCE
            }),
        };
        found.and_then(Answered::verbs)
    }

    /// What the caller's telephone was told last.
    pub(super) fn newest(&self) -> Option<Vec<Verb>> {
        self.0.last().and_then(Answered::verbs)
    }

    /// Keeps an answer; of the caller's turns only the last few, of what comes once in a call every one.
    pub(super) fn keep(&mut self, request: Request, token: Option<&str>, verbs: &[Verb], now: Timestamp) {
        self.0.push(Answered { request, token: token.map(str::to_owned), at: now, twiml: document(verbs) });
        let of_turns = |known: &Answered| !matches!(known.request, Request::Voice | Request::StreamEnded);
        if self.0.iter().filter(|known| of_turns(known)).count() > TURNS_KEPT
            && let Some(oldest) = self.0.iter().position(of_turns)
        {
            self.0.remove(oldest);
        }
    }
}

impl Answered {
    fn verbs(&self) -> Option<Vec<Verb>> {
        twiml::read(&self.twiml).ok()
    }
}

/// Answers to turns that are kept: a turn for which the mind is late has several.
const TURNS_KEPT: usize = 12;
/// Twilio alone takes longer from an answer to the next words: it speaks, and two seconds of silence end them.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn turn(turn: u32) -> Request {
        Request::Turn { turn, wait: None }
    }

    fn said(n: u32) -> Vec<Verb> {
        vec![Verb::Pause { seconds: n }]
    }

    fn words(text: &str) -> Request {
        let form = Form::from_pairs(vec![("SpeechResult".to_owned(), text.to_owned())]);
        Request::gather(&GatherQuery::default(), &form)
    }

    #[test]
    fn the_last_turns_and_what_comes_once_are_answered_alike() {
        let mut answers = Answers::default();
        answers.keep(Request::Voice, None, &said(1), NOW);
        for n in 2..40 {
            answers.keep(turn(n), None, &said(n), NOW);
        }
        assert_eq!(answers.again(&Request::Voice, None, NOW), Some(said(1)));
        assert_eq!(answers.again(&Request::StreamEnded, None, NOW), None);
        assert_eq!(answers.again(&turn(39), None, NOW), Some(said(39)));
        assert_eq!(answers.again(&turn(30), Some("another"), NOW), Some(said(30)));
        assert_eq!(answers.again(&turn(3), None, NOW), None);
        assert_eq!(answers.again(&Request::Turn { turn: 39, wait: Some(5) }, None, NOW), None);
        assert_eq!(answers.newest(), Some(said(39)));
        assert_eq!(answers.0.len(), TURNS_KEPT + 1);
    }

    #[test]
    fn without_a_number_twilios_word_decides_and_else_only_haste_makes_a_repeat() {
        let mut answers = Answers::default();
        answers.keep(words("yes"), Some("a"), &said(1), NOW);
        assert_eq!(answers.again(&words("yes"), Some("a"), NOW), Some(said(1)));
        assert_eq!(answers.again(&words("yes"), Some("b"), NOW), None, "a second yes");
        assert_eq!(answers.again(&words("yes"), None, NOW), None);
        answers.keep(words("yes"), None, &said(2), NOW);
        let soon = NOW + SignedDuration::from_millis(1_900);
        assert_eq!(answers.again(&words("yes"), None, soon), Some(said(2)));
        assert_eq!(answers.again(&words("yes"), None, soon + AT_ONCE), None, "a second yes");
        assert_eq!(answers.again(&words("no"), None, soon), None);
        answers.keep(words("no"), None, &said(3), soon);
        assert_eq!(answers.again(&words("yes"), None, soon), None, "yes after no is a new word");
        let silence = Request::gather(&GatherQuery::default(), &Form::default());
        answers.keep(silence.clone(), Some("c"), &said(4), soon);
        assert_eq!(answers.again(&silence, Some("c"), soon), Some(said(4)));
        answers.keep(silence.clone(), None, &said(5), soon);
        assert_eq!(answers.again(&silence, None, soon), None);
    }
}

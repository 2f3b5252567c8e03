//! Telling our own voice, come back over the line, from the caller's: by its loudness and by its words.
//!
//! A telephone gives back what it plays, 20 dB down and a few hundred ms late. What is not louder than that is no voice
//! ([`Call::ceiling_dbfs`]); words that repeat ours are none of his, unless a louder voice said them and they answer the question
//! ([`Call::heard_of_caller`]). Where the line echoes louder than we thought, the words tell us so.

use std::time::Duration;

use jiff::civil::DateTime;

use super::{Call, backchannel};
use crate::conversation::Completeness;
use crate::understand::{self, Kind, Scene, Value};

/// What the line is known to give back of our voice.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How much louder than usual its echo was, dB, when that was last noticed.
    louder_db: f32,
    noticed_at: Duration,
    times_noticed: u8,
    /// When the recogniser last heard it, where surely nobody else spoke.
    words_heard_at: Option<Duration>,
}

impl Line {
    /// How far below our voice its echo stays, dB. A line that proved louder is believed again as time passes, the later the oftener
    /// it did: who took our words into his mouth must not have made us deaf.
    fn echo_db(&self, now: Duration) -> f32 {
        ECHO_DB - self.louder_db(now)
    }

    fn louder_db(&self, now: Duration) -> f32 {
        let forgotten = FORGOTTEN_DB_PER_S / f32::from(self.times_noticed.max(1))
            * now.saturating_sub(self.noticed_at).as_secs_f32();
        (self.louder_db - forgotten).max(0.0)
    }

    /// Whether the recogniser is known to hear the echo.
    fn echoes_words(&self, now: Duration) -> bool {
        self.words_heard_at.is_some_and(|at| now.saturating_sub(at) < KNOWN_FOR)
    }

    fn is_louder(&mut self, now: Duration) {
        self.louder_db = (self.louder_db(now) + LOUDER_DB).min(ECHO_DB - LEAST_ECHO_DB);
        self.noticed_at = now;
        self.times_noticed = self.times_noticed.saturating_add(1);
    }
}

impl Call {
    /// The level up to which sound may be our echo, dBFS.
    pub(super) fn ceiling_dbfs(&mut self, now: Duration) -> f32 {
        self.speech.loudest_dbfs(now) - self.line.echo_db(now)
    }

    /// What the caller said of the recogniser's words, final or not. An echo that he surely did not speak is remembered, and taken off
    /// what follows it.
    pub(super) fn heard_of_caller<'a>(&mut self, text: &'a str, last: bool, now: Duration) -> &'a str {
        let local = self.local(now);
        let rest = after(text, self.hearing.echo(), |rest| says(rest, local).is_some());
        if rest.trim().is_empty() {
            return "";
        }
        let began = self.hearing.words_began(now);
        let voice = self.hearing.voiced_lately(now);
        let in_silence = self.speech.audible_at().is_none_or(|at| match voice {
            // Where we have just stopped for a sound, it may be the end of what we said.
            true => self.hearing.since_at() > at + if self.paused { ECHO_DELAY } else { Duration::ZERO },
            false => began > at + ECHO_WORDS_DELAY,
        });
        if in_silence {
            return rest;
        }
        let forms = self.speech.echoing(now);
        let repeat = forms.iter().filter_map(|said| Repeat::find(rest, said, voice));
        let Some(repeat) = repeat.min_by_key(|repeat| repeat.edits).filter(|repeat| repeat.is_ours(rest, voice, local))
        else {
            return rest;
        };
        let many = words(rest).count() > 1;
        let echoes = self.line.echoes_words(now);
        if voice && self.answers(rest, &repeat, now) {
            // "In the morning or in the evening?" "In the evening." But a word that is there before he can have said it is none of his.
            if !echoes || now.saturating_sub(self.hearing.since_at()) >= FIRST_WORD {
                return rest;
            }
        } else if voice && !echoes {
            // He may be about to say more, and then he said this too.
            if last && self.paused && many && !backchannel::is_only(rest, last, &self.agent) {
                // Our own words have stopped us. A "hello" proves nothing.
                self.line.is_louder(now);
            }
            return "";
        }
        if !voice && words(text).count() > 1 {
            self.line.words_heard_at = Some(now);
        }
        self.hearing.take_for_echo(text, now);
        ""
    }

    /// Whether words that repeat ours answer our question all the same. Who begins with our "Is it" says no yes.
    fn answers(&self, rest: &str, repeat: &Repeat<'_>, now: Duration) -> bool {
        let local = self.local(now);
        let plain = rest.trim_end().trim_end_matches('?');
        let yes_or_no = says(plain, local).is_some();
        let ours = yes_or_no && (repeat.question || says(repeat.stretch, local).is_some());
        !(yes_or_no && repeat.question)
            && (yes_or_no && !ours || self.completeness(plain, now) == Completeness::Complete)
    }
}

/// What was heard, beside the stretch of what we said that is most like it.
struct Repeat<'a> {
    /// Words that are others.
    edits: usize,
    stretch: &'a str,
    /// It ends with a question, or with the first words of one.
    question: bool,
}

impl<'a> Repeat<'a> {
    /// `None` where no stretch is like it, but for what a recogniser mishears. Where there is a voice above the echo, no word may be
    /// missing or added.
    fn find(heard: &str, said: &'a str, voice: bool) -> Option<Self> {
        let heard: Vec<String> = words(heard).map(|(_, word)| word).collect();
        let said_words: Vec<(usize, String)> = words(said).collect();
        let (edits, from, to) = if voice {
            let stretches = said_words.windows(heard.len().max(1)).enumerate();
            let others = |stretch: &[(usize, String)]| {
                stretch.iter().zip(&heard).filter(|(one, other)| one.1 != **other).count()
            };
            stretches.map(|(from, stretch)| (others(stretch), from, from + stretch.len())).min()?
        } else {
            // The least edits that turn what was heard into a stretch of what was said, wherever that begins.
            let mut row: Vec<Edits> = (0..=said_words.len()).map(|from| Edits { count: 0, from }).collect();
            for (n, word) in heard.iter().enumerate() {
                row = next_row(&row, Edits { count: n + 1, from: 0 }, |at| said_words[at].1 == *word);
            }
            row.iter().enumerate().map(|(to, edits)| (edits.count, edits.from, to)).min()?
        };
        if heard.is_empty() || edits > heard.len() / MISHEARD || from >= to {
            return None;
        }
        let begin = from.checked_sub(1).map_or(0, |before| said_words[before].0);
        let (before, stretch) = (&said[..begin], said[begin..said_words[to - 1].0].trim());
        // The sentence of ours that the stretch ends in.
        let plain = stretch.trim_end_matches(ENDS);
        let asked = said[begin..].trim_start()[plain.len()..].chars().find(|c| ENDS.contains(c)) == Some('?');
        let sentence = match plain.rfind(ENDS) {
            Some(end) => Some(&plain[end..]),
            None => (before.trim_end().is_empty() || before.trim_end().ends_with(ENDS)).then_some(plain),
        };
        let question = asked && sentence.is_some_and(|sentence| words(sentence).count() > 1);
        Some(Self { edits, stretch, question })
    }

    /// Whether it may be ours: not where it says yes or no, and we did not.
    fn is_ours(&self, heard: &str, voice: bool, local: DateTime) -> bool {
        let said = says(heard, local);
        self.edits == 0 || said.is_none() || !voice && said == says(self.stretch.trim_end_matches('?'), local)
    }
}

/// Whether words say yes or no, or both.
fn says(text: &str, now: DateTime) -> Option<Option<bool>> {
    let reading = understand::read(text, Kind::YesNo, &Scene { now, expect: Some(Kind::YesNo) });
    match reading.value {
        _ if reading.ambiguous => Some(None),
        Some(Value::YesNo(answer)) => Some(Some(answer)),
        Some(_) | None => None,
    }
}

/// What follows the echo at the beginning of a text: all of the text if it does not begin with it.
fn after<'a>(text: &'a str, echo: &str, says_something: impl Fn(&str) -> bool) -> &'a str {
    if echo.is_empty() {
        return text;
    }
    let echo: Vec<String> = words(echo).map(|(_, word)| word).collect();
    let heard: Vec<(usize, String)> = words(text).collect();
    let mut row: Vec<Edits> = (0..=heard.len()).map(|count| Edits { count, from: 0 }).collect();
    for (n, word) in echo.iter().enumerate() {
        row = next_row(&row, Edits { count: n + 1, from: 0 }, |at| heard[at].1 == *word);
    }
    // Where two beginnings fit alike, the longer one: an echo's last word may have been misheard.
    let best = row.iter().enumerate().rev().min_by_key(|(_, edits)| edits.count);
    let Some((mut length, _)) = best.filter(|(length, edits)| edits.count <= echo.len() / MISHEARD && *length > 0)
    else {
        return text;
    };
    let behind = |length: usize| &text[length.checked_sub(1).map_or(0, |last| heard[last].0)..];
    // Yet a "no" in its place is the caller's.
    if echo.last() != heard.get(length - 1).map(|(_, word)| word) && says_something(behind(length - 1)) {
        length -= 1;
    }
    behind(length)
}

/// Edits that turn words into others, and the word of the others from which on.
#[derive(Clone, Copy)]
struct Edits {
    count: usize,
    from: usize,
}

/// One more row of the edits between two lists of words; `first` are the edits where nothing of the other list is taken.
fn next_row(row: &[Edits], first: Edits, same: impl Fn(usize) -> bool) -> Vec<Edits> {
    let one_more = |edits: Edits| Edits { count: edits.count + 1, ..edits };
    let mut next = vec![first];
    for at in 1..row.len() {
        let changed = if same(at - 1) { row[at - 1] } else { one_more(row[at - 1]) };
        let best = [changed, one_more(row[at]), one_more(next[at - 1])].into_iter().min_by_key(|edits| edits.count);
        next.push(best.unwrap_or(changed));
    }
    next
}

/// The words of a text, each with the place behind it.
fn words(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.split_inclusive(|c: char| c.is_whitespace())
        .scan(0, |end, piece| {
            *end += piece.len();
            Some((*end, piece))
        })
        .map(|(end, piece)| {
            let plain = piece.chars().filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && *c != '।');
            (end, plain.flat_map(char::to_lowercase).collect::<String>())
        })
        .filter(|(_, word)| !word.is_empty())
}

const ENDS: [char; 4] = ['.', '?', '!', '।'];
/// How far below our voice its echo stays, dB, until the line proves louder: 20, less what noise adds.
const ECHO_DB: f32 = 17.0;
/// The caller must be louder than the echo of the worst line.
const LEAST_ECHO_DB: f32 = 5.0;
const LOUDER_DB: f32 = 6.0;
/// What was noticed once is forgotten within half a minute, what was noticed twice within two.
const FORGOTTEN_DB_PER_S: f32 = 0.2;
/// What begins to sound within so long after our own voice may be its echo.
const ECHO_DELAY: Duration = Duration::from_millis(500);
/// Without a voice that we noticed, words that begin so long after our own are not their echo.
const ECHO_WORDS_DELAY: Duration = Duration::from_millis(800);
/// No word is said and recognised sooner.
const FIRST_WORD: Duration = Duration::from_millis(200);
/// How long a line that gave words back is expected to do so again.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// One word in so many may be misheard.
const MISHEARD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Hello, this is an automated call from Sharma Logistics. What would you charge?";

    const READ_BACK: &str = "I understood six hundred rupees. Is that right?";

    fn at() -> DateTime {
        jiff::civil::date(2026, 11, 23).at(10, 0, 0, 0)
    }

    fn repeats(heard: &str, said: &str, voice: bool) -> bool {
        Repeat::find(heard, said, voice).is_some_and(|repeat| repeat.is_ours(heard, voice, at()))
    }

    #[test]
    fn a_stretch_of_what_was_said_is_an_echo() {
        for heard in ["hello", "this is an automated", "This is in automated call.", "what would you charge"] {
            assert!(repeats(heard, SAID, false), "{heard}");
            assert!(repeats(heard, SAID, true), "{heard}");
        }
        for heard in ["", "five", "hello five", "what do you", "call this is from", "what would you charge me then"] {
            assert!(!repeats(heard, SAID, false), "{heard}");
        }
        assert!(repeats("नमस्ते यह", "नमस्ते, यह Sharma", false));
        assert!(repeats("this is automated call from", SAID, false));
    }

    #[test]
    fn a_voice_that_adds_a_word_or_leaves_one_out_is_the_callers() {
        for heard in ["this is automated call from", "what would you really charge"] {
            assert!(!repeats(heard, SAID, true), "{heard}");
        }
    }

    #[test]
    fn what_says_yes_or_no_where_we_did_not_is_the_callers() {
        let hindi = "मैंने समझा, छह सौ रुपये। क्या यह सही है?";
        for voice in [false, true] {
            for heard in ["Not six hundred rupees", "no six hundred rupees", "yes six hundred rupees"] {
                assert!(!repeats(heard, READ_BACK, voice), "{heard}");
            }
            for heard in ["यह सही नहीं है", "नहीं, छह सौ रुपये", "छह सौ रुपये सही नहीं है", "क्या यह गलत है"]
            {
                assert!(!repeats(heard, hindi, voice), "{heard}");
            }
            for heard in ["is that right", "rupees is that right", "I understood sick hundred rupees"] {
                assert!(repeats(heard, READ_BACK, voice), "{heard}");
            }
            assert!(repeats("क्या यह सही है", hindi, voice));
        }
    }

    #[test]
    fn a_question_of_ours_is_told_from_its_end() {
        let question = |heard: &str, said| Repeat::find(heard, said, true).unwrap().question;
        for heard in ["is that right", "rupees is that right"] {
            assert!(question(heard, READ_BACK), "{heard}");
        }
        for (heard, said) in
            [("that right", READ_BACK), ("यह सही है", "क्या यह सही है?"), ("evening", "Morning? Evening?")]
        {
            assert!(!question(heard, said), "{heard}");
        }
    }

    #[test]
    fn what_follows_the_echo_is_the_callers() {
        for (text, echo, rest) in [
            ("hello this is an five hundred", "hello this is an", "five hundred"),
            ("Hello, this is in Five hundred", "hello this is an", "Five hundred"),
            ("five hundred", "hello this is an", "five hundred"),
            ("hello this is an", "hello this is an", ""),
            ("five hundred", "", "five hundred"),
            ("", "hello", ""),
            ("यह एक पाँच सौ", "यह एक", "पाँच सौ"),
            ("rupees is that no", "rupees is that right", "no"),
            ("rupees is that write", "rupees is that right", ""),
        ] {
            assert_eq!(after(text, echo, |rest| says(rest, at()).is_some()).trim(), rest, "{text} / {echo}");
        }
    }
}

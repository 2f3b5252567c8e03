//! What somebody does with his words beside naming a value: he forbids further calls, wants to be let go, asks us to wait, asks who we
//! are, wishes for another language; or is no person at all. One reading a text, from the clauses of the clause pass.
//!
//! Key types: [`Acts`], [`LetGo`], [`Ban`], [`Machine`]. Invariant: an act rests on words of the speaker's own; what he tells of others is
//! no act of his.

mod phrases;

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::{DateTime, Time};

use super::heard::Heard;
use super::{Kind, Scene, Value};
use phrases::{Hit, Sign, Spelled};

/// What the speaker does, by one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acts {
    /// Whether he forbids further calls.
    pub ban: Ban,
    /// The bytes of the ban's clauses; what stands beside them may still hold values.
    pub ban_spans: Vec<Range<usize>>,
    /// He wants to be let go, and why.
    pub let_go: Option<LetGo>,
    /// "one minute, let me check": he will go on.
    pub waits: bool,
    /// "who is this?", "haan ji boliye": he wants to know who calls and what about.
    pub asks_who: bool,
    /// The language that he wishes to go on in, as a BCP-47 tag such as `hi-IN`.
    pub language: Option<&'static str>,
    /// The words are a machine's.
    pub machine: Option<Machine>,
    /// Sounds that a recogniser put in words: `(music)`, `[inaudible]`. Nobody spoke.
    pub noise: bool,
}

/// Whether somebody forbids further calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ban {
    /// Clearly.
    Clear,
    /// He does not.
    #[default]
    None,
    /// Perhaps: to be asked once.
    Unsure,
}

/// Why somebody wants to be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// Busy now; to be called later, at this time if he names one.
    CallBack(Option<DateTime>),
    /// The business is closed, or no longer there.
    Closed,
    /// He does not want what we offer.
    NotInterested,
    /// He will not tell a machine.
    NotToMachine,
    /// We have reached somebody else.
    WrongNumber,
}

/// Which machine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The network's announcement: "the person you are calling is not reachable".
    Announcement,
    /// "Your call is important to us, please hold".
    Hold,
    /// "Press one for …".
    Menu,
    /// A call screening service: "who is calling, and why?"
    Screening,
    /// A voicemail greeting: "leave a message after the tone".
    Voicemail,
}

/// Reads the acts of a text. `scene.now` places "call me after five".
pub fn acts(text: &str, scene: &Scene) -> Acts {
    let text = &text[super::beginning(text)..];
    if is_noise(text) {
        return Acts { noise: true, ..Acts::default() };
    }
    let (words, asks) = phrases::words(text);
    let hits = phrases::find(&words);
    let machine = machine(&hits);
    if machine.is_some() {
        return Acts { machine, ..Acts::default() };
    }
    let (ban, ban_spans) = ban(text, &words, &asks, &hits);
    if hits.is_empty() {
        return Acts { ban, ban_spans, ..Acts::default() };
    }
    let has = |sign: Sign| hits.iter().any(|hit| hit.sign == sign);
    let offers = || {
        let plain = Scene { expect: None, ..*scene };
        [Kind::Money, Kind::TimeWindow].iter().any(|kind| {
            let reading = super::read(text, *kind, &plain);
            reading.value.is_some() || reading.ambiguous
        })
    };
    let let_go = let_go(text, &hits, scene).filter(|_| ban == Ban::None && !offers());
    let short = words.len() <= SHORT;
    Acts {
        let_go,
        waits: let_go.is_none() && has(Sign::Wait) && words.len() <= LONG && !offers(),
        asks_who: let_go.is_none()
            && !has(Sign::Wish)
            && hits.iter().any(|hit| hit.sign == Sign::Who && (short || hit.to - hit.from > 2))
            && !offers(),
        language: if has(Sign::Wish) && words.len() <= LONG { wished(text, scene) } else { None },
        ban,
        ban_spans,
        ..Acts::default()
    }
}

/// Whether a text forbids further calls.
pub fn refuses_calls(text: &str) -> bool {
    let (words, asks) = phrases::words(text);
    ban(text, &words, &asks, &phrases::find(&words)).0 == Ban::Clear
}

/// What a text that forbids further calls says besides; the whole text if it forbids none.
pub fn beside_refusal(text: &str) -> String {
    let (words, asks) = phrases::words(text);
    let (ban, mut spans) = ban(text, &words, &asks, &phrases::find(&words));
    if ban != Ban::Clear {
        return text.to_owned();
    }
    spans.sort_unstable_by_key(|span| span.start);
    let (mut beside, mut from) = (String::with_capacity(text.len()), 0);
    for span in spans {
        beside.push_str(text.get(from..span.start).unwrap_or_default());
        from = from.max(span.end);
    }
    beside.push_str(text.get(from..).unwrap_or_default());
    beside
}

/// Brackets, notes and stars around names of sounds, and nothing else.
fn is_noise(text: &str) -> bool {
    let (mut depth, mut starred, mut marked) = (0_u32, false, false);
    for c in text.chars() {
        match c {
            '(' | '[' | '<' => (depth, marked) = (depth + 1, true),
            ')' | ']' | '>' => depth = depth.saturating_sub(1),
            '*' => (starred, marked) = (!starred, true),
            '♪' | '♫' | '♬' => marked = true,
            c if c.is_alphanumeric() && depth == 0 && !starred => return false,
            _ => {}
        }
    }
    marked
}

/// Which machine says such words. What a person may say, too, must come twice.
fn machine(hits: &[Hit]) -> Option<Machine> {
    let count = |sign: Sign| hits.iter().filter(|hit| hit.sign == sign).count();
    let surely = |sure: Sign, weak: Option<Sign>| count(sure) > 0 || weak.is_some_and(|weak| count(weak) > 1);
    [
        (Machine::Voicemail, surely(Sign::Voicemail, None)),
        (Machine::Screening, surely(Sign::Screening, None)),
        (Machine::Menu, surely(Sign::Menu, Some(Sign::MenuWeak))),
        (Machine::Announcement, surely(Sign::Announcement, Some(Sign::AnnouncementWeak))),
        (Machine::Hold, surely(Sign::Hold, Some(Sign::HoldWeak))),
    ]
    .into_iter()
    .find_map(|(machine, speaks)| speaks.then_some(machine))
}

/// The ban that the words hold, and its clauses. One that is another's, holds for some time only or hangs on something is none.
fn ban(text: &str, words: &[Spelled], asks: &[bool], hits: &[Hit]) -> (Ban, Vec<Range<usize>>) {
    let clause_of = |hit: &Hit| words[hit.from].clause;
    let in_clause = |sign: Sign, clause: usize| hits.iter().any(|hit| hit.sign == sign && clause_of(hit) == clause);
    let reported = |clause: usize| {
        hits.iter().any(|hit| {
            let own = hit
                .from
                .checked_sub(1)
                .is_some_and(|at| matches!(words[at].text.as_str(), "i" | "we" | "maine" | "humne" | "मैंने" | "हमने"));
            hit.sign == Sign::Reported && clause_of(hit) == clause && !own
        })
    };
    // Without "again", "stop" or "my number" it may be meant for now only: then nothing else in the text may say so.
    let lasting = |hit: &Hit| words[hit.from..hit.to].iter().any(|word| LASTING.contains(&word.text.as_str()));
    let holds = |hit: &&Hit| {
        let clause = clause_of(hit);
        let hangs = words.iter().any(|word| CONDITIONS.contains(&word.text.as_str()));
        let scoped = if lasting(hit) {
            in_clause(Sign::Scope, clause) || hangs
        } else {
            hits.iter().any(|hit| hit.sign == Sign::Scope)
        };
        !asks.get(clause).copied().unwrap_or(false) && !scoped && !reported(clause)
    };
    let span = |clause: usize| {
        let mut of = words.iter().filter(|word| word.clause == clause);
        let first = of.next().map_or(0, |word| word.from);
        first..of.next_back().map_or(first, |word| word.to).max(first)
    };
    let mut spans: Vec<Range<usize>> = super::refusal::bans(text);
    if words.first().is_some_and(|word| reported(word.clause)) {
        spans.clear();
    }
    for hit in hits.iter().filter(|hit| hit.sign == Sign::Ban && lasting(hit)).filter(holds) {
        let span = span(clause_of(hit));
        if !spans.iter().any(|known| known.start < span.end && span.start < known.end) {
            spans.push(span);
        }
    }
    if !spans.is_empty() {
        return (Ban::Clear, spans);
    }
    // "Driver ko phone mat karna", "gaadi chala raha hoon, phone mat karo".
    let now_only = hits.iter().any(|hit| hit.sign == Sign::Busy);
    let of_another =
        |hit: &Hit| hit.from.checked_sub(1).is_some_and(|at| matches!(words[at].text.as_str(), "ko" | "को"));
    let perhaps = hits.iter().any(|hit| match hit.sign {
        Sign::BanMaybe => !reported(clause_of(hit)),
        Sign::Ban => holds(&hit) && !now_only && !of_another(hit),
        _ => false,
    });
    (if perhaps { Ban::Unsure } else { Ban::None }, spans)
}

/// Why he wants to be let go.
fn let_go(text: &str, hits: &[Hit], scene: &Scene) -> Option<LetGo> {
    let has = |sign: Sign| hits.iter().any(|hit| hit.sign == sign);
    if has(Sign::WrongNumber) {
        return Some(LetGo::WrongNumber);
    }
    if has(Sign::NotToMachine) {
        return Some(LetGo::NotToMachine);
    }
    if has(Sign::NotInterested) {
        return Some(LetGo::NotInterested);
    }
    if has(Sign::Busy) || has(Sign::CallMe) {
        let at = call_at(text, scene);
        if has(Sign::Busy) || at.is_some() {
            return Some(LetGo::CallBack(at));
        }
    }
    has(Sign::Closed).then_some(LetGo::Closed)
}

/// When he wants to be called: the hour he names, on the day he names or the next time it comes.
fn call_at(text: &str, scene: &Scene) -> Option<DateTime> {
    let mut heard = Heard::new(text, Some(Kind::TimeWindow));
    heard.calling = true;
    let scene = Scene { expect: Some(Kind::TimeWindow), ..*scene };
    let reading = super::time::read(&mut heard, &scene);
    let value = reading.value.or_else(|| reading.readings.into_iter().flatten().next());
    if let Some(Value::TimeWindow(window)) = value
        && let Some(time) = window.start.or(window.end)
    {
        let at = window.date.unwrap_or_else(|| scene.now.date()).to_datetime(time);
        return if window.date.is_none() && at < scene.now { at.checked_add(1.day()).ok() } else { Some(at) };
    }
    match super::read(text, Kind::Date, &Scene { expect: Some(Kind::Date), ..scene }).value {
        Some(Value::Date(date)) => Some(date.to_datetime(MORNING)),
        _ => None,
    }
}

/// The language that is wished.
fn wished(text: &str, scene: &Scene) -> Option<&'static str> {
    match super::read(text, Kind::Language, scene).value {
        Some(Value::Language(language)) => Some(language),
        _ => None,
    }
}

/// Words of a short turn.
const SHORT: usize = 6;
/// Words of a turn that only asks for something.
const LONG: usize = 12;
/// When a day begins for who names no hour.
const MORNING: Time = jiff::civil::time(10, 0, 0, 0);
/// Words that make a ban one for all time.
const LASTING: [&str; 38] = [
    "again",
    "anymore",
    "more",
    "further",
    "stop",
    "quit",
    "enough",
    "never",
    "ever",
    "number",
    "list",
    "off",
    "remove",
    "delete",
    "erase",
    "unsubscribe",
    "lose",
    "forget",
    "block",
    "strike",
    "alone",
    "sick",
    "tired",
    "fed",
    "harassing",
    "want",
    "band",
    "bandh",
    "dobara",
    "kabhi",
    "hata",
    "nahi",
    "chahiye",
    "बंद",
    "नंबर",
    "लिस्ट",
    "नहीं",
    "दोबारा",
];
/// Words that make all of a text hang on something.
const CONDITIONS: [&str; 9] = ["if", "unless", "agar", "jab", "yadi", "अगर", "जब", "यदि", "tabhi"];

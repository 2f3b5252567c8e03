//! The caller's words against all fields at once: which field a bare number belongs to, and what the agent has asked for.
//!
//! Words belong to one field only. A field takes bare words ("six hundred", "yes") only where it was asked for; what says its kind itself
//! ("500 rupees", "2 to 5") it takes at any time. Invariant: a value that goes in here rests on words of the caller.

use std::ops::Range;

use jiff::civil::DateTime;

use super::grounding::{self, Collected, Evidence, Eye, Finding, Sight};
use super::history::Entry;
use super::prompt::Speaker;
use super::values::Sure;
use super::{Completeness, Conversation, Stage, clause, language};
use crate::agent::field::{Field, FieldKind};
use crate::agent::{Agent, ReadBack};
use crate::understand::{self, Kind, Scene, Value};

impl Conversation {
    /// How whole these words are, given what was asked.
    pub fn completeness(&self, agent: &Agent, text: &str, now: DateTime) -> Completeness {
        if text.trim().is_empty() {
            return Completeness::Usual;
        }
        if self.language.is_none() {
            let chosen = language::said(agent, text, &Scene { now, expect: Some(Kind::Language) });
            return if chosen.is_some() { Completeness::Complete } else { Completeness::Usual };
        }
        let entry = self.entry(text, now);
        let reading_back: Vec<&Field> = self.reading.iter().filter_map(|name| agent.field(name)).collect();
        let (targets, answer) = if reading_back.is_empty() {
            let asked: Vec<&Field> = self.asked_fields(agent);
            (asked, None)
        } else {
            (reading_back, yes_no(text, now).filter(|_| !self.unasked(entry.turn)))
        };
        let sights = self.sights(agent, &targets, &entry);
        let (mut whole, mut any) = (!targets.is_empty(), false);
        for field in &targets {
            let seen = sights.iter().find(|seen| seen.field.name == field.name);
            let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
            let displaced = seen.is_some_and(|seen| seen.displaced);
            if !displaced && field.kind.spoken().is_some_and(|kind| eye.unfinished(kind, text, now)) {
                return Completeness::Unfinished;
            }
            whole &= seen.is_some_and(|seen| !displaced && seen.sight.finding != Finding::Nothing);
        }
        // An answer to another question than the one asked is an answer too.
        for field in self.values.missing(agent) {
            any |= sights.iter().any(|seen| {
                seen.field.name == field.name && !seen.displaced && matches!(seen.sight.finding, Finding::Clear(_))
            });
        }
        // The welcome asks for everything, later questions for what is missing. A bare "no" to a read-back often begins a correction.
        let answered =
            whole || answer == Some(true) || (any && self.stage != Stage::Welcome && self.reading.is_empty());
        if answered || text.trim_end().ends_with('?') { Completeness::Complete } else { Completeness::Usual }
    }

    /// The final form of the caller's last words, and where they are in the recording.
    pub fn amend_last_words(&mut self, agent: &Agent, text: &str, audio_ms: Option<(u32, u32)>) {
        self.history.amend_caller(text, audio_ms);
        let Some(entry) = self.history.caller().next() else { return };
        self.values.amend_evidence(entry.turn, |name, before| {
            let found = agent
                .field(name)
                .map(|field| Eye { timezone: &agent.timezone, expect: field.kind.spoken() }.find(field, entry));
            match found {
                Some(Finding::Beyond(value) | Finding::Clear(value)) => value.evidence,
                Some(Finding::Nothing | Finding::Unclear { .. }) | None => Evidence { audio_ms, ..before.clone() },
            }
        });
    }

    /// Whether `words` give what was asked for and nothing else, and it is what `fewer` gave: "five hundred", then "five hundred rupees".
    pub fn same_value(&self, agent: &Agent, fewer: &str, words: &str, now: DateTime) -> bool {
        if self.language.is_none() || !self.reading.is_empty() {
            return false;
        }
        let asked = self.asked_fields(agent);
        let [field] = asked[..] else { return false };
        let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
        let find = |text: &str| match eye.find(field, &self.entry(text, now)) {
            Finding::Clear(value) => Some(value),
            Finding::Beyond(_) | Finding::Nothing | Finding::Unclear { .. } => None,
        };
        find(fewer).zip(find(words)).is_some_and(|(before, after)| {
            let whole = after.evidence.words.split_whitespace().count() == words.split_whitespace().count();
            whole && before.typed == after.typed
        })
    }

    /// Takes into the values what the caller's last words say, with the mind's proposals as hints. True if they say anything.
    pub(super) fn ground(
        &mut self,
        agent: &Agent,
        proposals: &[(String, String)],
        except: &[String],
        alone: bool,
    ) -> bool {
        let Some(entry) = self.history.caller().next().filter(|entry| entry.turn == self.turn).cloned() else {
            return false;
        };
        if entry.pressed {
            return self.ground_keys(agent, &entry);
        }
        let asked: Vec<String> = self.asked_fields(agent).iter().map(|field| field.name.clone()).collect();
        let asked_fields: Vec<&Field> = asked.iter().filter_map(|name| agent.field(name)).collect();
        let sights = self.sights(agent, &asked_fields, &entry);
        let nothing_seen = sights.iter().all(|seen| seen.displaced || seen.sight.finding == Finding::Nothing);
        let mut heard = false;
        for Seen { field, sight, displaced } in sights {
            if except.contains(&field.name) || !self.values.applies(field) {
                continue;
            }
            let proposal = proposals.iter().find(|(name, _)| *name == field.name).map(|(_, text)| text.as_str());
            let finding = if displaced { Finding::Nothing } else { sight.finding };
            if finding == Finding::Nothing && self.takes_back(agent, field, &entry) {
                heard = true;
                continue;
            }
            heard |= self.ground_field(agent, field, &entry, finding, proposal);
            if alone && asked == [field.name.as_str()] && field.kind == FieldKind::Text && is_statement(&entry.text) {
                self.values.hold(&field.name, grounding::whole(&entry), self.sure(agent), Vec::new());
                heard = true;
            }
        }
        // "No, eighteen hundred" may correct what was said before; a "yes" is about what was asked.
        if nothing_seen && !heard && yes_no(&entry.text, entry.at) != Some(true) {
            heard = self.ground_bare(agent, &entry, proposals, except);
        }
        heard
    }

    /// A bare value that fits no field asked for: the one field that it can belong to gets it, to be read back. So "make it six hundred" is
    /// understood while the agent asks for the time.
    fn ground_bare(&mut self, agent: &Agent, entry: &Entry, proposals: &[(String, String)], except: &[String]) -> bool {
        let mut fitting = agent.fields.iter().filter(|field| !except.contains(&field.name)).filter_map(|field| {
            let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
            let counted =
                matches!(field.kind, FieldKind::Money | FieldKind::TimeWindow | FieldKind::Date | FieldKind::Phone);
            match eye.find(field, entry) {
                Finding::Clear(value) if counted && self.values.applies(field) => Some((field, value)),
                Finding::Clear(_) | Finding::Beyond(_) | Finding::Nothing | Finding::Unclear { .. } => None,
            }
        });
        let (Some((field, value)), None) = (fitting.next(), fitting.next()) else { return false };
        let sure = if agent.read_back == ReadBack::Never {
            // Nobody will ask whether it is meant: then it takes the mind's word, too.
            let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
            let proposed = proposals.iter().find(|(name, _)| *name == field.name);
            let agreed = proposed
                .and_then(|(_, text)| eye.propose(field, text, entry))
                .is_some_and(|proposed| grounding::agree(&value, &proposed));
            if !agreed || self.values.known(&field.name).is_some() {
                return false;
            }
            Sure::Certain
        } else {
            Sure::Doubtful
        };
        let name = field.name.clone();
        self.values.hold(&name, value, sure, Vec::new());
        true
    }

    pub(super) fn ground_field(
        &mut self,
        agent: &Agent,
        field: &Field,
        entry: &Entry,
        finding: Finding,
        proposal: Option<&str>,
    ) -> bool {
        let name = field.name.as_str();
        let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
        let proposed = proposal.and_then(|text| eye.propose(field, text, entry));
        let sure = self.sure(agent);
        match (finding, proposed) {
            (Finding::Clear(value), None) => self.values.hold(name, value, sure, Vec::new()),
            (Finding::Clear(value), Some(proposed)) => {
                // A mind that repeats the old value does not contradict a new one.
                let stale = self
                    .history
                    .caller()
                    .filter(|old| old.turn < entry.turn && !old.pressed && !self.deaf.contains(&old.turn))
                    .any(|old| same(eye.find(field, old), &proposed).is_some());
                let agreed = stale || grounding::agree(&value, &proposed) || agent.read_back == ReadBack::Never;
                self.values.hold(name, value, sure, Vec::new());
                if !agreed {
                    self.values.doubt(name, entry.turn);
                }
            }
            (Finding::Unclear { likeliest, readings }, proposed) => {
                let meant = proposed
                    .and_then(|proposed| readings.iter().find(|reading| grounding::agree(reading, &proposed)).cloned());
                if agent.read_back == ReadBack::Never {
                    match meant.or(likeliest) {
                        Some(value) => self.values.hold(name, value, Sure::Certain, Vec::new()),
                        None => return false,
                    }
                } else if self
                    .values
                    .get(name)
                    .is_none_or(|held| held.value.evidence.turn < entry.turn || meant.is_some())
                {
                    let first = meant.or(likeliest).or_else(|| readings.first().cloned());
                    let Some(first) = first else { return false };
                    let others = readings.into_iter().filter(|reading| reading.typed != first.typed).collect();
                    self.values.hold(name, first, Sure::Doubtful, others);
                }
            }
            (Finding::Nothing | Finding::Beyond(_), Some(proposed)) => {
                let Some(value) = self.said_before(agent, field, &proposed, proposal) else { return false };
                self.values.hold(name, value, sure, Vec::new());
            }
            (Finding::Nothing | Finding::Beyond(_), None) => return false,
        }
        true
    }

    pub(super) fn sure(&self, agent: &Agent) -> Sure {
        match agent.read_back {
            ReadBack::Always => Sure::Clear,
            ReadBack::Ambiguous | ReadBack::Never => Sure::Certain,
        }
    }

    /// The proposed value with the caller's own words for it, if any turn supports it that still counts.
    fn said_before(&self, agent: &Agent, field: &Field, proposed: &Collected, text: Option<&str>) -> Option<Collected> {
        let eye = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
        let after = self.values.words_count_after(&field.name);
        let mut entries = self
            .history
            .caller()
            .filter(|entry| entry.turn > after && !entry.pressed && !self.deaf.contains(&entry.turn));
        match field.kind {
            FieldKind::Text => entries.find_map(|entry| eye.propose(field, text?, entry)),
            // A yes answers what was asked just then; an old one is no answer to another question.
            FieldKind::YesNo => entries
                .next()
                .filter(|entry| entry.turn == self.turn && !self.unasked(entry.turn))
                .and_then(|entry| same(eye.find(field, entry), proposed)),
            FieldKind::Choice
            | FieldKind::Date
            | FieldKind::Money
            | FieldKind::Number
            | FieldKind::Phone
            | FieldKind::TimeWindow => entries.find_map(|entry| same(eye.find(field, entry), proposed)),
        }
    }

    /// What each field sees in the words, those of which another field has the better claim marked.
    pub(super) fn sights<'a>(&self, agent: &'a Agent, asked: &[&Field], entry: &Entry) -> Vec<Seen<'a>> {
        // Words after a read-back may be about anything.
        let ears = asked.first().filter(|_| self.reading.is_empty()).map(|asked| asked.kind);
        let mut seen: Vec<(Seen<'a>, u8)> = agent
            .fields
            .iter()
            .map(|field| {
                let rank = asked.iter().position(|other| other.name == field.name);
                // Nobody says yes to what he was not asked.
                let rank = rank.filter(|_| field.kind != FieldKind::YesNo || !self.unasked(entry.turn));
                let (sight, claim) = sight(agent, field, rank, ears, entry);
                (Seen { field, sight, displaced: false }, claim)
            })
            .collect();
        for index in 0..seen.len() {
            let (mine, claim) = &seen[index];
            let displaced = seen.iter().enumerate().any(|(other, (theirs, their_claim))| {
                let better = their_claim > claim || (their_claim == claim && other < index);
                other != index && better && exclusive(mine, theirs)
            });
            seen[index].0.displaced = displaced;
        }
        seen.into_iter().map(|(seen, _)| seen).collect()
    }

    /// The fields that the agent's last words asked for and that are still open; all that are missing where that is not known.
    pub(super) fn asked_fields<'a>(&self, agent: &'a Agent) -> Vec<&'a Field> {
        let open = |field: &&Field| {
            self.values.applies(field)
                && self.values.get(&field.name).is_none_or(|held| held.value.evidence.turn == self.turn)
        };
        let asked: Vec<&Field> = self.asked.iter().filter_map(|name| agent.field(name)).filter(open).collect();
        if !asked.is_empty() {
            return asked;
        }
        agent.fields.iter().filter(|field| field.required).filter(open).collect()
    }

    /// Remembers what the mind's words ask for, as far as they show it.
    pub(super) fn note_asked(&mut self, agent: &Agent, spoken: &str) {
        let language = agent.language_or_first(self.language.as_deref());
        let questions: Vec<&str> = clause::sentences(spoken).filter(|sentence| sentence.contains('?')).collect();
        let text = if questions.is_empty() { spoken.to_owned() } else { questions.join(" ") };
        let words = grounding::tokens(&text);
        let missing: Vec<&Field> = self.values.missing(agent).collect();
        let vocabularies: Vec<Vec<String>> = missing.iter().map(|field| vocabulary(field, &language.code)).collect();
        let fits = |index: usize| {
            words.iter().any(|word| {
                vocabularies[index].contains(word)
                    && !vocabularies.iter().enumerate().any(|(other, known)| other != index && known.contains(word))
            })
        };
        self.asked = (0..missing.len()).filter(|&index| fits(index)).map(|index| missing[index].name.clone()).collect();
    }

    /// The fields that hold a value and are named by words of their own: "the charge is wrong", "samay galat hai".
    pub(super) fn named_in(&self, agent: &Agent, text: &str) -> Vec<String> {
        let words = grounding::tokens(text);
        let held: Vec<&Field> = agent.fields.iter().filter(|field| self.values.get(&field.name).is_some()).collect();
        let known: Vec<Vec<String>> = held
            .iter()
            .map(|field| agent.languages.iter().flat_map(|language| vocabulary(field, &language.code)).collect())
            .collect();
        let names = |index: usize| {
            words.iter().any(|word| {
                known[index].contains(word)
                    && !known.iter().enumerate().any(|(other, known)| other != index && known.contains(word))
            })
        };
        (0..held.len()).filter(|&index| names(index)).map(|index| held[index].name.clone()).collect()
    }

    fn entry(&self, text: &str, now: DateTime) -> Entry {
        Entry {
            role: Speaker::Caller,
            text: text.to_owned(),
            turn: self.turn + 1,
            at: now,
            audio_ms: None,
            interrupted: false,
            pressed: false,
        }
    }
}

/// What one field sees.
pub(super) struct Seen<'a> {
    pub(super) field: &'a Field,
    pub(super) sight: Sight,
    /// Another field has the better claim to the words.
    pub(super) displaced: bool,
}

/// What a field sees, and how good its claim is: words that say their kind themselves, then bare words it was asked for.
fn sight(agent: &Agent, field: &Field, rank: Option<usize>, ears: Option<FieldKind>, entry: &Entry) -> (Sight, u8) {
    let nothing = || (Sight { finding: Finding::Nothing, span: 0..0 }, 0);
    let own = Eye { timezone: &agent.timezone, expect: field.kind.spoken() };
    // A field beside the one asked for hears with its ears; where several are asked for, each must recognise its words by themselves.
    let expect = ears.filter(|kind| rank.is_none() && *kind != field.kind).and_then(FieldKind::spoken);
    let beside = Eye { timezone: &agent.timezone, expect };
    match field.kind {
        FieldKind::Text => nothing(),
        FieldKind::YesNo if rank == Some(0) => (own.look(field, entry), ASKED),
        FieldKind::YesNo => nothing(),
        FieldKind::Choice if rank.is_none() && is_question(&entry.text) => nothing(),
        FieldKind::Choice => (own.look(field, entry), ASKED),
        FieldKind::Number if rank == Some(0) => (own.look(field, entry), ASKED),
        FieldKind::Number => {
            let sight = beside.look(field, entry);
            let named = matches!(sight.finding, Finding::Clear(_)) && counts(field, &entry.text, &sight.span);
            if named { (sight, PLAIN) } else { nothing() }
        }
        FieldKind::Date | FieldKind::Money | FieldKind::Phone | FieldKind::TimeWindow => {
            let plain = beside.look(field, entry);
            match (plain.finding == Finding::Nothing, rank) {
                (false, Some(_)) => {
                    // The words say their kind; what was asked may still make them clearer.
                    let asked = own.look(field, entry);
                    (if asked.finding == Finding::Nothing { plain } else { asked }, PLAIN + 1)
                }
                (false, None) => (plain, PLAIN),
                (true, Some(_)) => (own.look(field, entry), ASKED),
                (true, None) => nothing(),
            }
        }
    }
}

/// Whether two fields cannot both have the words they see.
fn exclusive(mine: &Seen<'_>, theirs: &Seen<'_>) -> bool {
    let sees = |seen: &Seen<'_>| seen.sight.finding != Finding::Nothing;
    let overlap =
        |a: &Range<usize>, b: &Range<usize>| a.is_empty() || b.is_empty() || (a.start < b.end && b.start < a.end);
    let apart = |kind| matches!(kind, FieldKind::Choice | FieldKind::YesNo | FieldKind::Text);
    let (kind, other) = (mine.field.kind, theirs.field.kind);
    // "Tomorrow at five" is a window, and its day is a date.
    let window_and_day =
        matches!((kind, other), (FieldKind::Date, FieldKind::TimeWindow) | (FieldKind::TimeWindow, FieldKind::Date));
    let free = apart(kind) || apart(other) || window_and_day;
    sees(mine) && sees(theirs) && !free && overlap(&mine.sight.span, &theirs.sight.span)
}

/// Whether a number not asked for counts what the field counts: "two people".
fn counts(field: &Field, text: &str, span: &Range<usize>) -> bool {
    let Some(after) = text.get(span.end..).filter(|_| !span.is_empty()) else { return false };
    let known: Vec<String> = std::iter::once(&field.description)
        .chain(field.question.values())
        .flat_map(|text| grounding::tokens(text))
        .collect();
    grounding::tokens(after)
        .iter()
        .take(2)
        .any(|word| word.chars().count() >= 3 && known.contains(word) && !PLAIN_WORDS.contains(&word.as_str()))
}

/// Words that show that a field is asked for.
fn vocabulary(field: &Field, language: &str) -> Vec<String> {
    let question = field.question.get(language).map_or("", String::as_str);
    let of_kind = match field.kind {
        FieldKind::Choice | FieldKind::Text | FieldKind::YesNo => "",
        FieldKind::Date => "day date when दिन तारीख कब din tarikh kab",
        FieldKind::Money => {
            "charge charges price rate cost amount fare rupees much चार्ज रेट कितने कितना पैसे रुपये भाड़ा किराया kitna kitne charge paise"
        }
        FieldKind::Number => "many number कितने कितनी kitne",
        FieldKind::Phone => "number phone mobile नंबर फ़ोन फोन मोबाइल",
        FieldKind::TimeWindow => "time times timing when window o'clock समय बजे कब टाइम samay baje kab",
    };
    let mut words: Vec<String> = [question, &field.name.replace('_', " "), &field.description, of_kind]
        .into_iter()
        .flat_map(grounding::tokens)
        .filter(|word| word.chars().count() >= 3 && !PLAIN_WORDS.contains(&word.as_str()))
        .collect();
    words.extend(field.options.iter().flat_map(|option| grounding::tokens(&option.value)));
    words
}

fn same(finding: Finding, proposed: &Collected) -> Option<Collected> {
    match finding {
        Finding::Clear(value) if grounding::agree(&value, proposed) => Some(value),
        Finding::Unclear { readings, .. } => readings.into_iter().find(|reading| grounding::agree(reading, proposed)),
        Finding::Clear(_) | Finding::Beyond(_) | Finding::Nothing => None,
    }
}

pub(super) fn yes_no(text: &str, now: DateTime) -> Option<bool> {
    let reading = understand::read(text, Kind::YesNo, &Scene { now, expect: Some(Kind::YesNo) });
    match reading.value {
        Some(Value::YesNo(answer)) if !reading.ambiguous => Some(answer),
        Some(_) | None => None,
    }
}

pub(super) fn is_question(text: &str) -> bool {
    let first = grounding::tokens(text).into_iter().next();
    text.contains('?') || first.is_some_and(|word| ASKING.contains(&word.as_str()))
}

fn is_statement(text: &str) -> bool {
    !is_question(text) && text.chars().filter(|c| c.is_alphanumeric()).count() >= 2
}

/// How good a claim to words is.
const ASKED: u8 = 1;
const PLAIN: u8 = 2;

const ASKING: [&str; 14] =
    ["what", "which", "who", "why", "how", "where", "kya", "kaun", "kyun", "kaise", "क्या", "कौन", "क्यों", "कैसे"];
/// Words that tell no field from another.
const PLAIN_WORDS: [&str; 24] = [
    "the",
    "for",
    "and",
    "you",
    "your",
    "can",
    "will",
    "would",
    "what",
    "which",
    "with",
    "does",
    "whether",
    "are",
    "is",
    "come",
    "that",
    "this",
    "आप",
    "आपका",
    "क्या",
    "लिए",
    "कर",
    "हैं",
];

//! What happens at a time that was named: the work, a call, an absence, a question, or nothing but the clock's hand.
//!
//! Cuts out the words that belong to the time and finds the verb that governs it: in English the last one before it, in Hindi the
//! first one after it. Knows verbs by what they betray ([`Cues`]), which is data of the languages. Key types: [`Occasion`].

use super::heard::{Heard, is_filler};
use super::lexicon::{Cue, Cues, Unit, Word};

/// A verb or its like, which ends the reach of the verb before it.
const VERB: Cues =
    Cue::Call.alone().and(Cue::Tell.alone()).and(Cue::Come.alone()).and(Cue::Away.alone()).and(Cue::Return.alone());

/// What a time is the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// What was asked about, or nothing that speaks against it.
    Offer,
    /// Somebody is not to be had then.
    Away,
    /// Somebody is back or free from then on.
    Back,
    /// Not of the work: a call, a question, the clock.
    Beside,
}

/// A named time: its tokens, where its neighbours end and begin, and what kind of time it is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) from: usize,
    pub(super) to: usize,
    /// End of the time before it, and start of the time after it.
    pub(super) previous: usize,
    pub(super) next: usize,
    pub(super) shape: Shape,
}

/// What a time looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Day,
    Point,
    Range,
    Until,
    Open,
}

/// What happens at the time.
pub(super) fn of(heard: &Heard, place: Place) -> Occasion {
    // The hour of another call is of the call.
    if heard.calling {
        return Occasion::Offer;
    }
    if heard.announces {
        return Occasion::Beside;
    }
    let start = heard.clause_start(place.from).max(place.previous);
    let end = heard.clause_end(place.to).min(place.next);
    // "Meeting hai 4 baje tak uske baad aata hoon": what comes after that is another matter.
    let that = |at: usize| {
        let after = |at: usize| matches!(heard.word(at), Some(Word::After | Word::KeBaad));
        cues(heard, at).meets(Cue::That.alone()) && (after(at + 1) || after(at) || at > place.to && after(at - 1))
    };
    let end = (place.to..end).find(|&at| that(at)).unwrap_or(end);
    let start = (start..place.from)
        .rev()
        .find(|&at| matches!(heard.tokens[at].word, Word::Yes | Word::Ji) && !cues(heard, at).meets(VERB))
        .map_or(start, |at| at + 1);
    if asks(heard, place, start, end) || shape_of_now(heard, place, start, end) {
        return Occasion::Beside;
    }
    match governor(heard, place, start, end) {
        Some(Occasion::Back) if called_then(heard, place.to, Cues::default()) => Occasion::Beside,
        Some(Occasion::Offer) if called_then(heard, place.to, Cue::Light.alone()) => Occasion::Beside,
        other => other.unwrap_or(Occasion::Offer),
    }
}

/// Whether the words after token `to` go on from the time before them: "after that", "uske baad", or "then" with an offer.
pub(super) fn goes_on(heard: &Heard, to: usize) -> bool {
    (to..heard.tokens.len()).any(|at| {
        let after = |word: Word| matches!(word, Word::After | Word::KeBaad);
        let that = |at: usize| heard.tokens.get(at).is_some_and(|t| t.cues.meets(Cue::That.alone()));
        let strong = after(heard.tokens[at].word) && (that(at + 1) || at > to && that(at - 1));
        let then = cues(heard, at).meets(Cue::Then.alone());
        let offered = Cue::Come.alone().and(Cue::Fine.alone());
        let work = heard.tokens[at..].iter().any(|t| t.cues.meets(offered)) && !heard.tokens[at..].iter().any(calls);
        (strong || then && work) && !heard.tokens[at..].iter().any(calls)
    })
}

fn cues(heard: &Heard, at: usize) -> Cues {
    heard.tokens.get(at).map(|t| t.cues).unwrap_or_default()
}

fn calls(token: &super::token::Token) -> bool {
    token.cues.meets(Cue::Call.alone()) || matches!(token.word, Word::CallBack | Word::CallMe)
}

/// "at six, call him then", "tab call karna": what is before it is the time of the call. `with`: the verb that must bid the call.
fn called_then(heard: &Heard, to: usize, with: Cues) -> bool {
    (to..heard.tokens.len()).any(|at| {
        let verb = cues(heard, at).and(cues(heard, at + 1));
        let bids = with == Cues::default() || verb.meets(with) && !verb.meets(Cue::Own.alone());
        calls(&heard.tokens[at])
            && bids
            && (at.saturating_sub(2).max(to)..at + 4).any(|near| cues(heard, near).meets(Cue::Then.alone()))
    })
}

/// The occasion that the governing verb makes of the time.
fn governor(heard: &Heard, place: Place, start: usize, end: usize) -> Option<Occasion> {
    let before = (start..place.from).rev().find_map(|at| verb(heard, at, place, start, end).map(|o| (at, o)));
    let stop = (place.to..end)
        .find(|&at| heard.tokens[at].word == Word::And || cues(heard, at).meets(Cue::Then.alone()) && !again(heard, at))
        .unwrap_or(end);
    let after = || (place.to..stop).find_map(|at| verb(heard, at, place, start, end));
    match before {
        Some((at, occasion)) => {
            let hindi = Cue::Hindi.alone().and(Cue::Light.alone()).and(Cue::GoesOn.alone());
            let hindi = cues(heard, at).meets(hindi) || cues(heard, at + 1).meets(hindi);
            if hindi { Some(after().unwrap_or(occasion)) } else { Some(occasion) }
        }
        None => after(),
    }
}

/// "phir se": again, and not then.
fn again(heard: &Heard, at: usize) -> bool {
    heard.word(at + 1) == Some(Word::Se)
}

/// What the verb at token `at`, if it is one, makes of the time.
fn verb(heard: &Heard, at: usize, place: Place, start: usize, end: usize) -> Option<Occasion> {
    let token = heard.tokens[at];
    let (own, next) = (token.cues, cues(heard, at + 1));
    let first = at < place.from;
    if matches!(token.word, Word::AfterLunch | Word::BeforeLunch) {
        return None;
    }
    let negated = |at: usize| heard.any(at.saturating_sub(2).max(start), at, |w| matches!(w, Word::Not | Word::Cant));
    if calls(&token) || own.meets(Cue::ToMe.alone()) && next.meets(Cue::Me.alone()) {
        // "at four, call me before you come": the call has its own time.
        let bound = |w: Word| matches!(w, Word::Before | Word::SePehle | Word::Wh);
        let elsewhere = !first && heard.any(at, end, bound);
        // "4 baje aane ke baad call": the noun of what was said before.
        return Some(if elsewhere { Occasion::Offer } else { Occasion::Beside });
    }
    if own.meets(Cue::Tell.alone()) || token.word == Word::Tell {
        let joined = |w: Word| {
            matches!(
                w,
                Word::By
                    | Word::At
                    | Word::After
                    | Word::Before
                    | Word::Till
                    | Word::Inside
                    | Word::Within
                    | Word::Day(_)
                    | Word::Kal
                    | Word::Weekday(_)
                    | Word::Part(_)
                    | Word::Tonight
            )
        };
        let mine = |at: usize| cues(heard, at).meets(Cue::Light.alone()) && cues(heard, at).meets(Cue::Own.alone());
        let hindi = own.meets(Cue::Hindi.alone()) && (mine(at + 1) || next.meets(Cue::Light.alone()) && mine(at + 2));
        let english = if first {
            heard.any(at + 1, place.to, joined)
        } else {
            heard.any(place.from.saturating_sub(1), place.to, joined)
                && (place.to..at).any(|at| cues(heard, at).meets(Cue::Own.alone()))
        };
        return (hindi || english).then_some(Occasion::Beside);
    }
    if own.meets(Cue::Away.alone()) {
        return (!negated(at)).then_some(Occasion::Away);
    }
    if own.meets(Cue::PerhapsAway.alone()) && !(own.meets(Cue::Tell.alone())) {
        let held = (start..end).any(|at| cues(heard, at).meets(Cue::Be.alone().and(Cue::GoesOn.alone())))
            && !(start..at).any(|at| cues(heard, at).meets(Cue::Modal.alone()));
        let runs = (start..end).any(|at| cues(heard, at).meets(Cue::GoesOn.alone()));
        let until = place.shape == Shape::Until
            || place.shape == Shape::Day && heard.any(place.from.saturating_sub(1), place.to + 1, |w| w == Word::Till);
        if held && !negated(at) && (until || place.shape == Shape::Range && runs) {
            return Some(Occasion::Away);
        }
    }
    if own.meets(Cue::Return.alone()) {
        let answers = at
            .checked_sub(1)
            .is_some_and(|p| p >= start && cues(heard, p).meets(Cue::Call.alone().and(Cue::Tell.alone())));
        return Some(if answers { Occasion::Beside } else { Occasion::Back });
    }
    let fine = own.meets(Cue::Fine.alone()) && !first;
    (own.meets(Cue::Come.alone()) || fine).then_some(Occasion::Offer)
}

/// "abhi das baje hain", "it is ten now": what the clock shows, and nothing else.
fn shape_of_now(heard: &Heard, place: Place, start: usize, end: usize) -> bool {
    if place.shape != Shape::Point {
        return false;
    }
    let outside = || (start..place.from).chain(place.to..end);
    let now = outside().any(|at| cues(heard, at).meets(Cue::Now.alone()));
    let is = outside().any(|at| {
        cues(heard, at).meets(Cue::Be.alone()) || matches!(heard.tokens[at].word, Word::Is | Word::It | Word::PastVerb)
    });
    let light = |at: usize| {
        let word = heard.tokens[at].word;
        let light = is_filler(word)
            || matches!(
                word,
                Word::Is
                    | Word::It
                    | Word::PastVerb
                    | Word::Of
                    | Word::Part(_)
                    | Word::Final
                    | Word::Ko
                    | Word::At
                    | Word::Correct
                    | Word::Other
                    | Word::And
                    | Word::To
            );
        light && !cues(heard, at).meets(VERB.and(Cue::Fine.alone()).and(Cue::Own.alone()).and(Cue::Light.alone()))
    };
    now && is && outside().all(light)
}

/// True if the words around a time ask, whether a mark says so or not.
fn asks(heard: &Heard, place: Place, start: usize, end: usize) -> bool {
    let own = |at: usize| cues(heard, at);
    for at in start..place.from {
        let Some(after) = question_at(heard, at, start) else { continue };
        // "are you there, we can do four": a statement of his own follows.
        let stated = (after..place.from).any(|at| {
            own(at).meets(Cue::Own.alone())
                || own(at).meets(Cue::Pronoun.alone())
                    && !matches!(heard.tokens[at].word, Word::It | Word::Is | Word::You)
        });
        if !stated {
            return true;
        }
    }
    // "you need it by five": what we are told that we want.
    let told = (start..place.from).any(|at| {
        heard.tokens[at].word == Word::You
            && heard.before(at) != Some(Word::Other)
            && (at + 1..place.from.min(at + 3)).any(|near| own(near).meets(Cue::Need.alone()))
            && !(at..place.from).any(|near| own(near).meets(Cue::Own.alone().and(Cue::Modal.alone())))
    });
    if told {
        return true;
    }
    let approved = (place.to..end).any(|at| own(at).meets(Cue::Fine.alone()));
    let last = |at: usize| {
        own(at).meets(Cue::Kya.alone())
            && heard.skip(at + 1, is_filler) >= heard.tokens.len().min(heard.clause_end(at + 1))
    };
    let doubts = (place.to..heard.clause_end(place.to)).any(last)
        || place.previous == 0 && place.from > start && own(place.from - 1).meets(Cue::Kya.alone());
    let familiar =
        (start..place.from).any(|at| own(at).meets(Cue::Thou.alone())) && heard.any(place.to, end, |w| w == Word::Can);
    let answered = heard.any(place.to, end, |w| matches!(w, Word::Yes | Word::Ji));
    (doubts && !answered || familiar) && !approved
}

/// Where the question that begins at token `at` has named its subject: "can you", "is the driver", "does he".
fn question_at(heard: &Heard, at: usize, start: usize) -> Option<usize> {
    let (token, before) = (heard.tokens[at], at.checked_sub(1).filter(|p| *p >= start).map(|p| heard.tokens[p]));
    let verb = Cue::Modal.alone().and(Cue::Do.alone()).and(Cue::Be.alone());
    let subject = Cue::Pronoun.alone().and(Cue::Own.alone());
    let how = before.is_some_and(|b| matches!(b.word, Word::Wh | Word::What));
    let led = before.is_some_and(|b| b.cues.meets(subject.and(Cue::Modal.alone())) || b.word == Word::You);
    if led || how && token.cues.meets(Cue::Be.alone()) {
        return None;
    }
    // One token: "are you", "do you".
    if token.cues.meets(verb) && token.cues.meets(subject) {
        let asked = matches!(token.word, Word::AreYou | Word::Wh | Word::CallMe)
            || token.word == Word::I && token.cues.meets(Cue::Modal.alone());
        return asked.then_some(at + 1);
    }
    if !token.cues.meets(verb) || matches!(token.word, Word::Count(_)) {
        return None;
    }
    let next = heard.tokens.get(at + 1)?;
    if next.cues.meets(subject)
        && (next.word != Word::It || !token.cues.meets(Cue::Do.alone()) || !token.cues.meets(Cue::Be.alone()))
    {
        // "do it at four" asks nobody.
        return (!(next.word == Word::It && heard.tokens[at].word == Word::Other)).then_some(at + 2);
    }
    let noun = |i: usize| matches!(heard.word(i), Some(Word::Unit(Unit::Thing) | Word::LabelStem));
    let named = noun(at + 1)
        || matches!(heard.word(at + 1), Some(Word::My | Word::Your | Word::Article))
        || heard.word(at + 1) == Some(Word::Filler) && noun(at + 2);
    let opens = (start..at).all(|p| is_filler(heard.tokens[p].word) || heard.tokens[p].word == Word::And);
    let called = (start..at).all(|p| is_filler(heard.tokens[p].word) || heard.tokens[p].word == Word::Other);
    let asked = named && (opens || called && !token.cues.meets(Cue::Be.alone()));
    asked.then_some(at + 2)
}

/// Whether a text is a machine's: a menu, or an announcement of hours.
pub(super) fn announces(tokens: &[super::token::Token]) -> bool {
    let any = |cue: Cues| tokens.iter().any(|t| t.cues.meets(cue));
    any(Cue::Machine.alone()) || any(Cue::Announces.alone()) && any(Cue::Hours.alone())
}

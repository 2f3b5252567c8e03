//! What the agent is saying: clauses, their audio, how much was sent, how much was played.
//!
//! It keeps a mirror of the far end's playback buffer: what was sent drains at 8 bytes a millisecond. From the mirror and from
//! the echoed marks it knows which words were heard. It decides nothing. Invariants: never more than [`LEAD`] of audio is ahead of
//! the playback; a mark of an older epoch (sent before a `clear`) says nothing; clauses are played in order.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::Action;
use super::said::Clause;
use crate::audio::level::Recent;
use crate::audio::{BYTES_PER_MS, FRAME_SAMPLES, Frame, SILENCE};

/// Audio sent ahead of its playback at most. Enough to ride out a late wake-up, little enough that a pause loses next to nothing.
pub(super) const LEAD: Duration = Duration::from_millis(400);
/// How often more is sent while there is more, and how much at a time: at least 240 ms stay ahead, and a call costs six messages a
/// second instead of fifty.
const PACE: Duration = Duration::from_millis(160);
/// The recogniser's words of an echo come no later after it.
const ECHOES_FOR: Duration = Duration::from_millis(2_500);
/// Played audio kept for the recording while no frame of the caller arrives.
const MAX_TRACK: usize = 10_000 * BYTES_PER_MS;

/// A mark: behind the last byte of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkId {
    /// Grows with every `clear`.
    pub epoch: u32,
    /// The turn the clause belongs to.
    pub turn: u32,
    /// The clause, from 0.
    pub clause: u32,
}

impl std::fmt::Display for MarkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "e{}t{}c{}", self.epoch, self.turn, self.clause)
    }
}

impl MarkId {
    /// Reads a mark's name; `None` if it is not one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let (epoch, rest) = name.strip_prefix('e')?.split_once('t')?;
        let (turn, clause) = rest.split_once('c')?;
        Some(Self { epoch: epoch.parse().ok()?, turn: turn.parse().ok()?, clause: clause.parse().ok()? })
    }
}

/// The agent's speech of one turn, and the mirror of the far end's buffer.
#[derive(Debug, Default)]
pub(super) struct Speech {
    turn: u32,
    epoch: u32,
    clauses: Vec<Clause>,
    /// The clause being sent.
    sending: usize,
    /// Sent and not yet played: clause and bytes.
    mirror: VecDeque<(usize, Bytes)>,
    mirrored: usize,
    /// No more clauses will come.
    closed: bool,
    /// Nothing may be sent now: the caller seems to speak, or the turn is not sure yet.
    held: bool,
    /// Bytes the playback clock has counted since the call began.
    clock: u64,
    pump_at: Option<Duration>,
    first_sent: Option<Duration>,
    first_audio: Option<Duration>,
    /// Played audio that waits to be recorded, if the call is recorded.
    track: Option<VecDeque<u8>>,
    /// How loud we were lately, for telling our echo.
    loudness: Recent,
    /// When something of ours was last being played.
    audible_at: Option<Duration>,
    /// What was played of the turn before, for telling our echo.
    said_before: [String; 2],
}

/// A clause that was not heard, for the mode that takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// The words.
    pub text: String,
    /// Their language.
    pub language: String,
    /// Whether they are the agent's fixed text.
    pub fixed: bool,
}

impl Speech {
    pub(super) fn new(recorded: bool) -> Self {
        Self { track: recorded.then(VecDeque::new), closed: true, ..Self::default() }
    }

    /// Starts a new turn's speech; what was left of the old one is forgotten.
    pub(super) fn start(&mut self, turn: u32, held: bool) {
        self.turn = turn;
        // Nothing of the old turn can be playing, or it would have been cleared; were it so, its bytes must not count for the new one.
        self.mirror.clear();
        self.mirrored = 0;
        if self.clauses.iter().any(Clause::may_echo) {
            self.said_before = Default::default();
            for clause in self.clauses.iter().filter(|clause| clause.may_echo()) {
                clause.join_to(&mut self.said_before);
            }
        }
        self.clauses.clear();
        self.sending = 0;
        self.closed = false;
        self.held = held;
        self.pump_at = None;
        self.first_sent = None;
        self.first_audio = None;
    }

    /// Adds a clause, written and as it is spoken; gives its number.
    pub(super) fn add(&mut self, text: &str, spoken: &str, language: &str, fixed: bool) -> u32 {
        let spoken = (spoken != text).then(|| spoken.to_owned());
        let (text, language) = (text.to_owned(), language.to_owned());
        self.clauses.push(Clause { text, spoken, language, fixed, ..Clause::default() });
        u32::try_from(self.clauses.len() - 1).unwrap_or(u32::MAX)
    }

    /// The clauses from this one on must be heard to their end.
    pub(super) fn must_be_heard(&mut self, from: usize) {
        for clause in self.clauses.iter_mut().skip(from) {
            clause.must = true;
        }
    }

    /// The clauses that must be heard and were not, to their end.
    pub(super) fn owed(&self) -> impl Iterator<Item = (&str, &str)> {
        let owed = self.clauses.iter().filter(|clause| clause.must && !clause.whole());
        owed.map(|clause| (clause.text.as_str(), clause.language.as_str()))
    }

    /// No more clauses will come.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn audio(&mut self, now: Duration, turn: u32, clause: u32, audio: Bytes) {
        if let Some(clause) = self.clause(turn, clause)
            && !clause.done
            && !audio.is_empty()
        {
            clause.received += audio.len();
            clause.queue.push_back(audio);
            self.first_audio.get_or_insert(now);
        }
    }

    /// Takes the times of the letters of a clause's next audio.
    pub(super) fn letters(&mut self, turn: u32, clause: u32, ends_ms: &[u32]) {
        let Some(clause) = self.clause(turn, clause).filter(|clause| !clause.done) else { return };
        clause.tell_letters(ends_ms);
    }

    pub(super) fn done(&mut self, turn: u32, clause: u32) {
        if let Some(clause) = self.clause(turn, clause) {
            clause.done = true;
        }
    }

    /// Whether this clause's audio is still owed.
    pub(super) fn awaits(&self, turn: u32, clause: u32) -> bool {
        turn == self.turn && self.clauses.get(clause as usize).is_some_and(|clause| !clause.done)
    }

    fn clause(&mut self, turn: u32, clause: u32) -> Option<&mut Clause> {
        (turn == self.turn).then(|| self.clauses.get_mut(clause as usize)).flatten()
    }

    /// A mark came back: its clause and all before it were heard, unless it was only flushed.
    pub(super) fn mark(&mut self, now: Duration, mark: MarkId) -> bool {
        // One that was never sent cannot have been reached.
        let was_sent = self.clauses.get(mark.clause as usize).is_some_and(|clause| clause.marked);
        if mark.epoch != self.epoch || mark.turn != self.turn || !was_sent {
            return false;
        }
        // First what has been played since the last look, or it would be counted twice.
        self.advance(now);
        let last = mark.clause as usize;
        for clause in &mut self.clauses[..=last] {
            clause.heard = true;
        }
        // The far end is further than the mirror believed.
        while self.mirror.front().is_some_and(|(clause, _)| *clause <= last) {
            if let Some((clause, bytes)) = self.mirror.pop_front() {
                self.mirrored -= bytes.len();
                self.clauses[clause].played += bytes.len();
                self.loudness.push(&bytes);
                track(&mut self.track, &bytes);
            }
        }
        true
    }

    /// Whether audio is on its way to the caller's ear now.
    pub(super) fn audible(&self) -> bool {
        !self.mirror.is_empty()
    }

    /// Level of the loudest 20 ms that were played within the last 600 ms, dBFS.
    pub(super) fn loudest_dbfs(&mut self, now: Duration) -> f32 {
        self.advance(now);
        self.loudness.loudest_dbfs()
    }

    /// When something of ours was last being played.
    pub(super) fn audible_at(&self) -> Option<Duration> {
        self.audible_at
    }

    /// What the caller may hear come back of us: the words played in this turn and in the one before, as they are written and as they
    /// are spoken. Nothing, where we have long been silent.
    pub(super) fn echoing(&self, now: Duration) -> [String; 2] {
        if self.audible_at.is_none_or(|at| now.saturating_sub(at) >= ECHOES_FOR) {
            return Default::default();
        }
        let mut forms = self.said_before.clone();
        for clause in self.clauses.iter().filter(|clause| clause.may_echo()) {
            clause.join_to(&mut forms);
        }
        forms
    }

    /// Whether all was said; the marks may still be on their way.
    pub(super) fn drained(&self) -> bool {
        self.closed && self.mirror.is_empty() && self.sending >= self.clauses.len()
    }

    /// Whether every clause's mark came back.
    pub(super) fn heard_all(&self) -> bool {
        self.drained() && self.clauses.iter().all(|clause| clause.heard)
    }

    /// Whether some clause's audio is owed and nothing is left to play.
    pub(super) fn starved(&self) -> bool {
        !self.held
            && self.mirror.is_empty()
            && self.clauses.get(self.sending).is_some_and(|clause| !clause.done && clause.queue.is_empty())
    }

    pub(super) fn first_sent(&self) -> Option<Duration> {
        self.first_sent
    }

    pub(super) fn first_audio(&self) -> Option<Duration> {
        self.first_audio
    }

    pub(super) fn clauses(&self) -> usize {
        self.clauses.len()
    }

    /// Lets go what was held.
    pub(super) fn release(&mut self, now: Duration) {
        self.held = false;
        self.pump_at = Some(now);
    }

    /// When [`pump`](Self::pump) has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.pump_at
    }

    /// Moves the playback clock on and sends what may be sent.
    pub(super) fn pump(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.advance(now);
        self.pump_at = None;
        if !self.held {
            self.send(now, actions);
        }
        let more = !self.held && self.clauses.get(self.sending).is_some_and(|clause| !clause.queue.is_empty());
        if more {
            let room_at = self.mirrored.saturating_sub((LEAD - PACE).as_millis() as usize * BYTES_PER_MS);
            self.pump_at = Some(now + Duration::from_millis((room_at / BYTES_PER_MS) as u64 + 1));
        } else if !self.mirror.is_empty() {
            // Wake when the last byte has been played, to know that all was said.
            self.pump_at = Some(now + Duration::from_millis((self.mirrored / BYTES_PER_MS) as u64 + 1));
        }
    }

    fn send(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let lead = LEAD.as_millis() as usize * BYTES_PER_MS;
        // Every frame of the caller comes by here; audio that can wait goes with the next stretch.
        let due = lead.saturating_sub(self.mirrored) >= PACE.as_millis() as usize * BYTES_PER_MS;
        while let Some(clause) = self.clauses.get_mut(self.sending) {
            let mut room = lead.saturating_sub(self.mirrored);
            while due
                && room >= FRAME_SAMPLES
                && let Some(mut bytes) = clause.queue.pop_front()
            {
                if bytes.len() > room {
                    clause.queue.push_front(bytes.split_off(room));
                }
                room -= bytes.len();
                self.mirrored += bytes.len();
                self.first_sent.get_or_insert(now);
                self.mirror.push_back((self.sending, bytes.clone()));
                actions.push(Action::SendMedia(bytes));
            }
            if !clause.queue.is_empty() || !clause.done {
                return;
            }
            if !clause.marked && clause.received > 0 {
                clause.marked = true;
                let clause = u32::try_from(self.sending).unwrap_or(u32::MAX);
                actions.push(Action::SendMark(MarkId { epoch: self.epoch, turn: self.turn, clause }));
            }
            clause.heard |= clause.received == 0;
            self.sending += 1;
        }
    }

    fn advance(&mut self, now: Duration) {
        let clock = u64::try_from(now.as_micros() * BYTES_PER_MS as u128 / 1_000).unwrap_or(u64::MAX);
        let mut due = usize::try_from(clock.saturating_sub(self.clock)).unwrap_or(usize::MAX);
        self.clock = self.clock.max(clock);
        if !self.mirror.is_empty() {
            self.audible_at = Some(now);
        }
        while due > 0
            && let Some((clause, bytes)) = self.mirror.front_mut()
        {
            let part = bytes.split_to(due.min(bytes.len()));
            let clause = *clause;
            if bytes.is_empty() {
                self.mirror.pop_front();
            }
            due -= part.len();
            self.mirrored -= part.len();
            if let Some(clause) = self.clauses.get_mut(clause) {
                clause.played += part.len();
            }
            self.loudness.push(&part);
            track(&mut self.track, &part);
        }
        if due > 0 {
            self.loudness.push_silence(due);
        }
        if let Some(track) = &mut self.track {
            let room = MAX_TRACK.saturating_sub(track.len());
            track.extend(std::iter::repeat_n(SILENCE, due.min(room)));
        }
    }

    /// The next 20 ms that were played, for the recording.
    pub(super) fn played(&mut self) -> Option<Frame> {
        let track = self.track.as_mut()?;
        let mut frame = Frame::SILENCE;
        for slot in &mut frame.0 {
            *slot = track.pop_front().unwrap_or(SILENCE);
        }
        Some(frame)
    }

    /// Stops at once: the far end's buffer is cleared, what was not played goes back to be sent again. All later marks of this
    /// epoch are only flushed.
    pub(super) fn pause(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.advance(now);
        self.held = true;
        if self.mirror.is_empty() {
            return;
        }
        self.epoch += 1;
        actions.push(Action::Clear);
        self.mirrored = 0;
        while let Some((index, bytes)) = self.mirror.pop_back() {
            self.sending = self.sending.min(index);
            self.clauses[index].queue.push_front(bytes);
        }
        for clause in &mut self.clauses[self.sending..] {
            clause.marked = false;
            clause.heard = false;
        }
        // Their marks are flushed now, and would say nothing.
        for clause in &mut self.clauses[..self.sending] {
            clause.heard = true;
        }
        self.pump_at = None;
    }

    /// The words of this turn that were heard, up to the word that was being spoken.
    pub(super) fn heard(&self) -> String {
        let mut heard = String::new();
        for clause in &self.clauses {
            if !heard.is_empty() && (clause.whole() || clause.played > 0) {
                heard.push(' ');
            }
            if clause.whole() {
                heard.push_str(&clause.text);
                continue;
            }
            heard.push_str(&clause.heard_words());
            break;
        }
        heard.trim_end().to_owned()
    }

    /// Whether some clause was not heard whole.
    pub(super) fn any_unheard(&self) -> bool {
        !self.clauses.iter().all(Clause::whole)
    }

    /// The clauses that were not heard whole.
    pub(super) fn unheard(&self) -> Vec<Unheard> {
        self.clauses
            .iter()
            .filter(|clause| !clause.whole())
            .map(|clause| Unheard { text: clause.text.clone(), language: clause.language.clone(), fixed: clause.fixed })
            .collect()
    }
}

fn track(track: &mut Option<VecDeque<u8>>, bytes: &Bytes) {
    if let Some(track) = track
        && track.len() < MAX_TRACK
    {
        track.extend(bytes);
    }
}

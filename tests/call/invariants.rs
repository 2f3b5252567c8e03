//! What holds of a call whatever happens to it, in whatever order: random events with random pauses between them.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::date;
use proptest::prelude::*;
use trunkline::agent::Agent;
use trunkline::call::{Action, Call, Event, Stop};
use trunkline::conversation::{Conversation, Opening};
use trunkline::simulator::playback::Playback;

use crate::rig::{json, logistics, recording};

/// One thing that happens to a call.
#[derive(Clone, Debug)]
enum Op {
    Digit(char),
    EarsLost,
    Final(&'static str),
    Gap(u16),
    Mark(u32, u32, u32),
    MarkDue,
    MindDelta(u8, &'static str),
    MindDone(u8),
    MindFailed(u8),
    Partial(&'static str),
    /// So many frames of voice, or of silence.
    Sound(bool, u8),
    SpeechAudio(u8, u8, u16),
    SpeechDone(u8, u8),
    SpeechFailed(u8, u8),
    Started,
    Stop(Stop),
    Tick,
}

fn words() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "haan",
        "yes",
        "no",
        "English",
        "five hundred",
        "five hundred rupees",
        "between two and",
        "two to five pm",
        "hello, who is calling?",
        "हिंदी",
        "दो से पाँच बजे",
        "I want a person",
        "...",
    ])
}

fn pieces() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        r#"{"say": "Thank you. And"#,
        r#"{"say": "And the time?", "type": "NEED_MORE_INFO", "data": {}}"#,
        "rubbish",
        r#"{"say": "Thanks.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "500", "time": "2-5pm"}}"#,
        r#" the time?", "type"#,
        r#"{"say": "", "type": "HANDOVER_TO_HUMAN", "data": {}}"#,
    ])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => prop::sample::select(vec!['1', '2', '9', '#', '*']).prop_map(Op::Digit),
        1 => Just(Op::EarsLost),
        120 => words().prop_map(Op::Final),
        10 => any::<u16>().prop_map(Op::Gap),
        20 => (0..4_u32, 0..12_u32, 0..4_u32).prop_map(|(epoch, turn, clause)| Op::Mark(epoch, turn, clause)),
        100 => Just(Op::MarkDue),
        120 => (0..3_u8, pieces()).prop_map(|(back, text)| Op::MindDelta(back, text)),
        80 => (0..3_u8).prop_map(Op::MindDone),
        30 => (0..3_u8).prop_map(Op::MindFailed),
        140 => words().prop_map(Op::Partial),
        300 => (any::<bool>(), 1..80_u8).prop_map(|(voice, frames)| Op::Sound(voice, frames)),
        200 => (0..3_u8, 0..4_u8, 0..20_000_u16).prop_map(|(back, clause, bytes)| Op::SpeechAudio(back, clause, bytes)),
        140 => (0..3_u8, 0..4_u8).prop_map(|(back, clause)| Op::SpeechDone(back, clause)),
        1 => (0..3_u8, 0..4_u8).prop_map(|(back, clause)| Op::SpeechFailed(back, clause)),
        20 => Just(Op::Started),
        1 => prop::sample::select(vec![Stop::Draining, Stop::HangUp, Stop::Lost]).prop_map(Op::Stop),
        40 => Just(Op::Tick),
    ]
}

static AGENT: LazyLock<Arc<Agent>> = LazyLock::new(|| Arc::new(logistics()));
static VOICE: LazyLock<Vec<u8>> = LazyLock::new(|| recording("hello_who_is_calling"));

/// A call and the watch kept on it.
struct Watched {
    call: Call,
    now: u64,
    stamp: u64,
    playback: Playback,
    /// Turns of which speech was asked, newest last.
    turns: Vec<u32>,
    dead: BTreeSet<u32>,
    asked: BTreeSet<u32>,
    /// Whose turn the clauses are that were asked for last.
    owed: Vec<(u32, u32)>,
    due_marks: Vec<String>,
    closed: bool,
    voiced: usize,
    /// The recogniser understands nothing.
    deaf: bool,
}

impl Watched {
    fn new(language: Option<&str>, mind: bool) -> Self {
        let opening = Opening { language: language.map(str::to_owned), mind, ..Opening::default() };
        let conversation = Conversation::new(&AGENT, opening);
        Self {
            call: Call::new(AGENT.clone(), conversation, date(2026, 11, 23).at(10, 0, 0, 0), true),
            now: 0,
            stamp: 0,
            playback: Playback::default(),
            turns: vec![0],
            dead: BTreeSet::new(),
            asked: BTreeSet::new(),
            owed: Vec::new(),
            due_marks: Vec::new(),
            closed: false,
            voiced: 0,
            deaf: false,
        }
    }

    /// The turn `back` turns ago.
    fn turn(&self, back: u8) -> u32 {
        self.turns.iter().rev().nth(usize::from(back)).copied().unwrap_or(0)
    }

    fn handle(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        match &event {
            Event::MindDone { turn } | Event::MindFailed { turn } => {
                self.asked.remove(turn);
            }
            Event::SpeechDone { turn, clause } | Event::SpeechFailed { turn, clause } => {
                self.owed.retain(|owed| owed != &(*turn, *clause));
            }
            _ => {}
        }
        self.call.handle(Duration::from_millis(self.now), event, &mut actions);
        for action in actions {
            self.check(action);
        }
        match self.call.deadline() {
            Some(at) => {
                assert!(!self.closed, "a deadline after the end");
                assert!(at >= Duration::from_millis(self.now), "{at:?} is before {} ms", self.now);
            }
            None => assert!(
                self.closed || !self.asked.iter().any(|turn| !self.dead.contains(turn)),
                "nothing will wake the call"
            ),
        }
    }

    fn check(&mut self, action: Action) {
        assert!(!self.closed, "after Close: {action:?}");
        match action {
            Action::AskMind { turn, .. } => {
                assert!(!self.dead.contains(&turn), "a dead turn asks");
                assert!(self.asked.iter().all(|asked| self.dead.contains(asked)), "two questions at once");
                self.asked.insert(turn);
                self.turns.push(turn);
            }
            Action::Speak { turn, clause, text, .. } => {
                assert!(!self.dead.contains(&turn), "a dead turn speaks");
                assert!(!text.trim().is_empty());
                self.owed.push((turn, clause));
                self.turns.push(turn);
            }
            Action::DropMind { turn } | Action::DropSpeech { turn } => {
                self.dead.insert(turn);
                self.asked.remove(&turn);
                self.owed.retain(|(of, _)| *of != turn);
            }
            Action::Clear => {
                self.playback.advance(self.now * 1_000);
                self.due_marks.extend(self.playback.clear());
            }
            Action::SendMedia(audio) => {
                // The first byte names the turn.
                assert!(!audio.is_empty());
                assert!(!self.dead.contains(&u32::from(audio[0])), "media of the dead turn {}", audio[0]);
                let (_, marks) = self.playback.advance(self.now * 1_000);
                self.due_marks.extend(marks);
                self.playback.push(self.now * 1_000, &audio);
                assert!(self.playback.buffered_ms() <= 400, "{} ms ahead", self.playback.buffered_ms());
            }
            Action::SendMark(mark) => {
                let name = mark.to_string();
                self.due_marks.extend(self.playback.mark(&name));
            }
            Action::Close(_) => {
                assert!(self.asked.is_empty(), "the mind is left thinking");
                self.closed = true;
            }
            Action::Commit | Action::Listen(_) | Action::ListenNow | Action::Record { .. } | Action::Report(_) | Action::Save => {}
        }
    }

    fn frame(&mut self, voice: bool) {
        let mut frame = [0xFF_u8; 160];
        if voice {
            for slot in &mut frame {
                *slot = VOICE[self.voiced % VOICE.len()];
                self.voiced += 1;
            }
        }
        self.handle(Event::Media { timestamp_ms: Some(self.stamp), audio: &frame });
        self.stamp += 20;
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.call.deadline().map(|at| at.as_millis() as u64 + 1).filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.handle(Event::Tick);
        }
        self.now = until;
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Digit(digit) => self.handle(Event::Dtmf(digit)),
            Op::EarsLost => self.handle(Event::EarsLost),
            Op::Final(text) => self.handle(Event::Final(if self.deaf { "" } else { text })),
            Op::Gap(ms) => self.stamp += u64::from(ms),
            Op::Mark(epoch, turn, clause) => self.handle(Event::Mark(&format!("e{epoch}t{turn}c{clause}"))),
            Op::MarkDue => {
                for mark in std::mem::take(&mut self.due_marks) {
                    self.handle(Event::Mark(&mark));
                }
            }
            Op::MindDelta(back, text) => self.handle(Event::MindDelta { turn: self.turn(back), text }),
            Op::MindDone(back) => self.handle(Event::MindDone { turn: self.turn(back) }),
            Op::MindFailed(back) => self.handle(Event::MindFailed { turn: self.turn(back) }),
            Op::Partial(text) => self.handle(Event::Partial(if self.deaf { "" } else { text })),
            Op::Sound(voice, frames) => {
                for _ in 0..frames {
                    self.pass(20);
                    self.frame(voice);
                }
            }
            Op::SpeechAudio(back, clause, bytes) => {
                let turn = self.turn(back);
                let audio = Bytes::from(vec![turn as u8; usize::from(bytes)]);
                self.handle(Event::SpeechAudio { turn, clause: clause.into(), audio });
            }
            Op::SpeechDone(back, clause) => {
                self.handle(Event::SpeechDone { turn: self.turn(back), clause: clause.into() });
            }
            Op::SpeechFailed(back, clause) => {
                self.handle(Event::SpeechFailed { turn: self.turn(back), clause: clause.into() });
            }
            Op::Started => self.handle(Event::Started),
            Op::Stop(stop) => self.handle(Event::Stop(stop)),
            Op::Tick => self.handle(Event::Tick),
        }
    }

    /// The caller is silent from now on, and every helper does its work: gives when the call ended, or `None`.
    fn silence(&mut self, frames: bool, marks: bool) -> Option<u64> {
        let from = self.now;
        while !self.closed && self.now < from + 200_000 {
            self.pass(20);
            if frames {
                self.frame(false);
            }
            if marks {
                let (_, reached) = self.playback.advance(self.now * 1_000);
                self.due_marks.extend(reached);
                self.apply(&Op::MarkDue);
            }
            for (turn, clause) in std::mem::take(&mut self.owed) {
                let audio = Bytes::from(vec![turn as u8; 8_000]);
                self.handle(Event::SpeechAudio { turn, clause, audio });
                self.handle(Event::SpeechDone { turn, clause });
            }
            for turn in std::mem::take(&mut self.asked) {
                let text = json("And the time?", "NEED_MORE_INFO");
                self.handle(Event::MindDelta { turn, text: &text });
                self.handle(Event::MindDone { turn });
            }
        }
        self.closed.then_some(self.now - from)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_hold_and_silence_ends_the_call(
        language in prop::option::of(prop::sample::select(vec!["en-IN", "hi-IN"])),
        mind: bool,
        frames: bool,
        marks: bool,
        deaf: bool,
        started in prop::bool::weighted(0.9),
        ops in prop::collection::vec((0..1_500_u16, op()), 0..40),
    ) {
        let mut watched = Watched::new(language, mind);
        watched.deaf = deaf;
        if started {
            watched.handle(Event::Started);
        }
        for (ms, op) in &ops {
            watched.pass(u64::from(*ms));
            watched.apply(op);
            if watched.closed {
                break;
            }
        }
        watched.handle(Event::Started);
        prop_assert!(watched.silence(frames, marks).is_some(), "silence does not end the call");
    }
}

//! What holds of a call whatever happens to it, in whatever order: [`play`] gives a call events with pauses between them and fails
//! where a rule is broken. [`read`] makes such events of any bytes. Used by property tests and by fuzzers, so it needs neither.
//!
//! The rules: nothing panics; one live turn at most asks and speaks; no audio of a dead turn is sent, nothing at all after the end; what is
//! sent is bounded in each step and ahead of its playback; the deadline is in the future; silence ends the call; a turn has one filler at
//! most; what must be heard is said no more once it was heard whole; no line of the history is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::date;
use trunkline::agent::{Agent, Language};
use trunkline::call::{Action, Call, Event, MarkId, Stop};
use trunkline::conversation::{Conversation, Opening};
use trunkline::simulator::playback::Playback;

/// How a call begins, and what it is like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    /// Its language, if known.
    pub(crate) language: Option<&'static str>,
    /// There is a mind.
    pub(crate) mind: bool,
    /// It is recorded, and the caller is told.
    pub(crate) recorded: bool,
    /// Frames come while the caller is silent.
    pub(crate) frames: bool,
    /// Marks come back.
    pub(crate) marks: bool,
    /// The recogniser understands nothing.
    pub(crate) deaf: bool,
    /// The stream was accepted.
    pub(crate) started: bool,
}

/// One thing that happens to a call.
#[derive(Clone, Debug)]
pub(crate) enum Op {
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
    SpeechLetters(u8, u8, u16),
    Started,
    Stop(Stop),
    Tick,
}

/// Words a recogniser may hear.
pub(crate) const WORDS: [&str; 22] = [
    "",
    "haan",
    "yes",
    "no",
    "English",
    "five hundred",
    "five hundred rupees",
    "five hundred rupees two pm to five pm",
    "between two and",
    "two to five pm",
    "hello, who is calling?",
    "हिंदी",
    "दो से पाँच बजे",
    "I want a person",
    "thank you bye",
    "no six hundred rupees",
    // What the agent says, come back.
    "hello this is an automated call",
    "hello this is an automated call five hundred",
    "this call is recorded",
    "your details are updated",
    "what would you charge",
    "...",
];

/// Pieces of a mind's answer.
pub(crate) const PIECES: [&str; 8] = [
    "",
    r#"{"say": "Thank you. And"#,
    r#"{"say": "And the time?", "type": "NEED_MORE_INFO", "data": {}}"#,
    "rubbish",
    r#"{"say": "Thanks.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "500", "time": "2-5pm"}}"#,
    r#"{"say": "Is ₹2,500 on 24 Nov at 2:30 pm right? And more, and yet more of it.", "type": "NEED_MORE_INFO", "data": {}}"#,
    r#" the time?", "type"#,
    r#"{"say": "", "type": "HANDOVER_TO_HUMAN", "data": {}}"#,
];

/// Keys of a telephone.
pub(crate) const KEYS: [char; 5] = ['1', '2', '9', '#', '*'];

/// The events that the bytes make, in the order in which they stand.
pub(crate) fn run(bytes: &[u8]) {
    let (start, ops) = read(bytes);
    play(start, &ops);
}

/// Plays the events, each after its pause in ms; then the caller is silent and every helper does its work until the call ends.
///
/// # Panics
///
/// Where a rule is broken.
pub(crate) fn play(start: Start, ops: &[(u16, Op)]) {
    let mut watched = Watched::new(start);
    if start.started {
        watched.handle(Event::Started);
    }
    for (ms, op) in ops {
        watched.pass(u64::from(*ms));
        watched.apply(op);
        if watched.closed {
            break;
        }
    }
    watched.handle(Event::Started);
    assert!(watched.silence(start.frames, start.marks), "silence does not end the call");
    watched.after_the_end();
}

/// Events made of any bytes.
pub(crate) fn read(bytes: &[u8]) -> (Start, Vec<(u16, Op)>) {
    let mut bytes = bytes.iter().copied();
    let mut next = move || bytes.next();
    let flags = next().unwrap_or(0xFF);
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let language = [None, None, Some("en-IN"), Some("hi-IN")][usize::from(flags & 3)];
    let start = Start {
        language,
        mind: flag(2),
        recorded: flag(3),
        frames: flag(4),
        marks: flag(5),
        deaf: flag(6),
        started: flag(7),
    };
    let mut ops = Vec::new();
    while ops.len() < MOST_OPS
        && let Some(op) = read_op(&mut next)
    {
        ops.push(op);
    }
    (start, ops)
}

fn read_op(next: &mut impl FnMut() -> Option<u8>) -> Option<(u16, Op)> {
    let kind = next()?;
    let ms = u16::from(next()?) * 6;
    let mut arg = || next().unwrap_or(0);
    let op = match kind % 20 {
        0 => Op::Digit(KEYS[usize::from(arg()) % KEYS.len()]),
        1 if kind == 1 => Op::EarsLost,
        2 | 3 => Op::Final(WORDS[usize::from(arg()) % WORDS.len()]),
        4 if kind < 60 => Op::Gap(u16::from(arg()) << 8 | u16::from(arg())),
        5 => Op::Mark(u32::from(arg() % 4), u32::from(arg() % 12), u32::from(arg() % 4)),
        1 | 4 | 6 => Op::MarkDue,
        7 | 8 => Op::MindDelta(arg() % 3, PIECES[usize::from(arg()) % PIECES.len()]),
        9 => Op::MindDone(arg() % 3),
        10 if kind < 100 => Op::MindFailed(arg() % 3),
        10..=12 => Op::Partial(WORDS[usize::from(arg()) % WORDS.len()]),
        13 | 14 => Op::Sound(kind > 127, arg() % 80),
        15 => Op::SpeechAudio(arg() % 3, arg() % 4, u16::from(arg()) * 80),
        16 => Op::SpeechDone(arg() % 3, arg() % 4),
        17 => Op::SpeechLetters(arg() % 3, arg() % 4, u16::from(arg()) << 8 | u16::from(arg())),
        18 => match kind {
            18 => Op::SpeechFailed(arg() % 3, arg() % 4),
            38 => Op::Stop([Stop::Draining, Stop::HangUp, Stop::Lost][usize::from(arg() % 3)]),
            58 => Op::Started,
            _ => Op::SpeechAudio(0, arg() % 3, u16::from(arg()) * 80),
        },
        _ => Op::Tick,
    };
    Some((ms, op))
}

/// Events of one call at most.
const MOST_OPS: usize = 120;
/// Actions of one event at most: a gap of ten seconds gives 500 frames, each heard and recorded, and every fifth is a batch.
const MOST_ACTIONS: usize = 1_200;

static AGENT: LazyLock<Arc<Agent>> = LazyLock::new(|| {
    let agent = trunkline::agent::parse("logistics.toml", include_str!("../../agents/logistics.toml"));
    Arc::new(agent.unwrap_or_else(|error| panic!("{error}")))
});
static VOICE: &[u8] = include_bytes!("../../src/simulator/speech/hello_who_is_calling.ulaw");

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
    deaf: bool,
    /// The newest turn that asked or spoke.
    newest: u32,
    /// Turns that had their filler.
    filled: BTreeSet<u32>,
    /// Clauses that announce the recording, and the announcements that were heard whole.
    announcing: BTreeMap<(u32, u32), String>,
    announced: BTreeSet<String>,
}

impl Watched {
    fn new(start: Start) -> Self {
        let language = start.language.map(str::to_owned);
        let opening = Opening { language, mind: start.mind, recorded: start.recorded, ..Opening::default() };
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
            deaf: start.deaf,
            newest: 0,
            filled: BTreeSet::new(),
            announcing: BTreeMap::new(),
            announced: BTreeSet::new(),
        }
    }

    /// Lets the far end play up to now.
    fn play_on(&mut self) {
        let (_, marks) = self.playback.advance(self.now * 1_000);
        for mark in &marks {
            self.heard(mark);
        }
        self.due_marks.extend(marks);
    }

    /// The caller has heard all up to this mark.
    fn heard(&mut self, mark: &str) {
        let clause = MarkId::parse(mark).and_then(|mark| self.announcing.remove(&(mark.turn, mark.clause)));
        if let Some(text) = clause {
            assert!(!self.announced.contains(&text), "announced twice: {text}");
            self.announced.insert(text);
        }
    }

    /// The turn `back` turns ago.
    fn turn(&self, back: u8) -> u32 {
        self.turns.iter().rev().nth(usize::from(back)).copied().unwrap_or(0)
    }

    fn handle(&mut self, event: Event<'_>) {
        self.play_on();
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
        assert!(actions.len() <= MOST_ACTIONS, "{} actions for one event", actions.len());
        for action in actions {
            self.check(action);
        }
        match self.call.deadline() {
            Some(at) => {
                assert!(!self.closed, "a deadline after the end");
                assert!(at > Duration::from_millis(self.now), "{at:?} is not after {} ms", self.now);
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
                assert!(!self.dead.contains(&turn) && turn >= self.newest, "a dead turn asks");
                self.newest = turn;
                assert!(self.asked.iter().all(|asked| self.dead.contains(asked)), "two questions at once");
                self.asked.insert(turn);
                self.turns.push(turn);
            }
            Action::Speak { turn, clause, text, .. } => {
                assert!(!self.dead.contains(&turn) && turn >= self.newest, "a dead turn speaks");
                assert!(self.asked.iter().all(|asked| *asked == turn || self.dead.contains(asked)), "two live turns");
                self.newest = turn;
                assert!(!text.trim().is_empty());
                let of_agent = |pick: fn(&Language) -> &Option<String>| {
                    AGENT.languages.iter().any(|language| pick(language).as_ref() == Some(&text))
                };
                if of_agent(|language| &language.texts.filler) {
                    assert!(self.filled.insert(turn), "two fillers in turn {turn}");
                }
                if of_agent(|language| &language.texts.recording_announcement) {
                    assert!(!self.announced.contains(&text), "announced again: {text}");
                    self.announcing.insert((turn, clause), text);
                }
                self.owed.push((turn, clause));
                self.turns.push(turn);
            }
            Action::DropMind { turn } | Action::DropSpeech { turn } => {
                self.dead.insert(turn);
                self.asked.remove(&turn);
                self.owed.retain(|(of, _)| *of != turn);
            }
            Action::Clear => {
                self.play_on();
                self.due_marks.extend(self.playback.clear());
            }
            Action::SendMedia(audio) => {
                // The first byte names the turn.
                assert!(!audio.is_empty());
                let turn = u32::from(audio[0]);
                assert!(self.newest > 255 || !self.dead.contains(&turn), "media of the dead turn {turn}");
                self.play_on();
                self.playback.push(self.now * 1_000, &audio);
                assert!(self.playback.buffered_ms() <= 400, "{} ms ahead", self.playback.buffered_ms());
            }
            Action::SendMark(mark) => {
                let name = mark.to_string();
                let reached = self.playback.mark(&name);
                if reached.is_some() {
                    self.heard(&name);
                }
                self.due_marks.extend(reached);
            }
            Action::Close(_) => {
                assert!(self.asked.is_empty(), "the mind is left thinking");
                let history = self.call.conversation().history().entries();
                assert!(history.iter().all(|line| !line.text.trim().is_empty()), "an empty line");
                self.closed = true;
            }
            Action::Commit
            | Action::Listen(_)
            | Action::ListenNow
            | Action::Record { .. }
            | Action::Report(_)
            | Action::Save => {}
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
            Op::SpeechLetters(back, clause, ms) => {
                let ms = u32::from(ms);
                let ends_ms = [ms / 3, ms / 2, 0, ms, u32::MAX];
                self.handle(Event::SpeechLetters { turn: self.turn(back), clause: clause.into(), ends_ms: &ends_ms });
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

    /// The caller is silent from now on, and every helper does its work: whether the call ends.
    fn silence(&mut self, frames: bool, marks: bool) -> bool {
        let from = self.now;
        while !self.closed && self.now < from + 200_000 {
            self.pass(20);
            if frames {
                self.frame(false);
            }
            if marks {
                self.play_on();
                self.apply(&Op::MarkDue);
            }
            for (turn, clause) in std::mem::take(&mut self.owed) {
                let audio = Bytes::from(vec![turn as u8; 8_000]);
                self.handle(Event::SpeechAudio { turn, clause, audio });
                self.handle(Event::SpeechDone { turn, clause });
            }
            for turn in std::mem::take(&mut self.asked) {
                self.handle(Event::MindDelta { turn, text: PIECES[2] });
                self.handle(Event::MindDone { turn });
            }
        }
        self.closed
    }
    /// Nothing that comes too late does anything: [`check`](Self::check) fails at any action after the end.
    fn after_the_end(&mut self) {
        self.pass(1_000);
        let last = self.newest;
        for event in [
            Event::Tick,
            Event::Dtmf('1'),
            Event::Final("five hundred"),
            Event::MindDelta { turn: last, text: PIECES[2] },
            Event::MindDone { turn: last },
            Event::SpeechAudio { turn: last, clause: 0, audio: Bytes::from_static(&[0; 160]) },
            Event::SpeechFailed { turn: last, clause: 0 },
            Event::EarsLost,
            Event::Stop(Stop::Lost),
        ] {
            self.handle(event);
        }
        self.frame(true);
    }
}

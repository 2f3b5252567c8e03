//! The state machine of a streamed call: events in any order at any time. Nothing panics, and whatever happens:
//! - no deadline lies in the past, and none is left once the call is closed;
//! - nothing comes after `Close`, and no media, speech or question of a dead turn;
//! - at most one question to the mind is open, and none when the call closes;
//! - never more than 400 ms of sound wait in the far end's buffer;
//! - after the last event, silence ends the call.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::date;
use trunkline::agent::{self, Agent};
use trunkline::call::{Action, Call, Event, Stop};
use trunkline::conversation::{Conversation, Opening};
use trunkline::simulator::playback::Playback;

/// The first byte says what kind of call it is; then four bytes an event: the time before it in steps of 8 ms, which event, and two
/// for its content. What goes beyond 64 events is left out.
pub(crate) fn run(bytes: &[u8]) {
    let (kind, events) = super::split(bytes);
    let has = |bit: u8| kind & (1 << bit) != 0;
    let mut watch = Watch::new(has(0).then_some(if has(1) { "hi-IN" } else { "en-IN" }), has(2));
    if has(3) {
        watch.tell(Event::Started);
    }
    for event in events.chunks_exact(4).take(64) {
        watch.pass(u64::from(event[0]) * 8);
        watch.happen(event[1], event[2], event[3]);
        if watch.closed {
            return;
        }
    }
    watch.tell(Event::Started);
    watch.be_silent(has(4), has(5));
}

struct Watch {
    call: Call,
    now: u64,
    stamp: u64,
    playback: Playback,
    turns: Vec<u32>,
    dead: BTreeSet<u32>,
    asked: BTreeSet<u32>,
    owed: Vec<(u32, u32)>,
    marks: Vec<String>,
    /// Every mark that was sent.
    sent: BTreeSet<String>,
    voiced: usize,
    closed: bool,
}

impl Watch {
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
            marks: Vec::new(),
            sent: BTreeSet::new(),
            voiced: 0,
            closed: false,
        }
    }

    fn happen(&mut self, which: u8, a: u8, b: u8) {
        let turn = self.turns.iter().rev().nth(usize::from(a % 4)).copied().unwrap_or(0);
        let clause = u32::from(a >> 4) % 4;
        let pick = |texts: &[&'static str]| texts[usize::from(b) % texts.len()];
        match which % 32 {
            0..8 => {
                for _ in 0..=(a % 80) {
                    self.pass(20);
                    self.frame(b & 1 != 0);
                }
            }
            8..11 => self.tell(Event::Partial(pick(&WORDS))),
            11..14 => self.tell(Event::Final(pick(&WORDS))),
            14..16 => self.tell(Event::MindDelta { turn, text: pick(&PIECES) }),
            16..18 => self.tell(Event::MindDone { turn }),
            18 => self.tell(Event::MindFailed { turn }),
            19..22 => {
                let audio = Bytes::from(vec![turn as u8; usize::from(b) * 64]);
                self.tell(Event::SpeechAudio { turn, clause, audio });
            }
            22..24 => self.tell(Event::SpeechDone { turn, clause }),
            24..27 => {
                for mark in std::mem::take(&mut self.marks) {
                    self.tell(Event::Mark(&mark));
                }
            }
            // Any mark but one that was sent: the far end says that sound was played only once it was.
            27 => {
                let mark = format!("e{}t{turn}c{clause}", b % 4);
                if !self.sent.contains(&mark) {
                    self.tell(Event::Mark(&mark));
                }
            }
            28 => self.tell(Event::Dtmf(char::from(b'0' + b % 10))),
            29 => self.stamp += u64::from(b) * 100,
            30 => match b {
                0..2 => self.tell(Event::EarsLost),
                2..4 => self.tell(Event::SpeechFailed { turn, clause }),
                4 => self.tell(Event::Stop(Stop::Draining)),
                5 => self.tell(Event::Stop(Stop::HangUp)),
                6 => self.tell(Event::Stop(Stop::Lost)),
                _ => self.tell(Event::Started),
            },
            _ => self.tell(Event::Tick),
        }
    }

    fn tell(&mut self, event: Event<'_>) {
        match &event {
            Event::MindDone { turn } | Event::MindFailed { turn } => {
                self.asked.remove(turn);
            }
            Event::SpeechDone { turn, clause } | Event::SpeechFailed { turn, clause } => {
                self.owed.retain(|owed| owed != &(*turn, *clause));
            }
            _ => {}
        }
        let mut actions = Vec::new();
        self.call.handle(Duration::from_millis(self.now), event, &mut actions);
        for action in actions {
            self.check(action);
        }
        if let Some(at) = self.call.deadline() {
            assert!(!self.closed, "a deadline after the end");
            assert!(at >= Duration::from_millis(self.now), "a deadline in the past");
        }
    }

    fn check(&mut self, action: Action) {
        assert!(!self.closed, "something comes after Close");
        match action {
            Action::AskMind { turn, .. } => {
                assert!(!self.dead.contains(&turn), "a dead turn asks");
                assert!(self.asked.is_empty(), "two questions at once");
                self.asked.insert(turn);
                self.turns.push(turn);
            }
            Action::Speak { turn, clause, text, .. } => {
                assert!(!self.dead.contains(&turn), "a dead turn speaks");
                assert!(!text.trim().is_empty(), "nothing is to be spoken");
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
                self.marks.extend(self.playback.clear());
            }
            Action::SendMedia(audio) => {
                let of = *audio.first().expect("media without sound");
                assert!(!self.dead.iter().any(|dead| *dead as u8 == of), "media of a dead turn");
                let (_, marks) = self.playback.advance(self.now * 1_000);
                self.marks.extend(marks);
                self.playback.push(self.now * 1_000, &audio);
                assert!(self.playback.buffered_ms() <= 400, "{} ms ahead", self.playback.buffered_ms());
            }
            Action::SendMark(mark) => {
                let mark = mark.to_string();
                self.marks.extend(self.playback.mark(&mark));
                self.sent.insert(mark);
            }
            Action::Close(_) => {
                assert!(self.asked.is_empty(), "the mind is left thinking");
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
        self.tell(Event::Media { timestamp_ms: Some(self.stamp), audio: &frame });
        self.stamp += 20;
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.call.deadline().map(|at| at.as_millis() as u64 + 1).filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.tell(Event::Tick);
        }
        self.now = until;
    }

    /// Nothing more comes of the caller, and every helper does its work.
    fn be_silent(&mut self, frames: bool, marks: bool) {
        let until = self.now + 200_000;
        while !self.closed {
            assert!(self.now < until, "silence does not end the call");
            self.pass(20);
            if frames {
                self.frame(false);
            }
            if marks {
                let (_, reached) = self.playback.advance(self.now * 1_000);
                self.marks.extend(reached);
                self.happen(24, 0, 0);
            }
            for (turn, clause) in std::mem::take(&mut self.owed) {
                let audio = Bytes::from(vec![turn as u8; 8_000]);
                self.tell(Event::SpeechAudio { turn, clause, audio });
                self.tell(Event::SpeechDone { turn, clause });
            }
            for turn in std::mem::take(&mut self.asked) {
                self.tell(Event::MindDelta { turn, text: PIECES[1] });
                self.tell(Event::MindDone { turn });
            }
        }
    }
}

static AGENT: LazyLock<Arc<Agent>> = LazyLock::new(|| {
    Arc::new(agent::parse("logistics.toml", include_str!("../../agents/logistics.toml")).expect("it ships"))
});
const VOICE: &[u8] = include_bytes!("../../src/simulator/speech/hello_who_is_calling.ulaw");
const WORDS: [&str; 14] = [
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
];
const PIECES: [&str; 7] = [
    r#"{"say": "Thank you. And"#,
    r#"{"say": "And the time?", "type": "NEED_MORE_INFO", "data": {}}"#,
    "rubbish",
    r#"{"say": "Thanks.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "500", "time": "2-5pm"}}"#,
    r#" the time?", "type"#,
    r#"{"say": "", "type": "HANDOVER_TO_HUMAN", "data": {}}"#,
    "",
];

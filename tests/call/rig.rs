//! A streamed call in virtual time: a caller with a voice, and a recogniser, a mind, a voice and a phone line that answer by script.
//!
//! Nothing waits: a millisecond is one turn of a loop. The log names what the core did and when; media is shown once a stretch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::civil::date;
use trunkline::agent::{self, Agent};
use trunkline::audio::mulaw;
use trunkline::call::{Action, Call, Closing, Event, Stop, TurnReport};
use trunkline::conversation::prompt::{Prompt, Speaker};
use trunkline::conversation::{Conversation, Opening, Stage};
use trunkline::simulator::playback::Playback;

/// Anything that reaches the call from outside, to be delivered at its time.
#[derive(Clone, Debug)]
pub(crate) enum Outside {
    Digit(char),
    EarsLost,
    Final(String),
    Mark(String),
    MindDelta(u32, String),
    MindDone(u32),
    MindFailed(u32),
    Partial(String),
    SpeechAudio(u32, u32, Bytes),
    SpeechDone(u32, u32),
    SpeechLetters(u32, u32, Vec<u32>),
    SpeechFailed(u32, u32),
    Started,
    Stop(Stop),
}

/// What the scripted mind does with a question.
#[derive(Clone, Debug)]
pub(crate) enum Thought {
    /// Answers this JSON.
    Answer(String),
    /// Fails.
    Fail,
    /// Answers late: after so many ms.
    Late(u64, String),
    /// Never answers.
    Never,
}

pub(crate) struct Rig {
    pub(crate) call: Call,
    pub(crate) now: u64,
    inbox: BTreeMap<(u64, u64), Outside>,
    seq: u64,
    pub(crate) playback: Playback,
    /// All that the caller heard of the agent, and when.
    pub(crate) heard: Vec<u8>,
    pub(crate) heard_at: Vec<u64>,
    /// Whether the line brings frames.
    pub(crate) frames: bool,
    /// Frames that never arrive: from, to (ms).
    pub(crate) lost: Option<(u64, u64)>,
    caller: BTreeMap<u64, Utterance>,
    /// Words the recogniser has and no commit has taken: text and when it is complete.
    words: VecDeque<(u64, String)>,
    pub(crate) partials: bool,
    pub(crate) partial_delay: u64,
    /// `None`: it never answers a commit.
    pub(crate) final_delay: Option<u64>,
    /// What the next commit is answered with, whatever was said.
    pub(crate) replace_final: Option<String>,
    pub(crate) thoughts: VecDeque<Thought>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) mind_delay: u64,
    pub(crate) voice_delay: u64,
    /// The voice says nothing at all, or fails.
    pub(crate) voice: Voice,
    pub(crate) ms_per_character: u64,
    /// The voice speaks with the sound of the recordings, this much louder (dB), so that it is a voice to the detector.
    pub(crate) human: Option<f32>,
    /// The voice dwells on some letters and hurries over others, and tells when it spoke each: with every piece of audio, or of the
    /// whole clause with the first.
    pub(crate) pace: Option<(u32, Told)>,
    /// The voice's audio of a clause comes in one piece, as from the cache.
    pub(crate) cached: bool,
    /// Marks come back so late (ms), or not at all.
    pub(crate) marks_late: Option<Option<u64>>,
    /// How long the line takes, each way, ms.
    pub(crate) line_ms: u64,
    /// What is on its way to the phone.
    on_its_way: VecDeque<(u64, Down)>,
    /// The line gives back what it plays: how late (ms) and how loud (dB).
    pub(crate) echo: Option<Echo>,
    /// What the line played, from time zero on.
    line: Vec<u8>,
    /// What is being said: turn, text, words given to the echo, bytes; and where in what was heard it begins.
    saying: VecDeque<(u32, String, usize, usize)>,
    said_from: usize,
    pub(crate) log: Vec<String>,
    sending: bool,
    pub(crate) closed: Option<(u64, Closing)>,
    pub(crate) reports: Vec<TurnReport>,
    /// What was asked of the mind and not yet ended, dropped or answered.
    pub(crate) asked: Vec<u32>,
    actions: Vec<Action>,
    /// Audio sent in all.
    pub(crate) sent_bytes: usize,
    pub(crate) clears: Vec<u64>,
    pub(crate) commits: Vec<u64>,
    /// When the recogniser was to hear all there was.
    pub(crate) hurries: Vec<u64>,
    pub(crate) spoken: Vec<(u32, String)>,
}

/// What the phone is sent.
#[derive(Clone, Debug)]
enum Down {
    Audio(Bytes),
    Clear,
    Mark(String),
}

/// How a voice tells the times of its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    AtOnce,
    PieceByPiece,
    TheFirstHalf,
}

/// The echo of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) delay_ms: u64,
    pub(crate) gain_db: f32,
    /// The recogniser hears its words too, so many ms after they were played.
    pub(crate) words_after_ms: Option<u64>,
}

/// What the caller heard of some clauses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said<'a> {
    /// From the first byte on, up to some whole ms.
    Part(&'a [&'a str]),
    /// Every byte.
    Whole(&'a [&'a str]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Speaks,
    Fails,
    Silent,
}

struct Utterance {
    audio: Vec<u8>,
    from: u64,
}

pub(crate) fn logistics() -> Agent {
    agent::parse("logistics.toml", include_str!("../../agents/logistics.toml")).unwrap()
}

pub(crate) fn recording(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/src/simulator/speech/{name}.ulaw", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn answer(say: &str, kind: &str) -> Thought {
    Thought::Answer(json(say, kind))
}

pub(crate) fn json(say: &str, kind: &str) -> String {
    serde_json::json!({ "say": say, "type": kind, "data": {} }).to_string()
}

/// A caller who says all there is to say, up to the moment at which the end is prepared and not yet let out; and when he fell silent.
pub(crate) fn with_an_end_prepared(mind: bool) -> (Rig, u64) {
    let mut agent = logistics();
    agent.turn_taking.complete_ms = 1_500;
    agent.turn_taking.usual_ms = 1_500;
    let mut rig = Rig::begun(agent, Some("en-IN"), mind);
    let thanks = || answer("Thank you, goodbye.", "THANK_YOU_RESPONSE");
    rig.thoughts.extend([thanks(), thanks(), thanks()]);
    rig.run_until_quiet(700);
    let end = rig.say(rig.now, "charge_and_time", "five hundred rupees two pm to five pm");
    while rig.call.conversation().stage() != Stage::Completed {
        rig.run(rig.now + 1);
        assert!(rig.now < end + 3_000, "{}", rig.log());
    }
    (rig, end)
}

impl Rig {
    /// A call in English with a mind, not recorded, that has begun.
    pub(crate) fn english() -> Self {
        Self::begun(logistics(), Some("en-IN"), true)
    }

    pub(crate) fn begun(agent: Agent, language: Option<&str>, mind: bool) -> Self {
        let mut rig = Self::new(agent, language, mind);
        rig.give(Outside::Started);
        rig
    }

    pub(crate) fn new(agent: Agent, language: Option<&str>, mind: bool) -> Self {
        Self::opened(agent, Opening { language: language.map(str::to_owned), mind, ..Opening::default() })
    }

    pub(crate) fn opened(agent: Agent, opening: Opening) -> Self {
        let agent = Arc::new(agent);
        let conversation = Conversation::new(&agent, opening);
        let began = date(2026, 11, 23).at(10, 0, 0, 0);
        Self {
            call: Call::new(agent, conversation, began, false),
            now: 0,
            inbox: BTreeMap::new(),
            seq: 0,
            playback: Playback::default(),
            heard: Vec::new(),
            heard_at: Vec::new(),
            frames: true,
            lost: None,
            caller: BTreeMap::new(),
            words: VecDeque::new(),
            partials: true,
            partial_delay: 100,
            final_delay: Some(150),
            replace_final: None,
            thoughts: VecDeque::new(),
            prompts: Vec::new(),
            mind_delay: 200,
            voice_delay: 75,
            voice: Voice::Speaks,
            ms_per_character: 50,
            human: None,
            pace: None,
            cached: false,
            marks_late: None,
            line_ms: 0,
            on_its_way: VecDeque::new(),
            echo: None,
            line: Vec::new(),
            saying: VecDeque::new(),
            said_from: 0,
            log: Vec::new(),
            sending: false,
            closed: None,
            reports: Vec::new(),
            asked: Vec::new(),
            actions: Vec::new(),
            sent_bytes: 0,
            clears: Vec::new(),
            commits: Vec::new(),
            hurries: Vec::new(),
            spoken: Vec::new(),
        }
    }

    /// The caller says a recording at this time; the recogniser hears these words in it.
    pub(crate) fn say(&mut self, at: u64, name: &str, text: &str) -> u64 {
        self.utter(at, recording(name), text)
    }

    /// The caller makes these sounds; gives when they end.
    pub(crate) fn utter(&mut self, at: u64, audio: Vec<u8>, text: &str) -> u64 {
        let length = audio.len() as u64 / 8;
        let words: Vec<&str> = text.split_whitespace().collect();
        for (n, word) in words.iter().enumerate() {
            let end = at + length * (n as u64 + 1) / words.len() as u64;
            self.words.push_back((end, (*word).to_owned()));
            if self.partials {
                self.later(end + self.partial_delay, Outside::Partial(String::new()));
            }
        }
        self.caller.insert(at, Utterance { audio, from: at });
        at + length
    }

    pub(crate) fn later(&mut self, at: u64, what: Outside) {
        self.seq += 1;
        self.inbox.insert((at, self.seq), what);
    }

    /// Hands it over now.
    pub(crate) fn give(&mut self, what: Outside) {
        let event = match &what {
            Outside::Digit(digit) => Event::Dtmf(*digit),
            Outside::EarsLost => Event::EarsLost,
            Outside::Final(text) => Event::Final(text),
            Outside::Mark(name) => Event::Mark(name),
            Outside::MindDelta(turn, text) => Event::MindDelta { turn: *turn, text },
            Outside::MindDone(turn) => {
                self.asked.retain(|asked| asked != turn);
                Event::MindDone { turn: *turn }
            }
            Outside::MindFailed(turn) => {
                self.asked.retain(|asked| asked != turn);
                Event::MindFailed { turn: *turn }
            }
            Outside::Partial(text) => Event::Partial(text),
            Outside::SpeechAudio(turn, clause, audio) => {
                Event::SpeechAudio { turn: *turn, clause: *clause, audio: audio.clone() }
            }
            Outside::SpeechDone(turn, clause) => Event::SpeechDone { turn: *turn, clause: *clause },
            Outside::SpeechLetters(turn, clause, ends_ms) => {
                Event::SpeechLetters { turn: *turn, clause: *clause, ends_ms }
            }
            Outside::SpeechFailed(turn, clause) => Event::SpeechFailed { turn: *turn, clause: *clause },
            Outside::Started => Event::Started,
            Outside::Stop(stop) => Event::Stop(*stop),
        };
        self.call.handle(Duration::from_millis(self.now), event, &mut self.actions);
        self.carry_out();
    }

    /// Lets time pass up to `until`, or to the end of the call.
    pub(crate) fn run(&mut self, until: u64) {
        while self.now < until && self.closed.is_none() {
            self.now += 1;
            self.step();
        }
    }

    /// Lets time pass until the call is over; fails if it lasts longer than `most`.
    pub(crate) fn run_to_the_end(&mut self, most: u64) {
        self.run(most);
        assert!(self.closed.is_some(), "the call goes on after {most} ms:\n{}", self.log());
    }

    /// Lets time pass until the agent has been silent for `quiet` ms after having said something.
    pub(crate) fn run_until_quiet(&mut self, quiet: u64) {
        let mut last = self.now;
        let before = self.heard.len();
        for _ in 0..60_000 {
            if self.closed.is_some() {
                return;
            }
            self.run(self.now + 1);
            if self.playback.is_playing() || self.heard.len() == before {
                last = self.now;
            }
            if self.now - last >= quiet {
                return;
            }
        }
        panic!("the agent never falls silent:\n{}", self.log());
    }

    /// Lets time pass until the agent begins to be heard.
    pub(crate) fn run_until_heard(&mut self) {
        let before = self.heard.len();
        for _ in 0..60_000 {
            if self.closed.is_some() || self.heard.len() > before {
                return;
            }
            self.run(self.now + 1);
        }
        panic!("the agent is never heard:\n{}", self.log());
    }

    fn step(&mut self) {
        self.arrive();
        for mark in self.hear(self.now) {
            match self.marks_late {
                None if self.line_ms == 0 => self.give(Outside::Mark(mark)),
                Some(None) => {}
                None | Some(Some(_)) => {
                    let late = self.marks_late.flatten().unwrap_or(0);
                    self.later(self.now + self.line_ms + late, Outside::Mark(mark));
                }
            }
        }
        if let Some(after) = self.echo.and_then(|echo| echo.words_after_ms) {
            self.echo_words(after);
        }
        while let Some(entry) = self.inbox.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let what = entry.remove();
            let what = match what {
                Outside::Partial(text) if text.is_empty() => Outside::Partial(self.recognised()),
                what => what,
            };
            if !matches!(&what, Outside::Partial(text) if text.is_empty()) {
                self.give(what);
            }
        }
        if self.now.is_multiple_of(20)
            && self.frames
            && self.lost.is_none_or(|(from, to)| !(from..to).contains(&self.now))
        {
            // The frame that ends now.
            let audio = match (self.now - 20).checked_sub(self.line_ms) {
                Some(at) => self.sound(at),
                None => [0xFF; 160],
            };
            let event = Event::Media { timestamp_ms: Some(self.now - 20), audio: &audio };
            self.call.handle(Duration::from_millis(self.now), event, &mut self.actions);
            self.carry_out();
        }
        if self.call.deadline().is_some_and(|at| at <= Duration::from_millis(self.now)) {
            self.call.handle(Duration::from_millis(self.now), Event::Tick, &mut self.actions);
            self.carry_out();
        }
        if self.closed.is_none() {
            let deadline = self.call.deadline();
            assert!(
                deadline.is_none_or(|at| at > Duration::from_millis(self.now)),
                "{} ms: the deadline {deadline:?} is not in the future",
                self.now
            );
        }
    }

    /// What the phone plays up to now.
    fn hear(&mut self, at: u64) -> Vec<String> {
        let (played, marks) = self.playback.advance(at * 1_000);
        if let Some(played) = played {
            self.line.resize((played.at_us / 125) as usize, 0xFF);
            self.line.extend(&played.audio);
            self.heard_at.push(at);
            self.heard.extend(played.audio);
        }
        marks
    }

    fn sound(&self, at: u64) -> [u8; 160] {
        let mut frame = [0xFF; 160];
        if let Some((_, utterance)) = self.caller.range(..=at + 19).next_back() {
            for (n, slot) in frame.iter_mut().enumerate() {
                let offset = (at * 8 + n as u64).checked_sub(utterance.from * 8);
                if let Some(byte) = offset.and_then(|offset| utterance.audio.get(offset as usize)) {
                    *slot = *byte;
                }
            }
        }
        if let Some(echo) = self.echo {
            for (n, slot) in frame.iter_mut().enumerate() {
                let place = (at * 8 + n as u64).checked_sub(echo.delay_ms * 8);
                let back = place.and_then(|place| self.line.get(place as usize)).map_or(0.0, |byte| sample(*byte));
                *slot = byte(sample(*slot) + back * 10_f32.powf(echo.gain_db / 20.0));
            }
        }
        frame
    }

    /// The voice's sound of a text.
    pub(crate) fn sound_of(&self, text: &str) -> Vec<u8> {
        match self.human {
            None if self.pace.is_some() => {
                let ms = self.letter_ends(text).last().copied().unwrap_or(0);
                let mut sound = audio_of(text, 400);
                sound.truncate(ms as usize * 8);
                sound
            }
            None => audio_of(text, self.ms_per_character),
            Some(gain_db) => human(text, gain_db),
        }
    }

    /// The words that the recogniser has by now, since the last commit.
    fn recognised(&self) -> String {
        let delay = self.partial_delay;
        let words = self.words.iter().filter(|(at, _)| *at + delay <= self.now);
        words.map(|(_, word)| word.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn carry_out(&mut self) {
        let actions = std::mem::take(&mut self.actions);
        for action in actions {
            assert!(self.closed.is_none(), "after Close: {action:?}");
            self.act(action);
        }
    }

    fn note(&mut self, text: &str) {
        self.log.push(format!("{:>6} {text}", self.now));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::AskMind { turn, prompt } => {
                let last = prompt.lines.last().map_or_else(String::new, |line| line.text.clone());
                self.note(&format!("AskMind {turn} \"{last}\""));
                assert!(prompt.lines.last().is_none_or(|line| line.speaker == Speaker::Caller));
                self.prompts.push(prompt);
                self.asked.push(turn);
                let thought =
                    self.thoughts.pop_front().unwrap_or_else(|| answer("And what time suits you?", "NEED_MORE_INFO"));
                match thought {
                    Thought::Answer(text) => self.think(turn, self.mind_delay, &text),
                    Thought::Late(ms, text) => self.think(turn, ms, &text),
                    Thought::Fail => self.later(self.now + self.mind_delay, Outside::MindFailed(turn)),
                    Thought::Never => {}
                }
            }
            Action::Clear => {
                self.note("Clear");
                self.clears.push(self.now);
                self.sending = false;
                self.send_down(Down::Clear);
            }
            Action::Close(how) => {
                self.note(&format!("Close {how:?}"));
                self.closed = Some((self.now, how));
            }
            Action::Commit => {
                self.note("Commit");
                self.commits.push(self.now);
                let mut words = Vec::new();
                // Who never answers never forgets.
                while self.final_delay.is_some()
                    && let Some((_, word)) = self.words.pop_front_if(|(at, _)| *at <= self.now)
                {
                    words.push(word);
                }
                if let Some(delay) = self.final_delay {
                    let words = self.replace_final.take().unwrap_or_else(|| words.join(" "));
                    self.later(self.now + delay, Outside::Final(words));
                }
            }
            Action::DropMind { turn } => {
                if self.asked.contains(&turn) {
                    self.note(&format!("DropMind {turn}"));
                }
                self.asked.retain(|asked| *asked > turn);
            }
            Action::DropSpeech { turn } => {
                if self.spoken.iter().any(|(of, _)| *of == turn) {
                    self.note(&format!("DropSpeech {turn}"));
                }
                self.saying.retain(|(of, ..)| *of != turn);
                self.said_from = self.heard.len();
                self.inbox.retain(
                    |_, what| !matches!(what, Outside::SpeechAudio(of, ..) | Outside::SpeechLetters(of, ..) | Outside::SpeechDone(of, _) if *of == turn),
                );
            }
            Action::ListenNow => self.hurries.push(self.now),
            Action::Listen(_) | Action::Record { .. } | Action::Save => {}
            Action::Report(report) => self.reports.push(report),
            Action::SendMark(mark) => {
                self.sending = false;
                self.send_down(Down::Mark(mark.to_string()));
            }
            Action::SendMedia(audio) => {
                if !self.sending {
                    self.note("SendMedia …");
                    self.sending = true;
                }
                self.sent_bytes += audio.len();
                self.send_down(Down::Audio(audio));
            }
            Action::Speak { turn, clause, text, .. } => {
                self.note(&format!("Speak {turn}.{clause} \"{text}\""));
                self.spoken.push((turn, text.clone()));
                match self.voice {
                    Voice::Fails => self.later(self.now + 50, Outside::SpeechFailed(turn, clause)),
                    Voice::Silent => {}
                    Voice::Speaks => self.voice_speaks(turn, clause, &text),
                }
            }
        }
    }

    fn send_down(&mut self, what: Down) {
        self.on_its_way.push_back((self.now + self.line_ms, what));
        if self.line_ms == 0 {
            self.arrive();
        }
    }

    /// What has reached the phone by now.
    fn arrive(&mut self) {
        while let Some((at, what)) = self.on_its_way.pop_front_if(|(at, _)| *at <= self.now) {
            for mark in self.hear(at) {
                self.later(self.now + self.line_ms, Outside::Mark(mark));
            }
            match what {
                Down::Audio(audio) => {
                    assert!(self.playback.push(at * 1_000, &audio));
                    assert!(self.playback.buffered_ms() <= 420, "{} ms ahead", self.playback.buffered_ms());
                }
                Down::Clear => {
                    for mark in self.playback.clear() {
                        self.later(self.now + 10 + self.line_ms, Outside::Mark(mark));
                    }
                }
                Down::Mark(name) => {
                    if let Some(name) = self.playback.mark(&name) {
                        self.later(self.now + self.line_ms, Outside::Mark(name));
                    }
                }
            }
        }
    }

    fn voice_speaks(&mut self, turn: u32, clause: u32, text: &str) {
        let audio = self.sound_of(text);
        if self.saying.is_empty() {
            self.said_from = self.heard.len();
        }
        self.saying.push_back((turn, text.to_owned(), 0, audio.len()));
        let mut at = self.now + self.voice_delay;
        let ends = self.letter_ends(text);
        for (n, piece) in (0..).zip(audio.chunks(if self.cached { usize::MAX } else { 800 })) {
            let told: Vec<u32> = match self.pace {
                Some((_, Told::AtOnce)) if n == 0 => ends.clone(),
                Some((_, Told::TheFirstHalf)) if n == 0 => ends[..ends.len() / 2].to_vec(),
                Some((_, Told::PieceByPiece)) => {
                    let within = ends.iter().filter(|end| (n * 100 + 1..=n * 100 + 100).contains(*end));
                    within.map(|end| end - n * 100).collect()
                }
                Some(_) | None => Vec::new(),
            };
            if !told.is_empty() {
                self.later(at, Outside::SpeechLetters(turn, clause, told));
            }
            self.later(at, Outside::SpeechAudio(turn, clause, Bytes::copy_from_slice(piece)));
            at += 20;
        }
        self.later(at, Outside::SpeechDone(turn, clause));
    }

    /// When each letter that is no space has been spoken, ms.
    pub(crate) fn letter_ends(&self, text: &str) -> Vec<u32> {
        let seed = self.pace.map_or(0, |(seed, _)| seed);
        let (mut at, mut ends) = (0, Vec::new());
        for (n, letter) in (0..).zip(text.chars()) {
            let chance = (seed ^ n).wrapping_mul(2_654_435_761) >> 16;
            at += match letter {
                ',' | '.' | '?' => 40 + chance % 300,
                ' ' => chance % 60,
                _ => 15 + chance % 130,
            };
            if letter != ' ' {
                ends.push(at);
            }
        }
        ends
    }

    /// The line gives back the words that were played, and the recogniser hears them.
    fn echo_words(&mut self, after_ms: u64) {
        while let Some(saying) = self.saying.front_mut() {
            let played = self.heard.len() - self.said_from;
            let words: Vec<&str> = saying.1.split_whitespace().collect();
            while saying.2 < words.len() && played >= saying.3 * (saying.2 + 1) / words.len() {
                let word = words[saying.2].to_owned();
                saying.2 += 1;
                let at = self.now + after_ms;
                let place = self.words.partition_point(|(other, _)| *other <= at);
                self.words.insert(place, (at, word));
                self.seq += 1;
                let at = self.now + after_ms + self.partial_delay;
                self.inbox.insert((at, self.seq), Outside::Partial(String::new()));
            }
            if played < saying.3 {
                return;
            }
            self.said_from += saying.3;
            self.saying.pop_front();
        }
    }

    fn think(&mut self, turn: u32, delay: u64, text: &str) {
        let letters: Vec<char> = text.chars().collect();
        let mut at = self.now + delay;
        for piece in letters.chunks(24) {
            self.later(at, Outside::MindDelta(turn, piece.iter().collect()));
            at += 25;
        }
        self.later(at, Outside::MindDone(turn));
    }

    pub(crate) fn log(&self) -> String {
        self.log.join("\n")
    }

    /// The history, one line a line: `caller: …`, `agent: …`, `agent (cut): …`.
    pub(crate) fn history(&self) -> Vec<String> {
        let entries = self.call.conversation().history().entries().iter();
        entries
            .map(|entry| match (entry.role, entry.interrupted) {
                (Speaker::Caller, _) => format!("caller: {}", entry.text),
                (Speaker::Agent, false) => format!("agent: {}", entry.text),
                (Speaker::Agent, true) => format!("agent (cut): {}", entry.text),
            })
            .collect()
    }

    /// Fails unless the caller heard exactly this, not a byte lost or doubled.
    pub(crate) fn assert_heard(&self, expected: &[u8]) {
        let same = self.heard.iter().zip(expected).take_while(|(heard, expected)| heard == expected).count();
        assert!(
            self.heard == expected,
            "heard {} bytes, expected {}; they differ from byte {same} on\n{}",
            self.heard.len(),
            expected.len(),
            self.log()
        );
    }

    /// Fails unless the caller heard exactly these, one after the other; gives the ms heard of each.
    pub(crate) fn assert_said(&self, said: &[Said<'_>]) -> Vec<usize> {
        let sound = |clauses: &[&str]| -> Vec<u8> { clauses.iter().flat_map(|text| self.sound_of(text)).collect() };
        let mut rest = &self.heard[..];
        let mut lengths = Vec::new();
        for said in said {
            let (Said::Part(clauses) | Said::Whole(clauses)) = said;
            let sound = sound(clauses);
            let same = rest.iter().zip(&sound).take_while(|(heard, said)| heard == said).count();
            let taken = if matches!(said, Said::Whole(_)) {
                let at = self.heard.len() - rest.len() + same;
                assert!(same == sound.len(), "{clauses:?}: byte {at} of what was heard is another\n{}", self.log());
                same
            } else {
                same / 8 * 8
            };
            rest = &rest[taken..];
            lengths.push(taken / 8);
        }
        assert!(rest.is_empty(), "{} bytes more were heard\n{}", rest.len(), self.log());
        lengths
    }

    /// What the core did, in order, without the times.
    pub(crate) fn actions(&self) -> Vec<&str> {
        self.log.iter().map(|line| &line[7..]).collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.log.iter().filter(|line| line.contains(what)).count()
    }
}

fn sample(byte: u8) -> f32 {
    f32::from(mulaw::decode(byte))
}

fn byte(sample: f32) -> u8 {
    mulaw::encode(sample.clamp(-32_768.0, 32_767.0) as i16)
}

/// Recordings one after the other, other ones for other texts, about as long as the text takes to be said.
fn human(text: &str, gain_db: f32) -> Vec<u8> {
    const NAMES: [&str; 7] = [
        "charge_and_time",
        "do_se_paanch_baje",
        "hello_who_is_calling",
        "let_me_talk_to_a_person",
        "no_six_hundred_rupees",
        "tomorrow_at_ten_am",
        "two_pm_to_five_pm",
    ];
    let mut next = text.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(7).wrapping_add(byte.into()));
    let mut sound = Vec::new();
    while sound.len() < text.chars().count() * 50 * 8 {
        sound.extend(recording(NAMES[next % NAMES.len()]));
        next += 3;
    }
    louder(&sound, gain_db)
}

/// The same sound, so much louder.
pub(crate) fn louder(sound: &[u8], gain_db: f32) -> Vec<u8> {
    let gain = 10_f32.powf(gain_db / 20.0);
    sound.iter().map(|slot| if *slot == 0xFF { 0xFF } else { byte(sample(*slot) * gain) }).collect()
}

/// The voice's sound for a text: no two stretches are alike, so that a byte lost or doubled shows.
pub(crate) fn audio_of(text: &str, ms_per_character: u64) -> Vec<u8> {
    let seed = text.bytes().fold(17_u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let length = (text.chars().count() as u64 * ms_per_character * 8) as u32;
    (0..length).map(|n| (seed.wrapping_add(n).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

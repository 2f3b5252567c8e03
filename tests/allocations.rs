//! What a frame of the caller's costs in memory: nothing. Every allocation of this thread is counted while messages go the way they
//! go in a call: parsed, decoded, judged, handed to the core, batched for the recogniser, the agent's audio written for the line, which
//! alone allocates: its text.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::civil::date;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use trunkline::call::{Action, Call, Event};
use trunkline::conversation::{Conversation, Opening};
use trunkline::provider::EarsInput;
use trunkline::session::intake::{Intake, ToEars};
use trunkline::twilio::StreamSid;
use trunkline::twilio::media::media_message;

/// A call without sockets: what the task of a stream does with each message, and a recogniser that takes what it is given.
struct Line {
    call: Call,
    intake: Intake,
    ears: ToEars,
    heard: mpsc::Receiver<EarsInput>,
    stream: StreamSid,
    actions: Vec<Action>,
    now: Duration,
    /// Messages written for the line, and batches that the recogniser got.
    sent: usize,
    batches: usize,
    /// Clauses that are still to be spoken: turn and number.
    unspoken: Vec<(u32, u32)>,
}

impl Line {
    /// A call whose greeting has been given to the voice and is not spoken yet.
    fn begun() -> Self {
        let mut agent = trunkline::agent::parse("logistics.toml", include_str!("../agents/logistics.toml")).unwrap();
        // Nobody asks whether the caller is still there while we count.
        agent.limits.silence_seconds = 200;
        let agent = Arc::new(agent);
        let opening = Opening { language: Some("en-IN".to_owned()), mind: true, ..Opening::default() };
        let conversation = Conversation::new(&agent, opening);
        let (to, heard) = mpsc::channel(24);
        let mut line = Self {
            call: Call::new(agent, conversation, date(2026, 11, 23).at(10, 0, 0, 0), false),
            intake: Intake::default(),
            ears: ToEars::new(to),
            heard,
            stream: StreamSid::parse(STREAM).unwrap(),
            actions: Vec::with_capacity(64),
            now: Duration::ZERO,
            sent: 0,
            batches: 0,
            unspoken: Vec::new(),
        };
        line.call.handle(line.now, Event::Started, &mut line.actions);
        line.carry_out();
        line
    }

    /// A call in which the agent has spoken and now listens.
    fn listening() -> Self {
        let mut line = Self::begun();
        line.speak(100);
        for text in messages(&[0xFF; 8 * 10_000]) {
            line.take(&text);
        }
        line
    }

    /// The voice gives so many ms for every clause it owes.
    fn speak(&mut self, ms: usize) {
        let audio = Bytes::from(vec![0x10; ms * 8]);
        for (turn, clause) in std::mem::take(&mut self.unspoken) {
            let audio = audio.clone();
            self.call.handle(self.now, Event::SpeechAudio { turn, clause, audio }, &mut self.actions);
            self.call.handle(self.now, Event::SpeechDone { turn, clause }, &mut self.actions);
        }
        self.carry_out();
    }

    fn take(&mut self, text: &str) {
        self.now += Duration::from_millis(20);
        self.intake.message(text, &self.stream, self.now, &mut self.call, &mut self.actions);
        self.carry_out();
        while let Ok(told) = self.heard.try_recv() {
            self.batches += usize::from(matches!(told, EarsInput::Audio(_)));
        }
    }

    fn carry_out(&mut self) {
        for action in self.actions.drain(..) {
            match action {
                Action::Listen(frame) => self.ears.listen(&frame),
                Action::ListenNow => self.ears.tell(EarsInput::Now),
                Action::Commit => self.ears.tell(EarsInput::Commit),
                Action::SendMedia(audio) => {
                    drop(media_message(&self.stream, &audio));
                    self.sent += 1;
                }
                Action::Speak { turn, clause, .. } => self.unspoken.push((turn, clause)),
                Action::Close(how) => panic!("the call is left: {how:?}"),
                Action::AskMind { .. }
                | Action::Clear
                | Action::DropMind { .. }
                | Action::DropSpeech { .. }
                | Action::Record { .. }
                | Action::Report(_)
                | Action::Save
                | Action::SendMark(_) => {}
            }
        }
    }

    /// Allocations while these messages are taken in.
    fn count(&mut self, messages: &[String]) -> u64 {
        let counted = allocation_counter::measure(|| {
            for text in messages {
                self.take(text);
            }
        });
        counted.count_total
    }
}

/// Twilio's messages for this audio, 20 ms each.
fn messages(audio: &[u8]) -> Vec<String> {
    let message = |(n, frame): (usize, &[u8])| {
        let payload = BASE64_STANDARD.encode(frame);
        format!(
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{payload}"}},"streamSid":"{STREAM}"}}"#,
            n + 2,
            n + 1,
            n * 20
        )
    };
    audio.chunks(160).enumerate().map(message).collect()
}

/// Messages that go on where ten seconds of them ended.
fn later(audio: &[u8]) -> Vec<String> {
    let mut all = vec![0xFF; 8 * 10_000];
    all.extend_from_slice(audio);
    messages(&all).split_off(500)
}

#[test]
fn silence_allocates_nothing() {
    let mut line = Line::listening();
    let silence = later(&[0xFF; 8 * 20_000]);
    assert_eq!(silence.len(), 1_000);
    line.count(&silence[..100]);
    line.batches = 0;
    assert_eq!(line.count(&silence[100..]), 0);
    assert_eq!(line.batches, 90, "the recogniser gets 200 ms at a time");
}

#[test]
fn a_voice_allocates_nothing() {
    let mut line = Line::listening();
    let speech =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/speech/charge_and_time.ulaw")).unwrap();
    let speech = later(&speech.repeat(4));
    line.count(&speech[..100]);
    line.batches = 0;
    let allocations = line.count(&speech[100..]);
    assert!(line.batches * 5 >= speech.len() - 100, "{} batches: the voice was not noticed", line.batches);
    assert_eq!(allocations, 0);
}

#[test]
fn the_agents_speech_allocates_its_messages_and_nothing_else() {
    let mut line = Line::begun();
    line.speak(20_000);
    let silence = messages(&[0xFF; 8 * 20_000]);
    line.count(&silence[..400]);
    line.sent = 0;
    let allocations = line.count(&silence[400..900]);
    assert_eq!(usize::try_from(allocations).unwrap(), line.sent, "one text for the socket each");
    // 10 s in stretches of at least 160 ms.
    assert!((55..=62).contains(&line.sent), "{} messages", line.sent);
}

/// A socket from which each message comes by itself, as Twilio's do.
struct Wire {
    messages: std::vec::IntoIter<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(message) = self.messages.next() else { return Ok(0) };
        into[..message.len()].copy_from_slice(&message);
        Ok(message.len())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A client's text frame, masked with zeros.
fn on_the_wire(text: &String) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

#[test]
fn the_socket_reads_messages_in_its_own_room() {
    let messages = messages(&[0xFF; 8 * 20_000]);
    let wire = Wire { messages: messages.iter().map(on_the_wire).collect::<Vec<_>>().into_iter() };
    let config = WebSocketConfig::default().read_buffer_size(1024).max_message_size(Some(65_536));
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, Some(config));
    let mut line = Line::begun();
    line.speak(100);
    let mut take = |count: usize| {
        for _ in 0..count {
            match socket.read().unwrap() {
                Message::Text(text) => line.take(&text),
                other => panic!("{other:?}"),
            }
        }
    };
    take(600);
    let counted = allocation_counter::measure(|| take(400));
    assert_eq!(counted.count_total, 0);
}

const STREAM: &str = "MZ00000000000000000000000000000001";

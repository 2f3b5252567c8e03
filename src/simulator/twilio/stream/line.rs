//! One open stream between its opening and its end: what the caller's end says every 20 ms, what it hears of the server's messages.
//!
//! Not async: the [`super::ticker`] ticks it, the call's task hands it what came in. Nothing is allocated for a frame on the way out.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::call::Call;
use super::super::{Happening, LineOptions, Shared};
use super::outbound::Outbound;
use super::outbox::{Outbox, Outlet};
use crate::simulator::caller::{Caller, Party, Recorder, Script};
use crate::simulator::phrases::PhraseBook;
use crate::simulator::playback::Playback;
use crate::simulator::sound::{FRAME, SILENCE, decode, encode};
use crate::simulator::vendors::Spoken;

/// A stream that is open, with the caller and the recorder of its call. Its times are the call's, in microseconds.
pub(in super::super) struct Line {
    shared: Arc<Shared>,
    call_sid: String,
    pub(super) caller: Caller,
    pub(super) recorder: Recorder,
    pub(super) out: Outbox,
    sid: String,
    pub(super) playback: Playback,
    options: LineOptions,
    /// When, on the runtime's clock, the call's clock read zero.
    origin: Instant,
    pub(super) began_us: u64,
    limit_us: Option<u64>,
    sequence: u64,
    chunk: u64,
    /// The caller's sound that is not a whole message yet, and how many bytes went before it.
    pending: Vec<u8>,
    sent_bytes: u64,
    /// Messages that a stall holds back.
    stalled: Vec<String>,
    /// Echoes with the time at which they are due.
    echoes: VecDeque<(u64, String)>,
    /// What the agent's last 20 ms were, for the echo of the caller's telephone.
    agent_now: Vec<u8>,
    /// Why the line ticks no more, for the call's task.
    pub(super) over: Option<Over>,
    ended: bool,
    wake: Arc<Notify>,
}

/// Why a line ended by itself.
#[derive(Debug)]
pub(super) enum Over {
    CallerHungUp,
    Lost(Lost),
    TimeLimit,
}

/// A code of Twilio's debugger, and why.
pub(super) type Lost = (u32, String);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("sid", &self.sid).finish_non_exhaustive()
    }
}

impl Line {
    /// Takes the call's caller and recorder until [`Line::give_back`].
    pub(super) fn new(call: &mut Call, outlet: Option<Arc<Outlet>>, sid: String, wake: Arc<Notify>) -> Self {
        let origin = call.origin();
        let nobody = Caller::new(Script { name: String::new(), steps: Vec::new() }, Arc::<PhraseBook>::default());
        Self {
            shared: call.shared.clone(),
            call_sid: call.sid.clone(),
            caller: std::mem::replace(&mut call.caller, nobody),
            recorder: std::mem::replace(&mut call.recorder, Recorder::new("", "", false)),
            out: Outbox::new(outlet, wake.clone()),
            sid,
            playback: Playback::default(),
            options: call.shared.config.line.clone(),
            origin,
            began_us: origin.elapsed().as_micros() as u64,
            limit_us: call.time_limit().map(|limit| limit.as_micros() as u64),
            sequence: 1,
            chunk: 1,
            pending: Vec::new(),
            sent_bytes: 0,
            stalled: Vec::new(),
            echoes: VecDeque::new(),
            agent_now: Vec::new(),
            over: None,
            ended: false,
            wake,
        }
    }

    /// Ends the line: it ticks and sends no more, and the call has its own again.
    pub(super) fn give_back(&mut self, call: &mut Call) {
        self.ended = true;
        self.out = Outbox::Closed;
        std::mem::swap(&mut call.caller, &mut self.caller);
        std::mem::swap(&mut call.recorder, &mut self.recorder);
    }

    /// `connected` and `start`.
    pub(super) fn open(&mut self, parameters: serde_json::Map<String, serde_json::Value>) {
        self.say(&json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string());
        let start = json!({"event": "start", "sequenceNumber": self.next_sequence(), "start": {
                "accountSid": self.shared.config.account_sid, "streamSid": self.sid, "callSid": self.call_sid, "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, "customParameters": parameters},
            "streamSid": self.sid});
        self.say(&start.to_string());
    }

    /// `stop`, the last message.
    pub(super) fn stop(&mut self) {
        let text = json!({"event": "stop", "sequenceNumber": self.next_sequence(),
            "stop": {"accountSid": self.shared.config.account_sid, "callSid": self.call_sid}, "streamSid": self.sid});
        self.say(&text.to_string());
        self.ended = true;
    }

    /// The next 20 ms, which were due at `due`. False where the line is over.
    pub(super) fn tick(&mut self, due: Instant, now: Instant) -> bool {
        if self.ended {
            return false;
        }
        let late = now.saturating_duration_since(due);
        let frames = &mut self.recorder.report.frames;
        frames.worst_lateness_ms = frames.worst_lateness_ms.max(late.as_secs_f64() * 1_000.0);
        frames.sent_late += u64::from(late > LATE);
        let now_us = now.saturating_duration_since(self.origin).as_micros() as u64;
        self.play(now_us);
        if self.speak(now_us) {
            self.end(Over::CallerHungUp);
        } else if self.limit_us.is_some_and(|limit| now_us >= limit) {
            self.end(Over::TimeLimit);
        } else if self.options.drop_after_ms.is_some_and(|ms| now_us - self.began_us >= ms * 1_000) {
            self.end(Over::Lost((31_903, "the simulated network dropped the socket".to_owned())));
        }
        !self.ended
    }

    /// A text message of the server, here and now.
    pub(super) fn receive(&mut self, text: &str) {
        let now_us = self.now_us();
        self.play(now_us);
        self.take(now_us, text);
    }

    pub(super) fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }

    fn end(&mut self, over: Over) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.over = Some(over);
        self.wake.notify_one();
    }

    /// The caller's next 20 ms; true if the caller hangs up.
    fn speak(&mut self, now_us: u64) -> bool {
        let tick = self.caller.tick(now_us, &self.playback);
        let at_ms = now_us / 1_000;
        if let Some(text) = tick.began {
            self.shared.tell(&self.call_sid, at_ms, Happening::Speaking(Party::Caller, text));
        }
        if let Some(sound) = &tick.sound {
            self.recorder.caller_sound(now_us, sound);
        }
        let sound = tick.sound.or_else(|| self.echo());
        let skipped = sound.is_none() && self.options.skip_silence;
        if !skipped {
            self.pending.extend(sound.unwrap_or([SILENCE; FRAME]));
        }
        let size = self.options.payload_bytes.clamp(1, 8_000);
        while self.pending.len() >= size || skipped && !self.pending.is_empty() {
            let timestamp = self.sent_bytes / 8;
            let count = size.min(self.pending.len());
            self.sent_bytes += count as u64;
            self.media(timestamp, count, now_us);
        }
        if skipped {
            self.sent_bytes += FRAME as u64;
        }
        if let Some(said) = tick.said {
            self.recorder.said(said, now_us);
            if let Some(line) = self.recorder.report.transcript.last().cloned() {
                self.shared.tell(&self.call_sid, at_ms, Happening::Said(line));
            }
        }
        if let Some(digit) = tick.digit {
            self.shared.tell(&self.call_sid, at_ms, Happening::Digit(digit));
            self.recorder.line(Party::Caller, &format!("[{digit}]"), at_ms, at_ms);
            let text = json!({"event": "dtmf", "streamSid": self.sid, "sequenceNumber": self.next_sequence(),
                "dtmf": {"track": "inbound_track", "digit": digit.to_string()}});
            self.say(&text.to_string());
        }
        tick.hang_up
    }

    /// The agent's voice, quieter, as the caller's telephone returns it.
    fn echo(&mut self) -> Option<[u8; FRAME]> {
        let gain = 10_f32.powf(-self.options.echo_db? / 20.0);
        let mut sound = [SILENCE; FRAME];
        let count = self.agent_now.len().min(FRAME);
        for (to, from) in sound.iter_mut().zip(self.agent_now.drain(..count)) {
            *to = encode((f32::from(decode(from)) * gain) as i16);
        }
        (count > 0).then_some(sound)
    }

    /// Sends a message with the next bytes of the caller's sound, or holds it back in a stall.
    fn media(&mut self, timestamp: u64, bytes: usize, now_us: u64) {
        let mut text = TEXT.take();
        text.clear();
        let written = write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp}","payload":""#,
            self.sequence, self.chunk
        );
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        let sound = &self.pending[..bytes];
        if *sound == [SILENCE; FRAME] {
            text.push_str(&SILENT_PAYLOAD);
        } else {
            BASE64_STANDARD.encode_string(sound, &mut text);
        }
        self.pending.drain(..bytes);
        text.push_str(r#""},"streamSid":""#);
        text.push_str(&self.sid);
        text.push_str(r#""}"#);
        self.sequence += 1;
        self.chunk += 1;
        self.recorder.report.frames.sent += 1;
        let stalled = self.options.stall_every_ms.is_some_and(|every| {
            let into = (now_us - self.began_us) / 1_000;
            into >= every && into % every.max(1) < self.options.stall_ms
        });
        if stalled {
            self.stalled.push(text);
            return;
        }
        for held in std::mem::take(&mut self.stalled) {
            self.say(&held);
        }
        self.say(&text);
        TEXT.set(text);
    }

    /// Plays up to now: what is heard, and the marks that were reached.
    fn play(&mut self, now_us: u64) {
        let mut played = PLAYED.take();
        if let Some(at_us) = self.playback.advance_into(now_us, &mut played) {
            self.heard(at_us, &played);
        } else if self.recorder.agent_is_quiet(now_us)
            && let Some(line) = self.recorder.agent_quiet()
        {
            self.shared.tell(&self.call_sid, now_us / 1_000, Happening::Said(line));
        }
        PLAYED.set(played);
        let reached = self.playback.reached();
        self.echo_marks(now_us, reached);
    }

    fn heard(&mut self, at_us: u64, sound: &[u8]) {
        if self.options.echo_db.is_some() {
            self.agent_now.extend(sound);
            let extra = self.agent_now.len().saturating_sub(FRAME);
            self.agent_now.drain(..extra);
        }
        // Not kept: a text spoken while a book is held makes a copy of it.
        let book = self.shared.config.agent_words.as_ref().map(Spoken::book);
        if let Some(line) = self.recorder.agent_sound(at_us, sound, book.as_deref()) {
            self.shared.tell(&self.call_sid, at_us / 1_000, Happening::Said(line));
        }
    }

    fn echo_marks(&mut self, now_us: u64, reached: Vec<String>) {
        let due = now_us + self.options.mark_delay_ms * 1_000;
        self.echoes.extend(reached.into_iter().map(|name| (due, name)));
        while let Some((_, name)) = self.echoes.pop_front_if(|(due, _)| *due <= now_us) {
            let text = json!({"event": "mark", "sequenceNumber": self.next_sequence(), "streamSid": self.sid, "mark": {"name": name}});
            self.say(&text.to_string());
        }
    }

    /// A message of the server.
    fn take(&mut self, now_us: u64, text: &str) {
        let message = match Outbound::read(text, &self.sid) {
            Ok(message) => message,
            Err(why) => {
                if self.playback.warnings().invalid_31951 == 0 {
                    self.recorder.note(now_us / 1_000, 31_951, why);
                }
                self.playback.invalid();
                return;
            }
        };
        let frames = &mut self.recorder.report.frames;
        match message {
            Outbound::Media(audio) => {
                frames.received += 1;
                frames.received_bytes += audio.len() as u64;
                if !self.playback.is_playing() && !audio.is_empty() {
                    let speaking = Happening::Speaking(Party::Agent, String::new());
                    self.shared.tell(&self.call_sid, now_us / 1_000, speaking);
                }
                if !self.playback.push(now_us, &audio) && self.playback.warnings().overflow_31931 == 1 {
                    self.recorder.note(now_us / 1_000, 31_931, "over ten minutes of audio are buffered");
                }
            }
            Outbound::Mark(name) => {
                frames.marks += 1;
                let reached = self.playback.mark(&name);
                self.echo_marks(now_us, reached.into_iter().collect());
            }
            Outbound::Clear => {
                let playing = self.playback.is_playing();
                self.recorder.cleared(now_us);
                if playing {
                    self.shared.tell(&self.call_sid, now_us / 1_000, Happening::Cleared);
                }
                let pending = self.playback.clear();
                self.echo_marks(now_us, pending);
            }
        }
    }

    fn say(&mut self, text: &str) {
        match self.out.send(text) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.end(Over::Lost((31_930, "the server does not read".to_owned())));
            }
            // What the server said before it went is still to be read; the reader tells how the socket ended.
            Err(_) => self.out = Outbox::Closed,
        }
    }

    fn next_sequence(&mut self) -> String {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence.to_string()
    }
}

thread_local! {
    /// The message being written and what was played: the room of all lines, so that it stays in the processor's cache.
    static TEXT: Cell<String> = const { Cell::new(String::new()) };
    static PLAYED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A frame that the simulator sends later than this is counted as its own fault.
const LATE: Duration = Duration::from_millis(10);

static SILENT_PAYLOAD: LazyLock<String> = LazyLock::new(|| BASE64_STANDARD.encode([SILENCE; FRAME]));

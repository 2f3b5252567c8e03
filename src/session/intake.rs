//! The way of the caller's audio: a message of the socket becomes an event of the core, frames become batches for the recogniser.
//!
//! Fifty times a second and call it goes by here, so it keeps its buffers: a frame allocates nothing (`tests/allocations.rs`).
//! Key types: [`Intake`], [`ToEars`].

use std::time::Duration;

use bytes::BytesMut;
use metrics::counter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::debug;

use crate::audio::{FRAME_SAMPLES, Frame};
use crate::call::{Action, Call, Event, Stop};
use crate::provider::EarsInput;
use crate::telemetry;
use crate::twilio::StreamSid;
use crate::twilio::media::{self, Inbound, Track};

/// Reads the messages of one stream.
#[derive(Debug, Default)]
pub struct Intake {
    /// The caller's audio of one message; kept, so that none is allocated anew.
    audio: Vec<u8>,
}

impl Intake {
    /// Tells the call what a text message of `stream` says; what is none, or another stream's, is passed over.
    pub fn message(
        &mut self,
        text: &str,
        stream: &StreamSid,
        now: Duration,
        call: &mut Call,
        actions: &mut Vec<Action>,
    ) {
        let inbound = match media::parse_message(text) {
            Ok(message) if message.stream_sid.as_deref().is_some_and(|sid| sid != stream.as_str()) => {
                debug!("message of another stream ignored");
                return;
            }
            Ok(message) => message.event,
            Err(error) => {
                debug!(%error, "message ignored");
                return;
            }
        };
        let event = match &inbound {
            Inbound::Media(media) if media.track == Track::Inbound => {
                self.audio.clear();
                if let Err(error) = media.decode_payload(&mut self.audio) {
                    debug!(%error, "media ignored");
                    return;
                }
                Event::Media { timestamp_ms: media.timestamp_ms, audio: &self.audio }
            }
            Inbound::Mark { name } => Event::Mark(name),
            Inbound::Dtmf { digit } => Event::Dtmf(*digit),
            Inbound::Stop { .. } => Event::Stop(Stop::Lost),
            Inbound::Media(_) | Inbound::Connected | Inbound::Start(_) | Inbound::Unknown { .. } => return,
        };
        call.handle(now, event, actions);
    }
}

/// What the recogniser is given. Its queue is bounded; what does not fit is dropped and counted.
#[derive(Debug)]
pub struct ToEars {
    to: mpsc::Sender<EarsInput>,
    /// Audio that is not worth waking the recogniser's task for, yet. Whoever reads the queue copies it and lets it go, so that its
    /// room is there again for the next.
    waiting: BytesMut,
}

impl ToEars {
    /// Nothing given yet.
    pub fn new(to: mpsc::Sender<EarsInput>) -> Self {
        Self { to, waiting: BytesMut::with_capacity(BATCH_BYTES) }
    }

    /// Gives a frame, in batches; the core says when there is a hurry.
    pub fn listen(&mut self, frame: &Frame) {
        self.waiting.extend_from_slice(frame.as_bytes());
        if self.waiting.len() >= BATCH_BYTES {
            self.give();
        }
    }

    /// Tells something behind all audio so far.
    pub fn tell(&mut self, told: EarsInput) {
        self.give();
        self.send(told, 1);
    }

    fn give(&mut self) {
        let frames = self.waiting.len().div_ceil(FRAME_SAMPLES);
        if frames > 0 {
            let audio = self.waiting.split().freeze();
            self.send(EarsInput::Audio(audio), frames);
        }
    }

    fn send(&self, told: EarsInput, frames: usize) {
        // A closed queue is noticed where the task's end is.
        if let Err(TrySendError::Full(_)) = self.to.try_send(told) {
            counter!(telemetry::FRAMES_DROPPED, "queue" => "ears").increment(frames as u64);
        }
    }
}

/// Audio given at a time while nobody speaks: 200 ms.
const BATCH_BYTES: usize = 10 * FRAME_SAMPLES;

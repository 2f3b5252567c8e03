//! Telephone audio: 20 ms frames of G.711 mu-law at 8 kHz, and what is done with them.
//!
//! Nothing here knows a call, a vendor or a clock. Audio stays mu-law from end to end; it is decoded
//! only for [`vad`] and for a recording ([`opus`]). Key type: [`Frame`].

pub mod framer;
pub mod level;
pub mod mulaw;
pub mod opus;
pub mod resample;
mod spectrum;
pub mod vad;
pub mod voice;

/// Samples per second of every telephone leg (Twilio Media Streams: `audio/x-mulaw`, 8000 Hz, mono).
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Samples in one [`Frame`]; in mu-law a sample is one byte.
pub const FRAME_SAMPLES: usize = 160;
/// Milliseconds of sound in one [`Frame`].
pub const FRAME_MS: u32 = 20;
/// Bytes of mu-law in one millisecond.
pub const BYTES_PER_MS: usize = 8;
/// The mu-law byte of silence (+0). Twilio may also send `0x7F` (-0); both decode to 0.
pub const SILENCE: u8 = 0xFF;

/// 20 ms of mu-law audio: 160 bytes, 8 kHz, mono. `Copy` on purpose: a frame is never allocated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame(pub [u8; FRAME_SAMPLES]);

impl Frame {
    /// A frame of digital silence.
    pub const SILENCE: Self = Self([SILENCE; FRAME_SAMPLES]);

    /// The 160 mu-law bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frame(160 mu-law bytes)")
    }
}

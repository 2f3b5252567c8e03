//! The media clock: payloads of any length and their timestamps in, whole 20 ms frames in order out.
//!
//! Twilio numbers media by milliseconds since the stream began and leaves out what the network lost. [`Framer`] puts
//! silence where sound is missing, so that a frame's place in the sequence is its time. It is no jitter buffer: nothing
//! is held back but the part of a frame that is not yet whole, and no byte received is ever dropped. Allocates nothing.

use super::{BYTES_PER_MS, FRAME_MS, FRAME_SAMPLES, Frame, SILENCE};

/// A gap longer than this is not filled: the clock jumps instead.
pub const MAX_FILL_MS: u64 = 10_000;

/// A timestamp may differ from the clock by this much before it counts as a gap: one frame of jitter.
pub const GAP_TOLERANCE_MS: u64 = FRAME_MS as u64;

/// Cuts one stream of mu-law payloads into frames.
#[derive(Debug, Clone)]
pub struct Framer {
    partial: Frame,
    /// Bytes of `partial` that are filled.
    filled: usize,
    /// Media time of byte 0 of `since`, ms; `None` until the first payload.
    origin_ms: Option<u64>,
    /// Bytes (received or filled in) since `origin_ms`, those of `partial` included.
    since: u64,
    /// What a timestamp lags behind the clock for good, after the vendor's clock went back.
    behind_ms: u64,
    max_fill_ms: u64,
    silence_ms: u64,
    resyncs: u32,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// A framer that fills gaps up to [`MAX_FILL_MS`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with_max_fill(MAX_FILL_MS)
    }

    /// A framer that fills gaps up to `max_fill_ms` and jumps over longer ones.
    #[must_use]
    pub const fn with_max_fill(max_fill_ms: u64) -> Self {
        Self {
            partial: Frame::SILENCE,
            filled: 0,
            origin_ms: None,
            since: 0,
            behind_ms: 0,
            max_fill_ms,
            silence_ms: 0,
            resyncs: 0,
        }
    }

    /// Takes one payload and hands every frame that is now whole to `each`.
    ///
    /// `timestamp_ms` is when the payload's first byte was spoken, since the stream began (Twilio: `media.timestamp`).
    /// Without one the payload follows the last. More than [`GAP_TOLERANCE_MS`] ahead of the clock, the gap is first
    /// filled with silence; further ahead than the fill limit, the frame begun is completed with silence and the clock
    /// jumps. Behind the clock (late, repeated) the payload is kept and the clock goes on; a clock set back by more
    /// than the limit is followed from there, while [`Framer::position_ms`] never goes back.
    pub fn push(&mut self, timestamp_ms: Option<u64>, payload: &[u8], mut each: impl FnMut(Frame)) {
        match (timestamp_ms, self.origin_ms) {
            (at, None) => self.origin_ms = Some(at.unwrap_or(0)),
            (None, Some(_)) => {}
            (Some(at), Some(_)) => self.keep_time(at.saturating_add(self.behind_ms), &mut each),
        }
        self.append(payload, &mut each);
    }

    /// Media time at which the next frame starts, in ms. 0 before the first payload; never goes back.
    #[must_use]
    pub fn position_ms(&self) -> u64 {
        let whole = self.since - self.filled as u64;
        self.origin_ms.unwrap_or(0).saturating_add(whole / BYTES_PER_MS as u64)
    }

    /// Bytes waiting for the rest of their frame, below 160.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.filled
    }

    /// Silence put into gaps so far, ms.
    #[must_use]
    pub const fn silence_ms(&self) -> u64 {
        self.silence_ms
    }

    /// How often the clock jumped, either way.
    #[must_use]
    pub const fn resyncs(&self) -> u32 {
        self.resyncs
    }

    fn keep_time(&mut self, at_ms: u64, each: &mut impl FnMut(Frame)) {
        let now_ms = self.origin_ms.unwrap_or(0).saturating_add(self.since / BYTES_PER_MS as u64);
        if at_ms > now_ms {
            let gap_ms = at_ms - now_ms;
            if gap_ms > self.max_fill_ms.max(GAP_TOLERANCE_MS) {
                let rest = (FRAME_SAMPLES - self.filled) % FRAME_SAMPLES;
                self.append_silence(rest as u64, each);
                self.origin_ms = Some(at_ms);
                self.since = 0;
                self.resyncs = self.resyncs.saturating_add(1);
            } else if gap_ms > GAP_TOLERANCE_MS {
                self.silence_ms += gap_ms;
                self.append_silence(gap_ms * BYTES_PER_MS as u64, each);
            }
        } else if now_ms - at_ms > self.max_fill_ms.max(GAP_TOLERANCE_MS) {
            self.behind_ms = self.behind_ms.saturating_add(now_ms - at_ms);
            self.resyncs = self.resyncs.saturating_add(1);
        }
    }

    fn append(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Frame)) {
        self.since += bytes.len() as u64;
        if self.filled > 0 {
            let taken = bytes.len().min(FRAME_SAMPLES - self.filled);
            self.partial.0[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < FRAME_SAMPLES {
                return;
            }
            each(self.partial);
        }
        let (whole, rest) = bytes.as_chunks::<FRAME_SAMPLES>();
        for chunk in whole {
            each(Frame(*chunk));
        }
        self.partial.0[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    fn append_silence(&mut self, mut bytes: u64, each: &mut impl FnMut(Frame)) {
        const QUIET: [u8; FRAME_SAMPLES] = [SILENCE; FRAME_SAMPLES];
        while bytes > 0 {
            let piece = bytes.min(FRAME_SAMPLES as u64);
            self.append(&QUIET[..piece as usize], each);
            bytes -= piece;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Collects what comes out as one run of bytes.
    fn feed(framer: &mut Framer, timestamp_ms: Option<u64>, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        framer.push(timestamp_ms, payload, |frame| out.extend_from_slice(frame.as_bytes()));
        out
    }

    #[test]
    fn twilio_frames_pass_one_for_one() {
        let mut framer = Framer::new();
        for n in 0..50u64 {
            let payload = [n as u8; 160];
            assert_eq!(feed(&mut framer, Some(5 + n * 20), &payload), payload);
        }
        assert_eq!(framer.position_ms(), 1_005, "the first timestamp sets the clock");
        assert_eq!((framer.silence_ms(), framer.resyncs(), framer.pending()), (0, 0, 0));
    }

    #[test]
    fn a_gap_becomes_silence_of_its_length() {
        let mut framer = Framer::new();
        feed(&mut framer, Some(0), &[1; 160]);
        let out = feed(&mut framer, Some(100), &[2; 160]);
        assert_eq!(out.len(), 5 * 160);
        assert!(out[..640].iter().all(|&byte| byte == SILENCE));
        assert_eq!(out[640..], [2; 160]);
        assert_eq!((framer.position_ms(), framer.silence_ms()), (120, 80));
    }

    #[test]
    fn jitter_of_a_frame_is_no_gap() {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for at in [0, 40, 41, 79, 80, 120] {
            out.extend(feed(&mut framer, Some(at), &[3; 160]));
        }
        assert_eq!(out, [3; 6 * 160]);
    }

    #[test]
    fn late_and_repeated_payloads_are_kept() {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for at in [0, 20, 20, 0, 40] {
            out.extend(feed(&mut framer, Some(at), &[4; 160]));
        }
        assert_eq!(out, [4; 5 * 160]);
        assert_eq!(framer.position_ms(), 100);
    }

    #[test]
    fn a_jump_beyond_the_limit_moves_the_clock_and_fills_no_more_than_the_frame() {
        let mut framer = Framer::new();
        feed(&mut framer, Some(0), &[1; 200]);
        let out = feed(&mut framer, Some(3_600_000), &[2; 160]);
        assert_eq!(out.len(), 2 * 160);
        assert_eq!(out[..40], [1; 40]);
        assert!(out[40..160].iter().all(|&byte| byte == SILENCE));
        assert_eq!(out[160..], [2; 160]);
        assert_eq!((framer.position_ms(), framer.resyncs()), (3_600_020, 1));
    }

    #[test]
    fn the_limit_itself_is_still_filled() {
        let mut framer = Framer::new();
        feed(&mut framer, Some(0), &[1; 160]);
        let out = feed(&mut framer, Some(20 + MAX_FILL_MS), &[2; 160]);
        assert_eq!(out.len(), MAX_FILL_MS as usize * 8 + 160);
    }

    #[test]
    fn gaps_are_still_seen_after_the_clock_was_set_back() {
        let mut framer = Framer::new();
        feed(&mut framer, Some(60_000), &[1; 160]);
        assert_eq!(feed(&mut framer, Some(0), &[1; 160]).len(), 160);
        assert_eq!(framer.position_ms(), 60_040, "never goes back");
        assert_eq!(feed(&mut framer, Some(120), &[1; 160]).len(), 6 * 160);
        assert_eq!(framer.position_ms(), 60_160);
    }

    #[test]
    fn absurd_timestamps_do_no_harm() {
        let mut framer = Framer::new();
        for at in [u64::MAX, 0, u64::MAX, u64::MAX - 1, 5, u64::MAX] {
            assert!(feed(&mut framer, Some(at), &[1; 170]).len() <= 2 * 160);
        }
    }

    proptest! {
        #[test]
        fn without_gaps_no_byte_is_lost_or_added(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..30), stamped: bool) {
            let mut framer = Framer::new();
            let (mut sent, mut got) = (Vec::new(), Vec::new());
            for piece in &pieces {
                let at = stamped.then_some(1_000 + sent.len() as u64 / 8);
                got.extend(feed(&mut framer, at, piece));
                sent.extend_from_slice(piece);
            }
            prop_assert_eq!(framer.pending(), sent.len() % 160);
            sent.truncate(sent.len() / 160 * 160);
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn any_timestamps_keep_every_byte_in_order_and_the_clock_rising(
            pushes in prop::collection::vec((prop::option::of(0u64..40_000), 0usize..400), 1..40),
        ) {
            let mut framer = Framer::new();
            let (mut next, mut got, mut position, mut frames) = (0u8, Vec::new(), 0, 0u64);
            for (at, len) in pushes {
                let payload: Vec<u8> = (0..len).map(|_| { next = (next + 1) % 0x70; next }).collect();
                let before = framer.position_ms();
                let out = feed(&mut framer, at, &payload);
                frames += out.len() as u64 / 160;
                prop_assert!(out.len() as u64 <= (MAX_FILL_MS + 20) * 8 + len as u64 + 160);
                prop_assert!(framer.position_ms() >= before.max(position));
                position = framer.position_ms();
                got.extend(out);
            }
            prop_assert!(framer.resyncs() > 0 || frames * 20 <= position);
            let heard: Vec<u8> = got.into_iter().filter(|&byte| byte != SILENCE).collect();
            for pair in heard.windows(2) {
                prop_assert_eq!(pair[1], (pair[0] + 1) % 0x70);
            }
        }
    }
}

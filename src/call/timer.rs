//! The timers of a call, each with a name, so that a log can say why it woke.

use std::time::Duration;

/// Why a call wakes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The key presses so far are all that will come.
    Digits,
    /// The last words ought to have been heard; the far end's word for it is missing.
    Drained,
    /// The mind thinks for long: a few words fill the silence.
    Filler,
    /// The recogniser owes final words.
    FinalLate,
    /// The call has lasted as long as it may.
    MaxCall,
    /// The mind has thought too long.
    MindLate,
    /// No frames come any more: the wall clock decides on the caller's turn.
    NoFrames,
    /// Nothing was said for the whole silence limit.
    NoInput,
    /// A pause must be decided: interruption, or nothing.
    Pause,
    /// The voice has not begun to speak.
    SpeechLate,
}

/// All timers in the order in which they fire when due together.
const ALL: [Timer; 10] = [
    Timer::Digits,
    Timer::Drained,
    Timer::Filler,
    Timer::FinalLate,
    Timer::MaxCall,
    Timer::MindLate,
    Timer::NoFrames,
    Timer::NoInput,
    Timer::Pause,
    Timer::SpeechLate,
];

/// When each timer is due, in time since the call began.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Duration>; ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Duration) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes one timer that is due.
    pub(super) fn expired(&mut self, now: Duration) -> Option<Timer> {
        let timer = ALL.into_iter().find(|&timer| self.0[timer as usize].is_some_and(|at| at <= now))?;
        self.stop(timer);
        Some(timer)
    }
}

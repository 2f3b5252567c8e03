//! The clock of all streams: one task asks every open line for its next 20 ms when it is due, so that a line costs no timer and no
//! wake-up of its own. Lines begin at phases spread over the 20 ms. Key type: [`Ticker`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::lock;
use super::line::Line;

/// Hands lines to the task that ticks them.
#[derive(Debug)]
pub(in super::super) struct Ticker {
    new: mpsc::Sender<(Instant, Shared)>,
    epoch: Instant,
    next: AtomicU64,
}

type Shared = Arc<Mutex<Line>>;

impl Ticker {
    /// Starts the task; it ends with `stop`.
    pub(in super::super) fn start(stop: CancellationToken) -> Self {
        let (new, lines) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = run(lines) => {}
            }
        });
        Self { new, epoch: Instant::now(), next: AtomicU64::new(0) }
    }

    /// Ticks the line from its next phase on, until [`Line::tick`] says that it is over.
    pub(super) async fn add(&self, line: Shared) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Steps of the golden ratio lie evenly whatever their number.
        let phase_us = number.wrapping_mul(12_361) % PERIOD_US;
        let into_us = self.epoch.elapsed().as_micros() as u64 % PERIOD_US;
        let wait = Duration::from_micros((PERIOD_US + phase_us - into_us) % PERIOD_US);
        // Where the task is gone, so is the far end.
        self.new.send((Instant::now() + wait, line)).await.ok();
    }
}

/// From one message of a stream to the next.
pub(super) const PERIOD: Duration = Duration::from_micros(PERIOD_US);
const PERIOD_US: u64 = 20_000;
const WAITING: usize = 256;
/// Lines ticked before others on the runtime have their turn.
const AT_ONCE: usize = 32;

async fn run(mut new: mpsc::Receiver<(Instant, Shared)>) {
    // In order of time: all lines have the same period, so one that was ticked goes to the end.
    let mut lines: VecDeque<(Instant, Shared)> = VecDeque::new();
    loop {
        let due = lines.front().map(|(due, _)| *due);
        tokio::select! {
            biased;
            added = new.recv() => {
                let Some((due, line)) = added else { return };
                let place = lines.partition_point(|(other, _)| *other <= due);
                lines.insert(place, (due, line));
                continue;
            }
            () = async { match due { Some(due) => tokio::time::sleep_until(due).await, None => std::future::pending().await } } => {}
        }
        for _ in 0..AT_ONCE {
            let now = Instant::now();
            let Some((due, line)) = lines.pop_front_if(|(due, _)| *due <= now) else { break };
            if lock(&line).tick(due, now) {
                let next = due + PERIOD;
                let place = if lines.back().is_none_or(|(last, _)| *last <= next) {
                    lines.len()
                } else {
                    lines.partition_point(|(other, _)| *other <= next)
                };
                lines.insert(place, (next, line));
            }
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_any_number_of_lines_are_spread_over_the_period() {
        for count in [10_u64, 100, 1_000] {
            let mut slots = [0_u64; 20];
            for number in 0..count {
                slots[(number.wrapping_mul(12_361) % PERIOD_US / 1_000) as usize] += 1;
            }
            let most = slots.iter().max().copied().unwrap_or(0);
            assert!(most <= count / 20 + 2, "{count} lines: {slots:?}");
        }
    }
}

//! The clock of all streams: one task asks every open line for its next 20 ms when it is due, so that a line costs no timer and no
//! wake-up of its own. Lines begin at phases spread over the 20 ms. Key types: [`Ticker`], [`Lateness`].

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
    lateness: Arc<Lateness>,
}

/// How late frames were, all lines together: counts in steps of [`STEP_US`], the last for all that is over.
#[derive(Debug)]
pub(in super::super) struct Lateness {
    counts: [AtomicU64; STEPS],
    most_us: AtomicU64,
}

type Shared = Arc<Mutex<Line>>;

impl Ticker {
    /// Starts the task; it ends with `stop`.
    pub(in super::super) fn start(stop: CancellationToken) -> Self {
        let (new, lines) = mpsc::channel(WAITING);
        let lateness = Arc::new(Lateness::default());
        let noted = lateness.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = run(lines, &noted) => {}
            }
        });
        Self { new, epoch: Instant::now(), next: AtomicU64::new(0), lateness }
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

    pub(in super::super) fn lateness(&self) -> &Lateness {
        &self.lateness
    }
}

impl Lateness {
    fn note(&self, late: Duration) {
        let us = late.as_micros() as u64;
        self.counts[(us / STEP_US).min(STEPS as u64 - 1) as usize].fetch_add(1, Ordering::Relaxed);
        self.most_us.fetch_max(us, Ordering::Relaxed);
    }

    /// How many frames there were.
    pub(in super::super) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The milliseconds that this part of all frames did not exceed.
    pub(in super::super) fn ms(&self, part: f64) -> f64 {
        let most_us = self.most_us.load(Ordering::Relaxed);
        let rank = (self.count() as f64 * part).ceil() as u64;
        let mut before = 0;
        let step = self.counts.iter().position(|count| {
            before += count.load(Ordering::Relaxed);
            before >= rank
        });
        // Of the last step only the worst is known.
        let us = step.filter(|step| step + 1 < STEPS).map_or(most_us, |step| (step as u64 + 1) * STEP_US);
        us.min(most_us) as f64 / 1_000.0
    }
}

impl Default for Lateness {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), most_us: AtomicU64::new(0) }
    }
}

/// From one message of a stream to the next.
pub(super) const PERIOD: Duration = Duration::from_micros(PERIOD_US);
const PERIOD_US: u64 = 20_000;
const WAITING: usize = 256;
const STEP_US: u64 = 100;
const STEPS: usize = 1_001;
/// Lines ticked before others on the runtime have their turn.
const AT_ONCE: usize = 32;

async fn run(mut new: mpsc::Receiver<(Instant, Shared)>, lateness: &Lateness) {
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
            lateness.note(now.saturating_duration_since(due));
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
    fn lateness_is_told_in_steps_and_never_above_the_worst() {
        let lateness = Lateness::default();
        for us in [50, 150, 250, 30_040] {
            lateness.note(Duration::from_micros(us));
        }
        assert_eq!((lateness.count(), lateness.ms(0.5), lateness.ms(1.0)), (4, 0.2, 30.04));
        lateness.note(Duration::from_secs(1));
        assert_eq!(lateness.ms(1.0), 1_000.0);
    }

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

//! A sender's own queue before a channel that may be full: what does not fit waits, in order, and goes in as there is room.
//!
//! For a task that must not wait for itself: it fills the channel and empties it. Key type: [`Overflow`]. Invariant: things come out in
//! the order in which they were put in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::task::TaskTracker;

use crate::telemetry;

/// The queue and its channel.
#[derive(Debug)]
pub(super) struct Overflow<T> {
    out: mpsc::Sender<T>,
    /// What the metric calls it.
    queue: &'static str,
    waiting: Arc<Mutex<Waiting<T>>>,
}

#[derive(Debug)]
struct Waiting<T> {
    things: VecDeque<T>,
    /// Whether a task brings them to the channel.
    moving: bool,
}

impl<T: Send + 'static> Overflow<T> {
    pub(super) fn new(queue: &'static str, out: mpsc::Sender<T>) -> Self {
        Self { out, queue, waiting: Arc::new(Mutex::new(Waiting { things: VecDeque::new(), moving: false })) }
    }

    /// Puts it into the channel, or, where that is full, behind what waits for it.
    pub(super) fn put(&self, tracker: &TaskTracker, thing: T) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.moving {
            if waiting.things.len() < MOST {
                waiting.things.push_back(thing);
            } else {
                counter!(telemetry::QUEUES_FULL, "queue" => self.queue).increment(1);
            }
        } else if let Err(TrySendError::Full(thing)) = self.out.try_send(thing) {
            waiting.things.push_back(thing);
            waiting.moving = true;
            tracker.spawn(bring(self.out.clone(), Arc::clone(&self.waiting)));
        }
    }
}

async fn bring<T>(out: mpsc::Sender<T>, waiting: Arc<Mutex<Waiting<T>>>) {
    // Where nobody listens any more nothing needs to be brought.
    while let Ok(room) = out.reserve().await {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thing) = waiting.things.pop_front() else {
            waiting.moving = false;
            return;
        };
        room.send(thing);
    }
}

/// Far more than a reply has clauses.
const MOST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_comes_out_in_the_order_it_was_put_in() {
        let (out, mut from) = mpsc::channel(3);
        let (overflow, tracker) = (Overflow::new("things", out), TaskTracker::new());
        let mut got = Vec::new();
        for round in 0..10 {
            for thing in 0..10 {
                overflow.put(&tracker, round * 10 + thing);
            }
            // Some of them are taken while others wait, and in the end all.
            let taken = if round % 3 == 2 { (round + 1) * 10 } else { got.len() + 2 };
            while got.len() < taken {
                got.push(from.recv().await.unwrap());
            }
        }
        while got.len() < 100 {
            got.push(from.recv().await.unwrap());
        }
        assert_eq!(got, (0..100).collect::<Vec<_>>());
        drop(from);
        tracker.close();
        tracker.wait().await;
    }
}

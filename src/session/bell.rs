//! A bell for all that seldom happens in a task that is woken fifty times a second by something else: those are asked only when one of
//! them has rung.
//!
//! Asking a queue whether it holds anything costs little, and five of them, in memory that two hundred calls have since pushed out of the
//! processor's reach, cost more than the frame itself. Key type: [`Bell`].

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// One task's bell.
pub(super) struct Bell {
    rope: Arc<Rope>,
    waker: Waker,
}

#[derive(Default)]
struct Rope {
    rang: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Bell {
    /// It has rung, so that everything is asked a first time.
    pub(super) fn new() -> Self {
        let rope = Arc::new(Rope::default());
        rope.rang.store(true, Ordering::Relaxed);
        Self { waker: Waker::from(Arc::clone(&rope)), rope }
    }

    /// Has them asked once more: for whoever made one anew, or moved its time.
    pub(super) fn ring(&self) {
        self.rope.rang.store(true, Ordering::Release);
    }

    /// Waits for `others`, asking only after the bell rang. They may be made anew for each wait, if what they wait at keeps its waker
    /// (a channel and a timer do).
    pub(super) async fn rung<T>(&self, others: impl Future<Output = T>) -> T {
        let mut others = pin!(others);
        std::future::poll_fn(|context| {
            self.rope.task.register(context.waker());
            if !self.rope.rang.swap(false, Ordering::AcqRel) {
                return Poll::Pending;
            }
            let done = others.as_mut().poll(&mut Context::from_waker(&self.waker));
            if done.is_ready() {
                // Another may be ready too.
                self.ring();
            }
            done
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use tokio::sync::mpsc;

    #[test]
    fn the_others_are_asked_after_a_ring_and_not_before() {
        let bell = Bell::new();
        let (to, mut from) = mpsc::channel(4);
        let mut asked = 0;
        let mut look = || {
            bell.rung(async {
                asked += 1;
                from.recv().await
            })
            .now_or_never()
        };
        assert_eq!(look(), None, "the first look finds nothing");
        assert_eq!(look(), None);
        to.try_send(1).unwrap();
        to.try_send(2).unwrap();
        assert_eq!((look(), look(), look(), look()), (Some(Some(1)), Some(Some(2)), None, None));
        bell.ring();
        assert_eq!(look(), None);
        assert_eq!(asked, 5);
    }

    #[tokio::test]
    async fn what_happens_while_the_task_sleeps_wakes_it() {
        let bell = Bell::new();
        let (to, mut from) = mpsc::channel(1);
        let task = tokio::spawn(async move { bell.rung(async { from.recv().await }).await });
        tokio::task::yield_now().await;
        to.send(7).await.unwrap();
        assert_eq!(task.await.unwrap(), Some(7));
    }
}

//! The threads that carry all tasks, and how they rest.
//!
//! A thread with nothing to do asks the kernel for what has come and sleeps until there is something. With hundreds of calls that is a
//! sleep and a waking for each of ten thousand frames a second. So under load a thread waits a moment first, as a network card does, and
//! finds several frames when it looks.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// Starts as many threads as there are processors to run on. `many_calls`: they rest as above.
pub(crate) fn start(many_calls: bool) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if many_calls {
        builder.on_thread_park(rest);
    }
    builder.enable_all().build()
}

/// How often this thread had nothing to do since `from`, and whether it waits a moment when it has.
#[derive(Clone, Copy)]
struct Rests {
    from: Instant,
    count: u32,
    waits: bool,
}

fn rest() {
    thread_local! {
        static RESTS: Cell<Option<Rests>> = const { Cell::new(None) };
    }
    let now = Instant::now();
    let mut rests = RESTS.get().unwrap_or(Rests { from: now, count: 0, waits: false });
    rests.count += 1;
    let lasted = now - rests.from;
    if lasted >= LOOK {
        let a_second = f64::from(rests.count) / lasted.as_secs_f64();
        rests = Rests { from: now, count: 0, waits: a_second > if rests.waits { FEW } else { MANY } };
    }
    RESTS.set(Some(rests));
    if rests.waits {
        #[expect(clippy::disallowed_methods, reason = "the thread has nothing to do: it is about to sleep anyway")]
        thread::sleep(MOMENT);
    }
}

/// How long a thread waits. Every step of a turn that passes through it may come later by so much.
const MOMENT: Duration = Duration::from_millis(1);
/// How often it is decided anew.
const LOOK: Duration = Duration::from_millis(100);
/// Rests a second from which on a thread waits: the frames of some forty calls.
const MANY: f64 = 2_000.0;
/// Rests a second below which a thread that waits stops waiting. Waiting, it has less than a thousand.
const FEW: f64 = 500.0;

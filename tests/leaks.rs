//! What calls leave behind: nothing. The long form of this test is `benches/soak`.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "../benches/rig/mod.rs"]
mod rig;

use futures_util::future::join_all;
use rig::{Rig, script};
use trunkline::server::Options;
use trunkline::simulator::caller::Step;
use trunkline::simulator::vendors::Settings;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_leave_no_live_call_no_task_and_no_unfinished_recording() {
    let rig = Rig::start(Settings::immediate(), None, Options { record_all: true }).await;
    let board = rig.server.switchboard().clone();
    settle(|| board.live_calls() == 0).await;
    let before = board.tasks();
    let calls = (0..50).map(|n| {
        let (mode, steps) = match n % 3 {
            0 => ("stream", vec![Step::Silence(100), Step::HangUp]),
            1 => ("stream", vec![Step::InterruptAfter { ms: 300, phrase: "no".to_owned() }, Step::HangUp]),
            _ => ("gather", vec![Step::Say("five_hundred_rupees".to_owned()), Step::HangUp]),
        };
        rig.call(mode, script(steps))
    });
    let reports = join_all(calls).await;
    assert!(reports.iter().all(|report| report.status == "completed"), "{:?}", reports[0]);
    let streams = reports.iter().filter(|report| report.streams == 1).count();
    assert_eq!(streams, 34, "every call in stream mode had its stream");
    settle(|| board.live_calls() == 0 && board.tasks() <= before).await;
    let folder = rig.stop().await;
    assert_eq!((board.live_calls(), board.tasks()), (0, 0));
    let recordings = std::fs::read_dir(folder.path().join("data/recordings")).unwrap();
    let names: Vec<_> = recordings.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.ends_with(".ogg")), "{names:?}");
    assert_eq!(names.len(), streams + 1, "one recording a stream, with that of the warming call");
}

/// Waits until `quiet`: the last callbacks and sockets of a call end after its report. The test's runner bounds it.
async fn settle(quiet: impl Fn() -> bool) {
    while !quiet() {
        tokio::task::yield_now().await;
    }
}

//! How soon the agent speaks, answers and stops, as the caller's end measures it: whole calls over loopback sockets, one after the
//! other or two at a time, with stand-in vendors that take 150 ms (ears), 200 ms (mind) and 75 ms (voice), and with such that take
//! no time. What is timed is the call's own report, not the bench's loop.
#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use futures_util::future::join_all;
use rig::{Rig, script};
use serde_json::json;
use tokio::runtime::Runtime;
use trunkline::server::Options;
use trunkline::simulator::caller::{CallReport, Step};
use trunkline::simulator::vendors::Settings;
use trunkline::simulator::vendors::mind::{GeminiRequest, Think};

fn latency(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (vendors, settings) in
        [("vendors of 150+200+75 ms", Settings::default()), ("vendors of 0 ms", Settings::immediate())]
    {
        let rig = runtime.block_on(Rig::start(settings, Some(Arc::new(ask_again) as Think), Options::default()));
        let mut group = criterion.benchmark_group(vendors);
        // One sample is one greeting, turn or interruption of a call that takes seconds.
        group.sample_size(SAMPLES).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_nanos(1)).measurement_time(Duration::from_nanos(1));
        measure(&runtime, &mut group, "greeting", || greetings(&rig));
        measure(&runtime, &mut group, "voice to voice, words complete", || turns(&rig));
        measure(&runtime, &mut group, "barge-in to clear", || interruptions(&rig));
        group.finish();
        runtime.block_on(rig.stop());
    }
}

/// Takes the samples beforehand, then hands them to Criterion one by one.
fn measure<F: Future<Output = Vec<f64>>>(
    runtime: &Runtime,
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    calls: impl Fn() -> F,
) {
    let mut samples: Vec<f64> = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = 0.0;
            for _ in 0..iterations {
                if samples.is_empty() {
                    samples = runtime.block_on(calls());
                    assert!(!samples.is_empty(), "the calls gave nothing to measure");
                }
                total += samples.pop().unwrap_or_default();
            }
            Duration::from_secs_f64(total / 1_000.0)
        });
    });
}

async fn greetings(rig: &Rig) -> Vec<f64> {
    let mut samples = Vec::new();
    for _ in 0..=SAMPLES {
        let report = rig.call("stream", script([Step::Silence(200), Step::HangUp])).await;
        samples.extend(report.greeting_ms);
    }
    samples
}

async fn turns(rig: &Rig) -> Vec<f64> {
    let turn = || [Step::WaitForAgent { quiet_ms: 300 }, Step::Say("five_hundred_rupees".to_owned())];
    let turns = (0..SAMPLES.div_ceil(LINES) + 1).flat_map(|_| turn());
    let end = [Step::WaitForAgent { quiet_ms: 100 }, Step::HangUp];
    let script = script(turns.chain(end));
    let reports = join_all((0..LINES).map(|_| rig.call("stream", script.clone()))).await;
    collect(&reports, |report| report.turns.iter().filter_map(|turn| turn.voice_to_voice_ms).collect())
}

async fn interruptions(rig: &Rig) -> Vec<f64> {
    let interrupt = Step::InterruptAfter { ms: 500, phrase: "five_hundred_rupees".to_owned() };
    let script = script([interrupt, Step::HangUp]);
    let mut samples = Vec::new();
    while samples.len() <= SAMPLES {
        let reports = join_all((0..LINES).map(|_| rig.call("stream", script.clone()))).await;
        samples.extend(collect(&reports, |report| report.barge_ins.iter().filter_map(|one| one.clear_ms).collect()));
    }
    samples
}

fn collect(reports: &[Arc<CallReport>], of: impl Fn(&CallReport) -> Vec<f64>) -> Vec<f64> {
    reports.iter().flat_map(|report| of(report)).collect()
}

/// Never content and brief, so that a turn is short.
fn ask_again(_request: &GeminiRequest) -> String {
    json!({"say": "Yes. And the next?", "type": "NEED_MORE_INFO", "data": {"charge": null}}).to_string()
}

const SAMPLES: usize = 10;
const LINES: usize = 2;

criterion_group!(benches, latency);
criterion_main!(benches);

//! What the core of a streamed call costs: one inbound frame through all of it, and a whole scripted call.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::date;
use trunkline::agent::{self, Agent};
use trunkline::call::{Action, Call, Event};
use trunkline::conversation::{Conversation, Opening};

fn agent() -> Arc<Agent> {
    Arc::new(agent::parse("logistics.toml", include_str!("../agents/logistics.toml")).expect("a good agent"))
}

fn begun(agent: &Arc<Agent>) -> Call {
    let opening = Opening { language: Some("en-IN".to_owned()), mind: true, ..Opening::default() };
    let conversation = Conversation::new(agent, opening);
    let mut call = Call::new(agent.clone(), conversation, date(2026, 11, 23).at(10, 0, 0, 0), false);
    call.handle(Duration::ZERO, Event::Started, &mut Vec::new());
    call
}

const VOICE: &[u8] = include_bytes!("../src/simulator/speech/hello_who_is_calling.ulaw");
const CHARGE: &[u8] = include_bytes!("../src/simulator/speech/five_hundred_rupees.ulaw");
const TIME: &[u8] = include_bytes!("../src/simulator/speech/two_pm_to_five_pm.ulaw");

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call/frame");
    group.throughput(Throughput::Elements(1));
    let agent = agent();
    for (name, sound) in [("silence", None), ("voice", Some(VOICE))] {
        group.bench_function(name, |bencher| {
            let mut call = begun(&agent);
            let mut actions = Vec::with_capacity(64);
            let mut at = 0_u64;
            bencher.iter(|| {
                let mut audio = [0xFF; 160];
                if let Some(sound) = sound {
                    let from = (at as usize * 160) % (sound.len() - 160);
                    audio.copy_from_slice(&sound[from..from + 160]);
                }
                at += 1;
                // The clock stands, so that no timer of the call is met; the media go on.
                let event = Event::Media { timestamp_ms: Some(at * 20), audio: black_box(&audio) };
                call.handle(Duration::from_millis(20), event, &mut actions);
                black_box(&actions);
                actions.clear();
            });
        });
    }
}

/// Greeting, two turns with partial words and the mind's answers, the end; some 20 s of call.
fn whole(agent: &Arc<Agent>) -> (u64, usize) {
    let mut call = begun(agent);
    let mut actions: Vec<Action> = Vec::with_capacity(64);
    let mut now = 0_u64;
    let mut count = 0;
    let mut owed = vec![(0_u32, 3_u32)];
    let mut script = [(CHARGE, "five hundred rupees"), (TIME, "two pm to five pm")].into_iter();
    let mut saying: Option<(&[u8], &str, usize)> = None;
    let mut quiet = 0;
    let mut answers = vec![
        r#"{"say": "Thank you, all is noted.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "500 rupees", "time": "2 pm to 5 pm"}}"#,
        r#"{"say": "Thank you. Between what times can you pick up?", "type": "NEED_MORE_INFO", "data": {"charge": "500 rupees"}}"#,
    ];
    loop {
        now += 20;
        let mut audio = [0xFF; 160];
        let mut partial = None;
        if let Some((sound, words, offset)) = &mut saying {
            let rest = &sound[*offset..];
            let length = rest.len().min(160);
            audio[..length].copy_from_slice(&rest[..length]);
            *offset += length;
            if *offset == sound.len() {
                partial = Some(*words);
                saying = None;
            }
        } else if quiet == 100 {
            saying = script.next().map(|(sound, words)| (sound, words, 0));
        }
        let at = Duration::from_millis(now);
        call.handle(at, Event::Media { timestamp_ms: Some(now - 20), audio: &audio }, &mut actions);
        if let Some(words) = partial {
            call.handle(at, Event::Partial(words), &mut actions);
        }
        quiet += 1;
        let mut more = std::mem::take(&mut actions);
        for action in more.drain(..) {
            count += 1;
            match action {
                Action::Speak { turn, clause, .. } => owed.push((turn, clause)),
                Action::SendMark(mark) => call.handle(at, Event::Mark(&mark.to_string()), &mut actions),
                Action::SendMedia(_) => quiet = 0,
                Action::Commit => call.handle(at, Event::Final(""), &mut actions),
                Action::AskMind { turn, .. } => {
                    if let Some(text) = answers.pop() {
                        call.handle(at, Event::MindDelta { turn, text }, &mut actions);
                        call.handle(at, Event::MindDone { turn }, &mut actions);
                    }
                }
                Action::Close(_) => return (now, count),
                _ => {}
            }
        }
        for (turn, clause) in owed.drain(..) {
            call.handle(at, Event::SpeechAudio { turn, clause, audio: Bytes::from_static(VOICE) }, &mut actions);
            call.handle(at, Event::SpeechDone { turn, clause }, &mut actions);
        }
        more.clear();
    }
}

fn calls(criterion: &mut Criterion) {
    let agent = agent();
    let (ms, actions) = whole(&agent);
    let mut group = criterion.benchmark_group("call/whole");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{} s, {actions} actions", ms / 1_000), |bencher| {
        bencher.iter_batched(|| agent.clone(), |agent| whole(black_box(&agent)), BatchSize::SmallInput);
    });
}

criterion_group!(benches, frames, calls);
criterion_main!(benches);

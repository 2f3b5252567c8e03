//! Speed of the reader of spoken values: a sentence of twelve words that holds a value, and one that holds none.

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::date;
use std::hint::black_box;
use trunkline::understand::{Kind, Scene, read, speakable};

fn understand(c: &mut Criterion) {
    let scene = |expect| Scene { now: date(2026, 11, 23).at(10, 0, 0, 0), expect: Some(expect) };
    let hit = "haan dekho charge banega barah sau aur gaadi char baje ke baad";
    let miss = "hello sir who is speaking and what do you want from us";
    for (name, text) in [("hit", hit), ("miss", miss)] {
        for (kind, kind_name) in [(Kind::Money, "money"), (Kind::TimeWindow, "time"), (Kind::YesNo, "yes_no")] {
            c.bench_function(&format!("understand/{kind_name}/{name}/12 words"), |b| {
                b.iter(|| black_box(read(black_box(text), kind, &scene(kind))));
            });
        }
    }
    c.bench_function("understand/speakable/12 words", |b| {
        b.iter(|| {
            black_box(speakable(black_box("that is ₹2,500 per trip between 2-5pm on 24 Nov, right sir?"), "en-IN"))
        });
    });
}

criterion_group!(benches, understand);
criterion_main!(benches);

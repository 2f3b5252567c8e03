//! What one message of a Media Streams socket costs: 20 ms of sound read, and written.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use trunkline::twilio::StreamSid;
use trunkline::twilio::media::{self, Inbound};

const MARK: &str = r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ00000000000000000000000000000001","mark":{"name":"e7:c12"}}"#;

/// 20 ms of something that is not silence.
fn sound() -> [u8; 160] {
    std::array::from_fn(|at| (at * 37 % 251) as u8)
}

/// As Twilio sends it.
fn message(payload: &str) -> String {
    format!(
        r#"{{"event":"media","sequenceNumber":"1042","media":{{"track":"inbound","chunk":"1041","timestamp":"20820","payload":"{payload}"}},"streamSid":"MZ00000000000000000000000000000001"}}"#
    )
}

fn wire(criterion: &mut Criterion) {
    let stream = StreamSid::parse("MZ00000000000000000000000000000001").expect("a stream");
    let out = media::media_message(&stream, &sound());
    let payload = match media::parse(&out) {
        Ok(Inbound::Media(media)) => media.payload.into_owned(),
        other => panic!("{other:?}"),
    };
    let text = message(&payload);
    let mut audio = Vec::with_capacity(320);

    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(1));
    group.bench_function("media_parse", |bencher| bencher.iter(|| black_box(media::parse(black_box(&text))).is_ok()));
    group.bench_function("media_parse_and_decode", |bencher| {
        bencher.iter(|| {
            audio.clear();
            match media::parse(black_box(&text)) {
                Ok(Inbound::Media(media)) => media.decode_payload(&mut audio).map(|_| audio[0]),
                other => panic!("{other:?}"),
            }
        });
    });
    group.bench_function("mark_parse", |bencher| bencher.iter(|| black_box(media::parse(black_box(MARK))).is_ok()));
    let frame = sound();
    group.bench_function("media_write", |bencher| {
        bencher.iter(|| media::media_message(&stream, black_box(&frame)));
    });
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);

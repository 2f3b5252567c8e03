//! The recording of a streamed call: both sides, each on its channel, as they were on the line.

use std::io::Cursor;

use audiopus::coder::Decoder;
use audiopus::{Channels, SampleRate};
use ogg::PacketReader;
use reqwest::Method;
use serde_json::{Value, json};
use trunkline::simulator::caller::{Line, Party};

use crate::house::{House, caller, quick_agent};

/// Both channels at 8 kHz.
fn play(bytes: &[u8]) -> (Vec<i16>, Vec<i16>) {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let head = reader.read_packet_expected().unwrap().data;
    assert_eq!((&head[..8], head[9]), (&b"OpusHead"[..], 2), "stereo");
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]])) / 6;
    assert_eq!(&reader.read_packet_expected().unwrap().data[..8], b"OpusTags");
    let mut decoder = Decoder::new(SampleRate::Hz8000, Channels::Stereo).unwrap();
    let mut sound = Vec::new();
    let mut ended = false;
    while let Some(packet) = reader.read_packet().unwrap() {
        let mut pcm = [0_i16; 2 * 960];
        let input = audiopus::packet::Packet::try_from(&packet.data[..]).unwrap();
        let samples =
            decoder.decode(Some(input), audiopus::MutSignals::try_from(&mut pcm[..]).unwrap(), false).unwrap();
        sound.extend(pcm[..2 * samples].chunks_exact(2).map(|pair| (pair[0], pair[1])));
        ended |= packet.last_in_stream();
    }
    assert!(ended, "the file was not finished");
    sound.into_iter().skip(pre_skip).unzip()
}

/// Loudness of a span of milliseconds.
fn rms(channel: &[i16], from_ms: u64, to_ms: u64) -> f64 {
    let span = &channel[(from_ms as usize * 8).min(channel.len())..(to_ms as usize * 8).min(channel.len())];
    assert!(span.len() > 800, "{from_ms}-{to_ms} of {}", channel.len() / 8);
    (span.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / span.len() as f64).sqrt()
}

#[tokio::test]
async fn a_streamed_call_leaves_a_stereo_recording_with_each_side_on_its_channel() {
    let house = House::with(|plan| plan.agents = vec![quick_agent("recording.enabled = true")]).await;
    let says = ["English", "five_hundred_rupees", "two_pm_to_five_pm"];
    let (report, document) = house.call("stream", json!({}), caller(&says)).await;
    assert_eq!(document["stage"], "completed");
    let target = format!("/api/calls/{}/recording", report.call_sid);
    // The file is finished beside the call.
    let file = loop {
        let answer = house.developer(Method::GET, &target).send().await.unwrap();
        if answer.status().as_u16() == 200 {
            assert_eq!(answer.headers()["content-type"], "audio/ogg");
            let bytes = answer.bytes().await.unwrap();
            if finished(&bytes) {
                break bytes;
            }
        }
    };
    assert_eq!(house.anybody(Method::GET, &target).send().await.unwrap().status().as_u16(), 401);
    let (left, right) = play(&file);
    assert_eq!(left.len(), right.len());
    // Where one side speaks alone, its channel sounds and the other is still.
    let alone = |line: &&Line| {
        let others = report.transcript.iter().filter(|other| other.who != line.who);
        others.clone().all(|other| other.end_ms + 150 < line.start_ms || other.start_ms > line.end_ms + 150)
    };
    let lines: Vec<&Line> = report.transcript.iter().filter(alone).collect();
    assert!(lines.iter().filter(|line| line.who == Party::Caller).count() >= 2, "{:#?}", report.transcript);
    assert!(lines.iter().filter(|line| line.who == Party::Agent).count() >= 2, "{:#?}", report.transcript);
    for line in lines {
        let (from, to) = (line.start_ms + 60, (line.end_ms - 40).min(left.len() as u64 / 8));
        let (caller, agent) = (rms(&left, from, to), rms(&right, from, to));
        let (speaker, listener) = if line.who == Party::Caller { (caller, agent) } else { (agent, caller) };
        assert!(speaker > 300.0 && listener < speaker / 10.0, "{line:?}: caller {caller:.0}, agent {agent:.0}");
    }
    let heard: String =
        report.transcript.iter().filter(|line| line.who == Party::Agent).map(|line| line.text.as_str()).collect();
    assert!(heard.contains("Recorded."), "the caller is told: {heard}");
    // Where the words of a value are in the recording.
    let span = &document["evidence"]["charge"]["audio_ms"];
    let (from, to) = (span[0].as_u64().unwrap(), span[1].as_u64().unwrap());
    assert!(rms(&left, from, to) > 300.0, "{span}");
}

fn finished(bytes: &[u8]) -> bool {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let mut last = false;
    while let Ok(Some(packet)) = reader.read_packet() {
        last = packet.last_in_stream();
    }
    last
}

#[tokio::test]
async fn a_call_that_is_not_recorded_has_no_recording() {
    let house = House::open().await;
    let (report, document) = house.call("stream", json!({"language": "en-IN"}), caller(&["(hangs up)"])).await;
    assert_eq!(document["recording"], Value::Null);
    let answer =
        house.developer(Method::GET, &format!("/api/calls/{}/recording", report.call_sid)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
}

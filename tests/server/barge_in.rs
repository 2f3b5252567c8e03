//! The caller interrupts, seen from the wire.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::simulator::phrases::{Listener, PhraseBook};

use crate::house::House;
use crate::wire::{SILENCE, Wire, call_sid, ringing, voice};

/// The words in the sound that was played.
struct Ear {
    listener: Listener,
    words: Vec<String>,
}

impl Ear {
    fn hear(&mut self, book: &Arc<PhraseBook>, sound: &[u8]) {
        let heard = self.listener.hear(book, sound);
        self.words.extend(heard.words.into_iter().map(|word| word.text));
    }
}

fn count(messages: &[Value], event: &str) -> usize {
    messages.iter().filter(|message| message["event"] == event).count()
}

#[tokio::test]
async fn barge_in_clears_drops_what_is_late_and_keeps_only_what_was_heard() {
    let first = "Five hundred it is.";
    let whole = format!(
        "{first} Now kindly tell me between which hours the lorry may come to your gate tomorrow or some day later."
    );
    let more = json!({"say": whole, "type": "NEED_MORE_INFO", "data": {"charge": "five hundred", "time": null}});
    let thanks = json!({"say": "All noted, goodbye!", "type": "THANK_YOU_RESPONSE", "data": {"charge": "five hundred", "time": "two pm to five pm"}});
    let house = House::with(|plan| {
        plan.think(vec![("pm", thanks), ("", more)]);
        // The voice is as slow as a person, so that it still speaks when it is interrupted.
        plan.vendors.settings.voice.chunk_ms = 200;
        plan.vendors.settings.voice.chunk_every_ms = 190;
    })
    .await;
    let book = PhraseBook::built_in();
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.connected().await;
    wire.start(&call_sid, Some(&token)).await;

    // The greeting is heard to its end.
    let mut marks = Vec::new();
    while marks.len() < 2 {
        marks.extend(wire.moment(&SILENCE).await.reached);
    }
    for sound in book.get("five_hundred_rupees").unwrap().audio.chunks(160) {
        wire.moment(sound).await;
    }
    // The answer: its first sentence is heard, and a second of the next one.
    let mut dead = Vec::new();
    while dead.is_empty() {
        dead.extend(wire.moment(&SILENCE).await.reached);
    }
    for _ in 0..50 {
        assert_eq!(count(&wire.moment(&SILENCE).await.messages, "clear"), 0);
    }
    // The caller interrupts.
    let mut ear = Ear { listener: Listener::default(), words: Vec::new() };
    let (mut clears, mut after) = (0, 0);
    let mut moments = book.get("two_pm_to_five_pm").unwrap().audio.chunks(160);
    let mut closed = false;
    let mut new_marks = Vec::new();
    for n in 0..1_000 {
        let moment = wire.moment(moments.next().filter(|sound| sound.len() == 160).unwrap_or(&SILENCE)).await;
        clears += count(&moment.messages, "clear");
        if clears > 0 {
            after += 1;
            ear.hear(&house.vendors.spoken().book(), &moment.played);
            new_marks.extend(
                moment.messages.iter().filter_map(|message| message["mark"]["name"].as_str()).map(str::to_owned),
            );
        }
        if after == 20 {
            // Marks of the dead turn, late and again, and ones that were never sent.
            for name in dead.iter().map(String::as_str).chain(["e0t1c1", "e9t9c9", "hello"]) {
                wire.mark(name).await;
            }
        }
        if moment.closed {
            closed = true;
            break;
        }
        assert!(n < 999, "no end; {:?}", ear.words);
    }
    assert!(closed);
    assert_eq!(clears, 1);
    assert_eq!(ear.words.join(" "), "All noted, goodbye!", "late audio of the dead answer was played");
    assert!(new_marks.iter().all(|mark| !dead.contains(mark)), "{new_marks:?} {dead:?}");
    let (_, twiml) = house.webhook("/stream-ended", &ringing(&call_sid)).await;
    assert!(twiml.contains("<Hangup"), "{twiml}");

    let document = house.document(&call_sid).await;
    assert_eq!(
        (&document["stage"], &document["data"]),
        (&json!("completed"), &json!({"charge": "₹500", "time": "2-5pm"}))
    );
    let history = document["history"].as_array().unwrap();
    let cut = history.iter().find(|line| line["interrupted"] == true).unwrap_or_else(|| panic!("{document:#}"));
    let heard = cut["text"].as_str().unwrap();
    assert!(heard.starts_with(first) && heard.len() > first.len() + 8 && heard.len() < whole.len() / 2, "{heard}");
    assert!(whole.strip_prefix(heard).is_some_and(|rest| rest.starts_with(' ')), "{heard}");
    let turns = document["turns"].as_array().unwrap();
    assert_eq!(turns.iter().filter(|turn| !turn["interrupted_ms"].is_null()).count(), 1, "{turns:#?}");
    let page = house.anybody(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("trunkline_barge_in_clear_seconds_bucket"), "{page}");
}

#[tokio::test]
async fn a_cough_and_a_backchannel_do_not_interrupt() {
    let say = "Five hundred it is, I have written it down, and now kindly tell me between which hours the lorry may come to your gate.";
    let answer = json!({"say": say, "type": "NEED_MORE_INFO", "data": {"charge": "five hundred"}});
    let house = House::with(|plan| plan.think(vec![("", answer)])).await;
    let book = PhraseBook::built_in();
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.connected().await;
    wire.start(&call_sid, Some(&token)).await;
    let mut marks = 0;
    while marks < 2 {
        marks += wire.moment(&SILENCE).await.reached.len();
    }
    for sound in book.get("five_hundred_rupees").unwrap().audio.chunks(160) {
        wire.moment(sound).await;
    }
    let mut played = 0;
    while played < 50 {
        played += usize::from(!wire.moment(&SILENCE).await.played.is_empty());
    }
    let sounds = ["cough", "okay"].map(|name| book.get(name).unwrap().audio.clone());
    for sound in &sounds {
        for frame in sound.chunks_exact(160).chain([&SILENCE[..]; 60]) {
            wire.moment(frame).await;
        }
    }
    // It is said to its end all the same.
    let mut quiet = 0;
    while quiet < 40 {
        let moment = wire.moment(&SILENCE).await;
        assert!(!moment.closed);
        quiet = if moment.played.is_empty() { quiet + 1 } else { 0 };
    }
    let document = house.document(&call_sid).await;
    let last = document["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["text"], &last["interrupted"]), (&json!(say), &Value::Null), "{document:#}");
    assert_eq!(
        document["turns"].as_array().unwrap().iter().filter(|turn| !turn["interrupted_ms"].is_null()).count(),
        0
    );
}

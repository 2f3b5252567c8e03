//! The media socket and those who abuse it, or only send what nobody expects.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trunkline::simulator::phrases::PhraseBook;

use crate::house::{House, quick_agent};
use crate::wire::{SILENCE, Wire, call_sid, ringing, voice};

/// What an abuser does with a call that awaits its stream.
type Abuse = fn(&mut Abuser) -> futures_util::future::BoxFuture<'_, ()>;

struct Abuser {
    wire: Wire,
    call_sid: String,
    token: String,
    other: String,
}

const ABUSES: [(&str, Abuse); 14] = [
    ("wrong token", |it| {
        Box::pin(async { it.wire.start(&it.call_sid, Some("00000000000000000000000000000000")).await })
    }),
    ("empty token", |it| Box::pin(async { it.wire.start(&it.call_sid, Some("")).await })),
    ("missing token", |it| Box::pin(async { it.wire.start(&it.call_sid, None).await })),
    ("token of another call", |it| Box::pin(async { it.wire.start(&it.other, Some(&it.token)).await })),
    ("call nobody knows", |it| Box::pin(async { it.wire.start(&call_sid(0xDEAD), Some(&it.token)).await })),
    ("media before start", |it| Box::pin(async { it.wire.media(&SILENCE).await })),
    ("mark before start", |it| Box::pin(async { it.wire.mark("e0t0c0").await })),
    ("stop before start", |it| Box::pin(async { it.wire.text(&json!({"event": "stop"})).await })),
    ("malformed JSON", |it| Box::pin(async { it.wire.send(Message::text("{\"event\": \"start\"")).await })),
    ("no object", |it| Box::pin(async { it.wire.send(Message::text("[]")).await })),
    ("start without start", |it| Box::pin(async { it.wire.text(&json!({"event": "start"})).await })),
    ("binary frame", |it| Box::pin(async { it.wire.send(Message::binary(vec![0; 160])).await })),
    ("a megabyte", |it| Box::pin(async { it.wire.send(Message::text("x".repeat(1 << 20))).await })),
    ("no start", |it| Box::pin(async { it.wire.connected().await })),
];

#[tokio::test]
async fn a_socket_that_is_not_the_calls_is_closed_and_nothing_else_is_harmed() {
    let house = House::open().await;
    let abuses = ABUSES.iter().zip(1_u32..).map(async |((name, abuse), n)| {
        let (mine, other) = (call_sid(n), call_sid(n + 1_000));
        let token = voice(&house, &mine, "").await;
        voice(&house, &other, "").await;
        let before = house.document(&mine).await;
        let mut abuser = Abuser { wire: Wire::open(&house).await, call_sid: mine.clone(), token: token.clone(), other };
        abuse(&mut abuser).await;
        let code = abuser.wire.closed().await;
        assert!(code.is_none_or(|code| code == 1008), "{name}: {code:?}");
        assert_eq!(house.document(&mine).await, before, "{name}");
        // The call's own socket still gets in, and is greeted.
        let mut wire = Wire::open(&house).await;
        wire.connected().await;
        wire.start(&mine, Some(&token)).await;
        while wire.moment(&SILENCE).await.played.is_empty() {}
        // The word was for one socket.
        let mut again = Wire::open(&house).await;
        again.start(&mine, Some(&token)).await;
        assert_eq!(again.closed().await, Some(1008), "{name}: the token was taken twice");
        assert!(!wire.moment(&SILENCE).await.closed, "{name}");
    });
    join_all(abuses).await;
}

#[tokio::test]
async fn what_twilio_may_add_or_change_is_no_error() {
    let house = House::open().await;
    let book = PhraseBook::built_in();
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "").await;
    let mut wire = Wire::open(&house).await;
    wire.text(&json!({"event": "connected", "protocol": "Call", "version": "2.0.0", "new": {"a": [1]}})).await;
    wire.text(&json!({"event": "weather", "weather": {"rain": true}})).await;
    // Numbers as numbers, fields nobody knows.
    let start = json!({"event": "start", "sequenceNumber": 1, "streamSid": wire.stream_sid, "surprise": null,
        "start": {"accountSid": crate::house::ACCOUNT_SID, "streamSid": wire.stream_sid, "callSid": call_sid, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1", "depth": 8},
            "customParameters": {"token": token, "other": "thing"}, "later": true}});
    wire.text(&start).await;
    let mut marks = 0;
    while marks < 2 {
        marks += wire.moment(&SILENCE).await.reached.len();
    }
    // In the call, too: nonsense is passed over.
    for nonsense in [
        json!({"event": "weather"}),
        json!({"event": "media"}),
        json!({"event": "media", "media": {"payload": "%%%"}}),
        json!({"event": "mark"}),
        json!({"event": "dtmf", "dtmf": {"digit": "1234"}}),
        json!({"no": "event"}),
        start.clone(),
    ] {
        wire.text(&nonsense).await;
    }
    wire.send(Message::text("{\"event\":")).await;
    wire.send(Message::binary(vec![1, 2, 3])).await;
    wire.send(Message::Ping(vec![1].into())).await;
    // A key pressed on another stream is not this call's.
    wire.text(&json!({"event": "dtmf", "streamSid": "MZ00000000000000000000000000000009", "dtmf": {"track": "inbound_track", "digit": "2"}})).await;
    // Odd sizes and a gap in the timestamps: the same words.
    wire.skip(740);
    let sound = &book.get("english").unwrap().audio;
    let mut rest = &sound[..];
    for size in [1, 7, 333, 160, 0, 2_000].into_iter().chain(std::iter::repeat(161)) {
        let (now, later) = rest.split_at(size.min(rest.len()));
        wire.media(now).await;
        for _ in 0..now.len() / 160 {
            wire.moment(&[]).await;
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let document = loop {
        assert!(!wire.moment(&SILENCE).await.closed);
        let document = house.document(&call_sid).await;
        if document["stage"] != "language_selection" {
            break document;
        }
    };
    assert_eq!((&document["language"], &document["stage"]), (&json!("en-IN"), &json!("welcome")));
    let said: Vec<&Value> =
        document["history"].as_array().unwrap().iter().filter(|line| line["role"] == "caller").collect();
    assert!(said.len() == 1 && said[0]["text"] == "English", "{said:?}");
    // A key as Twilio sends it.
    wire.text(&json!({"event": "stop", "sequenceNumber": "99", "streamSid": wire.stream_sid, "stop": {"accountSid": "x", "callSid": call_sid}}))
        .await;
    assert_eq!(wire.closed().await, Some(1000));
    // The stream is gone; the call goes on in gather.
    let (_, twiml) = house.webhook("/stream-ended", &ringing(&call_sid)).await;
    assert!(twiml.contains("<Gather"), "{twiml}");
    assert_eq!(house.document(&call_sid).await["mode"], "gather");
}

#[tokio::test]
async fn a_megabyte_in_the_middle_of_a_call_costs_the_stream_and_not_the_call() {
    let house = House::open().await;
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.start(&call_sid, Some(&token)).await;
    while wire.moment(&SILENCE).await.played.is_empty() {}
    wire.send(Message::text("x".repeat(1 << 20))).await;
    wire.closed().await;
    let (_, twiml) = house.webhook("/stream-ended", &ringing(&call_sid)).await;
    assert!(twiml.contains("<Gather") && twiml.contains("process-response"), "{twiml}");
    // The stream does not come back.
    let mut again = Wire::open(&house).await;
    again.start(&call_sid, Some(&token)).await;
    assert_eq!(again.closed().await, Some(1008));
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_left_in_the_end() {
    let house = House::with(|plan| {
        plan.agents = vec![quick_agent("").replace("silence_seconds = 4", "silence_seconds = 2")];
    })
    .await;
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.start(&call_sid, Some(&token)).await;
    // From here on no frame and no mark comes, as from a telephone network that has lost the call without a word.
    assert_eq!(wire.closed().await, Some(1000));
    let (_, twiml) = house.webhook("/stream-ended", &ringing(&call_sid)).await;
    assert!(twiml.contains("<Response><Hangup/></Response>"), "{twiml}");
    let document = house.document(&call_sid).await;
    assert_eq!((&document["outcome"], house.server.switchboard().live_calls()), (&json!("abandoned"), 0));
}

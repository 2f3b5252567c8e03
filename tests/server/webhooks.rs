//! Webhooks come twice, late and in any order: the same request gets the same answer and changes nothing twice.

use serde_json::{Value, json};

use crate::house::{House, attribute};
use crate::wire::{Wire, call_sid, ringing, voice};

/// A call in gather, and what it answers.
struct Call {
    house: House,
    sid: String,
}

impl Call {
    async fn open() -> Self {
        Self { house: House::open().await, sid: call_sid(7) }
    }

    async fn post(&self, target: &str, more: &[(&str, &str)]) -> String {
        self.post_with(target, more, None).await
    }

    async fn post_with(&self, target: &str, more: &[(&str, &str)], idempotency: Option<&str>) -> String {
        let mut params = ringing(&self.sid).to_vec();
        params.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        params.extend(more);
        let (status, answer) = self.house.webhook_with(target, &params, idempotency).await;
        assert!(matches!(status, 200 | 204), "{status} {answer}");
        answer
    }

    async fn voice(&self) -> String {
        self.post("/voice?agent_type=QUICK&mode=gather", &[]).await
    }

    /// The document without what every save changes.
    async fn document(&self) -> Value {
        let mut document = self.house.document(&self.sid).await;
        let fields = document.as_object_mut().unwrap();
        fields.remove("version");
        fields.remove("updated_at");
        document
    }
}

/// Path and query of a `<Gather>`'s action.
fn action(twiml: &str) -> String {
    let url = attribute(twiml, "action").unwrap_or_else(|| panic!("no action in {twiml}"));
    format!("/{}", url.splitn(4, '/').nth(3).unwrap())
}

#[tokio::test]
async fn a_voice_webhook_that_comes_twice_is_answered_alike() {
    let call = Call::open().await;
    let first = call.voice().await;
    let document = call.document().await;
    assert_eq!(call.voice().await, first);
    assert_eq!(call.document().await, document);
    // In stream mode the token stays the same.
    let token = voice(&call.house, &call_sid(8), "").await;
    assert_eq!(voice(&call.house, &call_sid(8), "").await, token);
}

#[tokio::test]
async fn a_turn_that_comes_twice_is_answered_alike_and_counted_once() {
    let call = Call::open().await;
    let first = action(&call.voice().await);
    let english = [("SpeechResult", "English"), ("Confidence", "0.9")];
    let answer = call.post(&first, &english).await;
    let document = call.document().await;
    for _ in 0..2 {
        assert_eq!(call.post(&first, &english).await, answer, "by its turn");
    }
    assert_eq!(call.document().await, document);
    // By Twilio's own word for it, whatever else the request says.
    let second = action(&answer);
    let charge = [("SpeechResult", "five hundred rupees")];
    let answer = call.post_with(&second, &charge, Some("a-b-c")).await;
    assert_eq!(call.post_with(&second, &charge, Some("a-b-c")).await, answer, "by its idempotency token");
    let document = call.document().await;
    assert_eq!(document["data"], json!({"charge": "₹500"}));
    // An old turn comes very late: what is open now is asked again, nothing is taken.
    let late = call.post(&first, &[("SpeechResult", "nine hundred rupees")]).await;
    assert!(late.contains("<Gather"), "{late}");
    assert_eq!(call.document().await["data"], json!({"charge": "₹500"}));
    let said = |document: &Value| {
        document["history"].as_array().unwrap().iter().filter(|line| line["role"] == "caller").count()
    };
    assert_eq!(said(&call.document().await), said(&document));
    // And the call still completes from there.
    let answer = call.post(&action(&late), &[("SpeechResult", "two pm to five pm")]).await;
    assert!(answer.contains("<Hangup"), "{answer}");
    assert_eq!(call.document().await["data"], json!({"charge": "₹500", "time": "2-5pm"}));
    assert_eq!(call.post(&action(&late), &[("SpeechResult", "two pm to five pm")]).await, answer);
}

#[tokio::test]
async fn the_same_words_without_a_turn_are_one_turn() {
    let call = Call::open().await;
    call.voice().await;
    let english = [("SpeechResult", "English")];
    let answer = call.post("/process-response", &english).await;
    assert_eq!(call.post("/process-response", &english).await, answer);
    let charge = [("SpeechResult", "five hundred rupees")];
    let answer = call.post("/process-response", &charge).await;
    assert_eq!(call.post("/process-response", &charge).await, answer);
    let document = call.document().await;
    assert_eq!((&document["evidence"]["charge"]["turn"], &document["data"]["charge"]), (&json!(2), &json!("₹500")));
}

#[tokio::test]
async fn silence_without_a_turn_goes_on_to_the_goodbye() {
    let call = Call::open().await;
    call.voice().await;
    call.post("/process-response", &[("SpeechResult", "English")]).await;
    let spoken = ["Sorry?", "Sorry?", "Goodbye then."];
    for (n, words) in spoken.iter().enumerate() {
        let answer = call.post("/process-response", &[]).await;
        assert_eq!(answer.contains("<Hangup"), n == 2, "{answer}");
        let document = call.document().await;
        let last = document["history"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
        assert_eq!(last.matches(words).count(), if n == 2 { 1 } else { n + 1 }, "{last}");
    }
    assert_eq!(call.document().await["outcome"], "abandoned");
}

#[tokio::test]
async fn a_stream_that_ended_is_carried_on_once() {
    let house = House::open().await;
    let call = Call { house, sid: call_sid(9) };
    let token = voice(&call.house, &call.sid, "&language=en-IN").await;
    let mut wire = Wire::open(&call.house).await;
    wire.start(&call.sid, Some(&token)).await;
    while wire.moment(&crate::wire::SILENCE).await.played.is_empty() {}
    drop(wire);
    let answer = call.post("/stream-ended", &[("CallStatus", "in-progress")]).await;
    assert!(answer.contains("<Gather"), "{answer}");
    let document = call.document().await;
    assert_eq!(call.post("/stream-ended", &[("CallStatus", "in-progress")]).await, answer);
    assert_eq!(call.document().await, document);
    let more = call.post(&action(&answer), &[("SpeechResult", "five hundred rupees, two pm to five pm")]).await;
    assert!(more.contains("<Hangup"), "{more}");
    assert_eq!(call.document().await["data"], json!({"charge": "₹500", "time": "2-5pm"}));
}

#[tokio::test]
async fn status_callbacks_in_any_order_end_a_call_once() {
    let call = Call::open().await;
    // The end of a call we never heard of leaves nothing behind.
    call.post("/call-status", &[("CallStatus", "completed")]).await;
    assert_eq!(call.house.switchboard_calls().await, 0);
    let first = action(&call.voice().await);
    call.post(&first, &[("SpeechResult", "English")]).await;
    for status in ["ringing", "in-progress", "initiated", "ringing"] {
        call.post("/call-status", &[("CallStatus", status), ("SequenceNumber", "3")]).await;
    }
    assert_eq!(call.document().await["ended_at"], Value::Null);
    call.post("/call-status", &[("CallStatus", "completed"), ("CallDuration", "9")]).await;
    let ended = call.document().await;
    assert_eq!((&ended["outcome"], call.house.server.switchboard().live_calls()), (&json!("abandoned"), 0));
    for status in ["completed", "in-progress", "no-answer", "completed"] {
        call.post("/call-status", &[("CallStatus", status)]).await;
    }
    assert_eq!(call.document().await, ended);
    assert_eq!(call.house.server.switchboard().live_calls(), 0);
}

#[tokio::test]
async fn a_gather_takes_one_key_where_one_is_an_answer_and_hints_at_the_agents_languages() {
    let call = Call::open().await;
    let choice = call.voice().await;
    assert_eq!(attribute(&choice, "numDigits").as_deref(), Some("1"), "{choice}");
    assert_eq!(attribute(&choice, "hints").as_deref(), Some("English,अंग्रेज़ी,Hindi,हिंदी"), "{choice}");
    let open = call.post(&action(&choice), &[("Digits", "1")]).await;
    assert_eq!((attribute(&open, "numDigits"), attribute(&open, "hints")), (None, None), "{open}");
    let read_back = call.post(&action(&open), &[("SpeechResult", "500 or 600")]).await;
    assert_eq!(attribute(&read_back, "numDigits").as_deref(), Some("1"), "{read_back}");
    call.post(&action(&read_back), &[("Digits", "1")]).await;
    let document = call.document().await;
    assert_eq!(document["data"]["charge"], "₹500", "{document}");
    assert_eq!(document["history"].as_array().unwrap().iter().filter(|line| line["pressed"] == true).count(), 2);
}

//! Webhooks come twice, late and in any order: the same request gets the same answer and changes nothing twice.

use serde_json::{Value, json};

use trunkline::simulator::vendors::fault::{FaultKind, Route};

use crate::house::{House, attribute, quick_agent, within};
use crate::wire::{Wire, call_sid, ringing, voice};

/// A call in gather, and what it answers.
pub(crate) struct Call {
    pub(crate) house: House,
    pub(crate) sid: String,
}

impl Call {
    pub(crate) async fn open() -> Self {
        Self { house: House::open().await, sid: call_sid(7) }
    }

    pub(crate) async fn post(&self, target: &str, more: &[(&str, &str)]) -> String {
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

    pub(crate) async fn voice(&self) -> String {
        self.post("/voice?agent_type=QUICK&mode=gather", &[]).await
    }

    /// The document without what every save changes.
    pub(crate) async fn document(&self) -> Value {
        let mut document = self.house.document(&self.sid).await;
        let fields = document.as_object_mut().unwrap();
        fields.remove("version");
        fields.remove("updated_at");
        document
    }
}

/// Path and query of a `<Gather>`'s action.
pub(crate) fn action(twiml: &str) -> String {
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
    assert_eq!(call.post(&second, &charge).await, answer, "by its turn, where a proxy has taken the token away");
    // An earlier turn comes again, late and with other words: it has its own answer, and the call is as it was.
    let late = call.post(&first, &[("SpeechResult", "nine hundred rupees")]).await;
    assert_eq!(action(&late), second);
    assert_eq!(call.document().await, document);
    // The telephone has not heard of that, and goes on where it was.
    let third = action(&answer);
    let answer = call.post(&third, &[("SpeechResult", "two pm to five pm")]).await;
    assert!(answer.contains("<Hangup"), "{answer}");
    assert_eq!(call.document().await["data"], json!({"charge": "₹500", "time": "2-5pm"}));
    assert_eq!(call.post(&third, &[("SpeechResult", "two pm to five pm")]).await, answer);
}

#[tokio::test]
async fn a_turn_so_old_that_its_answer_is_gone_hears_what_is_open_and_changes_nothing() {
    let house = House::with(|plan| {
        plan.agents = vec![quick_agent("").replace("max_turns = 12", "max_turns = 40")];
    })
    .await;
    let call = Call { house, sid: call_sid(7) };
    let first = action(&call.voice().await);
    let mut next = action(&call.post(&first, &[("SpeechResult", "English")]).await);
    let mut last = String::new();
    for hundreds in ["three", "four", "five", "six", "seven", "eight", "nine"].iter().cycle().take(14) {
        let words = format!("{hundreds} hundred rupees");
        last = call.post(&next, &[("SpeechResult", &words)]).await;
        assert_ne!(action(&last), next);
        next = action(&last);
    }
    let document = call.document().await;
    assert_eq!(call.post(&first, &[("SpeechResult", "one hundred rupees")]).await, last);
    assert_eq!(call.document().await, document);
    let answer = call.post(&next, &[("SpeechResult", "two pm to five pm")]).await;
    assert!(answer.contains("<Hangup"), "{answer}");
    assert_eq!(call.document().await["data"], json!({"charge": "₹900", "time": "2-5pm"}));
}

#[tokio::test]
async fn a_turn_whose_connection_is_dropped_is_done_once_and_whole() {
    let call = Call::open().await;
    let first = action(&call.voice().await);
    let second = action(&call.post(&first, &[("SpeechResult", "English")]).await);
    call.house.vendors.answer_with([
        json!({"say": "Noted, and when?", "type": "NEED_MORE_INFO", "data": {"charge": "500"}}).to_string(),
    ]);
    call.house.vendors.fail(Route::Mind, FaultKind::Slow { ms: 300 }, Some(1));
    let words = [("SpeechResult", "five hundred rupees")];
    let asked = async {
        while call.house.vendors.counters().requests.get("mind").is_none_or(|n| *n == 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = call.post(&second, &words) => panic!("answered before the mind was: {answer}"),
        () = within(asked) => {}
    }
    let answer = call.post(&second, &words).await;
    let document = call.document().await;
    let said: Vec<_> = document["history"].as_array().unwrap().iter().filter(|line| line["role"] == "caller").collect();
    assert_eq!(said.len(), 2, "{document:#}");
    assert!(document.to_string().contains("Noted, and when?"), "{document:#}");
    assert_eq!((action(&answer).contains("turn=4"), &document["data"]), (true, &json!({"charge": "₹500"})), "{answer}");
    assert_eq!(call.house.vendors.counters().requests["mind"], 1);
}

#[tokio::test]
async fn a_form_without_a_turn_that_comes_again_at_once_is_one_turn() {
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
async fn a_second_yes_is_a_second_answer() {
    let house = House::with(|plan| plan.agents = vec![quick_agent("read_back = \"always\"")]).await;
    let call = Call { house, sid: call_sid(7) };
    call.voice().await;
    call.post("/process-response", &[("SpeechResult", "English")]).await;
    let words = [("SpeechResult", "yes"), ("Confidence", "0.91")];
    let heard =
        |document: &Value| document["history"].as_array().unwrap().iter().filter(|line| line["text"] == "yes").count();
    // Twilio's own word tells two equal answers apart, and a retry of either.
    let one = call.post_with("/process-response", &words, Some("one")).await;
    let two = call.post_with("/process-response", &words, Some("two")).await;
    assert_eq!(heard(&call.document().await), 2);
    assert_eq!(call.post_with("/process-response", &words, Some("one")).await, one);
    assert_eq!(call.post_with("/process-response", &words, Some("two")).await, two);
    assert_eq!(heard(&call.document().await), 2);
    // Without it, anything that differs.
    call.post("/process-response", &words).await;
    call.post("/process-response", &[("SpeechResult", "yes"), ("Confidence", "0.87")]).await;
    assert_eq!(heard(&call.document().await), 4);
}

#[tokio::test]
async fn a_call_in_gather_tells_the_course_of_its_turns() {
    let call = Call::open().await;
    let first = action(&call.voice().await);
    let second = action(&call.post(&first, &[("SpeechResult", "English")]).await);
    call.house.vendors.fail(Route::Mind, FaultKind::Refuse, None);
    call.post(&second, &[("SpeechResult", "five hundred rupees")]).await;
    let document = call.document().await;
    let turns = document["turns"].as_array().unwrap();
    let told: Vec<_> = turns.iter().map(|turn| json!([turn["turn"], turn["mind_failed"], turn["filler"]])).collect();
    assert_eq!(told, [json!([0, false, false]), json!([1, false, false]), json!([2, true, false])], "{document:#}");
    let times: Vec<_> = turns.iter().flat_map(|turn| [&turn["final_words_ms"], &turn["first_sent_ms"]]).collect();
    assert!(times.is_sorted_by_key(|time| time.as_u64().unwrap()), "{times:?}");
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
    let more = call.post(&action(&answer), &[("SpeechResult", "five hundred rupees")]).await;
    // Again, late: the call has gone on, and stays so.
    let document = call.document().await;
    assert_eq!(call.post("/stream-ended", &[("CallStatus", "in-progress")]).await, answer);
    assert_eq!(call.document().await, document);
    let more = call.post(&action(&more), &[("SpeechResult", "two pm to five pm")]).await;
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

//! Rules that forbid calls, in the whole server: nothing is dialled, and who asks in a call not to be called again is not.

use serde_json::{Value, json};

use crate::house::{House, PHONE, QUICK, caller, quick_agent, within};

const LIST: &str = "data/do_not_call.txt";

#[tokio::test]
async fn who_asks_in_a_call_not_to_be_called_again_is_not() {
    let asks = "please don't call me again";
    let house = House::with(|plan| {
        plan.words([asks]);
        let agent = quick_agent("").replace("filler = \"Hmm.\"", "filler = \"Hmm.\"\ndo_not_call = \"Never again.\"");
        plan.agents = vec![agent];
    })
    .await;
    let (report, document) = house.call("gather", json!({"language": "en-IN"}), caller(&[asks])).await;
    assert!(report.transcript.iter().any(|line| line.text.contains("Never again.")), "{:#?}", report.transcript);
    assert_eq!((&document["stage"], &document["outcome"]), (&json!("abandoned"), &json!("do_not_call")));
    // It is put on the list beside the call.
    let problem = within(async {
        loop {
            let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
            if answer.status() == 403 {
                break answer.json::<Value>().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(problem["type"], "urn:trunkline:problem:do_not_call");
    let kept = within(async {
        loop {
            match std::fs::read_to_string(house.path(LIST)) {
                Ok(text) if text.ends_with('\n') => break text,
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert!(kept.starts_with(PHONE) && kept.lines().count() == 1, "{kept}");
    // Another process, the same folder.
    let house = house.again().await;
    let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn twilio_is_not_asked_for_a_call_that_a_rule_forbids() {
    let house = House::open().await;
    let number = trunkline::twilio::phone::E164::parse(PHONE).unwrap();
    house.server.switchboard().do_not_call().add(&number, "test").await.unwrap();
    let answer = house.post_json("/start-call", &json!({"agent_type": QUICK, "phone": PHONE})).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(house.get("/api/calls").await["items"], json!([]));
    assert!(house.line.calls().is_empty());
}

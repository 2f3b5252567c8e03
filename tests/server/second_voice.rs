//! The first model of the voice fails and the second is fine: who speaks, what is kept, and what operators see.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use trunkline::config::agents::Folder;
use trunkline::simulator::vendors::fault::{FaultKind, Route};

use crate::house::{House, caller, within};

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];
const FIRST: &str = "eleven_flash_v2_5";
const SECOND: &str = "eleven_multilingual_v2";
const SPEECH: [Route; 2] = [Route::Speech, Route::SpeechSocket];

/// A house with a second model, whose first fails from the beginning.
async fn house() -> House {
    House::with(|plan| {
        plan.words(SAYS);
        plan.set("ELEVENLABS_FALLBACK_MODEL", SECOND);
        plan.fail_model =
            SPEECH.map(|route| (route, FIRST, FaultKind::Status { code: 503, body: String::new() })).to_vec();
    })
    .await
}

fn kept(house: &House) -> BTreeSet<String> {
    let files = std::fs::read_dir(house.path("audio")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("elevenlabs_") && (name.ends_with(".mp3") || name.ends_with(".ulaw")))
        .collect()
}

async fn ready(house: &House) -> Value {
    house.anybody(Method::GET, "/readyz").send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn what_the_second_model_speaks_is_never_kept_as_the_firsts() {
    let house = house().await;
    for mode in ["stream", "gather"] {
        let (_, document) = house.call(mode, json!({}), caller(&SAYS)).await;
        assert_eq!((&document["stage"], &document["mode"]), (&json!("completed"), &json!(mode)), "{document:#}");
    }
    let by_second = kept(&house);
    assert!(
        by_second.iter().all(|name| name.ends_with(".mp3")),
        "streamed by the second model and kept: {by_second:?}"
    );
    assert!(!by_second.is_empty(), "nothing of the second model's was kept under its own name");
    // Back again, the first renders all fixed texts: none was taken for its own.
    house.vendors.clear_faults();
    house.server.switchboard().set_agents(Folder::read(house.path("agents")).agents());
    within(async {
        // Eleven texts and two questions in either language, whole for gather alone.
        while kept(&house).iter().filter(|name| name.ends_with(".mp3") && !by_second.contains(*name)).count() < 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn calls_are_streamed_while_only_the_first_model_is_left_alone_and_operators_see_it() {
    let house = house().await;
    let before = ready(&house).await;
    assert_eq!(
        (&before["circuits"]["voice"], &before["circuits"]["voice_fallback"]),
        (&json!("closed"), &json!("closed")),
        "{before:#}"
    );
    let calls = join_all([(); 4].map(|()| house.call("stream", json!({}), caller(&SAYS)))).await;
    assert!(calls.iter().all(|(_, document)| document["mode"] == "stream"));
    let circuits = ready(&house).await["circuits"].clone();
    assert_ne!(circuits["voice"], "closed", "{circuits}");
    assert_eq!(circuits["voice_fallback"], "closed");
    let (report, document) = house.call("stream", json!({}), caller(&SAYS)).await;
    assert_eq!((&document["mode"], &document["stage"]), (&json!("stream"), &json!("completed")), "{document:#}");
    assert_eq!(report.streams, 1);
    let metrics = house.anybody(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        r#"trunkline_provider_fallbacks_total{part="voice",to="model"}"#,
        r#"trunkline_circuit_opened_total{vendor="voice"}"#,
        r#"trunkline_provider_first_answer_seconds_count{vendor="elevenlabs_fallback"}"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn both_models_failing_end_in_twilios_own_voice() {
    join_all(["stream", "gather"].map(async |mode| {
        let house = house().await;
        for route in SPEECH {
            house.vendors.fail_model(route, SECOND, FaultKind::Refuse, None);
        }
        let (report, document) = house.call(mode, json!({}), caller(&SAYS)).await;
        assert_eq!((&document["stage"], &document["mode"]), (&json!("completed"), &json!("gather")), "{document:#}");
        assert_eq!(document["data"], json!({"charge": "₹500", "time": "2-5pm"}));
        assert!(report.webhooks.iter().any(|webhook| webhook.answer.contains("<Say")), "{mode}");
    }))
    .await;
}

//! A part fails; the call goes on, and nothing false is kept.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use trunkline::simulator::caller::{CallReport, Party};
use trunkline::simulator::twilio::{Happening, LineEvent};
use trunkline::simulator::vendors::fault::{FaultKind, Route};

use crate::house::{House, Plan, caller, within};

const SAYS: [&str; 3] = ["English", "five hundred rupees", "two pm to five pm"];
const BOTH: [&str; 2] = ["gather", "stream"];

fn facts() -> Value {
    json!({"charge": "₹500", "time": "2-5pm"})
}

fn broken(plan: &mut Plan, routes: &[Route], kind: &FaultKind) {
    plan.words(SAYS);
    plan.faults.extend(routes.iter().map(|route| (*route, kind.clone(), None)));
}

fn down() -> FaultKind {
    FaultKind::Status { code: 500, body: String::new() }
}

fn spoken_by(report: &CallReport, who: Party) -> String {
    let lines = report.transcript.iter().filter(|line| line.who == who).map(|line| line.text.as_str());
    lines.collect::<Vec<_>>().join(" ")
}

fn answers(report: &CallReport) -> String {
    report.webhooks.iter().map(|webhook| webhook.answer.as_str()).collect()
}

/// Whether every agent's line of the history stands once and the caller's are these.
fn lines(document: &Value, role: &str) -> Vec<String> {
    let all = document["history"].as_array().unwrap().iter().filter(|line| line["role"] == role);
    all.map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn speech_that_fails_is_said_by_twilio() {
    for kind in [down(), FaultKind::Refuse, FaultKind::Malformed] {
        let house = House::with(|plan| broken(plan, &[Route::Speech, Route::SpeechSocket], &kind)).await;
        let (report, document) = house.call("gather", json!({}), caller(&SAYS)).await;
        assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{kind:?}");
        let answers = answers(&report);
        assert!(answers.contains("<Say") && !answers.contains("<Play"), "{kind:?}: {answers}");
        assert!(answers.contains("Polly.Kajal-Neural") && answers.contains("This is Quick."), "{answers}");
    }
}

#[tokio::test]
async fn a_stream_without_a_voice_moves_to_gather_with_all_it_knows() {
    let house = House::with(|plan| broken(plan, &[Route::Speech, Route::SpeechSocket], &down())).await;
    let (report, document) = house.call("stream", json!({}), caller(&SAYS)).await;
    assert_eq!(
        (&document["stage"], &document["data"], &document["mode"]),
        (&json!("completed"), &facts(), &json!("gather"))
    );
    assert_eq!((report.streams, lines(&document, "caller")), (1, SAYS.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn a_voice_that_fails_in_the_middle_of_a_call_loses_nothing() {
    let house = House::with(|plan| plan.words(SAYS)).await;
    let mut events = house.line.events();
    house.line.answer_next(caller(&SAYS));
    let call_sid = house.start("stream", json!({})).await;
    within(async {
        loop {
            if let Happening::Speaking(Party::Caller, text) = events.recv().await.unwrap().what
                && text == SAYS[1]
            {
                return;
            }
        }
    })
    .await;
    for route in [Route::Speech, Route::SpeechSocket] {
        house.vendors.fail(route, down(), None);
    }
    // The socket that is open already is the voice's, too.
    house.vendors.fail(Route::SpeechSocket, FaultKind::Refuse, None);
    let (report, document) = house.ended(&call_sid).await;
    assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{document:#}");
    assert_eq!(lines(&document, "caller"), SAYS);
    assert_eq!(report.streams, 1);
    let agent = lines(&document, "agent").join(" ");
    assert_eq!(agent.matches("time window").count(), 1, "{:#}", document["history"]);
}

#[tokio::test]
async fn ears_that_fail_move_the_call_to_gather() {
    let kinds = [
        down(),
        FaultKind::Refuse,
        FaultKind::CloseWith { code: 1008, reason: "quota_exceeded".to_owned() },
        FaultKind::CloseWith { code: 1008, reason: "auth_error".to_owned() },
    ];
    join_all(kinds.map(async |kind| {
        let house = House::with(|plan| broken(plan, &[Route::Ears], &kind)).await;
        let (report, document) = house.call("stream", json!({}), caller(&SAYS)).await;
        assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{kind:?} {document:#}");
        assert_eq!((&document["mode"], report.streams), (&json!("gather"), 1), "{kind:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_recogniser_that_breaks_while_the_caller_speaks_loses_no_word_and_hears_none_twice() {
    join_all([SAYS[1], SAYS[2]].map(async |broken_at| {
        let house = House::with(|plan| plan.words(SAYS)).await;
        let mut events = house.line.events();
        house.line.answer_next(caller(&SAYS));
        let call_sid = house.start("stream", json!({})).await;
        within(async {
            loop {
                if let Happening::Speaking(Party::Caller, text) = events.recv().await.unwrap().what
                    && text == broken_at
                {
                    return house.vendors.strike_once(Route::Ears, FaultKind::Refuse);
                }
            }
        })
        .await;
        let (report, document) = house.ended(&call_sid).await;
        assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{document:#}");
        assert_eq!((&document["mode"], report.streams), (&json!("stream"), 1), "{broken_at}");
        assert_eq!(lines(&document, "caller"), SAYS, "{broken_at}");
        // Choosing the language takes another connection, too.
        assert_eq!(house.vendors.counters().requests["ears"], 3, "{broken_at}: it did not break");
    }))
    .await;
}

#[tokio::test]
async fn a_mind_that_fails_is_replaced_by_the_default_response_and_the_agents_questions() {
    let kinds = [
        down(),
        FaultKind::Status { code: 429, body: String::new() },
        FaultKind::Refuse,
        FaultKind::Malformed,
        FaultKind::ResetMidStream,
    ];
    let calls = kinds.iter().flat_map(|kind| BOTH.map(|mode| (kind, mode)));
    join_all(calls.map(async |(kind, mode)| {
        let says = ["English", "who is this please", "five hundred rupees", "two pm to five pm"];
        let house = House::with(|plan| {
            broken(plan, &[Route::Mind], kind);
            plan.words(says);
            // Nothing of use before the end: what is cut off says nothing.
            plan.think(vec![(
                "",
                json!("I am a large and useless model, and I would like to tell you at some length about lorries."),
            )]);
        })
        .await;
        let (_, document) = house.call(mode, json!({}), caller(&says)).await;
        assert_eq!(
            (&document["stage"], &document["data"]),
            (&json!("completed"), &facts()),
            "{kind:?} {mode} {document:#}"
        );
        let agent = lines(&document, "agent");
        assert!(agent.iter().any(|line| line.contains("Once more please?")), "{kind:?} {mode} {agent:#?}");
        assert!(agent.iter().any(|line| line.contains("What time?")), "{kind:?} {mode} {agent:#?}");
    }))
    .await;
}

#[tokio::test]
async fn a_mind_that_hangs_is_not_waited_for() {
    join_all(BOTH.map(async |mode| {
        let house = House::with(|plan| broken(plan, &[Route::Mind], &FaultKind::Hang)).await;
        let (report, document) = house.call(mode, json!({"language": "en-IN"}), caller(&SAYS[1..])).await;
        assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{mode} {document:#}");
        // The caller hears something while he waits.
        assert!(spoken_by(&report, Party::Agent).contains("Hmm."), "{mode} {:#?}", report.transcript);
    }))
    .await;
}

#[tokio::test]
async fn a_late_mind_is_waited_for_in_rounds() {
    let house = House::with(|plan| plan.words(SAYS)).await;
    house.vendors.set(|settings| settings.mind.chunk_every_ms = 800);
    let (report, document) = house.call("gather", json!({"language": "en-IN"}), caller(&SAYS[1..])).await;
    assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()));
    let round = report
        .webhooks
        .iter()
        .find(|webhook| webhook.answer.contains("<Pause"))
        .unwrap_or_else(|| panic!("{}", answers(&report)));
    assert!(round.answer.contains("<Redirect") && !round.answer.contains("<Gather"), "{}", round.answer);
    let agent = lines(&document, "agent");
    assert_eq!(agent[1], "Thank you. And what time window suits you?", "the answer came on the next visit");
    assert!(!agent.concat().contains("Once more"));
}

#[tokio::test]
async fn an_audio_folder_that_takes_nothing_silences_nobody() {
    join_all(BOTH.map(async |mode| {
        let house = House::with(|plan| plan.words(SAYS)).await;
        // A file where the folder was refuses every write, to root too.
        let folder = house.path("audio");
        std::fs::rename(&folder, house.path("elsewhere")).unwrap();
        std::fs::write(&folder, "").unwrap();
        let (report, document) = house.call(mode, json!({}), caller(&SAYS)).await;
        assert_eq!((&document["stage"], &document["data"]), (&json!("completed"), &facts()), "{mode}");
        let heard = spoken_by(&report, Party::Agent);
        for words in ["English?", "This is Quick.", "time window"] {
            assert!(heard.contains(words), "{mode}: {words} not in {heard}; {:#?}", report.notes);
        }
        assert!(report.notes.iter().all(|note| note.code == 0), "{mode} {:#?}", report.notes);
    }))
    .await;
}

#[tokio::test]
async fn a_mind_that_lies_has_nothing_false_stored() {
    let lies = [
        // Done before anything was said, with invented facts.
        json!({"say": "Great, nine hundred it is. Goodbye!", "type": "THANK_YOU_RESPONSE", "data": {"charge": "₹900", "time": "9 to 10 am"}}),
        // The right words in the wrong field, and a field that does not exist.
        json!({"say": "Noted.", "type": "THANK_YOU_RESPONSE", "data": {"charge": "two pm to five pm", "time": "five hundred rupees", "iban": "X"}}),
        // Types nobody asked for.
        json!({"say": "Fine.", "type": "THANK_YOU_RESPONSE", "data": {"charge": 900, "time": {"start": "09:00"}}}),
        json!("Sure! The charge is 900 rupees and the time is 9 to 10 am. THANK_YOU_RESPONSE"),
    ];
    let says = [
        "English",
        "who is this please",
        "five hundred rupees",
        "yes that is right",
        "two pm to five pm",
        "yes that is right",
        "yes that is right",
    ];
    let calls = lies.iter().flat_map(|lie| BOTH.map(|mode| (lie, mode)));
    join_all(calls.map(async |(lie, mode)| {
        let lie = lie.clone();
        let house = House::with(|plan| {
            plan.words(says);
            plan.think(vec![("", lie.clone())]);
        })
        .await;
        let mut events = house.line.events();
        house.line.answer_next(caller(&says));
        let call_sid = house.start(mode, json!({})).await;
        let watch = async {
            // At everything that happens on the line: what is kept is true.
            loop {
                let LineEvent { what, .. } = events.recv().await.unwrap();
                let data = house.document(&call_sid).await["data"].clone();
                for (name, value) in data.as_object().unwrap() {
                    assert_eq!(*value, facts()[name], "{mode} {lie}");
                }
                if what == Happening::Ended {
                    return;
                }
            }
        };
        within(watch).await;
        let (_, document) = house.ended(&call_sid).await;
        assert_eq!(
            (&document["stage"], &document["data"]),
            (&json!("completed"), &facts()),
            "{mode} {lie} {document:#}"
        );
        assert_eq!(document["evidence"]["charge"]["words"], "five hundred rupees");
        assert_eq!(document["evidence"]["time"]["words"], "two pm to five pm");
    }))
    .await;
}

#[tokio::test]
async fn facts_that_nobody_said_are_not_collected() {
    let lie = json!({"say": "Great, nine hundred it is. Goodbye!", "type": "THANK_YOU_RESPONSE", "data": {"charge": "₹900", "time": "9 to 10 am"}});
    let says = ["English", "who is this please", "(hangs up)"];
    join_all(BOTH.map(async |mode| {
        let house = House::with(|plan| {
            plan.words(says);
            plan.think(vec![("", lie.clone())]);
        })
        .await;
        let (_, document) = house.call(mode, json!({}), caller(&says)).await;
        assert_eq!((&document["outcome"], &document["data"]), (&json!("abandoned"), &json!({})), "{mode}");
        let collected =
            house.developer(Method::GET, "/api/collected").send().await.unwrap().json::<Value>().await.unwrap();
        assert_eq!(collected["items"], json!([]));
    }))
    .await;
}

#[tokio::test]
async fn fixed_texts_that_the_voice_did_not_give_at_the_start_are_rendered_once_it_is_back() {
    // Everything that is asked of it before the first round is given up fails.
    let house = House::with(|plan| plan.faults.push((Route::Speech, down(), Some(9)))).await;
    let audio = house.path("audio");
    let rendered = || {
        std::fs::read_dir(&audio).map_or(0, |files| {
            files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".mp3")).count()
        })
    };
    // Eleven texts and two questions in either language; nobody calls.
    within(async {
        while rendered() < 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

//! Speech, ears and mind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trunkline::simulator::caller::{CallReport, Party};
use trunkline::simulator::twilio::Happening;
use trunkline::simulator::vendors::LogEntry;
use trunkline::simulator::vendors::fault::{FaultKind, Route};

use crate::house::{House, caller};
use crate::table::{LIMIT_MS, Row};

/// What the caller says; again, for words that fell into the gap.
pub(crate) const SAYS: [&str; 7] = [
    "English",
    "five hundred rupees",
    "two pm to five pm",
    "five hundred rupees",
    "two pm to five pm",
    "five hundred rupees",
    "two pm to five pm",
];

#[derive(Clone, Copy)]
enum Moment {
    /// From the start.
    Greeting,
    /// Once the agent has spoken first: what is opened from then on meets the fault.
    Collecting,
    /// Once the agent has begun to answer the first fact: what is open breaks too.
    Speaking,
}

fn kinds() -> Vec<(&'static str, FaultKind)> {
    let status = |code| FaultKind::Status { code, body: String::new() };
    vec![
        ("refused", FaultKind::Refuse),
        ("401", status(401)),
        ("429", status(429)),
        ("500", status(500)),
        ("hangs", FaultKind::Hang),
        ("slow", FaultKind::Slow { ms: 4_000 }),
        ("resets", FaultKind::ResetMidStream),
        ("malformed", FaultKind::Malformed),
        ("closes 1008", FaultKind::CloseWith { code: 1008, reason: "quota_exceeded".to_owned() }),
    ]
}

struct Case {
    part: &'static str,
    routes: &'static [Route],
    /// The only model that fails; another one is there then.
    model: Option<&'static str>,
    fault: &'static str,
    kind: FaultKind,
    moment: Moment,
    mode: &'static str,
}

/// A part, the routes that fail, for which model alone, when, and in which modes.
type Part = (&'static str, &'static [Route], Option<&'static str>, &'static [Moment], &'static [&'static str]);

fn cases() -> Vec<Case> {
    use Moment::{Collecting, Greeting, Speaking};
    const SPEECH: &[Route] = &[Route::Speech, Route::SpeechSocket];
    let both = &["stream", "gather"];
    let parts: [Part; 5] = [
        ("speech", SPEECH, None, &[Greeting, Collecting, Speaking], both),
        (FIRST_VOICE, SPEECH, Some(FIRST), &[Greeting, Collecting, Speaking], both),
        // In gather it is Twilio that hears.
        ("ears", &[Route::Ears], None, &[Greeting, Collecting, Speaking], &["stream"]),
        // The greeting needs no thinking.
        ("mind", &[Route::Mind], None, &[Collecting, Speaking], both),
        (FIRST_MIND, &[Route::Mind], Some(THINKS_FIRST), &[Collecting, Speaking], both),
    ];
    let mut cases = Vec::new();
    for (part, routes, model, moments, modes) in parts {
        for (fault, kind) in kinds() {
            for &moment in moments {
                for &mode in modes {
                    cases.push(Case { part, routes, model, fault, kind: kind.clone(), moment, mode });
                }
            }
        }
    }
    cases
}

pub(crate) async fn rows() -> Vec<Row> {
    run_all(cases()).await
}

/// Each part once with each fault, at the moment that hurts it most.
pub(crate) async fn few_rows() -> Vec<Row> {
    let mut cases = cases();
    cases.retain(|case| match (case.part, case.moment) {
        ("speech", Moment::Collecting) | (FIRST_VOICE | "ears", Moment::Speaking) => case.mode == "stream",
        (FIRST_VOICE, Moment::Greeting) | ("mind", Moment::Collecting) => case.mode == "gather",
        _ => false,
    });
    run_all(cases).await
}

async fn run_all(cases: Vec<Case>) -> Vec<Row> {
    let lines = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (n, case) in cases.into_iter().enumerate() {
        let lines = lines.clone();
        running.spawn(async move {
            let _line = lines.acquire_owned().await.unwrap();
            (n, run(case).await)
        });
    }
    let mut rows: Vec<(usize, Row)> = running.join_all().await;
    rows.sort_by_key(|(n, _)| *n);
    rows.into_iter().map(|(_, row)| row).collect()
}

async fn run(case: Case) -> Row {
    let moment = match case.moment {
        Moment::Greeting => "greeting",
        Moment::Collecting => "collecting",
        Moment::Speaking => "during speech",
    };
    let mut row = Row::new(case.part, case.fault, moment, case.mode);
    let house = House::with(|plan| {
        plan.words(SAYS);
        if case.model.is_some() {
            plan.set("ELEVENLABS_FALLBACK_MODEL", SECOND);
            plan.set("GEMINI_FALLBACK_MODEL", THINKS_SECOND);
        }
    })
    .await;
    let break_it = || {
        for &route in case.routes {
            let (vendors, kind) = (&house.vendors, case.kind.clone());
            match (case.moment, case.model) {
                (Moment::Greeting | Moment::Collecting, None) => vendors.fail(route, kind, None),
                (Moment::Greeting | Moment::Collecting, Some(model)) => vendors.fail_model(route, model, kind, None),
                (Moment::Speaking, None) => vendors.strike(route, kind),
                (Moment::Speaking, Some(model)) => vendors.strike_model(route, model, kind),
            }
        }
    };
    if matches!(case.moment, Moment::Greeting) {
        break_it();
    }
    let mut events = house.line.events();
    house.line.answer_next(caller(&SAYS));
    let call_sid = house.start(case.mode, json!({})).await;
    let watch = async {
        if matches!(case.moment, Moment::Greeting) {
            return;
        }
        let mut lines = 0;
        while let Ok(event) = events.recv().await {
            let agent = match &event.what {
                Happening::Speaking(who, _) => *who == Party::Agent,
                Happening::Said(line) => {
                    lines += usize::from(line.who == Party::Caller);
                    line.who == Party::Agent
                }
                _ => false,
            };
            match case.moment {
                Moment::Greeting => {}
                Moment::Collecting if agent => return break_it(),
                Moment::Speaking if agent && lines >= 2 => return break_it(),
                Moment::Collecting | Moment::Speaking => {}
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, async { tokio::join!(house.ended(&call_sid), watch).0 }).await;
    match ended {
        Ok((report, document)) => {
            row.judge(&report, &document);
            match case.part {
                FIRST_VOICE => judge_voice(&mut row, &house, &report, &document),
                FIRST_MIND => judge_mind(&mut row, &house, &document),
                _ => {}
            }
        }
        Err(_) => row.problems.push("the call does not end".to_owned()),
    }
    close(house, &mut row).await;
    row
}

/// Where only the first model fails, the caller hears the second, and nothing else becomes of it.
fn judge_voice(row: &mut Row, house: &House, report: &CallReport, document: &Value) {
    let of = |model: &str| {
        let asked = |entry: &&LogEntry| entry.body["model_id"] == model || entry.target.contains(model);
        house.vendors.log().iter().filter(asked).count()
    };
    if of(SECOND) == 0 {
        row.problems.push(format!("the second model was never asked, the first {} times", of(FIRST)));
    }
    if document["mode"] != row.mode || report.streams != u32::from(row.mode == "stream") {
        row.problems.push(format!("it went on in {}, after {} streams", document["mode"], report.streams));
    }
    if report.webhooks.iter().any(|webhook| webhook.answer.contains("<Say")) {
        row.problems.push("Twilio's own voice spoke".to_owned());
    }
    let longest = report.gaps.iter().map(|gap| gap.length_us / 1_000).max().unwrap_or(0);
    if row.timed && longest > LIMIT_MS {
        row.problems.push(format!("the agent fell silent for {longest} ms in the middle of his words"));
    }
    let heard = report.transcript.iter().filter(|line| line.who == Party::Agent);
    let heard: String = heard.flat_map(|line| [line.text.as_str(), " "]).collect();
    // A word that was cut off counts once it was heard whole.
    if ["This is Quick. Charge and time?", "And what time window suits you?"]
        .iter()
        .any(|text| heard.matches(text).count() != 1)
    {
        row.problems.push(format!("heard: {heard}"));
    }
}

/// Where only the first model fails, the second thinks, unless the key is bad for both, or an answer had begun: nothing is asked twice
/// once a part of the answer was passed on.
fn judge_mind(row: &mut Row, house: &House, document: &Value) {
    let asked = house.vendors.log().iter().any(|entry| entry.target.contains(&format!("{THINKS_SECOND}:")));
    let failed = document["turns"].as_array().unwrap().iter().any(|turn| turn["mind_failed"] == true);
    if !matches!(row.fault, "401" | "resets" | "malformed") && (!asked || failed) {
        row.problems.push(format!("second model asked: {asked}; a turn without a mind: {failed}"));
    }
    if document["mode"] != row.mode {
        row.problems.push(format!("it went on in {}", document["mode"]));
    }
}

/// Nothing of the call may be left.
pub(crate) async fn close(house: House, row: &mut Row) {
    let board = house.server.switchboard().clone();
    if board.live_calls() != 0 {
        row.problems.push(format!("{} calls live", board.live_calls()));
    }
    let House { vendors, line, server, .. } = house;
    server.stop(Duration::ZERO, CancellationToken::new()).await.unwrap();
    let gone = tokio::time::timeout(TASKS, async {
        while board.tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    if gone.await.is_err() {
        row.problems.push(format!("{} tasks left", board.tasks()));
    }
    drop((vendors, line));
}

/// The part of the table in which only the first model of the voice fails.
pub(crate) const FIRST_VOICE: &str = "first voice";
/// The part in which only the first model of the mind fails.
pub(crate) const FIRST_MIND: &str = "first mind";
const THINKS_FIRST: &str = "gemini-3.5-flash-lite";
const THINKS_SECOND: &str = "gemini-3.5-flash";
/// The quick agent's model.
const FIRST: &str = "eleven_flash_v2_5";
const SECOND: &str = "eleven_multilingual_v2";
/// Calls held at once.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest that any work on behalf of a call may outlive it.
const TASKS: Duration = Duration::from_secs(12);

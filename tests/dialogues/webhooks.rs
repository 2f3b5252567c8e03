//! A call through the real server: signed webhooks in gather mode, TwiML read back, the record asked of the API.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use trunkline::agent::Agent;

use super::caller::{Caller, Dialogue, Mind};
use super::house::{House, attribute};
use super::played::Played;
use super::pure;

/// Plays all calls, in the files' order, through a few servers at once: a call mostly waits for the disk.
pub(crate) async fn play_all(dialogues: Vec<Dialogue>, mind: Mind) -> Vec<(Dialogue, Played)> {
    let share = dialogues.len().div_ceil(SERVERS).max(1);
    let shares = dialogues.chunks(share).map(|share| play_share(share.to_vec(), mind));
    futures_util::future::join_all(shares).await.into_iter().flatten().collect()
}

/// Plays these calls, one after the other, through one server.
async fn play_share(dialogues: Vec<Dialogue>, mind: Mind) -> Vec<(Dialogue, Played)> {
    let agent = pure::agent();
    // What the mind's stand-in answers next.
    let next: Arc<Mutex<Json>> = Arc::default();
    let answers = Arc::clone(&next);
    let house = House::with(|plan| {
        plan.agents = vec![include_str!("../../agents/logistics.toml").to_owned()];
        // Without a voice everything is `<Say>`, whose words can be read.
        plan.set("ELEVENLABS_API_KEY", "");
        plan.set("CALLS_FROM_NUMBER_PER_HOUR", "0");
        plan.set("CALLS_TO_NUMBER_PER_HOUR", "0");
        if mind == Mind::None {
            plan.set("GEMINI_API_KEY", "");
        }
        plan.vendors.think = Some(Arc::new(move |_| answers.lock().unwrap().to_string()));
    })
    .await;
    let mut all = Vec::new();
    for (n, dialogue) in dialogues.into_iter().enumerate() {
        let played = play(&house, &agent, &dialogue, mind, n, &next).await;
        all.push((dialogue, played));
    }
    all
}

async fn play(house: &House, agent: &Agent, dialogue: &Dialogue, mind: Mind, n: usize, next: &Mutex<Json>) -> Played {
    let call_sid = format!("CA{n:032x}");
    let today = || jiff::Zoned::now().in_tz(&agent.timezone).unwrap().date();
    let day = today();
    let mut caller = Caller::new(dialogue, agent, day);
    let mut transcript = Vec::new();
    let mut target = "/voice?agent_type=LOGISTICS&mode=gather".to_owned();
    let mut words: Option<String> = None;
    let mut hindi = false;
    for _ in 0..MOST {
        let mut form = vec![
            ("CallSid", call_sid.as_str()),
            ("AccountSid", super::house::ACCOUNT_SID),
            ("From", super::house::NUMBER),
            ("To", super::house::PHONE),
            ("CallStatus", "in-progress"),
            ("Direction", "outbound-api"),
        ];
        form.extend(words.as_deref().map(|words| ("SpeechResult", words)));
        let (status, twiml) = house.webhook(&target, &form).await;
        assert_eq!(status, 200, "{} {twiml}", dialogue.id);
        let said = spoken(&twiml);
        transcript.push(format!("AGENT  {said}"));
        if twiml.contains("<Hangup") || twiml.contains("<Dial") {
            break;
        }
        let Some(action) = twiml.split_once("<Gather").and_then(|(_, gather)| attribute(gather, "action")) else {
            let redirect = twiml.split_once("<Redirect").and_then(|(_, rest)| rest.split_once('>')).unwrap().1;
            target = path(house, &redirect.split('<').next().unwrap().replace("&amp;", "&"));
            words = None;
            continue;
        };
        target = path(house, &action);
        hindi = twiml
            .split_once("<Gather")
            .and_then(|(_, gather)| attribute(gather, "language"))
            .map_or(hindi, |code| code.starts_with("hi"));
        words = caller.answer(&said);
        *next.lock().unwrap() = caller.mind(mind, hindi);
        transcript.push(format!("CALLER {}", words.as_deref().unwrap_or("(silent)")));
    }
    // Where midnight fell into the call, days are counted from the later one.
    let day = if today() == day { day } else { today() };
    let document = house.document(&call_sid).await;
    let data = document["data"].as_object().unwrap();
    Played {
        transcript,
        data: data.iter().map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect(),
        stage: document["stage"].as_str().unwrap().to_owned(),
        outcome: document["outcome"].as_str().map(str::to_owned),
        today: day,
    }
}

fn path(house: &House, url: &str) -> String {
    url.strip_prefix(&house.url).unwrap_or(url).to_owned()
}

/// The words of all `<Say>`.
fn spoken(twiml: &str) -> String {
    let says = twiml.split("<Say").skip(1).filter_map(|say| say.split_once('>')?.1.split_once("</Say>"));
    let words: Vec<String> = says.map(|(words, _)| unescaped(words)).collect();
    words.join(" ")
}

fn unescaped(text: &str) -> String {
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    marks.iter().fold(text.to_owned(), |text, (escaped, mark)| text.replace(escaped, mark))
}

/// Servers that run at once.
const SERVERS: usize = 6;
/// Documents of a call; none has more.
const MOST: usize = 40;

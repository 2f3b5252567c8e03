//! `trunkline demo`: a simulated Twilio places a real call to the real server, and everything is shown as it happens.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use trunkline::agent::Agent;
use trunkline::agent::text::fill;
use trunkline::config::Config;
use trunkline::config::agents::Folder;
use trunkline::conversation::clause;
use trunkline::server::{Options, Server};
use trunkline::simulator::caller::{CallReport, Line, Party, Script};
use trunkline::simulator::twilio::{FarEnd, FarEndConfig, Happening, LineEvent};
use trunkline::simulator::vendors::{Sound, Vendors, VendorsConfig};
use trunkline::understand::speakable;

use crate::terminal::{say, table};

/// Arguments of `trunkline demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// stream: frames over a socket; gather: webhooks and Twilio's own recognition
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// What the caller speaks: en or hi
    #[arg(long, value_enum, default_value_t)]
    caller: Caller,
    /// gemini: the stand-in for the model; local: no model, only what the server understands by itself
    #[arg(long, value_enum, default_value_t)]
    mind: Mind,
    /// Folder for the journal and the recording
    #[arg(long, value_name = "FOLDER", default_value = "data/demo")]
    data_dir: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    #[default]
    Stream,
    Gather,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Caller {
    #[default]
    En,
    Hi,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Mind {
    #[default]
    Gemini,
    Local,
}

/// Holds one whole call on loopback. Succeeds only if the call ended well and the collected data is what the caller said.
pub(crate) async fn demo(config: &Config, demo: &Demo) -> anyhow::Result<ExitCode> {
    let vendors = Vendors::start(VendorsConfig { sound: Sound::Espeak, ..VendorsConfig::default() }).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server_at = listener.local_addr()?;
    let mut line = FarEndConfig::new(ACCOUNT_SID, AUTH_TOKEN, None);
    line.script = match demo.caller {
        Caller::En => Script::logistics(),
        Caller::Hi => Script::logistics_hindi(),
    };
    line.agent_words = Some(vendors.spoken());
    line.real_time = demo.mode == Mode::Stream;
    let far_end = FarEnd::start(line).await?;

    let settings = settings(config, demo, &format!("http://{server_at}"), &far_end.url(), &vendors.url());
    let config = Config::read(|name| settings.get(name).and_then(Value::as_str).map(str::to_owned))
        .map_err(|bad| anyhow::anyhow!("{bad}"))?;
    let folder = Folder::read(&config.agents_dir);
    ensure!(folder.problems().is_empty(), "{}", folder.problems().join("\n"));
    let agents = folder.agents();
    ensure!(
        agents.iter().any(|agent| agent.agent_type == AGENT),
        "no {AGENT} agent in {}",
        config.agents_dir.display()
    );
    // What comes from the speech cache was spoken in an earlier run: the simulated Twilio must learn its words anew.
    vendors.rehearse(fixed_speech(&agents)).await;
    let server = Server::open(&config, agents, listener, Options { record_all: true }).await?;
    say(&format!(
        "{INTRODUCTION}server {server_at}, simulated Twilio {}, stand-in vendors {}\n\n",
        far_end.addr(),
        vendors.addr()
    ))?;

    let mut events = far_end.events();
    let call_sid = start(&format!("http://{server_at}"), demo.mode).await?;
    say(&format!("POST /start-call agent_type={AGENT} phone={PHONE} -> {call_sid}\n\n"))?;
    let show = async {
        loop {
            match events.recv().await {
                Ok(event) if event.call_sid == call_sid => {
                    show(&event)?;
                    if event.what == Happening::Ended {
                        return Ok(());
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok::<(), anyhow::Error>(()),
            }
        }
    };
    tokio::time::timeout(LONGEST, show).await.context("the call did not end")??;
    let report = far_end.report(&call_sid).await.context("the call left no report")?;
    let document = settled(&format!("http://{server_at}"), &call_sid).await?;
    server.stop(Duration::from_secs(2), CancellationToken::new()).await?;
    conclude(demo, &config, &report, &document)
}

fn settings(config: &Config, demo: &Demo, public_url: &str, twilio: &str, vendors: &str) -> Value {
    let mut settings = json!({
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_PHONE_NUMBER": "+912248900000",
        "TWILIO_API_URL": twilio, "PUBLIC_URL": public_url, "API_TOKEN": API_TOKEN,
        "ELEVENLABS_API_KEY": "stand-in", "ELEVENLABS_API_URL": vendors, "GEMINI_API_URL": vendors,
        "AGENTS_DIR": config.agents_dir, "AUDIO_DIR": config.audio_dir, "DATA_DIR": demo.data_dir,
    });
    if demo.mind == Mind::Gemini {
        settings["GEMINI_API_KEY"] = "stand-in".into();
    }
    settings
}

/// The sentences of every agent, as they are sent to the voice.
fn fixed_speech(agents: &[Agent]) -> Vec<String> {
    let mut sentences = Vec::new();
    for (agent, language) in
        agents.iter().flat_map(|agent| agent.languages.iter().map(move |language| (agent, language)))
    {
        let questions = agent.fields.iter().filter_map(|field| field.question.get(&language.code));
        for text in language.texts.all().map(|(_, text)| text).chain(questions.map(String::as_str)) {
            let filled = fill(text, &agent.variables);
            sentences.extend(clause::sentences(&filled).map(|sentence| speakable(sentence, &language.code)));
        }
    }
    sentences
}

async fn start(server: &str, mode: Mode) -> anyhow::Result<String> {
    let mode = if mode == Mode::Gather { "gather" } else { "stream" };
    let body = json!({ "agent_type": AGENT, "phone": PHONE, "mode": mode });
    let client = reqwest::Client::new();
    let answer = client.post(format!("{server}/start-call")).bearer_auth(API_TOKEN).json(&body).send().await?;
    let status = answer.status();
    let document: Value = answer.json().await?;
    match document["call_sid"].as_str() {
        Some(call_sid) => Ok(call_sid.to_owned()),
        None => bail!("/start-call answered {status}: {}", document["detail"]),
    }
}

/// The call's document, once the server knows that the call is over.
async fn settled(server: &str, call_sid: &str) -> anyhow::Result<Value> {
    let client = reqwest::Client::new();
    let mut document = Value::Null;
    for _ in 0..50 {
        let url = format!("{server}/api/calls/{call_sid}");
        document = client.get(url).bearer_auth(API_TOKEN).send().await?.json().await?;
        if !document["ended_at"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(document)
}

fn show(event: &LineEvent) -> anyhow::Result<()> {
    let at = format!("{:>6.2} s", f64::from(u32::try_from(event.at_ms).unwrap_or(u32::MAX)) / 1_000.0);
    let text = match &event.what {
        Happening::Said(Line { who: Party::Agent, text, .. }) => format!("{at}  agent   {text}\n"),
        Happening::Said(Line { who: Party::Caller, text, .. }) => format!("{at}  caller  {text}\n"),
        Happening::Cleared => format!("{at}          -- interrupted: the agent stops --\n"),
        Happening::Digit(digit) => format!("{at}  caller  [key {digit}]\n"),
        Happening::Status(status) => format!("{at}          -- {status} --\n"),
        Happening::StreamStarted => format!("{at}          -- media stream --\n"),
        Happening::Speaking(..) | Happening::Ended => return Ok(()),
    };
    say(&text)
}

fn conclude(demo: &Demo, config: &Config, report: &CallReport, document: &Value) -> anyhow::Result<ExitCode> {
    let mut out = String::from("\n");
    if demo.mode == Mode::Stream {
        let rows: Vec<[String; 6]> = document["turns"].as_array().into_iter().flatten().filter_map(latency).collect();
        out.push_str(
            "ms after the caller fell silent (the stand-ins take 150 ms to hear, 200 ms to think, 75 ms to speak)\n",
        );
        let head = ["turn", "turn over", "first token", "first audio", "sent", "heard"];
        table(&mut out, head, rows.iter().map(|row| row.each_ref().map(String::as_str)));
        for barge_in in &report.barge_ins {
            let clear = barge_in.clear_ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"));
            out.push_str(&format!("interruption \"{}\": agent stopped after {clear}\n", barge_in.said));
        }
    }
    out.push_str(&format!("\nstage      {}\n", text(&document["stage"])));
    for (name, value) in document["data"].as_object().into_iter().flatten() {
        let words = text(&document["evidence"][name]["words"]);
        out.push_str(&format!("{name:<10} {}   from \"{words}\"\n", text(value)));
    }
    let recording = document["recording"].as_str().map(|file| config.data_dir.join("recordings").join(file));
    if let Some(path) = &recording {
        out.push_str(&format!("recording  {}\n", path.display()));
    }
    let mut wrong = wrong(demo, report, document);
    if demo.mode == Mode::Stream && !recording.is_some_and(|path| path.exists()) {
        wrong.push("there is no recording".to_owned());
    }
    if wrong.is_empty() {
        out.push_str("\nThe data is what the caller said.\n");
    }
    for what in &wrong {
        out.push_str(&format!("wrong: {what}\n"));
    }
    say(&out)?;
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn latency(turn: &Value) -> Option<[String; 6]> {
    let from = turn["speech_ended_ms"].as_u64()?;
    let after =
        |key: &str| turn[key].as_u64().map_or_else(|| "-".to_owned(), |at| (at.saturating_sub(from)).to_string());
    Some([
        turn["turn"].to_string(),
        after("turn_ended_ms"),
        after("first_token_ms"),
        after("first_audio_ms"),
        after("first_sent_ms"),
        after("first_heard_ms"),
    ])
}

fn wrong(demo: &Demo, report: &CallReport, document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let charge = if demo.caller == Caller::En { "₹500" } else { "₹2,500" };
    for (field, expected) in [("charge", charge), ("time", "2-5pm")] {
        let found = &document["data"][field];
        if found != expected {
            wrong.push(format!("{field} is {found}, the caller said {expected}"));
        }
    }
    if document["stage"] != "completed" {
        wrong.push(format!("the call ended as {}", document["stage"]));
    }
    if demo.mode == Mode::Stream
        && demo.caller == Caller::En
        && report.barge_ins.iter().all(|one| one.clear_ms.is_none())
    {
        wrong.push("the interruption did not stop the agent".to_owned());
    }
    if !report.warnings.none() {
        wrong.push(format!("Twilio would have warned: {:?}", report.warnings));
    }
    wrong.extend(
        report.notes.iter().filter(|note| note.code != 0).map(|note| format!("Twilio {}: {}", note.code, note.text)),
    );
    wrong
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

const AGENT: &str = "LOGISTICS";
const PHONE: &str = "+919876543210";
/// Nothing but this process accepts these.
const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
const AUTH_TOKEN: &str = "00000000000000000000000000000001";
const API_TOKEN: &str = "demonstration-on-loopback";
const LONGEST: Duration = Duration::from_secs(120);
const INTRODUCTION: &str =
    "A simulated Twilio calls the real server. Recogniser, voice and model are stand-ins: they know the recordings
that the simulated caller plays, and nothing leaves this machine.\n";

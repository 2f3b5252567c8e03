//! What the commands do: put the parts together, run them, tell people how it went.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use trunkline::agent::Agent;
use trunkline::config::agents::{self, Folder};
use trunkline::config::{BadConfig, Config};
use trunkline::http::{self, App};
use trunkline::provider;
use trunkline::provider::elevenlabs::ElevenLabsConfig;
use trunkline::provider::elevenlabs::ears::Ears;
use trunkline::provider::elevenlabs::voice::Voice;
use trunkline::provider::gemini::{Gemini, GeminiConfig};
use trunkline::session::{self, Parts, Switchboard};
use trunkline::store::mongo::MongoConfig;
use trunkline::store::recording::Recordings;
use trunkline::store::speech_cache::{SpeechCache, SpeechCacheConfig};
use trunkline::store::{Store, StoreConfig};
use trunkline::telemetry;
use trunkline::twilio::phone::E164;
use trunkline::twilio::rest::{Rest, RestConfig};

/// Arguments of `trunkline call`.
#[derive(Args)]
pub(crate) struct Call {
    /// Agent, such as LOGISTICS
    agent: String,
    /// Whom to call, E.164 such as +919876543210
    phone: String,
    /// One of the agent's languages, such as hi-IN: skips the choice
    #[arg(long)]
    language: Option<String>,
    /// stream or gather
    #[arg(long)]
    mode: Option<String>,
    /// A variable of the agent's texts; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// The server to ask, instead of the address it listens on
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Runs the server until it is told to stop, then lets live calls finish.
pub(crate) async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    for part in config.parts() {
        info!(part = part.name, in_force = part.in_force, why = part.why, "part");
    }
    for warning in config.warnings() {
        warn!("{warning}");
    }
    let Folder { agents, problems } = agents::read(&config.agents_dir);
    if !problems.is_empty() {
        complain(&format!("bad agents:\n{}", problems.join("\n")));
        return Ok(ExitCode::from(BAD_CONFIG));
    }
    let metrics = telemetry::start_metrics()?;
    let switchboard = open(&config, agents).await?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("LISTEN: {}", config.listen))?;
    info!(address = %listener.local_addr()?, public_url = config.public_url, "listening");
    let stop = CancellationToken::new();
    let app = App::new(routes_config(&config), switchboard.clone(), metrics.clone());
    let server = tokio::spawn(http::serve(listener, app, stop.clone()));

    let (mut terminate, mut interrupt, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let mut upkeep = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload_agents(&config, &switchboard),
            _ = upkeep.tick() => metrics.upkeep(),
        }
    }
    info!(live_calls = switchboard.live_calls(), seconds = config.drain.as_secs(), "draining");
    switchboard.begin_drain();
    tokio::select! {
        all = switchboard.drained(config.drain) => if !all { warn!(live_calls = switchboard.live_calls(), "calls cut off") },
        _ = terminate.recv() => warn!("told twice to stop"),
        _ = interrupt.recv() => warn!("told twice to stop"),
    }
    stop.cancel();
    server.await??;
    switchboard.store().shutdown(Duration::from_secs(5)).await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Says what is in force and what is wrong.
pub(crate) async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    table(&mut out, ["variable", "in force", ""], config.in_force().iter().map(|(name, value)| [*name, value, ""]));
    let parts = config.parts();
    table(&mut out, ["part", "in force", "why"], parts.iter().map(|part| [part.name, &part.in_force, &part.why]));
    let Folder { agents, problems } = agents::read(&config.agents_dir);
    let described: Vec<_> = agents
        .iter()
        .map(|agent| {
            let languages: Vec<_> = agent.languages.iter().map(|language| language.code.as_str()).collect();
            let fields: Vec<_> = agent.fields.iter().map(|field| field.name.as_str()).collect();
            [agent.agent_type.clone(), languages.join(" "), fields.join(", ")]
        })
        .collect();
    table(&mut out, ["agent", "languages", "collects"], described.iter().map(|row| row.each_ref().map(String::as_str)));
    for warning in config.warnings() {
        out.push_str(&format!("note: {warning}\n"));
    }
    for problem in &problems {
        out.push_str(&format!("wrong: {problem}\n"));
    }
    say(&out)?;
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BAD_CONFIG) })
}

/// Asks the running server for a call.
pub(crate) async fn call(config: &Config, call: Call) -> anyhow::Result<ExitCode> {
    let server = call.server.unwrap_or_else(|| {
        let mut here = config.listen;
        if here.ip().is_unspecified() {
            here.set_ip(if here.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
        }
        format!("http://{here}")
    });
    let variables: BTreeMap<_, _> = call.variables.into_iter().collect();
    let body = json!({
        "agent_type": call.agent, "phone": call.phone, "language": call.language, "mode": call.mode, "variables": variables,
    });
    let url = format!("{}/start-call", server.trim_end_matches('/'));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?;
    let mut request = client.post(&url).json(&body);
    if let Some(token) = &config.api_token {
        request = request.bearer_auth(token.expose());
    }
    let answer =
        request.send().await.with_context(|| format!("no server answers at {server}; is trunkline serve running?"))?;
    let status = answer.status();
    let document: Value = answer.json().await.with_context(|| format!("the server answered {status}, and no JSON"))?;
    match document["call_sid"].as_str() {
        Some(call_sid) => say(&format!("{call_sid}\n")).map(|()| ExitCode::SUCCESS),
        None => {
            bail!("the server refused ({status}): {}", document["detail"].as_str().unwrap_or("it does not say why"))
        }
    }
}

/// Tells what is wrong with the environment, one problem a line, exit code 64.
pub(crate) fn bad_config(bad: &BadConfig) -> ExitCode {
    complain(&format!("bad configuration:\n{bad}"));
    ExitCode::from(BAD_CONFIG)
}

/// Tells what went wrong otherwise, exit code 1.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("{error:#}"));
    ExitCode::FAILURE
}

/// Puts the server's parts together.
async fn open(config: &Config, agents: Vec<Agent>) -> anyhow::Result<Switchboard> {
    let mongodb = config.mongodb.as_ref();
    let mongodb = mongodb
        .map(|known| MongoConfig { uri: known.uri.expose().to_owned().into(), database: known.database.clone() });
    let store = Store::open(StoreConfig { data_dir: config.data_dir.clone(), mongodb }).await?;
    let client = provider::http_client(CONNECT)?;
    let url = |name: &str, text: &str| url::Url::parse(text).with_context(|| format!("{name}: {text}"));
    let elevenlabs = match &config.elevenlabs.api_key {
        Some(key) => Some(ElevenLabsConfig::new(url("ELEVENLABS_API_URL", &config.elevenlabs.api_url)?, key.clone())),
        None => None,
    };
    let mind = match &config.gemini.api_key {
        Some(key) => {
            let address = url("GEMINI_API_URL", &config.gemini.api_url)?;
            Some(Gemini::new(GeminiConfig::new(address, key.clone(), config.gemini.model.clone()), client.clone()))
        }
        None => None,
    };
    let twilio = &config.twilio;
    let line = match (&twilio.account_sid, &twilio.auth_token) {
        (Some(sid), Some(token)) => {
            let line = RestConfig::new(twilio.api_url.clone(), sid.clone(), token.expose());
            let client =
                reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT);
            Some(Rest::new(line, client.build()?))
        }
        _ => None,
    };
    let recordings = config.data_dir.join("recordings");
    let parts = Parts {
        store,
        speech_cache: SpeechCache::open(SpeechCacheConfig::new(&config.audio_dir))?,
        recordings: Some(Recordings::start(&recordings, 1)?),
        ears: elevenlabs.clone().map(Ears::new),
        voice: elevenlabs.map(|known| Voice::new(known, client)),
        mind,
        line,
    };
    let caller_id = twilio.phone_number.as_deref().and_then(|number| E164::parse(number).ok());
    let known = session::Config {
        public_url: config.reachable_at(),
        max_calls: config.max_calls,
        caller_id,
        record_all: false,
        recordings,
    };
    Ok(Switchboard::open(known, parts, agents))
}

fn routes_config(config: &Config) -> http::Config {
    http::Config {
        public_url: config.public_url.clone(),
        twilio_auth_token: config.twilio.auth_token.clone(),
        api_token: config.api_token.clone(),
        recordings: config.data_dir.join("recordings"),
        parts: config.parts(),
    }
}

/// New versions of the agents for calls from now on; where a file is bad, all stay as they are.
fn reload_agents(config: &Config, switchboard: &Switchboard) {
    let Folder { agents, problems } = agents::read(&config.agents_dir);
    if problems.is_empty() {
        info!(agents = agents.len(), "agents read again");
        switchboard.set_agents(agents);
    } else {
        warn!("agents stay as they are: {}", problems.join("; "));
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

fn table<'a, const N: usize>(out: &mut String, head: [&'a str; N], rows: impl Iterator<Item = [&'a str; N]>) {
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in &rows {
        let cells: Vec<_> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out.push('\n');
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("standard output is closed")
}

fn complain(what: &impl Display) {
    // Where standard error is closed, the exit code still tells.
    writeln!(std::io::stderr(), "trunkline: {what}").ok();
}

/// How long a connection to a vendor may take.
const CONNECT: Duration = Duration::from_secs(3);
/// `EX_CONFIG` of other systems is 78; 64 (`EX_USAGE`) is what this program promises.
const BAD_CONFIG: u8 = 64;

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
use tracing::{error, info, warn};
use trunkline::config::agents::{Changes, Folder};
use trunkline::config::{BadConfig, Config};
use trunkline::server::{Options, Server, read_certificate};
use trunkline::session::Switchboard;
use trunkline::store::journal::look_into;

use crate::terminal::{say, table};

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
    /// IANA name of the callee's time zone, such as America/New_York, where his country has several
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
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
    let mut folder = Folder::read(&config.agents_dir);
    if !folder.problems().is_empty() {
        complain(&format!("bad agents:\n{}", folder.problems().join("\n")));
        return Ok(ExitCode::from(BAD_CONFIG));
    }
    for warning in config.without_fallback_voice(&folder.agents()) {
        warn!("{warning}");
    }
    let (_, findings) = config.do_not_call();
    if !findings.problems.is_empty() {
        complain(&format!("bad do-not-call list:\n{}", findings.problems.join("\n")));
        return Ok(ExitCode::from(BAD_CONFIG));
    }
    let mut changes = Changes::watch(&config.agents_dir).context("AGENTS_DIR")?;
    let mut list_changes = match &config.do_not_call_file {
        Some(path) => Some(Changes::watch_file(path).context("DO_NOT_CALL_FILE")?),
        None => None,
    };
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("LISTEN: {}", config.listen))?;
    let server = Server::open(&config, folder.agents(), listener, Options::default()).await?;
    info!(address = %server.address(), public_url = config.public_url, "listening");

    let (mut terminate, mut interrupt, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                reload(&mut folder, server.switchboard());
                if let Some(tls) = &config.tls {
                    read_certificate(tls);
                }
                reload_list(server.switchboard()).await;
            }
            () = changes.next() => reload(&mut folder, server.switchboard()),
            () = next(&mut list_changes) => reload_list(server.switchboard()).await,
        }
    }
    info!(live_calls = server.switchboard().live_calls(), seconds = config.drain.as_secs(), "draining");
    let hurry = CancellationToken::new();
    let stopping = server.stop(config.drain, hurry.clone());
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            stopped = &mut stopping => break stopped?,
            _ = terminate.recv() => hurry.cancel(),
            _ = interrupt.recv() => hurry.cancel(),
        }
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Says what is in force and what is wrong.
pub(crate) async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    table(&mut out, ["variable", "in force", ""], config.in_force().iter().map(|(name, value)| [*name, value, ""]));
    let parts = config.parts();
    table(&mut out, ["part", "in force", "why"], parts.iter().map(|part| [part.name, &part.in_force, &part.why]));
    let folder = Folder::read(&config.agents_dir);
    let (do_not_call, findings) = config.do_not_call();
    let problems = [folder.problems(), &findings.problems].concat();
    let described: Vec<_> = folder
        .agents()
        .iter()
        .map(|agent| {
            let languages: Vec<_> = agent.languages.iter().map(|language| language.code.as_str()).collect();
            let fields: Vec<_> = agent.fields.iter().map(|field| field.name.as_str()).collect();
            [agent.agent_type.clone(), languages.join(" "), fields.join(", ")]
        })
        .collect();
    table(&mut out, ["agent", "languages", "collects"], described.iter().map(|row| row.each_ref().map(String::as_str)));
    if !do_not_call.is_empty() {
        out.push_str(&format!("numbers never to be called: {}\n", do_not_call.len()));
    }
    journal(&mut out, config);
    for warning in config.warnings().into_iter().chain(config.without_fallback_voice(&folder.agents())) {
        out.push_str(&format!("note: {warning}\n"));
    }
    for line in findings.torn {
        out.push_str(&format!("note: {line}; the line is passed over\n"));
    }
    for problem in &problems {
        out.push_str(&format!("wrong: {problem}\n"));
    }
    say(&out)?;
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BAD_CONFIG) })
}

/// What waits in the journal, of a server that runs or has run.
fn journal(out: &mut String, config: &Config) {
    let census = match look_into(&config.data_dir) {
        Ok(Some(census)) => census,
        Ok(None) => return,
        Err(error) => return out.push_str(&format!("note: {error}\n")),
    };
    let oldest = match census.oldest_waits {
        _ if census.waiting == 0 => String::new(),
        waits => format!("the oldest for {} s", waits.as_secs()),
    };
    let calls = (census.calls.to_string(), format!("{} KB", census.bytes / 1024));
    let (waiting, refused) = (census.waiting.to_string(), census.refused.to_string());
    let rows = [
        ["calls", &calls.0, &calls.1],
        ["records waiting for MongoDB", &waiting, &oldest],
        ["records that MongoDB refused", &refused, ""],
    ];
    table(out, ["journal", "", ""], rows.into_iter());
}

/// Asks the running server for a call.
pub(crate) async fn call(config: &Config, call: Call) -> anyhow::Result<ExitCode> {
    // A certificate is for the public name, not for this machine's address.
    let public = config.public_url.clone().filter(|_| config.tls.is_some());
    let server = call.server.or(public).unwrap_or_else(|| here(config));
    let variables: BTreeMap<_, _> = call.variables.into_iter().collect();
    let body = json!({
        "agent_type": call.agent, "phone": call.phone, "language": call.language, "mode": call.mode,
        "timezone": call.timezone, "variables": variables,
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

/// Asks the server of this machine whether it takes calls.
pub(crate) async fn ready(config: &Config) -> anyhow::Result<ExitCode> {
    // The certificate is for the public name, and nothing secret is said.
    let client = reqwest::Client::builder().timeout(Duration::from_secs(4)).tls_danger_accept_invalid_certs(true);
    let url = format!("{}/readyz", here(config));
    let answer = client.build()?.get(&url).send().await.with_context(|| format!("no server answers at {url}"))?;
    let ready = answer.status().is_success();
    say(if ready { "ready\n" } else { "not ready\n" })?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where the server of this machine is reached from this machine.
fn here(config: &Config) -> String {
    let mut here = config.listen;
    if here.ip().is_unspecified() {
        here.set_ip(if here.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    format!("{}://{here}", config.scheme())
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

/// New versions of agents count from the next call on; bad ones are told of, and the old ones stay.
fn reload(folder: &mut Folder, switchboard: &Switchboard) {
    let changed = folder.read_again();
    for problem in folder.problems() {
        error!("agent refused: {problem}");
    }
    if changed {
        let agents = folder.agents();
        let count = agents.len();
        switchboard.set_agents(agents);
        info!(agents = count, "agents read again");
    }
}

/// A new version of the do-not-call list; where it cannot be read, nothing is taken off the old one.
async fn reload_list(switchboard: &Switchboard) {
    let list = switchboard.do_not_call();
    let findings = list.read_again().await;
    for problem in findings.problems {
        error!("do-not-call list: {problem}");
    }
    for line in findings.torn {
        warn!("do-not-call list: {line}; the line is passed over");
    }
    info!(numbers = list.len(), "do-not-call list read again");
}

/// The next change, where there is anything to watch.
async fn next(changes: &mut Option<Changes>) {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

fn complain(what: &impl Display) {
    // Where standard error is closed, the exit code still tells.
    writeln!(std::io::stderr(), "trunkline: {what}").ok();
}

/// `EX_CONFIG` of other systems is 78; 64 (`EX_USAGE`) is what this program promises.
const BAD_CONFIG: u8 = 64;

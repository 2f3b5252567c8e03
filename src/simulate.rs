//! `trunkline simulate`: the simulated Twilio as a load and latency tool.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use trunkline::config::Config;
use trunkline::simulator::caller::Script;
use trunkline::simulator::load::{self, Cost, LoadReport, Plan};
use trunkline::simulator::twilio::LineOptions;

use crate::terminal::{say, table};

/// Arguments of `trunkline simulate`.
#[derive(Args)]
pub(crate) struct Simulate {
    /// The voice webhook, such as http://127.0.0.1:8080/voice?agent_type=LOGISTICS
    url: String,
    /// Calls at once, 1 to 1000; several numbers with commas are held one after the other and compared
    #[arg(long, default_value = "1", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: Vec<u16>,
    /// Seconds from the first call to the last; 25 calls a second where nothing is said
    #[arg(long)]
    ramp: Option<f64>,
    /// Turns of each caller
    #[arg(long, default_value_t = 4)]
    turns: usize,
    /// Every so many turns, interrupt the agent
    #[arg(long)]
    interrupt_every: Option<usize>,
    /// The recording that callers play
    #[arg(long, default_value = "five_hundred_rupees")]
    phrase: String,
    /// The server's process id, if it runs on this machine: its processor time and memory are told as well
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// The stand-in vendors' process id, likewise
    #[arg(long, value_name = "PID")]
    vendors_pid: Option<u32>,
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
    /// Write JSON into this file as well
    #[arg(long, value_name = "FILE")]
    json_file: Option<PathBuf>,
    /// Add to what that file has, and print all of it
    #[arg(long, requires = "json_file")]
    append: bool,
}

/// Holds the calls and prints what they were like. Fails if any call did; a call that the server refused in good form did not.
pub(crate) async fn simulate(config: &Config, args: Simulate) -> anyhow::Result<ExitCode> {
    let token = config.twilio.auth_token.as_ref().map(|token| token.expose().to_owned()).unwrap_or_default();
    let account = config.twilio.account_sid.as_ref().map_or("AC00000000000000000000000000000001", |sid| sid.as_str());
    let mut reports: Vec<LoadReport> = match &args.json_file {
        Some(file) if args.append && file.exists() => {
            let json = std::fs::read(file).with_context(|| file.display().to_string())?;
            serde_json::from_slice(&json).with_context(|| file.display().to_string())?
        }
        Some(_) | None => Vec::new(),
    };
    let earlier = reports.len();
    for calls in args.calls {
        let plan = Plan {
            url: args.url.clone(),
            connect_to: None,
            account_sid: account.to_owned(),
            auth_token: token.clone(),
            calls: usize::from(calls),
            ramp: Duration::try_from_secs_f64(args.ramp.unwrap_or_else(|| f64::from(calls) / CALLS_A_SECOND))?,
            script: Script::turns(args.turns, &args.phrase, args.interrupt_every),
            line: LineOptions::default(),
            server_pid: args.server_pid,
            vendors_pid: args.vendors_pid,
        };
        reports.push(load::simulate(plan).await?);
    }
    let good = reports.iter().skip(earlier).all(|report| report.good + report.refused == report.calls);
    if let Some(file) = &args.json_file {
        let json = serde_json::to_string_pretty(&reports)? + "\n";
        std::fs::write(file, json).with_context(|| file.display().to_string())?;
    }
    let text = match (reports.as_slice(), args.json) {
        ([report], true) => serde_json::to_string_pretty(report)? + "\n",
        ([report], false) if !args.append => format!("{report}\n"),
        (reports, true) => serde_json::to_string_pretty(reports)? + "\n",
        (reports, false) => compare(reports),
    };
    say(&text)?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What callers heard and what it cost, a line for each number of calls.
fn compare(reports: &[LoadReport]) -> String {
    let ms = |value: f64| format!("{value:.0}");
    let heard = reports.iter().map(|report| {
        let (voice, (added_p50, added_p95)) = (report.voice_to_voice, report.added());
        [
            report.calls.to_string(),
            (report.calls - report.good - report.refused).to_string(),
            report.refused.to_string(),
            ms(voice.p50),
            ms(voice.p95),
            ms(voice.p99),
            ms(added_p50),
            ms(added_p95),
            format!("{:.0} / {:.0}", report.barge_in.p50, report.barge_in.p95),
            format!("{:.1} / {:.1}", report.greeting.p50, report.greeting.p95),
            report.gaps.count.to_string(),
        ]
    });
    let cost = reports.iter().map(|report| {
        let of = |cost: &Option<Cost>| {
            cost.map_or_else(|| "-".to_owned(), |cost| format!("{:.3}", cost.cpu_s_per_call_minute))
        };
        let late = report.own_frame_lateness;
        [
            report.calls.to_string(),
            of(&report.server),
            report.server.map_or_else(|| "-".to_owned(), |cost| (cost.resident_per_call / 1_024).to_string()),
            format!("{:.3}", report.own_cpu_s_per_call_minute),
            of(&report.vendors),
            format!("{:.1} / {:.1} / {:.1}", late.p50, late.p95, late.p99),
            ms(late.max),
            ms(report.own_cores_busy),
            report.doubt().map_or_else(|| "yes".to_owned(), |doubt| format!("NO: {doubt}")),
        ]
    });
    let mut out = String::new();
    let head = [
        "calls",
        "failed",
        "refused",
        "voice to voice p50",
        "p95",
        "p99",
        "less 425: p50",
        "p95",
        "barge-in p50 / p95",
        "greeting p50 / p95",
        "gaps",
    ];
    let heard: Vec<_> = heard.collect();
    table(&mut out, head, heard.iter().map(|row| row.each_ref().map(String::as_str)));
    let head = [
        "calls",
        "server CPU s/call-min",
        "KiB/call",
        "simulator CPU",
        "vendors CPU",
        "simulator late p50 / p95 / p99",
        "max",
        "its cores busy %",
        "to be trusted",
    ];
    let cost: Vec<_> = cost.collect();
    table(&mut out, head, cost.iter().map(|row| row.each_ref().map(String::as_str)));
    out
}

const CALLS_A_SECOND: f64 = 25.0;

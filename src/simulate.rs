//! `trunkline simulate`: the simulated Twilio as a load and latency tool.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use trunkline::config::Config;
use trunkline::simulator::caller::Script;
use trunkline::simulator::load::{self, LoadReport, Plan};
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
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
    /// Write JSON into this file as well
    #[arg(long, value_name = "FILE")]
    json_file: Option<PathBuf>,
}

/// Holds the calls and prints what they were like. Fails if any call did.
pub(crate) async fn simulate(config: &Config, args: Simulate) -> anyhow::Result<ExitCode> {
    let token = config.twilio.auth_token.as_ref().map(|token| token.expose().to_owned()).unwrap_or_default();
    let account = config.twilio.account_sid.as_ref().map_or("AC00000000000000000000000000000001", |sid| sid.as_str());
    let mut reports = Vec::new();
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
        };
        reports.push(load::simulate(plan).await?);
    }
    let good = reports.iter().all(|report| report.good == report.calls);
    if let Some(file) = &args.json_file {
        let json = serde_json::to_string_pretty(&reports)? + "\n";
        std::fs::write(file, json).with_context(|| file.display().to_string())?;
    }
    let text = match (reports.as_slice(), args.json) {
        ([report], true) => serde_json::to_string_pretty(report)? + "\n",
        ([report], false) => format!("{report}\n"),
        (reports, true) => serde_json::to_string_pretty(reports)? + "\n",
        (reports, false) => compare(reports),
    };
    say(&text)?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each number of calls.
fn compare(reports: &[LoadReport]) -> String {
    let rows: Vec<[String; 12]> = reports
        .iter()
        .map(|report| {
            let server = |of: &dyn Fn(&load::Cost) -> String| report.server.as_ref().map_or_else(|| "-".to_owned(), of);
            let late = report.own_late_frames as f64 * 100.0 / report.frames_sent.max(1) as f64;
            [
                report.calls.to_string(),
                report.good.to_string(),
                format!("{:.0}", report.voice_to_voice.p50),
                format!("{:.0}", report.voice_to_voice.p95),
                format!("{:.0}", report.voice_to_voice.p99),
                format!("{:.0}", report.barge_in.p50),
                format!("{:.0}", report.greeting.p50),
                format!("{:.0}", report.gaps.count),
                server(&|cost| format!("{:.3}", cost.cpu_s_per_call_minute)),
                server(&|cost| format!("{}", cost.resident_per_call / 1_024)),
                format!("{:.3}", report.own_cpu_s_per_call_minute),
                format!("{late:.2}"),
            ]
        })
        .collect();
    let head = [
        "calls",
        "good",
        "v2v p50",
        "p95",
        "p99",
        "barge-in p50",
        "greeting p50",
        "gaps",
        "server cpu s/min",
        "KiB/call",
        "own cpu s/min",
        "own late %",
    ];
    let mut out = String::new();
    table(&mut out, head, rows.iter().map(|row| row.each_ref().map(String::as_str)));
    out
}

const CALLS_A_SECOND: f64 = 25.0;

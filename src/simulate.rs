//! `trunkline simulate`: the simulated Twilio as a load and latency tool.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use trunkline::config::Config;
use trunkline::simulator::caller::Script;
use trunkline::simulator::load::{self, Plan};
use trunkline::simulator::twilio::LineOptions;

use crate::terminal::say;

/// Arguments of `trunkline simulate`.
#[derive(Args)]
pub(crate) struct Simulate {
    /// The voice webhook, such as http://127.0.0.1:8080/voice?agent_type=LOGISTICS
    url: String,
    /// Calls at once, 1 to 1000
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: u16,
    /// Seconds from the first call to the last
    #[arg(long, default_value_t = 1.0)]
    ramp: f64,
    /// Turns of each caller
    #[arg(long, default_value_t = 4)]
    turns: usize,
    /// Every so many turns, interrupt the agent
    #[arg(long)]
    interrupt_every: Option<usize>,
    /// The recording that callers play
    #[arg(long, default_value = "five_hundred_rupees")]
    phrase: String,
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Holds the calls and prints what they were like. Fails if any call did.
pub(crate) async fn simulate(config: &Config, args: Simulate) -> anyhow::Result<ExitCode> {
    let token = config.twilio.auth_token.as_ref().map(|token| token.expose().to_owned()).unwrap_or_default();
    let account = config.twilio.account_sid.as_ref().map_or("AC00000000000000000000000000000001", |sid| sid.as_str());
    let plan = Plan {
        url: args.url,
        connect_to: None,
        account_sid: account.to_owned(),
        auth_token: token,
        calls: usize::from(args.calls),
        ramp: Duration::try_from_secs_f64(args.ramp)?,
        script: Script::turns(args.turns, &args.phrase, args.interrupt_every),
        line: LineOptions::default(),
    };
    let report = load::simulate(plan).await?;
    let good = report.good == report.calls;
    say(&if args.json { format!("{}\n", serde_json::to_string_pretty(&report)?) } else { format!("{report}\n") })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

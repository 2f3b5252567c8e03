//! `trunkline vendors`: the stand-in vendors as a process of their own, for measurements and for trying agents by hand.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use trunkline::config::Config;
use trunkline::simulator::vendors::mind::{self, Think};
use trunkline::simulator::vendors::{Settings, Vendors, VendorsConfig};

use crate::terminal::say;

/// Arguments of `trunkline vendors`. The address is that of `--listen`.
#[derive(Args)]
pub(crate) struct StandIns {
    /// Answer as fast as possible, instead of after 150 ms (ears), 200 ms (mind) and 75 ms (voice)
    #[arg(long)]
    no_delay: bool,
    /// A model that never has all it wants, so that calls last until their callers hang up
    #[arg(long)]
    keep_asking: bool,
}

/// Runs the stand-ins until SIGTERM or SIGINT.
pub(crate) async fn vendors(config: &Config, args: StandIns) -> anyhow::Result<ExitCode> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let think = args.keep_asking.then(|| Arc::new(mind::keep_asking) as Think);
    let settings = if args.no_delay { Settings::immediate() } else { Settings::default() };
    let vendors = Vendors::start(VendorsConfig { listen: config.listen, settings, think, ..VendorsConfig::default() })
        .await
        .with_context(|| format!("LISTEN: {}", config.listen))?;
    let url = vendors.url();
    say(&format!(
        "stand-in vendors at {url}; for the server:\nELEVENLABS_API_KEY=stand-in ELEVENLABS_API_URL={url} GEMINI_API_KEY=stand-in GEMINI_API_URL={url}\n"
    ))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    vendors.stop();
    Ok(ExitCode::SUCCESS)
}

//! The command line: what is asked, and who does it. Each command is in [`cli`].

mod cli;
mod demo;
mod runtime;
mod simulate;
mod terminal;
mod try_text;
mod vendors;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use trunkline::config::{Config, Overrides};
use trunkline::telemetry;

/// Calls of many sizes come and go on few threads: it keeps their memory in less room than the C library's, and gives it back.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An AI voice agent on a Twilio phone call, and the facts it collects.
#[derive(Parser)]
#[command(version, after_help = "--help lists the environment variables.", after_long_help = trunkline::config::variables::help())]
struct Cli {
    #[command(flatten)]
    overrides: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT; SIGHUP reads the agents and the certificate again
    Serve,
    /// Check configuration and agents, and say which part is in force; exits 64 if something is wrong
    Check,
    /// Hold one whole simulated call against the real server, and show it; needs no keys
    Demo(demo::Demo),
    /// Ask the running server to start a call, and print its call_sid
    Call(cli::Call),
    /// Ask the running server whether it takes calls; exits 1 if not. For health checks
    Ready,
    /// Call any server that speaks Media Streams, many times at once, and measure
    Simulate(simulate::Simulate),
    /// Print what is understood of a caller's words
    Try(try_text::Try),
    /// Stand-ins for ElevenLabs and Gemini, to point a server at; needs no keys
    Vendors(vendors::StandIns),
}

/// These win over the environment.
#[derive(Args)]
struct Settings {
    /// Address and port to listen on, instead of LISTEN
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address by which Twilio reaches this server, instead of PUBLIC_URL
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Folder of agent files, instead of AGENTS_DIR
    #[arg(long, global = true, value_name = "FOLDER")]
    agents_dir: Option<String>,
    /// text or json, instead of LOG_FORMAT
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Settings {
    fn overrides(self) -> Overrides {
        [
            ("LISTEN", self.listen),
            ("PUBLIC_URL", self.public_url),
            ("AGENTS_DIR", self.agents_dir),
            ("LOG_FORMAT", self.log_format),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::from_env(&cli.overrides.overrides()) {
        Ok(config) => config,
        Err(bad) => return cli::bad_config(&bad),
    };
    // Whoever installed a provider before us had the same one in mind.
    rustls::crypto::ring::default_provider().install_default().ok();
    // The demo's own lines are the show; what goes wrong is told all the same.
    let quiet = matches!(cli.command, Command::Demo(_) | Command::Simulate(_) | Command::Vendors(_))
        && config.log_filter == "info";
    let filter = if quiet { "error" } else { &config.log_filter };
    if let Err(error) = telemetry::start_logs(config.log_format, filter) {
        return cli::failed(&anyhow::Error::new(error));
    }
    telemetry::keep_panics_quiet();
    let runtime = match runtime::start(matches!(cli.command, Command::Serve)) {
        Ok(runtime) => runtime,
        Err(error) => return cli::failed(&anyhow::Error::new(error).context("the runtime did not start")),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve => cli::serve(config).await,
            Command::Check => cli::check(&config).await,
            Command::Ready => cli::ready(&config).await,
            Command::Demo(args) => demo::demo(&config, &args).await,
            Command::Simulate(args) => simulate::simulate(&config, args).await,
            Command::Vendors(args) => vendors::vendors(&config, args).await,
            Command::Call(call) => cli::call(&config, call).await,
            Command::Try(args) => try_text::try_text(&config, &args),
        }
    });
    done.unwrap_or_else(|error| cli::failed(&error))
}

//! A whole server, stand-in vendors and a simulated Twilio, each on a port of its own, for benches and tests.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trunkline::agent::{self, Agent};
use trunkline::config::Config;
use trunkline::server::{Options, Server};
use trunkline::simulator::caller::{CallReport, Script, Step};
use trunkline::simulator::twilio::{FarEnd, FarEndConfig, Inbound};
use trunkline::simulator::vendors::mind::Think;
use trunkline::simulator::vendors::{Settings, Vendors, VendorsConfig};

/// All of it. The server's files are in a folder that goes with it.
pub(crate) struct Rig {
    pub(crate) server: Server,
    /// Kept, because dropping them stops them.
    _vendors: Vendors,
    far_end: FarEnd,
    folder: TempDir,
}

impl Rig {
    /// Starts everything, with the agent of `benches/agents/load.toml`, and waits until its fixed texts are rendered.
    pub(crate) async fn start(settings: Settings, think: Option<Think>, options: Options) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let vendors = Vendors::start(VendorsConfig { settings, think, ..VendorsConfig::default() }).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (data, audio, url) = (at("data"), at("audio"), vendors.url());
        let config = Config::read(|name| {
            let value = match name {
                "PUBLIC_URL" => &here,
                "DATA_DIR" => &data,
                "AUDIO_DIR" => &audio,
                "ELEVENLABS_API_URL" | "GEMINI_API_URL" => &url,
                "ELEVENLABS_API_KEY" | "GEMINI_API_KEY" => "stand-in",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        let server = Server::open(&config, vec![load_agent()], listener, options).await.unwrap();
        // No real time beside the streams: a `<Gather>` is answered at once.
        let far_end = FarEndConfig::new("AC00000000000000000000000000000001", "", None);
        let far_end = FarEnd::start(far_end).await.unwrap();
        let rig = Self { server, _vendors: vendors, far_end, folder };
        // Renders what is rendered ahead, opens what is kept open.
        rig.call("stream", script([Step::WaitForAgent { quiet_ms: 100 }, Step::HangUp])).await;
        rig
    }

    /// Holds a call in `mode` to its end.
    pub(crate) async fn call(&self, mode: &str, script: Script) -> Arc<CallReport> {
        let inbound = Inbound {
            url: format!("http://{}/voice?agent_type=LOAD&mode={mode}", self.server.address()),
            status_callback: Some(format!("http://{}/call-status", self.server.address())),
            from: "+919876543210".to_owned(),
            to: "+912248900000".to_owned(),
            script: Some(script),
        };
        let call_sid = self.far_end.place(inbound);
        self.far_end.report(&call_sid).await.unwrap()
    }

    /// Stops the server; the rest stops with it. The folder of its files.
    pub(crate) async fn stop(self) -> TempDir {
        self.server.stop(Duration::from_secs(1), CancellationToken::new()).await.unwrap();
        self.folder
    }
}

/// What a caller does.
pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { name: "measured".to_owned(), steps: steps.into_iter().collect() }
}

/// The agent of the measurements.
fn load_agent() -> Agent {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/agents/load.toml");
    agent::parse(file, &std::fs::read_to_string(file).unwrap()).unwrap()
}

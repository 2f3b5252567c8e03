//! From a configuration to a running server: each part built from what the environment says of it.

use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline::agent::Agent;
use trunkline::config::Config;
use trunkline::http::{self, App};
use trunkline::provider::elevenlabs::ElevenLabsConfig;
use trunkline::provider::elevenlabs::ears::Ears;
use trunkline::provider::elevenlabs::voice::Voice;
use trunkline::provider::gemini::{Gemini, GeminiConfig};
use trunkline::provider::http_client;
use trunkline::session::{self, Parts, Switchboard};
use trunkline::store::mongo::MongoConfig;
use trunkline::store::recording::Recordings;
use trunkline::store::speech_cache::{SpeechCache, SpeechCacheConfig};
use trunkline::store::{Store, StoreConfig};
use trunkline::telemetry::MetricsPage;
use trunkline::twilio::phone::E164;
use trunkline::twilio::rest::{Rest, RestConfig};
use url::Url;

/// A server that answers.
pub(crate) struct Server {
    /// Where it listens, `http://host:port`.
    pub(crate) url: String,
    /// All its calls.
    pub(crate) switchboard: Switchboard,
    stop: CancellationToken,
    routes: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Binds, builds every part and begins to answer. `record_all` records whatever an agent's file says.
    pub(crate) async fn start(
        config: &Config,
        agents: Vec<Agent>,
        record_all: bool,
        metrics: MetricsPage,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen).await.with_context(|| format!("LISTEN: {}", config.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let calls = session::Config {
            public_url: config.public_url.clone().unwrap_or_else(|| url.clone()),
            max_calls: config.max_calls,
            caller_id: config.twilio.phone_number.as_deref().map(E164::parse).transpose()?,
            record_all,
            recordings: config.data_dir.join(RECORDINGS),
        };
        let switchboard = Switchboard::open(calls, parts(config).await?, agents);
        let routes = http::Config {
            public_url: config.public_url.clone(),
            twilio_auth_token: config.twilio.auth_token.clone(),
            api_token: config.api_token.clone(),
            recordings: config.data_dir.join(RECORDINGS),
            parts: config.parts(),
        };
        let stop = CancellationToken::new();
        let app = App::new(routes, switchboard.clone(), metrics);
        let routes = tokio::spawn(http::serve(listener, app, stop.clone()));
        Ok(Self { url, switchboard, stop, routes })
    }

    /// Stops answering, and keeps what is still to be kept.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.routes.await??;
        self.switchboard.store().shutdown(STORE_SHUTDOWN).await;
        Ok(())
    }
}

async fn parts(config: &Config) -> anyhow::Result<Parts> {
    let mongodb = config
        .mongodb
        .as_ref()
        .map(|known| MongoConfig { uri: known.uri.expose().to_owned().into(), database: known.database.clone() });
    let store = Store::open(StoreConfig { data_dir: config.data_dir.clone(), mongodb }).await.context("DATA_DIR")?;
    let speech_cache = SpeechCache::open(SpeechCacheConfig::new(&config.audio_dir)).context("AUDIO_DIR")?;
    let recordings = Recordings::start(&config.data_dir.join(RECORDINGS), RECORDING_THREADS).context("DATA_DIR")?;
    let client = http_client(CONNECT)?;
    let (ears, voice) = match &config.elevenlabs.api_key {
        Some(key) => {
            let elevenlabs = ElevenLabsConfig::new(Url::parse(&config.elevenlabs.api_url)?, key.clone());
            (Some(Ears::new(elevenlabs.clone())), Some(Voice::new(elevenlabs, client.clone())))
        }
        None => (None, None),
    };
    let mind = match &config.gemini.api_key {
        Some(key) => {
            let gemini = GeminiConfig::new(Url::parse(&config.gemini.api_url)?, key.clone(), &config.gemini.model);
            Some(Gemini::new(gemini, client.clone()))
        }
        None => None,
    };
    let line = match (&config.twilio.account_sid, &config.twilio.auth_token) {
        (Some(sid), Some(token)) => {
            Some(Rest::new(RestConfig::new(&config.twilio.api_url, sid.clone(), token.expose()), client))
        }
        (_, None) | (None, Some(_)) => None,
    };
    Ok(Parts { store, speech_cache, recordings: Some(recordings), ears, voice, mind, line })
}

/// Folder of the recordings under `DATA_DIR`.
const RECORDINGS: &str = "recordings";
/// Writing Opus is cheap; a second thread keeps one slow disk from holding up all.
const RECORDING_THREADS: usize = 2;
const CONNECT: Duration = Duration::from_secs(3);
const STORE_SHUTDOWN: Duration = Duration::from_secs(5);

//! The whole server, put together from a [`Config`]: what `trunkline serve`, the demo and the tests run.
//!
//! Key type: [`Server`]. Invariant: a server that was opened has bound its address and read its agents; nothing of it outlives [`Server::stop`].

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use crate::agent::Agent;
use crate::config::Config;
use crate::http::{self, App};
use crate::provider;
use crate::provider::elevenlabs::ElevenLabsConfig;
use crate::provider::elevenlabs::ears::Ears;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::gemini::{Gemini, GeminiConfig};
use crate::session::{self, Parts, Switchboard};
use crate::store::mongo::MongoConfig;
use crate::store::recording::Recordings;
use crate::store::speech_cache::{SpeechCache, SpeechCacheConfig};
use crate::store::{DeletedElsewhere, Store, StoreConfig, retention};
use crate::telemetry::{self, traces};
use crate::twilio::phone::E164;
use crate::twilio::rest::{Rest, RestConfig};

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    switchboard: Switchboard,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

/// What the configuration does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Record every call, whatever its agent says.
    pub record_all: bool,
}

impl Server {
    /// Opens the store, the speech cache and the vendors' clients, and answers on `listener`.
    ///
    /// # Errors
    /// Something of ours cannot be opened: the journal, the cache's folder, the recordings' folder.
    pub async fn open(
        config: &Config,
        agents: Vec<Agent>,
        listener: TcpListener,
        options: Options,
    ) -> anyhow::Result<Self> {
        let metrics = telemetry::start_metrics()?;
        if let Some(endpoint) = config.otlp_endpoint.as_deref().filter(|_| traces::COMPILED_IN)
            && let Err(error) = traces::start(endpoint)
        {
            // Calls matter more than how they are watched.
            warn!(%error, "OTEL_EXPORTER_OTLP_ENDPOINT");
        }
        let address = listener.local_addr()?;
        let switchboard = switchboard(config, agents, address, options).await?;
        let routes = http::Config {
            public_url: config.public_url.clone(),
            twilio_auth_token: config.twilio.auth_token.clone(),
            api_token: config.api_token.clone(),
            recordings: config.data_dir.join("recordings"),
            parts: config.parts(),
        };
        let stop = CancellationToken::new();
        let app = App::new(routes, switchboard.clone(), metrics.clone());
        let serving = tokio::spawn(http::serve_over(listener, app, config.tls.clone(), stop.clone()));
        if let Some(tls) = config.tls.clone() {
            let ending = stop.clone();
            tokio::spawn(async move { ending.run_until_cancelled(renew(tls)).await });
        }
        let upkeep = stop.clone();
        tokio::spawn(async move {
            while upkeep.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
                metrics.upkeep();
            }
        });
        let traces = retention::Traces {
            recordings: config.data_dir.join("recordings"),
            speech: switchboard.speech_cache().clone(),
        };
        let forgetting = switchboard.clone();
        let gone = move |deleted: &DeletedElsewhere| forgetting.forget_deleted(deleted);
        let following = retention::follow(switchboard.store().clone(), traces.clone(), gone);
        let ending = stop.clone();
        tokio::spawn(async move { ending.run_until_cancelled(following).await });
        if let Some(days) = config.retention_days {
            let expiring = retention::keep(switchboard.store().clone(), traces, days);
            let ending = stop.clone();
            tokio::spawn(async move { ending.run_until_cancelled(expiring).await });
        }
        Ok(Self { address, switchboard, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its calls.
    pub fn switchboard(&self) -> &Switchboard {
        &self.switchboard
    }

    /// Refuses new calls, lets live ones finish for at most `drain` or until `hurry` is cancelled, then stops.
    ///
    /// # Errors
    /// The task that answers requests failed.
    pub async fn stop(self, drain: Duration, hurry: CancellationToken) -> anyhow::Result<()> {
        match hurry.run_until_cancelled(self.switchboard.drained(drain)).await {
            Some(true) => {}
            Some(false) => warn!(live_calls = self.switchboard.live_calls(), "calls cut off"),
            None => warn!("told twice to stop"),
        }
        self.stop.cancel();
        self.serving.await??;
        self.switchboard.store().shutdown(FLUSH).await;
        tokio::task::spawn_blocking(|| traces::stop(FLUSH_TRACES)).await?;
        Ok(())
    }
}

async fn switchboard(
    config: &Config,
    agents: Vec<Agent>,
    here: SocketAddr,
    options: Options,
) -> anyhow::Result<Switchboard> {
    let mongodb = config
        .mongodb
        .as_ref()
        .map(|known| MongoConfig { uri: known.uri.expose().to_owned().into(), database: known.database.clone() });
    let store = Store::open(StoreConfig { data_dir: config.data_dir.clone(), mongodb }).await.map_err(|error| {
        let advice = error.advice().map_or_else(String::new, |advice| format!("; {advice}"));
        anyhow!("DATA_DIR {}: {error}{advice}", config.data_dir.display())
    })?;
    let client = provider::http_client(CONNECT)?;
    let address = |name: &str, text: &str| Url::parse(text).with_context(|| format!("{name}: {text}"));
    let elevenlabs = match &config.elevenlabs.api_key {
        Some(key) => {
            let url = address("ELEVENLABS_API_URL", &config.elevenlabs.api_url)?;
            let fallback_model = config.elevenlabs.fallback_model.clone();
            Some(ElevenLabsConfig { fallback_model, ..ElevenLabsConfig::new(url, key.clone()) })
        }
        None => None,
    };
    let mind = match &config.gemini.api_key {
        Some(key) => {
            let url = address("GEMINI_API_URL", &config.gemini.api_url)?;
            let known = GeminiConfig {
                fallback_model: config.gemini.fallback_model.clone(),
                ..GeminiConfig::new(url, key.clone(), config.gemini.model.clone())
            };
            Some(Gemini::new(known, client.clone()))
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
        (Some(_), None) | (None, _) => None,
    };
    let (do_not_call, findings) = config.do_not_call();
    if !findings.problems.is_empty() {
        bail!("bad do-not-call list:\n{}", findings.problems.join("\n"));
    }
    for line in findings.torn {
        warn!("do-not-call list: {line}; the line is passed over");
    }
    let recordings = config.data_dir.join("recordings");
    let parts = Parts {
        store,
        speech_cache: SpeechCache::open(speech_cache(config)).context("AUDIO_DIR")?,
        recordings: Some(
            Recordings::start(&recordings, RECORDING_THREADS)
                .with_context(|| format!("DATA_DIR: recordings cannot be kept in {}", recordings.display()))?,
        ),
        ears: elevenlabs.clone().map(Ears::new),
        voice: elevenlabs.map(|known| Voice::new(known, client)),
        mind,
        line,
    };
    let caller_id = twilio.phone_number.as_deref().and_then(|number| E164::parse(number).ok());
    let known = session::Config {
        // Where LISTEN left the port to the system, only the socket knows it.
        public_url: config.public_url.clone().unwrap_or_else(|| format!("{}://{here}", config.scheme())),
        max_calls: config.max_calls,
        caller_id,
        record_all: options.record_all,
        rules: session::RulesConfig {
            do_not_call,
            calls_to_number_per_hour: config.calls_to_number_per_hour,
            calls_from_number_per_hour: config.calls_from_number_per_hour,
        },
    };
    Ok(Switchboard::open(known, parts, agents))
}

/// Speech that nobody asked for is not kept for longer than the calls that it was made for.
fn speech_cache(config: &Config) -> SpeechCacheConfig {
    let usual = SpeechCacheConfig::new(&config.audio_dir);
    let days = config.retention_days.map(|days| Duration::from_secs(24 * 3_600 * u64::from(days)));
    SpeechCacheConfig { max_age: days.map_or(usual.max_age, |days| days.min(usual.max_age)), ..usual }
}

/// Looks for a renewed certificate now and again: files behind links, as Kubernetes has them, are not always told of.
async fn renew(tls: http::Tls) {
    loop {
        tokio::time::sleep(CERTIFICATE).await;
        read_certificate(&tls);
    }
}

/// Takes a renewed certificate into force, if there is one.
pub fn read_certificate(tls: &http::Tls) {
    match tls.read_again() {
        Ok(true) => info!("a new certificate is in force"),
        Ok(false) => {}
        Err(error) => error!(%error, "certificate refused; the old one stays in force"),
    }
}

/// How often the certificate's files are looked at.
const CERTIFICATE: Duration = Duration::from_secs(30);
/// How long a connection to a vendor may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the store may feed MongoDB at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// How long the last traces may take to their collector.
const FLUSH_TRACES: Duration = Duration::from_secs(2);
const UPKEEP: Duration = Duration::from_secs(5);
const RECORDING_THREADS: usize = 1;

//! A whole server on a port of its own, with a store in a folder of its own.

use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline::config::agents::Folder;
use trunkline::http::{App, Config, serve};
use trunkline::session::{self, Parts, Switchboard};
use trunkline::store::speech_cache::{SpeechCache, SpeechCacheConfig};
use trunkline::store::{Store, StoreConfig};
use trunkline::telemetry;

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) switchboard: Switchboard,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Starts one; `change` may set tokens and the public address.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let store = Store::open(StoreConfig { data_dir, mongodb: None }).await.unwrap();
        let mut config = Config {
            public_url: None,
            twilio_auth_token: None,
            api_token: None,
            recordings: folder.path().join("recordings"),
            parts: Vec::new(),
        };
        let cache = SpeechCache::open(SpeechCacheConfig::new(folder.path().join("audio"))).unwrap();
        std::fs::create_dir_all(&config.recordings).unwrap();
        change(&mut config);
        let calls = session::Config {
            public_url: config.public_url.clone().unwrap_or_else(|| "http://127.0.0.1".to_owned()),
            max_calls: 10,
            caller_id: None,
            record_all: false,
            rules: session::RulesConfig::default(),
        };
        let parts = Parts {
            store: store.clone(),
            speech_cache: cache,
            recordings: None,
            ears: None,
            voice: None,
            mind: None,
            line: None,
        };
        let switchboard = Switchboard::open(calls, parts, Folder::read("agents").agents());
        let app = App::new(config, switchboard.clone(), telemetry::start_metrics().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, app, shutdown.clone()));
        Self { addr, folder, store, switchboard, shutdown, task }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.addr)
    }

    /// Sends bytes as they are and reads the answer to its end.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        // The server may refuse before it has read all.
        socket.write_all(request).await.ok();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same, but tells the server that no more will come.
    pub(crate) async fn raw_then_close(&self, request: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        socket.write_all(request).await.ok();
        socket.shutdown().await.ok();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

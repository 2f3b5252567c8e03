//! A house for one test: stand-in vendors, a simulated Twilio and the real server, each on a port of its own, and a folder for files.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use trunkline::config::Config;
use trunkline::config::agents::Folder;
use trunkline::server::{Options, Server};
use trunkline::simulator::caller::{CallReport, Script, Step};
use trunkline::simulator::phrases::{PhraseBook, Recording};
use trunkline::simulator::twilio::{FarEnd, FarEndConfig, Inbound};
use trunkline::simulator::vendors::fault::{FaultKind, Route};
use trunkline::simulator::vendors::{Vendors, VendorsConfig};

pub(crate) const ACCOUNT_SID: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const AUTH_TOKEN: &str = "a-token-of-twilio";
pub(crate) const API_TOKEN: &str = "a-token-of-ours";
pub(crate) const PHONE: &str = "+919876543210";
pub(crate) const NUMBER: &str = "+912248900000";
/// The agent of most tests: the facts of `agents/logistics.toml` in few words, so that a streamed call is short.
pub(crate) const QUICK: &str = "QUICK";

/// How a house is built.
pub(crate) struct Plan {
    /// Environment variables beyond the usual ones; an empty value takes a usual one away.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The agents' files; [`quick_agent`] unless changed.
    pub(crate) agents: Vec<String>,
    pub(crate) line: FarEndConfig,
    pub(crate) vendors: VendorsConfig,
    pub(crate) record_all: bool,
    /// The server speaks TLS, and everybody reaches it through a tunnel with this client.
    pub(crate) tls: Option<TlsConnector>,
    /// What goes wrong from the beginning.
    pub(crate) faults: Vec<(Route, FaultKind, Option<u32>)>,
    /// The same for one model alone.
    pub(crate) fail_model: Vec<(Route, &'static str, FaultKind)>,
}

impl Plan {
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.push((name, value.into()));
    }

    /// The stand-in model answers by what the caller said last: the first rule whose words are in it, else the last rule.
    pub(crate) fn think(&mut self, rules: Vec<(&'static str, Value)>) {
        self.vendors.think = Some(Arc::new(move |request| {
            let last = request.caller().next_back().unwrap_or_default();
            let rule = rules.iter().find(|(words, _)| last.contains(words)).or_else(|| rules.last());
            rule.map_or_else(String::new, |(_, answer)| {
                answer.as_str().map_or_else(|| answer.to_string(), str::to_owned)
            })
        }));
    }

    /// Gives callers and the stand-in recogniser recordings of these words.
    pub(crate) fn words<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        let book = phrases(texts);
        self.line.phrases = book.clone();
        self.vendors.phrases = book;
    }
}

/// Everything that runs for one test.
pub(crate) struct House {
    pub(crate) vendors: Vendors,
    pub(crate) line: FarEnd,
    pub(crate) server: Server,
    pub(crate) at: SocketAddr,
    /// Scheme, host and port that the server is known by.
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    client: reqwest::Client,
    config: Config,
}

impl House {
    /// The usual house.
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// A house with changes.
    pub(crate) async fn with(change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Plan {
            settings: Vec::new(),
            agents: vec![quick_agent("")],
            line: FarEndConfig::new(ACCOUNT_SID, AUTH_TOKEN, None),
            vendors: VendorsConfig::default(),
            record_all: false,
            tls: None,
            faults: Vec::new(),
            fail_model: Vec::new(),
        };
        plan.words([]);
        change(&mut plan);
        // With RUST_LOG set, a failing test shows what the server said.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init().ok();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut at = listener.local_addr().unwrap();
        if let Some(client) = plan.tls {
            at = tunnel(at, client).await;
        }
        let vendors = Vendors::start(plan.vendors).await.unwrap();
        for (route, kind, times) in plan.faults {
            vendors.fail(route, kind, times);
        }
        for (route, model, kind) in plan.fail_model {
            vendors.fail_model(route, model, kind, None);
        }
        plan.line.agent_words.get_or_insert_with(|| vendors.spoken());
        plan.line.connect_to.get_or_insert(at);
        let line = FarEnd::start(plan.line).await.unwrap();
        let agents_dir = folder.path().join("agents");
        std::fs::create_dir(&agents_dir).unwrap();
        for (n, text) in plan.agents.iter().enumerate() {
            std::fs::write(agents_dir.join(format!("{n}.toml")), text).unwrap();
        }
        let mut settings: Vec<(&str, String)> = [
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
            ("TWILIO_PHONE_NUMBER", NUMBER),
            ("API_TOKEN", API_TOKEN),
            ("ELEVENLABS_API_KEY", "stand-in"),
            ("GEMINI_API_KEY", "stand-in"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
        settings.extend([
            ("TWILIO_API_URL", line.url()),
            ("ELEVENLABS_API_URL", vendors.url()),
            ("GEMINI_API_URL", vendors.url()),
            ("PUBLIC_URL", format!("http://{at}")),
            ("AGENTS_DIR", path("agents")),
            ("AUDIO_DIR", path("audio")),
            ("DATA_DIR", path("data")),
        ]);
        settings.extend(plan.settings);
        let look = |wanted: &str| settings.iter().rev().find(|(name, _)| *name == wanted).map(|(_, text)| text.clone());
        let config = Config::read(look).unwrap();
        let found = Folder::read(&config.agents_dir);
        assert!(found.problems().is_empty(), "{:?}", found.problems());
        let options = Options { record_all: plan.record_all };
        let server = Server::open(&config, found.agents(), listener, options).await.unwrap();
        let url = look("PUBLIC_URL").unwrap();
        Self { vendors, line, server, at, url, folder, client: reqwest::Client::new(), config }
    }

    /// Stops the server and starts another one on the same files.
    pub(crate) async fn again(self) -> Self {
        let Self { vendors, line, server, folder, client, config, .. } = self;
        within(server.stop(Duration::from_millis(100), CancellationToken::new())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let agents = Folder::read(&config.agents_dir).agents();
        let server = Server::open(&config, agents, listener, Options::default()).await.unwrap();
        Self { vendors, line, server, at, url: format!("http://{at}"), folder, client, config }
    }

    /// The certificate in force.
    pub(crate) fn tls(&self) -> Option<&trunkline::http::Tls> {
        self.config.tls.as_ref()
    }

    /// How many calls the server knows.
    pub(crate) async fn switchboard_calls(&self) -> usize {
        self.get("/api/calls").await["items"].as_array().unwrap().len()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A request of a developer.
    pub(crate) fn developer(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{target}", self.at)).bearer_auth(API_TOKEN)
    }

    /// A request of anybody, straight to where the server is.
    pub(crate) fn anybody(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{target}", self.at))
    }

    pub(crate) async fn get(&self, target: &str) -> Value {
        self.developer(Method::GET, target).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn document(&self, call_sid: &str) -> Value {
        self.get(&format!("/api/calls/{call_sid}")).await
    }

    pub(crate) async fn post_json(&self, target: &str, body: &Value) -> Response {
        self.developer(Method::POST, target).json(body).send().await.unwrap()
    }

    /// Starts a call of the quick agent in `mode`, with `more` fields.
    pub(crate) async fn start(&self, mode: &str, more: Value) -> String {
        let mut body = json!({"agent_type": QUICK, "phone": PHONE, "mode": mode});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let answer = self.post_json("/start-call", &body).await;
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        answer["call_sid"].as_str().unwrap_or_else(|| panic!("{status} {answer}")).to_owned()
    }

    /// A whole call of the quick agent: how it was for the caller, and what the server says of it.
    pub(crate) async fn call(&self, mode: &str, more: Value, script: Script) -> (Arc<CallReport>, Value) {
        self.line.answer_next(script);
        let call_sid = self.start(mode, more).await;
        self.ended(&call_sid).await
    }

    /// Somebody calls us.
    pub(crate) async fn inbound(&self, query: &str, script: Script) -> (Arc<CallReport>, Value) {
        self.ended(&self.line.place(self.incoming(query, script))).await
    }

    /// A call to us.
    pub(crate) fn incoming(&self, query: &str, script: Script) -> Inbound {
        Inbound {
            url: format!("{}/voice{query}", self.url),
            status_callback: Some(format!("{}/call-status", self.url)),
            from: PHONE.to_owned(),
            to: NUMBER.to_owned(),
            script: Some(script),
        }
    }

    /// Waits until the call is over on both sides.
    pub(crate) async fn ended(&self, call_sid: &str) -> (Arc<CallReport>, Value) {
        let mut events = self.line.events();
        let Ok(report) = tokio::time::timeout(PATIENCE, self.line.report(call_sid)).await else {
            let mut told = Vec::new();
            while let Ok(event) = events.try_recv() {
                told.push(format!("{} {:?}", event.at_ms, event.what));
            }
            panic!("the call does not end: {:#}\n{told:#?}", self.document(call_sid).await);
        };
        let report = report.unwrap();
        let document = self.until(call_sid, |document| !document["ended_at"].is_null()).await;
        (report, document)
    }

    /// The call's document, once it is as wanted.
    pub(crate) async fn until(&self, call_sid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.document(call_sid).await;
                if wanted(&last) {
                    return;
                }
            }
        });
        let outcome = waited.await;
        assert!(outcome.is_ok(), "the document stayed {last:#}");
        last
    }

    /// A webhook of Twilio's, signed over the public URL.
    pub(crate) async fn webhook(&self, target: &str, params: &[(&str, &str)]) -> (u16, String) {
        self.webhook_with(target, params, None).await
    }

    /// The same with an idempotency token.
    pub(crate) async fn webhook_with(
        &self,
        target: &str,
        params: &[(&str, &str)],
        idempotency: Option<&str>,
    ) -> (u16, String) {
        let signature = sign(AUTH_TOKEN, &format!("{}{target}", self.url), params);
        let host = self.url.split_once("://").unwrap().1;
        let mut request = self.anybody(Method::POST, target).form(params).header("Host", host);
        request = request.header("X-Twilio-Signature", signature);
        if let Some(token) = idempotency {
            request = request.header("I-Twilio-Idempotency-Token", token);
        }
        let answer = within(request.send()).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// Passes plain bytes on over TLS.
pub(crate) async fn tunnel(to: SocketAddr, client: TlsConnector) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                let socket = TcpStream::connect(to).await.unwrap();
                let Ok(mut tls) =
                    client.connect(rustls::pki_types::ServerName::try_from(CERTIFIED).unwrap(), socket).await
                else {
                    return;
                };
                tokio::io::copy_bidirectional(&mut plain, &mut tls).await.ok();
            });
        }
    });
    at
}

/// `X-Twilio-Signature` over a URL and the parameters of a POST.
pub(crate) fn sign(token: &str, url: &str, params: &[(&str, &str)]) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut sorted = params.to_vec();
    sorted.sort_unstable();
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Nothing in these tests takes longer.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// A caller who says these things one after the other, each when the agent has finished.
pub(crate) fn caller(says: &[&str]) -> Script {
    let steps = says
        .iter()
        .flat_map(|text| {
            let says = match *text {
                "(nothing)" => Step::Silence(60_000),
                "(hangs up)" => Step::HangUp,
                key if key.len() == 1 => Step::Press(key.chars().next().unwrap()),
                text => Step::Say(text.to_owned()),
            };
            [Step::WaitForAgent { quiet_ms: 300 }, says]
        })
        .collect();
    Script { name: says.join(" | "), steps }
}

/// The built-in recordings, and one for each of these texts and for "English", named by the text itself.
pub(crate) fn phrases<'a>(texts: impl IntoIterator<Item = &'a str>) -> Arc<PhraseBook> {
    let mut book = (*PhraseBook::built_in()).clone();
    for text in texts.into_iter().chain(["English"]) {
        book.add(Recording::of_text(text, "", text, voice(text)));
    }
    Arc::new(book)
}

/// The sound of a text: pieces of the built-in recordings, 55 ms a letter, with the last bits changed, so that its bytes are its own.
fn voice(text: &str) -> Bytes {
    use rand::{Rng as _, SeedableRng as _};
    let seed = text.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    let book = PhraseBook::built_in();
    let spoken: Vec<_> = book.recordings().iter().filter(|recording| !recording.text.is_empty()).collect();
    let first = chance.random_range(0..spoken.len());
    let sound = spoken.iter().cycle().skip(first).flat_map(|recording| recording.audio.iter());
    sound.take(text.chars().count().max(8) * 55 * 8).map(|byte| byte ^ u8::from(chance.random_bool(0.5))).collect()
}

/// The quick agent's file. `top` is put at its top.
pub(crate) fn quick_agent(top: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server");
    let rest = std::fs::read_to_string(folder.join("quick.toml")).unwrap();
    format!("{top}\n{rest}")
}

/// The TwiML's first attribute of that name.
pub(crate) fn attribute(twiml: &str, name: &str) -> Option<String> {
    let value = twiml.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}

/// The name in the certificate of a house that speaks TLS.
pub(crate) const CERTIFIED: &str = "voice.example.in";
const PATIENCE: Duration = Duration::from_secs(60);

//! Several servers, each the real program in a process of its own, behind one balancer; one simulated Twilio and one set of vendors.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline::simulator::caller::{CallReport, Script};
use trunkline::simulator::twilio::{FarEnd, FarEndConfig};
use trunkline::simulator::vendors::{Vendors, VendorsConfig};

use crate::house::{ACCOUNT_SID, API_TOKEN, AUTH_TOKEN, NUMBER, PHONE, QUICK, phrases, quick_agent, sign, within};

pub(crate) struct Town {
    pub(crate) vendors: Vendors,
    pub(crate) line: FarEnd,
    pub(crate) balancer: Balancer,
    instances: Vec<Instance>,
    folder: TempDir,
    mongodb: Option<(String, String)>,
    client: reqwest::Client,
}

struct Instance {
    child: Option<Child>,
    at: SocketAddr,
}

impl Town {
    /// So many servers with a folder each, and one MongoDB database for all where there is one.
    pub(crate) async fn open<const N: usize>(servers: usize, mongodb: Option<String>, words: [&str; N]) -> Self {
        let book = phrases(words);
        let vendors = VendorsConfig { phrases: book.clone(), ..VendorsConfig::default() };
        let vendors = Vendors::start(vendors).await.unwrap();
        let balancer = Balancer::start().await;
        let mut line = FarEndConfig::new(ACCOUNT_SID, AUTH_TOKEN, Some(balancer.at));
        line.phrases = book;
        line.agent_words = Some(vendors.spoken());
        let line = FarEnd::start(line).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("agents")).unwrap();
        std::fs::write(folder.path().join("agents/quick.toml"), quick_agent("")).unwrap();
        let mongodb = mongodb.map(|uri| (uri, format!("survive-{:08x}", rand::random::<u32>())));
        let client = reqwest::Client::new();
        let mut town = Self { vendors, line, balancer, instances: Vec::new(), folder, mongodb, client };
        for n in 0..servers {
            let instance = town.launch(n);
            town.balancer.targets.lock().unwrap().push(instance.at);
            town.instances.push(instance);
            town.ready(n).await;
        }
        town
    }

    fn launch(&self, n: usize) -> Instance {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command
            .arg("serve")
            .current_dir(self.folder.path())
            .env_clear()
            .envs([
                ("LISTEN", "127.0.0.1:0"),
                ("LOG_FORMAT", "json"),
                ("RUST_LOG", "info"),
                ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
                ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
                ("TWILIO_PHONE_NUMBER", NUMBER),
                ("API_TOKEN", API_TOKEN),
                ("ELEVENLABS_API_KEY", "stand-in"),
                ("GEMINI_API_KEY", "stand-in"),
            ])
            .env("TWILIO_API_URL", self.line.url())
            .env("ELEVENLABS_API_URL", self.vendors.url())
            .env("GEMINI_API_URL", self.vendors.url())
            .env("PUBLIC_URL", format!("http://{}", self.balancer.at))
            .env("AGENTS_DIR", path("agents"))
            .env("AUDIO_DIR", path(&format!("audio-{n}")))
            .env("DATA_DIR", path(&format!("data-{n}")));
        if let Some((uri, database)) = &self.mongodb {
            command.env("MONGODB_URI", uri).env("MONGODB_DATABASE", database);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let at = loop {
            let Some(Ok(line)) = lines.next() else { panic!("it did not start:\n{}", said.join("\n")) };
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "listening" {
                break event["address"].as_str().unwrap().parse().unwrap();
            }
            said.push(line);
        };
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Shown where the test fails, or with --nocapture.
                if line.contains("WARN") || line.contains("ERROR") {
                    eprintln!("instance {n}: {line}");
                }
            }
        });
        Instance { child: Some(child), at }
    }

    async fn ready(&self, n: usize) {
        let at = self.instances[n].at;
        within(async {
            while !self.client.get(format!("http://{at}/readyz")).send().await.is_ok_and(|it| it.status().is_success())
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, n: usize) {
        let mut child = self.instances[n].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, on its files.
    pub(crate) async fn restart(&mut self, n: usize) {
        let instance = self.launch(n);
        self.balancer.targets.lock().unwrap()[n] = instance.at;
        self.instances[n] = instance;
    }

    /// Starts a call of the quick agent through the balancer.
    pub(crate) async fn start(&self, mode: &str, script: Script) -> String {
        self.line.answer_next(script);
        let body = json!({"agent_type": QUICK, "phone": PHONE, "mode": mode});
        let url = format!("http://{}/start-call", self.balancer.at);
        let answer = self.client.post(url).bearer_auth(API_TOKEN).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["call_sid"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub(crate) async fn report(&self, call_sid: &str) -> Arc<CallReport> {
        within(self.line.report(call_sid)).await.unwrap()
    }

    async fn get(&self, n: usize, target: &str) -> Value {
        let url = format!("http://{}{target}", self.instances[n].at);
        self.client.get(url).bearer_auth(API_TOKEN).send().await.unwrap().json().await.unwrap()
    }

    /// What an instance says of calls.
    pub(crate) async fn documents(&self, n: usize, calls: &[String]) -> HashMap<String, Value> {
        let mut documents = HashMap::new();
        for call_sid in calls {
            documents.insert(call_sid.clone(), self.get(n, &format!("/api/calls/{call_sid}")).await);
        }
        documents
    }

    /// The call's document once it is over, as an instance shows it.
    pub(crate) async fn ended(&self, n: usize, call_sid: &str) -> Value {
        within(async {
            loop {
                let document = self.get(n, &format!("/api/calls/{call_sid}")).await;
                if !document["ended_at"].is_null() {
                    return document;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// A webhook of Twilio's about a call, straight to one instance: the answer.
    pub(crate) async fn webhook(&self, n: usize, target: &str, call_sid: &str, more: &[(&str, &str)]) -> String {
        let mut params = vec![("CallSid", call_sid), ("AccountSid", ACCOUNT_SID), ("From", PHONE), ("To", NUMBER)];
        params.extend([("Direction", "inbound"), ("CallStatus", "in-progress")]);
        params.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        params.extend(more);
        let url = format!("http://{}{target}", self.balancer.at);
        let request = self.client.post(format!("http://{}{target}", self.instances[n].at)).form(&params);
        let request = request.header("X-Twilio-Signature", sign(AUTH_TOKEN, &url, &params));
        let answer = within(request.send()).await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{target}: {status} {text}");
        text
    }

    /// The call's document, once an instance shows it as wanted.
    pub(crate) async fn until(&self, n: usize, call_sid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                last = self.get(n, &format!("/api/calls/{call_sid}")).await;
                if wanted(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "instance {n} stays with {last:#}");
        last
    }

    /// What an instance says of itself.
    pub(crate) async fn readiness(&self, n: usize) -> Value {
        self.get(n, "/readyz").await
    }

    /// The name of the database of all instances.
    pub(crate) fn database(&self) -> &str {
        &self.mongodb.as_ref().unwrap().1
    }

    pub(crate) async fn collected(&self, n: usize) -> Value {
        self.get(n, "/api/collected").await
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in self.instances.iter_mut().filter_map(|instance| instance.child.as_mut()) {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

pub(crate) fn call_sids(list: &Value) -> BTreeSet<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["call_sid"].as_str().unwrap()).collect()
}

/// One address for all servers: each request goes to one of them, and to another, or a little later, where that one is gone.
pub(crate) struct Balancer {
    pub(crate) at: SocketAddr,
    targets: Arc<Mutex<Vec<SocketAddr>>>,
    /// [`ALTERNATE`], or who gets everything.
    first: Arc<AtomicUsize>,
}

impl Balancer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let targets: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let first = Arc::new(AtomicUsize::new(0));
        let (known, wanted) = (targets.clone(), first.clone());
        tokio::spawn(async move {
            let mut count = 0;
            while let Ok((stream, _)) = listener.accept().await {
                count += 1;
                let first = match wanted.load(Ordering::Relaxed) {
                    ALTERNATE => count,
                    one => one,
                };
                tokio::spawn(carry(stream, known.clone(), first));
            }
        });
        Self { at, targets, first }
    }

    pub(crate) fn alternate(&self) {
        self.first.store(ALTERNATE, Ordering::Relaxed);
    }

    pub(crate) fn only(&self, n: usize) {
        self.first.store(n, Ordering::Relaxed);
    }
}

const ALTERNATE: usize = usize::MAX;

/// Carries one request, or one socket. A server that is gone before its first byte is passed over, as proxies do: the request was lost
/// with it, and each webhook may be repeated.
async fn carry(mut from: TcpStream, targets: Arc<Mutex<Vec<SocketAddr>>>, first: usize) {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if from.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0").parse().unwrap_or(0);
    while request.len() < head + length {
        if from.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if !text.contains("upgrade: websocket") {
        // A connection carries one request, so that the next may go elsewhere.
        let line = text.find("\r\n").unwrap() + 2;
        request.splice(line..line, *b"connection: close\r\n");
    }
    for n in 0..400 {
        let target = {
            let targets = targets.lock().unwrap();
            targets[(first + n) % targets.len()]
        };
        if let Ok(mut to) = TcpStream::connect(target).await {
            to.set_nodelay(true).ok();
            let mut answer = Vec::new();
            if to.write_all(&request).await.is_ok() && to.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {
                if from.write_all(&answer).await.is_ok() {
                    tokio::io::copy_bidirectional(&mut from, &mut to).await.ok();
                }
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

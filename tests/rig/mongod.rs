//! A private MongoDB server, a replica set of one, for tests that kill and freeze it. It fails loudly where none can be had, and
//! never outlives the test program, however that ends: a shell holds it and kills it when our end of a pipe closes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tokio::sync::OnceCell;

/// A server and its files.
#[derive(Debug)]
pub struct Mongod {
    port: u16,
    dir: PathBuf,
    running: Option<Running>,
    initiated: bool,
}

#[derive(Debug)]
struct Running {
    shell: Child,
    pid: String,
}

impl Mongod {
    /// A server that takes writes.
    pub async fn start() -> Self {
        let mut mongod = Self::not_yet_started();
        mongod.restart().await;
        mongod
    }

    /// The place of a server that [`Self::restart`] will start: until then its port refuses.
    pub fn not_yet_started() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::Builder::new().prefix("trunkline-mongod-").tempdir().unwrap().keep();
        Self { port, dir, running: None, initiated: false }
    }

    /// Where it listens.
    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", self.port)
    }

    /// A client of its own, bounded at 10 s.
    pub async fn client(&self) -> Client {
        connect(&self.uri()).await
    }

    /// A database of it.
    pub async fn database(&self, name: &str) -> Database {
        self.client().await.database(name)
    }

    /// One server for all gentle tests of this program; each takes a database of its own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Mongod> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts it, on the files of the last time if there was one; returns once it is primary.
    pub async fn restart(&mut self) {
        let log = self.launch();
        if self.initiated {
            // A set that knows its only member may elect it before it listens, or after.
            wait_for(&log, &[LISTENS, IS_PRIMARY]);
        } else {
            wait_for(&log, &[LISTENS]);
            self.initiate(doc! { "_id": "rs0", "members": [{ "_id": 0, "host": self.host() }] }).await;
            wait_for(&log, &[IS_PRIMARY]);
        }
    }

    async fn initiate(&mut self, set: Document) {
        let admin = self.direct().await.database("admin");
        admin.run_command(doc! { "replSetInitiate": set }).await.expect("the replica set starts");
        self.initiated = true;
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A client of this member alone.
    async fn direct(&self) -> Client {
        connect(&format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)).await
    }

    /// Starts the program; what it says.
    fn launch(&mut self) -> Receiver<String> {
        assert!(self.running.is_none(), "it is running");
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(
                // An interrupt goes to the whole process group; this shell stays to clear up.
                r#"trap '' HUP INT TERM
                dir=$1; shift
                "$@" < /dev/null 2>&1 & pid=$!
                echo "pid $pid"
                read -r word || word=
                kill -9 $pid 2> /dev/null; wait $pid 2> /dev/null
                [ "$word" = keep ] || rm -rf "$dir""#,
            )
            .arg("sh")
            .arg(&self.dir)
            .arg(program())
            .args(["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", &self.port.to_string(), "--dbpath"])
            .arg(&self.dir)
            .args(["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"])
            .args(["--setParameter", "enableTestCommands=1", "--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let output = shell.stdout.take().unwrap();
        let (lines, log) = sync_channel(100);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver may be gone; the pipe must be emptied all the same.
                lines.send(line).ok();
            }
        });
        let pid = log.recv_timeout(PATIENCE).expect("the shell says the server's pid");
        self.running = Some(Running { shell, pid: pid.trim_start_matches("pid ").to_owned() });
        log
    }

    /// Kills it with SIGKILL; its files stay.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("it is running");
        running.shell.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        running.shell.wait().unwrap();
    }

    /// SIGSTOP: sockets stay open, nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = &self.running.as_ref().expect("it is running").pid;
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {pid}")).status().unwrap();
        assert!(sent.success(), "kill -{signal} {pid}");
    }
}

/// A replica set of three, that elects quickly.
#[derive(Debug)]
pub struct Set {
    members: Vec<Mongod>,
}

impl Set {
    /// A set that takes writes.
    pub async fn start() -> Self {
        let mut members: Vec<Mongod> = (0..3).map(|_| Mongod::not_yet_started()).collect();
        let logs: Vec<_> = members.iter_mut().map(Mongod::launch).collect();
        for log in logs {
            // Dropped then: one that nobody reads stops the server once it is full.
            wait_for(&log, &[LISTENS]);
        }
        let hosts = members.iter().enumerate().map(|(n, member)| doc! { "_id": n as i32, "host": member.host() });
        let settings = doc! { "electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 200 };
        let set = doc! { "_id": "rs0", "members": hosts.collect::<Vec<_>>(), "settings": settings };
        members[0].initiate(set).await;
        let set = Self { members };
        set.primary().await;
        set.all_up(3).await;
        set
    }

    /// All members.
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self.members.iter().map(Mongod::host).collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    }

    /// A client of the set.
    pub async fn client(&self) -> Client {
        connect(&self.uri()).await
    }

    /// Which member is primary, once one is.
    pub async fn primary(&self) -> usize {
        let looking = tokio::time::timeout(PATIENCE, async {
            loop {
                for n in 0..self.members.len() {
                    if self.hello(n).await.get_bool("isWritablePrimary").unwrap_or(false) {
                        return n;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        looking.await.expect("a member is elected")
    }

    async fn hello(&self, n: usize) -> Document {
        let member = &self.members[n];
        if member.running.is_none() {
            return Document::new();
        }
        let admin = member.direct().await.database("admin");
        admin.run_command(doc! { "hello": 1 }).await.unwrap_or_default()
    }

    /// Returns once so many members hold the data.
    async fn all_up(&self, members: usize) {
        let up = |hello: &Document| {
            ["isWritablePrimary", "secondary"].iter().any(|role| hello.get_bool(role).unwrap_or(false))
        };
        let looking = tokio::time::timeout(PATIENCE, async {
            loop {
                let mut count = 0;
                for n in 0..self.members.len() {
                    count += usize::from(up(&self.hello(n).await));
                }
                if count >= members {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        looking.await.expect("the members catch up");
    }

    /// The primary gives its place to another, which is waited for; the old one and the new.
    pub async fn step_down(&self) -> (usize, usize) {
        let old = self.primary().await;
        let admin = self.members[old].direct().await.database("admin");
        // It may close connections as it goes, this one too.
        if let Err(error) = admin.run_command(doc! { "replSetStepDown": 30, "secondaryCatchUpPeriodSecs": 5 }).await {
            assert!(!matches!(*error.kind, ErrorKind::Command(_)), "it does not step down: {error}");
        }
        (old, self.primary().await)
    }

    /// Kills the primary with SIGKILL, and waits until another member is; the old one and the new.
    pub async fn kill_primary(&mut self) -> (usize, usize) {
        let old = self.primary().await;
        self.members[old].kill();
        (old, self.primary().await)
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        match self.running.take() {
            Some(mut running) => {
                drop(running.shell.stdin.take());
                running.shell.wait().ok();
            }
            None => {
                std::fs::remove_dir_all(&self.dir).ok();
            }
        }
    }
}

/// Reads the server's log until it has said all of these, in whatever order.
fn wait_for(log: &Receiver<String>, all: &[&str]) {
    let mut missing = all.to_vec();
    let mut last = VecDeque::new();
    while !missing.is_empty() {
        match log.recv_timeout(PATIENCE) {
            Ok(line) => {
                missing.retain(|words| !line.contains(words));
                last.push_back(line);
                if last.len() > 30 {
                    last.pop_front();
                }
            }
            Err(why) => panic!("mongod did not say {missing:?} ({why}); it said:\n{}", Vec::from(last).join("\n")),
        }
    }
}

async fn connect(uri: &str) -> Client {
    let mut options = ClientOptions::parse(uri).await.unwrap();
    options.server_selection_timeout = Some(Duration::from_secs(10));
    options.connect_timeout = Some(Duration::from_secs(10));
    Client::with_options(options).unwrap()
}

/// The server to start: `TRUNKLINE_TEST_MONGOD`, or the pinned one, fetched now if `make test` has not.
#[expect(clippy::disallowed_methods, reason = "the roof of a test")]
fn program() -> PathBuf {
    if let Some(own) = std::env::var_os("TRUNKLINE_TEST_MONGOD") {
        return own.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fetched = Command::new(root.join("scripts/get-mongod")).stdin(Stdio::null()).status();
    assert!(
        fetched.as_ref().is_ok_and(std::process::ExitStatus::success),
        "no MongoDB server for this test: scripts/get-mongod failed ({fetched:?})"
    );
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("mongo/mongod")
}

const LISTENS: &str = "Waiting for connections";
const IS_PRIMARY: &str = "Transition to primary complete";
const PATIENCE: Duration = Duration::from_secs(60);

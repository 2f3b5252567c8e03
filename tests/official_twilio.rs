//! Our signatures beside those of the official `twilio` package for Python: 200 requests by chance of a fixed seed, in both
//! directions. Makes its own Python environment under `target/python`; where that cannot be had, it fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use trunkline::twilio::signature::{
    Content, SignedRequest, Verifier, body_sha256, candidates, compute, compute_sha256,
};

const PACKAGE: &str = "twilio";
const VERSION: &str = "9.13.0";
const REQUESTS: usize = 200;

/// A request Twilio might send, and whether it is signed as it should be.
struct Request {
    token: String,
    public_url: &'static str,
    target: String,
    params: Vec<(String, String)>,
    body: Option<String>,
    sha256: bool,
    websocket: bool,
    forged: bool,
}

impl Request {
    fn by_chance(chance: &mut StdRng) -> Self {
        let publics = [
            "https://voice.example.in",
            "https://voice.example.in:8443",
            "https://voice.example.in:443",
            "http://127.0.0.1:8080",
            "https://example.in/trunk",
        ];
        let kind = chance.random_range(0..10);
        let body = (kind == 0).then(|| words(chance, 40));
        let websocket = kind == 1;
        let params = match kind {
            0..=2 => Vec::new(),
            _ => (0..chance.random_range(1..30))
                .map(|_| {
                    let name = names().choose(chance).copied().unwrap_or("X");
                    (name.to_owned(), words(chance, 24))
                })
                .collect(),
        };
        let paths = ["/voice", "/process-response", "/call-status", "/a/b%20c/"];
        let mut target = paths.choose(chance).copied().unwrap_or("/").to_owned();
        match &body {
            Some(body) => target.push_str(&format!("?bodySHA256={}", body_sha256(body.as_bytes()))),
            None if websocket => {}
            None if chance.random_bool(0.5) => {
                target.push_str("?agent_type=LOGISTICS&b=%2B91+x&a=%E0%A4%B9");
            }
            None => {}
        }
        Self {
            token: format!("{:032x}", chance.random::<u128>()),
            public_url: publics.choose(chance).copied().unwrap_or(publics[0]),
            target,
            params,
            body,
            sha256: chance.random_bool(0.2),
            websocket,
            forged: chance.random_bool(0.3),
        }
    }

    fn urls(&self) -> Vec<String> {
        candidates(self.public_url, &self.target, self.websocket)
    }

    fn computed(&self, url: &str) -> String {
        let sign = if self.sha256 { compute_sha256 } else { compute };
        sign(self.token.as_bytes(), url, &self.params)
    }

    /// Signed over one of the URLs the official validator tries, or forged.
    fn signature(&self, chance: &mut StdRng) -> String {
        let urls = self.urls();
        // The official validator knows the plain URL and the one with, or without, its port.
        let known: Vec<_> = if self.websocket { vec![&urls[0]] } else { urls.iter().collect() };
        let url = known.choose(chance).expect("a URL");
        if !self.forged {
            return self.computed(url);
        }
        match chance.random_range(0..3) {
            0 => self.computed(&format!("{url}x")),
            1 => compute(b"another token", url, &self.params),
            _ => self.computed(url).to_lowercase(),
        }
    }

    fn algorithm(&self) -> &'static str {
        if self.sha256 { "HMAC_SHA256" } else { "HMAC_SHA1" }
    }

    fn accepted_by_us(&self, signature: &str) -> bool {
        let settings = format!("key=webhooks_sharedkey_1,algorithm={}", self.algorithm());
        let content = match &self.body {
            Some(body) => Content::Body(body.as_bytes()),
            None if self.params.is_empty() => Content::Nothing,
            None => Content::Form(&self.params),
        };
        Verifier::new([self.token.as_str()])
            .verify(&SignedRequest { urls: &self.urls(), content, signature, settings: Some(&settings) })
            .is_ok()
    }
}

#[test]
fn the_official_package_agrees_in_both_directions() {
    let mut chance = StdRng::seed_from_u64(20_261_123);
    let requests: Vec<_> = (0..REQUESTS).map(|_| Request::by_chance(&mut chance)).collect();
    let signatures: Vec<_> = requests.iter().map(|r| r.signature(&mut chance)).collect();
    let questions = requests.iter().zip(&signatures).map(|(request, signature)| {
        json!({
            "token": request.token,
            "url": request.urls()[0],
            "params": request.params,
            "body": request.body,
            "algorithm": request.algorithm(),
            "signature": signature,
        })
    });
    let answers = asked(&python(), questions);
    assert_eq!(answers.len(), REQUESTS);

    let mut accepted = 0;
    for ((request, signature), answer) in requests.iter().zip(&signatures).zip(&answers) {
        let url = &request.urls()[0];
        assert_eq!(answer["version"], VERSION);
        assert_eq!(answer["computed"], request.computed(url), "{url}");
        assert_eq!(answer["valid"], request.accepted_by_us(signature), "{url}");
        assert_eq!(answer["valid"], !request.forged, "{url}");
        let theirs = answer["computed"].as_str().expect("a signature");
        assert!(request.accepted_by_us(theirs), "{url}");
        accepted += usize::from(!request.forged);
    }
    assert!(accepted > REQUESTS / 2 && accepted < REQUESTS, "{accepted}");
}

fn names() -> &'static [&'static str] {
    &[
        "AccountSid",
        "CallSid",
        "From",
        "To",
        "SpeechResult",
        "Digits",
        "Caller",
        "CallerName",
        "callToken",
        "MediaUrl",
        "MediaUrl",
        "Confidence",
        "हिन्दी",
        "a b",
        "",
    ]
}

fn words(chance: &mut StdRng, most: usize) -> String {
    const LETTERS: &[char] = &[
        'a', 'B', 'z', '0', '9', ' ', '+', '&', '=', '%', '\'', '"', '<', '/', '?', '#', '.', 'é', 'ह', 'ा', 'र', '₹',
        '𝄞', '\n',
    ];
    (0..chance.random_range(0..=most)).filter_map(|_| LETTERS.choose(chance)).collect()
}

fn asked(python: &Path, questions: impl Iterator<Item = Value>) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/twilio_validator.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the environment's Python starts");
    let text: String = questions.map(|question| format!("{question}\n")).collect();
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("Python ends");
    writer.join().expect("no panic").expect("Python reads");
    assert!(output.status.success(), "the script failed");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The Python of an environment that has the package. Made once; a half-made one is made again.
fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/twilio");
    let python = home.join("bin/python");
    let ready = Command::new(&python)
        .args(["-c", "import importlib.metadata as m; import twilio.request_validator; print(m.version('twilio'))"])
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == VERSION.as_bytes());
    if !ready {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
        // The validator needs nothing but the standard library, so the package's own needs are left out.
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"])
            .arg(format!("{PACKAGE}=={VERSION}")));
    }
    python
}

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?} did not start ({error}): this test needs python3 with venv"));
    assert!(status.success(), "{command:?} failed: this test needs python3 with venv, and PyPI");
}

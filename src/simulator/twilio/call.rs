//! One call: rings, fetches documents, carries out their verbs, reports how it went.
//!
//! Its clock is real time plus what was skipped where `real_time` is off. The verbs follow Twilio's documentation; the socket is in
//! [`super::stream`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::courier::Answer as Reply;
use super::document::{self, Element};
use super::stream::{self, StreamEnd};
use super::{Answer, Command, Happening, Order, Shared};
use crate::simulator::caller::{CallEnd, CallReport, Caller, Input, Line, Party, Recorder, Webhook};

/// A call that is going on.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) sid: String,
    order: Order,
    pub(super) caller: Caller,
    pub(super) recorder: Recorder,
    pub(super) commands: mpsc::Receiver<Command>,
    began: Instant,
    skipped: Duration,
    pub(super) answered: Option<Duration>,
    status: &'static str,
    /// Status callbacks on their way, and one that disorder holds back.
    callbacks: JoinSet<Webhook>,
    held: Option<(String, Vec<(String, String)>)>,
    sequence: u32,
    documents: u32,
    requests: u32,
}

/// What a verb leads to.
pub(super) enum Next {
    /// The next verb.
    Verb,
    Fetch {
        url: String,
        method: String,
        params: Vec<(String, String)>,
    },
    Document(String),
    End(CallEnd, &'static str),
}

impl Call {
    pub(super) fn new(
        shared: Arc<Shared>,
        sid: String,
        order: Order,
        caller: Caller,
        recorder: Recorder,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            shared,
            sid,
            order,
            caller,
            recorder,
            commands,
            began: Instant::now(),
            skipped: Duration::ZERO,
            answered: None,
            status: "queued",
            callbacks: JoinSet::new(),
            held: None,
            sequence: 0,
            documents: 0,
            requests: 0,
        }
    }

    /// Carries the call to its end.
    pub(super) async fn run(mut self) -> CallReport {
        let (end, status) = self.live().await;
        self.status(status, "completed");
        self.release_held();
        while let Some(webhook) = self.callbacks.join_next().await {
            self.recorder.webhook(webhook.unwrap_or_else(|_| unsent()));
        }
        let now = self.now();
        self.shared.tell(&self.sid, now.as_millis() as u64, Happening::Ended);
        let missed = self.caller.missed();
        let mut report = self.recorder.finish(status, end, self.answered.map(ms), ms(now));
        report.missed_steps = missed;
        report
    }

    async fn live(&mut self) -> (CallEnd, &'static str) {
        let outbound = self.order.direction != "inbound";
        if outbound {
            self.status("queued", "initiated");
        }
        self.status("ringing", "ringing");
        let answer = if outbound { self.shared.config.answer } else { Answer::Yes { after_ms: 0 } };
        match answer {
            Answer::Busy => return (CallEnd::NotAnswered, "busy"),
            Answer::Failed => return (CallEnd::NotAnswered, "failed"),
            Answer::NoAnswer => return (CallEnd::NotAnswered, "no-answer"),
            Answer::Yes { after_ms } => {
                let ringing = tokio::time::sleep(Duration::from_millis(after_ms));
                tokio::select! {
                    () = ringing => {}
                    command = self.commands.recv() => match command {
                        Some(Command::CallerHangsUp) => return (CallEnd::NotAnswered, "no-answer"),
                        Some(Command::Cancel | Command::Complete | Command::Twiml(_) | Command::Url { .. }) | None => {
                            return (CallEnd::Api, "canceled");
                        }
                    },
                }
            }
        }
        // An inbound call is answered by its first document; the webhook still says `ringing`.
        if outbound {
            self.answered = Some(self.now());
            self.status("in-progress", "answered");
        }
        let mut next = match self.order.twiml.take() {
            Some(twiml) => Next::Document(twiml),
            None => Next::Fetch { url: self.order.url.clone(), method: self.order.method.clone(), params: Vec::new() },
        };
        let mut current = self.order.url.clone();
        loop {
            self.documents += 1;
            if self.documents > DOCUMENT_LIMIT {
                self.note(0, format!("more than {DOCUMENT_LIMIT} documents"));
                return (CallEnd::Error, "completed");
            }
            let text = match next {
                Next::Document(text) => text,
                Next::Fetch { url, method, params } => {
                    current = absolute(&current, &url);
                    match self.document(&method, &current.clone(), params).await {
                        Ok(text) => text,
                        Err(()) => {
                            return (CallEnd::Error, if self.answered.is_some() { "completed" } else { "failed" });
                        }
                    }
                }
                Next::End(end, status) => return (end, status),
                Next::Verb => return (CallEnd::Agent, "completed"),
            };
            if self.answered.is_none() {
                self.answered = Some(self.now());
                self.status("in-progress", "answered");
            }
            next = match document::read(&text) {
                Ok(root) => {
                    for warning in document::warnings(&root) {
                        self.note(warning.code, warning.text);
                    }
                    self.carry_out(&root, &current).await
                }
                Err(refusal) => {
                    self.note(refusal.code, refusal.text);
                    return (CallEnd::Error, "completed");
                }
            };
        }
    }

    /// Fetches a document, or notes why there is none.
    async fn document(&mut self, method: &str, url: &str, params: Vec<(String, String)>) -> Result<String, ()> {
        let reply = self.request(method, url, params).await;
        if reply.status == 0 {
            self.note(11_205, format!("{url}: {}", String::from_utf8_lossy(&reply.body)));
            return Err(());
        }
        if !(200..300).contains(&reply.status) {
            self.note(if reply.status >= 400 { 11_217 } else { 11_200 }, format!("{url} answered {}", reply.status));
            return Err(());
        }
        let kind = reply.content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), "text/xml" | "application/xml" | "text/html") {
            self.note(12_300, format!("{url} answered content type '{}'", reply.content_type));
            return Err(());
        }
        String::from_utf8(reply.body).map_err(|_| self.note(12_100, format!("{url} answered bytes that are not UTF-8")))
    }

    /// Sends a webhook with the standard parameters and writes it down.
    pub(super) async fn request(&mut self, method: &str, url: &str, extra: Vec<(String, String)>) -> Reply {
        let mut params = self.standard();
        params.extend(extra);
        self.requests += 1;
        let idempotency = format!("{}-{}", self.sid, self.requests);
        let at_ms = ms(self.now());
        let reply = self.shared.courier.send(method, url, &params, &idempotency).await;
        self.recorder.webhook(webhook(at_ms, method, url, params, &reply));
        reply
    }

    fn standard(&self) -> Vec<(String, String)> {
        let (to, from) = (self.order.to.as_str(), self.order.from.as_str());
        let mut params: Vec<(&str, &str)> = vec![
            ("AccountSid", &self.shared.config.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &self.sid),
            ("CallStatus", self.status),
            ("Called", to),
            ("Caller", from),
            ("Direction", self.order.direction),
            ("From", from),
            ("To", to),
        ];
        let places =
            ["CalledCity", "CalledState", "CalledZip", "CallerCity", "CallerState", "CallerZip", "FromCity", "ToCity"];
        params.extend(places.map(|name| (name, "")));
        params.push(("CalledCountry", "IN"));
        params.push(("FromCountry", "IN"));
        params.push(("CallToken", "%7B%22standin%22%3Atrue%7D"));
        params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The verbs of one document, until one leads away.
    async fn carry_out(&mut self, root: &Element, base: &str) -> Next {
        for verb in &root.children {
            if let Some(limit) = self.order.time_limit
                && self.answered.is_some_and(|at| self.now().saturating_sub(at) >= limit)
            {
                return Next::End(CallEnd::TimeLimit, "completed");
            }
            let next = match verb.name.as_str() {
                "Connect" => self.connect(verb).await,
                "Dial" => self.dial(verb).await,
                "Gather" => self.gather(verb, base).await,
                "Hangup" => Next::End(CallEnd::Agent, "completed"),
                "Pause" => self.pass(Duration::from_secs(verb.seconds("length", 1))).await,
                "Play" => self.play(verb, base).await,
                "Redirect" => {
                    let method = verb.attribute("method").unwrap_or("POST").to_owned();
                    Next::Fetch { url: verb.words().to_owned(), method, params: Vec::new() }
                }
                "Reject" => {
                    let busy = verb.attribute("reason") == Some("busy");
                    Next::End(CallEnd::Agent, if busy { "busy" } else { "no-answer" })
                }
                "Say" => self.say(verb).await,
                _ => Next::Verb,
            };
            if !matches!(next, Next::Verb) {
                return next;
            }
        }
        Next::Verb
    }

    async fn connect(&mut self, verb: &Element) -> Next {
        let Some(noun) = verb.children.iter().find(|child| child.name == "Stream") else {
            self.note(12_100, "<Connect> without <Stream>");
            return Next::Verb;
        };
        match stream::run(self, noun).await {
            StreamEnd::Over => {}
            StreamEnd::CallerHungUp => return Next::End(CallEnd::Caller, "completed"),
            StreamEnd::TimeLimit => return Next::End(CallEnd::TimeLimit, "completed"),
            StreamEnd::Told(command) => return told(command),
        }
        match verb.attribute("action") {
            Some(action) => {
                let method = verb.attribute("method").unwrap_or("POST").to_owned();
                Next::Fetch { url: action.to_owned(), method, params: Vec::new() }
            }
            None => Next::Verb,
        }
    }

    async fn dial(&mut self, verb: &Element) -> Next {
        let outcome = self.shared.config.dial.clone();
        let number = verb.words().to_owned();
        self.note(0, format!("dialled {number}: {}", outcome.status));
        let talked = if outcome.status == "completed" { outcome.seconds } else { 0 };
        if let Some(next) = self.wait(Duration::from_secs(talked.into())).await {
            return next;
        }
        let Some(action) = verb.attribute("action") else {
            return Next::Verb;
        };
        let params = [
            ("DialCallStatus", outcome.status.clone()),
            ("DialCallSid", self.shared.sid("CA")),
            ("DialCallDuration", talked.to_string()),
            ("DialBridged", (outcome.status == "completed").to_string()),
        ];
        Next::Fetch {
            url: action.to_owned(),
            method: verb.attribute("method").unwrap_or("POST").to_owned(),
            params: params.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        }
    }

    async fn gather(&mut self, verb: &Element, base: &str) -> Next {
        for child in &verb.children {
            let next = match child.name.as_str() {
                "Say" => self.say(child).await,
                "Play" => self.play(child, base).await,
                "Pause" => self.pass(Duration::from_secs(child.seconds("length", 1))).await,
                _ => Next::Verb,
            };
            if !matches!(next, Next::Verb) {
                return next;
            }
        }
        let wanted = verb.attribute("input").unwrap_or("dtmf");
        let timeout = Duration::from_secs(verb.seconds("timeout", 5));
        let input = match self.caller.gather() {
            Input::Speech { .. } if !wanted.contains("speech") => Input::Nothing,
            Input::Digit(_) if !wanted.contains("dtmf") => Input::Nothing,
            input => input,
        };
        let method = verb.attribute("method").unwrap_or("POST").to_owned();
        let action = verb.attribute("action").unwrap_or(base).to_owned();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        match input {
            Input::HangUp => Next::End(CallEnd::Caller, "completed"),
            Input::Nothing => {
                if let Some(next) = self.wait(timeout).await {
                    return next;
                }
                if verb.attribute("actionOnEmptyResult") == Some("true") {
                    return Next::Fetch { url: action, method, params: Vec::new() };
                }
                Next::Verb
            }
            Input::Digit(digit) => {
                let at = ms(self.now());
                self.shared.tell(&self.sid, at, Happening::Digit(digit));
                self.recorder.line(Party::Caller, &format!("[{digit}]"), at, at);
                let digits = digit.to_string();
                let finish = verb.attribute("finishOnKey").unwrap_or("#");
                let digits = if finish == digits { String::new() } else { digits };
                if verb.attribute("numDigits") != Some("1")
                    && let Some(next) = self.wait(timeout).await
                {
                    return next;
                }
                Next::Fetch { url: action, method, params: pairs(&[("Digits", &digits)]) }
            }
            Input::Speech { text, over_agent, duration_ms } => {
                let start = ms(self.now());
                let silence = verb
                    .attribute("speechTimeout")
                    .and_then(|text| text.parse().ok())
                    .map_or(timeout, Duration::from_secs);
                if let Some(url) = verb.attribute("partialResultCallback") {
                    self.partials(&absolute(base, url), &text);
                }
                if let Some(next) = self.wait(Duration::from_millis(duration_ms)).await {
                    return next;
                }
                let line = Line { who: Party::Caller, text: text.clone(), start_ms: start, end_ms: ms(self.now()) };
                self.recorder.line(line.who, &line.text, line.start_ms, line.end_ms);
                if over_agent {
                    self.note(0, "spoken over the agent");
                }
                self.shared.tell(&self.sid, line.end_ms, Happening::Said(line));
                if let Some(next) = self.wait(silence).await {
                    return next;
                }
                let language = verb.attribute("language").unwrap_or("en-US").to_owned();
                let params = [("Confidence", "0.9127"), ("Language", &language), ("SpeechResult", &text)];
                Next::Fetch { url: action, method, params: pairs(&params) }
            }
        }
    }

    /// Two partial results, the later one first on the way: their order is not promised.
    fn partials(&mut self, url: &str, text: &str) {
        let first = text.split_whitespace().next().unwrap_or("");
        for (n, partial) in [(1, text), (0, first)] {
            let mut params = self.standard();
            for (name, value) in [
                ("UnstableSpeechResult", partial),
                ("StableSpeechResult", ""),
                ("Stability", "0.9"),
                ("SequenceNumber", &n.to_string()),
            ] {
                params.push((name.to_owned(), value.to_owned()));
            }
            self.post_later(url.to_owned(), params);
        }
    }

    async fn say(&mut self, verb: &Element) -> Next {
        let text = verb.words().to_owned();
        if text.chars().count() > 4_096 {
            self.note(13_520, "<Say> of over 4096 characters");
        }
        let length = Duration::from_millis(MS_PER_CHARACTER * text.chars().count() as u64);
        self.speak(&text, length).await
    }

    async fn play(&mut self, verb: &Element, base: &str) -> Next {
        let source = verb.words().to_owned();
        if source.is_empty() {
            return Next::Verb;
        }
        let url = absolute(base, &source);
        let at_ms = ms(self.now());
        let reply = self.shared.courier.send("GET", &url, &[], &format!("{}-play", self.sid)).await;
        let mut noted = webhook(at_ms, "GET", &url, Vec::new(), &reply);
        noted.answer.clear();
        self.recorder.webhook(noted);
        if reply.status != 200 {
            self.note(11_200, format!("{url} answered {}", reply.status));
            return Next::Verb;
        }
        if !reply.content_type.starts_with("audio/") {
            self.note(13_420, format!("{url} answered content type '{}'", reply.content_type));
            return Next::Verb;
        }
        let length = length_of(&reply.body);
        let Some(length) = length else {
            self.note(13_420, format!("{url} is no MP3 or WAV"));
            return Next::Verb;
        };
        let text = title(&reply.body).unwrap_or_else(|| "[audio]".to_owned());
        self.speak(&text, length).await
    }

    /// The agent is heard for so long.
    async fn speak(&mut self, text: &str, length: Duration) -> Next {
        let start_ms = ms(self.now());
        let end = self.wait(length).await;
        let line = Line { who: Party::Agent, text: text.to_owned(), start_ms, end_ms: ms(self.now()) };
        self.recorder.line(line.who, &line.text, line.start_ms, line.end_ms);
        self.shared.tell(&self.sid, line.end_ms, Happening::Said(line));
        end.unwrap_or(Next::Verb)
    }

    async fn pass(&mut self, length: Duration) -> Next {
        self.wait(length).await.unwrap_or(Next::Verb)
    }

    /// Lets time pass, really or by moving the clock on; a command from outside ends it.
    async fn wait(&mut self, length: Duration) -> Option<Next> {
        let real = if self.shared.config.real_time { length } else { length.min(SKIPPED_PAUSE) };
        self.skipped += length - real;
        tokio::select! {
            biased;
            command = self.commands.recv() => Some(command.map_or(Next::End(CallEnd::Api, "completed"), told)),
            () = tokio::time::sleep(real) => None,
        }
    }

    /// Time since the call was placed.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed() + self.skipped
    }

    /// When, on the runtime's clock, the call's clock read zero.
    pub(super) fn origin(&self) -> Instant {
        self.began.checked_sub(self.skipped).unwrap_or(self.began)
    }

    pub(super) fn time_limit(&self) -> Option<Duration> {
        Some(self.answered? + self.order.time_limit?)
    }

    pub(super) fn note(&mut self, code: u32, text: impl Into<String>) {
        let at = ms(self.now());
        self.recorder.note(at, code, text);
    }

    /// The status changes; the callback for `event` is sent where it was asked for.
    fn status(&mut self, status: &'static str, event: &str) {
        self.status = status;
        self.shared.status(&self.sid, status);
        self.shared.tell(&self.sid, ms(self.now()), Happening::Status(status.to_owned()));
        let sequence = self.sequence;
        self.sequence += 1;
        let Some(url) = self.order.status_callback.clone() else {
            return;
        };
        if !self.order.status_events.iter().any(|wanted| wanted == event) {
            return;
        }
        let mut params = self.standard();
        params.push(("SequenceNumber".to_owned(), sequence.to_string()));
        params.push(("CallbackSource".to_owned(), "call-progress-events".to_owned()));
        params.push(("Timestamp".to_owned(), jiff::Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z").to_string()));
        if event == "completed" {
            let seconds = self.answered.map_or(0, |at| self.now().saturating_sub(at).as_secs());
            params.push(("CallDuration".to_owned(), seconds.to_string()));
            params.push(("Duration".to_owned(), seconds.div_ceil(60).to_string()));
        }
        if self.shared.config.callbacks.disorder && self.held.is_none() && event != "completed" {
            self.held = Some((url, params));
            return;
        }
        self.post_later(url, params);
        self.release_held();
    }

    fn release_held(&mut self) {
        if let Some((url, params)) = self.held.take() {
            self.post_later(url, params);
        }
    }

    /// Posts without waiting; the call's end waits.
    pub(super) fn post_later(&mut self, url: String, params: Vec<(String, String)>) {
        let times = if self.shared.config.callbacks.duplicates { 2 } else { 1 };
        self.requests += 1;
        let idempotency = format!("{}-{}", self.sid, self.requests);
        let at_ms = ms(self.now());
        for _ in 0..times {
            let (shared, url, params, idempotency) =
                (self.shared.clone(), url.clone(), params.clone(), idempotency.clone());
            self.callbacks.spawn(async move {
                let reply = shared.courier.send("POST", &url, &params, &idempotency).await;
                webhook(at_ms, "POST", &url, params, &reply)
            });
        }
        while let Some(done) = self.callbacks.try_join_next() {
            self.recorder.webhook(done.unwrap_or_else(|_| unsent()));
        }
    }
}

/// What a command from outside leads to.
fn told(command: Command) -> Next {
    match command {
        Command::CallerHangsUp => Next::End(CallEnd::Caller, "completed"),
        Command::Cancel | Command::Complete => Next::End(CallEnd::Api, "completed"),
        Command::Twiml(text) => Next::Document(text),
        Command::Url { url, method } => Next::Fetch { url, method, params: Vec::new() },
    }
}

/// Documents of one call, at most: a loop of redirects ends.
const DOCUMENT_LIMIT: u32 = 500;
/// As for the stand-in voice.
const MS_PER_CHARACTER: u64 = 60;
/// A wait that is skipped still gives the server this much.
const SKIPPED_PAUSE: Duration = Duration::from_millis(20);

fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

fn webhook(at_ms: u64, method: &str, url: &str, params: Vec<(String, String)>, reply: &Reply) -> Webhook {
    let answer = String::from_utf8_lossy(&reply.body[..reply.body.len().min(64 * 1024)]).into_owned();
    Webhook {
        at_ms,
        took_ms: ms(reply.took),
        method: method.to_owned(),
        url: url.to_owned(),
        params,
        status: reply.status,
        answer,
    }
}

/// Stands for a callback whose task was lost.
fn unsent() -> Webhook {
    let nothing = String::new;
    Webhook {
        at_ms: 0,
        took_ms: 0,
        method: nothing(),
        url: nothing(),
        params: Vec::new(),
        status: 0,
        answer: nothing(),
    }
}

/// A URL as Twilio resolves it against the document's.
fn absolute(base: &str, url: &str) -> String {
    let url = url.trim();
    if url.contains("://") || base.is_empty() {
        return url.to_owned();
    }
    url::Url::parse(base).and_then(|base| base.join(url)).map_or_else(|_| url.to_owned(), String::from)
}

/// How long an MP3 (by its first frame header and size) or WAV plays.
fn length_of(body: &[u8]) -> Option<Duration> {
    if body.starts_with(b"RIFF") {
        let rate = u32::from_le_bytes(body.get(28..32)?.try_into().ok()?);
        return (rate > 0)
            .then(|| Duration::from_millis((body.len() as u64).saturating_sub(44) * 1_000 / u64::from(rate)));
    }
    let mut audio = body;
    if body.starts_with(b"ID3") {
        let size = body.get(6..10)?.iter().fold(0, |size, &byte| size << 7 | usize::from(byte & 0x7F));
        audio = body.get(10 + size..)?;
    }
    let header = audio.get(..4)?;
    if header[0] != 0xFF || header[1] & 0xE6 != 0xE2 {
        return None;
    }
    const MPEG1: [u64; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG2: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let rates = if header[1] & 0x08 != 0 { MPEG1 } else { MPEG2 };
    let kbps = *rates.get(usize::from(header[2] >> 4))?;
    (kbps > 0).then(|| Duration::from_millis(audio.len() as u64 * 8 / kbps))
}

/// The title of an MP3 whose first tag frame is a UTF-8 `TIT2`: stand-in voices write their text there.
fn title(body: &[u8]) -> Option<String> {
    let frame = body.strip_prefix(b"ID3\x04")?.get(6..)?;
    let size =
        frame.strip_prefix(b"TIT2")?.get(..4)?.iter().fold(0, |size, &byte| size << 7 | usize::from(byte & 0x7F));
    let text = frame.get(11..10 + size)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_are_resolved_against_the_document() {
        assert_eq!(absolute("https://h/a/voice?x=1", "/process?t=2"), "https://h/process?t=2");
        assert_eq!(absolute("https://h/a/voice", "next"), "https://h/a/next");
        assert_eq!(absolute("https://h/a", "https://other/b?c=%2B"), "https://other/b?c=%2B");
    }
}

//! One call: rings, fetches documents, carries out their verbs, reports how it went.
//!
//! Its clock is real time plus what was skipped where `real_time` is off. The verbs follow Twilio's documentation; the socket is in
//! [`super::stream`].

mod verbs;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::courier::Answer as Reply;
use super::document;
use super::{Answer, Command, Happening, Order, Shared};
use crate::simulator::caller::{CallEnd, CallReport, Caller, Recorder, Webhook};

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

/// Documents of one call, at most: a loop of redirects ends.
const DOCUMENT_LIMIT: u32 = 500;
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

//! What each verb of a document does to a call, by Twilio's documentation.

use std::time::Duration;

use super::super::document::Element;
use super::super::stream::{self, StreamEnd};
use super::super::{Command, Happening};
use super::{Call, Next, absolute, ms, webhook};
use crate::simulator::caller::{CallEnd, Input, Line, Party};

impl Call {
    /// The verbs of one document, until one leads away.
    pub(super) async fn carry_out(&mut self, root: &Element, base: &str) -> Next {
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

/// As for the stand-in voice.
const MS_PER_CHARACTER: u64 = 60;
/// A wait that is skipped still gives the server this much.
const SKIPPED_PAUSE: Duration = Duration::from_millis(20);

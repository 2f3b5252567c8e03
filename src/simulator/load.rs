//! Many calls at once against a server, and what they were like: `trunkline simulate`.
//!
//! Plays Twilio's part whole: signed webhook, TwiML, socket, caller. It measures from the caller's end only, and says how late it was
//! itself. Key types: [`Plan`], [`LoadReport`].

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::caller::{CallEnd, CallReport, Script, Webhook};
pub use super::cost::Cost;
use super::cost::{Cores, Usage};
use super::twilio::{FarEnd, FarEndConfig, Inbound, LineOptions};

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The voice webhook, such as `http://127.0.0.1:8080/voice?agent_type=LOGISTICS`; with no path, that of the LOGISTICS agent.
    pub url: String,
    /// Where the server really is, if not where the URL says.
    pub connect_to: Option<SocketAddr>,
    /// The account in the webhooks.
    pub account_sid: String,
    /// The token that signs; empty is fine for a server without one.
    pub auth_token: String,
    /// Calls at once.
    pub calls: usize,
    /// From the first call to the last; they start evenly spread.
    pub ramp: Duration,
    /// What each caller does.
    pub script: Script,
    /// The lines' qualities.
    pub line: LineOptions,
    /// The server's process, if it runs on this machine, for [`LoadReport::server`].
    pub server_pid: Option<u32>,
    /// The stand-in vendors' process, likewise, for [`LoadReport::vendors`].
    pub vendors_pid: Option<u32>,
}

/// What all calls were like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Calls placed.
    pub calls: usize,
    /// Calls that were held, in either mode, and ended as `completed` without an error.
    pub good: usize,
    /// Calls that the server refused in good form: they heard a sentence, or nothing, and were ended by its first document.
    pub refused: usize,
    /// Minutes of connected call, all together.
    pub call_minutes: f64,
    /// Seconds from the first call to the last report.
    pub took_s: f64,
    /// Milliseconds from the end of the caller's speech to the agent's first audio.
    pub voice_to_voice: Spread,
    /// Milliseconds from the caller's first loud frame over the agent to the `clear`.
    pub barge_in: Spread,
    /// Interruptions that were not answered by a `clear`.
    pub barge_ins_missed: usize,
    /// Milliseconds from the stream's start to the agent's first audio.
    pub greeting: Spread,
    /// Milliseconds of each silence within the agent's speech.
    pub gaps: Spread,
    /// Milliseconds that the simulator's worst frame was late, per call.
    pub own_lateness: Spread,
    /// Milliseconds that its frames were late, over all frames.
    pub own_frame_lateness: Spread,
    /// Frames that the simulator sent over 10 ms late, of all.
    pub own_late_frames: u64,
    /// Media messages sent.
    pub frames_sent: u64,
    /// What the simulator itself cost, in processor seconds for each minute of call.
    pub own_cpu_s_per_call_minute: f64,
    /// How busy the cores were that the simulator may use, in percent, whoever with: the busiest [`BUSY_WINDOW`].
    pub own_cores_busy: f64,
    /// What the server cost, where its process was named.
    pub server: Option<Cost>,
    /// What the stand-in vendors cost, where their process was named.
    pub vendors: Option<Cost>,
    /// Notes of all calls by code, with the first text of each and how often it came.
    pub notes: Vec<(u32, String, usize)>,
}

/// A spread of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Half are no more.
    pub p50: f64,
    /// 95 of 100 are no more.
    pub p95: f64,
    /// 99 of 100 are no more.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Places the calls and waits for all of them.
///
/// # Errors
/// Those of starting the far end; a server that fails is not an error but a report.
pub async fn simulate(plan: Plan) -> std::io::Result<LoadReport> {
    let mut config = FarEndConfig::new(&plan.account_sid, &plan.auth_token, plan.connect_to);
    config.script = plan.script;
    config.line = plan.line;
    config.keep = plan.calls + 1;
    let far_end = FarEnd::start(config).await?;
    let url = whole_url(&plan.url);
    let began = Instant::now();
    let own = Usage::of(std::process::id());
    let server = plan.server_pid.and_then(Usage::of);
    let vendors = plan.vendors_pid.and_then(Usage::of);
    let most = Arc::new(Most::default());
    let watching = watch(plan.server_pid, most.clone());
    let mut sids = Vec::with_capacity(plan.calls);
    for n in 0..plan.calls {
        let due = began + plan.ramp.mul_f64(n as f64 / plan.calls.max(1) as f64);
        tokio::time::sleep_until(due).await;
        sids.push(far_end.place(Inbound {
            url: url.clone(),
            status_callback: status_callback(&url),
            from: format!("+9198{:08}", n % 100_000_000),
            to: "+912248900000".to_owned(),
            script: None,
        }));
    }
    let mut reports = Vec::with_capacity(sids.len());
    for sid in sids {
        reports.extend(far_end.report(&sid).await);
    }
    let mut report = LoadReport::of(reports.iter().map(AsRef::as_ref), plan.calls, began.elapsed());
    watching.abort();
    let (count, [p50, p95, p99, max]) = far_end.lateness([0.5, 0.95, 0.99, 1.0]);
    report.own_frame_lateness = Spread { count: count as usize, p50, p95, p99, max };
    report.own_cores_busy = most.busy_permille.load(Ordering::Relaxed) as f64 / 10.0;
    let used = |before: Option<Usage>, pid: u32| Some((before?, Usage::of(pid)?));
    if let Some((before, after)) = used(own, std::process::id()) {
        let cost = Cost::between(before, after, 0, plan.calls, report.call_minutes);
        report.own_cpu_s_per_call_minute = cost.cpu_s_per_call_minute;
    }
    let server = plan.server_pid.and_then(|pid| used(server, pid));
    report.server = server.map(|(before, after)| {
        Cost::between(before, after, most.resident.load(Ordering::Relaxed), plan.calls, report.call_minutes)
    });
    let vendors = plan.vendors_pid.and_then(|pid| used(vendors, pid));
    report.vendors = vendors.map(|(before, after)| Cost::between(before, after, 0, plan.calls, report.call_minutes));
    Ok(report)
}

/// The highest that was seen while the calls went on.
#[derive(Default)]
struct Most {
    resident: AtomicU64,
    busy_permille: AtomicU64,
}

/// Looks at the server's memory and at our own cores while the calls go on.
fn watch(server: Option<u32>, most: Arc<Most>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut cores = (Instant::now(), Cores::ours());
        loop {
            if let Some(usage) = server.and_then(Usage::of) {
                most.resident.fetch_max(usage.resident_bytes, Ordering::Relaxed);
            }
            if cores.0.elapsed() >= BUSY_WINDOW {
                let now = Cores::ours();
                if let (Some(before), Some(now)) = (cores.1, now) {
                    most.busy_permille.fetch_max((now.busy_since(before) * 10.0) as u64, Ordering::Relaxed);
                }
                cores = (Instant::now(), now);
            }
            tokio::time::sleep(WATCH).await;
        }
    })
}

const WATCH: Duration = Duration::from_millis(500);
/// Over which [`LoadReport::own_cores_busy`] is taken.
pub const BUSY_WINDOW: Duration = Duration::from_secs(3);
/// What the stand-in vendors take of a turn unless told otherwise: ears 150, mind 200, voice 75 milliseconds. It is what
/// [`LoadReport::added`] leaves out, and nothing else: no silence rule, no pacing of the model's words.
pub const UPSTREAM_MS: f64 = 425.0;
/// A run whose own frames were later than this (99 of 100), or whose own cores were busier, measured itself.
const TRUSTED_LATE_MS: f64 = 10.0;
const TRUSTED_BUSY: f64 = 90.0;

impl LoadReport {
    /// The sum of these calls' reports.
    pub fn of<'a>(reports: impl Iterator<Item = &'a CallReport>, calls: usize, took: Duration) -> Self {
        let (mut voice, mut barge, mut greeting, mut gaps, mut lateness) = (vec![], vec![], vec![], vec![], vec![]);
        let mut out = Self {
            calls,
            good: 0,
            refused: 0,
            call_minutes: 0.0,
            took_s: took.as_secs_f64(),
            voice_to_voice: Spread::default(),
            barge_in: Spread::default(),
            barge_ins_missed: 0,
            greeting: Spread::default(),
            gaps: Spread::default(),
            own_lateness: Spread::default(),
            own_frame_lateness: Spread::default(),
            own_late_frames: 0,
            frames_sent: 0,
            own_cpu_s_per_call_minute: 0.0,
            own_cores_busy: 0.0,
            server: None,
            vendors: None,
            notes: Vec::new(),
        };
        for report in reports {
            // A call in gather mode has no stream, but asks for more than one document. Status callbacks bring none.
            let documents = report.webhooks.iter().filter(|webhook| is_document(webhook)).count();
            let held = report.streams > 0 || documents > 1;
            let fine = report.status == "completed" && report.notes.iter().all(|note| note.code == 0);
            out.good += usize::from(fine && held);
            out.refused += usize::from(fine && !held && documents == 1 && report.end == CallEnd::Agent);
            out.call_minutes += report.duration_ms as f64 / 60_000.0;
            voice.extend(report.turns.iter().filter_map(|turn| turn.voice_to_voice_ms));
            barge.extend(report.barge_ins.iter().filter_map(|barge_in| barge_in.clear_ms));
            out.barge_ins_missed += report.barge_ins.iter().filter(|barge_in| barge_in.clear_ms.is_none()).count();
            greeting.extend(report.greeting_ms);
            gaps.extend(report.gaps.iter().map(|gap| gap.length_us as f64 / 1_000.0));
            lateness.push(report.frames.worst_lateness_ms);
            out.own_late_frames += report.frames.sent_late;
            out.frames_sent += report.frames.sent;
            for note in &report.notes {
                match out.notes.iter_mut().find(|(code, _, _)| *code == note.code) {
                    Some((_, _, count)) => *count += 1,
                    None => out.notes.push((note.code, note.text.clone(), 1)),
                }
            }
        }
        out.voice_to_voice = Spread::of(voice);
        out.barge_in = Spread::of(barge);
        out.greeting = Spread::of(greeting);
        out.gaps = Spread::of(gaps);
        out.own_lateness = Spread::of(lateness);
        out
    }
}

impl LoadReport {
    /// What voice-to-voice has beyond the stand-in vendors' [`UPSTREAM_MS`], at the median and at 95 of 100. Below zero where the
    /// model was asked before the caller's last words were final.
    pub fn added(&self) -> (f64, f64) {
        (self.voice_to_voice.p50 - UPSTREAM_MS, self.voice_to_voice.p95 - UPSTREAM_MS)
    }

    /// Why these figures are the simulator's as much as the server's, if they are.
    pub fn doubt(&self) -> Option<&'static str> {
        if self.own_frame_lateness.p99 > TRUSTED_LATE_MS {
            Some("we were late")
        } else if self.own_cores_busy > TRUSTED_BUSY {
            Some("our cores were full")
        } else {
            None
        }
    }
}

/// Whether a request brought a document to carry out.
fn is_document(webhook: &Webhook) -> bool {
    webhook.status == 200 && webhook.answer.contains("<Response")
}

impl Spread {
    /// The spread of these values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let rank = (values.len() as f64 * part).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self { count: values.len(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} of {} calls good, {} refused, {:.1} call minutes in {:.1} s",
            self.good, self.calls, self.refused, self.call_minutes, self.took_s
        )?;
        writeln!(f, "{:<34}{:>8}{:>9}{:>9}{:>9}{:>9}", "milliseconds", "count", "p50", "p95", "p99", "max")?;
        let rows = [
            ("voice to voice", self.voice_to_voice),
            ("barge-in: first voice to clear", self.barge_in),
            ("greeting", self.greeting),
            ("gaps in the agent's speech", self.gaps),
            ("our own lateness, per frame", self.own_frame_lateness),
            ("our own worst lateness, per call", self.own_lateness),
        ];
        for (name, spread) in rows {
            let Spread { count, p50, p95, p99, max } = spread;
            writeln!(f, "{name:<34}{count:>8}{p50:>9.1}{p95:>9.1}{p99:>9.1}{max:>9.1}")?;
        }
        writeln!(f, "interruptions without a clear: {}", self.barge_ins_missed)?;
        write!(f, "our own frames over 10 ms late: {} of {}", self.own_late_frames, self.frames_sent)?;
        write!(
            f,
            "\nour own processor seconds per call minute: {:.3}; our cores at most {:.0} % busy",
            self.own_cpu_s_per_call_minute, self.own_cores_busy
        )?;
        if let Some(server) = &self.server {
            let kib = server.resident_per_call / 1_024;
            let cpu = server.cpu_s_per_call_minute;
            write!(f, "\nthe server's: {cpu:.3}; its memory per call: {kib} KiB")?;
        }
        if let Some(vendors) = &self.vendors {
            write!(f, "\nthe stand-in vendors': {:.3}", vendors.cpu_s_per_call_minute)?;
        }
        if let Some(doubt) = self.doubt() {
            write!(f, "\nnot to be trusted: {doubt}")?;
        }
        for (code, text, count) in &self.notes {
            write!(f, "\n{count} × {code}: {text}")?;
        }
        Ok(())
    }
}

/// The voice webhook for a URL that may be only a server.
fn whole_url(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) if !rest.trim_end_matches('/').contains(['/', '?']) => {
            format!("{}/voice?agent_type=LOGISTICS", url.trim_end_matches('/'))
        }
        Some(_) | None => url.to_owned(),
    }
}

/// Where Trunkline wants to hear of a call's end; other servers have no such route that we know of.
fn status_callback(url: &str) -> Option<String> {
    let (server, _) = url.split('?').next()?.rsplit_once("/voice").filter(|(_, rest)| rest.is_empty())?;
    Some(format!("{server}/call-status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(f64::from).collect());
        assert_eq!((spread.count, spread.p50, spread.p95, spread.p99, spread.max), (200, 100.0, 190.0, 198.0, 200.0));
        assert_eq!(Spread::of(vec![7.0]).p99, 7.0);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_server_alone_stands_for_its_voice_webhook() {
        assert_eq!(whole_url("http://h:1/"), "http://h:1/voice?agent_type=LOGISTICS");
        assert_eq!(whole_url("https://h/voice?agent_type=X"), "https://h/voice?agent_type=X");
        assert_eq!(status_callback("http://h:1/voice?agent_type=X").as_deref(), Some("http://h:1/call-status"));
        assert_eq!(status_callback("http://h:1/answer"), None);
    }
}

//! What came of a case, and the table of all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use trunkline::simulator::caller::{CallReport, Party};

use crate::vendors::{FIRST_MIND, FIRST_VOICE};

/// One case: what failed, and what was seen.
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) moment: &'static str,
    pub(crate) mode: &'static str,
    /// The longest a caller (or a developer) waited.
    pub(crate) longest_ms: u64,
    /// How it went, in a word or two.
    pub(crate) outcome: String,
    pub(crate) problems: Vec<String>,
    /// Whether the caller's waits count.
    pub(crate) timed: bool,
}

impl Row {
    pub(crate) fn new(part: &'static str, fault: &'static str, moment: &'static str, mode: &'static str) -> Self {
        let timed = TIMED.load(Ordering::Relaxed);
        Self { part, fault, moment, mode, longest_ms: 0, outcome: String::new(), problems: Vec::new(), timed }
    }

    /// What the caller of a whole call must have got.
    pub(crate) fn judge(&mut self, report: &CallReport, document: &Value) {
        self.longest_ms = longest_wait(report);
        self.outcome =
            format!("{} in {}", document["stage"].as_str().unwrap_or("?"), document["mode"].as_str().unwrap_or("?"));
        let mut wrong = |is: bool, what: String| {
            if is {
                self.problems.push(what);
            }
        };
        // A table that is not read for its times is made on whatever machine there is.
        let limit = if self.timed { LIMIT_MS } else { u64::MAX - 1 };
        wrong(self.longest_ms > limit, format!("the caller heard nothing for {} ms", self.longest_ms));
        wrong(document["stage"] != "completed", format!("stage {}", document["stage"]));
        wrong(document["data"]["charge"] != "₹500", format!("charge {}", document["data"]["charge"]));
        wrong(document["data"]["time"] != "2-5pm", format!("time {}", document["data"]["time"]));
        let refused: Vec<String> = report
            .webhooks
            .iter()
            .filter(|webhook| !matches!(webhook.status, 200 | 204))
            .map(|webhook| format!("{} {}", webhook.status, webhook.url))
            .collect();
        wrong(!refused.is_empty(), format!("webhooks {refused:?}"));
        let noted: Vec<String> = report
            .notes
            .iter()
            .filter(|note| note.code >= 11_000)
            .map(|note| format!("{} {}", note.code, note.text))
            .collect();
        wrong(!noted.is_empty(), format!("{noted:?}"));
        if !self.problems.is_empty() {
            let said = report
                .transcript
                .iter()
                .map(|line| format!("{}-{} {:?}: {}", line.start_ms, line.end_ms, line.who, line.text));
            let asked =
                report.webhooks.iter().map(|it| format!("{}+{} {} {}", it.at_ms, it.took_ms, it.url, it.answer));
            self.problems.extend(said.chain(asked).map(|line| format!("\n    {line}")));
        }
    }
}

/// From the end of the caller's words (in gather, from the webhook that brings them: Twilio's own rule of silence comes before) to the
/// agent's next sound; and from the call's start to the first.
pub(crate) fn longest_wait(report: &CallReport) -> u64 {
    let agent = |from: u64| {
        report
            .transcript
            .iter()
            .filter(move |line| line.who == Party::Agent && line.end_ms > from)
            .map(move |line| line.start_ms.saturating_sub(from))
            .min()
    };
    let mut longest = agent(0).unwrap_or(u64::MAX);
    for line in report.transcript.iter().filter(|line| line.who == Party::Caller) {
        let webhook = report.webhooks.iter().find(|webhook| {
            webhook.url.contains("/process-response")
                && webhook.at_ms >= line.end_ms
                && webhook.params.iter().any(|(name, text)| name == "SpeechResult" && *text == line.text)
        });
        let from = webhook.map_or(line.end_ms, |webhook| webhook.at_ms);
        // After the last words there may be nothing but the end.
        if let Some(wait) = agent(from) {
            longest = longest.max(wait);
        }
    }
    longest
}

pub(crate) fn show(rows: &[Row]) {
    println!("{:<14} {:<12} {:<14} {:<7} {:>9}  {:<28}", "part", "fault", "moment", "mode", "longest", "outcome");
    for row in rows {
        let verdict =
            if row.problems.is_empty() { String::new() } else { format!("WRONG: {}", row.problems.join("; ")) };
        println!(
            "{:<14} {:<12} {:<14} {:<7} {:>6} ms  {:<28} {verdict}",
            row.part, row.fault, row.moment, row.mode, row.longest_ms, row.outcome
        );
    }
    let mut parts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows {
        let (all, good) = parts.entry(row.part).or_default();
        *all += 1;
        *good += usize::from(row.problems.is_empty());
    }
    for (part, (all, good)) in parts {
        println!("{part}: {good} of {all} cases as they must be");
    }
    println!("cases {}, failed {}", rows.len(), rows.iter().filter(|row| !row.problems.is_empty()).count());
}

/// What each part × fault × moment × mode without a case is not applicable for. `None`: it has no reason, and should have a case.
fn reason(part: &str, fault: &str, moment: &str, mode: &str) -> Option<&'static str> {
    match (part, fault, moment, mode) {
        ("ears", _, _, "gather") => Some("in gather Twilio hears"),
        ("mind" | FIRST_MIND, _, "greeting", _) => Some("the greeting needs no thinking"),
        ("Twilio REST" | "MongoDB", "closes 1008", ..) => Some("it has no WebSocket"),
        ("Twilio REST", _, "greeting", "gather") => Some("the start is the same request in both modes"),
        ("MongoDB", "429", ..) => Some("it knows no such answer; an overloaded one is slow or answers an error (500)"),
        ("MongoDB", "refused", "collecting", _) => Some("that is `killed`"),
        ("MongoDB", "401" | "malformed", "collecting", _) => Some("it greets and authenticates once, before any call"),
        ("MongoDB", _, "during speech", _) => {
            Some("a call touches the journal alone; writes follow turns, as in collecting")
        }
        _ => None,
    }
}

/// Whether the row is a case of the moment. Twilio's REST interface is used at two moments of its own.
fn is_at(row: &Row, moment: &str) -> bool {
    match row.moment {
        "start" => moment == "greeting",
        "hang up" => moment != "greeting",
        other => other == moment,
    }
}

/// Prints what has no case and why; gives what has neither case nor reason.
pub(crate) fn show_the_rest(rows: &[Row]) -> Vec<String> {
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut open = Vec::new();
    for part in ["speech", FIRST_VOICE, "ears", "mind", FIRST_MIND, "Twilio REST", "MongoDB"] {
        for fault in ["refused", "401", "429", "500", "hangs", "slow", "resets", "malformed", "closes 1008"] {
            for moment in ["greeting", "collecting", "during speech"] {
                for mode in ["stream", "gather"] {
                    let known = rows
                        .iter()
                        .any(|row| (row.part, row.fault, row.mode) == (part, fault, mode) && is_at(row, moment));
                    match reason(part, fault, moment, mode) {
                        _ if known => {}
                        Some(why) => *reasons.entry((part, why)).or_default() += 1,
                        None => open.push(format!("{part} {fault} {moment} {mode}")),
                    }
                }
            }
        }
    }
    for ((part, why), count) in reasons {
        println!("{part:<14} not applicable {count:>3} times: {why}");
    }
    open
}

/// Whether [`Row::judge`] counts times.
pub(crate) static TIMED: AtomicBool = AtomicBool::new(true);
/// Section 6 of the design.
pub(crate) const LIMIT_MS: u64 = 3_000;

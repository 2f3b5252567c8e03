//! How the calls ended, and the table of it.

use std::collections::BTreeMap;

use super::caller::{Dialogue, Mind};

/// One call as it went.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) transcript: Vec<String>,
    /// What stands in the record, for people.
    pub(crate) data: BTreeMap<String, Option<String>>,
    pub(crate) stage: String,
    pub(crate) outcome: Option<String>,
    pub(crate) today: jiff::civil::Date,
}

#[derive(Clone, Copy, Debug, Default)]
struct Score {
    calls: u32,
    right: u32,
    wrong: u32,
    missing: u32,
    stage: u32,
    /// Of those whose outcome is known beforehand.
    outcome: (u32, u32),
}

/// All calls through one way.
pub(crate) struct Table {
    way: &'static str,
    scores: BTreeMap<(&'static str, String), Score>,
    faults: Vec<String>,
}

impl Table {
    pub(crate) fn new(way: &'static str) -> Self {
        Self { way, scores: BTreeMap::new(), faults: Vec::new() }
    }

    pub(crate) fn add(&mut self, mind: Mind, dialogue: &Dialogue, played: Played) {
        let wanted = dialogue.wanted(played.today);
        let got = |name: &String| played.data.get(name).cloned().flatten();
        let wrong = wanted.iter().any(|(name, value)| got(name).is_some_and(|stored| Some(stored) != *value));
        let missing = !wrong && wanted.iter().any(|(name, value)| value.is_some() && got(name).is_none());
        let stage = dialogue.expect.stage == played.stage;
        let outcome = dialogue.outcome.is_none() || dialogue.outcome == played.outcome;
        for tongue in [dialogue.tongue(), "all"] {
            let score = self.scores.entry((mind.as_str(), tongue.to_owned())).or_default();
            score.calls += 1;
            score.right += u32::from(!wrong && !missing);
            score.wrong += u32::from(wrong);
            score.missing += u32::from(missing);
            score.stage += u32::from(stage);
            if dialogue.outcome.is_some() {
                score.outcome.0 += u32::from(outcome);
                score.outcome.1 += 1;
            }
        }
        if wrong || missing || !stage || !outcome {
            self.faults.push(format!(
                "--- {} ({}), mind {}: want {:?} {} {:?}, got {:?} {} {:?}\n    {}",
                dialogue.id,
                dialogue.expect.why,
                mind.as_str(),
                wanted,
                dialogue.expect.stage,
                dialogue.outcome,
                played.data,
                played.stage,
                played.outcome,
                played.transcript.join("\n    ")
            ));
        }
    }

    /// Prints the table; fails where a call did not end as it must.
    pub(crate) fn must_hold(&self) {
        println!(
            "{:<17} {:<6} {:<4} {:>5} {:>6} {:>13} {:>8} {:>12} {:>14}",
            self.way, "mind", "lang", "calls", "right", "wrong stored", "missing", "stage right", "outcome right"
        );
        for ((mind, tongue), score) in &self.scores {
            println!(
                "{:<17} {:<6} {:<4} {:>5} {:>6} {:>13} {:>8} {:>12} {:>8} of {:>3}",
                "",
                mind,
                tongue,
                score.calls,
                score.right,
                score.wrong,
                score.missing,
                score.stage,
                score.outcome.0,
                score.outcome.1
            );
        }
        assert!(!self.scores.is_empty(), "there are no calls");
        println!("{}", self.faults.join("\n"));
        for ((mind, tongue), score) in self.scores.iter().filter(|((_, tongue), _)| tongue == "all") {
            // What is open stands in the change log; it may become less, never more.
            let most = |share: u32| score.calls.div_ceil(100) * share;
            let faults = self.faults.join("\n");
            assert!(score.calls - score.right <= most(LEAST), "{mind} {tongue}: too few are right\n{faults}");
            assert!(score.wrong <= most(WRONG), "{mind} {tongue}: too many wrong values are stored\n{faults}");
            assert!(score.calls - score.stage <= most(LEAST), "{mind} {tongue}: too few end as they must\n{faults}");
        }
    }
}

/// Of a hundred calls, how many may end with other data or in another stage.
const LEAST: u32 = 5;
/// Of a hundred calls, in how many a wrong value may be stored.
const WRONG: u32 = 3;

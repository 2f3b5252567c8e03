//! Faults on purpose: what goes wrong, on which route, how often. Key types: [`Fault`], [`FaultKind`], [`Route`].

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::lock;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub route: Route,
    /// Only on requests for this model; `None` is on all.
    #[serde(default)]
    pub model: Option<String>,
    /// What.
    pub kind: FaultKind,
    /// On how many requests; `None` is on all until cleared. Faults of a route are used up in the order given.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Which stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Scribe realtime.
    Ears,
    /// Gemini.
    Mind,
    /// ElevenLabs speech over HTTP.
    Speech,
    /// ElevenLabs speech over a socket.
    SpeechSocket,
}

/// What goes wrong. In JSON: `"hang"`, `{"status": {"code": 429, "body": ""}}`, `{"slow": {"ms": 3000}}` ….
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A socket opens and is closed with this code (and the vendor's error message before it, where it has one); over HTTP as
    /// [`FaultKind::Refuse`].
    CloseWith {
        /// The close code, such as 1008.
        code: u16,
        /// The reason, such as `quota_exceeded`.
        reason: String,
    },
    /// The request is read and never answered.
    Hang,
    /// The answer is not what the protocol promises.
    Malformed,
    /// The connection is cut before any answer.
    Refuse,
    /// The connection is cut in the middle of the answer.
    ResetMidStream,
    /// All goes well, this much later.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// This HTTP status. An empty body stands for the vendor's own body of that status.
    Status {
        /// The status code.
        code: u16,
        /// The body, JSON as the vendor writes it.
        body: String,
    },
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Route {
    /// The name in JSON and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ears => "ears",
            Self::Mind => "mind",
            Self::Speech => "speech",
            Self::SpeechSocket => "speech_socket",
        }
    }
}

impl Fault {
    /// Whether it is one of requests for this model.
    pub(super) fn meets(&self, route: Route, model: &str) -> bool {
        self.route == route && self.model.as_deref().is_none_or(|only| only == model)
    }
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The fault that this request for a model meets.
    pub(super) fn take(&self, route: Route, model: &str) -> Option<FaultKind> {
        let mut faults = lock(&self.0);
        let at = faults.iter().position(|fault| fault.meets(route, model) && fault.times != Some(0))?;
        let fault = &mut faults[at];
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                faults.remove(at);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_used_up_in_order_and_only_on_their_route() {
        let faults = Faults::default();
        faults.add(Fault { route: Route::Mind, model: None, kind: FaultKind::Hang, times: Some(2) });
        faults.add(Fault { route: Route::Mind, model: None, kind: FaultKind::Refuse, times: None });
        assert_eq!(faults.take(Route::Ears, ""), None);
        let met: Vec<_> = (0..4).map(|_| faults.take(Route::Mind, "any").unwrap()).collect();
        assert_eq!(met, [FaultKind::Hang, FaultKind::Hang, FaultKind::Refuse, FaultKind::Refuse]);
        faults.clear();
        assert_eq!(faults.take(Route::Mind, "any"), None);
    }

    #[test]
    fn a_fault_of_one_model_leaves_the_others_alone() {
        let faults = Faults::default();
        faults.add(Fault {
            route: Route::Speech,
            model: Some("first".to_owned()),
            kind: FaultKind::Hang,
            times: Some(1),
        });
        assert_eq!(faults.take(Route::Speech, "second"), None);
        assert_eq!(faults.take(Route::Speech, "first"), Some(FaultKind::Hang));
        assert_eq!(faults.take(Route::Speech, "first"), None);
    }

    #[test]
    fn a_fault_is_written_as_short_json() {
        let fault: Fault =
            serde_json::from_str(r#"{"route":"mind","kind":{"status":{"code":429,"body":""}},"times":1}"#).unwrap();
        assert_eq!(fault.kind, FaultKind::Status { code: 429, body: String::new() });
        let fault: Fault = serde_json::from_str(r#"{"route":"speech_socket","kind":"hang"}"#).unwrap();
        assert_eq!(fault, Fault { route: Route::SpeechSocket, model: None, kind: FaultKind::Hang, times: None });
        let fault: Fault = serde_json::from_str(r#"{"route":"speech","model":"m","kind":"refuse"}"#).unwrap();
        assert_eq!(fault.model.as_deref(), Some("m"));
    }
}

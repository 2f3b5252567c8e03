//! The stage flow, dialogue by dialogue, as a caller would hear it.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod a_no;
mod alone;
mod asked;
mod caller;
mod corrections;
mod disclosure;
mod gibberish;
mod grounding;
mod keys;
mod language;
mod mind;
mod read_back;
mod refusal;
mod stages;

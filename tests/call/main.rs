//! A streamed call as a script: what the core does when a caller speaks, coughs, interrupts, falls silent; with virtual time.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod asked;
mod echoes;
mod endings;
#[path = "../../fuzz/targets/call.rs"]
mod fuzzed;
mod heard;
mod interruptions;
mod invariants;
mod rig;
mod scripts;
mod turns;

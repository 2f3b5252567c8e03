//! `cargo fuzz run agent`: see `targets/agent.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::agent::run(bytes));

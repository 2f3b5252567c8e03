//! `cargo fuzz run twiml`: see `targets/twiml.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::twiml::run(bytes));

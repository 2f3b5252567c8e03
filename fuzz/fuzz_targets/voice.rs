//! `cargo fuzz run voice`: see `targets/voice.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::voice::run(bytes));

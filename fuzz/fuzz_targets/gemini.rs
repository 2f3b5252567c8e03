//! `cargo fuzz run gemini`: see `targets/gemini.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::gemini::run(bytes));

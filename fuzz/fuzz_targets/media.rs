//! `cargo fuzz run media`: see `targets/media.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::media::run(bytes));

//! `cargo fuzz run ears`: see `targets/ears.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::ears::run(bytes));

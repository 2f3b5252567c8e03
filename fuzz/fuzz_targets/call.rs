//! `cargo fuzz run call`: see `targets/call.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::call::run(bytes));

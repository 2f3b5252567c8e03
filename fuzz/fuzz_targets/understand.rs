//! `cargo fuzz run understand`: see `targets/understand.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::understand::run(bytes));

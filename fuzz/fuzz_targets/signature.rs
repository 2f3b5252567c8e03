//! `cargo fuzz run signature`: see `targets/signature.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::signature::run(bytes));

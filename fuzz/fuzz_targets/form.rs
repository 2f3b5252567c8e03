//! `cargo fuzz run form`: see `targets/form.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::form::run(bytes));

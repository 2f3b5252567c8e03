//! What several test programs share. Each uses a part of it.
#![allow(dead_code, reason = "no test program uses all of it")]

pub mod mongod;
pub mod records;

//! What several test programs share. Each uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "no test program uses all of it")]

pub mod mongod;
pub mod records;

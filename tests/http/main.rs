//! The service shell over real sockets: who is let in, what is answered, and what slow, greedy and confused clients meet.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod api;
mod auth;
mod call_rules;
mod limits;
mod server;

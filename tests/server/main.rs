//! The whole server over real sockets: a simulated Twilio and stand-in vendors on one side, the product as it is run on the other.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod barge_in;
mod ending;
mod fallbacks;
mod flood;
mod house;
mod memory;
mod metrics;
mod parity;
mod proxy;
mod recording;
#[path = "../rig/mod.rs"]
mod rig;
mod rules;
mod second_voice;
mod socket;
mod starting;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod webhooks;
mod wire;

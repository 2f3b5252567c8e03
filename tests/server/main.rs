//! The whole server over real sockets: a simulated Twilio and stand-in vendors on one side, the product as it is run on the other.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod house;
mod parity;
#[path = "../rig/mod.rs"]
mod rig;

//! The far end of a call, for trying agents, tests and benches without an account anywhere: a simulated Twilio with a caller on the
//! line, and stand-ins for the vendors.
//!
//! Faithful on the wire, honest about itself: no stand-in recognises or understands anything it was not given. Nothing here decides
//! what the product does. Key types: [`twilio::FarEnd`], [`vendors::Vendors`], [`caller::Script`], [`caller::CallReport`],
//! [`load::Plan`]. Invariant: a recording played by the caller reaches the stand-in recogniser byte for byte, so it is known by its
//! content and not by a side channel.

pub mod caller;
mod cost;
pub mod load;
pub mod phrases;
pub mod playback;
mod sound;
pub mod twilio;
pub mod vendors;

//! Trunkline puts an AI voice agent on a Twilio phone call and leaves typed, proven facts behind.
//!
//! # Layout
//!
//! A module imports only from floors below its own, or from its own folder (`tests/floors.rs` keeps it so).
//! Floors 0 to 3 are pure: no clock, socket, file, environment, chance or async.
//!
//! | floor | module | what it holds |
//! |---|---|---|
//! | 0 | [`audio`] | mu-law frames, voice activity, resampling, Ogg Opus |
//! | 0 | [`understand`] | spoken amounts, times, dates, yes/no …, and the words to say them |
//! | 1 | [`agent`] | an agent's file, parsed and checked |
//! | 1 | [`twilio`] | Twilio's wire formats: Media Streams, TwiML, webhooks, signatures |
//! | 2 | [`conversation`] | the stage flow both modes share |
//! | 3 | [`call`] | one streamed call: turn-taking, speech, interruption |
//! | 4 | [`telemetry`] | logs, metrics, secrets and redaction |
//! | 5 | [`provider`] | the vendors that hear, speak and think |
//! | 5 | [`store`] | what is kept: journal, MongoDB, speech cache, recordings |
//! | 6 | [`session`] | calls being held: the task of a streamed call, gather turns, the switchboard |
//! | 7 | [`http`] | routes for Twilio, developers, operators and people |
//! | 7 | [`simulator`] | the far end of Twilio, callers, stand-in vendors, load |
//! | 8 | [`config`] | the environment, read and checked |
//! | 9 | [`server`] | everything put together |
//!
//! Beside this crate: `README.md` (running it), `ARCHITECTURE.md` (journeys, code map, invariants), `DESIGN.md` (why it is so),
//! `CONTRIBUTING.md` (style and checks), `SECURITY.md`.

pub mod agent;
pub mod audio;
pub mod call;
pub mod config;
pub mod conversation;
pub mod http;
pub mod provider;
pub mod server;
pub mod session;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod twilio;
pub mod understand;

//! What is kept of calls. Every record is first durable in the embedded journal, then, with MongoDB configured, fed to it in order.
//! A call never waits for MongoDB. Key types: [`record::CallDocument`], [`record::CollectedDocument`].

pub mod record;
pub mod recording;

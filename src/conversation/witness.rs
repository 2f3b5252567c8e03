//! The mind as a second witness of what the caller said.

use serde::{Deserialize, Serialize};

/// What the mind's word is worth in this call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Witness {
    /// Values it proposed that nobody had said, and the caller refused.
    pub(super) refuted: u8,
}

//! The stage flow of one call: words in, decisions out, for both modes. It knows words, stages, fields and decisions; it knows no
//! frames, no TwiML, no vendor and no clock. Key types: [`prompt::Prompt`].

pub mod prompt;

//! An agent: whom it speaks for, in which languages, which facts it must collect. Parsed from one TOML text; the roof reads the file.
//!
//! Key types: [`Agent`], [`Language`], [`field::Field`], [`AgentError`]. Invariant: an [`Agent`] that exists is complete: every text and
//! every question is there in every language, so that nothing can be missing in the middle of a call.

pub mod calling;
mod calling_codes;
mod check;
pub mod field;
mod speech_support;
pub mod text;

use serde::Deserialize;

use calling::Calling;
use field::Field;
use text::Texts;

pub use check::{AgentError, parse};
pub use speech_support::{speaks, voice_models};

/// How a call is carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `<Gather>` webhooks; Twilio hears.
    Gather,
    /// `<Connect><Stream>`: frames over a WebSocket.
    #[default]
    Stream,
}

impl Mode {
    /// The name in documents, TwiML and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gather => "gather",
            Self::Stream => "stream",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gather" => Some(Self::Gather),
            "stream" => Some(Self::Stream),
            _ => None,
        }
    }
}

/// When a value is read back to the caller before the call may complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadBack {
    /// Every value.
    Always,
    /// Values whose words allow several readings, or on which the mind and the words disagree.
    #[default]
    Ambiguous,
    /// Never: the likeliest reading is taken.
    Never,
}

/// One agent, as its file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name in requests and documents, such as `LOGISTICS`.
    pub agent_type: String,
    /// The mode of its calls, unless a call asks for another.
    #[serde(default)]
    pub mode: Mode,
    /// IANA name of the time zone of the people it calls; "today" and "now" are theirs.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// When values are read back.
    #[serde(default)]
    pub read_back: ReadBack,
    /// Where a caller who wants a person is connected, E.164; without it he hears a goodbye.
    pub handover_number: Option<String>,
    /// Whom it speaks for and how, for the mind.
    pub system_prompt: String,
    /// Defaults of `{variables}` in its texts; a call's own replace them.
    #[serde(default)]
    pub variables: std::collections::BTreeMap<String, String>,
    /// Bounds of a call.
    #[serde(default)]
    pub limits: Limits,
    /// End of turn and interruption.
    #[serde(default)]
    pub turn_taking: TurnTaking,
    /// Recording.
    #[serde(default)]
    pub recording: Recording,
    /// When it may call, and what it must say first.
    #[serde(default)]
    pub calling: Calling,
    /// The languages it speaks; the first is the one it falls back to.
    pub languages: Vec<Language>,
    /// The facts it collects, in the order in which it asks for them.
    pub fields: Vec<Field>,
}

/// Bounds of a call.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds after which the call is ended, by us and by Twilio (`TimeLimit`).
    pub max_call_seconds: u32,
    /// Caller's turns after which the agent says goodbye.
    pub max_turns: u32,
    /// Seconds of silence after which the caller is asked again.
    pub silence_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_call_seconds: 300, max_turns: 20, silence_seconds: 6 }
    }
}

/// When a turn ends and what interrupts, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TurnTaking {
    /// Silence that ends a turn whose words are complete.
    pub complete_ms: u32,
    /// Silence that ends a turn of which nothing special is known.
    pub usual_ms: u32,
    /// Silence that ends a turn whose words are unfinished ("five hundred and…").
    pub unfinished_ms: u32,
    /// Sustained voice that makes the agent pause.
    pub barge_in_ms: u32,
    /// Continued voice that makes a pause an interruption, whatever the words.
    pub interrupt_ms: u32,
    /// Whether the caller may interrupt at all.
    pub barge_in: bool,
    /// Whether the mind may start on words that are not final yet.
    pub speculate: bool,
}

impl Default for TurnTaking {
    fn default() -> Self {
        Self {
            complete_ms: 260,
            usual_ms: 700,
            unfinished_ms: 1_800,
            barge_in_ms: 100,
            interrupt_ms: 700,
            barge_in: true,
            speculate: true,
        }
    }
}

/// Whether calls are recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// On or off.
    pub enabled: bool,
}

/// One language of an agent: how it hears, sounds and what it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// BCP-47 tag, as Twilio's `<Gather language>` takes it: `hi-IN`.
    pub code: String,
    /// The key that chooses it.
    pub key: Option<char>,
    /// The voice of `<Say>`, such as `Polly.Kajal-Neural`.
    pub twilio_voice: String,
    /// The synthesised voice.
    pub voice: Voice,
    /// What it says.
    pub texts: Texts,
}

impl Language {
    /// ISO 639-1 code: the part of the tag before the hyphen.
    pub fn iso639(&self) -> &str {
        self.code.split('-').next().unwrap_or(&self.code)
    }
}

/// A synthesised voice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// The vendor's id of the voice.
    pub voice_id: String,
    /// The vendor's model.
    #[serde(default = "default_model")]
    pub model_id: String,
    /// 0 to 1.
    #[serde(default = "half")]
    pub stability: f32,
    /// 0 to 1.
    #[serde(default = "three_quarters")]
    pub similarity_boost: f32,
    /// 0.7 to 1.2.
    #[serde(default = "one")]
    pub speed: f32,
}

impl Agent {
    /// The language with this tag, if the agent speaks it.
    pub fn language(&self, code: &str) -> Option<&Language> {
        self.languages.iter().find(|language| language.code.eq_ignore_ascii_case(code))
    }

    /// The language with this tag, or the first one.
    pub fn language_or_first(&self, code: Option<&str>) -> &Language {
        code.and_then(|code| self.language(code)).unwrap_or(&self.languages[0])
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn default_timezone() -> String {
    "Asia/Kolkata".to_owned()
}

fn default_model() -> String {
    "eleven_flash_v2_5".to_owned()
}

fn half() -> f32 {
    0.5
}

fn three_quarters() -> f32 {
    0.75
}

fn one() -> f32 {
    1.0
}

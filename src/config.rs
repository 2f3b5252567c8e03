//! The environment, read once and checked before anything binds: one [`Config`], or every problem at once.
//!
//! Not here: agents (files of their own) and anything that changes while we run. Nobody below the roof imports this module; the
//! roof hands each module its part. Key types: [`Config`], [`BadConfig`], [`Overrides`]. Invariant: a `Config` that exists can be
//! started with, and none of its secrets shows itself.

pub mod agents;
pub mod variables;

mod read;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{self, Agent};
use crate::http::{Part, Tls};
use crate::store::do_not_call::{DoNotCall, Findings};
use crate::telemetry::{LogFormat, Secret, traces};
use crate::twilio::AccountSid;

/// What the command line says instead of the environment, by the variable's name.
pub type Overrides = BTreeMap<&'static str, String>;

/// Everything the environment says.
#[derive(Clone, Debug)]
pub struct Config {
    /// `LISTEN`.
    pub listen: SocketAddr,
    /// `PUBLIC_URL`: scheme, host and port by which Twilio reaches us, without a slash at the end.
    pub public_url: Option<String>,
    /// `TLS_CERT_FILE` and `TLS_KEY_FILE`, read and checked; `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// `API_TOKEN`; without it developer routes serve this machine only.
    pub api_token: Option<Secret>,
    /// The phone line.
    pub twilio: Twilio,
    /// Ears and voice.
    pub elevenlabs: ElevenLabs,
    /// The mind.
    pub gemini: Gemini,
    /// Memory; `None` keeps everything in the embedded store.
    pub mongodb: Option<MongoDb>,
    /// `AGENTS_DIR`.
    pub agents_dir: PathBuf,
    /// `AUDIO_DIR`: the speech cache.
    pub audio_dir: PathBuf,
    /// `DATA_DIR`: the embedded store and recordings.
    pub data_dir: PathBuf,
    /// `DO_NOT_CALL_FILE`.
    pub do_not_call_file: Option<PathBuf>,
    /// `CALLS_TO_NUMBER_PER_HOUR`; 0 is no limit.
    pub calls_to_number_per_hour: u32,
    /// `CALLS_FROM_NUMBER_PER_HOUR`; 0 is no limit.
    pub calls_from_number_per_hour: u32,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `RUST_LOG`.
    pub log_filter: String,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub otlp_endpoint: Option<String>,
    /// `MAX_CALLS`: live calls this process takes.
    pub max_calls: usize,
    /// `DRAIN_SECONDS`: how long live calls may go on after SIGTERM.
    pub drain: Duration,
    /// `RETENTION_DAYS`; `None` keeps calls for ever.
    pub retention_days: Option<u32>,
}

/// What is known of the Twilio account.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: Option<AccountSid>,
    /// `TWILIO_AUTH_TOKEN`: signs their requests and authorises ours.
    pub auth_token: Option<Secret>,
    /// `TWILIO_PHONE_NUMBER`, E.164: whom an outgoing call is from.
    pub phone_number: Option<String>,
    /// `TWILIO_API_URL`.
    pub api_url: String,
}

impl Twilio {
    /// Whether calls can be started.
    pub fn can_call(&self) -> bool {
        self.account_sid.is_some() && self.auth_token.is_some() && self.phone_number.is_some()
    }
}

/// What is known of ElevenLabs.
#[derive(Clone, Debug)]
pub struct ElevenLabs {
    /// `ELEVENLABS_API_KEY`.
    pub api_key: Option<Secret>,
    /// `ELEVENLABS_API_URL`; WebSocket addresses are derived from it.
    pub api_url: String,
    /// `ELEVENLABS_FALLBACK_MODEL`.
    pub fallback_model: Option<String>,
}

/// What is known of Gemini.
#[derive(Clone, Debug)]
pub struct Gemini {
    /// `GEMINI_API_KEY`.
    pub api_key: Option<Secret>,
    /// `GEMINI_API_URL`.
    pub api_url: String,
    /// `GEMINI_MODEL`.
    pub model: String,
    /// `GEMINI_FALLBACK_MODEL`.
    pub fallback_model: Option<String>,
}

/// Where MongoDB is.
#[derive(Clone, Debug)]
pub struct MongoDb {
    /// `MONGODB_URI`; may hold a password.
    pub uri: Secret,
    /// `MONGODB_DATABASE`.
    pub database: String,
}

impl Config {
    /// Reads the process environment, `.env` in the working directory for what is not there, and `overrides` before both.
    ///
    /// # Errors
    /// [`BadConfig`] with every problem found.
    pub fn from_env(overrides: &Overrides) -> Result<Self, BadConfig> {
        read::environment(overrides)
    }

    /// Reads from `lookup` instead of the environment.
    ///
    /// # Errors
    /// [`BadConfig`] with every problem found.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadConfig> {
        read::config(&lookup, Vec::new())
    }

    /// The address by which this server is reached: `PUBLIC_URL`, else where it listens.
    pub fn reachable_at(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("{}://{}", self.scheme(), self.listen))
    }

    /// `https` where TLS is ours, else `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The numbers that must not be called, and what is wrong with the files they are in.
    pub fn do_not_call(&self) -> (DoNotCall, Findings) {
        DoNotCall::open(self.do_not_call_file.clone(), Some(self.data_dir.join(ASKED_NOT_TO_BE_CALLED)))
    }

    /// Which part is in force, and why.
    pub fn parts(&self) -> Vec<Part> {
        let part = |name, in_force: String, why: &str| Part { name, in_force, why: why.to_owned() };
        let (ears, voice) = match self.elevenlabs.api_key {
            Some(_) => (
                part(
                    "ears",
                    format!("ElevenLabs Scribe realtime at {}", self.elevenlabs.api_url),
                    "ELEVENLABS_API_KEY is set",
                ),
                part("voice", self.voice(), "ELEVENLABS_API_KEY is set"),
            ),
            None => (
                part("ears", "Twilio's speech recognition, in gather mode".to_owned(), "ELEVENLABS_API_KEY is missing"),
                part("voice", "Twilio's <Say>, in gather mode".to_owned(), "ELEVENLABS_API_KEY is missing"),
            ),
        };
        let mind = match self.gemini.api_key {
            Some(_) => part(
                "mind",
                format!("Gemini {} at {}", self.gemini.model, self.gemini.api_url),
                "GEMINI_API_KEY is set",
            ),
            None => part(
                "mind",
                "embedded understanding and the agent's own questions".to_owned(),
                "GEMINI_API_KEY is missing",
            ),
        };
        let journal = self.data_dir.display();
        let memory = match &self.mongodb {
            Some(mongodb) => part(
                "memory",
                format!("MongoDB database {}, journal under {journal}", mongodb.database),
                "MONGODB_URI is set",
            ),
            None => part("memory", format!("embedded store under {journal}"), "MONGODB_URI is missing"),
        };
        vec![ears, voice, mind, memory, self.phone_line()]
    }

    fn voice(&self) -> String {
        let at = format!("ElevenLabs at {}", self.elevenlabs.api_url);
        match &self.elevenlabs.fallback_model {
            Some(model) => format!("{at}, with {model} behind each agent's own model"),
            None => at,
        }
    }

    /// The languages of these agents for which there is no second voice, though one is wanted; each starts with the variable.
    pub fn without_fallback_voice(&self, agents: &[Agent]) -> Vec<String> {
        let Some(model) = &self.elevenlabs.fallback_model else { return Vec::new() };
        let languages = agents.iter().flat_map(|agent| agent.languages.iter().map(move |language| (agent, language)));
        let why = languages.filter_map(|(agent, language)| {
            let code = &language.code;
            let why = if language.voice.model_id == *model {
                "it is the first model there"
            } else if agent::speaks(model, code) {
                return None;
            } else {
                "it does not speak that"
            };
            Some(format!(
                "ELEVENLABS_FALLBACK_MODEL: {model} is no second voice for {code} of {}: {why}",
                agent.agent_type
            ))
        });
        why.collect()
    }

    fn phone_line(&self) -> Part {
        let twilio = &self.twilio;
        let account = twilio.account_sid.as_ref().filter(|_| twilio.auth_token.is_some());
        let (in_force, why) = match (account, &twilio.phone_number) {
            (Some(_), Some(number)) => (
                format!("Twilio at {}, calling from {number}", twilio.api_url),
                "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER are set",
            ),
            (Some(_), None) => {
                (format!("Twilio at {}, incoming calls only", twilio.api_url), "TWILIO_PHONE_NUMBER is missing")
            }
            (None, _) if twilio.auth_token.is_some() => {
                ("signed requests of Twilio, incoming calls only".to_owned(), "TWILIO_ACCOUNT_SID is missing")
            }
            (None, _) => (
                "the simulator, from this machine only".to_owned(),
                "TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN is missing",
            ),
        };
        Part { name: "phone line", in_force, why: why.to_owned() }
    }

    /// What will work, but perhaps not as intended; each starts with the variable it is about.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let open = !self.listen.ip().is_loopback() || self.public_url.is_some();
        if self.api_token.is_none() && open {
            warnings.push("API_TOKEN is missing: developer routes serve this machine only".to_owned());
        }
        if self.twilio.auth_token.is_none() && open {
            warnings.push("TWILIO_AUTH_TOKEN is missing: Twilio's routes serve this machine only".to_owned());
        }
        let line = &self.twilio;
        if (line.account_sid.is_some() || line.phone_number.is_some()) && !line.can_call() {
            warnings.push(
                "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER are needed together: no call can be started"
                    .to_owned(),
            );
        }
        if self.api_token.as_ref().is_some_and(|token| token.expose().len() < 16) {
            warnings.push("API_TOKEN has fewer than 16 characters and can be guessed".to_owned());
        }
        if self.twilio.can_call() && self.public_url.as_ref().is_some_and(|url| url.starts_with("http:")) {
            warnings.push("PUBLIC_URL is http: Twilio opens media streams to wss addresses only".to_owned());
        }
        if self.otlp_endpoint.is_some() && !traces::COMPILED_IN {
            warnings.push(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build exports no traces: it lacks the feature otel"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Every variable and what is in force for it, secrets as `***`, in the order of [`variables::VARIABLES`].
    pub fn in_force(&self) -> Vec<(&'static str, String)> {
        let secret = |value: &Option<Secret>| value.as_ref().map_or_else(String::new, |secret| format!("{secret:?}"));
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        variables::VARIABLES
            .iter()
            .map(|variable| {
                let value = match variable.name {
                    "TWILIO_ACCOUNT_SID" => {
                        self.twilio.account_sid.as_ref().map(ToString::to_string).unwrap_or_default()
                    }
                    "TWILIO_AUTH_TOKEN" => secret(&self.twilio.auth_token),
                    "TWILIO_PHONE_NUMBER" => text(&self.twilio.phone_number),
                    "TWILIO_API_URL" => self.twilio.api_url.clone(),
                    "ELEVENLABS_API_KEY" => secret(&self.elevenlabs.api_key),
                    "ELEVENLABS_API_URL" => self.elevenlabs.api_url.clone(),
                    "ELEVENLABS_FALLBACK_MODEL" => text(&self.elevenlabs.fallback_model),
                    "GEMINI_API_KEY" => secret(&self.gemini.api_key),
                    "GEMINI_API_URL" => self.gemini.api_url.clone(),
                    "GEMINI_MODEL" => self.gemini.model.clone(),
                    "GEMINI_FALLBACK_MODEL" => text(&self.gemini.fallback_model),
                    "MONGODB_URI" => {
                        self.mongodb.as_ref().map_or_else(String::new, |mongodb| format!("{:?}", mongodb.uri))
                    }
                    "MONGODB_DATABASE" => {
                        self.mongodb.as_ref().map_or_else(String::new, |mongodb| mongodb.database.clone())
                    }
                    "PUBLIC_URL" => text(&self.public_url),
                    "LISTEN" => self.listen.to_string(),
                    "TLS_CERT_FILE" => {
                        self.tls.as_ref().map_or_else(String::new, |tls| tls.files().certificates.display().to_string())
                    }
                    "TLS_KEY_FILE" => {
                        self.tls.as_ref().map_or_else(String::new, |tls| tls.files().key.display().to_string())
                    }
                    "API_TOKEN" => secret(&self.api_token),
                    "AGENTS_DIR" => self.agents_dir.display().to_string(),
                    "AUDIO_DIR" => self.audio_dir.display().to_string(),
                    "DATA_DIR" => self.data_dir.display().to_string(),
                    "DO_NOT_CALL_FILE" => {
                        self.do_not_call_file.as_ref().map_or_else(String::new, |path| path.display().to_string())
                    }
                    "CALLS_TO_NUMBER_PER_HOUR" => self.calls_to_number_per_hour.to_string(),
                    "CALLS_FROM_NUMBER_PER_HOUR" => self.calls_from_number_per_hour.to_string(),
                    "LOG_FORMAT" => match self.log_format {
                        LogFormat::Text => "text".to_owned(),
                        LogFormat::Json => "json".to_owned(),
                    },
                    "RUST_LOG" => self.log_filter.clone(),
                    "OTEL_EXPORTER_OTLP_ENDPOINT" => text(&self.otlp_endpoint),
                    "MAX_CALLS" => self.max_calls.to_string(),
                    "DRAIN_SECONDS" => self.drain.as_secs().to_string(),
                    "RETENTION_DAYS" => self.retention_days.map_or_else(String::new, |days| days.to_string()),
                    _ => String::new(),
                };
                (variable.name, value)
            })
            .collect()
    }
}

/// A configuration that cannot be started with. `Display` has one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadConfig {
    /// In the order in which variables are documented.
    pub problems: Vec<Problem>,
}

/// One thing wrong with one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or `.env`.
    pub variable: String,
    /// A lowercase fragment; never the value of a secret.
    pub what: String,
}

impl std::fmt::Display for BadConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", problem.variable, problem.what)?;
        }
        Ok(())
    }
}

impl std::error::Error for BadConfig {}

/// Where those are kept who asked in a call not to be called again, under `DATA_DIR`.
pub const ASKED_NOT_TO_BE_CALLED: &str = "do_not_call.txt";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, BadConfig> {
        Config::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn problems(pairs: &[(&str, &str)]) -> String {
        read(pairs).map(|config| format!("{config:?}")).unwrap_err().to_string()
    }

    const TWILIO: [(&str, &str); 3] = [
        ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001"),
        ("TWILIO_AUTH_TOKEN", "d41d8cd98f00b204e9800998ecf8427e"),
        ("TWILIO_PHONE_NUMBER", "+912248900000"),
    ];

    #[test]
    fn nothing_set_is_a_whole_configuration() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.gemini.model, "gemini-3.5-flash-lite");
        assert_eq!(config.reachable_at(), "http://127.0.0.1:8080");
        assert!(config.warnings().is_empty());
        let parts = config.parts();
        assert_eq!(parts.len(), 5);
        assert!(parts.iter().all(|part| part.why.ends_with("missing")), "{parts:?}");
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        let config = read(&[("API_TOKEN", ""), ("LISTEN", "  "), ("MONGODB_URI", "\n")]).unwrap();
        assert!(config.api_token.is_none() && config.mongodb.is_none());
        assert_eq!(config.listen.port(), 8080);
    }

    #[test]
    fn rates_of_a_number_are_limited_on_twilios_own_line_unless_told_otherwise() {
        let rates = |pairs: &[(&str, &str)]| {
            let config = read(pairs).unwrap();
            (config.calls_to_number_per_hour, config.calls_from_number_per_hour)
        };
        assert_eq!(rates(&[]), (0, 0));
        let mut line = TWILIO.to_vec();
        line.push(("PUBLIC_URL", "https://voice.example.in"));
        assert_eq!(rates(&line), (6, 20));
        // The first of a name counts.
        let with = |more: &[(&'static str, &'static str)]| rates(&[more, &line].concat());
        assert_eq!(with(&[("TWILIO_API_URL", "https://api.dublin.ie1.twilio.com")]), (6, 20));
        assert_eq!(with(&[("TWILIO_API_URL", "http://127.0.0.1:9")]), (0, 0));
        assert_eq!(with(&[("TWILIO_API_URL", "https://twilio.com.example.in")]), (0, 0));
        assert_eq!(with(&[("CALLS_TO_NUMBER_PER_HOUR", "0"), ("CALLS_FROM_NUMBER_PER_HOUR", "3")]), (0, 3));
        // A proxy on the way may have the certificate.
        assert_eq!(with(&[("PUBLIC_URL", "http://voice.example.in")]), (6, 20));
        for here in [
            "http://127.0.0.1:8080",
            "https://127.0.0.1:8443",
            "https://localhost",
            "https://voice.localhost:8443",
            "https://[::1]:8443",
            "https://0.0.0.0",
        ] {
            assert_eq!(with(&[("PUBLIC_URL", here)]), (0, 0), "{here}");
            assert_eq!(with(&[("PUBLIC_URL", here), ("CALLS_FROM_NUMBER_PER_HOUR", "3")]), (0, 3), "{here}");
        }
        assert_eq!(rates(&[("CALLS_TO_NUMBER_PER_HOUR", "2")]), (2, 0));
        assert!(problems(&[("CALLS_TO_NUMBER_PER_HOUR", "many")]).starts_with("CALLS_TO_NUMBER_PER_HOUR: "));
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_name() {
        let text = problems(&[
            ("LISTEN", "8080"),
            ("LOG_FORMAT", "xml"),
            ("PUBLIC_URL", "https://voice.example.in/base?x=1"),
            ("GEMINI_API_URL", "ftp://x"),
            ("TWILIO_PHONE_NUMBER", "022 4890"),
            ("MAX_CALLS", "0"),
        ]);
        for name in ["LISTEN", "LOG_FORMAT", "PUBLIC_URL", "GEMINI_API_URL", "TWILIO_PHONE_NUMBER", "MAX_CALLS"] {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name} in {text}");
        }
        assert!(text.contains(r#"got "xml""#), "{text}");
    }

    #[test]
    fn no_secret_is_shown_in_problems_or_in_the_view() {
        let text = problems(&[("MONGODB_URI", "postgres://u:hunter2@x"), ("API_TOKEN", "hunter2 with a space")]);
        assert!(text.contains("MONGODB_URI") && text.contains("API_TOKEN") && !text.contains("hunter2"), "{text}");
        let mut pairs = TWILIO.to_vec();
        pairs.extend([
            ("MONGODB_URI", "mongodb://u:hunter2@127.0.0.1/calls"),
            ("API_TOKEN", "hunter2"),
            ("GEMINI_API_KEY", "hunter2"),
            ("ELEVENLABS_API_KEY", "hunter2"),
            ("PUBLIC_URL", "https://voice.example.in"),
        ]);
        let config = read(&pairs).unwrap();
        let shown = format!("{config:?} {:?} {:?} {:?}", config.in_force(), config.parts(), config.warnings());
        assert!(!shown.contains("hunter2") && !shown.contains("d41d8cd98f00"), "{shown}");
        assert!(config.in_force().contains(&("TWILIO_AUTH_TOKEN", "***".to_owned())));
    }

    #[test]
    fn a_phone_line_needs_all_its_variables_and_a_public_address() {
        assert!(problems(&TWILIO).starts_with("PUBLIC_URL: "));
        for part in [&TWILIO[..1], &TWILIO[1..]] {
            let config = read(part).unwrap();
            assert!(!config.twilio.can_call());
            assert!(config.warnings().iter().any(|warning| warning.contains("no call can be started")));
        }
        let mut pairs = TWILIO.to_vec();
        pairs.push(("TWILIO_API_URL", "http://127.0.0.1:9000"));
        assert!(read(&pairs).unwrap().twilio.can_call(), "a stand-in on this machine needs none");
        let incoming = read(&TWILIO[1..2]).unwrap();
        assert!(!incoming.twilio.can_call() && incoming.twilio.auth_token.is_some());
    }

    #[test]
    fn a_second_model_of_the_voice_is_one_that_we_reach_and_languages_without_it_are_named() {
        let wrong = problems(&[("ELEVENLABS_FALLBACK_MODEL", "eleven_flash_v9")]);
        assert!(wrong.starts_with("ELEVENLABS_FALLBACK_MODEL: expected one of eleven_flash_v2_5, "), "{wrong}");
        let with = |model| read(&[("ELEVENLABS_FALLBACK_MODEL", model), ("ELEVENLABS_API_KEY", "k")]).unwrap();
        let agent = agent::parse("logistics.toml", include_str!("../agents/logistics.toml")).unwrap();
        let agents = [agent];
        let config = with("eleven_multilingual_v2");
        assert_eq!(config.without_fallback_voice(&agents), [""; 0]);
        let voice = config.parts().into_iter().find(|part| part.name == "voice").unwrap();
        assert!(voice.in_force.contains("eleven_multilingual_v2"), "{}", voice.in_force);
        let same = with("eleven_flash_v2_5").without_fallback_voice(&agents);
        assert!(same.len() == 2 && same[0].contains("LOGISTICS: it is the first model there"), "{same:?}");
        let english = with("eleven_flash_v2").without_fallback_voice(&agents);
        assert!(english.len() == 1 && english[0].contains("hi-IN of LOGISTICS: it does not speak that"), "{english:?}");
    }

    #[test]
    fn a_public_address_is_kept_as_an_origin() {
        let url = |text| read(&[("PUBLIC_URL", text)]).map(|config| config.public_url.unwrap());
        assert_eq!(url("https://Voice.Example.in/").unwrap(), "https://voice.example.in");
        assert_eq!(url("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        for bad in ["wss://x", "voice.example.in", "https://u:p@x", "https://x/#a", "https://"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_database_may_be_named_in_the_address() {
        let name = |pairs: &[(&str, &str)]| read(pairs).unwrap().mongodb.unwrap().database;
        assert_eq!(name(&[("MONGODB_URI", "mongodb://h:1,h:2/calls?x=1")]), "calls");
        assert_eq!(name(&[("MONGODB_URI", "mongodb+srv://h")]), "trunkline");
        assert_eq!(name(&[("MONGODB_URI", "mongodb://h/calls"), ("MONGODB_DATABASE", "voice")]), "voice");
    }

    #[test]
    fn every_variable_is_in_the_view_and_in_the_help() {
        let config =
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"), ("RETENTION_DAYS", "30")]).unwrap();
        let help = variables::help();
        for (name, value) in config.in_force() {
            assert!(help.contains(name), "{name}");
            let variable = variables::VARIABLES.iter().find(|variable| variable.name == name).unwrap();
            if !variable.default.is_empty() && name != "MONGODB_DATABASE" {
                assert_eq!(value, variable.default, "{name}");
            }
        }
    }
}

//! The environment variables, for `--help`, `trunkline check` and people. What each means in code is in [`super`].

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds where it is missing; empty where that is nothing.
    pub default: &'static str,
    /// What it is for, as a fragment.
    pub help: &'static str,
}

/// All variables, in the order in which they are shown.
pub const VARIABLES: &[Variable] = &[
    row("LISTEN", "127.0.0.1:8080", "address and port to listen on"),
    row("PUBLIC_URL", "", "https://host[:port] by which Twilio reaches this server; no path"),
    row(
        "TLS_CERT_FILE",
        "",
        "PEM file of the certificate and its chain, read again when it changes; missing: plain HTTP",
    ),
    row("TLS_KEY_FILE", "", "PEM file of its private key; both or none"),
    row("API_TOKEN", "", "bearer token of developer routes and the console; missing: this machine only"),
    row("TWILIO_ACCOUNT_SID", "", "account that places calls"),
    row("TWILIO_AUTH_TOKEN", "", "checks Twilio's signatures, authorises our requests; missing: this machine only"),
    row("TWILIO_PHONE_NUMBER", "", "number that calls come from, E.164 such as +912248900000"),
    row("TWILIO_API_URL", "https://api.twilio.com", "scheme, host and port of Twilio's REST API"),
    row("ELEVENLABS_API_KEY", "", "ears and voice; missing: calls run in gather mode with Twilio's own"),
    row("ELEVENLABS_API_URL", "https://api.elevenlabs.io", "scheme, host and port of ElevenLabs"),
    row(
        "ELEVENLABS_FALLBACK_MODEL",
        "",
        "model that speaks where an agent's own fails or keeps failing, such as eleven_multilingual_v2",
    ),
    row("GEMINI_API_KEY", "", "the mind; missing: embedded understanding and the agent's own questions"),
    row("GEMINI_API_URL", "https://generativelanguage.googleapis.com", "scheme, host and port of Gemini"),
    row("GEMINI_MODEL", "gemini-3.5-flash-lite", "model of the mind"),
    row("GEMINI_FALLBACK_MODEL", "", "model asked when GEMINI_MODEL is out of quota, gone, overloaded or silent"),
    row("MONGODB_URI", "", "mongodb:// or mongodb+srv:// address; missing: embedded store under DATA_DIR"),
    row("MONGODB_DATABASE", "trunkline", "database, unless MONGODB_URI names one"),
    row("AGENTS_DIR", "agents", "folder of agent files, watched for changes"),
    row("AUDIO_DIR", "temp_audio", "folder of cached speech"),
    row("DATA_DIR", "data", "folder of the embedded store and of recordings"),
    row("DO_NOT_CALL_FILE", "", "numbers never to be called, E.164, one a line, # comments; watched"),
    row(
        "CALLS_TO_NUMBER_PER_HOUR",
        "",
        "calls to one number; 0: no limit; missing: 6 on Twilio's own line with a PUBLIC_URL beyond this machine, else no limit",
    ),
    row(
        "CALLS_FROM_NUMBER_PER_HOUR",
        "",
        "calls from one number; 0: no limit; missing: 20 on Twilio's own line with a PUBLIC_URL beyond this machine, else no limit",
    ),
    row("MAX_CALLS", "1000", "live calls that this process takes"),
    row("DRAIN_SECONDS", "30", "how long live calls may go on after SIGTERM"),
    row("RETENTION_DAYS", "", "days after which calls and recordings are deleted; missing: never"),
    row("LOG_FORMAT", "text", "text or json"),
    row("RUST_LOG", "info", "log filter, such as info,trunkline=debug"),
    row(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "collector of traces, OTLP over HTTP such as http://127.0.0.1:4318 (builds with the feature otel)",
    ),
];

/// The table as `--help` shows it.
pub fn help() -> String {
    let mut text = String::from(
        "Environment variables (a .env file in the working directory is read too; the environment wins; empty counts as missing):\n",
    );
    for variable in VARIABLES {
        text.push_str(&format!("  {:<28} {}", variable.name, variable.help));
        if !variable.default.is_empty() {
            text.push_str(&format!(" [default: {}]", variable.default));
        }
        text.push('\n');
    }
    text
}

pub(super) fn default_of(name: &str) -> &'static str {
    VARIABLES.iter().find(|variable| variable.name == name).map_or("", |variable| variable.default)
}

const fn row(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}

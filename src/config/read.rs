//! From text to [`Config`]: each value parsed on its own, then those that need each other. Collects problems instead of stopping.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::variables::{self, VARIABLES};
use super::{BadConfig, Config, ElevenLabs, Gemini, MongoDb, Overrides, Problem, Twilio};
use crate::agent;
use crate::http::{Tls, TlsError, TlsFiles};
use crate::telemetry::{LogFormat, Secret};
use crate::twilio::AccountSid;
use crate::twilio::phone::E164;

pub(super) fn environment(overrides: &Overrides) -> Result<Config, BadConfig> {
    let mut problems = Vec::new();
    let mut values = dot_env(&mut problems);
    for variable in VARIABLES {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let value = std::env::var(variable.name);
        match value {
            Ok(value) if value.trim().is_empty() => {}
            Ok(value) => {
                values.insert(variable.name.to_owned(), value);
            }
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                problems.push(Problem { variable: variable.name.to_owned(), what: "not valid UTF-8".to_owned() });
            }
        }
    }
    values.extend(overrides.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    config(&|name| values.get(name).cloned(), problems)
}

fn dot_env(problems: &mut Vec<Problem>) -> HashMap<String, String> {
    let mut values = HashMap::new();
    // A missing file is the usual case.
    let Ok(lines) = dotenvy::from_path_iter(".env") else { return values };
    for line in lines {
        match line {
            Ok((name, value)) => {
                values.insert(name, value);
            }
            // The line itself may hold a secret.
            Err(dotenvy::Error::LineParse(_, at)) => {
                problems.push(Problem {
                    variable: ".env".to_owned(),
                    what: format!("a line is not NAME=value (byte {at} of it)"),
                });
            }
            Err(error) => problems.push(Problem { variable: ".env".to_owned(), what: format!("unreadable: {error}") }),
        }
    }
    values
}

pub(super) fn config(lookup: &dyn Fn(&str) -> Option<String>, problems: Vec<Problem>) -> Result<Config, BadConfig> {
    let mut reader = Reader { lookup, problems };
    let listen = reader.parse("LISTEN", listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let public_url = reader.parse("PUBLIC_URL", origin);
    let tls = reader.tls();
    let api_token = reader.secret("API_TOKEN");
    let twilio = Twilio {
        account_sid: reader
            .parse("TWILIO_ACCOUNT_SID", |text| AccountSid::parse(text).map_err(|error| error.to_string())),
        auth_token: reader.secret("TWILIO_AUTH_TOKEN"),
        phone_number: reader.parse("TWILIO_PHONE_NUMBER", phone),
        api_url: reader.parse("TWILIO_API_URL", origin).unwrap_or_default(),
    };
    let elevenlabs = ElevenLabs {
        api_key: reader.secret("ELEVENLABS_API_KEY"),
        api_url: reader.parse("ELEVENLABS_API_URL", origin).unwrap_or_default(),
        fallback_model: reader.parse("ELEVENLABS_FALLBACK_MODEL", voice_model),
    };
    let gemini = Gemini {
        api_key: reader.secret("GEMINI_API_KEY"),
        api_url: reader.parse("GEMINI_API_URL", origin).unwrap_or_default(),
        model: reader.parse("GEMINI_MODEL", model).unwrap_or_default(),
        fallback_model: reader.parse("GEMINI_FALLBACK_MODEL", model),
    };
    let mongodb = reader.mongodb();
    let in_service = on_twilios_line(&twilio, public_url.as_deref());
    let config = Config {
        listen,
        public_url,
        tls,
        api_token,
        elevenlabs,
        gemini,
        mongodb,
        agents_dir: reader.parse("AGENTS_DIR", path).unwrap_or_default(),
        audio_dir: reader.parse("AUDIO_DIR", path).unwrap_or_default(),
        data_dir: reader.parse("DATA_DIR", path).unwrap_or_default(),
        do_not_call_file: reader.parse("DO_NOT_CALL_FILE", path),
        calls_to_number_per_hour: reader.per_hour("CALLS_TO_NUMBER_PER_HOUR", in_service, CALLS_TO_NUMBER),
        calls_from_number_per_hour: reader.per_hour("CALLS_FROM_NUMBER_PER_HOUR", in_service, CALLS_FROM_NUMBER),
        max_calls: reader.parse("MAX_CALLS", |text| whole(text, 1, 1_000_000)).unwrap_or(1) as usize,
        drain: Duration::from_secs(reader.parse("DRAIN_SECONDS", |text| whole(text, 0, 86_400)).unwrap_or(0).into()),
        retention_days: reader.parse("RETENTION_DAYS", |text| whole(text, 1, 36_500)),
        log_format: reader.parse("LOG_FORMAT", log_format).unwrap_or_default(),
        log_filter: reader.parse("RUST_LOG", log_filter).unwrap_or_default(),
        otlp_endpoint: reader.parse("OTEL_EXPORTER_OTLP_ENDPOINT", web_address),
        twilio,
    };
    reader.phone_line(&config);
    let mut problems = reader.problems;
    if problems.is_empty() {
        return Ok(config);
    }
    problems.sort_by_key(|problem| VARIABLES.iter().position(|variable| variable.name == problem.variable));
    Err(BadConfig { problems })
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn given(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn refuse(&mut self, variable: &str, what: String) {
        self.problems.push(Problem { variable: variable.to_owned(), what });
    }

    /// The variable's value or its default; `None` where there is neither, or a problem.
    fn parse<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let default = variables::default_of(name);
        let text = self.given(name).or_else(|| (!default.is_empty()).then(|| default.to_owned()))?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                // An address may hold a password.
                let got = if text.contains('@') { String::new() } else { format!(", got {text:?}") };
                self.refuse(name, format!("{expected}{got}"));
                None
            }
        }
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        let text = self.given(name)?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(Secret::from(text));
        }
        self.refuse(name, "expected printable ASCII without spaces".to_owned());
        None
    }

    /// Calls of one number in an hour: the usual limit in service, and none elsewhere unless one is set.
    fn per_hour(&mut self, name: &str, in_service: bool, usual: u32) -> u32 {
        self.parse(name, |text| whole(text, 0, 1_000)).unwrap_or(if in_service { usual } else { 0 })
    }

    /// Both files or none, and then a pair that can be used.
    fn tls(&mut self) -> Option<Tls> {
        let (certificates, key) = (self.parse("TLS_CERT_FILE", path), self.parse("TLS_KEY_FILE", path));
        let (certificates, key) = match (certificates, key) {
            (Some(certificates), Some(key)) => (certificates, key),
            (None, None) => return None,
            (given, _) => {
                let (missing, other) =
                    if given.is_some() { ("TLS_KEY_FILE", "TLS_CERT_FILE") } else { ("TLS_CERT_FILE", "TLS_KEY_FILE") };
                self.refuse(missing, format!("missing, but {other} is set: TLS needs both"));
                return None;
            }
        };
        match Tls::read(TlsFiles { certificates, key }) {
            Ok(tls) => Some(tls),
            Err(error) => {
                let variable = match &error {
                    TlsError::Certificates { .. } | TlsError::Pair(_) => "TLS_CERT_FILE",
                    TlsError::Key { .. } => "TLS_KEY_FILE",
                };
                self.refuse(variable, error.to_string());
                None
            }
        }
    }

    fn mongodb(&mut self) -> Option<MongoDb> {
        let named = self.given("MONGODB_DATABASE");
        let fallback = self.parse("MONGODB_DATABASE", database);
        let uri = self.given("MONGODB_URI")?;
        let Some(rest) = uri.strip_prefix("mongodb://").or_else(|| uri.strip_prefix("mongodb+srv://")) else {
            self.refuse("MONGODB_URI", "expected an address that starts with mongodb:// or mongodb+srv://".to_owned());
            return None;
        };
        let (hosts, path) = rest.split_once('/').unwrap_or_else(|| (rest.split('?').next().unwrap_or_default(), ""));
        if hosts.rsplit('@').next().unwrap_or_default().is_empty() {
            self.refuse("MONGODB_URI", "expected a host".to_owned());
            return None;
        }
        let in_address = path.split('?').next().unwrap_or_default();
        let database = if named.is_some() || in_address.is_empty() {
            fallback?
        } else if let Ok(name) = database(in_address) {
            name
        } else {
            self.refuse("MONGODB_URI", "the database in it has an impossible name".to_owned());
            return None;
        };
        Some(MongoDb { uri: Secret::from(uri), database })
    }

    /// What the phone line's variables need of each other.
    fn phone_line(&mut self, config: &Config) {
        let given = |name| self.given(name).is_some();
        let (sid, token, number, public) = (
            given("TWILIO_ACCOUNT_SID"),
            given("TWILIO_AUTH_TOKEN"),
            given("TWILIO_PHONE_NUMBER"),
            given("PUBLIC_URL"),
        );
        // A stand-in for Twilio may reach us where we listen; Twilio itself cannot.
        if sid && token && number && !public && config.twilio.api_url == variables::default_of("TWILIO_API_URL") {
            self.refuse("PUBLIC_URL", "missing: Twilio needs an address at which it can reach this server".to_owned());
        }
    }
}

/// Whether people's telephones are at the other end. A stand-in for Twilio rings nobody's, and Twilio itself reaches no address of
/// this machine: there somebody tries calls out, with one number, again and again.
fn on_twilios_line(twilio: &Twilio, public_url: Option<&str>) -> bool {
    let line = Url::parse(&twilio.api_url).ok();
    let real = line.as_ref().and_then(Url::host_str).is_some_and(|host| host.ends_with(".twilio.com"));
    let public = public_url.and_then(|url| Url::parse(url).ok());
    let reachable = public.as_ref().and_then(Url::host).is_some_and(|host| match host {
        Host::Domain(name) => name != "localhost" && !name.ends_with(".localhost"),
        Host::Ipv4(address) => !address.is_loopback() && !address.is_unspecified(),
        Host::Ipv6(address) => !address.is_loopback() && !address.is_unspecified(),
    });
    twilio.can_call() && real && reachable
}

/// Calls to one number in an hour: somebody who does not answer is tried again, and not harassed.
const CALLS_TO_NUMBER: u32 = 6;
/// Calls from one number in an hour: firms call from one number for many people.
const CALLS_FROM_NUMBER: u32 = 20;

fn listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| "expected an IP address and a port such as 127.0.0.1:8080 or 0.0.0.0:80".to_owned())
}

/// Scheme, host and port; the text that signed addresses start with.
fn origin(text: &str) -> Result<String, String> {
    let expected = || "expected http:// or https://, a host, perhaps a port, and nothing more".to_owned();
    let url = Url::parse(text).map_err(|_| expected())?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if bare { Ok(url.origin().ascii_serialization()) } else { Err(expected()) }
}

fn web_address(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(text.to_owned())
    } else {
        Err("expected http:// or https://".to_owned())
    }
}

fn phone(text: &str) -> Result<String, String> {
    match E164::parse(text) {
        Ok(number) => Ok(number.as_str().to_owned()),
        Err(_) => Err("expected a number in E.164 such as +912248900000".to_owned()),
    }
}

fn model(text: &str) -> Result<String, String> {
    // It becomes a part of a path.
    let fits =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) && !text.starts_with('.');
    if fits { Ok(text.to_owned()) } else { Err("expected a model's name such as gemini-3.5-flash-lite".to_owned()) }
}

fn voice_model(text: &str) -> Result<String, String> {
    let mut known = agent::voice_models();
    if known.any(|model| model == text) {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", agent::voice_models().collect::<Vec<_>>().join(", ")))
}

fn database(text: &str) -> Result<String, String> {
    let fits = text.len() < 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits { Ok(text.to_owned()) } else { Err("expected up to 63 letters, digits, - and _".to_owned()) }
}

#[expect(clippy::unnecessary_wraps, reason = "every variable is parsed alike")]
fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

fn whole(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let expected = || format!("expected a whole number from {least} to {most}");
    text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(expected)
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("expected a filter such as info,trunkline=debug ({error})")),
    }
}

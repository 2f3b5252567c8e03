//! Keeps the building: every module stands on a floor, imports only from below or from its own folder, and floors 0 to 3
//! are pure. A new folder is a decision: give it a floor in [`FLOORS`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and their floors; of two that fit a module the longer one counts.
const FLOORS: &[(&str, u8)] = &[
    ("audio", 0),
    ("understand", 0),
    ("agent", 1),
    ("twilio", 1),
    ("conversation", 2),
    ("call", 3),
    ("telemetry", 4),
    ("provider", 5),
    ("store", 5),
    ("twilio::rest", 5),
    ("session", 6),
    ("http", 7),
    ("simulator", 7),
    ("config", 8),
    ("server", 9),
    ("terminal", 9),
    // The binary, which names the library as `trunkline::`.
    ("main", 10),
    ("runtime", 10),
    ("cli", 10),
    ("demo", 10),
    ("simulate", 10),
    ("try_text", 10),
    ("vendors", 10),
    // Declares the rest, and names nothing.
    ("lib", 8),
];

/// Floors up to this one know no clock, runtime, socket, file, environment and no chance.
const PURE: u8 = 3;

/// What a pure floor must not name, and what that is. With `::` at its end: a crate, whose name may also be a variable's.
/// With `.` before it: a method.
const IMPURE: &[(&str, &str)] = &[
    ("tokio::", "a runtime"),
    ("async", "a runtime"),
    (".await", "a runtime"),
    ("std::thread", "a runtime"),
    ("SystemTime", "a clock"),
    (".elapsed(", "a clock"),
    ("std::net", "a socket"),
    ("TcpListener", "a socket"),
    ("TcpStream", "a socket"),
    ("UdpSocket", "a socket"),
    ("axum::", "a socket"),
    ("reqwest::", "a socket"),
    ("tokio_tungstenite::", "a socket"),
    ("mongodb::", "a socket"),
    ("std::fs", "a file"),
    ("File", "a file"),
    ("OpenOptions", "a file"),
    ("rusqlite::", "a file"),
    ("std::env", "the environment"),
    ("std::process", "the environment"),
    ("rand::", "chance"),
    ("getrandom::", "chance"),
    ("RandomState", "chance"),
    ("tracing::", "a log"),
    ("metrics::", "a log"),
];

/// Reading the clock, and the rooms that may.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];
const CLOCK_ROOMS: &[&str] = &["http", "provider", "runtime", "session", "simulator", "store", "telemetry", "try_text"];

#[test]
fn imports_point_downward_and_the_core_is_pure() {
    let breaches = breaches(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_planted_breach_is_found() {
    let planted = [
        // Upward, by a plain path, in a group, in a nested group, under another name, through `super`, in a body.
        ("audio/mod.rs", "use crate::call::Call;", "audio -> call::Call: floor 0 imports from floor 3"),
        (
            "agent/mod.rs",
            "use crate::{audio::Frame, conversation};",
            "agent -> conversation: floor 1 imports from floor 2",
        ),
        (
            "conversation/mod.rs",
            "use crate::{agent::{self, Agent}, call::{turn::{A, B as C}, speech}};",
            "conversation -> call::turn::B: floor 2 imports from floor 3",
        ),
        ("agent/text.rs", "use super::super::session as low;", "agent::text -> session: floor 1 imports from floor 6"),
        (
            "call/turn.rs",
            "fn f() -> crate :: telemetry :: Secret { todo!() }",
            "call::turn -> telemetry::Secret: floor 3 imports from floor 4",
        ),
        ("store/mod.rs", "type A = Vec<crate::session::Live>;", "store -> session::Live: floor 5 imports from floor 6"),
        (
            "provider/chain.rs",
            "pub(in crate::config) fn f() {}",
            "provider::chain -> config: floor 5 imports from floor 8",
        ),
        // One file of a folder higher than the folder.
        (
            "twilio/media.rs",
            "use crate::twilio::rest::Rest;",
            "twilio::media -> twilio::rest::Rest: floor 1 imports from floor 5",
        ),
        (
            "twilio/twiml/read.rs",
            "use super::super::rest;",
            "twilio::twiml::read -> twilio::rest: floor 1 imports from floor 5",
        ),
        (
            "conversation/flow.rs",
            "use crate::twilio::rest;",
            "conversation::flow -> twilio::rest: floor 2 imports from floor 5",
        ),
        // Sideways.
        (
            "understand/money.rs",
            "use crate::audio::*;",
            "understand::money -> audio: floor 0 imports from its own floor",
        ),
        (
            "agent/field.rs",
            "use crate::twilio::CallSid;",
            "agent::field -> twilio::CallSid: floor 1 imports from its own floor",
        ),
        (
            "store/mongo.rs",
            "use crate::twilio::rest::Rest;",
            "store::mongo -> twilio::rest::Rest: floor 5 imports from its own floor",
        ),
        ("http/api.rs", "use crate::simulator;", "http::api -> simulator: floor 7 imports from its own floor"),
        // Nowhere.
        ("helpers/mod.rs", "pub fn f() {}", "helpers stands on no floor"),
        ("call/timer.rs", "use crate::elsewhere::X;", "call::timer -> elsewhere::X: on no floor"),
        // Not pure.
        ("call/mod.rs", "fn f() { let x = std::time::Instant::now(); }", "call reads the clock: Instant::now"),
        ("audio/vad.rs", "use std::time::SystemTime;", "audio::vad names a clock: SystemTime"),
        ("audio/opus.rs", "fn f(at: Instant) { at.elapsed(); }", "audio::opus names a clock: .elapsed("),
        ("twilio/webhook.rs", "pub async fn f() {}", "twilio::webhook names a runtime: async"),
        ("twilio/signature.rs", "fn f() { g().await }", "twilio::signature names a runtime: .await"),
        ("call/speech.rs", "use tokio::sync::mpsc;", "call::speech names a runtime: tokio::"),
        ("agent/load.rs", "fn f() { std::fs::read(\"x\"); }", "agent::load names a file: std::fs"),
        ("understand/number.rs", "use std::{fmt, env::var};", "understand::number names the environment: std::env"),
        ("understand/time.rs", "use std::net::{IpAddr};", "understand::time names a socket: std::net"),
        ("conversation/clause.rs", "fn f() -> u8 { rand::random() }", "conversation::clause names chance: rand::"),
        (
            "conversation/history.rs",
            "fn f() { tracing::info!(\"x\"); }",
            "conversation::history names a log: tracing::",
        ),
        // A clock where none is read, though async lives there.
        ("twilio/rest.rs", "fn f() { tokio::time::Instant::now(); }", "twilio::rest reads the clock: Instant::now"),
        ("config.rs", "fn f() { jiff::Zoned::now(); }", "config reads the clock: Zoned::now"),
        // A test module ends where its brace closes.
        (
            "call/log.rs",
            "#[cfg(test)] mod tests { fn f() { \"}\"; '}'; } }\nuse crate::http::Router;",
            "call::log -> http::Router: floor 3 imports from floor 7",
        ),
        (
            "audio/resample.rs",
            "fn f<'a>(x: &'a str) { use crate::agent; }",
            "audio::resample -> agent: floor 0 imports from floor 1",
        ),
    ];
    let scratch = tempfile::tempdir().expect("a scratch folder");
    plant(scratch.path(), &planted.map(|(file, text, _)| (file, text)));
    let found = breaches(scratch.path());
    for (file, _, expected) in planted {
        assert!(
            found.iter().any(|breach| breach == expected),
            "{file}: {expected}\nis not among\n{}",
            found.join("\n")
        );
    }
    // Each file breaks one rule, some by more than one name; none is found that was not planted.
    let rooms: BTreeSet<_> = planted.iter().map(|(file, _, _)| module_of(Path::new(file))).collect();
    assert!(found.iter().all(|breach| rooms.iter().any(|room| breach.starts_with(room.as_str()))));
}

#[test]
fn what_is_allowed_is_not_found() {
    let allowed = [
        ("lib.rs", "//! Uses crate::session.\npub mod audio;\npub mod session;"),
        ("main.rs", "use trunkline::session; fn main() { std::env::var(\"X\"); }"),
        (
            "audio/mod.rs",
            "// use crate::call;\n/* crate::call /* nested */ tokio */\n/// See crate::session.\npub mod vad;",
        ),
        ("audio/vad.rs", "use super::Frame; use crate::audio::mulaw; const A: &str = \"crate::call tokio .await\";"),
        (
            "understand/mod.rs",
            "const A: &str = r#\"use \"crate::call\"; rand\"#; const B: char = '\"'; const C: u8 = b'\\'';",
        ),
        (
            "call/mod.rs",
            "use crate::{audio, conversation::Flow, twilio::media}; fn f(now: std::time::Instant, rand: u8, elapsed: std::time::Duration) {}",
        ),
        (
            "call/turn.rs",
            "#[cfg(test)]\nmod tests { use crate::session::X; async fn f() { tokio::spawn(g()).await; } }",
        ),
        (
            "call/timer.rs",
            "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\n#[cfg(test)] use crate::http;\n#[test] fn f() {}",
        ),
        ("twilio/rest.rs", "use super::CallSid; use crate::telemetry::Secret; async fn f() { g().await }"),
        ("session/mod.rs", "use crate::{call::Call, provider, store, twilio::rest::Rest}; fn f() { Instant::now(); }"),
        ("config.rs", "use crate::{http, session, simulator}; fn f() { std::fs::read(\"x\"); }"),
    ];
    let scratch = tempfile::tempdir().expect("a scratch folder");
    plant(scratch.path(), &allowed);
    assert_eq!(breaches(scratch.path()), Vec::<String>::new());
}

fn plant(root: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

/// Every breach under a source folder, in words.
fn breaches(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    assert!(!files.is_empty(), "no source under {}", root.display());
    let mut breaches = BTreeSet::new();
    for file in files {
        let me = module_of(file.strip_prefix(root).expect("under the root"));
        let text = fs::read_to_string(&file).expect("a source file");
        inspect(&me, &tokens(&text), &mut breaches);
    }
    breaches.into_iter().collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `twilio/mod.rs` is `twilio`, `twilio/media.rs` is `twilio::media`.
fn module_of(file: &Path) -> String {
    let mut parts: Vec<_> =
        file.with_extension("").iter().map(|part| part.to_str().expect("UTF-8").to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts.join("::")
}

fn floor_of(module: &str) -> Option<u8> {
    FLOORS
        .iter()
        .filter(|(room, _)| module.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
        .max_by_key(|(room, _)| room.len())
        .map(|(_, floor)| *floor)
}

fn room_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

fn inspect(me: &str, tokens: &[String], breaches: &mut BTreeSet<String>) {
    let Some(floor) = floor_of(me) else {
        breaches.insert(format!("{me} stands on no floor"));
        return;
    };
    let paths = paths(tokens);
    for them in paths.iter().filter_map(|path| absolute(me, path)) {
        match floor_of(&them) {
            None => breaches.insert(format!("{me} -> {them}: on no floor")),
            Some(theirs) if theirs > floor => {
                breaches.insert(format!("{me} -> {them}: floor {floor} imports from floor {theirs}"))
            }
            Some(theirs) if theirs == floor && room_of(&them) != room_of(me) => {
                breaches.insert(format!("{me} -> {them}: floor {floor} imports from its own floor"))
            }
            Some(_) => false,
        };
    }
    for path in &paths {
        for clock in CLOCKS {
            if names(path, clock) && !CLOCK_ROOMS.contains(&room_of(me)) {
                breaches.insert(format!("{me} reads the clock: {clock}"));
            }
        }
    }
    for (name, what) in IMPURE {
        let named = match (name.strip_prefix('.'), name.strip_suffix("::")) {
            (Some(_), _) => {
                let method = self::tokens(name);
                tokens.windows(method.len()).any(|part| part == method)
            }
            (None, Some(package)) => paths.iter().any(|path| path.len() > 1 && path[0] == package),
            (None, None) => paths.iter().any(|path| names(path, name)),
        };
        if floor <= PURE && named {
            breaches.insert(format!("{me} names {what}: {name}"));
        }
    }
}

/// Whether `name` stands in `path`, whole segments.
fn names(path: &[String], name: &str) -> bool {
    let name: Vec<_> = name.split("::").collect();
    path.windows(name.len()).any(|part| part == name)
}

/// `crate::a::b` as `a::b`, `super::b` in `a::c` likewise; nothing for a path that leaves the crate.
fn absolute(me: &str, path: &[String]) -> Option<String> {
    let mut at: Vec<&str> = Vec::new();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("crate") => rest = &rest[1..],
        Some("super") => {
            at = me.split("::").collect();
            while let Some((first, more)) = rest.split_first() {
                if first != "super" {
                    break;
                }
                at.pop();
                rest = more;
            }
        }
        _ => return None,
    }
    at.extend(rest.iter().map(String::as_str));
    (!at.is_empty() && !rest.is_empty()).then(|| at.join("::"))
}

/// Every path in the text, those of a group one by one, without `self`, `*` and the name after `as`.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_word(&tokens[at]) {
            at = path(tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the path, or the tree of a `use`, that begins at a word; gives the place after it.
fn path(tokens: &[String], mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") if !path.is_empty() => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = if tokens[at] == "," { at + 1 } else { self::path(tokens, at, &path, found) };
                }
                return at + 1;
            }
            Some("self" | "*") => at += 1,
            Some(word) if is_word(word) => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => {
                at += 1;
                break;
            }
        }
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
        } else {
            break;
        }
    }
    found.push(path);
    if tokens.get(at).is_some_and(|token| token == "as") && !before.is_empty() { at + 2 } else { at }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The text as words, `::` and single marks; without comments, strings, character literals and what is only for tests.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = string(rest) {
            // Keeps `#[path = "x"]` in one piece.
            tokens.push("\"\"".to_owned());
            length
        } else if first == '\'' {
            character_or_lifetime(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&tokens)
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a string literal that begins the text: plain, raw, of bytes, or for C.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            let rest = if prefix.ends_with('r') { rest.trim_start_matches('#') } else { rest };
            rest.starts_with('"')
        })
    })?;
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let start = prefix.len() + hashes + 1;
        return Some(text[start..].find(&close).map_or(text.len(), |at| start + at + close.len()));
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of `'x'`, or of the `'` of a lifetime.
fn character_or_lifetime(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => chars.find(|(_, c)| *c == '\'').map_or(text.len(), |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Drops each item after `#[cfg(test)]`: up to its closing brace, or its semicolon.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().take(TEST.len()).eq(TEST.iter()) {
            at = item_end(tokens, at + TEST.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn item_end(tokens: &[String], from: usize) -> usize {
    let mut depth = 0;
    let is_use = tokens.get(from).is_some_and(|token| token == "use");
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && token == "}" && !is_use {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

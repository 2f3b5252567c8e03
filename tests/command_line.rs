//! The binary itself: what it says about its configuration, how it starts, and how it stops.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The binary in a folder of its own, with nothing in its environment.
fn trunkline(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("AGENTS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/agents"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check(folder: &Path, variables: &[(&str, &str)]) -> Output {
    trunkline(folder).arg("check").envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn check_names_every_part_and_agent_and_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(folder.path(), &[("API_TOKEN", "hunter2hunter2hunter2"), ("GEMINI_API_KEY", "hunter2")]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for word in
        ["ears", "voice", "mind", "memory", "phone line", "LOGISTICS", "charge, time", "***", "GEMINI_API_KEY is set"]
    {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn bad_configuration_ends_with_64_and_every_variables_name() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "serve"] {
        let output =
            trunkline(folder.path()).arg(command).env("LISTEN", "nowhere").env("LOG_FORMAT", "xml").output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("LISTEN: ") && said.contains("LOG_FORMAT: ") && output.stdout.is_empty(), "{said}");
    }
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    std::fs::write(folder.path().join("agents/bad.toml"), "agent_type = 7\n").unwrap();
    for command in ["check", "serve"] {
        let output = trunkline(folder.path()).arg(command).env("AGENTS_DIR", "agents").output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("agents/bad.toml:1: agent_type"), "{said}");
    }
}

#[test]
fn a_dot_env_file_is_read_and_the_environment_and_the_command_line_win() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "GEMINI_MODEL=from-file\nLISTEN=127.0.0.1:1\nDATA_DIR='kept here'\n")
        .unwrap();
    let output = trunkline(folder.path())
        .args(["check", "--listen", "127.0.0.1:3"])
        .env("LISTEN", "127.0.0.1:2")
        .env("GEMINI_MODEL", "")
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("127.0.0.1:3") && said.contains("from-file") && said.contains("kept here"), "{said}");
    assert!(!said.contains("127.0.0.1:2") && !said.contains("127.0.0.1:1"), "{said}");

    std::fs::write(folder.path().join(".env"), "API_TOKEN hunter2\n").unwrap();
    let output = check(folder.path(), &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64));
    assert!(said.contains(".env: ") && !said.contains("hunter2"), "{said}");
}

#[test]
fn help_lists_every_variable_and_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let output = trunkline(folder.path()).arg("--help").env("API_TOKEN", "hunter2").output().unwrap();
    let said = text(&output.stdout);
    for variable in trunkline::config::variables::VARIABLES {
        assert!(said.contains(variable.name), "{}", variable.name);
    }
    assert!(!said.contains("hunter2"));
}

const LOGISTICS: &str = include_str!("../agents/logistics.toml");

/// Reads a log up to the line that holds this text.
fn line_with(log: &mut impl std::io::BufRead, wanted: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server ended");
        if line.contains(wanted) {
            return line;
        }
    }
}

/// A server of the binary, stopped when dropped.
struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
    folder: TempDir,
}

impl Running {
    fn start() -> Self {
        Self::start_with(LOGISTICS, &[], |_| {})
    }

    /// With another agent, more variables, and a folder prepared for them.
    fn start_with(agent: &str, variables: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let agents = folder.path().join("agents");
        std::fs::create_dir(&agents).unwrap();
        std::fs::write(agents.join("a.toml"), agent).unwrap();
        let mut command = trunkline(folder.path());
        command.env("AGENTS_DIR", "agents").envs(variables.iter().copied());
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = line_with(&mut log, r#""message":"listening""#);
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = entry["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, log, address, folder }
    }

    fn post(&self, target: &str, form: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let kind = "application/x-www-form-urlencoded";
        let length = form.len();
        let head = format!("Host: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        write!(socket, "POST {target} HTTP/1.1\r\n{head}\r\n\r\n{form}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, target: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_server_starts_answers_and_stops_when_told() {
    let mut server = Running::start();
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/metrics").contains("trunkline_"));
    let call = trunkline(Path::new("."))
        .args(["call", "NOBODY", "+919876543210", "--var", "supplier=Asha"])
        .args(["--server", &format!("http://{}", server.address)])
        .output()
        .unwrap();
    assert_eq!(call.status.code(), Some(1));
    assert!(text(&call.stderr).contains("422"), "{}", text(&call.stderr));
    let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", server.child.id())]).status().unwrap();
    assert!(told.success());
    assert!(server.child.wait().unwrap().success());
    let mut rest = String::new();
    server.log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("draining") && rest.contains("stopped"), "{rest}");
}

/// A certificate and its key, as `cert.pem` and `key.pem`.
fn certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["voice.example.in".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_health_check_asks_the_running_server_also_over_tls_and_a_signal_renews_the_certificate() {
    let ready = |address: &str, variables: &[(&str, &str)], folder: &Path| {
        trunkline(folder).args(["ready", "--listen", address]).envs(variables.iter().copied()).output().unwrap()
    };
    let server = Running::start();
    let output = ready(&server.address, &[], server.folder.path());
    assert!(output.status.success() && text(&output.stdout) == "ready\n", "{output:?}");
    let gone = server.address.clone();
    drop(server);
    assert_eq!(ready(&gone, &[], Path::new(".")).status.code(), Some(1));

    let tls = [("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem")];
    let mut server = Running::start_with(LOGISTICS, &tls, certificate);
    let output = ready(&server.address, &tls, server.folder.path());
    assert!(output.status.success(), "{output:?}");
    certificate(server.folder.path());
    Command::new("sh").args(["-c", &format!("kill -HUP {}", server.child.id())]).status().unwrap();
    line_with(&mut server.log, "a new certificate is in force");
    assert!(ready(&server.address, &tls, server.folder.path()).status.success());
}

#[test]
fn a_collector_of_traces_is_told_of_where_the_build_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(folder.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")]);
    let warned = text(&output.stdout).contains("note: OTEL_EXPORTER_OTLP_ENDPOINT is set, but");
    assert_eq!(warned, !trunkline::telemetry::traces::COMPILED_IN, "{}", text(&output.stdout));
}

#[test]
fn told_to_stop_in_the_middle_of_a_call_it_says_goodbye_first() {
    // Less than the time in which a call in gather gets its last turn: it begins at once.
    let mut server = Running::start_with(LOGISTICS, &[("DRAIN_SECONDS", "19")], |_| {});
    let voice = "/voice?agent_type=LOGISTICS&mode=gather";
    let first = server.post(voice, "CallSid=CA00000000000000000000000000000001&Direction=inbound&From=%2B919876543210");
    let action = first.split_once("/process-response").unwrap().1.split('"').next().unwrap().to_owned();
    Command::new("sh").args(["-c", &format!("kill -TERM {}", server.child.id())]).status().unwrap();
    line_with(&mut server.log, "draining");
    while !server.get("/readyz").starts_with("HTTP/1.1 503") {}
    let refused =
        server.post(voice, "CallSid=CA00000000000000000000000000000002&Direction=inbound&From=%2B919876543210");
    assert!(refused.contains("<Say") && refused.contains("<Hangup/>") && !refused.contains("<Gather"), "{refused}");
    let last = server.post(
        &format!("/process-response{action}"),
        "CallSid=CA00000000000000000000000000000001&SpeechResult=five+hundred+rupees",
    );
    assert!(last.contains("<Say") && last.contains("<Hangup/>") && !last.contains("<Gather"), "{last}");
    assert!(server.child.wait().unwrap().success());
    let mut rest = String::new();
    server.log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stopped") && !rest.contains("cut off"), "{rest}");
}

#[test]
fn a_good_new_agent_file_counts_at_once_and_a_bad_one_is_refused() {
    let mut server = Running::start();
    let agents = server.folder.path().join("agents");
    let known = |server: &Running| {
        let call = trunkline(Path::new("."))
            .args(["call", "NOBODY", "+919876543210", "--server", &format!("http://{}", server.address)])
            .output()
            .unwrap();
        text(&call.stderr)
    };
    std::fs::write(agents.join("a.toml"), LOGISTICS.replace("LOGISTICS", "FREIGHT")).unwrap();
    line_with(&mut server.log, "agents read again");
    assert!(known(&server).contains("FREIGHT"), "{}", known(&server));
    std::fs::write(agents.join("a.toml"), LOGISTICS.replace("agent_type", "agent_typ")).unwrap();
    let refusal = line_with(&mut server.log, "agent refused");
    assert!(refusal.contains("a.toml:") && refusal.contains("agent_typ"), "{refusal}");
    assert!(known(&server).contains("FREIGHT"), "the old one stays");
    // The same again at a signal, for folders that tell nothing.
    Command::new("sh").args(["-c", &format!("kill -HUP {}", server.child.id())]).status().unwrap();
    line_with(&mut server.log, "agent refused");
}

/// What `trunkline call` says of a call that is refused.
fn call_refused(server: &Running, phone: &str) -> String {
    let call = trunkline(Path::new("."))
        .args(["call", "LOGISTICS", phone, "--server", &format!("http://{}", server.address)])
        .output()
        .unwrap();
    assert_eq!(call.status.code(), Some(1));
    text(&call.stderr)
}

#[test]
fn the_do_not_call_list_is_checked_kept_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list"), "+919811100000\n98111 00001\n").unwrap();
    for command in ["check", "serve"] {
        let output = trunkline(folder.path()).arg(command).env("DO_NOT_CALL_FILE", "list").output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("list:2: ") && !said.contains("98111"), "{said}");
    }
    let missing = check(folder.path(), &[("DO_NOT_CALL_FILE", "nowhere")]);
    assert_eq!(missing.status.code(), Some(64), "{}", text(&missing.stdout));

    // What a crash left of a line in the file of ours stops nothing.
    let mut server = Running::start_with(LOGISTICS, &[("DO_NOT_CALL_FILE", "list")], |folder| {
        std::fs::write(folder.join("list"), "+919811100000\n").unwrap();
        std::fs::create_dir(folder.join("data")).unwrap();
        std::fs::write(folder.join("data/do_not_call.txt"), "+919811100009 # asked for it in a call\n+9198").unwrap();
    });
    assert!(call_refused(&server, "+919811100009").contains("403"));
    let noted = text(&check(server.folder.path(), &[("DO_NOT_CALL_FILE", "list")]).stdout);
    assert!(noted.contains("note: data/do_not_call.txt:2: ") && !noted.contains("+9198"), "{noted}");
    let refused = call_refused(&server, "+919811100000");
    assert!(refused.contains("403") && refused.contains("do-not-call list"), "{refused}");
    assert!(call_refused(&server, "+919811100001").contains("503"), "there is no line, but no rule against it");
    std::fs::write(server.folder.path().join("list"), "+919811100001\n").unwrap();
    line_with(&mut server.log, "do-not-call list read again");
    assert!(call_refused(&server, "+919811100001").contains("403"));
    let mut rest = String::new();
    server.child.kill().unwrap();
    server.log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("call not started") && !rest.contains("98111"), "{rest}");
}

#[test]
fn a_call_in_quiet_hours_is_refused_with_the_next_permitted_time() {
    let now = jiff::Timestamp::now().in_tz("Asia/Kolkata").unwrap();
    let clock = |hours: i64| (&now + jiff::SignedDuration::from_hours(hours)).strftime("%H:%M").to_string();
    let rules = format!("[calling]\nquiet_hours = \"{}-{}\"\n\n[recording]", clock(-2), clock(2));
    let server = Running::start_with(&LOGISTICS.replace("[recording]", &rules), &[], |_| {});
    let refused = call_refused(&server, "+919811100000");
    let from =
        format!("permitted again from {}T{}:00+05:30", (&now + jiff::SignedDuration::from_hours(2)).date(), clock(2));
    assert!(refused.contains("409") && refused.contains("Asia/Kolkata") && refused.contains(&from), "{refused}");
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = trunkline(folder.path()).args(["serve", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("LISTEN: {address}")), "{}", text(&output.stderr));
}

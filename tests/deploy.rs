//! What `deploy/` and `OPERATIONS.md` say holds of the program: metrics, variables, routes, times, alerts.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trunkline::config::variables::VARIABLES;
use trunkline::telemetry::METRICS;
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every file below `deploy/`.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn deployed() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    files(&root().join("deploy"), &mut all);
    all.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn yaml(path: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of a text made of these characters.
fn words(text: &str, of: impl Fn(char) -> bool) -> BTreeSet<&str> {
    text.split(|c| !of(c)).filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_file_can_be_parsed() {
    let mut parsed = 0;
    for (path, text) in deployed() {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("yml" | "yaml") => {
                let documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                assert!(!documents.is_empty(), "{path:?}");
                parsed += 1;
            }
            Some("json") => {
                let board: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(board["panels"].as_array().unwrap().len() > 10);
                parsed += 1;
            }
            _ => {}
        }
    }
    assert!(parsed >= 6, "{parsed}");
}

#[test]
fn every_metric_that_is_watched_exists() {
    let mut seen = BTreeSet::new();
    for (path, text) in deployed() {
        for word in words(&text, |c| c.is_ascii_alphanumeric() || c == '_') {
            if word.starts_with("trunkline_") {
                let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                assert!(METRICS.iter().any(|metric| metric.name == name), "{word} in {path:?}");
                seen.insert(name.to_owned());
            }
        }
    }
    let unseen: Vec<_> = METRICS.iter().map(|metric| metric.name).filter(|name| !seen.contains(*name)).collect();
    // Of no use to an operator but in a hunt.
    assert!(unseen.len() <= 8, "nobody looks at {unseen:?}");
}

#[test]
fn every_variable_that_is_set_exists() {
    let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
    let mut set = 0;
    for file in ["compose.yaml", "env.example", "Dockerfile", "kubernetes/trunkline.yaml", "kubernetes/secret.yaml"] {
        for line in read(&format!("deploy/{file}")).lines() {
            let line = line.trim_start_matches(['#', ' ']).trim_start_matches("ENV ");
            let Some(at) = line.find(['=', ':']) else { continue };
            let name = &line[..at];
            if name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                assert!(known(name), "{name} in {file}");
                set += 1;
            }
        }
    }
    assert!(set > 25, "{set}");
    let text = read("OPERATIONS.md");
    for word in text.split('`').skip(1).step_by(2).map(|word| word.split(['=', ' ']).next().unwrap()) {
        let theirs = ["DELETE", "OTEL_EXPORTER_OTLP_HEADERS", "SIGHUP", "SIGTERM"];
        if word.len() > 5 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !theirs.contains(&word) {
            assert!(known(word), "{word} in OPERATIONS.md");
        }
    }
}

#[test]
fn there_is_time_to_drain() {
    let seconds = |yaml: &Yaml| yaml.as_str().unwrap().trim_end_matches('s').parse::<i64>().unwrap();
    // After the drain come 5 s for requests, 5 s for MongoDB and 2 s for traces.
    const AFTER: i64 = 12;
    let compose = yaml("deploy/compose.yaml");
    let drain = seconds(&compose[0]["services"]["server-1"]["environment"]["DRAIN_SECONDS"]);
    assert!(seconds(&compose[0]["x-server"]["stop_grace_period"]) > drain + AFTER);
    let kubernetes = yaml("deploy/kubernetes/trunkline.yaml");
    let of = |kind: &str| kubernetes.iter().find(|one| one["kind"].as_str() == Some(kind)).unwrap();
    let pod = &of("StatefulSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let before = seconds(&container["lifecycle"]["preStop"]["exec"]["command"][1]);
    let drain = seconds(&of("ConfigMap")["data"]["DRAIN_SECONDS"]);
    assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() > before + drain + AFTER);
    let described: serde_json::Value = serde_json::from_str(&read("src/http/openapi.json")).unwrap();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(described["paths"][path].is_object(), "{path}");
    }
}

#[test]
fn every_alert_is_explained() {
    let operations = read("OPERATIONS.md");
    let alerts = yaml("deploy/prometheus/alerts.yml");
    let rules = alerts[0]["groups"][0]["rules"].as_vec().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(operations.contains(&format!("| `{name}` |")), "{name}");
        assert!(rule["expr"].as_str().is_some() && rule["annotations"]["summary"].as_str().is_some(), "{name}");
    }
}

#[test]
fn every_route_that_operators_are_told_of_exists() {
    let described: serde_json::Value = serde_json::from_str(&read("src/http/openapi.json")).unwrap();
    let known: Vec<_> = described["paths"].as_object().unwrap().keys().cloned().collect();
    let text = read("OPERATIONS.md");
    let mut seen = 0;
    for word in text.split('`').skip(1).step_by(2) {
        let path = word.trim_start_matches("GET ").trim_start_matches("POST ").trim_start_matches("DELETE ");
        let path = path.split(['?', ' ']).next().unwrap();
        let is_route =
            path.starts_with('/') && path.len() > 1 && !path.starts_with("/var") && !path.starts_with("/etc");
        if is_route {
            assert!(known.iter().any(|route| route == path), "{path} in OPERATIONS.md");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

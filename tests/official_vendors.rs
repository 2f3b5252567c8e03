//! The official packages of ElevenLabs and Google drive the stand-in vendors. Makes its own Python environment under
//! `target/python`; where that cannot be had, it fails.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use trunkline::simulator::vendors::{Vendors, VendorsConfig};

const PACKAGES: [&str; 2] = ["elevenlabs==2.78.0", "google-genai==3.4.0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_packages_work_with_the_stand_in_vendors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = VendorsConfig::default();
    config.settings.mind.ragged = true;
    let vendors = Vendors::start(config).await.unwrap();
    let url = vendors.url();
    let python = tokio::task::spawn_blocking(|| python(root)).await.unwrap();
    let output = tokio::process::Command::new(python)
        .arg(root.join("tests/python/official_vendors.py"))
        .arg(url)
        .arg(root.join("src/simulator/speech/five_hundred_rupees.ulaw"))
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out: Value = serde_json::from_slice(&output.stdout).unwrap();

    let text = "What is the charge?";
    let bytes = text.len() * 480;
    assert_eq!(out["stream_bytes"], bytes);
    assert!(out["stream_loud"].as_u64().unwrap() * 4 > bytes as u64);
    assert_eq!(out["mp3"][0], "ID3");
    assert_eq!((&out["timed_text"], &out["timed_bytes"]), (&json!(text), &json!(bytes * 4)));
    assert_eq!(out["speech_error"], json!([429, "concurrent_limit_exceeded"]));
    assert!(out["realtime_bytes"].as_u64().unwrap() > 10_000);

    for ears in [&out["ears_manual"], &out["ears_vad"]] {
        assert_eq!(ears["text"], "five hundred rupees");
        assert_eq!(ears["words"], json!(["five", "hundred", "rupees"]));
    }
    let second = &out["ears_manual"]["second_commit"];
    assert_eq!(second.as_array().unwrap().len(), 1, "a commit without new audio is refused: {second}");

    for version in ["mind_v1beta", "mind_default", "mind_whole"] {
        assert_eq!(out[version]["data"], json!({"charge": "five hundred rupees"}), "{version}");
        assert_eq!(out[version]["type"], "THANK_YOU_RESPONSE");
    }
    for version in ["mind_v1beta_end", "mind_default_end"] {
        assert_eq!(out[version], json!([true, "STOP"]));
    }
    assert_eq!(out["mind_error"], json!([429, "RESOURCE_EXHAUSTED"]));
    let paths: Vec<String> = vendors.log().into_iter().map(|entry| entry.target).collect();
    assert!(paths.iter().any(|path| path.starts_with("/v1/models/")), "the default version is v1");
}

/// The Python of an environment that holds the packages, made where there is none.
fn python(root: &Path) -> PathBuf {
    let home = root.join("target/python/vendors");
    let python = home.join("bin/python");
    let complete = home.join("complete");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&complete).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES));
    std::fs::write(complete, wanted).unwrap();
    python
}

//! TLS of our own. A tunnel on loopback stands for the far end's TLS: it checks our certificate and passes bytes on, so that
//! every client of these tests speaks through it as Twilio would.

use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use trunkline::config::Config;

use crate::house::{CERTIFIED as NAME, House, caller, tunnel, within};
use crate::wire::{SILENCE, Wire, call_sid, voice};

/// A certificate for [`NAME`] in this folder, and a client that trusts it alone.
fn certificate(folder: &Path) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut roots = RootCertStore::empty();
    let der = rustls::pki_types::CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap();
    roots.add(der).unwrap();
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

async fn house(folder: &Path, says: &[&'static str]) -> House {
    let client = certificate(folder);
    let file = |name: &str| folder.join(name).display().to_string();
    House::with(|plan| {
        plan.words(says.iter().copied());
        plan.set("PUBLIC_URL", format!("https://{NAME}"));
        plan.set("TLS_CERT_FILE", file("cert.pem"));
        plan.set("TLS_KEY_FILE", file("key.pem"));
        plan.tls = Some(client);
    })
    .await
}

#[tokio::test]
async fn whole_calls_are_held_over_tls_in_both_modes() {
    let says = ["English", "five hundred rupees", "two pm to five pm"];
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), &says).await;
    for mode in ["stream", "gather"] {
        let (report, document) = house.call(mode, json!({}), caller(&says)).await;
        assert_eq!(document["outcome"], "completed", "{document:#}");
        assert_eq!(report.streams, u32::from(mode == "stream"));
    }
    // Plain HTTP gets no answer, and no secret, from a port that speaks TLS.
    let mut plain = TcpStream::connect(house.server.address()).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    within(plain.read_to_end(&mut answer)).await.ok();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    let page = house.anybody(Method::GET, "/metrics").bearer_auth(crate::house::API_TOKEN).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("trunkline_tls_failures_total{reason=\"refused\"}"));
}

#[tokio::test]
async fn a_renewed_certificate_counts_for_new_connections_and_open_streams_stay() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), &[]).await;
    let call_sid = call_sid(1);
    let token = voice(&house, &call_sid, "&language=en-IN").await;
    let mut wire = Wire::open(&house).await;
    wire.connected().await;
    wire.start(&call_sid, Some(&token)).await;
    let renewed = certificate(folder.path());
    let tls = house.tls().unwrap();
    assert!(tls.read_again().unwrap());
    // The old client's roots do not know the new certificate; the new client's do.
    assert!(within(reqwest::get(format!("http://{}/healthz", house.at))).await.is_err());
    let at = tunnel(house.server.address(), renewed).await;
    let answer = within(reqwest::get(format!("http://{at}/healthz"))).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok\n");
    let mut played = 0;
    while played < 3 {
        played += usize::from(!wire.moment(&SILENCE).await.played.is_empty());
    }
}

#[test]
fn half_a_pair_is_a_problem_with_a_name() {
    let read = |name: &str, value: &str| {
        Config::read(|wanted| (wanted == name).then(|| value.to_owned())).map(|_| ()).unwrap_err().to_string()
    };
    assert!(read("TLS_CERT_FILE", "/nowhere/cert.pem").starts_with("TLS_KEY_FILE: missing"));
    assert!(read("TLS_KEY_FILE", "/nowhere/key.pem").starts_with("TLS_CERT_FILE: missing"));
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let both = |certificates: String, key: String| {
        Config::read(|wanted| match wanted {
            "TLS_CERT_FILE" => Some(certificates.clone()),
            "TLS_KEY_FILE" => Some(key.clone()),
            _ => None,
        })
    };
    assert!(both(file("gone.pem"), file("key.pem")).unwrap_err().to_string().starts_with("TLS_CERT_FILE: "));
    assert!(both(file("cert.pem"), file("cert.pem")).unwrap_err().to_string().starts_with("TLS_KEY_FILE: "));
    let config = both(file("cert.pem"), file("key.pem")).unwrap();
    assert_eq!(config.reachable_at(), "https://127.0.0.1:8080");
}

//! Every published signature vector, computed and verified; and those that must be rejected.

use serde::Deserialize;
use trunkline::twilio::signature::{
    Content, SignatureError, SignedRequest, Verifier, candidates, compute, compute_sha256,
};

/// As `tests/fixtures/twilio_signature_vectors.json` holds it; made with the official validator.
#[derive(Deserialize)]
struct Vector {
    name: String,
    auth_token: String,
    url: String,
    params: Vec<(String, String)>,
    body: Option<String>,
    algorithm: String,
    signature: String,
}

impl Vector {
    fn computed(&self) -> String {
        let sign = match self.algorithm.as_str() {
            "HMAC_SHA1" => compute,
            "HMAC_SHA256" => compute_sha256,
            other => panic!("{other}"),
        };
        sign(self.auth_token.as_bytes(), &self.url, &self.params)
    }

    /// The configured public URL and the raw request target this URL consists of.
    fn parts(&self) -> (String, String, bool) {
        let (scheme, rest) = self.url.split_once("://").expect("a URL");
        let (host, target) = rest.split_once('/').expect("a path");
        let public = format!("{}://{host}", scheme.replace("wss", "https"));
        (public, format!("/{target}"), scheme == "wss")
    }

    fn content(&self) -> Content<'_> {
        match &self.body {
            Some(body) => Content::Body(body.as_bytes()),
            None if self.params.is_empty() => Content::Nothing,
            None => Content::Form(&self.params),
        }
    }

    fn settings(&self) -> Option<&'static str> {
        (self.algorithm == "HMAC_SHA256").then_some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")
    }

    fn verified(&self, urls: &[String], signature: &str) -> Result<(), SignatureError> {
        Verifier::new([self.auth_token.as_str()]).verify(&SignedRequest {
            urls,
            content: self.content(),
            signature,
            settings: self.settings(),
        })
    }
}

fn vectors() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let text = include_str!("fixtures/twilio_signature_vectors.json");
    let file: File = serde_json::from_str(text).expect("the fixture is JSON");
    assert_eq!(file.vectors.len(), 13);
    file.vectors
}

fn vector(prefix: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name.starts_with(prefix)).expect(prefix)
}

#[test]
fn every_vector_is_computed() {
    for vector in vectors() {
        assert_eq!(vector.computed(), vector.signature, "{}", vector.name);
    }
}

#[test]
fn every_vector_verifies_over_the_public_url_and_the_raw_target() {
    for vector in vectors() {
        let (public, target, websocket) = vector.parts();
        let urls = candidates(&public, &target, websocket);
        assert_eq!(vector.verified(&urls, &vector.signature), Ok(()), "{}", vector.name);
    }
}

#[test]
fn no_vector_verifies_with_another_token_a_changed_signature_or_another_path() {
    for vector in vectors() {
        let (public, target, websocket) = vector.parts();
        let urls = candidates(&public, &target, websocket);
        let other = Verifier::new(["0123456789abcdef0123456789abcdef"]).verify(&SignedRequest {
            urls: &urls,
            content: vector.content(),
            signature: &vector.signature,
            settings: vector.settings(),
        });
        assert_eq!(other, Err(SignatureError::Mismatch), "{}", vector.name);

        for at in 0..vector.signature.len() {
            let mut changed = vector.signature.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let verified = vector.verified(&urls, &changed);
            assert_eq!(verified, Err(SignatureError::Mismatch), "{} at {at}", vector.name);
        }

        let elsewhere = candidates(&public, &format!("/x{target}"), websocket);
        let verified = vector.verified(&elsewhere, &vector.signature);
        assert_eq!(verified, Err(SignatureError::Mismatch), "{}", vector.name);
    }
}

#[test]
fn a_form_vector_breaks_with_any_field_changed_dropped_or_added() {
    for vector in vectors().into_iter().filter(|v| !v.params.is_empty()) {
        let (public, target, _) = vector.parts();
        let urls = candidates(&public, &target, false);
        let verify = |params: &[(String, String)]| {
            Verifier::new([vector.auth_token.as_str()]).verify(&SignedRequest {
                urls: &urls,
                content: Content::Form(params),
                signature: &vector.signature,
                settings: vector.settings(),
            })
        };
        for at in 0..vector.params.len() {
            let mut changed = vector.params.clone();
            changed[at].1.push('x');
            assert_eq!(verify(&changed), Err(SignatureError::Mismatch), "{}", vector.name);
            let mut dropped = vector.params.clone();
            let (name, value) = dropped.remove(at);
            // One of two equal pairs may go: they count once.
            let doubled = dropped.contains(&(name, value));
            assert_eq!(verify(&dropped).is_ok(), doubled, "{}", vector.name);
        }
        let mut added = vector.params.clone();
        added.push(("Zz".to_owned(), "1".to_owned()));
        assert_eq!(verify(&added), Err(SignatureError::Mismatch), "{}", vector.name);
        let mut shuffled = vector.params.clone();
        shuffled.reverse();
        assert_eq!(verify(&shuffled), Ok(()), "{}", vector.name);
    }
}

#[test]
fn the_json_vector_breaks_with_another_body() {
    let vector = vector("V6");
    let (public, target, _) = vector.parts();
    let urls = candidates(&public, &target, false);
    let verified = Verifier::new([vector.auth_token.as_str()]).verify(&SignedRequest {
        urls: &urls,
        content: Content::Body(b"{}"),
        signature: &vector.signature,
        settings: None,
    });
    assert_eq!(verified, Err(SignatureError::Body));
}

#[test]
fn an_upgrade_is_signed_over_wss_and_never_over_https() {
    let (v7, v7b, v7c) = (vector("V7 "), vector("V7b"), vector("V7c"));
    let upgrade = candidates("https://voice.example.in", "/twilio/media", true);
    assert_eq!(v7.verified(&upgrade, &v7.signature), Ok(()));
    assert_eq!(v7.verified(&upgrade, &v7b.signature), Ok(()), "the last slash may be signed");
    assert_eq!(v7.verified(&upgrade, &v7c.signature), Err(SignatureError::Mismatch));
    let get = candidates("https://voice.example.in", "/twilio/media", false);
    assert_eq!(v7.verified(&get, &v7.signature), Err(SignatureError::Mismatch));
}

#[test]
fn the_port_may_be_signed_or_not_as_the_official_validator_has_it() {
    let (v8, without, with_443) = (vector("V8 "), vector("V8b"), vector("V8c"));
    let of = |public: &str| candidates(public, "/twilio/voice", false);
    let cases = [
        ("https://voice.example.in:8443", &v8, true),
        ("https://voice.example.in:8443", &without, true),
        ("https://voice.example.in:8443", &with_443, false),
        ("https://voice.example.in", &without, true),
        ("https://voice.example.in", &with_443, true),
        ("https://voice.example.in", &v8, false),
        ("https://voice.example.in:443", &without, true),
        ("https://voice.example.in:443", &with_443, true),
    ];
    for (public, vector, verifies) in cases {
        let verified = v8.verified(&of(public), &vector.signature);
        assert_eq!(verified.is_ok(), verifies, "{public} {}", vector.name);
    }
}

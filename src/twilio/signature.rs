//! Who really sent a request: `X-Twilio-Signature`, computed and verified.
//!
//! The signed string is the URL as Twilio requested it, then name and value of every form field, sorted. That URL is ours to
//! know, not the request's: it is made from the configured public URL and the raw request target ([`candidates`]), never
//! from `Host` or a forwarded header. No HTTP and no configuration here; a secret never shows in `Debug` or an error.
//! Key types: [`Verifier`], [`SignedRequest`]. Wire facts: <https://www.twilio.com/docs/usage/security>, and the official
//! `RequestValidator` (`tests/official_twilio.rs` holds us against it).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

/// A request that claims to be Twilio's.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The URLs Twilio may have signed: [`candidates`].
    pub urls: &'a [String],
    /// What the request carries beside its URL.
    pub content: Content<'a>,
    /// The `X-Twilio-Signature` header; blank where there is none.
    pub signature: &'a str,
    /// The `X-Twilio-Webhooks-Signature-Settings` header, where there is one.
    pub settings: Option<&'a str>,
}

/// What a request carries beside its URL.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Nothing: a GET, or the upgrade to a WebSocket. The fields of a GET are in the URL already.
    Nothing,
    /// The decoded fields of a form body.
    Form(&'a [(String, String)]),
    /// Any other body, as it came. The URL's query must then carry its hash, `bodySHA256`.
    Body(&'a [u8]),
}

/// Holds the secrets a request may be signed with and verifies requests. More than one while a token is being changed.
#[derive(Clone)]
pub struct Verifier {
    tokens: Vec<Vec<u8>>,
}

/// Why a request is not Twilio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It carries no signature.
    #[error("no signature")]
    Missing,
    /// It is signed in a way we do not know.
    #[error("an unknown signature algorithm")]
    Algorithm,
    /// The body is not the one whose hash was signed, or no hash was signed.
    #[error("a body that was not signed")]
    Body,
    /// Signed with another token, for another URL, or with other fields.
    #[error("a wrong signature")]
    Mismatch,
}

/// Signs as Twilio does by default: HMAC-SHA1 with the account's Auth Token, in base64. `url` as the request will name it;
/// `params` are the decoded fields of a form body (none for GET, JSON, and WebSocket).
pub fn compute(token: &[u8], url: &str, params: &[(String, String)]) -> String {
    BASE64_STANDARD.encode(Algorithm::Sha1.sign(token, &signed_string(url, params, &[])))
}

/// Signs as Twilio does with a shared key (`algorithm=HMAC_SHA256` in the settings header).
pub fn compute_sha256(key: &[u8], url: &str, params: &[(String, String)]) -> String {
    BASE64_STANDARD.encode(Algorithm::Sha256.sign(key, &signed_string(url, params, &[])))
}

/// The SHA-256 of a body as `bodySHA256` carries it: lower-case hexadecimal.
pub fn body_sha256(body: &[u8]) -> String {
    Sha256::digest(body)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// The URLs Twilio may have signed for a request: `public_url` (scheme, host, perhaps a port and a path prefix) with the
/// request's raw target after it; for the upgrade to a WebSocket, `wss` (`ws`) in place of `https` (`http`).
///
/// The first is the plain one. The others answer quirks: Twilio signs with or without the port, whatever was asked for;
/// with or without the last slash of a socket's path; and writes `'` of a query as `%27`. Empty where the target is not a
/// path (an absolute URL, another host's name): such a request has no URL of ours.
pub fn candidates(public_url: &str, raw_target: &str, websocket: bool) -> Vec<String> {
    let Some((scheme, rest)) = public_url.split_once("://") else {
        return Vec::new();
    };
    let target_is_path = raw_target.starts_with('/') && raw_target.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if !target_is_path {
        return Vec::new();
    }
    let scheme = match (scheme.to_ascii_lowercase().as_str(), websocket) {
        ("https" | "wss", true) => "wss",
        ("http" | "ws", true) => "ws",
        ("https" | "wss", false) => "https",
        ("http" | "ws", false) => "http",
        _ => return Vec::new(),
    };
    let (authority, prefix) = rest.split_once('/').map_or((rest, ""), |(authority, prefix)| (authority, prefix));
    let prefix = prefix.trim_end_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    let mut targets = vec![format!("{slash}{prefix}{raw_target}")];
    let (path, query) = match targets[0].split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (targets[0].as_str(), None),
    };
    if websocket {
        let other = match path.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{path}/"),
        };
        let other = query.map_or_else(|| other.clone(), |query| format!("{other}?{query}"));
        targets.push(other);
    } else if let Some(query) = query.filter(|query| query.contains('\'')) {
        let other = format!("{path}?{}", query.replace('\'', "%27"));
        targets.push(other);
    }
    let mut urls = Vec::new();
    for authority in authorities(scheme, authority) {
        for target in &targets {
            urls.push(format!("{scheme}://{authority}{target}"));
        }
    }
    urls
}

impl Verifier {
    /// Takes the secrets: the account's Auth Token, during a change the old one too, and shared keys. Blank ones are left out:
    /// anybody could sign with them.
    pub fn new<T: Into<Vec<u8>>>(tokens: impl IntoIterator<Item = T>) -> Self {
        Self { tokens: tokens.into_iter().map(Into::into).filter(|token| !token.is_empty()).collect() }
    }

    /// Verifies a request. Every comparison takes the same time whatever it compares.
    ///
    /// A signature that does not fit is tried once more without the fields `CallToken` and `StirVerstat`: Twilio has been seen
    /// not to cover them. Nothing of ours reads those two.
    ///
    /// # Errors
    /// [`SignatureError`]: the request is not Twilio's, and must have no effect.
    pub fn verify(&self, request: &SignedRequest<'_>) -> Result<(), SignatureError> {
        if request.signature.is_empty() {
            return Err(SignatureError::Missing);
        }
        let algorithm = Algorithm::named(request.settings)?;
        let params = match request.content {
            Content::Nothing => &[],
            Content::Form(params) => params,
            Content::Body(body) => {
                check_body(request.urls, body)?;
                &[]
            }
        };
        if self.fits(request, algorithm, params, &[]) {
            return Ok(());
        }
        let second_try = params.iter().any(|(name, _)| SOMETIMES_UNSIGNED.contains(&name.as_str()));
        if second_try && self.fits(request, algorithm, params, SOMETIMES_UNSIGNED) {
            return Ok(());
        }
        Err(SignatureError::Mismatch)
    }

    fn fits(
        &self,
        request: &SignedRequest<'_>,
        algorithm: Algorithm,
        params: &[(String, String)],
        without: &[&str],
    ) -> bool {
        let mut fits = subtle::Choice::from(0);
        for url in request.urls {
            let signed = signed_string(url, params, without);
            for token in &self.tokens {
                let expected = BASE64_STANDARD.encode(algorithm.sign(token, &signed));
                fits |= expected.as_bytes().ct_eq(request.signature.as_bytes());
            }
        }
        fits.into()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} tokens)", self.tokens.len())
    }
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha1,
    Sha256,
}

impl Algorithm {
    /// Reads `key=…,algorithm=HMAC_SHA256`. No header, or one that names no algorithm, means HMAC-SHA1.
    fn named(settings: Option<&str>) -> Result<Self, SignatureError> {
        let name = settings
            .unwrap_or_default()
            .split(',')
            .filter_map(|part| part.split_once('='))
            .find(|(name, value)| name.trim() == "algorithm" && !value.trim().is_empty())
            .map_or("HMAC_SHA1", |(_, value)| value.trim());
        if name.eq_ignore_ascii_case("HMAC_SHA1") {
            Ok(Self::Sha1)
        } else if name.eq_ignore_ascii_case("HMAC_SHA256") {
            Ok(Self::Sha256)
        } else {
            Err(SignatureError::Algorithm)
        }
    }

    fn sign(self, key: &[u8], text: &str) -> Vec<u8> {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, text),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, text),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes a key of any length: there is no error to meet.
    <M as KeyInit>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// The URL, then every name and value: names sorted, the values of a name sorted, equal ones once.
fn signed_string(url: &str, params: &[(String, String)], without: &[&str]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in params {
        if !without.contains(&name.as_str()) {
            sorted.entry(name).or_default().insert(value);
        }
    }
    let mut text = String::from(url);
    for (name, values) in sorted {
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    text
}

/// The hash stands in the URL, so the signature covers it; here the body is held against the hash.
fn check_body(urls: &[String], body: &[u8]) -> Result<(), SignatureError> {
    let claimed = urls
        .first()
        .and_then(|url| url.split_once('?'))
        .and_then(|(_, query)| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bodySHA256"))
        .map(|(_, hash)| hash)
        .ok_or(SignatureError::Body)?;
    if body_sha256(body).as_bytes().ct_eq(claimed.as_bytes()).into() { Ok(()) } else { Err(SignatureError::Body) }
}

/// The host as configured, without its port, and with the port its scheme implies. The official validator takes 80 for
/// every scheme but `https`; a `wss` URL is on 443 in truth, so both are tried.
fn authorities(scheme: &str, authority: &str) -> Vec<String> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons inside an IPv6 address are no port's.
        Some((host, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let mut all = vec![authority.to_owned()];
    match (port, scheme) {
        (Some(_), _) => all.push(host.to_owned()),
        (None, "https") => all.push(format!("{host}:443")),
        (None, "wss") => all.extend([format!("{host}:443"), format!("{host}:80")]),
        (None, _) => all.push(format!("{host}:80")),
    }
    all
}

const SOMETIMES_UNSIGNED: &[&str] = &["CallToken", "StirVerstat"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const PUBLIC: &str = "https://voice.example.in";

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn post<'a>(urls: &'a [String], params: &'a [(String, String)], signature: &'a str) -> SignedRequest<'a> {
        SignedRequest { urls, content: Content::Form(params), signature, settings: None }
    }

    #[test]
    fn twilios_documented_example_is_computed() {
        let params = pairs(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]);
        assert_eq!(
            compute(b"12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &params),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
    }

    #[test]
    fn the_public_url_and_the_raw_target_make_the_url() {
        assert_eq!(
            candidates(PUBLIC, "/voice?b=2&a=%2B", false),
            ["https://voice.example.in/voice?b=2&a=%2B", "https://voice.example.in:443/voice?b=2&a=%2B"]
        );
        assert_eq!(candidates("https://voice.example.in/", "/voice", false)[0], "https://voice.example.in/voice");
        assert_eq!(
            candidates("HTTPS://example.in/trunk/line/", "/voice", false)[0],
            "https://example.in/trunk/line/voice"
        );
        assert_eq!(
            candidates("http://127.0.0.1:8080", "/voice", false),
            ["http://127.0.0.1:8080/voice", "http://127.0.0.1/voice"]
        );
        assert_eq!(candidates("http://[::1]", "/voice", false), ["http://[::1]/voice", "http://[::1]:80/voice"]);
        assert_eq!(candidates("http://[::1]:81", "/voice", false), ["http://[::1]:81/voice", "http://[::1]/voice"]);
        assert_eq!(candidates(PUBLIC, "/voice?n=O'Hara", false)[1], "https://voice.example.in/voice?n=O%27Hara");
    }

    #[test]
    fn a_socket_is_signed_as_wss_with_and_without_its_last_slash() {
        assert_eq!(
            candidates(PUBLIC, "/media-stream", true),
            [
                "wss://voice.example.in/media-stream",
                "wss://voice.example.in/media-stream/",
                "wss://voice.example.in:443/media-stream",
                "wss://voice.example.in:443/media-stream/",
                "wss://voice.example.in:80/media-stream",
                "wss://voice.example.in:80/media-stream/",
            ]
        );
        assert_eq!(
            candidates("http://localhost:8080", "/media/", true)[..2],
            ["ws://localhost:8080/media/", "ws://localhost:8080/media"]
        );
    }

    #[test]
    fn a_target_that_is_no_path_has_no_url_of_ours() {
        for target in [
            "",
            "*",
            "voice",
            "https://voice.example.in/voice",
            "@evil.example/voice",
            ".evil.example/voice",
            "/voice#x",
            "/voice x",
            "/voice\r\nX: y",
            "/voicé",
        ] {
            assert!(candidates(PUBLIC, target, false).is_empty(), "{target}");
        }
        assert!(candidates("voice.example.in", "/voice", false).is_empty());
        assert!(candidates("ftp://voice.example.in", "/voice", false).is_empty());
    }

    #[test]
    fn any_change_of_the_request_breaks_its_signature() {
        let verifier = Verifier::new([TOKEN]);
        let params = pairs(&[("CallSid", "CA1"), ("Digits", "1")]);
        let urls = candidates(PUBLIC, "/voice?a=1&b=2", false);
        let signature = compute(TOKEN.as_bytes(), &urls[0], &params);
        assert_eq!(verifier.verify(&post(&urls, &params, &signature)), Ok(()));

        for target in ["/voice?b=2&a=1", "/voice?a=1", "/process-response?a=1&b=2", "/voice?a=1&b=2&c="] {
            let urls = candidates(PUBLIC, target, false);
            let changed = verifier.verify(&post(&urls, &params, &signature));
            assert_eq!(changed, Err(SignatureError::Mismatch), "{target}");
        }
        for changed in [
            pairs(&[("CallSid", "CA1")]),
            pairs(&[("CallSid", "CA1"), ("Digits", "2")]),
            pairs(&[("CallSid", "CA1"), ("Digits", "1"), ("Digits", "2")]),
            pairs(&[("CallSid", "CA1"), ("Digits", "1"), ("X", "")]),
        ] {
            let changed = verifier.verify(&post(&urls, &changed, &signature));
            assert_eq!(changed, Err(SignatureError::Mismatch));
        }
        let other = Verifier::new(["another token"]).verify(&post(&urls, &params, &signature));
        assert_eq!(other, Err(SignatureError::Mismatch));
        for (bad, error) in [
            ("", SignatureError::Missing),
            ("x", SignatureError::Mismatch),
            (&signature[..27], SignatureError::Mismatch),
        ] {
            assert_eq!(verifier.verify(&post(&urls, &params, bad)), Err(error));
        }
    }

    #[test]
    fn a_token_that_is_being_changed_still_counts() {
        let urls = candidates(PUBLIC, "/voice", false);
        let old = compute(b"old", &urls[0], &[]);
        let new = compute(b"new", &urls[0], &[]);
        let verifier = Verifier::new(["new", "old"]);
        for signature in [&old, &new] {
            assert_eq!(verifier.verify(&post(&urls, &[], signature)), Ok(()));
        }
    }

    #[test]
    fn a_blank_token_signs_nothing() {
        let urls = candidates(PUBLIC, "/voice", false);
        let forged = compute(b"", &urls[0], &[]);
        let blank = Verifier::new([""]).verify(&post(&urls, &[], &forged));
        assert_eq!(blank, Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_body_must_be_the_one_that_was_signed() {
        let body = r#"{"event":"call.completed"}"#.as_bytes();
        let target = format!("/events?bodySHA256={}", body_sha256(body));
        let urls = candidates(PUBLIC, &target, false);
        let signature = compute(TOKEN.as_bytes(), &urls[0], &[]);
        let verifier = Verifier::new([TOKEN]);
        let verify = |urls: &[String], body, signature: &str| {
            verifier.verify(&SignedRequest { urls, content: Content::Body(body), signature, settings: None })
        };
        assert_eq!(verify(&urls, body, &signature), Ok(()));
        assert_eq!(verify(&urls, b"{}", &signature), Err(SignatureError::Body));
        assert_eq!(verify(&urls, body, "x"), Err(SignatureError::Mismatch));
        let unhashed = candidates(PUBLIC, "/events", false);
        let signature = compute(TOKEN.as_bytes(), &unhashed[0], &[]);
        assert_eq!(verify(&unhashed, body, &signature), Err(SignatureError::Body));
    }

    #[test]
    fn two_fields_may_be_left_out_of_the_signature_and_no_others() {
        let urls = candidates(PUBLIC, "/voice", false);
        let signature = compute(TOKEN.as_bytes(), &urls[0], &pairs(&[("CallSid", "CA1")]));
        let verifier = Verifier::new([TOKEN]);
        let with = pairs(&[("CallSid", "CA1"), ("CallToken", "x"), ("StirVerstat", "TN")]);
        assert_eq!(verifier.verify(&post(&urls, &with, &signature)), Ok(()));
        let covered = compute(TOKEN.as_bytes(), &urls[0], &with);
        assert_eq!(verifier.verify(&post(&urls, &with, &covered)), Ok(()));
        let more = pairs(&[("CallSid", "CA1"), ("CallToken", "x"), ("Digits", "1")]);
        assert_eq!(verifier.verify(&post(&urls, &more, &signature)), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_settings_header_chooses_the_algorithm() {
        let urls = candidates(PUBLIC, "/voice", false);
        let long = compute_sha256(TOKEN.as_bytes(), &urls[0], &[]);
        let short = compute(TOKEN.as_bytes(), &urls[0], &[]);
        let verify = |settings, signature: &str| {
            Verifier::new([TOKEN]).verify(&SignedRequest {
                urls: &urls,
                content: Content::Nothing,
                signature,
                settings,
            })
        };
        let shared = Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256");
        assert_eq!(verify(shared, &long), Ok(()));
        assert_eq!(verify(shared, &short), Err(SignatureError::Mismatch));
        assert_eq!(verify(None, &long), Err(SignatureError::Mismatch));
        assert_eq!(verify(Some("algorithm = hmac_sha256"), &long), Ok(()));
        for blank in ["", "key=x", "algorithm="] {
            assert_eq!(verify(Some(blank), &short), Ok(()));
        }
        assert_eq!(verify(Some("algorithm=HMAC_MD5"), &short), Err(SignatureError::Algorithm));
    }

    #[test]
    fn a_log_sees_no_token() {
        assert_eq!(format!("{:?}", Verifier::new([TOKEN])), "Verifier(1 tokens)");
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_whatever_the_order(
            mut params in prop::collection::vec((".{0,6}", ".{0,12}"), 0..8),
            target in "/[a-z0-9/?&=%+._~-]{0,24}",
        ) {
            let urls = candidates(PUBLIC, &target, false);
            let signature = compute(TOKEN.as_bytes(), &urls[0], &params);
            params.reverse();
            let verified = Verifier::new([TOKEN]).verify(&post(&urls, &params, &signature));
            prop_assert_eq!(verified, Ok(()));
        }

        #[test]
        fn any_request_is_verified_without_panic(public in ".{0,20}", target in ".{0,20}", signature in ".{0,30}", settings in ".{0,20}", socket: bool) {
            let urls = candidates(&public, &target, socket);
            let verified = Verifier::new([TOKEN]).verify(&SignedRequest {
                urls: &urls,
                content: Content::Body(b"x"),
                signature: &signature,
                settings: Some(&settings),
            });
            prop_assert!(verified.is_err());
        }
    }
}

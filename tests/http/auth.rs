//! Who is let in: Twilio by its signature, over the public address behind a proxy too; developers by their token; this machine
//! where there is nothing to check with.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use trunkline::twilio::signature::{body_sha256, compute};

use crate::server::Server;

const TOKEN: &str = "d41d8cd98f00b204e9800998ecf8427e";
const PUBLIC: &str = "https://voice.example.in";
const SID: &str = "CA00000000000000000000000000000001";
const WEBHOOKS: [&str; 6] =
    ["/voice", "/process-response", "/stream-ended", "/transfer-ended", "/call-status", "/stream-status"];

async fn behind_a_proxy() -> Server {
    Server::start(|config| {
        config.public_url = Some(PUBLIC.to_owned());
        config.twilio_auth_token = Some(TOKEN.into());
        config.api_token = Some("open sesame".into());
    })
    .await
}

/// Posts a form with a signature over `signed_url` and these fields.
async fn post(
    server: &Server,
    target: &str,
    signed_url: &str,
    signed: &[(&str, &str)],
    sent: &[(&str, &str)],
) -> StatusCode {
    let pairs: Vec<_> = signed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Client::new()
        .post(server.url(target))
        .header("host", "voice.example.in")
        .header("x-forwarded-for", "54.172.60.1")
        .header("x-twilio-signature", compute(TOKEN.as_bytes(), signed_url, &pairs))
        .form(sent);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_signed_post_passes_every_webhook_behind_a_proxy_and_an_unsigned_one_none() {
    let server = behind_a_proxy().await;
    let form = [
        ("CallSid", SID),
        ("CallStatus", "completed"),
        ("StreamEvent", "stream-started"),
        ("SpeechResult", "मुझे पाँच सौ & more"),
    ];
    for path in WEBHOOKS {
        let answer = post(&server, path, &format!("{PUBLIC}{path}"), &form, &form).await;
        assert!(answer.is_success(), "{path}: {answer}");
        let with_query = format!("{path}?agent_type=LOGISTICS&x=%2f+%20%2F");
        let answer = post(&server, &with_query, &format!("{PUBLIC}{with_query}"), &form, &form).await;
        assert!(answer.is_success(), "{with_query}: {answer}");
        for (target, url, sent) in [
            // Another scheme, host, path, order of the query; a changed, added or missing field.
            (path, format!("http://voice.example.in{path}"), &form[..]),
            (path, format!("https://{}{path}", server.addr), &form[..]),
            (path, format!("{PUBLIC}/other"), &form[..]),
            (path, format!("{PUBLIC}{path}?a=1"), &form[..]),
            (&format!("{path}?b=1&a=1"), format!("{PUBLIC}{path}?a=1&b=1"), &form[..]),
            (path, format!("{PUBLIC}{path}"), &form[..3]),
            (path, format!("{PUBLIC}{path}"), &[form[0], form[1], form[2], ("SpeechResult", "nine hundred")][..]),
        ] {
            assert_eq!(post(&server, target, &url, &form, sent).await, StatusCode::FORBIDDEN, "{target} {url}");
        }
        let unsigned = Client::new().post(server.url(path)).form(&form).send().await.unwrap();
        assert_eq!(unsigned.status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(unsigned.headers()["content-type"], "application/problem+json");
    }
    assert_eq!(server.switchboard.live_calls(), 0, "nothing has happened");
    server.stop().await;
}

#[tokio::test]
async fn a_get_and_a_json_body_are_verified_in_their_own_way() {
    let server = behind_a_proxy().await;
    let target = format!("/voice?CallSid={SID}&From=%2B919876543210&SpeechResult=%E0%A4%B9%E0%A4%BE%E0%A4%81");
    let signature = compute(TOKEN.as_bytes(), &format!("{PUBLIC}{target}"), &[]);
    let get = |target: String| Client::new().get(server.url(&target)).header("x-twilio-signature", &signature).send();
    let answer = get(target.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
    assert_eq!(get(target.replace("%2B91", "%2B92")).await.unwrap().status(), StatusCode::FORBIDDEN);

    let body = r#"{"event":"call.completed"}"#;
    let target = format!("/call-status?bodySHA256={}", body_sha256(body.as_bytes()));
    let signature = compute(TOKEN.as_bytes(), &format!("{PUBLIC}{target}"), &[]);
    let json = |body: &'static str| {
        let request = Client::new().post(server.url(&target)).header("x-twilio-signature", &signature);
        request.header("content-type", "application/json").body(body).send()
    };
    assert_eq!(json(body).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(json(r#"{"event":"call.forged"}"#).await.unwrap().status(), StatusCode::FORBIDDEN);
    server.stop().await;
}

#[tokio::test]
async fn only_what_can_be_read_in_one_way_can_be_signed() {
    let server = behind_a_proxy().await;
    let signature = compute(TOKEN.as_bytes(), &format!("{PUBLIC}/voice"), &[]);
    // A target that names a host, two signatures, an escape of the path.
    for head in [
        format!(
            "POST https://voice.example.in/voice HTTP/1.1\r\nHost: voice.example.in\r\nX-Twilio-Signature: {signature}"
        ),
        format!(
            "POST /voice HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: {signature}\r\nX-Twilio-Signature: {signature}"
        ),
        format!("POST /%76oice HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: {signature}"),
    ] {
        let answer = server.raw(format!("{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    let head = format!("POST /voice HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: {signature}");
    let answer = server.raw(format!("{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the plain one passes: {answer}");
    server.stop().await;
}

async fn upgrade(server: &Server, signature: Option<String>) -> Result<(), StatusCode> {
    let mut request = format!("ws://{}/media-stream", server.addr).into_client_request().unwrap();
    request.headers_mut().insert("host", "voice.example.in".parse().unwrap());
    if let Some(signature) = signature {
        request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok(_) => Ok(()),
        Err(tungstenite::Error::Http(answer)) => Err(StatusCode::from_u16(answer.status().as_u16()).unwrap()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_sockets_upgrade_is_signed_over_the_wss_address() {
    let server = behind_a_proxy().await;
    let signature = |url: &str| Some(compute(TOKEN.as_bytes(), url, &[]));
    assert_eq!(upgrade(&server, signature("wss://voice.example.in/media-stream")).await, Ok(()));
    for refused in [
        None,
        signature("https://voice.example.in/media-stream"),
        signature("wss://voice.example.in/media"),
        Some(String::new()),
    ] {
        assert_eq!(upgrade(&server, refused.clone()).await, Err(StatusCode::FORBIDDEN), "{refused:?}");
    }
    let plain = Client::new().get(server.url("/media-stream"));
    let plain = plain.header("x-twilio-signature", signature("wss://voice.example.in/media-stream").unwrap());
    assert_eq!(plain.send().await.unwrap().status(), StatusCode::UPGRADE_REQUIRED);
    server.stop().await;
}

#[tokio::test]
async fn without_a_public_address_the_host_header_is_what_was_signed() {
    let server = Server::start(|config| config.twilio_auth_token = Some(TOKEN.into())).await;
    for (scheme, expected) in [("http", StatusCode::OK), ("https", StatusCode::OK), ("ftp", StatusCode::FORBIDDEN)] {
        let url = format!("{scheme}://voice.example.in/voice");
        assert_eq!(post(&server, "/voice", &url, &[("CallSid", SID)], &[("CallSid", SID)]).await, expected, "{scheme}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_an_auth_token_only_this_machine_is_twilio() {
    let server = Server::start(|_| {}).await;
    let post =
        |headers: HeaderMap| Client::new().post(server.url("/voice")).headers(headers).form(&[("CallSid", SID)]).send();
    assert_eq!(post(HeaderMap::new()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(upgrade(&server, None).await, Err(StatusCode::FORBIDDEN), "another host's name");
    for (name, value) in FOREIGN {
        assert_eq!(post(header(name, value)).await.unwrap().status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    server.stop().await;
}

const FOREIGN: [(&str, &str); 4] = [
    ("x-forwarded-for", "127.0.0.1"),
    ("forwarded", "for=1.2.3.4"),
    ("host", "rebound.example"),
    ("origin", "https://evil.example"),
];

fn header(name: &str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())])
}

const DEVELOPER: [(Method, &str); 9] = [
    (Method::POST, "/start-call"),
    (Method::GET, "/api/calls"),
    (Method::GET, "/api/calls/CA1"),
    (Method::DELETE, "/api/calls/CA1"),
    (Method::GET, "/api/calls/CA1/events"),
    (Method::GET, "/api/calls/CA1/recording"),
    (Method::POST, "/api/calls/CA1/hangup"),
    (Method::GET, "/api/collected"),
    (Method::HEAD, "/api/collected"),
];

#[tokio::test]
async fn developer_routes_need_the_token() {
    let server = behind_a_proxy().await;
    let ask = |method: &Method, path: &str, authorization: Option<&str>| {
        let request = Client::new().request(method.clone(), server.url(path));
        authorization.into_iter().fold(request, |request, value| request.header("authorization", value)).send()
    };
    for (method, path) in DEVELOPER {
        for wrong in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer open sesam"),
            Some("Basic b3BlbiBzZXNhbWU="),
            Some("open sesame"),
        ] {
            let answer = ask(&method, path, wrong).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} {wrong:?}");
            assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        }
        let answer = ask(&method, path, Some("bearer open sesame")).await.unwrap();
        assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_ne!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_token_only_this_machine_develops() {
    let server = Server::start(|_| {}).await;
    for (method, path) in DEVELOPER {
        let ask = |headers| Client::new().request(method.clone(), server.url(path)).headers(headers).send();
        assert_ne!(ask(HeaderMap::new()).await.unwrap().status(), StatusCode::FORBIDDEN, "{method} {path}");
        for (name, value) in FOREIGN {
            let answer = ask(header(name, value)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} {name}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_given_directly_and_through_a_proxy_with_the_token() {
    let server = behind_a_proxy().await;
    let ask = |headers| Client::new().get(server.url("/metrics")).headers(headers).send();
    assert_eq!(ask(HeaderMap::new()).await.unwrap().status(), StatusCode::OK);
    let mut headers = header("x-forwarded-for", "1.2.3.4");
    assert_eq!(ask(headers.clone()).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    headers.insert("authorization", "Bearer open sesame".parse().unwrap());
    let answer = ask(headers).await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(answer.text().await.unwrap().contains("trunkline_http_requests_total{"));
    server.stop().await;
}

#[tokio::test]
async fn secrets_are_on_no_page() {
    let server = behind_a_proxy().await;
    for path in ["/", "/readyz", "/metrics", "/api/openapi.json", "/nowhere"] {
        let text = Client::new().get(server.url(path)).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains(TOKEN) && !text.contains("open sesame"), "{path}");
    }
    let refusal: Value = Client::new().get(server.url("/api/calls")).send().await.unwrap().json().await.unwrap();
    assert_eq!(refusal["status"], 401);
    server.stop().await;
}

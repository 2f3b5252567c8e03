//! What slow, greedy and confused clients meet.

use reqwest::{Client, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trunkline::twilio::signature::compute;

use crate::server::Server;

const TOKEN: &str = "d41d8cd98f00b204e9800998ecf8427e";

async fn signed() -> Server {
    Server::start(|config| {
        config.public_url = Some("https://voice.example.in".to_owned());
        config.twilio_auth_token = Some(TOKEN.into());
    })
    .await
}

#[tokio::test]
async fn a_webhook_that_says_nothing_useful_hears_a_sentence_all_the_same() {
    let server = signed().await;
    for path in ["/voice", "/process-response", "/stream-ended", "/transfer-ended"] {
        for body in ["", "CallSid=", "CallSid=..%2F..", "%%%=%ff&CallSid=%00", "Digits=1"] {
            let pairs: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let signature = compute(TOKEN.as_bytes(), &format!("https://voice.example.in{path}"), &pairs);
            let request = Client::new().post(server.url(path)).header("x-twilio-signature", signature);
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path} {body}");
            assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
            let document = answer.text().await.unwrap();
            assert!(document.contains("<Say") && document.ends_with("</Response>"), "{path} {body}: {document}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn bodies_heads_and_fields_have_limits() {
    let server = Server::start(|_| {}).await;
    let large = "a".repeat(65 * 1024);
    let answer =
        Client::new().post(server.url("/start-call")).header("content-type", "application/json").body(large.clone());
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let answer = Client::new().post(server.url("/voice")).form(&[("CallSid", &large)]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "what cannot be read cannot be verified");
    let many: Vec<_> = (0..300).map(|field| (field.to_string(), "x")).collect();
    let answer = Client::new().post(server.url("/voice")).form(&many).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);

    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n");
    let answer = server.raw(head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let lines: String = (0..200).map(|line| format!("X-{line}: 1\r\n")).collect();
    let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    for nonsense in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n"]
    {
        let answer = server.raw_then_close(nonsense).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 505"),
            "{answer}"
        );
    }
    let alive = Client::new().get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_first_head_is_cut_off() {
    let server = Server::start(|_| {}).await;
    tokio::time::pause();
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
    let mut answer = Vec::new();
    // Time is paused: it runs as soon as all wait, and nothing but the server's own limit ends this.
    socket.read_to_end(&mut answer).await.ok();
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let server = Server::start(|_| {}).await;
    tokio::time::pause();
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    let head = "POST /start-call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    server.stop().await;
}

#[tokio::test]
async fn an_open_connection_does_not_hold_up_the_end() {
    let server = Server::start(|_| {}).await;
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    server.stop().await;
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_asks_nothing_more_is_closed() {
    let server = Server::start(|_| {}).await;
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    socket.read_exact(&mut answer).await.unwrap();
    tokio::time::pause();
    let mut rest = Vec::new();
    // Time is paused: nothing but the server's own limit ends this.
    socket.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"ok\n"), "{rest:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_itself_alone() {
    let server = Server::start(|_| {}).await;
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    // Far more answers than any buffer on the way takes.
    let many = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100_000);
    let alive = async {
        for _ in 0..20 {
            assert_eq!(Client::new().get(server.url("/healthz")).send().await.unwrap().status(), StatusCode::OK);
        }
    };
    tokio::select! {
        sent = socket.write_all(&many) => panic!("the server took all of it: {sent:?}"),
        () = alive => {}
    }
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_keeps_browsers_careful() {
    let server = signed().await;
    let client = Client::new();
    for target in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        "/api/calls",
        "/api/collected?format=csv",
        "/api/calls/CA1",
        "/audio/none.mp3",
        "/voice",
        "/media-stream",
        "/nowhere",
        "/start-call",
    ] {
        let answer = client.get(server.url(target)).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{target}");
        assert_eq!(header("x-frame-options"), "DENY", "{target}");
        assert_eq!(header("cache-control"), "no-store", "{target}");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{target}: {policy}"
        );
        assert!(header("access-control-allow-origin").is_empty() && header("server").is_empty(), "{target}");
    }
    server.stop().await;
}

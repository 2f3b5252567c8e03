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

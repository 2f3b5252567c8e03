//! At the door: signatures and tokens that are another's, requests that can be read in two ways, paths that lead out.

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::house::{API_TOKEN, AUTH_TOKEN, House, attribute, sign, within};
use crate::{SID, log, ringing};

const VOICE: &str = "/voice?agent_type=QUICK&mode=gather";

pub(crate) const TRIED: usize =
    CHANGES.len() + SMUGGLED.len() + PRETENDED.len() + REPLAYED.len() + WITHOUT_TOKEN.len() + PATHS.len() + CALLS.len();

/// Sends a request as it is written; all that is answered.
async fn raw(house: &House, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(house.at).await.unwrap();
    // The server may have refused it before it is whole.
    socket.write_all(request.as_bytes()).await.ok();
    socket.shutdown().await.ok();
    let mut answer = Vec::new();
    within(socket.read_to_end(&mut answer)).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn form(params: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// Path and query of the `<Gather>`'s action.
fn target(twiml: &str) -> String {
    let url = attribute(twiml, "action").unwrap_or_else(|| panic!("no action in {twiml}"));
    format!("/{}", url.splitn(4, '/').nth(3).unwrap())
}

/// The status of the call's document.
async fn nothing_known(house: &House) -> u16 {
    house.developer(Method::GET, &format!("/api/calls/{SID}")).send().await.unwrap().status().as_u16()
}

/// Changes of one signed request, by what they change.
const CHANGES: [&str; 9] = [
    "another path",
    "another case of the path",
    "a doubled slash",
    "a swapped query",
    "more query",
    "a changed parameter",
    "a parameter twice",
    "another account's token",
    "no signature",
];

#[tokio::test]
async fn a_signature_is_good_for_one_request_only() {
    log();
    let house = House::open().await;
    let params = ringing();
    let signature = sign(AUTH_TOKEN, &format!("{}{VOICE}", house.url), &params);
    let mut changed = params.clone();
    changed[4].1 = "+919999999999";
    let mut twice = params.clone();
    twice.push(("CallSid", "CA000000000000000000000000000000bb"));
    let other_account = sign("another-token", &format!("{}{VOICE}", house.url), &params);
    for name in CHANGES {
        let (mut target, mut body, mut proof) = (VOICE, &params, &signature);
        let nothing = String::new();
        match name {
            "another path" => target = "/process-response?agent_type=QUICK&mode=gather",
            "another case of the path" => target = "/Voice?agent_type=QUICK&mode=gather",
            "a doubled slash" => target = "//voice?agent_type=QUICK&mode=gather",
            "a swapped query" => target = "/voice?mode=gather&agent_type=QUICK",
            "more query" => target = "/voice?agent_type=QUICK&mode=gather&language=hi-IN",
            "a changed parameter" => body = &changed,
            "a parameter twice" => body = &twice,
            "another account's token" => proof = &other_account,
            _ => proof = &nothing,
        }
        let request = house.anybody(Method::POST, target).form(body).header("X-Twilio-Signature", proof);
        let status = request.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 403 | 404), "{name}: {status}");
    }
    assert_eq!(nothing_known(&house).await, 404);
    // The request itself is let in.
    assert_eq!(house.webhook(VOICE, &params).await.0, 200);
}

/// A signed request in a spelling that two programs may read differently: the start line, headers beyond the usual, what follows the body.
const SMUGGLED: [(&str, &str, &str, &str); 11] = [
    ("our address as target", "POST http://{host}{voice} HTTP/1.1", "", ""),
    ("another address as target", "POST http://evil.example{voice} HTTP/1.1", "", ""),
    ("an encoded letter", "POST /%76oice?agent_type=QUICK&mode=gather HTTP/1.1", "", ""),
    ("a dot segment", "POST /audio/..{voice} HTTP/1.1", "", ""),
    ("an encoded dot segment", "POST /audio/%2e%2e{voice} HTTP/1.1", "", ""),
    ("a path parameter", "POST /voice;x=1?agent_type=QUICK&mode=gather HTTP/1.1", "", ""),
    ("an encoded question mark", "POST /voice%3Fagent_type=QUICK&mode=gather HTTP/1.1", "", ""),
    ("two lengths", "POST {voice} HTTP/1.1", "content-length: 5\r\n", ""),
    ("a length and chunks", "POST {voice} HTTP/1.1", "transfer-encoding: chunked\r\n", ""),
    ("two signatures", "POST {voice} HTTP/1.1", "x-twilio-signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n", ""),
    (
        "a second request behind the first",
        "POST /x HTTP/1.1",
        "",
        "POST {voice} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n",
    ),
];

#[tokio::test]
async fn a_signed_request_that_can_be_read_in_two_ways_is_read_in_none() {
    log();
    let house = House::open().await;
    let host = house.at.to_string();
    let params = ringing();
    let signature = sign(AUTH_TOKEN, &format!("{}{VOICE}", house.url), &params);
    let body = form(&params);
    for (name, line, more, behind) in SMUGGLED {
        let fill = |text: &str| text.replace("{host}", &host).replace("{voice}", VOICE);
        let request = format!(
            "{}\r\nhost: {host}\r\nx-twilio-signature: {signature}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             {more}content-length: {}\r\n\r\n{body}{}",
            fill(line),
            body.len(),
            fill(behind),
        );
        let answer = raw(&house, &request).await;
        let statuses: Vec<_> = answer.lines().filter(|line| line.starts_with("HTTP/1.1 ")).collect();
        assert!(
            !statuses.is_empty() && statuses.iter().all(|status| status.starts_with("HTTP/1.1 4")),
            "{name}: {answer}"
        );
    }
    assert_eq!(nothing_known(&house).await, 404);
}

/// Headers by which some servers let a request be another than it is.
const PRETENDED: [(&str, &str); 4] = [
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/api/calls"),
    ("x-rewrite-url", "/api/calls"),
    ("x-forwarded-uri", "/api/calls"),
];

#[tokio::test]
async fn no_header_makes_a_request_another_one() {
    log();
    let house = House::open().await;
    for (name, value) in PRETENDED {
        let answer = house.anybody(Method::GET, "/healthz").header(name, value).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "ok\n"), "{name}");
        let answer = house.anybody(Method::GET, "/api/calls").header(name, "/healthz").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{name}");
    }
}

/// What was signed once is sent again, at another time.
const REPLAYED: [&str; 3] = ["at once", "after the next turn", "after the end"];

#[tokio::test]
async fn a_request_that_is_replayed_changes_nothing() {
    log();
    let house = House::open().await;
    let (_, twiml) = house.webhook(VOICE, &ringing()).await;
    let mut action = target(&twiml);
    let said = |words: &'static str| [ringing(), vec![("SpeechResult", words)]].concat();
    let (_, answer) = house.webhook(&action, &said("English")).await;
    let first = (action, answer.clone());
    action = target(&answer);
    for moment in REPLAYED {
        match moment {
            "after the next turn" => {
                let (_, answer) = house.webhook(&action, &said("five hundred rupees")).await;
                action = target(&answer);
            }
            "after the end" => _ = house.webhook(&action, &said("two pm to five pm")).await,
            _ => {}
        }
        let known = house.document(SID).await;
        assert_eq!(house.webhook(VOICE, &ringing()).await.1, twiml, "{moment}");
        assert_eq!(house.webhook(&first.0, &said("English")).await.1, first.1, "{moment}");
        assert_eq!(house.document(SID).await, known, "{moment}");
    }
    assert_eq!(house.document(SID).await["stage"], "completed");
    assert_eq!(house.server.switchboard().live_calls(), 0);
}

/// Ways to come without the developer's token.
const WITHOUT_TOKEN: [&str; 10] = [
    "nothing",
    "an empty token",
    "another token",
    "a beginning of it",
    "more than it",
    "Twilio's token",
    "another scheme",
    "no scheme",
    "the query",
    "a cookie",
];

#[tokio::test]
async fn developer_routes_open_to_the_token_alone() {
    log();
    let house = House::open().await;
    let call = format!("/api/calls/{SID}");
    let routes = [
        (Method::POST, "/start-call".to_owned()),
        (Method::GET, "/api/calls".to_owned()),
        (Method::GET, "/api/collected".to_owned()),
        (Method::GET, call.clone()),
        (Method::GET, format!("{call}/events")),
        (Method::GET, format!("{call}/recording")),
        (Method::POST, format!("{call}/hangup")),
        (Method::DELETE, call),
    ];
    for (method, route) in &routes {
        for name in WITHOUT_TOKEN {
            let target = if name == "the query" {
                format!("{route}?token={API_TOKEN}&access_token={API_TOKEN}")
            } else {
                route.clone()
            };
            let request = house.anybody(method.clone(), &target);
            let request = match name {
                "an empty token" => request.header("authorization", "Bearer "),
                "another token" => request.bearer_auth("a-token-of-otherz"),
                "a beginning of it" => request.bearer_auth(&API_TOKEN[..API_TOKEN.len() - 1]),
                "more than it" => request.bearer_auth(format!("{API_TOKEN}x")),
                "Twilio's token" => request.bearer_auth(AUTH_TOKEN),
                "another scheme" => request.basic_auth("", Some(API_TOKEN)),
                "no scheme" => request.header("authorization", API_TOKEN),
                "a cookie" => request.header("cookie", format!("token={API_TOKEN}; authorization=Bearer {API_TOKEN}")),
                _ => request,
            };
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 401, "{method} {route} with {name}");
            assert!(!answer.text().await.unwrap().contains(API_TOKEN));
        }
    }
}

/// Names that lead out of the folder of speech.
const PATHS: [&str; 10] = [
    "../data/trunkline.sqlite",
    "..%2fdata%2ftrunkline.sqlite",
    "%2e%2e/data/trunkline.sqlite",
    "..%5cdata%5ctrunkline.sqlite",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "elevenlabs_00000000000000000000000000000000_english.mp3%00.ulaw",
    "elevenlabs_../../data/trunkline.sqlite_english.mp3",
    ".",
    "",
];
/// Calls that are no names of calls.
const CALLS: [&str; 4] = [
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "CA00000000000000000000000000000000%2f..",
    "CA0000000000000000000000000000000%00",
];

#[tokio::test]
async fn no_path_leads_out_of_its_folder() {
    log();
    let house = House::open().await;
    for name in PATHS {
        // As written: an ordinary client would clear the dots away.
        let answer = raw(&house, &format!("GET /audio/{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{name}: {answer}");
        assert!(!answer.contains("SQLite") && !answer.contains("root:"), "{name}");
    }
    for sid in CALLS {
        let request = format!(
            "GET /api/calls/{sid}/recording HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_TOKEN}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&house, &request).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{sid}: {answer}");
    }
}
